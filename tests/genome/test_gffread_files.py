"""Coding sequences of the files of tools and cases beside those that gffread (Debian) writes, transcript by transcript."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from Bio.Seq import Seq
from Bio.SeqIO.FastaIO import SimpleFastaParser

from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.preparation.samples import read_genomes
from photo51.genome.preparation.sources import read_contigs

HERE = Path(__file__).parent
# what gffread reads otherwise: beginning of a folder's name → why
DIFFERS = {
    "origin_": "it knows no circles",
    "gff3_gene_over_origin": "it knows no circles",
    "rps12": "it knows no trans-splicing",
    "gff3_trans_spliced": "it knows no trans-splicing",
    "spliced_across_contigs": "it knows no trans-splicing",
    "polycistronic": "it joins the coding sequences of all genes of a transcript",
    "geneious_gff": "it makes a transcript of each CDS line without ID",
    "prokka_addmrna": "it makes a transcript of each parent of a CDS, gene and mRNA",
    "rast_gff3": "it believes a phase column that holds the frame of the contig",
    "gff3_pseudogene_by_attribute": "it translates broken genes",
    "pgap_refseq": "it translates broken genes",
    "sgd": "it translates broken genes",
}


def _folders():
    for d in sorted([*(HERE / "tool_files").iterdir(), *(HERE / "cases").iterdir()]):
        fastas, files = list(d.glob("*.fa")), [p for k in ("gff", "gff3", "gtf") for p in d.glob(f"*.{k}")]
        if len(fastas) != 1 or len(files) != 1:
            continue
        if (d / "expected.json").is_file():
            yield d, fastas[0], files[0], json.loads((d / "expected.json").read_text())["columns"]
            continue
        spec = json.loads((d / "case.json").read_text())
        expect = spec["expect"]
        table = [line.split("\t") for line in (d / spec["table"]).read_text().splitlines()]
        row = dict(zip(*table[:2], strict=True))
        if "either" not in expect and not expect.get("exit") and row["annotation"] == files[0].name:
            rest = {k: v for k, v in row.items() if k in {"genetic_code", "topology"}}
            yield d, fastas[0], files[0], rest


def _theirs(fasta, annotation, folder):
    shutil.copy(fasta, folder / "g.fa")
    subprocess.run(
        ["gffread", "-x", str(folder / "x.fa"), "-g", str(folder / "g.fa"), str(annotation)],
        check=False, capture_output=True,
    )  # fmt: skip
    if not (folder / "x.fa").is_file():
        return []
    with (folder / "x.fa").open() as text:
        return [letters.upper() for _, letters in SimpleFastaParser(text)]


def _ours(fasta, annotation, columns, folder):
    row = {"genome": "g", "sequence": str(fasta), "annotation": str(annotation), **columns}
    (folder / "genomes.tsv").write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    contigs = list(read_contigs(read_genomes(folder / "genomes.tsv")[0], ReadingAccount("g")))
    letters = {c.record.name: c.record.ids.tobytes().decode() for c in contigs}
    out = []
    for contig in contigs:
        for t in contig.transcripts:
            if t.cds and t.biotype != "pseudogene":
                pieces = [(Seq(letters[p.chrom or contig.record.name][p.start : p.end]), p.strand) for p in t.cds]
                text = "".join(str(s.reverse_complement() if strand == "-" else s) for s, strand in pieces)
                out.append(text[t.cds[0].frame :])
    return Counter(out)


@pytest.mark.skipif(shutil.which("gffread") is None, reason="needs gffread (Debian package gffread)")
def test_what_gffread_writes_is_read_here_or_the_difference_is_explained(tmp_path):
    """gffread may begin up to two bases before the first codon; what it cannot read at all is not compared."""
    equal, differing = 0, []
    for d, fasta, annotation, columns in _folders():
        folder = tmp_path / d.name
        folder.mkdir()
        ours = _ours(fasta, annotation, columns, folder)
        for text in _theirs(fasta, annotation, folder):
            mine = next((m for m in ours if ours[m] and text.endswith(m) and len(text) - len(m) < 3), None)
            if mine is None:
                differing.append(d.name)
            else:
                ours[mine] -= 1
                equal += 1
    assert equal > 150
    unexplained = [name for name in differing if not name.startswith(tuple(DIFFERS))]
    assert unexplained == []
    # no reason stands here that is not needed
    assert [start for start in DIFFERS if not any(name.startswith(start) for name in differing)] == []
