"""Pairs of features against dense numpy and scikit-learn, and calibration under long runs."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from photo51.geometry.relations.coactivity import Pairs, coactivation, cosine
from photo51.geometry.relations.couplings import Neighbourhoods, precision_couplings, pseudolikelihood
from photo51.geometry.relations.lagged import lagged_coactivation
from photo51.geometry.relations.tokens import autocorrelation, firing, run_ends


def _codes(rng, n=4000, f=30):
    shared = rng.random((n, 1)) < 0.2
    on = (rng.random((n, f)) < 0.1) | (shared & (rng.random((n, f)) < 0.4) & (np.arange(f) < 10))
    return csr_matrix(on * rng.uniform(0.5, 1.0, (n, f))).astype(np.float32)


@pytest.mark.parametrize("chunk", [7, 1024])
def test_phi_is_the_correlation_of_binary_firing(chunk):
    codes = _codes(np.random.default_rng(1))
    found = coactivation(firing(codes), np.zeros((30, 1), np.float32), z_min=0.0, chunk=chunk, exclusion_at=0)
    on = (codes.toarray() > 0).astype(float)
    expected = np.corrcoef(on.T)
    np.testing.assert_allclose(found.phi, expected[found.i, found.j], atol=1e-12)
    np.testing.assert_array_equal(found.count, (on.T @ on)[found.i, found.j])
    np.testing.assert_allclose(found.z, found.phi * np.sqrt(len(on)), rtol=1e-12)
    either = ((on[:, found.i] + on[:, found.j]) > 0).sum(0)
    np.testing.assert_allclose(found.jaccard, found.count / either)


def test_runs_do_not_make_independent_features_related():
    rng = np.random.default_rng(2)
    n, f, length = 30_000, 60, 100
    fresh = rng.random((n, f)) < 1 / length
    fresh[0] = True
    since = np.maximum.accumulate(np.where(fresh, np.arange(n)[:, None], 0), axis=0)
    on = np.take_along_axis(rng.random((n, f)), since, axis=0) < 0.2
    pattern, run = firing(csr_matrix(on.astype(np.float32))), np.zeros(n, np.int64)
    rho = autocorrelation(pattern, run, 1024)
    corrected = coactivation(pattern, rho, z_min=0.0, exclusion_at=0).z
    naive = coactivation(pattern, np.zeros((f, 1), np.float32), z_min=0.0, exclusion_at=0).z
    assert (np.abs(naive) > 8).mean() > 0.1
    assert (np.abs(corrected) > 8).mean() <= 0.001
    assert 0.7 < corrected.std() < 1.3


def test_autocorrelation_is_that_of_the_definition():
    rng = np.random.default_rng(3)
    on = np.repeat(rng.random(200) < 0.3, rng.integers(1, 9, 200))
    run = np.arange(len(on)) // 97
    found = autocorrelation(firing(csr_matrix(on[:, None].astype(np.float32))), run, 5, n_origins=10**6)[0]
    p = on.mean()
    for lag in range(1, 6):
        same = run[:-lag] == run[lag:]
        again = on[lag:][same & on[:-lag]].mean()
        np.testing.assert_allclose(found[lag - 1], (again - p) / (1 - p), rtol=1e-5)


def test_run_ends():
    np.testing.assert_array_equal(run_ends(np.array([4, 4, 4, 7, 7, 1])), [3, 3, 3, 5, 5, 6])


def test_a_feature_that_follows_three_bases_later_is_found():
    rng = np.random.default_rng(4)
    n = 6000
    on = rng.random((n, 5)) < 0.05
    on[3:, 1] |= on[:-3, 0] & (rng.random(n - 3) < 0.8)
    pattern = firing(csr_matrix(on.astype(np.float32)))
    found = lagged_coactivation(pattern, np.zeros(n, np.int64), np.zeros((5, 1), np.float32))
    assert found.lag[0, 1] == 3
    assert found.z[0, 1] > 20
    assert found.z.nnz == 1


def test_cosine_of_rows_and_of_a_zero_row():
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(cosine(rows, np.array([0, 0]), np.array([1, 2])), [np.sqrt(0.5), 0.0])


def test_couplings_are_partial_correlations():
    rng = np.random.default_rng(5)
    c = np.corrcoef(rng.standard_normal((60, 6)).T)
    i, j = np.triu_indices(6, 1)
    many = np.full(len(i), 10**6)
    pairs = Pairs(i, j, many, c[i, j], np.full(len(i), 99.0), many.astype(float), np.zeros(len(i)))
    p = np.linalg.inv(0.95 * c + 0.05 * np.eye(6))
    expected = -p / np.sqrt(np.outer(np.diag(p), np.diag(p)))
    np.testing.assert_allclose(precision_couplings(pairs, 6), expected[i, j], atol=1e-10)


def test_pseudolikelihood_agrees_with_scikit_learn():
    rng = np.random.default_rng(6)
    n = 5000
    a, b = rng.random(n) < 0.3, rng.random(n) < 0.2
    y = rng.random(n) < np.where(a, 0.5, 0.1)
    on = np.column_stack([y, a, b]).astype(np.float32)
    partners = np.array([[1, 2], [-1, -1], [-1, -1]])
    penalty = 2e-3
    found = pseudolikelihood(
        firing(csr_matrix(on)), Neighbourhoods(partners), penalty=penalty, sweeps=500, tolerance=1e-7
    )
    fit = LogisticRegression(l1_ratio=1.0, C=1 / (penalty * n), solver="saga", tol=1e-8, max_iter=5000)
    expected = fit.fit(on[:, 1:], on[:, 0]).coef_[0]
    # the other features have no candidates, so that the mean of both directions is half
    np.testing.assert_allclose(2 * found[0, 1], expected[0], rtol=1e-2)
    np.testing.assert_allclose(2 * found[0, 2], expected[1], atol=2e-2)
