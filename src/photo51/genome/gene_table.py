"""Tables of genes: one line a gene, tab-separated, with a header.

| column | meaning |
|---|---|
| `start`, `end` | first and last base, 1-based, both included |
| `strand` | `+` or `-` |
| `gene` | symbol |
| `biotype` | `protein_coding`, or any that ends in `tRNA`, `rRNA`, `ncRNA`, or `pseudogene` |
| `chrom` | contig; may be left out where the genome has one contig |
| `locus_tag`, `product` | optional |

A protein-coding gene is one CDS from its first to its last base.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from photo51.genome.features import Feature, Part
from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-"}
NEEDED = ("start", "end", "strand", "gene", "biotype")


def read_gene_table(path: Path | str, contigs: Sequence[str]) -> list[Feature]:
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
    features: list[Feature] = []
    header: list[str] = []
    for number, line in data_lines(path):
        fields = next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE))
        at = f"{path}, line {number}"
        if not header:
            header = fields
            if missing := [c for c in NEEDED if c not in header]:
                raise InputError(f"{at}: need columns {', '.join(NEEDED)}, got none of {', '.join(missing)}")
            if "chrom" not in header and len(contigs) != 1:
                raise InputError(
                    f"{at}: need a column 'chrom' as the genome has {len(contigs)} contigs, got none"
                )
            continue
        if len(fields) != len(header):
            raise InputError(f"{at}: need {len(header)} columns as in the header, got {len(fields)}")
        features += _genes(dict(zip(header, fields, strict=True)), contigs, at)
    if not header:
        raise InputError(f"{path}: need a table of genes with a header, got no lines")
    return features


def _genes(row: dict[str, str], contigs: Sequence[str], at: str) -> list[Feature]:
    start, end = (whole_number(row[c], at, f"column {c!r}", 1) for c in ("start", "end"))
    strand, biotype = row["strand"], row["biotype"]
    if start > end:
        raise InputError(f"{at}: need start <= end, got {start} and {end}")
    if strand not in _STRANDS:
        raise InputError(f"{at}, column 'strand': need + or -, got {strand!r}")
    kind = _type(biotype)
    if kind is None:
        raise InputError(
            f"{at}, column 'biotype': need protein_coding, …tRNA, …rRNA, …ncRNA or pseudogene, got {biotype!r}"
        )
    part = Part(start - 1, end, _STRANDS[strand])
    chrom = row["chrom"] if "chrom" in row else contigs[0]
    tag = row.get("locus_tag") or row["gene"]

    def feature(kind: str, frame: int = -1) -> Feature:
        return Feature(
            chrom=chrom,
            type=kind,
            parts=(part._replace(frame=frame),),
            name=row["gene"],
            group=f"{kind}-{tag}",
            attributes={"product": row.get("product", ""), "locus_tag": tag},
            where=at,
        )

    if kind == "pseudogene":
        return [feature("pseudogene")]
    return [feature("gene"), feature(kind, 0 if kind == "CDS" else -1)]


def _type(biotype: str) -> str | None:
    if biotype == "protein_coding":
        return "CDS"
    return next((k for k in ("tRNA", "rRNA", "ncRNA", "pseudogene") if biotype.endswith(k)), None)
