import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from photo51.stats.additive import Terms, deviance, logistic_scores, residuals


def _world(n=4000, sizes=(7, 5, 9), seed=0):
    rng = np.random.default_rng(seed)
    sizes = np.array(sizes)
    levels = np.stack([rng.integers(0, s, n) for s in sizes]).astype(np.uint16)
    tables = [rng.normal(0, 1, s) for s in sizes]
    signal = sum(t[lv] for t, lv in zip(tables, levels, strict=True))
    fold = (np.arange(n) // 500 % 2).astype(np.uint8)
    return Terms(levels, sizes), signal, fold, rng


def _one_hot(terms):
    return np.concatenate([np.eye(s)[lv] for s, lv in zip(terms.sizes, terms.levels, strict=True)], axis=1)


def test_residuals_are_those_of_a_ridge_learnt_on_the_other_fold():
    terms, signal, fold, rng = _world()
    y = np.stack([signal + rng.normal(0, 1, 4000), rng.normal(0, 1, 4000)], axis=1)
    got = residuals(y, terms, fold, ridge=5.0, sweeps=60)
    x = _one_hot(terms)
    for f in (0, 1):
        train, rest = fold == f, fold != f
        centre = y[train].mean(axis=0)
        model = Ridge(alpha=5.0, fit_intercept=False).fit(x[train], y[train] - centre)
        np.testing.assert_allclose(got[rest], y[rest] - centre - model.predict(x[rest]), atol=2e-3)


def test_noise_is_never_explained_by_itself():
    """One level a row in each fold: an in-sample fit would leave nothing, a crossed one leaves all."""
    n = 1000
    rng = np.random.default_rng(1)
    levels = np.tile(np.arange(500), 2)[None].astype(np.uint16)
    y = rng.normal(0, 1, (n, 1))
    got = residuals(y, Terms(levels, np.array([500])), np.repeat([0, 1], 500), ridge=0.01)
    assert got.var() > y.var()


def test_more_columns_than_a_cache_line_are_each_fitted_alone():
    terms, signal, fold, rng = _world(seed=2)
    y = signal[:, None] * rng.normal(1, 1, 20) + rng.normal(0, 1, (4000, 20))
    got = residuals(y, terms, fold)
    for j in (0, 17):
        np.testing.assert_allclose(got[:, [j]], residuals(y[:, [j]], terms, fold), atol=1e-5)


def test_log_odds_rank_and_fit_as_logistic_regression_does():
    terms, signal, fold, rng = _world(n=20_000, seed=3)
    y = rng.random(20_000) < 1 / (1 + np.exp(3 - signal))
    got = logistic_scores(y[:, None], terms, fold, sweeps=20)[:, 0]
    x = _one_hot(terms)
    for f in (0, 1):
        train, rest = fold == f, fold != f
        want = LogisticRegression(C=2.0, max_iter=500).fit(x[train], y[train]).decision_function(x[rest])
        np.testing.assert_allclose(got[rest], want, atol=0.15)
    assert deviance(y, got) < 0.95 * deviance(y, np.full(20_000, np.log(y.mean() / (1 - y.mean()))))


def test_rows_of_a_third_fold_teach_nothing():
    terms, signal, fold, rng = _world(seed=4)
    y = rng.random(4000) < 1 / (1 + np.exp(1 - signal))
    fold = fold.copy()
    fold[fold == 0] = 2
    got = logistic_scores(y[:, None], terms, fold)
    changed = y.copy()
    changed[fold == 2] = ~changed[fold == 2]
    np.testing.assert_array_equal(got[fold == 2], logistic_scores(changed[:, None], terms, fold)[fold == 2])


def test_rare_labels_do_not_make_newton_jump():
    levels = np.zeros((1, 50_000), dtype=np.uint16)
    y = np.zeros(50_000, dtype=bool)
    y[::5000] = True
    levels[0, ::5000] = 1
    fold = (np.arange(50_000) // 5000 % 2).astype(np.uint8)
    got = logistic_scores(y[:, None], Terms(levels, np.array([2])), fold)[:, 0]
    assert np.isfinite(got).all()
    assert got[levels[0] == 1].min() > got[levels[0] == 0].max() + 2


def test_deviance_by_hand():
    assert deviance(np.array([True, False]), np.array([0.0, 0.0])) == pytest.approx(4 * np.log(2))


def test_shapes_and_levels_are_checked():
    terms, signal, fold, _ = _world()
    with pytest.raises(ValueError, match="need 4000 rows"):
        residuals(signal[:10, None], terms, fold)
    with pytest.raises(ValueError, match="levels below their sizes"):
        residuals(signal[:, None], Terms(terms.levels, np.array([1, 1, 1])), fold)
    with pytest.raises(ValueError, match="values among"):
        residuals(signal[:, None], terms, fold + 7)
