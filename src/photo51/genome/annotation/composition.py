"""Annotation classes that the sequence itself gives: homopolymers, GC classes, soft mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes, runs
from photo51.genome.annotation.rules import Row
from photo51.types import Strand

_LETTERS = "ACGT"


def homopolymer_rows(ids: NDArray[np.uint8], min_run: int) -> list[Row]:
    """Runs of one base, under the letter that each strand reads: a run of T is a run of A to strand `-`."""
    code = codes(ids)
    edges = np.flatnonzero(np.diff(code, prepend=255, append=255))
    starts, ends = edges[:-1], edges[1:]
    long = (ends - starts >= min_run) & (code[starts] < 4)
    rows = []
    for start, end, c in zip(starts[long].tolist(), ends[long].tolist(), code[starts[long]].tolist(), strict=True):
        strands: tuple[tuple[Strand, int], ...] = (("+", c), ("-", 3 - c))
        for strand, read in strands:
            kind = f"homopolymer_{_LETTERS[read]}"
            rows.append(
                Row(
                    start,
                    end,
                    strand,
                    kind,
                    group=f"run_{start}",
                    score=float(end - start),
                    source=f"rule: at least {min_run}",
                )
            )
    return rows


def soft_mask_rows(soft_masked: NDArray[np.int64]) -> list[Row]:
    """Lower-case segments of the sequence file."""
    return [
        Row(start, end, ".", "soft_mask", group=f"soft_mask_{start}", source="lower case")
        for start, end in soft_masked.tolist()
    ]


class Tiles(NamedTuple):
    """GC content in tiles of a contig: `content` (n,), NaN where less than half a tile is known; `size` bases;
    `length`.
    """

    content: NDArray[np.float64]
    size: int
    length: int


def gc_tiles(ids: NDArray[np.uint8], size: int) -> Tiles:
    """GC content of consecutive tiles; the last one is shorter."""
    code = codes(ids)
    starts = np.arange(0, len(ids), size)
    n_known = np.add.reduceat((code < 4).astype(np.int64), starts)
    gc = np.add.reduceat(((code == 1) | (code == 2)).astype(np.int64), starts)
    content = np.full(len(starts), np.nan)
    enough = n_known * 2 >= size
    content[enough] = gc[enough] / n_known[enough]
    return Tiles(content, size, len(ids))


def gc_thresholds(tiles: list[Tiles], quantile: float) -> tuple[float, float]:
    """GC content below which a tile of the genome is gc_low and above which it is gc_high; NaN where no tile is
    known.
    """
    content = np.concatenate([t.content for t in tiles])
    content = content[~np.isnan(content)]
    if not len(content):
        return np.nan, np.nan
    low, high = np.quantile(content, [quantile, 1 - quantile])
    return float(low), float(high)


def gc_class_rows(tiles: Tiles, low: float, high: float) -> list[Row]:
    """Tiles below `low` and above `high`; neighbours of one class are one interval."""
    rows = []
    for kind, mask in (("gc_low", tiles.content < low), ("gc_high", tiles.content > high)):
        for first, last in runs(mask):
            start, end = int(first * tiles.size), int(min(last * tiles.size, tiles.length))
            score = float(tiles.content[first:last].mean())
            rows.append(
                Row(
                    start,
                    end,
                    ".",
                    kind,
                    group=f"{kind}_{start}",
                    score=score,
                    source=f"rule: tiles of {tiles.size}",
                )
            )
    return rows
