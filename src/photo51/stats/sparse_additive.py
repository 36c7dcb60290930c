"""Additive models of many sparse tracks at once, and their covariance with dense residuals, without dense tracks.

The model is that of `additive` (a table a term, backfitting, crossed between two folds). A sparse track enters it by its sums
over levels alone, and what one term leaves for another follows from how often two levels meet; so tables are fitted level by
level, and rows are never visited. The covariance of a track's residual with another one is then, block by block,

    Σ (f - f̂) r = Σ f r - mean Σ r - Σ_level table[level] Σ_{rows of that level} r,

three products of small matrices. For a dictionary's features this is about thirty times cheaper than residuals of every row.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.stats.additive import Terms
from photo51.stats.resampling import BlockT, block_t


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
