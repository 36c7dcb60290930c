import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from typer.testing import CliRunner

from benchmarks.planted.chain import MarkovStream, chain, stationary, word_rate
from photo51.cli.app import app
from photo51.config.interventions import SamplingParams
from photo51.config.learnt import WordsParams
from photo51.genome.alphabet import decode
from photo51.interventions.opening import read_sequence
from photo51.interventions.writing.generate import generate, open_stream, read_prompt, score
from photo51.learnt.opening import read_prompts
from photo51.learnt.words.chains import markov_rate
from photo51.learnt.words.forced import set_probability, word_probability
from photo51.learnt.words.limits import effective_places, interval
from photo51.learnt.words.patterns import iupac_event, read_events
from photo51.learnt.words.rates import rollouts, survivals, words
from photo51.learnt.words.survival import absence, open_frame, survival
from photo51.model.families.adapters import load_model
from photo51.model.tokenizer import BASE_IDS
from photo51.types import InputError

PLAIN = SamplingParams(seed=3)


def opener(chance, seed=0):
    share = stationary(chance)

    def opened(numbers):
        starts = [np.random.default_rng([seed, n]).choice(len(chance), p=share) for n in numbers]
        return MarkovStream(chance, np.array(starts))

    return opened


def test_forced_words_have_the_chain_s_probabilities():
    chance = chain(2, 1)
    stream = MarkovStream(chance, np.array([0, 7]))
    p = word_probability(stream, np.array([[0, 1, 2], [3, 3, 3]]), PLAIN, batch=3)
    for row, context in enumerate((0, 7)):
        a, b = context // 4, context % 4
        by_hand = chance[4 * a + b, 0] * chance[4 * b + 0, 1] * chance[0 * 4 + 1, 2]
        assert p[row, 0] == pytest.approx(by_hand, rel=1e-6)
    assert stream.context.tolist() == [0, 7]


def test_draws_of_a_set_are_unbiased():
    chance = chain(2, 2)
    pattern = iupac_event("RNYCNW").forward[0]
    stream = MarkovStream(chance, np.array([3]))
    exact = word_probability(stream, pattern.words(), PLAIN).sum()
    weights = set_probability(stream, pattern, 4_000, PLAIN, np.random.default_rng(1), batch=512)[0]
    assert weights.mean() == pytest.approx(exact, abs=4 * weights.std() / np.sqrt(4_000))
    assert weights.std() > 0


def test_a_letter_that_is_never_drawn_makes_a_word_impossible():
    stream = MarkovStream(np.array([[0.4, 0.3, 0.2, 0.1]]), np.array([0]))
    p = word_probability(stream, np.array([[3, 0], [0, 1]]), SamplingParams(top_k=2))[0]
    assert p.tolist() == pytest.approx([0, 4 / 7 * 3 / 7])
    weights = set_probability(
        stream, iupac_event("TA").forward[0], 5, SamplingParams(top_k=2), np.random.default_rng(0)
    )
    assert (weights == 0).all()


def test_rates_of_a_chain_are_within_their_intervals():
    chance = chain(3, 4, sharpness=1.5)
    names = ["".join(w) for w in itertools.islice(itertools.product("ACGT", repeat=4), 0, 256, 13)]
    truth = np.array([1_000 * word_rate(chance, w) for w in names])
    inside = []
    for seed in range(2):
        params = WordsParams(rollouts=20, length=300, every=10, sampling=SamplingParams(seed=seed))
        table = words(opener(chance, seed), [iupac_event(w) for w in names], params).set_index(["word", "strand"])
        rows = table.loc[[(w, "+" if (w, "+") in table.index else "both") for w in names]]
        held = ((rows["low"] <= truth) & (truth <= rows["high"]))[rows["reliable"]]
        inside += list(held)
    assert len(inside) > 20
    # 95 % nominal; words of one run share their rollouts, so the count is judged loosely
    assert np.mean(inside) > 0.85


