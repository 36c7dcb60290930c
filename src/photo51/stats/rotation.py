"""The rotation null: how a feature would overlap an annotation if it lay elsewhere in its block.

A feature keeps its runs, its clusters, its period and its strands; only where it begins is random: each block is
circularly shifted by a uniform shift of its own. Whatever length or phase runs have, neighbouring bases stay
neighbours, which is what per-base tests and shuffled intervals get wrong. All L shifts of all blocks are counted, and
the distribution of the sum over blocks is their exact convolution (`lattice`): there is no Monte-Carlo error and no
floor of 1/draws. The identity is among the shifts, so that the p-value is valid at any sample size: P(p ≤ α) ≤ α when
feature and annotation are independent up to rotation.

The statistic is the activation mass inside the annotation, with no threshold. Activations are put on integer levels
first (`levels`), and the null is exact for the levelled activations; the resolution is 1/n_levels of the feature's
99.9 % quantile, above which activations count alike, so that one outlying base decides nothing.

What the null keeps fixed, it cannot explain: two tracks that both follow GC overlap more than rotated ones. That is
what `covariance` is for; both p-values are always reported.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from photo51.stats.correlation import Mask, Spread, Track, overlaps
from photo51.stats.lattice import tails

Orientation = Literal["sense", "antisense", "either"]
ORIENTATIONS: tuple[Orientation, ...] = ("sense", "antisense", "either")


class RotationTest(NamedTuple):
    """Overlap of a feature with an annotation against all rotations.

    Attributes
    ----------
    observed
        Activation mass inside the annotation (levels).
    mean, sd
        Of the mass over all rotations.
    z
        Standardised mass; 0 where it cannot vary.
    p_upper, p_lower
        Exact tails: enrichment and depletion.
    p_floor, p_floor_lower
        Smallest p that these margins could give.
    """

    observed: float
    mean: float
    sd: float
    z: float
    p_upper: float
    p_lower: float
    p_floor: float
    p_floor_lower: float


def orient(mask: NDArray[np.bool_], orientation: Orientation) -> NDArray[np.bool_]:
    """Turn a doubled mask so that its strand + half says where a feature of strand + counts.

    `sense` leaves it, `antisense` swaps the strands, `either` forgets them.
    """
    if orientation == "sense":
        return mask
    plus, minus = np.split(mask, 2)
    if orientation == "antisense":
        return np.concatenate([minus, plus])
    if orientation == "either":
        return np.tile(plus | minus, 2)
    raise ValueError(f"orientation: need one of {ORIENTATIONS}, got {orientation!r}")


def levels(values: ArrayLike, n_levels: int = 15) -> NDArray[np.int64]:
    """Positive activations as integers 1..n_levels, the resolution of the weighted statistic.

    Level n_levels is the 99.9 % quantile of the activations given and all above it; 1 level makes the track binary.

    Raises
    ------
    ValueError
        Where a value is not a positive number.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    if not (np.isfinite(values).all() and values.min() > 0):
        raise ValueError("activations: need positive numbers, got NaN, infinity, zero or less")
    # an activation that occurs, not one between two
    top = np.quantile(values, 0.999, method="lower")
    return np.clip(np.ceil(values * (n_levels / top)), 1, n_levels).astype(np.int64)


def track(rows: NDArray[np.integer], values: ArrayLike, n_levels: int = 15) -> Track:
    """A feature's non-zero activations on the doubled axis as a levelled track."""
    level = levels(values, n_levels)
    # levels in their largest common step: the same statistic on a coarser, quicker lattice
    divisor = int(np.gcd.reduce(level)) if len(level) else 1
    return Track(np.asarray(rows, dtype=np.int64), level // max(divisor, 1))


def rotation_test(feature: Track | Spread, mask: Mask, *, mid_p: bool = False, route: str = "auto") -> RotationTest:
    """Exact test of a feature against an annotation.

    Parameters
    ----------
    feature
        Levelled activations (`track`), with their transforms where several masks are met.
    mask
        The annotation on the doubled axis, oriented (`orient`), with the blocks that turn.
    mid_p
        Count the observed value half.
    route
        How overlaps are computed (`correlation.overlaps`).

    References
    ----------
    Bickel et al. 2010, Ann Appl Stat 4:1660, doi:10.1214/10-AOAS363 (why blocks, and why bases are no sample);
    Cabrera et al. 2012, G3 2:1067, doi:10.1534/g3.112.002618 (circular permutation of a genome, by Monte-Carlo)
    """
    result = overlaps(feature, mask, route=route)
    t = tails(result.histograms, result.observed, mid_p=mid_p)
    sd = float(np.sqrt(t.variance))
    z = (result.observed - t.mean) / sd if sd > 0 else 0.0
    return RotationTest(result.observed, t.mean, sd, float(z), t.p_upper, t.p_lower, t.p_floor, t.p_floor_lower)


def rotation_draws(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    bounds: NDArray[np.integer],
    rng: np.random.Generator,
    n_draws: int = 9999,
) -> tuple[float, NDArray[np.float64]]:
    """Sum of products of two dense tracks, observed and under random rotations of the blocks of `x`.

    For tracks that are no levels and masks (coordinates, residuals): all shifts of each block by one FFT in double
    precision, then one shift a block at random in each draw.

    Parameters
    ----------
    x, y
        Tracks, (n_rows,) or (n_strands, n_rows); strands turn together.
    bounds
        Row bounds of the blocks, (n_blocks + 1,).

    Returns
    -------
    observed, draws
        Σ xy, and (n_draws,) values of it under the null.
    """
    x, y = np.atleast_2d(x).astype(np.float64), np.atleast_2d(y).astype(np.float64)
    draws = np.zeros(n_draws)
    for a, b in pairwise(bounds):
        # Σ_strands conj(X) Y: its inverse transform is Σ x(i − s) y(i) at every shift s, both strands by the same one
        spectrum = np.sum(np.conj(fft.rfft(x[:, a:b], axis=1)) * fft.rfft(y[:, a:b], axis=1), axis=0)
        draws += fft.irfft(spectrum, n=int(b - a))[rng.integers(0, b - a, n_draws)]
    return float(np.sum(x * y)), draws
