from __future__ import annotations

import numpy as np
import pytest
import torch

from photo51.config.base import validated
from photo51.config.interventions import RuleFile, SamplingParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.writing.generate import generate
from photo51.interventions.writing.rule_set import check_rule, compile_rules
from photo51.interventions.writing.rules import RuleRun, offline_holds, rule_steps, write_with_rules
from photo51.model.tokenizer import token_ids
from photo51.types import InputError

PLAIN = SamplingParams()
LENGTH = 60


def _rules(planted, *rules: dict, length: int = LENGTH):
    file = validated(RuleFile, {"rules": [{"name": f"r{i}", **r} for i, r in enumerate(rules)]}, "rules.yaml")
    return compile_rules(file, {"guanine": Bundle.single(2)}, planted.units, length=length)


@pytest.fixture
def prompts(dna):
    return np.tile(dna(1, 20), (8, 1))


def _level(planted, prompts, sequences, feature=2):
    """Track of a feature over finished sequences, in units, by one pass over the whole."""
    full = np.array([np.concatenate([p, token_ids(s)]) for p, s in zip(prompts, sequences, strict=True)])
    x = activations(planted.model, planted.dictionary.site, torch.from_numpy(full.astype(np.int64)))
    codes = planted.dictionary.encode(x, [feature])[..., 0]
    return codes[:, prompts.shape[1] :].numpy() / planted.units.unit[feature]