def test_an_interval_of_skewed_blocks_reaches_farther_up():
    blocks = np.array([1.0, 1.0, 2.0, 1.0, 5.0])
    mean, se, low, high = interval(blocks, 0.95)
    # by hand: s = 1.732, skewness 1.925 (unbiased), t(4) = 2.776
    assert (mean, se) == pytest.approx((2.0, 0.7746), abs=1e-4)
    skew = 1.9245 / 5**0.5
    t = (2.0 - high) / se
    assert t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6 == pytest.approx(
        -2.7764, abs=1e-3
    )  # Hall's transform is Student's limit there
    assert low == pytest.approx(2.0 / np.exp(2.7764 * 0.7746 / 2), abs=1e-3)  # the farther one is the logarithm's


def test_intervals_of_a_heavy_tail_hold_its_mean():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(1_000):
        low, high = interval(np.exp(rng.normal(size=16)), 0.95)[2:]
        inside.append(low <= np.exp(0.5) <= high)
    assert 0.90 <= np.mean(inside) <= 0.98  # Student's of the mean itself holds it in 0.86


def test_blocks_that_do_not_differ_have_no_width():
    assert interval(np.full(4, 0.25), 0.95) == (0.25, 0.0, 0.25, 0.25)
    assert interval(np.zeros(4), 0.95) == (0.0, 0.0, 0.0, 0.0)


def test_limits_are_in_proportion_however_rare_a_word_is():
    blocks = np.array([1.0, 2.0, 2.5, 7.0])
    plain = interval(blocks, 0.95)
    # squares of 1e-200 are 0 in floating point
    assert interval(blocks * 1e-200, 0.95) == pytest.approx(tuple(x * 1e-200 for x in plain), rel=1e-9, abs=0)
    assert effective_places(np.array([3.0, 1.0]) * 1e-200) == pytest.approx(16 / 10)
    assert effective_places(np.zeros(3)) == 0


def test_a_word_of_three_hundred_bases_has_a_rate_and_a_width():
    chance = np.array([[0.25, 0.25, 0.25, 0.25]])
    params = WordsParams(rollouts=3, length=20, every=10)
    row = words(opener(chance), [iupac_event("A" * 300)], params).iloc[0]
    assert row["per_kb"] == pytest.approx(1_000 * 0.25**300, rel=1e-4)
    assert row["n_eff"] == pytest.approx(6)


def test_a_word_longer_than_the_span_stays_away_for_certain():
    chance = np.array([[0.25, 0.25, 0.25, 0.25]])
    written = np.random.default_rng(3).integers(0, 4, (4, 600))
    params = WordsParams(absent=(4, 6), particles=8, runs=3)
    table = survivals(opener(chance), [iupac_event("RRRRR")], params, written).set_index("length")
    assert table.loc[4, ["probability", "poisson"]].tolist() == [1.0, 1.0]
    # two places on each of two strands, 1/32 each
    assert table.loc[6, "poisson"] == pytest.approx(np.exp(-4 / 32), rel=0.02)


def test_both_strands_add_up_and_a_palindrome_is_one_row():
    chance = chain(2, 5)
    params = WordsParams(rollouts=10, length=200, every=20)
    table = words(opener(chance), [iupac_event("GAATTC"), iupac_event("TTG")], params, model="chain", digest="d")
    assert table["strand"].tolist() == ["both", "+", "-", "both"]
    plus, minus, both = (table.iloc[i]["per_kb"] for i in (1, 2, 3))
    assert both == pytest.approx(plus + minus)
    assert table["n_words"].tolist() == [1, 1, 1, 2]


def test_a_clump_counts_each_occurrence():
    always_a = np.array([[1 - 3e-6, 1e-6, 1e-6, 1e-6]])
    params = WordsParams(rollouts=4, length=100, every=10)
    row = words(opener(always_a), [iupac_event("AAAA")], params).iloc[0]
    assert row["per_kb"] == pytest.approx(1_000, rel=1e-4)
    assert row["counted"] == 4 * 97
    assert row["counted_per_kb"] == pytest.approx(1_000)


