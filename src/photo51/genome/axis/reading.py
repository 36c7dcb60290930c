"""Which bases of a contig a model can be asked about: known ones, with enough context on both strands.

Reading ends at the ends of a linear contig and at long runs of ambiguous bases. A base closer to such an end than the
context asked for is a cold start on one of its strands, and is left out on both, since both share one axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import is_ambiguous, runs


class ContigReading(NamedTuple):
    """Where reading along a contig has to stop.

    Attributes
    ----------
    length
        Bases of the contig.
    circular
        Whether reading goes round.
    walls
        Runs of ambiguous bases that end reading, (n, 2) half-open, in order. On a circular contig a run across the
        origin is two, `[a, length)` and `[0, b)`.
    """

    length: int
    circular: bool
    walls: NDArray[np.int64]

    def context(self, start: int, end: int) -> tuple[float, float]:
        """Bases that can be read before `start` on strand + and after `end` on strand -; infinite on an open circle."""
        before, after = self.walls[self.walls[:, 1] <= start, 1], self.walls[self.walls[:, 0] >= end, 0]
        if self.circular and not len(self.walls):
            return np.inf, np.inf
        if self.circular:
            # round the circle: the last wall before the origin, a length further down
            left = before.max() if len(before) else self.walls[:, 1].max() - self.length
            right = after.min() if len(after) else self.walls[:, 0].min() + self.length
        else:
            left = before.max() if len(before) else 0
            right = after.min() if len(after) else self.length
        return float(start - left), float(right - end)


def reading(ids: NDArray[np.uint8], *, circular: bool, n_run: int) -> ContigReading:
    """Find where reading stops along a contig.

    Parameters
    ----------
    ids
        Bytes of the contig, (length,).
    circular
        Whether the last base is followed by the first.
    n_run
        Shortest run of ambiguous bases that ends reading (bases).
    """
    ambiguous = runs(is_ambiguous(ids))
    size = ambiguous[:, 1] - ambiguous[:, 0]
    # a run across the origin is one run, as long as both its parts
    if circular and len(ambiguous) > 1 and ambiguous[0, 0] == 0 and ambiguous[-1, 1] == len(ids):
        size[[0, -1]] = size[0] + size[-1]
    return ContigReading(len(ids), circular, ambiguous[size >= n_run])


def scored_segments(
    ids: NDArray[np.uint8], regions: NDArray[np.int64], walls: ContigReading, context: int
) -> NDArray[np.int64]:
    """Segments of scored bases: inside the regions, unambiguous, with `context` bases to read before them on either
    strand.

    Parameters
    ----------
    ids
        Bytes of the contig, (length,).
    regions
        What the user asked for, (n, 2) half-open; may overlap.
    walls
        Where reading stops.
    context
        Bases (≥ 0).

    Returns
    -------
    (n, 2) half-open, in order, apart from each other.
    """
    mask = np.zeros(len(ids), dtype=bool)
    for start, end in regions:
        mask[start:end] = True
    mask &= ~is_ambiguous(ids)
    for start, end in walls.walls:
        # bases behind a wall are cold on strand +, those before it on strand −
        _clear(mask, start - context, start, circular=walls.circular)
        _clear(mask, end, end + context, circular=walls.circular)
    if not walls.circular:
        mask[:context] = False
        mask[max(0, len(mask) - context) :] = False
    return runs(mask)


def _clear(mask: NDArray[np.bool_], start: int, end: int, *, circular: bool) -> None:
    # a cold zone longer than the circle leaves nothing
    if end - start >= len(mask) and circular:
        mask[:] = False
    elif circular:
        mask[np.arange(start, end) % len(mask)] = False
    else:
        # a slice with a negative start would count from the end
        mask[max(0, start) : max(0, end)] = False
