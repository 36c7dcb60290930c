"""Mean and variance of every feature × annotation overlap under rotation, all pairs by matrix products.

Per block, with F and A the discrete Fourier transforms of a feature and a mask on its two strands, the overlap at all
rotations is the inverse transform of C = conj(F₊) A₊ + conj(F₋) A₋ (`correlation`), so that by Parseval

    mean = (f₊ a₊ + f₋ a₋) / L            (sums of the track times sums of the mask)
    var  = (1/L²) Σ_{k≠0} |C_k|²
         = (1/L²) Σ_{k≠0} |F₊|²|A₊|² + |F₋|²|A₋|² + 2 Re(conj(F₊)F₋ · A₊conj(A₋)).

The last line is a scalar product of a vector of the feature and a vector of the annotation: M + K transforms and M × K
products give all variances, exactly. Blocks are independent, so their moments add up. Features are made dense a block
and a few columns at a time; nothing of the size features × length exists.

With bins of w bases, transforms are w times shorter and the frequencies above 1/(2w) are lost. That is harmless where
the annotation has no power there (long intervals), and never otherwise: codon positions, single bases, and features of
period 3 need w = 1 (`smooth`, `period3`).

The normal tail of z is right near the middle and wrong by orders of magnitude far out: it screens, it is never
reported for a pair that may be a discovery.

References
----------
Parseval and the correlation theorem: Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse
from threadpoolctl import threadpool_limits

from photo51.stats.lanes import TOGETHER, WIDTH, add_products
from photo51.stats.rotation import Orientation

# dense columns of one piece of work
_DENSE_BYTES = 64 << 20
_SPAN = 512  # terms of a product, whose rows of annotations then stay in the first cache


class Moments(NamedTuple):
    """Moments of every feature (rows) against every test (columns: annotation with orientation).

    Attributes
    ----------
    observed
        Activation mass inside the annotation (levels).
    overlap
        Active bases inside the annotation.
    mean, variance
        Of the mass over all rotations.
    expected
        Mean number of active bases inside over all rotations.
    variance_iid
        Variance of the mass if bases were independent draws.
    log10_floor
        Lower bound of log10 of the attainable p: minus the sum of log10 L over blocks where the overlap can vary.
    """

    observed: NDArray[np.float64]
    overlap: NDArray[np.int64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    expected: NDArray[np.float64]
    variance_iid: NDArray[np.float64]
    log10_floor: NDArray[np.float64]

    def z(self) -> NDArray[np.float64]:
        """Standardised mass; 0 where it cannot vary."""
        sd = np.sqrt(self.variance)
        return np.divide(self.observed - self.mean, sd, out=np.zeros_like(sd), where=sd > 0)


def screen_moments(
    features: sparse.csc_array,
    masks: NDArray[np.bool_],
    tests: list[tuple[int, Orientation]],
    bounds: NDArray[np.integer],
    *,
    bin_bp: int = 1,
    threads: int = 1,
) -> Moments:
    """Moments of all pairs.

    Parameters
    ----------
    features
        Integer levels on the doubled axis, (2 * n_rows, n_features), rows of a column ascending.
    masks
        Annotations on the doubled axis, (n_annotations, 2 * n_rows).
    tests
        Annotation index and orientation of each column of the result.
    bounds
        Row bounds of the blocks that turn, (n_blocks + 1,).
    bin_bp
        Bases a bin for the variance; the other columns are always at full resolution.
    threads
        Threads over features; linear algebra is held to one thread each, as its own pool stalls on shared machines.
    """
    n, n_tests = features.shape[1], len(tests)
    out = {name: np.zeros((n, n_tests)) for name in Moments._fields}
    edges = np.asarray(bounds, dtype=np.int64)
    ends = _column_ends(features, edges)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for b, (start, stop) in enumerate(pairwise(edges.tolist())):
            annotations = _Annotations.of(_oriented(masks, tests, slice(start, stop)), bin_bp)
            # 16 bytes a bin: one complex64 for both strands, and its transform
            width = max(1, _DENSE_BYTES // (16 * (stop - start) // bin_bp))
            pieces = [slice(i, min(i + width, n)) for i in range(0, n, width)]
            blocks = [_Block(features, ends[p, :, b : b + 2], start, stop) for p in pieces]
            for piece, sums in zip(pieces, pool.map(annotations.against, blocks), strict=True):
                for name, values in sums.items():
                    out[name][piece] += values
    return Moments(**{**out, "overlap": out["overlap"].astype(np.int64)})


def _column_ends(features: sparse.csc_array, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Entries of each column that begin each block, (n_features, 2, n_blocks + 1)."""
    # rows of strand − follow those of + on the doubled axis, so one search finds the bounds on both
    both = np.stack([bounds, bounds + bounds[-1]]).ravel()
    ends = [a + np.searchsorted(features.indices[a:b], both) for a, b in pairwise(features.indptr.astype(np.int64))]
    return np.array(ends, dtype=np.int64).reshape(features.shape[1], 2, len(bounds))


