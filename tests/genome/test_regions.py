import pytest

from photo51.genome.preparation.regions import parse_regions
from photo51.types import InputError

LENGTHS = {"c": 2000, "d:1-5": 30}


def test_all_is_every_contig():
    found = parse_regions("all", LENGTHS)
    assert {k: v.tolist() for k, v in found.items()} == {"c": [[0, 2000]], "d:1-5": [[0, 30]]}


def test_places_are_one_based_and_closed():
    assert parse_regions("c:1-3; c:1,001-2,000", LENGTHS)["c"].tolist() == [[0, 3], [1000, 2000]]


def test_a_contig_with_a_colon_in_its_name():
    assert parse_regions("d:1-5", LENGTHS)["d:1-5"].tolist() == [[0, 30]]
    assert parse_regions("d:1-5:2-4", LENGTHS)["d:1-5"].tolist() == [[1, 4]]


def test_bed_is_zero_based(write, tmp_path):
    write("r.bed", "c\t0\t10\nc\t20\t30\n")
    assert parse_regions("r.bed;c:51-60", LENGTHS, folder=tmp_path)["c"].tolist() == [
        [0, 10],
        [20, 30],
        [50, 60],
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c:0-5", "need a region within c:1-2,000, got c:0-5"),
        ("c:5-2001", "need a region within c:1-2,000, got c:5-2,001"),
        ("c:9-5", "need a region within"),
        ("e", "need all, a BED file, a contig or chrom:start-end, got 'e'"),
        ("e:1-5", "need a contig of the genome"),
        (";", "need at least one region"),
        ("none.bed", "need a file, got 'none.bed'"),
    ],
)
def test_errors_name_the_region(text, words):
    with pytest.raises(InputError) as e:
        parse_regions(text, LENGTHS, "genomes.tsv, line 2, column 'regions'")
    assert words in str(e.value)
    assert "genomes.tsv, line 2" in str(e.value)


def test_a_bed_line_outside_is_named(write, tmp_path):
    write("r.bed", "c\t0\t10\nc\t1990\t2010\n")
    with pytest.raises(InputError, match=r"r\.bed, line 2: need a region within c:1-2,000, got c:1,991-2,010"):
        parse_regions("r.bed", LENGTHS, folder=tmp_path)
