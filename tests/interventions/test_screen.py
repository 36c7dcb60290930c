from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import SamplingParams, ScreenParams
from photo51.interventions.edits.arms import random_directions
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import EditGate, Order, SiteEdit
from photo51.interventions.steering.screen import RandomPushes, Scene, measures, proposals, screen
from photo51.interventions.writing.generate import generate
from photo51.model.sites import Sites
from photo51.types import InputError


def test_measures_by_hand():
    windows = np.frombuffer(b"CTGAT", dtype=np.uint8)[None]
    found = measures(windows, codons={"TGA": 2.0, "CTC": -1.0})
    # after CT, TG, GA, AT
    assert found["stop_codons"][0].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found["start_codons"][0].tolist() == [[0] * 4, [0] * 4, [0] * 4, [0, 0, 1, 0]]
    assert found["homopolymer"][0].argmax(1).tolist() == [3, 2, 0, 3]
    assert found["gc"][0, 0].tolist() == [0, 1, 1, 0]
    assert found["codon_usage"][0].tolist() == [[0, -1, 0, 0], [2, 0, 0, 0], [0] * 4, [0] * 4]


PARAMS = ScreenParams(context=10, budget=0.02, random_directions=12)


def test_a_screen_finds_which_feature_writes_which_base(planted, dna):
    table = screen(Instrument(*planted), list(range(8)), dna(4, 40), PARAMS)
    effect = table.pivot(index="feature", columns="scorer", values="effect")
    bases = effect[[f"base_{b}" for b in "ACGT"]].to_numpy()
    assert bases[:4].argmax(1).tolist() == [0, 1, 2, 3]
    assert np.allclose(bases.sum(1), 0, atol=1e-9)
    assert np.allclose(effect["gc"], effect["base_C"] + effect["base_G"])


def test_effects_and_cost_are_those_of_an_edit_of_the_whole_model(planted, dna):
    begun = dna(64, 10)  # and gone on with by the model, for which every push is then a loss
    windows = np.concatenate([begun, generate(planted.model, begun, 60, sampling=SamplingParams()).ids], axis=1)
    table = screen(Instrument(*planted), [1, 5], windows, PARAMS).query("feature == 1").set_index("scorer")
    dose = float(table["dose"].iloc[0])
    order = Order("add", Bundle.single(1), dose, EditGate(intervals=((10, 70),)))
    edit = SiteEdit(planted.dictionary, [order], planted.units)
    ids = torch.from_numpy(windows.astype(np.int64))
    bases = torch.tensor([65, 67, 71, 84])
    p = {}
    with torch.no_grad():
        for name, sites in (("plain", None), ("edited", Sites(edit={planted.dictionary.site: edit}))):
            logits = planted.model.logits(planted.model.hidden(ids, sites=sites))[:, 10:, bases]
            p[name] = torch.softmax(logits.double(), -1)
    change = (p["edited"] - p["plain"]).mean((0, 1))
    assert [table.loc[f"base_{b}", "effect"] for b in "ACGT"] == pytest.approx(change.tolist(), abs=1e-5)
    after = torch.from_numpy(windows[:, 11:, None] == bases.numpy())
    nll = {name: -(q[:, :-1].log() * after).sum(-1).mean() for name, q in p.items()}
    cost = float(nll["edited"] / nll["plain"] - 1)
    assert 0.4 < cost / PARAMS.budget < 2.5  # about the budget


def test_random_directions_do_more_the_longer_they_are_and_are_counted_at_each_length(planted, dna):
    windows = dna(4, 40)
    scene = Scene.read(Instrument(*planted), windows, 10)
    gc = measures(windows[:, 9:])["gc"][None]
    found = RandomPushes.read(scene, gc, PARAMS)
    assert (np.diff(found.q99[:, 0]) > 0).all()
    drawn = random_directions(
        "covariance",
        12,
        dictionary=planted.dictionary,
        residual=scene.x.flatten(0, 1),
        avoid=(),
        rng=np.random.default_rng([PARAMS.seed, 9]),
    )
    one_by_one = [abs(scene.push(found.ladder[-1] * d[None], gc, 128)[0].item()) for d in drawn]
    assert found.q99[-1, 0] == pytest.approx(np.quantile(one_by_one, 0.99), rel=1e-5)


def test_lengths_between_the_rungs_are_read_off_lines():
    found = RandomPushes(np.array([1.0, 4.0]), np.array([[0.1], [0.4]]), np.array([0.01, 0.09]))
    assert found.effect(np.array([1.0, 2.0, 4.0]))[:, 0] == pytest.approx([0.1, 0.2, 0.4])
    assert found.longest(0.05) == pytest.approx(2.0)  # half way up in cost is half way in the logarithm
    assert found.longest(1.0) == pytest.approx(4.0)


def test_pairs_are_proposed_by_merit_each_feature_once():
    table = pd.DataFrame(
        {
            "feature": [1, 2, 3, 1, 2, 3],
            "scorer": ["a"] * 3 + ["b"] * 3,
            "dose": [1.0, 2.0, 3.0] * 2,
            "effect": [0.9, 0.5, 0.1, 0.9, 0.4, -0.3],
            "null_q99": 1.0,
            "merit": [3.0, 2.0, 0.5, 4.0, 1.0, 0.7],
        }
    )
    found = proposals(table, each=1)
    assert found[["feature", "scorer", "dose"]].to_numpy().tolist() == [[1, "b", 1.0], [2, "a", 2.0]]
    assert proposals(table, each=2)["feature"].tolist() == [1, 2, 3]
    assert proposals(table, each=2)["scorer"].tolist() == ["b", "a", "b"]
    assert len(proposals(table, each=2, max_proposals=1)) == 1


def test_windows_must_be_longer_than_the_context(planted, dna):
    with pytest.raises(InputError, match="at least 13 bases"):
        screen(Instrument(*planted), [1], dna(2, 10), PARAMS)
