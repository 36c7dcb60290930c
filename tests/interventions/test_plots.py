from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from photo51 import theme
from photo51.interventions import plots
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.writing.canvas import Canvas, Paint
from photo51.types import Interval


@pytest.fixture
def ax():
    with theme.style():
        figure, axes = plt.subplots()
        yield axes
        figure.canvas.draw()
        theme.close(figure)


def test_dose_response_draws_the_null_as_wide_as_the_table_says_and_marks_the_budget(ax):
    doses = pd.DataFrame(
        {
            "target": "t", "scorer": "gc", "unit": "share", "dose": [2.0, 1.0], "effect": [0.2, 0.1],
            "ci_low": [0.1, 0.05], "ci_high": [0.3, 0.15], "null_q99": [0.04, 0.02], "reconstruction": 0.01,
            "n": 8, "n_null": 20, "safe": [False, True],
        }
    )  # fmt: skip
    assert plots.dose_curves(ax, doses) is ax
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(0.04)
    assert band[:, 1].min() == pytest.approx(-0.04)
    assert any("NLL budget" in t.get_text() for t in ax.texts)
    assert "n = 20" in ax.get_legend_handles_labels()[1][0]


def test_letters_are_as_tall_as_contributions_and_hang_where_negative(ax):
    read = pd.DataFrame({"position": [9, 10, 11], "base": list("ACG"), "contribution": [2.0, -1.0, 0.0]})
    plots.contribution_logo(ax, read)
    boxes = [p.get_path().get_extents() for p in ax.patches]
    assert len(boxes) == 2
    assert (boxes[0].y0, boxes[0].y1) == pytest.approx((0.0, 2.0))
    assert (boxes[1].y0, boxes[1].y1) == pytest.approx((-1.0, 0.0))
    assert ax.get_xticklabels()[0].get_text() == "10"


def test_contributions_show_the_largest_features_and_then_the_error(ax):
    table = pd.DataFrame(
        {
            "feature": [4, 4, 7, -1], "concept": ["stop", "stop", "", ""], "position": [9, 10, 9, 10],
            "contribution": [0.5, -0.5, 0.3, 0.1],
        }
    )  # fmt: skip
    read = pd.DataFrame({"position": [9, 10], "base": list("AC"), "contribution": 0.0})
    plots.contributions_grid(ax, table, read, top=2)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["f4 stop", "f7", "SAE error"]
    assert np.allclose(ax.images[0].get_array(), [[0.5, -0.5], [0.3, 0.0], [0.0, 0.1]])


def test_the_mutagenesis_map_leaves_the_present_base_empty(ax):
    table = pd.DataFrame({"position": [5] * 3, "ref": "C", "alt": list("AGT"), "effect": [1.0, -2.0, 0.5]})
    plots.mutagenesis(ax, table)
    grid = np.ma.filled(ax.images[0].get_array(), np.nan).ravel()
    assert np.allclose(grid, [1.0, np.nan, -2.0, 0.5], equal_nan=True)
    assert ax.lines[0].get_ydata().tolist() == [1]


def test_a_painted_canvas_shows_a_bar_under_each_paint(ax):
    g = Bundle.single(2, "g")
    canvas = Canvas("toy", 20, (Paint(Interval("toy", 5, 10), "g", 2.0, g),))
    track = pd.DataFrame({"sequence": 0, "concept": "g", "position": range(20), "level": np.linspace(0, 1, 20)})
    plots.painted_levels(ax, track, canvas, margin=2)
    assert ax.lines[0].get_xdata().tolist() == [5, 10]
    assert ax.get_yticklabels()[0].get_text() == "g"


def test_a_rule_trace_shades_where_the_rule_held(ax):
    plots.rule_trace(ax, [0, 2, 2, 0, 3], [False, True, True, False, True], threshold=1.5, release=0.5, rule="r")
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
    assert spans == [(0.5, 2.5), (3.5, 4.5)]


def test_exchange_and_agreement_plot_every_point(ax):
    table = pd.DataFrame(
        {
            "target": "t", "motif": "GGA", "copies": [0, 1, 0, 1], "strength": [0.0, 0.0, 1.0, 1.0],
            "held_out": [False, True, False, False], "log_odds": [0.0, 1.0, 1.0, 2.0], "fitted": [0.1, 0.9, 1.0, 2.0],
        }
    )  # fmt: skip
    plots.exchange_lines(ax, table)
    drawn = [tuple(p) for line in ax.lines for p in line.get_xydata() if line.get_linestyle() == "None"]
    assert sorted(drawn) == [(0, 0), (0, 1), (1, 1), (1, 2)]
