"""The mixed model against statsmodels, closed forms and simulated descent."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize

from photo51.stats.clades import clades, clades_with_both, require_spread
from photo51.stats.firth import firth_logistic
from photo51.stats.mixed import (
    fit_null,
    freedman_lane,
    interaction_test,
    kinship,
    lambda_gc,
    score_test,
    similarity,
)
from photo51.types import InputError


def families(n_families=40, size=6, seed=0):
    """A phenotype with a shared value per family (variance 1), noise (variance 1), and a covariate."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(n_families), size)
    covariate = rng.normal(size=len(family))
    y = rng.normal(size=n_families)[family] + rng.normal(size=len(family)) + 0.5 * covariate
    return y, covariate, family


def test_without_relatedness_it_is_ordinary_least_squares():
    rng = np.random.default_rng(1)
    y, covariate, features = rng.normal(size=80), rng.normal(size=(80, 2)), rng.normal(size=(80, 5))
    null = fit_null(y, kinship(np.eye(80)), covariate, h2=0.0)
    ours = score_test(features, null)
    for j in range(5):
        theirs = sm.OLS(y, np.column_stack([np.ones(80), covariate, features[:, j]])).fit()
        assert ours.beta[j] == pytest.approx(theirs.params[-1])
        assert ours.se[j] == pytest.approx(theirs.bse[-1])
        assert ours.p[j] == pytest.approx(theirs.pvalues[-1])


def test_with_relatedness_it_is_generalised_least_squares():
    rng = np.random.default_rng(2)
    y, covariate, family = families(10, 5)
    shared = (family[:, None] == family[None]).astype(float)
    feature = rng.normal(size=len(y))
    ours = score_test(feature[:, None], fit_null(y, kinship(shared), covariate[:, None], h2=0.4))
    covariance = 0.4 * shared + 0.6 * np.eye(len(y))
    theirs = sm.GLS(y, np.column_stack([np.ones(len(y)), covariate, feature]), covariance).fit()
    assert ours.beta[0] == pytest.approx(theirs.params[-1])
    assert ours.p[0] == pytest.approx(theirs.pvalues[-1])


@pytest.mark.parametrize("reml", [True, False])
def test_variance_share_is_that_of_statsmodels(reml):
    y, covariate, family = families()
    x = np.column_stack([np.ones(len(y)), covariate])
    theirs = sm.MixedLM(y, x, groups=family).fit(reml=reml)
    share = theirs.cov_re[0, 0] / (theirs.cov_re[0, 0] + theirs.scale)
    shared = (family[:, None] == family[None]).astype(float)
    ours = fit_null(y, kinship(shared), covariate[:, None], reml=reml)
    assert ours.h2 == pytest.approx(share, abs=2e-3)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=2e-3)


def test_scale_of_the_kinship_does_not_matter():
    y, _, family = families()
    shared = (family[:, None] == family[None]).astype(float)
    assert fit_null(y, kinship(shared)).h2 == pytest.approx(fit_null(y, kinship(7 * shared)).h2, abs=1e-6)


def clonal(n=300, n_clades=12, n_features=1500, seed=0):
    """Clades inherit their features and their phenotype; no feature causes it."""
    rng = np.random.default_rng(seed)
    clade = rng.integers(0, n_clades, n)
    markers = (rng.normal(size=(n_clades, 800))[clade] + 0.2 * rng.normal(size=(n, 800)) > 0).astype(float)
    features = rng.normal(size=(n_clades, n_features))[clade] + rng.normal(size=(n, n_features))
    y = (1.2 * rng.normal(size=n_clades)[clade] + rng.normal(size=n) > 0).astype(float)
    return y, features, markers, clade


def test_clonal_cohort_inflates_the_plain_test_and_not_the_mixed_one():
    naive, mixed = [], []
    for seed in range(4):
        y, features, markers, _ = clonal(seed=seed)
        related = kinship(similarity(markers))
        naive.append(lambda_gc(score_test(features, fit_null(y, related, h2=0.0)).p))
        mixed.append(lambda_gc(score_test(features, fit_null(y, related)).p))
    assert np.mean(naive) > 3
    assert 0.85 < np.mean(mixed) < 1.15


def test_a_planted_cause_survives_the_mixed_model():
    y, features, markers, _ = clonal(seed=5)
    rng = np.random.default_rng(5)
    cause = rng.normal(size=len(y))
    y = y + cause
    test = score_test(np.column_stack([cause, features[:, :5]]), fit_null(y, kinship(similarity(markers))))
    assert test.p[0] < 1e-20
    assert test.beta[0] == pytest.approx(1.0, abs=0.1)


def test_feature_that_does_not_vary_or_repeats_a_covariate_gets_p_one():
    rng = np.random.default_rng(6)
    y, covariate = rng.normal(size=50), rng.normal(size=50)
    null = fit_null(y, kinship(np.eye(50)), covariate[:, None], h2=0.0)
    test = score_test(np.column_stack([np.full(50, 3.0), 2 * covariate - 1]), null)
    assert test.p.tolist() == [1.0, 1.0]
    assert np.isnan(test.se).all()


def test_dependent_covariates_are_refused_by_number():
    y, covariate, _ = families(5, 4)
    with pytest.raises(InputError, match="need columns that do not depend"):
        fit_null(y, kinship(np.eye(len(y))), np.column_stack([covariate, 2 * covariate]))
    with pytest.raises(InputError, match="constant"):
        fit_null(y, kinship(np.eye(len(y))), np.ones((len(y), 1)))


