"""Additive models of categorical terms: what a sum of lookup tables (6-mers at several offsets, GC class) can explain.

A track is modelled as intercept + Σ_terms table[level of the term at the row]. Least squares by backfitting: term
after term, each level's value becomes the mean of what the other terms leave; the logistic model takes one Newton step
a level instead. A few sweeps do, since the point is to take composition out, not to be optimal.

Logistic fits are crossed: rows of fold 0 are scored by tables learnt on fold 1 and the reverse, so that a score never
knows its own label. Least-squares residuals are orthogonal to the model on the rows it was learnt on, which is what
`shifted` wants. Columns are fitted sixteen at a time, each row's columns next to each other in memory.

References
----------
Backfitting: Buja, Hastie and Tibshirani 1989, Ann Stat 17:453, doi:10.1214/aos/1176347115. Cross-fitting:
Chernozhukov et al. 2018, Econom J 21:C1, doi:10.1111/ectj.12097
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from photo51.stats.lanes import WIDTH, add_row, subtract_row


class Terms(NamedTuple):
    """Categorical terms of every row.

    Attributes
    ----------
    levels
        Level of each term at each row, (n_terms, n).
    sizes
        Number of levels of each term, (n_terms,).
    """

    levels: NDArray[np.uint16]
    sizes: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each term's levels begin in a joint table, (n_terms + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)

    def take(self, rows: NDArray[np.integer]) -> Terms:
        """The terms of some rows."""
        return Terms(np.ascontiguousarray(self.levels[:, rows]), self.sizes)


def projected(
    y: NDArray, terms: Terms, *, within: NDArray[np.integer] | None = None, sweeps: int = 3
) -> NDArray[np.float32]:
    """Least-squares residuals of tracks on an additive model of the same rows: what is orthogonal to all that it can
    say.

    For tracks that are given (annotations), not for noisy ones: a model that is learnt on the rows it explains takes
    some of the track along, about the share (levels of all terms) / (rows), and leaves no error of its own.

    Parameters
    ----------
    y
        Tracks, (n, columns).
    terms
        Terms of the n rows; the later ones are met the closest.
    within
        Group of each row, (n,): a last term, of which residuals have mean 0 in every group to rounding.
    sweeps
        Passes over all terms.

    Returns
    -------
    (n, columns).
    """
    _check(y, terms, np.zeros(len(y), dtype=np.uint8))
    counts = level_counts(terms)
    group = np.zeros(len(y), dtype=np.int64) if within is None else np.asarray(within, dtype=np.int64)
    out = np.empty(y.shape, dtype=np.float32)
    for first in range(0, y.shape[1], WIDTH):
        columns = slice(first, min(first + WIDTH, y.shape[1]))
        # columns of zeros fill up the last group
        padded = np.zeros((len(y), WIDTH), dtype=np.float32)
        padded[:, : columns.stop - first] = y[:, columns]
        project_group(padded, terms, counts, group, sweeps)
        out[:, columns] = padded[:, : columns.stop - first]
    return out


def level_counts(terms: Terms) -> NDArray[np.float32]:
    """Rows of each level of all terms, (n_levels,), as `project_group` wants them."""
    pairs = zip(terms.levels, terms.sizes.tolist(), strict=True)
    return np.concatenate([np.bincount(lv, minlength=n) for lv, n in pairs]).astype(np.float32)


def project_group(
    padded: NDArray[np.float32],
    terms: Terms,
    counts: NDArray[np.float32],
    within: NDArray[np.int64],
    sweeps: int = 3,
) -> None:
    """As `projected`, in place, of exactly `WIDTH` columns, (n, WIDTH)."""
    _project(padded, terms.levels, terms.starts, counts, within, sweeps)


def logistic_scores(
    y: NDArray[np.bool_], terms: Terms, fold: NDArray[np.integer], *, ridge: float = 0.5, sweeps: int = 6
) -> NDArray[np.float32]:
    """Log odds of being true, by an additive logistic model learnt on the other fold.

    Parameters
    ----------
    y
        Labels, (n, columns).
    terms
        Terms of the n rows.
    fold
        0 or 1 for each row, (n,); a row of any other fold is scored by the tables of fold 1 and teaches none.
    ridge
        L2 penalty of each level's value.
    sweeps
        Passes over all terms.
    """
    _check(y, terms, fold, allowed=(0, 1, 2))
    out = np.empty(y.shape, dtype=np.float32)
    fold = fold.astype(np.uint8)
    # tables are made of the rows that teach alone
    teaching = slice(None) if (fold < 2).all() else np.flatnonzero(fold < 2)
    levels = np.ascontiguousarray(terms.levels[:, teaching])
    for j in range(y.shape[1]):
        labels = np.ascontiguousarray(y[teaching, j]).astype(np.uint8)
        tables = _crossed_tables(labels, levels, terms.starts, fold[teaching], float(ridge), sweeps)
        out[:, j] = _log_odds(terms.levels, terms.starts, fold, *tables)
    return out


def deviance(y: NDArray[np.bool_], log_odds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Deviance of labels under log odds: -2 Σ log likelihood, over the first axis."""
    # −log P(label) = log(1 + e^(−s)) of a positive, log(1 + e^s) of a negative
    signed = np.where(y, -log_odds, log_odds).astype(np.float64)
    return 2 * np.logaddexp(0.0, signed).sum(axis=0)


