"""The whole of it: from codes in sequence to named clusters with points and coordinates.

    usable → relations → couplings → modules → candidates → shapes → coordinates

Every step is a pure function of another module; this one only hands on.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.geometry import GeometryParams
from photo51.geometry.relations.clusters import NONE, Partition, adopt, by_size, module_graph, stable_partition
from photo51.geometry.relations.coactivity import Pairs, coactivation, cosine
from photo51.geometry.relations.couplings import precision_couplings, pseudolikelihood, strongest_partners
from photo51.geometry.relations.growing import grow
from photo51.geometry.relations.lagged import Lagged, lagged_coactivation
from photo51.geometry.relations.tokens import Firing, Tokens, autocorrelation, firing
from photo51.geometry.relations.usable import Usable, usable
from photo51.geometry.shapes.points import Activity, Cloud, Missed, activity, cloud
from photo51.geometry.shapes.shape import (
    FLAT,
    Measured,
    Placed,
    ShapeVerdict,
    judge_shape,
    measure_cluster,
    shape_coordinate,
)
from photo51.progress import progress

log = logging.getLogger(__name__)
MOST, MOST_DRAWS = 5_000, 499  # tokens of a cluster that are measured, shifted copies for its holes


class Relations(NamedTuple):
    """Pairs of usable features.

    Attributes
    ----------
    pairs
        Co-firing.
    couplings
        (pairs,) direct couplings.
    cosine
        (pairs,) cosine of the decoders.
    lagged
        Following at fixed offsets.
    autocorrelation
        (features, lags) of firing.
    """

    pairs: Pairs
    couplings: NDArray[np.float64]
    cosine: NDArray[np.float64]
    lagged: Lagged | None
    autocorrelation: NDArray[np.float32]


class Cluster(NamedTuple):
    """One cluster, whatever it turned out to be."""

    features: NDArray[np.int64]
    module: int
    activity: Activity
    measured: Measured
    cloud: Cloud
    verdict: ShapeVerdict
    placed: Placed | None

    def projected(self, a: Activity | None = None) -> NDArray[np.float64]:
        """Active tokens on the principal axes of the cloud, (n, k), where the dictionary's error is known with it.

        Parameters
        ----------
        a
            Activity of the same features in other tokens.
        """
        a = self.activity if a is None else a
        y = a.codes.astype(np.float64) @ a.directions
        if a.error is not None:
            y += a.error
        unit = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
        return (unit - self.cloud.mean) @ self.cloud.axes.T

    def coordinate(self, a: Activity | None = None) -> NDArray[np.float64]:
        """Coordinate of every active token, (n,); NaN where the shape has none."""
        a = self.activity if a is None else a
        if self.placed is None or not len(a.codes):
            return np.full(len(a.codes), np.nan)
        return self.placed.coordinate.of(self.projected(a))

    def seriation(self) -> NDArray[np.int64]:
        """Order of the members along the coordinate, by the mean place of their firings; by strength where there is
        none.
        """
        t = self.coordinate()
        if not np.isfinite(t).any():
            return np.argsort(-self.activity.codes.sum(0), kind="stable")
        weight = self.activity.codes.astype(np.float64)
        if self.placed is not None and self.placed.coordinate.kind == "angle":
            return np.argsort(np.angle(weight.T @ np.exp(1j * t)), kind="stable")
        return np.argsort((weight.T @ t) / np.maximum(weight.sum(0), 1e-12), kind="stable")


class Geometry(NamedTuple):
    """Result of `find_manifolds`.

    Attributes
    ----------
    usable
        Which features took part, and why others did not.
    tokens
        The tokens shapes were measured on, of the usable features; `Activity.token` counts in them.
    relations
        Of the usable features, in their numbering (`usable.features` gives the original numbers).
    modules
        Communities of the couplings.
    label
        (usable features,) cluster, −1 for features in none.
    clusters
        In order of their number.
    result
        `found`, or the name of what stood in the way: `no live feature`, `fewer tokens than features`, `nothing
        related`, `no cluster`.
    """

    usable: Usable
    tokens: Tokens
    relations: Relations | None
    modules: Partition | None
    label: NDArray[np.int64]
    clusters: list[Cluster]
    result: str

    @property
    def n_manifolds(self) -> int:
        """Clusters that may be called manifolds."""
        return sum(c.verdict.manifold for c in self.clusters)


def find_manifolds(
    tokens: Tokens, decoder: NDArray[np.floating], params: GeometryParams, missed: Missed | None = None
) -> Geometry:
    """Find and name the manifolds of a dictionary.

    Parameters
    ----------
    tokens
        Codes in sequence.
    decoder
        (features, d_model).
    missed
        What the dictionary missed, for a sample of tokens; without it restricted R² is NaN.
    """
    used = usable(tokens.codes, decoder, params)
    nothing: list[Cluster] = []
    empty = np.full(len(used.features), NONE, np.int64)
    if not len(used.features):
        return Geometry(used, tokens.take(used.features), None, None, empty, nothing, "no live feature")
    if tokens.n < len(used.features):
        return Geometry(used, tokens.take(used.features), None, None, empty, nothing, "fewer tokens than features")
    own_tokens, rows = tokens.take(used.features), np.asarray(decoder)[used.features]
    first = first_half(own_tokens.block)
    # found on one half of the blocks, measured on the other
    finding, rest = (own_tokens.where(first), own_tokens.where(~first)) if params.held_out else (own_tokens, own_tokens)
    related = relations(finding, rows, params)
    if not len(related.pairs.i):
        return Geometry(used, rest, related, None, empty, nothing, "nothing related")
    modules = _modules(related, len(rows), params)
    label, module_of = _candidates(finding, rows, modules, params)
    if label.max(initial=NONE) < 0:
        return Geometry(used, rest, related, modules, label, nothing, "no cluster")
    if missed is not None and params.held_out:
        missed = Missed(*held_out_tokens(own_tokens, *missed))
    clusters = _measured(rest, rows, (label, module_of), missed, params)
    return Geometry(used, rest, related, modules, label, clusters, "found")


def unjudged(
    tokens: Tokens, decoder: NDArray[np.floating], params: GeometryParams
) -> tuple[Tokens, list[tuple[Activity, Cloud]]]:
    """Clusters with their points on held-out tokens, whatever they are: for a dictionary that only serves as a
    baseline.
    """
    used = usable(tokens.codes, decoder, params)
    own_tokens, rows = tokens.take(used.features), np.asarray(decoder)[used.features]
    first = first_half(own_tokens.block)
    finding, rest = (own_tokens.where(first), own_tokens.where(~first)) if params.held_out else (own_tokens, own_tokens)
    if not len(rows) or tokens.n < len(rows):
        return rest, []
    related = relations(finding, rows, params.model_copy(update={"offsets": 0}))
    modules = _modules(related, len(rows), params)
    label, module_of = _candidates(finding, rows, modules, params)
    out = []
    for c in range(len(module_of)):
        a = activity(rest, np.flatnonzero(label == c), rows, max_tokens=MOST)
        out.append((a, cloud(a, np.random.default_rng([params.seed, c]), max_points=params.points)))
    return rest, out


def first_half(block: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Every other block."""
    blocks = np.unique(block)
    return np.isin(block, blocks[::2])


