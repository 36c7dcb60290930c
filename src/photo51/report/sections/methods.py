"""Methods of this run in words that a paper can take, with versions and references, and how to cite photo51."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from photo51 import __version__, words
from photo51.config.sae import SaeParams
from photo51.report.elements.blocks import Heading, Prose, Raw
from photo51.report.manifest import made_with
from photo51.report.sections.base import Draft, Section
from photo51.run.opened import Run

ANCHOR, TITLE = "methods", "Methods, and how to cite"
QUESTION = "What would a methods section say, and what is to be cited?"
HOME = "https://github.com/photo51/photo51"
NAME = "photo51: a scientific discovery workbench for genomics foundation models"
REFERENCES: Mapping[str, tuple[str, str]] = {
    "model": ("Nguyen et al. 2024, Science 386, eado9336", "10.1126/science.ado9336"),
    "topk": ("Gao et al. 2024, arXiv:2406.04093", "10.48550/arXiv.2406.04093"),
    "batchtopk": ("Bussmann et al. 2024, arXiv:2412.06410", "10.48550/arXiv.2412.06410"),
    "matryoshka": ("Bussmann et al. 2025, arXiv:2503.17547", "10.48550/arXiv.2503.17547"),
    "archetypal": ("Fel et al. 2025, arXiv:2502.12892", "10.48550/arXiv.2502.12892"),
    "jumprelu": ("Rajamanoharan et al. 2024, arXiv:2407.14435", "10.48550/arXiv.2407.14435"),
    "shift": ("Cabrera et al. 2012, G3 2, 1067", "10.1534/g3.112.002618"),
    "blocks": ("Bickel et al. 2010, Ann Appl Stat 4, 1660", "10.1214/10-AOAS363"),
    "bh": ("Benjamini and Hochberg 1995, J R Stat Soc B 57, 289", "10.1111/j.2517-6161.1995.tb02031.x"),
    "hierarchical": ("Benjamini and Bogomolov 2014, J R Stat Soc B 76, 297", "10.1111/rssb.12028"),
    "mcc": ("Matthews 1975, Biochim Biophys Acta 405, 442", "10.1016/0005-2795(75)90109-9"),
    "logo": ("Schneider and Stephens 1990, Nucleic Acids Res 18, 6097", "10.1093/nar/18.20.6097"),
    "leiden": ("Traag et al. 2019, Sci Rep 9, 5233", "10.1038/s41598-019-41695-z"),
    "dimension": ("Facco et al. 2017, Sci Rep 7, 12140", "10.1038/s41598-017-11873-y"),
    "ripser": ("Tralie et al. 2018, J Open Source Softw 3, 925", "10.21105/joss.00925"),
    "conformal": ("Bates et al. 2023, Ann Stat 51, 149", "10.1214/22-AOS2244"),
    "tarone": ("Gilbert 2005, J R Stat Soc C 54, 143", "10.1111/j.1467-9876.2005.00475.x"),
    "mixed": ("Kang et al. 2010, Nat Genet 42, 348", "10.1038/ng.548"),
    "igv": ("Robinson et al. 2023, Bioinformatics 39, btac830", "10.1093/bioinformatics/btac830"),
    "snakemake": ("Mölder et al. 2021, F1000Research 10, 33", "10.12688/f1000research.29032.2"),
}
_RULES = {
    "topk": "TopK",
    "batchtopk": "BatchTopK",
    "matryoshka": "Matryoshka BatchTopK",
    "jumprelu": "JumpReLU",
}


def section(run: Run) -> Section:
    """The methods of what this run holds, the references they need, and the citation of photo51."""
    draft, cited = Draft(ANCHOR), _Cited()
    settings = run.manifest.get("config", {}).get("values", {})
    parts = (
        _reading(run, settings, cited),
        _dictionary(run, settings, cited),
        _annotations(run, settings, cited),
        _groups(run, cited),
        _unnamed(run, cited),
        _variants(run, settings, cited),
        _interventions(run),
        _software(run, settings, cited),
    )
    text = "\n\n".join(part for part in parts if part)
    draft.answers.append(
        f"Cite photo51 {__version__} ({HOME}), the model and the methods below; the text can be copied as it is."
    )
    draft.show(
        Heading("How to cite photo51", "cite"),
        Raw(
            Markup('<div class="copy" data-copy="citation"><p>{}</p><pre><code>{}</code></pre></div>').format(
                citation(), bibtex()
            )
        ),
        Heading("Methods", "methods-text"),
        Raw(Markup('<div class="copy" data-copy="methods">{}</div>').format(Prose(text).html())),
        Heading("References", "references"),
        Raw(Markup('<div class="copy" data-copy="references"><ol>{}</ol></div>').format(cited.items())),
    )
    return draft.section(TITLE, QUESTION)


def citation() -> str:
    """How to cite photo51, as a reference in a list."""
    return f"The photo51 authors. {NAME}, version {__version__}. {HOME}"


def bibtex() -> str:
    """How to cite photo51, for BibTeX."""
    return (
        f"@software{{photo51,\n  author  = {{{{The photo51 authors}}}},\n  title   = {{{NAME}}},\n"
        f"  version = {{{__version__}}},\n  url     = {{{HOME}}}\n}}"
    )


class _Cited:
    """References in the order in which they are first needed."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str) -> str:
        """Numbers of references, as they stand in a text."""
        for key in keys:
            if key not in self.keys:
                self.keys.append(key)
        return f"[{', '.join(str(self.keys.index(k) + 1) for k in keys)}]"

    def items(self) -> Markup:
        """The list."""
        row = Markup('<li>{0}. <a href="https://doi.org/{1}">doi:{1}</a></li>')
        return Markup("").join(row.format(*REFERENCES[key]) for key in self.keys)


