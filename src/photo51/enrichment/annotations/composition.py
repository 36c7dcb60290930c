"""What a reader of composition alone would see: GC and skews at several scales, and the 6-mers up to the base.

The model is causal, so at a base it has read that base and what comes before it. The k-mer model is given the same
context: 6-mers that end at the base and at each of the eleven before it (17 bases in all). Around the base it is given
GC, GC skew and AT skew of windows of 150 to 6,000 bases, and the GC before and behind the base together: intervals
placed by the GC of their own bases are told by no single window, as a base near their edge has another one around it.
All in reading direction: on strand - skews have the other sign, and before is behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from photo51.stats.additive import Terms

K = 6
OFFSETS = 12  # k-mers: with the last one 17 bases are covered
GC_WINDOW = 2_000
GC_CLASSES = 50  # classes of about equal numbers of rows
SCALES = (150, 500, 2_000, 6_000)
"""Windows of GC and skews (bases)."""
HALF_CLASSES = 16  # coarser, as two sides make 16 × 16 classes
ROWS_PER_LEVEL = 20
"""Rows a level of the k-mers has at least on average; where there are fewer, shorter k-mers are counted."""


def kmer_codes(bases: NDArray[np.integer], bounds: NDArray[np.integer], k: int = K) -> NDArray[np.uint16]:
    """The k-mer that ends at each base in reading direction, on the doubled axis, (2 * n_rows,).

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    bounds
        Row bounds of contiguous segments, (n_segments + 1,): k-mers do not cross them.

    Returns
    -------
    Base-4 numbers, the last base read in the lowest digit; 4**k where the k-mer is not known.
    """
    if 4**k >= 2**16:
        raise ValueError(f"k: need at most 7, got {k}")
    out = np.full((2, len(bases)), 4**k, dtype=np.uint16)
    for a, b in pairwise(np.asarray(bounds).tolist()):
        segment = np.asarray(bases[a:b])
        out[0, a:b] = _codes(segment, k)
        # strand −: complement (3 − code) read backwards, then put back into forward rows
        out[1, a:b] = _codes(np.where(segment < 4, 3 - segment, 4)[::-1], k)[::-1]
    return out.ravel()


def _codes(bases: NDArray[np.integer], k: int) -> NDArray[np.uint16]:
    n = len(bases)
    code = np.full(n, 4**k, dtype=np.int64)
    if n >= k:
        total, unambiguous = np.zeros(n - k + 1, dtype=np.int64), np.ones(n - k + 1, dtype=bool)
        for j in range(k):
            letter = bases[j : n - k + 1 + j].astype(np.int64)
            # Horner; an unknown letter is any number here, as its k-mers are set to 4**k below
            total = total * 4 + np.minimum(letter, 3)
            unambiguous &= letter < 4
        # a k-mer stands at its last base; the first k − 1 bases have none
        code[k - 1 :] = np.where(unambiguous, total, 4**k)
    return code.astype(np.uint16)


def earlier(values: NDArray[np.uint16], bounds: NDArray[np.integer], by: int, missing: int) -> NDArray[np.uint16]:
    """Doubled-axis values `by` bases before each base in reading direction; `missing` where that leaves the segment."""
    out = np.full(len(values), missing, dtype=np.uint16)
    n = len(values) // 2
    for a, b in pairwise(np.asarray(bounds).tolist()):
        if b - a > by:
            # earlier in reading direction is to the left on strand +, to the right on strand −
            out[a + by : b] = values[a : b - by]
            out[n + a : n + b - by] = values[n + a + by : n + b]
    return out


def local_gc(bases: NDArray[np.integer], bounds: NDArray[np.integer], window: int = GC_WINDOW) -> NDArray[np.float64]:
    """GC content of the `window` bases around each base, within its segment, (n_rows,); NaN where none is known."""
    out = np.full(len(bases), np.nan)
    for a, b in pairwise(np.asarray(bounds).tolist()):
        segment = np.asarray(bases[a:b])
        # prefix sums: a window is a difference of two, whatever its size
        gc = np.concatenate([[0], np.cumsum((segment == 1) | (segment == 2))])
        n_known = np.concatenate([[0], np.cumsum(segment < 4)])
        places = np.arange(b - a)
        # windows are cut at the ends of the segment, not moved
        low, high = np.maximum(places - window // 2, 0), np.minimum(places + window // 2 + 1, b - a)
        with np.errstate(invalid="ignore"):
            out[a:b] = (gc[high] - gc[low]) / (n_known[high] - n_known[low])
    return out


def gc_classes(gc: NDArray[np.float64], n: int = GC_CLASSES) -> NDArray[np.uint16]:
    """Quantile class of each base's GC, 0..n-1, and n where it is not known."""
    out = np.full(len(gc), n, dtype=np.uint16)
    finite = gc[~np.isnan(gc)]
    if len(finite):
        _classify(gc, np.quantile(finite, np.arange(1, n) / n), out)
    return out


