"""A feature's activations as intervals of equal value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.axis.workspace import Workspace
from photo51.run.places import ActivationColumn


class SegmentRuns(NamedTuple):
    """Intervals of equal value, (n,) each, sorted; `segment` is a row of the workspace's table."""

    segment: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.floating]


def segment_runs(workspace: Workspace, column: ActivationColumn) -> SegmentRuns:
    """A feature's activations on one strand as intervals of equal value, 0-based, half-open."""
    places = workspace.locate(column.rows)
    order = np.lexsort((places.position, places.segment))
    segment, position, value = places.segment[order], places.position[order], column.values[order]
    new = np.ones(len(value), dtype=bool)
    new[1:] = (np.diff(segment) != 0) | (np.diff(position) != 1) | (np.diff(value) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:] - 1, len(value) - 1)[: len(first)]
    return SegmentRuns(segment[first], position[first], position[last] + 1, value[first])


def runs_of(workspace: Workspace, column: ActivationColumn) -> pd.DataFrame:
    """A feature's activations on one strand as intervals of equal value.

    Returns
    -------
    `genome`, `chrom`, `start`, `end`, `value`; 0-based, half-open, sorted; intervals of one contig do not overlap.
    """
    runs = segment_runs(workspace, column)
    intervals = workspace.table.iloc[runs.segment]
    return pd.DataFrame(
        {
            "genome": intervals["genome"].to_numpy(),
            "chrom": intervals["chrom"].to_numpy(),
            "start": runs.start,
            "end": runs.end,
            "value": runs.value,
        }
    )
