"""Markov chains against counting by hand and chains whose truth is known."""

import numpy as np
import pytest

from photo51.pretraining.markov import count_words, fit_strengths, log_probs, look_up


def ids(text):
    return np.frombuffer(text.encode(), np.uint8)


def by_hand(pieces, order):
    """Counts of (context, base) words of `order + 1` bases on both strands, by slicing strings."""
    turn = str.maketrans("ACGT", "TGCA")
    table = {}
    for piece in pieces:
        for strand in (piece, piece.translate(turn)[::-1]):
            for i in range(len(strand) - order):
                word = strand[i : i + order + 1]
                if set(word) <= set("ACGT"):
                    table[word] = table.get(word, 0) + 1
    return table


@pytest.mark.parametrize("order", [1, 3])
def test_longest_words_are_counted_on_both_strands(order):
    rng = np.random.default_rng(0)
    pieces = ["".join(rng.choice(list("ACGTN"), 60, p=[0.24] * 4 + [0.04])) for _ in range(3)]
    window = "".join(rng.choice(list("ACGT"), 30))
    seen = look_up(count_words(map(ids, pieces), order), ids(window)[None])
    want = by_hand(pieces, order)
    for i in range(order, 30):
        got = dict(zip("ACGT", seen.counts[order, i].tolist(), strict=True))
        assert got == {b: want.get(window[i - order : i] + b, 0) for b in "ACGT"}


def test_words_do_not_run_over_ambiguous_bases_and_ends():
    counts = count_words([ids("ACNGT"), ids("GA")], 1)
    assert counts.words[1].nonzero()[0].tolist() == [1, 8, 11]  # AC, GA, GT
    seen = look_up(counts, ids("ACNGT")[None])
    assert seen.known.tolist() == [0, 1, 1, 0, 1]
    assert np.isnan(log_probs(seen, np.ones(1))[1, 0]).tolist() == [False, False, True, False, False]


def test_probability_of_a_hand_worked_context():
    """CA is followed by A twice and never by else; on the other strand TTG ends no CA. Order 1 after A: worked by hand."""
    counts = count_words([ids("CAACAA")], 1)
    # forward words: CA AA AC CA AA; reverse complement TTGTTG: TT TG GT TT TG
    seen = look_up(counts, ids("AA")[None])
    assert seen.counts[1, 1].tolist() == [2, 1, 0, 0]
    # order 0 from the last bases of words: forward A A C A A, and reverse complements of those letters T T G T T
    assert seen.counts[0, 1].tolist() == [4, 1, 1, 4]
    zero = (4 + 1) / (10 + 4)
    assert np.exp(log_probs(seen, np.array([2.0]))[1, 0, 1]) == pytest.approx((2 + 2 * zero) / (3 + 2))


def test_every_order_shares_out_all_probability():
    rng = np.random.default_rng(1)
    counts = count_words([rng.choice(ids("ACGT"), 5_000)], 4)
    strengths = np.array([3.0, 0.5, 20.0, 7.0])
    context = rng.choice(ids("ACGT"), 9)
    total = sum(
        np.exp(log_probs(look_up(counts, np.append(context, base)[None]), strengths)[:, 0, -1]) for base in ids("ACGT")
    )
    assert total == pytest.approx(np.ones(5))


def symmetric_chain(rng, n):
    """A period-3 sequence with noise, then its reverse complement: a chain of order 2 knows it, one of order 0 does not."""
    letters = np.tile(ids("ACC"), n // 3)
    noisy = rng.random(len(letters)) < 0.1
    return np.where(noisy, rng.choice(ids("ACGT"), len(letters)), letters)


def test_a_chain_of_known_entropy_reaches_it_and_longer_contexts_are_ignored():
    """Next base is the period's with p = 0.925 where the context is clean; order 6 on 20,000 bases must not overfit."""
    rng = np.random.default_rng(2)
    counts = count_words([symmetric_chain(rng, 60_000)], 8)
    tuning, test = (symmetric_chain(rng, 9_000).reshape(9, -1) for _ in range(2))
    strengths = fit_strengths(look_up(counts, tuning))
    bits = -np.nanmean(log_probs(look_up(counts, test), strengths), axis=(1, 2)) / np.log(2)
    p = np.array([0.925, 0.025, 0.025, 0.025])
    floor = -(p * np.log2(p)).sum()
    assert bits[0] > 1.2
    assert floor < bits[8] < floor + 0.08
    assert bits[8] <= bits[4] + 0.005


def test_random_sequence_costs_two_bits_at_every_order():
    rng = np.random.default_rng(3)
    counts = count_words([rng.choice(ids("ACGT"), 30_000)], 10)
    tuning, test = (rng.choice(ids("ACGT"), (4, 3_000)) for _ in range(2))
    strengths = fit_strengths(look_up(counts, tuning))
    bits = -np.nanmean(log_probs(look_up(counts, test), strengths), axis=(1, 2)) / np.log(2)
    assert np.abs(bits - 2).max() < 0.01


def test_fitted_strengths_are_the_best_ones():
    rng = np.random.default_rng(4)
    counts = count_words([symmetric_chain(rng, 3_000)], 3)
    tuning = symmetric_chain(rng, 3_000)[None]
    seen = look_up(counts, tuning)
    best = fit_strengths(seen)
    at = [np.nanmean(log_probs(seen, best * [1, 1, f])[3]) for f in (0.2, 0.8, 1.0, 1.25, 5.0)]
    assert np.argmax(at) == 2
