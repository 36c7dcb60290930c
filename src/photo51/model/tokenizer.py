"""Bases to token ids and back: one token per byte, as Evo has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import reverse_complement

__all__ = ["BASES", "BASE_IDS", "EOD", "PAD", "is_base", "reverse_complement", "token_ids", "tokens_text"]

EOD, PAD = 0, 1
BASES = b"ACGT"
BASE_IDS = np.frombuffer(BASES, dtype=np.uint8)


def token_ids(sequence: str | bytes) -> NDArray[np.uint8]:
    """Token ids of a sequence: its upper-case bytes.

    Lower case marks repeats in genome files and is a different token to the model, so it is folded; callers keep the
    soft mask as metadata. No letter is ever dropped, so ids and bases stay in step.
    """
    raw = sequence.encode("ascii") if isinstance(sequence, str) else bytes(sequence)
    return np.frombuffer(raw.upper(), dtype=np.uint8)


def tokens_text(ids: NDArray[np.integer]) -> str:
    """Sequence of token ids; control tokens (below 32) print as `.`."""
    raw = np.asarray(ids).astype(np.uint8)
    return np.where(raw < 32, ord("."), raw).astype(np.uint8).tobytes().decode("ascii")


def is_base(ids: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a token is one of A, C, G, T."""
    return np.isin(ids, BASE_IDS)
