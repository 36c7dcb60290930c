"""Tables of genes: one line a gene, tab-separated, with a header.

| column | meaning |
|---|---|
| `start`, `end` | first and last base, 1-based, both included |
| `strand` | `+` or `-` |
| `gene` | symbol |
| `biotype` | `protein_coding`, or any that ends in `tRNA`, `rRNA`, `ncRNA`, or `pseudogene` |
| `chrom` | contig; may be left out where the genome has one contig |
| `locus_tag`, `product`, `genetic_code` | optional |

A protein-coding gene is one CDS from its first to its last base.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.gff import Annotation
from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-"}
NEEDED = ("start", "end", "strand", "gene", "biotype")


def read_gene_table(path: Path | str, contigs: Sequence[str]) -> Annotation:
    """Genes of a table, each as its gene and what it codes for.

    Parameters
    ----------
    path
        Plain, gzip or bgzip.
    contigs
        Contigs of the genome, for a table without `chrom`.

    Raises
    ------
    InputError
        Naming file, line and column.
    """
    assembler = Assembler()
    records = 0
    header: list[str] = []
    for number, line in data_lines(path):
        fields = next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE))
        location = f"{path}, line {number}"
        if not header:
            header = fields
            if missing := [c for c in NEEDED if c not in header]:
                raise InputError(f"{location}: need columns {', '.join(NEEDED)}, got none of {', '.join(missing)}")
            if "chrom" not in header and len(contigs) != 1:
                raise InputError(
                    f"{location}: need a column 'chrom' as the genome has {len(contigs)} contigs, got none"
                )
            continue
        if len(fields) != len(header):
            raise InputError(f"{location}: need {len(header)} columns as in the header, got {len(fields)}")
        _add(assembler, dict(zip(header, fields, strict=True)), contigs, location)
        records += 1
    if not header:
        raise InputError(f"{path}: need a table of genes with a header, got no lines")
    return Annotation(assembler.finish(), records)


def _add(assembler: Assembler, row: dict[str, str], contigs: Sequence[str], location: str) -> None:
    start, end = (whole_number(row[c], location, f"column {c!r}", 1) for c in ("start", "end"))
    strand, biotype = row["strand"], row["biotype"]
    if start > end:
        raise InputError(f"{location}: need start <= end, got {start} and {end}")
    if strand not in _STRANDS:
        raise InputError(f"{location}, column 'strand': need + or -, got {strand!r}")
    kind = _type(biotype)
    if kind is None:
        raise InputError(
            f"{location}, column 'biotype': need protein_coding, …tRNA, …rRNA, …ncRNA or pseudogene, got {biotype!r}"
        )
    part = Part(start - 1, end, _STRANDS[strand])
    chrom = row["chrom"] if "chrom" in row else contigs[0]
    tag = row.get("locus_tag") or row["gene"]
    attributes = {"gene": row["gene"], "product": row.get("product", ""), "locus_tag": tag}
    if row.get("genetic_code"):
        attributes["transl_table"] = row["genetic_code"]
    record = Feature(chrom, kind, (part,), row["gene"], f"{kind}-{tag}", (), attributes, where=location)
    # a line is a gene, even where a name comes again
    key = (chrom, location)
    assembler.gene(key, replace(record, type="pseudogene" if kind == "pseudogene" else "gene"), tag)
    if kind == "CDS":
        assembler.transcript(key, (*key, "t"), name=tag)
        assembler.piece(key, (*key, "t"), "CDS", replace(record, parts=(part._replace(frame=0),)))
    else:
        assembler.transcript(key, (*key, "t"), record, tag)


def _type(biotype: str) -> str | None:
    if biotype == "protein_coding":
        return "CDS"
    return next((k for k in ("tRNA", "rRNA", "ncRNA", "pseudogene") if biotype.endswith(k)), None)
