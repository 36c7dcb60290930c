"""A genome known in pieces: records named by where they come from, put back into their places."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from photo51.genome.formats.fasta import Record
from photo51.types import InputError

_NAME = re.compile(r"(?P<chrom>\S+):(?P<start>\d+)-(?P<end>\d+)")

_LONGEST = 2**31 - 1  # longest contig that indexed FASTA, BAM and BED tools agree on


def assemble(pieces: Iterable[Record], file: str, length: int | None = None) -> list[Record]:
    """Put records named `chrom:start-end` (1-based, both included) on `chrom`; bases between them are N.

    Parameters
    ----------
    pieces
        Records of a FASTA file.
    file
        What to name in messages.
    length
        Bases of the whole chromosome, where there is one; default: the end of the last piece.

    Returns
    -------
    One record a chromosome, in order of first appearance.

    Raises
    ------
    InputError
        For a name that is no place, a place that is not as long as its sequence, overlapping pieces, and a length that
        does not hold them.
    """
    placed: dict[str, list[tuple[int, int, Record]]] = {}
    for piece in pieces:
        name = _NAME.fullmatch(piece.name)
        if not name:
            raise InputError(f"{file}, record {piece.name!r}: need a piece named chrom:start-end, got another name")
        start, end = int(name["start"]) - 1, int(name["end"])
        if start < 0 or end - start != len(piece.ids):
            raise InputError(
                f"{file}, record {piece.name!r}: need {end - start:,} bases as its name says, got {len(piece.ids):,}"
            )
        placed.setdefault(name["chrom"], []).append((start, end, piece))
    if length is not None and len(placed) != 1:
        raise InputError(
            f"{file}: need pieces of one chromosome where a length is stated, got {len(placed)} chromosomes"
        )
    return [_joined(chrom, sorted(rows, key=lambda r: r[:2]), file, length) for chrom, rows in placed.items()]


def _joined(chrom: str, rows: list[tuple[int, int, Record]], file: str, length: int | None) -> Record:
    last = max(end for _, end, _ in rows)
    if last > _LONGEST:
        raise InputError(f"{file}: need places up to base {_LONGEST:,}, got {chrom!r} up to {last:,}")
    if length is not None and length < last:
        raise InputError(f"{file}: need a length of at least {last:,} for {chrom!r}, got {length:,}")
    ids = np.full(length or last, ord("N"), dtype=np.uint8)
    masked = [np.zeros((0, 2), dtype=np.int64)]
    reached = 0
    for start, end, piece in rows:
        if start < reached:
            raise InputError(
                f"{file}, record {piece.name!r}: need pieces that do not overlap, got one before base {reached:,}"
            )
        ids[start:end] = piece.ids
        masked.append(piece.soft_masked + start)
        reached = end
    return Record(chrom, ids, np.concatenate(masked), f"{len(rows)} pieces")
