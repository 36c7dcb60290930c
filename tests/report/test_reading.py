import numpy as np
import pandas as pd
import pytest

from photo51.report.elements.reading import WindowSegment, painted_bases, reading_picture, segment_around, shade_levels
from photo51.run.places import GeneIndex, GeneSpan, Reads, Window


def test_levels_run_from_silent_to_nine():
    values = np.array([np.nan, 0.0, 0.01, 1.0, 1.01, 4.5, 9.0])
    assert shade_levels(values, 9.0).tolist() == [0, 0, 1, 1, 2, 5, 9]


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
    assert painted_bases(w, 9.0) == (
        '<span class="seq">AC<span class="a1">GT</span><span class="a9 p">A</span><span class="a1">C</span>GT</span>'
    )


def test_text_is_the_sequence_whatever_the_colours():
    rng = np.random.default_rng(1)
    for _ in range(20):
        text = "".join(rng.choice(list("ACGTN"), 41))
        levels = np.where(rng.random(41) < 0.5, 0, rng.random(41) * 9).astype(np.float32)
        peak = int(levels.argmax())
        shown = painted_bases(Window("g", "c", 0, 41, "-", 3, 9.0, text, levels, peak, ""), 9.0)
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


def test_a_segment_shows_the_activation_that_is_there(bare, places):
    _, codes = bare
    column = places.columns([6])[0]
    row = int(column["+"].rows[np.argmax(column["+"].values)])
    w = places.window(column["+"], "+", row, 20)
    s = segment_around(places, column, w, 400, w.activation, bars=100)
    assert s.end - s.start == 400
    assert s.levels["+"][(w.position - s.start) // 4] == 9
    for strand in "+-":
        laid = codes[strand][:, 6].toarray().ravel()
        rows = places.workspace.rows_of(w.genome, w.chrom, s.start, s.end)
        assert (s.levels[strand] > 0).sum() > 0 or sum(laid[r].sum() for r in rows) == 0


def test_the_picture_names_its_genes_and_escapes_them():
    s = WindowSegment(
        "g",
        "c",
        0,
        1000,
        {"+": np.array([0, 9]), "-": np.array([3, 0])},
        2.0,
        [GeneSpan(100, 900, "-", "a<b", "CDS", "x & y")],
    )
    shown = reading_picture(s)
    assert "a&lt;b" in shown
    assert "x &amp; y" in shown
    assert 'role="img"' in shown
    assert "a<b" not in shown


def _index(*rows):
    columns = ["genome", "chrom", "start", "end", "strand", "name", "kind", "note", "frame"]
    return GeneIndex(pd.DataFrame([("g", "c", *r) for r in rows], columns=columns))


def test_a_locus_says_how_its_gene_is_read_and_of_overlapping_genes_takes_the_one_read_in_sense():
    # ---- a: 10–40 (+) · b: 30–70 (−) · both at 30–40
    genes = _index(
        (10, 40, "+", "a", "gene", "", -1),
        (30, 70, "-", "b", "gene", "", -1),
        (200, 240, ".", "ori", "D_loop", "", -1),
    )
    assert genes.at("g", "c", 15, "+") == "a, sense"
    assert genes.at("g", "c", 15, "-") == "a, antisense"
    assert genes.at("g", "c", 35, "+") == "a, sense"
    assert genes.at("g", "c", 35, "-") == "b, sense"
    assert genes.at("g", "c", 35, "-", Reads("antisense")) == "a, antisense"
    assert genes.at("g", "c", 5, "+") == "5 bases before a, sense"
    assert genes.at("g", "c", 5, "-") == "5 bases before a, antisense"
    assert genes.at("g", "c", 72, "+") == "3 bases before b, antisense"
    assert genes.at("g", "c", 210, "-") == "ori"
    assert genes.at("g", "c", 15) == "a"


def test_where_coding_sequences_overlap_the_frame_decides():
    # a: 0–60 (+) and b: 40–82 (+), out of frame: base 45 is the first of a codon of a (45 = 15 · 3), the third of one of b (5 = 3 + 2)
    genes = _index((0, 60, "+", "a", "CDS", "", 0), (40, 82, "+", "b", "CDS", "", 0))
    assert genes.at("g", "c", 45, "+", Reads("sense", 1)) == "a, sense"
    assert genes.at("g", "c", 45, "+", Reads("sense", 3)) == "b, sense"
    # on the other strand codons are counted from the end: 89 is the first base of c, 88 the second; d skips one base first
    genes = _index((60, 90, "-", "c", "CDS", "", 0), (60, 90, "-", "d", "CDS", "", 1))
    assert genes.at("g", "c", 88, "-", Reads("sense", 2)) == "c, sense"
    assert genes.at("g", "c", 88, "-", Reads("sense", 1)) == "d, sense"


def test_what_was_not_read_is_what_no_scored_interval_covers(places):
    table = places.workspace.table
    for genome, chrom, length in places.genomes.contigs[["genome", "chrom", "length"]].itertuples(index=False):
        inside = np.zeros(length + 20, dtype=bool)
        for s in table[(table["genome"] == genome) & (table["chrom"] == chrom)].itertuples():
            inside[s.start : s.end] = True
        unread = np.zeros(length + 20, dtype=bool)
        for a, b in places.unread(genome, chrom, 0, length + 20):
            unread[a:b] = True
        assert (unread == ~inside).all()
    assert places.unread("no", "c", 3, 9) == [(3, 9)]


def test_unread_sequence_is_shaded_and_said():
    s = WindowSegment("g", "c", 0, 1000, {"+": np.array([0, 9]), "-": np.array([3, 0])}, 2.0, [], [(500, 1000)])
    shown = reading_picture(s)
    assert '<rect x="320.0" y="2" width="320.0"' in shown
    assert "not read" in shown


def test_copies_of_a_gene_and_the_parts_of_one_over_an_origin_are_places_of_their_own():
    genes = _index(
        (100, 900, "+", "rrsA", "gene", "", -1),
        (100, 900, "+", "rrsA", "rRNA", "", -1),
        (5_000, 5_800, "-", "rrsA", "rRNA", "", -1),
        (0, 576, ".", "control", "D_loop", "", -1),
        (16_023, 16_569, ".", "control", "D_loop", "", -1),
    ).names()
    assert genes[["name", "start", "end"]].to_numpy().tolist() == [
        ["control", 0, 576],
        ["control", 16_023, 16_569],
        ["rrsA", 100, 900],
        ["rrsA", 5_000, 5_800],
    ]