@numba.njit(cache=True, nogil=True)
def _classify(values, edges, out):
    """Number of edges at or below each value; what is no number keeps its class."""
    for i in range(len(values)):
        if not np.isnan(values[i]):
            low, high = 0, len(edges)
            while low < high:
                middle = (low + high) // 2
                if edges[middle] <= values[i]:
                    low = middle + 1
                else:
                    high = middle
            out[i] = low


class Content(NamedTuple):
    """Composition of a window around each row of the doubled axis, (2 * n_rows,) each; NaN where nothing is known.

    Attributes
    ----------
    gc
        Share of G and C.
    gc_skew, at_skew
        (G - C) / (G + C) and (A - T) / (A + T) as the row's strand reads them; 0 where there are none.
    """

    gc: NDArray[np.float64]
    gc_skew: NDArray[np.float64]
    at_skew: NDArray[np.float64]


def content(bases: NDArray[np.integer], bounds: NDArray[np.integer], before: int, behind: int) -> Content:
    """Composition of the bases from `before` bases before each row to `behind` bases behind it, in reading direction.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    bounds
        Row bounds of contiguous segments, which windows do not leave.
    """
    out = np.empty((3, 2 * len(bases)))
    _content(np.asarray(bases, dtype=np.uint8), np.asarray(bounds, dtype=np.int64), before, behind, out)
    return Content(*out)


@numba.njit(cache=True, nogil=True)
def _content(bases, bounds, before, behind, out):
    n = len(bases)
    for s in range(len(bounds) - 1):
        a, length = bounds[s], bounds[s + 1] - bounds[s]
        total = np.zeros((length + 1, 4), dtype=np.int64)  # of each base among the first i of the segment
        for i in range(length):
            total[i + 1] = total[i]
            if bases[a + i] < 4:
                total[i + 1, bases[a + i]] += 1
        for strand in range(2):
            # reading backwards, what comes before lies to the right
            left, right = (before, behind) if strand == 0 else (behind, before)
            for i in range(length):
                low, high = max(i - left, 0), min(i + right + 1, length)
                # on the reverse strand base c is read as its complement, 3 - c
                first, last = (0, 3) if strand == 0 else (3, 0)
                adenine, thymine = total[high, first] - total[low, first], total[high, last] - total[low, last]
                first, last = (1, 2) if strand == 0 else (2, 1)
                cytosine, guanine = total[high, first] - total[low, first], total[high, last] - total[low, last]
                strong, weak, row = guanine + cytosine, adenine + thymine, strand * n + a + i
                if strong + weak > 0:
                    out[0, row] = strong / (strong + weak)
                    out[1, row] = (guanine - cytosine) / max(strong, 1)
                    out[2, row] = (adenine - thymine) / max(weak, 1)
                else:
                    out[:, row] = np.nan


def window_terms(
    bases: NDArray[np.integer], bounds: NDArray[np.integer], scales: Sequence[int] = SCALES
) -> list[tuple[NDArray[np.uint16], int]]:
    """Levels and their number: at each scale GC, both skews, and GC before and behind the base together."""
    out = []
    for scale in scales:
        half = scale // 2
        out += [(gc_classes(values), GC_CLASSES + 1) for values in content(bases, bounds, half, half)]
        sides = [
            gc_classes(content(bases, bounds, before, behind).gc, HALF_CLASSES).astype(np.int64)
            # −1 leaves the base itself out of the side
            for before, behind in ((half, -1), (-1, half))
        ]
        # both sides as one number; + 1 for the class of what is not known
        joint = sides[0] * (HALF_CLASSES + 1) + sides[1]
        out.append((joint.astype(np.uint16), (HALF_CLASSES + 1) ** 2))
    return out


def kmer_length(n_rows: int, offsets: int = OFFSETS) -> int:
    """Longest k up to 6 whose levels at all offsets have `ROWS_PER_LEVEL` rows of the doubled axis each, at least 2."""
    return next((k for k in range(K, 2, -1) if offsets * 4**k * ROWS_PER_LEVEL <= 2 * n_rows), 2)


def composition_terms(
    bases: NDArray[np.integer], bounds: NDArray[np.integer], *, offsets: int = OFFSETS, k: int = K
) -> Terms:
    """k-mers, GC and skews of every row of the doubled axis, as terms of an additive model.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    bounds
        Row bounds of contiguous segments.
    offsets
        How many k-mers: those that end 0 … offsets-1 bases before.
    k
        Their length.
    """
    kmers = kmer_codes(bases, bounds, k)
    parts = [(earlier(kmers, bounds, by, 4**k), 4**k + 1) for by in range(offsets)]
    parts += window_terms(bases, bounds)
    return Terms(np.stack([levels for levels, _ in parts]), np.array([n for _, n in parts], dtype=np.int64))
