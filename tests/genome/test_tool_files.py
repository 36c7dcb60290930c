"""Annotation files as gene finders, databases and editors write them: each gene makes the protein that was planted for it.

A folder holds a sequence with planted coding sequences, its annotation in the words of one tool, and `expected.json`: gene →
protein (or the kind of its RNA), found by translating what was planted; null where any product will do.
"""

import json
from pathlib import Path

import pytest
from Bio.Seq import Seq

from photo51.config.genome import AnnotationParams
from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.preparation.annotate import contig_rows
from photo51.genome.preparation.samples import read_genomes
from photo51.genome.preparation.sources import read_contigs

FOLDERS = sorted(p.parent for p in (Path(__file__).parent / "tool_files").glob("*/expected.json"))


def read(folder, columns, tmp_path):
    """Contigs and account of a folder's genome."""
    sequence = next(p for p in folder.iterdir() if p.stem == "g")
    files = sorted(p for p in folder.iterdir() if p.stem == "a")
    row = {
        "genome": "g",
        "sequence": str(sequence),
        "annotation": ";".join(map(str, files)) or "-",
        **columns,
    }
    table = tmp_path / "genomes.tsv"
    table.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    reading = ReadingAccount("g")
    return list(read_contigs(read_genomes(table)[0], reading)), reading


def products(contigs):
    """(gene, protein or kind of RNA) of each transcript, translated by Biopython."""
    letters = {c.record.name: c.record.ids.tobytes().decode() for c in contigs}
    out = []
    for contig in contigs:
        for t in contig.transcripts:
            if not t.cds or t.biotype == "pseudogene":
                out.append((t.gene_name, t.biotype))
                continue
            pieces = [(Seq(letters[p.chrom or contig.record.name][p.start : p.end]), p.strand) for p in t.cds]
            text = "".join(str(s.reverse_complement() if strand == "-" else s) for s, strand in pieces)
            text = text[t.cds[0].frame :]
            whole = text[: len(text) // 3 * 3]
            out.append((t.gene_name, str(Seq(whole).translate(t.genetic_code or contig.genetic_code))))
    return sorted(out)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_each_gene_makes_what_was_planted(folder, tmp_path):
    expected = json.loads((folder / "expected.json").read_text())
    contigs, _ = read(folder, expected["columns"], tmp_path)
    anything = {gene for gene, product in expected["products"] if product is None}
    assert [(g, None if g in anything else p) for g, p in products(contigs)] == [
        (g, p) for g, p in expected["products"]
    ]


def test_a_transposable_element_gene_is_no_rna(tmp_path):
    folder = next(p for p in FOLDERS if p.name == "tair10")
    (contig,), _ = read(folder, {}, tmp_path)
    rows = contig_rows(contig, AnnotationParams())
    kinds = {r.kind for r in rows if (r.start, r.end) == (3000, 3300)}
    assert {"pseudogene", "mobile_element"} <= kinds
    assert not kinds & {"ncRNA", "gene"}
