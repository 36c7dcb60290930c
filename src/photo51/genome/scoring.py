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
from photo51.genome.blocks import Coverage, cut_blocks, deal, leave_gaps
from photo51.genome.homology import FULL, distinct, homologous_groups, sketch
from photo51.genome.reading import Reading, reading, scored_stretches
from photo51.genome.workspace import Workspace
from photo51.types import InputError

log = logging.getLogger(__name__)
Place = tuple[str, str]


class Region(NamedTuple):
    """What is asked for of one contig: its place, whether it is circular, its regions (n, 2), and a way to its bases."""

    genome: str
    chrom: str
    circular: bool
    intervals: NDArray[np.int64]
    read: Callable[[], NDArray[np.uint8]]


def scored(
    regions: list[Region], params: GenomeParams, annotations: pd.DataFrame | None = None
) -> tuple[Workspace, dict[Place, Reading]]:
    """Choose the scored bases.

    Regions, less ambiguous bases and cold starts, are cut into blocks; blocks with copies of one sequence are grouped and
    dealt to the splits; gaps are left between blocks of different splits. One contig is in memory at a time.

    Parameters
    ----------
    regions
        What is asked for.
    params
        Of the stage.
    annotations
        Contract `ANNOTATIONS`; where given, long stretches are cut where a gap costs the least of rare classes, and the
        splits are made alike in their classes as well as in their bases.

    Returns
    -------
    The workspace, and where reading stops on each contig.

    Raises
    ------
    InputError
        Where nothing is left to score.
    """
    asked = sum(int((r.intervals[:, 1] - r.intervals[:, 0]).sum()) for r in regions)
    share = min(1.0, FULL / max(asked, 1))
    coverage = {} if annotations is None else _coverage(annotations)
    readings: dict[Place, Reading] = {}
    rows: list[tuple[str, str, int, int, int]] = []
    sketches: list[NDArray[np.uint64]] = []
    for r in regions:
        ids = r.read()
        where = reading(ids, circular=r.circular, n_run=params.n_run)
        readings[r.genome, r.chrom] = where
        stretches = scored_stretches(ids, r.intervals, where, params.context)
        blocks = cut_blocks(
            stretches,
            params.block,
            near=params.n_run,
            gap=params.gap,
            coverage=coverage.get((r.genome, r.chrom)),
        )
        for block in blocks:
            rows += [(r.genome, r.chrom, s, e, len(sketches)) for s, e in block.tolist()]
            parts = (
                [sketch(ids[s:e], params.homology_k, share) for s, e in block]
                if params.homology_bases
                else []
            )
            sketches.append(distinct(parts))
    if not rows:
        raise InputError(
            f"regions: need bases with {params.context} bases of context on both strands, got none in {asked:,} bases; "
            "ask for longer regions or a smaller min_context"
        )
    table = pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block"])
    groups = _grouped(table.drop_duplicates("block"), sketches, share, params)
    each = params.split_by == "block"
    splits = deal(
        _holdings(table, coverage, each=each), groups, (params.train, params.select, params.test), params.seed
    )
    return _gapped(table, splits, params.gap, readings), readings


def _coverage(annotations: pd.DataFrame) -> dict[Place, Coverage]:
    """How much of a genome's annotation classes lies where, for each contig."""
    size = annotations["end"] - annotations["start"]
    found = {}
    for genome, own in annotations.groupby("genome", sort=False):
        totals = {str(k): float(n) for k, n in size[own.index].groupby(own["kind"]).sum().items()}
        for chrom, rows in own.groupby("chrom", sort=False):
            found[str(genome), str(chrom)] = Coverage(rows, totals)
    return found


def _holdings(table: pd.DataFrame, coverage: Mapping[Place, Coverage], *, each: bool) -> NDArray[np.float64]:
    """What each block has of the bases and of each annotation class; all classes together count as the bases do.

    `each`: every genome is to be shared out by itself. Where whole contigs or genomes are dealt that cannot be, and the
    bases of all are one thing.
    """
    size = (table["end"] - table["start"]).to_numpy(dtype=float)
    if each:
        size /= pd.Series(size).groupby(table["genome"]).transform("sum").to_numpy()
    else:
        size /= size.sum()
    columns: dict[tuple[str, str], int] = {}
    found: list[tuple[int, int, float]] = []
    for (genome, chrom), rows in table.groupby(["genome", "chrom"], sort=False):
        own = coverage.get((str(genome), str(chrom)))
        things: dict[str, NDArray[np.float64]] = {"": size[rows.index]}
        if own is not None and each:
            shares = own.shares(rows["start"].to_numpy(), rows["end"].to_numpy()) / len(own.kinds)
            things |= dict(zip(own.kinds, shares.T, strict=True))
        for thing, amounts in things.items():
            column = columns.setdefault((str(genome) if each else "", thing), len(columns))
            found += [(b, column, float(x)) for b, x in zip(rows["block"].tolist(), amounts, strict=True)]
    holdings = np.zeros((int(table["block"].max()) + 1, len(columns)))
    for block, at, amount in found:
        holdings[block, at] += amount
    return holdings


def _gapped(table: pd.DataFrame, splits: list[str], gap: int, readings: Mapping[Place, Reading]) -> Workspace:
    """The workspace of dealt blocks, gaps left between those of different splits."""
    table = table.assign(split=np.array(splits, dtype=object)[table["block"].to_numpy()])
    table = leave_gaps(table, gap, {k: w.length for k, w in readings.items() if w.circular})
    if table.empty:
        raise InputError(f"regions: need blocks longer than the gap of {gap:,} bases, got none")
    kept = table["block"].drop_duplicates().tolist()
    return Workspace(table.assign(block=table["block"].map({b: i for i, b in enumerate(kept)})))


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
                "homologous copies: %d of %d blocks share at least %d distinct %d-mers with another, the largest group has %d",
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
    nodes, at = [], n
    for code in coded:
        nodes.append(code + at)
        at += int(code.max(initial=-1)) + 1
    left, right = np.tile(np.arange(n), len(coded)), np.concatenate(nodes)
    graph = sparse.coo_matrix((np.ones(len(left)), (left, right)), shape=(at, at))
    return connected_components(graph, directed=False)[1][:n].astype(np.int64)
