"""What enrichment costs against the code before it, on the same data, with the same numbers.

`enrich_vs_previous` is the CPU time of all pairs of a planted genome and dictionary by the code before (loops over columns that
compilers leave scalar, residuals of masks made by each of two shards, variances by a product of matrices) over that of today's.
The tests beyond composition, exact p-values and counts have to be equal to the bit, moments of the screen to the precision that
single precision has: otherwise it raises.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks._adjusted import stranded_features
from benchmarks._null_worlds import annotation_table, codes, inputs_of
from benchmarks.planted.features import planted_genome
from photo51.config.enrichment import EnrichParams
from photo51.enrichment.enrich_stage import Enrichment, enrich_shard
from photo51.enrichment.inputs import Inputs
from photo51.stats import additive, screen, shifted
from photo51.stats.lanes import WIDTH

SHARDS = 2
_LOOSE = ("z_rot", "n_eff", "or_lo", "or_hi", "p_rot", "p_depleted")  # follow from variances of the screen


def enrich_cost(size: int, n_features: int) -> dict[str, float | int | None]:
    """Both codes on one planted genome of `size` bases."""
    rng = np.random.default_rng(16)
    genome = planted_genome(size, rng)
    # three in one: as often active as features of a dictionary are (one or two bases in a hundred)
    thin = stranded_features(genome, 3 * n_features, rng).toarray()
    columns = thin.reshape(len(thin), n_features, 3).sum(axis=2)
    params = EnrichParams(rotated_features=max(n_features // 4, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = inputs_of(genome, annotation_table(genome), folder, block=16_384)
        main = codes(folder / "main", list(columns.T))
        warm = Enrichment(main, inputs, params)
        with previous():
            warm.pairs(np.arange(2), 1)
        warm.pairs(np.arange(2), 1)  # both are compiled
        with previous():
            before, seconds_before = _timed(main, inputs, params, None)
        now, seconds = _timed(main, inputs, params, folder / "shared")
    _same(before, now)
    return {
        "enrich_vs_previous": seconds_before / seconds,
        "enrich_previous_cpu_s": seconds_before,
        "enrich_cpu_s": seconds,
        "enrich_pairs_compared": len(now),
    }


def _timed(main: Path, inputs: Inputs, params: EnrichParams, shared: Path | None) -> tuple[pd.DataFrame, float]:
    """All shards, each in a stage of its own as in a process of its own."""
    started = time.process_time()
    parts = [enrich_shard(Enrichment(main, inputs, params, shared), i, SHARDS, 1) for i in range(SHARDS)]
    return pd.concat(parts, ignore_index=True), time.process_time() - started


def _same(before: pd.DataFrame, now: pd.DataFrame) -> None:
    for column in before.columns:
        if column in _LOOSE:
            pd.testing.assert_series_equal(before[column], now[column], rtol=1e-3, atol=1e-6)
        else:
            pd.testing.assert_series_equal(before[column], now[column], check_exact=True)


@contextmanager
def previous() -> Iterator[None]:
    """The code before, in the place of today's."""
    today = additive._project, shifted._sums, shifted._studentised, screen._products
    additive._project, shifted._sums, shifted._studentised = _project, _sums, _studentised
    screen._products = _by_matrices  # type: ignore[assignment]
    try:
        yield
    finally:
        additive._project, shifted._sums, shifted._studentised, screen._products = today


def _by_matrices(left: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    columns = vectors.transpose(1, 0, 2).reshape(left.shape[1], -1)
    return (left @ columns).astype(np.float64)


@numba.njit(inline="always")
def _add(to, what):
    for j in range(WIDTH):
        to[j] += what[j]


@numba.njit(inline="always")
def _subtract(to, what):
    for j in range(WIDTH):
        to[j] -= what[j]


@numba.njit(cache=True, nogil=True)
def _project(left, levels, starts, counts, within, sweeps):
    n_terms, n = levels.shape
    sums = np.zeros((starts[-1], WIDTH), dtype=np.float32)
    _centre(left, within)
    for i in range(n):
        _add(sums[starts[0] + levels[0, i]], left[i])
    for turn in range(sweeps * n_terms):
        t, after = turn % n_terms, (turn + 1) % n_terms
        for at in range(starts[t], starts[t + 1]):
            for j in range(WIDTH):
                sums[at, j] /= max(counts[at], np.float32(1))
        own, to = starts[t], starts[after]
        if after > 0:
            sums[to : starts[after + 1]] = 0
            for i in range(n):
                _subtract(left[i], sums[own + levels[t, i]])
                _add(sums[to + levels[after, i]], left[i])
        else:
            for i in range(n):
                _subtract(left[i], sums[own + levels[t, i]])
            _centre(left, within)
            sums[: starts[1]] = 0
            for i in range(n):
                _add(sums[levels[0, i]], left[i])


@numba.njit(cache=True, nogil=True)
def _centre(left, within):
    n_groups = within.max() + 1
    sums, counts = np.zeros((n_groups, WIDTH)), np.zeros(n_groups)
    for i in range(len(left)):
        _add(sums[within[i]], left[i])
        counts[within[i]] += 1
    means = np.zeros((n_groups, WIDTH), dtype=np.float32)
    for g in range(n_groups):
        for j in range(WIDTH):
            means[g, j] = sums[g, j] / max(counts[g], 1.0)
    for i in range(len(left)):
        _subtract(left[i], means[within[i]])


@numba.njit(cache=True, nogil=True)
def _sums(rows, data, right, bounds, amounts, block, n_blocks):  # noqa: PLR0917
    n_units, n_shifts = amounts.shape
    n_rows = bounds[-1]
    totals = np.zeros((n_units, n_shifts, WIDTH), dtype=np.float32)
    squares = np.zeros((n_units, n_shifts, WIDTH), dtype=np.float32)
    sums = np.zeros((n_blocks, WIDTH), dtype=np.float32)
    ends = np.zeros((2, n_units + 1), dtype=np.int64)
    for s in range(2):
        ends[s] = np.searchsorted(rows, bounds + s * n_rows)
    for u in range(n_units):
        start, length = bounds[u], bounds[u + 1] - bounds[u]
        if ends[0, u] == ends[0, u + 1] and ends[1, u] == ends[1, u + 1]:
            continue
        for j in range(n_shifts):
            sums[:] = 0
            for s in range(2):
                for i in range(ends[s, u], ends[s, u + 1]):
                    y = rows[i] - s * n_rows + amounts[u, j]
                    if y >= start + length:
                        y -= length
                    value, to, what = data[i], sums[block[y]], right[y + s * n_rows]
                    for c in range(WIDTH):
                        to[c] += value * what[c]
            for b in range(n_blocks):
                for c in range(WIDTH):
                    totals[u, j, c] += sums[b, c]
                    squares[u, j, c] += sums[b, c] * sums[b, c]
    return totals, squares


@numba.njit(cache=True, nogil=True)
def _studentised(totals, squares, picks):
    out = np.zeros((len(picks), WIDTH), dtype=np.float32)
    total, square = np.zeros(WIDTH, dtype=np.float32), np.zeros(WIDTH, dtype=np.float32)
    for d in range(len(picks)):
        total[:] = 0
        square[:] = 0
        for u in range(len(totals)):
            a, q = totals[u, picks[d, u]], squares[u, picks[d, u]]
            for c in range(WIDTH):
                total[c] += a[c]
                square[c] += q[c]
        for c in range(WIDTH):
            if square[c] > 0:
                out[d, c] = total[c] / np.sqrt(square[c])
    return out
