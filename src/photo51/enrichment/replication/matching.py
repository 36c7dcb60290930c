"""Which feature of another dictionary is the same feature: correlation of codes, base by base."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.types import STRANDS

_COLUMNS = 4_096  # features at once: the table of correlations is 4,096 × all


class Matches(NamedTuple):
    """For each feature, (n,) each.

    Attributes
    ----------
    other
        The feature of the other dictionary it is most correlated with; -1 where it is correlated with none.
    r
        Pearson's correlation; 0 where there is none.
    mutual
        Whether the other feature's most correlated one is this one.
    """

    other: NDArray[np.int64]
    r: NDArray[np.float64]
    mutual: NDArray[np.bool_]


def matches(one: CodesStore, two: CodesStore) -> Matches:
    """Match features of two dictionaries on all rows, both strands.

    All, since a feature of something that the held-out blocks lack would have no match there; that both dictionaries
    may have memorised the same repeat is not for this number to tell (`windows.repeat_share` does).
    """
    a, b = _codes(one), _codes(two)
    n, m = a.shape[1], b.shape[1]
    best, r = np.full(n, -1, dtype=np.int64), np.zeros(n)
    back, back_r = np.full(m, -1, dtype=np.int64), np.zeros(m)
    for first in range(0, n, _COLUMNS):
        chunk = slice(first, min(first + _COLUMNS, n))
        table = correlations(a[:, chunk], b)
        best[chunk], r[chunk] = table.argmax(axis=1), table.max(axis=1)
        # best so far of each feature of the other dictionary, over chunks
        better = table.max(axis=0) > back_r
        back[better] = first + table.argmax(axis=0)[better]
        back_r[better] = table.max(axis=0)[better]
    best[r <= 0] = -1
    return Matches(best, r, (best >= 0) & (back[best] == np.arange(n)))


def correlations(a: sp.csr_matrix, b: sp.csr_matrix) -> NDArray[np.float64]:
    """Pearson's correlation of every column of `a` with every column of `b`; 0 where one does not vary."""
    n = a.shape[0]
    a, b = sp.csr_matrix(a), sp.csr_matrix(b)
    product = np.zeros((a.shape[1], b.shape[1]))
    _products(a.indptr, a.indices, a.data, b.indptr, b.indices, b.data, product)
    (mean_a, sd_a), (mean_b, sd_b) = _moments(a), _moments(b)
    below = np.outer(sd_a, sd_b)
    # covariance of sparse columns from sums alone: E[ab] − E[a] E[b]
    covariance = product / n - np.outer(mean_a, mean_b)
    return np.divide(covariance, below, out=np.zeros_like(below), where=below > 0)


def _codes(store: CodesStore) -> sp.csr_matrix:
    return sp.vstack([store.matrix(s) for s in STRANDS], format="csr")


def _moments(m: sp.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, columns = m.shape
    mean = np.bincount(m.indices, m.data, columns) / n
    square = np.bincount(m.indices, m.data.astype(np.float64) ** 2, columns) / n
    # rounding may leave a variance just below 0
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


@numba.njit(cache=True, nogil=True)
def _products(ap, ai, ax, bp, bi, bx, out):  # noqa: PLR0917
    for row in range(len(ap) - 1):
        for i in range(ap[row], ap[row + 1]):
            # only rows in which both fire add to Σ ab
            for j in range(bp[row], bp[row + 1]):
                out[ai[i], bi[j]] += np.float64(ax[i]) * bx[j]
