"""Holes of a cloud of points, by persistent homology: how many pieces, loops and cavities, and how sure.

Lengths of bars are in units of the cloud's radius (root mean square distance from its centre), so that one rule serves
all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from ripser import ripser
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree
from sklearn.cluster import DBSCAN

from photo51.geometry.shapes.points import dense_part, landmarks

APART, LOOP, CAVITY = 0.5, 0.45, 0.35


class Homology(NamedTuple):
    """Persistence of one set of landmarks.

    Attributes
    ----------
    bars
        For dimension 0, 1 and, where it was asked for, 2: (n, 2) births and deaths in radii, longest first; the
        component that never dies is left out.
    cloud
        (m, k) all points.
    radius
        Of the whole cloud.
    index
        (n,) landmarks, as rows of the cloud.
    """

    bars: tuple[NDArray[np.float64], ...]
    cloud: NDArray[np.float64]
    radius: float
    index: NDArray[np.int64]

    @property
    def pieces(self) -> int:
        """Parts that lie more than half a radius apart, each with at least a twentieth of the points."""
        return pieces(self.cloud, APART * self.radius) if self.radius > 1e-9 and len(self.cloud) > 3 else 1

    def lengths(self, dimension: int) -> NDArray[np.float64]:
        """Lengths of bars of a dimension (radii), longest first; a single 0 where there is none."""
        if dimension >= len(self.bars) or not len(self.bars[dimension]):
            return np.zeros(1)
        return self.bars[dimension][:, 1] - self.bars[dimension][:, 0]


def persistence(
    x: NDArray[np.float64], rng: np.random.Generator, *, n_landmarks: int = 120, cavities: bool = False
) -> Homology:
    """Vietoris–Rips persistence of landmarks that cover a cloud, strays left out.

    References
    ----------
    Tralie, Saul and Bar-On 2018, doi:10.21105/joss.00925 (Ripser.py); Bauer 2021, doi:10.1007/s41468-021-00071-5.
    """
    dense = dense_part(x)
    index = dense[landmarks(x[dense], n_landmarks, rng)]
    # root mean square distance from the centre: bars in units of it do not depend on the activations' scale
    radius = np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean()) if len(x) else 0.0
    if len(index) < 4 or radius <= 1e-9:
        return Homology((np.zeros((0, 2)),) * (3 if cavities else 2), x, radius, index)
    # landmarks, since Rips complexes of thousands of points do not fit; they cover the cloud by farthest-point
    # choice
    diagrams = ripser(x[index], maxdim=2 if cavities else 1)["dgms"]
    return Homology(tuple(_longest_first(d / radius) for d in diagrams), x, radius, index)


def pieces(x: NDArray[np.float64], gap: float, min_share: float = 0.05) -> int:
    """Parts of a cloud with next to nothing between them, that hold at least `min_share` of the points each.

    Two points within `gap` are linked where a hundredth of all points lies within `gap` of both: strays link nothing.
    Where more than a fifth of the points are in no part, there is something between them, and the cloud is in one
    piece.

    References
    ----------
    Ester et al. 1996, KDD-96:226 (DBSCAN).
    """
    if len(x) < 2:
        return 1
    # −1 marks points in no part, which `+ 1` below makes entry 0
    part = DBSCAN(eps=gap, min_samples=max(4, len(x) // 100)).fit(x).labels_
    return max(1, int((np.bincount(part + 1)[1:] >= min_share * len(x)).sum())) if (part < 0).mean() <= 0.2 else 1


def _longest_first(diagram: NDArray[np.floating]) -> NDArray[np.float64]:
    finite = diagram[np.isfinite(diagram).all(1)].astype(np.float64)
    # births minus deaths: the most negative is the longest bar
    return finite[np.argsort(finite[:, 0] - finite[:, 1], kind="stable")]


class Betti(NamedTuple):
    """Number of pieces, loops and cavities."""

    pieces: int
    loops: int
    cavities: int


def betti(h: Homology, null_loop: float = 0.0, null_cavity: float = 0.0) -> Betti:
    """Bars that count: longer than a fixed share of the radius and than 1.5 times what the null gives.

    Loops need 0.45 radii, cavities 0.35 (a circle has 1.73, a Clifford torus about 0.75 and 0.55, a sphere about 1.0).

    Parameters
    ----------
    null_loop, null_cavity
        Longest bars under the null (radii).
    """
    loops = h.lengths(1) > max(LOOP, 1.5 * null_loop)
    cavities = h.lengths(2) > max(CAVITY, 1.5 * null_cavity)
    return Betti(h.pieces, int(loops.sum()), int(cavities.sum()))


def topology_agreement(
    x: NDArray[np.float64],
    called: Betti,
    rng: np.random.Generator,
    *,
    null_loop: float = 0.0,
    draws: int = 20,
) -> float:
    """Share of resamples (half of the points, new landmarks) that give the same pieces and loops."""
    if len(x) < 20:
        return 0.0
    same = 0
    for _ in range(draws):
        # half without replacement: of a bootstrap the repeated points would be bars of length 0
        half = rng.choice(len(x), len(x) // 2, replace=False)
        called_again = betti(persistence(x[half], rng), null_loop)
        same += called_again[:2] == called[:2]
    return same / draws


def branches(x: NDArray[np.float64], rng: np.random.Generator, *, n_landmarks: int = 150, k: int = 5) -> int:
    """Ends of a one-dimensional cloud beyond two: 0 for a line, n − 2 for a tree with n tips, 0 where it cannot be
    said.

    Landmarks are linked to their neighbours; a tip is a landmark that is farther along the graph from the middle than
    all others within a sixth of the graph's diameter, and whose own branch stays in one piece when the middle is taken
    away.
    """
    dense = dense_part(x)
    p = x[dense][landmarks(x[dense], n_landmarks, rng)]
    if len(p) < 20:
        return 0
    graph = neighbour_graph(p, k)
    parts, member = connected_components(graph, directed=False)
    # distances are infinite between components; the largest one is the shape
    main = member == np.argmax(np.bincount(member))
    walk = dijkstra(graph[main][:, main], directed=False)
    diameter = walk.max()
    # the graph's centre: the landmark whose farthest point is nearest
    middle = int(np.argmin(walk.max(1)))
    height = walk[middle]
    near = walk <= diameter / 6
    # local maxima of the distance from the middle, within a sixth of the diameter
    tips = np.flatnonzero((near * height).max(1) <= height + 1e-12)
    tips = tips[height[tips] > diameter / 6]
    return max(0, len(tips) - 2) if parts < len(p) // 4 else 0


def neighbour_graph(p: NDArray[np.float64], k: int) -> csr_matrix:
    """Symmetric graph of distances to the k nearest neighbours, (n, n) CSR."""
    k = min(k, len(p) - 1)
    d, j = cKDTree(p).query(p, k + 1)
    i = np.repeat(np.arange(len(p)), k)
    # column 0 is the point itself; a distance of 0 would be no edge in a sparse matrix
    g = csr_matrix((np.maximum(d[:, 1:].ravel(), 1e-12), (i, j[:, 1:].ravel())), shape=(len(p), len(p)))
    # linked where either is among the other's nearest
    return g.maximum(g.T)