def _oriented(masks: NDArray[np.bool_], tests: list[tuple[int, Orientation]], rows: slice) -> NDArray[np.bool_]:
    """Masks of a block as the tests read them, (n_tests, 2, length)."""
    block = masks.reshape(len(masks), 2, -1)[:, :, rows]
    out = block[[a for a, _ in tests]]
    for i, (_, orientation) in enumerate(tests):
        if orientation == "antisense":
            out[i] = out[i, ::-1].copy()
        elif orientation == "either":
            out[i] = out[i].any(axis=0)
    return out


# pointers into the sparse columns: nothing is copied
class _Block(NamedTuple):
    """Some features in one block; `ends` (n, 2 strands, from and to) points into the columns' entries."""

    features: sparse.csc_array
    ends: NDArray[np.int64]
    start: int
    stop: int

    @property
    def origins(self) -> NDArray[np.int64]:
        return np.array([self.start, self.start + self.features.shape[0] // 2])


class _Annotations(NamedTuple):
    """What a block needs of its annotations.

    `by_row` is (2, length, n_tests), `share` the covered share (n_tests, 2), `vectors` (n_groups, 4 * n_frequencies,
    WIDTH) of tests in groups of `WIDTH`.
    """

    by_row: NDArray[np.uint8]
    share: NDArray[np.float64]
    vectors: NDArray[np.float32]
    bin_bp: int

    @classmethod
    def of(cls, masks: NDArray[np.bool_], bin_bp: int) -> _Annotations:
        by_row = np.ascontiguousarray(masks.view(np.uint8).transpose(1, 2, 0))
        return cls(by_row, masks.mean(axis=2), _annotation_vectors(_binned(masks, bin_bp)), bin_bp)

    def against(self, block: _Block) -> dict[str, NDArray[np.float64]]:
        """The block's share of every moment, (n, n_tests) each."""
        length, share = block.stop - block.start, self.share
        indices, data = block.features.indices, block.features.data
        mass, active, squares = _margins(block.ends, data)
        observed, overlap = _inside(block.ends, indices, data, self.by_row, block.origins)
        can_vary, varies = (active > 0).astype(float), ((share > 0) & (share < 1)).astype(float)
        # 1 where either strand varies with either side: a + b − a b, the union of two events
        moves = _weighted(can_vary, varies) - np.outer(can_vary.prod(axis=1), varies.prod(axis=1))
        variance = np.zeros_like(observed)
        moving = np.flatnonzero(can_vary.any(axis=1))
        if len(moving) and length > 1:
            variance[moving] = self._variances(block._replace(ends=block.ends[moving]))
        return {
            "observed": observed,
            "overlap": overlap,
            "mean": _weighted(mass, share),
            "variance": variance,
            "expected": _weighted(active, share),
            # Σ level² q (1 − q): each active base in or out by itself, with chance q the covered share
            "variance_iid": _weighted(squares, share * (1 - share)),
            # one rotation of L is the best: at most log10 L per block that can move
            "log10_floor": -np.log10(length) * moves,
        }

    def _variances(self, block: _Block) -> NDArray[np.float64]:
        length, w = block.stop - block.start, self.bin_bp
        # ceiling division
        size = -(-length // w)
        dense = np.zeros((len(block.ends), size, 2), dtype=np.float32)
        _densify(block.ends, block.features.indices, block.features.data, dense, block.origins, w)
        # both strands in one complex transform: + as real, − as imaginary part, taken apart by `_strands`
        spectra = fft.fft(dense.view(np.complex64)[:, :, 0], axis=1, overwrite_x=True)
        # rows padded to whole groups of TOGETHER, which the vector code takes at once
        left = np.zeros((-(-len(dense) // TOGETHER) * TOGETHER, 4, size // 2 + 1), dtype=np.float32)
        _feature_vectors(spectra, block.ends[:, :, 0] < block.ends[:, :, 1], left)
        power = _products(left.reshape(len(left), -1), self.vectors)[: len(dense), : len(self.share)]
        # 1/L² at full resolution; binning by w leaves size = L/w points, each a sum of w bases
        return power / (float(length) * size * w)


def _weighted(sums: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over strands of (n, 2) times (n_tests, 2), (n, n_tests); each pair by itself, whatever else is in the
    chunk.
    """
    return sums[:, :1] * weights[:, 0] + sums[:, 1:] * weights[:, 1]


@numba.njit(cache=True, nogil=True)
def _products(left, vectors):
    """Scalar products of each row of `left` with each column of `vectors`, (rows, n_groups * WIDTH).

    In an order that does not depend on how many rows there are: chunks and shards change no bit. `_SPAN` terms are
    summed in single precision, their sums in double.
    """
    n, n_terms = left.shape
    out = np.zeros((n, len(vectors) * WIDTH))
    sums = np.empty((TOGETHER, WIDTH), dtype=np.float32)
    for first in range(0, n_terms, _SPAN):
        last = min(first + _SPAN, n_terms)
        for g in range(len(vectors)):
            for i in range(0, n, TOGETHER):
                sums[:] = 0
                add_products(sums, 0, left, i, vectors[g], first, last)  # type: ignore[call-arg]
                for r in range(TOGETHER):
                    for c in range(WIDTH):
                        out[i + r, g * WIDTH + c] += sums[r, c]
    return out


def _binned(masks: NDArray[np.bool_], w: int) -> NDArray[np.float32]:
    if w == 1:
        return masks.astype(np.float32)
    size = -(-masks.shape[2] // w)
    # the last bin may be short; zeros there are bases outside the mask
    padded = np.zeros((*masks.shape[:2], size * w), dtype=np.float32)
    padded[:, :, : masks.shape[2]] = masks
    return padded.reshape(*masks.shape[:2], size, w).sum(axis=3)


def _annotation_vectors(masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The annotation's half of each scalar product, both halves of the spectrum counted.

    (n_groups, 4 * n_frequencies, WIDTH).
    """
    size = masks.shape[2]
    both = np.ascontiguousarray(masks.transpose(0, 2, 1)).view(np.complex64)[:, :, 0]
    out = np.zeros((-(-len(masks) // WIDTH), 4 * (size // 2 + 1), WIDTH), dtype=np.float32)
    _mask_vectors(fft.fft(both, axis=1), masks.min(axis=2) < masks.max(axis=2), out)
    return out


@numba.njit(inline="always")
def _strands(spectrum, k, varies):
    """Transforms of both strands at frequency k (real, imaginary parts) from that of f₊ + i f₋; 0 of a constant strand.

    F₊(k) = (Z(k) + conj Z(-k)) / 2 and F₋(k) = (Z(k) - conj Z(-k)) / 2i. A constant strand is 0 to the bit: what
    the other one leaves there by rounding would say that a pair varies.
    """
    z, mirrored = spectrum[k], spectrum[(len(spectrum) - k) % len(spectrum)]
    half = np.float32(0.5)
    a = b = c = d = np.float32(0)
    if varies[0]:
        a, b = half * (z.real + mirrored.real), half * (z.imag - mirrored.imag)
    if varies[1]:
        c, d = half * (z.imag + mirrored.imag), half * (mirrored.real - z.real)
    return a, b, c, d


@numba.njit(cache=True, nogil=True)
def _mask_vectors(spectra, varies, out):
    size = spectra.shape[1]
    n_frequencies = size // 2 + 1
    for i in range(len(spectra)):
        to, column = out[i // WIDTH], i % WIDTH
        # k = 0 is the mean, which has no part in the variance
        for k in range(1, n_frequencies):
            # k and −k have conjugate transforms, so half the spectrum counts twice; the Nyquist frequency is its own
            # mirror
            twice = np.float32(1) if 2 * k == size else np.float32(2)
            across = np.float32(2) * twice
            a, b, c, d = _strands(spectra[i], k, varies[i])
            to[k, column] = twice * (a * a + b * b)
            to[n_frequencies + k, column] = twice * (c * c + d * d)
            # 2 Re(conj(F₊)F₋ · A₊conj(A₋)) = 2 (Re Re + Im Im): real parts here, imaginary ones below
            to[2 * n_frequencies + k, column] = across * (a * c + b * d)
            to[3 * n_frequencies + k, column] = across * (a * d - b * c)


@numba.njit(cache=True, nogil=True)
def _margins(ends, levels):
    """Mass, active bases and sum of squares of each feature on each strand."""
    n = len(ends)
    mass, active, squares = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros((n, 2))
    for i in range(n):
        for s in range(2):
            active[i, s] = ends[i, s, 1] - ends[i, s, 0]
            for j in range(ends[i, s, 0], ends[i, s, 1]):
                mass[i, s] += levels[j]
                squares[i, s] += levels[j] * levels[j]
    return mass, active, squares


@numba.njit(cache=True, nogil=True)
def _inside(ends, indices, levels, masks, origins):
    """Mass and active bases inside each annotation; `masks` is (2, length, n_tests)."""
    n, m = len(ends), masks.shape[2]
    mass, active = np.zeros((n, m)), np.zeros((n, m), dtype=np.int64)
    for i in range(n):
        for s in range(2):
            for j in range(ends[i, s, 0], ends[i, s, 1]):
                row = masks[s, indices[j] - origins[s]]
                level = levels[j]
                for t in range(m):
                    mass[i, t] += level * row[t]
                    active[i, t] += row[t]
    return mass, active


@numba.njit(cache=True, nogil=True)
def _densify(ends, indices, levels, out, origins, w):
    for i in range(len(ends)):
        for s in range(2):
            for j in range(ends[i, s, 0], ends[i, s, 1]):
                out[i, (indices[j] - origins[s]) // w, s] += levels[j]


@numba.njit(cache=True, nogil=True)
def _feature_vectors(spectra, varies, out):
    """The feature's half of each scalar product: powers of both strands, real and imaginary part of conj(F₊)F₋."""
    for i in range(len(spectra)):
        for k in range(out.shape[2]):
            a, b, c, d = _strands(spectra[i], k, varies[i])
            out[i, 0, k] = a * a + b * b
            out[i, 1, k] = c * c + d * d
            out[i, 2, k] = a * c + b * d
            out[i, 3, k] = a * d - b * c


def smooth(mask: NDArray[np.bool_], bin_bp: int) -> bool:
    """Whether bins of `bin_bp` bases keep a mask's variance: its runs and gaps are mostly at least 4 bins long."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8)))
    return len(edges) < 2 or float(np.quantile(np.diff(edges), 0.1)) >= 4 * bin_bp


def period3(features: sparse.csc_array) -> NDArray[np.float64]:
    """How far each feature steps by codons, (n_features,): active pairs 3 apart over those 2 and 4 apart, a base.

    Runs and points have 0, a feature that fires at one codon position has 1, whatever the frame of each gene.
    """
    return _period3(features.indptr, features.indices)


@numba.njit(cache=True, nogil=True)
def _period3(indptr, rows):
    out = np.zeros(len(indptr) - 1)
    for i in range(len(out)):
        excess = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            for k in range(j + 1, min(j + 5, indptr[i + 1])):
                gap = rows[k] - rows[j]
                if gap == 3:
                    excess += 1.0
                elif gap == 2 or gap == 4:  # noqa: PLR1714
                    excess -= 0.5
        out[i] = excess / max(indptr[i + 1] - indptr[i], 1)
    return out
