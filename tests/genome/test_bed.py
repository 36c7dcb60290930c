import pysam
import pytest

from photo51.genome.annotation.features import Part
from photo51.genome.formats.bed import read_bed
from photo51.types import InputError

TWELVE = "c\t10\t40\tx\t7.5\t-\t10\t40\t0,0,0\t2\t5,8,\t0,22,\n"


def test_three_columns_are_enough(write):
    (f,) = read_bed(write("x.bed", "track name=a\nbrowser position\n# c\nc\t0\t5\n"), "peak")
    assert (f.chrom, f.type, f.parts, f.name) == ("c", "peak", (Part(0, 5, "."),), "")
    assert f.score != f.score


def test_blocks_become_parts_in_reading_order(write):
    (f,) = read_bed(write("x.bed", TWELVE), "exons")
    assert f.parts == (Part(32, 40, "-"), Part(10, 15, "-"))
    assert (f.name, f.score) == ("x", 7.5)


def test_coordinates_are_pysams(resources):
    path = resources / "ecoli_k12" / "prophages_crispr.bed"
    parser = pysam.asBed()
    rows = [parser(line.encode(), len(line)) for line in path.read_text().splitlines()]
    expected = [(r.contig, r.start, r.end, r.name.partition(":")[0]) for r in rows]
    assert [(f.chrom, f.parts[0].start, f.parts[0].end, f.type) for f in read_bed(path, "*")] == expected


def test_the_name_column_may_hold_the_class(write):
    a, b = read_bed(write("x.bed", "c\t0\t5\tprophage:P1\nc\t6\t7\tinsulator\n"), "*")
    assert [(f.type, f.name) for f in (a, b)] == [("prophage", "P1"), ("insulator", "")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c\t1", "line 1: need 3 columns or more, got 2"),
        ("c\t5\t5", "need a contig and start < end, got 'c' 5 5"),
        ("c\t-1\t5", "start: need a whole number of at least 0, got '-1'"),
        ("c\t1\t5\tx\t0\t%", "need a strand of + - or ., got '%'"),
        ("c\t1\t5\tx\tmany", "need a score that is a number or ., got 'many'"),
        (TWELVE.replace("5,8", "5,9").strip(), "need 2 rising blocks inside 10-40"),
        (TWELVE.replace("\t2\t", "\t3\t").strip(), "need 3 rising blocks"),
        ("c\t1\t5\t.", "need a class in the name column"),
    ],
)
def test_errors_name_the_line(write, line, words):
    with pytest.raises(InputError) as e:
        read_bed(write("x.bed", line + "\n"), "*")
    assert words in str(e.value)
    assert "x.bed" in str(e.value)
