"""Where every file of a run lies below its folder, what it is about, and which stage makes it: spelled here and
nowhere else.

A pattern is a path with wildcards in braces, those of the workflow: `sae` is a dictionary, `source` the model or its
random twin, `set` a set of variants, `name` a comparison, a cohort or an experiment, `part` a part of a scattered
stage.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from photo51.types import InputError

_FIELD = re.compile(r"\{(\w+)\}")
MAIN = "main"  # the dictionary a run is about, where it has several


class RunFile:
    """A file or folder of a run.

    Attributes
    ----------
    pattern
        Below the run's folder, with `/`.
    stage
        Command that writes it: `enrich` of `photo51 enrich`; empty where `photo51 run` itself does.
    what
        What it holds, as the subject of a sentence.
    needs
        What has to be in the configuration for the stage to run, as a sentence; empty where it always runs.
    former
        Pattern under which an older photo51 wrote it; empty where it was always this one.
    """

    __slots__ = ("former", "needs", "pattern", "stage", "what")

    def __init__(self, pattern: str, stage: str, what: str, needs: str = "", former: str = ""):
        self.pattern, self.stage, self.what, self.needs, self.former = pattern, stage, what, needs, former

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the wildcards, in order."""
        return tuple(_FIELD.findall(self.pattern))

    @property
    def file(self) -> str:
        """Name of the file in its own folder; with its wildcards."""
        return self.pattern.rpartition("/")[2]

    @property
    def how(self) -> str:
        """What makes it, in a sentence."""
        return self.needs or f"`photo51 {self.stage or 'run'}` makes it."

    def under_old_name(self, folder: Path | str) -> str:
        """What makes the file in a run that has it under its former name alone, as a sentence; else empty."""
        old = Path(folder) / (self.former or self.pattern)
        if not self.former or self.paths(folder) or not old.exists():
            return ""
        return (
            f"{old} is of an older photo51: `photo51 {self.stage} {folder}` makes {self.pattern}, which took its place."
        )

    def fill(self, /, **values: str | int) -> str:
        """The pattern with some wildcards filled; the others stay."""
        return _FIELD.sub(lambda m: str(values.get(m[1], m[0])), self.pattern)

    def path(self, folder: Path | str, /, **values: str | int) -> Path:
        """Where it lies in a run.

        Raises
        ------
        InputError
            Naming a wildcard that was given no value.
        """
        filled = self.fill(**values)
        if left := _FIELD.findall(filled):
            raise InputError(f"{self.pattern}: need a value for {', '.join(left)}, got {sorted(values) or 'none'}")
        return Path(folder) / filled

    def paths(self, folder: Path | str, /, **values: str | int) -> list[Path]:
        """The files that are there, sorted; wildcards without a value stand for anything."""
        return sorted(Path(folder).glob(_FIELD.sub("*", self.fill(**values))))

    def values(self, path: Path | str, folder: Path | str) -> dict[str, str]:
        """What the wildcards stand for in a path of a run; empty for a path that is another file."""
        parts = _FIELD.split(self.pattern)  # text, field, text, field, ..., text
        expression = "".join(f"(?P<{p}>[^/]+)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
        match = re.fullmatch(expression, Path(path).relative_to(folder).as_posix())
        return match.groupdict() if match else {}


_VARIANTS = "Name a VCF or a table of variants in the `variants` column of `genomes.tsv`, and run again."
_COHORT = "Give a cohort in the configuration, and run again."
_LEARNT = "Name it under `learnt` in the configuration, and run again."
_MOTIFS = "Give a MEME file in the configuration, and run again."
_SETS = "Give a GMT file in the configuration, and run again."

LAYOUT: MappingProxyType[str, RunFile] = MappingProxyType(
    {
        # what the run is
        "config": RunFile("config.yaml", "", "The configuration"),
        "manifest": RunFile("manifest.json", "manifest", "The manifest"),
        "selftest": RunFile("model/selftest.json", "selftest", "The self-test of the model"),
        "logs": RunFile("logs", "", "Logs"),
        "benchmarks": RunFile("benchmarks", "", "Time and memory of each job"),
        "stages_picture": RunFile("benchmarks/stages.svg", "", "Time and memory of each stage"),
        "done": RunFile(".done", "", "Marks of finished jobs"),
        "lock": RunFile(".lock", "", "Lock of the folder"),
        # genomes
        "genome": RunFile("genome", "prepare", "Prepared genomes"),
        "sequences_fasta": RunFile("genome/sequences.fa", "prepare", "Sequences as FASTA"),
        "sequences_index": RunFile("genome/sequences.fa.fai", "prepare", "Index of the sequences"),
        "sequences": RunFile("genome/sequences.parquet", "prepare", "Sequences"),
        "workspace": RunFile("genome/workspace.parquet", "prepare", "Scored positions"),
        "windows": RunFile("genome/windows.parquet", "prepare", "Windows"),
        "contigs": RunFile("genome/contigs.parquet", "prepare", "Contigs"),
        "annotations": RunFile("genome/annotations.parquet", "prepare", "Annotations"),
        "transcripts": RunFile("genome/transcripts.parquet", "prepare", "Transcripts"),
        "reading": RunFile("genome/reading.parquet", "prepare", "What was read"),
        # model, dictionary, codes
        "corpus": RunFile("corpus", "corpus", "The corpus of a pretraining"),
        "pretrained": RunFile("pretrained/model/model.safetensors", "pretrain", "A pretrained model"),
        "pretrained_card": RunFile("pretrained/model/README.md", "model-card", "Card of a pretrained model"),
        "activations": RunFile("activations/{source}/{site}", "activations", "Activations"),
        "activations_done": RunFile(
            ".done/activations/{source}/{part}", "activations", "Finished parts of activations"
        ),
        "dictionary": RunFile("sae/{sae}", "train-sae", "The dictionary"),
        "weights": RunFile("sae/{sae}/sae.safetensors", "train-sae", "Weights of the dictionary"),
        "dictionary_card": RunFile("sae/{sae}/sae.json", "train-sae", "Description of the dictionary"),
        "quality": RunFile("sae/{sae}/quality.parquet", "sae-quality", "Quality of the dictionary"),
        "found_again": RunFile(
            "sae/{sae}/found_again.parquet", "sae-quality", "Which features another seed finds again"
        ),
        "fidelity": RunFile("sae/{sae}/fidelity.parquet", "fidelity", "Predictions from reconstructed activations"),
        "losses": RunFile(
            "sae/{sae}/losses.parquet", "fidelity", "Surprisal of each position, with and without the dictionary"
        ),
        "fidelity_classes": RunFile(
            "sae/{sae}/fidelity_classes.parquet", "fidelity-classes", "Predictions by annotation class"
        ),
        "encode_done": RunFile(".done/encode/{sae}/{part}", "encode", "Finished parts of codes"),
        "codes_folder": RunFile("codes/{sae}", "encode", "The codes store"),
        "codes": RunFile("codes/{sae}/codes.json", "encode", "Codes"),
        # features and what they agree with
        "features": RunFile("features.h5ad", "features", "Features"),
        "top_windows": RunFile("top_windows.parquet", "features", "Top-activating windows"),
        "window_offsets": RunFile(
            "window_offsets.parquet",
            "window-offsets",
            "Features where windows begin elsewhere",
            former="retiled.parquet",
        ),
        "enrich_done": RunFile(".done/enrich/{part}", "enrich", "Finished parts of enrichment"),
        "enrichment": RunFile("enrichment.parquet", "enrich", "Features against annotations"),
        "qq": RunFile("calibration_qq.parquet", "enrich", "Calibration on rotated activations"),
        "adjusted_rates": RunFile("adjusted_rates.parquet", "enrich", "The adjusted test on shifted features"),
        "calibration": RunFile("calibration.json", "enrich", "Figures of the calibration"),
        "concepts": RunFile("concepts.parquet", "concepts", "Concepts on held-out blocks"),
        "concept_summary": RunFile("concept_summary.parquet", "concepts", "Concepts and their baselines"),
        "concept_figures": RunFile("concepts.json", "concepts", "Figures of the concepts"),
        "instances": RunFile(
            "instances.parquet", "concepts", "Classes with few instances, each judged by a choice made on the others"
        ),
        "regions": RunFile("regions.parquet", "concepts", "Long, rare classes against their flanks"),
        "replication": RunFile(
            "replication.parquet", "replication", "Replication of annotations", former="ledger.parquet"
        ),
        "names": RunFile("names.parquet", "names", "Names of features"),
        "shapes": RunFile("shapes.parquet", "motifs", "Shapes of activation"),
        "logos": RunFile("logos.parquet", "motifs", "Logos"),
        "profiles": RunFile("profiles.parquet", "motifs", "Profiles around boundaries"),
        "motif_matches": RunFile("motif_matches.parquet", "motifs", "Matches to known motifs", _MOTIFS),
        "genesets": RunFile("genesets.parquet", "genesets", "Gene sets", _SETS),
        "novelty": RunFile("novelty.parquet", "novelty", "The ranking of unannotated features"),
        "hidden_classes": RunFile(
            "hidden_classes.parquet", "novelty", "Leave-one-annotation-out validation of the ranking"
        ),
        # geometry
        "panel": RunFile("panel.h5ad", "panel", "Genes of many organisms as the model reads them"),
        "geometry": RunFile("geometry.h5ad", "geometry", "Relations between features"),
        "manifolds": RunFile("manifolds.parquet", "geometry", "Groups of features and their shapes"),
        "points": RunFile("manifold_points.parquet", "geometry", "Bases on their shapes"),
        "meaning": RunFile("coordinates.parquet", "geometry", "What the coordinates mean"),
        "positive_controls": RunFile(
            "positive_controls.parquet", "geometry", "Shapes that are known to exist", former="battery.parquet"
        ),
        # variants and cohorts
        "variants_done": RunFile(".done/variants/{set}/{part}", "variants", "Finished parts of variants", _VARIANTS),
        "variants": RunFile("variants/{set}.parquet", "variants", "Variant effects", _VARIANTS),
        "variant_features": RunFile("variants/{set}.h5ad", "variants", "Changes of features by variants", _VARIANTS),
        "comparison": RunFile("biomarkers/{name}", "biomarkers", "A comparison of variants", _VARIANTS),
        "feature_tests": RunFile(
            "biomarkers/{name}/feature_tests.parquet", "biomarkers", "Features of disease variants", _VARIANTS
        ),
        "permutation_audit": RunFile(
            "biomarkers/{name}/permutation_audit.parquet", "biomarkers", "Feature tests with permuted labels", _VARIANTS
        ),
        "reach": RunFile("biomarkers/{name}/reach.parquet", "biomarkers", "What each score can rank", _VARIANTS),
        "conformal": RunFile("biomarkers/{name}/conformal.parquet", "biomarkers", "Conformal sets", _VARIANTS),
        "classifiers": RunFile(
            "biomarkers/{name}/classifiers.parquet", "biomarkers", "Prediction of disease variants", _VARIANTS
        ),
        "scores": RunFile("biomarkers/{name}/scores.parquet", "biomarkers", "Scores of every variant", _VARIANTS),
        "probes": RunFile("biomarkers/{name}/probes.parquet", "biomarkers", "Weights of the scores", _VARIANTS),
        "compared_variants": RunFile(
            "biomarkers/{name}/variants.parquet", "biomarkers", "Variants of a comparison", _VARIANTS
        ),
        "cards": RunFile("biomarkers/{name}/cards.parquet", "cards", "Evidence cards", _VARIANTS),
        "card_features": RunFile(
            "biomarkers/{name}/card_features.parquet", "cards", "Features on evidence cards", _VARIANTS
        ),
        "card_neighbours": RunFile(
            "biomarkers/{name}/card_neighbours.parquet", "cards", "Neighbours on evidence cards", _VARIANTS
        ),
        "card_calibration": RunFile(
            "biomarkers/{name}/calibration.parquet", "cards", "Calibration of the cards", _VARIANTS
        ),
        "variant_rules": RunFile("biomarkers/{name}/rules.parquet", "distil", "Distilled rules", _VARIANTS),
        "cohort_done": RunFile(".done/cohort/{name}", "cohort", "Finished cohorts", _COHORT),
        "cohort_tests": RunFile("cohort/{name}/cohort_tests.parquet", "cohort", "Cohort association", _COHORT),
        "cohort_summary": RunFile("cohort/{name}/summary.json", "cohort", "Summary of a cohort", _COHORT),
        "feasibility": RunFile("cohort/{name}/feasibility.parquet", "cohort", "Clades of the cohorts", _COHORT),
        "carriers": RunFile("cohort/{name}/carriers.parquet", "cohort", "Genes and alleles behind features", _COHORT),
        "levels": RunFile("cohort/{name}/levels.parquet", "cohort", "Features next to genes and alleles", _COHORT),
        "associations": RunFile("cohort/{name}/associations.parquet", "cohort", "Genes and alleles tested", _COHORT),
        "lambdas": RunFile("cohort/{name}/lambdas.parquet", "cohort", "Inflation of the tests", _COHORT),
        "cohort_rules": RunFile("cohort/{name}/rules.parquet", "cohort", "Distilled rules", _COHORT),
        # interventions
        "ablation": RunFile("interventions/ablation.parquet", "ablation", "Removal of every feature"),
        "causality": RunFile("interventions/causality.parquet", "causality", "Effect of removing features"),
        "doses": RunFile("interventions/{name}/doses.parquet", "steer", "Steering"),
        "verdicts": RunFile("interventions/{name}/verdicts.parquet", "steer", "Verdicts on steering"),
        "frameshift": RunFile("interventions/frameshift.parquet", "frameshift", "Features after a frameshift"),
        "frameshift_profile": RunFile(
            "interventions/frameshift_profile.parquet", "frameshift", "Profile after a frameshift"
        ),
        # what the model has learnt
        "learnt_words": RunFile("learnt/words/words.parquet", "words", "Rates of words", _LEARNT),
        "learnt_survival": RunFile("learnt/words/survival.parquet", "words", "Spans without an event", _LEARNT),
        "learnt_windows": RunFile("learnt/diff/windows.parquet", "diff", "Difference from another model", _LEARNT),
        "learnt_positions": RunFile(
            "learnt/diff/positions.parquet", "diff", "Positions of largest difference", _LEARNT
        ),
        "learnt_gate": RunFile("learnt/diff/gate.parquet", "diff", "Equivalence to another model", _LEARNT),
        "learnt_memory": RunFile("learnt/memory/classes.parquet", "memory", "Recitation by copy number", _LEARNT),
        "learnt_sequences": RunFile("learnt/memory/memory.parquet", "memory", "Recited sequences", _LEARNT),
        "learnt_records": RunFile("learnt/debug-data/records.parquet", "debug-data", "Records of a corpus", _LEARNT),
        "learnt_disparity": RunFile(
            "learnt/debug-data/disparity.parquet", "debug-data", "What a corpus would teach", _LEARNT
        ),
        # what is claimed
        "findings": RunFile("findings.parquet", "findings", "What the run claims"),
        # what people see
        "tracks_folder": RunFile("tracks", "tracks", "Genome tracks"),
        "tracks": RunFile("tracks/tracks.parquet", "tracks", "Genome tracks"),
        "calls": RunFile("tracks/calls.parquet", "tracks", "Calls"),
        "genome_page": RunFile("tracks/{genome}/igv.html", "tracks", "Genome page"),
        "atlas": RunFile("atlas/index.html", "atlas", "The feature atlas"),
        "notebook": RunFile("notebooks/{notebook}.ipynb", "notebook", "A notebook"),
        "notebook_page": RunFile("notebooks/{notebook}.html", "notebook", "A notebook with its results"),
        "exports": RunFile("exports", "export", "Exports"),
        "report": RunFile("report.html", "report", "The report"),
    }
)


def run_file(name: str) -> RunFile:
    """A file of a run by name.

    Raises
    ------
    InputError
        For a name that is none, listing those there are.
    """
    if name not in LAYOUT:
        raise InputError(f"{name!r}: need a file of a run, one of {', '.join(sorted(LAYOUT))}")
    return LAYOUT[name]


def path(folder: Path | str, name: str, /, **values: str | int) -> Path:
    """Where a file of a run lies.

    Examples
    --------
    >>> path("results/demo", "cards", name="mito").as_posix()
    'results/demo/biomarkers/mito/cards.parquet'
    """
    return run_file(name).path(folder, **values)


def dictionaries(folder: Path | str) -> list[str]:
    """Dictionaries that a run has codes of, sorted."""
    codes = LAYOUT["codes"]
    return [codes.values(p, folder)["sae"] for p in codes.paths(folder)]
