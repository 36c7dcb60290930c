"""A reading frame without labels: the rhythm of features along the sequence, at a period.

The sequence is cut into windows and each feature's Fourier component at the period is taken in each. Where features
keep time, the components of a window and of the next one agree. The leading eigenvector of this cross-spectrum
(principal components in the frequency domain: Brillinger 1981, doi:10.1137/1.9780898719246, chapter 9) gives each
feature a weight and a place on a circle, and each base the angle of its weighted sum. Neighbouring windows do not
overlap, so that neither a base with itself nor the letters that successive k-mers share are taken for rhythm. The
direction of reading fixes the sense of rotation; only where the circle starts is free.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

CODON = 3.0


class Rhythm(NamedTuple):
    """A cyclic coordinate of features.

    Attributes
    ----------
    weight
        (features,) complex, norm 1: modulus is how much a feature says, argument its place on the circle.
    coherence
        Share of the power at the period that one rhythm, kept from window to window, explains: leading eigenvalue over
        trace.
    scale
        (features,) what activations are divided by: their root mean square.
    """

    weight: NDArray[np.complex128]
    coherence: float
    scale: NDArray[np.float64]

    def of(self, codes: csr_matrix) -> NDArray[np.complex128]:
        """Where tokens are in the plane of the rhythm, (tokens,)."""
        return np.asarray(codes @ (self.weight / self.scale)).ravel()


def rhythm(
    codes: csr_matrix,
    run: NDArray[np.integer],
    *,
    period: float = CODON,
    window: int = 48,
    max_pairs: int = 6000,
) -> Rhythm:
    """Find the strongest rhythm of a period.

    Parameters
    ----------
    codes
        (tokens, features) in reading order.
    run
        (tokens,) consecutive tokens of one run are neighbouring bases.
    period
        In bases.
    window
        Bases a component is taken over.
    max_pairs
        Pairs of windows used, evenly taken.
    """
    n_features = codes.shape[1]
    # root mean square over all tokens, silent ones too: a rare feature is not made loud by its rarity
    scale = np.sqrt(np.bincount(codes.indices, codes.data.astype(np.float64) ** 2, n_features) / max(1, codes.shape[0]))
    # a feature that never fires divides nothing
    scale[scale == 0] = 1.0
    first = _pairs(np.asarray(run), window, max_pairs)
    if len(first) < 4 or n_features < 3:
        return Rhythm(np.zeros(n_features, complex), 0.0, scale)
    parts_of_csr = (
        codes.indptr.astype(np.int64),
        codes.indices,
        (codes.data / scale[codes.indices]).astype(np.float32),
    )
    a = _components(parts_of_csr, first, window, period, n_features)
    b = _components(parts_of_csr, first + window, window, period, n_features)
    power = float((np.abs(a) ** 2).sum() + (np.abs(b) ** 2).sum())
    if power == 0:
        return Rhythm(np.zeros(n_features, complex), 0.0, scale)

    def apply(x: NDArray[np.complex128]) -> NDArray[np.complex128]:
        x = x.ravel().astype(np.complex64)
        mirrored = x.conj()
        # the Hermitian part of aᵀ b*, never formed: (features)² numbers would not fit; b* x is (b x*)*, where a vector
        # is copied and not b
        return (a.T @ (b @ mirrored).conj() + b.T @ (a @ mirrored).conj()).astype(np.complex128)

    h = LinearOperator((n_features, n_features), matvec=apply, dtype=np.complex128)
    # ARPACK's own start is random; a fixed one gives the same bytes in every run
    begin = np.random.default_rng(0).standard_normal(n_features) + 0j
    try:
        values, vectors = eigsh(h, k=1, which="LA", v0=begin, tol=1e-4, maxiter=300)
    # what has converged is used; without anything the rhythm is empty, which the coherence of 0 says
    except ArpackNoConvergence as e:
        values, vectors = e.eigenvalues, e.eigenvectors
    if not len(values) or values[0] <= 0:
        return Rhythm(np.zeros(n_features, complex), 0.0, scale)
    return Rhythm(vectors[:, 0].conj(), float(values[0] / power), scale)


def _pairs(run: NDArray[np.integer], window: int, max_pairs: int) -> NDArray[np.int64]:
    """First tokens of pairs of neighbouring windows that lie in one run."""
    starts = np.flatnonzero(np.diff(run, prepend=run[:1] - 1)) if len(run) else np.zeros(0, np.int64)
    ends = np.append(starts[1:], len(run))
    # two windows end to end, both within the run: a pair across a break would compare phases of unrelated
    # sequence
    parts = [np.arange(a, b - 2 * window + 1, 2 * window) for a, b in zip(starts, ends, strict=True)]
    first = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
    if len(first) <= max_pairs:
        return first
    return first[np.unique(np.linspace(0, len(first) - 1, max_pairs).round().astype(np.int64))]


@njit(cache=True)
def _components(parts_of_csr, first, window, period, n_features):
    """Σ over a window of exp(−2πi · token/period) · activation, for each window and feature."""
    indptr, indices, data = parts_of_csr
    out = np.zeros((len(first), n_features), np.complex64)
    for w in range(len(first)):
        for t in range(first[w], first[w] + window):
            # t modulo the period first, so that large token numbers lose no digits
            turn = np.exp(-2j * np.pi * ((t % period) / period))
            for q in range(indptr[t], indptr[t + 1]):
                out[w, indices[q]] += turn * data[q]
    return out


def aligned_start(angle: NDArray[np.floating], phase: NDArray[np.floating]) -> float:
    """Where on the circle phase 0 lies: the mean direction of angle − 2π·phase/3."""
    # the mean of directions is that of unit vectors; angles themselves cannot be averaged across ±π
    return float(np.angle(np.exp(1j * (angle - 2 * np.pi / 3 * phase)).sum()))


def states(angle: NDArray[np.floating], start: float = 0.0) -> NDArray[np.int64]:
    """Which of three thirds of the circle an angle lies in, the first one centred at `start`, (n,)."""
    # rounding to the nearest multiple of 120°: borders lie 60° from the centres
    return np.round((angle - start) / (2 * np.pi / 3)).astype(np.int64) % 3


class Frame(NamedTuple):
    """The frame of reading that a set of features keeps.

    Attributes
    ----------
    rhythm
        Weights of the features.
    start
        Angle of phase 0, named on the blocks for finding.
    place
        (tokens,) complex: where each token is in the plane, phase 0 at angle 0.
    """

    rhythm: Rhythm
    start: float
    place: NDArray[np.complex128]

    @property
    def plane(self) -> NDArray[np.float32]:
        """(features, 2): codes times this are `place`, as real and imaginary part."""
        w = self.rhythm.weight / self.rhythm.scale * np.exp(-1j * self.start)
        return np.column_stack([w.real, w.imag]).astype(np.float32)

    @property
    def phase(self) -> NDArray[np.int64]:
        """(tokens,) 0, 1, 2."""
        return states(np.angle(self.place))


def find_frame(
    codes: csr_matrix, run: NDArray[np.integer], find: NDArray[np.bool_], phase: NDArray[np.floating]
) -> Frame:
    """Rhythm of period three in the blocks for finding; labels there say only which state is called 0.

    Parameters
    ----------
    codes
        (tokens, features).
    run
        (tokens,) number of the segment in which each token stands.
    find
        (tokens,) tokens of blocks for finding.
    phase
        (tokens,) 0, 1, 2 along codons, NaN elsewhere.
    """
    finding = np.flatnonzero(find)
    period = rhythm(codes[finding], run[finding])
    z = period.of(codes)
    labelled = find & np.isfinite(phase) & (np.abs(z) > 0)
    start = aligned_start(np.angle(z[labelled]), phase[labelled]) if labelled.any() else 0.0
    return Frame(period, start, z * np.exp(-1j * start))
