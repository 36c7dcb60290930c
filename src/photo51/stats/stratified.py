"""Rank tests within strata: do cases and controls differ for a feature once gene, consequence and codon position are
equal?

Disease variants are not spread over genes as harmless ones are, nor over consequences or codon positions. A pooled test
therefore calls any feature that knows the gene. Comparing only within strata closes that leak: the null is every
rearrangement of the labels inside each stratum, whose distribution `photo51.stats.rank_null` gives.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numba
import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from photo51.stats.rank_null import RankTails, Ties, rank_tails

Alternative = Literal["two-sided", "greater", "less"]
FEATURES_AT_ONCE = 512
SCREEN, SCREEN_REARRANGED = 0.3, 0.002


class StratifiedTest(NamedTuple):
    """A stratified rank test of many features; arrays are (n_features,).

    Attributes
    ----------
    auroc
        Chance that a case has a larger value than a control of the same stratum (ties count half), strata weighted as
        in the test.
    se
        Standard deviation of `auroc` under rearrangement of labels.
    z
        `(auroc - 1/2) / se`; 0 where the feature does not vary within strata.
    p
        Tail of the permutation distribution (`photo51.stats.rank_null`).
    p_floor
        Smallest p that any rearrangement of labels gives this feature; it depends on its ties and on the sizes of
        strata, not on which rows are cases.
    n_case, n_control, n_strata
        What was informative, that is in strata that hold both classes.
    """

    auroc: NDArray[np.float64]
    se: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    p_floor: NDArray[np.float64]
    n_case: int
    n_control: int
    n_strata: int


class StratifiedDesign(NamedTuple):
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


def informative_strata(labels: ArrayLike, strata: ArrayLike, weighting: str) -> StratifiedDesign:
    """Keep the rows of strata that hold both classes; raises `ValueError` for labels other than 0 and 1."""
    labels, strata = np.asarray(labels), np.asarray(strata)
    if labels.shape != strata.shape or labels.ndim != 1:
        raise ValueError(f"labels, strata: need one entry a row each, got shapes {labels.shape} and {strata.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels: need 0 and 1, got {np.unique(labels)[:5].tolist()}")
    is_case = labels.astype(bool)
    _, stratum = np.unique(strata, return_inverse=True)
    size, cases = np.bincount(stratum), np.bincount(stratum, weights=is_case).astype(np.int64)
    informative = (cases > 0) & (cases < size)
    rows = np.flatnonzero(informative[stratum])
    _, stratum = np.unique(stratum[rows], return_inverse=True)
    size, cases, is_case = size[informative], cases[informative], is_case[rows]
    # van Elteren: 1 / (N_s + 1)
    weight = np.ones(len(size)) if weighting == "equal" else np.divide(1.0, size + 1.0, dtype=np.float64)
    # labels less their stratum mean: Σ rank · centred has mean 0 under rearrangement
    centred = np.asarray(is_case - (cases / size)[stratum], dtype=np.float64)
    return StratifiedDesign(rows, stratum, is_case, centred, size, cases, weight)


def sparse_table(values: ArrayLike | sparse.spmatrix, n_rows: int) -> sparse.csr_matrix:
    """Values (n_rows, n_features), or (n_rows,), as a sparse table; raises `ValueError` for other shapes and for
    NaN.
    """
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
        # zeros all share a rank, and their labels sum to minus those of the non-zero entries
        return self.total(there * self.rank) - self.zero_rank * self.total(there)

    def powers(self, k: int) -> NDArray[np.float64]:
        """Sum of the k-th power of the ranks of each group, zeros included."""
        return self.total(self.rank**k) + self.zeros * self.zero_rank**k


def _ranked(chunk: sparse.csc_matrix, of_row: NDArray[np.int64], sizes: NDArray[np.int64]) -> _Ranks:
    feature = np.repeat(np.arange(chunk.shape[1]), np.diff(chunk.indptr))
    # one number for (feature, stratum), so that a single sort puts groups and values in order
    key = feature * len(sizes) + of_row[chunk.indices]
    order = np.lexsort((chunk.data, key))
    key, value, row = key[order], chunk.data[order], chunk.indices[order]
    new_group = np.diff(key, prepend=-1) != 0
    group = np.cumsum(new_group) - 1
    first = np.flatnonzero(new_group)
    count = np.diff(np.append(first, len(key)))
    # NaN differs from everything: the first entry always begins a tie
    new_tie = new_group | (np.diff(value, prepend=np.nan) != 0)
    tie = np.cumsum(new_tie) - 1
    tie_first = np.flatnonzero(new_tie)
    tie_last = np.append(tie_first[1:], len(key)) - 1
    # mid-rank among the non-zero entries of the group, counted from 1
    within = (tie_first + tie_last)[tie] / 2.0 - first[group] + 1.0
    feature, stratum = np.divmod(key[first], len(sizes))
    size = sizes[stratum]
    zeros = size - count
    # zeros lie between the negative and the positive entries
    negatives = np.bincount(group, weights=value < 0, minlength=len(first))
    middle = (size + 1) / 2.0
    # positive entries move up by all zeros; centred at (N + 1) / 2
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
    van Elteren 1960, Bull. Int. Stat. Inst. 37:351; Lehmann 1975, Nonparametrics, ch. 3 (variance with ties).
    """
    design = informative_strata(labels, strata, weighting)
    rows = design.is_case[None].astype(float)
    return _tested(values, len(np.asarray(labels)), design, rows, alternative)[0]


