"""From couplings to modules: which features fire together? Leiden communities of the couplings answer it.

What of a module is one manifold, `growing` finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import igraph
import leidenalg
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.metrics import adjusted_rand_score

from photo51.geometry.relations.coactivity import Pairs

NONE = -1


class Partition(NamedTuple):
    """Communities of a graph.

    Attributes
    ----------
    label
        (nodes,) community, numbered from the largest; −1 where it has fewer than `smallest` members.
    stability
        Mean adjusted Rand index between partitions of the graph with a tenth of its edges left out.
    resolution
        Resolution they were found at.
    """

    label: NDArray[np.int64]
    stability: float
    resolution: float


def leiden(graph: csr_matrix, resolution: float, seeds: Sequence[int] = (0,)) -> NDArray[np.int64]:
    """Communities of a weighted undirected graph, the consensus of one run a seed; every node in one.

    Runs that disagree are reconciled by a Leiden of the share of runs that put two linked nodes together.

    Parameters
    ----------
    graph
        (nodes, nodes) symmetric, weights ≥ 0.
    resolution
        γ of the Reichardt–Bornholdt quality.

    References
    ----------
    Traag, Waltman and van Eck 2019, doi:10.1038/s41598-019-41695-z; Reichardt and Bornholdt 2006,
    doi:10.1103/PhysRevE.74.016110; Lancichinetti and Fortunato 2012, doi:10.1038/srep00336 (consensus).
    """
    half = _upper(graph)
    runs = np.stack([_run(half, resolution, seed) for seed in seeds])
    if (runs == runs[0]).all():
        return runs[0]
    together = (runs[:, half.row] == runs[:, half.col]).mean(0)
    keep = together >= 0.5
    agreed = coo_matrix((together[keep], (half.row[keep], half.col[keep])), shape=half.shape)
    return _run(agreed, resolution, int(seeds[0]))


def _upper(graph: csr_matrix) -> coo_matrix:
    half = graph.tocoo()
    keep = (half.row < half.col) & (half.data > 0)
    return coo_matrix((half.data[keep], (half.row[keep], half.col[keep])), shape=half.shape)


def _run(half: coo_matrix, resolution: float, seed: int) -> NDArray[np.int64]:
    g = igraph.Graph(n=half.shape[0], edges=np.column_stack([half.row, half.col]))
    partition = leidenalg.find_partition(
        g,
        leidenalg.RBConfigurationVertexPartition,
        weights=half.data.astype(float).tolist(),
        resolution_parameter=resolution,
        seed=seed,
        n_iterations=-1,
    )
    return _by_first(np.array(partition.membership, dtype=np.int64))


def _by_first(label: NDArray[np.integer]) -> NDArray[np.int64]:
    """Communities renumbered in order of their first member, so that equal partitions have equal labels."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def by_size(label: NDArray[np.integer], smallest: int = 3) -> NDArray[np.int64]:
    """Communities renumbered from the largest; those of fewer than `smallest` members become `NONE`."""
    label = np.asarray(label)
    values, first, counts = np.unique(label[label >= 0], return_index=True, return_counts=True)
    large = np.flatnonzero(counts >= smallest)
    order = large[np.lexsort((first[large], -counts[large]))]
    out = np.full(len(label), NONE, np.int64)
    for number, v in enumerate(values[order]):
        out[label == v] = number
    return out


def module_graph(
    pairs: Pairs,
    couplings: NDArray[np.floating],
    n_features: int,
    *,
    floor: float = 0.05,
    z_min: float = 8.0,
    keep: int = 10,
) -> csr_matrix:
    """Graph of |coupling|, with each feature's `keep` strongest edges (either end's choice counts).

    An edge needs a coupling above `floor` that is also `z_min` standard errors from 0 at the pair's effective number of
    tokens, so that neither a large sample nor a small one makes noise an edge.
    """
    weight = np.abs(couplings)
    ok = (weight > floor) & (weight * np.sqrt(pairs.n_eff) >= z_min)
    full = Pairs(*(c[ok] for c in pairs)).matrix(weight[ok], n_features)
    return strongest_edges(full, keep)


