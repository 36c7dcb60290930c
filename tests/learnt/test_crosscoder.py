import numpy as np
import pytest

from photo51.config.learnt import CrosscoderParams
from photo51.learnt.diff.crosscoder import crosscoder, joint_features
from photo51.learnt.diff.windows import Windows
from photo51.model.families.adapters import load_model
from photo51.types import InputError

PARAMS = CrosscoderParams(features=20, k=3, tokens=250_000, seed=1)


def planted(rng, n=3_000, d=20, only_b=(0, 1)):
    """Twelve sparse causes seen by both models in other directions, but for two that A does not see."""
    codes = rng.exponential(1.0, (n, 12)) * (rng.random((n, 12)) < 0.2) + 0.0
    directions = [np.linalg.qr(rng.normal(size=(d, d)))[0][:12] for _ in range(2)]
    directions[0][list(only_b)] = 0
    return [(codes @ w + rng.normal(0, 0.01, (n, d))).astype(np.float32) for w in directions]


def test_features_of_one_model_are_the_planted_ones():
    rng = np.random.default_rng(3)
    (a, b) = planted(rng)
    table = crosscoder(a, b, PARAMS)
    own = table[(table["relative_norm"] > 0.9) & (table["kind"] != "silent")]
    assert own["kind"].tolist() == ["B", "B"]
    assert not (table["kind"] == "A").any()
    strong = table[(table["kind"] == "shared") & (table["rate"] > 0.1)]
    assert len(strong) >= 8
    assert strong["relative_norm"].between(0.3, 0.7).mean() > 0.9
    assert table["fvu_b"].iloc[0] < 0.1
    # which model is called A changes nothing but the letters
    swapped = crosscoder(b, a, PARAMS)
    assert (swapped["kind"] == "A").any()
    assert not (swapped["kind"] == "B").any()


def test_a_model_and_itself_share_every_feature():
    rng = np.random.default_rng(4)
    _, b = planted(rng)
    table = crosscoder(b, b.copy(), PARAMS.model_copy(update={"tokens": 100_000}))
    live = table[table["kind"] != "silent"]
    assert set(live["kind"]) == {"shared"}
    assert live["relative_norm"].between(0.3, 0.7).all()


def test_widths_may_differ_and_sites_are_named():
    nano, base = load_model("sh2:nano"), load_model("sh2:base")
    ids = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(5).integers(0, 4, (3, 96))]
    small = CrosscoderParams(features=16, k=2, tokens=2_000, warmup=16)
    table = joint_features(nano, base, Windows(None, ids, ids), ("block.2.out", "block.3.out"), small, 2)
    assert len(table) == 16
    assert table["nu_error"].isna().all()
    assert not table["kind"].isin(["A", "B"]).any(), "nothing tells a lone feature from one that is split elsewhere"
    with pytest.raises(InputError, match=r"need a site of sh2:nano for the joint dictionary, got 'block.99.out'"):
        joint_features(nano, base, Windows(None, ids, ids), ("block.99.out", "block.3.out"), small, 2)
