"""Sequences as bytes: the letters, their complements, and where they are not A, C, G or T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photo51.types import InputError

BASES = b"ACGT"
IUPAC = b"ACGTRYKMSWBDHVN"

_COMPLEMENT = np.arange(256, dtype=np.uint8)
for _letters, _partners in ((b"ACRKBD", b"TGYMVH"), (b"TGYMVH", b"ACRKBD")):
    for _one, _other in zip(_letters, _partners, strict=True):
        _COMPLEMENT[_one], _COMPLEMENT[_one + 32] = _other, _other + 32

_CODE = np.full(256, 4, dtype=np.uint8)
_CODE[np.frombuffer(BASES, dtype=np.uint8)] = np.arange(4, dtype=np.uint8)

_IS_IUPAC = np.zeros(256, dtype=bool)
_IS_IUPAC[np.frombuffer(IUPAC, dtype=np.uint8)] = True


def encode(sequence: str | bytes) -> NDArray[np.uint8]:
    """Upper-case bytes of a sequence, (length,).

    Raises
    ------
    InputError
        For letters outside the IUPAC nucleotide code, naming the first and its 1-based place.
    """
    raw = sequence.encode("ascii", "replace") if isinstance(sequence, str) else bytes(sequence)
    ids = np.frombuffer(raw.upper(), dtype=np.uint8)
    bad = np.flatnonzero(~_IS_IUPAC[ids])
    if len(bad):
        raise InputError(
            f"sequence: need IUPAC nucleotides ({IUPAC.decode()}), got {chr(raw[bad[0]])!r} at base {bad[0] + 1}"
        )
    return ids


def decode(ids: NDArray[np.uint8]) -> str:
    """The letters of sequence bytes."""
    return ids.astype(np.uint8).tobytes().decode("ascii")


def reverse_complement(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reverse complement along the last axis, IUPAC letters included (R ↔ Y, K ↔ M, B ↔ V, D ↔ H; S, W, N stay)."""
    return _COMPLEMENT[ids[..., ::-1]]


def codes(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A, C, G, T as 0, 1, 2, 3 and everything else as 4; the complement of code c < 4 is 3 - c."""
    return _CODE[ids]


def is_ambiguous(ids: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a byte is none of A, C, G, T."""
    return _CODE[ids] == 4


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Maximal runs of True in a mask (length,), as (n_runs, 2) half-open intervals in order."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1).astype(np.int64)
