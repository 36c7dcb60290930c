import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from photo51.stats.auc import areas, rank, weighted_average_precision
from photo51.stats.resampling import bootstrap_weights


def _world(seed: int, n: int = 500):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.2
    scores = np.round(rng.exponential(1 + positive), 1) * (rng.random(n) < 0.15 + 0.2 * positive)
    return scores, positive


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_areas_are_sklearns_with_ties_and_zeros(seed):
    scores, positive = _world(seed)
    got = areas(scores, positive)
    assert got.auroc == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert got.auprc == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    assert got.prevalence == positive.mean()


def test_non_zero_entries_are_enough():
    scores, positive = _world(1)
    some = scores > 0
    sparse = areas(scores[some], positive[some], n=len(scores), n_positive=int(positive.sum()))
    np.testing.assert_allclose(sparse, areas(scores, positive), rtol=1e-12)


def test_a_dead_feature_scores_exactly_one_half_and_the_prevalence():
    got = areas([], [], n=1000, n_positive=300)
    assert got == (0.5, 0.3, 0.3)


def test_row_order_does_not_matter():
    scores, positive = _world(2)
    order = np.random.default_rng(3).permutation(len(scores))
    assert areas(scores, positive) == areas(scores[order], positive[order])
    end = np.argsort(positive, kind="stable")
    assert areas(scores, positive) == areas(scores[end], positive[end])


def test_one_class_has_no_auroc():
    assert np.isnan(areas([1.0, 0.0], [True, True]).auroc)
    assert np.isnan(areas([1.0, 0.0], [False, False]).auprc)


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="got NaN"):
        areas([np.nan], [True])
    with pytest.raises(ValueError, match="need values >= 0"):
        areas([-1.0], [True], n=5, n_positive=1)


def test_weighted_average_precision_is_that_of_repeated_rows():
    scores, positive = _world(4, n=300)
    block = np.repeat(np.arange(6), 50)
    weights = bootstrap_weights(6, 20, np.random.default_rng(5))
    some = scores > 0
    got = weighted_average_precision(
        rank(scores[some], positive[some], block[some]),
        weights,
        np.bincount(block, positive, minlength=6),
        np.bincount(block, minlength=6).astype(float),
    )
    for w, value in zip(weights, got, strict=True):
        times = w[block].astype(int)
        want = average_precision_score(np.repeat(positive, times), np.repeat(scores, times))
        assert value == pytest.approx(want, abs=1e-12)