def _reading(run: Run, settings: Mapping[str, Any], cite: _Cited) -> str:
    origin, workspace = run.codes.meta.origin, run.places.workspace
    contigs, genome = run.genomes.contigs, settings.get("genome", {})
    names = [str(g).replace("_", " ") for g in dict.fromkeys(contigs["genome"])]
    windows = (
        f", in windows of up to {genome['core']:,} scored bases after up to {genome['warmup']:,} bases of context"
        if {"core", "warmup"} <= set(genome)
        else ""
    )
    family = f" {cite('model')}" if _is_hyena(str(origin.model_name or "")) else ""
    table = workspace.table
    size = (table["end"] - table["start"]).groupby(table["split"]).sum()
    use_of = _use_of_splits(settings)
    splits = words.listing([f"{words.bases(int(size.get(s, 0)))} {s}{use}" for s, use in use_of.items()])
    blocks = f" in blocks of up to {words.bases(int(genome['block']))}" if "block" in genome else ""
    return (
        f"Sequences of {words.listing(names, 8)} were analysed with photo51 {__version__}. The language model"
        f" {origin.model_name or origin.model}{family} (weights {origin.model}) read both strands{windows}; its state"
        f" at {origin.site} ({origin.d_model:,} channels) was kept at {words.bases(workspace.n_rows)} of"
        f" {words.bases(int(contigs['length'].sum()))}. These positions were assigned{blocks} to splits: {splits}."
    )


def _is_hyena(name: str) -> bool:
    """Whether a model by that name is of the StripedHyena family."""
    return name.lower().startswith(("sh2", "sh1", "evo", "nano", "striped"))


def _use_of_splits(settings: Mapping[str, Any]) -> dict[str, str]:
    """What each split is for, in brackets, as the configuration has it."""
    concepts = settings.get("concepts", {})
    out = {}
    for split in ("train", "select", "test"):
        uses = ["to train the dictionary"] if split == "train" and not settings.get("pretrained_sae") else []
        uses += ["to choose features and thresholds"] if split in concepts.get("select", ["select"]) else []
        uses += ["to report on"] if split in concepts.get("test", ["test"]) else []
        out[split] = f" ({words.listing(uses)})" if uses else ""
    return out


