"""Coordinates with a known meaning, and with none."""

import numpy as np
import pandas as pd
import pytest

from photo51.findings.shapes import beyond_activations
from photo51.geometry.meaning.biology import Quantity
from photo51.geometry.meaning.correlates import (
    BINS,
    Baselines,
    Placing,
    Words,
    _followed,
    associate,
    best_baseline,
    meaning_table,
    spread_columns,
)
from photo51.stats.resampling import random_shifts

N, BLOCKS = 8000, 8
BOUNDS = np.linspace(0, N, BLOCKS + 1).astype(np.int64)


def _smooth(rng, n=2 * N, width=40):
    return np.convolve(rng.standard_normal(n + width), np.ones(width) / np.sqrt(width), "valid")[:n]


@pytest.fixture(scope="module")
def axis():
    rng = np.random.default_rng(1)
    values = _smooth(rng).reshape(2, N).astype(np.float32)
    return rng, Quantity("wave", "linear", values, "")


def _placing(rng, coordinate_of, n=1500):
    flat = np.sort(rng.choice(2 * N, n, replace=False))
    row, strand = flat % N, flat // N
    order = np.lexsort((row, np.searchsorted(BOUNDS, row, side="right")))
    row, strand = row[order], strand[order]
    block = np.searchsorted(BOUNDS, row, side="right") - 1
    return Placing(0, "arc", row, strand, block, coordinate_of(strand, row))


def test_a_coordinate_that_follows_a_quantity_is_found(axis):
    rng, q = axis
    placing = _placing(rng, lambda s, r: q.values[s, r] + 0.3 * rng.standard_normal(len(r)))
    shifts = random_shifts(BOUNDS, rng, 499)
    found = associate(placing, spread_columns(q), None, BOUNDS, shifts)
    assert found.p == pytest.approx(1 / 500)
    assert found.effect > 0.8
    assert found.z > 10


def test_a_coordinate_without_any_place_means_nothing():
    """Half of the tokens at 0, half at 1, by the throw of a coin; the quantity rises along the genome."""
    rng = np.random.default_rng(7)
    rising = Quantity("rising", "linear", np.tile(np.arange(N, dtype=np.float32), (2, 1)), "")
    shifts = np.zeros((99, BLOCKS), np.int64)
    for places in (lambda s, r: np.zeros(len(r)), lambda s, r: rng.integers(0, 2, len(r)).astype(float)):
        assert associate(_placing(rng, places), spread_columns(rising), None, BOUNDS, shifts).effect < 0.02