def _check(y: NDArray, terms: Terms, fold: NDArray[np.integer], allowed: tuple[int, ...] = (0, 1)) -> None:
    n = terms.levels.shape[1]
    if y.ndim != 2 or len(y) != n or fold.shape != (n,):
        raise ValueError(f"y, fold: need {n} rows as the terms have, got {y.shape} and {fold.shape}")
    if not np.isin(fold, allowed).all():
        raise ValueError(f"fold: need values among {allowed}, got others")
    if (terms.levels.max(axis=1, initial=0) >= terms.sizes).any():
        raise ValueError("terms: need levels below their sizes")


@numba.njit(inline="always")
def _add(to, what):
    for j in range(WIDTH):  # a constant: compiled to vector instructions
        to[j] += what[j]


@numba.njit(inline="always")
def _subtract(to, what):
    for j in range(WIDTH):
        to[j] -= what[j]


@numba.njit(cache=True, nogil=True)
def _project(left, levels, starts, counts, within, sweeps):
    """In place. Groups, then terms, sweep after sweep; groups again at the end, in double precision."""
    n_terms, n = levels.shape
    sums = np.zeros((starts[-1], WIDTH), dtype=np.float32)
    _centre(left, within)
    for i in range(n):
        add_row(sums, starts[0] + levels[0, i], left, i)
    # `sums` always holds those of the term that comes next, made while the one before is taken out
    for turn in range(sweeps * n_terms):
        t, after = turn % n_terms, (turn + 1) % n_terms
        for level in range(starts[t], starts[t + 1]):
            for j in range(WIDTH):
                # mean of what is left at a level: the least-squares step of one term with the others as they are
                # (backfitting)
                sums[level, j] /= max(counts[level], np.float32(1))
        first_level, to = starts[t], starts[after]
        if after > 0:
            sums[to : starts[after + 1]] = 0
            for i in range(n):  # one pass: memory traffic is the cost
                subtract_row(left, i, sums, first_level + levels[t, i])
                add_row(sums, to + levels[after, i], left, i)
        else:
            for i in range(n):
                subtract_row(left, i, sums, first_level + levels[t, i])
            _centre(left, within)
            sums[: starts[1]] = 0
            for i in range(n):
                add_row(sums, np.int64(levels[0, i]), left, i)


@numba.njit(cache=True, nogil=True)
def _centre(left, within):
    n_groups = within.max() + 1
    sums, counts = np.zeros((n_groups, WIDTH)), np.zeros(n_groups)
    for i in range(len(left)):
        _add(sums[within[i]], left[i])
        counts[within[i]] += 1
    means = np.zeros((n_groups, WIDTH), dtype=np.float32)
    for g in range(n_groups):
        for j in range(WIDTH):
            means[g, j] = sums[g, j] / max(counts[g], 1.0)
    for i in range(len(left)):
        subtract_row(left, i, means, within[i])


