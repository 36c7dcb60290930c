"""A consensus of seeds: planted features that members share come first, and what they leave over fills the rest."""

import numpy as np
import pytest

from benchmarks._sae_planted import Rays
from photo51.activations.store import ActivationStore
from photo51.config.sae import SaeParams
from photo51.io.origin import Origin
from photo51.sae.dictionary import WEIGHTS, Dictionary, SparseAutoencoder
from photo51.sae.quality.stability import found_again
from photo51.sae.rules import Gate
from photo51.sae.training.consensus import consensus_start, final_params, member_params
from photo51.sae.training.train import begin_training, fit, fit_once
from photo51.types import InputError

D = 24
SMALL = {"n_features": 48, "k": 3, "tokens": 40_000, "batch": 500, "sample": 2_000, "learning_rate": 3e-3}


def params(**more):
    return SaeParams(**{**SMALL, **more})


def sae_of(directions):
    rows = np.asarray(directions, np.float32)
    zero = np.zeros(D, np.float32)
    weights = {
        "encoder": rows,
        "decoder": rows,
        "bias": np.zeros(len(rows), np.float32),
        "centre": zero,
        "offset": zero,
    }
    return SparseAutoencoder(weights, Gate(k=3), Origin("m", "block.1.out", D))


def test_features_of_two_members_come_first_those_of_three_before_them_and_the_residual_last():
    """Ten orthogonal directions: all members have 0..3, two have 4 and 5; 6..9 are in the data alone."""
    rng = np.random.default_rng(1)
    truth = np.linalg.qr(rng.standard_normal((D, D)))[0]
    codes = rng.exponential(size=(4_000, 10)) * (rng.random((4_000, 10)) < 0.15)
    x = (codes @ truth[:10]).astype(np.float32)
    members = [
        sae_of(truth[[0, 1, 2, 3, 4, 5, 20]]),
        sae_of(truth[[5, 3, 2, 1, 0, 21, 4]] + 0.01 * rng.standard_normal((7, D))),
        sae_of(truth[[2, 0, 22, 1, 3, 23]]),
    ]
    start = consensus_start(members, x, 10)
    assert start.found_by.tolist() == [3] * 4 + [2] * 2 + [0] * 4
    cosine = start.decoder @ truth.T
    assert sorted(cosine[:4].argmax(axis=1)) == [0, 1, 2, 3]
    assert sorted(cosine[4:6].argmax(axis=1)) == [4, 5]
    assert sorted(cosine[6:].argmax(axis=1)) == [6, 7, 8, 9]
    assert cosine[:6].max(axis=1).min() > 0.99
    assert cosine[6:].max(axis=1).min() > 0.8  # centroids of rows in which others are active too
    assert np.allclose(np.linalg.norm(start.decoder, axis=1), 1, atol=1e-5)
    assert consensus_start(members, x, 5).found_by.tolist() == [3] * 4 + [2]


def test_a_direction_whose_activations_differ_is_no_consensus():
    rng = np.random.default_rng(2)
    truth = np.linalg.qr(rng.standard_normal((D, D)))[0][:6]
    x = (rng.exponential(size=(2_000, 6)) @ truth).astype(np.float32)
    one, two = sae_of(truth), sae_of(truth)
    two.bias[4] = -100  # the same direction, never active
    assert (consensus_start([one, two], x, 6).found_by == 2).sum() == 5


def test_members_have_seeds_that_no_other_consensus_has():
    seeds = [p.seed for s in range(4) for p in member_params(params(consensus=3, seed=s))]
    assert len(set(seeds)) == 12
    final = final_params(params(consensus=3, decoder="archetypal", archetypes=64))
    assert (final.tokens, final.learning_rate, final.decoder) == (20_000, 7.5e-4, "free")


def test_one_member_or_too_few_rows_are_refused():
    rows = np.eye(D, dtype=np.float32)
    with pytest.raises(InputError, match="at least two seeds, got 1"):
        consensus_start([sae_of(rows)], rows, 4)
    with pytest.raises(InputError, match=r"at least \d+ rows for the features of the residual, got 5"):
        consensus_start([sae_of(rows), sae_of(-rows)], rows[:5], 20)


