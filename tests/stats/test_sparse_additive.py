import numpy as np
import pytest
import scipy.sparse as sp

from photo51.stats.additive import Terms, residuals
from photo51.stats.covariance import alternate, covariance_test, even_blocks
from photo51.stats.sparse_additive import LevelModel

N = 6_000


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(3)
    sizes = np.array([5, 40, 60])
    terms = Terms(np.stack([rng.integers(0, s, 2 * N) for s in sizes]).astype(np.uint16), sizes)
    bounds = even_blocks(np.array([0, N]), 400)
    tracks = sp.csr_array(
        ((rng.random((2 * N, 7)) < 0.02) * rng.integers(1, 16, (2 * N, 7))).astype(np.float32)
    )
    right = rng.normal(size=(2 * N, 4)).astype(np.float32)
    return terms, bounds, alternate(bounds), tracks, right


def test_fitted_level_by_level_is_fitted_row_by_row(world):
    """The other implementation visits every row."""
    terms, _, fold, tracks, _ = world
    model = LevelModel(terms, fold)
    fit = model.fit(tracks)
    fitted = [fit.means[f] + model.levels @ fit.tables[f] for f in (0, 1)]
    got = tracks.toarray() - np.where(fold[:, None] == 0, fitted[1], fitted[0])
    np.testing.assert_allclose(got, residuals(tracks.toarray(), terms, fold), atol=2e-4)


def test_covariance_is_that_of_dense_residuals(world):
    terms, bounds, fold, tracks, right = world
    got = LevelModel(terms, fold).covariance_test(tracks, right, bounds, fold)
    want = covariance_test(residuals(tracks.toarray(), terms, fold), right, bounds)
    np.testing.assert_allclose(got.t, want.t, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got.p_upper, want.p_upper, rtol=5e-3)


def test_what_terms_alone_decide_is_taken_out(world):
    """A track that is one level of a term, against what that level also drives: nothing is left but noise."""
    terms, bounds, fold, _, _ = world
    rng = np.random.default_rng(4)
    level = terms.levels[1] == 7
    track = sp.csr_array(level[:, None].astype(np.float32))
    driven = (level + rng.normal(0, 1, 2 * N))[:, None]
    right = residuals(driven, terms, fold)
    raw = covariance_test(track.toarray() - level.mean(), driven - driven.mean(), bounds).t[0, 0]
    assert raw > 10
    assert abs(LevelModel(terms, fold).covariance_test(track, right, bounds, fold).t[0, 0]) < 3
