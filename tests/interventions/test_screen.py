from __future__ import annotations

import numpy as np

from photo51.config.interventions import SamplingParams
from photo51.interventions.bundles import Bundle
from photo51.interventions.dictionary import Instrument
from photo51.interventions.edits import Order, SiteEdit
from photo51.interventions.generate import generate
from photo51.interventions.oracles import judge, oracles
from photo51.interventions.screen import screen


def test_a_screen_finds_which_feature_writes_which_base(planted, dna):
    judges = [o for o in oracles() if o.name.startswith("base_")]
    table = screen(
        Instrument(*planted),
        list(range(8)),
        dna(4, 15),
        judges,
        dose=4.0,
        length=30,
        sampling=SamplingParams(),
    )
    effect = table.pivot(index="feature", columns="oracle", values="effect")
    assert effect.idxmax().tolist() == [0, 1, 2, 3]
    assert (effect.to_numpy()[:4].diagonal() > 0.2).all()


def test_effects_are_those_of_steering_the_feature_alone(planted, dna):
    prompts, judges = dna(4, 15), oracles()[:1]
    table = screen(
        Instrument(*planted), [1, 5], prompts, judges, dose=2.0, length=25, sampling=SamplingParams(), batch=5
    )
    edit = SiteEdit(planted.dictionary, [Order("add", Bundle.single(5), 2.0)], planted.units)
    arms = [
        judge(
            generate(planted.model, prompts, 25, sampling=SamplingParams(), edits=edits).sequences(), judges
        ).mean()
        for edits in ({planted.dictionary.site: edit}, None)
    ]
    assert np.isclose(table.query("feature == 5")["effect"].iloc[0], arms[0] - arms[1])
