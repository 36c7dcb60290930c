"""Figures on single parts of the variant stages: exactness of p, the leak meter, text of cards, length of indels."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, stats

from benchmarks.planted.cohorts import PlantedVariants
from photo51 import theme
from photo51.biomarkers.cards.evidence import CardSubject, make_cards
from photo51.biomarkers.cards.layout import overlapping_texts
from photo51.biomarkers.cards.picture import card_picture
from photo51.biomarkers.contrasts.classify import classify
from photo51.biomarkers.contrasts.comparison import Comparison
from photo51.biomarkers.contrasts.probes import grouped_folds, prior
from photo51.config.biomarkers import BiomarkersParams, CardsParams, VariantsParams
from photo51.io.origin import Origin
from photo51.stats.auc import areas
from photo51.stats.multiple import attainable, benjamini_hochberg
from photo51.stats.rearrangement import permutation_p, rearranged
from photo51.stats.stratified import stratified_rank_test, stratified_rearranged

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
ALPHA, SITE = 0.05, "block.0.out"
RUNS = 1000
"""Runs with permuted labels of each structure of ties: 0.05 is then known to 0.014, with 100 runs to 0.043."""
LENGTHS = (1, 3, 8, 20, 46)
MITOCHONDRION = Path("resources/human_mt")
NANO = Path("resources/models/nano")
TIES = (
    ((3,) * 100, 0.3),
    ((5, 8, 13, 40, 90), 0.05),
    ((3000, 3, 4, 5), 0.001),
    ((1500, 300, 6), 0.01),
    ((400, 300), 0.7),
    ((3000,), 0.6),
)
"""Sizes of strata and share of values that are not 0: from two values to two thousand."""


def exactness(n_tables: int) -> Figures:
    """Small tables against every rearrangement; and runs with permuted labels that discover anything, over tie structures.

    `permuted_runs_with_discovery_most_lo` is the lower end of the 95 % interval (Clopper-Pearson) of the structure of most.
    """
    rng = np.random.default_rng(51)
    worst = 0.0
    for _ in range(n_tables):
        sizes = rng.integers(2, 7, rng.integers(1, 4))
        strata = np.repeat(np.arange(len(sizes)), sizes)
        labels = np.concatenate([rng.permutation(np.arange(n) < rng.integers(1, n)) for n in sizes]).astype(int)
        values = np.where(rng.random((len(strata), 30)) < rng.random(30), 0, rng.integers(-2, 4, (len(strata), 30)))
        exact = permutation_p(values, labels, strata, rng=rng, draws=10**6)
        worst = max(worst, float(np.abs(np.log10(stratified_rank_test(values, labels, strata).p / exact)).max()))
    found, levels = [], []
    for sizes_of, density in TIES:
        strata = np.repeat(np.arange(len(sizes_of)), sizes_of)
        labels = np.concatenate([np.arange(n) < max(1, n // 4) for n in sizes_of]).astype(int)
        shape = (len(strata), 200)
        values = np.where(rng.random(shape) < density, rng.normal(1, 1, shape).round(1), 0.0)
        test, p = stratified_rearranged(values, np.vstack([labels, rearranged(labels, strata, RUNS, rng)]), strata)
        testable = attainable(test.p_floor, ALPHA)
        found.append(sum(bool((benjamini_hochberg(row[testable]) <= ALPHA).any()) for row in p))
        levels.append(float((p[:, testable] <= 0.001).mean()) if testable.any() else 0.0)
    return {
        "exact_vs_enumeration": worst,
        "permuted_runs_with_discovery": sum(found) / (RUNS * len(TIES)),
        "permuted_runs_with_discovery_most": max(found) / RUNS,
        "permuted_runs_with_discovery_most_lo": stats.binomtest(max(found), RUNS).proportion_ci().low,
        "permuted_runs": RUNS,
        "permuted_p_below_0_001": max(levels),
    }


def leak_meter() -> Figures:
    """|printed - expected| AUROC of the priors: one group of 56 and 17, and groups that say nothing."""
    rng = np.random.default_rng(51)
    one = np.repeat([1, 0], [56, 17])
    groups = rng.integers(0, 4, 400)
    silent = []
    for seed in range(200):
        labels = (rng.random(400) < 0.5).astype(int)
        silent.append(areas(prior(labels, groups, grouped_folds(labels, np.arange(400), 5, seed)), labels == 1).auroc)
    alone = areas(prior(one, np.zeros(73), grouped_folds(one, np.arange(73), 5, 0)), one == 1).auroc
    return {"prior_bias": max(abs(alone - 0.5), abs(float(np.mean(silent)) - 0.5))}


def card_overlaps(planted: PlantedVariants, comparison: Comparison, settings: BiomarkersParams) -> Figures:
    """Texts that overlap, are cut or lie on a panel that is not theirs, over cards of planted variants."""
    judged = classify(comparison, settings)
    rows = np.flatnonzero(planted.cause >= 0)[:6]
    subject = CardSubject(
        comparison.variants.iloc[rows].reset_index(drop=True),
        comparison.genes[rows],
        comparison.deltas["near"][rows],
    )
    found = make_cards(subject, comparison, judged.scores, judged.probes, CardsParams(), facts={}, settings=settings)
    whole = judged.classifiers[(judged.classifiers["stratum"] == "all") & (judged.classifiers["method"] == "stacked")]
    wrong = 0
    for i, card in enumerate(found.cards.to_dict("records")):
        tables = {
            "features": found.features[found.features["variant"] == card["variant"]],
            "neighbours": found.neighbours[found.neighbours["variant"] == card["variant"]],
            "calibration": found.calibration,
            "set": pd.DataFrame({"llr": comparison.variants["llr"], "label": comparison.labels}),
            "probe": whole,
        }
        figure = card_picture(card, subject.variants.iloc[i].to_dict(), tables)
        wrong += len(overlapping_texts(figure))
        theme.close(figure)
    return {"cards_overlaps": wrong}


def indels(each: int) -> Figures:
    """|Spearman| of scores with length over random deletions, insertions and duplications of the mitochondrion, shipped nano model."""
    if not (MITOCHONDRION.is_dir() and NANO.is_dir()):
        log.warning("indel_length_corr: not measured, %s or %s is absent", MITOCHONDRION, NANO)
        return {"indel_length_corr": None, "indel_length_corr_llr": None}
    from benchmarks._shipped import mitochondrion
    from photo51.effects.length_null import LengthChange, nulls, random_changes
    from photo51.effects.scoring import AlleleScorer, PlainScorer
    from photo51.effects.variants import comparable, variant_effects
    from photo51.model.families.adapters import load_model
    from photo51.model.stripedhyena.modeling import StripedHyena

    model, genomes = load_model("sh2:nano", device="cpu"), mitochondrion()
    params = VariantsParams(window=192, keep=1)
    dictionary = _NoFeatures(model.spec.origin(SITE))
    scorer = (
        AlleleScorer(model.model, dictionary)
        if isinstance(model.model, StripedHyena)
        else PlainScorer(model, dictionary)
    )

    def score(drawn: pd.DataFrame) -> NDArray[np.float64]:
        return comparable(variant_effects(scorer, genomes, drawn, params).obs, drawn)

    changes = [LengthChange(k, n) for k in ("deletion", "insertion", "duplication") for n in LENGTHS]
    chroms = ["NC_012920.1"]
    found = nulls(genomes, "human_mt", chroms, set(changes), score, n=params.null_variants, seed=0)
    rng = np.random.default_rng(51)
    rows = []
    for change in changes:
        drawn = random_changes(genomes, "human_mt", chroms, change, each, rng)
        obs = variant_effects(scorer, genomes, drawn, params).obs
        raw = (obs["llr_plus"] + obs["llr_minus"]).to_numpy() / 2
        null = found[change]
        fair = [(v - null.at(g)) / null.sd for v, g in zip(comparable(obs, drawn), drawn["gc"], strict=True)]
        rows += [(change.kind, change.length, r, f) for r, f in zip(raw, fair, strict=True)]
    table = pd.DataFrame(rows, columns=["kind", "length", "llr", "fair"])
    by_kind = [
        {name: abs(float(stats.spearmanr(here["length"], here[name]).statistic)) for name in ("llr", "fair")}
        for _, here in table.groupby("kind")
    ]
    return {
        "indel_length_corr": max(k["fair"] for k in by_kind),
        "indel_length_corr_llr": max(k["llr"] for k in by_kind),
    }


class _NoFeatures(NamedTuple):
    """A dictionary of one feature that is never active: likelihoods alone are asked."""

    origin: Origin
    n_features: int = 1

    def encode(self, x: NDArray[np.float32]) -> sparse.csr_matrix:
        """Nothing of any base."""
        return sparse.csr_matrix((len(x), 1), dtype=np.float32)
