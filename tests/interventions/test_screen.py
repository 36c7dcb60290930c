from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.interventions.bundles import Bundle
from photo51.interventions.dictionary import Instrument
from photo51.interventions.edits import Gate, Order, SiteEdit
from photo51.interventions.screen import measures, proposals, screen
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


def test_a_screen_finds_which_feature_writes_which_base(planted, dna):
    table = screen(Instrument(*planted), list(range(8)), dna(4, 40), dose=4.0, context=12)
    effect = table.pivot(index="feature", columns="oracle", values="effect")
    bases = effect[[f"base_{b}" for b in "ACGT"]].to_numpy()
    assert bases[:4].argmax(1).tolist() == [0, 1, 2, 3]
    assert np.allclose(bases.sum(1), 0, atol=1e-9)
    assert np.allclose(effect["gc"], effect["base_C"] + effect["base_G"])


def test_effects_are_those_of_an_edit_of_the_whole_model(planted, dna):
    windows = dna(3, 30)
    table = screen(Instrument(*planted), [1, 5], windows, dose=2.0, context=10).query("feature == 5")
    order = Order("add", Bundle.single(5), 2.0, Gate(intervals=((10, 30),)))
    edit = SiteEdit(planted.dictionary, [order], planted.units)
    ids = torch.from_numpy(windows.astype(np.int64))
    bases = torch.tensor([65, 67, 71, 84])
    p = {}
    with torch.no_grad():
        for name, sites in (("plain", None), ("edited", Sites(edit={planted.dictionary.site: edit}))):
            logits = planted.model.logits(planted.model.hidden(ids, sites=sites))[:, 10:, bases]
            p[name] = torch.softmax(logits.double(), -1)
    change = (p["edited"] - p["plain"]).mean((0, 1))
    effect = table.set_index("oracle")["effect"]
    assert effect["base_A"] == pytest.approx(float(change[0]), abs=1e-5)
    kl = (p["edited"] * (p["edited"] / p["plain"]).log2()).sum(-1).mean()
    assert table["kl"].iloc[0] == pytest.approx(float(kl), abs=1e-5)


def test_each_oracle_proposes_features_of_its_own():
    table = pd.DataFrame(
        {
            "feature": [1, 2, 3, 1, 2, 3],
            "oracle": ["a"] * 3 + ["b"] * 3,
            "effect": [0.9, 0.5, 0.1, 0.9, 0.4, -0.3],
            "z": 0.0,
            "kl": [1.0, 0.01, 1.0, 1.0, 1.0, 1.0],
        }
    )
    found = proposals(table, 1)
    assert found[["oracle", "feature"]].to_numpy().tolist() == [["a", 2], ["b", 1]]
    assert proposals(table, 1, least_kl=0.1)["feature"].tolist() == [1, 2]


def test_windows_must_be_longer_than_the_context(planted, dna):
    with pytest.raises(InputError, match="at least 12 bases"):
        screen(Instrument(*planted), [1], dna(2, 10), dose=1.0, context=10)
