"""Which features geometry can say something about, and why not the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.config.geometry import GeometryParams
from photo51.types import InputError

REASONS = ("used", "dead", "rare", "dense", "no decoder", "duplicate")


class Usable(NamedTuple):
    """Features that take part.

    Attributes
    ----------
    features
        (usable,) their numbers, ascending.
    reason
        (all features,) index into `REASONS`.
    counts
        (all features,) tokens in which each fires.
    """

    features: NDArray[np.int64]
    reason: NDArray[np.int8]
    counts: NDArray[np.int64]

    def summary(self) -> dict[str, int]:
        """How many features of each reason."""
        return {name: int((self.reason == i).sum()) for i, name in enumerate(REASONS)}


def usable(codes: csr_matrix, decoder: NDArray[np.floating], params: GeometryParams) -> Usable:
    """Leave out what cannot be related: dead, rare, dense, without direction, or a double of another.

    Raises
    ------
    InputError
        Where codes and decoder are of different dictionaries, or hold what is no number.
    """
    if codes.shape[1] != len(decoder):
        raise InputError(
            f"geometry: need a decoder row a feature, got {codes.shape[1]} features and {len(decoder)} rows"
        )
    if not np.isfinite(decoder).all() or not np.isfinite(codes.data).all():
        raise InputError("geometry: need finite codes and decoder rows, got NaN or infinity")
    if codes.data.min(initial=0.0) < 0:
        raise InputError(f"geometry: need codes of at least 0, got {codes.data.min()}")
    counts = np.bincount(codes.indices[codes.data > 0], minlength=codes.shape[1]).astype(np.int64)
    norm = np.linalg.norm(decoder, axis=1)
    n = max(codes.shape[0], 1)
    reason = np.zeros(len(decoder), np.int8)
    # in this order: what comes later overrules what comes before
    reason[counts > params.most_rate * n] = REASONS.index("dense")
    reason[counts < max(params.least_firings, params.least_rate * n)] = REASONS.index("rare")
    reason[counts == 0] = REASONS.index("dead")
    reason[(norm == 0) & (counts > 0)] = REASONS.index("no decoder")
    left = np.flatnonzero(reason == 0)
    unit = (np.asarray(decoder)[left] / norm[left, None]).astype(np.float32)
    reason[left[_doubles(unit, counts[left], params.duplicate_cosine)]] = REASONS.index("duplicate")
    return Usable(np.flatnonzero(reason == 0), reason, counts)


def _doubles(
    unit: NDArray[np.float32], counts: NDArray[np.int64], limit: float, chunk: int = 2048
) -> NDArray[np.int64]:
    """Rows that lie within `limit` of a busier row that stays (of equal ones the first stays)."""
    pairs = []
    for a in range(0, len(unit), chunk):
        i, j = np.nonzero(unit[a : a + chunk] @ unit.T > limit)
        pairs.append(np.column_stack([i + a, j])[(i + a) != j])
    near = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
    if not len(near):
        return np.zeros(0, np.int64)
    rank = np.empty(len(unit), np.int64)
    # busiest first, of equal ones the first
    rank[np.lexsort((np.arange(len(unit)), -counts))] = np.arange(len(unit))
    gone = np.zeros(len(unit), bool)
    # from the busiest down: a feature that is gone takes nothing with it
    for i, j in near[np.lexsort((rank[near[:, 1]], rank[near[:, 0]]))]:
        if not gone[i] and rank[i] < rank[j]:
            gone[j] = True
    return np.flatnonzero(gone)
