"""Rank tests within strata: do cases and controls differ for a feature once gene, consequence and codon position are equal?

Disease variants are not spread over genes as harmless ones are, nor over consequences or codon positions. A pooled test
therefore calls any feature that knows the gene. Comparing only within strata closes that leak: the null is every
rearrangement of the labels inside each stratum, whose first three moments are known exactly.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

Alternative = Literal["two-sided", "greater", "less"]
FEATURES_AT_ONCE = 512
_SYMMETRIC = 1e-4


class StratifiedTest(NamedTuple):
    """A stratified rank test of many features; arrays are (n_features,).

    Attributes
    ----------
    auroc
        Chance that a case has a larger value than a control of the same stratum (ties count half), strata weighted as in
        the test.
    se
        Standard deviation of `auroc` under rearrangement of labels.
    z
        `(auroc - 1/2) / se`; 0 where the feature does not vary within strata.
    p
        Pearson type III tail with the exact mean, variance and skewness of the permutation distribution.
    p_floor
        One over the number of rearrangements: no permutation test can go below it.
    n_case, n_control, n_strata
        What was informative, that is in strata that hold both classes.
    """

    auroc: NDArray[np.float64]
    se: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    p_floor: float
    n_case: int
    n_control: int
    n_strata: int


class Design(NamedTuple):
    """Informative rows, sorted out once for all features."""

    rows: NDArray[np.int64]
    stratum: NDArray[np.int64]
    is_case: NDArray[np.bool_]
    centred: NDArray[np.float64]
    size: NDArray[np.int64]
    cases: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def pairs(self) -> float:
        """Weighted number of case-control pairs."""
        return float((self.weight * self.cases * (self.size - self.cases)).sum())


def informative(labels: ArrayLike, strata: ArrayLike, weighting: str) -> Design:
    """Keep the rows of strata that hold both classes; raises `ValueError` for labels other than 0 and 1."""
    labels, strata = np.asarray(labels), np.asarray(strata)
    if labels.shape != strata.shape or labels.ndim != 1:
        raise ValueError(
            f"labels, strata: need one entry a row each, got shapes {labels.shape} and {strata.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels: need 0 and 1, got {np.unique(labels)[:5].tolist()}")
    is_case = labels.astype(bool)
    _, stratum = np.unique(strata, return_inverse=True)
    size, cases = np.bincount(stratum), np.bincount(stratum, weights=is_case).astype(np.int64)
    informative = (cases > 0) & (cases < size)
    rows = np.flatnonzero(informative[stratum])
    _, stratum = np.unique(stratum[rows], return_inverse=True)
    size, cases, is_case = size[informative], cases[informative], is_case[rows]
    weight = np.ones(len(size)) if weighting == "equal" else np.divide(1.0, size + 1.0, dtype=np.float64)
    centred = np.asarray(is_case - (cases / size)[stratum], dtype=np.float64)
    return Design(rows, stratum, is_case, centred, size, cases, weight)


def sparse_table(values: ArrayLike | sparse.spmatrix, n_rows: int) -> sparse.csr_matrix:
    """Values (n_rows, n_features), or (n_rows,), as a sparse table; raises `ValueError` for other shapes and for NaN."""
    if sparse.issparse(values):
        table = sparse.csr_matrix(values)
    else:
        dense = np.asarray(values, dtype=float)
        table = sparse.csr_matrix(dense[:, None] if dense.ndim == 1 else dense)
    if table.shape[0] != n_rows:
        raise ValueError(f"values: need {n_rows} rows, one a label, got shape {table.shape}")
    if not np.isfinite(table.data).all():
        raise ValueError("values: need finite numbers, got NaN or infinity")
    return table


class _Ranks(NamedTuple):
    """Centred within-stratum mid-ranks of a sparse table.

    Zeros tie with each other, so only non-zero entries are ever sorted: cost follows the entries, not the table.

    Attributes
    ----------
    row, group, rank
        Of each non-zero entry; a group is one feature in one stratum.
    feature, stratum, zeros, zero_rank
        Of each group; `zeros` is the number of zeros in it and `zero_rank` their common rank.
    """

    row: NDArray[np.int64]
    group: NDArray[np.int64]
    rank: NDArray[np.float64]
    feature: NDArray[np.int64]
    stratum: NDArray[np.int64]
    zeros: NDArray[np.int64]
    zero_rank: NDArray[np.float64]

    def total(self, entries: NDArray) -> NDArray[np.float64]:
        """Sum over the entries of each group."""
        return np.bincount(self.group, weights=entries, minlength=len(self.feature)).astype(np.float64)

    def statistic(self, centred: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of rank times `centred` (n,) in each group, zeros included; `centred` must sum to 0 in each stratum."""
        there = centred[self.row]
        return self.total(there * self.rank) - self.zero_rank * self.total(there)

    def powers(self, k: int) -> NDArray[np.float64]:
        """Sum of the k-th power of the ranks of each group, zeros included."""
        return self.total(self.rank**k) + self.zeros * self.zero_rank**k


