"""Other ways to cluster features, as published, for the side-by-side on planted worlds.

Each takes what it needs and returns (features,) labels, −1 for features in no cluster of three or more. Where a method wants
the number of clusters it is given the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import HDBSCAN, spectral_clustering

from photo51.geometry.relations.clusters import by_size, leiden, strongest_edges
from photo51.geometry.relations.coactivity import Pairs, cosine
from photo51.geometry.relations.couplings import precision_couplings, pseudolikelihood, strongest_partners
from photo51.geometry.relations.tokens import Firing


class Evidence(NamedTuple):
    """What the methods see: where features fire, related pairs, decoder rows, and the number of clusters to look for."""

    pattern: Firing
    pairs: Pairs
    decoder: NDArray[np.floating]
    n_clusters: int

    @property
    def unit(self) -> NDArray[np.float64]:
        """Decoder rows of norm 1."""
        norm = np.linalg.norm(self.decoder, axis=1, keepdims=True)
        return np.asarray(self.decoder, np.float64) / np.maximum(norm, 1e-12)

    def graph(self, values: NDArray[np.floating], floor: float, keep: int | None = None) -> csr_matrix:
        """Graph of the pairs whose value exceeds `floor`, optionally with the strongest edges of each feature."""
        ok = values > floor
        full = Pairs(*(c[ok] for c in self.pairs)).matrix(values[ok], len(self.decoder))
        return full if keep is None else strongest_edges(full, keep)


def cosine_leiden(e: Evidence) -> NDArray[np.int64]:
    """Ten nearest decoder rows by cosine, Leiden at resolution 1: what single-cell tools do by default."""
    similar = np.maximum(e.unit @ e.unit.T, 0)
    np.fill_diagonal(similar, 0)
    return by_size(leiden(strongest_edges(csr_matrix(similar), 10), 1.0))


def jaccard_leiden(e: Evidence) -> NDArray[np.int64]:
    """Jaccard index of firing above 0.05, Leiden at resolution 1 (Li et al. 2024, arXiv:2410.19750, co-occurrence)."""
    return by_size(leiden(e.graph(e.pairs.jaccard, 0.05), 1.0))


def phi_leiden(e: Evidence) -> NDArray[np.int64]:
    """|φ| of pairs with |z| > 8, ten strongest, Leiden at resolution 1."""
    strong = np.where(np.abs(e.pairs.z) > 8, np.abs(e.pairs.phi), 0)
    return by_size(leiden(e.graph(strong, 0.0, keep=10), 1.0))


def hdbscan(e: Evidence) -> NDArray[np.int64]:
    """HDBSCAN of decoder rows (Campello et al. 2013, doi:10.1007/978-3-642-37456-2_14), at least three a cluster."""
    return by_size(HDBSCAN(min_cluster_size=3, copy=True).fit_predict(e.unit))


def ising_leiden(e: Evidence) -> NDArray[np.int64]:
    """Couplings by pseudo-likelihood, hardly penalised, |J| > 0.005, Leiden at resolution 1 (arXiv:2604.28119)."""
    partners = strongest_partners(e.pairs, e.pairs.z, len(e.decoder), 32)
    couplings = abs(pseudolikelihood(e.pattern, partners, penalty=1e-5)) / 4
    return by_size(leiden(couplings.multiply(couplings > 0.005).tocsr(), 1.0))


def joint_leiden(e: Evidence) -> NDArray[np.int64]:
    """√(|J| cos²) above 0.05, ten strongest, Leiden at resolution 0.5: one graph of both kinds of evidence."""
    j = precision_couplings(e.pairs, len(e.decoder), z_gate=4.0)
    c = cosine(np.asarray(e.decoder, np.float64), e.pairs.i, e.pairs.j)
    return by_size(leiden(e.graph(np.sqrt(np.abs(j) * c**2), 0.05, keep=10), 0.5))


def angular_spectral(e: Evidence) -> NDArray[np.int64]:
    """Spectral clustering of 1 − arccos(cos)/π of decoder rows (Engels et al. 2024, arXiv:2405.14860)."""
    similar = 1 - np.arccos(np.clip(e.unit @ e.unit.T, -1, 1)) / np.pi
    return by_size(spectral_clustering(similar, n_clusters=e.n_clusters, random_state=0))


def phi_spectral(e: Evidence) -> NDArray[np.int64]:
    """Spectral clustering of positive φ (Li et al. 2024, arXiv:2410.19750)."""
    similar = e.graph(np.maximum(e.pairs.phi, 0), 0.0).toarray() + 1e-6
    return by_size(spectral_clustering(similar, n_clusters=e.n_clusters, random_state=0))


RIVALS: Mapping[str, Callable[[Evidence], NDArray[np.int64]]] = MappingProxyType(
    {
        "cosine_leiden": cosine_leiden,
        "jaccard_leiden": jaccard_leiden,
        "hdbscan": hdbscan,
        "phi_leiden": phi_leiden,
        "ising_leiden": ising_leiden,
        "joint_leiden": joint_leiden,
        "angular_spectral": angular_spectral,
        "phi_spectral": phi_spectral,
    }
)
