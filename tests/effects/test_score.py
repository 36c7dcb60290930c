"""`photo51 score`: one line from a FASTA and a VCF to a table and a VCF; baselines by hand; nothing dropped in silence."""

import csv

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from photo51.cli import app
from photo51.effects.score import _words, dictionary_of, opened_genome
from photo51.genome.alphabet import encode
from photo51.types import InputError

VCF = """##fileformat=VCFv4.2
##contig=<ID=c>
##INFO=<ID=AC,Number=A,Type=Integer,Description="copies">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t001
c\t104\trs1\tG\tA,<DEL>\t.\tPASS\tAC=1,2\tGT\t0/1
c\t150\t.\t{r150}\tT\t.\t.\t.\tGT\t1/1
"""


@pytest.fixture
def files(tmp_path):
    letters = np.random.default_rng(0).choice(list("ACG"), 1200)
    letters[100:103], letters[103:106], letters[187:190] = list("ATG"), list("GCA"), list("TAA")
    (tmp_path / "g.fa").write_text(">c\n" + "".join(letters) + "\n")
    (tmp_path / "a.gff3").write_text("##gff-version 3\nc\t.\tCDS\t101\t190\t.\t+\t0\tID=x;gene=mine;transl_table=11\n")
    (tmp_path / "v.vcf").write_text(VCF.format(r150=letters[149]))
    return tmp_path


def test_one_line_scores_a_vcf_on_a_sequence_file(files, monkeypatch):
    monkeypatch.chdir(files)
    said = CliRunner().invoke(
        app, ["score", "v.vcf", "--genome", "g.fa", "--annotation", "a.gff3", "--model", "sh2:nano", "--params", '{"window":128}']
    )  # fmt: skip
    assert said.exit_code == 0, said.output + repr(said.exception)
    rows = list(csv.DictReader((files / "v.scores.tsv").read_text().splitlines(), delimiter="\t"))
    assert [r["pos"] for r in rows] == ["104", "150"]  # as in the VCF
    assert rows[0]["consequence"] == "missense"  # GCA to ACA
    assert rows[0]["gene"] == "mine"
    both = (float(rows[0]["llr_plus"]) + float(rows[0]["llr_minus"])) / 2
    assert float(rows[0]["llr"]) == pytest.approx(both, rel=1e-4)
    assert float(rows[0]["llr_markov"]) != 0
    refused = list(csv.DictReader((files / "v.scores.refused.tsv").read_text().splitlines(), delimiter="\t"))
    assert refused[0]["pos"] == "104"
    with pysam.VariantFile(str(files / "v.scores.vcf")) as vcf:
        records = list(vcf)
    assert [r.pos for r in records] == [104, 150]
    assert records[0].info["P51_LLR"][0] == pytest.approx(float(rows[0]["llr"]), rel=1e-3)
    assert records[0].info["P51_LLR"][1] is None
    assert "DEL" in records[0].info["P51_REFUSED"]
    assert records[0].info["AC"] == (1, 2)
    assert records[1].samples["001"]["GT"] == (1, 1)


def _scored(*options):
    done = CliRunner().invoke(app, ["score", *options, "--genome", "g.fa", "--model", "sh2:nano"])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def test_parameters_that_are_not_stated_stay_as_the_command_has_them(files, monkeypatch):
    monkeypatch.chdir(files)
    _scored("v.vcf", "--out", "plain.tsv")
    _scored("v.vcf", "--out", "stated.tsv", "--params", '{"max_ref_mismatch": 1}')
    _scored("v.vcf", "--out", "wider.tsv", "--params", '{"window": 1024}')
    assert (files / "plain.tsv").read_text() == (files / "stated.tsv").read_text()
    assert (files / "plain.tsv").read_text() != (files / "wider.tsv").read_text()