def stratified_rearranged(
    values: ArrayLike | sparse.spmatrix,
    labels: NDArray[np.integer],
    strata: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
) -> tuple[StratifiedTest, NDArray[np.float64]]:
    """The test for labels, and its p for rearrangements of them, at little more than the cost of one.

    Parameters
    ----------
    values, strata, alternative
        As in `stratified_rank_test`.
    labels
        (1 + n_draws, n): the labels, then rearrangements that leave the number of cases of every stratum as it is.

    Returns
    -------
    The test, and p of each rearrangement, (n_draws, n_features).

    Raises
    ------
    ValueError
        As `stratified_rank_test`, and where a rearrangement changes the number of cases of a stratum.
    """
    design = informative_strata(labels[0], strata, "van-elteren")
    rows = labels[:, design.rows].astype(float)
    for row in rows:
        if (np.bincount(design.stratum, weights=row) != design.cases).any():
            raise ValueError("labels: need as many cases in each stratum in every row, got other numbers")
    return _tested(values, labels.shape[1], design, rows, alternative)


def stratified_z(values: ArrayLike | sparse.spmatrix, labels: ArrayLike, strata: ArrayLike) -> NDArray[np.float64]:
    """The test's z alone, (n_features,): enough to put features in order."""
    design = informative_strata(labels, strata, "van-elteren")
    table = _informative_table(values, len(np.asarray(labels)), design)
    parts = [np.zeros(0)]
    for start in range(0, table.shape[1], FEATURES_AT_ONCE):
        chunk = table[:, start : start + FEATURES_AT_ONCE]
        statistic, variance = np.zeros((2, chunk.shape[1]))
        if chunk.nnz:
            ranks = _ranked(chunk, design.stratum, design.size)
            statistic, variance = _moments(ranks, design, chunk.shape[1])
        parts.append(np.divide(statistic, np.sqrt(variance), out=np.zeros(len(variance)), where=variance > 1e-12))
    return np.concatenate(parts)


def pooled_rank_p(values: ArrayLike | sparse.spmatrix, labels: ArrayLike) -> NDArray[np.float64]:
    """Mann-Whitney without strata, normal tails, (n_features,): what is commonly computed, kept as contrast."""
    z = stratified_z(values, labels, np.zeros(len(np.asarray(labels)), dtype=np.int64))
    return np.asarray(2 * special.ndtr(-np.abs(z)))


