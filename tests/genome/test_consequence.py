"""Consequences: hand-worked genes on both strands, Biopython's translation, and the embedded variant sets."""

import numpy as np
import pandas as pd
import pytest
from gene_worlds import parts, variants, world

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.consequence import ORDER, consequences, genetic_code, trimmed
from photo51.genome.variants.files import read_variants
from photo51.genome.variants.windows import check_reference
from photo51.types import InputError

GENE = "CCATGAAAGCTTGGTAACCAGTTTCATAAG"  # CC, then M K A W *, then an untranslated end


def flipped(letters):
    return decode(reverse_complement(encode(letters)))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Worst row of one variant on letters with transcripts; the world may be read backwards, which must change nothing."""
    folder = tmp_path_factory.mktemp("worlds")
    built = {}

    def _judged(letters, pieces, variant, strand="+", *, circular=False, every=False, **more):
        n = len(letters)
        pos, ref, alt = variant
        if strand == "-":
            pieces = [(k, n - e, n - s, {"+": "-", "-": "+"}[d]) for k, s, e, d in pieces]
            letters, pos, ref, alt = flipped(letters), (n - pos - len(ref)) % n, flipped(ref), flipped(alt)
            if len(ref) != len(alt) and pos:  # the base before, as VCF writes it
                pos, ref, alt = pos - 1, letters[pos - 1] + ref, letters[pos - 1] + alt
        key = repr((letters, pieces, circular, more))
        if key not in built:
            rows = parts("t", pieces, **more)
            built[key] = world(folder / str(len(built)), {"c": letters}, rows, ("c",) if circular else ())
        assert "".join((letters * 2)[pos : pos + len(ref)]) == ref
        table = consequences(built[key], "g", variants(("c", pos, ref, alt)), built[key].annotations())
        return table if every else table[table["worst"]].iloc[0]

    return _judged


ONE = [("exon", 0, 30, "+"), ("CDS", 2, 17, "+")]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (5, "A", "G", ("missense", 2, 1, "K", "E", "p.Lys2Glu")),
        (7, "A", "G", ("synonymous", 2, 3, "K", "K", "p.Lys2=")),
        (5, "A", "T", ("stop_gained", 2, 1, "K", "*", "p.Lys2Ter")),
        (12, "G", "A", ("stop_gained", 4, 2, "W", "*", "p.Trp4Ter")),
        (14, "T", "C", ("stop_lost", 5, 1, "*", "Q", "p.Ter5GlnextTer4")),  # CAA CCA GTT TCA TAA
        (15, "A", "G", ("stop_retained", 5, 2, "*", "*", "p.Ter5=")),
        (3, "T", "C", ("start_lost", 1, 2, "M", "T", "p.Met1?")),
        (2, "A", "G", ("start_retained", 1, 1, "M", "M", "p.Met1=")),
        (5, "AA", "A", ("frameshift", 2, 0, "", "", "p.Ala3LeufsTer?")),  # AAG CTT GGT AAC CAG TTT CAT AAG
        (4, "GAAA", "G", ("inframe_deletion", 2, 0, "K", "", "p.Lys2del")),
        (7, "A", "AGGG", ("inframe_insertion", 3, 0, "A", "GA", "p.Lys2_Ala3insGly")),
        (7, "A", "AAAA", ("inframe_insertion", 3, 0, "A", "KA", "p.Lys2dup")),
        (7, "A", "ATAG", ("stop_gained", 3, 0, "A", "*A", "p.Ala3Ter")),
        (7, "AG", "CC", ("missense", 2, 0, "KA", "NP", "p.Lys2_Ala3delinsAsnPro")),
        (13, "GT", "AC", ("stop_gained", 4, 0, "W*", "*Q", "p.Trp4Ter")),
        (4, "GA", "TT", ("stop_gained", 1, 0, "MK", "M*", "p.Lys2Ter")),  # ATT starts in code 11 too
        (3, "TGA", "GGT", ("start_lost", 1, 0, "MK", "R*", "p.Met1?")),
        (1, "CATG", "C", ("start_lost", 1, 0, "M", "K", "p.Met1?")),
        (0, "CCATGA", "C", ("start_lost", 1, 0, "M", "K", "p.Met1?")),
        (
            3,
            "T",
            "TGAAAT",
            ("start_retained", 1, 0, "M", "M", "p.="),
        ),  # ATGAA before ATG: the start is restored
        (2, "A", "AC", ("start_lost", 1, 0, "M", "T", "p.Met1?")),
        (13, "GTAA", "G", ("stop_lost", 5, 0, "*", "", "p.Ter5ProextTer3")),  # CCA GTT TCA TAA
        (14, "TA", "T", ("stop_lost", 5, 0, "", "", "p.Ter5TyrextTer?")),  # TAC CAG TTT CAT AAG
        (15, "A", "AA", ("stop_retained", 5, 0, "*", "*", "p.=")),
        (0, "C", "T", ("5_prime_UTR", 0, 0, "", "", "")),
        (18, "C", "T", ("3_prime_UTR", 0, 0, "", "", "")),
    ],
)
def test_changes_worked_by_hand(judged, strand, pos, ref, alt, expected):
    row = judged(GENE, ONE, (pos, ref, alt), strand)
    columns = ["consequence", "codon", "codon_position", "ref_aa", "alt_aa", "hgvs_p"]
    assert tuple(row[columns]) == expected


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_stop_right_behind_the_whole_protein_is_retained(judged, strand):
    """M K A L *, of which TTG TAA becomes TTA TGA TAA: still M K A L."""
    row = judged("CCATGAAAGCTTTGTAACCAGTTTCATAAG", ONE, (13, "G", "ATGA"), strand)
    assert (row["consequence"], row["hgvs_p"]) == ("stop_retained", "p.Ter5=")
    row = judged("CCATGAAAGCTTTGTAACCAGTTTCATAAG", ONE, (11, "TTG", "TGATTG"), strand)
    assert row["consequence"] == "stop_gained"


SPLICED = "CC" + "ATGAAAGC" + "GTAAGTCCCCCTTTTTTCAG" + "TGGTTGGTAA" + "TT"  # ATG AAA GC|T GGT TGG TAA
TWO = [("exon", 0, 10, "+"), ("exon", 30, 42, "+"), ("CDS", 2, 10, "+"), ("CDS", 30, 40, "+")]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected", "codon"),
    [
        (10, "G", "A", "splice_donor", 0),
        (11, "T", "C", "splice_donor", 0),
        (29, "G", "A", "splice_acceptor", 0),
        (28, "A", "C", "splice_acceptor", 0),
        (12, "A", "C", "splice_region", 0),
        (17, "C", "A", "splice_region", 0),
        (18, "C", "A", "intron", 0),
        (22, "T", "A", "splice_region", 0),
        (21, "T", "A", "intron", 0),
        (9, "C", "T", "missense", 3),  # GC|T to GT|T: beside the intron, and graver than that
        (30, "T", "C", "splice_region", 3),  # GCT to GCC: alanine still, but beside the intron
        (34, "T", "G", "missense", 5),  # TGG to GGG
        (38, "A", "C", "stop_lost", 6),
        (
            9,
            "C",
            "CA",
            "frameshift",
            3,
        ),  # between exon and intron: in the exon, the intron begins with GT as before
        (
            9,
            "C",
            "CGT",
            "splice_region",
            0,
        ),  # GT before GTAAGT: written into the intron, which begins with GT as before
        (29, "G", "GA", "frameshift", 3),
        (10, "GTAA", "G", "splice_donor", 0),
        (8, "GCGT", "G", "splice_donor", 3),
        (7, SPLICED[7:33], "A", "splice_acceptor", 3),  # a whole intron and what is beside it
        (0, "C", "T", "5_prime_UTR", 0),
        (40, "T", "A", "3_prime_UTR", 0),
    ],
)
def test_splice_sites_worked_by_hand(judged, strand, pos, ref, alt, expected, codon):
    row = judged(SPLICED, TWO, (pos, ref, alt), strand, genetic_code=1)
    assert row["consequence"] == expected
    assert codon in (row["codon"], 0)


@pytest.mark.parametrize(("biotype", "at_site"), [("tRNA", "intron"), ("rRNA", "intron"), ("ncRNA", "splice_donor")])
def test_rna_genes_have_exons_and_introns(judged, biotype, at_site):
    exons = [p for p in TWO if p[0] == "exon"]
    name = lambda *v: judged(SPLICED, exons, v, biotype=biotype)["consequence"]  # noqa: E731
    assert (name(2, "A", "C"), name(20, "C", "G"), name(10, "G", "C")) == (biotype, "intron", at_site)
    inner = [("exon", 2, 10, "+"), ("exon", 30, 40, "+")]
    assert judged(SPLICED, inner, (1, SPLICED[1:41], "C"), biotype=biotype)["consequence"] == "transcript_ablation"


def test_which_codons_start_is_said_by_the_code(judged):
    change = (2, "A", "T")  # ATG to TTG
    found = {c: judged(GENE, ONE, change, genetic_code=c)["consequence"] for c in (1, 2, 4, 5, 11)}
    # NCBI: TTG starts in 4, 5 and 11; of code 1 ATG alone is taken, though its table lists TTG and CTG
    assert found == {
        1: "start_lost",
        2: "start_lost",
        4: "start_retained",
        5: "start_retained",
        11: "start_retained",
    }
    assert genetic_code(1).starts == {"ATG"}
    assert judged(GENE.replace("CCATG", "CCCTG"), ONE, (3, "T", "C"), genetic_code=1)["consequence"] == "missense"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gene_across_the_origin_of_a_circle(judged, strand):
    # ATG AA|A GCT TGG TAA: the origin lies within codon 2
    letters = "AGCTTGGTAACCCCCCCCCCCATGAA"
    pieces = [("CDS", 21, 26, "+"), ("CDS", 0, 10, "+")]
    name = lambda *v: tuple(  # noqa: E731
        judged(letters, pieces, v, strand, circular=True)[["consequence", "codon", "ref_aa", "alt_aa"]]
    )
    assert name(25, "A", "T") == ("missense", 2, "K", "I")
    assert name(0, "A", "C") == ("missense", 2, "K", "N")
    assert name(25, "AA", "TC") == ("missense", 2, "K", "I")
    assert name(21, "A", "C") == ("start_retained", 1, "M", "M")
    assert name(2, "C", "CG")[:2] == ("frameshift", 3)


def test_an_insertion_at_the_origin_and_between_parts(judged):
    letters = "AGCTTGGTAACCCCCCCCCCCATGAA"
    pieces = [("CDS", 21, 26, "+"), ("CDS", 0, 10, "+")]
    assert judged(letters, pieces, (25, "A", "AG"), circular=True)["consequence"] == "frameshift"
    assert judged(letters, pieces, (25, "A", "AGGG"), circular=True)["consequence"] == "inframe_insertion"
    abutting = [("CDS", 2, 8, "+"), ("CDS", 8, 17, "+")]
    assert judged(GENE, abutting, (7, "A", "AG"))["consequence"] == "frameshift"
    assert tuple(judged(GENE, abutting, (7, "AG", "CC"))[["consequence", "ref_aa", "alt_aa"]]) == (
        "missense",
        "KA",
        "NP",
    )


@pytest.mark.parametrize("strand", ["+", "-"])
def test_parts_on_both_strands(judged, strand):
    # the second half, GCT TGG TAA, is read from strand -, upstream of the first
    letters = "CC" + flipped("GCTTGGTAA") + "CCCCCCCCCCCCCC" + "ATGAAA" + "CC"
    pieces = [("CDS", 25, 31, "+"), ("CDS", 2, 11, "-")]
    name = lambda *v: tuple(judged(letters, pieces, v, strand)[["consequence", "codon", "alt_aa"]])  # noqa: E731
    assert name(28, "A", "T") == ("stop_gained", 2, "*")
    assert name(6, "C", "T") == ("stop_gained", 4, "*")  # TGG to TAG
    assert name(10, "C", "T") == ("missense", 3, "T")  # GCT to ACT
    assert judged(letters, pieces, (18, "C", "G"), strand)["consequence"] == "intergenic"


def test_a_base_that_is_read_twice(judged):
    # ATG AAA, then A again: ATG AAA AGC TTG GTA A.. on ATGAAAGCTTGGTAATAA: frame -1 from base 5 on
    letters = "CCATGAAAGCTTGGTAGCTGAC"
    pieces = [("CDS", 2, 8, "+"), ("CDS", 7, 22, "+")]  # ATG AAA | AGC TTG GTA GCT GAC
    assert tuple(judged(letters, pieces, (7, "A", "C"))[["consequence", "ref_aa", "alt_aa"]]) == (
        "missense",
        "KS",
        "NR",
    )
    assert judged(letters, pieces, (7, "A", "AC"))["consequence"] == "coding_unknown"
    assert judged(letters, pieces, (11, "T", "TC"))["consequence"] == "frameshift"
    assert tuple(judged(letters, pieces, (13, "G", "A"))[["consequence", "codon"]]) == ("missense", 5)
    skipping = [("CDS", 2, 8, "+"), ("CDS", 9, 22, "+")]
    assert judged(letters, skipping, (8, "G", "A"))["consequence"] == "coding_unknown"


def test_selenocysteine_is_no_stop(judged):
    letters = "ATGAAATGAGCTTAA"
    name = lambda *v: tuple(  # noqa: E731
        judged(letters, [("CDS", 0, 15, "+")], v, genetic_code=1, recoded="3:U")[["consequence", "ref_aa", "alt_aa"]]
    )
    assert name(6, "T", "C") == ("missense", "U", "R")
    assert name(7, "G", "A") == ("stop_gained", "U", "*")
    assert name(8, "A", "G") == ("missense", "U", "W")
    assert name(13, "A", "C")[0] == "stop_lost"
    assert name(2, "GAAA", "G")[0] == "inframe_deletion"


def test_a_stop_that_polyadenylation_completes(judged):
    # ATG AAA TA + A: the last two bases are a stop
    two = [("CDS", 0, 8, "+")]
    row = judged("ATGAAATACC", two, (7, "A", "G"), genetic_code=2)
    assert tuple(row[["consequence", "codon", "alt_aa"]]) == ("stop_lost", 3, "W")
    assert judged("ATGAAATACC", two, (6, "T", "C"), genetic_code=2)["alt_aa"] == "Q"
    assert judged("ATGAAATCC", [("CDS", 0, 7, "+")], (6, "T", "C"), genetic_code=2)["consequence"] == "stop_lost"
    # a nuclear gene that ends so is incomplete, and so is one whose file says so
    assert judged("ATGAAATACC", two, (7, "A", "G"), genetic_code=1)["consequence"] == "coding_unknown"
    assert judged("ATGAAATACC", two, (7, "A", "G"), genetic_code=2, partial_3=True)["consequence"] == "coding_unknown"


def test_a_cds_that_is_cut_off_is_read_in_its_frame(judged):
    pieces, more = [("CDS", 0, 10, "+")], {"frame": 1, "partial_5": True}
    assert tuple(judged("CAAAGCTTGG", pieces, (1, "A", "G"), **more)[["consequence", "codon", "alt_aa"]]) == (
        "missense",
        1,
        "E",
    )
    assert judged("CAAAGCTTGG", pieces, (0, "C", "G"), **more)["consequence"] == "coding_unknown"
    # without a start there is none to lose
    assert judged("ATGAAAGCTTAA", [("CDS", 0, 12, "+")], (1, "T", "C"), partial_5=True)["consequence"] == "missense"
    assert judged("ATGANAGCTTAA", [("CDS", 0, 12, "+")], (3, "A", "G"))["consequence"] == "coding_unknown"


def test_the_transcript_is_chosen_by_gravity_then_by_length(tmp_path):
    rows = [
        *parts("long", [("CDS", 2, 17, "+")]),
        *parts("short", [("CDS", 2, 11, "+")]),
        *parts("rna", [("exon", 0, 30, "-")], biotype="ncRNA"),
    ]
    g = world(tmp_path, {"c": GENE}, rows)
    table = consequences(g, "g", variants(("c", 5, "A", "G"), ("c", 25, "T", "C")), g.annotations())
    assert table["transcript"].tolist() == ["long", "short", "rna", "rna"]
    assert table["consequence"].tolist() == ["missense", "missense", "ncRNA", "ncRNA"]
    assert table["worst"].tolist() == [True, False, False, True]


def test_nothing_known_is_outranked_by_the_unknown():
    assert ORDER.index("coding_unknown") > max(
        ORDER.index(t) for t in ORDER if t not in {"coding_unknown", "intergenic"}
    )


def test_genetic_codes_differ():
    # ATA is methionine and AGA a stop in vertebrate mitochondria, TGA tryptophan; CTG starts in bacteria
    assert [genetic_code(c).translate("TGA") for c in (1, 2, 4, 11)] == ["*", "W", "W", "*"]
    assert [genetic_code(c).translate("ATA") for c in (1, 2, 4, 11)] == ["I", "M", "I", "I"]
    assert genetic_code(2).translate("AGA") == "*"
    assert "GTG" in genetic_code(11).starts
    assert genetic_code(1).translate("NAC") == "X"
    with pytest.raises(InputError, match="got 99"):
        genetic_code(99)


def test_shared_ends_are_taken_off():
    assert trimmed(10, "AC", "AG") == (11, "C", "G")
    assert trimmed(10, "A", "ATG") == (11, "", "TG")
    assert trimmed(10, "CATC", "C") == (11, "ATC", "")
    assert trimmed(10, "GAC", "GTTTC") == (11, "A", "TTT")


def test_overlapping_genes_have_a_row_each_and_the_gravest_is_marked(small, small_annotations):
    # human mt 8,527-8,572: ATP8 and ATP6 overlap; m.8,529 G>A: W55* of ATP8, start codon ATG>ATA of ATP6 (code 2)
    table = pd.DataFrame(
        {
            "chrom": ["NC_012920.1"] * 2,
            "pos": [8_528, 7_444],
            "ref": ["G", "A"],
            "alt": ["A", "G"],
            "id": "",
            "line": 1,
        }
    )
    check_reference(small, "mt", table, max_mismatch=0)
    found = consequences(small, "mt", table, small_annotations)
    rows = found.loc[found["variant"] == 0, ["gene", "consequence", "ref_aa", "alt_aa", "worst"]].to_numpy().tolist()
    assert rows == [
        ["MT-ATP8", "stop_gained", "W", "*", True],
        ["MT-ATP6", "start_retained", "M", "M", False],
    ]
    # m.7,445 A>G changes COX1's stop AGA (a stop in code 2) to AGG, which is one too
    last = found[found["variant"] == 1]
    assert last["consequence"].tolist() == ["stop_retained"]


def test_simulated_synonymous_controls_are_synonymous(small, small_annotations, resources):
    table = read_variants(resources / "tb_amr" / "synonymous_controls.tsv", ["NC_000962.3"]).table
    found = consequences(small, "tb", table, small_annotations)
    worst = found[found["worst"]]
    assert worst["consequence"].value_counts().to_dict() == {"synonymous": 1075}
    change = table["change"].str.extract(r"([A-Z])(\d+)=")
    assert worst["ref_aa"].tolist() == change[0].tolist()
    assert worst["codon"].tolist() == change[1].astype(int).tolist()


def test_resistance_variants_are_what_their_names_say(small, small_annotations, resources):
    table = read_variants(resources / "tb_amr" / "variants.tsv", ["NC_000962.3"]).table
    found = consequences(small, "tb", table, small_annotations)
    worst = found[found["worst"]].reset_index(drop=True)
    assert len(worst) == len(table) == 1224
    kind = table["kind"]
    cross = pd.crosstab(kind, worst["consequence"]).to_dict("index")
    assert cross["promoter"]["intergenic"] == 55
    assert cross["rna"]["rRNA"] == 29
    # one of the 54 is a mislabelled row (README of the data); of the missense ones seven are start codons, eight synonymous
    assert cross["nonsense"] | {"missense": 1} == cross["nonsense"]
    assert cross["nonsense"]["stop_gained"] == 53
    assert (cross["missense"]["missense"], cross["missense"]["synonymous"]) == (1011, 8)
    assert (cross["missense"]["start_lost"], cross["missense"]["start_retained"]) == (2, 5)
    # rpoB S450L, the commonest rifampicin resistance
    s450l = worst[(table["gene"] == "rpoB") & (table["change"] == "S450L")].iloc[0]
    assert (s450l["codon"], s450l["ref_aa"], s450l["alt_aa"], s450l["consequence"]) == (
        450,
        "S",
        "L",
        "missense",
    )


def test_mitochondrial_disease_variants(small, small_annotations, resources):
    table = read_variants(resources / "human_mt" / "variants.tsv.gz", ["NC_012920.1"]).table
    found = consequences(small, "mt", table, small_annotations)
    worst = found[found["worst"]].reset_index(drop=True)
    assert set(worst["consequence"]) <= set(ORDER)
    confirmed = worst[table["label"] == "pathogenic_confirmed"]
    assert (confirmed["consequence"] == "tRNA").sum() == 56
    # MELAS 3243A>G in tRNA-Leu; LHON 11778G>A is R340H of ND4, 3460G>A A52T of ND1, 14484T>C M64V of ND6 on strand -
    named = {
        (3243, "G"): ("MT-TL1", "", ""),
        (11778, "A"): ("MT-ND4", "R", "H"),
        (3460, "A"): ("MT-ND1", "A", "T"),
        (14484, "C"): ("MT-ND6", "M", "V"),
    }
    for (pos, alt), expected in named.items():
        row = worst[(table["pos"] == pos - 1) & (table["alt"] == alt)].iloc[0]
        assert (row["gene"], row["ref_aa"], row["alt_aa"]) == expected
    control = worst[table["gene"] == "control/noncoding"]
    assert set(control["consequence"]) <= {"control_region", "intergenic"}
    assert np.mean(control["consequence"] == "control_region") > 0.9
