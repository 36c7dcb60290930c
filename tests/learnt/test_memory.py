import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.memory import MemoryParams
from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.formats.fasta import record
from photo51.learnt.data.repeats import copy_numbers, corpus_words, repeats_by_class, word_hashes
from photo51.learnt.memory.exposure import (
    Recitable,
    audit_recitation,
    canary_references,
    class_table,
    edit_distance,
    markov_bits,
    recital,
)
from photo51.model.families.adapters import load_model

PARAMS = MemoryParams(prefix=16, suffix=12, context=20, references=20, batch=16)


def random_ids(rng, *shape):
    return np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, shape)]


def test_hashes_do_not_see_the_strand_and_skip_unknown_letters():
    rng = np.random.default_rng(0)
    ids = random_ids(rng, 500).copy()
    ids[200] = ord("N")
    for k in (1, 5, 31, 112):
        plus, minus = word_hashes(ids, k), word_hashes(reverse_complement(ids), k)
        assert np.array_equal(plus, minus[::-1])
        inside = np.zeros(len(plus), dtype=bool)
        inside[max(0, 200 - k + 1) : 201] = True
        assert np.array_equal(plus == 0, inside)


def test_equal_hashes_are_equal_words():
    rng = np.random.default_rng(1)
    ids = random_ids(rng, 80_000)
    hashes = word_hashes(ids, 6)
    text = ids.tobytes().decode()
    turn = str.maketrans("ACGT", "TGCA")
    canonical = [min(w, w.translate(turn)[::-1]) for w in (text[i : i + 6] for i in range(len(hashes)))]
    by_word = pd.Series(hashes).groupby(canonical)
    assert (by_word.nunique() == 1).all()
    assert pd.Series(hashes).nunique() == len(by_word)
    assert len(by_word) == (4**6 + 4**3) // 2  # words that are their own reverse complement count once


def test_copy_numbers_are_planted_ones_on_both_strands():
    rng = np.random.default_rng(2)
    word, other = random_ids(rng, 40), random_ids(rng, 40)
    pieces = []
    for copies in (word, reverse_complement(word), word, other, random_ids(rng, 40)):
        pieces += [random_ids(rng, 70), copies]
    records = [
        record("a", np.concatenate(pieces).tobytes().decode()),
        record("b", word.tobytes().decode() + "N"),
    ]
    assert copy_numbers(records, np.stack([word, other, random_ids(rng, 40)])).tolist() == [4, 1, 0]
    words = corpus_words(records, 40)
    found = repeats_by_class(words, 40, [(1, 1), (2, 3), (4, 9)], 5, 1)
    assert [(r.record, r.start, r.copies) for r in found[4, 9]] == [(0, 70, 4)]
    assert not found[2, 3]
    starts = np.array([(r.record, r.start) for r in found[1, 1]])
    assert len(starts) == 5
    for rec, start in starts:
        near = starts[(starts[:, 0] == rec) & (starts[:, 1] != start)][:, 1]
        assert (np.abs(near - start) >= 40).all()
        if rec == 0:
            assert abs(start - 70) >= 40


def test_a_thinned_list_holds_all_copies_or_none():
    rng = np.random.default_rng(3)
    ids = np.tile(random_ids(rng, 400), 3)
    words = corpus_words([record("a", ids.tobytes().decode())], 30, max_words=300)
    assert words.every == 4
    _, copies = np.unique(words.hashes, return_counts=True)
    assert len(copies) > 40
    assert set(copies.tolist()) <= {2, 3}  # words over the seam of the copies come twice


def test_edit_distance_by_hand():
    pairs = [("ACGTACGT", "ACGTACGT", 0), ("ACGTACGT", "CGTACGTA", 2), ("AAAAAAAA", "TTTTTTTT", 8)]
    a, b = (np.stack([encode(p[i]) for p in pairs]) for i in (0, 1))
    assert edit_distance(a, b).tolist() == [p[2] for p in pairs]