def _informative_table(values: ArrayLike | sparse.spmatrix, n_rows: int, design: StratifiedDesign) -> sparse.csc_matrix:
    table = sparse_table(values, n_rows)[design.rows].tocsc()
    table.eliminate_zeros()
    return table


def _tested(
    values: ArrayLike | sparse.spmatrix,
    n_rows: int,
    design: StratifiedDesign,
    labels: NDArray[np.float64],
    alternative: Alternative,
) -> tuple[StratifiedTest, NDArray[np.float64]]:
    """The test for the first row of `labels` (rows, n informative), and p of the others."""
    table = _informative_table(values, n_rows, design)
    n_features = table.shape[1]
    moments, p_floor = np.zeros((2, n_features)), np.ones(n_features)
    p = np.ones((len(labels), n_features))
    for start in range(0, n_features if len(design.rows) else 0, FEATURES_AT_ONCE):
        columns = slice(start, min(start + FEATURES_AT_ONCE, n_features))
        chunk = table[:, columns]
        if not chunk.nnz:
            continue
        ranks = _ranked(chunk, design.stratum, design.size)
        moments[:, columns] = _moments(ranks, design, chunk.shape[1])
        p[:, columns], p_floor[columns] = _tails(ranks, design, labels, chunk.shape[1], alternative)
    statistic, variance = moments
    varies = variance > 1e-12
    sd = np.sqrt(np.where(varies, variance, 1.0))
    pairs = design.pairs or 1.0
    test = StratifiedTest(
        # the centred rank sum is (U − E U); over pairs it is the distance of AUROC from ½
        auroc=0.5 + statistic / pairs,
        se=np.where(varies, sd, 0.0) / pairs,
        z=np.where(varies, statistic / sd, 0.0),
        p=p[0],
        p_floor=p_floor,
        n_case=int(design.cases.sum()),
        n_control=int((design.size - design.cases).sum()),
        n_strata=len(design.size),
    )
    return test, p[1:]


def _moments(ranks: _Ranks, design: StratifiedDesign, n_features: int) -> NDArray[np.float64]:
    """Statistic and variance under rearrangement within strata, (2, n_features)."""
    n, m = design.size.astype(float), design.cases.astype(float)
    # Var(Σ_cases r) = m (n − m) / (n (n − 1)) · Σ r², for ranks with mean 0 (ties included)
    variance = (m * (1 - m / n) / (n - 1))[ranks.stratum] * ranks.powers(2)
    w = design.weight[ranks.stratum]
    return np.stack(
        [
            np.bincount(ranks.feature, weights=part, minlength=n_features)
            for part in (w * ranks.statistic(design.centred), w**2 * variance)
        ]
    )


