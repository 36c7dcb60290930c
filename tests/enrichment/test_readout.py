import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from photo51.enrichment.annotations.readout import (
    codes_readout,
    dense_readout,
    kmer_readout,
    linear_probes,
    principal_components,
    read_in_chunks,
    scatter,
)


class Store:
    """Codes of both strands in memory."""

    def __init__(self, plus, minus):
        self.codes = {"+": sp.csc_matrix(plus), "-": sp.csc_matrix(minus)}
        self.n_rows, self.n_features = plus.shape

    def features(self, ids, strand):
        return self.codes[strand][:, ids]


def test_codes_are_stacked_strand_plus_first():
    plus, minus = np.array([[1.0, 0], [0, 2]]), np.array([[0.0, 3], [4, 0]])
    got = codes_readout(Store(plus, minus), [1, 0])
    assert got.units == ("f1", "f0")
    np.testing.assert_array_equal(got.matrix.toarray(), np.concatenate([plus, minus])[:, [1, 0]])
    chunks = list(read_in_chunks(Store(plus, minus), 1))
    assert [c.units for c in chunks] == [("f0",), ("f1",)]


def test_each_sign_of_a_channel_is_a_unit_with_the_asked_density():
    rng = np.random.default_rng(0)
    plus, minus = rng.normal(size=(500, 3)), rng.normal(size=(500, 3))
    got = dense_readout(plus, minus, name="neurons", prefix="n", share=0.1)
    assert got.units == ("n0+", "n0-", "n1+", "n1-", "n2+", "n2-")
    both = np.concatenate([plus, minus])
    for c in range(3):
        active = got.matrix[:, [2 * c]].toarray()[:, 0] > 0
        assert active.sum() == pytest.approx(100, abs=1)
        assert both[active, c].min() >= both[~active, c].max()
        low = got.matrix[:, [2 * c + 1]].toarray()[:, 0] > 0
        assert both[low, c].max() <= both[~low, c].min()


def test_rows_that_may_not_be_learnt_from_do_not_move_the_cut():
    rng = np.random.default_rng(1)
    plus, minus = rng.normal(size=(400, 1)), rng.normal(size=(400, 1))
    fit = np.arange(400) < 300
    changed = plus.copy()
    changed[300:] += 100
    a, b = (dense_readout(p, minus, name="n", prefix="n", share=0.1, fit=fit) for p in (plus, changed))
    np.testing.assert_array_equal(a.matrix.toarray()[:300], b.matrix.toarray()[:300])


def test_components_are_sklearns_up_to_sign():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    plus, minus = principal_components(x[:150], x[150:], 3, scatter(x[:150], x[150:], np.ones(150, bool)))
    want = PCA(3).fit_transform(x)
    np.testing.assert_allclose(np.abs(np.concatenate([plus, minus])), np.abs(want), atol=1e-4)


def test_probes_are_ridge_regressions_on_the_fit_rows():
    rng = np.random.default_rng(3)
    plus, minus = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    masks = rng.random((2, 400)) < 0.3
    fit = np.arange(200) < 120
    scores = linear_probes(plus, minus, masks, scatter(plus, minus, fit), ridge=1e-3)
    x = np.concatenate([plus[fit], minus[fit]])
    y = np.concatenate([masks[:, :200][:, fit], masks[:, 200:][:, fit]], axis=1).T.astype(float)
    alpha = 1e-3 * np.trace((x - x.mean(0)).T @ (x - x.mean(0))) / 4
    model = Ridge(alpha=alpha).fit(x, y)
    for got, side in zip(scores, (plus, minus), strict=True):
        np.testing.assert_allclose(got, model.predict(side) - y.mean(0), atol=1e-5)


def test_kmers_fire_where_they_end():
    bases = np.array([0, 1, 2, 0, 1], dtype=np.uint8)  # ACGAC
    got = kmer_readout(bases, np.array([0, 5]), k=2)
    column = got.matrix[:, [got.units.index("AC")]].toarray()[:, 0]
    assert np.flatnonzero(column).tolist() == [1, 4]
    other = got.matrix[:, [got.units.index("GT")]].toarray()[:, 0]
    assert np.flatnonzero(other).tolist() == [5, 8]  # - reads GTCGT: GT ends at rows 3 and 0
    assert got.matrix.sum() == 8
