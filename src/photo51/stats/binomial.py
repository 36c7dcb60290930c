"""Exact limits of a proportion and of a Poisson mean, for counts as small as one or two."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits that hold the true proportion in at least `level` of all samples, whatever it is.

    Parameters
    ----------
    successes, trials
        Counts, 0 ≤ successes ≤ trials, of one shape.
    level
        Coverage.

    Returns
    -------
    Lower and upper limits; 0 and 1 where there is no trial.

    References
    ----------
    Clopper and Pearson 1934, Biometrika 26:404, doi:10.1093/biomet/26.4.404
    """
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    if not ((k >= 0) & (k <= n)).all():
        raise ValueError("successes: need 0 <= successes <= trials")
    tail = (1 - level) / 2
    # P(K ≥ k | π) = tail, and P(K ≤ k | π) = tail for the upper limit, are quantiles of a beta distribution
    low = np.where(k > 0, scipy.stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, scipy.stats.beta.isf(tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return low, high


def poisson_limits(counted: int, level: float = 0.95) -> tuple[float, float]:
    """Limits that hold the mean of a Poisson count in at least `level` of all samples.

    References
    ----------
    Garwood 1936, Biometrika 28:437, doi:10.1093/biomet/28.3-4.437
    """
    tail = (1 - level) / 2
    # P(N ≥ n | μ) is P(χ²₂ₙ ≤ 2 μ)
    low = float(scipy.stats.chi2.ppf(tail, 2 * counted) / 2) if counted else 0.0
    return low, float(scipy.stats.chi2.isf(tail, 2 * counted + 2) / 2)
