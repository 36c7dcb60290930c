"""Consequences: hand-worked genes on both strands, Biopython's translation, and the embedded variant sets."""

import numpy as np
import pandas as pd
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.consequence import ORDER, consequences, effect, genetic_code, transcripts, trimmed
from photo51.genome.variant_windows import check_reference
from photo51.genome.variants import read_variants
from photo51.types import InputError

GENE = "CCATGAAAGCTTGGTAACC"  # M K A W *


def transcript(letters=GENE, start=2, end=17, strand="+", frame=0, parts=None):
    rows = [(start, end, strand, frame)] if parts is None else parts
    table = pd.DataFrame(
        [("CDS", s, e, d, "x", "x", i, f) for i, (s, e, d, f) in enumerate(rows)],
        columns=["kind", "start", "end", "strand", "name", "group", "part", "frame"],
    )
    return transcripts(table, encode(letters))["x"]


def on(strand, pos, ref, alt):
    """The same change to a gene on `strand`, given for the gene on +."""
    if strand == "+":
        return transcript(), pos, ref, alt
    flip = lambda x: decode(reverse_complement(encode(x)))  # noqa: E731
    n = len(GENE)
    return transcript(flip(GENE), n - 17, n - 2, "-"), n - pos - len(ref), flip(ref), flip(alt)


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (5, "A", "G", ("missense", 2, 1, "K", "E")),
        (7, "A", "G", ("synonymous", 2, 3, "K", "K")),
        (5, "A", "T", ("stop_gained", 2, 1, "K", "*")),
        (12, "G", "A", ("stop_gained", 4, 2, "W", "*")),
        (14, "T", "C", ("stop_lost", 5, 1, "*", "Q")),
        (15, "A", "G", ("stop_retained", 5, 2, "*", "*")),
        (3, "T", "C", ("start_lost", 1, 2, "M", "T")),
        (2, "A", "G", ("start_retained", 1, 1, "M", "M")),
        (6, "A", "", ("frameshift", 2, 0, "", "")),
        (6, "", "G", ("frameshift", 2, 0, "", "")),
        (5, "AAA", "", ("inframe_indel", 2, 0, "K", "")),
        (8, "", "GGG", ("inframe_indel", 3, 0, "A", "GA")),
        (8, "", "TAG", ("stop_gained", 3, 0, "A", "*A")),
        (7, "AG", "CC", ("missense", 2, 0, "KA", "NP")),
        (13, "GT", "AC", ("stop_gained", 4, 0, "W*", "*Q")),
        (4, "GA", "TT", ("stop_gained", 1, 0, "MK", "M*")),  # ATT starts in code 11 too
        (4, "GA", "CT", ("stop_gained", 1, 0, "MK", "M*")),
        (3, "TGA", "GGT", ("start_lost", 1, 0, "MK", "R*")),
    ],
)
def test_changes_worked_by_hand(strand, pos, ref, alt, expected):
    found = effect(*on(strand, pos, ref, alt), genetic_code(11))
    assert tuple(found) == expected


def test_genetic_codes_differ():
    # ATA is methionine and AGA a stop in vertebrate mitochondria, TGA tryptophan; CTG starts in bacteria alone
    assert [genetic_code(c).translate("TGA") for c in (1, 2, 4, 11)] == ["*", "W", "W", "*"]
    assert [genetic_code(c).translate("ATA") for c in (1, 2, 4, 11)] == ["I", "M", "I", "I"]
    assert genetic_code(2).translate("AGA") == "*"
    assert "GTG" in genetic_code(11).starts
    assert genetic_code(1).translate("NAC") == "X"
    with pytest.raises(InputError, match="got 99"):
        genetic_code(99)


@given(st.text("ACGT", min_size=9, max_size=60), st.data())
def test_proteins_are_biopythons(body, data):
    letters = body[: len(body) // 3 * 3]
    pos = data.draw(st.integers(3, len(letters) - 1))
    alt = data.draw(st.sampled_from("ACGT").filter(lambda x: x != letters[pos]))
    code = data.draw(st.sampled_from([1, 2, 4, 11]))
    found = effect(transcript(letters, 0, len(letters)), pos, letters[pos], alt, genetic_code(code))
    i = pos // 3
    before, after = (
        str(Seq(x).translate(table=code))[i] for x in (letters, letters[:pos] + alt + letters[pos + 1 :])
    )
    assert (found.codon, found.codon_position, found.ref_aa, found.alt_aa) == (
        i + 1,
        pos % 3 + 1,
        before,
        after,
    )
    expected = (
        "missense" if before != after and "*" not in before + after
        else "stop_gained" if after == "*" and before != "*"
        else "stop_lost" if before == "*" and after != "*"
        else "stop_retained" if before == "*"
        else "synonymous"
    )  # fmt: skip
    assert found.consequence == expected


def test_a_stop_that_polyadenylation_completes():
    # ATG AAA TA + A: the last two bases are a stop
    t = transcript("ATGAAATA", 0, 8)
    code = genetic_code(2)
    assert effect(t, 7, "A", "G", code)[:2] == ("stop_lost", 3)
    assert effect(t, 7, "A", "G", code).alt_aa == "W"
    assert effect(t, 6, "T", "C", code)[:5] == ("stop_lost", 3, 1, "*", "Q")
    one = transcript("ATGAAAT", 0, 7)
    assert effect(one, 6, "T", "C", code)[:5] == ("stop_lost", 3, 1, "*", "Q")


def test_spliced_codons_and_frames():
    # codons ATG AA|A GC|T over two introns
    parts = [(0, 5, "+", 0), (10, 13, "+", 1), (20, 21, "+", 1)]
    letters = "ATGAANNNNNAGCNNNNNNNT"
    t = transcript(letters, parts=parts)
    assert t.letters == "ATGAAAGCT"
    assert effect(t, 10, "A", "G", genetic_code(1))[:5] == ("synonymous", 2, 3, "K", "K")
    assert effect(t, 20, "T", "A", genetic_code(1))[:5] == ("synonymous", 3, 3, "A", "A")
    assert effect(t, 11, "G", "A", genetic_code(1))[:5] == ("missense", 3, 1, "A", "T")
    # a change that reaches into the intron cannot be told
    assert effect(t, 12, "CN", "A", genetic_code(1)).consequence == "coding_unknown"


def test_a_cds_that_is_cut_off_is_read_in_its_frame():
    t = transcript("CAAAGCTTGG", 0, 10, frame=1)
    assert effect(t, 1, "A", "G", genetic_code(11))[:5] == ("missense", 1, 1, "K", "E")
    assert effect(t, 0, "C", "G", genetic_code(11)).consequence == "coding_unknown"
    n = transcript("ATGANAGCT", 0, 9)
    assert effect(n, 3, "A", "G", genetic_code(11)).consequence == "coding_unknown"


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
    check_reference(small, "mt", table, most=0)
    found = consequences(small, "mt", table, small_annotations)
    rows = (
        found.loc[found["variant"] == 0, ["gene", "consequence", "ref_aa", "alt_aa", "worst"]]
        .to_numpy()
        .tolist()
    )
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
