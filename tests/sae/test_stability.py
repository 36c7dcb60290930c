"""Agreement of dictionaries: planted permutations, and correlations beside numpy's."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.quality.stability import code_correlations, compare_dictionaries, nearest, stability_score
from photo51.sae.rules import Gate
from photo51.types import InputError


def dictionary(decoder, site="s"):
    f, d = decoder.shape
    zero = np.zeros(d, np.float32)
    weights = {"encoder": decoder, "decoder": decoder, "bias": np.zeros(f), "centre": zero, "offset": zero}
    return SparseAutoencoder(
        {n: np.asarray(a, np.float32) for n, a in weights.items()}, Gate(k=2), Origin("m", site, d)
    )


@pytest.fixture
def directions():
    return np.random.default_rng(0).standard_normal((60, 32))


def test_a_permuted_dictionary_is_found_again_feature_by_feature(directions):
    order = np.random.default_rng(1).permutation(60)
    x = np.random.default_rng(2).standard_normal((500, 32)).astype(np.float32)
    table = compare_dictionaries(dictionary(directions), dictionary(3 * directions[order]), x)
    assert order[table["partner"]].tolist() == list(range(60))
    assert table["mutual"].all()
    assert np.allclose(table["cosine"], 1)
    assert stability_score(table) == 1


def test_half_of_the_features_replaced_leaves_half_the_score(directions):
    other = directions.copy()
    other[30:] = np.random.default_rng(3).standard_normal((30, 32))
    assert stability_score(compare_dictionaries(dictionary(directions), dictionary(other))) == 0.5


def test_a_nearest_direction_must_be_nearest_from_both_sides():
    one, two = np.array([[1, 0], [0.9, 0.1]]), np.array([[1.0, 0]])
    assert nearest(one, two).index.tolist() == [0, 0]
    table = compare_dictionaries(
        dictionary(np.vstack([one, [[0, 1]]])), dictionary(np.array([[1.0, 0], [-1, 0], [0, -1]]))
    )
    assert table["mutual"].tolist() == [True, False, False]


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(4)
    a, b = (rng.random((200, 6)) * (rng.random((200, 6)) < 0.3) for _ in range(2))
    b[:, 0], b[:, 1] = 2 * a[:, 0], 0
    found = code_correlations(sp.csr_matrix(a), sp.csr_matrix(b))
    expected = [np.corrcoef(a[:, j], b[:, j])[0, 1] for j in (0, 2, 3, 4, 5)]
    assert np.allclose(found[[0, 2, 3, 4, 5]], expected)
    assert np.isnan(found[1])
    assert found[0] == pytest.approx(1)


def test_dictionaries_of_different_sites_are_refused(directions):
    with pytest.raises(InputError, match=r"site a.*site b"):
        compare_dictionaries(dictionary(directions, "a"), dictionary(directions, "b"))


def test_score_counts_mutual_and_close():
    table = pd.DataFrame({"mutual": [True, True, False, True], "cosine": [0.9, 0.6, 0.99, 0.71]})
    assert stability_score(table) == 0.5
