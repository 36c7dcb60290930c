"""Dependence that a common switch does not explain: the difference between a manifold and a module.

Features that switch on together correlate, whether they tile one shape or merely share an occasion (two concepts of one
context, a gene and its promoter). The switch is taken out by looking only at tokens in which one of the two is on: given
that feature i fires, the occasion is there, and where i and j are different things the strength of i says nothing about j.
Where they tile one shape it does: as the point moves from the centre of i to that of j, one falls and the other rises.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.tokens import Firing, firing


def on_levels(codes: csr_matrix, share: float = 0.35) -> NDArray[np.float64]:
    """Activation above which a feature counts as on: `share` of the 90 % quantile of its firings, (features,).

    Weak firings are often mistakes of the encoder, made when the feature's occasion is absent.
    """
    columns = codes.tocsc()
    out = np.zeros(codes.shape[1])
    for f in range(codes.shape[1]):
        values = columns.data[columns.indptr[f] : columns.indptr[f + 1]]
        out[f] = share * np.quantile(values, 0.9) if len(values) else np.inf
    return out


def conditional_dependence(
    codes: csr_matrix,
    module: NDArray[np.integer],
    clumping: NDArray[np.floating],
    *,
    least_joint: int = 10,
    least_z: float = 4.0,
) -> csr_matrix:
    """Mean of r²(zᵢ, zⱼ | i on) and r²(zᵢ, zⱼ | j on) for pairs of one module, (features, features) symmetric CSR.

    Zero by construction for features that are independent once their common occasion is given, whatever the occasion.

    Parameters
    ----------
    codes
        (tokens, features) CSR, non-negative.
    module
        (features,) only pairs of equal number are looked at; negative numbers are in none.
    clumping
        (features,) tokens per independent token of each feature's firing (1 + 2 Σ ρ²): runs are not many observations.
    least_joint
        Joint firings below which a direction is taken as 0.
    least_z
        Directions with r √n_eff below are taken as 0.
    """
    codes = codes.tocsr().astype(np.float32)
    if not codes.has_sorted_indices:
        codes = codes.sorted_indices()
    pattern = firing(codes)
    level = on_levels(codes)
    n_features = codes.shape[1]
    numbers = np.asarray(module, np.int64)
    width = int(np.bincount(numbers[numbers >= 0], minlength=1).max())
    local = np.zeros(n_features, np.int64)
    for m in np.unique(numbers[numbers >= 0]):
        local[numbers == m] = np.arange(np.count_nonzero(numbers == m))
    r2 = _given_on(
        pattern,
        codes.data,
        level,
        (numbers, local, np.asarray(clumping, np.float64)),
        (least_joint, least_z, width),
    )
    parts_i, parts_j, values = [], [], []
    for m in np.unique(numbers[numbers >= 0]):
        members = np.flatnonzero(numbers == m)
        block = r2[members][:, : len(members)].astype(np.float64)
        block = (block + block.T) / 2
        i, j = np.nonzero(block)
        parts_i.append(members[i])
        parts_j.append(members[j])
        values.append(block[i, j])
    if not values:
        return csr_matrix((n_features, n_features))
    places = (np.concatenate(parts_i), np.concatenate(parts_j))
    return csr_matrix((np.concatenate(values), places), shape=(n_features, n_features))


@njit(cache=True, parallel=True)
def _given_on(pattern: Firing, data, level, features, least):
    """r² of (zᵢ, zⱼ) over tokens where i is on: row i, column the place of j in its module."""
    indptr, indices, ptr, rows, place = pattern
    module, local, clumping = features
    least_joint, least_z, width = least
    n_features = len(ptr) - 1
    out = np.zeros((n_features, width), np.float32)
    for f in prange(n_features):
        if module[f] < 0:
            continue
        sums = np.zeros((4, width))
        n, s1, s2 = 0, 0.0, 0.0
        for o in range(ptr[f], ptr[f + 1]):
            t = rows[o]
            z = data[indptr[t] + place[o]]
            if z <= level[f]:
                continue
            n += 1
            s1 += z
            s2 += z * z
            for q in range(indptr[t], indptr[t + 1]):
                g = indices[q]
                if module[g] == module[f] and g != f:
                    c = local[g]
                    sums[0, c] += 1
                    sums[1, c] += data[q]
                    sums[2, c] += data[q] * data[q]
                    sums[3, c] += z * data[q]
        if n < least_joint:
            continue
        own = s2 / n - (s1 / n) ** 2
        for c in range(width):
            other = sums[2, c] / n - (sums[1, c] / n) ** 2
            if sums[0, c] < least_joint or own <= 1e-12 or other <= 1e-12:
                continue
            r = (sums[3, c] / n - s1 / n * sums[1, c] / n) / np.sqrt(own * other)
            if abs(r) * np.sqrt(n / max(1.0, clumping[f])) >= least_z:
                out[f, c] = r * r
    return out
