from __future__ import annotations

import numpy as np
import pytest

from photo51.config.base import validated
from photo51.config.interventions import ExchangeParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.steering.exchange import Law, _held_out, _prompts, exchange_rate, fit_law, log_odds
from photo51.interventions.writing.generate import score
from photo51.types import InputError

PARAMS = ExchangeParams(copies=(0, 1, 2, 4), strengths=(0.0, 0.5, 1.0, 2.0), contexts=5, spacer=3)
MOTIF = np.frombuffer(b"GGA", dtype=np.uint8)


def test_a_law_is_found_again_and_turned_into_an_exchange_rate():
    truth = Law(-1.0, 0.8, 0.5, 0.25)
    copies, strength = (a.ravel() for a in np.meshgrid([0, 1, 2, 4, 8, 16], [0.0, 0.5, 1.0, 2.0]))
    noise = np.random.default_rng(0).normal(scale=1e-3, size=copies.size)
    found = fit_law(copies, strength, truth(copies, strength) + noise)
    assert found == pytest.approx(truth, abs=0.02)
    assert truth.strength_of(16) == pytest.approx(0.5 * 8 / 0.8)
    assert truth.copies_of(5.0) == pytest.approx(16)
    assert truth(np.array([0]), np.array([0.0]))[0] == -1.0


def test_copies_stand_at_the_end_and_prompts_are_of_one_length(dna):
    background = dna(5, 40)
    prompts = {n: _prompts(MOTIF, background, n, PARAMS) for n in (0, 1, 4)}
    assert {p.shape for p in prompts.values()} == {(5, 30)}
    assert np.array_equal(prompts[0], background[:, :30])
    assert (prompts[1][:, 24:27] == MOTIF).all()
    assert np.array_equal(prompts[1][:, 27:], background[:, 27:30])
    assert bytes(prompts[4][0]).count(b"GGA") >= 4
    with pytest.raises(InputError, match="5 windows of 30 bases"):
        _prompts(MOTIF, background[:, :29], 1, PARAMS)


def test_log_odds_are_those_of_a_full_pass(planted, dna):
    instrument = Instrument(*planted)
    prompts = dna(5, 20)
    target = Bundle.single(2)
    found = log_odds(instrument, target, prompts[None], MOTIF, [0.0, 3.0])[0]
    full = np.concatenate([prompts, np.tile(MOTIF, (5, 1))], axis=1)
    strength = np.full((1, 23), np.nan)
    strength[0, 19:22] = 3.0  # the states that write the motif
    import torch

    edit = SiteEdit(planted.dictionary, [Order("add", target, torch.from_numpy(strength).float())], planted.units)
    for value, edits in ((found[0], None), (found[1], {planted.dictionary.site: edit})):
        p = np.exp(score(planted.model, full, 20, edits=edits).astype(np.float64))
        assert value == pytest.approx(np.log(p / (1 - p)).mean(), abs=1e-3)
    assert found[1] > found[0]


def test_held_out_settings_leave_every_row_and_column_seen():
    held = _held_out(6, 5, PARAMS.model_copy(update={"held_out": 0.4})).reshape(6, 5)
    assert held.sum() == 12
    assert (~held).any(0).all()
    assert (~held).any(1).all()
    assert np.array_equal(held.ravel(), _held_out(6, 5, PARAMS.model_copy(update={"held_out": 0.4})))


def test_the_rate_is_fitted_on_some_settings_and_judged_on_others(planted, dna):
    found = exchange_rate(Instrument(*planted), Bundle.single(2), MOTIF, dna(6, 60), PARAMS)
    table = found.table
    assert len(table) == 16
    assert table["held_out"].sum() == 5
    assert found.law.per_strength > 0
    held = table[table["held_out"]]
    assert found.r == pytest.approx(np.corrcoef(held["log_odds"], held["fitted"])[0, 1])
    assert found.rmse == pytest.approx(np.sqrt(((held["log_odds"] - held["fitted"]) ** 2).mean()))
    assert found.r > 0.9  # steering is planted


def test_settings_without_zero_and_motifs_with_other_letters_are_refused(planted, dna):
    with pytest.raises(InputError, match="need 0 among"):
        validated(ExchangeParams, {"copies": [1, 2, 3]}, "x")
    with pytest.raises(InputError, match="'GNA'"):
        exchange_rate(Instrument(*planted), Bundle.single(2), np.frombuffer(b"GNA", np.uint8), dna(6, 60), PARAMS)
