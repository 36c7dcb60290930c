"""Gene tables of UCSC: genePred, genePredExt (refGene, ncbiRefSeq, knownGene with or without its column bin) and
refFlat.

One line a transcript: exons as lists of starts and ends, the coding part from `cdsStart` to `cdsEnd` (equal where
nothing is coded), coordinates 0-based half-open. The extended form adds score, gene name, whether either end of the
CDS is complete, and the frame of each exon: the codon base at which its coding bases begin.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.gff import Annotation
from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-"}
_FEWEST = 10
_EXTENDED = 15


class GenePredLine(NamedTuple):
    """A transcript: what its table calls it and its gene, where it lies, exons, coding bounds, frames, complete
    ends.
    """

    name: str
    gene: str
    chrom: str
    strand: Strand
    exons: list[tuple[int, int]]
    coding: tuple[int, int]
    frames: list[int]
    incomplete: tuple[bool, bool]


def is_gene_pred(path: Path | str) -> bool:
    """Whether the first line of a file is one of a gene table of UCSC."""
    for _, line in data_lines(path):
        fields = line.split("\t")
        return _first(fields) is not None
    return False


def read_gene_pred(path: Path | str) -> Annotation:
    """Transcripts of a gene table of UCSC.

    Raises
    ------
    InputError
        Naming file and line.
    """
    assembler, records = Assembler(), 0
    for number, line in data_lines(path):
        location = f"{path}, line {number}"
        row = _line(line.split("\t"), location)
        records += 1
        start, end = row.exons[0][0], row.exons[-1][1]
        attributes = {"gene_name": row.gene} if row.gene else {}
        for side, is_open in zip(("partial_5", "partial_3"), row.incomplete, strict=True):
            if is_open:
                attributes[side] = "true"
        whole = Part(start, end, row.strand)
        record = Feature(row.chrom, "transcript", (whole,), row.name, row.name, (), attributes, where=location)
        gene = row.gene or row.name
        key = (row.chrom, gene)
        # one name at several places, as tables of alignments have it, is as many transcripts
        own_key = (*key, row.name, start)
        assembler.gene(key, name=gene)
        assembler.transcript(key, own_key, replace(record, attributes={**attributes, "is_ordered": ""}), row.name)
        for (s, e), frame in zip(row.exons, row.frames, strict=True):
            assembler.piece(key, own_key, "exon", replace(record, parts=(Part(s, e, row.strand),)))
            first, last = max(s, row.coding[0]), min(e, row.coding[1])
            if first < last:
                skip = -1 if frame < 0 else -frame % 3
                part = Part(first, last, row.strand, skip)
                assembler.piece(key, own_key, "CDS", replace(record, parts=(part,)))
    if not records:
        raise InputError(f"{path}: need a gene table of UCSC, got no lines")
    return Annotation(assembler.finish(), records)


def _first(fields: list[str]) -> int | None:
    """Column of the transcript's name: 0, or 1 behind a bin or a gene name (refFlat); None in other files."""
    for i in (0, 1):
        columns = fields[i:]
        if len(columns) >= _FEWEST and columns[2] in _STRANDS and all(f.isdigit() for f in columns[3:8]):
            return i
    return None


def _line(fields: list[str], location: str) -> GenePredLine:
    first = _first(fields)
    if first is None:
        raise InputError(
            f"{location}: need a line of UCSC's genePred (name, chrom, strand, txStart, txEnd, cdsStart, cdsEnd,"
            f" exonCount, exonStarts, exonEnds), with or without a column bin or gene name before, got {len(fields)}"
            " columns"
        )
    before, columns = fields[:first], fields[first:]
    n = whole_number(columns[7], location, "exonCount", 1)
    starts, ends = (_numbers(columns[i], n, location, what) for i, what in ((8, "exonStarts"), (9, "exonEnds")))
    exons = list(zip(starts, ends, strict=True))
    if any(s >= e for s, e in exons) or any(a[1] > b[0] for a, b in pairwise(exons)):
        raise InputError(f"{location}: need rising exons, got starts {columns[8][:40]!r} and ends {columns[9][:40]!r}")
    extended = len(columns) >= _EXTENDED
    gene = columns[11] if extended else before[0] if before and not before[0].isdigit() else ""
    frames = columns[14].strip(",").split(",") if extended else []
    if len(frames) != n or not set(frames) <= {"-1", "0", "1", "2"}:
        frames = ["-1"] * n
    left, right = (columns[i] == "incmpl" if extended else False for i in (12, 13))
    strand = _STRANDS[columns[2]]
    return GenePredLine(
        columns[0],
        "" if gene in {".", "none", "n/a"} else gene,
        columns[1],
        strand,
        exons,
        (whole_number(columns[5], location, "cdsStart"), whole_number(columns[6], location, "cdsEnd")),
        list(map(int, frames)),
        (right, left) if strand == "-" else (left, right),
    )


def _numbers(text: str, n: int, location: str, what: str) -> list[int]:
    numbers = [whole_number(x.strip(), location, what) for x in text.strip(",").split(",")]
    if len(numbers) != n:
        raise InputError(f"{location}, {what}: need {n} numbers as exonCount says, got {len(numbers)}")
    return numbers
