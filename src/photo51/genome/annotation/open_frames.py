"""Whether a sequence codes for anything: open reading frames that are longer than chance leaves them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import reverse_complement
from photo51.genome.annotation.coding import stops_of

_CODONS = 64


def as_long_by_chance(ids: NDArray[np.uint8], code: int) -> float:
    """Open reading frames as long as the longest that a random sequence with as many stop codons is expected to have.

    Codons of a random sequence stop independently of each other, so that n codons in six frames, of which a share p
    stops, hold n p (1 - p)^k runs of k or more that do not. A codon with an ambiguous base ends a run.

    Parameters
    ----------
    ids
        Upper-case letters of a contig, (length,).
    code
        Genetic code.

    Returns
    -------
    Expected number; near 0 for a sequence with genes, about 1 for a shuffled one, and infinite where it has no codons.
    """
    table = np.ones(_CODONS + 1, dtype=bool)
    table[:_CODONS] = ["".join("ACGT"[c >> s & 3] for s in (4, 2, 0)) in stops_of(code).stops for c in range(_CODONS)]
    longest, stops, n = 0, 0, 0
    for letters in (ids, reverse_complement(ids)):
        codon = _codons(letters)
        unambiguous = codon < _CODONS
        ends = table[codon]
        n += int(unambiguous.sum())
        stops += int((ends & unambiguous).sum())
        for frame in range(3):
            in_frame = ends[frame::3]
            borders = np.concatenate([[-1], np.flatnonzero(in_frame), [len(in_frame)]])
            longest = max(longest, int(np.diff(borders).max()) - 1)
    if not n:
        return float("inf")
    p = max(stops, 1) / n
    return float(n * p * np.exp(longest * np.log1p(-min(p, 0.5))))


def _codons(letters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Number of the codon that begins at each base, 64 where a base is ambiguous, (length - 2,)."""
    number = np.full(256, _CODONS, dtype=np.uint8)
    number[np.frombuffer(b"ACGT", dtype=np.uint8)] = range(4)
    base = number[letters]
    first, second, third = base[:-2], base[1:-1], base[2:]
    whole = (first < 4) & (second < 4) & (third < 4)
    return np.where(whole, (first & 3) << 4 | (second & 3) << 2 | (third & 3), _CODONS).astype(np.uint8)
