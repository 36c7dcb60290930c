"""Association with a phenotype among related individuals: the mixed-model score test, for thousands of features at
once.

Relatives share both their genome and, often, their label: in a clonal cohort nearly every feature of the commoner
clone differs between cases and controls. The mixed model gives the phenotype a random effect with the kinship as
covariance, so that a feature has to explain more than descent does. One eigendecomposition of the kinship serves every
phenotype and every feature: turned by its eigenvectors, the correlated individuals become independent ones of unequal
variance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.linalg import eigh, qr

from photo51.types import InputError

GRID = 34
H2_MAX = 0.9999
_COLLINEAR = 1e-8
_ROUNDING = 1e-18


class Kinship(NamedTuple):
    """Eigendecomposition of a kinship matrix with mean diagonal 1: `vectors @ diag(values) @ vectors.T`."""

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]


class NullModel(NamedTuple):
    """A phenotype explained by covariates and descent alone, in the turned and scaled basis.

    Attributes
    ----------
    h2
        Share of the variance that goes with the kinship, between 0 and 1.
    turn
        (n, n) matrix that whitens: `turn @ phenotype` has independent errors of equal variance.
    basis
        (n, n_covariates) orthonormal basis of the whitened covariates, constant included.
    residual
        (n,) whitened phenotype with the covariates taken out.
    log_likelihood
        Restricted (or plain) log-likelihood at `h2`.
    sources
        (n, 2) what kinship and error add to the variance of each whitened row, per unit of theirs; None where `h2` was
        fixed.
    """

    h2: float
    turn: NDArray[np.float64]
    basis: NDArray[np.float64]
    residual: NDArray[np.float64]
    log_likelihood: float
    sources: NDArray[np.float64] | None = None

    @property
    def df(self) -> int:
        """Degrees of freedom left for a test of one feature."""
        return len(self.residual) - self.basis.shape[1] - 1

    def df_of(self, x: NDArray[np.float64]) -> NDArray[np.float64] | int:
        """Degrees of freedom of the slope on each whitened feature (n, k), (k,), by Satterthwaite's approximation.

        A feature that differs between a few lineages and nowhere else is judged by the variance between lineages,
        which is known from as few: its t has that few degrees of freedom, whatever the number of individuals. With the
        squares of `x` as weights, `m` the mean of `sources` and `A` their cross products, the variance of the slope's
        variance is `2 m' A⁻¹ m` of its square.

        References
        ----------
        Giesbrecht & Burns 1985, doi:10.2307/2530872; Kuznetsova et al. 2017, doi:10.18637/jss.v082.i13.
        """
        if self.sources is None:
            return self.df
        # how much each whitened row counts in the slope
        squares = x**2
        total = squares.sum(0)
        # m: what kinship and error add to the variance of this slope, (2, k), each whitened row weighted by x²
        mean = self.sources.T @ squares / np.where(total > 0, total, 1.0)
        # A⁻¹ is, up to a factor of 2, the asymptotic covariance of the two variance components
        inverse = np.linalg.pinv(self.sources.T @ self.sources, hermitian=True)
        # Satterthwaite: df = 2 E[v]² / Var[v]; whitening makes E[v] = 1, and Var[v] = 2 m' A⁻¹ m
        spread = np.einsum("ik,ij,jk->k", mean, inverse, mean)
        return np.where(total > 0, np.clip(1 / np.maximum(spread, 1e-300), 1.0, self.df), self.df)

    def whiten(self, features: ArrayLike) -> NDArray[np.float64]:
        """Features (n, k) turned, scaled, covariates taken out; exactly 0 where nothing but rounding is left."""
        return _without(self.turn @ np.asarray(features, dtype=float), self.basis)


class Association(NamedTuple):
    """Slope of the phenotype on each feature, (n_features,): a feature that does not vary has slope 0, `se` NaN, p
    1.
    """

    beta: NDArray[np.float64]
    se: NDArray[np.float64]
    t: NDArray[np.float64]
    p: NDArray[np.float64]


def _without(x: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns of `x` minus their part in the span of an orthonormal basis."""
    # projection by an orthonormal basis: what is left has no part in the covariates
    rest = x - basis @ (basis.T @ x)
    gone = np.einsum("ij,ij->j", rest, rest) <= _ROUNDING * np.einsum("ij,ij->j", x, x)
    rest[:, gone] = 0.0
    return rest


