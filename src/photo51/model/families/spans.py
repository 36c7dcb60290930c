"""Which bases a token stands for: found from the tokenizer's own strings, and checked by putting the sequence together
again.

Tokenizers of DNA models differ: one base a token, k bases a token with single bases at the end and round an N, pieces
of any length. No k is assumed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.types import InputError


class SpannedTokens(NamedTuple):
    """A sequence as tokens.

    Attributes
    ----------
    ids
        Token ids, special tokens included, (n,).
    place
        Indices into `ids` of the tokens that stand for bases, (m,).
    spans
        First base and one past the last base of each of those, (m, 2); they tile the sequence.
    """

    ids: NDArray[np.int64]
    place: NDArray[np.int64]
    spans: NDArray[np.int64]

    def expand(self) -> NDArray[np.int64]:
        """For each base, the index among `place` of the token that stands for it, (bases,)."""
        return np.repeat(np.arange(len(self.spans)), self.spans[:, 1] - self.spans[:, 0])


def base_tokens(sequence: NDArray[np.uint8]) -> SpannedTokens:
    """One token a base, its byte."""
    n = np.arange(len(sequence))
    return SpannedTokens(sequence.astype(np.int64), n, np.stack([n, n + 1], axis=1))


def tokenize(tokenizer: Any, sequence: str) -> SpannedTokens:
    """Tokens and spans of a sequence under a `transformers` tokenizer.

    Raises
    ------
    InputError
        Where the strings of the tokens do not make up the sequence: a letter the tokenizer does not know, letters it
        drops, pads or changes, or white space it needs.
    """
    ids = tokenizer(sequence)["input_ids"]
    strings = [_surface(text) for text in tokenizer.convert_ids_to_tokens(ids)]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    place = [i for i, token in enumerate(ids) if token not in special]
    pieces = [strings[i] for i in place]
    if (built := "".join(pieces)) != sequence:
        difference = next(
            (i for i, (a, b) in enumerate(zip(built, sequence, strict=False)) if a != b),
            min(len(built), len(sequence)),
        )
        raise InputError(
            f"tokenizer {type(tokenizer).__name__}: need tokens that make up the sequence, got"
            f" {built[max(0, difference - 6) : difference + 12]!r} for"
            f" {sequence[max(0, difference - 6) : difference + 12]!r} at base {difference}; it drops, pads or does not"
            " know letters there: upper-case the sequence, mask or cut such letters, or take another tokenizer"
        )
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    spans = np.stack([ends - [len(piece) for piece in pieces], ends], axis=1) if pieces else np.zeros((0, 2), np.int64)
    return SpannedTokens(np.asarray(ids, dtype=np.int64), np.asarray(place, dtype=np.int64), spans)


def _surface(text: str) -> str:
    """Letters of a token without the marks of word pieces (`##`, `▁`, `Ġ`)."""
    return text.removeprefix("##").removeprefix("▁").removeprefix("Ġ")


def bases_per_token(spans: Sequence[NDArray[np.int64]]) -> float:
    """Mean length of tokens (bases)."""
    lengths = np.concatenate([s[:, 1] - s[:, 0] for s in spans])
    return float(lengths.mean()) if len(lengths) else 0.0
