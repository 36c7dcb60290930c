"""Blocks of about one size within longer ones: for standard errors, and for folds that alternate along a genome."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def even_blocks(bounds: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Bounds of blocks of about `size` rows that respect `bounds`, (n + 1,): a block is cut into equal parts."""
    cuts: list[int] = []
    for a, b in pairwise(np.asarray(bounds, dtype=np.int64).tolist()):
        parts = max(1, round((b - a) / size))
        cuts += [a + (b - a) * i // parts for i in range(parts)]
    return np.array([*cuts, int(bounds[-1])], dtype=np.int64)


def alternate(bounds: NDArray[np.integer], n_strands: int = 2) -> NDArray[np.uint8]:
    """Fold of each row of the doubled axis: blocks go to folds 0 and 1 in turn, both strands of a block together."""
    block = np.repeat(np.arange(len(bounds) - 1) % 2, np.diff(bounds)).astype(np.uint8)
    return np.tile(block, n_strands)
