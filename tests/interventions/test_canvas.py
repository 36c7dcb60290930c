from __future__ import annotations

import numpy as np
import pytest

from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.writing.canvas import Canvas, Paint, read_canvas
from photo51.types import InputError, Interval

G, C = Bundle.single(2, "guanine"), Bundle.single(1, "cytosine")


def _paint(start, end, bundle=G, strength=2.0, strand="+", towards=None):
    return Paint(Interval("toy", start, end, strand), bundle.name, strength, bundle, towards)


def _canvas(*paints, length=20):
    return Canvas("toy", length, paints)


def test_strengths_lie_where_they_were_painted():
    canvas = _canvas(_paint(2, 5), _paint(10, 12, C, 1.0))
    tracks = canvas.strengths(0.0)
    assert np.flatnonzero(tracks["guanine"]).tolist() == [2, 3, 4]
    assert tracks["cytosine"][10:12].tolist() == [1.0, 1.0]
    assert np.isnan(canvas.strengths()["guanine"][5])
    assert canvas.strengths(-1.0)["guanine"][5] == -1.0
    assert np.flatnonzero(canvas.painted("guanine", margin=1)).tolist() == [1, 2, 3, 4, 5]


def test_a_blend_leaves_one_concept_and_arrives_at_the_other():
    tracks = _canvas(_paint(4, 14, G, 2.0, towards=C)).strengths(0.0)
    share = tracks["cytosine"][4:14] / 2.0
    assert np.all(np.diff(share) > 0)
    assert share[0] < 0.01 < 0.99 < share[-1]
    assert np.allclose(tracks["guanine"] + tracks["cytosine"], [0.0] * 4 + [2.0] * 10 + [0.0] * 6)


@pytest.mark.parametrize(
    ("second", "conflict"),
    [
        (_paint(4, 8, G, 2.0), False),  # the same order twice
        (_paint(4, 8, G, 1.0), True),  # two strengths of one concept
        (_paint(5, 8, G, 1.0), False),  # side by side
        (_paint(4, 8, C, 1.0), False),  # two concepts
        (_paint(4, 8, Bundle("rich", (1, 2), (1.0, 1.0)), 1.0), False),  # both want more of feature 2
        (_paint(4, 8, Bundle("poor", (1, 2), (1.0, -1.0)), 1.0), True),  # one wants more, one less
    ],
)
def test_overlapping_paints_are_refused_where_their_orders_conflict(second, conflict):
    if conflict:
        with pytest.raises(InputError, match=r"conflict on toy:5-5.*feature 2"):
            _canvas(_paint(2, 5), second)
    else:
        assert len(_canvas(_paint(2, 5), second).paints) == 2


def test_erase_cuts_paint_and_leaves_what_sticks_out():
    canvas = _canvas(_paint(2, 10), _paint(4, 6, C)).erase(Interval("toy", 5, 8))
    assert [(p.concept, p.where.start, p.where.end) for p in canvas.paints] == [
        ("guanine", 2, 5),
        ("guanine", 8, 10),
        ("cytosine", 4, 5),
    ]
    only = _canvas(_paint(2, 10), _paint(4, 6, C)).erase(Interval("toy", 0, 20), "guanine")
    assert [p.concept for p in only.paints] == ["cytosine"]


def test_changes_name_the_bases_that_must_be_written_again():
    canvas = _canvas(_paint(2, 5), _paint(10, 12, C))
    assert canvas.changes(canvas.move(1, 11)) == [(10, 11), (12, 13)]
    assert canvas.changes(canvas.repaint(0, strength=3.0)) == [(2, 5)]
    assert canvas.changes(canvas.erase(Interval("toy", 3, 4))) == [(3, 4)]
    assert canvas.changes(canvas.repaint(0, bundle=C)) == [(2, 5)]
    assert canvas.changes(canvas) == []


def test_a_mirrored_canvas_mirrors_its_intervals():
    canvas = _canvas(_paint(2, 5, strand="-"))
    assert canvas.strand == "-"
    assert np.flatnonzero(canvas.mirrored().strengths(0.0)["guanine"]).tolist() == [15, 16, 17]
    with pytest.raises(InputError, match="one strand"):
        _canvas(_paint(2, 5, strand="-"), _paint(8, 9, strand="+"))


def test_a_bed_file_is_read_with_sums_and_blends(tmp_path):
    bed = tmp_path / "paint.bed"
    bed.write_text("toy\t2\t5\tguanine\t2\t+\ntoy\t8\t12\tguanine - 0.5*f3\t1.5\ntoy\t12\t18\tguanine -> f1\t1\t.\n")
    canvas = read_canvas(bed, 20, {"guanine": G}, 9)
    assert [p.strength for p in canvas.paints] == [2.0, 1.5, 1.0]
    assert dict(zip(canvas.paints[1].bundle.features, canvas.paints[1].bundle.weights, strict=True)) == {
        2: 1.0,
        3: -0.5,
    }
    assert canvas.paints[2].towards == Bundle.single(1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("toy\t2\t5", "line 1: need a concept in column 4"),
        ("toy\t2\t5\tguanine\tstrong", "line 1.*score"),
        ("toy\t2\t5\tguanin\t1", "line 1.*did you mean guanine"),
        ("toy\t2\t50\tguanine\t1", "within the 20 bases"),
        ("toy\t2\t5\tguanine\t1\ntoy\t4\t8\tguanine\t2", "conflict"),
        ("toy\t2\t5\tguanine\t1\ntow\t4\t8\tguanine\t2", "one sequence"),
        ("track name=x", "at least one interval"),
    ],
)
def test_bed_files_that_cannot_be_painted_are_refused(tmp_path, line, said):
    bed = tmp_path / "paint.bed"
    bed.write_text(line + "\n")
    with pytest.raises(InputError, match=said):
        read_canvas(bed, 20, {"guanine": G}, 9)


def test_a_bed_line_with_blocks_paints_every_block(tmp_path):
    path = tmp_path / "blocks.bed"
    path.write_text("c\t2\t18\tf1\t2\t+\t2\t18\t0\t2\t4,3,\t0,13,\n")
    strength = read_canvas(path, 20, {}, 4).strengths(0.0)["f1"]
    assert np.flatnonzero(strength).tolist() == [2, 3, 4, 5, 15, 16, 17]
