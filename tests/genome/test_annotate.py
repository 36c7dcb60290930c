"""The rule set: eukaryotic exons by hand, phiX174, *E. coli*, and the classes that rules derive."""

import numpy as np
import pytest

from photo51.config.genome import AnnotationParams
from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.rules import IGNORED, RULES, kind_of
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.fasta import read_fasta, record
from photo51.genome.formats.genbank_links import link_genbank
from photo51.genome.formats.gff import read_gff
from photo51.genome.preparation.annotate import Annotator, contig_rows
from photo51.genome.preparation.sources import Contig, settled

PARAMS = AnnotationParams()


def contig(letters, *features, circular=False, code=1):
    assembler = Assembler()
    link_genbank(list(features), assembler)
    return settled(record("c", letters), assembler.finish(), circular=circular, genetic_code=code)


def feature(kind, *parts, group="f", **attributes):
    return Feature("c", kind, tuple(Part(*p) for p in parts), group, group, attributes=attributes)


def places(rows, kind):
    return [(r.start, r.end, r.strand) for r in rows if r.kind == kind]


def letters_of(ids, row):
    bases = ids[row.start : row.end]
    return decode(reverse_complement(bases) if row.strand == "-" else bases)


INTRON = "GTAAGTCCCTTTTTTTTTTCAG"
GENE = "ATGAAACC" + INTRON + "CGGGTAA"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gene_with_an_intron(strand):
    plus = "CC" + GENE + "C"
    letters = plus if strand == "+" else decode(reverse_complement(record("c", plus).ids))
    n = len(letters)

    def turned(start, end, frame=-1):
        return (start, end, strand, frame) if strand == "+" else (n - end, n - start, strand, frame)

    exons = [turned(2, 10), turned(32, 39)]
    coding = [turned(2, 10, 0), turned(32, 39, 1)]
    rows = contig_rows(
        contig(letters, feature("gene", turned(2, 39)), feature("mRNA", *exons), feature("CDS", *coding)),
        PARAMS,
    )
    assert places(rows, "intron") == [turned(10, 32)[:3]]
    ids = record("c", letters).ids
    by_kind = {r.kind: r for r in rows}
    assert letters_of(ids, by_kind["splice_donor"]) == "GT"
    assert letters_of(ids, by_kind["splice_acceptor"]) == "AG"
    assert letters_of(ids, by_kind["start_codon"]) == "ATG"
    assert letters_of(ids, by_kind["stop_codon"]) == "TAA"
    assert len(places(rows, "exon")) == 2
    assert places(rows, "intergenic") == sorted([(*turned(0, 2)[:2], "."), (*turned(39, 40)[:2], ".")])


def test_a_start_codon_may_be_split_by_an_intron():
    rows = contig_rows(contig("C" * 60, feature("CDS", (3, 5, "+", 0), (30, 37, "+", 1))), PARAMS)
    assert places(rows, "start_codon") == [(3, 5, "+"), (30, 31, "+")]


def test_gene_ends_reach_round_the_origin():
    rows = contig_rows(contig("ACGT" * 10, feature("gene", (4, 30, "-")), circular=True), PARAMS)
    # the 3' end of a gene on - is its left end, 4: fifteen bases to either side of it
    assert sorted(places(rows, "gene_end")) == [(0, 19, "-"), (29, 40, "-")]
    assert places(rows, "gene_start") == [(15, 40, "-"), (0, 5, "-")]
    linear = contig_rows(contig("ACGT" * 10, feature("gene", (4, 30, "-"))), PARAMS)
    assert places(linear, "gene_end") == [(0, 19, "-")]


def test_incomplete_genes_have_no_codons_at_their_ends():
    whole = feature("CDS", (0, 9, "+", 0))
    partial = feature("CDS", (0, 9, "+", 0), partial="true")
    assert places(contig_rows(contig("ATGAAATAACC", whole), PARAMS), "stop_codon") == [(6, 9, "+")]
    assert places(contig_rows(contig("ATGAAATAACC", partial), PARAMS), "stop_codon") == []
    assert places(contig_rows(contig("ATGAAACCACC", whole), PARAMS), "stop_codon") == []
    # AGA is a stop in vertebrate mitochondria and an amino acid in bacteria
    assert places(contig_rows(contig("ATGAAAAGACC", whole, code=2), PARAMS), "stop_codon") == [(6, 9, "+")]
    assert places(contig_rows(contig("ATGAAAAGACC", whole, code=11), PARAMS), "stop_codon") == []


def test_homopolymers_are_named_by_what_each_strand_reads():
    rows = contig_rows(contig("CAAAAAATTTTTG"), PARAMS)
    assert places(rows, "homopolymer_A") == [(1, 7, "+")]
    assert places(rows, "homopolymer_T") == [(1, 7, "-")]


