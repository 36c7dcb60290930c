"""A feature's activations as intervals of equal value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51.genome.axis.workspace import Workspace
from photo51.run.places import ActivationColumn


def runs_of(workspace: Workspace, column: ActivationColumn) -> pd.DataFrame:
    """A feature's activations on one strand as intervals of equal value.

    Returns
    -------
    `genome`, `chrom`, `start`, `end`, `value`; 0-based, half-open, sorted; intervals of one contig do not overlap.
    """
    places = workspace.locate(column.rows)
    order = np.lexsort((places.position, places.segment))
    segment, position, value = places.segment[order], places.position[order], column.values[order]
    new = np.ones(len(value), dtype=bool)
    new[1:] = (np.diff(segment) != 0) | (np.diff(position) != 1) | (np.diff(value) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:] - 1, len(value) - 1)[: len(first)]
    intervals = workspace.table.iloc[segment[first]]
    return pd.DataFrame(
        {
            "genome": intervals["genome"].to_numpy(),
            "chrom": intervals["chrom"].to_numpy(),
            "start": position[first],
            "end": position[last] + 1,
            "value": value[first],
        }
    )
