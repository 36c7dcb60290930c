"""Which features are most active in each segment of the genome: what a search by place or gene asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.genome.axis.workspace import Workspace
from photo51.progress import progress
from photo51.types import STRANDS

MOST_BINS = 20_000
BATCH = 64


class Loci(NamedTuple):
    """The most active features of each bin of each contig.

    Attributes
    ----------
    bin
        Length of a bin (bases).
    first
        First bin of each contig, and one past the last bin.
    bounds
        Where each bin begins in the next two, and one more.
    row
        Place of a feature in the list asked for.
    share
        Its largest activation in the bin, as a share of its largest anywhere.
    """

    bin: int
    first: list[int]
    bounds: list[int]
    row: list[int]
    share: list[float]

    def dump(self) -> Mapping[str, Any]:
        """As JSON can hold it."""
        return self._asdict()


def most_active(
    store: CodesStore,
    workspace: Workspace,
    contigs: pd.DataFrame,
    features: Sequence[int],
    bases: int,
    per_bin: int,
) -> Loci:
    """Find the features most active in each bin, either strand.

    A feature is ranked by how far its largest activation in the bin, as a share of its own maximum, exceeds the median
    of that share over all scored bins: what is on everywhere says nothing of a place.

    Parameters
    ----------
    store, workspace
        Codes and their axis.
    contigs
        Contract `CONTIGS`; bins are counted contig by contig in its order.
    features
        Which features compete.
    bases
        Length of a bin; doubled until there are at most 20,000 bins.
    per_bin
        Features kept for each bin.
    """
    lengths = contigs["length"].to_numpy(dtype=np.int64)
    while int((-(-lengths // bases)).sum()) > MOST_BINS:
        bases *= 2
    first = np.concatenate([[0], np.cumsum(-(-lengths // bases))])
    first_bin = {
        (str(g), str(c)): int(b) for g, c, b in zip(contigs["genome"], contigs["chrom"], first[:-1], strict=True)
    }
    bin_of = _bins(workspace, first_bin, bases)
    scored = np.unique(bin_of)
    dense_of = np.full(int(first[-1]), -1)
    dense_of[scored] = np.arange(len(scored))
    bin_of = dense_of[bin_of]
    best_rank = np.full((len(scored), per_bin), -np.inf, dtype=np.float32)
    best_row = np.full((len(scored), per_bin), -1, dtype=np.int64)
    best_share = np.zeros((len(scored), per_bin), dtype=np.float32)
    ids = np.asarray(features, dtype=np.int64)
    batches = range(0, len(ids), BATCH)
    for start in progress(batches, "places", unit="batches"):
        share = _shares(store, ids[start : start + BATCH], bin_of, len(scored))
        rank = np.where(share > 0, share - np.median(share, axis=0), -np.inf).astype(np.float32)
        rows = np.broadcast_to(np.arange(start, start + share.shape[1]), share.shape)
        rank, row, level = (
            np.concatenate(pair, axis=1) for pair in ((best_rank, rank), (best_row, rows), (best_share, share))
        )
        order = np.argsort(-rank, axis=1, kind="stable")[:, :per_bin]
        best_rank, best_row, best_share = (np.take_along_axis(m, order, axis=1) for m in (rank, row, level))
    return _packed(first, bases, scored, best_rank, best_row, best_share)


def _bins(workspace: Workspace, first_bin: Mapping[tuple[str, str], int], bases: int) -> NDArray[np.int64]:
    """Bin of each workspace row, (n_rows,)."""
    out = np.empty(workspace.n_rows, dtype=np.int64)
    for genome, chrom, start, end, offset in workspace.table[["genome", "chrom", "start", "end", "offset"]].itertuples(
        index=False
    ):
        out[offset : offset + end - start] = first_bin[str(genome), str(chrom)] + np.arange(start, end) // bases
    return out


def _shares(store: CodesStore, ids: NDArray[np.int64], bin_of: NDArray[np.int64], n_bins: int) -> NDArray[np.float32]:
    """Largest activation of each feature in each bin over its largest anywhere, (bins, features)."""
    top = np.zeros((n_bins, len(ids)), dtype=np.float32)
    for strand in STRANDS:
        codes = store.features(ids, strand)
        column = np.repeat(np.arange(len(ids)), np.diff(codes.indptr))
        np.maximum.at(top, (bin_of[codes.indices], column), codes.data.astype(np.float32))
    return top / np.maximum(top.max(axis=0, initial=0), 1e-12)


def _packed(
    first: NDArray[np.int64],
    bases: int,
    scored: NDArray[np.int64],
    rank: NDArray[np.float32],
    row: NDArray[np.int64],
    share: NDArray[np.float32],
) -> Loci:
    positive = np.isfinite(rank) & (rank > 0)
    counts = np.zeros(int(first[-1]), dtype=np.int64)
    counts[scored] = positive.sum(axis=1)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    return Loci(
        bases, first.tolist(), bounds.tolist(), row[positive].tolist(), [round(float(v), 3) for v in share[positive]]
    )
