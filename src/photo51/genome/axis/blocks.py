"""Scored segments gathered into blocks, blocks dealt to splits: from regions to the workspace.

A block is what the rotation null turns and what a split takes whole. A long segment is cut into even blocks; short
ones are gathered with their neighbours on the contig until a block is half full, so that a set of loci has blocks
longer than its genes. Between neighbouring blocks of different splits a gap is left unscored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SPLITS = ("train", "select", "test")


def cut_blocks(
    segments: NDArray[np.int64],
    block: int,
    *,
    near: int = 1,
) -> list[NDArray[np.int64]]:
    """Gather the segments of one contig into blocks of about `block` bases.

    Parameters
    ----------
    segments
        (n, 2) half-open, in order, apart from each other.
    block
        Aimed length (bases).
    near
        Segments less than this apart (an ambiguous base, say) count as one (bases).

    Returns
    -------
    One (m, 2) array of segments a block. A segment of at least half a block is cut into `round(length /
    block)` nearly even blocks of its own; shorter ones gather until they reach half a block; what is left over joins
    the gathered block just before it.
    """
    blocks: list[NDArray[np.int64]] = []
    gathered: list[NDArray[np.int64]] = []
    joinable = False

    def close() -> None:
        nonlocal gathered, joinable
        if not gathered:
            return
        rows = np.concatenate(gathered)
        # a leftover joins the block before it only where that was gathered too: a block cut from a long segment keeps
        # its length
        if joinable and _bases(rows) < block / 2:
            blocks[-1] = np.concatenate([blocks[-1], rows])
        else:
            blocks.append(rows)
        gathered, joinable = [], True

    # first segment of each run of neighbours
    apart = np.flatnonzero(segments[1:, 0] - segments[:-1, 1] >= near) + 1
    for run in np.split(segments, apart):
        if _bases(run) >= block / 2:
            close()
            blocks += _cut(run, block)
            joinable = False
        else:
            gathered.append(run)
            if sum(map(_bases, gathered)) >= block / 2:
                close()
    close()
    return [b for b in blocks if len(b)]


def _cut(run: NDArray[np.int64], block: int) -> list[NDArray[np.int64]]:
    """Cut segments that count as one into nearly even blocks."""
    start, end = int(run[0, 0]), int(run[-1, 1])
    n = max(1, round(_bases(run) / block))
    # integer edges i · length / n: blocks differ by a base at most
    edges = start + (np.arange(n + 1) * (end - start)) // n
    clipped = [np.stack([np.maximum(run[:, 0], a), np.minimum(run[:, 1], b)], axis=1) for a, b in pairwise(edges)]
    # what an edge leaves empty goes
    return [c[c[:, 0] < c[:, 1]] for c in clipped]


def _bases(rows: NDArray[np.int64]) -> int:
    return int((rows[:, 1] - rows[:, 0]).sum())


def deal(holdings: NDArray[np.float64], groups: NDArray[np.int64], shares: Sequence[float], seed: int) -> list[str]:
    """Deal blocks to splits, group by group, so that each split comes as near as it can to its share of everything.

    Groups go from the largest to the smallest, each to the split where the sum of squared deviations from the shares
    grows least: iterative stratification (Sechidis et al. 2011, doi:10.1007/978-3-642-23808-6_10) for amounts instead
    of labels. Ties are broken by the seed.

    Parameters
    ----------
    holdings
        What each block holds of each thing that is to be shared out (bases of each genome), in any unit, the more
        important things in a larger one, (n_blocks, n_things).
    groups
        Blocks of one group stay together (homologous copies, or a whole contig), (n_blocks,).
    shares
        Aimed shares of train, select and test; a split with a share of 0 gets nothing.
    seed
        Seed of the order among groups of one size and among equally good splits.
    """
    _, group = np.unique(groups, return_inverse=True)
    totals = np.zeros((group.max(initial=-1) + 1, holdings.shape[1]))
    np.add.at(totals, group, holdings)
    # what each split lacks of each thing, (n_things, n_splits)
    lacking = totals.sum(axis=0)[:, None] * np.asarray(shares, dtype=float)[None, :]
    rng = np.random.default_rng(seed)
    chance, first = rng.permutation(len(totals)), rng.permutation(len(SPLITS))
    chosen = np.zeros(len(totals), dtype=int)
    # largest first; rounded, so that sums of floats in another order sort alike
    for g in np.lexsort([chance, -np.round(totals.sum(axis=1), 9)]):
        # squared deviations fall by 2 · totals · lacking less a term that is the same for all splits
        gain = np.where(np.asarray(shares) > 0, np.round(totals[g] @ lacking, 12), -np.inf)
        chosen[g] = np.lexsort([first, -gain])[0]
        lacking[:, chosen[g]] -= totals[g]
    return [SPLITS[c] for c in chosen[group]]


def leave_gaps(table: pd.DataFrame, gap: int, circular: dict[tuple[str, str], int]) -> pd.DataFrame:
    """Leave `gap` bases unscored between neighbouring blocks of different splits, half taken from either side.

    Parameters
    ----------
    table
        Segments with genome, chrom, start, end, block, split, in order of place within each contig.
    gap
        Bases; blocks that are already so far apart stay as they are.
    circular
        Length of each circular contig (genome, chrom), where the last block neighbours the first.
    """
    keep = []
    for (genome, chrom), rows in table.groupby(["genome", "chrom"], sort=False):
        zones = _zones(rows, gap, circular.get((str(genome), str(chrom)), 0))
        for row, start, end in zip(rows.index, rows["start"].tolist(), rows["end"].tolist(), strict=True):
            keep += [(row, *left) for left in _without(start, end, zones)]
    index, starts, ends = zip(*keep, strict=True) if keep else ((), (), ())
    return table.loc[list(index)].assign(start=list(starts), end=list(ends)).reset_index(drop=True)


def _zones(rows: pd.DataFrame, gap: int, length: int) -> list[tuple[int, int]]:
    """Segments of a contig to leave out; `length` is that of a circular contig, else 0."""
    start, end, split = (rows[c].tolist() for c in ("start", "end", "split"))
    zones = []
    for i, j in zip(range(len(rows)), [*range(1, len(rows)), 0], strict=True):
        # round a circle the first block follows the last one a length further on
        turn = length if j == 0 else 0
        if split[i] == split[j] or (j == 0 and not length) or start[j] + turn - end[i] >= gap:
            continue
        middle = (end[i] + start[j] + turn) // 2
        zone = (middle - gap // 2, middle + gap - gap // 2)
        # a zone over the origin counts at both ends of the coordinates
        zones += [(zone[0] - shift, zone[1] - shift) for shift in ({0, length} if length else {0})]
    return zones


def _without(start: int, end: int, zones: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of `[start, end)` outside the zones."""
    left = [(start, end)]
    for a, b in zones:
        # before the zone and after it, each where something is left
        left = [(s, e) for x, y in left for s, e in ((x, min(y, a)), (max(x, b), y)) if s < e]
    return left
