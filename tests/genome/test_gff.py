"""GFF3 and GTF: coordinates worked by hand, pysam's parser beside ours on the *E. coli* file."""

import gzip

import pysam
import pytest

from photo51.genome.annotation.features import Part
from photo51.genome.formats.gff import read_gff, read_lines
from photo51.types import InputError

GFF3 = """##gff-version 3
c\tx\tgene\t11\t40\t.\t-\t.\tID=g1;Name=abc;Note=a%2Cb%3B c
c\tx\tCDS\t11\t20\t.\t-\t0\tID=cds1;Parent=g1
c\tx\tCDS\t31\t40\t5.5\t-\t.\tID=cds1;Parent=g1
##FASTA
>c
ACGT
"""


def test_gff3_becomes_half_open_and_parts_are_in_reading_order(write):
    model = read_gff(write("x.gff3", GFF3)).model
    (gene,), (t,) = model.genes, model.transcripts
    assert gene.parts == (Part(10, 40, "-"),)
    assert (gene.name, gene.attributes["Note"]) == ("abc", "a,b; c")
    # the first line read on strand - is the one of the highest coordinates; the second states its own phase
    assert t.cds == (Part(30, 40, "-"), Part(10, 20, "-", 0))
    assert (t.gene, t.gene_name) == (gene.id, "abc")


def test_ecoli_is_what_pysam_reads(resources):
    path = resources / "ecoli_k12" / "NC_000913.3.gff3.gz"
    with gzip.open(path, "rt") as text:
        lines = [line for line in text if not line.startswith("#")]
    parser = pysam.asGFF3()
    expected = sorted(
        (r.feature, r.start, r.end, r.strand)
        for r in (parser(line.rstrip("\n").encode(), len(line.rstrip("\n").encode())) for line in lines)
    )
    assert len(expected) == 10_121
    assert sorted((f.type, *f.parts[0][:3]) for f, _ in read_lines(path)) == expected


def test_gtf_takes_the_stop_codon_into_its_cds(write):
    a = 'gene_id "g"; transcript_id "t"; gene_name "abc";'
    rows = [
        ("exon", 1, 30, "+", "."), ("CDS", 4, 12, "+", "0"), ("exon", 51, 80, "+", "."),
        ("CDS", 51, 60, "+", "0"), ("stop_codon", 61, 63, "+", "0"), ("start_codon", 4, 6, "+", "0"),
    ]  # fmt: skip
    text = "".join(f"c\tx\t{k}\t{s}\t{e}\t.\t{d}\t{p}\t{a}\n" for k, s, e, d, p in rows)
    (t,) = read_gff(write("x.gtf", text)).model.transcripts
    assert t.cds == (Part(3, 12, "+", 0), Part(50, 63, "+", 0))
    assert t.exons == (Part(0, 30, "+"), Part(50, 80, "+"))
    assert t.gene_name == "abc"


def test_gtf_stop_codon_across_an_exon_boundary_on_minus(write):
    a = 'gene_id "g"; transcript_id "t";'
    rows = [("CDS", 52, 60, "-", "0"), ("stop_codon", 51, 51, "-", "0"), ("stop_codon", 29, 30, "-", "2")]
    text = "".join(f"c\tx\t{k}\t{s}\t{e}\t.\t{d}\t{p}\t{a}\n" for k, s, e, d, p in rows)
    (t,) = read_gff(write("x.gtf", text)).model.transcripts
    assert t.cds == (Part(50, 60, "-", 0), Part(28, 30, "-", 2))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c\tx\tgene\t1\t10\t.\t+\t.", "line 2: need 9 columns parted by tabs, got 8"),
        ("c\tx\tgene\t0\t10\t.\t+\t.\tID=a", "line 2, start: need a whole number of at least 1, got '0'"),
        ("c\tx\tgene\t1\tten\t.\t+\t.\tID=a", "end: need a whole number of at least 1, got 'ten'"),
        ("c\tx\tgene\t1\t10\t.\t*\t.\tID=a", "need a strand of + - . or ?, got '*'"),
        ("c\tx\tCDS\t1\t10\t.\t+\t3\tID=a", "need a phase of 0, 1, 2 or ., got '3'"),
        ("c\tx\tgene\t1\t10\thigh\t+\t.\tID=a", "need a score that is a number or ., got 'high'"),
        ("c\tx\tgene\t1\t10\t.\t+\t.\tabc def ghi", "need attributes key=value parted by ; (GFF3) or key"),
    ],
)
def test_gff3_errors_name_the_line(write, line, words):
    with pytest.raises(InputError) as e:
        read_gff(write("x.gff3", f"##gff-version 3\n{line}\n"))
    assert words in str(e.value)
    assert "x.gff3" in str(e.value)


def test_gtf_errors_name_the_line(write):
    with pytest.raises(InputError, match="line 1: need attributes key=value parted by ;"):
        read_gff(write("x.gtf", 'c\tx\tgene\t1\t10\t.\t+\t.\tgene_id "a\n'))
