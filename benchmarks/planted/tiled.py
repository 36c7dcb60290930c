"""Dictionaries that tile a planted world, made without training: the regime of tiling is then a choice, not an accident."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from scipy.spatial.distance import cdist

from benchmarks.planted.manifolds import Sample, Source, World
from photo51.geometry.shapes.points import landmarks


class Dictionary(NamedTuple):
    """A dictionary and its codes.

    Attributes
    ----------
    decoder
        (features, d) unit rows.
    codes
        (tokens, features) non-negative float32.
    source
        (features,) source each feature belongs to; −1 for junk.
    """

    decoder: NDArray[np.float32]
    codes: csr_matrix
    source: NDArray[np.int64]


def tile(
    w: World, tokens: Sample, n_tiles: int, rng: np.random.Generator, *, junk: int = 40, drop: float = 0.05
) -> Dictionary:
    """Tile every manifold with `n_tiles` features, give every direction one, add junk.

    A present manifold fires the tiles around its point, each less the farther its centre; a share `drop` of firings is
    lost and every tile fires once in a thousand tokens for no reason, as trained dictionaries do.
    """
    decoders, columns, source = [], [], []
    for i, s in enumerate(w.sources):
        here = np.flatnonzero(tokens.presence[:, i])
        points = s.points(tokens.coordinates[i][here])
        centres = s.points(s.draw(1, rng)) if s.kind == "direction" else _centres(s, n_tiles, rng)
        directions = centres / np.linalg.norm(centres, axis=1, keepdims=True)
        weights = place_weights(points, centres)
        rebuilt = weights @ directions
        scale = (rebuilt * points).sum(1) / np.maximum((rebuilt**2).sum(1), 1e-12) * tokens.magnitude[here, i]
        columns.append(_flawed(csr_matrix(weights * scale[:, None]), here, len(tokens.x), drop, rng))
        decoders.append(directions)
        source += [i] * len(directions)
    random = rng.standard_normal((junk, w.d_model))
    fires = rng.random((len(tokens.x), junk)) < rng.uniform(0.005, 0.05, junk)
    columns.append(csr_matrix((fires * rng.exponential(0.3, fires.shape)).T.astype(np.float32)))
    decoders.append(random / np.linalg.norm(random, axis=1, keepdims=True))
    codes = vstack(columns).T.tocsr().astype(np.float32)
    codes.eliminate_zeros()
    codes.sort_indices()
    return Dictionary(
        np.concatenate(decoders).astype(np.float32),
        codes,
        np.array([*source, *([-1] * junk)], dtype=np.int64),
    )


def _centres(s: Source, n_tiles: int, rng: np.random.Generator) -> NDArray[np.float64]:
    points = s.points(s.draw(max(2000, 40 * n_tiles), rng))
    return points[landmarks(points, n_tiles, rng)]


def place_weights(points: NDArray[np.floating], centres: NDArray[np.floating]) -> NDArray[np.float64]:
    """How strongly each point fires each tile: a hat of 1.3 tile spacings around its centre, (points, tiles).

    Farthest-point centres cover the set within one spacing, so every point fires at least one tile.
    """
    if len(centres) == 1:
        return np.ones((len(points), 1))
    spacing = np.median(np.partition(cdist(centres, centres), 1, axis=1)[:, 1])
    return np.maximum(0, 1 - cdist(points, centres) / (1.3 * spacing))


def _flawed(weights: csr_matrix, here, n: int, drop: float, rng: np.random.Generator) -> csr_matrix:
    """Tiles × tokens, with lost and spurious firings; a direction keeps all of its own."""
    kept = weights.tocoo()
    n_tiles = kept.shape[1]
    keep = (kept.data > 0.03) & (rng.random(kept.data.shape) >= drop)
    extra = rng.poisson(0.001 * n * n_tiles) if n_tiles > 1 else 0
    rows = np.concatenate([here[kept.row[keep]], rng.integers(0, n, extra)])
    cols = np.concatenate([kept.col[keep], rng.integers(0, n_tiles, extra)])
    data = np.concatenate([kept.data[keep], rng.uniform(0.05, 0.4, extra)])
    return csr_matrix((data, (cols, rows)), shape=(n_tiles, n))
