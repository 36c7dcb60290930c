"""The benchmark of seed match: its figures on planted dictionaries, its associations beside scikit-learn's."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import matthews_corrcoef

from benchmarks.stability import agreement, associated
from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate

D, F, N = 16, 6, 3_000


def sae_of(directions):
    rows, zero = np.asarray(directions, np.float32), np.zeros(D, np.float32)
    weights = {"encoder": rows, "decoder": rows, "bias": zero[: len(rows)], "centre": zero, "offset": zero}
    return SparseAutoencoder(weights, Gate(k=3), Origin("m", "block.1.out", D))


@pytest.fixture
def planted():
    rng = np.random.default_rng(3)
    truth = np.linalg.qr(rng.standard_normal((D, D)))[0]
    codes = rng.exponential(size=(N, F)) * (rng.random((N, F)) < 0.2)
    labels = np.stack([(codes[:, 1] > 0) ^ (rng.random(N) < 0.1), codes[:, 2] > 0.7, rng.random(N) < 0.3], axis=1)
    data = SimpleNamespace(
        x=(codes @ truth[:F]).astype(np.float32), classes=sp.csr_matrix(labels, dtype=float), named_mcc=0.3
    )
    return truth, codes, labels, data


def test_a_feature_is_associated_where_its_activity_has_the_correlation_of_scikit_learn(planted):
    _, codes, labels, data = planted
    expected = [
        max(
            matthews_corrcoef(labels[:, c], codes[:, f] > low)
            for c in range(3)
            for low in (0, np.median(codes[codes[:, f] > 0, f]))
        )
        for f in range(F)
    ]
    assert (associated(sp.csr_matrix(codes), data) == (np.array(expected) >= 0.3)).all()
    data.named_mcc = expected[1] - 1e-9
    assert associated(sp.csr_matrix(codes), data)[1]
    data.named_mcc = expected[1] + 1e-9
    assert not associated(sp.csr_matrix(codes), data)[1]


def test_a_permuted_dictionary_agrees_and_one_with_half_of_the_features_agrees_by_half(planted):
    truth, _, _, data = planted
    one = sae_of(truth[:F])
    whole = agreement(one, sae_of(truth[[3, 2, 1, 0, 5, 4]]), data)
    assert whole["match"] == whole["cosine"] == whole["match_mass"] == whole["match_associated"] == 1
    assert (whole["live"], whole["associated"]) == (F, 2)
    half = agreement(one, sae_of(truth[[0, 1, 5, 10, 11, 12]]), data)
    assert half["match"] == 0.5
    assert half["match_associated"] == 0.5  # feature 1 is there, 2 is not
