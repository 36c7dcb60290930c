"""Variants: one row an allele, everything refused by name; genotypes as pysam has them."""

import numpy as np
import pysam
import pytest

from photo51.genome.variants.files import read_genotypes, read_variants
from photo51.types import InputError

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=c,length=100>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="count">\n'
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="label">\n'
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="known">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)
SITES = (
    HEADER
    + "\n"
    + "c\t5\trs1\tA\tC,ag\t.\tPASS\tAC=3,4;CLNSIG=bad,worse;DB\n"
    + "c\t6\t.\tAC\tA\t.\t.\tAC=1\n"
    + "c\t9\t.\tG\t<DEL>,*,G[c:3[,N\t.\t.\t.\n"
    + "c\t5\tagain\tA\tC\t.\t.\t.\n"
    + "c\t11\t.\tT\t.\t.\t.\t.\n"
)


def test_alleles_are_split_and_positions_are_zero_based(write):
    table = read_variants(write("x.vcf", SITES)).table
    assert table[["chrom", "pos", "ref", "alt", "id"]].to_numpy().tolist() == [
        ["c", 4, "A", "C", "rs1"],
        ["c", 4, "A", "AG", "rs1"],
        ["c", 5, "AC", "A", "c:6:AC>A"],
    ]
    assert table["AC"].tolist() == ["3", "4", "1"]
    assert table["CLNSIG"].tolist() == ["bad,worse", "bad,worse", ""]
    assert table["DB"].tolist() == ["true", "true", ""]
    assert table["line"].tolist() == [8, 8, 9]


def test_what_is_not_used_is_listed_with_its_reason(write):
    refused = read_variants(write("x.vcf", SITES)).refused
    assert list(zip(refused["line"], refused["reason"], strict=True)) == [
        (10, "symbolic allele <DEL>"),
        (10, "allele of a spanning deletion (*)"),
        (10, "breakend G[c:3["),
        (10, "allele with letters other than A, C, G, T: G>N"),
        (11, "duplicate of line 8"),
        (12, "no alternative allele"),
    ]


def test_compression_does_not_matter(write, tmp_path):
    plain = write("x.vcf", SITES)
    pysam.tabix_compress(str(plain), str(tmp_path / "x.vcf.gz"), force=True)
    assert read_variants(tmp_path / "x.vcf.gz").table.equals(read_variants(plain).table)


def test_tables_are_one_based_and_keep_their_columns(write):
    text = "pos\tref\talt\tgene\n3\ta\tG\tabc\n1\tC\tC\t\n"
    found = read_variants(write("x.tsv", text), ["c"])
    assert found.table[["chrom", "pos", "ref", "alt", "gene"]].to_numpy().tolist() == [["c", 2, "A", "G", "abc"]]
    assert found.refused["reason"].tolist() == ["alternative allele equal to the reference"]


def test_embedded_sets_are_whole(resources):
    mt = read_variants(resources / "human_mt" / "variants.tsv.gz", ["NC_012920.1"])
    assert (len(mt.table), len(mt.refused)) == (17_869, 6)
    assert set(mt.refused["reason"]) == {"alternative allele equal to the reference"}
    assert mt.table["label"].value_counts()["pathogenic_confirmed"] == 116
    tb = read_variants(resources / "tb_amr" / "variants.tsv", ["NC_000962.3"])
    assert (len(tb.table), len(tb.refused)) == (1_224, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER + "\nc\tx\t.\tA\tC\t.\t.\t.\n", "line 8: need a VCF record"),
        (HEADER + "\nc\t5\t.\tA\n", "line 8: need a VCF record"),
        (
            HEADER + "\nc\t5\t.\t7\tC\t.\t.\t.\n",
            "line 8: need a VCF record, got 'c\\t5\\t.\\t7\\tC\\t.\\t.\\t.' (REF is no bases: '7')",
        ),
        (
            "##fileformat=VCFv4.2\nno header\n",
            "line 2: need a header with a line '#CHROM POS ID REF ALT …' before the records",
        ),
        (
            "pos\tref\n3\tA\n",
            "line 1: need a VCF file or a table with columns pos, ref, alt, got none of alt",
        ),
        ("pos\tref\talt\n0\tA\tC\n", "line 2, column 'pos': need a whole number of at least 1, got '0'"),
        ("pos\tref\talt\n1\t\tC\n", "line 2, column 'ref': need bases, got ''"),
        ("pos\tref\talt\n1\tA\n", "line 2: need 3 columns as in the header, got 2"),
        ("pos\tpos\tref\talt\n", "need column names that differ"),
    ],
)
def test_errors_name_the_line(write, text, words):
    with pytest.raises(InputError) as e:
        read_variants(write("x.txt", text), ["c"])
    assert words in str(e.value)
    assert "x.txt" in str(e.value)


