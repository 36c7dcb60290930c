"""Which blocks hold copies of one sequence, so that no copy is learnt on one side and tested on the other.

Two blocks are homologous where they share many distinct k-mers, on either strand: a repeated gene of 1 kb shares about
a thousand, a repeated 76-base tRNA gene or a 35-base palindrome too few to count. Homology is passed on: blocks that
are linked through others are one group. K-mers that more than `WIDESPREAD` blocks hold do not count: an interspersed
repeat is on every side whatever one does. With the default of 500 shared 31-mers an insertion sequence (IS1: 768
bases) or a ribosomal RNA operon links the blocks that hold its copies.

Sequences longer than `FULL` bases in all are sketched: a k-mer is kept when its hash lies in a fixed share of the
range, the same in every block, and the threshold is scaled with it (Irber et al. 2022, FracMinHash,
doi:10.1101/2022.01.11.475838).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from photo51.genome.alphabet import codes

FULL = 4_000_000  # bases in all, beyond which k-mers are sampled
WIDESPREAD = 256  # blocks that hold a k-mer
_CHUNK = 1 << 20  # k-mers at once: memory of some tens of MB


def known_canonical_kmers(ids: NDArray[np.uint8], k: int) -> NDArray[np.uint64]:
    """The k-mer at each place as a number, the smaller of itself and its reverse complement.

    Parameters
    ----------
    ids
        Bytes, (length,).
    k
        At most 31, so that two bits a base fit.

    Returns
    -------
    (n,) numbers of the k-mers of A, C, G, T alone, in order; those with other letters are left out.
    """
    if len(ids) < k:
        return np.zeros(0, dtype=np.uint64)
    base = codes(ids).astype(np.uint64)
    n = len(ids) - k + 1
    forward, backward = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    unambiguous = np.ones(n, dtype=bool)
    for j in range(k):
        letter = base[j : j + n]
        unambiguous &= letter < 4
        # Horner: two bits a base, the first base highest
        forward = (forward << np.uint64(2)) | (letter & np.uint64(3))
        # complement of base j at digit j from the right
        backward |= (np.uint64(3) - (letter & np.uint64(3))) << np.uint64(2 * j)
    return np.minimum(forward, backward)[unambiguous]


def sketch(ids: NDArray[np.uint8], k: int, share: float = 1.0) -> NDArray[np.uint64]:
    """Distinct canonical k-mers of a segment, hashed and sorted; only the `share` with the lowest hashes are kept."""
    limit = np.uint64(2**64 - 1) if share >= 1 else np.uint64(int(share * 2**64))
    parts = []
    for start in range(0, len(ids), _CHUNK):
        # k − 1 bases of overlap, so that no k-mer at a border is missed
        mixed = _mix(known_canonical_kmers(ids[start : start + _CHUNK + k - 1], k))
        parts.append(mixed[mixed <= limit])
    return distinct_hashes(parts)


def distinct_hashes(parts: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """The different numbers of all parts, sorted; by sorting, which for a million of them is faster than
    `np.unique`.
    """
    numbers = np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *parts]))
    return numbers[_first(numbers)]


def _first(numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where sorted numbers differ from the one before."""
    # the first of equal numbers
    new = np.ones(len(numbers), dtype=bool)
    new[1:] = numbers[1:] != numbers[:-1]
    return new


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele et al. 2014, doi:10.1145/2660193.2660195): a bijection that scatters numbers."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def homologous_groups(sketches: Iterable[NDArray[np.uint64]], min_shared: float) -> NDArray[np.int64]:
    """Group blocks that share at least `min_shared` hashes, directly or through others.

    Parameters
    ----------
    sketches
        Distinct hashes of each block.
    min_shared
        Shared distinct k-mers that make two blocks homologous; scale it by the sketches' share.

    Returns
    -------
    (n_blocks,) group of each block: the lowest number among its members.
    """
    owned = [np.asarray(s, dtype=np.uint64) for s in sketches]
    hashes = np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *owned]))
    # hashes that come twice or more: only those can be shared
    repeated = hashes[1:][~_first(hashes)[1:]]
    repeated = repeated[_first(repeated)]
    del hashes
    columns = [np.searchsorted(repeated, s[np.isin(s, repeated, assume_unique=True)]) for s in owned]
    rows = np.repeat(np.arange(len(owned)), [len(c) for c in columns])
    column = np.concatenate([np.zeros(0, dtype=np.int64), *columns])
    # widespread repeats are left out by column
    local = (np.bincount(column, minlength=len(repeated)) <= WIDESPREAD)[column]
    holds = sparse.csr_matrix(
        (np.ones(local.sum(), dtype=np.int32), (rows[local], column[local])),
        shape=(len(owned), len(repeated)),
    )
    # (blocks, blocks): shared distinct hashes
    linked = (holds @ holds.T) >= max(min_shared, 1)
    _, label = connected_components(linked, directed=False)
    first = np.unique(label, return_index=True)[1]
    return first[label].astype(np.int64)
