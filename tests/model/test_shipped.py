"""Checkpoints that come with photo51: small enough, of the architecture their run file says, and as good as their cards say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from photo51.config import parse
from photo51.config.pretrain import PretrainParams
from photo51.model.checkpoints.catalogue import catalogue
from photo51.model.checkpoints.folder import configuration, shipped_model, shipped_names
from photo51.model.families.adapters import load_model
from photo51.model.families.selftest import CARD
from photo51.model.stripedhyena.configuration import StripedHyenaConfig

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
WITH_CARD = [name for name in shipped_names() if (shipped_model(name) / CARD).is_file()]


@pytest.mark.parametrize(("name", "parameters"), [("base", 4_169_440), ("nano", 1_081_200)])
def test_run_files_describe_models_of_the_intended_size(name, parameters):
    """Counted by hand from the shapes: 512·D + D + five blocks of 3·D·M + 2·D and their mixers."""
    params = parse(PretrainParams, str(EXAMPLES / f"pretrain_{name}.yaml"))
    assert StripedHyenaConfig(**params.architecture).n_parameters() == parameters
    assert sum(params.mixture.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_weights_are_small_and_of_their_run_files_architecture(name):
    folder = shipped_model(name)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 20e6
    params = parse(PretrainParams, str(EXAMPLES / f"pretrain_{name}.yaml"))
    want, got = StripedHyenaConfig(**params.architecture), configuration(folder)
    for key in params.architecture:
        assert getattr(got, key) == getattr(want, key), key
    row = catalogue().set_index("name").loc[f"sh2:{name}"]
    assert row["parameters"] == want.n_parameters()
    assert row["here"]


@pytest.mark.parametrize("name", WITH_CARD)
def test_the_card_is_of_these_weights(name):
    card = json.loads((shipped_model(name) / CARD).read_text())
    model = load_model(f"sh2:{name}", device="cpu", dtype="float32")
    known = card["known_loss"]
    bits = -float(np.nanmean(model.log_probs([known["sequence"]])[0])) / math.log(2)
    assert bits == pytest.approx(known["bits"], abs=1e-4)
    assert card["parameters"] == sum(p.numel() for p in model.model.parameters())
    assert card["model"] == model.spec.hash