def _tails(
    ranks: _Ranks, design: StratifiedDesign, labels: NDArray[np.float64], n_features: int, alternative: Alternative
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P of every row of labels, (rows, n_features), and the least attainable p, (n_features,)."""
    weight = design.weight[ranks.stratum[ranks.group]]
    # ranks as differences from the zeros, so that the table stays sparse; centred labels cancel the constant
    above_zero = weight * (ranks.rank - ranks.zero_rank[ranks.group])
    scores = sparse.csc_matrix(
        (above_zero, (ranks.row, ranks.feature[ranks.group])), shape=(labels.shape[1], n_features)
    )
    centred = labels - (design.cases / design.size)[design.stratum]
    statistics = np.asarray((scores.T @ centred.T).T)
    screen = np.full(len(labels), SCREEN_REARRANGED)
    screen[0] = SCREEN
    p, floor = np.ones((len(labels), n_features)), np.ones(n_features)
    bounds = np.searchsorted(ranks.feature, np.arange(n_features + 1))
    ties = _all_ties(ranks, design)
    for f in np.flatnonzero(np.diff(bounds)):
        these = _of_groups(ties, bounds[f], bounds[f + 1])
        if len(these.cases):
            tails = rank_tails(these, np.ascontiguousarray(statistics[:, f]), exact_below=screen)
            p[:, f], floor[f] = _sided(tails, alternative)
    return p, floor


def _sided(tails: RankTails, alternative: Alternative) -> tuple[NDArray[np.float64], float]:
    if alternative == "greater":
        return tails.upper, tails.end_upper
    if alternative == "less":
        return tails.lower, tails.end_lower
    return (
        np.minimum(1.0, 2.0 * np.minimum(tails.upper, tails.lower)),
        min(1.0, 2.0 * min(tails.end_upper, tails.end_lower)),
    )


def _all_ties(ranks: _Ranks, design: StratifiedDesign) -> Ties:
    """Ties of every group; where most rows are cases the controls are counted, with scores reversed."""
    cases, size = design.cases[ranks.stratum], design.size[ranks.stratum]
    # the fewer class is counted: its subset sums are a smaller lattice, with the same tails mirrored
    flipped = 2 * cases > size
    first = np.searchsorted(ranks.group, np.arange(len(ranks.feature) + 1))
    ends, score, count = _tie_groups(
        first,
        # mid-ranks are halves: twice them are integers, exactly
        np.rint(2 * ranks.rank).astype(np.int64),
        ranks.zeros.astype(np.int64),
        np.rint(2 * ranks.zero_rank).astype(np.int64),
        flipped,
    )
    return Ties(ends, score, count, np.where(flipped, size - cases, cases), design.weight[ranks.stratum])


def _of_groups(ties: Ties, first: int, last: int) -> Ties:
    """Groups first to last that hold two scores or more."""
    width = np.diff(ties.ends[first : last + 1])
    keep = np.flatnonzero(width > 1)
    inside = np.repeat(width > 1, width)
    place = slice(ties.ends[first], ties.ends[last])
    return Ties(
        np.concatenate([[0], np.cumsum(width[keep])]).astype(np.int64),
        ties.score[place][inside],
        ties.rows[place][inside],
        ties.cases[first:last][keep],
        ties.weight[first:last][keep],
    )


@numba.njit(cache=True, nogil=True)
def _tie_groups(first, score, zeros, zero_score, flipped):
    """Distinct scores of each group in ascending order, the zeros among them, and how many rows have each."""
    out_score = np.empty(len(score) + len(zeros), dtype=np.int64)
    out_count = np.zeros(len(score) + len(zeros), dtype=np.int64)
    ends = np.zeros(len(zeros) + 1, dtype=np.int64)
    n_out = 0
    for g in range(len(zeros)):
        begin = n_out
        pending = zeros[g] > 0
        for i in range(first[g], first[g + 1]):
            if pending and score[i] > zero_score[g]:
                out_score[n_out], out_count[n_out] = zero_score[g], zeros[g]
                n_out += 1
                pending = False
            if n_out > begin and out_score[n_out - 1] == score[i]:
                out_count[n_out - 1] += 1
            else:
                out_score[n_out], out_count[n_out] = score[i], 1
                n_out += 1
        if pending:
            out_score[n_out], out_count[n_out] = zero_score[g], zeros[g]
            n_out += 1
        if flipped[g]:
            # scores ascend again after the change of sign
            out_score[begin:n_out] = -out_score[begin:n_out][::-1].copy()
            out_count[begin:n_out] = out_count[begin:n_out][::-1].copy()
        ends[g + 1] = n_out
    return ends, out_score[:n_out], out_count[:n_out]


def rank_correlation(values: ArrayLike | sparse.spmatrix, target: ArrayLike) -> NDArray[np.float64]:
    """Spearman's correlation of every column (n, n_columns), dense or sparse, with a vector (n,); 0 where one is
    constant.
    """
    centred = scipy.stats.rankdata(np.asarray(target, dtype=float))
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
        # Pearson's correlation of centred ranks
        scale = np.sqrt(ranks.powers(2) * squares)
        out[start + ranks.feature] = np.divide(
            ranks.statistic(centred), scale, out=np.zeros(len(scale)), where=scale > 1e-9
        )
    return out