def kinship(relatedness: ArrayLike) -> Kinship:
    """Decompose a similarity matrix, scaled to a mean diagonal of 1; rounding below zero is set to 0.

    Parameters
    ----------
    relatedness
        (n, n), symmetric, positive semi-definite: from markers, k-mers or features (`similarity`).

    Raises
    ------
    ValueError
        For a matrix that is not square, symmetric and finite, or has clearly negative eigenvalues.
    """
    k = np.asarray(relatedness, dtype=float)
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not np.isfinite(k).all() or not np.allclose(k, k.T, atol=1e-8):
        raise ValueError(f"kinship: need a square, symmetric, finite matrix, got shape {k.shape}")
    # mean diagonal 1, so that h2 is a share of the variance of an average individual
    scale = np.trace(k) / len(k)
    if scale <= 0:
        raise ValueError("kinship: need individuals that differ, got a matrix with no variance")
    values, vectors = eigh(k / scale, check_finite=False, driver="evd")
    # eigenvalues ascend; a Gram matrix rounds to slightly below 0, a wrong matrix lies further down
    if values[0] < -1e-4 * max(1.0, values[-1]):
        raise ValueError(f"kinship: need no negative eigenvalue, got {values[0]:.3g}")
    return Kinship(np.clip(values, 0.0, None), vectors)


def similarity(markers: ArrayLike, *, scale: bool = False) -> NDArray[np.float64]:
    """Similarity (n, n) of individuals from any table of theirs: SNP dosages, k-mer shares or feature burdens.

    Parameters
    ----------
    markers
        (n, n_markers); NaN (a missing genotype) counts as the marker's mean.
    scale
        Bring each marker to variance 1, for tables whose columns have different units. Leave it off for SNPs of a
        clonal cohort: centred SNPs give each pair the length of the path they share on the tree, scaled ones weigh
        each branch by how few descend from it.

    References
    ----------
    Zhou & Stephens 2012 (GEMMA's centred relatedness), doi:10.1038/ng.2310; Yang et al. 2011 (scaled),
    doi:10.1016/j.ajhg.2010.11.011.
    """
    x = np.array(markers, dtype=float)
    if x.ndim != 2:
        raise ValueError(f"markers: need individuals × markers, got shape {x.shape}")
    missing = np.isnan(x)
    if missing.any():
        n_known = np.maximum((~missing).sum(0), 1)
        x = np.where(missing, np.where(missing, 0.0, x).sum(0) / n_known, x)
    x -= x.mean(0)
    sd = x.std(0)
    varies = sd > 1e-12
    if not varies.any():
        raise ValueError("markers: need at least one that varies between individuals, got none")
    x = x[:, varies] / (sd[varies] if scale else 1.0)
    # divided by markers, not individuals: an inner product a marker, comparable between tables of any width
    return x @ x.T / x.shape[1]


def fit_null(
    phenotype: ArrayLike,
    related: Kinship,
    covariates: ArrayLike | None = None,
    *,
    reml: bool = True,
    h2: float | None = None,
) -> NullModel:
    """Find how much of the phenotype goes with descent, on a grid of 34 values and then between the best neighbours.

    Parameters
    ----------
    phenotype
        (n,) numbers; a binary phenotype as 0 and 1.
    related
        Decomposed kinship.
    covariates
        (n, n_covariates) without the constant, which is always added.
    reml
        Restricted maximum likelihood; else plain.
    h2
        Fix it instead of estimating it; 0 is ordinary regression.

    Raises
    ------
    InputError
        Where covariates depend on each other, or explain the phenotype wholly.

    References
    ----------
    Kang et al. 2008, doi:10.1534/genetics.107.080101; Lippert et al. 2011, doi:10.1038/nmeth.1681.
    """
    y = np.asarray(phenotype, dtype=float)
    x = _with_constant(covariates, len(y))
    # in the basis of eigenvectors K is diagonal: each grid point then costs n, not n³
    rotated = related.vectors.T @ np.column_stack([y, x])

    def at(share: float) -> tuple[float, NDArray, NDArray, NDArray]:
        # variance of each rotated row: h2 λ_i + (1 − h2), per unit of the total, which is profiled out below
        variance = share * related.values + (1 - share)
        scale = 1 / np.sqrt(variance)
        basis, r = np.linalg.qr(rotated[:, 1:] * scale[:, None])
        residual = rotated[:, 0] * scale
        residual = residual - basis @ (basis.T @ residual)
        n = len(y) - (x.shape[1] if reml else 0)
        # Gaussian log-likelihood at the best total variance, RSS / n; the second term is the Jacobian of the whitening
        fit = -n / 2 * (np.log(2 * np.pi * (residual @ residual) / n) + 1) - np.log(variance).sum() / 2
        if reml:
            # REML: − ½ log |X'V⁻¹X|, which is Σ log |r_jj| of the QR of the whitened covariates
            fit -= np.log(np.abs(np.diag(r))).sum()
        return float(fit), scale, basis, residual

    fixed = h2 is not None
    h2 = _best_share(lambda share: at(share)[0]) if h2 is None else h2
    fit, scale, basis, residual = at(h2)
    # ∂ log V_i / ∂ (σ²_g, σ²_e) of each row: λ_i / V_i and 1 / V_i
    sources = None if fixed else scale[:, None] ** 2 * np.column_stack([related.values, np.ones(len(y))])
    return NullModel(h2, related.vectors.T * scale[:, None], basis, residual, fit, sources)


