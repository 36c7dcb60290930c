"""The tests of all pairs as they were before: loops over columns that compilers leave scalar, transforms made again for each pair.

`_enrich_cost` puts these in the place of today's.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from photo51.enrichment.annotations import composition, design
from photo51.enrichment.annotations.design import Family
from photo51.enrichment.association import pairs
from photo51.enrichment.association.tracks import column_track
from photo51.stats import additive, correlation, screen, shifted
from photo51.stats.correlation import Mask, Overlaps, Spread, transform_size
from photo51.stats.lanes import TOGETHER, WIDTH
from photo51.stats.lattice import Histograms
from photo51.stats.rotation import rotation_test


@contextmanager
def previous() -> Iterator[None]:
    """The code before, in the place of today's."""
    swaps: list[tuple[Any, str, Any]] = [
        (composition, "content", _content),
        (composition, "gc_classes", _gc_classes),
        (design, "fixed_point", _fixed_point),
        (additive, "_project", _project),
        (shifted, "_sums", _sums),
        (shifted, "_studentised", _studentised),
        (screen, "_products", _by_matrices),
        (screen, "_annotation_vectors", _annotation_vectors),
        (screen._Annotations, "_variances", _variances),
        (correlation, "_by_fft", _by_fft),
        (pairs._Pairs, "exact", _exact),
        (correlation, "quicker", _quicker),
    ]
    today = [getattr(holder, name) for holder, name, _ in swaps]
    for holder, name, before in swaps:
        setattr(holder, name, before)
    try:
        yield
    finally:
        for (holder, name, _), function in zip(swaps, today, strict=True):
            setattr(holder, name, function)


def _content(bases: NDArray[np.integer], bounds: NDArray[np.integer], before: int, behind: int) -> composition.Content:
    n = len(bases)
    counts = np.empty((2, 4, n))
    for a, b in pairwise(np.asarray(bounds).tolist()):
        interval, places = np.asarray(bases[a:b]), np.arange(b - a)
        for base in range(4):
            total = np.concatenate([[0], np.cumsum(interval == base)])
            for strand, (left, right) in enumerate(((before, behind), (behind, before))):
                low, high = np.maximum(places - left, 0), np.minimum(places + right + 1, b - a)
                counts[strand, base if strand == 0 else 3 - base, a:b] = total[high] - total[low]
    adenine, cytosine, guanine, thymine = counts.transpose(1, 0, 2).reshape(4, -1)
    strong, weak = guanine + cytosine, adenine + thymine
    has_gc = strong + weak > 0
    with np.errstate(invalid="ignore"):
        gc = strong / (strong + weak)
        skews = [(guanine - cytosine) / np.maximum(strong, 1), (adenine - thymine) / np.maximum(weak, 1)]
    return composition.Content(gc, *(np.where(has_gc, skew, np.nan) for skew in skews))


def _gc_classes(gc: NDArray[np.float64], n: int = composition.GC_CLASSES) -> NDArray[np.uint16]:
    finite = ~np.isnan(gc)
    out = np.full(len(gc), n, dtype=np.uint16)
    if finite.any():
        edges = np.quantile(gc[finite], np.arange(1, n) / n)
        out[finite] = np.searchsorted(edges, gc[finite], side="right")
    return out


def _fixed_point(residuals: NDArray[np.floating]) -> NDArray[np.int16]:
    return np.clip(np.rint(residuals * 16_384), -32_768, 32_767).astype(np.int16)


def _exact(self: Any, family: Family, threads: int) -> None:
    params = self.design.params
    with np.errstate(invalid="ignore"):
        z, wide = self.values["z_rot"], [self.design.class_of(t).coverage for t in range(self.shape[1])]
        wanted = (z >= params.screen_z) | ((-z >= params.screen_z) & (np.array(wide) >= params.wide))
        wanted &= self.sd > 0
        wanted &= (self.values["n_eff"] >= params.min_n_eff) & self.sound[:, None]
    with ThreadPoolExecutor(threads) as pool:
        for t in family.readings.tolist():
            columns = np.flatnonzero(wanted[:, t])
            if not len(columns):
                continue
            run = partial(_exact_one, self, Mask(self.design.mask(t), family.bounds))
            self._keep_exact(columns, t, pool.map(run, columns.tolist()))


def _exact_one(self: Any, mask: Mask, column: int) -> Any:
    return rotation_test(column_track(self.levels, column), mask, mid_p=self.design.params.mid_p)


