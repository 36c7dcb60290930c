"""Planted worlds for `python -m benchmarks manifolds`: dictionaries tiled or trained, clusters scored beside other methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

from benchmarks._baselines import RIVALS, Evidence
from benchmarks.planted.manifolds import KINDS, Sample, World, sample, truth, world
from benchmarks.planted.tiled import tile
from photo51.config.geometry import GeometryParams
from photo51.config.sae import SaeParams
from photo51.geometry.meaning.direct import coordinate_of, subspaces
from photo51.geometry.relations.clusters import by_size, principal_span
from photo51.geometry.relations.coactivity import coactivation
from photo51.geometry.relations.tokens import autocorrelation, firing, in_sequence
from photo51.geometry.shapes.coordinates import circular_agreement
from photo51.geometry.shapes.manifolds import Geometry, find_manifolds
from photo51.geometry.shapes.points import Missed
from photo51.io.origin import Origin
from photo51.sae.training.train import fit

MIXED = -2
NAMES = {"circle": "loop", "rippled circle": "loop", "sphere": "sphere", "torus": "torus", "interval": "arc", "tree": "branched"}  # fmt: skip
SIDE_BY_SIDE = ("cosine_leiden", "jaccard_leiden", "hdbscan", "joint_leiden")


class Planted(NamedTuple):
    """A world, its tokens, a dictionary of it, and what each feature is: a source, −1 for junk, `MIXED` for no single thing."""

    world: World
    tokens: Sample
    decoder: NDArray[np.float32]
    codes: csr_matrix
    source: NDArray[np.int64]


def tiled(scenario: str, d_model: int, n_tiles: int, n: int, seed: int) -> Planted:
    """A world with a dictionary that tiles it by construction."""
    rng = np.random.default_rng([seed, d_model, n_tiles])
    w = world(scenario, d_model, rng)
    tokens = sample(w, n, rng)
    d = tile(w, tokens, n_tiles, rng)
    return Planted(w, tokens, d.decoder, d.codes, d.source)


class _Rows:
    """Activations in memory as a source of batches."""

    def __init__(self, x: NDArray[np.float32], seed: int):
        self.x, self.seed = x, seed
        self.origin = Origin(model="planted", site="planted", d_model=x.shape[1])

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        per = len(self.x) // size
        step = start
        while True:
            order = np.random.default_rng([self.seed, step // per]).permutation(len(self.x))
            for i in range(step % per, per):
                yield self.x[order[i * size : (i + 1) * size]]
                step += 1

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng([self.seed, seed, 1])
        return self.x[rng.choice(len(self.x), min(n, len(self.x)), replace=False)]


def trained(scenario: str, d_model: int, params: SaeParams, n: int, seed: int) -> Planted:
    """A world with an autoencoder trained on it."""
    rng = np.random.default_rng([seed, d_model])
    w = world(scenario, d_model, rng)
    sae = fit(_Rows(sample(w, 400_000, rng).x, seed), params)
    tokens = sample(w, n, rng)
    found = truth(w, sae.decoder)
    codes = sae.encode(tokens.x)
    return Planted(w, tokens, sae.decoder, codes, np.where(found.source < 0, MIXED, found.source))


def settings(**more: object) -> GeometryParams:
    """Parameters for tokens that are independent draws."""
    return GeometryParams(lags=0, offsets=0, **more)  # type: ignore[arg-type]


class Shapes(NamedTuple):
    """Of every manifold tiled enough: dimension, Betti numbers and name right; agreement of angles with the truth.

    Attributes
    ----------
    direct
        Of the same loops and tokens, the angle of the raw activations in as many dimensions.
    """

    dimension: list[bool]
    betti: list[bool]
    name: list[bool]
    angle: list[float]
    direct: list[float]


class Score(NamedTuple):
    """How one world went: ARI of the clusters and of other methods; what clusters and manifolds there are; shapes."""

    ari: float
    rivals: dict[str, float]
    clusters: int
    manifolds: int
    shapes: Shapes


def score(
    p: Planted, params: GeometryParams, *, least_tiles: int = 24, rivals: bool = True, shapes: bool = True
) -> Score:
    """Run the pipeline and the other methods on one world; what the dictionary missed is for shapes alone."""
    missed = Missed(np.arange(p.codes.shape[0]), p.tokens.x - p.codes @ p.decoder) if shapes else None
    g = find_manifolds(in_sequence(p.codes), p.decoder, params, missed)
    kept = g.usable.features
    source = p.source[kept]
    return Score(
        ari(p.world, source, g.label),
        _others(p, kept, source) if rivals else {},
        len(g.clusters),
        g.n_manifolds,
        _shapes(p, g, source, least_tiles),
    )


def ari(w: World, source: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    """Adjusted Rand index: features of a manifold belong together, every other feature is alone; mixed ones do not count."""
    keep = source != MIXED
    in_manifold = np.isin(source, w.manifolds)
    return float(adjusted_rand_score(_alone(np.where(in_manifold, source, -1))[keep], _alone(label)[keep]))


def _alone(label: NDArray[np.int64]) -> NDArray[np.int64]:
    out = label.copy()
    none = np.flatnonzero(label < 0)
    out[none] = label.max(initial=0) + 1 + np.arange(len(none))
    return out


def _others(p: Planted, kept: NDArray[np.int64], source: NDArray[np.int64]) -> dict[str, float]:
    pattern = firing(p.codes[:, kept].tocsr())
    pairs = coactivation(pattern, np.zeros((len(kept), 1), np.float32))
    evidence = Evidence(pattern, pairs, p.decoder[kept], len(p.world.sources))
    found = {name: RIVALS[name](evidence) for name in SIDE_BY_SIDE}
    return {name: ari(p.world, source, label) for name, label in {**found, "direct": _direct(p, kept)}.items()}


def _direct(p: Planted, kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """No dictionary: as many subspaces of the raw activations as there are manifolds; a feature is of the one that holds it."""
    rng = np.random.default_rng(0)
    n, k = len(p.world.manifolds), 4
    x = p.tokens.x[rng.choice(len(p.tokens.x), min(20_000, len(p.tokens.x)), replace=False)]
    found = subspaces(x, max(n, 2), k, rng)
    unit = p.decoder[kept] / np.maximum(np.linalg.norm(p.decoder[kept], axis=1, keepdims=True), 1e-12)
    axes = [principal_span(np.vstack([b, c[None]])) for b, c in zip(found.basis, found.centre, strict=True)]
    held = np.stack([((unit @ a.T) ** 2).sum(1) for a in axes], axis=1)
    return by_size(np.where(held.max(1) >= 0.5, held.argmax(1), -1))


def _shapes(p: Planted, g: Geometry, source: NDArray[np.int64], least: int) -> Shapes:
    """Of every manifold tiled by at least `least` features."""
    out = Shapes([], [], [], [], [])
    for m in p.world.manifolds:
        tiles = np.flatnonzero(source == m)
        if len(tiles) < least:
            continue
        label = np.bincount(g.label[tiles] + 1).argmax() - 1
        name = p.world.sources[m].kind
        kind = KINDS[name]
        if label < 0:
            for right in out[:3]:
                right.append(False)
            continue
        c = g.clusters[label]
        out.dimension.append(c.measured.dimension.called == kind.dimension)
        out.betti.append(tuple(c.measured.betti) == kind.betti)
        out.name.append(c.verdict.shape == NAMES[name])
        if kind.betti[1] == 1 and c.placed is not None:
            token = g.tokens.row[c.activity.token]
            here = p.tokens.presence[token, m]
            true = p.tokens.coordinates[m][token[here], 0]
            out.angle.append(circular_agreement(c.coordinate()[here], true))
            raw = coordinate_of(p.tokens.x[token], "angle", len(c.cloud.axes), np.random.default_rng(0))
            out.direct.append(circular_agreement(raw[here], true))
    return out


def long_runs(rng: np.random.Generator, n: int, n_features: int, length: float) -> float:
    """Share of pairs of independent features with runs of a mean length that have |z| > 8."""
    fresh = rng.random((n, n_features)) < 1 / length
    fresh[0] = True
    since = np.maximum.accumulate(np.where(fresh, np.arange(n)[:, None], 0), axis=0)
    on = np.take_along_axis(rng.random((n, n_features)), since, axis=0) < 0.1
    pattern = firing(csr_matrix(on.astype(np.float32)))
    rho = autocorrelation(pattern, np.zeros(n, np.int64), 1024)
    z = coactivation(pattern, rho, z_min=0.0, exclusion_at=0).z
    return float((np.abs(z) > 8).sum() / (n_features * (n_features - 1) / 2))
