"""Archetypal dictionaries: rows stay near the cone of the archetypes, seeds share them and find the same features."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from benchmarks._sae_planted import Rays
from photo51.activations.splits import split_rows
from photo51.activations.store import ActivationStore
from photo51.config.sae import SaeParams
from photo51.sae.quality.stability import found_again
from photo51.sae.training.archetypes import centroids
from photo51.sae.training.train import Training, fit
from photo51.types import InputError

ARCHETYPAL = {"decoder": "archetypal", "archetypes": 64}
SMALL = {"n_features": 48, "k": 3, "tokens": 20_000, "batch": 500, "sample": 2_000, "dead_after": 3_000}


def params(**more):
    return SaeParams(**{**SMALL, **more})


def test_centroids_are_the_directions_of_planted_clusters_on_any_number_of_threads():
    rng = np.random.default_rng(1)
    truth = np.linalg.qr(rng.standard_normal((24, 24)))[0][:6]
    x = rng.exponential(size=(3_000, 1)) * truth[rng.integers(0, 6, 3_000)] + 0.01 * rng.standard_normal((3_000, 24))
    found = []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        found.append(centroids(x.astype(np.float32), 18, seed=4))
    torch.set_num_threads(1)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    assert (truth @ found[0].T).max(axis=1).min() > 0.999
    assert np.allclose(np.linalg.norm(found[0], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("relaxation", [0.0, 0.2])
@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_rows_are_as_near_to_the_cone_of_the_archetypes_as_the_relaxation_says(relaxation, backend, world):
    """Eight archetypes of 16 dimensions span a narrow cone; non-negative least squares says how far a row is from it."""
    given = params(decoder="archetypal", archetypes=8, relaxation=relaxation, learning_rate=1e-2, backend=backend)
    training = Training(world, given)
    archetypes = training.mixture.archetypes[:, :16].astype(float)
    training.run()
    decoder = training.finish().decoder.astype(float)
    far = np.array([nnls(archetypes.T, row)[1] for row in decoder])
    assert np.allclose(np.linalg.norm(decoder, axis=1), 1, atol=1e-5)
    assert far.max() <= relaxation + 1e-4
    if relaxation:
        assert np.median(far) > 0.05  # and uses it: planted directions lie elsewhere


def test_a_run_killed_anywhere_ends_with_the_same_bytes(world, tmp_path):
    for backend in ("compiled", "torch"):
        given = params(checkpoint=7, backend=backend, tokens=12_000, **ARCHETYPAL)
        whole = fit(world, given)
        killed = Training(world, given, tmp_path / backend)
        killed.run(17)
        again = Training(world, given, tmp_path / backend)
        assert again.at == 14
        again.run()
        assert again.finish().hash == whole.hash


@pytest.mark.parametrize("variant", ["topk", "matryoshka"])
def test_training_does_not_depend_on_threads(variant, world):
    hashes = set()
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        hashes.add(fit(world, params(variant=variant, tokens=5_000, dead_after=1_000, **ARCHETYPAL)).hash)
    torch.set_num_threads(1)
    assert len(hashes) == 1


@pytest.mark.parametrize("variant", ["topk", "batchtopk", "matryoshka", "jumprelu", "relu"])
def test_the_compiled_step_does_what_pytorch_does(variant, world):
    runs = []
    for backend in ("compiled", "torch"):
        given = params(variant=variant, backend=backend, dead_after=1_000, relaxation=0.1, **ARCHETYPAL)
        training = Training(world, given)
        training.run(9)
        runs.append(training)
    one, two = (run.table() for run in runs)
    for column, tolerance in {"loss": 2e-3, "l0": 2e-3, "dead": 2e-3, "gradient": 1e-2}.items():
        assert np.allclose(one[column], two[column], rtol=tolerance, atol=1e-5), column
    numbers, other = (run.finish().arrays() for run in runs)
    assert all(np.allclose(a, other[name], rtol=5e-3, atol=5e-3) for name, a in numbers.items())
    ours, theirs = (run.stepper.state()["mixture.logits"] for run in runs)
    # Adam moves a number whose gradient is rounding alone by its sign: a few may differ
    assert np.quantile(np.abs(ours - theirs), 0.99) < 1e-2
    assert np.abs(ours).max() > 0.1


def test_seeds_share_the_archetypes_of_a_store_and_nothing_else(run):
    genomes, store = run.parents[2] / "genome", ActivationStore(run)
    first, second = (
        Training(split_rows(store, genomes, "train", seed=s), params(seed=s, sample=1_000, **ARCHETYPAL))
        for s in (1, 2)
    )
    assert (first.mixture.archetypes == second.mixture.archetypes).all()
    assert not np.array_equal(first.sample, second.sample)
    assert not np.array_equal(first.mixture.rows.logits, second.mixture.rows.logits)
    other = Training(split_rows(store, genomes, "train"), params(sample=1_000, archetype_seed=1, **ARCHETYPAL))
    assert not np.array_equal(first.mixture.archetypes, other.mixture.archetypes)
    masked = store.rows(np.arange(store.n_rows) >= 100, seed=1).shared_sample(10**9)
    assert len(masked) == 2 * (store.n_rows - 200)  # every row that is not masked, once


def test_two_seeds_find_planted_directions_again_that_free_seeds_on_few_tokens_do_not():
    given = {"n_features": 64, "k": 2, "tokens": 12_000, "batch": 400, "learning_rate": 3e-3, "sample": 4_000}
    share, truth = {}, {}
    x = Rays().rows(4_000, 9)
    for name, more in (("free", {}), ("archetypal", ARCHETYPAL)):
        one, two = (fit(Rays(seed), params(**given, **more, seed=seed)) for seed in (11, 12))
        table = found_again(one, {"two": two}, x)
        share[name] = table.loc[table["live"], "match"].mean()
        truth[name] = ((Rays().directions @ one.decoder.T).max(axis=1) > 0.9).mean()
    assert truth["archetypal"] > 0.9 > truth["free"]
    assert share["archetypal"] > share["free"] + 0.3


def test_seeds_may_begin_at_the_same_centroids_and_find_more_in_common_for_it(run, tmp_path):
    genomes, store = run.parents[2] / "genome", ActivationStore(run)
    given = params(beginning="centroids", tokens=10_000, checkpoint=7)
    one, two = (
        Training(split_rows(store, genomes, "train", seed=s), given.model_copy(update={"seed": s})) for s in (1, 2)
    )
    first, second = (t.stepper.weights for t in (one, two))
    assert (first.decoder == second.decoder).all()
    assert not np.array_equal(one.sample, two.sample)
    killed = Training(split_rows(store, genomes, "train", seed=1), given, tmp_path)
    killed.run(9)
    again = Training(split_rows(store, genomes, "train", seed=1), given, tmp_path)
    assert again.at == 7
    again.run()
    assert again.finish().hash == fit(split_rows(store, genomes, "train", seed=1), given).hash
    x, share = Rays().rows(4_000, 9), {}
    for beginning in ("random", "centroids"):
        pair = [fit(Rays(s), params(k=2, tokens=12_000, beginning=beginning, seed=s)) for s in (11, 12)]
        table = found_again(pair[0], {"two": pair[1]}, x)
        share[beginning] = table.loc[table["live"], "match"].mean()
    assert share["centroids"] > share["random"] + 0.3


def test_a_sample_smaller_than_the_archetypes_is_refused():
    with pytest.raises(ValueError, match=r"archetypes: need at most as many as sample \(2,000\), got 3,000"):
        params(decoder="archetypal", archetypes=3_000)

    class Few(Rays):
        def shared_sample(self, n, *, seed=0):
            return super().shared_sample(40)

    with pytest.raises(InputError, match=r"more rows than centroids \(64\), got 40 rows"):
        fit(Few(), params(**ARCHETYPAL))
    with pytest.raises(InputError, match=r"more rows than centroids \(48\), got 40 rows"):
        fit(Few(), params(beginning="centroids"))


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_features_that_nothing_moves_stay_where_they_are_without_relaxation(backend, world):
    """Of 400 features most have no gradient in a batch of 16 bases: their change, and its bound, are 0."""
    given = params(
        decoder="archetypal", archetypes=8, relaxation=0.0, n_features=400, batch=16, tokens=160, backend=backend
    )
    assert np.isfinite(fit(world, given).decoder).all()
