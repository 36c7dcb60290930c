"""Coordinates on a manifold: an angle on a loop, a place along an arc.

An angle comes from the plane of the two largest principal axes and is checked against persistent cohomology, which
needs no plane; where the two disagree, cohomology wins. A place along an arc is the first diffusion coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from ripser import ripser
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import lsqr
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from photo51.geometry.shapes.points import dense_part, landmarks

Chart = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Coordinate(NamedTuple):
    """A function from points to numbers.

    Attributes
    ----------
    kind
        `angle` (radians, −π … π) or `place_coordinate` (0 … 1, equal shares of tokens in equal segments).
    of
        Points of the cloud's axes, (n, k), to values, (n,).
    check
        For an angle its agreement with cohomology, `circular_agreement`; for a place NaN.
    method
        `principal plane`, `cohomology` or `diffusion map`.
    """

    kind: str
    of: Chart
    check: float
    method: str


def circular_agreement(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """|mean exp(i(a ∓ b))|, the better sign: 1 where two angles differ by a rotation or a reflection only."""
    if not len(a):
        return 0.0
    # resultant lengths: an angle is known up to where it begins and which way it runs
    same, mirrored = np.exp(1j * (a - b)).mean(), np.exp(1j * (a + b)).mean()
    return float(max(abs(same), abs(mirrored)))


def angle(x: NDArray[np.float64], rng: np.random.Generator, *, n_landmarks: int = 120) -> Coordinate:
    """Angle on a loop."""

    def plane(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.arctan2(points[:, 1], points[:, 0])

    dense = dense_part(x)
    p = x[dense][landmarks(x[dense], n_landmarks, rng)]
    values = cohomology_angles(p)
    if not len(values) or x.shape[1] < 2:
        return Coordinate("angle", plane, float("nan"), "principal plane")
    lifted = extended(p, values[0])
    check = circular_agreement(plane(x[dense]), lifted(x[dense]))
    return (
        Coordinate("angle", plane, check, "principal plane")
        if check >= 0.9
        else Coordinate("angle", lifted, check, "cohomology")
    )


def cohomology_angles(p: NDArray[np.float64], n_angles: int = 1, prime: int = 47) -> list[NDArray[np.float64]]:
    """Angles of the `n_angles` longest-lived 1-dimensional classes at points, each (n,).

    The class is taken nine tenths of the way through its life, lifted to integers, and smoothed by the function whose
    coboundary is nearest to it.

    References
    ----------
    de Silva, Morozov and Vejdemo-Johansson 2011, doi:10.1007/s00454-011-9344-x.
    """
    if len(p) < 4:
        return []
    diagram = ripser(p, maxdim=1, coeff=prime, do_cocycles=True)
    bars, cocycles = diagram["dgms"][1], diagram["cocycles"][1]
    distance = cdist(p, p)
    out = []
    for b in np.argsort(bars[:, 0] - bars[:, 1], kind="stable")[:n_angles]:
        # late in its life the class has most edges to be smoothed over
        scale = bars[b, 0] + 0.9 * (bars[b, 1] - bars[b, 0])
        i, j = np.nonzero(np.triu(distance <= scale, 1))
        signed = np.zeros_like(distance)
        for u, v, value in cocycles[b]:
            # a cocycle modulo a prime is lifted to the integers nearest to 0: 46 is −1
            whole = value - prime if value > prime // 2 else value
            signed[u, v], signed[v, u] = whole, -whole
        m = len(i)
        edges = np.tile(np.arange(m), 2)
        # δ₀: edge (i, j) → f(j) − f(i)
        coboundary = coo_matrix((np.repeat([1.0, -1.0], m), (edges, np.concatenate([j, i]))), shape=(m, len(p))).tocsr()
        # the function whose coboundary is nearest to the cocycle: what is left is harmonic, and f mod 1 an angle
        f = lsqr(coboundary, signed[i, j], atol=1e-10, btol=1e-10)[0]
        out.append(2 * np.pi * (f % 1.0) - np.pi)
    return out


def extended(p: NDArray[np.float64], values: NDArray[np.float64], k: int = 6) -> Chart:
    """An angle known at landmarks, at any point: the mean direction of its nearest landmarks, near ones heavier."""
    tree = cKDTree(p)

    def of(points: NDArray[np.float64]) -> NDArray[np.float64]:
        d, j = tree.query(points, min(k, len(p)))
        d, j = d.reshape(len(points), -1), j.reshape(len(points), -1)
        # Gaussian weights on the scale of the distances found, so that far points have neighbours, too
        weight = np.exp(-0.5 * (d / np.maximum(d.mean(1, keepdims=True), 1e-12)) ** 2)
        return np.angle((weight * np.exp(1j * values[j])).sum(1))

    return of


def place_coordinate(x: NDArray[np.float64], rng: np.random.Generator, *, n_landmarks: int = 400) -> Coordinate:
    """Place along an arc, 0 … 1: the rank of the first diffusion coordinate.

    References
    ----------
    Coifman and Lafon 2006, doi:10.1016/j.acha.2006.04.006 (α = 1, so that density does not bend the coordinate).
    """
    dense = dense_part(x)
    p = x[dense] if len(dense) <= n_landmarks else x[np.sort(rng.choice(dense, n_landmarks, replace=False))]
    first = diffusion_coordinates(p, 1)[:, 0]
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(p))
    # mid-ranks: equal shares of points in equal segments of 0 to 1
    rank[order] = (np.arange(len(p)) + 0.5) / len(p)
    tree = cKDTree(p)

    def of(points: NDArray[np.float64]) -> NDArray[np.float64]:
        d, j = tree.query(points, min(6, len(p)))
        d, j = d.reshape(len(points), -1), j.reshape(len(points), -1)
        weight = np.exp(-0.5 * (d / np.maximum(d.mean(1, keepdims=True), 1e-12)) ** 2) + 1e-12
        return (weight * rank[j]).sum(1) / weight.sum(1)

    return Coordinate("place", of, float("nan"), "diffusion map")


def diffusion_coordinates(p: NDArray[np.float64], n: int, k: int = 15) -> NDArray[np.float64]:
    """The n leading non-trivial diffusion coordinates of points, (points, n); bandwidths are distances to the k-th
    neighbour.
    """
    d = cdist(p, p)
    reach = np.sort(d, axis=1)[:, min(k, len(p) - 1)] + 1e-12
    # bandwidth of a pair: the geometric mean of the distances of both points to their k-th neighbour
    kernel = np.exp(-(d**2) / (reach[:, None] * reach))
    density = kernel.sum(1)
    # α = 1: the density of points is divided out, so that the limit is the Laplacian of the shape alone
    kernel /= density[:, None] * density
    degree = kernel.sum(1)
    # similar to the random walk D⁻¹K, with the same eigenvalues, and symmetric
    symmetric = kernel / np.sqrt(degree[:, None] * degree)
    values, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2)
    # the first is constant, with eigenvalue 1
    lead = np.argsort(-values, kind="stable")[1 : n + 1]
    return vectors[:, lead] / np.sqrt(degree)[:, None] * values[lead]


def coordinate_stability(
    fit: Callable[[NDArray[np.float64]], Coordinate], x: NDArray[np.float64], half: NDArray[np.bool_]
) -> float:
    """Agreement on all points of coordinates fitted on either half: circular for angles, |rank correlation| for
    places.
    """
    if half.sum() < 30 or (~half).sum() < 30:
        return float("nan")
    first, second = fit(x[half]), fit(x[~half])
    a, b = first.of(x), second.of(x)
    if first.kind == "angle":
        return circular_agreement(a, b)
    # equal places share their mean rank; by the order of tokens any two constant coordinates would agree
    ranks = scipy.stats.rankdata(np.stack([a, b]), axis=1)
    return float(abs(np.corrcoef(ranks)[0, 1])) if (np.ptp(ranks, axis=1) > 0).all() else float("nan")
