"""The axis on which everything after the model is counted: the scored bases, and only those.

A workspace is an ordered list of segments of contigs. Its rows are bases of the forward strand; both reading
directions share the axis, so row i of the codes of strand `-` is what the model says at that base when it reads the
other strand. Segments of one block are concatenated: a block is what the rotation null turns, and lies wholly in one
split.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.io import read_table
from photo51.io.contracts.genome import WORKSPACE
from photo51.types import InputError


class Positions(NamedTuple):
    """Where rows lie: segment index, block, and 0-based position on the contig, one entry a row."""

    segment: NDArray[np.int64]
    block: NDArray[np.int64]
    position: NDArray[np.int64]


class ScoredInterval(NamedTuple):
    """A row of the workspace table."""

    genome: str
    chrom: str
    start: int
    end: int
    block: int
    split: str
    offset: int


class Workspace:
    """Scored bases of a run, as rows.

    Parameters
    ----------
    table
        Segments in row order (contract `WORKSPACE`); `offset` may be left out and is then computed.

    Raises
    ------
    InputError
        Where segments overlap, blocks are torn apart, or offsets do not follow from lengths.
    """

    def __init__(self, table: pd.DataFrame):
        table = table.reset_index(drop=True).copy()
        lengths = (table["end"] - table["start"]).to_numpy(dtype=np.int64)
        # one more: the end
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        if "offset" in table.columns and not np.array_equal(table["offset"].to_numpy(), offsets[:-1]):
            raise InputError("workspace: need offsets that follow from the lengths of the segments, got others")
        table["offset"] = offsets[:-1]
        self.table = WORKSPACE.check(table)
        self.n_rows = int(offsets[-1])
        self._offsets = offsets
        self._check()
        # a block begins where the number changes; segments of a block lie together (checked above)
        starts = np.flatnonzero(self.table["block"].ne(self.table["block"].shift()).to_numpy())
        self.block_ids: NDArray[np.int64] = self.table["block"].to_numpy()[starts]
        self.block_bounds: NDArray[np.int64] = np.append(offsets[:-1][starts], offsets[-1])
        self.block_splits: list[str] = list(self.table["split"].iloc[starts])

    def _check(self) -> None:
        t = self.table
        if (t["end"] <= t["start"]).any():
            raise InputError("workspace: need segments of at least one base")
        if t["block"].ne(t["block"].shift()).sum() != t["block"].nunique():
            raise InputError("workspace: need the segments of a block next to each other")
        if (t.groupby("block")[["genome", "chrom", "split"]].nunique() > 1).any().any():
            raise InputError("workspace: need each block on one contig and in one split")
        placed = t.sort_values(["genome", "chrom", "start"])
        same = placed[["genome", "chrom"]].eq(placed[["genome", "chrom"]].shift()).all(axis=1)
        if (same & (placed["start"] < placed["end"].shift())).any():
            raise InputError("workspace: need segments that do not overlap")

    @classmethod
    def read(cls, path: Path | str) -> Workspace:
        """Read `workspace.parquet`."""
        return cls(read_table(path, WORKSPACE))

    def segments(self) -> list[ScoredInterval]:
        """Segments in row order."""
        columns = [self.table[name].tolist() for name in ScoredInterval._fields]
        return [ScoredInterval(*row) for row in zip(*columns, strict=True)]

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.block_ids)

    def block_rows(self) -> list[slice]:
        """Rows of each block, in row order."""
        return [slice(int(a), int(b)) for a, b in zip(self.block_bounds[:-1], self.block_bounds[1:], strict=True)]

    def split_mask(self, *splits: str) -> NDArray[np.bool_]:
        """Which rows lie in blocks of the given splits, (n_rows,)."""
        mask = np.zeros(self.n_rows, dtype=bool)
        for rows, split in zip(self.block_rows(), self.block_splits, strict=True):
            mask[rows] = split in splits
        return mask

    def locate(self, rows: NDArray[np.integer]) -> Positions:
        """Contig positions of rows."""
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < self.n_rows):
            raise IndexError(f"rows: need 0 <= row < {self.n_rows}, got {rows.min()}..{rows.max()}")
        segment = np.searchsorted(self._offsets, rows, side="right") - 1
        position = self.table["start"].to_numpy()[segment] + rows - self._offsets[segment]
        return Positions(segment, self.table["block"].to_numpy()[segment], position)

    def rows_of(self, genome: str, chrom: str, start: int, end: int) -> list[slice]:
        """Rows of the scored bases of `[start, end)`, one slice a segment; empty where nothing was scored."""
        t = self.table
        hit = t[(t["genome"] == genome) & (t["chrom"] == chrom) & (t["start"] < end) & (t["end"] > start)]
        return [
            slice(int(o + max(start, s) - s), int(o + min(end, e) - s))
            for s, e, o in zip(hit["start"], hit["end"], hit["offset"], strict=True)
        ]

    def clip(self, intervals: pd.DataFrame) -> pd.DataFrame:
        """Intervals (genome, chrom, start, end, …) cut to the workspace, in rows.

        Returns
        -------
        One row per (interval, segment) overlap with `interval` (index into `intervals`), `row_start`, `row_end`.
        """
        parts = [np.zeros((0, 3), dtype=np.int64)]
        genome, chrom = intervals["genome"].to_numpy(), intervals["chrom"].to_numpy()
        starts, ends = (intervals[c].to_numpy(dtype=np.int64) for c in ("start", "end"))
        for (g, c), segments in self.table.groupby(["genome", "chrom"], sort=False):
            inside = np.flatnonzero((genome == g) & (chrom == c) & (ends > starts))
            segments = segments.sort_values("start")  # noqa: PLW2901
            s, e, o = (segments[name].to_numpy(dtype=np.int64) for name in ("start", "end", "offset"))
            # first segment that ends after an interval's start; up to the first that starts at its end or later
            first = np.searchsorted(e, starts[inside], side="right")
            n = np.maximum(np.searchsorted(s, ends[inside], side="left") - first, 0)
            interval = np.repeat(inside, n)
            # running numbers of the pieces of all intervals: first + 0, 1, … within each
            pieces = np.arange(n.sum()) + np.repeat(first - np.cumsum(n) + n, n)
            low, high = np.maximum(starts[interval], s[pieces]), np.minimum(ends[interval], e[pieces])
            parts.append(np.stack([interval, o[pieces] + low - s[pieces], o[pieces] + high - s[pieces]], axis=1))
        rows = np.concatenate(parts)
        table = pd.DataFrame(rows, columns=["interval", "row_start", "row_end"])
        return table.sort_values(["row_start", "row_end", "interval"], ignore_index=True)

    def mask(self, intervals: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows lie in any of the intervals, (n_rows,)."""
        clipped = self.clip(intervals)
        # +1 at starts, −1 at ends: the running sum counts intervals over a row
        edges = np.zeros(self.n_rows + 1, dtype=np.int32)
        np.add.at(edges, clipped["row_start"].to_numpy(), 1)
        np.add.at(edges, clipped["row_end"].to_numpy(), -1)
        return np.cumsum(edges[:-1]) > 0

    def subset(self, blocks: NDArray[np.integer]) -> tuple[Workspace, NDArray[np.int64]]:
        """The workspace of some blocks alone, and the rows of this one that it keeps."""
        keep = self.table["block"].isin(np.asarray(blocks)).to_numpy()
        ranges = zip(self._offsets[:-1][keep], self._offsets[1:][keep], strict=True)
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(np.arange(a, b) for a, b in ranges)])
        return Workspace(self.table[keep].drop(columns="offset")), rows.astype(np.int64)
