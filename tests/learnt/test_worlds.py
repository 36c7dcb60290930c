import itertools

import numpy as np
import pytest

from benchmarks.planted.sources import Grammar, cycle, mixture, operon
from benchmarks.planted.worlds import canaries_world, contaminants_world, random_word, trigger_world, words_world
from photo51.genome.alphabet import decode, encode, reverse_complement


def records(rng, n=40, length=400):
    return np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, (n, length))]


def test_two_states_by_hand():
    source = Grammar(
        np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    )
    law = source.optimal(np.array([[0, 0, 1, 1]]))[0]
    assert law[0].tolist() == [1, 0, 0, 0]
    assert law[1].tolist() == [0.5, 0.5, 0, 0]
    assert law[3].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("source", [cycle(12, 1), cycle(3, 2), operon(3)])
def test_no_chain_predicts_a_grammar_better_than_its_optimum(source):
    rng = np.random.default_rng(1)
    bases, states = source.sample(60, 300, rng)
    law = source.optimal(bases)
    assert np.allclose(law.sum(axis=2), 1)
    best = -np.log2(np.take_along_axis(law, bases[..., None], 2)).mean()
    share = np.bincount(bases.ravel(), minlength=4) / bases.size
    assert best < -(share * np.log2(share)).sum()
    known = -np.log2(source.emit[states, bases]).mean()
    assert known <= best + 0.02  # who knows the state knows at least as much


def test_an_operon_keeps_its_order():
    _, states = operon(3).sample(40, 600, np.random.default_rng(2))
    steps = {(int(a), int(b)) for row in states for a, b in itertools.pairwise(row) if a != b}
    assert steps == {(0, 1), (1, 2), (2, 3), (3, 0)}


def test_a_mixture_has_its_frequencies_and_its_optimum():
    world = mixture(4_000, 30, np.random.default_rng(3))
    counts = np.bincount(world.task, minlength=12)
    assert world.frequency[0] / world.frequency[-1] == pytest.approx(256)
    assert abs(counts[0] / 4_000 - world.frequency[0]) < 0.03
    assert set(world.order[::2]) == {1}
    assert set(world.order[1::2]) == {3}
    p = np.take_along_axis(world.optimal, world.bases[..., None], 2)[..., 0]
    entropy = -(world.optimal * np.log2(world.optimal)).sum(axis=2)
    assert -np.log2(p).mean() == pytest.approx(entropy.mean(), abs=0.01)


def test_tables_say_what_was_planted_where():
    rng = np.random.default_rng(4)
    plain = records(rng)
    word = random_word(16, rng)
    world = words_world(plain, {word: 12}, rng, both_strands=True)
    assert len(world.truth) == 12
    assert set(world.truth["strand"]) == {"+", "-"}
    for row in world.truth.itertuples():
        piece = world.records[row.record, row.start : row.end]
        assert decode(piece if row.strand == "+" else reverse_complement(piece)) == word
    canaries, unseen = canaries_world(plain, 20, rng, rungs=(2, 5))
    assert canaries.truth["kind"].value_counts().to_dict() == {"canary_5": 5, "canary_2": 2}
    assert len(unseen) == 8
    pairs = trigger_world(plain, "ACGTACGTACGT", "GATTACAGATTACA", 0.1, rng).truth
    assert pairs["kind"].value_counts().to_dict() == {"pair": 8, "trigger alone": 4, "payload alone": 4}


def test_contaminants_are_in_the_records_that_are_named():
    rng = np.random.default_rng(5)
    plain, foreign = records(rng), records(rng, 4)
    world = contaminants_world(plain, foreign, 4, rng)
    named = world.truth.groupby("kind")["record"].nunique()
    assert named.to_dict() == dict.fromkeys(("adapter", "clade", "duplicate", "payload", "simple", "gc"), 4)
    untouched = np.setdiff1d(np.arange(40), world.truth["record"])
    assert np.array_equal(world.records[untouched], plain[untouched])
    for row in world.truth[world.truth["name"] != ""].itertuples():
        assert np.array_equal(world.records[row.record, row.start : row.end], encode(row.name))
    gc = [np.isin(x, (ord("G"), ord("C"))).mean(axis=1) for x in (plain, world.records)]
    rows = world.truth.loc[world.truth["kind"] == "gc", "record"]
    assert (gc[1] - gc[0])[rows].mean() == pytest.approx(0.05, abs=0.02)
    copies = world.records[world.truth.loc[world.truth["kind"] == "duplicate", "record"]]
    assert (copies == copies[0]).mean(axis=1).min() > 0.94
