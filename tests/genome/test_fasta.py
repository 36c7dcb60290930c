"""FASTA: Biopython's records beside ours, and one sentence for everything that can be wrong."""

import gzip

import pysam
import pytest
from Bio import SeqIO

from photo51.genome.alphabet import decode
from photo51.genome.formats.fasta import read_fasta
from photo51.types import InputError

PLAIN = ">one first record\nACGTacgtNNry\nAC\n>two\nuUg\n"


def test_case_is_kept_as_intervals_and_letters_in_place(write):
    one, two = read_fasta(write("x.fa", PLAIN))
    assert (one.name, one.description, decode(one.ids)) == ("one", "first record", "ACGTACGTNNRYAC")
    assert one.soft_masked.tolist() == [[4, 8], [10, 12]]
    assert (decode(two.ids), two.soft_masked.tolist()) == ("TTG", [[0, 1], [2, 3]])


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_do_not_matter(write, ends):
    unix, other = read_fasta(write("a.fa", PLAIN)), read_fasta(write("b.fa", PLAIN.replace("\n", ends)))
    assert [(r.name, decode(r.ids)) for r in unix] == [(r.name, decode(r.ids)) for r in other]


def test_compression_is_told_by_content(write, tmp_path):
    path = write("x.fa", PLAIN)
    pysam.tabix_compress(str(path), str(tmp_path / "bgzipped.fa"), force=True)
    zipped = write("gzipped.fa", gzip.compress(PLAIN.encode()))
    for other in (tmp_path / "bgzipped.fa", zipped):
        assert [decode(r.ids) for r in read_fasta(other)] == [decode(r.ids) for r in read_fasta(path)]


def test_sixteen_s_panel_is_biopythons(resources):
    path = resources / "tree16s" / "16S_gold_panel.fa.gz"
    with gzip.open(path, "rt") as text:
        expected = {r.id: str(r.seq).upper().replace("U", "T") for r in SeqIO.parse(text, "fasta")}
    assert {r.name: decode(r.ids) for r in read_fasta(path)} == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (">a\nACGT\n>a\nAC\n", "x.fa: need record names that differ, got 'a' twice"),
        (">a\nACGT\n>b\n\n>c\nA\n", "record 'b': need bases, got an empty sequence"),
        (">a\nACGT\nACXT\n", "line 3: need IUPAC nucleotides, got 'X' at column 3"),
        (">a\nAC-T\n", "line 2: need IUPAC nucleotides, got '-' at column 3"),
        ("ACGT\n>a\nA\n", "line 1: need a header that starts with '>'"),
        ("> a\nACGT\n", "line 1: need a name of printable ASCII right after '>'"),
        (">\nACGT\n", "line 1: need a name"),
        ("\n\n", "need FASTA records, got none"),
        ("", "got an empty file"),
        (b">a\nAC\xff\n", "need UTF-8 text, got byte 0xff"),
    ],
)
def test_what_is_wrong_is_named(write, content, words):
    with pytest.raises(InputError) as e:
        list(read_fasta(write("x.fa", content)))
    assert words in str(e.value)
    assert "x.fa" in str(e.value)


def test_a_cut_off_gzip_is_an_error(write):
    whole = gzip.compress((">a\n" + "ACGT" * 5000 + "\n").encode(), mtime=0)
    with pytest.raises(InputError, match="cut off"):
        list(read_fasta(write("x.fa.gz", whole[: len(whole) // 2])))
    with pytest.raises(InputError, match="broken one"):
        list(read_fasta(write("y.fa.gz", whole[:20] + b"\xff" * 20 + whole[40:])))


def test_a_bgzip_cut_off_between_blocks_is_an_error(write, tmp_path):
    pysam.tabix_compress(str(write("x.fa", PLAIN)), str(tmp_path / "x.fa.gz"), force=True)
    whole = (tmp_path / "x.fa.gz").read_bytes()
    assert gzip.decompress(whole[:-28]) == PLAIN.encode()
    with pytest.raises(InputError, match="without its end marker"):
        list(read_fasta(write("y.fa.gz", whole[:-28])))


def test_absent_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="got no such file"):
        list(read_fasta(tmp_path / "none.fa"))
    with pytest.raises(InputError, match="got a folder"):
        list(read_fasta(tmp_path))
