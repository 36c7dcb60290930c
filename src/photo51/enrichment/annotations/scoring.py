"""Metrics of one unit against one reading, and of all units against all readings at a grid of thresholds."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.enrichment.annotations.domains import Domains
from photo51.stats.quantiles import distinct_quantiles

_TABLE_BYTES = 64 << 20  # instances by row, of the readings met last
_AT_A_TIME = 25  # draws before it is asked whether more could change the answer


class Chosen(NamedTuple):
    """Best threshold of each unit for each reading, (n_units, n_readings) each.

    Attributes
    ----------
    f1
        Domain F1 at that threshold; 0 where nothing is hit.
    threshold
        The threshold; NaN where the unit is silent.
    """

    f1: NDArray[np.float64]
    threshold: NDArray[np.float64]


class Graded(NamedTuple):
    """Active rows of units among those that count, and the highest threshold of the unit's grid that each reaches.

    Attributes
    ----------
    ends
        Where the rows of each unit begin, (n_units + 1,).
    rows
        Rows of the doubled axis.
    levels
        Index into the unit's grid, of each row.
    grids
        Thresholds of each unit, ascending; none of a silent one.
    """

    ends: NDArray[np.int64]
    rows: NDArray[np.integer]
    levels: NDArray[np.int16]
    grids: tuple[NDArray[np.floating], ...]


def graded(matrix: sp.csc_array, rows: NDArray[np.bool_], n_thresholds: int) -> Graded:
    """Grid of thresholds of every unit, whatever it is then compared with.

    Parameters
    ----------
    matrix
        Units on the doubled axis, (2 * n_rows, n_units).
    rows
        Rows of strand + that count, (n_rows,).
    n_thresholds
        Thresholds: quantiles 0, 1/n, … of the unit's non-zero values on those rows, so that labels do not decide the
        grid and one outlying value does not stretch it.
    """
    both = np.tile(rows, 2)
    parts, levels, grids = [matrix.indices[:0]], [np.zeros(0, dtype=np.int16)], []
    for a, b in pairwise(matrix.indptr):
        row, value = matrix.indices[a:b], matrix.data[a:b]
        keep = both[row]
        row, value = row[keep], value[keep]
        grid = value  # of a silent unit: empty
        if len(row):
            grid = distinct_quantiles(value, n_thresholds)
        parts.append(row)
        levels.append((np.searchsorted(grid, value, side="right") - 1).astype(np.int16))
        grids.append(grid)
    ends = np.cumsum([len(part) for part in parts]).astype(np.int64)
    return Graded(ends, np.concatenate(parts), np.concatenate(levels), tuple(grids))


def choose_thresholds(units: Graded, domains: Domains) -> Chosen:
    """Threshold with the highest domain F1 on some rows, for all units × readings at once.

    Parameters
    ----------
    units
        Units, graded on the rows that count.
    domains
        Instances within those rows.
    """
    sizes = np.array([len(grid) for grid in units.grids], dtype=np.int64)
    f1, best = _best_levels(units.ends, units.rows, units.levels, sizes, domains.counts, _lookup(domains))
    threshold = np.full(f1.shape, np.nan)
    for j in np.flatnonzero(sizes):
        threshold[j] = units.grids[j][best[j]]
    return Chosen(f1, threshold)


@numba.njit(cache=True, nogil=True)
def _best_levels(ends, rows, levels, sizes, counts, lookup):
    """Highest domain F1 of each unit for each reading, and the level it is at; of equal ones the lowest."""
    shape = (len(sizes), len(counts))
    f1, best = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for j in range(len(sizes)):
        unit = slice(ends[j], ends[j + 1])
        active, inside, hit = _grid_counts(rows[unit], levels[unit], sizes[j], lookup, len(counts))
        for r in range(len(counts)):
            for b in range(sizes[j]):
                # by bases; by instances, where a hit is one active base inside
                precision, recall = inside[r, b] / max(active[b], 1), hit[r, b] / max(counts[r], 1)
                total = precision + recall
                score = 2 * precision * recall / total if total > 0 else 0.0
                if score > f1[j, r]:
                    f1[j, r], best[j, r] = score, b
    return f1, best


def harmonic(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Harmonic mean; 0 where both are."""
    total = np.asarray(a + b, dtype=np.float64)
    return np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)


def _lookup(domains: Domains) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """What the kernels read: where a row's instances begin, the instances, the reading of each, and whether it
    counts.
    """
    return domains.starts, domains.members, domains.reading, domains.counted


