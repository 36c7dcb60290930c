"""Codes of a finished dictionary: worked by hand, independent of the batch, bound to their activations."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from photo51.io.origin import Origin
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.quality.baselines import PCA, Neurons, RandomDictionary
from photo51.sae.rules import Gate
from photo51.types import InputError

ORIGIN = Origin("m1", "block.1.out", 2, model_name="small")


def by_hand(gate):
    """Three features in two dimensions; with centre (1, 0) the base (3, 1) has pre-activations 2, 1.5 and -2."""
    weights = {
        "encoder": np.array([[1, 0], [0, 1], [-1, 0]]),
        "decoder": np.array([[1, 0], [0, 2], [-1, 0]]),
        "bias": np.array([0, 0.5, 0]),
        "centre": np.array([1, 0]),
        "offset": np.array([1, 0]),
    }
    return SparseAutoencoder({n: a.astype(np.float32) for n, a in weights.items()}, gate, ORIGIN)


def wide(gate, seed=0, d=24, f=200):
    rng = np.random.default_rng(seed)
    weights = {
        "encoder": rng.standard_normal((f, d)),
        "decoder": rng.standard_normal((f, d)),
        "bias": rng.standard_normal(f) * 0.1,
        "centre": rng.standard_normal(d),
        "offset": rng.standard_normal(d),
    }
    origin = Origin("m1", "block.1.out", d)
    return SparseAutoencoder({n: a.astype(np.float32) for n, a in weights.items()}, gate, origin)


def test_the_largest_codes_are_those_worked_by_hand():
    x = np.array([[3, 1], [0, -1], [1, 3]], np.float32)
    sae = by_hand(Gate(k=1))
    codes = sae.encode(x)
    assert codes.toarray().tolist() == [[2, 0, 0], [0, 0, 1], [0, 3.5, 0]]
    assert sae.decode(codes).tolist() == [[3, 0], [0, 0], [1, 7]]
    assert by_hand(Gate(k=2)).encode(x).toarray().tolist() == [[2, 1.5, 0], [0, 0, 1], [0, 3.5, 0]]


def test_a_code_must_be_above_its_threshold_and_positive():
    sae = by_hand(Gate(threshold=np.array([2, 1.4, -5], np.float32)))
    assert sae.encode(np.array([[3, 1], [1, 3]], np.float32)).toarray().tolist() == [[0, 1.5, 0], [0, 3.5, 0]]


@pytest.mark.parametrize("gate", [Gate(k=9), Gate(threshold=np.full(200, 3, np.float32))])
def test_a_base_alone_has_the_bits_it_has_among_thousands(gate):
    x = np.random.default_rng(1).standard_normal((3_000, 24)).astype(np.float32)
    sae = wide(gate)
    whole = sae.encode(x)
    for n in (0, 17, 2_999):
        alone = sae.encode(x[n : n + 1])
        assert alone.indices.tolist() == whole[n].indices.tolist()
        assert alone.data.tobytes() == whole[n].data.tobytes()
    shuffled = np.random.default_rng(2).permutation(len(x))
    assert (wide(gate).encode(x[shuffled]) != whole[shuffled]).nnz == 0


def test_codes_do_not_depend_on_threads():
    x = np.random.default_rng(1).standard_normal((500, 24)).astype(np.float32)
    before = torch.get_num_threads()
    found = []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        found.append(wide(Gate(k=9)).encode(x))
    torch.set_num_threads(before)
    assert found[0].data.tobytes() == found[1].data.tobytes() == found[2].data.tobytes()


def test_callers_at_the_same_time_get_their_own_codes():
    rng = np.random.default_rng(4)
    batches = [rng.standard_normal((3_000, 24)).astype(np.float32) for _ in range(8)]
    sae = wide(Gate(k=9))
    alone = [sae.encode(x) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for one, other in zip(alone, pool.map(sae.encode, batches), strict=True):
                assert one.data.tobytes() == other.data.tobytes()
                assert one.indices.tobytes() == other.indices.tobytes()


@pytest.mark.parametrize("k", [1, 9, 60])
def test_codes_are_those_of_a_dense_product_in_double_precision(k):
    x = np.random.default_rng(3).standard_normal((400, 24)).astype(np.float32)
    sae = wide(Gate(k=k))
    pre = (x.astype(float) - sae.centre) @ sae.encoder.T.astype(float) + sae.bias
    least = -np.sort(-pre, axis=1)[:, k - 1 : k]
    dense = np.where((pre >= least) & (pre > 0), pre, 0)
    assert np.allclose(sae.encode(x).toarray(), dense, atol=1e-5)


def test_other_activations_are_refused_naming_both():
    sae, x = by_hand(Gate(k=1)), np.ones((1, 2), np.float32)
    for other in (
        Origin("m2", "block.1.out", 2),
        Origin("m1", "block.2.out", 2),
        Origin("m1", "block.1.out", 2, "unit"),
    ):
        with pytest.raises(InputError, match=r"need site block.1.out of model small \[m1\].*, got site") as found:
            sae.encode(x, other)
        assert str(other) in str(found.value)
    sae.encode(x, Origin("m1", "block.1.out", 2, model_name="another name of the same weights"))


def test_numbers_that_are_not_finite_and_other_widths_are_refused():
    sae = by_hand(Gate(k=1))
    with pytest.raises(InputError, match="row 1"):
        sae.encode(np.array([[1, 2], [np.nan, 0]], np.float32))
    with pytest.raises(InputError, match=r"need \(rows, 2\), got shape \(4, 3\)"):
        sae.encode(np.ones((4, 3), np.float32))
    with pytest.raises(InputError, match="0 < k < 3"):
        by_hand(Gate(k=3))


@pytest.mark.parametrize("gate", [Gate(k=2), Gate(threshold=np.array([0.5, 0, 1], np.float32))])
def test_a_saved_dictionary_comes_back_and_is_the_same_bytes_twice(gate, tmp_path):
    sae = by_hand(gate)
    sae.save(tmp_path / "a")
    sae.save(tmp_path / "b")
    for name in ("sae.safetensors", "sae.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    back = Dictionary.load(tmp_path / "a")
    assert back.hash == sae.hash
    assert back.origin == ORIGIN
    x = np.array([[3, 1], [0, -1]], np.float32)
    assert (back.encode(x) != sae.encode(x)).nnz == 0


def test_a_damaged_or_mixed_up_folder_is_refused(tmp_path):
    by_hand(Gate(k=1)).save(tmp_path)
    path = tmp_path / "sae.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match=r"need \d+ bytes"):
        Dictionary.load(tmp_path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="damaged"):
        Dictionary.load(tmp_path)
    path.write_bytes(whole)
    card = json.loads((tmp_path / "sae.json").read_text())
    (tmp_path / "sae.json").write_text(json.dumps({**card, "hash": "0123"}))
    with pytest.raises(InputError, match=r"sae.json.*got 0123"):
        Dictionary.load(tmp_path)


def test_components_of_the_baseline_are_those_of_scikit_learn(world):
    from sklearn.decomposition import PCA as Reference

    pca = PCA.fit(world, 5, rows=4_000)
    x = world.sample(4_000)
    reference = Reference(5, svd_solver="full").fit(x)
    cosine = np.abs((pca.basis * reference.components_).sum(axis=1))
    assert np.allclose(cosine, 1, atol=1e-4)
    assert np.allclose(pca.card["variance"], reference.explained_variance_ratio_, rtol=1e-4)
    assert np.allclose(
        pca.decode(pca.encode(x[:50])), reference.inverse_transform(reference.transform(x[:50])), atol=1e-3
    )


def test_neurons_keep_the_largest_coordinates(world, tmp_path):
    neurons = Neurons.fit(world, k=2)
    x = neurons.offset + np.array([[1, -3, 0.5, *np.zeros(13)], [0, 0, *np.arange(14)]], np.float32)
    codes = neurons.encode(x).toarray()
    assert np.flatnonzero(codes[0]).tolist() == [0, 3]  # coordinate 0 positive, coordinate 1 negative
    assert codes[0][[0, 3]] == pytest.approx([1, 3], abs=1e-5)
    assert np.flatnonzero(codes[1]).tolist() == [28, 30]
    neurons.save(tmp_path)
    assert Dictionary.load(tmp_path).kind == "neurons"


def test_random_directions_do_not_depend_on_the_data_but_their_length_does(world):
    one, two = (RandomDictionary.fit(world, 40, 3, seed=s) for s in (0, 0))
    assert np.array_equal(one.decoder, two.decoder)
    assert one.encode(world.sample(100)).getnnz(axis=1).max() == 3
