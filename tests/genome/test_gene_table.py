from collections import Counter

import pytest

from photo51.genome.annotation.features import Part
from photo51.genome.formats.gene_table import read_gene_table
from photo51.types import InputError

HEADER = "start\tend\tstrand\tgene\tbiotype\n"


def test_the_human_mitochondrion_has_its_37_genes(resources):
    model = read_gene_table(resources / "human_mt" / "genes.tsv", ["NC_012920.1"]).model
    kinds = Counter(t.biotype for t in model.transcripts)
    assert (len(model.genes), kinds) == (37, {"protein_coding": 13, "tRNA": 22, "rRNA": 2})
    nd6 = next(t for t in model.transcripts if t.gene_name == "MT-ND6")
    assert nd6.cds == (Part(14_148, 14_673, "-", 0),)


def test_a_pseudogene_codes_for_nothing(write):
    model = read_gene_table(write("x.tsv", HEADER + "3\t8\t-\tx\tpseudogene\n"), ["c"]).model
    assert [(g.pseudo, g.parts) for g in model.genes] == [(True, (Part(2, 8, "-"),))]
    assert [(t.biotype, t.cds) for t in model.transcripts] == [("pseudogene", ())]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "start\tend\n",
            "line 1: need columns start, end, strand, gene, biotype, got none of strand, gene, biotype",
        ),
        (HEADER + "5\t3\t+\ta\ttRNA\n", "line 2: need start <= end, got 5 and 3"),
        (HEADER + "0\t3\t+\ta\ttRNA\n", "line 2, column 'start': need a whole number of at least 1, got '0'"),
        (HEADER + "1\t3\t.\ta\ttRNA\n", "column 'strand': need + or -, got '.'"),
        (HEADER + "1\t3\t+\ta\tlincs\n", "column 'biotype': need protein_coding"),
        (HEADER + "1\t3\t+\ta\n", "need 5 columns as in the header, got 4"),
        ("# only this\n", "got no lines"),
    ],
)
def test_errors_name_the_line(write, text, words):
    with pytest.raises(InputError) as e:
        read_gene_table(write("x.tsv", text), ["c"])
    assert words in str(e.value)


def test_several_contigs_need_a_column(write):
    with pytest.raises(InputError, match="need a column 'chrom' as the genome has 2 contigs"):
        read_gene_table(write("x.tsv", HEADER), ["a", "b"])