@numba.njit(cache=True, nogil=True)
def _grid_counts(rows, level, n_levels, lookup, n_readings):
    """Active rows, rows inside and instances hit at or above each level; the last two by reading."""
    starts, members, reading, counted = lookup
    active = np.zeros(n_levels, dtype=np.int64)
    inside = np.zeros((n_readings, n_levels), dtype=np.int64)
    hit = np.zeros((n_readings, n_levels), dtype=np.int64)
    highest = np.full(len(reading), -1, dtype=np.int16)
    for i in range(len(rows)):
        active[level[i]] += 1
        last = -1
        for k in range(starts[rows[i]], starts[rows[i] + 1]):
            m = members[k]
            if reading[m] != last:  # a row inside two instances of a reading counts once
                last = reading[m]
                inside[last, level[i]] += 1
            # an instance is hit at every threshold up to the highest level inside it
            highest[m] = max(highest[m], level[i])
    for m in range(len(reading)):
        if highest[m] >= 0 and counted[m]:
            hit[reading[m], highest[m]] += 1
    # counts at exactly a level become counts at or above it
    for b in range(n_levels - 2, -1, -1):
        active[b] += active[b + 1]
        inside[:, b] += inside[:, b + 1]
        hit[:, b] += hit[:, b + 1]
    return active, inside, hit


class Confusion(NamedTuple):
    """Metrics at a frozen threshold (columns of the concepts table)."""

    precision_bp: float
    recall_bp: float
    recall_domain: float
    recall_half: float
    f1_domain: float
    precision_run: float
    f1_run: float
    mcc: float


def confusion(active: NDArray[np.int64], reading: int, domains: Domains, n_rows: int) -> Confusion:
    """Metrics of a set of active rows against one reading.

    Parameters
    ----------
    active
        Active rows of the doubled axis among those that count, ascending.
    reading
        Which reading.
    domains
        Instances within the rows that count.
    n_rows
        Rows that count, both strands.
    """
    inside, touched = _touched(active, reading, _lookup(domains))
    of_reading = (domains.reading == reading) & domains.counted
    n, k, tp = len(active), int(domains.bases[reading]), float(inside.sum())
    precision, count = _ratio(tp, n), int(domains.counts[reading])
    recall = _ratio(np.count_nonzero(touched[of_reading]), count)
    # first row of each run: any gap begins a new one; −2 makes row 0 begin one, too
    runs = np.flatnonzero(np.diff(active, prepend=-2) != 1)
    in_run = np.add.reduceat(inside.astype(np.int64), runs) if len(runs) else np.zeros(0)
    # share of runs that touch the class, however long they are
    precision_run = _ratio(np.count_nonzero(in_run), len(runs))
    return Confusion(
        precision,
        _ratio(tp, k),
        recall,
        _ratio(np.count_nonzero(2 * touched[of_reading] >= domains.size[of_reading]), count),
        _f1(precision, recall),
        precision_run,
        _f1(precision_run, recall),
        matthews(tp, n - tp, k - tp, n_rows - n - k + tp),
    )


def matthews(tp: float, fp: float, fn: float, tn: float) -> float:
    """Matthews correlation; 0 where a margin is empty.

    References
    ----------
    Matthews 1975, Biochim Biophys Acta 405:442, doi:10.1016/0005-2795(75)90109-9
    """
    below = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return float((tp * tn - fp * fn) / below) if below > 0 else 0.0


def _ratio(a: float | np.integer, b: float | np.integer) -> float:
    return float(a) / float(b) if b else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@numba.njit(cache=True, nogil=True)
def _touched(rows, reading, lookup):
    """Whether each row lies inside the reading, and the active rows of each of its instances."""
    starts, members, reading_of, _ = lookup
    inside = np.zeros(len(rows), dtype=np.bool_)
    touched = np.zeros(len(reading_of), dtype=np.int64)
    for i in range(len(rows)):
        for k in range(starts[rows[i]], starts[rows[i] + 1]):
            if reading_of[members[k]] == reading:
                inside[i] = True
                touched[members[k]] += 1
    return inside, touched


