from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photo51.stats.correlation import Mask, Spread, Track, block_overlaps_fft, overlaps
from photo51.stats.resampling import rotate, rotate_rows
from photo51.stats.rotation import (
    levels,
    orient,
    rotation_draws,
    rotation_test,
    track,
)


def _world(seed: int, bounds, density=0.1, coverage=0.3, n_levels=4):
    """A levelled feature and a mask, both strands, dense, on the doubled axis."""
    rng = np.random.default_rng(seed)
    n = 2 * bounds[-1]
    dense = rng.integers(1, n_levels + 1, n) * (rng.random(n) < density)
    runs = np.repeat(rng.random(n // 5 + 1) < coverage, 5)[:n]
    return Track(np.flatnonzero(dense), dense[dense > 0].astype(np.int64)), dense, runs


def _rolled(dense, mask, bounds):
    """T(s) of each block by np.roll, the oracle."""
    f, a = dense.reshape(2, -1), mask.reshape(2, -1)
    return [
        np.array([np.sum(np.roll(f[:, x:y], s, axis=1) * a[:, x:y]) for s in range(y - x)]) for x, y in pairwise(bounds)
    ]


@given(st.integers(0, 10_000), st.lists(st.integers(1, 90), min_size=1, max_size=4), st.booleans())
@settings(max_examples=80, deadline=None)
def test_both_routes_are_brute_force_rolling(seed, lengths, fringe):
    bounds = np.cumsum([0, *lengths])
    feature, dense, mask = _world(seed, bounds, coverage=0.5 if fringe else 0.2)
    if fringe:
        mask = np.arange(len(mask)) % 3 == 0
    want = _rolled(dense, mask, bounds)
    prepared = Mask(mask, bounds)
    for route in ("events", "fft"):
        got = overlaps(feature, prepared, route=route)
        assert got.observed == np.sum(dense * mask)
        for b, values in enumerate(want):
            assert got.histograms.low[b] == values.min()
            counts = got.histograms.counts[got.histograms.ends[b] : got.histograms.ends[b + 1]]
            np.testing.assert_array_equal(counts, np.bincount(values - values.min()))


def test_fft_equals_roll_at_every_shift_of_a_real_block():
    bounds = np.array([0, 30_011])  # a prime length
    feature, dense, mask = _world(3, bounds, density=0.02, n_levels=15)
    got = block_overlaps_fft(feature, Mask(mask, bounds), 0)
    f, a = dense.reshape(2, -1), mask.reshape(2, -1)
    for s in [0, 1, 2, 3, 30_010, *np.random.default_rng(0).integers(0, 30_011, 100)]:
        assert got[s] == np.sum(np.roll(f, s, axis=1) * a)


def test_transforms_that_are_kept_give_what_new_ones_give():
    bounds = np.array([0, 4_099, 9_000])
    feature, _, _ = _world(4, bounds, density=0.05, n_levels=15)
    spread = Spread(feature, bounds)
    for seed in range(3):
        mask = Mask(_world(10 + seed, bounds)[2], bounds)
        want = overlaps(feature, mask, route="events")
        for _ in range(2):
            got = overlaps(spread, mask, route="fft")
            assert got.observed == want.observed
            np.testing.assert_array_equal(got.histograms.counts, want.histograms.counts)
            mask.forget()


def test_levels_too_large_for_single_precision_are_counted_in_double():
    bounds = np.array([0, 8_192])
    feature, dense, mask = _world(6, bounds, density=0.9, coverage=0.5, n_levels=255)
    prepared = Mask(mask, bounds)
    got = block_overlaps_fft(feature, prepared, 0)
    assert (0, True) in prepared._spectra
    f, a = dense.reshape(2, -1), mask.reshape(2, -1)
    for s in (0, 1, 4_096, 8_191):
        assert got[s] == np.sum(np.roll(f, s, axis=1) * a)


def test_p_is_the_share_of_all_combinations_of_rotations():
    bounds = np.array([0, 7, 12, 18])
    feature, dense, mask = _world(5, bounds, density=0.4, coverage=0.4)
    totals = np.array([sum(c) for c in product(*_rolled(dense, mask, bounds))])
    got = rotation_test(feature, Mask(mask, bounds))
    assert len(totals) == 7 * 5 * 6
    assert got.observed == np.sum(dense * mask)
    assert got.p_upper == pytest.approx(np.mean(totals >= got.observed))
    assert got.p_lower == pytest.approx(np.mean(totals <= got.observed))
    assert got.p_floor == pytest.approx(np.mean(totals == totals.max()))
    assert (got.mean, got.sd) == (pytest.approx(totals.mean()), pytest.approx(totals.std()))


def test_p_is_valid_over_its_own_group_of_rotations():
    """Over all rotations of the data themselves, p ≤ α happens in at most a share α: exactness by definition."""
    bounds = np.array([0, 9, 16])
    feature, _, mask = _world(8, bounds, density=0.3, coverage=0.4)
    prepared = Mask(mask, bounds)
    p = []
    for shifts in product(range(9), range(7)):
        both = [
            rotate_rows(feature.rows[feature.rows < 16], bounds, np.array(shifts)),
            rotate_rows(feature.rows[feature.rows >= 16] - 16, bounds, np.array(shifts)) + 16,
        ]
        rows = np.concatenate(both)
        order = np.argsort(rows)
        p.append(rotation_test(Track(rows[order], feature.levels[order]), prepared).p_upper)
    p = np.array(p)
    for alpha in np.unique(p):
        assert np.mean(p <= alpha + 1e-12) <= alpha + 1e-9


def test_strands_turn_together():
    """A feature on both strands at one place meets a mask on both strands: one block of L has L rotations, not L²."""
    bounds = np.array([0, 10])
    mask = np.zeros(20, dtype=bool)
    mask[[2, 12]] = True
    got = rotation_test(Track(np.array([2, 12]), np.array([1, 1])), Mask(mask, bounds))
    assert got.observed == 2
    assert got.p_upper == pytest.approx(1 / 10)


def test_orientations_by_hand():
    mask = np.array([1, 0, 0, 0, 1, 1], dtype=bool)  # + : 100, - : 011
    assert orient(mask, "sense").tolist() == mask.tolist()
    assert orient(mask, "antisense").astype(int).tolist() == [0, 1, 1, 1, 0, 0]
    assert orient(mask, "either").all()
    with pytest.raises(ValueError, match="need one of"):
        orient(mask, "forward")


def test_levels_by_hand():
    assert levels([0.1, 0.5, 1.0, 1.0], 10).tolist() == [1, 5, 10, 10]
    assert levels([3.0, 3.0, 1e9], 1).tolist() == [1, 1, 1]
    outlier = np.append(np.linspace(1, 2, 999), 1e6)
    assert levels(outlier, 10)[:-1].mean() > 7  # one outlier does not squash the rest
    assert track(np.array([1, 2]), [2.0, 2.0]).levels.tolist() == [1, 1]
    with pytest.raises(ValueError, match="need positive numbers"):
        levels([1.0, np.nan])


def test_empty_feature_and_full_mask_have_p_one():
    bounds = np.array([0, 50])
    none = Track(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    some = Track(np.array([3, 60]), np.array([1, 2]))
    for feature, mask in (
        (none, np.arange(100) < 30),
        (some, np.ones(100, dtype=bool)),
        (some, np.zeros(100, bool)),
    ):
        got = rotation_test(feature, Mask(mask, bounds))
        assert (got.p_upper, got.p_lower, got.z, got.sd) == (1.0, 1.0, 0.0, 0.0)


def test_real_valued_draws_match_the_exact_null():
    bounds = np.array([0, 40, 100])
    feature, dense, mask = _world(11, bounds, density=0.3)
    exact = rotation_test(feature, Mask(mask, bounds))
    x, y = dense.reshape(2, -1).astype(float), mask.reshape(2, -1).astype(float)
    observed, draws = rotation_draws(x, y, bounds, np.random.default_rng(0), 40_000)
    assert observed == pytest.approx(exact.observed)
    assert draws.mean() == pytest.approx(exact.mean, rel=0.01)
    assert draws.std() == pytest.approx(exact.sd, rel=0.02)


def test_shifts_of_real_values_are_those_of_roll():
    bounds = np.array([0, 6])
    x, y = np.array([0, 1.5, 0, 0, 2, 0]), np.array([1.0, 2, 3, 4, 5, 6])
    _, draws = rotation_draws(x, y, bounds, np.random.default_rng(0), 500)
    want = [np.sum(rotate(x, bounds, np.array([s])) * y) for s in range(6)]
    assert set(np.round(draws, 9)) == set(np.round(want, 9))


def test_a_mask_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"need shape \(20,\), got \(10,\)"):
        Mask(np.zeros(10, dtype=bool), np.array([0, 10]))
