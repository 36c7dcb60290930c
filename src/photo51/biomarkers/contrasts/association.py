"""Feature by feature: does a change of it go with disease, within gene, consequence and codon position?"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.contrasts.comparison import ORIENTATIONS, Comparison, one_class_strata
from photo51.config.biomarkers import BiomarkersParams
from photo51.io.contracts.biomarkers import FEATURE_TESTS, PERMUTATION_AUDIT
from photo51.stats.multiple import attainable, benjamini_hochberg
from photo51.stats.rearrangement import rearranged
from photo51.stats.stratified import (
    pooled_rank_p,
    rank_correlation,
    stratified_rank_test,
    stratified_rearranged,
)

log = logging.getLogger(__name__)
REPLICATION_ALPHA = 0.05


def split_genes(genes: NDArray, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which variants lie in discovery genes, (n,): whole genes, dealt out in pairs of like numbers of cases."""
    names, gene = np.unique(genes, return_inverse=True)
    cases = np.bincount(gene, weights=labels, minlength=len(names))
    # by cases, ties at random
    order = np.lexsort((rng.random(len(names)), -cases))
    discovery = np.zeros(len(names), dtype=bool)
    for i in range(0, len(names), 2):
        pair = order[i : i + 2]
        # one of each pair goes to discovery: both sides have like numbers of cases
        discovery[pair[rng.integers(len(pair))]] = True
    return discovery[gene]


class AssociationTests(NamedTuple):
    """Feature tests (contract `FEATURE_TESTS`), and what came of permuted labels (contract `PERMUTATION_AUDIT`)."""

    tests: pd.DataFrame
    audit: pd.DataFrame


def test_features(comparison: Comparison, params: BiomarkersParams) -> pd.DataFrame:
    """Feature tests alone, without the permutation audit."""
    return audited_tests(comparison, params.model_copy(update={"audit": 0})).tests


def audited_tests(comparison: Comparison, params: BiomarkersParams) -> AssociationTests:
    """Test every feature, orientation and statistic in discovery genes, and again in the others.

    A test whose least attainable p could not be a discovery whatever it showed (Tarone's rule,
    `photo51.stats.multiple`) is listed as not testable: it has no q and does not count in the family. The same tests
    are then made with labels permuted within strata, `params.audit` times: each run with a discovery is a false one.

    Returns
    -------
    Tests with q over the family, and one row a run of the audit.
    """
    rng = np.random.default_rng(params.seed)
    discovery = split_genes(comparison.genes, comparison.labels, rng)
    # strata of one class have no pairs
    strata, variants = one_class_strata(comparison)
    if strata:
        log.info("%d of the strata hold one class alone; their %d variants say nothing here", strata, variants)
    rows = np.flatnonzero(discovery)
    permuted = rearranged(comparison.labels[rows], comparison.strata[rows], params.audit, rng)
    # the labels as they are first, then the permuted ones: one test serves all
    labels = np.vstack([comparison.labels[rows][None], permuted])
    parts, runs = [], []
    for statistic in params.statistics:
        part, run = _tested(comparison, statistic, discovery, labels)
        parts.append(part.assign(statistic=statistic))
        runs.append(run)
    table = pd.concat(parts, ignore_index=True).assign(claim=params.claim, strata=", ".join(params.strata))
    table["testable"] = attainable(table["p_floor"].to_numpy(), params.alpha)
    table["q"] = _family(table["p"].to_numpy(), table["testable"].to_numpy())
    table["q_pooled"] = benjamini_hochberg(table["p_pooled"].to_numpy())
    same_sign = np.sign(table["effect"]) == np.sign(table["rep_effect"])
    table["replicated"] = ((table["q"] <= params.alpha) & same_sign & (table["rep_p"] <= REPLICATION_ALPHA)).to_numpy(
        dtype=bool
    )
    if idle := int((~table["testable"]).sum()):
        log.info("%d of %d tests cannot be made: no arrangement of labels reaches a discovery", idle, len(table))
    audit = _audit(np.concatenate(runs, axis=1), table["testable"].to_numpy(), params.alpha)
    if len(audit):
        log.info(
            "labels permuted within strata: %d of %d runs have a discovery",
            (audit["discoveries"] > 0).sum(),
            len(audit),
        )
    return AssociationTests(FEATURE_TESTS.check(table), audit)


def _family(p: NDArray[np.float64], testable: NDArray[np.bool_]) -> NDArray[np.float64]:
    # NaN: not in the family, not counted
    return benjamini_hochberg(np.where(testable, p, np.nan))


def _audit(p: NDArray[np.float64], testable: NDArray[np.bool_], alpha: float) -> pd.DataFrame:
    """Discoveries of each run, p (n_runs, n_tests)."""
    rows = [
        {
            "run": i,
            "tests": int(testable.sum()),
            "discoveries": int((_family(run, testable) <= alpha).sum()),
            "smallest_p": float(run[testable].min()) if testable.any() else np.nan,
        }
        for i, run in enumerate(p)
    ]
    return PERMUTATION_AUDIT.check(pd.DataFrame(rows)) if rows else PERMUTATION_AUDIT.empty()


def _tested(
    comparison: Comparison, statistic: str, discovery: NDArray[np.bool_], labels: NDArray[np.int64]
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Rows of one statistic, and p of the permuted labels."""
    deltas = comparison.deltas[statistic]
    # n rows of variants; the others replicate
    rows, others = np.flatnonzero(discovery), np.flatnonzero(~discovery)
    result, permuted = stratified_rearranged(deltas[rows], labels, comparison.strata[rows])
    up, down = (
        stratified_rank_test(deltas[others], comparison.labels[others], comparison.strata[others], alternative=tail)
        for tail in ("greater", "less")
    )
    n = comparison.n_features
    table = pd.DataFrame(
        {
            "feature": np.tile(np.arange(n), 2),
            "orientation": np.repeat(ORIENTATIONS, n),
            "n_case": result.n_case,
            "n_control": result.n_control,
            "n_strata": result.n_strata,
            "auroc_within": result.auroc,
            # AUROC 0.5 is effect 0, −1 to 1
            "effect": 2 * result.auroc - 1,
            "se": 2 * result.se,
            "p": result.p,
            "p_floor": result.p_floor,
            "p_pooled": pooled_rank_p(deltas[rows], comparison.labels[rows]),
            "rep_effect": 2 * up.auroc - 1,
            "rep_se": 2 * up.se,
            # one-sided, on the side where discovery was
            "rep_p": np.where(result.z >= 0, up.p, down.p),
            "llr_corr": rank_correlation(deltas, comparison.variants["llr"].to_numpy()),
        }
    )
    return table, permuted
