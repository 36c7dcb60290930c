"""The strongest places of a feature and the sequence there, read as the feature read it."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.enrichment.annotations.leaks import canonical_kmers


class Peaks(NamedTuple):
    """Peaks of a feature, strongest first.

    Attributes
    ----------
    rows
        Doubled-axis rows, (n,).
    values
        Activations there, (n,).
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float32]


def strongest_rows(
    rows: NDArray[np.integer], values: NDArray[np.floating], n_rows: int, *, count: int, apart: int
) -> Peaks:
    """The strongest active rows of a column, at least `apart` bases from each stronger one of the same strand.

    Ties go to the lower row.
    """
    # descending values; of equal ones the lower row
    order = np.lexsort([rows, -values])
    keep = _spaced(rows[order].astype(np.int64), n_rows, count, apart)
    return Peaks(rows[order][keep].astype(np.int64), values[order][keep].astype(np.float32))


@numba.njit(cache=True, nogil=True)
def _spaced(rows, n_rows, count, apart):
    taken = np.empty(count, dtype=np.int64)
    keep = np.empty(count, dtype=np.int64)
    n = 0
    for i in range(len(rows)):
        if n == count:
            break
        near = False
        for j in range(n):
            # strands lie in the two halves of the axis
            same_strand = (rows[i] >= n_rows) == (rows[taken[j]] >= n_rows)
            if same_strand and abs(rows[i] - rows[taken[j]]) < apart:
                near = True
                break
        if not near:
            taken[n], keep[n] = i, i
            n += 1
    return keep[:n]


def sequences(
    bases: NDArray[np.integer],
    segments: NDArray[np.integer],
    rows: NDArray[np.integer],
    upstream: int,
    downstream: int,
) -> NDArray[np.uint8]:
    """Bases around doubled-axis rows in reading direction, (n, upstream + 1 + downstream); 4 outside the segment.

    Strand - is reverse-complemented: column `upstream` is the base at the row as the code's strand reads it.
    """
    n_rows = len(bases)
    rows = np.asarray(rows, dtype=np.int64)
    strand = rows >= n_rows
    place = rows - strand * n_rows
    # on strand − upstream is to the right
    steps = np.where(strand, -1, 1)[:, None] * np.arange(-upstream, downstream + 1)
    places = place[:, None] + steps
    segment = np.searchsorted(segments, place, side="right") - 1
    low, high = np.asarray(segments)[segment][:, None], np.asarray(segments)[segment + 1][:, None]
    inside = (places >= low) & (places < high)
    letters = np.asarray(bases)[np.clip(places, 0, n_rows - 1)]
    # complement of a known base: 3 − code
    read = np.where(strand[:, None] & (letters < 4), 3 - letters, letters)
    # outside the segment nothing is known, even where bases of another follow in the rows
    return np.where(inside, read, 4).astype(np.uint8)


def distinct(windows: NDArray[np.uint8], same: float) -> NDArray[np.int64]:
    """Windows that agree with no earlier kept one at a share `same` of columns: indices of those kept, in order.

    A motif that is one copied repeat has one independent occurrence, however often the genome holds it.
    """
    return _distinct(windows, int(np.ceil(same * windows.shape[1])))


@numba.njit(cache=True, nogil=True)
def _distinct(windows, min_agree):
    keep = np.empty(len(windows), dtype=np.int64)
    n = 0
    for i in range(len(windows)):
        copy = False
        for j in range(n):
            agree = 0
            for k in range(windows.shape[1]):
                agree += windows[i, k] == windows[keep[j], k]
            if agree >= min_agree:
                copy = True
                break
        if not copy:
            keep[n] = i
            n += 1
    return keep[:n]


def repeat_share(windows: NDArray[np.uint8], k: int, share: float) -> float:
    """Share of windows that are copies: at least `share` of their k-mers, on either strand, occur in one other window.

    0 for fewer than two windows.
    """
    if len(windows) < 2 or windows.shape[1] < k:
        return 0.0
    kmers, unambiguous = canonical_kmers(windows, k)
    _, kmer = np.unique(kmers[unambiguous], return_inverse=True)
    owner = np.repeat(np.arange(len(windows)), unambiguous.sum(axis=1))
    # (windows, k-mers)
    shape = (len(windows), int(kmer.max(initial=0)) + 1)
    kmers_of = sp.csr_array((np.ones(len(kmer)), (owner, kmer)), shape=shape)
    kmers_of.data[:] = 1  # what occurs twice in a window was summed
    # distinct k-mers in common; the diagonal is how many each window has
    shared = (kmers_of @ kmers_of.T).toarray()
    sizes = shared.diagonal().copy()
    np.fill_diagonal(shared, 0)
    # of some one other window, not of all together
    return float(np.mean((sizes > 0) & (shared.max(axis=1) >= share * np.maximum(sizes, 1))))