def _also(settings: Mapping[str, Any]) -> str:
    """Other runs that the dictionary learnt from."""
    others = [Path(run).name for run in settings.get("train_with", [])]
    if not others:
        return ""
    return f" and, for at most 60 %, of run{'s' if len(others) > 1 else ''} {words.listing(others)}"


def _dictionary(run: Run, settings: Mapping[str, Any], cite: _Cited) -> str:
    sae, quality = settings.get("sae", {}), run.quality()
    rule = str(sae.get("variant", ""))
    rule_text = f"{_RULES[rule]} {cite(rule)}" if rule in _RULES else "sparse"
    active = f", {sae['k']} active a position" if rule in {"topk", "batchtopk", "matryoshka"} else ""
    trained = (
        f", trained on {SaeParams(**sae).tokens_read:,} positions of the training split{_also(settings)}, repeats"
        f" counted (seed {sae['seed']})"
        if "tokens" in sae
        else ""
    )
    if settings.get("pretrained_sae"):  # the settings of `sae` are not those of a dictionary that was trained before
        sae, rule_text, active, trained = {}, "sparse", "", ", trained before this run"
    text = (
        f"The state was decomposed by a {rule_text} autoencoder into {run.codes.meta.n_features:,}"
        f" features{active}{trained}."
    )
    if sae.get("decoder") == "archetypal" and sae.get("consensus", 1) == 1:
        text += (
            f" Its directions are convex combinations of {sae['archetypes']:,} centroids of the states, each with a"
            f" change of at most {sae['relaxation']:g} of its length {cite('archetypal')}."
        )
    elif sae.get("beginning") == "centroids":
        text += " Its directions began at centroids of the states that are the same for every training seed."
    if sae.get("consensus", 1) > 1:
        text += (
            f" It began with the features that at least two of {sae['consensus']} dictionaries of other seeds had in"
            " common (cosine of directions and correlation of activations at least 0.8)."
        )
    explained, recovered = quality.get("variance_explained"), quality.get("recovered")
    if words.is_number(explained):
        text += f" On held-out positions it explains {words.percent(explained)} of the variance."
    if words.is_number(recovered):
        share = words.percent(recovered)
        text += (
            f" With its reconstruction in place of the state, the model keeps {share} of the cross-entropy that it"
            " loses when the state is replaced by its mean."
        )
    return text


def _annotations(run: Run, settings: Mapping[str, Any], cite: _Cited) -> str:
    if not run.has("enrichment") and not run.has("concepts"):
        return ""
    out = []
    if run.has("enrichment"):
        table = run.need("enrichment")
        n = int(table.loc[table["status"] == "tested", "annotation"].nunique())
        rest = int(table["annotation"].nunique()) - n
        untested = f"; {rest:,} more could not be tested" if rest else ""
        out.append(
            f"Features were compared with {words.count(n, 'annotation class', 'annotation classes')}, sense and"
            f" antisense{untested}. Each association was tested against all circular shifts of the feature within"
            f" blocks of the genome {cite('shift', 'blocks')}, and again after regressing out composition (GC, skews,"
            " words of up to six letters), strand and place; q-values control the false discovery rate over classes"
            f" first, then over features within a class {cite('hierarchical')}."
        )
    if run.has("concepts"):
        out.append(
            f"Feature and threshold of a class were chosen {_chosen(settings)}: precision and recall by bases, recall"
            f" and F1 by intervals, and Matthews’ correlation by bases {cite('mcc')}, compared with"
            f" {words.listing(_compared_with(run), 8)}."
        )
    if run.has("instances"):
        out.append(
            "Classes with too few instances for that were cross-validated over blocks, or genomes, and compared with"
            " instances shifted along their contigs."
        )
    if run.has("logos"):
        out.append(f"Logos show the information of the strongest windows {cite('logo')}.")
    return " ".join(out)