def test_interaction_is_the_last_slope_of_the_full_regression():
    rng = np.random.default_rng(7)
    features, treatment = rng.normal(size=(90, 4)), rng.integers(0, 2, 90).astype(float)
    y = rng.normal(size=90) + features[:, 0] * treatment
    null = fit_null(y, kinship(np.eye(90)), treatment[:, None], h2=0.0)
    ours = interaction_test(features, treatment, null)
    for j in range(4):
        f = features[:, j]
        theirs = sm.OLS(y, np.column_stack([np.ones(90), treatment, f, f * treatment])).fit()
        assert ours.beta[j] == pytest.approx(theirs.params[-1])
        assert ours.p[j] == pytest.approx(theirs.pvalues[-1])


def test_freedman_lane_agrees_with_t_for_normal_errors_and_keeps_its_level():
    rng = np.random.default_rng(8)
    y, covariate, features = rng.normal(size=40), rng.normal(size=(40, 1)), rng.normal(size=(40, 400))
    null = fit_null(y, kinship(np.eye(40)), covariate, h2=0.0)
    permuted, t = freedman_lane(features, null, rng=rng, draws=2000), score_test(features, null).p
    np.testing.assert_allclose(permuted, t, atol=0.05)
    assert 0.025 < (permuted <= 0.05).mean() < 0.08


def test_lambda_of_uniform_p_is_one_and_of_halved_medians_more():
    assert lambda_gc(np.linspace(0, 1, 10_001)[1:-1]) == pytest.approx(1.0, abs=1e-3)
    assert lambda_gc([0.1]) == pytest.approx(1.6449**2 / 0.4549, rel=1e-3)
    assert np.isnan(lambda_gc([]))


def test_similarity_by_hand_and_missing_genotypes_count_as_the_mean():
    markers = np.array([[0.0, 5], [2, 5], [0, 5], [2, 5]])
    signs = np.array([-1.0, 1, -1, 1])
    np.testing.assert_allclose(similarity(markers), np.outer(signs, signs))
    np.testing.assert_allclose(similarity(3 * markers), 9 * np.outer(signs, signs))
    np.testing.assert_allclose(similarity(3 * markers, scale=True), np.outer(signs, signs))
    with_gap = similarity(np.array([[0.0], [2], [np.nan], [0], [2]]))
    assert with_gap[2].tolist() == [0, 0, 0, 0, 0]


def test_markers_that_do_not_vary_and_odd_matrices_are_refused():
    with pytest.raises(ValueError, match="varies"):
        similarity(np.ones((4, 3)))
    with pytest.raises(ValueError, match="square"):
        kinship(np.ones((3, 2)))
    with pytest.raises(ValueError, match="negative eigenvalue"):
        kinship(np.array([[1.0, 2], [2, 1]]))


def test_firth_of_a_two_by_two_table_adds_half_to_each_cell():
    """Cells 8, 2 (exposed), 3, 7: the log odds ratio is that of 8.5, 2.5, 3.5, 7.5."""
    exposed = np.repeat([1.0, 1, 0, 0], [8, 2, 3, 7])
    case = np.repeat([1.0, 0, 1, 0], [8, 2, 3, 7])
    test = firth_logistic(case, exposed[:, None])
    assert test.beta[0] == pytest.approx(np.log(8.5 * 7.5 / (2.5 * 3.5)), abs=1e-6)


def test_firth_is_finite_under_separation():
    exposed, case = np.repeat([1.0, 0], [5, 30]), np.repeat([1.0, 0], [5, 30])
    test = firth_logistic(case, exposed[:, None])
    assert test.beta[0] == pytest.approx(np.log(5.5 * 30.5 / (0.5 * 0.5)), abs=1e-5)
    assert 0 < test.p[0] < 1e-4


def test_firth_maximises_the_penalised_likelihood():
    rng = np.random.default_rng(9)
    covariate, feature = rng.normal(size=(60, 1)), rng.normal(size=(60, 1))
    case = (rng.random(60) < 0.15).astype(float)
    x = np.column_stack([np.ones(60), covariate, feature])

    def loss(slopes):
        p = 1 / (1 + np.exp(-x @ slopes))
        information = (x * (p * (1 - p))[:, None]).T @ x
        return -(case * np.log(p) + (1 - case) * np.log(1 - p)).sum() - np.linalg.slogdet(information)[1] / 2

    best = optimize.minimize(
        loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000}
    )
    assert firth_logistic(case, feature, covariate).beta[0] == pytest.approx(best.x[-1], abs=1e-5)


def test_clades_are_found_and_a_phenotype_of_one_clade_is_refused():
    _, _, markers, clade = clonal(n=120, n_clades=5)
    found = clades(similarity(markers), 5)
    pairs = (clade[:, None] == clade[None]) == (found[:, None] == found[None])
    assert pairs.all()
    assert np.bincount(found)[0] == np.bincount(clade).max()
    one_clade = (clade == 0).astype(int)
    assert clades_with_both(one_clade, clade) == 0
    with pytest.raises(InputError, match="at least 3 clades, got 0"):
        require_spread(one_clade, clade)
    spread = np.random.default_rng(99).integers(0, 2, 120)
    assert require_spread(spread, clade) == 5
