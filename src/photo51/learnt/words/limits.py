"""Limits of a mean that is not negative, from a few blocks of a skewed law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def interval(block_means: NDArray[np.float64], confidence: float) -> tuple[float, float, float, float]:
    """Mean of block means (not negative), its standard error, and an interval for a skewed law.

    Each limit is the farther of two: Student's of the logarithm, and Student's with the skewness of the blocks taken
    out by Hall's cubic transformation. Rates of words are skewed to the right; around the mean itself an interval
    would too often lie below the truth, and either of the two alone does so for few blocks of a heavy tail.

    References
    ----------
    Hall 1992, On the removal of skewness by transformation, J. R. Stat. Soc. B 54, 221-228.
    """
    n = len(block_means)
    # in units of the largest: squares of rates below 1e-154 would be 0, and the interval of no width
    unit = float(block_means.max())
    if unit == 0:
        return 0.0, 0.0, 0.0, 0.0
    relative = block_means / unit
    mean, se = float(relative.mean()), float(relative.std(ddof=1) / np.sqrt(n))
    if se == 0:
        return mean * unit, 0.0, mean * unit, mean * unit
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    # delta method: the logarithm of the mean has standard error se / mean
    factor = float(np.exp(t * se / mean))
    skew = float(stats.skew(relative, bias=False)) / np.sqrt(n)
    # limits turn round: the upper quantile of t gives the lower limit of the mean
    below, above = (mean - _unskewed(limit, skew) * se for limit in (t, -t))
    low = mean / factor
    # a lower limit below 0 says nothing of a rate; that of the logarithm stands
    low, high = min(low, below) if below > 0 else low, max(mean * factor, above)
    return mean * unit, se * unit, low * unit, high * unit


def effective_places(p: NDArray[np.float64]) -> float:
    """How many places carry a sum of probabilities of any shape: (Σ p)² / Σ p², 0 where all are 0."""
    largest = float(p.max(initial=0.0))
    # in units of the largest, whose square may be 0 by rounding
    relative = p / largest if largest > 0 else p
    return float(relative.sum() ** 2 / (relative**2).sum()) if largest > 0 else 0.0


def _unskewed(limit: float, skew: float) -> float:
    """The t statistic whose transform, symmetric to the second order, is a limit; `skew` is skewness / sqrt(n)."""
    if abs(skew) < 1e-9:
        return limit
    # inverse of t + skew t^2 / 3 + skew^2 t^3 / 27 + skew / 6
    return float(3 * (np.cbrt(1 + skew * (limit - skew / 6)) - 1) / skew)