def test_far_fewer_bases_than_counting_where_the_word_is_rare():
    chance = chain(3, 8, sharpness=2)
    word = min(
        ("".join(w) for w in itertools.product("ACGT", repeat=5)),
        key=lambda w: abs(np.log(word_rate(chance, w) / 1e-5)),
    )
    row = words(opener(chance), [iupac_event(word)], WordsParams(rollouts=20, length=500, every=10)).iloc[0]
    assert row["per_kb"] == pytest.approx(1_000 * word_rate(chance, word), rel=0.8)
    assert row["counting_bases"] > 100 * row["forward_bases"]


def test_the_markov_baseline_of_an_even_chain_by_hand():
    written = np.random.default_rng(0).integers(0, 4, (10, 20_000))
    rate = markov_rate([*iupac_event("RAC").forward], written, 2)
    assert rate == pytest.approx(2 / 64, rel=0.02)
    assert markov_rate([*iupac_event("ACG").forward], np.tile([0, 1, 2], (2, 300)), 2) == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("codons", [5, 100])
def test_open_frames_of_independent_bases(codons):
    p = np.array([0.3, 0.2, 0.2, 0.3])
    chance = p[None]
    stop = p[3] * p[0] * p[2] + p[3] * p[2] * p[0] + p[3] * p[0] * p[0]  # TAG, TGA, TAA
    outcome = survival(
        lambda n: MarkovStream(chance, np.zeros(n, dtype=int)),
        open_frame(11),
        3 * codons,
        particles=100,
        runs=10,
        sampling=PLAIN,
        rng=np.random.default_rng(1),
    )
    estimate = np.exp(outcome.log_p)
    se = estimate.std(ddof=1) / np.sqrt(10)
    assert abs(estimate.mean() - (1 - stop) ** codons) < max(4 * se, 1e-9)
    assert outcome.forward_bases == 3 * codons * 1_000


def test_stop_codons_are_those_of_the_code():
    tga = open_frame(4)
    assert not tga.completes[5 + 4 * 3 + 2, 0]  # TGA is tryptophan in code 4
    assert open_frame(11).completes[5 + 4 * 3 + 2, 0]
    with pytest.raises(InputError, match="translation tables"):
        open_frame(99)


def test_absence_by_complete_enumeration():
    chance = chain(1, 11)
    event = iupac_event("ACA")
    patterns = event.forward + event.reverse
    truth = 0.0
    for letters in itertools.product(range(4), repeat=7):
        text = "".join("ACGT"[b] for b in letters)
        if "ACA" in text or "TGT" in text:
            continue
        p, context = 1.0, 2
        for b in letters:
            p, context = p * chance[context, b], b
        truth += p
    outcome = survival(
        lambda n: MarkovStream(chance, np.full(n, 2)),
        absence(patterns),
        7,
        particles=500,
        runs=20,
        sampling=PLAIN,
        rng=np.random.default_rng(2),
    )
    estimate = np.exp(outcome.log_p)
    assert abs(estimate.mean() - truth) < 4 * estimate.std(ddof=1) / np.sqrt(20)


def test_a_population_that_dies_is_said():
    chance = np.array([[0.0 + 1e-300, 0.5, 0.0 + 1e-300, 0.5]])
    table = survivals(
        opener(chance),
        [
            iupac_event("C"),
        ],
        WordsParams(absent=(40,), particles=8, runs=3, sampling=SamplingParams(top_k=1)),
        np.ones((2, 80), dtype=int),
    )
    assert table["dead"].tolist() == [3]
    assert table["probability"].tolist() == [0.0]
    assert table["high"].isna().all(), "24 dead sequences do not show that the probability is exactly 0"
    assert table["counted"].tolist() == [0]


@pytest.fixture(scope="module")
def nano():
    return load_model("sh2:nano").model


def test_a_model_s_words_are_those_of_a_whole_forward_pass(nano):
    prompt = read_prompt("ATGGCGAAAGGTTAACCGATTACG")
    spelled = np.array([[0, 1, 2, 3, 0], [2, 2, 2, 2, 2], [3, 0, 3, 0, 0]])
    with torch.inference_mode():
        stream = open_stream(nano, np.tile(prompt, (2, 1)), np.arange(2))
        before = stream.scores.clone()
        cache = [{k: v.clone() for k, v in block.items()} for block in stream.cache.blocks]
        p = word_probability(stream, spelled, SamplingParams(), batch=4)
    assert torch.equal(stream.scores, before)
    for old, new in zip(cache, stream.cache.blocks, strict=True):
        assert all(torch.equal(old[k], new[k]) for k in old)
    whole = np.concatenate([np.tile(prompt, (3, 1)), BASE_IDS[spelled]], axis=1)
    expected = np.exp(score(nano, whole, len(prompt)).sum(axis=1, dtype=float))
    assert p[0] == pytest.approx(expected, rel=1e-4)
    assert p[1].tolist() == p[0].tolist()


