"""Scored stretches gathered into blocks, blocks dealt to splits: from regions to the workspace.

A block is what the rotation null turns and what a split takes whole. A long stretch is cut into even blocks; short ones
are gathered with their neighbours on the contig until a block is half full, so that a set of loci has blocks longer than
its genes. Between neighbouring blocks of different splits a gap is left unscored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SPLITS = ("train", "select", "test")


class Losses:
    """What a gap would cost: for each class of annotation, the share of its bases that would not be scored.

    Parameters
    ----------
    annotations
        kind, start, end of one contig.
    totals
        Bases of each class in its genome.
    """

    def __init__(self, annotations: pd.DataFrame, totals: Mapping[str, float]):
        weight = np.array([1 / totals[k] for k in annotations["kind"]])
        edge = np.concatenate([annotations["start"], annotations["end"]]).astype(np.int64)
        order = np.argsort(edge, kind="stable")
        rate = np.cumsum(np.concatenate([weight, -weight])[order])
        self._edge = np.concatenate([[0], edge[order]])
        self._lost = np.concatenate(
            [[0.0], np.cumsum(np.diff(self._edge) * np.concatenate([[0.0], rate[:-1]]))]
        )

    def between(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sum over classes of the share of a class that lies in each of the stretches."""
        return np.interp(end, self._edge, self._lost) - np.interp(start, self._edge, self._lost)


def cut_blocks(
    stretches: NDArray[np.int64], block: int, gap: int = 0, losses: Losses | None = None
) -> list[NDArray[np.int64]]:
    """Gather the stretches of one contig into blocks of about `block` bases.

    Parameters
    ----------
    stretches
        (n, 2) half-open, in order, apart from each other.
    block
        Aimed length (bases).
    gap
        Bases that may be left unscored around a cut.
    losses
        Where given, each cut is moved by up to an eighth of a block to where the gap costs least.

    Returns
    -------
    One (m, 2) array of stretches a block. A stretch of at least half a block is cut into `round(length / block)` nearly
    even blocks of its own; shorter ones gather until they reach half a block; what is left over joins the gathered block
    just before it.
    """
    blocks: list[NDArray[np.int64]] = []
    gathered: list[tuple[int, int]] = []
    joinable = False

    def close() -> None:
        nonlocal gathered, joinable
        if not gathered:
            return
        rows = np.array(gathered, dtype=np.int64)
        if joinable and _bases(rows) < block / 2:
            blocks[-1] = np.concatenate([blocks[-1], rows])
        else:
            blocks.append(rows)
        gathered, joinable = [], True

    for start, end in stretches.tolist():
        if end - start >= block / 2:
            close()
            n = max(1, round((end - start) / block))
            edges = start + (np.arange(n + 1) * (end - start)) // n
            if losses is not None:
                edges[1:-1] = [_best_cut(int(e), block // 8, gap, losses) for e in edges[1:-1]]
            blocks += [np.array([pair], dtype=np.int64) for pair in pairwise(edges)]
            joinable = False
        else:
            gathered.append((start, end))
            if sum(e - s for s, e in gathered) >= block / 2:
                close()
    close()
    return blocks


def _best_cut(even: int, reach: int, gap: int, losses: Losses) -> int:
    """The place within `reach` of the even cut whose gap loses least; of equal ones the nearest."""
    places = np.arange(even - reach, even + reach + 1, max(1, reach // 128))
    lost = np.round(losses.between(places - gap // 2, places + gap - gap // 2), 12)
    return int(places[np.lexsort([np.abs(places - even), lost])[0]])


def _bases(rows: NDArray[np.int64]) -> int:
    return int((rows[:, 1] - rows[:, 0]).sum())


def deal(
    sizes: NDArray[np.int64],
    genomes: Sequence[str],
    groups: NDArray[np.int64],
    shares: Sequence[float],
    seed: int,
) -> list[str]:
    """Deal blocks to splits, group by group, so that every genome comes as close to the shares as its groups allow.

    The largest group goes first, each to the split its genomes lack most; ties are broken by the seed.

    Parameters
    ----------
    sizes
        Bases of each block, (n_blocks,).
    genomes
        Genome of each block.
    groups
        Blocks of one group stay together (homologous copies, or a whole contig), (n_blocks,).
    shares
        Aimed shares of train, select and test.
    seed
        Seed of the order among groups of one size.
    """
    names, of = np.unique(np.asarray(genomes, dtype=object).astype(str), return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    bases = np.zeros((group.max(initial=-1) + 1, len(names)))
    np.add.at(bases, (group, of), sizes)
    lacking = bases.sum(axis=0)[:, None] * np.asarray(shares, dtype=float)[None, :]
    chance = np.random.default_rng(seed).permutation(len(bases))
    chosen = np.zeros(len(bases), dtype=int)
    for g in np.lexsort([chance, -bases.sum(axis=1)]):
        chosen[g] = int(np.argmax(bases[g] @ lacking))
        lacking[:, chosen[g]] -= bases[g]
    return [SPLITS[c] for c in chosen[group]]


def leave_gaps(table: pd.DataFrame, gap: int, circular: dict[tuple[str, str], int]) -> pd.DataFrame:
    """Leave `gap` bases unscored between neighbouring blocks of different splits, half taken from either side.

    Parameters
    ----------
    table
        Stretches with genome, chrom, start, end, block, split, in order of place within each contig.
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
    """Stretches of a contig to leave out; `length` is that of a circular contig, else 0."""
    start, end, split = (rows[c].tolist() for c in ("start", "end", "split"))
    zones = []
    for i, j in zip(range(len(rows)), [*range(1, len(rows)), 0], strict=True):
        turn = length if j == 0 else 0
        if split[i] == split[j] or (j == 0 and not length) or start[j] + turn - end[i] >= gap:
            continue
        middle = (end[i] + start[j] + turn) // 2
        zone = (middle - gap // 2, middle + gap - gap // 2)
        zones += [(zone[0] - shift, zone[1] - shift) for shift in ({0, length} if length else {0})]
    return zones


def _without(start: int, end: int, zones: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of `[start, end)` outside the zones."""
    left = [(start, end)]
    for a, b in zones:
        left = [(s, e) for x, y in left for s, e in ((x, min(y, a)), (max(x, b), y)) if s < e]
    return left
