import numpy as np
import pytest

from photo51.stats.quantiles import distinct_quantiles, quantile_of_sorted


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_quantiles_are_those_of_numpy_to_the_bit(kind):
    rng = np.random.default_rng(0)
    for _ in range(300):
        # rounded, so that many are equal
        values = np.round(rng.normal(size=rng.integers(1, 400)), rng.integers(1, 8)).astype(kind)
        n, q = int(rng.integers(2, 60)), float(rng.random())
        want = np.unique(np.quantile(values, np.arange(n) / n, method="lower"))
        np.testing.assert_array_equal(distinct_quantiles(values, n), want)
        assert quantile_of_sorted(np.sort(values), q) == np.quantile(values, q)


def test_quantiles_by_hand():
    assert distinct_quantiles(np.array([5.0, 1.0, 3.0, 3.0]), 4).tolist() == [1.0, 3.0]
    assert quantile_of_sorted(np.array([1.0, 2.0, 4.0]), 0.75) == 3.0
