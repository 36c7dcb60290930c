"""Direct couplings: what two features' firing still says of each other when all others are known.

Two estimators of the couplings of a pairwise binary model (an Ising model). `precision_couplings` is the naive
mean-field one: the negative normalised inverse of the correlation matrix, shrunk, one connected component of the gate
at a time. `pseudolikelihood` is the ℓ1-penalised logistic regression of each feature on its candidate partners, slower
and exact in the limit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigvalsh
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from photo51.geometry.relations.coactivity import Pairs
from photo51.geometry.relations.tokens import Firing


def precision_couplings(
    pairs: Pairs, n_features: int, *, z_gate: float = 8.0, shrinkage: float = 0.05, largest: int = 4096
) -> NDArray[np.float64]:
    """Partial correlations of firing, one value a pair: −Pᵢⱼ / √(Pᵢᵢ Pⱼⱼ) with P the inverse of the shrunk
    correlations.

    Parameters
    ----------
    pairs
        Pairs from `coactivation`; pairs not listed count as uncorrelated.
    z_gate
        Features are inverted together where they are linked by pairs of at least this |z|.
    shrinkage
        Weight of the identity; raised where the matrix is not safely positive definite.
    largest
        Components of more features are cut by raising their gate until they fall apart.

    Returns
    -------
    (pairs,) couplings in −1 … 1; 0 for pairs of different components.

    References
    ----------
    Roudi, Tyrcha and Hertz 2009, doi:10.1103/PhysRevE.79.051915 (naive mean field);
    Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4 (shrinkage to the identity).
    """
    component = gated_components(pairs, n_features, z_gate, largest)
    out = np.zeros(len(pairs.i))
    inside = np.flatnonzero(component[pairs.i] == component[pairs.j])
    # pairs of one component side by side, so that each matrix is cut out once
    order = inside[np.argsort(component[pairs.i[inside]], kind="stable")]
    bounds = np.flatnonzero(np.diff(component[pairs.i[order]], prepend=-1, append=-2))
    for chunk in (order[a:b] for a, b in pairwise(bounds)):
        members, local = np.unique(np.concatenate([pairs.i[chunk], pairs.j[chunk]]), return_inverse=True)
        i, j = local[: len(chunk)], local[len(chunk) :]
        # pairs that were not listed stay at 0, which is what the gate on |z| says of them
        correlation = np.eye(len(members))
        correlation[i, j] = correlation[j, i] = pairs.phi[chunk]
        out[chunk] = _partial(correlation, shrinkage)[i, j]
    return out


def gated_components(pairs: Pairs, n_features: int, z_gate: float, largest: int) -> NDArray[np.int64]:
    """Connected components of pairs with |z| ≥ `z_gate`, (features,); too large ones are cut at higher gates."""
    label = np.zeros(n_features, np.int64)
    gate = z_gate
    todo = np.ones(n_features, bool)
    while todo.any():
        # only components that are too large are looked at again
        use = (np.abs(pairs.z) >= gate) & todo[pairs.i] & todo[pairs.j] & (label[pairs.i] == label[pairs.j])
        links = csr_matrix((np.ones(use.sum()), (pairs.i[use], pairs.j[use])), shape=(n_features, n_features))
        fresh = connected_components(links, directed=False)[1]
        # numbers beyond all in use, then made consecutive
        label[todo] = label.max() + 1 + fresh[todo]
        label = np.unique(label, return_inverse=True)[1].astype(np.int64)
        todo = np.bincount(label)[label] > largest
        gate *= 1.5
    return label


def _partial(correlation: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    n = len(correlation)
    # φ of pairs taken one by one need not be a positive definite matrix; a little identity makes most so
    shrunk = (1 - shrinkage) * correlation + shrinkage * np.eye(n)
    try:
        factor = cho_factor(shrunk, lower=True)
    except np.linalg.LinAlgError:
        low = eigvalsh(shrunk, subset_by_index=[0, 0])[0]
        # the identity is mixed in until the least eigenvalue is `shrinkage`
        weight = (shrinkage - low) / (1 - low)
        factor = cho_factor((1 - weight) * shrunk + weight * np.eye(n), lower=True)
    precision = cho_solve(factor, np.eye(n))
    scale = np.sqrt(np.diag(precision))
    # partial correlation given all other members; the diagonal becomes −1 and is not read
    return -precision / scale[:, None] / scale


class Neighbourhoods(NamedTuple):
    """Candidate partners of each feature: (features, width) numbers, −1 where there are fewer."""

    partners: NDArray[np.int64]


def strongest_partners(pairs: Pairs, strength: NDArray[np.floating], n_features: int, width: int) -> Neighbourhoods:
    """The `width` partners of each feature with the largest |strength|."""
    i = np.concatenate([pairs.i, pairs.j])
    j = np.concatenate([pairs.j, pairs.i])
    order = np.lexsort((j, -np.abs(np.tile(strength, 2)), i))
    i, j = i[order], j[order]
    # place within a feature's own partners: `i` is sorted, so its first entry is where its number begins
    rank = np.arange(len(i)) - np.searchsorted(i, i)
    partners = np.full((n_features, width), -1, np.int64)
    partners[i[rank < width], rank[rank < width]] = j[rank < width]
    return Neighbourhoods(partners)


def pseudolikelihood(
    pattern: Firing,
    candidates: Neighbourhoods,
    *,
    penalty: float = 1e-3,
    sweeps: int = 60,
    tolerance: float = 1e-4,
) -> csr_matrix:
    """Couplings by ℓ1-penalised logistic regression of each feature on its candidates, made symmetric by their mean.

    Maximises, feature by feature, the mean log-likelihood less `penalty` · Σ|b| with an unpenalised intercept, by
    coordinate descent in bounded Newton steps. Tokens in which no candidate fires are one term, so the cost is that of
    the active ones.

    Parameters
    ----------
    penalty
        Per token (nats).

    Returns
    -------
    (features, features) symmetric CSR of log-odds per firing partner; b/4 is the coupling of spins ±1.

    References
    ----------
    Ravikumar, Wainwright and Lafferty 2010, doi:10.1214/09-AOS691;
    Friedman, Hastie and Tibshirani 2010, doi:10.18637/jss.v033.i01 (coordinate descent).
    """
    weights = _logistic(pattern, candidates.partners, penalty, sweeps, tolerance)
    n_features, width = candidates.partners.shape
    fitted = (candidates.partners >= 0) & (weights != 0)
    rows = np.repeat(np.arange(n_features), width).reshape(n_features, width)[fitted]
    one_way = csr_matrix((weights[fitted], (rows, candidates.partners[fitted])), shape=(n_features, n_features))
    # two regressions estimate one coupling of an Ising model; their mean is the usual symmetrisation
    both = ((one_way + one_way.T) / 2).tocsr()
    both.eliminate_zeros()
    return both


@njit(cache=True, parallel=True)
def _logistic(pattern, partners, penalty, sweeps, tolerance):
    n_features, width = partners.shape
    out = np.zeros((n_features, width))
    for f in prange(n_features):
        m = 0
        while m < width and partners[f, m] >= 0:
            m += 1
        if m > 0:
            _fit(pattern, f, partners[f, :m], (penalty, tolerance, sweeps), out[f, :m])
    return out


@njit(cache=True)
def _fit(pattern, f, partners, settings, b):
    """Coefficients of one feature, into `b`; tokens where no candidate fires share the intercept as predictor."""
    indptr, _, ptr, rows, _ = pattern
    penalty, tolerance, sweeps = settings
    n, n_on = len(indptr) - 1, ptr[f + 1] - ptr[f]
    if n_on == 0:
        return
    # tokens in which some candidate fires get numbers; all others are alike and enter as one term
    number = np.full(n, -1, np.int32)
    n_here = 0
    for c in range(len(partners)):
        for q in range(ptr[partners[c]], ptr[partners[c] + 1]):
            if number[rows[q]] < 0:
                number[rows[q]] = n_here
                n_here += 1
    y = np.zeros(n_here)
    for q in range(ptr[f], ptr[f + 1]):
        if number[rows[q]] >= 0:
            y[number[rows[q]]] = 1.0
    on_elsewhere, n_elsewhere = n_on - y.sum(), n - n_here
    # log-odds of firing without any partner; the 1 keeps a feature that is always on finite
    intercept = np.log(n_on / (n - n_on + 1.0))
    eta = np.full(n_here, intercept)
    everywhere = np.arange(n_here)
    for _ in range(sweeps):
        p = 1 / (1 + np.exp(-intercept))
        gradient, curvature = _slope(y, eta, everywhere)
        # the tokens without a candidate: their predictor is the intercept alone
        gradient += on_elsewhere - n_elsewhere * p
        step = _bounded(gradient / (curvature + n_elsewhere * p * (1 - p) + 1e-9))
        intercept += step
        eta += step
        biggest = abs(step)
        for c in range(len(partners)):
            tokens_on = number[rows[ptr[partners[c]] : ptr[partners[c] + 1]]]
            gradient, curvature = _slope(y, eta, tokens_on)
            # where p is near 0 or 1 the curvature vanishes and a Newton step would leap
            curvature = max(curvature, 0.01 * len(tokens_on) + 1e-9)
            target = b[c] + gradient / curvature
            # soft threshold: the closed solution of a quadratic plus penalty · |b|
            shrunk = np.sign(target) * max(abs(target) - penalty * n / curvature, 0.0)
            step = _bounded(shrunk - b[c])
            b[c] += step
            for t in tokens_on:
                eta[t] += step
            biggest = max(biggest, abs(step))
        if biggest < tolerance:
            break


@njit(cache=True)
def _slope(y, eta, tokens_on):
    """Gradient and curvature of the log-likelihood along a shift of some linear predictors."""
    gradient, curvature = 0.0, 0.0
    for t in tokens_on:
        p = 1 / (1 + np.exp(-eta[t]))
        gradient += y[t] - p
        curvature += p * (1 - p)
    return gradient, curvature


@njit(cache=True)
def _bounded(step):
    return min(max(step, -1.0), 1.0)
