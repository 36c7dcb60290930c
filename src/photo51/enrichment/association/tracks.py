"""Features as the null wants them: checked, levelled, their runs counted, and rotated for calibration."""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.stats.correlation import Track
from photo51.stats.resampling import rotate_rows
from photo51.stats.rotation import track


def levelled(matrix: sp.csc_array, n_levels: int) -> sp.csc_array:
    """Columns as integer levels (`rotation.levels`), each column on its own scale; columns with a fault are emptied."""
    data, keep = np.zeros(matrix.nnz, dtype=np.float32), np.zeros(matrix.nnz, dtype=bool)
    for a, b in pairwise(matrix.indptr):
        values = matrix.data[a:b]
        # NaN, infinite or negative values leave a column without levels
        if b > a and np.isfinite(values).all() and values.min() > 0:
            data[a:b], keep[a:b] = track(matrix.indices[a:b], values, n_levels).levels, True
    out = sp.csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    if not keep.all():
        out = out.copy()
        out.eliminate_zeros()
    return out


def column_track(levels: sp.csc_array, column: int) -> Track:
    """A levelled column as the exact test wants it."""
    a, b = levels.indptr[column], levels.indptr[column + 1]
    return Track(levels.indices[a:b].astype(np.int64), levels.data[a:b].astype(np.int64))


def faults(matrix: sp.csc_array, n_runs: NDArray[np.int64], min_runs: int) -> list[str]:
    """Why each column cannot be tested; empty where it can."""
    reasons = []
    for j, (a, b) in enumerate(pairwise(matrix.indptr)):
        values = matrix.data[a:b]
        if a == b:
            reasons.append("dead feature: never active")
        elif np.isnan(values).any():
            reasons.append("NaN among the activations")
        elif not np.isfinite(values).all() or values.min() < 0:
            reasons.append("infinite or negative activations")
        elif b - a == matrix.shape[0] and values.min() == values.max():
            reasons.append("constant feature: the same everywhere")
        elif n_runs[j] < min_runs:
            reasons.append(f"{n_runs[j]} run{'s' if n_runs[j] > 1 else ''}, at least {min_runs} are needed")
        else:
            reasons.append("")
    return reasons


def run_counts(matrix: sp.csc_array, breaks: NDArray[np.integer]) -> NDArray[np.int64]:
    """Segments of consecutive active rows of each column, (columns,).

    Parameters
    ----------
    matrix
        On the doubled axis.
    breaks
        First rows of segments on strand +, (n_segments,): a run does not go on over them.
    """
    n_rows = matrix.shape[0] // 2
    # the doubled axis has the same breaks twice
    both = np.concatenate([breaks, np.asarray(breaks) + n_rows]).astype(np.int64)
    return _run_counts(matrix.indptr, matrix.indices, both)


@numba.njit(cache=True, nogil=True)
def _run_counts(indptr, rows, breaks):
    out = np.zeros(len(indptr) - 1, dtype=np.int64)
    for j in range(len(out)):
        # −2, so that row 0 begins a run
        last = -2
        n_ends = 0
        for i in range(indptr[j], indptr[j + 1]):
            row = rows[i]
            moved = False
            # every segment that begins up to this row is passed
            while n_ends < len(breaks) and breaks[n_ends] <= row:
                n_ends += 1
                moved = True
            # a gap in rows, or a segment that began between: a new run
            if row != last + 1 or moved:
                out[j] += 1
            last = row
    return out


def rotated(matrix: sp.csc_array, bounds: NDArray[np.integer], shifts: NDArray[np.integer]) -> sp.csc_array:
    """Each column circularly shifted by itself, (columns, n_blocks), both strands together.

    Columns that went round together would all meet the same accident: many columns would then say no more than one of
    how often a test errs.
    """
    n_rows = int(bounds[-1])
    strand = matrix.indices >= n_rows
    # rows of either strand as rows of strand +, as both turn together
    rows = matrix.indices - strand * n_rows
    for (a, b), shifts_of_column in zip(pairwise(matrix.indptr), shifts, strict=True):
        rows[a:b] = rotate_rows(rows[a:b], bounds, shifts_of_column)
    out = sp.csc_array((matrix.data, rows + strand * n_rows, matrix.indptr), shape=matrix.shape)
    # turning puts rows out of order
    out.has_sorted_indices = False
    out.sort_indices()
    return out


def take_rows(matrix: sp.csc_array, rows: NDArray[np.int64]) -> sp.csc_array:
    """Some rows of strand +, and the same of strand -, as a shorter doubled axis."""
    n_rows = matrix.shape[0] // 2
    new = np.full(2 * n_rows, -1, dtype=np.int64)
    new[rows], new[n_rows + rows] = np.arange(len(rows)), len(rows) + np.arange(len(rows))
    place = new[matrix.indices]
    keep = place >= 0
    # entries kept before each column's first
    n_kept = np.concatenate([[0], np.cumsum(keep)])
    return sp.csc_array((matrix.data[keep], place[keep], n_kept[matrix.indptr]), shape=(2 * len(rows), matrix.shape[1]))
