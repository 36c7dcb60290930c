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
