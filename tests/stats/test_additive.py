import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from photo51.stats.additive import Terms, deviance, logistic_scores, projected


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


def test_projected_residuals_are_those_of_least_squares():
    terms, signal, _, rng = _world()
    y = np.stack([signal + rng.normal(0, 1, 4000), rng.normal(0, 1, 4000)], axis=1)
    group = np.arange(4000) // 400
    got = projected(y, terms, within=group, sweeps=40)
    x = np.concatenate([_one_hot(terms), np.eye(10)[group]], axis=1)
    want = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(got, want, atol=2e-3)
    np.testing.assert_allclose(np.add.reduceat(got, np.arange(0, 4000, 400)), 0, atol=2e-3)


def test_a_residual_is_orthogonal_to_all_that_the_terms_can_say():
    """So that what they make of a feature needs no model: Σ (f - f̂) r = Σ f r for every f̂ of the model."""
    terms, _, _, rng = _world(seed=5)
    y = (rng.random((4000, 1)) < 0.2).astype(float)
    r = projected(y, terms, sweeps=20)[:, 0]
    tables = [rng.normal(0, 1, s) for s in terms.sizes]
    said = sum(t[lv] for t, lv in zip(tables, terms.levels, strict=True))
    assert abs(said @ r) < 1e-3 * np.linalg.norm(said) * np.linalg.norm(r)


def test_more_columns_than_a_cache_line_are_each_fitted_alone():
    terms, signal, _, rng = _world(seed=2)
    y = signal[:, None] * rng.normal(1, 1, 20) + rng.normal(0, 1, (4000, 20))
    got = projected(y, terms)
    for j in (0, 17):
        np.testing.assert_allclose(got[:, [j]], projected(y[:, [j]], terms), atol=1e-5)


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


def test_terms_of_two_levels_are_fitted_as_those_of_more():
    rng = np.random.default_rng(6)
    n = 3000
    levels = np.concatenate([rng.integers(0, 9, (2, n)), rng.random((7, n)) < rng.random((7, 1)) ** 3]).astype(
        np.uint16
    )
    y = rng.random(n) < 0.1 + 0.3 * levels[3] + 0.05 * levels[0]
    fold = rng.integers(0, 3, n).astype(np.uint8)
    two, more = np.array([9, 9, *[2] * 7]), np.array([9, 9, *[3] * 7])
    got = logistic_scores(y[:, None], Terms(levels, two), fold)
    np.testing.assert_allclose(got, logistic_scores(y[:, None], Terms(levels, more), fold), atol=1e-6)
    assert got.std() > 0.3


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
        projected(signal[:10, None], terms)
    with pytest.raises(ValueError, match="levels below their sizes"):
        projected(signal[:, None], Terms(terms.levels, np.array([1, 1, 1])))
    with pytest.raises(ValueError, match="values among"):
        logistic_scores(signal[:, None] > 0, terms, fold + 7)
