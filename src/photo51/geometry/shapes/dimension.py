"""How many numbers a cluster needs: intrinsic dimension, linear span, how much of it its features explain, how it
bends.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge

from photo51.geometry.shapes.points import Activity, dense_part, landmarks
from photo51.geometry.shapes.topology import neighbour_graph


class Dimension(NamedTuple):
    """Intrinsic dimension by two estimators; NaN where there are too few points.

    Attributes
    ----------
    two_nn
        From the ratio of the distances to the two nearest neighbours: the finest scale.
    tle
        Tight local estimator, from pairs within neighbourhoods of 40: a coarser scale.
    """

    two_nn: float
    tle: float

    @property
    def called(self) -> int:
        """The smaller of the two as a whole number, since noise fills all directions at the finest scale; −1 for
        none.
        """
        values = [v for v in self if np.isfinite(v)]
        return max(1, round(min(values))) if values else -1


def intrinsic_dimension(x: NDArray[np.float64], rng: np.random.Generator, *, max_points: int = 600) -> Dimension:
    """Dimension of the denser part of a cloud.

    References
    ----------
    Facco et al. 2017, doi:10.1038/s41598-017-11873-y (TwoNN); Amsaleg et al. 2019,
    doi:10.1137/1.9781611975673.21 (TLE); Bac et al. 2021, doi:10.3390/e23101368 (scikit-dimension).
    """
    import skdim

    sample = x if len(x) <= max_points else x[np.sort(rng.choice(len(x), max_points, replace=False))]
    sample = sample[dense_part(sample)] if len(sample) else sample
    # the estimators divide by distances to neighbours: equal points would be divisions by 0
    distinct = np.unique(np.round(sample, 9), axis=0)
    if len(distinct) < 60 or x.shape[1] == 0:
        return Dimension(float("nan"), float("nan"))
    if x.shape[1] == 1:
        return Dimension(1.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two = float(skdim.id.TwoNN().fit(distinct).dimension_)
        tle = float(skdim.id.TLE().fit(distinct, n_neighbors=40).dimension_)
    return Dimension(two, tle)


def restricted_r2(a: Activity, codes: NDArray[np.floating] | None = None, *, ridge: float = 1e-3) -> float:
    """Share of the activation within the cluster's span that an affine map of its codes explains, on held-out blocks.

    Fitted on blocks of even place, scored on the others; NaN without activations or with fewer than two blocks.

    Parameters
    ----------
    codes
        Codes to explain it with instead, such as circularly shifted ones.
    """
    if a.error is None:
        return float("nan")
    predictors = a.codes if codes is None else codes
    blocks = np.unique(a.block)
    # whole blocks, since neighbouring tokens are near copies of each other
    train = np.isin(a.block, blocks[::2])
    if len(blocks) < 2 or train.sum() <= a.codes.shape[1] or (~train).sum() < 10:
        return float("nan")
    target = a.codes @ a.directions + a.error
    # the penalty grows with the tokens, as the sum of squares does
    fit = Ridge(alpha=ridge * train.sum()).fit(predictors[train], target[train])
    missed = ((target[~train] - fit.predict(predictors[~train])) ** 2).sum()
    return float(1 - missed / ((target[~train] - target[train].mean(0)) ** 2).sum())


def flatness(x: NDArray[np.float64], rng: np.random.Generator, *, n_landmarks: int = 150) -> float:
    """Chord over path for the farther half of landmark pairs, median: 1 is flat, 2/π to 1 the arcs of a circle, less a
    coil.
    """
    dense = dense_part(x)
    p = x[dense][landmarks(x[dense], n_landmarks, rng)]
    if len(p) < 10:
        return float("nan")
    path = dijkstra(neighbour_graph(p, 5), directed=False)
    chord = cdist(p, p)
    # each pair of landmarks once
    upper = np.triu_indices(len(p), 1)
    path, chord = path[upper], chord[upper]
    # near pairs are straight on any curve and would hide the bend
    far = np.isfinite(path) & (path >= np.median(path[np.isfinite(path)]))
    return float(np.median(chord[far] / path[far]))


def turns(x: NDArray[np.float64], t: NDArray[np.float64], *, closed: bool, n_bins: int = 24) -> float:
    """Total curvature of a curve in full turns: 1 for a plane convex loop, more for ripples, 0 for a straight line.

    The curve is the mean point of equal segments of the coordinate; its direction changes are added up.

    Parameters
    ----------
    x
        (n, k) points.
    t
        (n,) coordinate: angle or place.
    """
    # rank of each token: bins of equal numbers, not of equal width; tokens of one place are in one bin
    rank = scipy.stats.rankdata(t, method="min").astype(np.int64) - 1
    bin_of = rank * n_bins // max(len(t), 1)
    curve = np.stack([x[bin_of == b].mean(0) for b in np.unique(bin_of)]) if len(t) >= n_bins else np.zeros((0, 1))
    if len(curve) < 4:
        return float("nan")
    if closed:
        # two points: the closing step and the turn into the first one
        curve = np.concatenate([curve, curve[:2]])
    step = np.diff(curve, axis=0)
    length = np.linalg.norm(step, axis=1, keepdims=True)
    # a step of no length has no direction, and would count as a quarter turn on either side
    moved = length[:, 0] > 1e-9 * length.max()
    step = step[moved] / length[moved]
    # unit steps: their product is the cosine of the turn, which rounding may lift above 1
    bend = np.arccos(np.clip((step[1:] * step[:-1]).sum(1), -1, 1))
    return float(bend.sum() / (2 * np.pi))


class Regime(NamedTuple):
    """How features cover a cluster's shape.

    Attributes
    ----------
    label
        `capture`: no more features than the span needs; `tiling`: many features, each on in a small part; `dilution`:
        many features, each on in much of it.
    share_on
        Median over features of the share of the cluster's active tokens in which each fires.
    per_dimension
        Features per dimension of the linear span (centre included).
    """

    label: str
    share_on: float
    per_dimension: float


def regime(a: Activity) -> Regime:
    """Name how features share the work (the terms are those of Bhalla, Fel et al. 2026, arXiv:2604.28119).

    Definitions here: capture where there is at most one feature more than the span has dimensions; else tiling where
    the median feature fires in at most 0.35 of the active tokens; else dilution.
    """
    n_features, span = a.codes.shape[1], max(len(a.basis), 1)
    on = float(np.median((a.codes > 0).mean(0))) if len(a.codes) else float("nan")
    label = "capture" if n_features <= span + 1 else "tiling" if on <= 0.35 else "dilution"
    return Regime(label, on, n_features / span)
