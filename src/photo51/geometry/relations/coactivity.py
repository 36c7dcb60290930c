"""Relations between features: who fires with whom, more or less often than their densities and their runs explain.

Firing is binary here. Neighbouring bases are not independent draws (genes, repeats and composition last hundreds of
bases), so the number of tokens is replaced, pair by pair, by Bartlett's effective number: with it two independent
features of long runs have z of unit variance, without it a fifth of such pairs passes |z| > 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from photo51.geometry.relations.tokens import Firing


class Pairs(NamedTuple):
    """Pairs of features i < j that are related, one entry each, sorted by (i, j).

    Attributes
    ----------
    i, j
        Feature numbers.
    count
        Tokens in which both fire.
    phi
        Correlation of the two binary firings.
    z
        `phi` in standard deviations under independence, autocorrelation allowed for.
    n_eff
        Effective number of tokens of the pair.
    jaccard
        Tokens with both over tokens with either.
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    count: NDArray[np.int64]
    phi: NDArray[np.float64]
    z: NDArray[np.float64]
    n_eff: NDArray[np.float64]
    jaccard: NDArray[np.float64]

    def matrix(self, values: NDArray, n_features: int) -> csr_matrix:
        """The symmetric (features, features) matrix of one value a pair."""
        half = coo_matrix((values, (self.i, self.j)), shape=(n_features, n_features))
        return (half + half.T).tocsr()


def coactivation(
    pattern: Firing,
    rho: NDArray[np.float32],
    *,
    z_min: float = 4.0,
    chunk: int = 1024,
    exclusion_at: float = 20.0,
) -> Pairs:
    """Pairs whose co-firing differs from independence by |z| ≥ `z_min`, counted in chunks of features.

    The product FᵀF is formed row by row with a dense accumulator (Gustavson 1978, doi:10.1145/355791.355796), so the
    cost is the number of active pairs and the memory one chunk. `z` is corrected by Bartlett's variance 1 + 2 Σ ρᵢ(l)
    ρⱼ(l) (Bartlett 1935, doi:10.2307/2342284), never below 1.

    Parameters
    ----------
    pattern
        Where features fire.
    rho
        (features, lags) from `autocorrelation`; one column of zeros leaves tokens independent.
    chunk
        Features counted at once; decides memory, not results.
    exclusion_at
        Pairs that fire together too rarely are kept only where at least this many joint firings are expected.
    """
    n_features = len(pattern.counts)
    parts = [_no_pairs()]
    for first in range(0, n_features, chunk):
        last, width = min(first + chunk, n_features), 256
        while True:
            n_partners = np.zeros(last - first, np.int64)
            partner, joint = _coactive(pattern, (first, last), (z_min, exclusion_at), n_partners, width)
            if n_partners.max() <= width:
                break
            # room was short for some feature: counted again with as much as the fullest needs
            width = int(n_partners.max())
        filled = np.arange(width) < n_partners[:, None]
        i = np.repeat(np.arange(first, last), n_partners)
        parts.append(_scored(i, partner[filled], joint[filled], pattern, rho))
    pairs = Pairs(*(np.concatenate(c) for c in zip(*parts, strict=True)))
    keep = np.abs(pairs.z) >= z_min
    return Pairs(*(c[keep] for c in pairs))


@njit(cache=True, parallel=True)
def _coactive(pattern, bounds, floors, n_partners, width):
    """Pairs of a range of features that pass a naive z: partners and counts, (last − first, width), and how many."""
    indptr, indices, ptr, rows, place = pattern
    first, last = bounds
    n_features, n = len(ptr) - 1, len(indptr) - 1
    partner = np.empty((last - first, width), np.int64)
    count = np.empty((last - first, width), np.int64)
    for f in prange(first, last):
        tally = np.zeros(n_features, np.int32)
        for o in range(ptr[f], ptr[f + 1]):
            t = rows[o]
            # features of a token ascend: those after f in it are its partners g > f, so each pair is met once
            for q in range(indptr[t] + place[o] + 1, indptr[t + 1]):
                tally[indices[q]] += 1
        p = (ptr[f + 1] - ptr[f]) / n
        n_kept = 0
        for g in range(f + 1, n_features):
            r = (ptr[g + 1] - ptr[g]) / n
            # joint firings under independence, and their standard deviation with both margins fixed
            expected = n * p * r
            spread = np.sqrt(expected * (1 - p) * (1 - r))
            if spread == 0:
                continue
            z = (tally[g] - expected) / spread
            # exclusion can only be seen where joint firings were expected
            if (tally[g] > 0 and z >= floors[0]) or (expected >= floors[1] and z <= -floors[0]):
                if n_kept < width:
                    partner[f - first, n_kept] = g
                    count[f - first, n_kept] = tally[g]
                n_kept += 1
        n_partners[f - first] = n_kept
    return partner, count


def _scored(i, j, count, pattern: Firing, rho) -> Pairs:
    n, counts = pattern.n_tokens, pattern.counts
    p, r = counts[i] / n, counts[j] / n
    # Pearson correlation of two 0/1 variables
    phi = (count / n - p * r) / np.sqrt(p * (1 - p) * r * (1 - r))
    # Bartlett: 1 + 2 Σ_l ρ_i(l) ρ_j(l) times the variance of independent tokens, never fewer than it
    n_eff = n / np.maximum(1.0, 1.0 + 2.0 * pair_dot(rho, i, j))
    # z: φ has standard deviation 1 / √n under independence; Jaccard: both over either
    return Pairs(i, j, count, phi, phi * np.sqrt(n_eff), n_eff, count / (counts[i] + counts[j] - count))


def _no_pairs() -> Pairs:
    whole, real = np.zeros(0, np.int64), np.zeros(0)
    return Pairs(whole, whole, whole, real, real, real, real)


def pair_dot(rows: NDArray, i: NDArray[np.integer], j: NDArray[np.integer], chunk: int = 1 << 18) -> NDArray:
    """Inner products of pairs of rows of a dense matrix, (pairs,); where most pairs are wanted, all of them are
    formed.
    """
    out = np.empty(len(i), dtype=np.float64)
    # one matrix product is quicker than gathering rows once a few per cent of all pairs are wanted
    if len(i) > 0.02 * len(rows) ** 2:
        for a in range(0, len(rows), 512):
            in_chunk = np.flatnonzero((i >= a) & (i < a + 512))
            if len(in_chunk):
                out[in_chunk] = (rows[a : a + 512] @ rows.T)[i[in_chunk] - a, j[in_chunk]]
        return out
    for a in range(0, len(i), chunk):
        s = slice(a, a + chunk)
        out[s] = np.einsum("pd,pd->p", rows[i[s]], rows[j[s]])
    return out


def cosine(decoder: NDArray[np.floating], i: NDArray[np.integer], j: NDArray[np.integer]) -> NDArray[np.float64]:
    """Cosine of decoder rows, pair by pair, (pairs,); 0 where a row is zero."""
    norm = np.linalg.norm(decoder, axis=1, keepdims=True)
    return pair_dot(np.divide(decoder, norm, out=np.zeros_like(decoder), where=norm > 0), i, j)
