"""Conformal sets keep their promise in each class, and a score reaches what it can tell apart."""

import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.cards.abstain import Conformal, conformal_table, reach_table


def test_p_of_each_class_by_hand():
    """Cases of other folds score 1, 2, 3, controls 0, 1. At 1.5: one case as low, no control as high: 2/4 and 1/3."""
    score, label = np.array([1.0, 2, 3, 0, 1, 99]), np.array([1, 1, 1, 0, 0, 1])
    found = Conformal(score, label, np.array([0, 0, 0, 0, 0, 1])).of(1.5, 1)
    assert found == pytest.approx((2 / 4, 1 / 3))
    assert found.classes(0.4) == "case"
    assert found.classes(0.3) == "both"
    assert found.classes(0.6) == "neither"


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_each_class_is_covered_however_rare_and_however_good_the_score(shift):
    rng = np.random.default_rng(int(shift))
    label = (rng.random(4000) < 0.05).astype(int)
    scores = pd.DataFrame(
        {"score": rng.normal(size=4000) + shift * label, "label": label, "fold": rng.integers(0, 5, 4000)}
    )
    table = conformal_table(scores, ["score"], 0.1).set_index("label")
    assert (table["covered"] > 0.85).all()
    assert (table["right"] <= table["decided"]).all()
    if shift == 0:
        assert (table["right"] < 0.2).all()
    if shift == 3:
        assert (table["right"] > 0.8).all()


def test_a_score_reaches_what_it_tells_apart():
    scores = pd.DataFrame(
        {
            "label": [1, 0, 1, 0, 1, 1],
            "a": [1.0, 2.0, 0.0, 0.0, 5.0, 6.0],
            "b": [np.nan, 1.0, 3.0, 2.0, 1.0, 1.0],
        }
    )
    kinds = np.array(["missense", "missense", "del", "del", "stop", "stop"])
    table = reach_table(scores, kinds, ["a", "b"]).set_index(["method", "consequence"])
    assert table["reaches"].to_dict() == {
        ("a", "del"): False, ("a", "missense"): True, ("a", "stop"): False,
        ("b", "del"): True, ("b", "missense"): False, ("b", "stop"): False,
    }  # fmt: skip
    assert table.loc[("a", "del"), "told_apart"] == 0.0
    assert np.isnan(table.loc[("a", "stop"), "told_apart"])
