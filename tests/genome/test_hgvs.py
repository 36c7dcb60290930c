"""HGVS text and normalised alleles: worked by hand on both strands, and published names of mitochondrial variants."""

import pytest
from gene_worlds import parts, variants, world

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.consequence import (
    change_of,
    consequences,
    genomic,
    is_mitochondrion,
    letters_of,
    normalised,
)

#          0         1         2         3         4
#          012345678901234567890123456789012345678901
LETTERS = "CCATGAAAGCGTAAGTCCCCCTTTTTTCAGTGGTTGGTAATT"
PIECES = [("exon", 0, 10), ("exon", 30, 42), ("CDS", 2, 10), ("CDS", 30, 40)]


def flipped(letters):
    return decode(reverse_complement(encode(letters)))


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (0, "C", "T", "c.-2C>T"),
        (2, "A", "G", "c.1A>G"),
        (40, "T", "A", "c.*1T>A"),
        (10, "G", "A", "c.8+1G>A"),
        (29, "G", "A", "c.9-1G>A"),
        (17, "C", "A", "c.8+8C>A"),
        (20, "C", "A", "c.9-10C>A"),
        (5, "AAA", "A", "c.5_6del"),  # two of AAA, the last two
        (5, "A", "AA", "c.6dup"),
        (7, "A", "AGGG", "c.7_8insGGG"),  # before or behind the G: behind it
        (30, "TG", "CA", "c.9_10inv"),
        (8, "GC", "TT", "c.7_8delinsTT"),
        (21, "TT", "T", "c.9-4del"),  # one of six T, the last
        (16, "C", "CAA", "c.8+7_8+8insAA"),
        (3, "TGA", "TCA", "c.3G>C"),  # a substitution written long
    ],
)
def test_names_of_a_transcript_worked_by_hand(tmp_path, strand, pos, ref, alt, expected):
    n = len(LETTERS)
    letters, pieces = LETTERS, [(*p, "+") for p in PIECES]
    if strand == "-":
        letters, pieces = flipped(letters), [(k, n - e, n - s, "-") for k, s, e in PIECES]
        pos, ref, alt = n - pos - len(ref), flipped(ref), flipped(alt)
    g = world(tmp_path, {"1": letters}, parts("t", pieces, chrom="1"))
    table = consequences(g, "g", variants(("1", pos, ref, alt)), g.annotations())
    assert table["hgvs_c"].tolist() == [f"t:{expected}"]


def test_names_of_a_contig_go_to_the_right_end_of_a_repeat(tmp_path):
    g = world(tmp_path, {"1": "GATTTCAGAG", "ring": "AACGTA"}, [], circular=("ring",))
    bases = letters_of(g, "g")

    def name(chrom, pos, ref, alt, length=0):
        return genomic(change_of(chrom, pos, ref, alt), bases, kind="g", length=length)

    assert name("1", 1, "AT", "A") == "1:g.5del"
    assert name("1", 1, "A", "ATT") == "1:g.4_5dup"
    assert name("1", 5, "C", "CAG") == "1:g.9_10dup"
    assert name("1", 0, "GAT", "GCT") == "1:g.2A>C"
    assert name("1", 1, "ATT", "AGC") == "1:g.3_4delinsGC"
    # round the origin: A is the last base and the first two, so that the last of the three is the second base
    assert name("ring", 4, "TA", "T", length=6) == "ring:g.2del"


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (4, "TC", "C", (1, "AT", "A")),  # one of three T is left-aligned
        (3, "T", "TT", (1, "A", "AT")),
        (8, "AG", "", (5, "CAG", "C")),
        (1, "ATTT", "ATGT", (3, "T", "G")),  # a substitution written long is one
        (0, "GATT", "GCCT", (1, "AT", "CC")),
        (0, "G", "", (0, "GA", "A")),  # nothing lies before the first base
    ],
)
def test_a_variant_has_one_spelling(tmp_path, pos, ref, alt, expected):
    g = world(tmp_path, {"1": "GATTTCAGAG"}, [])
    change = change_of("1", pos, ref, alt)
    assert tuple(normalised(change, letters_of(g, "g"), length=10, circular=False)) == expected


def test_a_mitochondrion_is_told_by_name_or_code():
    assert all(is_mitochondrion(name, 1) for name in ("MT", "chrM", "M", "mitochondrion", "NC_012920.1"))
    assert is_mitochondrion("scaffold_7", 2)
    assert not any(is_mitochondrion(name, 11) for name in ("NC_000913.3", "chr1", "M1", "MTX"))


def test_published_names_of_mitochondrial_variants(small, small_annotations):
    # MELAS, LHON (three), NARP: names as MITOMAP and ClinVar give them
    listed = [(3242, "A", "G"), (3459, "G", "A"), (11_777, "G", "A"), (14_483, "T", "C"), (8_992, "T", "G")]
    table = consequences(small, "mt", variants(*(("NC_012920.1", *v) for v in listed)), small_annotations)
    worst = table[table["worst"]]
    assert worst["gene"].tolist() == ["MT-TL1", "MT-ND1", "MT-ND4", "MT-ND6", "MT-ATP6"]
    assert worst["hgvs_p"].tolist() == ["", "p.Ala52Thr", "p.Arg340His", "p.Met64Val", "p.Leu156Arg"]
    assert [x.partition(":")[2] for x in worst["hgvs_c"]] == [
        "n.14A>G",
        "c.154G>A",
        "c.1019G>A",
        "c.190A>G",
        "c.467T>G",
    ]
    bases = letters_of(small, "mt")
    assert genomic(change_of("NC_012920.1", 3242, "A", "G"), bases, kind="m", length=16_569) == "NC_012920.1:m.3243A>G"
