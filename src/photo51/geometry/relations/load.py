"""From a store of codes to tokens in reading order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from photo51.codes import CodesStore
from photo51.genome.axis.workspace import Workspace
from photo51.geometry.relations.tokens import Tokens
from photo51.types import STRANDS, InputError


def chosen_blocks(workspace: Workspace, tokens: int) -> NDArray[np.int64]:
    """Places of the blocks that are read: all, or as many, evenly taken, as hold about `tokens` bases × strands."""
    n = workspace.n_blocks
    # share of bases × strands
    share = min(1.0, tokens / max(1, 2 * workspace.n_rows))
    # two blocks at least: one for finding, one for judging
    n_blocks = max(min(2, n), round(share * n))
    return np.unique(np.linspace(0, n - 1, n_blocks).round().astype(np.int64))


def reading_order(workspace: Workspace, blocks: NDArray[np.integer]) -> list[tuple[int, NDArray[np.int64]]]:
    """Segments of some blocks as they are read: number of the strand (0 is `+`) and rows, rising on `+`, falling on
    `-`.
    """
    block_set = set(workspace.block_ids[blocks].tolist())
    out = []
    for s in workspace.segments():
        if s.block in block_set:
            rows = np.arange(s.offset, s.offset + s.end - s.start, dtype=np.int64)
            out += [(0, rows), (1, rows[::-1])]
    return out


def read_tokens(store: CodesStore, workspace: Workspace, tokens: int) -> Tokens:
    """Codes of whole blocks in reading order, both strands.

    Parameters
    ----------
    tokens
        Bases × strands to read at most, to within a block.

    Raises
    ------
    InputError
        Where the codes are of another workspace.
    """
    if workspace.n_rows != store.n_rows:
        raise InputError(
            f"{store.folder}: need codes of this workspace ({workspace.n_rows} rows), got {store.n_rows} rows"
        )
    parts: list[csr_matrix] = []
    rows, run, strand = [], [], []
    for number, (s, places) in enumerate(reading_order(workspace, chosen_blocks(workspace, tokens))):
        low, high = int(places.min()), int(places.max()) + 1
        codes = store.matrix(STRANDS[s], slice(low, high))
        # rows of the reverse strand are read from the last to the first
        parts.append(codes[::-1] if s else codes)
        rows.append(places)
        run.append(np.full(len(places), number, np.int64))
        strand.append(np.full(len(places), s, np.int8))
    row = np.concatenate(rows)
    return Tokens(
        vstack(parts, format="csr"),
        np.concatenate(run),
        np.searchsorted(workspace.block_bounds, row, side="right") - 1,
        row,
        np.concatenate(strand),
    )
