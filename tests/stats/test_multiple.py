import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from photo51.stats.multiple import attainable, benjamini_hochberg, benjamini_yekutieli, bh_within

P = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(P)
@settings(max_examples=200, deadline=None)
def test_bh_is_scipys(p):
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-12)


@given(P)
@settings(max_examples=50, deadline=None)
def test_by_is_scipys(p):
    np.testing.assert_allclose(benjamini_yekutieli(p), false_discovery_control(p, method="by"), rtol=1e-12)


def test_a_test_not_done_does_not_count():
    q = benjamini_hochberg([0.01, np.nan, 0.02, np.nan, 0.9])
    np.testing.assert_allclose(q[[0, 2, 4]], [0.03, 0.03, 0.9])
    assert np.isnan(q[[1, 3]]).all()
    assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()
    assert benjamini_hochberg([]).shape == (0,)


def test_a_p_of_two_is_refused():
    with pytest.raises(ValueError, match=r"need values in \[0, 1\]"):
        benjamini_hochberg([0.5, 2.0])


def test_within_groups_each_has_its_own_family():
    q = bh_within([0.01, 0.02, 0.03, 0.04], ["a", "b", "a", "b"])
    np.testing.assert_allclose(q, [0.02, 0.04, 0.03, 0.04])


def test_tarone_by_hand():
    # floors ≤ .05/k: k=1 three tests (> 1), k=2 (.025) two tests (≤ 2): stop at 2, keep floors ≤ .025
    kept = attainable([0.001, 0.02, 0.04, 0.3, np.nan], alpha=0.05)
    assert kept.tolist() == [True, True, False, False, False]
    assert attainable([0.001] * 10, 0.05).all()  # k = 10: .005
    assert not attainable([0.4, 0.5], 0.05).any()
    assert not attainable([np.nan], 0.05).any()