def test_a_consensus_killed_anywhere_ends_with_the_same_bytes(world, tmp_path):
    given = params(consensus=2, tokens=10_000, checkpoint=7)
    whole = fit(world, given)
    killed = begin_training(world, given, tmp_path)
    killed.run(8)
    assert (tmp_path / "members" / "1" / "sae.json").is_file()
    again = begin_training(world, given, tmp_path)
    assert again.at == 7
    again.run()
    assert again.finish().hash == whole.hash == Dictionary.load(tmp_path).hash
    assert sum(whole.card["found_by"]) == 48
    other = begin_training(world, params(consensus=2, tokens=10_000, checkpoint=7, seed=1), tmp_path)
    assert other.at == 0


def test_rows_in_another_order_are_the_same_rows(run):
    store = ActivationStore(run)
    one, two = store.rows(seed=3), store.rows(seed=3).reordered(9)
    assert (next(two.batches(64)) == next(store.rows(seed=9).batches(64))).all()
    assert not np.array_equal(next(one.batches(64)), next(two.batches(64)))
    assert (one.shared_sample(50) == two.shared_sample(50)).all()


@pytest.mark.slow
def test_features_of_a_consensus_are_planted_ones_and_another_consensus_finds_more_again_than_plain_seeds_do():
    x = Rays().rows(4_000, 9)
    share = {}
    for name, consensus in (("plain", 1), ("consensus", 3)):
        given = params(n_features=64, k=2, tokens=50_000, batch=250, consensus=consensus)
        one, two = (fit(Rays(s), given.model_copy(update={"seed": s})) for s in (11, 12))
        table = found_again(one, {"two": two}, x)
        share[name] = table.loc[table["live"], "match"].mean()
    n = sum(one.card["found_by"][2:])
    assert 5 < n < 64
    best = (one.decoder @ Rays().directions.T).max(axis=1)
    assert np.median(best[:n]) > 0.9 > np.median(best[n:])
    assert share["consensus"] > share["plain"]


def test_a_dictionary_is_trained_once_and_again_where_its_recipe_is_another(tmp_path):
    few = params(tokens=2_000)
    source = Rays(3)
    first = fit_once(source, few, tmp_path)
    written = (tmp_path / WEIGHTS).stat().st_mtime_ns
    assert fit_once(source, few, tmp_path).hash == first.hash
    assert (tmp_path / WEIGHTS).stat().st_mtime_ns == written
    other = fit_once(source, params(tokens=2_000, k=4), tmp_path)
    assert other.hash != first.hash
    assert Dictionary.load(tmp_path).hash == other.hash
    # a dictionary that says nothing of how it was made is no evidence that it was made so
    fit(source, few, tmp_path)
    assert "made" not in Dictionary.load(tmp_path).card
    assert fit_once(source, few, tmp_path).card["made"]


def test_a_kill_between_weights_and_card_is_mended_by_the_next_training(tmp_path):
    source, few = Rays(3), params(tokens=2_000)
    fit_once(source, params(tokens=2_000, k=4), tmp_path / "a")
    first = fit_once(source, few, tmp_path / "b")
    # the new weights were written, the card is still that of another recipe
    (tmp_path / "a" / WEIGHTS).write_bytes((tmp_path / "b" / WEIGHTS).read_bytes())
    assert fit_once(source, few, tmp_path / "a").hash == first.hash
    assert Dictionary.load(tmp_path / "a").hash == first.hash


def test_a_consensus_reads_what_its_members_read_and_half_as_much_again():
    p = params(consensus=3, tokens=3_000_000)
    assert p.tokens_read == 3 * 3_000_000 + 1_500_000 == sum(x.tokens for x in (*member_params(p), final_params(p)))
    assert params(tokens=3_000_000).tokens_read == 3_000_000


def test_the_residual_has_as_many_rows_as_its_features_need(monkeypatch):
    """Correlations are of the first hundred rows alone, and the residual of all that its width asks for."""
    monkeypatch.setattr("photo51.sae.training.consensus._ROWS", 100)
    x = np.random.default_rng(4).standard_normal((400, D)).astype(np.float32)
    members = [sae_of(np.linalg.qr(np.random.default_rng(s).standard_normal((D, D)))[0][:6]) for s in (5, 6)]
    assert len(consensus_start(members, x, 150).decoder) == 150
    with pytest.raises(InputError, match="need at least 450 rows"):
        consensus_start(members, x, 450)
