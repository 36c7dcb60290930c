"""Dependence that a common switch does not explain: the difference between a manifold and a module.

Features that switch on together correlate, whether they tile one shape or merely share an occasion (two concepts of
one context, a gene and its promoter). The switch is taken out by looking only at tokens in which one of the two is on:
given that feature i fires, the occasion is there, and where i and j are different things the strength of i says
nothing about j. Where they tile one shape it does: as the point moves from the centre of i to that of j, one falls and
the other rises. And as it moves from the centre of i to either side of it, j rises on one side only: its mean need not
change then, its spread does.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.relations.tokens import Firing, firing


def on_levels(codes: csr_matrix, share: float = 0.35) -> NDArray[np.float64]:
    """Activation above which a feature counts as on: `share` of the 90 % quantile of its firings, (features,).

    Weak firings are often mistakes of the encoder, made when the feature's occasion is absent.
    """
    columns = codes.tocsc()
    out = np.zeros(codes.shape[1])
    for f in range(codes.shape[1]):
        values = columns.data[columns.indptr[f] : columns.indptr[f + 1]]
        # a share of the 90 % quantile: the tail of faint activations is not the feature being on
        out[f] = share * np.quantile(values, 0.9) if len(values) else np.inf
    return out


def conditional_dependence(
    codes: csr_matrix,
    module: NDArray[np.integer],
    autocorrelation_time: NDArray[np.floating],
    *,
    least_joint: int = 10,
    least_z: float = 4.0,
    changed: NDArray[np.bool_] | None = None,
    levels_and_sums: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
) -> csr_matrix:
    """Mean of r²(zᵢ, zⱼ | i on) and r²(zᵢ, zⱼ | j on) for pairs of one module, (features, features) symmetric CSR.

    In either, r² is the larger of that with zⱼ and that with its squared distance from its mean there.

    Zero by construction for features that are independent once their common occasion is given, whatever the occasion.

    Parameters
    ----------
    codes
        (tokens, features) CSR, non-negative.
    module
        (features,) only pairs of equal number are looked at; negative numbers are in none.
    autocorrelation_time
        (features,) tokens per independent token of each feature's firing (1 + 2 Σ ρ²): runs are not many observations.
    least_joint
        Joint firings below which a direction is taken as 0.
    least_z
        Directions with r √n_eff below are taken as 0.
    changed
        (features,) pairs of two features that are not are left out.
    levels_and_sums
        What `on_levels` and `own_sums` give, where they are at hand.
    """
    codes = codes.tocsr().astype(np.float32, copy=False)
    if not codes.has_sorted_indices:
        codes = codes.sorted_indices()
    pattern = firing(codes)
    n_features = codes.shape[1]
    numbers = np.asarray(module, np.int64)
    width = int(np.bincount(numbers[numbers >= 0], minlength=1).max())
    local = np.zeros(n_features, np.int64)
    members = np.full((int(numbers.max(initial=-1)) + 1, width), -1, np.int64)
    for m in np.unique(numbers[numbers >= 0]):
        members_of = np.flatnonzero(numbers == m)
        local[members_of] = np.arange(len(members_of))
        members[m, : len(members_of)] = members_of
    new = np.ones(n_features, bool) if changed is None else np.asarray(changed, bool)
    rows = np.flatnonzero(new & (numbers >= 0))
    level = on_levels(codes) if levels_and_sums is None else np.asarray(levels_and_sums[0], np.float64)
    sums = own_sums(codes, level) if levels_and_sums is None else np.asarray(levels_and_sums[1], np.float64)
    module_facts = (numbers, local, np.asarray(autocorrelation_time, np.float64), new)
    r2 = _pairs(pattern, (codes.data, level), rows, module_facts, sums, (least_joint, least_z, width))
    # column c is a place in the module of the row, not a feature
    i, c = np.nonzero(r2)
    j = members[numbers[rows[i]], c]
    # each pair was met from one of its members alone
    half = csr_matrix((r2[i, c].astype(np.float64), (rows[i], j)), shape=(n_features, n_features))
    return (half + half.T).tocsr()


def own_sums(codes: csr_matrix, level: NDArray[np.floating]) -> NDArray[np.float64]:
    """Tokens in which each feature is on, and the sum and sum of squares of its activation there, (features, 3)."""
    # tokens at which a feature counts as on; below its level the tail of faint activations lies
    on = codes.data > level[codes.indices]
    feature, z = codes.indices[on], codes.data[on].astype(np.float64)
    n = codes.shape[1]
    return np.stack(
        [np.bincount(feature, minlength=n), np.bincount(feature, z, n), np.bincount(feature, z * z, n)], axis=1
    )


@njit(cache=True, parallel=True)
def _pairs(pattern: Firing, levels, chosen, features, own_totals, limits):
    """Mean r² of both directions: a row for each of some features, a column for each place in its module; pairs
    once.
    """
    indptr, indices, ptr, rows, place = pattern
    data, level = levels
    module, local, autocorrelation_time, new = features
    least_joint, least_z, width = limits
    out = np.zeros((len(chosen), width), np.float32)
    for k in prange(len(chosen)):
        f = chosen[k]
        # joint tokens, sums of the other one's powers, of products with its first two: f on, then the other one on
        sums = np.zeros((width, 14))
        other = np.full(width, -1, np.int64)
        for o in range(ptr[f], ptr[f + 1]):
            t = rows[o]
            # entry of f in token t: `place` is where it stands among the token's features
            z = data[indptr[t] + place[o]]
            on = z > level[f]
            for q in range(indptr[t], indptr[t + 1]):
                g = indices[q]
                # of two features that are both new the lower one owns the pair
                if module[g] != module[f] or g == f or (new[g] and g < f):
                    continue
                y = data[q]
                s = sums[local[g]]
                other[local[g]] = g
                if on:
                    _add(s[:7], z, y)
                if y > level[g]:
                    _add(s[7:], y, z)
        for c in range(width):
            g = other[c]
            if g >= 0:
                s = sums[c]
                a = _r2(s[:7], own_totals[f], autocorrelation_time[f], least_joint, least_z)
                b = _r2(s[7:], own_totals[g], autocorrelation_time[g], least_joint, least_z)
                # given that f is on, and given that g is on: their mean is symmetric
                out[k, c] = (a + b) / 2
    return out


@njit(cache=True)
def _add(sums, z, y):
    square = y * y
    sums[0] += 1
    sums[1] += y
    sums[2] += square
    sums[3] += square * y
    sums[4] += square * square
    sums[5] += z * y
    sums[6] += z * square


@njit(cache=True)
def _r2(sums, totals, autocorrelation_time, least_joint, least_z):
    """r² over the tokens where one feature is on, from sums; 0 where it is not certain enough."""
    n = totals[0]
    # r² of few joint firings is large by chance: about 1/n
    if n < least_joint or sums[0] < least_joint:
        return 0.0
    z, y = totals[1] / n, sums[1] / n
    # variances over the tokens where the first feature is on; the second is 0 in those where it is silent
    first, second = totals[2] / n - z * z, sums[2] / n - y * y
    if first <= 1e-12 or second <= 1e-12:
        return 0.0
    product, products = sums[5] / n, sums[6] / n
    r2 = (product - z * y) ** 2 / (first * second)
    # variance of (y − ȳ)²: E[y⁴] − 4ȳE[y³] + 6ȳ²E[y²] − 3ȳ⁴ − Var², from raw moments in one pass
    fourth = sums[4] / n - 4 * y * sums[3] / n + 6 * y * y * sums[2] / n - 3 * y**4 - second * second
    if fourth > 1e-12:
        # covariance of z with (y − ȳ)²: dependence that a tile of a ring shows, whose mean slope is 0
        spread = products - 2 * y * product + y * y * z - z * second
        r2 = max(r2, spread * spread / (first * fourth))
    # r √n_eff is about normal under independence; n_eff counts runs of firing once
    return min(r2, 1.0) if r2 * n / max(1.0, autocorrelation_time) >= least_z * least_z else 0.0


def dense_dependence(codes: NDArray[np.floating], level: NDArray[np.floating], *, least_joint: int = 10) -> float:
    """Mean over pairs of `conditional_dependence` of a few features in dense codes, of whatever certainty.

    Parameters
    ----------
    codes
        (tokens, features).
    level
        (features,) from `on_levels`; they stay as they are when features are shifted.
    """
    n_features = codes.shape[1]
    if n_features < 2:
        return 0.0
    # on the scale of each feature's own level single precision is enough
    scale = np.where(np.isfinite(level) & (level > 0), level, 1)
    z = (codes / scale).astype(np.float32)
    on = (codes > level).astype(np.float32)
    n = np.maximum(on.sum(0), 1)[:, None]
    z2, lit = z * z, on * z
    mine, square = lit.sum(0)[:, None] / n, (on * z2).sum(0)[:, None] / n
    y, y2, y3, y4 = (on.T @ power / n for power in (z, z2, z2 * z, z2 * z2))
    product, products = lit.T @ z / n, lit.T @ z2 / n
    first, second = square - mine**2, y2 - y**2
    fourth = y4 - 4 * y * y3 + 6 * y**2 * y2 - 3 * y**4 - second**2
    ok = (on.T @ (z > 0) >= least_joint) & (first > 1e-12) & (second > 1e-12)
    # a feature with itself is r² = 1 and says nothing
    np.fill_diagonal(ok, val=False)
    r2 = (product - mine * y) ** 2 / np.where(ok, first * second, 1)
    spread = products - 2 * y * product + y**2 * mine - mine * second
    bent = ok & (fourth > 1e-12)
    r2 = np.maximum(r2, np.where(bent, spread**2 / np.where(bent, first * fourth, 1), 0))
    return float(np.where(ok, np.minimum(r2, 1), 0).sum() / (n_features * (n_features - 1)))
