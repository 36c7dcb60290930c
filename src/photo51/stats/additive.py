"""Additive models of categorical terms: what a sum of lookup tables (6-mers at several offsets, GC class) can explain.

A track is modelled as intercept + Σ_terms table[level of the term at the row]. Least squares by backfitting: term after
term, each level's value becomes the mean of what the other terms leave, shrunk by a pseudo-count (`ridge`); the logistic
model takes one Newton step a level instead. A few sweeps do, since the point is to take composition out, not to be optimal.

Fits are crossed: rows of fold 0 are explained by tables learnt on fold 1 and the reverse, so that a residual never contains
its own noise. Columns are fitted sixteen at a time, each row's columns next to each other in memory.

References
----------
Backfitting: Buja, Hastie and Tibshirani 1989, Ann Stat 17:453, doi:10.1214/aos/1176347115. Cross-fitting: Chernozhukov et
al. 2018, Econom J 21:C1, doi:10.1111/ectj.12097
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

WIDTH = 16
"""Columns fitted at a time: one cache line of float32."""


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


def residuals(
    y: NDArray, terms: Terms, fold: NDArray[np.integer], *, ridge: float = 5.0, sweeps: int = 2
) -> NDArray[np.float32]:
    """What an additive model, learnt on the other fold, does not explain.

    Parameters
    ----------
    y
        Tracks, (n, columns).
    terms
        Terms of the n rows.
    fold
        0 or 1 for each row, (n,).
    ridge
        Pseudo-count that shrinks each level's value to 0 (rows).
    sweeps
        Passes over all terms.

    Returns
    -------
    (n, columns), mean about 0 in each fold.
    """
    _check(y, terms, fold)
    out = np.empty(y.shape if y.shape[1] > WIDTH else (0, 0), dtype=np.float32)
    fold = fold.astype(np.uint8)
    for first in range(0, y.shape[1], WIDTH):
        some = slice(first, min(first + WIDTH, y.shape[1]))
        padded = np.zeros((len(y), WIDTH), dtype=np.float32)
        padded[:, : some.stop - first] = y[:, some]
        _crossed_residuals(padded, terms.levels, terms.starts, fold, float(ridge), sweeps)
        if y.shape[1] <= WIDTH:
            return padded[:, : some.stop]
        out[:, some] = padded[:, : some.stop - first]
    return out


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
    _check(y, terms, fold, known=(0, 1, 2))
    out = np.empty(y.shape, dtype=np.float32)
    fold = fold.astype(np.uint8)
    for j in range(y.shape[1]):
        out[:, j] = _crossed_log_odds(
            np.ascontiguousarray(y[:, j]).astype(np.uint8),
            terms.levels,
            terms.starts,
            fold,
            float(ridge),
            sweeps,
        )
    return out


def deviance(y: NDArray[np.bool_], log_odds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Deviance of labels under log odds: -2 Σ log likelihood, over the first axis."""
    signed = np.where(y, -log_odds, log_odds).astype(np.float64)
    return 2 * np.logaddexp(0.0, signed).sum(axis=0)


