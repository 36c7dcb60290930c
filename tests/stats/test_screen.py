import numpy as np
import pytest
from scipy import sparse

from photo51.stats.correlation import Mask, Track
from photo51.stats.rotation import ORIENTATIONS, orient, rotation_test
from photo51.stats.screen import Moments, period3, screen_moments, smooth


def _world(seed=0, bounds=(0, 301, 512, 900), n_features=6, n_masks=3):
    rng = np.random.default_rng(seed)
    n = 2 * bounds[-1]
    dense = rng.integers(1, 9, (n, n_features)) * (rng.random((n, n_features)) < rng.uniform(0.01, 0.2, n_features))
    dense[:, 0] = 0
    masks = np.repeat(rng.random((n_masks, n // 10)) < 0.3, 10, axis=1)
    masks[2] = np.arange(n) % 3 == 0
    return sparse.csc_array(dense.astype(np.float32)), dense, masks, np.array(bounds)


def test_moments_of_all_pairs_are_those_of_the_exact_test():
    features, dense, masks, bounds = _world()
    tests = [(a, o) for a in range(3) for o in ORIENTATIONS]
    got = screen_moments(features, masks, tests, bounds)
    for j in range(dense.shape[1]):
        rows = np.flatnonzero(dense[:, j])
        feature = Track(rows, dense[rows, j].astype(np.int64))
        for t, (a, o) in enumerate(tests):
            mask = orient(masks[a], o)
            want = rotation_test(feature, Mask(mask, bounds))
            assert got.observed[j, t] == want.observed
            assert got.overlap[j, t] == mask[rows].sum()
            assert got.mean[j, t] == pytest.approx(want.mean, rel=1e-9)
            assert got.variance[j, t] == pytest.approx(want.sd**2, rel=2e-5, abs=1e-6)
            assert 10.0 ** got.log10_floor[j, t] <= want.p_floor * (1 + 1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_a_feature_has_the_same_moments_to_the_bit_whatever_is_tested_beside_it(n):
    features, _, masks, bounds = _world(bounds=(0, 5_003, 8_195, 20_000))
    tests = [(a, o) for a in range(3) for o in ORIENTATIONS] * 3
    whole = screen_moments(features, masks, tests, bounds)
    for first in range(0, features.shape[1], n):
        some = slice(first, first + n)
        part = screen_moments(features[:, some], masks, tests, bounds)
        for name in Moments._fields:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[some], err_msg=name)
    fewer = screen_moments(features, masks, tests[3:], bounds)
    np.testing.assert_array_equal(fewer.variance, whole.variance[:, 3:])


def test_margins_by_hand():
    # one block of 4 rows: + fires at 1 (level 2), - at 0 (level 3); mask + rows 1, 2, mask - row 3
    features = sparse.csc_array(np.array([[0], [2], [0], [0], [3], [0], [0], [0]], dtype=np.float32))
    mask = np.array([[0, 1, 1, 0, 0, 0, 0, 1]], dtype=bool)
    got = screen_moments(features, mask, [(0, "sense")], np.array([0, 4]))
    assert (got.observed[0, 0], got.overlap[0, 0]) == (2, 1)
    assert got.mean[0, 0] == pytest.approx((2 * 2 + 3 * 1) / 4)
    assert got.expected[0, 0] == pytest.approx((2 + 1) / 4)
    assert got.variance_iid[0, 0] == pytest.approx(4 * 0.5 * 0.5 + 9 * 0.25 * 0.75)
    assert got.log10_floor[0, 0] == pytest.approx(-np.log10(4))
    # rotations of +: 2, 2, 0, 0 by where 1 goes (1, 2, 3, 0); of -: 0 at 0, 1, 2 and 3 at 3
    totals = np.array([2, 2, 0, 0]) + np.array([0, 0, 0, 3])
    assert got.variance[0, 0] == pytest.approx(totals.var())


def test_z_of_a_dead_feature_is_zero():
    features, _, masks, bounds = _world()
    assert (screen_moments(features, masks, [(0, "sense")], bounds).z()[0] == 0).all()


def test_bins_keep_the_variance_of_long_intervals_only():
    rng = np.random.default_rng(4)
    n = 60_000
    starts = rng.choice(2 * n // 400, 60, replace=False) * 400
    long, codons = np.zeros(2 * n, dtype=bool), np.zeros(2 * n, dtype=bool)
    for s in starts:
        long[s : s + 350] = True
        codons[s : s + 350 : 3] = True
    dense = np.zeros((2 * n, 2), dtype=np.float32)
    for s in rng.choice(2 * n - 20, 200):
        dense[s : s + 12, 0] = 1
        dense[s : s + 12 : 3, 1] = 1
    tests = [(0, "sense"), (1, "sense")]
    bounds = np.array([0, 33_000, n])
    full = screen_moments(sparse.csc_array(dense), np.stack([long, codons]), tests, bounds)
    binned = screen_moments(sparse.csc_array(dense), np.stack([long, codons]), tests, bounds, bin_bp=16)
    ratio = np.sqrt(binned.variance / full.variance)
    np.testing.assert_allclose(ratio[:, 0], 1.0, atol=0.03)
    assert ratio[1, 1] < 0.8
    np.testing.assert_array_equal(binned.observed, full.observed)
    assert smooth(long, 16)
    assert not smooth(codons, 16)
    shares = period3(sparse.csc_array(dense))
    assert abs(shares[0]) < 0.1
    assert shares[1] > 0.6


def test_period_3_by_hand():
    dense = np.zeros((18, 3), dtype=np.float32)
    dense[[0, 3, 6], 0] = 1  # two pairs 3 apart among 3 bases
    dense[2:8, 1] = 1  # a run of 6: 3 pairs 3 apart, 4 pairs 2 apart, 2 pairs 4 apart
    np.testing.assert_allclose(period3(sparse.csc_array(dense)), [2 / 3, 0.0, 0.0])


def test_strands_that_never_meet_do_not_vary():
    """A feature on + alone, a mask on - alone, blocks of a prime and of a round length: no rotation changes 0."""
    rng = np.random.default_rng(8)
    bounds = np.array([0, 1_009, 2_009])
    dense, mask = np.zeros((4_018, 1), dtype=np.float32), np.zeros((1, 4_018), dtype=bool)
    dense[:2_009, 0] = rng.integers(0, 9, 2_009)
    mask[0, 2_009:] = rng.random(2_009) < 0.4
    got = screen_moments(sparse.csc_array(dense), mask, [(0, "sense"), (0, "antisense")], bounds)
    assert got.variance[0, 0] == 0.0
    assert got.variance[0, 1] > 0.0