def test_smooth_noise_has_no_meaning(axis):
    rng, q = axis
    shifts = random_shifts(BOUNDS, rng, 199)
    p = []
    for i in range(40):
        other = _smooth(np.random.default_rng([2, i])).reshape(2, N)
        placing = _placing(rng, lambda s, r, other=other: other[s, r])
        p.append(associate(placing, spread_columns(q), None, BOUNDS, shifts).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.15  # 40 draws: 0.15 is beyond 99 % of Binomial(40, 0.05)
    assert 0.3 < np.mean(p) < 0.7


def test_statistic_is_the_share_of_variance_between_equal_groups():
    rng = np.random.default_rng(3)
    values = rng.standard_normal((2, N)).astype(np.float32)
    q = Quantity("v", "class", (values > 0.4).astype(np.float32), "")
    placing = _placing(rng, lambda s, r: values[s, r].astype(float))
    columns = spread_columns(q)
    null_free = associate(placing, columns, None, BOUNDS, np.zeros((99, BLOCKS), np.int64))
    value = columns[placing.strand, placing.row, 0].astype(float)
    groups = np.array_split(value[np.argsort(placing.coordinate, kind="stable")], BINS)
    between = sum(len(g) * (g.mean() - value.mean()) ** 2 for g in groups)
    # turned by nothing, every draw is the observed value itself: z is 0 over a spread of 0, and p is 1
    assert null_free.p == 1.0
    assert between / ((value - value.mean()) ** 2).sum() > 0.7


def test_kmers_that_say_it_all_are_no_worse_than_the_coordinate():
    rng = np.random.default_rng(4)
    kmers = rng.integers(0, 16, (2, N)).astype(np.int32)
    q = Quantity("letter", "linear", (kmers % 4).astype(np.float32), "")
    columns = spread_columns(q)
    placing = _placing(rng, lambda s, r: kmers[s, r] % 4 + 0.5 * rng.standard_normal(len(r)))
    found = associate(placing, columns, Words(columns, kmers, BOUNDS, 2), BOUNDS, random_shifts(BOUNDS, rng, 99))
    assert found.effect_kmer > 0.99
    assert found.choice_kmer > 0.99
    assert 0.5 < found.effect < 0.99


def test_table_has_a_row_for_each_coordinate_and_quantity(axis):
    rng, q = axis
    placings = [_placing(rng, lambda s, r: q.values[s, r].astype(float))._replace(cluster=c) for c in (4, 2)]
    nothing = Quantity("nowhere", "class", np.full((2, N), np.nan, np.float32), "")
    kmers = np.zeros((2, N), np.int32)
    table = meaning_table(placings, [q, nothing], kmers, BOUNDS, (99, 51, 1, 500, 0.05))
    assert table["cluster"].tolist() == [2, 2, 4, 4]
    known = table[table["quantity"] == "wave"]
    assert (known["q"] <= 0.05).all()
    assert (known["n"] == 500).all()
    assert table.loc[table["quantity"] == "nowhere", "p"].isna().all()
    assert meaning_table([], [q], kmers, BOUNDS, (99, 51, 1, 500, 0.05)).empty


def test_words_by_hand():
    """Three places of word 0 and one of word 1 in block 0, one of each in block 1; twenty tokens at the mean drawn in."""
    kmers = np.array([[0, 0, 0, 1, 0, 1], [4, 4, 4, 4, 4, 4]], np.int32)
    columns = np.array([[1, 2, 6, 3, 100, 50], [np.nan] * 6], np.float32)[..., None]
    words = Words(columns, kmers, np.array([0, 4, 6]), 1)
    row = np.array([0, 3, 4, 5])
    placing = Placing(0, "arc", row, np.zeros(4, np.int64), np.array([0, 0, 1, 1]), np.arange(4.0))
    mean = (1 + 2 + 6 + 3) / 4  # of block 0, as block 1 is hidden
    hand = [(8 + 20 * mean) / 22, mean, (9 + 20 * mean) / 23, (3 + 20 * mean) / 21]
    assert words.say(placing, np.array([1]))[:, 0] == pytest.approx(hand)


def test_words_know_no_token_that_they_are_scored_on():
    """Noise on 4,096 words, each met four times: a word that has met a token itself explains part of it."""
    rng = np.random.default_rng(8)
    kmers = rng.integers(0, 4**6, (2, N)).astype(np.int32)
    q = Quantity("noise", "linear", rng.standard_normal((2, N)).astype(np.float32), "")
    placing = _placing(rng, lambda s, r: rng.standard_normal(len(r)), n=8_000)
    # without tokens in the first block, every other block is another one
    later = placing.block > 0
    less = placing._replace(
        **{n: getattr(placing, n)[later] for n in ("row", "strand", "block", "coordinate")}, cluster=1
    )
    table = meaning_table([placing, less], [q], kmers, BOUNDS, (99, 5, 6, 8_000, 0.05))
    said = table[["effect_kmer", "choice_kmer"]].to_numpy()
    assert (np.abs(said) < 0.01).all()
    every = Words(spread_columns(q), kmers, BOUNDS, 6).say(placing, np.array([], np.int64))[:, 0]
    value = spread_columns(q)[placing.strand, placing.row, 0]
    assert abs(np.corrcoef(every, value)[0, 1]) < 0.05, "not even where nothing is hidden"


@pytest.mark.parametrize(
    ("pairs", "followed"),
    [
        # what says more than words comes first
        ({"a": (0.9, 0.95, 0.9), "b": (0.5, 0.1, 0.5)}, "b"),
        ({"a": (0.9, 0.95, 0.9), "b": (0.5, 0.6, 0.5)}, "a"),
        # to say less wrong than words is to say nothing
        ({"a": (0.9, 0.95, 0.9), "b": (-0.02, -0.4, 0.3)}, "a"),
        ({"a": (0.2, -0.4, 0.1), "b": (0.3, 0.2, 0.1)}, "b"),
        ({"a": (-0.1, -0.4, 0.5)}, None),
        # without words
        ({"a": (0.2, np.nan, 0.1), "b": (0.3, np.nan, 0.1)}, "b"),
        # what is chosen must hold where it is scored, and is not chosen by that
        ({"a": (0.5, 0.1, -0.1), "b": (0.4, 0.1, 0.4)}, None),
        ({"a": (np.nan, np.nan, 0.4), "b": (0.4, 0.1, 0.2)}, "b"),
    ],
)
def test_what_is_followed_is_chosen_by_what_is_learnt_from(pairs, followed):
    rows = [("one", 1, q, 0.01, *values) for q, values in pairs.items()] + [("two", 2, "a", 0.2, 0.9, 0.1, 0.9)]
    table = pd.DataFrame(rows, columns=["shape", "cluster", "quantity", "q", "choice", "choice_kmer", "effect"])
    got = table[_followed(table, 0.05)]
    assert got["quantity"].tolist() == ([] if followed is None else [followed])
    assert not (got["cluster"] == 2).any()


def test_few_tokens_choose_by_what_they_explain_among_themselves_less_chance():
    rng = np.random.default_rng(11)
    wave = rng.standard_normal((2, N))
    shifts = random_shifts(BOUNDS, rng, 99)
    placing = _placing(rng, lambda s, r: wave[s, r], n=100)
    found = [
        associate(placing, spread_columns(Quantity("q", "linear", v.astype(np.float32), "")), None, BOUNDS, shifts)
        for v in (wave, *rng.standard_normal((20, 2, N)))
    ]
    assert found[0].choice > 0.8
    assert abs(np.mean([f.choice for f in found[1:]])) < 0.12
    assert np.isfinite([f.effect for f in found]).all()


@pytest.mark.slow
def test_what_a_coordinate_follows_is_not_chosen_by_the_effect_that_is_reported():
    """Of forty quantities that are one wave and noise, all as close: the best of the reported effects is beyond their
    mean by chance, what is chosen is not.
    """
    above, best = [], []
    for seed in range(12):
        rng = np.random.default_rng([9, seed])
        wave = rng.standard_normal((2, N))
        placing = _placing(rng, lambda s, r, wave=wave: wave[s, r], n=600)
        noisy = [
            Quantity(f"{i:02d}", "linear", (wave + 2 * rng.standard_normal((2, N))).astype(np.float32), "")
            for i in range(40)
        ]
        table = meaning_table([placing], noisy, np.zeros((2, N), np.int32), BOUNDS, (99, seed, 1, 600, 0.05))
        assert table["followed"].sum() == 1
        above.append(table.loc[table["followed"], "effect"].item() - table["effect"].mean())
        best.append(table["effect"].max() - table["effect"].mean())
    error = np.std(above) / np.sqrt(len(above))
    assert np.min(best) > 0.03
    assert abs(np.mean(above)) < 3 * error


@pytest.mark.slow
@pytest.mark.parametrize(("n", "blocks"), [(110, 8), (600, 2)])
def test_nor_where_halves_of_halves_are_too_few(n, blocks):
    above = []
    for seed in range(12):
        rng = np.random.default_rng([12, seed])
        wave = rng.standard_normal((2, N))
        placing = _placing(rng, lambda s, r, wave=wave: wave[s, r], n=n)
        bounds = np.linspace(0, N, blocks + 1).astype(np.int64)
        placing = placing._replace(block=np.searchsorted(bounds, placing.row, side="right") - 1)
        noisy = [
            Quantity(f"{i:02d}", "linear", (wave + rng.standard_normal((2, N))).astype(np.float32), "")
            for i in range(30)
        ]
        table = meaning_table([placing], noisy, np.zeros((2, N), np.int32), bounds, (99, seed, 1, n, 0.05))
        assert table["followed"].sum() <= 1
        above += list(table.loc[table["followed"], "effect"] - table["effect"].mean())
    assert len(above) >= 10
    assert np.mean(above) < 3 * np.std(above) / np.sqrt(len(above))


def test_few_tokens_that_groups_explain_by_chance_are_not_the_best_baseline():
    """Twelve groups explain a third of 35 tokens of noise; the other rival explains a quarter in truth."""
    rng = np.random.default_rng(10)
    wave = rng.standard_normal((2, N))
    columns = spread_columns(Quantity("wave", "linear", wave.astype(np.float32), ""))
    true = _placing(rng, lambda s, r: wave[s, r] + 1.7 * rng.standard_normal(len(r)), n=4_000)
    alone = best_baseline([true], columns)
    assert alone.effect > 0.15
    assert alone.choice > 0.15
    chance = [_placing(rng, lambda s, r: rng.standard_normal(len(r)), n=70) for _ in range(40)]
    chosen = sum(best_baseline([c, true], columns) == alone for c in chance)
    assert chosen >= 32  # 12 to 18 without regard to how few tokens there are


@pytest.mark.slow
def test_groups_and_activations_that_are_exchangeable_win_as_often():
    """Coordinates of both are one wave and noise; each of twenty quantities is the wave and noise."""
    won = n = 0
    for seed in range(6):
        rng = np.random.default_rng([13, seed])
        wave = rng.standard_normal((2, N))

        def drawn(cluster, rng=rng, wave=wave):
            return _placing(rng, lambda s, r: wave[s, r] + rng.standard_normal(len(r)), n=500)._replace(cluster=cluster)

        quantities = [
            Quantity(f"{i:02d}", "linear", (wave + 2 * rng.standard_normal((2, N))).astype(np.float32), "")
            for i in range(20)
        ]
        groups, direct = [drawn(c) for c in range(8)], [drawn(c) for c in range(8)]
        table = meaning_table(
            groups, quantities, np.zeros((2, N), np.int32), BOUNDS, (99, seed, 1, 500, 0.05), Baselines(direct=direct)
        )
        (found,) = beyond_activations(table)
        won, n = won + found.value, n + found.of
    assert n == 48
    assert 14 <= won <= 34  # 99.7 % of Binomial(48, 1/2)
