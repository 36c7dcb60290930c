"""Overlap of a sparse track with a mask at every rotation of every block.

In a block of length L, a track f on both strands and a mask a overlap after rotation by s as

    T(s) = Σ_x f₊(x) a₊(x + s) + f₋(x) a₋(x + s)        (positions modulo L),

for s = 0 … L-1: both strands turn together, since they are not independent of each other. Two routes give the same
integers:

- by events: T(s) - T(s-1) changes only where an active base meets an edge of the mask, so that scattering the
  (active base, edge) pairs into a difference array and summing it up gives all L values, in integers throughout;
- by FFT: T = irfft(conj(F₊) A₊ + conj(F₋) A₋), rounded; for masks with many edges (codon positions). The distance from
  integers is checked, and single precision is used only where its error bound allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from photo51.stats.lattice import Histograms

_FFT_COST = 7.5  # events per point of transforms up to which the event route is quicker (measured)
_SINGLE = 0.4  # largest bound of rounding up to which single precision is tried
_ZEROS, _ONES = np.uint64(0), np.uint64(0x0101010101010101)  # eight bases outside, and inside, a mask
# The place of a lone bit, from six bits of its product with this (Leiserson, Prokop & Randall 1998, MIT technical
# report)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT = np.zeros(64, dtype=np.int64)
_BIT[[(0x03F79D71B4CB0A89 << k) % 2**64 >> 58 for k in range(64)]] = np.arange(64)


class Track(NamedTuple):
    """A sparse track on both strands.

    Attributes
    ----------
    rows
        Active rows, ascending, on the doubled axis: row i of strand + is i, of strand - is n_rows + i.
    levels
        Positive integer level of each.
    """

    rows: NDArray[np.int64]
    levels: NDArray[np.int64]


class Mask:
    """A mask on both strands, with what both routes need of it.

    Parameters
    ----------
    values
        The mask on the doubled axis, (2 * n_rows,).
    bounds
        Row bounds of the blocks, (n_blocks + 1,), from 0 to n_rows.
    """

    def __init__(self, values: NDArray[np.bool_], bounds: NDArray[np.integer]):
        self.bounds = np.asarray(bounds, dtype=np.int64)
        self.n_rows = int(self.bounds[-1])
        if values.shape != (2 * self.n_rows,):
            raise ValueError(f"mask: need shape {(2 * self.n_rows,)}, got {values.shape}")
        self.values = np.ascontiguousarray(values, dtype=np.bool_).view(np.uint8)
        self.edges, self.signs = _edges(self.values, self.bounds)
        self.edge_ends = strand_ends(self.edges, self.bounds)
        self._spectra: dict[tuple[int, bool], NDArray[np.complexfloating]] = {}

    def spectra(self, blocks: Sequence[int], *, double: bool) -> list[NDArray[np.complexfloating]]:
        """`rfft` of both strands in each of some blocks, (2, size // 2 + 1); kept until `forget`."""
        return _stored_spectra(self._spectra, self._fill, self.bounds, blocks, double=double)

    def _fill(self, block: int, out: NDArray[np.floating]) -> None:
        a, b = self.bounds[block], self.bounds[block + 1]
        out[:, : b - a] = self.values.reshape(2, -1)[:, a:b]

    @cached_property
    def points(self) -> int:
        """Points of the transforms of all blocks."""
        return sum(transform_size(n) for n in np.diff(self.bounds).tolist())

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Rows inside the mask on both strands of each block, (n_blocks,)."""
        both = self.values.reshape(2, -1)
        return np.array([np.count_nonzero(both[:, a:b]) for a, b in pairwise(self.bounds.tolist())])

    def forget(self) -> None:
        """Let go of spectra."""
        self._spectra.clear()


class Spread:
    """A track made dense block by block, with its transforms: what the FFT route needs of a feature, whatever the mask.

    Parameters
    ----------
    track
        The track.
    bounds
        Row bounds of the blocks, (n_blocks + 1,).
    """

    def __init__(self, track: Track, bounds: NDArray[np.integer]):
        self.track, self.bounds = track, np.asarray(bounds, dtype=np.int64)
        self.ends = strand_ends(track.rows, self.bounds)
        self._spectra: dict[tuple[int, bool], NDArray[np.complexfloating]] = {}

    def spectra(self, blocks: Sequence[int], *, double: bool) -> list[NDArray[np.complexfloating]]:
        """`rfft` of both strands in each of some blocks, (2, size // 2 + 1)."""
        return _stored_spectra(self._spectra, self._fill, self.bounds, blocks, double=double)

    def _fill(self, block: int, out: NDArray[np.floating]) -> None:
        for s in range(2):
            entries = slice(self.ends[s, block], self.ends[s, block + 1])
            # rows of strand − lie n_rows further on the doubled axis
            out[s, self.track.rows[entries] - self.bounds[block] - s * self.bounds[-1]] = self.track.levels[entries]

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """Root of the sum of squared levels in each block, (n_blocks,)."""
        # prefix sums: a block is a difference of two
        squares = np.concatenate([[0.0], np.cumsum(self.track.levels.astype(np.float64) ** 2)])
        return np.asarray(np.sqrt(np.diff(squares[self.ends], axis=1).sum(axis=0)))


def _stored_spectra(
    stored: dict[tuple[int, bool], NDArray[np.complexfloating]],
    fill: Callable[[int, NDArray[np.floating]], None],
    bounds: NDArray[np.int64],
    blocks: Sequence[int],
    *,
    double: bool,
) -> list[NDArray[np.complexfloating]]:
    """Spectra of blocks, those that are not stored made first; `fill` lays a block into zeros, (2, size)."""
    for size, alike in _by_size(bounds, [b for b in blocks if (b, double) not in stored]):
        dense = np.zeros((len(alike), 2, size), dtype=np.float64 if double else np.float32)
        for block, out in zip(alike, dense, strict=True):
            fill(block, out)
        # many transforms of one size at once: vector instructions take several side by side
        stored.update(zip([(block, double) for block in alike], fft.rfft(dense, axis=2), strict=True))
    return [stored[block, double] for block in blocks]


def _by_size(bounds: NDArray[np.int64], blocks: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Blocks by the size of their transforms."""
    sizes: dict[int, list[int]] = {}
    for block in blocks:
        sizes.setdefault(transform_size(int(bounds[block + 1] - bounds[block])), []).append(block)
    return list(sizes.items())


def transform_size(length: int) -> int:
    """Points of the FFT of a block: its length where that has small factors alone, else what holds it twice.

    A length with a large prime factor costs several transforms of twice its size; padded, it is one.
    """
    return length if fft.next_fast_len(length, real=True) == length else fft.next_fast_len(2 * length - 1, real=True)


def strand_ends(rows: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each block begins among doubled-axis `rows`, (2, n_blocks + 1): strand s, block b is `ends[s, b]:ends[s,
    b+1]`.
    """
    both = np.stack([bounds, bounds + bounds[-1]])
    return np.searchsorted(rows, both)


def _edges(values: NDArray[np.uint8], bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Rows where the mask differs from the row before it in its block (around the end), and by how much."""
    rows = _changes(values, values[: len(values) // 8 * 8].view(np.uint64))
    starts = np.concatenate([bounds[:-1], bounds[:-1] + bounds[-1]])
    ends = np.concatenate([bounds[1:], bounds[1:] + bounds[-1]])
    # the first row of a block follows its last one on the circle
    around = starts[values[starts] != values[ends - 1]]
    rows = np.sort(np.concatenate([rows[~np.isin(rows, starts, assume_unique=True)], around]), kind="stable")
    # +1 where the mask begins, −1 where it ends
    return rows, (2 * values[rows].astype(np.int8) - 1).astype(np.int8)


@numba.njit(cache=True, nogil=True)
def _changes(values, words):
    """Rows that differ from the row before them; eight at a time are passed over where nothing changes."""
    out = np.empty(1024, dtype=np.int64)
    used, before, w = 0, values[0], 0
    while w <= len(words):
        # eight bytes of the mask at once: a word all of the last value holds no change
        alike = _ONES if before else _ZEROS
        while w < len(words) and words[w] == alike:
            w += 1
        if used + 8 > len(out):
            grown = np.empty(2 * len(out), dtype=np.int64)
            grown[:used] = out[:used]
            out = grown
        for i in range(8 * w, min(8 * w + 8, len(values))):
            if values[i] != before:
                before = values[i]
                out[used] = i
                used += 1
        w += 1
    return out[:used].copy()


class Overlaps(NamedTuple):
    """Overlap at every rotation.

    Attributes
    ----------
    observed
        Overlap without rotation, summed over blocks.
    histograms
        How often each overlap occurs among all rotations of each block.
    """

    observed: int
    histograms: Histograms


def overlaps(feature: Track | Spread, mask: Mask, *, route: str = "auto") -> Overlaps:
    """Overlap of a track with a mask at all rotations of all blocks.

    Parameters
    ----------
    feature, mask
        On the same doubled axis. Of a `Spread`, transforms are kept for the next mask.
    route
        `events`, `fft`, or `auto`: the quicker. Both give the same integers.
    """
    spread = feature if isinstance(feature, Spread) else Spread(feature, mask.bounds)
    if (route if route != "auto" else quicker(spread, mask)) == "events":
        return _by_events(spread.track, mask, spread.ends)
    return _by_fft(spread, mask)


def quicker(feature: Spread, mask: Mask) -> str:
    """The quicker route, `events` or `fft`."""
    # events: active rows × edges of a block; an FFT costs as much a point whatever lies on it
    return "events" if _n_events(feature.ends, mask.edge_ends) <= _FFT_COST * mask.points else "fft"


def _n_events(ends: NDArray[np.int64], edge_ends: NDArray[np.int64]) -> int:
    return int(np.sum(np.diff(ends, axis=1) * np.diff(edge_ends, axis=1)))


def _by_events(track: Track, mask: Mask, ends: NDArray[np.int64]) -> Overlaps:
    observed, low, widths, counts = _event_histograms(
        track.rows, track.levels, ends, mask.values, mask.edges, mask.signs, mask.edge_ends, mask.bounds
    )
    return Overlaps(int(observed), Histograms(low, np.concatenate([[0], np.cumsum(widths)]), counts))


def _by_fft(feature: Spread, mask: Mask) -> Overlaps:
    observed, low, parts = 0, [], []
    for values in _block_overlaps(feature, mask, range(len(mask.bounds) - 1)):
        unshifted, lowest, counts = _counted(values)
        observed += int(unshifted)
        low.append(lowest)
        parts.append(counts)
    widths = np.cumsum([0, *map(len, parts)])
    return Overlaps(observed, Histograms(np.array(low, dtype=np.int64), widths.astype(np.int64), np.concatenate(parts)))


def block_overlaps_fft(feature: Track | Spread, mask: Mask, block: int) -> NDArray[np.int64]:
    """Overlap at every rotation of one block, (length,), by FFT.

    Raises
    ------
    ArithmeticError
        Where rounding to integers is not safe even in double precision.
    """
    spread = feature if isinstance(feature, Spread) else Spread(feature, mask.bounds)
    return _block_overlaps(spread, mask, [block])[0]


def _block_overlaps(feature: Spread, mask: Mask, blocks: Sequence[int]) -> list[NDArray[np.int64]]:
    """Overlaps at every rotation of each of some blocks."""
    single: list[int] = []
    double: list[int] = []
    for block in blocks:
        # Cauchy-Schwarz: no overlap exceeds the product of the norms, and rounding is relative to it
        norm = float(feature.norms[block] * np.sqrt(mask.sizes[block]))
        size = transform_size(int(mask.bounds[block + 1] - mask.bounds[block]))
        if _rounding_bound(norm, size, np.float64) > 0.1:
            raise ArithmeticError(f"rotation: levels too large to round overlaps to integers (norm {norm:.3g})")
        (single if _rounding_bound(norm, size, np.float32) <= _SINGLE else double).append(block)
    # a bound below 1/2 alone makes rounding right; the distance found says that the bound was none too small
    rolled = _rolled(feature, mask, single, double=False)
    rolled |= _rolled(feature, mask, double + [b for b, (_, error) in rolled.items() if error > 0.25], double=True)
    if any(error > 0.25 for _, error in rolled.values()):
        raise ArithmeticError("rotation: overlaps by FFT are not close to integers")
    return [rolled[block][0] for block in blocks]


def _rolled(
    feature: Spread, mask: Mask, blocks: Sequence[int], *, double: bool
) -> dict[int, tuple[NDArray[np.int64], float]]:
    """Overlaps of each block, (length,), and how far the largest was from an integer."""
    out = {}
    for size, alike in _by_size(mask.bounds, blocks):
        products = np.empty((len(alike), size // 2 + 1), dtype=np.complex128 if double else np.complex64)
        pairs = zip(feature.spectra(alike, double=double), mask.spectra(alike, double=double), strict=True)
        for product, (of_feature, of_mask) in zip(products, pairs, strict=True):
            _correlate(of_feature, of_mask, product)
        for block, values in zip(alike, fft.irfft(products, n=size, axis=1), strict=True):
            rounded, error = _rounded(values, int(mask.bounds[block + 1] - mask.bounds[block]))
            out[block] = rounded, float(error)
    return out


@numba.njit(cache=True, nogil=True)
def _correlate(feature, mask, out):
    """Sum over strands of conj(F) A, into `out`, (n_frequencies,)."""
    for k in range(len(out)):
        # correlation theorem: the inverse transform is Σ_x f(x) m(x + turn); strands turn together, so spectra add
        out[k] = np.conj(feature[0, k]) * mask[0, k] + np.conj(feature[1, k]) * mask[1, k]


@numba.njit(cache=True, nogil=True)
def _rounded(values, length):
    """Integers, (length,), and the largest distance from them; of a longer transform, the circle is closed first."""
    out = np.empty(length, dtype=np.int64)
    error = 0.0
    # 0 where the transform is as long as the block: then it is circular by itself
    beyond = len(values) - length
    for turn in range(length):
        value = float(values[turn])
        if beyond and turn:  # where the end of the block was passed, the circle goes on at its beginning
            value += float(values[beyond + turn])
        nearest = np.rint(value)
        error = max(error, abs(value - nearest))
        out[turn] = np.int64(nearest)
    return out, error


@numba.njit(cache=True, nogil=True)
def _counted(values):
    """The first value, the smallest, and how often each from the smallest to the largest occurs."""
    low, high = values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for value in values:
        counts[value - low] += 1
    return np.int64(values[0]), np.int64(low), counts


def _rounding_bound(norm: float, length: int, dtype: type) -> float:
    """Bound of the FFT's error: a few units in the last place per butterfly stage, relative to the product of norms.

    Higham 2002, Accuracy and Stability of Numerical Algorithms, section 24.1; the root-mean-square error is a tenth of
    it.
    """
    return float(np.finfo(dtype).eps * 2 * np.log2(max(length, 2)) * norm)


@numba.njit(cache=True, nogil=True)
def _event_histograms(rows, levels, ends, mask, edges, signs, edge_ends, bounds):  # noqa: PLR0917
    n_blocks = len(bounds) - 1
    longest = np.diff(bounds).max()
    change = np.zeros(longest, dtype=np.int32)
    marks = np.zeros(longest // 64 + 1, dtype=np.uint64)
    overlap_values = np.empty(longest + 1, dtype=np.int64)
    times = np.empty(longest + 1, dtype=np.int64)
    low = np.zeros(n_blocks, dtype=np.int64)
    widths = np.ones(n_blocks, dtype=np.int64)
    counts = np.zeros(4096, dtype=np.int64)
    used = observed = 0
    for b in range(n_blocks):
        length = bounds[b + 1] - bounds[b]
        overlap = events = 0
        for s in range(2):
            for i in range(ends[s, b], ends[s, b + 1]):
                overlap += levels[i] * mask[rows[i]]
                events += edge_ends[s, b + 1] - edge_ends[s, b]
        observed += overlap
        n = 1
        overlap_values[0], times[0] = overlap, length
        if events:
            # few rotations change anything: mark them in a bitset and visit only those
            sparse = 2 * events < length
            for s in range(2):
                for i in range(ends[s, b], ends[s, b + 1]):
                    x, level = rows[i], levels[i]
                    # an edge at y changes the overlap at rotation y - x, and by the circle at y - x + length
                    for j in range(edge_ends[s, b], edge_ends[s, b + 1]):
                        turn = edges[j] - x
                        if turn < 0:
                            turn += length
                        change[turn] += signs[j] * level
                        if sparse:
                            marks[turn >> 6] |= np.uint64(1) << np.uint64(turn & 63)
            change[0] = 0  # rotation 0 is where counting begins
            n = (
                _held(change, marks, overlap, length, overlap_values, times)
                if sparse
                else _each(change, overlap, length, overlap_values, times)
            )
        lowest, highest = overlap_values[0], overlap_values[0]
        for i in range(n):
            lowest, highest = min(lowest, overlap_values[i]), max(highest, overlap_values[i])
        width = highest - lowest + 1
        if used + width > len(counts):
            grown = np.zeros(2 * (used + width), dtype=np.int64)
            grown[:used] = counts[:used]
            counts = grown
        for i in range(n):
            # an overlap counts once for each rotation at which it holds
            counts[used + overlap_values[i] - lowest] += times[i]
        low[b], widths[b] = lowest, width
        used += width
    return observed, low, widths, counts[:used].copy()


@numba.njit(cache=True, nogil=True)
def _held(change, marks, overlap, length, values, times):
    """Overlaps in order of rotation, and for how many rotations each holds; only marked rotations are visited, and
    cleared.
    """
    n, since, running = 0, 0, overlap
    for w in range(length // 64 + 1):
        word = marks[w]
        marks[w] = 0
        while word:
            # lowest set bit; its index by a de Bruijn sequence, which numba has no instruction for
            lowest = word & (~word + np.uint64(1))
            turn = 64 * w + _BIT[(lowest * _DE_BRUIJN) >> np.uint64(58)]
            word ^= lowest
            if change[turn]:
                values[n], times[n] = running, turn - since
                running += change[turn]
                change[turn] = 0
                since = turn
                n += 1
    values[n], times[n] = running, length - since
    return n + 1


@numba.njit(cache=True, nogil=True)
def _each(change, overlap, length, values, times):
    """The same with every rotation visited, which is quicker where most overlaps change."""
    running = overlap
    for turn in range(length):
        running += change[turn]
        values[turn] = running
        times[turn] = 1
        change[turn] = 0
    return length
