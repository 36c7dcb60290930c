"""Which features go with a phenotype beyond descent and covariates, in clades that were not used to find them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from photo51.biomarkers.cohorts.cohort import Cohort
from photo51.biomarkers.cohorts.stability import SelectionStability, stability_selection
from photo51.config.biomarkers import CohortParams
from photo51.io.contracts.biomarkers import COHORT_TESTS, LAMBDAS
from photo51.stats.clades import clades_with_both, require_spread
from photo51.stats.firth import firth_logistic
from photo51.stats.mixed import (
    Association,
    NullModel,
    fit_null,
    freedman_lane,
    interaction_test,
    kinship,
    lambda_gc,
    largest_p_without_one,
    one_sided,
    score_test,
)
from photo51.stats.multiple import benjamini_hochberg
from photo51.types import InputError

log = logging.getLogger(__name__)
FIRTH_COMPONENTS = 4  # few, as the rarer class has few individuals to fit them with


class Tested(NamedTuple):
    """The main test of some columns.

    Attributes
    ----------
    slope
        Slopes and p.
    p_without
        Largest p when any one clade is left out, (n_columns,).
    q
        Benjamini-Hochberg; 1 is taken for the p of what does not hold without some clade.
    name
        score, freedman_lane or firth.
    """

    slope: Association
    p_without: NDArray[np.float64]
    q: NDArray[np.float64]
    name: str


class Discovery(NamedTuple):
    """Tests on the discovery clades."""

    tests: pd.DataFrame
    lambdas: pd.DataFrame
    null: NullModel
    stability: SelectionStability
    n_clades: int
    retest: Callable[[NDArray[np.float64]], Tested]
    """The main test of other columns (n, k) on the same individuals: genes and alleles."""


def discover(cohort: Cohort, params: CohortParams, min_clades: int | None = None) -> Discovery:
    """Test every feature on the individuals of discovery clades.

    Raises
    ------
    InputError
        Where fewer clades than asked hold both classes: no p-value is printed then.
    """
    n_clades = require_spread(cohort.phenotype, cohort.clade, min_clades or params.min_clades)
    rng = np.random.default_rng(params.seed)
    related = kinship(cohort.relatedness)
    null = fit_null(cohort.phenotype, related, cohort.covariates if cohort.covariates.size else None)
    log.info("share of the phenotype that goes with descent: %.2f", null.h2)

    def retest(columns: NDArray[np.float64]) -> Tested:
        main, test = _main(cohort, columns, null, params)
        without = largest_p_without_one(columns, null, related, cohort.clade)
        # p = 1 for what rests on one clade: it stays in the family and is no discovery
        p_kept = np.where(without <= params.one_clade, main.p, 1.0)
        return Tested(main, without, benjamini_hochberg(p_kept) if len(p_kept) else p_kept, test)

    tested = retest(cohort.burden)
    main = tested.slope
    log_resting(tested, params)
    # without descent (h² = 0): what a plain regression would say
    naive = score_test(cohort.burden, fit_null(cohort.phenotype, related, _or_none(cohort.covariates), h2=0.0))
    # eigenvalues ascend: the leading components are the last columns
    components = related.vectors[:, ::-1][:, : params.components]
    with_components = np.column_stack([cohort.covariates, components])
    on_components = score_test(cohort.burden, fit_null(cohort.phenotype, related, with_components, h2=0.0))
    ranks = scipy.stats.rankdata(cohort.burden, axis=0)
    on_ranks = score_test(ranks, fit_null(scipy.stats.rankdata(cohort.phenotype), related, h2=0.0))
    stable = stability_selection(
        null.whiten(cohort.burden),
        null.residual,
        rng=rng,
        half_samples=params.half_samples,
        selected=min(params.selected, cohort.burden.shape[1]),
        threshold=params.threshold,
    )
    table = pd.DataFrame(
        {
            "feature": np.arange(cohort.burden.shape[1]),
            "beta": main.beta,
            "se": main.se,
            "p": main.p,
            "p_without": tested.p_without,
            "q": tested.q,
            "test": tested.name,
            "p_naive": naive.p,
            "p_rank": on_ranks.p,
            "p_components": on_components.p,
            "selected": stable.selected,
            "stable": stable.selected >= params.threshold,
            "val_beta": np.nan,
            "val_se": np.nan,
            "val_p": np.nan,
            "validated": False,
            **_interaction(cohort, null),
        }
    )
    lambdas = pd.DataFrame(
        [
            _lambda("mixed_model", main.p, params.alpha, naive=False),
            _lambda("regression", naive.p, params.alpha, naive=True),
            _lambda("rank", on_ranks.p, params.alpha, naive=True),
            _lambda("components", on_components.p, params.alpha, naive=True),
        ]
    )
    return Discovery(
        COHORT_TESTS.check(table),
        LAMBDAS.check(lambdas),
        null,
        stable,
        n_clades,
        retest,
    )


def log_resting(tested: Tested, params: CohortParams) -> None:
    """Say how many columns would be found if one clade could carry a finding alone."""
    alone = (benjamini_hochberg(tested.slope.p) <= params.alpha) & (tested.q > params.alpha)
    if alone.any():
        log.info(
            "%d features rest on one clade, and are no discoveries: without it p is above %g",
            int(alone.sum()),
            params.one_clade,
        )


def _or_none(covariates: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return covariates if covariates.shape[1] else None


def _main(
    cohort: Cohort, columns: NDArray[np.float64], null: NullModel, params: CohortParams
) -> tuple[Association, str]:
    """The test that the size of the cohort and of its rarer class allows."""
    n, score = len(cohort.phenotype), score_test(columns, null)
    # few of a class: the score test's normal approximation fails there, Firth's does not
    if cohort.is_binary and min(cohort.phenotype.sum(), n - cohort.phenotype.sum()) < params.rare:
        values, vectors = np.linalg.eigh(cohort.relatedness)
        # descent enters as its leading components, as a logistic model has no random effect here
        leading = vectors[:, np.argsort(-values)[:FIRTH_COMPONENTS]]
        firth = firth_logistic(cohort.phenotype, columns, np.column_stack([cohort.covariates, leading]))
        return Association(firth.beta, firth.se, firth.beta / firth.se, firth.p), "firth"
    if n < params.small:
        p = freedman_lane(columns, null, rng=np.random.default_rng(params.seed), draws=params.permutations)
        return score._replace(p=p), "freedman_lane"
    return score, "score"


def _interaction(cohort: Cohort, null: NullModel) -> dict[str, NDArray[np.float64]]:
    n = cohort.burden.shape[1]
    if cohort.treatment is None or cohort.treatment.std() == 0:
        return {"p_interaction": np.full(n, np.nan), "beta_interaction": np.full(n, np.nan)}
    result = interaction_test(cohort.burden, cohort.treatment, null)
    return {"p_interaction": result.p, "beta_interaction": result.beta}


def _lambda(test: str, p: NDArray[np.float64], alpha: float, *, naive: bool) -> dict[str, object]:
    n_discovered = int((benjamini_hochberg(p) <= alpha).sum())
    return {"test": test, "lambda_gc": lambda_gc(p), "discoveries": n_discovered, "naive": naive}


def validate(tests: pd.DataFrame, validation: Cohort, params: CohortParams) -> pd.DataFrame:
    """Test what was discovered, and nothing else, on the individuals that were put away.

    Returns
    -------
    `tests` with `val_beta`, `val_se`, `val_p` and `validated` filled in for the discoveries: validated are
    those of the same sign whose q among the features asked is at most `alpha`.

    Raises
    ------
    InputError
        Where no validation clade holds both classes.
    """
    out = tests.assign(val_beta=np.nan, val_se=np.nan, val_p=np.nan, validated=False)
    discovered = np.flatnonzero(tests["q"] <= params.alpha)
    if not len(discovered):
        return COHORT_TESTS.check(out)
    if not clades_with_both(validation.phenotype, validation.clade):
        raise InputError("validation clades: need both classes in one of them at least, got none")
    null = fit_null(validation.phenotype, kinship(validation.relatedness), _or_none(validation.covariates))
    result = score_test(validation.burden[:, tests["feature"].to_numpy()[discovered]], null)
    beta = tests["beta"].to_numpy()[discovered]
    # one-sided, in the direction that discovery found
    p = one_sided(result, beta)
    again = (benjamini_hochberg(p) <= params.alpha) & (np.sign(result.beta) == np.sign(beta))
    for name, values in (("val_beta", result.beta), ("val_se", result.se), ("val_p", p), ("validated", again)):
        column = out[name].to_numpy(copy=True)
        column[discovered] = values
        out[name] = column
    return COHORT_TESTS.check(out)


def leave_one_clade_out(tests: pd.DataFrame, cohort: Cohort, params: CohortParams) -> pd.DataFrame:
    """Where too few clades hold both classes to put some away: each in turn is asked what the others found.

    Returns
    -------
    `tests` with `val_beta` (mean over the clades asked), `val_se`, `val_p` and `validated` for the
    discoveries. `val_p` is twice the median over clades of the one-sided p, 1 where the others did not find the
    feature: so most clades have to agree.

    References
    ----------
    Vovk & Wang 2020, doi:10.1093/biomet/asaa027.
    """
    out = tests.assign(val_beta=np.nan, val_se=np.nan, val_p=np.nan, validated=False)
    discovered = np.flatnonzero(tests["q"] <= params.alpha)
    if not len(discovered):
        return COHORT_TESTS.check(out)
    columns = tests["feature"].to_numpy()[discovered]
    left_out = [c for c in np.unique(cohort.clade) if len(np.unique(cohort.phenotype[cohort.clade == c])) > 1]
    p, beta = np.ones((len(left_out), len(discovered))), np.full((len(left_out), len(discovered)), np.nan)
    for i, clade in enumerate(left_out):
        rest, clade_side = (
            cohort.subset(np.flatnonzero(side)) for side in (cohort.clade != clade, cohort.clade == clade)
        )
        first, second = (_alone(side, params) for side in (rest, clade_side))
        if first is None or second is None:
            # too few to test: the clade does not speak, and its p stays 1
            continue
        # found again without this clade, else its answer is to another question
        again_found = benjamini_hochberg(first.p)[columns] <= params.alpha
        again = one_sided(second, first.beta)[columns]
        p[i], beta[i] = np.where(again_found, again, 1.0), second.beta[columns]
    # twice the median of p is valid under any dependence
    combined = np.minimum(1.0, 2 * np.median(p, axis=0))
    estimated = ~np.isnan(beta).all(0)
    mean, se = np.full(len(discovered), np.nan), np.full(len(discovered), np.nan)
    n = (~np.isnan(beta)).sum(0)
    mean[estimated] = np.nanmean(beta[:, estimated], axis=0)
    # ddof = 1 wants two clades
    several = n > 1
    se[several] = np.nanstd(beta[:, several], axis=0, ddof=1) / np.sqrt(n[several])
    again = (benjamini_hochberg(combined) <= params.alpha) & (
        np.sign(mean) == np.sign(tests["beta"].to_numpy()[discovered])
    )
    for name, values in (("val_beta", mean), ("val_se", se), ("val_p", combined), ("validated", again)):
        column = out[name].to_numpy(copy=True)
        column[discovered] = values
        out[name] = column
    return COHORT_TESTS.check(out)


def _alone(cohort: Cohort, params: CohortParams) -> Association | None:
    """The main test of some individuals; None where they are too few for it."""
    # 8 individuals more than covariates: degrees of freedom to speak of
    if len(cohort.phenotype) < 8 + cohort.covariates.shape[1] or len(np.unique(cohort.phenotype)) < 2:
        return None
    # without any relatedness the kinship cannot be scaled
    if not np.trace(cohort.relatedness) > 0:
        return None
    null = fit_null(cohort.phenotype, kinship(cohort.relatedness), _or_none(cohort.covariates))
    return _main(cohort, cohort.burden, null, params)[0]
