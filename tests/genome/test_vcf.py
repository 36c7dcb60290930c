"""VCF as people have it: whatever surrounds the records, none is lost, and a faulty line is named by its own number."""

import bz2
import gzip
import lzma
import zipfile

import pysam
import pytest

from photo51.genome.formats.vcf import is_vcf
from photo51.genome.variants.files import read_genotypes, read_variants
from photo51.types import InputError

META = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=c,length=100>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="n">\n'
    '##INFO=<ID=AD,Number=R,Type=Integer,Description="n">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="n">\n'
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
A, B = "c\t5\ta\tA\tC\t.\t.\t.\n", "c\t9\tb\tG\tT\t.\t.\t.\n"


def ids(path, **given):
    found = read_variants(path, **given)
    return dict(zip(found.table["id"], found.table["line"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\n\n" + META + COLUMNS + A + B, {"a": 9, "b": 10}),
        (META + "\n" + COLUMNS + A + "\n\n" + B + "\n", {"a": 8, "b": 11}),
        (META + COLUMNS + A + "#c\t7\tx\tA\tC\t.\t.\t.\n" + B, {"a": 7, "b": 9}),
        (META + COLUMNS + A + "# a note\n" + B, {"a": 7, "b": 9}),
        (META + COLUMNS + A + META + COLUMNS + B, {"a": 7, "b": 14}),
        (META + COLUMNS + A + COLUMNS + B, {"a": 7, "b": 9}),
        (META + COLUMNS + A + B.rstrip("\n"), {"a": 7, "b": 8}),
        ((META + COLUMNS + A + B).replace("\n", "\r\n"), {"a": 7, "b": 8}),
        ((META + COLUMNS + A + B).replace("\n", "\r"), {"a": 7, "b": 8}),
        ("\ufeff" + META + COLUMNS + A + B, {"a": 7, "b": 8}),
        (COLUMNS + A + B, {"a": 2, "b": 3}),
        ("##source=x\n" + COLUMNS + A + B, {"a": 3, "b": 4}),
        (META + COLUMNS, {}),
        (META + COLUMNS + A.replace("\n", "  \n") + B + "\x1a", {"a": 7, "b": 8}),
        (META + COLUMNS.replace("INFO", "INFO\tFORMAT") + A + B, {"a": 7, "b": 8}),
    ],
)
def test_every_record_is_read_with_its_line_whatever_is_round_it(write, text, lines):
    assert ids(write("x.vcf", text)) == lines


def test_second_header_may_define_other_fields(write):
    other = META.replace("ID=AC,Number=A", "ID=AC,Number=1")
    two = "c\t{}\t{}\tA\tC,G\t.\t.\tAC=1,2\n"
    table = read_variants(
        write("x.vcf", META + COLUMNS + two.format(5, "a") + other + COLUMNS + two.format(6, "b"))
    ).table
    assert table["AC"].tolist() == ["1", "2", "1,2", "1,2"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("c\tx\t.\tA\tC\t.\t.\t.\n", "POS is no number"),
        ("c\t-3\t.\tA\tC\t.\t.\t.\n", "POS is no number"),
        ("c\t1e3\t.\tA\tC\t.\t.\t.\n", "POS is no number"),
        ("c\t5\t.\tA\n", "it has 4 columns and needs 8"),
        ("c 5 . A C . . .\n", "its columns are not parted by tabs"),
        ("c\t5\t.\t7\tC\t.\t.\t.\n", "REF is no bases"),
        ("\t5\t.\tA\tC\t.\t.\t.\n", "CHROM is empty"),
    ],
)
def test_a_faulty_line_is_named_and_the_rest_goes_on_up_to_a_share(write, line, why):
    many = "".join(f"c\t{i}\tr{i}\tA\tC\t.\t.\t.\n" for i in range(1, 41))
    path = write("x.vcf", META + COLUMNS + A.replace("5", "50") + line + many)
    found = read_variants(path)
    assert len(found.table) == 41
    assert found.table["line"].tolist() == [7, *range(9, 49)]
    assert found.refused["line"].tolist() == [8]
    assert why in found.refused["reason"].iloc[0]
    assert found.counts.to_numpy().tolist() == [["no record of VCF", 1, 8]]
    with pytest.raises(InputError, match=r"x.vcf, line 8: .*1 of 42 records cannot be read, need at most 1%"):
        read_variants(path, max_faulty=0.01)


def test_what_the_format_allows_is_listed_and_does_not_count_as_faulty(write):
    rows = "c\t0\ttel\tN\t<DEL>\t.\t.\t.\nc\t7\tdot\t.\tC\t.\t.\t.\nc\t8\tblock\tA\t<NON_REF>\t.\t.\tEND=20\n"
    found = read_variants(write("x.vcf", META + COLUMNS + rows + A), max_faulty=0.0)
    assert found.table["id"].tolist() == ["a"]
    assert found.refused[["id", "pos"]].to_numpy().tolist() == [["tel", -1], ["dot", 6], ["block", 7]]


def test_info_is_text_as_the_file_has_it_by_allele(write):
    row = "c\t5\tv\tA\tC,G\t.\t.\tAC=1,2;AD=9,8,7;AF=0.1,.;NOTE=x=y;1000G;pos=3;filter=f\n"
    table = read_variants(write("x.vcf", META + COLUMNS + row)).table
    assert table["AC"].tolist() == ["1", "2"]
    assert table["AD"].tolist() == ["8", "7"]
    assert table["AF"].tolist() == ["0.1", ""]
    assert table.iloc[0][["NOTE", "1000G", "given_pos", "given_filter"]].tolist() == ["x=y", "true", "3", "f"]
    assert table["pos"].tolist() == [4, 4]


