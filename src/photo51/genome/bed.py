"""BED of 3 to 12 columns; coordinates are 0-based half-open already."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from photo51.genome.features import Feature, Part
from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-", ".": "."}


def read_bed(path: Path | str, kind: str) -> list[Feature]:
    """Intervals of a BED file.

    Parameters
    ----------
    path
        Plain, gzip or bgzip; columns parted by tabs (by spaces where a line has no tab). `track` and `browser` lines are
        left out; blocks of a BED12 line become the parts of one feature.
    kind
        Class of every interval; `*` takes it from the name column, `class` or `class:name`.

    Raises
    ------
    InputError
        Naming file and line.
    """
    features = []
    for number, line in data_lines(path):
        if line.split(maxsplit=1)[0] in {"track", "browser"}:
            continue
        features.append(_feature(line, kind, f"{path}, line {number}", number))
    return features


def _feature(line: str, kind: str, at: str, number: int) -> Feature:
    fields = [f.strip() for f in line.split("\t")] if "\t" in line else line.split()
    if not 3 <= len(fields) <= 12:
        raise InputError(f"{at}: need 3 to 12 columns, got {len(fields)}")
    start, end = whole_number(fields[1], at, "start"), whole_number(fields[2], at, "end")
    if not fields[0] or start >= end:
        raise InputError(f"{at}: need a contig and start < end, got {fields[0]!r} {start} {end}")
    name = fields[3] if len(fields) > 3 and fields[3] != "." else ""
    if kind == "*":
        kind, _, name = name.partition(":")
        if not kind:
            raise InputError(f"{at}: need a class in the name column (class or class:name), got none")
    strand = fields[5] if len(fields) > 5 else "."
    if strand not in _STRANDS:
        raise InputError(f"{at}: need a strand of + - or ., got {strand!r}")
    parts = tuple(Part(s, e, _STRANDS[strand]) for s, e in _blocks(fields, start, end, at))
    return Feature(
        chrom=fields[0],
        type=kind,
        parts=parts[::-1] if strand == "-" else parts,
        name=name,
        group=f"{kind}_{number}",
        score=_score(fields, at),
        where=at,
    )


def _score(fields: list[str], at: str) -> float:
    if len(fields) < 5 or fields[4] == ".":
        return float("nan")
    try:
        return float(fields[4])
    except ValueError as e:
        raise InputError(f"{at}: need a score that is a number or ., got {fields[4]!r}") from e


def _blocks(fields: list[str], start: int, end: int, at: str) -> list[tuple[int, int]]:
    if len(fields) < 12:
        return [(start, end)]
    n = whole_number(fields[9], at, "blockCount")
    sizes, starts = (
        [whole_number(x, at, c) for x in f.strip(",").split(",")]
        for c, f in (("blockSizes", fields[10]), ("blockStarts", fields[11]))
    )
    blocks = [(start + s, start + s + size) for s, size in zip(starts, sizes, strict=False)]
    rising = all(a[1] <= b[0] for a, b in pairwise(blocks))
    if not (n == len(sizes) == len(starts) and rising and all(s < e <= end for s, e in blocks)):
        raise InputError(
            f"{at}: need {n} rising blocks inside {start}-{end}, got sizes {fields[10]!r} and starts {fields[11]!r}"
        )
    return blocks
