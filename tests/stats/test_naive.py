import numpy as np
import pytest
from scipy import stats

from photo51.stats.naive import fisher, midpoint_binomial, shuffle_p, shuffled_overlaps


def test_fisher_is_scipys_one_sided_exact_test():
    overlap, active, covered, rows = 12, 40, 100, 1000
    table = [[overlap, active - overlap], [covered - overlap, rows - active - covered + overlap]]
    want = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher(overlap, active, covered, rows) == pytest.approx(want)


def test_no_overlap_is_no_evidence_whatever_the_type():
    assert fisher(np.uint64(0), 40, 100, 1000) == 1.0


def test_midpoint_binomial_by_hand():
    assert midpoint_binomial(2, 2, 0.1) == pytest.approx(0.01)
    assert midpoint_binomial(0, 5, 0.1) == 1.0


def test_shuffled_runs_cover_the_mask_as_often_as_chance_says():
    mask = np.zeros(1000, dtype=bool)
    mask[:250] = True
    starts, lengths = np.arange(0, 200, 10), np.full(20, 4)
    draws = shuffled_overlaps(starts, lengths, mask, np.random.default_rng(0), 2000)
    assert draws.mean() == pytest.approx(80 * 0.25, rel=0.03)
    assert draws.max() <= 80
    assert shuffle_p(starts, lengths, mask, np.random.default_rng(1), 99) == pytest.approx(0.01)
    assert shuffle_p(starts + 400, lengths, mask, np.random.default_rng(2), 99) == 1.0
