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


class Place:
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
    """

    __slots__ = ("needs", "pattern", "stage", "what")

    def __init__(self, pattern: str, stage: str, what: str, needs: str = ""):
        self.pattern, self.stage, self.what, self.needs = pattern, stage, what, needs

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

LAYOUT: MappingProxyType[str, Place] = MappingProxyType(
    {
        # what the run is
        "config": Place("config.yaml", "", "The configuration"),
        "manifest": Place("manifest.json", "manifest", "The manifest"),
        "selftest": Place("model/selftest.json", "selftest", "The self-test of the model"),
        "logs": Place("logs", "", "Logs"),
        "benchmarks": Place("benchmarks", "", "Time and memory of each job"),
        "stages_picture": Place("benchmarks/stages.svg", "", "Time and memory of each stage"),
        "done": Place(".done", "", "Marks of finished jobs"),
        "lock": Place(".lock", "", "Lock of the folder"),
        # genomes
        "genome": Place("genome", "prepare", "Prepared genomes"),
        "sequences_fasta": Place("genome/sequences.fa", "prepare", "Sequences as FASTA"),
        "sequences_index": Place("genome/sequences.fa.fai", "prepare", "Index of the sequences"),
        "sequences": Place("genome/sequences.parquet", "prepare", "Sequences"),
        "workspace": Place("genome/workspace.parquet", "prepare", "Scored positions"),
        "windows": Place("genome/windows.parquet", "prepare", "Windows"),
        "contigs": Place("genome/contigs.parquet", "prepare", "Contigs"),
        "annotations": Place("genome/annotations.parquet", "prepare", "Annotations"),
        "transcripts": Place("genome/transcripts.parquet", "prepare", "Transcripts"),
        "reading": Place("genome/reading.parquet", "prepare", "What was read"),
        # model, dictionary, codes
        "corpus": Place("corpus", "corpus", "The corpus of a pretraining"),
        "pretrained": Place("pretrained/model/model.safetensors", "pretrain", "A pretrained model"),
        "pretrained_card": Place("pretrained/model/README.md", "model-card", "Card of a pretrained model"),
        "activations": Place("activations/{source}/{site}", "activations", "Activations"),
        "activations_done": Place(".done/activations/{source}/{part}", "activations", "Finished parts of activations"),
        "dictionary": Place("sae/{sae}", "train-sae", "The dictionary"),
        "weights": Place("sae/{sae}/sae.safetensors", "train-sae", "Weights of the dictionary"),
        "dictionary_card": Place("sae/{sae}/sae.json", "train-sae", "Description of the dictionary"),
        "quality": Place("sae/{sae}/quality.parquet", "sae-quality", "Quality of the dictionary"),
        "fidelity": Place("sae/{sae}/fidelity.parquet", "fidelity", "Predictions from reconstructed activations"),
        "losses": Place(
            "sae/{sae}/losses.parquet", "fidelity", "Surprisal of each position, with and without the dictionary"
        ),
        "fidelity_classes": Place(
            "sae/{sae}/fidelity_classes.parquet", "fidelity-classes", "Predictions by annotation class"
        ),
        "encode_done": Place(".done/encode/{sae}/{part}", "encode", "Finished parts of codes"),
        "codes_folder": Place("codes/{sae}", "encode", "The codes store"),
        "codes": Place("codes/{sae}/codes.json", "encode", "Codes"),
        # features and what they agree with
        "features": Place("features.h5ad", "features", "Features"),
        "top_windows": Place("top_windows.parquet", "features", "Top-activating windows"),
        "retiled": Place("retiled.parquet", "retile", "Features where windows begin elsewhere"),
        "enrich_done": Place(".done/enrich/{part}", "enrich", "Finished parts of enrichment"),
        "enrichment": Place("enrichment.parquet", "enrich", "Features against annotations"),
        "qq": Place("calibration_qq.parquet", "enrich", "Calibration on rotated activations"),
        "adjusted_rates": Place("adjusted_rates.parquet", "enrich", "The adjusted test on shifted features"),
        "calibration": Place("calibration.json", "enrich", "Figures of the calibration"),
        "concepts": Place("concepts.parquet", "concepts", "Concepts on held-out blocks"),
        "concept_summary": Place("concept_summary.parquet", "concepts", "Concepts beside their baselines"),
        "concept_figures": Place("concepts.json", "concepts", "Figures of the concepts"),
        "instances": Place(
            "instances.parquet", "concepts", "Classes with few instances, each judged by a choice made on the others"
        ),
        "regions": Place("regions.parquet", "concepts", "Long, rare classes against their flanks"),
        "ledger": Place("ledger.parquet", "ledger", "Replication of annotations"),
        "names": Place("names.parquet", "names", "Names of features"),
        "shapes": Place("shapes.parquet", "motifs", "Shapes of activation"),
        "logos": Place("logos.parquet", "motifs", "Logos"),
        "profiles": Place("profiles.parquet", "motifs", "Profiles around boundaries"),
        "motif_matches": Place("motif_matches.parquet", "motifs", "Matches to known motifs", _MOTIFS),
        "genesets": Place("genesets.parquet", "genesets", "Gene sets", _SETS),
        "novelty": Place("novelty.parquet", "novelty", "The ranking of unannotated features"),
        "hidden_classes": Place(
            "hidden_classes.parquet", "novelty", "Leave-one-annotation-out validation of the ranking"
        ),
        # geometry
        "panel": Place("panel.h5ad", "panel", "Genes of many organisms as the model reads them"),
        "geometry": Place("geometry.h5ad", "geometry", "Relations between features"),
        "manifolds": Place("manifolds.parquet", "geometry", "Groups of features and their shapes"),
        "points": Place("manifold_points.parquet", "geometry", "Bases on their shapes"),
        "meaning": Place("coordinates.parquet", "geometry", "What the coordinates mean"),
        "battery": Place("battery.parquet", "geometry", "Shapes that are known to exist"),
        # variants and cohorts
        "variants_done": Place(".done/variants/{set}/{part}", "variants", "Finished parts of variants", _VARIANTS),
        "variants": Place("variants/{set}.parquet", "variants", "Variant effects", _VARIANTS),
        "variant_features": Place("variants/{set}.h5ad", "variants", "Changes of features by variants", _VARIANTS),
        "comparison": Place("biomarkers/{name}", "biomarkers", "A comparison of variants", _VARIANTS),
        "feature_tests": Place(
            "biomarkers/{name}/feature_tests.parquet", "biomarkers", "Features of disease variants", _VARIANTS
        ),
        "permutation_audit": Place(
            "biomarkers/{name}/permutation_audit.parquet", "biomarkers", "Feature tests with permuted labels", _VARIANTS
        ),
        "reach": Place("biomarkers/{name}/reach.parquet", "biomarkers", "What each score can rank", _VARIANTS),
        "conformal": Place("biomarkers/{name}/conformal.parquet", "biomarkers", "Conformal sets", _VARIANTS),
        "classifiers": Place(
            "biomarkers/{name}/classifiers.parquet", "biomarkers", "Prediction of disease variants", _VARIANTS
        ),
        "scores": Place("biomarkers/{name}/scores.parquet", "biomarkers", "Scores of every variant", _VARIANTS),
        "probes": Place("biomarkers/{name}/probes.parquet", "biomarkers", "Weights of the scores", _VARIANTS),
        "compared_variants": Place(
            "biomarkers/{name}/variants.parquet", "biomarkers", "Variants of a comparison", _VARIANTS
        ),
        "cards": Place("biomarkers/{name}/cards.parquet", "cards", "Evidence cards", _VARIANTS),
        "card_features": Place(
            "biomarkers/{name}/card_features.parquet", "cards", "Features on evidence cards", _VARIANTS
        ),
        "card_neighbours": Place(
            "biomarkers/{name}/card_neighbours.parquet", "cards", "Neighbours on evidence cards", _VARIANTS
        ),
        "card_calibration": Place(
            "biomarkers/{name}/calibration.parquet", "cards", "Calibration of the cards", _VARIANTS
        ),
        "variant_rules": Place("biomarkers/{name}/rules.parquet", "distil", "Distilled rules", _VARIANTS),
        "cohort_done": Place(".done/cohort/{name}", "cohort", "Finished cohorts", _COHORT),
        "cohort_tests": Place("cohort/{name}/cohort_tests.parquet", "cohort", "Cohort association", _COHORT),
        "cohort_summary": Place("cohort/{name}/summary.json", "cohort", "Summary of a cohort", _COHORT),
        "feasibility": Place("cohort/{name}/feasibility.parquet", "cohort", "Clades of the cohorts", _COHORT),
        "carriers": Place("cohort/{name}/carriers.parquet", "cohort", "Genes and alleles behind features", _COHORT),
        "levels": Place("cohort/{name}/levels.parquet", "cohort", "Features beside genes and alleles", _COHORT),
        "associations": Place("cohort/{name}/associations.parquet", "cohort", "Genes and alleles tested", _COHORT),
        "lambdas": Place("cohort/{name}/lambdas.parquet", "cohort", "Inflation of the tests", _COHORT),
        "cohort_rules": Place("cohort/{name}/rules.parquet", "cohort", "Distilled rules", _COHORT),
        # interventions
        "ablation": Place("interventions/ablation.parquet", "ablation", "Removal of every feature"),
        "causality": Place("interventions/causality.parquet", "causality", "Effect of removing features"),
        "doses": Place("interventions/{name}/doses.parquet", "steer", "Steering"),
        "verdicts": Place("interventions/{name}/verdicts.parquet", "steer", "Verdicts on steering"),
        "frameshift": Place("interventions/frameshift.parquet", "frameshift", "Features after a frameshift"),
        "frameshift_profile": Place(
            "interventions/frameshift_profile.parquet", "frameshift", "Profile after a frameshift"
        ),
        # what the model has learnt
        "learnt_words": Place("learnt/words/words.parquet", "words", "Rates of words", _LEARNT),
        "learnt_windows": Place("learnt/diff/windows.parquet", "diff", "Difference from another model", _LEARNT),
        "learnt_positions": Place("learnt/diff/positions.parquet", "diff", "Positions of largest difference", _LEARNT),
        "learnt_gate": Place("learnt/diff/gate.parquet", "diff", "Equivalence to another model", _LEARNT),
        "learnt_memory": Place("learnt/memory/classes.parquet", "memory", "Recitation by copy number", _LEARNT),
        "learnt_sequences": Place("learnt/memory/memory.parquet", "memory", "Recited sequences", _LEARNT),
        "learnt_records": Place("learnt/debug-data/records.parquet", "debug-data", "Records of a corpus", _LEARNT),
        "learnt_disparity": Place(
            "learnt/debug-data/disparity.parquet", "debug-data", "What a corpus would teach", _LEARNT
        ),
        # what is claimed
        "findings": Place("findings.parquet", "findings", "What the run claims"),
        # what people see
        "tracks_folder": Place("tracks", "tracks", "Genome tracks"),
        "tracks": Place("tracks/tracks.parquet", "tracks", "Genome tracks"),
        "calls": Place("tracks/calls.parquet", "tracks", "Calls"),
        "genome_page": Place("tracks/{genome}/igv.html", "tracks", "Genome page"),
        "atlas": Place("atlas/index.html", "atlas", "The feature atlas"),
        "notebook": Place("notebooks/{notebook}.ipynb", "notebook", "A notebook"),
        "notebook_page": Place("notebooks/{notebook}.html", "notebook", "A notebook with its results"),
        "exports": Place("exports", "export", "Exports"),
        "report": Place("report.html", "report", "The report"),
    }
)


def place(name: str) -> Place:
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
    return place(name).path(folder, **values)


def dictionaries(folder: Path | str) -> list[str]:
    """Dictionaries that a run has codes of, sorted."""
    codes = LAYOUT["codes"]
    return [codes.values(p, folder)["sae"] for p in codes.paths(folder)]
