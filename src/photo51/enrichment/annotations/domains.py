"""Intervals of all readings as instances that a unit may hit, looked up by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.stats.rotation import orient


class Domains(NamedTuple):
    """Instances of every reading, as annotated, and which of them each row of the doubled axis lies in.

    A row lies in an instance where the oriented mask marks it inside the instance's interval: for a codon position
    every third base of a gene, for a class without strand both strands of the interval (one instance). An instance
    counts where at least half of its marked rows are among the rows asked for; rows of the others are still inside.

    Attributes
    ----------
    reading
        Reading of each instance, (n_instances,).
    interval
        Its number among the class's instances (`AnnotationClass.instances`), (n_instances,).
    size
        Its rows among those asked for, (n_instances,).
    counted
        Whether it counts, (n_instances,).
    counts
        Instances of each reading that count, (n_readings,).
    bases
        Rows that each reading marks among those asked for, (n_readings,).
    starts, members
        Instances of row i: `members[starts[i]:starts[i + 1]]`, by reading.
    """

    reading: NDArray[np.int32]
    interval: NDArray[np.int64]
    size: NDArray[np.int64]
    counted: NDArray[np.bool_]
    counts: NDArray[np.int64]
    bases: NDArray[np.int64]
    starts: NDArray[np.int64]
    members: NDArray[np.int32]


def domains_of(classes: Sequence[AnnotationClass], readings: Sequence[Reading], rows: NDArray[np.bool_]) -> Domains:
    """Instances of all readings within some rows.

    Parameters
    ----------
    classes, readings
        As in `Design`.
    rows
        Rows of strand + that count, (n_rows,); the same of strand -.
    """
    n = len(rows)
    both = np.tile(rows, 2)
    bases = np.zeros(len(readings), dtype=np.int64)
    tables, members = [pd.DataFrame({"reading": [], "interval": [], "size": [], "counted": []})], []
    n_instances = 0
    for r, reading in enumerate(readings):
        c = classes[reading.annotation]
        mask = orient(c.mask, reading.orientation)
        bases[r] = np.count_nonzero(mask & both)
        row, piece = _marked(c.intervals, reading, mask, n)
        # piece → instance: a cut instance is one
        interval = c.instances[piece]
        # all rows of an instance, and of these the ones asked for
        whole = np.bincount(interval, minlength=len(c.intervals))
        size = np.bincount(interval[both[row]], minlength=len(c.intervals))
        there = np.flatnonzero(size)
        new = np.full(len(c.intervals), -1, dtype=np.int64)
        new[there] = n_instances + np.arange(len(there))
        keep = both[row]
        members.append((row[keep], new[interval[keep]]))
        # half of its rows or more are among them
        counted = 2 * size[there] >= whole[there]
        tables.append(pd.DataFrame({"reading": r, "interval": there, "size": size[there], "counted": counted}))
        n_instances += len(there)
    table = pd.concat(tables, ignore_index=True)
    row = np.concatenate([m[0] for m in members] or [np.zeros(0, dtype=np.int64)])
    member = np.concatenate([m[1] for m in members] or [np.zeros(0, dtype=np.int64)])
    reading_of, counted = table["reading"].to_numpy(dtype=np.int32), table["counted"].to_numpy(dtype=bool)
    return Domains(
        reading_of,
        table["interval"].to_numpy(dtype=np.int64),
        table["size"].to_numpy(dtype=np.int64),
        counted,
        np.bincount(reading_of[counted], minlength=len(readings)).astype(np.int64),
        bases,
        # instances of row i lie between the i-th and the next sum
        np.concatenate([[0], np.cumsum(np.bincount(row, minlength=2 * n))]).astype(np.int64),
        # stable: by reading within a row, as they were appended
        member[np.argsort(row, kind="stable")].astype(np.int32),
    )


def _marked(
    intervals: NDArray[np.int64], reading: Reading, mask: NDArray[np.bool_], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Doubled-axis rows that the oriented mask marks inside each interval, and the interval's number."""
    rows, numbers = [], []
    for i, (start, end, strand) in enumerate(intervals.tolist()):
        for s in _strands(strand, reading.orientation):
            # strand − is the second half of the axis
            inside = np.arange(start, end) + s * n
            inside = inside[mask[inside]]
            rows.append(inside)
            numbers.append(np.full(len(inside), i, dtype=np.int64))
    if not rows:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(rows), np.concatenate(numbers)


def _strands(strand: int, orientation: str) -> tuple[int, ...]:
    """Strands of the doubled axis on which an interval of a strand (0, 1, 2: none) is read."""
    if strand == 2 or orientation == "either":
        return (0, 1)
    # antisense: codes of the other strand
    return (strand,) if orientation == "sense" else (1 - strand,)
