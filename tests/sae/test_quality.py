"""Quality, gates and the choice of a sweep, on numbers worked by hand."""

import numpy as np
import pandas as pd
import pytest

from photo51.activations.store import ActivationStore
from photo51.config.sae import Gates, QualityParams, SaeParams, SweepParams
from photo51.io.origin import Origin
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.quality.baselines import PCA
from photo51.sae.quality.measures import measure_quality, row
from photo51.sae.quality.report import free_baselines, quality_report, with_fidelity
from photo51.sae.quality.sweep import choose, sweep
from photo51.sae.rules import Gate
from photo51.types import InputError

ORIGIN = Origin("m", "s", 2)


class Few:
    """Rows given one by one."""

    origin = ORIGIN

    def __init__(self, *rows):
        self.x = np.array(rows, np.float32)

    def chunks(self, size):
        for a in range(0, len(self.x), size):
            x = self.x[a : a + size]
            yield "+", np.arange(a, a + len(x)), x


def axes(gate, features=3):
    directions = np.array([[1, 0], [0, 1], [-1, 0]][:features], np.float32)
    zero = np.zeros(2, np.float32)
    weights = {"encoder": directions, "decoder": directions, "bias": np.zeros(features, np.float32)}
    return SparseAutoencoder({**weights, "centre": zero, "offset": zero}, gate, ORIGIN)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_quality_is_that_worked_by_hand(size):
    """Codes (2,0,0), (0,3,0), (1,1,0), (0,0,0): the base (0,-1) is lost, error 1; variance about (.75,.75) is 11.5."""
    found = measure_quality(axes(Gate(k=2)), Few([2, 0], [0, 3], [1, 1], [0, -1]), size)
    assert found.rows == 4
    assert found.l0 == 1
    assert found.variance_explained == pytest.approx(1 - 1 / 11.5)
    assert found.density.tolist() == [0.5, 0.5, 0]
    assert found.mean.tolist() == [1.5, 2, 0]
    assert found.max.tolist() == [2, 3, 0]
    assert found.dead == pytest.approx(1 / 3)
    assert found.dense == pytest.approx(2 / 3)


def test_other_activations_are_refused():
    class Other(Few):
        origin = Origin("m", "t", 2)

    with pytest.raises(InputError, match=r"need site s .*got site t"):
        quality_report(axes(Gate(k=2)), Few([1, 2]), Other([1, 2]), QualityParams(baselines=False))


def test_recovered_cross_entropy_joins_the_first_row_alone():
    found = measure_quality(axes(Gate(k=2)), Few([2, 0], [0, 3]))
    table = pd.concat([row("sae", "test", found), row("pca first k", "test", found)], ignore_index=True)
    fidelity = pd.DataFrame({"bases": ["all", "coding"], "recovered": [0.9, 0.8]})
    joined = with_fidelity(table, fidelity)
    assert joined["recovered"].tolist()[0] == 0.9
    assert joined["recovered"].isna().tolist()[1:] == [True] * (len(joined) - 1)


def test_gates_name_what_fails_and_an_unmeasured_one_fails():
    good = {"variance_explained": 0.95, "dead": 0.01, "dense": 0.0, "stability": float("nan")}
    assert Gates().failed(good) == []
    assert Gates(stability=0.5).failed(good) == ["stability"]
    assert Gates().failed({**good, "dead": 0.06, "variance_explained": 0.899}) == [
        "variance_explained",
        "dead",
    ]


def candidates(rows):
    names = ("n_features", "k", "variance_explained", "failed_gates")
    table = pd.DataFrame(rows, columns=names)
    table["passed"] = table["failed_gates"] == ""
    more = {"variant": "topk", "seed": 0, "learning_rate": 1e-3, "dead": 0.0, "dense": 0.0, "stability": 0.5}
    return table.assign(l0=table["k"].astype(float), chosen=False, **more)


def test_the_sparsest_that_passes_is_chosen_then_the_narrowest():
    table = candidates(
        [
            (4096, 32, 0.97, ""),
            (1024, 64, 0.99, ""),
            (2048, 32, 0.95, ""),
            (1024, 16, 0.89, "variance_explained"),
        ]
    )
    assert choose(table)["chosen"].tolist() == [False, False, True, False]


def test_where_none_passes_the_nearest_is_chosen_and_says_why():
    table = candidates([(1024, 16, 0.80, "variance_explained, dead"), (1024, 32, 0.85, "variance_explained")])
    chosen = choose(table)
    assert chosen["chosen"].tolist() == [False, True]
    assert chosen.loc[1, "failed_gates"] == "variance_explained"


