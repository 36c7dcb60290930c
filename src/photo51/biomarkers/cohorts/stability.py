"""Stability selection: features that half of the cohort chooses whichever half it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import lars_path_gram

SCREENED = 10


class SelectionStability(NamedTuple):
    """Result of stability selection.

    Attributes
    ----------
    selected
        Share of half-samples that select each feature, (n_features,).
    expected_false
        Bound on the expected number of falsely selected features at the threshold.
    """

    selected: NDArray[np.float64]
    expected_false: float


def stability_selection(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    half_samples: int = 100,
    selected: int = 30,
    threshold: float = 0.7,
) -> SelectionStability:
    """Count how often each feature is among the first of a lasso path on half of the rows.

    Parameters
    ----------
    x
        (n, n_features) rows that can be exchanged: whitened, covariates taken out.
    y
        (n,) likewise.
    rng
        Draws the half-samples, in complementary pairs.
    half_samples, selected
        How many, and how many features each may select.
    threshold
        Share above which a feature counts as stable; for the bound.

    References
    ----------
    Meinshausen & Bühlmann 2010, doi:10.1111/j.1467-9868.2010.00740.x: E[V] ≤ q² / ((2π - 1) p);
    Shah & Samworth 2013, doi:10.1111/j.1467-9868.2011.01034.x (complementary pairs).
    """
    n, p = x.shape
    counts = np.zeros(p)
    for draw in range(half_samples):
        # complementary pairs: the second half is what the first left
        if draw % 2 == 0:
            order = rng.permutation(n)
        # both halves have ⌊n/2⌋ rows
        rows = order[: n // 2] if draw % 2 == 0 else order[n // 2 : 2 * (n // 2)]
        counts[_first(x[rows], y[rows], selected)] += 1
    # the bound of Meinshausen and Bühlmann: E[V] ≤ q² / ((2π − 1) p)
    bound = selected**2 / ((2 * threshold - 1) * p)
    return SelectionStability(counts / half_samples, float(bound))


def _first(x: NDArray[np.float64], y: NDArray[np.float64], selected: int) -> NDArray[np.int64]:
    """First features of the lasso path, among those of largest correlation."""
    norm = np.sqrt(np.einsum("ij,ij->j", x, x))
    correlation = np.abs(x.T @ y) / np.where(norm > 1e-9, norm, np.inf)
    # the lasso's first features correlate with y: ten times as many as wanted are enough to look at
    screened = np.argsort(-correlation, kind="stable")[: SCREENED * selected]
    # nothing that does not vary or does not correlate: it would be divided by 0
    screened = screened[correlation[screened] > 0]
    # unit length; the path then enters columns by correlation
    z = x[:, screened] / norm[screened]
    _, active, _ = lars_path_gram(z.T @ y, z.T @ z, n_samples=len(y), max_iter=selected, method="lasso")
    return screened[np.asarray(active, dtype=np.int64)[:selected]]
