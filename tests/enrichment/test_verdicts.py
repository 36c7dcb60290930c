import numpy as np
import pandas as pd
import pytest

from photo51.enrichment.concepts.verdicts import (
    any_novel,
    better_than,
    brought_back,
    classes_named,
    replicated,
    together,
)


def test_classes_named_counts_each_feature_once():
    best = pd.DataFrame({"feature": [3, 3, 3, 5], "f1_domain": 0.5})
    found = classes_named(best, pd.Series([True, True, True, False]))
    assert (found.holds, found.successes, found.cases) == (True, 1, 4)
    assert classes_named(best, pd.Series([True, True, True, True])).successes == 2
    assert classes_named(best, pd.Series([False] * 4)).holds is False
    assert classes_named(best.iloc[:0], pd.Series([], dtype=bool)).holds is None


def test_a_readout_is_beaten_feature_by_feature_and_ties_say_nothing():
    best = pd.DataFrame(
        {
            "feature": [1, 1, 1, 2, 3, 4, 5, 6],
            "f1_domain": [0.9, 0.9, 0.1, 0.8, 0.7, 0.6, 0.5, 0.4],
            "f1_neuron": [0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1, 0.4],
        }
    )
    won = better_than(best, "neuron")
    # feature 1 wins two classes of three, 2 to 5 win, 6 ties: five wins of five, 1/32
    assert (won.holds, won.successes, won.cases) == (True, 5, 5)
    assert won.p == pytest.approx(1 / 32)
    assert not better_than(best.iloc[3:], "neuron").holds  # four of four: 1/16
    assert better_than(best.assign(f1_neuron=np.nan), "neuron").holds is None


def test_a_name_that_falls_once_is_not_replicated():
    rows = pd.DataFrame({"feature": [1, 1, 2, 3], "survives": [True, False, True, True]})
    assert replicated(rows) == replicated(rows.iloc[[0, 1, 3, 2]])
    assert (replicated(rows).successes, replicated(rows).cases) == (2, 3)
    assert replicated(rows).holds
    assert not replicated(rows.iloc[:2]).holds
    assert replicated(rows.iloc[:0]).holds is None


def test_queue_and_hidden_classes():
    queue = pd.DataFrame({"novel": [False, True], "rank": [0, 1], "p": [np.nan, 0.01], "q": [np.nan, 0.02]})
    assert any_novel(queue).holds
    assert any_novel(queue.assign(novel=False)).holds is False
    assert any_novel(queue.assign(p=np.nan)).holds is None
    hidden = pd.DataFrame({"status": ["tested"] * 2 + ["too few"], "recovered": [True, True, False]})
    assert brought_back(hidden).holds  # 0.05 squared
    assert brought_back(hidden.assign(recovered=[True, False, False])).holds is False  # 0.0975
    assert brought_back(hidden.iloc[2:]).holds is None


def test_pairs_of_one_feature_are_one_find():
    figures = {"run_real_both": 40, "run_rotated_both": 0, "run_real_features": 4, "run_rotated_features": 0}
    assert not together(figures).holds  # four of four: 1/16
    assert together({**figures, "run_real_features": 5}).holds
    assert not together({**figures, "run_real_features": 9, "run_rotated_both": 3}).holds
    assert together({"run_real_both": 40}).holds is None