@numba.njit(cache=True, nogil=True)
def _crossed_tables(y, levels, starts, fold, ridge, sweeps):
    """Intercept and tables learnt on each fold; `fold` is 0 or 1."""
    n = len(y)
    n_terms = len(starts) - 1
    tables = np.zeros((2, starts[-1]))
    base = np.zeros(2)
    rows, positives = np.zeros(2), np.zeros(2)
    for i in range(n):
        rows[fold[i]] += 1
        positives[fold[i]] += y[i]
    for f in range(2):
        # half a positive more, so that a fold without any has finite log odds
        share = (positives[f] + 0.5) / (rows[f] + 1.0)
        base[f] = np.log(share / (1 - share))
    against = np.empty(n)  # odds against, exp(-score): kept by multiplying, so that exp is taken once a level
    for i in range(n):
        against[i] = np.exp(-base[fold[i]])
    slope, curvature = np.zeros_like(tables), np.zeros_like(tables)
    factor = np.ones_like(tables)
    cells = np.empty((2, 2, 2))
    # one pass over rows a term: it takes the step of the term before, whose factors are 1 at first, and meets the next
    before = 0
    for turn in range(sweeps * n_terms):
        t = turn % n_terms
        first_before, first = starts[before], starts[t]
        slope[:, first : starts[t + 1]], curvature[:, first : starts[t + 1]] = 0, 0
        taken, levels_before, to = factor[:, first_before : starts[before + 1]], levels[before], levels[t]
        if taken.shape[1] == 2 and starts[t + 1] - first == 2:
            _meet_two((against, y, fold), levels_before, taken, to, cells)
            slope[:, first : first + 2], curvature[:, first : first + 2] = cells[0], cells[1]
        else:
            _meet((against, y, fold), levels_before, taken, to, slope[:, first:], curvature[:, first:])
        for f in range(2):
            for level in range(first, starts[t + 1]):
                # Newton for one level; rows of a term have one level each, so that levels do not meet
                step = (slope[f, level] - ridge * tables[f, level]) / (curvature[f, level] + ridge)
                step = min(max(step, -2.0), 2.0)  # Newton overshoots where p is near 0
                tables[f, level] += step
                factor[f, level] = np.exp(-step) if step != 0.0 else 1.0
        before = t
    return base, tables


@numba.njit(cache=True, nogil=True)
def _log_odds(levels, starts, fold, base, tables):
    """Each row scored by the fold that it had no part in."""
    n_terms, n = levels.shape
    out = np.empty(n, dtype=np.float32)
    for i in range(n):
        other = 1 - fold[i] if fold[i] < 2 else 1
        s = base[other]
        for t in range(n_terms):
            s += tables[other, starts[t] + levels[t, i]]
        out[i] = s
    return out


# as numpy divides, raising nothing, loops need no branch
@numba.njit(cache=True, nogil=True, error_model="numpy")
def _meet(rows, old, factor, new, slope, curvature):
    """Take the step of a term, and add the derivatives of the log likelihood at the levels of the next."""
    against, y, side = rows
    for i in range(len(against)):
        odds = against[i] * factor[side[i], old[i]]
        against[i] = odds
        # chance from odds against, e^(−score)
        p = 1.0 / (1.0 + odds)
        slope[side[i], new[i]] += y[i] - p
        curvature[side[i], new[i]] += p * (1.0 - p)


# sums in any order: in one order, additions wait for each other, as they do in `_meet`
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _meet_two(rows, old, factor, new, out):
    """As `_meet` where both terms have two levels; sums of both derivatives by fold and level, (2, 2, 2)."""
    against, y, side = rows
    a, b, c, d = factor[0, 0], factor[0, 1], factor[1, 0], factor[1, 1]
    first = first_x = first_z = first_xz = second = second_x = second_z = second_xz = 0.0
    for i in range(len(against)):
        of_0, of_1 = b if old[i] else a, d if old[i] else c
        odds = against[i] * (of_1 if side[i] else of_0)
        against[i] = odds
        p = 1.0 / (1.0 + odds)
        u, v = y[i] - p, p * (1.0 - p)
        x, z = float(new[i]), float(side[i])
        first += u
        first_x += u * x
        first_z += u * z
        first_xz += u * x * z
        second += v
        second_x += v * x
        second_z += v * z
        second_xz += v * x * z
    # level 0 and fold 0 are what the others leave
    out[0, 0, 0], out[0, 0, 1] = first - first_x - first_z + first_xz, first_x - first_xz
    out[0, 1, 0], out[0, 1, 1] = first_z - first_xz, first_xz
    out[1, 0, 0], out[1, 0, 1] = second - second_x - second_z + second_xz, second_x - second_xz
    out[1, 1, 0], out[1, 1, 1] = second_z - second_xz, second_xz
