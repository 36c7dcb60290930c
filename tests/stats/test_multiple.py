import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from photo51.stats.multiple import (
    attainable,
    benjamini_hochberg,
    bh_within,
    hierarchical,
)

P = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(P)
@settings(max_examples=200, deadline=None)
def test_bh_is_scipys(p):
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-12)


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


def test_hierarchical_by_hand():
    # a: BH .02, .02 → Simes .02; b: Simes .5; of two families BH at level 1 gives a .04 and b .5
    # a alone is selected at .04: within it .02 ≤ α 1/2 from α = .04 on; from .5 on both are selected
    q = hierarchical([0.01, 0.02, 0.5, 0.5, np.nan], ["a", "a", "b", "b", "b"])
    np.testing.assert_allclose(q[:4], [0.04, 0.04, 0.5, 0.5])
    assert np.isnan(q[4])


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=40), st.floats(0.001, 0.5))
@settings(max_examples=100, deadline=None)
def test_hierarchical_rejects_as_the_two_step_procedure(tests, alpha):
    p, family = np.array([t[0] for t in tests]), np.array([t[1] for t in tests])
    labels = np.unique(family)
    bh = {f: false_discovery_control(p[family == f]) for f in labels}
    selected = labels[false_discovery_control([bh[f].min() for f in labels]) <= alpha]
    want = np.zeros(len(p), dtype=bool)
    for f in selected:
        want[family == f] = bh[f] <= alpha * len(selected) / len(labels)
    got = hierarchical(p, family)
    close = np.abs(got - alpha) < 1e-9
    np.testing.assert_array_equal((got <= alpha)[~close], want[~close])


def test_false_hits_do_not_gather_in_null_classes():
    """Ten classes of 300 tests, half null, half with 100 strong tests: pooled BH calls null classes by the dozen."""
    rng = np.random.default_rng(16)
    family, pooled, selected, shares = np.repeat(np.arange(10), 300), 0, 0, []
    for _ in range(40):
        p = rng.random(3000)
        true = (family < 5) & (np.arange(3000) % 3 == 0)
        p[true] = rng.random(true.sum()) * 1e-5
        pooled += int(((benjamini_hochberg(p) <= 0.05) & (family >= 5)).sum())
        found = hierarchical(p, family) <= 0.05
        classes = np.unique(family[found])
        selected += int((classes >= 5).sum())
        shares.append(np.mean([(found & ~true)[family == c].sum() / found[family == c].sum() for c in classes]))
    assert pooled > 40 * 5  # more than five false pairs of null classes a world
    assert selected <= 25  # of 40 × 5.05 selected classes 5 % are 10; the binomial chance of more than 25 is below 1e-4
    assert np.mean(shares) <= 0.06
