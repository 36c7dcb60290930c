"""How an activation lies along the sequence: point, periodic, motif, domain, whole-gene.

Classes follow those of protein features (Adams et al. 2025, doi:10.1101/2025.02.06.636901) with lengths that suit
bases. Rules, in order: no run is `dead`; a feature whose runs mostly fill the genes they touch is `whole-gene`; one
that repeats at a period within 60 bases is `periodic`; else the median run decides: up to 3 bases `point`, up to 50
`motif`, longer `domain`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

POINT, MOTIF = 3, 50
WHOLE = 0.6  # share of a gene
PERIODS = np.arange(2, 13)
_PERIODIC = 0.25  # share of active bases beyond the neighbouring lags
_JOIN = 2  # bases of a gap that is closed


class Shape(NamedTuple):
    """Class of an activation and the numbers it rests on (columns of the shapes table)."""

    shape: str
    n_runs: int
    run_median: float
    run_p90: float
    period: float
    period_strength: float
    gene_cover: float


def shape_of(rows: NDArray[np.int64], n_rows: int, genes: NDArray[np.int64], *, segments: NDArray[np.int64]) -> Shape:
    """Class of a column.

    Parameters
    ----------
    rows
        Active rows on the doubled axis, ascending.
    n_rows
        Rows of one strand.
    genes
        row_start, row_end, strand (0, 1) of genes, (n_genes, 3), read in sense.
    segments
        Row bounds of the workspace's segments.
    """
    if not len(rows):
        return Shape("dead", 0, np.nan, np.nan, np.nan, np.nan, np.nan)
    lengths = run_lengths(rows, n_rows, segments, _JOIN)
    period, strength = periodicity(rows)
    cover = gene_cover(rows, n_rows, genes)
    median = float(np.median(lengths))
    if cover >= WHOLE:
        name = "whole-gene"
    elif strength >= _PERIODIC:
        name = "periodic"
    else:
        name = "point" if median <= POINT else "motif" if median <= MOTIF else "domain"
    return Shape(
        name,
        len(lengths),
        median,
        float(np.quantile(lengths, 0.9)),
        period if strength >= _PERIODIC else np.nan,
        strength,
        cover,
    )


def run_lengths(rows: NDArray[np.int64], n_rows: int, segments: NDArray[np.int64], join: int) -> NDArray[np.int64]:
    """Lengths of runs, gaps of up to `join` bases closed; runs end with their segment and strand."""
    breaks = np.concatenate([segments[:-1], segments[:-1] + n_rows])
    segment = np.searchsorted(breaks, rows, side="right")
    # the first row always begins a run
    new = (np.diff(rows, prepend=rows[0] - join - 2) > join + 1) | (np.diff(segment, prepend=-1) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(rows)) - 1
    return rows[last] - rows[first] + 1


def periodicity(rows: NDArray[np.int64]) -> tuple[float, float]:
    """Period among 2..12 bases with the strongest comb, and how strong: 0 for none, 1 for a perfect one.

    Strength at period t is the share of active bases that have another one t further, minus the mean of the shares at
    the two lags beside t; so runs, whose shares fall evenly, have none. Multiples of a shorter period as strong do not
    win.
    """
    shares = _lag_shares(rows, int(PERIODS[-1]) + 1)
    # a comb stands out from the lags beside it; the shares of long runs fall in a line, whose second difference is 0
    strength = shares[PERIODS] - (shares[PERIODS - 1] + shares[PERIODS + 1]) / 2
    # the shortest period that is about as strong: multiples of a period are combs too
    best = int(np.flatnonzero(strength >= 0.9 * strength.max())[0])
    return float(PERIODS[best]), float(max(strength[best], 0.0))


@numba.njit(cache=True, nogil=True)
def _lag_shares(rows, longest):
    counts = np.zeros(longest + 1)
    for i in range(len(rows)):
        j = i + 1
        while j < len(rows) and rows[j] - rows[i] <= longest:
            counts[rows[j] - rows[i]] += 1.0
            j += 1
    return counts / max(len(rows), 1)


def gene_cover(rows: NDArray[np.int64], n_rows: int, genes: NDArray[np.int64]) -> float:
    """Median share of a gene that is active, over genes with at least one active base; 0 where there is none."""
    if not len(genes):
        return 0.0
    # % 2: strand 2 (none) is read on +
    start = genes[:, 0] + genes[:, 2] % 2 * n_rows
    end = genes[:, 1] + genes[:, 2] % 2 * n_rows
    # rows in [start, end), by two searches
    active = np.searchsorted(rows, end) - np.searchsorted(rows, start)
    touched = active > 0
    return float(np.median(active[touched] / (end - start)[touched])) if touched.any() else 0.0
