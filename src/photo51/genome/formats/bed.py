"""BED of 3 columns or more; coordinates are 0-based half-open already.

The first three columns are those of every BED file. Columns 4 to 12 are BED's own as far as they hold what BED has
there: narrowPeak and files with columns of a tool's own (BED6+7) follow six columns of BED with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.gff import Annotation
from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-", ".": ".", "*": ".", "": "."}


def read_bed(path: Path | str, kind: str, left_out: list[tuple[str, str]] | None = None) -> list[Feature]:
    """Intervals of a BED file.

    Parameters
    ----------
    path
        Plain, gzip or bgzip; columns parted by tabs (by spaces where a line has no tab). `track` and `browser` lines
        are left out; blocks of a BED12 line become the parts of one feature.
    kind
        Class of every interval; `*` takes it from the name column, `class` or `class:name`.
    left_out
        Takes lines of length zero, a site between two bases, with the reason; None refuses them.

    Raises
    ------
    InputError
        Naming file and line.
    """
    features = []
    for number, fields, location in _rows(path):
        start, end = _place(fields, location)
        if start == end:
            reason = "interval of length zero, a site between two bases, which has no bases of its own"
            if left_out is None:
                raise InputError(
                    f"{location}: need a contig and start < end, got {fields[0]!r} {start} {end}: {reason}"
                )
            left_out.append((reason, location))
            continue
        features.append(_feature(fields, kind, location, number))
    return features


def read_bed_genes(path: Path | str) -> Annotation:
    """Transcripts of a BED12 file, as UCSC writes gene tables: blocks are exons, the thick part is coding.

    Eight columns more are those of bigGenePred (gene, ends, exon frames, type, gene names). A CDS begins in frame 0
    where there are no exon frames, and has its stop codon.

    Raises
    ------
    InputError
        Naming file and line.
    """
    assembler = Assembler()
    records = 0
    for number, fields, location in _rows(path):
        if not is_gene_row(fields):
            raise InputError(f"{location}: need 12 columns of BED as in the lines before, got {len(fields)}")
        start, end = _place(fields, location)
        records += 1
        exons = _blocks(fields, start, end, location)
        thick = whole_number(fields[6], location, "thickStart"), whole_number(fields[7], location, "thickEnd")
        strand = _STRANDS[fields[5]]
        more = fields[12:20] if len(fields) >= 20 else []
        name = fields[3] if fields[3] != "." else f"transcript_{number}"
        gene = (more[5] or more[0]) if more else ""
        attributes = {"gene_name": gene} if gene not in {"", "none", "."} else {}
        record = Feature(
            fields[0],
            "transcript",
            (Part(start, end, strand),),
            name,
            name,
            (),
            attributes,
            _score(fields, location),
            location,
        )
        key = (fields[0], gene or name)
        assembler.gene(key, name=gene or name)
        assembler.transcript(
            key, (*key, name, start), replace(record, attributes={**attributes, "is_ordered": ""}), name
        )
        frames = _exon_frames(more[3] if more else "", len(exons))
        for (s, e), frame in zip(exons, frames, strict=True):
            assembler.piece(key, (*key, name, start), "exon", replace(record, parts=(Part(s, e, strand),)))
            coding = max(s, thick[0]), min(e, thick[1])
            if coding[0] < coding[1]:
                # exonFrames say at which base of a codon an exon's coding bases begin, frames how many to skip
                skip = -1 if frame < 0 else -frame % 3
                part = Part(*coding, strand, skip)
                assembler.piece(key, (*key, name, start), "CDS", replace(record, parts=(part,), group=name))
    return Annotation(assembler.finish(), records)


def is_gene_row(fields: list[str]) -> bool:
    """Whether a line has the twelve columns of BED, a thick part in the block range among them."""
    if len(fields) < 12 or not all(f.isdigit() for f in (fields[1], fields[2], fields[6], fields[7], fields[9])):
        return False
    lists = all(x.strip().isdigit() for f in fields[10:12] for x in f.strip(",").split(","))
    return lists and fields[5] in _STRANDS and int(fields[1]) <= int(fields[6]) <= int(fields[7]) <= int(fields[2])


def holds_genes(path: Path | str) -> bool:
    """Whether the first line of a BED file is one of BED12."""
    return next((is_gene_row(fields) for _, fields, _ in _rows(path)), False)


def _exon_frames(text: str, n: int) -> list[int]:
    frames = [f.strip() for f in text.strip(",").split(",")] if text else []
    return (
        [int(f) for f in frames] if len(frames) == n and all(f in {"-1", "0", "1", "2"} for f in frames) else [-1] * n
    )


def _rows(path: Path | str) -> Iterator[tuple[int, list[str], str]]:
    for number, line in data_lines(path):
        if line.split(maxsplit=1)[0] in {"track", "browser"}:
            continue
        fields = [f.strip() for f in line.split("\t")] if "\t" in line else line.split()
        location = f"{path}, line {number}"
        if len(fields) < 3:
            raise InputError(f"{location}: need 3 columns or more, got {len(fields)}")
        yield number, fields, location


def _place(fields: list[str], location: str) -> tuple[int, int]:
    if not (fields[1].lstrip("-").isdigit() or fields[2].lstrip("-").isdigit()):
        raise InputError(
            f"{location}, start: need a whole number of at least 0, got {fields[1]!r}; a line of column names has to"
            " begin with #"
        )
    start, end = whole_number(fields[1], location, "start"), whole_number(fields[2], location, "end")
    if not fields[0] or start > end:
        raise InputError(f"{location}: need a contig and start < end, got {fields[0]!r} {start} {end}")
    return start, end


def _feature(fields: list[str], kind: str, location: str, number: int) -> Feature:
    start, end = _place(fields, location)
    name = fields[3] if len(fields) > 3 and fields[3] != "." else ""
    if kind == "*":
        kind, _, name = name.partition(":")
        if not kind:
            raise InputError(f"{location}: need a class in the name column (class or class:name), got none")
    strand = fields[5] if len(fields) > 5 else "."
    if strand not in _STRANDS:
        raise InputError(f"{location}: need a strand of + - or ., got {strand!r}")
    parts = tuple(Part(s, e, _STRANDS[strand]) for s, e in _blocks(fields, start, end, location))
    return Feature(
        chrom=fields[0],
        type=kind,
        parts=parts[::-1] if strand == "-" else parts,
        name=name,
        group=f"{kind}_{number}",
        score=_score(fields, location),
        where=location,
    )


def _score(fields: list[str], location: str) -> float:
    if len(fields) < 5 or fields[4] == ".":
        return float("nan")
    try:
        return float(fields[4])
    except ValueError as e:
        raise InputError(f"{location}: need a score that is a number or ., got {fields[4]!r}") from e


def _blocks(fields: list[str], start: int, end: int, location: str) -> list[tuple[int, int]]:
    if len(fields) < 12 or not is_gene_row(fields):
        if len(fields) == 12 and _looks_like_blocks(fields):
            whole_number(fields[9], location, "blockCount")
        else:
            return [(start, end)]
    n = whole_number(fields[9], location, "blockCount")
    sizes, starts = (
        [whole_number(x, location, c) for x in f.strip(",").split(",")]
        for c, f in (("blockSizes", fields[10]), ("blockStarts", fields[11]))
    )
    blocks = [(start + s, start + s + size) for s, size in zip(starts, sizes, strict=False)]
    rising = all(a[1] <= b[0] for a, b in pairwise(blocks))
    if not (n == len(sizes) == len(starts) and rising and all(s < e <= end for s, e in blocks)):
        raise InputError(
            f"{location}: need {n} rising blocks inside {start}-{end}, got sizes {fields[10]!r} and starts"
            f" {fields[11]!r}"
        )
    return blocks


def _looks_like_blocks(fields: list[str]) -> bool:
    return "," in fields[10] and "," in fields[11]