def test_asking_does_not_disturb_the_writing(nano):
    prompts = np.tile(read_prompt("ATGGCGAAAGGTTAACCGATTACG"), (3, 1))
    params = WordsParams(rollouts=3, length=40, every=7, sampling=SamplingParams(seed=9))
    asked = rollouts(
        lambda numbers: open_stream(nano, prompts[: len(numbers)], numbers),
        [iupac_event("TTGACA")],
        params,
        warmup=0,
    )
    plain = generate(nano, prompts, 40, sampling=SamplingParams(seed=9))
    assert np.array_equal(BASE_IDS[asked.codes], plain.ids)


def test_poisson_limits_are_those_of_the_distribution():
    from photo51.stats.binomial import poisson_limits

    low, high = poisson_limits(7, 0.95)
    assert stats.poisson.sf(6, low) == pytest.approx(0.025)
    assert stats.poisson.cdf(7, high) == pytest.approx(0.025)
    assert poisson_limits(0, 0.95)[0] == 0


def test_a_pattern_with_too_many_states_is_refused_before_the_model_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("photo51.learnt.words.survival._MOST_STATES", 500)
    words = ["words", "no/such/model", "--words", "TTGACAN{16,18}TATAAT", "--out", str(tmp_path / "w")]
    result = CliRunner().invoke(app, [*words, "--params", '{"absent": [200]}'])
    assert isinstance(result.exception, InputError)
    assert "absence takes at most 500 states" in str(result.exception)
    assert not (tmp_path / "w").exists()


def test_a_genetic_code_that_is_none_is_refused_before_the_model_is_opened(tmp_path):
    words = ["words", "no/such/model", "--words", "GATC", "--out", str(tmp_path / "w")]
    result = CliRunner().invoke(app, [*words, "--params", '{"open_frames": [30], "code": 99}'])
    assert "translation tables with stop codons, got 99" in str(result.exception)


def test_prompts_that_are_cut_are_counted(tmp_path, caplog):
    (tmp_path / "p.fa").write_text(">a\nACGTACGTAC\n>b\nTTTTTT\n>c\nGGGGGGG\n")
    assert [decode(row) for row in read_prompts(str(tmp_path / "p.fa"), 1, 3)] == ["ACGTAC", "TTTTTT", "GGGGGG"]
    assert "2 of 3 prompts are cut to their last 6 bases" in caplog.text
    read_prompts(str(tmp_path / "p.fa"), 1, 2)
    assert "the first 2 of 3 prompts" in caplog.text


def test_what_is_written_as_a_path_and_is_none_is_said_to_be_absent():
    for ask in (
        lambda: read_events(["no/such.txt"], motif_p=1e-4),
        lambda: read_prompts("no/such.fa", 1, 3),
        lambda: read_sequence("such.fa"),
    ):
        with pytest.raises(InputError, match="there is no such file"):
            ask()


def test_survival_too_rare_for_floating_point_is_no_certainty():
    """Even random bases have neither A nor T over n bases with 2^-n; at n = 3,000 no number holds that."""
    params = WordsParams(particles=8, runs=3, absent=(300, 3_000), rollouts=3)
    law = np.full((1, 4), 0.25)

    def even(numbers):
        return MarkovStream(law, np.zeros(len(numbers), dtype=np.int64))

    written = np.random.default_rng(1).integers(0, 4, (3, 600))
    table = survivals(even, [iupac_event("A")], params, written)
    first, last = table.to_dict("records")
    assert first["probability"] == pytest.approx(0.5**300, rel=1e-6)
    assert last["probability"] == 0
    assert last["low"] == 0 < last["high"] < 1e-300