def _quicker(feature: Spread, mask: Mask) -> str:
    return "events" if correlation._n_events(feature.ends, mask.edge_ends) <= 16.0 * mask.n_rows else "fft"


def _by_fft(feature: Spread, mask: Mask) -> Overlaps:
    observed, low, parts = 0, [], []
    for b in range(len(mask.bounds) - 1):
        values = _block_overlaps(feature, mask, b)
        observed += int(values[0])
        least = int(values.min())
        low.append(least)
        parts.append(np.bincount(values - least))
    widths = np.cumsum([0, *map(len, parts)])
    return Overlaps(observed, Histograms(np.array(low, dtype=np.int64), widths.astype(np.int64), np.concatenate(parts)))


def _block_overlaps(feature: Spread, mask: Mask, block: int) -> NDArray[np.int64]:
    a, b = int(mask.bounds[block]), int(mask.bounds[block + 1])
    length, track, ends = b - a, feature.track, feature.ends
    dense = np.zeros((2, length))
    for s in range(2):
        some = slice(ends[s, block], ends[s, block + 1])
        dense[s, track.rows[some] - a - s * mask.n_rows] = track.levels[some]
    inside = mask.values.reshape(2, -1)[:, a:b]
    norm, size = np.linalg.norm(dense) * np.sqrt(inside.sum()), transform_size(length)
    double = bool(correlation._rounding_bound(norm, size, np.float32) > 0.1)
    turned = fft.rfft(dense if double else dense.astype(np.float32), size, axis=1)
    spectra = fft.rfft(inside.astype(np.float64), size, axis=1) if double else mask.spectra([block], double=False)[0]
    overlap = fft.irfft(np.sum(np.conj(turned) * spectra, axis=0), n=size)
    if size > length:
        overlap[1:length] += overlap[size - length + 1 :]
        overlap = overlap[:length]
    rounded = np.rint(overlap)
    if np.abs(overlap - rounded).max() > 0.3:
        raise ArithmeticError("rotation: overlaps by FFT are not close to integers")
    return rounded.astype(np.int64)


def _variances(self: Any, block: Any) -> NDArray[np.float64]:
    length, w = block.stop - block.start, self.bin_bp
    size = -(-length // w)
    dense = np.zeros((len(block.ends), 2, size), dtype=np.float32)
    _densify(block.ends, block.features.indices, block.features.data, dense, block.origins, w)
    spectra = fft.rfft(dense, axis=2)
    left = np.zeros((-(-len(dense) // TOGETHER) * TOGETHER, 4, spectra.shape[2]), dtype=np.float32)
    _feature_vectors(spectra, left)
    power = _by_matrices(left.reshape(len(left), -1), self.vectors)[: len(dense), : len(self.share)]
    return np.asarray(power / (float(length) * size * w))


def _annotation_vectors(masks: NDArray[np.float32]) -> NDArray[np.float32]:
    a = fft.rfft(masks, axis=2)
    cross = a[:, 0] * np.conj(a[:, 1])
    vectors = np.stack([_power(a[:, 0]), _power(a[:, 1]), 2 * cross.real, -2 * cross.imag], axis=1)
    twice = np.full(a.shape[2], 2.0, dtype=np.float32)
    twice[0] = 0.0
    if masks.shape[2] % 2 == 0:
        twice[-1] = 1.0
    n_groups = -(-len(masks) // WIDTH)
    out = np.zeros((n_groups * WIDTH, vectors[0].size), dtype=np.float32)
    out[: len(masks)] = (vectors * twice).reshape(len(masks), -1)
    return np.ascontiguousarray(out.reshape(n_groups, WIDTH, -1).transpose(0, 2, 1))


def _power(z: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    return z.real**2 + z.imag**2


@numba.njit(cache=True, nogil=True)
def _densify(ends, indices, levels, out, origins, w):
    for i in range(len(ends)):
        for s in range(2):
            for j in range(ends[i, s, 0], ends[i, s, 1]):
                out[i, s, (indices[j] - origins[s]) // w] += levels[j]


@numba.njit(cache=True, nogil=True)
def _feature_vectors(spectra, out):
    for i in range(len(spectra)):
        for k in range(spectra.shape[2]):
            a, b = spectra[i, 0, k].real, spectra[i, 0, k].imag
            c, d = spectra[i, 1, k].real, spectra[i, 1, k].imag
            out[i, 0, k] = a * a + b * b
            out[i, 1, k] = c * c + d * d
            out[i, 2, k] = a * c + b * d
            out[i, 3, k] = a * d - b * c


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
