"""Planted worlds for `bench manifolds`: dictionaries tiled or trained, clusters scored beside other methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

from photo51.config.geometry import GeometryParams
from photo51.config.sae import SaeParams
from photo51.geometry.coordinates import circular_agreement
from photo51.geometry.manifolds import Geometry, find_manifolds
from photo51.geometry.planted import KINDS, Sample, World, sample, truth, world
from photo51.geometry.relations import coactivation
from photo51.geometry.rivals import RIVALS, Evidence
from photo51.geometry.tiled import tile
from photo51.geometry.tokens import autocorrelation, firing, in_sequence
from photo51.io.origin import Origin
from photo51.sae.training import fit

MIXED = -2
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


class Score(NamedTuple):
    """How one world went: ARI of the clusters and of other methods; shapes right of those tiled enough; coordinates."""

    ari: float
    rivals: dict[str, float]
    clusters: int
    manifolds: int
    dimension: list[bool]
    betti: list[bool]
    angle: list[float]


def score(p: Planted, params: GeometryParams, *, least_tiles: int = 24, rivals: bool = True) -> Score:
    """Run the pipeline and the other methods on one world."""
    g = find_manifolds(in_sequence(p.codes), p.decoder, params)
    kept = g.usable.features
    source = p.source[kept]
    shapes = _shapes(p, g, source, least_tiles)
    return Score(
        ari(p.world, source, g.label),
        _others(p, kept, source) if rivals else {},
        len(g.clusters),
        g.n_manifolds,
        *shapes,
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
    return {name: ari(p.world, source, RIVALS[name](evidence)) for name in SIDE_BY_SIDE}


def _shapes(
    p: Planted, g: Geometry, source: NDArray[np.int64], least: int
) -> tuple[list[bool], list[bool], list[float]]:
    """Of every manifold tiled by at least `least` features: dimension and Betti numbers right, and agreement of the angle."""
    dimension, betti, angle = [], [], []
    for m in p.world.manifolds:
        tiles = np.flatnonzero(source == m)
        if len(tiles) < least:
            continue
        label = np.bincount(g.label[tiles] + 1).argmax() - 1
        if label < 0:
            dimension.append(False)
            betti.append(False)
            continue
        c = g.clusters[label]
        kind = KINDS[p.world.sources[m].kind]
        dimension.append(c.measured.dimension.called == kind.dimension)
        betti.append(tuple(c.measured.betti) == kind.betti)
        if kind.betti[1] == 1 and c.placed is not None:
            token = g.tokens.row[c.activity.token]
            here = p.tokens.presence[token, m]
            true = p.tokens.coordinates[m][token[here], 0]
            angle.append(circular_agreement(c.coordinate()[here], true))
    return dimension, betti, angle


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
