"""Covariance of sparse features with dense residuals, judged by circular shifts and studentised over blocks.

The question is whether a feature f goes together with an annotation beyond what nuisances (composition, strand, unit
of the genome) make of both. Let r be the annotation's least-squares residual on the nuisances (`additive.projected`).
It is orthogonal to everything that an additive model of them could say of f, so that Σ f r = Σ (f - f̂) r whatever f̂
is (Frisch and Waugh 1933): f needs no model of its own. With strand × unit among the nuisances, the sum of r over each
strand of each unit is 0, and with it the mean of Σ f r over all circular shifts of f within its units: a genome whose
genes lie on one strand confounds nothing.

The statistic is t = Σ S_b / √(Σ S_b²) of the sums S_b of f r over short blocks. Its null distribution comes from
circular shifts of f within units, so that the test is as exact as the rotation null whatever the shape of features and
classes (a t test over blocks is not: sums over rare classes are skewed). As t is studentised, the same test holds
approximately under the weaker null as well, that f and annotation are independent given the nuisances but r and f vary
most at the same sites (Janssen 1997; Chung and Romano 2013): a shift of residuals that is not studentised errs there
(0.25 at 0.05 for two tracks that follow GC).

Every unit is shifted by a few fixed amounts, 0 among them; the null is the product of these few over units. Under the
null the shift that was observed is one of them at random, unit by unit, so that nothing is lost in level, and little
in power, by leaving out the others (Hemerik and Goeman 2018). From the product random draws are taken; beyond the
largest of them the tail goes on as that of Student's t, scaled to meet the draws (`tail_p`).

References
----------
Frisch and Waugh 1933, Econometrica 1:387, doi:10.2307/1907330; Janssen 1997, Stat Probab Lett 36:9,
doi:10.1016/S0167-7152(97)00043-6; Chung and Romano 2013, Ann Stat 41:484, doi:10.1214/13-AOS1090; Hemerik and Goeman
2018, TEST 27:811, doi:10.1007/s11749-017-0571-1
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
import scipy
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.stats.lanes import WIDTH, add_row, add_square, add_weighted

# a power of two: scaling residuals by it is exact
_STEPS = 16_384
_FIRST, _ALL = 1_000, 20_000  # draws for every pair, and for those that few of the first exceed
_FEW = 20  # exceedances up to which all draws are taken
_ANCHOR = 10  # draws beyond the place from where Student's tail is followed


class Shifts(NamedTuple):
    """Which shifts are tried, and over which blocks sums are taken.

    Attributes
    ----------
    bounds
        Row bounds of the units that are shifted, (n_units + 1,).
    amounts
        Shifts of each unit (rows), (n_units, n_shifts); the first is 0.
    block
        Block of each row of strand +, (n_rows,), numbered from 0 within its unit.
    n_blocks
        Blocks of the unit that has most.
    """

    bounds: NDArray[np.int64]
    amounts: NDArray[np.int64]
    block: NDArray[np.int32]
    n_blocks: int

    @classmethod
    def of(cls, bounds: NDArray[np.integer], blocks: NDArray[np.integer], n_shifts: int, seed: int) -> Shifts:
        """Draw shifts of units `bounds`, (n_units + 1,), whose sums are taken over `blocks`, (n + 1,), which respect
        them.
        """
        edges = np.asarray(bounds, dtype=np.int64)
        rng, lengths = np.random.default_rng([seed, 3]), np.diff(edges)
        # drawn a row a shift: more shifts leave the first ones as they were
        amounts = rng.integers(0, lengths, size=(n_shifts, len(lengths))).T
        amounts[:, 0] = 0
        unit = np.searchsorted(edges, blocks[:-1], side="right") - 1
        # count of the block within its unit, from 0
        number = np.arange(len(unit)) - np.searchsorted(unit, unit)
        block = np.repeat(number, np.diff(blocks)).astype(np.int32)
        return cls(edges, np.ascontiguousarray(amounts), block, int(number.max(initial=0)) + 1)


def shifts_needed(n_units: int) -> int:
    """Shifts a unit that leave no grain in the null: many where units are few, as their numbers multiply."""
    return max(32, 4_096 // max(n_units, 1) ** 2)


class ShiftedTest(NamedTuple):
    """Studentised covariance of each feature (rows) with each residual (columns), and the p of a positive one."""

    t: NDArray[np.float64]
    p_upper: NDArray[np.float64]


class Residuals(NamedTuple):
    """Residuals of annotations in groups of `WIDTH` columns, (2 * n_rows, WIDTH) each, as `fixed_point`; the first `k`
    count.
    """

    groups: list[NDArray[np.int16]]
    k: int

    @property
    def nbytes(self) -> int:
        """Memory (bytes)."""
        return sum(group.nbytes for group in self.groups)


def fixed_point(residuals: NDArray[np.floating]) -> NDArray[np.int16]:
    """Residuals of masks in steps of 1/16,384, half as wide as float32: shifts are bound by memory, and t has no
    unit.
    """
    out = np.empty(residuals.shape, dtype=np.int16)
    _steps(np.ascontiguousarray(residuals).reshape(-1), out.reshape(-1))
    return out


@numba.njit(cache=True, nogil=True)
def _steps(values, out):
    for i in range(len(values)):
        out[i] = min(max(np.rint(values[i] * _STEPS), -32_768), 32_767)  # by a power of two: exact at any precision


def shifted_test(
    features: sp.csc_array, right: Residuals, shifts: Shifts, seed: int, *, threads: int = 1
) -> ShiftedTest:
    """Test every feature for covariance with every residual.

    Parameters
    ----------
    features
        Activations (levels) on the doubled axis, (2 * n_rows, n), rows of a column ascending.
    right
        Residuals, whose sum over each strand of each unit is 0 (to their steps).
    shifts
        What is tried.
    seed
        Of the draws from the product of shifts; all pairs meet the same draws, whatever else is tested with them.
    threads
        Threads over features.

    Raises
    ------
    ValueError
        Where residuals are not on the axis of the features.
    """
    rows = {2 * int(shifts.bounds[-1]), features.shape[0], *(len(g) for g in right.groups)}
    if len(rows) > 1:
        raise ValueError(f"features, right, shifts: need the same rows, got {sorted(rows)}")
    n, (n_units, n_shifts) = features.shape[1], shifts.amounts.shape
    t, p = np.zeros((n, right.k)), np.ones((n, right.k))
    picks = np.random.default_rng([seed, 4]).integers(0, n_shifts, size=(_ALL, n_units), dtype=np.int32)

    def one(j: int) -> None:
        entries = slice(features.indptr[j], features.indptr[j + 1])
        rows, data = features.indices[entries].astype(np.int64), features.data[entries].astype(np.float32)
        for g, residuals in enumerate(right.groups):
            totals, squares = _sums(rows, data, residuals, *shifts)
            # units without an active base add 0 at every shift, and no degree of freedom
            active = np.flatnonzero(squares.any(axis=(1, 2)))
            first, width = g * WIDTH, min(WIDTH, right.k - g * WIDTH)
            if len(active) == n_units:
                judged = _judged(totals, squares, picks)
            else:
                judged = _judged(totals[active], squares[active], np.ascontiguousarray(picks[:, active]))
            t[j, first : first + width], p[j, first : first + width] = (v[:width] for v in judged)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(n)))
    return ShiftedTest(t, p)


def _judged(
    totals: NDArray[np.float32], squares: NDArray[np.float32], picks: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """T and p of a group of columns, from sums of units at each shift, (n_units, n_shifts, WIDTH)."""
    if not len(totals):
        return np.zeros(WIDTH), np.ones(WIDTH)
    observed = _studentised(totals, squares, np.zeros((1, len(totals)), dtype=np.int32))[0]
    slack = 1e-5 * np.abs(observed)  # rounding of sums must not turn ties into draws that fall short
    first = _studentised(totals, squares, picks[:_FIRST])
    above = np.count_nonzero(first >= observed - slack, axis=0)
    p = (1.0 + above) / (1.0 + _FIRST)
    # the many draws are for the few pairs whose p they could change
    rare = np.flatnonzero((above <= _FEW) & (observed > 0))
    if len(rare):
        rest = _studentised(totals, squares, picks[_FIRST:])[:, rare]
        draws = np.concatenate([first[:, rare], rest])
        p[rare] = [tail_p(observed[c] - slack[c], draws[:, i], len(totals) - 1) for i, c in enumerate(rare.tolist())]
    return observed.astype(np.float64), p


def tail_p(observed: float, draws: NDArray[np.floating], df: int) -> float:
    """Upper-tail p of a statistic among draws of its null.

    Where fewer than ten draws are as large, the tail from the tenth largest draw on is that of Student's t with `df`
    degrees of freedom, on the scale on which it meets the draws there; never larger than what draws alone say, and
    never 0. Below 2 degrees of freedom draws alone count.
    """
    n = len(draws)
    by_draws = (1.0 + np.count_nonzero(draws >= observed)) / (1.0 + n)
    # the tenth largest draw
    anchor = float(np.partition(draws, n - _ANCHOR)[n - _ANCHOR])
    if df < 2 or observed <= anchor or anchor <= 0:
        return float(by_draws)
    share = _ANCHOR / (1.0 + n)
    # the quantile of Student that has the same tail lies at the anchor; beyond, both are scaled alike
    return float(scipy.stats.t.sf(observed * (scipy.stats.t.isf(share, df) / anchor), df))


@numba.njit(cache=True, nogil=True)
def _sums(rows, data, right, bounds, amounts, block, n_blocks):  # noqa: PLR0917
    """Sum and sum of squares over a unit's blocks of Σ f r, at every shift, (n_units, n_shifts, WIDTH) each."""
    n_units, n_shifts = amounts.shape
    n_rows = bounds[-1]
    totals = np.zeros((n_units, n_shifts, WIDTH), dtype=np.float32)
    squares = np.zeros((n_units, n_shifts, WIDTH), dtype=np.float32)
    sums = np.zeros((n_blocks, WIDTH), dtype=np.float32)
    ends = np.zeros((2, n_units + 1), dtype=np.int64)
    # entries of each unit on either strand
    for s in range(2):
        ends[s] = np.searchsorted(rows, bounds + s * n_rows)
    edges = np.empty(n_blocks + 1, dtype=np.int64)
    for u in range(n_units):
        start, length = bounds[u], bounds[u + 1] - bounds[u]
        if ends[0, u] == ends[0, u + 1] and ends[1, u] == ends[1, u + 1]:
            continue
        numbers = block[start : start + length]
        for b in range(n_blocks + 1):
            edges[b] = start + np.searchsorted(numbers, b)
        for j in range(n_shifts):
            sums[:] = 0
            for s in range(2):
                first, last = ends[s, u], ends[s, u + 1]
                # to rows of strand +, whose blocks are numbered
                by = amounts[u, j] - s * n_rows
                # from here on rows pass the end of the unit and come back at its beginning
                around = first + np.searchsorted(rows[first:last], start + length - by)
                # rows ascend, and so do the blocks they are shifted to: to the end of the unit, then from its beginning
                for low, high, moved in ((first, around, by), (around, last, by - length)):
                    i, b = low, 0
                    while i < high:
                        while edges[b + 1] <= rows[i] + moved:
                            b += 1
                        stop = i + np.searchsorted(rows[i:high], edges[b + 1] - moved)
                        add_weighted(sums, b, data, right, rows, moved + s * n_rows, i, stop)  # type: ignore[call-arg]
                        i = stop
            for b in range(n_blocks):
                add_row(totals[u], j, sums, b)
                add_square(squares[u], j, sums, b)
    return totals, squares


@numba.njit(cache=True, nogil=True)
def _studentised(totals, squares, picks):
    """T of each draw (rows: which shift of each unit), (n_draws, WIDTH); 0 where nothing varies."""
    out = np.zeros((len(picks), WIDTH), dtype=np.float32)
    square = np.zeros((1, WIDTH), dtype=np.float32)
    for d in range(len(picks)):
        square[:] = 0
        for u in range(len(totals)):
            add_row(out, d, totals[u], np.int64(picks[d, u]))
            add_row(square, 0, squares[u], np.int64(picks[d, u]))
        for c in range(WIDTH):
            # Σ block sums over the root of Σ squares: studentised without assuming that blocks vary alike
            out[d, c] = out[d, c] / np.sqrt(square[0, c]) if square[0, c] > 0 else np.float32(0)
    return out