def _ranked(chunk: sparse.csc_matrix, of_row: NDArray[np.int64], sizes: NDArray[np.int64]) -> _Ranks:
    feature = np.repeat(np.arange(chunk.shape[1]), np.diff(chunk.indptr))
    key = feature * len(sizes) + of_row[chunk.indices]
    order = np.lexsort((chunk.data, key))
    key, value, row = key[order], chunk.data[order], chunk.indices[order]
    new_group = np.diff(key, prepend=-1) != 0
    group = np.cumsum(new_group) - 1
    first = np.flatnonzero(new_group)
    count = np.diff(np.append(first, len(key)))
    new_tie = new_group | (np.diff(value, prepend=np.nan) != 0)
    tie = np.cumsum(new_tie) - 1
    tie_first = np.flatnonzero(new_tie)
    tie_last = np.append(tie_first[1:], len(key)) - 1
    within = (tie_first + tie_last)[tie] / 2.0 - first[group] + 1.0
    feature, stratum = np.divmod(key[first], len(sizes))
    size = sizes[stratum]
    zeros = size - count
    negatives = np.bincount(group, weights=value < 0, minlength=len(first))
    middle = (size + 1) / 2.0
    rank = within + np.where(value > 0, zeros[group], 0) - middle[group]
    return _Ranks(row, group, rank, feature, stratum, zeros, negatives + (zeros + 1) / 2.0 - middle)


def stratified_rank_test(
    values: ArrayLike | sparse.spmatrix,
    labels: ArrayLike,
    strata: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    weighting: Literal["van-elteren", "equal"] = "van-elteren",
) -> StratifiedTest:
    """Wilcoxon's rank-sum test summed over strata, for every column of `values`.

    Parameters
    ----------
    values
        (n, n_features) numbers, dense or sparse; absent entries of a sparse table are zeros.
    labels
        (n,) 0 for controls, 1 for cases.
    strata
        (n,) any labels; strata with one class alone carry no information and are left out.
    alternative
        `greater`: cases have larger values.
    weighting
        `van-elteren`: each stratum counts by one over its size plus one, the locally best weights for a shift that is
        equal in all strata; `equal`: the plain sum of rank sums.

    Raises
    ------
    ValueError
        For labels other than 0 and 1, values that are not finite, or shapes that do not match.

    References
    ----------
    van Elteren 1960, Bull. Int. Stat. Inst. 37:351; Lehmann 1975, Nonparametrics, ch. 3 (variance with ties);
    Mielke & Berry 2007, doi:10.1007/978-0-387-69813-7 (Pearson type III tail of permutation statistics).
    """
    design = informative(labels, strata, weighting)
    table = sparse_table(values, len(np.asarray(labels)))[design.rows].tocsc()
    table.eliminate_zeros()
    moments = np.zeros((3, table.shape[1]))
    for start in range(0, table.shape[1] if len(design.rows) else 0, FEATURES_AT_ONCE):
        chunk = table[:, start : start + FEATURES_AT_ONCE]
        moments[:, start : start + chunk.shape[1]] = _moments(chunk, design)
    return _test(moments, design, alternative)