def test_a_sweep_trains_measures_and_does_not_train_again(run, tmp_path):
    store = ActivationStore(run)
    small = SaeParams(n_features=24, k=3, tokens=5_000, batch=500, sample=1_000)
    params = SweepParams(widths=(16, 24), ks=(2, 4), seeds=(0, 1), sae=small)
    table = sweep(store.rows(), store.rows(), params, tmp_path)
    assert table[["n_features", "k"]].to_numpy().tolist() == [[16, 2], [16, 4], [24, 2], [24, 4]]
    assert table["chosen"].sum() == 1
    assert table["stability"].between(0, 1).all()
    assert (table.loc[[1, 3], "variance_explained"].to_numpy() > table.loc[[0, 2], "variance_explained"]).all()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("sae.safetensors")}
    assert len(before) == 8
    again = sweep(store.rows(), store.rows(), params, tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("sae.safetensors")} == before
    pd.testing.assert_frame_equal(table, again)


def test_seeds_of_a_sweep_see_the_bases_in_other_orders(run, tmp_path):
    """Begun at the same centroids, the order alone tells seeds apart: one order would give a stability of exactly 1."""
    store = ActivationStore(run)
    learnt, held_out = (store.rows(seed=0) for _ in range(2))
    small = {"n_features": 48, "k": 4, "tokens": 4_000, "batch": 500, "sample": 2_000, "beginning": "centroids"}
    params = SweepParams(widths=(48,), ks=(4,), learning_rates=(3e-3,), seeds=(0, 1), sae=SaeParams(**small))
    sweep(learnt, held_out, params, tmp_path)
    one, two = (Dictionary.load(tmp_path / f"topk-48-4-0.003-{seed}") for seed in (0, 1))
    assert one.hash != two.hash


def test_the_sparsest_is_so_by_what_is_measured():
    """ReLU does not keep to k; BatchTopK does but for chance, so that the narrower is chosen."""
    table = candidates([(1024, 16, 0.95, ""), (1024, 32, 0.95, "")]).assign(l0=[40.0, 30.0], variant="relu")
    assert choose(table)["chosen"].tolist() == [False, True]
    table = candidates([(4096, 16, 0.95, ""), (1024, 16, 0.95, "")]).assign(l0=[15.9, 16.0], variant="batchtopk")
    assert choose(table)["chosen"].tolist() == [False, True]


def test_more_active_features_than_there_are_is_refused_before_anything_is_trained():
    with pytest.raises(ValueError, match=r"ks: need fewer than the least of widths \(16\), got 32"):
        SweepParams(widths=(16, 64), ks=(8, 32))


class Sampled(Few):
    def sample(self, n, *, seed=0):
        return self.x[:n]


@pytest.mark.parametrize("gate", [Gate(k=2), Gate(threshold=np.full(3, 0.5, np.float32))])
def test_rivals_spend_their_codes_as_the_dictionary_may(gate):
    """Half of the bases are 0 but for a little, half long in both directions: by one threshold two codes are where they
    are needed, one a base is one everywhere.
    """
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4_000, 2)).astype(np.float32) * np.where(np.arange(4_000) % 2, 3, 0.01)[:, None]
    learnt, held_out = Sampled(*x[:2_000]), Sampled(*x[2_000:])
    rivals = free_baselines(axes(gate), learnt, 1.0)
    found = {name: measure_quality(d, held_out) for name, d in rivals.items()}
    for name in ("pca largest k", "neuron largest k", "random directions"):
        if gate.k is None:
            assert found[name].l0 == pytest.approx(1, abs=0.06)
        else:
            assert found[name].l0 <= 1  # of three random directions none may be positive
    explained = {name: q.variance_explained for name, q in found.items()}
    assert (explained["pca largest k"] > 0.99) == (gate.k is None)
    assert (explained["neuron largest k"] > 0.99) == (gate.k is None)


def test_a_rival_with_a_threshold_is_saved_and_opened(tmp_path):
    x = np.random.default_rng(2).standard_normal((500, 2)).astype(np.float32)
    rival = PCA.fit(Sampled(*x)).thresholded(x, 0.7)
    assert rival.encode(x).nnz == 350
    rival.save(tmp_path / "pca")
    opened = Dictionary.load(tmp_path / "pca")
    assert (opened.encode(x) != rival.encode(x)).nnz == 0