def test_the_better_strand_counts_for_both_strands_alike():
    model = load_model("sh2:nano").model
    ids = random_ids(np.random.default_rng(4), 6, 28)
    plus, minus = recital(model, ids, PARAMS), recital(model, reverse_complement(ids), PARAMS)
    assert plus.bits == pytest.approx(minus.bits)
    assert plus.suffix == pytest.approx(minus.suffix)
    assert (plus.minus != minus.minus).all()
    assert 0 < plus.minus.sum() < 6


@pytest.fixture(scope="module")
def trained():
    """nano after a few steps on one sequence of 28 bases, again and again behind random ones."""
    model = load_model("sh2:nano").model
    rng = np.random.default_rng(5)
    known = random_ids(rng, 28)
    model.requires_grad_()
    optimizer = torch.optim.AdamW([w for n, w in model.named_parameters() if not n.endswith("log_poles")], lr=3e-3)
    for _ in range(25):
        ids = np.concatenate([random_ids(rng, 4, 20), np.tile(known, (4, 1))], axis=1)
        loss = model(torch.from_numpy(ids.astype(np.int64)), labels=torch.from_numpy(ids.astype(np.int64))).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval().requires_grad_(requires_grad=False), known


def test_an_audit_finds_what_was_learnt_by_heart_and_nothing_else(trained):
    model, known = trained
    rng = np.random.default_rng(6)
    canaries = [Recitable("known", "canary", 100, known)] + [
        Recitable(f"other_{i}", "canary", 0, random_ids(rng, 28)) for i in range(5)
    ]
    grouped, unseen = canary_references(canaries, 60, rng)
    assert len(unseen) == 60
    table = audit_recitation(model, grouped + unseen, PARAMS, load_model("sh2:nano@random:1").model).set_index("name")
    assert table.loc["known", "exposure"] == pytest.approx(np.log2(61))
    assert table.loc["known", "p"] == pytest.approx(1 / 61)
    assert table.loc["known", "greedy_exact"]
    assert table.loc["known", "strand"] == "+"
    assert not table.loc[[f"other_{i}" for i in range(5)], "greedy_exact"].any()
    assert table["q"].idxmin() == "known"
    assert table.loc["known", "exposure_fresh"] < 4
    classes = class_table(table.reset_index(), [(0, 0), (100, 100)]).set_index("copies")
    assert classes.loc["100", "gap"] > 0.5
    assert classes.loc["100", "recitation"] > 100 * classes.loc["100", "reference_recitation"]
    assert abs(classes.loc["0", "gap"]) < 0.3


def test_null_canaries_have_uniform_p_values_whatever_their_composition():
    """Sequences never met, of quite different composition: p is at most 0.1 in about a tenth, of the easy fifth too.

    Easy is what other random orders of a canary's letters are to the model, which the p-values do not see.
    """
    model = load_model("sh2:nano").model
    rng = np.random.default_rng(7)
    canaries = []
    for i in range(90):
        share = rng.dirichlet(np.full(4, 2.0))
        ids = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.choice(4, 28, p=share)]
        canaries.append(Recitable(f"c{i}", "canary", 0, ids))
    grouped, unseen = canary_references(canaries, 0, rng)
    p = audit_recitation(model, grouped + unseen, PARAMS.model_copy(update={"batch": 256}))["p"].dropna().to_numpy()
    assert len(p) == 90
    fresh_orders = np.stack([rng.permutation(c.ids) for c in canaries for _ in range(4)])
    easy = np.argsort(recital(model, fresh_orders, PARAMS).bits.reshape(90, 4).mean(axis=1))[:18]
    assert (p <= 0.1).sum() <= 17  # binomial, 90 tries of a tenth: beyond in 1 of 200
    assert (p[easy] <= 0.1).sum() <= 5  # 18 tries: beyond in 1 of 150; ranked among all shuffles alike it was 8


def test_markov_bits_of_independent_letters_by_hand():
    rng = np.random.default_rng(8)
    p = np.array([0.4, 0.1, 0.1, 0.4])  # its own reverse complement
    draws = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.choice(4, (400, 60), p=p)]
    ids = np.stack([encode("A" * 30 + "T" * 30), encode("ACGT" * 15)])
    expected = [-np.log2(0.4), -(np.log2(0.4) + np.log2(0.1)) / 2]
    assert markov_bits(draws, ids, 0) == pytest.approx(expected, rel=0.02)
