"""Test bases that the other splits hold too: copies of repeats, ribosomal operons, insertion sequences.

Blocks that share long homology are kept on one side when splits are dealt; what is shorter is left out here, base by
base.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def canonical_kmers(bases: NDArray[np.integer], k: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The smaller of each k-mer and its reverse complement, by start, and whether all its bases are known.

    Parameters
    ----------
    bases
        Codes 0..3, 4 for anything else, (..., n), n ≥ k.
    k
        At most 31.
    """
    n = bases.shape[-1] - k + 1
    shape = (*bases.shape[:-1], n)
    forward, backward = np.zeros(shape, dtype=np.uint64), np.zeros(shape, dtype=np.uint64)
    unambiguous = np.ones(shape, dtype=bool)
    two = np.uint64(2)
    for j in range(k):
        letter = bases[..., j : j + n]
        unambiguous &= letter < 4
        base = np.minimum(letter, 3).astype(np.uint64)
        forward = (forward << two) | base
        # complement of base j goes to digit j from the right: the reverse complement read left to right
        backward |= (np.uint64(3) - base) << np.uint64(2 * j)
    return np.minimum(forward, backward), unambiguous


def leaked_rows(
    bases: NDArray[np.integer],
    bounds: NDArray[np.integer],
    other_rows: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    k: int,
) -> NDArray[np.bool_]:
    """Tested rows that lie in a k-mer, on either strand, that rows of the other splits hold, (n_rows,).

    Parameters
    ----------
    bases
        Forward-strand codes, (n_rows,).
    bounds
        Row bounds of contiguous segments.
    other_rows, tested
        Rows of the splits that were learnt from, and of the split that is reported; a segment lies wholly in one split.
    """
    segments = [(a, b) for a, b in pairwise(np.asarray(bounds).tolist()) if b - a >= k]
    elsewhere = _distinct(canonical_kmers(bases[a:b], k) for a, b in segments if other_rows[a])
    out = np.zeros(len(bases), dtype=bool)
    for a, b in segments:
        if not tested[a]:
            continue
        kmers, usable = canonical_kmers(bases[a:b], k)
        # the start of a leaked k-mer; all k bases from there on are leaked
        leaked = np.flatnonzero(usable & np.isin(kmers, elsewhere))
        edges = np.zeros(b - a + 1, dtype=np.int64)
        np.add.at(edges, leaked, 1)
        # +1 where a k-mer starts, −1 behind its end: the running sum counts k-mers over a base
        np.add.at(edges, leaked + k, -1)
        out[a:b] = np.cumsum(edges[:-1]) > 0
    return out


def _distinct(kmers_of: Iterable[tuple[NDArray[np.uint64], NDArray[np.bool_]]]) -> NDArray[np.uint64]:
    parts = [kmers[usable] for kmers, usable in kmers_of]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)