def _check(y: NDArray, terms: Terms, fold: NDArray[np.integer], known: tuple[int, ...] = (0, 1)) -> None:
    n = terms.levels.shape[1]
    if y.ndim != 2 or len(y) != n or fold.shape != (n,):
        raise ValueError(f"y, fold: need {n} rows as the terms have, got {y.shape} and {fold.shape}")
    if not np.isin(fold, known).all():
        raise ValueError(f"fold: need values among {known}, got others")
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
def _crossed_residuals(left, levels, starts, fold, ridge, sweeps):
    """In place: tracks become their residuals. On the way each row holds its residual under the model it teaches."""
    n = len(left)
    n_terms = len(starts) - 1
    tables = np.zeros((2, starts[-1], WIDTH), dtype=np.float32)
    counts = np.zeros((2, starts[-1]))
    means = np.zeros((2, WIDTH))
    rows = np.zeros(2)
    for i in range(n):
        rows[fold[i]] += 1
        for t in range(n_terms):
            counts[fold[i], starts[t] + levels[t, i]] += 1
        for j in range(WIDTH):
            means[fold[i], j] += left[i, j]
    for f in range(2):
        means[f] /= max(rows[f], 1.0)
    for i in range(n):
        for j in range(WIDTH):
            left[i, j] -= means[fold[i], j]
    sums = np.zeros_like(tables)
    step = np.zeros_like(tables)
    for i in range(n):
        _add(sums[fold[i], starts[0] + levels[0, i]], left[i])
    for turn in range(sweeps * n_terms):
        t, after = turn % n_terms, (turn + 1) % n_terms
        for f in range(2):
            for at in range(starts[t], starts[t + 1]):
                c = counts[f, at]
                for j in range(WIDTH):
                    new = (sums[f, at, j] + c * tables[f, at, j]) / (c + ridge)
                    step[f, at, j] = new - tables[f, at, j]
                    tables[f, at, j] = new
        sums[:, starts[after] : starts[after + 1]] = 0
        for i in range(n):  # one pass: memory traffic is the cost
            f = fold[i]
            _subtract(left[i], step[f, starts[t] + levels[t, i]])
            _add(sums[f, starts[after] + levels[after, i]], left[i])
    for i in range(n):  # from the model a row teaches to the other one
        own, other = fold[i], 1 - fold[i]
        for j in range(WIDTH):
            left[i, j] += means[own, j] - means[other, j]
        for t in range(n_terms):
            at = starts[t] + levels[t, i]
            _add(left[i], tables[own, at])
            _subtract(left[i], tables[other, at])


@numba.njit(cache=True, nogil=True)
def _crossed_log_odds(y, levels, starts, fold, ridge, sweeps):
    n = len(y)
    n_terms = len(starts) - 1
    tables = np.zeros((2, starts[-1]))
    base = np.zeros(2)
    rows, positives = np.zeros(2), np.zeros(2)
    for i in range(n):
        if fold[i] < 2:
            rows[fold[i]] += 1
            positives[fold[i]] += y[i]
    for f in range(2):
        share = (positives[f] + 0.5) / (rows[f] + 1.0)
        base[f] = np.log(share / (1 - share))
    against = np.empty(n)  # odds against, exp(-score): kept by multiplying, so that exp is taken once a level
    for i in range(n):
        against[i] = np.exp(-base[fold[i]]) if fold[i] < 2 else 1.0
    slope, curvature = np.zeros_like(tables), np.zeros_like(tables)
    factor = np.ones_like(tables)
    for _ in range(sweeps):
        for t in range(n_terms):
            slope[:, starts[t] : starts[t + 1]] = 0
            curvature[:, starts[t] : starts[t + 1]] = 0
            for i in range(n):
                if fold[i] < 2:
                    at = starts[t] + levels[t, i]
                    p = 1.0 / (1.0 + against[i])
                    slope[fold[i], at] += y[i] - p
                    curvature[fold[i], at] += p * (1 - p)
            for f in range(2):
                for at in range(starts[t], starts[t + 1]):
                    step = (slope[f, at] - ridge * tables[f, at]) / (curvature[f, at] + ridge)
                    step = min(max(step, -2.0), 2.0)  # Newton overshoots where p is near 0
                    tables[f, at] += step
                    factor[f, at] = np.exp(-step) if step != 0.0 else 1.0
            for i in range(n):
                if fold[i] < 2:
                    against[i] *= factor[fold[i], starts[t] + levels[t, i]]
    out = np.empty(n, dtype=np.float32)
    for i in range(n):
        other = 1 - fold[i] if fold[i] < 2 else 1
        s = base[other]
        for t in range(n_terms):
            s += tables[other, starts[t] + levels[t, i]]
        out[i] = s
    return out
