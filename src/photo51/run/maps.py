"""Where features lie beside each other: the map, and the nearest neighbours, of the directions they write in the
model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photo51.run.opened import Run

BLOCK = 1_024


def feature_map(run: Run, ids: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place of each feature on a map: the UMAP of the geometry stage, or else the first two principal components of
    the decoder.
    """
    maps = run.maps
    embedding = maps.get("X_umap", next(iter(maps.values()), None))
    if embedding is None:
        embedding = principal(np.asarray(run.adata.X, dtype=np.float64))
    rows = run.places_of(ids)
    chosen = np.asarray(embedding, dtype=np.float64)[rows, :2]
    middle = np.nanmedian(chosen, axis=0) if np.isfinite(chosen).any() else np.zeros(2)
    chosen = np.where(np.isfinite(chosen), chosen, middle)
    return chosen[:, 0], chosen[:, 1]


def principal(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """First two principal components of rows of unit length, (rows, 2); the sign makes the largest loading positive."""
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return centred @ axes


def similar(run: Run, ids: NDArray[np.integer], n: int) -> dict[int, list[tuple[int, float]]]:
    """The `n` features whose decoder directions have the largest cosine with each feature's, itself left out."""
    if not n or len(ids) < 2:
        return {}
    x = np.asarray(run.adata.X, dtype=np.float32)[run.places_of(ids)]
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    out: dict[int, list[tuple[int, float]]] = {}
    for start in range(0, len(ids), BLOCK):
        cosine = unit[start : start + BLOCK] @ unit.T
        cosine[np.arange(len(cosine)), start + np.arange(len(cosine))] = -np.inf
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :n]
        for i, row in enumerate(order):
            out[int(ids[start + i])] = [(int(ids[j]), round(float(cosine[i, j]), 3)) for j in row]
    return out
