"""GenBank: phiX174, whose overlapping genes and genes across the origin the record itself translates."""

import gzip

import numpy as np
import pytest
from Bio import SeqIO

from photo51.genome.alphabet import decode
from photo51.genome.annotation.features import Part
from photo51.genome.consequence import genetic_code
from photo51.genome.formats.genbank import read_genbank
from photo51.types import InputError


@pytest.fixture(scope="module")
def phix(resources):
    (flat,) = read_genbank(resources / "phage" / "NC_001422.1_phiX174.gbk.gz")
    return flat


def test_phix_is_circular_and_bacterial(phix):
    assert (phix.record.name, len(phix.record.ids)) == ("NC_001422.1", 5386)
    assert (phix.circular, phix.genetic_code) == (True, 11)
    assert phix.record.soft_masked.shape == (0, 2)
    assert sum(f.type == "CDS" for f in phix.features) == 11


def test_the_join_across_the_origin_keeps_its_order(phix):
    first = next(f for f in phix.features if f.type == "CDS")
    assert first.parts == (Part(3980, 5386, "+", 0), Part(0, 136, "+", 1))


def test_every_gene_translates_to_the_protein_of_the_record(small, resources):
    """The record's /translation is the oracle for coordinates, strands, frames and the origin at once."""
    with gzip.open(resources / "phage" / "NC_001422.1_phiX174.gbk.gz", "rt") as text:
        proteins = sorted(
            f.qualifiers["translation"][0] for f in next(SeqIO.parse(text, "genbank")).features if f.type == "CDS"
        )
    table = small.transcripts()
    own = table[(table["genome"] == "phix") & (table["kind"] == "CDS")].sort_values(["transcript", "part"])
    code = genetic_code(11)
    read = [
        "".join(decode(small.sequence("phix", *p)) for p in rows[["chrom", "start", "end", "strand"]].to_numpy())
        for _, rows in own.groupby("transcript")
    ]
    translated = ["".join(code.translate(x[i : i + 3]) for i in range(0, len(x), 3)) for x in read]
    assert sorted(p.rstrip("*") for p in translated) == proteins
    assert all(p.endswith("*") for p in translated)


RECORD = """LOCUS       X                         12 bp    DNA     {topology} BCT 01-JAN-2000
DEFINITION  x.
ACCESSION   X
VERSION     X.1
FEATURES             Location/Qualifiers
     CDS             {location}
                     /codon_start={codon_start}
ORIGIN
        1 {letters}
//
"""


def text(topology="linear  ", location="1..9", codon_start="1", letters="acgtacgtacgt"):
    return RECORD.format(topology=topology, location=location, codon_start=codon_start, letters=letters)


def test_a_complement_of_a_join_is_read_from_its_right_end(write):
    (flat,) = read_genbank(write("x.gb", text(location="complement(join(1..4,7..11))", codon_start="2")))
    # five bases, one skipped: one codon and a base; two bases of the next part complete the second
    assert flat.features[0].parts == (Part(6, 11, "-", 1), Part(0, 4, "-", 2))
    assert not flat.circular


def test_fuzzy_ends_are_partial(write):
    (flat,) = read_genbank(write("x.gb", text(location="<1..9")))
    assert flat.features[0].attributes["partial"] == "true"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nothing of the kind\n", "need GenBank records, got none"),
        (text(codon_start="4"), "need a codon_start of 1, 2 or 3, got '4'"),
        (text(letters="acgtacgtac*t"), "record 'X.1': need IUPAC nucleotides, got '*'"),
        (text() + text(), "need record names that differ, got 'X.1' twice"),
        (text().split("        1 ")[0] + "//\n", "record 'X.1': need a sequence"),
        (
            text().rsplit("gtacgt\n", 1)[0] + "\n",
            "record 'X.1': need the 12 bases that its LOCUS line states, got 6: the file was cut off",
        ),
        (text(letters="acgtacgtacgta"), "record 'X.1': need the 12 bases that its LOCUS line states, got 13"),
        (
            text() + "LOCUS  Y  12 bp DNA\n" + text().split("\n", 1)[1].replace("X", "Y"),
            "need 'LOCUS       ', with seven spaces, to begin a record, got 'LOCUS  Y  12 bp DNA'",
        ),
        (text().split("ORIGIN")[0], "record 1: need a GenBank record, got one that cannot be read"),
    ],
)
def test_what_is_wrong_is_named(write, content, words):
    with pytest.raises(InputError) as e:
        list(read_genbank(write("x.gb", content)))
    assert words in str(e.value)
    assert "x.gb" in str(e.value)


def test_a_length_that_is_not_stated_is_not_asked_for(write):
    (flat,) = read_genbank(write("x.gb", "LOCUS       X\n" + text().split("\n", 1)[1]))
    assert len(flat.record.ids) == 12


def test_the_word_locus_in_a_comment_begins_no_record(write):
    one = text().replace("FEATURES ", "COMMENT     of\nLOCUS tag 33 bp\nFEATURES ")
    found = list(read_genbank(write("x.gb", one + text().replace("X", "Y"))))
    assert [len(f.record.ids) for f in found] == [12, 12]


def test_letters_are_biopythons(phix, resources):
    with gzip.open(resources / "phage" / "NC_001422.1_phiX174.gbk.gz", "rt") as handle:
        expected = str(next(SeqIO.parse(handle, "genbank")).seq)
    assert np.array_equal(phix.record.ids, np.frombuffer(expected.encode(), dtype=np.uint8))
