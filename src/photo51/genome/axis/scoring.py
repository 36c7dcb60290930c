"""From regions to the workspace: which bases are scored, in which blocks, on which side of the splits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from photo51.config.genome import GenomeParams
from photo51.genome.axis.blocks import cut_blocks, deal, leave_gaps
from photo51.genome.axis.homology import FULL, distinct_hashes, homologous_groups, sketch
from photo51.genome.axis.reading import ContigReading, reading, scored_segments
from photo51.genome.axis.workspace import Workspace
from photo51.types import InputError

log = logging.getLogger(__name__)
Place = tuple[str, str]
MIN_BLOCKS = 10  # with the default shares: six to train, two to select, two to test
_SHORTEST = 64  # bases of a block
_LISTED = 10


class Region(NamedTuple):
    """What is asked for of one contig: its place, whether it is circular, its regions (n, 2), and a way to its
    bases.
    """

    genome: str
    chrom: str
    circular: bool
    intervals: NDArray[np.int64]
    read: Callable[[], NDArray[np.uint8]]


def scored(regions: list[Region], params: GenomeParams) -> tuple[Workspace, dict[Place, ContigReading]]:
    """Choose the scored bases, from sequence alone: annotations neither move a cut nor a split.

    Regions, less ambiguous bases and cold starts, are cut into blocks; blocks with copies of one sequence are grouped
    and dealt to the splits; gaps are left between blocks of different splits. One contig is in memory at a time.

    Parameters
    ----------
    regions
        What is asked for.
    params
        Of the stage. Where the bases do not fill `MIN_BLOCKS` blocks, blocks and gaps are shorter, and a line says so.

    Returns
    -------
    The workspace, and where reading stops on each contig.

    Raises
    ------
    InputError
        Where nothing is left to score.
    """
    n_requested = sum(int((r.intervals[:, 1] - r.intervals[:, 0]).sum()) for r in regions)
    # sketches of all blocks together stay at about FULL k-mers
    share = min(1.0, FULL / max(n_requested, 1))
    readings: dict[Place, ContigReading] = {}
    segments: list[NDArray[np.int64]] = []
    for r in regions:
        ids = r.read()
        readings[r.genome, r.chrom] = reading(ids, circular=r.circular, n_run=params.n_run)
        segments.append(scored_segments(ids, r.intervals, readings[r.genome, r.chrom], params.context))
    total = int(sum((s[:, 1] - s[:, 0]).sum() for s in segments))
    _say_unscored(regions, segments, params.context)
    if not total:
        raise InputError(
            f"regions: need bases with {params.context} bases of context on both strands, got none in {n_requested:,}"
            " bases; ask for longer regions or a smaller min_context"
        )
    block, gap = fitted(total, params)
    rows: list[tuple[str, str, int, int, int]] = []
    sketches: list[NDArray[np.uint64]] = []
    for r, scored_parts in zip(regions, segments, strict=True):
        blocks = cut_blocks(scored_parts, block, near=params.n_run)
        # read again rather than kept: one contig in memory at a time
        ids = r.read() if params.homology_bases and blocks else np.zeros(0, dtype=np.uint8)
        for intervals in blocks:
            rows += [(r.genome, r.chrom, s, e, len(sketches)) for s, e in intervals.tolist()]
            parts = [sketch(ids[s:e], params.homology_k, share) for s, e in intervals] if len(ids) else []
            sketches.append(distinct_hashes(parts))
    table = pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block"])
    groups = _grouped(table.drop_duplicates("block"), sketches, share, params)
    holdings = _holdings(table, each=params.split_by == "block")
    splits = deal(holdings, groups, (params.train, params.select, params.test), params.seed)
    return _gapped(table, splits, gap, readings), readings


def fitted(total: int, params: GenomeParams) -> tuple[int, int]:
    """Lengths of blocks and of gaps: as asked for, or shorter where the bases do not fill `MIN_BLOCKS` blocks.

    Parameters
    ----------
    total
        Bases to score.
    params
        Of the stage.
    """
    if total >= MIN_BLOCKS * params.block:
        return params.block, params.gap
    block = min(params.block, max(_SHORTEST, total // MIN_BLOCKS))
    gap = min(params.gap, block // 8)
    if block < params.block:
        log.warning(
            "scored: %s bases do not fill %d blocks of %s: blocks are %s bases, gaps between splits %s (asked for: %s)",
            f"{total:,}",
            MIN_BLOCKS,
            f"{params.block:,}",
            f"{block:,}",
            f"{gap:,}",
            f"{params.gap:,}",
        )
    return block, gap


def _say_unscored(regions: list[Region], segments: list[NDArray[np.int64]], context: int) -> None:
    """List the contigs that were asked for and have no scored base."""
    empty = [r for r, parts in zip(regions, segments, strict=True) if not len(parts)]
    if empty:
        bases = sum(int((r.intervals[:, 1] - r.intervals[:, 0]).sum()) for r in empty)
        names = ", ".join(f"{r.genome} {r.chrom}" for r in empty[:_LISTED])
        log.warning(
            "scored: %d of %d contigs (%s bases) have no base with %s bases of context on both strands and are left"
            " out: %s%s",
            len(empty),
            len(regions),
            f"{bases:,}",
            f"{context:,}",
            names,
            ", …" if len(empty) > _LISTED else "",
        )


def _holdings(table: pd.DataFrame, *, each: bool) -> NDArray[np.float64]:
    """What each block has of the bases of each genome, or of all where `each` is not asked for, (n_blocks, n_genomes).

    `each`: every genome is to be shared out by itself. Where whole contigs or genomes are dealt that cannot be, and the
    bases of all are one thing.
    """
    size = (table["end"] - table["start"]).to_numpy(dtype=float)
    column = table.groupby("genome", sort=False).ngroup().to_numpy() if each else np.zeros(len(size), int)
    holdings = np.zeros((int(table["block"].max()) + 1, int(column.max()) + 1))
    # shares of each genome, so that a small one is split as evenly as a large one
    np.add.at(holdings, (table["block"].to_numpy(), column), size / np.bincount(column, size)[column])
    return holdings


def _gapped(table: pd.DataFrame, splits: list[str], gap: int, readings: Mapping[Place, ContigReading]) -> Workspace:
    """The workspace of dealt blocks, gaps left between those of different splits."""
    table = table.assign(split=np.array(splits, dtype=object)[table["block"].to_numpy()])
    table = leave_gaps(table, gap, {k: w.length for k, w in readings.items() if w.circular})
    if table.empty:
        raise InputError(f"regions: need blocks longer than the gap of {gap:,} bases, got none")
    blocks_kept = table["block"].drop_duplicates().tolist()
    return Workspace(table.assign(block=table["block"].map({b: i for i, b in enumerate(blocks_kept)})))


def _grouped(
    first: pd.DataFrame, sketches: list[NDArray[np.uint64]], share: float, params: GenomeParams
) -> NDArray[np.int64]:
    """Blocks that go to one split together."""
    n = len(first)
    labels: list[NDArray[np.int64]] = [np.arange(n)]
    if params.homology_bases is not None:
        labels.append(homologous_groups(sketches, params.homology_bases * share))
        joined = np.bincount(labels[-1], minlength=n)
        if (joined > 1).any():
            log.info(
                "homologous copies: %d of %d blocks share at least %d distinct %d-mers with another, the largest group"
                " has %d",
                joined[joined > 1].sum(),
                n,
                params.homology_bases,
                params.homology_k,
                joined.max(),
            )
    if params.split_by != "block":
        columns = ["genome", "chrom"] if params.split_by == "contig" else ["genome"]
        labels.append(np.asarray(first.groupby(columns, sort=False).ngroup(), dtype=np.int64))
    return _united(labels)


def _united(labels: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Group items that share a label in any of the labellings, directly or through others."""
    n = len(labels[0])
    _, *coded = (np.unique(x, return_inverse=True)[1] for x in [labels[0], *labels])
    nodes, n_nodes = [], n
    for code in coded:
        nodes.append(code + n_nodes)
        n_nodes += int(code.max(initial=-1)) + 1
    left, right = np.tile(np.arange(n), len(coded)), np.concatenate(nodes)
    graph = sparse.coo_matrix((np.ones(len(left)), (left, right)), shape=(n_nodes, n_nodes))
    return connected_components(graph, directed=False)[1][:n].astype(np.int64)