def _chosen(settings: Mapping[str, Any]) -> str:
    """Where features and thresholds are chosen and measured."""
    concepts = settings.get("concepts", {})
    if not {"select", "test"} <= set(concepts):
        return "on other blocks than those on which they were measured"
    chosen, judged = (f"{words.listing(concepts[k])} {_plural('split', concepts[k])}" for k in ("select", "test"))
    return f"on the {chosen} and measured on the {judged}"


def _plural(noun: str, things: Sequence[str]) -> str:
    return noun if len(things) == 1 else f"{noun}s"


def _compared_with(run: Run) -> list[str]:
    """Nulls and baselines of features, of those that were measured."""
    summary = run.table("concept_summary")
    measured = {
        "f1_kmer": "the best 6-mer",
        "f1_neuron": "the best single neuron",
        "f1_pca": "the best principal component",
        "f1_random_sae": "features of the model with random weights",
    }
    there = [] if summary is None else [c for c in measured if c in summary and summary[c].notna().any()]
    return ["circularly shifted copies", "a feature that is always on", *(measured[c] for c in there)]


def _groups(run: Run, cite: _Cited) -> str:
    if not run.has("manifolds"):
        return ""
    return (
        "Features that are active together were grouped by their direct couplings with the Leiden algorithm"
        f" {cite('leiden')}. For each group the intrinsic dimension {cite('dimension')} and the persistent homology"
        f" {cite('ripser')} of its activations were compared with those of the same features, each circularly shifted"
        f" by itself; the false discovery rate over groups {cite('bh')} was held at 5 %."
    )


def _unnamed(run: Run, cite: _Cited) -> str:
    if not run.has("novelty"):
        return ""
    return (
        "Features that no annotation explains were ranked, and compared with those of the same model with random"
        f" weights by conformal p-values {cite('conformal')}."
    )


def _variants(run: Run, settings: Mapping[str, Any], cite: _Cited) -> str:
    out = []
    if run.has("variants"):
        window = settings.get("variants", {}).get("window")
        width = f" over windows of {window:,} bases" if window else ""
        out.append(
            f"Variants were scored by the log-likelihood ratio of alternative to reference sequence (nats){width}, on"
            " both strands, and by the change of each feature."
        )
    if run.has("feature_tests"):
        out.append(
            "Changes in cases and controls were compared by rank tests within strata (the report names them for each"
            f" set), with the false discovery rate controlled over tests that can reach it {cite('bh', 'tarone')}, and"
            " again in genes kept apart."
        )
    if run.has("cohort_tests"):
        out.append(
            "Feature burdens of individuals were tested with a linear mixed model on their relatedness"
            f" {cite('mixed')}."
        )
    return " ".join(out)


def _interventions(run: Run) -> str:
    out = []
    if run.has("causality"):
        out.append(
            "Features were removed from the state where they are active, and the change of the model's negative"
            " log-likelihood at the bases that follow was compared with that of the same change along the directions of"
            " random features of like density."
        )
    doses = run.table("doses")
    if doses is not None and len(doses):
        n = int(doses["n_null"].min())
        out.append(
            f"Features were turned up while the model wrote sequence; effects were compared with {n} random directions"
            f" of equal size, so that no p-value can be below 1/{n + 1}."
        )
    return " ".join(out)


def _software(run: Run, settings: Mapping[str, Any], cite: _Cited) -> str:
    software = (run.manifest or made_with()).get("software", {})
    listed = [
        f"{k} {v}"
        for k, v in software.items()
        if v and k in {"python", "torch", "numpy", "scipy", "pandas", "scikit-learn", "anndata"}
    ]
    seed = f" Seed {settings['seed']}." if "seed" in settings else ""
    return (
        f"The workflow is run by Snakemake {software.get('snakemake') or ''} {cite('snakemake')}; genome pages are"
        f" drawn by igv.js {cite('igv')}. Versions: {', '.join(listed)}.{seed}"
    )
