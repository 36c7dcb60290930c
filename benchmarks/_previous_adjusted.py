"""The adjusted test before it was made of circular shifts: the baseline that `enrich_vs_previous` is measured against.

Additive models of GC (one window of 2 kb) and of 6-mers, crossed between two folds, of masks and of features; the covariance of
residuals by a t test over blocks of both strands. Strand confounds it, and rare classes skew it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.enrichment.annotations.composition import GC_CLASSES, OFFSETS, K, earlier, gc_classes, kmer_codes, local_gc
from photo51.stats.additive import Terms, _add, _check, _subtract
from photo51.stats.covariance import alternate, even_blocks
from photo51.stats.lanes import WIDTH
from photo51.stats.resampling import BlockT, block_t

FEATURE_TERMS = (0, 1, 7)


def previous_terms(bases: NDArray[np.integer], bounds: NDArray[np.integer]) -> Terms:
    """GC class and 6-mers of every row of the doubled axis."""
    kmers = kmer_codes(bases, bounds)
    gc = np.tile(gc_classes(local_gc(bases, bounds)), 2)
    levels = [gc, *(earlier(kmers, bounds, by, 4**K) for by in range(OFFSETS))]
    return Terms(np.stack(levels), np.array([GC_CLASSES + 1, *[4**K + 1] * OFFSETS], dtype=np.int64))


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


class Fit(NamedTuple):
    """Models of m tracks, one a fold.

    Attributes
    ----------
    means
        (2, m).
    tables
        Value of every level of every term, (2, n_levels, m).
    """

    means: NDArray[np.float64]
    tables: NDArray[np.float32]


class LevelModel:
    """Additive models of sparse tracks over fixed terms.

    Parameters
    ----------
    terms
        Terms of the n rows of the doubled axis.
    fold
        0 or 1 for each row, (n,).
    ridge
        Pseudo-count that shrinks each level's value to 0 (rows).
    sweeps
        Passes over all terms.
    """

    def __init__(self, terms: Terms, fold: NDArray[np.integer], *, ridge: float = 5.0, sweeps: int = 2):
        n_terms, n = terms.levels.shape
        self.starts, self.ridge, self.sweeps = terms.starts, ridge, sweeps
        columns = (terms.levels.T + terms.starts[:-1]).astype(np.int32)
        bounds = np.arange(0, n_terms * n + 1, n_terms)
        ones = np.ones(n_terms * n, dtype=np.float32)
        self.levels = sp.csr_array((ones, columns.ravel(), bounds), shape=(n, int(terms.starts[-1])))
        self.rows = [np.flatnonzero(fold == f) for f in (0, 1)]
        parts = [self.levels[rows] for rows in self.rows]
        self._by_level = [part.T.tocsr() for part in parts]
        self._meet = [by_level @ part for by_level, part in zip(self._by_level, parts, strict=True)]
        self._counts = [np.asarray(m.diagonal()) for m in self._meet]

    def fit(self, tracks: sp.csr_array) -> Fit:
        """Fit both folds of sparse tracks, (n, m)."""
        m = tracks.shape[1]
        means = np.zeros((2, m))
        tables = np.zeros((2, int(self.starts[-1]), m), dtype=np.float32)
        for f, rows in enumerate(self.rows):
            own = tracks[rows]
            means[f] = np.asarray(own.sum(axis=0)).ravel() / max(len(rows), 1)
            sums = (self._by_level[f] @ own).toarray().astype(np.float32)
            sums -= np.outer(self._counts[f], means[f]).astype(np.float32)
            for _ in range(self.sweeps):
                for a, b in pairwise(self.starts.tolist()):
                    count = self._counts[f][a:b, None]
                    left = sums[a:b] - self._meet[f][a:b] @ tables[f] + count * tables[f, a:b]
                    tables[f, a:b] = left / (count + self.ridge)
        return Fit(means, tables)

    def covariance_test(
        self,
        tracks: sp.csr_array,
        right: NDArray[np.floating],
        bounds: NDArray[np.integer],
        fold: NDArray[np.integer],
    ) -> BlockT:
        """Test whether residuals of sparse tracks vary with given residuals; shape (m, columns of `right`).

        Parameters
        ----------
        tracks
            (2 * n_rows, m).
        right
            Residuals, (2 * n_rows, k).
        bounds
            Row bounds of the blocks, (n_blocks + 1,), from 0 to n_rows; no block is cut by a fold.
        fold
            As given to the model.
        """
        found, n = self.fit(tracks), int(bounds[-1])
        sums = np.zeros((len(bounds) - 1, tracks.shape[1], right.shape[1]))
        for b, (start, stop) in enumerate(pairwise(np.asarray(bounds).tolist())):
            other = 1 - int(fold[start])
            for first in (start, n + start):
                here = slice(first, first + stop - start)
                r = right[here].astype(np.float32)
                by_level = self.levels[here].T @ r
                sums[b] += tracks[here].T @ r
                sums[b] -= np.outer(found.means[other], r.sum(axis=0, dtype=np.float64))
                sums[b] -= found.tables[other].T @ by_level
        return block_t(sums)


def previous_test(
    bases: NDArray[np.uint8], features: sp.csc_array, masks: NDArray[np.bool_], block: int
) -> NDArray[np.float64]:
    """Upper-tail p of every feature (rows) with every mask (columns of (2 * n, k))."""
    whole = np.array([0, len(bases)])
    blocks = even_blocks(whole, block)
    terms, fold = previous_terms(bases, whole), alternate(blocks)
    some = np.array(FEATURE_TERMS)
    model = LevelModel(Terms(terms.levels[some], terms.sizes[some]), fold)
    right = residuals(masks.astype(np.float32), terms, fold)
    return model.covariance_test(sp.csr_array(features), right, blocks, fold).p_upper