COHORT = (
    HEADER
    + "\tFORMAT\ts1\ts2\ts3\n"
    + "c\t5\t.\tA\tC,AG\t.\t.\t.\tGT\t0|1\t2|2\t./1\n"
    + "c\t6\t.\tA\tC\t.\t.\t.\tGT\t1\t.\t0/0\n"
    + "c\t7\t.\tG\t<DEL>\t.\t.\t.\tGT\t1/1\t0/0\t0/0\n"
)


def test_genotypes_by_hand(write):
    g = read_genotypes(write("x.vcf", COHORT))
    assert g.samples == ["s1", "s2", "s3"]
    assert g.variants["alt"].tolist() == ["C", "AG", "C"]
    assert g.alleles.tolist() == [[1, 0, 1], [0, 2, -1], [-1, -1, 0]]
    assert g.called.tolist() == [[2, 2, 1], [2, 2, 0], [0, 0, 2]]
    # of the called diploid genotypes (s1 and s2 at 5, s3 at 6, all three at 7) two are phased
    assert g.phased == pytest.approx(2 / 6)
    assert g.refused["reason"].tolist() == ["symbolic allele <DEL>"]


def test_genotypes_are_pysams(write):
    rng = np.random.default_rng(3)
    calls = rng.integers(0, 3, (40, 3, 2))
    rows = [
        f"c\t{i + 1}\t.\tA\tC,G\t.\t.\t.\tGT\t" + "\t".join(f"{a}/{b}" for a, b in row) + "\n"
        for i, row in enumerate(calls)
    ]
    path = write("x.vcf", HEADER + "\tFORMAT\ts1\ts2\ts3\n" + "".join(rows))
    g = read_genotypes(path)
    with pysam.VariantFile(str(path)) as vcf:
        expected = [[s["GT"].count(i) for s in r.samples.values()] for r in vcf for i in (1, 2)]
    assert g.alleles.T.tolist() == expected


def test_genotypes_need_samples_and_alleles_that_exist(write):
    with pytest.raises(InputError, match="need a VCF file with samples, got none"):
        read_genotypes(write("x.vcf", SITES))
    with pytest.raises(InputError, match="need allele numbers up to 1, got 7 for 's2'"):
        read_genotypes(write("y.vcf", HEADER + "\tFORMAT\ts1\ts2\nc\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t7/0\n"))


def test_all_symbolic_alleles_are_listed_as_they_may_be_spelled_out_yet(write, monkeypatch):
    monkeypatch.setattr("photo51.genome.variants.alleles._LISTED", 1)
    rows = [f"c\t{i}\t.\tA\t<DEL>\t.\t.\tEND={i + 3}\n" for i in (5, 15, 25)]
    rows += [f"c\t{i}\t.\tA\t*\t.\t.\t.\n" for i in (6, 16)]
    loaded = read_variants(write("x.vcf", HEADER + "\n" + "".join(rows)), ["c"])
    reasons = loaded.refused["reason"].tolist()
    assert reasons.count("symbolic allele <DEL>") == 3
    assert len(reasons) == 4, "of another kind as many as are listed"
    assert loaded.counts["n"].tolist() == [3, 2]
