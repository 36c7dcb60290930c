"""The points of a cluster: what its features, and they alone, say about a token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from photo51.geometry.relations.clusters import principal_span
from photo51.geometry.relations.tokens import Tokens
from photo51.stats.resampling import random_shifts, rotate

FLAT, MANY = 8, 4000  # dimensions and points up to which distances are looked up in a tree, or all computed


class Activity(NamedTuple):
    """Codes of a cluster where it is active, in sequence.

    Attributes
    ----------
    codes
        (n, features) dense float32: tokens in which at least one feature of the cluster fires.
    token
        (n,) number of each in `Tokens`.
    block
        (n,) block of each; blocks are consecutive.
    directions
        (features, k) decoder rows in an orthonormal basis of their span.
    basis
        (k, d_model) that basis.
    error
        (n, k) what the dictionary missed of these tokens, in that basis; None where activations are not at hand.
    """

    codes: NDArray[np.float32]
    token: NDArray[np.int64]
    block: NDArray[np.int64]
    directions: NDArray[np.float64]
    basis: NDArray[np.float64]
    error: NDArray[np.float64] | None

    def shifted(self, rng: np.random.Generator) -> Activity:
        """Each feature rotated by itself within the active tokens of each block: the null of every statement on shape.

        Densities and runs of every feature stay as they are, and so does when the cluster is active; which features
        meet does not. Features that merely switch on together are exchangeable with their shifted selves.
        """
        error = None
        if self.error is not None:
            bounds = self.bounds
            error = rotate(self.error, bounds, random_shifts(bounds, rng)[0])
        return self._replace(codes=self.shifted_codes(rng), error=error)

    @property
    def bounds(self) -> NDArray[np.int64]:
        """First row of each block, and the end."""
        return np.flatnonzero(np.diff(self.block, prepend=-1, append=self.block.max(initial=0) + 1))

    def shifted_codes(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """The codes of `shifted`."""
        bounds = self.bounds
        sizes = np.diff(bounds)
        block = np.repeat(np.arange(len(sizes)), sizes)
        start, length = bounds[block][:, None], sizes[block][:, None]
        shifts = random_shifts(bounds, rng, self.codes.shape[1])
        # one shift a feature and block, (features, blocks) → (tokens, features)
        place = np.arange(len(self.codes))[:, None] - start - shifts[:, block].T
        return np.take_along_axis(self.codes, start + place + np.where(place < 0, length, 0), axis=0)

    def where(self, keep: NDArray[np.bool_]) -> Activity:
        """Some of the active tokens."""
        error = None if self.error is None else self.error[keep]
        return self._replace(codes=self.codes[keep], token=self.token[keep], block=self.block[keep], error=error)


class Missed(NamedTuple):
    """What a dictionary missed, for a sample of tokens: their numbers, ascending, (n,), and activation − x̂, (n, d)."""

    token: NDArray[np.int64]
    error: NDArray[np.floating]


def activity(
    tokens: Tokens,
    features: NDArray[np.integer],
    decoder: NDArray[np.floating],
    *,
    missed: Missed | None = None,
    max_tokens: int = 20_000,
) -> Activity:
    """Active tokens of a cluster, about `max_tokens` of them at most: the first ones of every block, the same share of
    each.

    Parameters
    ----------
    features
        Members of the cluster.
    decoder
        (all features, d_model).
    missed
        Where given, only its tokens are used and their error is kept.
    """
    sub = tokens.codes[:, features].tocsr()
    active = np.flatnonzero(np.diff(sub.indptr))
    if missed is not None:
        active = active[np.isin(active, missed.token)]
    active = active[np.argsort(tokens.block[active], kind="stable")]
    if len(active) > max_tokens:
        block = tokens.block[active]
        first = np.searchsorted(block, block)
        # the same share of each block, by the place within it
        size = np.searchsorted(block, block, side="right") - first
        active = active[np.arange(len(active)) - first < np.ceil(size * max_tokens / len(active))]
    basis = principal_span(decoder[features])
    error = None
    if missed is not None:
        error = np.asarray(missed.error[np.searchsorted(missed.token, active)], np.float64) @ basis.T
    directions = np.asarray(decoder[features], np.float64) @ basis.T
    return Activity(sub[active].toarray(), active, tokens.block[active], directions, basis, error)


class Cloud(NamedTuple):
    """Points on which shape is measured.

    Attributes
    ----------
    x
        (n, k) points in their own principal axes, centred; the cone of magnitudes is taken off (norm 1 before
        centring).
    place
        (n,) row of each in `Activity`.
    mean, axes
        (span,) and (k, span): `x = (unit − mean) @ axes.T` for a unit vector of the span.
    explained
        (k,) share of variance of each axis.
    """

    x: NDArray[np.float64]
    place: NDArray[np.int64]
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    @property
    def radius(self) -> float:
        """Root mean square distance from the centre."""
        return float(np.sqrt((self.x**2).sum(1).mean())) if len(self.x) else 0.0


def cloud(
    a: Activity,
    rng: np.random.Generator,
    *,
    max_points: int = 2000,
    with_error: bool = False,
    variance_kept: float = 0.98,
) -> Cloud:
    """Points of a cluster: reconstruction from its features alone, where it is not faint (above the 25 % quantile of
    norms).

    Parameters
    ----------
    max_points
        Points, drawn without replacement.
    with_error
        Add what the dictionary missed: a coarse tiling otherwise makes polygons of circles.
    variance_kept
        Share of variance that the principal axes hold.
    """
    y = a.codes.astype(np.float64) @ a.directions
    norm = np.linalg.norm(y, axis=1)
    bright = np.flatnonzero(norm >= np.quantile(norm, 0.25)) if len(norm) else np.zeros(0, np.int64)
    bright = bright[norm[bright] > 0]
    if len(bright) > max_points:
        bright = np.sort(rng.choice(bright, max_points, replace=False))
    y = y[bright] + (a.error[bright] if with_error and a.error is not None else 0)
    return _centred(y, bright, variance_kept)


def _centred(y: NDArray[np.float64], place: NDArray[np.int64], variance_kept: float) -> Cloud:
    norm = np.linalg.norm(y, axis=1, keepdims=True)
    unit = np.divide(y, norm, out=np.zeros_like(y), where=norm > 0)
    mean = unit.mean(0) if len(unit) else np.zeros(y.shape[1])
    _, s, v = np.linalg.svd(unit - mean, full_matrices=False)
    share = s**2 / max((s**2).sum(), 1e-300)
    k = min(int(np.searchsorted(np.cumsum(share), variance_kept)) + 1, len(s)) if s.size and s[0] > 1e-9 else 0
    return Cloud((unit - mean) @ v[:k].T, place, mean, v[:k], share[:k])


def dense_part(x: NDArray[np.float64], share: float = 0.8, k: int = 15) -> NDArray[np.int64]:
    """Points that are no strays, which would bridge holes: by distance to the k-th neighbour, the denser `share`, and
    all others for which it is within a quarter of the median: an even surface has no strays, and holes once a fifth is
    taken out.
    """
    if len(x) <= k + 1:
        return np.arange(len(x))
    if x.shape[1] > FLAT and len(x) <= MANY:  # a tree is of no use in many dimensions
        reach = np.partition(cdist(x, x), k, axis=1)[:, k]
    else:
        reach = cKDTree(x).query(x, k + 1)[0][:, -1]
    return np.flatnonzero(reach <= max(np.quantile(reach, share), 1.25 * np.median(reach)))


def landmarks(x: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of n points that cover a set: farthest-point sampling (Gonzalez 1985,
    doi:10.1016/0304-3975(85)90224-5).
    """
    if len(x) == 0:
        return np.zeros(0, np.int64)
    chosen = [int(rng.integers(len(x)))]
    nearest = ((x - x[chosen[0]]) ** 2).sum(1)
    for _ in range(min(n, len(x)) - 1):
        far = int(np.argmax(nearest))
        if nearest[far] == 0:
            break
        chosen.append(far)
        nearest = np.minimum(nearest, ((x - x[far]) ** 2).sum(1))
    return np.array(chosen, dtype=np.int64)
