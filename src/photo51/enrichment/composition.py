"""What a reader of composition alone would see: GC and the 6-mers up to the base, in reading direction.

The model is causal, so at a base it has read that base and what comes before it. The k-mer model is given the same context:
6-mers that end at the base and at each of the eleven before it (17 bases in all), and the GC of the 2 kb around.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photo51.stats.additive import Terms

K = 6
OFFSETS = 12
GC_WINDOW = 2_000
GC_CLASSES = 50


def kmer_codes(bases: NDArray[np.integer], bounds: NDArray[np.integer], k: int = K) -> NDArray[np.uint16]:
    """The k-mer that ends at each base in reading direction, on the doubled axis, (2 * n_rows,).

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    bounds
        Row bounds of contiguous stretches, (n_stretches + 1,): k-mers do not cross them.

    Returns
    -------
    Base-4 numbers, the last base read in the lowest digit; 4**k where the k-mer is not known.
    """
    if 4**k >= 2**16:
        raise ValueError(f"k: need at most 7, got {k}")
    out = np.full((2, len(bases)), 4**k, dtype=np.uint16)
    for a, b in pairwise(np.asarray(bounds).tolist()):
        stretch = np.asarray(bases[a:b])
        out[0, a:b] = _codes(stretch, k)
        out[1, a:b] = _codes(np.where(stretch < 4, 3 - stretch, 4)[::-1], k)[::-1]
    return out.ravel()


def _codes(bases: NDArray[np.integer], k: int) -> NDArray[np.uint16]:
    n = len(bases)
    code = np.full(n, 4**k, dtype=np.int64)
    if n >= k:
        total, known = np.zeros(n - k + 1, dtype=np.int64), np.ones(n - k + 1, dtype=bool)
        for j in range(k):
            here = bases[j : n - k + 1 + j].astype(np.int64)
            total = total * 4 + np.minimum(here, 3)
            known &= here < 4
        code[k - 1 :] = np.where(known, total, 4**k)
    return code.astype(np.uint16)


def earlier(
    values: NDArray[np.uint16], bounds: NDArray[np.integer], by: int, missing: int
) -> NDArray[np.uint16]:
    """Doubled-axis values `by` bases before each base in reading direction; `missing` where that leaves the stretch."""
    out = np.full(len(values), missing, dtype=np.uint16)
    n = len(values) // 2
    for a, b in pairwise(np.asarray(bounds).tolist()):
        if b - a > by:
            out[a + by : b] = values[a : b - by]
            out[n + a : n + b - by] = values[n + a + by : n + b]
    return out


def local_gc(
    bases: NDArray[np.integer], bounds: NDArray[np.integer], window: int = GC_WINDOW
) -> NDArray[np.float64]:
    """GC content of the `window` bases around each base, within its stretch, (n_rows,); NaN where none is known."""
    out = np.full(len(bases), np.nan)
    for a, b in pairwise(np.asarray(bounds).tolist()):
        stretch = np.asarray(bases[a:b])
        gc = np.concatenate([[0], np.cumsum((stretch == 1) | (stretch == 2))])
        known = np.concatenate([[0], np.cumsum(stretch < 4)])
        at = np.arange(b - a)
        low, high = np.maximum(at - window // 2, 0), np.minimum(at + window // 2 + 1, b - a)
        with np.errstate(invalid="ignore"):
            out[a:b] = (gc[high] - gc[low]) / (known[high] - known[low])
    return out


def gc_classes(gc: NDArray[np.float64], n: int = GC_CLASSES) -> NDArray[np.uint16]:
    """Quantile class of each base's GC, 0..n-1, and n where it is not known."""
    known = ~np.isnan(gc)
    out = np.full(len(gc), n, dtype=np.uint16)
    if known.any():
        edges = np.quantile(gc[known], np.arange(1, n) / n)
        out[known] = np.searchsorted(edges, gc[known], side="right")
    return out


def composition_terms(
    bases: NDArray[np.integer], bounds: NDArray[np.integer], *, offsets: int = OFFSETS
) -> Terms:
    """GC class and 6-mers of every row of the doubled axis, as terms of an additive model.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    bounds
        Row bounds of contiguous stretches.
    offsets
        How many 6-mers: those that end 0 … offsets-1 bases before.
    """
    kmers = kmer_codes(bases, bounds)
    gc = np.tile(gc_classes(local_gc(bases, bounds)), 2)
    levels = [gc, *(earlier(kmers, bounds, by, 4**K) for by in range(offsets))]
    return Terms(np.stack(levels), np.array([GC_CLASSES + 1, *[4**K + 1] * offsets], dtype=np.int64))