class NullF1:
    """Domain F1 of units that are shifted along their blocks.

    What is looked up of a reading, its instance at every row, is kept for the readings met last.

    Parameters
    ----------
    domains
        Instances within the rows that count.
    bounds
        Row bounds of the blocks that turn, (n_blocks + 1,), from 0 to n_rows.
    shifts
        Rotation of each block in each draw, (n_draws, n_blocks).
    """

    def __init__(self, domains: Domains, bounds: NDArray[np.int64], shifts: NDArray[np.int64]):
        self.domains, self.bounds = domains, np.asarray(bounds, dtype=np.int64)
        self.turns = np.mod(shifts, np.diff(self.bounds))
        self._instances: dict[int, NDArray[np.int32]] = {}
        # four bytes a row of the doubled axis
        self._kept = max(1, _TABLE_BYTES // max(8 * int(self.bounds[-1]), 1))

    def draws(self, active: NDArray[np.int64], reading: int) -> NDArray[np.float64]:
        """F1 of a unit in each draw, (n_draws,); rows that leave those that count are still active.

        Parameters
        ----------
        active
            Active rows of the doubled axis, ascending.
        reading
            Which reading.
        """
        return self._some(active, reading, self.turns)

    def below(self, f1: float, active: NDArray[np.int64], reading: int, share: float = 0.95) -> bool:
        """Whether that quantile of the draws lies below an F1; no more is drawn than settles it."""
        n = len(self.turns)
        # the quantile is no less than the draw of this rank, so that as many as reach `f1` from there on decide
        enough = n - int(np.floor((n - 1) * share))
        drawn: list[NDArray[np.float64]] = []
        reached = 0
        for first in range(0, n, _AT_A_TIME):
            drawn.append(self._some(active, reading, self.turns[first : first + _AT_A_TIME]))
            reached += int(np.count_nonzero(drawn[-1] >= f1))
            if reached >= enough:
                return False
        return bool(f1 > np.quantile(np.concatenate(drawn), share))

    def _some(self, active: NDArray[np.int64], reading: int, turns: NDArray[np.int64]) -> NDArray[np.float64]:
        # strands turn together: bounds of the blocks on both halves of the doubled axis
        both = np.concatenate([self.bounds[:-1], self.bounds + self.bounds[-1]])
        ends = np.searchsorted(active, both)
        instance, domains = self._instance(reading), self.domains
        inside, hit = _rotated_counts(active, ends, both, turns, instance, reading, _lookup(domains))
        precision = inside / max(len(active), 1)
        return harmonic(precision, hit / max(int(domains.counts[reading]), 1))

    def _instance(self, reading: int) -> NDArray[np.int32]:
        table = self._instances.pop(reading, None)
        if table is None:
            table = _instance_of(reading, _lookup(self.domains))
            while len(self._instances) >= self._kept:
                # the one met longest ago
                del self._instances[next(iter(self._instances))]
        self._instances[reading] = table
        return table


@numba.njit(cache=True, nogil=True)
def _instance_of(reading, lookup):
    """Instance of the reading at each row of the doubled axis; -1 where there is none, -2 where there are several."""
    starts, members, reading_of, _ = lookup
    out = np.full(len(starts) - 1, -1, dtype=np.int32)
    for row in range(len(out)):
        for k in range(starts[row], starts[row + 1]):
            if reading_of[members[k]] == reading:
                out[row] = members[k] if out[row] == -1 else -2
    return out


@numba.njit(cache=True, nogil=True)
def _rotated_counts(active, ends, both, turns, instance, reading, lookup):  # noqa: PLR0917
    """Rows inside the reading and instances hit in each draw; `ends` of active rows by blocks of both strands."""
    starts, members, reading_of, counted = lookup
    inside = np.zeros(len(turns), dtype=np.int64)
    hit = np.zeros(len(turns), dtype=np.int64)
    last_draw = np.full(len(reading_of), -1, dtype=np.int64)
    n_blocks = turns.shape[1]
    for d in range(len(turns)):
        for b in range(len(both) - 1):
            if ends[b] == ends[b + 1]:
                continue
            turn, length = turns[d, b % n_blocks], both[b + 1] - both[b]
            # rows from here on pass the end of the block, and continue at its beginning
            passing = ends[b] + np.searchsorted(active[ends[b] : ends[b + 1]], both[b + 1] - turn)
            before = -1
            for i in range(ends[b], ends[b + 1]):
                row = active[i] + turn - (length if i >= passing else 0)
                m = instance[row]
                if m == -1:
                    continue
                # a base inside two instances of the reading counts once
                inside[d] += 1
                if m >= 0:
                    # marks by number of the draw need no clearing between draws
                    if m != before and last_draw[m] != d:
                        last_draw[m] = d
                        hit[d] += counted[m]
                    before = m
                    continue
                for k in range(starts[row], starts[row + 1]):
                    one = members[k]
                    if reading_of[one] == reading and last_draw[one] != d:
                        last_draw[one] = d
                        hit[d] += counted[one]
    return inside, hit