def held_out_tokens(tokens: Tokens, number: NDArray[np.int64], values: NDArray) -> tuple[NDArray[np.int64], NDArray]:
    """Of some tokens, those on which shapes are measured where clusters are found on the others: new numbers, and
    values.
    """
    keep = ~first_half(tokens.block)
    scored = keep[number]
    # numbers among the tokens that stay
    return (np.cumsum(keep) - 1)[number[scored]], values[scored]


def relations(tokens: Tokens, decoder: NDArray[np.floating], params: GeometryParams) -> Relations:
    """Everything known of pairs of features."""
    pattern: Firing = firing(tokens.codes)
    n = tokens.codes.shape[1]
    rho = autocorrelation(pattern, tokens.run, params.lags) if params.lags else np.zeros((n, 1), np.float32)
    pairs = coactivation(pattern, rho, z_min=params.z_keep)
    log.info("%d tokens, %d features, %d related pairs", tokens.n, n, len(pairs.i))
    if params.couplings == "precision":
        couplings = precision_couplings(pairs, n, z_gate=params.z_edge, shrinkage=params.shrinkage)
    else:
        partners = strongest_partners(pairs, pairs.z, n, 32)
        couplings = np.asarray(pseudolikelihood(pattern, partners)[pairs.i, pairs.j]).ravel() / 4
    lagged = lagged_coactivation(pattern, tokens.run, rho, n_lags=params.offsets) if params.offsets else None
    return Relations(pairs, couplings, cosine(np.asarray(decoder, np.float64), pairs.i, pairs.j), lagged, rho)


def _modules(related: Relations, n_features: int, params: GeometryParams) -> Partition:
    graph = module_graph(
        related.pairs,
        related.couplings,
        n_features,
        floor=params.coupling,
        z_min=params.z_edge,
        keep=params.neighbours,
    )
    return stable_partition(graph, params.resolutions, range(params.partitions), smallest=params.smallest)


def _candidates(
    tokens: Tokens, decoder: NDArray[np.floating], modules: Partition, params: GeometryParams
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Label of every feature and module of every label: candidates, and modules that hold none."""
    grown = grow(
        tokens,
        modules.label,
        floor=params.dependence,
        n_lags=params.lags,
        smallest=params.smallest,
    )
    label = adopt(grown.label, modules.label, decoder, energy=params.adopt)
    for m in range(modules.label.max(initial=NONE) + 1):
        members = modules.label == m
        if (label[members] < 0).all():
            label[members] = label.max() + 1
    label = by_size(label, params.smallest)
    module_of = [
        int(np.bincount(modules.label[label == c] + 1).argmax()) - 1 for c in range(label.max(initial=NONE) + 1)
    ]
    return label, np.array(module_of, dtype=np.int64)


def _measured(tokens, decoder, candidates, missed: Missed | None, params: GeometryParams) -> list[Cluster]:
    label, module_of = candidates
    # enough draws that one real hole among so many clusters can be told, within reason
    # the smallest p of so many clusters must be able to pass Benjamini and Hochberg
    draws = max(params.draws, min(MOST_DRAWS, int(np.ceil(len(module_of) / params.alpha / 2))))
    parts = []
    for c in progress(range(len(module_of)), "shapes", unit="clusters"):
        features = np.flatnonzero(label == c)
        a = activity(tokens, features, decoder, missed=missed, max_tokens=MOST)
        rng = np.random.default_rng([params.seed, c])
        parts.append(
            (
                features,
                a,
                *measure_cluster(
                    a,
                    rng,
                    draws=(params.draws, draws),
                    n_landmarks=params.landmarks,
                    max_points=params.points,
                    alpha=params.alpha,
                ),
            )
        )
    verdicts = judge_shape([m for _, _, m, _ in parts], params.alpha, params.sure)
    clusters = []
    for c, ((features, a, m, points), verdict) in enumerate(zip(parts, verdicts, strict=True)):
        few = m.dimension.called <= FLAT  # one number says little of a cloud of more
        placed = shape_coordinate(verdict.shape, points, a.block[points.place], params.seed) if few else None
        clusters.append(Cluster(features, int(module_of[c]), a, m, points, verdict, placed))
    return clusters
