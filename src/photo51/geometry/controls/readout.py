"""Linear readouts of sparse codes, and nulls that keep runs: what the positive controls are scored by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, diags

from photo51.stats.resampling import random_shifts, rotate


def ridge(
    x: csr_matrix | NDArray, y: NDArray[np.float64], penalty: float = 1e-2
) -> Callable[[csr_matrix | NDArray], NDArray]:
    """Ridge regression with an intercept; columns are put on unit root mean square first.

    Parameters
    ----------
    x
        (n, features).
    y
        (n,) or (n, k).
    penalty
        Per row.

    Returns
    -------
    Predictor of (m,) or (m, k) from (m, features).
    """
    n, f = x.shape
    x = csr_matrix(x)
    # zeros count: a rare feature is not made loud by its rarity
    scale = np.sqrt(np.asarray(x.multiply(x).mean(0), np.float64).ravel())
    scale[scale == 0] = 1.0
    z = (x @ diags(1 / scale)).tocsr()
    mean, centre = np.asarray(z.mean(0), np.float64).ravel(), y.mean(0)
    # with fewer rows than features the dual is the smaller system: (K + n λ) α = y
    if n < f:
        kernel = np.asarray((z @ z.T).todense(), np.float64)
        # columns, then rows: the kernel of centred features without forming them
        kernel -= kernel.mean(0)
        kernel -= kernel.mean(1, keepdims=True)
        dual = cho_solve(cho_factor(kernel + n * penalty * np.eye(n), lower=True), y - centre)
        # Σ α = 0 makes the weights those of centred features
        weight = z.T @ (dual - dual.mean(0))
    else:
        # covariance of the scaled columns, without centring them, as that would fill the zeros
        gram = np.asarray((z.T @ z).todense(), np.float64) / n - np.outer(mean, mean)
        cross = np.asarray(z.T @ (y - centre), np.float64) / n
        weight = cho_solve(cho_factor(gram + penalty * np.eye(f), lower=True), cross)
    # back to the scale of the codes
    own_weight = (weight.T / scale).T
    return lambda new: np.asarray(new @ own_weight) - mean @ weight + centre


def spearman_rho(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Rank correlation over places where both are known; NaN below ten."""
    ok = np.isfinite(a) & np.isfinite(b)
    if ok.sum() < 10 or np.ptp(a[ok]) == 0 or np.ptp(b[ok]) == 0:
        return float("nan")
    return float(np.corrcoef(scipy.stats.rankdata(a[ok]), scipy.stats.rankdata(b[ok]))[0, 1])


def area_under_roc(score: NDArray[np.floating], label: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative, ties halved; NaN where there is only one class."""
    positives = int(label.sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return float("nan")
    # Mann and Whitney: rank sum of the positives less its smallest value, over all pairs
    return float((scipy.stats.rankdata(score)[label].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def shifted_null(
    guess: NDArray[np.floating],
    truth: NDArray[np.floating],
    block: NDArray[np.integer],
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Pearson correlations with the truth circularly shifted within blocks, (draws,); both may have NaN, and
    blocks are consecutive.

    Give ranks for a rank correlation.
    """
    # blocks are consecutive: each begins where the number changes
    bounds = np.append(np.flatnonzero(np.diff(block, prepend=block[:1] - 1)), len(block))
    out = np.empty(draws)
    for d, shifts in enumerate(random_shifts(bounds, rng, draws)):
        shifted = rotate(truth, bounds, shifts)
        ok = np.isfinite(guess) & np.isfinite(shifted)
        out[d] = np.corrcoef(guess[ok], shifted[ok])[0, 1] if ok.sum() > 9 else np.nan
    return out[np.isfinite(out)]


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks of known values, NaN elsewhere."""
    out = np.full(len(values), np.nan)
    ok = np.isfinite(values)
    out[ok] = scipy.stats.rankdata(values[ok])
    return out


def window_means(codes: csr_matrix, run: NDArray[np.integer], size: int) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Mean codes of consecutive windows within runs (shorter last ones are left out), and the first token of each.

    Returns
    -------
    (windows, features), and (windows,).
    """
    starts = np.flatnonzero(np.diff(run, prepend=run[:1] - 1))
    ends = np.append(starts[1:], len(run))
    first = np.concatenate(
        [
            np.zeros(0, np.int64),
            *(np.arange(a, b - size + 1, size) for a, b in zip(starts, ends, strict=True)),
        ]
    ).astype(np.int64)
    tokens = (first[:, None] + np.arange(size)).ravel()
    window_of = np.repeat(np.arange(len(first)), size)
    # averaging as a sparse product: 1 / size at each token of the window
    average = csr_matrix(
        (np.full(len(tokens), 1 / size, np.float32), (window_of, tokens)), shape=(len(first), codes.shape[0])
    )
    return (average @ codes).tocsr(), first


def thinned(entries: NDArray[np.int64], max_entries: int) -> NDArray[np.int64]:
    """At most `max_entries` entries, by a stride that is a multiple of neither 2 nor 3, so that every codon phase
    stays.
    """
    stride = max(1, -(-len(entries) // max_entries))
    while stride > 1 and (stride % 3 == 0 or stride % 2 == 0):
        stride += 1
    return entries[::stride]
