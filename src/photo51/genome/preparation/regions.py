"""Regions of a genome: what the user asks to have scored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.genome.formats.bed import read_bed
from photo51.genome.preparation.samples import is_bed, resolve
from photo51.types import InputError

_PLACE = re.compile(r"(?P<chrom>\S+):(?P<start>\d[\d,]*)-(?P<end>\d[\d,]*)")


def parse_regions(
    text: str, lengths: Mapping[str, int], option: str = "regions", folder: Path | str = "."
) -> dict[str, NDArray[np.int64]]:
    """Regions of each contig.

    Parameters
    ----------
    text
        `all`; or BED files, contigs, and places `chrom:start-end` (1-based, both ends included; commas as in 1,000 are
        ignored), parted by `;`.
    lengths
        Contig → bases.
    option
        What to name in messages.
    folder
        Where BED files are looked for besides the working directory.

    Returns
    -------
    Contig → (n, 2) half-open, 0-based, in the order given; contigs without a region are left out.

    Raises
    ------
    InputError
        For an unknown contig, a region outside its contig, a file that is absent, a text that is no place.
    """
    intervals: dict[str, list[tuple[int, int]]] = {}
    for item in filter(None, (t.strip() for t in text.split(";"))):
        for chrom, start, end, location in _items(item, lengths, option, Path(folder)):
            if chrom not in lengths:
                examples = ", ".join(list(lengths)[:5])
                raise InputError(f"{location}: need a contig of the genome ({examples}), got {chrom!r}")
            check_within(chrom, start, end, lengths[chrom], location)
            intervals.setdefault(chrom, []).append((start, end))
    if not intervals:
        raise InputError(f"{option}: need at least one region, got {text!r}")
    return {chrom: np.array(rows, dtype=np.int64) for chrom, rows in intervals.items()}


def check_within(chrom: str, start: int, end: int, length: int, location: str) -> None:
    """Refuse an interval (0-based, half-open) that is empty or leaves its contig.

    Raises
    ------
    InputError
        Naming `location`, in 1-based places.
    """
    if not 0 <= start < end <= length:
        raise InputError(f"{location}: need a region within {chrom}:1-{length:,}, got {chrom}:{start + 1:,}-{end:,}")


def _items(item: str, lengths: Mapping[str, int], option: str, folder: Path) -> list[tuple[str, int, int, str]]:
    if item == "all":
        return [(chrom, 0, n, option) for chrom, n in lengths.items()]
    if is_bed(item):
        features = read_bed(resolve(item, folder, option, "regions"), "region")
        return [(f.chrom, p.start, p.end, f.where) for f in features for p in f.parts]
    if item in lengths:
        return [(item, 0, lengths[item], option)]
    place = _PLACE.fullmatch(item)
    if not place:
        raise InputError(f"{option}: need all, a BED file, a contig or chrom:start-end, got {item!r}")
    start, end = (int(place[key].replace(",", "")) for key in ("start", "end"))
    return [(place["chrom"], start - 1, end, option)]