def test_containers_and_bcf_hold_the_same(write, tmp_path):
    text = META + COLUMNS + A + B
    plain = write("x.vcf", text)
    two = tmp_path / "two.vcf.gz"
    two.write_bytes(gzip.compress(text[:200].encode()) + gzip.compress(text[200:].encode()))
    for name, packed in (("x.bz2", bz2.compress(text.encode())), ("x.xz", lzma.compress(text.encode()))):
        (tmp_path / name).write_bytes(packed)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("folder/x.vcf", text)
    with (
        pysam.VariantFile(str(plain)) as vcf,
        pysam.VariantFile(str(tmp_path / "x.bcf"), "wb", header=vcf.header) as bcf,
    ):
        for record in vcf:
            bcf.write(record)
    expected = read_variants(plain).table
    for name in ("two.vcf.gz", "x.bz2", "x.xz", "x.zip", "x.bcf"):
        assert is_vcf(tmp_path / name)
        assert read_variants(tmp_path / name).table.drop(columns="line").equals(expected.drop(columns="line"))


def test_records_of_other_contigs_are_counted_not_held(write, caplog):
    rows = "".join(f"chr{i % 3}\t{i + 1}\t.\tA\tC\t.\t.\t.\n" for i in range(30))
    found = read_variants(write("x.vcf", META + COLUMNS + A + rows), ["c", "chr2"])
    assert len(found.table) == 11
    assert found.refused["chrom"].tolist() == ["chr0", "chr1"]
    assert "contig 'chr0' is not in the genome (nearest name: 'chr2'); 10 records" in found.refused["reason"].tolist()
    assert "20 × record on contigs that the genome does not have" in caplog.text
    with pytest.raises(InputError, match="line 7: need a contig of the genome \\(d, e\\), got 'c' \\(nearest name: "):
        read_variants(write("x.vcf", META + COLUMNS + A), ["d", "e"])


SAMPLES = COLUMNS.rstrip("\n") + "\tFORMAT\t001\t002\t003\n"


def test_genotypes_of_any_form(write):
    rows = (
        "c\t5\t.\tA\tC\t.\t.\t.\tGT:DP\t0|1:3\t1/1\t.\n"
        "c\t6\t.\tA\tC\t.\t.\t.\tDP:GT\t3:0/1\t3\t1:.|1\n"
        "c\t7\t.\tA\tC\t.\t.\t.\tDP\t3\t3\t4\n"
        "c\t8\t.\tA\tC,G\t.\t.\t.\tGT\t/1/2\t2\t0/1/1/2\n"
    )
    g = read_genotypes(write("x.vcf", META.replace("v4.2", "v4.4") + SAMPLES + rows))
    assert g.samples == ["001", "002", "003"]
    assert g.alleles.T.tolist() == [[1, 2, -1], [1, -1, -1], [-1, -1, -1], [1, 0, 2], [1, 1, 1]]
    assert g.called.T.tolist() == [[2, 2, 0], [2, 0, 0], [0, 0, 0], [2, 1, 4], [2, 1, 4]]
    assert g.phased == pytest.approx(1 / 4)


def test_a_record_with_a_genotype_too_many_is_faulty_and_the_rest_goes_on(write):
    rows = "".join(f"c\t{i}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t1/1\t{'0/4' if i == 3 else '0/0'}\n" for i in range(1, 41))
    g = read_genotypes(write("x.vcf", META + SAMPLES + rows))
    assert g.alleles.shape == (3, 39)
    assert g.refused["reason"].tolist() == ["need allele numbers up to 1, got 4 for '003'"]
    assert g.refused["line"].tolist() == [9]


def test_samples_have_to_be_one_list(write):
    row = "c\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t1/1\t0/0\n"
    with pytest.raises(InputError, match="line 6: need sample names that differ, got '001' twice"):
        read_genotypes(write("x.vcf", META + SAMPLES.replace("002", "001") + row))
    with pytest.raises(InputError, match="line 14: need the samples of the first header"):
        read_genotypes(write("x.vcf", META + SAMPLES + row + META + SAMPLES.replace("002", "004") + row))


def test_a_table_is_no_vcf_and_a_vcf_needs_its_columns(write):
    assert not is_vcf(write("t.tsv", "#chrom\tpos\tref\talt\nc\t1\tA\tC\n"))
    assert ids(write("t.tsv", "#CHROM\tPOS\tREF\tALT\nc\t5\ta\tg\n")) == {"c:5:A>G": 2}
    with pytest.raises(InputError, match=r"x.vcf, line 1: need a line '#CHROM POS .*' parted by tabs"):
        read_variants(write("x.vcf", COLUMNS.replace("\t", " ") + A))
    with pytest.raises(InputError, match="line 2: need a header with a line"):
        read_variants(write("x.vcf", "##fileformat=VCFv4.2\n" + A))


def test_indels_without_an_anchor_base_are_named(write):
    rows = "c\t5\t.\tAC\t-\t.\t.\t.\nc\t6\t.\t-\tA\t.\t.\t.\n"
    found = read_variants(write("x.vcf", META + COLUMNS + rows + A), max_faulty=0.0)
    assert found.counts.to_numpy().tolist() == [["allele written as -", 2, 7]]
    table = read_variants(write("t.tsv", "chrom\tpos\tref\talt\nc\t5\t-\tG\n"))
    assert table.refused["reason"].str.contains("with the base before them").all()
