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
    mean, se = float(block_means.mean()), float(block_means.std(ddof=1) / np.sqrt(n))
    if mean == 0 or se == 0:
        return mean, se, mean, mean
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    # delta method: the logarithm of the mean has standard error se / mean
    factor = float(np.exp(t * se / mean))
    skew = float(stats.skew(block_means, bias=False)) / np.sqrt(n)
    # limits turn round: the upper quantile of t gives the lower limit of the mean
    below, above = (mean - _unskewed(limit, skew) * se for limit in (t, -t))
    low = mean / factor
    # a lower limit below 0 says nothing of a rate; that of the logarithm stands
    return mean, se, min(low, below) if below > 0 else low, max(mean * factor, above)


def _unskewed(limit: float, skew: float) -> float:
    """The t statistic whose transform, symmetric to the second order, is a limit; `skew` is skewness / sqrt(n)."""
    if abs(skew) < 1e-9:
        return limit
    # inverse of t + skew t^2 / 3 + skew^2 t^3 / 27 + skew / 6
    return float(3 * (np.cbrt(1 + skew * (limit - skew / 6)) - 1) / skew)