def strongest_edges(graph: csr_matrix, keep: int) -> csr_matrix:
    """Each node's `keep` heaviest edges; an edge stays where either end keeps it."""
    g = graph.tocoo()
    order = np.lexsort((g.col, -g.data, g.row))
    row, col, data = g.row[order], g.col[order], g.data[order]
    within = np.arange(len(row)) - np.searchsorted(row, row) < keep
    half = csr_matrix((data[within], (row[within], col[within])), shape=g.shape)
    return half.maximum(half.T).tocsr()


def stable_partition(
    graph: csr_matrix,
    resolutions: Sequence[float],
    seeds: Sequence[int],
    *,
    smallest: int = 3,
    slack: float = 0.05,
) -> Partition:
    """Leiden at the resolution whose partitions change least when a tenth of the edges is left out.

    The lowest resolution within `slack` of the most stable one is taken: communities that are too wide are cut
    afterwards by evidence of another kind, communities that are too narrow are not mended.
    """
    stability = [_stability(graph, r, seeds) for r in resolutions]
    chosen = next(i for i, s in enumerate(stability) if s >= max(stability) - slack)
    label = leiden(graph, resolutions[chosen], seeds)
    return Partition(by_size(label, smallest), float(stability[chosen]), float(resolutions[chosen]))


def _stability(graph: csr_matrix, resolution: float, seeds: Sequence[int]) -> float:
    half = _upper(graph)
    linked = np.flatnonzero(np.asarray((graph > 0).sum(1)).ravel())
    if not len(linked):
        return 1.0
    runs = []
    for seed in seeds:
        keep = np.random.default_rng([seed, 51]).random(len(half.data)) < 0.9
        sampled = coo_matrix((half.data[keep], (half.row[keep], half.col[keep])), shape=half.shape)
        runs.append(_run(sampled, resolution, seed)[linked])
    return float(np.mean([adjusted_rand_score(a, b) for i, a in enumerate(runs) for b in runs[:i]] or [1.0]))


def adopt(
    label: NDArray[np.integer],
    module: NDArray[np.integer],
    decoder: NDArray[np.floating],
    *,
    energy: float = 0.6,
) -> NDArray[np.int64]:
    """Give features that are in no candidate to the one of their module whose span holds their decoder row.

    Features that fire rarely show too few joint firings to be pooled; where they fire with a module and their
    direction is one that the candidate's other features span, they belong to it. The share that a span of that size
    holds of a random direction is taken off first.

    Parameters
    ----------
    label, module
        (features,) candidate and module; −1 is none.
    decoder
        (features, d_model).
    energy
        Share of the squared norm beyond chance that the span must hold.
    """
    out = np.array(label, np.int64)
    unit = decoder / np.maximum(np.linalg.norm(decoder, axis=1, keepdims=True), 1e-12)
    best = np.full(len(out), energy)
    for c in np.unique(out[out >= 0]):
        members = np.flatnonzero(label == c)
        span = principal_span(unit[members])
        free = np.flatnonzero((np.asarray(label) < 0) & np.isin(module, module[members]) & (np.asarray(module) >= 0))
        chance = len(span) / decoder.shape[1]
        explained = (((unit[free] @ span.T) ** 2).sum(1) - chance) / max(1 - chance, 1e-12)
        won = explained > best[free]
        out[free[won]], best[free[won]] = c, explained[won]
    return out


def principal_span(rows: NDArray[np.floating], share: float = 0.98) -> NDArray[np.float64]:
    """Orthonormal rows of the fewest principal directions (not centred) that hold `share` of the squared norm, (k,
    d).
    """
    _, s, v = np.linalg.svd(np.asarray(rows, np.float64), full_matrices=False)
    if not s.size or s[0] == 0:
        return np.zeros((0, rows.shape[1]))
    k = int(np.searchsorted(np.cumsum(s**2) / (s**2).sum(), share)) + 1
    return v[: min(k, len(v))]