def test_without_a_firing_rule_the_output_is_that_of_plain_generation_to_the_bit(planted, prompts, caplog):
    rules = _rules(planted, {"watch": "guanine", "threshold": 1e6, "do": {"steer": "f1", "strength": 9}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    plain = generate(planted.model, prompts, LENGTH, sampling=PLAIN)
    assert run.sequences == plain.sequences()
    assert run.events.empty
    assert "can hardly fire: its threshold is 1e+06 units" in caplog.text
    assert "never fired: its level reached" in caplog.text


def test_triggers_are_those_of_the_finished_track(planted, prompts):
    rules = _rules(
        planted,
        {"watch": "guanine", "threshold": 0.5, "do": {"log": True}},
        {"watch": "guanine", "threshold": 0.3, "release": 0.1, "window": 4, "first": 7, "do": {"log": True}},
    )
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    track = _level(planted, prompts, run.sequences)
    assert np.abs(run.levels[..., 0] - track).max() < 1e-4
    assert np.array_equal(run.holds[..., 0], track >= 0.5)
    expected = np.zeros_like(run.holds[..., 1])
    for i, row in enumerate(track):  # the definition, base by base
        holds = False
        for t in range(3, LENGTH):
            mean = row[t - 3 : t + 1].mean()
            holds = mean >= 0.1 if holds else (mean >= 0.3 and t >= 10)
            expected[i, t] = holds
    assert np.array_equal(run.holds[..., 1], expected)
    assert expected.any()
    assert not expected.all()
    assert np.array_equal(offline_holds(track, threshold=0.3, release=0.1, window=4, first=7), expected)
    assert len(run.events) == sum(
        int((np.diff(run.holds[..., r].astype(int), axis=1, prepend=0) == 1).sum()) for r in range(2)
    )


def test_steering_by_rule_is_an_edit_at_the_bases_where_it_holds(planted, prompts):
    """One pass over what was written, with the edit at the very bases that fired, gives the likelihood of each draw."""
    rules = _rules(planted, {"watch": "guanine", "threshold": 0.5, "do": {"steer": "f1", "strength": 6.0}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    plain = generate(planted.model, prompts, LENGTH, sampling=PLAIN)
    after = {
        name: [s[t + 1] == "C" for s, h in zip(texts, holds, strict=True) for t in range(LENGTH - 1) if h[t]]
        for name, texts, holds in (
            ("rule", run.sequences, run.holds[..., 0]),
            ("plain", plain.sequences(), _level(planted, prompts, plain.sequences()) >= 0.5),
        )
    }
    assert np.mean(after["rule"]) > np.mean(after["plain"]) + 0.2
    strength = torch.from_numpy(np.pad(6.0 * run.holds[..., 0], ((0, 0), (prompts.shape[1], 0)))).float()
    edit = SiteEdit(planted.dictionary, [Order("add", Bundle.single(1), strength)], planted.units)
    again = generate(planted.model, prompts, LENGTH, sampling=PLAIN, edits={planted.dictionary.site: edit})
    assert again.sequences() == run.sequences


def test_an_insert_follows_its_trigger_at_once_and_then_the_model_goes_on(planted, prompts):
    rules = _rules(planted, {"watch": "guanine", "threshold": 0.5, "once": True, "do": {"insert": "TTATT"}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    assert len(run.events) == run.events["sequence"].nunique() > 0
    for event in run.events.itertuples():
        rest = run.sequences[event.sequence][event.position + 1 :]
        assert rest.startswith("TTATT"[: len(rest)])
        plain = generate(planted.model, prompts[:1], LENGTH, sampling=PLAIN, rows=np.array([event.sequence]))
        assert run.sequences[event.sequence][: event.position + 1] == plain.sequences()[0][: event.position + 1]


def test_stop_ends_the_sequence_at_the_base_that_fired(planted, prompts):
    rules = _rules(planted, {"watch": "guanine", "threshold": 0.5, "do": {"stop": True}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    plain = generate(planted.model, prompts, LENGTH, sampling=PLAIN).sequences()
    for i, text in enumerate(run.sequences):
        event = run.events.query("sequence == @i")
        assert plain[i].startswith(text)
        assert len(text) == (event["position"].iloc[0] + 1 if len(event) else LENGTH)
        assert np.isnan(run.levels[i, len(text) :]).all()
    assert min(map(len, run.sequences)) < LENGTH


def test_a_switched_prompt_is_what_the_model_would_have_seen(planted, prompts):
    other = "C" * 31
    rules = _rules(planted, {"watch": "guanine", "threshold": 0.5, "once": True, "do": {"prompt": other}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    event = run.events.iloc[0]
    at = int(event["position"]) + 1
    so_far = np.concatenate([token_ids(other), token_ids(run.sequences[event["sequence"]][:at])])
    # the rest is drawn from the same stream of random numbers, of which `at` are spent
    from photo51.interventions.writing.generate import Stream, pick, uniforms

    stream = Stream(planted.model, np.array([event["sequence"]]))
    stream.read(so_far[None])
    u = uniforms(PLAIN.seed, np.array([event["sequence"]]), LENGTH)
    rest = ""
    for t in range(at, LENGTH):
        base = pick(stream.scores, u[:, t], PLAIN)
        rest += "ACGT"[int(base)]
        stream.read(stream.bases[base][:, None])
    assert run.sequences[event["sequence"]][at:] == rest


def test_temperature_holds_while_the_rule_does(planted, prompts):
    rules = _rules(planted, {"watch": "f4", "threshold": 1e-6, "do": {"temperature": 1e-4}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    assert run.holds[..., 0].all()  # feature 4 fires everywhere
    first = np.array([token_ids(s[:1]) for s in run.sequences])
    greedy = generate(
        planted.model, np.concatenate([prompts, first], axis=1), LENGTH - 1, sampling=SamplingParams(top_k=1)
    )
    assert [s[1:] for s in run.sequences] == greedy.sequences()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"watch": "f8", "threshold": 1, "do": {"log": True}}, "can never fire.*silent"),
        (
            {"watch": "f1", "threshold": 1, "first": 59, "window": 2, "do": {"log": True}},
            "can never fire: it needs base 61",
        ),
        ({"watch": "-1*f1", "threshold": 1, "do": {"log": True}}, "no feature with a weight above 0"),
        ({"watch": "f99", "threshold": 1, "do": {"log": True}}, "from 0 to 8"),
        ({"watch": "guanin", "threshold": 1, "do": {"log": True}}, "did you mean guanine"),
        ({"watch": "f1", "threshold": 1, "release": 2, "do": {"log": True}}, "release not above"),
        ({"watch": "f1", "threshold": 1, "do": {}}, "at least one of"),
        ({"watch": "f1", "threshold": 1, "do": {"insert": "ACQ"}}, "'Q' at base 3"),
        ({"watch": "f1", "treshold": 1, "do": {"log": True}}, "treshold"),
    ],
)
def test_rules_that_cannot_be_are_refused(planted, rule, said):
    with pytest.raises(InputError, match=said):
        _rules(planted, rule)


def test_the_steps_are_the_run(planted, prompts):
    rules = _rules(planted, {"watch": "guanine", "threshold": 0.5, "do": {"stop": True}})
    *steps, run = rule_steps(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    assert isinstance(run, RuleRun)
    assert ["".join(s.letters[i] for s in steps) for i in range(len(prompts))] == run.sequences
    began = [(i, s.position) for s in steps for i in np.flatnonzero(s.began[:, 0])]
    assert sorted(began) == sorted(zip(run.events["sequence"], run.events["position"], strict=True))
    assert len(steps) == max(map(len, run.sequences))


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_word_in_frame_stops_at_the_first_stop_codon_of_that_frame(planted, prompts, frame):
    """Stop codons are looked for by hand, prompt and written bases together, codon by codon."""
    rules = _rules(planted, {"word": "taa|UAG|TGA", "frame": frame, "do": {"stop": True}})
    run = write_with_rules(Instrument(*planted), prompts, rules, length=LENGTH, sampling=PLAIN)
    plain = generate(planted.model, prompts, LENGTH, sampling=PLAIN).sequences()
    start = bytes(prompts[0]).decode()
    stopped = []
    for text, free in zip(run.sequences, plain, strict=True):
        assert free.startswith(text)
        whole = start + free
        codons = [
            i
            for i in range(frame, len(whole) - 2, 3)
            if whole[i : i + 3] in {"TAA", "TAG", "TGA"} and i + 3 > len(start)
        ]
        assert len(start) + len(text) == (codons[0] + 3 if codons else len(whole))
        stopped += [len(text) - 1] if codons else []
    assert run.events["position"].tolist() == stopped


def test_a_word_and_a_feature_must_meet_at_one_base(planted, prompts):
    settings = {"watch": "guanine", "threshold": 0.3, "word": "NG", "do": {"log": True}}
    run = write_with_rules(Instrument(*planted), prompts, _rules(planted, settings), length=LENGTH, sampling=PLAIN)
    track = _level(planted, prompts, run.sequences)
    assert len(run.events)
    for row in run.events.itertuples(index=False):
        assert run.sequences[row.sequence][row.position] == "G"
        assert track[row.sequence, row.position] >= 0.3


@pytest.mark.parametrize(
    ("rule", "verdict", "said"),
    [
        ({"watch": "guanine", "threshold": 0.5}, "ready", ""),
        ({"watch": "guanine", "threshold": 1e6}, "hardly", "cannot have passed"),
        ({"watch": "f8", "threshold": 1}, "never", "silent"),
        ({"watch": "guanine", "threshold": 1, "first": LENGTH}, "never", "it needs base"),
        ({"word": "TAA", "frame": 0}, "ready", ""),
        ({"word": "A" * (LENGTH + 21)}, "never", "fits"),
        ({"word": "TAA", "frame": 0, "first": LENGTH - 1}, "never", "fits"),
        ({"word": "TAA", "frame": 2, "first": LENGTH - 1}, "ready", ""),
    ],
)
def test_what_is_said_of_a_rule_before_it_runs(planted, rule, verdict, said):
    """The last of 60 bases after a prompt of 20 has index 79: a codon that ends there begins at 77, in frame 2."""
    file = validated(RuleFile, {"rules": [{"name": "r", "do": {"log": True}, **rule}]}, "rules.yaml")
    found = check_rule(file.rules[0], {"guanine": Bundle.single(2)}, planted.units, length=LENGTH, prompt=20)
    assert found.verdict == verdict
    assert said in found.reason


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "a feature to watch, or a word"),
        ({"watch": "f1"}, "watch and threshold together"),
        ({"word": "TAA", "window": 2}, "for a window"),
        ({"watch": "f1", "threshold": 1, "frame": 1}, "a word that begins in frame 1"),
        ({"word": "TXA"}, "IUPAC"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(planted, rule, said):
    with pytest.raises(InputError, match=said):
        _rules(planted, {"do": {"log": True}, **rule})
