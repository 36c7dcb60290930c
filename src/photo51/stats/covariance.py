"""Does a feature know more about an annotation than composition does?

The generalised covariance measure: with f̂ and â what composition explains of a feature and of an annotation (cross-fitted,
`additive`), the sum of (f - f̂)(a - â) has mean zero if the two are independent given composition, and errors of the two fits
enter only as their product. Its standard error comes from blocks, which also sees that residuals vary more where GC is
extreme; a rotation of residuals would not (false-positive rate 0.25 at 0.05 for two GC-driven tracks, against 0.07).

The null of `rotation` fixes how a track clumps, this one what it clumps on: neither replaces the other.

References
----------
Shah and Peters 2020, Ann Stat 48:1514, doi:10.1214/19-AOS1857
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photo51.stats.resampling import BlockT, block_t


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


def block_products(
    x: NDArray[np.floating], y: NDArray[np.floating], bounds: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Sum of products of every two columns in each block, both strands, (n_blocks, columns of x, columns of y).

    Parameters
    ----------
    x, y
        Residuals on the doubled axis, (2 * n_rows, ·).
    bounds
        Row bounds of the blocks, (n_blocks + 1,).
    """
    n = int(bounds[-1])
    if len(x) != 2 * n or len(y) != 2 * n:
        raise ValueError(f"x, y: need {2 * n} rows, got {len(x)} and {len(y)}")
    out = np.zeros((len(bounds) - 1, x.shape[1], y.shape[1]))
    for b, (start, stop) in enumerate(pairwise(bounds)):
        for strand in (0, n):
            here = slice(int(start) + strand, int(stop) + strand)
            out[b] += x[here].T.astype(np.float32) @ y[here].astype(np.float32)
    return out


def covariance_test(x: NDArray[np.floating], y: NDArray[np.floating], bounds: NDArray[np.integer]) -> BlockT:
    """Test every two columns of residuals for covariance; statistics in the shape (columns of x, columns of y)."""
    return block_t(block_products(x, y, bounds))
