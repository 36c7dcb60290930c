import numpy as np
import pytest

from photo51.report.places import Gene, Window
from photo51.report.reading import Stretch, levels_of, painted, picture, stretch_around


def test_levels_run_from_silent_to_nine():
    values = np.array([np.nan, 0.0, 0.01, 1.0, 1.01, 4.5, 9.0])
    assert levels_of(values, 9.0).tolist() == [0, 0, 1, 1, 2, 5, 9]


def test_bases_of_one_level_share_a_tag_and_the_strongest_is_marked():
    w = Window(
        "g",
        "c",
        10,
        18,
        "+",
        14,
        9.0,
        "ACGTACGT",
        np.array([0, 0, 1, 1, 9, 1, 0, np.nan], dtype=np.float32),
        4,
        "",
    )
    assert painted(w, 9.0) == (
        '<span class="seq">AC<span class="a1">GT</span><span class="a9 p">A</span><span class="a1">C</span>GT</span>'
    )


def test_text_is_the_sequence_whatever_the_colours():
    rng = np.random.default_rng(1)
    for _ in range(20):
        text = "".join(rng.choice(list("ACGTN"), 41))
        levels = np.where(rng.random(41) < 0.5, 0, rng.random(41) * 9).astype(np.float32)
        peak = int(levels.argmax())
        shown = painted(Window("g", "c", 0, 41, "-", 3, 9.0, text, levels, peak, ""), 9.0)
        assert shown.striptags() == text
        assert shown.count(' p"') + shown.count('"p"') == 1


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_window_reads_the_bases_its_activations_belong_to(bare, places, strand):
    """Feature 0 is laid on the A of ATG of sense genes: in reading direction the strongest base is followed by TG."""
    column = places.columns([0])[0]
    rows = column[strand].rows[np.argsort(-column[strand].values)[:5]]
    for row in rows:
        w = places.window(column[strand], strand, int(row), 12)
        assert w.sequence[w.peak : w.peak + 3] == "ATG"
        assert w.levels[w.peak] == w.activation == np.nanmax(w.levels)
        assert w.sequence[w.peak - 12 : w.peak] == "AGGAGGTTATAC"


def test_windows_wrap_round_a_circle_and_stop_at_the_end_of_a_rod(places):
    table = places.workspace.table
    ring = table[table["genome"] == "ring"].iloc[0]
    column = places.columns([0])[0]["+"]
    w = places.window(column, "+", int(ring["offset"]), 100)
    assert (w.start, w.end) == (int(ring["start"]) - 100, int(ring["start"]) + 101)
    assert len(w.sequence) == 201
    expected = places.genomes.sequence("ring", "chromosome", w.start, w.end).tobytes().decode()
    assert w.sequence == expected
    rod = table[table["chrom"] == "one"].iloc[0]
    cut = places.window(column, "+", int(rod["offset"]), 100)
    assert cut.start == 0
    assert cut.peak == int(rod["start"])
    assert np.isnan(cut.levels[: cut.peak]).all()


def test_a_stretch_shows_the_activation_that_is_there(bare, places):
    _, codes = bare
    column = places.columns([6])[0]
    row = int(column["+"].rows[np.argmax(column["+"].values)])
    w = places.window(column["+"], "+", row, 20)
    s = stretch_around(places, column, w, 400, w.activation, bars=100)
    assert s.end - s.start == 400
    assert s.levels["+"][(w.position - s.start) // 4] == 9
    for strand in "+-":
        laid = codes[strand][:, 6].toarray().ravel()
        rows = places.workspace.rows_of(w.genome, w.chrom, s.start, s.end)
        assert (s.levels[strand] > 0).sum() > 0 or sum(laid[r].sum() for r in rows) == 0


def test_the_picture_names_its_genes_and_escapes_them():
    s = Stretch(
        "g",
        "c",
        0,
        1000,
        {"+": np.array([0, 9]), "-": np.array([3, 0])},
        2.0,
        [Gene(100, 900, "-", "a<b", "CDS", "x & y")],
    )
    shown = picture(s)
    assert "a&lt;b" in shown
    assert "x &amp; y" in shown
    assert 'role="img"' in shown
    assert "a<b" not in shown
