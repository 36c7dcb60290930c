"""What a cluster is: every measure beside its null, then one word.

The null turns each feature by itself within the tokens where the cluster is active (`Activity.shifted`), so that
densities, runs and the common occasion stay. A cluster whose features are no more dependent than their shifted selves
is a module: it fires together, and that is all. Only what passes is a manifold, and only shapes that the resamples
agree on get a name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.relations.dependence import dense_dependence, on_levels
from photo51.geometry.shapes.coordinates import Coordinate, angle, coordinate_stability, place_coordinate
from photo51.geometry.shapes.dimension import (
    Dimension,
    Regime,
    flatness,
    intrinsic_dimension,
    regime,
    restricted_r2,
    turns,
)
from photo51.geometry.shapes.points import Activity, Cloud, cloud
from photo51.geometry.shapes.topology import CAVITY, LOOP, Betti, betti, branches, persistence, topology_agreement
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.resampling import monte_carlo_p

TILES_A_BRANCH = (
    3  # sparse codes lie along the axes: with fewer, every feature is an end of its own and nothing branches
)
MANIFOLDS = ("loop", "torus", "sphere", "arc", "branched", "states", "blob")
FLAT = 3  # dimensions up to which holes are looked for and a shape is named
FEW, SURE = 2, 20  # draws of what is slow to measure; resamples where something hangs on them
SOME, ENOUGH = 19, 5  # draws at least, and larger ones after which no more are made


class Null(NamedTuple):
    """What circularly shifted features give, one entry a draw; NaN where a measure was not taken.

    Attributes
    ----------
    loop, cavity
        Longest bars (radii).
    dependence
        Mean conditional dependence of pairs.
    dimension
        Mean of the two estimators.
    span
        Principal axes that hold 98 % of the variance.
    r2
        Restricted R² of shifted codes against the true activation.
    """

    loop: NDArray[np.float64]
    cavity: NDArray[np.float64]
    dependence: NDArray[np.float64]
    dimension: NDArray[np.float64]
    span: NDArray[np.float64]
    r2: NDArray[np.float64]


class Measured(NamedTuple):
    """Measures of one cluster, before they are weighed against those of the others.

    Attributes
    ----------
    n_features, n_tokens
        Members, and active tokens used.
    loop, cavity
        Two longest bars of dimension 1, and the longest of dimension 2 (radii).
    dependence
        Mean conditional dependence of pairs of members.
    p_loop, p_cavity, p_dependence
        Upper-tail p of these against the null; of holes NaN where there are too many dimensions to name a shape.
    betti, agreement
        Bars that count, and the share of resamples that agree.
    tips
        Ends beyond two.
    dimension, span, r2, regime, flatness
        As in `dimension`.
    null
        The draws.
    """

    n_features: int
    n_tokens: int
    loop: tuple[float, float]
    cavity: float
    dependence: float
    p_loop: float
    p_cavity: float
    p_dependence: float
    betti: Betti
    agreement: float
    tips: int
    dimension: Dimension
    span: int
    r2: float
    regime: Regime
    flatness: float
    null: Null


def measure_cluster(
    a: Activity,
    rng: np.random.Generator,
    *,
    draws: tuple[int, int] = (99, 99),
    n_landmarks: int = 120,
    max_points: int = 2000,
    alpha: float = 0.05,
) -> tuple[Measured, Cloud]:
    """Measure a cluster and its null.

    Parameters
    ----------
    draws
        Turned copies for dependence, and for holes. A few for dimension and R², and for holes where none of the
        cluster's is long enough to be called one whatever the null; cavities only where the cluster itself shows one.
    n_landmarks, max_points
        Landmarks of the persistence, and points they are chosen from.
    alpha
        Clusters whose p of dependence is larger are modules in any case: their holes have no null and no resamples.

    Returns
    -------
    The measures, and the cloud (with the dictionary's error added back where it is known) that coordinates are
    fitted on.
    """
    points = cloud(a, rng, max_points=max_points, with_error=True)
    codes_only = cloud(a, rng, max_points=max_points)
    dependence, shifted = _dependence(a, rng, draws[0])
    # a module has no shape to be asked for, and its holes would be the costliest to test
    depends = _p(dependence, shifted) <= alpha
    # without the dictionary's error, which fills all directions of the model and would raise the dimension
    dimension = intrinsic_dimension(codes_only.x, rng)
    flat = depends and 1 <= dimension.called <= FLAT
    # dimension-2 homology costs the fourth power of the landmarks: only where a cavity can exist
    diagram = persistence(points.x, rng, n_landmarks=n_landmarks, cavities=flat and points.x.shape[1] >= 3)
    loops, cavity = diagram.lengths(1), float(diagram.lengths(2)[0])
    hole = flat and bool(loops[0] > LOOP or cavity > CAVITY)
    # infinite where too short to be called, so that no draw can exceed it and none is made for it
    observed = (float(loops[0]) if loops[0] > LOOP else np.inf, cavity if cavity > CAVITY else np.inf)
    null = _null(a, rng, draws[1] if hole else FEW if depends else 0, (n_landmarks, max_points, observed), shifted)
    called = betti(diagram, _most(null.loop), _most(null.cavity))
    resamples = SURE if hole or called.pieces > 1 else FEW
    return (
        Measured(
            n_features=a.codes.shape[1],
            n_tokens=len(a.codes),
            loop=(float(loops[0]), float(loops[1]) if len(loops) > 1 else 0.0),
            cavity=cavity,
            dependence=dependence,
            p_loop=_p(float(loops[0]), null.loop) if flat else float("nan"),
            p_cavity=_p(cavity, null.cavity) if flat else float("nan"),
            p_dependence=_p(dependence, shifted),
            betti=called,
            agreement=(
                topology_agreement(points.x, called, rng, null_loop=_most(null.loop), draws=resamples)
                if depends
                else float("nan")
            ),
            # ends of a branch are only asked for where there is no hole, around which a tree would be cut
            tips=branches(points.x, rng) if flat and called[1:] == (0, 0) else 0,
            dimension=dimension,
            span=len(codes_only.explained),
            r2=restricted_r2(a),
            regime=regime(a),
            flatness=flatness(points.x, rng),
            null=null,
        ),
        points,
    )


def _dependence(a: Activity, rng: np.random.Generator, draws: int) -> tuple[float, NDArray[np.float64]]:
    """Mean dependence, and that of shifted copies; no more are drawn once five exceed it (a module, whatever follows).

    References
    ----------
    Besag and Clifford 1991, doi:10.1093/biomet/78.2.301 (sequential Monte Carlo tests).
    """
    level = on_levels(csr_matrix(a.codes))
    observed = dense_dependence(a.codes, level)
    out: list[float] = []
    # sequential: once five of the draws are larger, p is above 0.05 whatever the rest would show
    while len(out) < draws and not (len(out) >= SOME and (np.array(out) >= observed).sum() >= ENOUGH):
        out.append(dense_dependence(a.shifted_codes(rng), level))
    return observed, np.array(out)


def _null(
    a: Activity,
    rng: np.random.Generator,
    draws: int,
    settings: tuple[int, int, tuple[float, float]],
    dependence: NDArray[np.float64],
) -> Null:
    """Shapes of shifted copies; none for a module, whose shape is not asked for; no more once five have holes as long.

    Parameters
    ----------
    settings
        Landmarks, points, and the loop and cavity that were seen, infinite where too short to be called (such a cavity
        is not looked for).
    """
    n_landmarks, max_points, (loop_seen, cavity_seen) = settings
    hollow = np.isfinite(cavity_seen)
    rows: list[tuple[float, ...]] = []
    exceed = 0
    while len(rows) < draws and not (len(rows) >= SOME and exceed >= ENOUGH):
        shifted = a.shifted(rng)
        points = cloud(shifted, rng, max_points=max_points, with_error=True)
        h = persistence(points.x, rng, n_landmarks=n_landmarks, cavities=hollow)
        loop, cavity = float(h.lengths(1)[0]), float(h.lengths(2)[0]) if hollow else np.nan
        # either hole would be called, so either counts against the cluster
        exceed += loop >= loop_seen or cavity >= cavity_seen
        first = len(rows) < FEW
        rows.append(
            (
                loop,
                cavity,
                float(np.mean(intrinsic_dimension(cloud(shifted, rng, max_points=max_points).x, rng)))
                if first
                else np.nan,
                len(points.explained),
                restricted_r2(a, shifted.codes) if first else np.nan,
            )
        )
    loops, cavities, dimension, span, r2 = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Null(loops, cavities, dependence, dimension, span, r2)


def _most(draws: NDArray[np.float64]) -> float:
    """95 % quantile of the draws that were made; 0 where none was."""
    drawn = draws[~np.isnan(draws)]
    return float(np.quantile(drawn, 0.95)) if len(drawn) else 0.0


def _p(observed: float, draws: NDArray[np.float64]) -> float:
    drawn = draws[~np.isnan(draws)]
    return float(monte_carlo_p(observed, drawn)) if len(drawn) else 1.0


class ShapeVerdict(NamedTuple):
    """One word for a cluster, and what it rests on.

    Attributes
    ----------
    shape
        One of `MANIFOLDS`, `module` or `unresolved`.
    manifold
        Whether it may be called a manifold.
    q_dependence, q_hole
        Benjamini–Hochberg over the clusters of a run: more than a module; a real loop or cavity, over those of few
        enough dimensions, NaN for others.
    why
        The deciding measure in words.
    """

    shape: str
    manifold: bool
    q_dependence: float
    q_hole: float
    why: str


def judge_shape(measured: list[Measured], alpha: float = 0.05, sure: float = 0.5) -> list[ShapeVerdict]:
    """Name every cluster.

    Parameters
    ----------
    alpha
        False discovery rate over clusters.
    sure
        Share of resamples that must agree on the holes.
    """
    q_dependence = benjamini_hochberg([m.p_dependence for m in measured])
    # Bonferroni over the two holes where a cavity was tested beside the loop
    holes = [min(1.0, 2 * min(m.p_loop, m.p_cavity)) if m.betti.cavities else m.p_loop for m in measured]
    q_hole = benjamini_hochberg(holes)
    out = []
    for m, q, h in zip(measured, q_dependence, q_hole, strict=True):
        shape, why = _name(m, float(q), float(h), (alpha, sure))
        out.append(ShapeVerdict(shape, shape in MANIFOLDS, float(q), float(h), why))
    return out


def _name(m: Measured, q: float, q_hole: float, limits: tuple[float, float]) -> tuple[str, str]:
    alpha, sure = limits
    if m.n_features < 3 or m.n_tokens < 200:
        return "unresolved", f"{m.n_features} features in {m.n_tokens} tokens are too few to see a shape"
    if q > alpha:
        return "module", "members are no more dependent than when each is circularly shifted by itself"
    if m.dimension.called < 0:
        return (
            "unresolved",
            f"{m.n_features} features, mostly one at a time: too few different points to see a shape",
        )
    if m.dimension.called > FLAT:
        return "blob", f"{m.dimension.called} dimensions, too many for a shape to be named"
    if m.agreement < sure:
        return "unresolved", f"only {m.agreement:.0%} of resamples agree on the holes"
    if m.betti.pieces > 1:
        return "states", f"{m.betti.pieces} pieces with nothing between them"
    holes = (m.betti.loops, m.betti.cavities)
    if holes != (0, 0) and q_hole > alpha:
        return "unresolved", "holes, but circularly shifted features have such holes too"
    # noise around a ring may make its neighbourhoods look like a surface
    if holes == (1, 0) and m.dimension.called <= 2:
        return "loop", f"one loop of {m.loop[0]:.2f} radii"
    # two loops in one dimension would be a figure of eight, which is no torus
    if m.betti.loops == 2 and m.dimension.called >= 2:
        return "torus", f"two loops of {m.loop[0]:.2f} and {m.loop[1]:.2f} radii on a surface"
    if holes == (0, 1):
        return "sphere", f"a cavity of {m.cavity:.2f} radii and no loop"
    if holes != (0, 0):
        return "unresolved", f"{m.betti.loops} loops and {m.betti.cavities} cavities fit no shape known here"
    if m.dimension.called >= 2:
        return "blob", f"{m.dimension.called} dimensions without holes"
    # k features that exclude each other are a star of k axes, which is a property of sparse codes and no tree
    if m.tips > 0 and m.n_features < TILES_A_BRANCH * (m.tips + 2):
        return (
            "unresolved",
            f"{m.n_features} features, {m.tips + 2} ends: features active one at a time look like a star",
        )
    if m.tips > 0:
        return "branched", f"one dimension with {m.tips + 2} ends"
    return "arc", "one dimension with two ends"


class Placed(NamedTuple):
    """A coordinate with its stability between halves of the blocks, and the curve's total curvature (turns)."""

    coordinate: Coordinate
    stability: float
    turns: float


def shape_coordinate(shape: str, points: Cloud, block: NDArray[np.integer], seed: int) -> Placed | None:
    """An angle for loops, states and tori, a place for arcs and blobs; None where no single number makes sense.

    Parameters
    ----------
    block
        (n,) block of each point of the cloud: halves are even and odd blocks.
    """
    if shape not in MANIFOLDS or shape in {"sphere", "branched"} or points.x.shape[1] < 1 or len(points.x) < 60:
        return None
    round_one = shape in {"loop", "torus", "states"} and points.x.shape[1] >= 2

    def fit(x: NDArray[np.float64]) -> Coordinate:
        rng = np.random.default_rng(seed)
        return angle(x, rng) if round_one else place_coordinate(x, rng)

    fitted = fit(points.x)
    half = np.isin(block, np.unique(block)[::2])
    bend = turns(points.x, fitted.of(points.x), closed=round_one)
    return Placed(fitted, coordinate_stability(fit, points.x, half), bend)