def test_soft_mask_and_gc_classes():
    annotator = Annotator("g", AnnotationParams(gc_window=10, gc_quantile=0.25))
    annotator.add(contig("at" * 5 + "GC" * 5 + "ACGTACGTAC" * 2 + "NNNNNNNNNN"))
    table = annotator.table()
    found = {k: rows[["start", "end", "score"]].to_numpy().tolist() for k, rows in table.groupby("kind")}
    assert found["gc_low"] == [[0, 10, 0.0]]
    assert found["gc_high"] == [[10, 20, 1.0]]
    assert table.loc[table["kind"] == "soft_mask", ["start", "end"]].to_numpy().tolist() == [[0, 10]]


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (feature("gene", (0, 1), pseudo="true"), "pseudogene"),
        (feature("gene", (0, 1), gene_biotype="unprocessed_pseudogene"), "pseudogene"),
        (feature("mRNA", (0, 1)), None),
        (feature("mobile_genetic_element", (0, 1)), "mobile_element"),
        (feature("sequence_feature", (0, 1), Note="cryptic prophage Rac"), "prophage"),
        (feature("sequence_feature", (0, 1), Note="gene fragment"), None),
        (feature("repeat_region", (0, 1), rpt_family="CRISPR"), "CRISPR"),
        (feature("repeat_region", (0, 1), Note="REP1"), "repeat"),
        (feature("regulatory", (0, 1), regulatory_class="ribosome_binding_site"), "rbs"),
        (feature("D-loop", (0, 1)), "D_loop"),
        (feature("my_peaks", (0, 1)), "my_peaks"),
        (feature("region", (0, 1)), None),
    ],
)
def test_types_of_records_become_classes(f, kind):
    assert kind_of(f) == kind


def test_one_interval_of_two_files_counts_once():
    gff, bed = feature("prophage", (3, 30, "+"), group="a"), feature("prophage", (3, 30, "."), group="b")
    rows = contig_rows(contig("ACGT" * 10, gff, bed), PARAMS)
    assert places(rows, "prophage") == [(3, 30, ".")]


def test_phix_between_its_genes(small_annotations):
    own = small_annotations[small_annotations["genome"] == "phix"]
    free = own.loc[own["kind"] == "intergenic", ["start", "end"]].to_numpy().tolist()
    assert free == [[964, 1000], [2284, 2394], [2922, 2930], [3917, 3980]]
    starts = own[own["kind"] == "start_codon"]
    assert sorted(starts["start"]) == [50, 132, 389, 567, 847, 1000, 2394, 2930, 3980, 4496, 5074]


def test_every_class_has_a_rule(small_annotations):
    ruled = {r.kind for r in RULES}
    letters = {f"homopolymer_{x}" for x in "ACGT"}
    from_bed = {
        "hypervariable",
        "conserved_block",
        "control_element",
        "termination_associated",
        "replication_primer",
    }
    assert set(small_annotations["kind"]) <= ruled | letters | from_bed
    assert all(r.rule and r.source for r in RULES)
    assert not IGNORED & {k.lower() for k in ruled}


@pytest.fixture(scope="module")
def ecoli(resources):
    folder = resources / "ecoli_k12"
    r = next(read_fasta(folder / "NC_000913.3.fa.gz"))
    return settled(r, read_gff(folder / "NC_000913.3.gff3.gz").model, circular=True, genetic_code=11)


@pytest.mark.slow
def test_ecoli_has_the_classes_of_its_record(ecoli):
    rows = contig_rows(ecoli, PARAMS)
    count = {
        k: sum(r.kind == k for r in rows)
        for k in ("gene", "tRNA", "rRNA", "ncRNA", "mobile_element", "prophage", "repeat", "origin")
    }
    assert count == {
        "gene": 4419,
        "tRNA": 86,
        "rRNA": 22,
        "ncRNA": 72,
        "mobile_element": 49,
        "prophage": 12,
        "repeat": 697,
        "origin": 1,
    }
    ids = ecoli.record.ids
    starts = [letters_of(ids, r) for r in rows if r.kind == "start_codon"]
    assert np.mean([s == "ATG" for s in starts]) > 0.88
    assert set(starts) <= {"ATG", "GTG", "TTG", "CTG", "ATT", "ATC", "ATA"}
    # thrA: 337..2799 on +, by the record
    assert (336, 339, "+") in places(rows, "start_codon")
    assert (2796, 2799, "+") in places(rows, "stop_codon")
    # thrABC is one predicted operon; its leader thrL ends 81 bases before it
    assert (336, 5020, "+") in places(rows, "operon_predicted")
    rbs = [letters_of(ids, r) for r in rows if r.kind == "rbs_predicted"]
    assert len(rbs) > 3000
    assert all(x in "TAAGGAGGTGA" for x in rbs)


def test_frameshifts_are_no_introns(ecoli):
    for name in ("prfB", "dnaX"):
        cds = [j for j in ecoli.judged if j.transcript.gene_name == name and len(j.transcript.cds) > 1]
        own = tuple(g for g in ecoli.genes if g.name == name)
        rows = contig_rows(Contig(ecoli.record, True, 11, [], own, tuple(cds)), AnnotationParams(predict=()))
        assert len(cds) == 1
        assert not places(rows, "intron")
        assert not places(rows, "exon")
