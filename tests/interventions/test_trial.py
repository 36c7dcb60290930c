from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import TrialParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.steering.trial import trial, written_effects
from photo51.interventions.writing.generate import generate
from photo51.interventions.writing.scorers import sequence_scorers
from photo51.types import InputError

PARAMS = TrialParams(sequences=12, length=30, random_directions=8, rungs=2, batch=50)
JUDGES = [o for o in sequence_scorers() if o.name in {"base_A", "base_C", "base_G", "base_T"}]


def test_a_trial_finds_which_feature_writes_which_base(planted, dna):
    given = pd.DataFrame({"feature": [0, 1, 2, 3], "dose": 4.0})
    table = trial(Instrument(*planted), given, dna(3, 20), JUDGES, PARAMS)
    best = table.loc[table.groupby("feature")["effect"].idxmax()]
    assert best["scorer"].tolist() == ["base_A", "base_C", "base_G", "base_T"]
    assert (best["effect"] > 0.1).all()
    assert np.allclose(table.groupby("feature")["effect"].sum(), 0, atol=1e-9)  # shares of four bases
    assert (table["null_q99"] > 0).all()


def test_written_effects_are_those_of_an_edit_that_adds_the_feature(planted, dna):
    instrument, prompts = Instrument(*planted), dna(3, 20)
    shift = 2.0 * planted.units.unit[2] * planted.dictionary.decoder[2]
    found = written_effects(instrument, torch.stack([shift, 0 * shift]), prompts, JUDGES, PARAMS)
    edit = SiteEdit(planted.dictionary, [Order("add", Bundle.single(2), 2.0)], planted.units)
    rows = np.arange(12)
    written = [
        generate(planted.model, prompts[rows % 3], 30, sampling=PARAMS.sampling, edits=edits, rows=rows).sequences()
        for edits in ({instrument.site: edit}, None)
    ]
    share = [np.mean([[s.count(b) / 30 for b in "ACGT"] for s in texts], axis=0) for texts in written]
    order = ["ACGT".index(o.name[-1]) for o in JUDGES]
    assert found[0] == pytest.approx((share[0] - share[1])[order], abs=1e-9)
    assert not found[1].any()


def test_a_trial_needs_a_candidate_that_fires(planted, dna):
    with pytest.raises(InputError, match="at least one candidate"):
        trial(Instrument(*planted), pd.DataFrame({"feature": [], "dose": []}), dna(1, 9), JUDGES, PARAMS)
    with pytest.raises(InputError, match="silent"):
        trial(Instrument(*planted), pd.DataFrame({"feature": [8], "dose": [1.0]}), dna(1, 9), JUDGES, PARAMS)
