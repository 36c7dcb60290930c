from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photo51.stats.lattice import SMALLEST_P, Histograms, tails


def _fractions(samples, observed):
    """Tails by exact convolution in rational numbers."""
    pmf = {0: Fraction(1)}
    for s in samples:
        step: dict[int, Fraction] = {}
        for value, p in pmf.items():
            for x in s.tolist():
                step[value + x] = step.get(value + x, Fraction(0)) + p / len(s)
        pmf = step
    upper = sum((p for v, p in pmf.items() if v >= observed), Fraction(0))
    lower = sum((p for v, p in pmf.items() if v <= observed), Fraction(0))
    return upper, lower, pmf


def test_three_tiny_variables_are_enumerated():
    samples = [np.array([0, 1, 1, 3]), np.array([2, 2]), np.array([-1, 0, 5])]
    sums = np.array([sum(x) for x in product(*samples)])
    for observed in sorted(set(sums.tolist())):
        got = tails(Histograms.of(samples), observed)
        assert got.p_upper == pytest.approx(np.mean(sums >= observed), rel=1e-12)
        assert got.p_lower == pytest.approx(np.mean(sums <= observed), rel=1e-12)
        assert got.p_floor == pytest.approx(1 / 12)
        assert got.p_floor_lower == pytest.approx(1 / 12)
        assert got.mean == pytest.approx(sums.mean())
        assert got.variance == pytest.approx(sums.var())


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_tails_are_those_of_rational_arithmetic(seed, n):
    rng = np.random.default_rng(seed)
    samples = [rng.poisson(rng.uniform(0.05, 6), size=rng.integers(5, 60)) for _ in range(n)]
    _, _, pmf = _fractions(samples, 0)
    for observed in rng.choice(sorted(pmf), size=4):
        upper, lower, _ = _fractions(samples, int(observed))
        got = tails(Histograms.of(samples), int(observed))
        assert got.p_upper == pytest.approx(float(upper), rel=1e-10)
        assert got.p_lower == pytest.approx(float(lower), rel=1e-10)


def test_binomial_tails_far_below_rounding():
    n = 1500
    coins = Histograms.of([np.array([0, 1])] * n)
    for k in (1, 400, 750, 900, 1200, 1400, 1499, 1500):
        exact = Fraction(sum(comb(n, j) for j in range(k, n + 1)), 2**n)
        got = tails(coins, k).p_upper
        if exact > Fraction(1, 10**299):
            assert got == pytest.approx(float(exact), rel=1e-9)
        else:
            assert got == SMALLEST_P


def test_wide_lattices_use_a_window_and_stay_exact():
    rng = np.random.default_rng(7)
    samples = [(rng.normal(3000, 250, size=4000)).astype(int) for _ in range(30)]
    h = Histograms.of(samples)
    mean, variance = h.moments()
    pmf = np.ones(1)
    for i in range(30):
        counts = h.counts[h.ends[i] : h.ends[i + 1]]
        pmf = np.convolve(pmf, counts / counts.sum())  # positive terms: relative accuracy kept far into the tail
    base = int(h.low.sum())
    for z in (-7.0, -2.0, 0.3, 4.0, 12.0):
        observed = round(mean + z * np.sqrt(variance))
        got = tails(h, observed)
        assert got.p_upper == pytest.approx(pmf[observed - base :].sum(), rel=1e-8)
        assert got.p_lower == pytest.approx(pmf[: observed - base + 1].sum(), rel=1e-8)


def test_mid_p_takes_half_of_the_point():
    samples = [np.array([0, 1])] * 4
    full, mid = tails(Histograms.of(samples), 3), tails(Histograms.of(samples), 3, mid_p=True)
    assert full.p_upper == pytest.approx(5 / 16)
    assert mid.p_upper == pytest.approx(5 / 16 - 2 / 16)
    assert mid.p_lower == pytest.approx(15 / 16 - 2 / 16)


def test_variables_that_never_vary_give_p_one():
    got = tails(Histograms.of([np.array([3, 3]), np.array([0])]), 3)
    assert got == (3.0, 0.0, 1.0, 1.0, 1.0, 1.0)


def test_a_value_outside_the_support_is_refused():
    with pytest.raises(ValueError, match=r"need a value in 0\.\.2, got 3"):
        tails(Histograms.of([np.array([0, 1])] * 2), 3)


@pytest.mark.parametrize("top", [90, 700])
def test_steep_tilts_of_wide_variables_are_those_of_rational_arithmetic(top):
    # values 0 and top - 1 and top alone: near the upper end of the sum the tilt is as steep as it gets
    samples = [np.array([0] * 40 + [top - 1, top]), np.array([0] * 50 + [1, top]), np.arange(top + 1)]
    _, _, pmf = _fractions(samples, 0)
    values = sorted(pmf)
    for observed in (values[1], values[len(values) // 2], values[-3], values[-2]):
        upper, lower, _ = _fractions(samples, observed)
        got = tails(Histograms.of(samples), observed)
        assert got.p_upper == pytest.approx(float(upper), rel=1e-10)
        assert got.p_lower == pytest.approx(float(lower), rel=1e-10)
