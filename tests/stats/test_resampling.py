import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from photo51.stats.resampling import (
    block_bootstrap,
    block_t,
    bootstrap_weights,
    monte_carlo_p,
    pooled_p,
    random_shifts,
    rotate,
    rotate_rows,
    small_sample_factor,
    wilson,
)

BOUNDS = np.array([0, 4, 9])


def test_a_monte_carlo_p_is_never_zero():
    assert monte_carlo_p(10.0, np.zeros(99)) == pytest.approx(0.01)
    np.testing.assert_allclose(monte_carlo_p([0.0, 5.0], np.array([[0.0, 1.0]] * 9)), [1.0, 0.1])


def test_rows_turn_around_their_own_block():
    rows = rotate_rows(np.array([0, 3, 4, 8]), BOUNDS, np.array([1, 2]))
    assert rows.tolist() == [1, 0, 6, 5]


def test_rotating_rows_and_values_agree():
    rng = np.random.default_rng(0)
    values = rng.random((9, 2))
    shifts = random_shifts(BOUNDS, rng)[0]
    turned = rotate(values, BOUNDS, shifts)
    np.testing.assert_array_equal(turned[rotate_rows(np.arange(9), BOUNDS, shifts)], values)
    np.testing.assert_array_equal(rotate(values.T, BOUNDS, shifts, axis=1).T, turned)


def test_shifts_are_uniform_and_hold_the_identity():
    shifts = random_shifts(BOUNDS, np.random.default_rng(1), n=4000)
    assert shifts.shape == (4000, 2)
    for b, length in enumerate((4, 5)):
        counts = np.bincount(shifts[:, b], minlength=length)
        assert len(counts) == length
        assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (7, 1000)])
def test_wilson_is_statsmodels(k, n):
    np.testing.assert_allclose([float(x) for x in wilson(k, n)], proportion_confint(k, n, method="wilson"), atol=1e-12)


def test_wilson_without_trials_is_all_there_is():
    assert [float(x) for x in wilson(0, 0)] == [0.0, 1.0]


def test_block_t_is_scipys():
    sums = np.random.default_rng(2).normal(0.3, 1, (12, 3))
    ours, theirs = block_t(sums), stats.ttest_1samp(sums, 0.0, alternative="greater")
    np.testing.assert_allclose(ours.t, theirs.statistic)
    np.testing.assert_allclose(ours.p_upper, theirs.pvalue)
    np.testing.assert_allclose(ours.p_upper + ours.p_lower, 1.0)


def test_block_t_of_nothing_is_one():
    assert block_t(np.zeros((5, 2))).p_upper.tolist() == [1.0, 1.0]
    assert block_t(np.ones((2,))).p_upper == 1.0


def test_bootstrap_of_a_mean_covers_as_the_normal_interval_does():
    x = np.random.default_rng(3).normal(5, 2, 400)
    est = block_bootstrap(lambda w: float(w @ x / w.sum()), 400, np.random.default_rng(4), n_draws=2000)
    half = 1.96 * x.std(ddof=1) / 20
    assert est.value == pytest.approx(x.mean())
    assert est.low == pytest.approx(x.mean() - half, abs=0.03)
    assert est.high == pytest.approx(x.mean() + half, abs=0.03)


def test_bootstrap_of_one_block_has_no_limits():
    assert np.isnan(block_bootstrap(lambda w: 1.0, 1, np.random.default_rng(0)).low)


def test_bootstrap_weights_draw_as_many_blocks_as_there_are():
    w = bootstrap_weights(7, 50, np.random.default_rng(5))
    assert w.shape == (50, 7)
    assert (w.sum(axis=1) == 7).all()


def test_pooled_p_ranks_a_statistic_among_the_draws_of_all():
    # row 0: mean 2, sd 1: z of 5 is 3. Draws against the other two of their row: -2.12 (1 against 2 and 3), 0, 2.12, in both rows
    p = pooled_p(np.array([5.0, 20.0]), np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
    assert p == pytest.approx([1 / 7, 5 / 7])


def test_pooled_p_is_uniform_where_nothing_is_there_whatever_the_scales():
    rng = np.random.default_rng(4)
    scale, place = rng.lognormal(0, 3, 4_000), rng.normal(0, 50, 4_000)
    draws = place[:, None] + scale[:, None] * rng.normal(size=(4_000, 21))
    p = pooled_p(draws[:, 0], draws[:, 1:])
    for level in (0.5, 0.05, 0.005):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 4_000))


def test_pooled_p_of_one_statistic_is_the_plain_one():
    assert pooled_p(np.array([3.0]), np.array([[1.0, 2.0, 3.0, 4.0]])) == pytest.approx([3 / 5])
    assert pooled_p(np.array([1.0, 2.0]), np.ones((2, 3))) == pytest.approx([1.0, 1 / 7])
    with pytest.raises(ValueError, match="at least 3"):
        pooled_p(np.array([1.0]), np.array([[1.0, 2.0]]))


@pytest.mark.parametrize("n", [3, 8, 32])
def test_bootstrap_limits_of_few_values_cover_where_they_are_widened(n):
    rng = np.random.default_rng(n)
    worlds = rng.normal(size=(1_500, n))
    plain = widened = 0
    for values in worlds:
        draws = bootstrap_weights(n, 300, rng) @ values / n
        limits = np.quantile(draws, [0.025, 0.975])
        plain += limits[0] <= 0 <= limits[1]
        low, high = values.mean() + small_sample_factor(n) * (limits - values.mean())
        widened += low <= 0 <= high
    # two standard errors of a share of 1,500 are 0.011
    assert 0.93 <= widened / len(worlds) <= 0.97
    if n < 10:
        assert plain / len(worlds) < 0.91
    assert small_sample_factor(10_000) == pytest.approx(1, abs=1e-3)
    assert np.isnan(small_sample_factor(1))
