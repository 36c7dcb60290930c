"""The studentised circular-shift test: sums by numpy.roll, the null by counting it out, rates on worlds with one strand."""

from itertools import pairwise, product

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

from photo51.enrichment.association.tracks import rotated
from photo51.stats.lanes import WIDTH
from photo51.stats.resampling import random_shifts
from photo51.stats.shifted import Residuals, Shifts, fixed_point, shifted_test, shifts_needed, tail_p


def _residuals(columns):
    padded = np.zeros((len(columns), WIDTH))
    padded[:, : columns.shape[1]] = columns
    return Residuals([fixed_point(padded)], columns.shape[1])


def _centred(columns, bounds):
    """Mean 0 on each strand of each unit."""
    parts = [columns[s + a : s + b] for s in (0, bounds[-1]) for a, b in pairwise(bounds)]
    return np.concatenate([part - part.mean(axis=0) for part in parts])


@pytest.fixture(scope="module")
def small():
    """Two units of 12 and 8 rows, two strands, blocks of 4 rows, every shift of each unit."""
    rng = np.random.default_rng(2)
    bounds, blocks = np.array([0, 12, 20]), np.arange(0, 21, 4)
    right = _centred(rng.integers(-8, 9, (40, 2)) / 8, bounds)
    dense = rng.integers(0, 4, (40, 1)) * (rng.random((40, 1)) < 0.4)
    return bounds, blocks, right, dense


def _t(dense, right, blocks, shift):
    """By numpy.roll: sums over blocks of both strands, then their sum over the root of their squares' sum."""
    f = dense.reshape(2, -1)
    moved = np.concatenate([np.roll(f[:, :12], shift[0], axis=1), np.roll(f[:, 12:], shift[1], axis=1)], axis=1)
    sums = np.add.reduceat((moved[:, :, None] * right.reshape(2, 20, -1)).sum(axis=0), blocks[:-1], axis=0)
    return sums.sum(axis=0) / np.sqrt((sums**2).sum(axis=0))


def test_a_small_world_is_what_counting_it_out_gives(small):
    bounds, blocks, right, dense = small
    unit = Shifts.of(bounds, blocks, 12, 0)
    amounts = np.stack([np.arange(12), np.arange(12) % 8])  # unit 2 has each of its 8 shifts, the first four twice
    shifts = unit._replace(amounts=amounts)
    got = shifted_test(sp.csc_array(dense.astype(np.float32)), _residuals(right), shifts, 5)
    exact = fixed_point(right) / 16_384
    null = np.array([_t(dense[:, 0], exact, blocks, s) for s in product(*amounts.tolist())])
    observed = _t(dense[:, 0], exact, blocks, (0, 0))
    np.testing.assert_allclose(got.t[0], observed, rtol=1e-5)
    want = np.mean(null >= observed - 1e-9, axis=0)
    error = np.sqrt(want * (1 - want) / 1_000)
    assert (np.abs(got.p_upper[0] - want) <= 4 * error + 0.002).all()


def test_blocks_are_numbered_within_units_and_the_first_shift_is_none(small):
    bounds, blocks, _, _ = small
    shifts = Shifts.of(bounds, blocks, 7, 3)
    assert shifts.block.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0] * 4 + [1] * 4
    assert shifts.n_blocks == 3
    assert (shifts.amounts[:, 0] == 0).all()
    assert (shifts.amounts < np.diff(bounds)[:, None]).all()
    assert [shifts_needed(n) for n in (1, 4, 200)] == [4_096, 256, 32]


def test_a_pair_is_judged_alike_whatever_is_tested_with_it():
    rng = np.random.default_rng(4)
    bounds = np.arange(0, 2_001, 250)
    right = _centred(rng.random((4_000, 20)), bounds)
    features = sp.random_array((4_000, 6), density=0.03, format="csc", rng=rng, dtype=np.float32)
    shifts = Shifts.of(bounds, np.arange(0, 2_001, 125), 64, 1)
    groups = [_residuals(right[:, :16]).groups[0], _residuals(right[:, 16:]).groups[0]]
    whole = shifted_test(features, Residuals(groups, 20), shifts, 9, threads=2)
    one = shifted_test(features[:, [4]], _residuals(right[:, 16:]), shifts, 9)
    np.testing.assert_array_equal(one.p_upper[0], whole.p_upper[4, 16:])
    np.testing.assert_array_equal(one.t[0], whole.t[4, 16:])


def test_the_tail_goes_on_as_students_from_the_tenth_largest_draw():
    draws = np.linspace(-3, 3, 2_000)
    assert tail_p(2.0, draws, 30) == pytest.approx((1 + np.sum(draws >= 2)) / 2_001)
    tenth, share = np.sort(draws)[-10], 10 / 2_001
    scale = stats.t.isf(share, 30) / tenth
    assert tail_p(5.0, draws, 30) == pytest.approx(stats.t.sf(5 * scale, 30))
    assert 0 < tail_p(50.0, draws, 30) < tail_p(5.0, draws, 30) < share
    assert tail_p(50.0, draws, 1) == pytest.approx(1 / 2_001)  # too few units: draws alone


def test_draws_of_students_t_give_its_own_tail():
    draws = stats.t.rvs(40, size=20_000, random_state=np.random.default_rng(1))
    for p in (1e-3, 1e-5):
        assert tail_p(stats.t.isf(p, 40), draws, 40) == pytest.approx(p, rel=1.0)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_features_that_keep_to_a_strand_are_called_as_often_as_they_should(share):
    """Masks and features lie on strand + in a share of cases; each of 1,500 features is shifted on its own."""
    rng = np.random.default_rng(int(100 * share))
    n, bounds, blocks = 16_384, np.arange(0, 16_385, 2_048), np.arange(0, 16_385, 512)
    masks = np.zeros((2 * n, 3))
    for start in range(0, n - 300, 330):  # genes; rare intervals; single bases
        strand = n * (rng.random() >= share)
        masks[strand + start : strand + start + 300, 0] = 1
        masks[strand + start : strand + start + 20, 1] = rng.random() < 0.2
        masks[strand + start, 2] = 1
    columns = []
    for _ in range(1_500):
        column = np.zeros(2 * n, dtype=np.float32)
        for start in rng.integers(0, n - 12, 60).tolist():
            column[n * (rng.random() >= share) + start :][:12] = 1
        columns.append(column)
    features = rotated(sp.csc_array(np.stack(columns, axis=1)), bounds, random_shifts(bounds, rng, 1_500))
    shifts = Shifts.of(bounds, blocks, shifts_needed(8), 1)
    p = shifted_test(features, _residuals(_centred(masks, bounds)), shifts, 2).p_upper
    # two-sided binomial bounds at 1e-4 of 1,500 at 0.05, and the upper one at 0.001
    low, high = stats.binom.ppf([5e-5, 1 - 5e-5], 1_500, 0.05) / 1_500
    assert ((p <= 0.05).mean(axis=0) >= low).all()
    assert ((p <= 0.05).mean(axis=0) <= high).all()
    assert ((p <= 0.001).sum(axis=0) <= stats.binom.ppf(1 - 1e-4, 1_500, 0.001)).all()


def test_rows_that_do_not_fit_are_refused(small):
    bounds, blocks, right, dense = small
    with pytest.raises(ValueError, match="need the same rows"):
        shifted_test(sp.csc_array(dense[:-2].astype(np.float32)), _residuals(right), Shifts.of(bounds, blocks, 4, 0), 0)
