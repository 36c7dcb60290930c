"""The stratified rank test by rearranging labels: what `photo51.stats.rank_null` is checked against, and its audit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from photo51.stats.stratified import Alternative, StratifiedDesign, informative_strata, sparse_table

LABELS_AT_ONCE = 1024


def arrangements(labels: ArrayLike, strata: ArrayLike) -> float:
    """How many ways labels can be rearranged within strata; may be infinity."""
    design = informative_strata(labels, strata, "equal")
    return math.prod(float(math.comb(n, m)) for n, m in zip(design.size.tolist(), design.cases.tolist(), strict=True))


def rearranged(
    labels: NDArray[np.integer], strata: ArrayLike, draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Labels (n,) permuted within strata, (draws, n)."""
    strata = np.asarray(strata)
    out = np.tile(np.asarray(labels, dtype=np.int64), (draws, 1))
    for s in np.unique(strata):
        rows = np.flatnonzero(strata == s)
        out[:, rows] = rng.permuted(out[:, rows], axis=1)
    return out


def permutation_p(
    values: ArrayLike | sparse.spmatrix,
    labels: ArrayLike,
    strata: ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 9_999,
    alternative: Alternative = "two-sided",
    weighting: Literal["van-elteren", "equal"] = "van-elteren",
) -> NDArray[np.float64]:
    """The same test by rearranging labels: every rearrangement where there are at most `draws`, else that many drawn.

    Drawn p-values are `(1 + hits) / (draws + 1)`, exact ones `hits / arrangements`; two-sided is twice the smaller
    tail. All features see the same rearrangements.

    References
    ----------
    Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    design = informative_strata(labels, strata, weighting)
    table = sparse_table(values, len(np.asarray(labels)))
    n_features = table.shape[1]
    if not len(design.rows):
        return np.ones(n_features)
    ranks = _dense_ranks(table[design.rows].toarray(), design)
    score = ranks * design.weight[design.stratum][:, None]
    observed = design.is_case @ score
    exact = arrangements(labels, strata) <= draws
    above, below, n = np.zeros(n_features), np.zeros(n_features), 0
    for batch in _all_labels(design) if exact else _drawn_labels(design, draws, rng):
        null = batch @ score
        # sums in another order differ by rounding: such draws are ties
        slack = 1e-9 * np.maximum(1.0, np.abs(observed))
        above += (null >= observed - slack).sum(0)
        below += (null <= observed + slack).sum(0)
        n += len(batch)
    # the observed order is among all rearrangements already; of drawn ones it is counted as one more
    plus = 0 if exact else 1
    upper, lower = (above + plus) / (n + plus), (below + plus) / (n + plus)
    if alternative == "greater":
        return upper
    return lower if alternative == "less" else np.minimum(1.0, 2.0 * np.minimum(upper, lower))


def _dense_ranks(dense: NDArray[np.float64], design: StratifiedDesign) -> NDArray[np.float64]:
    out = np.empty_like(dense, dtype=float)
    for g in range(len(design.size)):
        rows = design.stratum == g
        out[rows] = scipy.stats.rankdata(dense[rows], axis=0) - (design.size[g] + 1) / 2.0
    return out


def _all_labels(design: StratifiedDesign) -> Iterator[NDArray[np.float64]]:
    """Every rearrangement, in batches of label rows."""
    places = [np.flatnonzero(design.stratum == g).tolist() for g in range(len(design.size))]
    choices = [
        itertools.combinations(rows_of_stratum, int(m)) for rows_of_stratum, m in zip(places, design.cases, strict=True)
    ]
    combined = itertools.product(*choices)
    while chosen := list(itertools.islice(combined, LABELS_AT_ONCE)):
        batch = np.zeros((len(chosen), len(design.rows)))
        for i, parts in enumerate(chosen):
            batch[i, list(itertools.chain.from_iterable(parts))] = 1.0
        yield batch


def _drawn_labels(design: StratifiedDesign, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Random rearrangements: the first of a random order of each stratum become cases."""
    by_stratum = np.argsort(design.stratum, kind="stable")
    first = np.concatenate([[0], np.cumsum(design.size)[:-1]])
    place = np.arange(len(design.rows)) - np.repeat(first, design.size)
    case_here = place < np.repeat(design.cases, design.size)
    for start in range(0, draws, LABELS_AT_ONCE):
        n = min(LABELS_AT_ONCE, draws - start)
        # stratum plus a fraction: sorting shuffles within strata and keeps them in place
        shuffled = np.argsort(design.stratum[by_stratum] + rng.random((n, len(by_stratum))), axis=1)
        batch = np.zeros((n, len(by_stratum)))
        np.put_along_axis(batch, by_stratum[shuffled], np.broadcast_to(case_here, shuffled.shape), axis=1)
        yield batch