def _moments(chunk: sparse.csc_matrix, design: Design) -> NDArray[np.float64]:
    """Statistic, variance and third cumulant under rearrangement within strata, (3, n_features)."""
    if not chunk.nnz:
        return np.zeros((3, chunk.shape[1]))
    ranks = _ranked(chunk, design.stratum, design.size)
    n, m = design.size.astype(float), design.cases.astype(float)
    share = m / n
    label_squares = m * (1 - share)
    label_cubes = m * (1 - share) ** 3 - (n - m) * share**3
    variance = (label_squares / (n - 1))[ranks.stratum] * ranks.powers(2)
    label_cubes *= np.where(n > 2, n / ((n - 1) * np.maximum(n - 2, 1)), 0.0)
    third = label_cubes[ranks.stratum] * ranks.powers(3)
    w = design.weight[ranks.stratum]
    return np.stack(
        [
            np.bincount(ranks.feature, weights=part, minlength=chunk.shape[1])
            for part in (w * ranks.statistic(design.centred), w**2 * variance, w**3 * third)
        ]
    )


def _test(moments: NDArray[np.float64], design: Design, alternative: Alternative) -> StratifiedTest:
    statistic, variance, third = moments
    varies = variance > 1e-12
    sd = np.sqrt(np.where(varies, variance, 1.0))
    z = np.where(varies, statistic / sd, 0.0)
    skew = np.where(varies, third / sd**3, 0.0)
    log_arrangements = float(
        sum(
            math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
            for n, m in zip(design.size.tolist(), design.cases.tolist(), strict=True)
        )
    )
    floor = math.exp(-log_arrangements)
    p = np.where(varies, np.maximum(pearson3_tail(z, skew, alternative), floor), 1.0)
    pairs = design.pairs or 1.0
    return StratifiedTest(
        auroc=0.5 + statistic / pairs,
        se=np.where(varies, sd, 0.0) / pairs,
        z=z,
        p=p,
        p_floor=floor,
        n_case=int(design.cases.sum()),
        n_control=int((design.size - design.cases).sum()),
        n_strata=len(design.size),
    )


def pearson3_tail(
    z: ArrayLike, skew: ArrayLike, alternative: Alternative = "two-sided"
) -> NDArray[np.float64]:
    """Tail probability of a standardised statistic whose null has the given skewness.

    A shifted gamma distribution with matching first three moments; the normal one where the skewness vanishes. The
    two-sided value is twice the smaller tail.
    """
    z, skew = np.asarray(z, dtype=float), np.asarray(skew, dtype=float)
    skew = np.where(np.abs(skew) < _SYMMETRIC, 0.0, skew)
    upper, lower = stats.pearson3.sf(z, skew), stats.pearson3.cdf(z, skew)
    if alternative == "greater":
        return upper
    if alternative == "less":
        return lower
    return np.minimum(1.0, 2.0 * np.minimum(upper, lower))


def rank_correlation(values: ArrayLike | sparse.spmatrix, target: ArrayLike) -> NDArray[np.float64]:
    """Spearman's correlation of every column (n, n_columns), dense or sparse, with a vector (n,); 0 where one is constant."""
    centred = stats.rankdata(np.asarray(target, dtype=float))
    centred = centred - centred.mean()
    table = sparse_table(values, len(centred)).tocsc()
    table.eliminate_zeros()
    out = np.zeros(table.shape[1])
    squares = centred @ centred
    for start in range(0, table.shape[1], FEATURES_AT_ONCE):
        chunk = table[:, start : start + FEATURES_AT_ONCE]
        if not chunk.nnz or not squares:
            continue
        ranks = _ranked(chunk, np.zeros(len(centred), dtype=np.int64), np.array([len(centred)]))
        scale = np.sqrt(ranks.powers(2) * squares)
        out[start + ranks.feature] = np.divide(
            ranks.statistic(centred), scale, out=np.zeros(len(scale)), where=scale > 1e-9
        )
    return out