def test_a_scored_file_that_is_scored_again_has_the_new_scores_alone(files, monkeypatch):
    monkeypatch.chdir(files)
    _scored("v.vcf", "--out", "one.tsv")
    _scored("one.vcf", "--out", "two.tsv", "--params", '{"window": 128}')
    text = (files / "two.vcf").read_text()
    assert text.count("##INFO=<ID=P51_LLR,") == 1
    assert all(line.count("P51_LLR=") == 1 for line in text.splitlines() if not line.startswith("#"))
    rows = list(csv.DictReader((files / "two.tsv").read_text().splitlines(), delimiter="\t"))
    with pysam.VariantFile(str(files / "two.vcf")) as vcf:
        for record, row in zip(vcf, rows, strict=True):
            assert record.info["P51_LLR"][0] == pytest.approx(float(row["llr"]), rel=1e-3)
    assert "AC=1,2;P51_LLR=" in text


def test_what_an_earlier_call_left_under_the_same_name_is_gone(files, monkeypatch):
    monkeypatch.chdir(files)
    _scored("v.vcf", "--out", "s.tsv")
    assert (files / "s.refused.tsv").is_file()
    assert (files / "s.vcf").is_file()
    ref = (files / "g.fa").read_text().splitlines()[1][299]
    (files / "t.tsv").write_text(f"chrom\tpos\tref\talt\nc\t300\t{ref}\tT\n")
    assert "0 listed as refused" in _scored("t.tsv", "--out", "s.tsv")
    assert not (files / "s.refused.tsv").exists()
    assert not (files / "s.vcf").exists()
    (files / "s.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    _scored("t.tsv", "--out", "s.tsv")
    assert (files / "s.vcf").exists()  # the user's own


def test_a_file_without_its_first_line_has_no_copy_and_it_is_said(files, monkeypatch, caplog):
    monkeypatch.chdir(files)
    lines = (files / "v.vcf").read_text().splitlines()
    (files / "cut.vcf").write_text("\n".join(lines[1:]) + "\n")
    _scored("cut.vcf", "--out", "s.tsv")
    assert "no copy is annotated" in caplog.text
    assert not (files / "s.vcf").exists()


@pytest.mark.parametrize("option", [("--genetic-code", "4"), ("--topology", "circular")])
def test_what_a_prepared_genome_settles_itself_is_refused_as_an_option(files, monkeypatch, option):
    monkeypatch.chdir(files)
    (files / "prepared").mkdir()
    (files / "prepared" / "contigs.parquet").touch()
    done = CliRunner().invoke(app, ["score", "v.vcf", "--genome", "prepared", "--model", "sh2:nano", *option])
    assert f"has its own; need a sequence file with {option[0]}" in " ".join(str(done.exception).split())


def test_an_option_that_is_wrong_is_named_not_a_file_of_ours(files, monkeypatch):
    monkeypatch.chdir(files)
    done = CliRunner().invoke(app, ["score", "v.vcf", "--genome", "g.fa", "--model", "sh2:nano", "--topology", "oval"])
    assert "--genome g.fa" in str(done.exception)
    assert "genomes.tsv" not in str(done.exception)
    done = CliRunner().invoke(app, ["score", "v.vcf", "--genome", "g.fa", "--model", "sh2:nano", "--out", "."])
    assert "need the name of a table, got a folder" in str(done.exception)


def test_words_of_the_chain_by_hand():
    words, following = _words(encode("AAAAACNAAAAAG"))
    assert words.tolist() == [0, 0]  # AAAAA before C and before G; nothing across N
    assert following.tolist() == [1, 2]


def test_what_is_no_genome_or_dictionary_is_said(tmp_path):
    with pytest.raises(InputError, match=r"--genome: need a FASTA.*got 'nowhere'"), opened_genome("nowhere"):
        pass
    with pytest.raises(InputError, match="--sae: need a dictionary"):
        dictionary_of(str(tmp_path), "sh2:nano")
    assert dictionary_of(None, "sh2:nano") is None
