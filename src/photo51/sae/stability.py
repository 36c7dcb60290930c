"""Do other seeds find the same features?

Two dictionaries agree on a feature if each one's direction is the other's nearest, and close. Directions alone can agree while
codes do not, so that codes on held-out bases are correlated too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

CLOSE = 0.7
_BLOCK = 2_048


class Nearest(NamedTuple):
    """For each row: index of the most similar row of the other matrix, and the cosine."""

    index: NDArray[np.int64]  # type: ignore[assignment]
    cosine: NDArray[np.float32]


def nearest(one: NDArray[np.float32], two: NDArray[np.float32]) -> Nearest:
    """Nearest row of `two` (m, d_model) by cosine, for each row of `one` (n, d_model); of equal ones the first."""
    one, two = _unit(one), _unit(two)
    index, cosine = np.empty(len(one), np.int64), np.empty(len(one), np.float32)
    for a in range(0, len(one), _BLOCK):
        near = one[a : a + _BLOCK] @ two.T
        index[a : a + _BLOCK] = near.argmax(axis=1)
        cosine[a : a + _BLOCK] = near.max(axis=1)
    return Nearest(index, cosine)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def compare(one: Dictionary, two: Dictionary, x: NDArray[np.float32] | None = None) -> pd.DataFrame:
    """Each feature of `one` beside its nearest in `two`.

    Parameters
    ----------
    one, two
        Dictionaries of the same activations.
    x
        (rows, d_model) held-out activations, to correlate codes on.

    Returns
    -------
    One row per feature of `one`: `feature`, `partner`, `cosine`, `mutual` (whether the partner's nearest is this feature) and
    `correlation` (Pearson's, of the codes on `x`; NaN without `x`, or where one of the two is never active).
    """
    if one.origin.key() != two.origin.key():
        raise InputError(
            f"stability: need dictionaries of the same activations, got {one.origin} and {two.origin}"
        )
    there, back = nearest(one.decoder, two.decoder), nearest(two.decoder, one.decoder)
    table = pd.DataFrame(
        {
            "feature": np.arange(one.n_features),
            "partner": there.index,
            "cosine": there.cosine,
            "mutual": back.index[there.index] == np.arange(one.n_features),
            "correlation": np.nan,
        }
    )
    if x is not None:
        table["correlation"] = correlations(one.encode(x), two.encode(x)[:, there.index])
    return table


def correlations(a: sp.csr_matrix, b: sp.csr_matrix) -> NDArray[np.float64]:
    """Pearson's correlation of each column of `a` with the same column of `b`; NaN where one does not vary."""
    n = a.shape[0]
    a, b = a.astype(np.float64), b.astype(np.float64)
    sums = [
        np.asarray(m.sum(axis=0)).ravel() / n for m in (a, b, a.multiply(a), b.multiply(b), a.multiply(b))
    ]
    mean_a, mean_b, square_a, square_b, product = sums
    spread = np.sqrt(np.maximum(square_a - mean_a**2, 0) * np.maximum(square_b - mean_b**2, 0))
    varies = spread > 1e-12 * np.maximum(square_a, square_b)
    return np.where(varies, (product - mean_a * mean_b) / np.where(varies, spread, 1), np.nan)


def score(table: pd.DataFrame) -> float:
    """Share of features with a mutual nearest direction closer than `CLOSE`."""
    return float((table["mutual"] & (table["cosine"] > CLOSE)).mean())
