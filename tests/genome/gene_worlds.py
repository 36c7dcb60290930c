"""Small prepared genomes from letters and hand-written transcripts, without any reader of annotation files."""

from pathlib import Path

import pandas as pd
import pysam

from photo51.genome.axis.genomes import Genomes, contig_key
from photo51.io import provenance, write_table
from photo51.io.contracts.genome import ANNOTATIONS, CONTIGS, TRANSCRIPTS


def parts(transcript, pieces, **more):
    """Rows of a transcript: pieces are (kind, start, end, strand) in reading order, or with a contig before."""
    row = {
        "genome": "g", "chrom": "c", "transcript": transcript, "transcript_name": transcript, "gene": f"gene:{transcript}",
        "gene_name": transcript, "biotype": "protein_coding", "genetic_code": 11, "partial_5": False, "partial_3": False,
        "recoded": "", "where": "hand",
    } | {k: v for k, v in more.items() if k != "frame"}  # fmt: skip
    rows, n, read = [], {"exon": 0, "CDS": 0}, -more.get("frame", 0)
    for kind, start, end, strand in pieces:
        frame = -1 if kind == "exon" else -read % 3
        rows.append(
            {
                **row,
                "kind": kind,
                "start": start,
                "end": end,
                "strand": strand,
                "part": n[kind],
                "frame": frame,
            }
        )
        n[kind] += 1
        read += end - start if kind == "CDS" else 0
    return rows


def world(folder, contigs, rows, circular=(), annotations=None):
    """Prepared genomes of genome `g`; contigs is name → letters."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = provenance("prepare", {}, [])
    row = {
        "genome": "g",
        "genetic_code": 11,
        "n_ambiguous": 0,
        "n_soft_masked": 0,
        "sha256": "",
        "description": "",
    }
    table = pd.DataFrame([{**row, "chrom": c, "length": len(x), "circular": c in circular} for c, x in contigs.items()])
    write_table(table, folder / "contigs.parquet", CONTIGS, made)
    (folder / "sequences.fa").write_text("".join(f">{contig_key('g', c)}\n{x}\n" for c, x in contigs.items()))
    pysam.faidx(str(folder / "sequences.fa"))
    table = pd.DataFrame(rows)[list(TRANSCRIPTS.columns)] if rows else TRANSCRIPTS.empty()
    write_table(table, folder / "transcripts.parquet", TRANSCRIPTS, made)
    write_table(
        ANNOTATIONS.empty() if annotations is None else annotations,
        folder / "annotations.parquet",
        ANNOTATIONS,
        made,
    )
    return Genomes.open(folder)


def variants(*rows):
    """A table of variants (contig, 0-based position, reference, alternative); a letter is added before empty alleles by the caller."""
    return pd.DataFrame(
        [(c, p, r, a, f"{c}:{p + 1}:{r}>{a}", i) for i, (c, p, r, a) in enumerate(rows)],
        columns=["chrom", "pos", "ref", "alt", "id", "line"],
    )
