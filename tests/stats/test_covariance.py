import numpy as np
import pytest
from scipy import stats

from photo51.stats.covariance import alternate, block_products, covariance_test, even_blocks


def test_even_blocks_respect_bounds():
    assert even_blocks(np.array([0, 10, 13, 40]), 9).tolist() == [0, 10, 13, 22, 31, 40]


def test_folds_alternate_and_strands_agree():
    fold = alternate(np.array([0, 2, 5]))
    assert fold.tolist() == [0, 0, 1, 1, 1] * 2


def test_products_by_hand():
    x = np.array([[1.0], [2], [3], [4], [5], [6]])  # 3 rows, + then -
    y = np.array([[1.0, 0], [1, 0], [1, 1], [0, 1], [0, 1], [1, 1]])
    got = block_products(x, y, np.array([0, 2, 3]))
    np.testing.assert_array_equal(got[:, 0], [[1 + 2, 4 + 5], [3 + 6, 3 + 6]])


def test_the_test_is_a_t_test_over_blocks():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(400, 3))
    bounds = np.arange(0, 201, 20)
    got = covariance_test(x, y, bounds)
    want = stats.ttest_1samp(block_products(x, y, bounds), 0, alternative="greater")
    np.testing.assert_allclose(got.p_upper, want.pvalue)
    assert got.t.shape == (2, 3)


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="need 8 rows, got 4 and 8"):
        block_products(np.zeros((4, 1)), np.zeros((8, 1)), np.array([0, 4]))
