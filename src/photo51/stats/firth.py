"""Firth's logistic regression: finite slopes and honest p-values where cases are few or a feature separates them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

FEATURES_AT_ONCE = 256
STEPS = 100
# a step of more in the slope of a scaled feature would saturate every probability
LARGEST_STEP = 5.0
TOLERANCE = 1e-8


class FirthTest(NamedTuple):
    """Log odds ratio of each feature, its standard error, and the p of the penalised likelihood ratio,
    (n_features,).
    """

    beta: NDArray[np.float64]
    se: NDArray[np.float64]
    p: NDArray[np.float64]


def firth_logistic(phenotype: ArrayLike, features: ArrayLike, covariates: ArrayLike | None = None) -> FirthTest:
    """Regress a binary phenotype on one feature at a time, with covariates, under Jeffreys' prior.

    Parameters
    ----------
    phenotype
        (n,) 0 and 1.
    features
        (n, n_features); a feature that does not vary beside the covariates gets slope 0 and p 1.
    covariates
        (n, n_covariates) without the constant, which is always added.

    References
    ----------
    Firth 1993, doi:10.1093/biomet/80.1.27; Heinze & Schemper 2002, doi:10.1002/sim.1047.
    """
    y = np.asarray(phenotype, dtype=float)
    if not np.isin(y, (0, 1)).all() or len(np.unique(y)) < 2:
        raise ValueError("phenotype: need 0 and 1, and both of them")
    f = np.asarray(features, dtype=float)
    x = (
        np.ones((len(y), 1))
        if covariates is None
        else np.column_stack([np.ones(len(y)), np.asarray(covariates, float)])
    )
    beta, se, p = np.zeros(f.shape[1]), np.full(f.shape[1], np.nan), np.ones(f.shape[1])
    # what the covariates do not explain: without any, the information matrix is singular
    alone = f - x @ np.linalg.lstsq(x, f, rcond=None)[0]
    varying = np.flatnonzero(np.linalg.norm(alone, axis=0) > 1e-7 * np.maximum(np.linalg.norm(f, axis=0), 1e-300))
    for start in range(0, len(varying), FEATURES_AT_ONCE):
        chunk = varying[start : start + FEATURES_AT_ONCE]
        # one scale for all, so that bounds of steps and the tolerance mean the same for each feature
        scale = f[:, chunk].std(0)
        b, s, p[chunk] = _chunk(y, x, f[:, chunk] / scale)
        beta[chunk], se[chunk] = b / scale, s / scale
    return FirthTest(beta, se, p)


def _chunk(y: NDArray, x: NDArray, f: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    design = np.concatenate([np.broadcast_to(x, (f.shape[1], *x.shape)), f.T[:, :, None]], axis=2)
    full, full_fit, covariance = _fit(y, design, design.shape[2])
    _, null_fit, _ = _fit(y, design, design.shape[2] - 1)
    # penalised likelihood ratio, χ² with one degree of freedom; both fits have the penalty of the whole design
    ratio = np.maximum(2 * (full_fit - null_fit), 0.0)
    return full[:, -1], np.sqrt(covariance[:, -1, -1]), scipy.stats.chi2.sf(ratio, 1)


def _fit(y: NDArray, design: NDArray, free: int) -> tuple[NDArray, NDArray, NDArray]:
    """Newton steps on the first `free` slopes; the penalty is that of the whole design in either case."""
    # slopes that are not free stay 0
    slopes = np.zeros((design.shape[0], design.shape[2]))
    fit, score, information = _state(y, design, slopes)
    for _ in range(STEPS):
        step = np.linalg.solve(information[:, :free, :free], score[:, :free, None])[..., 0]
        # a bounded step keeps its direction
        step *= np.minimum(1.0, LARGEST_STEP / np.maximum(np.abs(step).max(1, keepdims=True), 1e-300))
        moved = np.abs(step).max(1) > TOLERANCE
        if not moved.any():
            break
        length = np.ones(len(slopes))
        for _ in range(25):
            trial = slopes.copy()
            trial[:, :free] += length[:, None] * step
            new_fit, new_score, new_information = _state(y, design, trial)
            # halving until no fit is worse; each feature has its own length
            worse = (new_fit < fit - 1e-10) & moved
            if not worse.any():
                break
            length[worse] /= 2
        slopes, fit, score, information = trial, new_fit, new_score, new_information
    return slopes, fit, np.linalg.inv(information)


def _state(y: NDArray, design: NDArray, slopes: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Penalised log-likelihood, modified score and information, one an entry of the first axis."""
    eta = np.einsum("fnp,fp->fn", design, slopes)
    mean = 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
    weight = mean * (1 - mean)
    information = np.einsum("fnp,fn,fnq->fpq", design, weight, design, optimize=True)
    inverse = np.linalg.inv(information)
    # diagonal of the hat matrix W½ X (X'WX)⁻¹ X' W½
    leverage = weight * np.einsum("fnp,fpq,fnq->fn", design, inverse, design, optimize=True)
    # Firth's modified score, the gradient of the log-likelihood plus ½ log |information|
    score = np.einsum("fnp,fn->fp", design, y - mean + leverage * (0.5 - mean))
    # Σ y η − log(1 + e^η), and Jeffreys' prior
    fit = (y * eta - np.logaddexp(0, eta)).sum(1) + np.linalg.slogdet(information)[1] / 2
    return fit, score, information
