"""Feature by feature: does a change of it go with disease, within gene, consequence and codon position?"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from photo51.biomarkers.comparison import ORIENTATIONS, Comparison, one_class_strata
from photo51.config.biomarkers import BiomarkersParams
from photo51.io.contracts.biomarkers import FEATURE_TESTS
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.rearrangement import arrangements, permutation_p
from photo51.stats.stratified import Alternative, StratifiedTest, rank_correlation, stratified_rank_test

log = logging.getLogger(__name__)
ENUMERATED = 20_000
REPLICATION_ALPHA = 0.05


def split_genes(genes: NDArray, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which variants lie in discovery genes, (n,): whole genes, dealt out in pairs of like numbers of cases."""
    names, gene = np.unique(genes, return_inverse=True)
    cases = np.bincount(gene, weights=labels, minlength=len(names))
    order = np.lexsort((rng.random(len(names)), -cases))
    discovery = np.zeros(len(names), dtype=bool)
    for i in range(0, len(names), 2):
        pair = order[i : i + 2]
        discovery[pair[rng.integers(len(pair))]] = True
    return discovery[gene]


def test_features(comparison: Comparison, params: BiomarkersParams) -> pd.DataFrame:
    """Test every feature, orientation and statistic in discovery genes, and again in the others.

    Returns
    -------
    Contract `FEATURE_TESTS`; q over the whole table.
    """
    rng = np.random.default_rng(params.seed)
    discovery = split_genes(comparison.genes, comparison.labels, rng)
    strata, variants = one_class_strata(comparison)
    if strata:
        log.info(
            "%d of the strata hold one class alone; their %d variants say nothing here", strata, variants
        )
    parts = [
        _tested(comparison, statistic, discovery, rng).assign(statistic=statistic)
        for statistic in params.statistics
    ]
    table = pd.concat(parts, ignore_index=True)
    table["q"] = benjamini_hochberg(table["p"].to_numpy())
    table["q_pooled"] = benjamini_hochberg(table["p_pooled"].to_numpy())
    same_sign = np.sign(table["effect"]) == np.sign(table["rep_effect"])
    table["replicated"] = (
        (table["q"] <= params.alpha) & same_sign & (table["rep_p"] <= REPLICATION_ALPHA)
    ).to_numpy(dtype=bool)
    return FEATURE_TESTS.check(table)


def _tested(
    comparison: Comparison, statistic: str, discovery: NDArray[np.bool_], rng: np.random.Generator
) -> pd.DataFrame:
    deltas = comparison.deltas[statistic]
    rows, others = np.flatnonzero(discovery), np.flatnonzero(~discovery)
    found = _stratified(deltas, comparison, rows, rng)
    pooled = stratified_rank_test(deltas[rows], comparison.labels[rows], np.zeros(len(rows)))
    up, down = (_stratified(deltas, comparison, others, rng, tail) for tail in ("greater", "less"))
    n = comparison.n_features
    return pd.DataFrame(
        {
            "feature": np.tile(np.arange(n), 2),
            "orientation": np.repeat(ORIENTATIONS, n),
            "n_case": found.n_case,
            "n_control": found.n_control,
            "n_strata": found.n_strata,
            "auroc_within": found.auroc,
            "effect": 2 * found.auroc - 1,
            "se": 2 * found.se,
            "p": found.p,
            "p_floor": found.p_floor,
            "p_pooled": pooled.p,
            "rep_effect": 2 * up.auroc - 1,
            "rep_se": 2 * up.se,
            "rep_p": np.where(found.z >= 0, up.p, down.p),
            "llr_corr": rank_correlation(deltas, comparison.variants["llr"].to_numpy()),
        }
    )


def _stratified(
    deltas: sparse.csr_matrix,
    comparison: Comparison,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    alternative: Alternative = "two-sided",
) -> StratifiedTest:
    """The test on some variants; every rearrangement is gone through where there are few enough."""
    labels, strata = comparison.labels[rows], comparison.strata[rows]
    test = stratified_rank_test(deltas[rows], labels, strata, alternative=alternative)
    if arrangements(labels, strata) > ENUMERATED:
        return test
    exact = permutation_p(deltas[rows], labels, strata, rng=rng, draws=ENUMERATED, alternative=alternative)
    return test._replace(p=np.where(test.se > 0, exact, 1.0))
