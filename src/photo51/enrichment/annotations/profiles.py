"""Activation around the boundaries of intervals, in reading direction."""

from __future__ import annotations

from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from photo51.stats.rotation import Orientation

Boundary = Literal["start", "end"]


def boundary_rows(
    intervals: NDArray[np.integer], orientation: Orientation, n_rows: int, boundary: Boundary = "start"
) -> NDArray[np.int64]:
    """Doubled-axis rows at which codes enter (`start`) or leave (`end`) intervals, in their reading direction.

    Parameters
    ----------
    intervals
        row_start, row_end, strand (0, 1, 2: none), (n, 3).
    orientation
        `sense`: read by the codes of the interval's own strand, `antisense` by the other, `either` by both.

    Returns
    -------
    The interval's first base as it is read, or its last. Intervals without strand give one row on either strand.
    """
    start, end, strand = np.asarray(intervals, dtype=np.int64).reshape(-1, 3).T
    rows = []
    for code in (0, 1):
        # read on this strand: without strand, either way round, or where own strand and orientation agree
        read = (strand == 2) | (orientation == "either") | ((strand == code) == (orientation == "sense"))
        # on strand − reading enters at the interval's high end
        first = start[read] if (code == 0) == (boundary == "start") else end[read] - 1
        rows.append(first + code * n_rows)
    return np.concatenate(rows)


def profile(
    rows: NDArray[np.integer],
    values: NDArray[np.floating],
    boundaries: NDArray[np.int64],
    segments: NDArray[np.int64],
    reach: int,
) -> NDArray[np.float64]:
    """Mean activation at each offset from boundaries, (2 * reach + 1,), offset 0 in the middle.

    Parameters
    ----------
    rows, values
        A unit's active rows on the doubled axis, ascending, and its activations.
    boundaries
        Doubled-axis rows.
    segments
        Row bounds of the workspace's segments: beyond the end of a boundary's segment nothing is known, and the mean
        is over the boundaries for which the offset is known (NaN where there is none).
    reach
        Bases to either side.
    """
    total, n_known = _profile(rows, values.astype(np.float64), np.sort(boundaries), segments, reach)
    return np.divide(total, n_known, out=np.full(len(total), np.nan), where=n_known > 0)


@numba.njit(cache=True, nogil=True)
def _profile(rows, values, boundaries, segments, reach):
    total = np.zeros(2 * reach + 1)
    n_known = np.zeros(2 * reach + 1)
    n_rows = segments[-1]
    for boundary in boundaries:
        strand = 1 if boundary >= n_rows else 0
        place = boundary - strand * n_rows
        k = np.searchsorted(segments, place, side="right") - 1
        low, high = max(segments[k], place - reach), min(segments[k + 1], place + reach + 1)
        # how many boundaries know something at each offset
        for x in range(low, high):
            # reading direction: to the left is later on strand −
            n_known[reach + (place - x if strand else x - place)] += 1.0
        i = np.searchsorted(rows, low + strand * n_rows)
        while i < len(rows) and rows[i] < high + strand * n_rows:
            x = rows[i] - strand * n_rows
            total[reach + (place - x if strand else x - place)] += values[i]
            i += 1
    return total, n_known
