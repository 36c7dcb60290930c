"""What the model reads: windows whose cores cover every scored base exactly once on each strand.

    strand +    [ warm-up ][ core          ]            reads left to right, emits the core
    strand -               [ core          ][ warm-up ] reads right to left, emits the core from its right end

Both strands use the same cores, so that a shard holds the same rows of both. Warm-up is genome, inside the regions or
not, wrapping round circular contigs; it stops at the end of a linear contig and at long runs of ambiguous bases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from photo51.genome.axis.reading import ContigReading
from photo51.genome.axis.workspace import ScoredInterval, Workspace
from photo51.io.contracts.genome import WINDOWS
from photo51.types import STRANDS


def windows(
    workspace: Workspace, readings: Mapping[tuple[str, str], ContigReading], *, core: int, warmup: int, shard: int
) -> pd.DataFrame:
    """Tile a workspace.

    Parameters
    ----------
    workspace
        The scored bases.
    readings
        Where reading stops, for each (genome, chrom).
    core
        Most bases a window emits; segments are cut from their left end, so that only the last core of each is shorter.
    warmup
        Bases read before the core; fewer where reading starts there (`cold_start`).
    shard
        Aimed bases a shard; shards are consecutive rows and end at the ends of cores.

    Returns
    -------
    Windows in order of rows, strand `+` before `-` (contract `WINDOWS`).
    """
    rows: list[tuple] = []
    for s, start, end, part in core_intervals(workspace, core, shard):
        # row of the core's first base
        row = s.offset + start - s.start
        # context before on strand +, behind on strand −
        contexts = readings[s.genome, s.chrom].context(start, end)
        for strand, context in zip(STRANDS, contexts, strict=True):
            place = (len(rows), s.genome, s.chrom, start, end, strand)
            read = int(min(warmup, context))
            rows.append((*place, read, row, s.block, s.split, part, context < warmup))
    return WINDOWS.check(pd.DataFrame(rows, columns=list(WINDOWS.columns))) if rows else WINDOWS.empty()


def core_intervals(workspace: Workspace, core: int, shard: int) -> Iterator[tuple[ScoredInterval, int, int, int]]:
    """Cut segments into cores: (segment, start, end, shard); a shard is closed before the core that would overfill
    it.
    """
    part = filled = 0
    for s in workspace.segments():
        for start in range(s.start, s.end, core):
            end = min(start + core, s.end)
            # a shard holds one core at least
            if filled and filled + end - start > shard:
                part, filled = part + 1, 0
            filled += end - start
            yield s, start, end, part