def _best_share(fit: Callable[[float], float]) -> float:
    grid = np.linspace(0.0, H2_MAX, GRID)
    best = int(np.argmax([fit(share) for share in grid]))
    # the likelihood can have two humps: the grid finds the higher one, the search only climbs it
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    optimum = optimize.minimize_scalar(lambda s: -fit(s), bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return float(optimum.x) if -optimum.fun > fit(grid[best]) else float(grid[best])


def _with_constant(covariates: ArrayLike | None, n: int) -> NDArray[np.float64]:
    x = np.ones((n, 1)) if covariates is None else np.column_stack([np.ones(n), np.asarray(covariates, float)])
    scaled = x / np.maximum(np.linalg.norm(x, axis=0), 1e-300)
    # columns of length 1 first, so that the size of r_jj says dependence and not units; pivoting sorts them falling
    _, r, pivot = qr(scaled, mode="economic", pivoting=True)
    dependent = pivot[np.abs(np.diag(r)) < _COLLINEAR]
    if len(dependent):
        raise InputError(
            "covariates: need columns that do not depend on each other or on the constant, got column"
            f" {int(dependent[0]) - 1} that does"
        )
    return x


def score_test(features: ArrayLike, null: NullModel) -> Association:
    """Test every feature (n, n_features) with the variance share of the null model.

    With `h2` fixed at 0 this is ordinary least squares, to the last digit; where it was estimated, the t tail knows how
    surely (`NullModel.df_of`).

    References
    ----------
    Kang et al. 2010 (EMMAX), doi:10.1038/ng.548.
    """
    x = null.whiten(features)
    return _slopes(x, null.residual, null.df, tail_df=null.df_of(x))


def _slopes(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    df: int,
    explained: NDArray[np.float64] | float = 0.0,
    tail_df: NDArray[np.float64] | int | None = None,
) -> Association:
    """Least squares of `y` on one column at a time; `explained` squares of `y` are taken out of the error first.

    `tail_df` are the degrees of freedom of the t tail, those of the error where they are not given.
    """
    # x'x of each whitened column: information on its slope, 0 for a column that covariates explain
    information = np.einsum("ij,ij->j", x, x)
    varies = information > 0
    safe = np.where(varies, information, 1.0)
    beta = x.T @ y / safe
    # RSS of a simple regression: y'y − β² x'x; cancellation may leave it below 0
    error = np.maximum(y @ y - explained - beta**2 * safe, 1e-300) / df
    se = np.where(varies, np.sqrt(error / safe), np.nan)
    t = np.where(varies, beta / np.sqrt(error / safe), 0.0)
    tail = df if tail_df is None else tail_df
    return Association(beta, se, t, np.where(varies, 2 * scipy.stats.t.sf(np.abs(t), tail), 1.0))


def largest_p_without_one(
    features: ArrayLike, null: NullModel, related: Kinship, groups: ArrayLike
) -> NDArray[np.float64]:
    """Largest p of each feature (n, n_features) when any one group of individuals (n,) is left out of the sums,
    (n_features,).

    A feature that marks one lineage which happens to be full of cases is one observation; what is found in several
    lineages stays without any of them. Whitened values are turned back to individuals, so that each group's part of
    the slope can be taken away; the variance shares stay those of everybody. 1 where a feature varies within one group
    alone.
    """
    whitened = null.whiten(features)
    x, y = related.vectors @ whitened, related.vectors @ null.residual
    cross, squares, error_terms = x * y[:, None], x**2, y**2
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    total, power, error = cross.sum(0), squares.sum(0), error_terms.sum()
    tail = np.asarray(null.df_of(whitened), dtype=float)
    out = np.zeros(x.shape[1])
    for group in range(int(number.max()) + 1):
        in_group = number == group
        # leaving rows out of x'x, x'y and y'y is subtraction: no fit is done again
        left = power - squares[in_group].sum(0)
        varies = left > 1e-6 * np.maximum(power, 1e-300)
        safe = np.where(varies, left, 1.0)
        beta = (total - cross[in_group].sum(0)) / safe
        # one degree of freedom an individual left out; the covariates stay fitted on all
        df = max(null.df - int(in_group.sum()), 1)
        rest = np.maximum(error - error_terms[in_group].sum() - beta**2 * safe, 1e-300) / df
        t = np.abs(beta) / np.sqrt(rest / safe)
        out = np.maximum(out, np.where(varies, 2 * scipy.stats.t.sf(t, np.minimum(tail, df)), 1.0))
    return out


def one_sided(test: Association, direction: ArrayLike) -> NDArray[np.float64]:
    """Tail of each slope in the given direction, (n_features,) signs; the t distribution is symmetric, so two-sided p
    give it.
    """
    same = np.sign(test.beta) == np.sign(np.asarray(direction, dtype=float))
    return np.where(same, test.p / 2, 1 - test.p / 2)


def interaction_test(features: ArrayLike, treatment: ArrayLike, null: NullModel) -> Association:
    """Does a feature's slope depend on the treatment? Slope of `feature × treatment`, both main effects taken out.

    `treatment` (n,) must be among the covariates of the null model; it is centred here, which changes no p-value.
    """
    features, treatment = np.asarray(features, dtype=float), np.asarray(treatment, dtype=float)
    main = null.whiten(features)
    # centring keeps product and main effect nearly orthogonal, so that less is lost to rounding below
    product = null.whiten(features * (treatment - treatment.mean())[:, None])
    squares = np.einsum("ij,ij->j", main, main)
    safe = np.where(squares > 0, squares, 1.0)
    # Frisch-Waugh-Lovell: the slope on what of the product the main effect does not explain
    alone = product - main * (np.einsum("ij,ij->j", main, product) / safe)
    rest = np.einsum("ij,ij->j", alone, alone)
    alone[:, rest <= _ROUNDING * np.einsum("ij,ij->j", product, product)] = 0.0
    return _slopes(
        alone,
        null.residual,
        null.df - 1,
        explained=(main.T @ null.residual) ** 2 / safe,
        tail_df=np.minimum(null.df - 1, null.df_of(alone)),
    )


def freedman_lane(
    features: ArrayLike, null: NullModel, *, rng: np.random.Generator, draws: int = 9_999
) -> NDArray[np.float64]:
    """Two-sided p of each feature by permuting whitened residuals: for small cohorts, where a t tail is a guess.

    References
    ----------
    Freedman & Lane 1983, doi:10.1080/07350015.1983.10509354; Winkler et al. 2014, doi:10.1016/j.neuroimage.2014.01.060.
    """
    x = null.whiten(features)
    norm = np.sqrt(np.einsum("ij,ij->j", x, x))
    x = x / np.where(norm > 1e-9, norm, np.inf)

    def strength(y: NDArray) -> NDArray:
        """Squared partial correlation, (draws, features)."""
        y = y - (y @ null.basis) @ null.basis.T
        # x has length 1: the squared cosine of residual and feature, monotone in |t|
        return (y @ x) ** 2 / np.einsum("ij,ij->i", y, y)[:, None]

    observed = strength(null.residual[None])[0]
    hits = np.zeros(x.shape[1])
    for start in range(0, draws, 512):
        n = min(512, draws - start)
        shuffled = rng.permuted(np.broadcast_to(null.residual, (n, len(null.residual))), axis=1)
        # the slack counts ties as hits, which rounding would otherwise decide
        hits += (strength(shuffled) >= observed - 1e-12).sum(0)
    # the observed order counts as one of the draws: p is never 0
    return np.where(norm > 1e-9, (1 + hits) / (draws + 1), 1.0)


def lambda_gc(p: ArrayLike) -> float:
    """Genomic inflation: median of the χ² (one degree of freedom) that the p-values stand for, over its expectation.

    1 is calibrated; NaN where there is no p-value.

    References
    ----------
    Devlin & Roeder 1999, doi:10.1111/j.0006-341X.1999.00997.x.
    """
    finite = np.asarray(p, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return float("nan")
    # χ²₁ has median 0.4549
    return float(np.median(scipy.stats.chi2.isf(finite, 1)) / scipy.stats.chi2.ppf(0.5, 1))
