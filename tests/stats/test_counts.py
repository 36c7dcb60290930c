"""Counts against chance, by hand."""

import numpy as np
import pytest

from photo51.stats.counts import count_p, sign_p


def test_counts_by_hand():
    # one or more of three at 1/20: 1 - 0.95 ** 3
    assert count_p(1, 3) == pytest.approx(1 - 0.95**3)
    # two or more of three: 3 x 0.05 ** 2 x 0.95 + 0.05 ** 3
    assert count_p(2, 3) == pytest.approx(3 * 0.05**2 * 0.95 + 0.05**3)
    assert count_p(0, 3) == 1.0
    assert count_p(0, 0) == 1.0
    with pytest.raises(ValueError, match="need 0 to 3, got 4"):
        count_p(4, 3)


def test_signs_by_hand():
    # five wins of five: 1 / 32; four of five: 6 / 32
    assert sign_p(5, 0) == pytest.approx(1 / 32)
    assert sign_p(4, 1) == pytest.approx(6 / 32)
    assert sign_p(0, 0) == 1.0


def test_claims_of_chance_counts_seldom_pass():
    rng = np.random.default_rng(3)
    for n in (1, 5, 20, 200):
        passed = np.mean([count_p(int(k), n) <= 0.05 for k in rng.binomial(n, 0.05, 2_000)])
        assert passed <= 0.05 + 3 * (0.05 * 0.95 / 2_000) ** 0.5
