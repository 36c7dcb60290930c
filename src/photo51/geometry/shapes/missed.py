"""What a dictionary missed of the tokens that geometry reads, where activations are at hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.relations.tokens import Tokens
from photo51.geometry.shapes.points import Missed
from photo51.types import STRANDS, Strand

Read = Callable[[Strand, slice], NDArray[np.float32]]
Decode = Callable[[csr_matrix], NDArray[np.float32]]


def missed_by(read: Read, decode: Decode, tokens: Tokens, max_tokens: int) -> Missed:
    """Activation − reconstruction for the first tokens of every run, as many as make about `max_tokens` in all.

    Parameters
    ----------
    read
        Activations of a strand and consecutive rows, (rows, d_model): `ActivationStore.read`.
    decode
        Reconstruction of codes, (rows, d_model): `Dictionary.decode`.
    tokens
        As read from the codes of that dictionary.
    """
    starts = np.flatnonzero(np.diff(tokens.run, prepend=-1))
    ends = np.append(starts[1:], tokens.n)
    # the same share of every run, by the length of the longest
    each = max(1, int(np.ceil(min(1.0, max_tokens / max(tokens.n, 1)) * (ends - starts).max(initial=1))))
    tokens_read, errors = [np.zeros(0, np.int64)], []
    for a, b in zip(starts, np.minimum(ends, starts + each), strict=True):
        rows = tokens.row[a:b]
        x = read(STRANDS[tokens.strand[a]], slice(int(rows.min()), int(rows.max()) + 1))
        # rows of the reverse strand fall
        x = x if rows[0] <= rows[-1] else x[::-1]
        tokens_read.append(np.arange(a, b))
        errors.append(x - decode(tokens.codes[a:b]))
    error = np.concatenate(errors) if errors else np.zeros((0, 1), np.float32)
    return Missed(np.concatenate(tokens_read), error)
