"""The first section of the report says how the annotation was read."""

import pandas as pd
import pytest

from photo51.report.sections.overview import reading_tables, translated

COLUMNS = ["genome", "file", "outcome", "reason", "count", "first"]
READING = pd.DataFrame(
    [
        ("g", "a.gff3", "read", "", 5000, "a.gff3"),
        ("g", "", "CDS", "coding sequences", 4379, "a.gff3, line 2"),
        ("g", "", "CDS", "translate cleanly", 4245, "a.gff3, line 2"),
        ("g", "", "CDS", "have an inner stop", 3, "/home/me/a.gff3, line 9 (abcA), codon 4"),
        ("g", "", "CDS", "are misread", 3, "a.gff3, line 9"),
        ("h", "", "CDS", "coding sequences", 21, "b.gff3, line 2"),
        ("h", "", "CDS", "translate cleanly", 20, "b.gff3, line 2"),
        ("g", "a.gff3", "left out", "introns, which follow from exons", 87, "/home/me/a.gff3, line 7"),
        ("g", "a.gff3", "noted", "1 is taken for chr1", 1, "/home/me/a.gff3, line 1"),
    ],
    columns=COLUMNS,
)


def test_a_sentence_counts_what_translates_and_what_was_left_out():
    assert translated(READING) == (
        " 4,265 of 4,400 annotated CDS translate cleanly from start to stop; 87 records of the annotation were left out."
    )
    one = pd.DataFrame([("g", "a", "left out", "x", 1, "a, line 1")], columns=COLUMNS)
    assert translated(one) == " No CDS is annotated; 1 record of the annotation was left out."
    assert translated(READING[:0]) == translated(None) == ""


def test_a_table_lists_what_was_left_out_or_unusual_without_folders_of_a_machine():
    (table,) = reading_tables(READING)
    html = str(table.html())
    assert len(table.rows) == 3
    for words in (
        "introns, which follow from exons",
        "87",
        "a.gff3, line 7",
        "1 is taken for chr1",
        "have an inner stop",
    ):
        assert words in html
    assert "/home/me" not in html
    assert "are misread" not in html
    assert "translate cleanly" not in html
    assert reading_tables(READING[:3]) == reading_tables(None) == []


@pytest.mark.parametrize("where", ["/home/me/g.gbk, record 'c', feature 2 (CDS x)", "c", ""])
def test_places_of_every_kind_are_told(where):
    rows = pd.DataFrame([("g", "a", "left out", "x", 2, where)], columns=COLUMNS)
    (table,) = reading_tables(rows)
    assert table.rows[0][-1] == where.removeprefix("/home/me/")
