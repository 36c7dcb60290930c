"""What a StripedHyena computes beside matrix products, as compiled loops for a CPU.

Arrays are float32 and channels last, as the matrix products leave them; loops over channels are what the compiler
turns into vector instructions. Every output position is computed by the same operations in the same order wherever it
stands in the array, so a sequence read in other pieces, in another batch, or on other threads gives the same bits.
Kernels release the interpreter lock and use one thread.
"""

# mypy: ignore-errors
from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

# multiply-add may be fused; no reordering, so that the bits do not depend on where a position stands
_MATHS = {"contract", "nsz"}
_kernel = numba.njit(nogil=True, cache=True, fastmath=_MATHS, error_model="numpy")
# sums along channels may be reordered, for vector instructions: always over one whole row, so alike everywhere
_kernel_reducing = numba.njit(nogil=True, cache=True, fastmath=_MATHS | {"reassoc"}, error_model="numpy")

TILE = 4
"""Positions, and taps, that `finite` works on together; its arrays are padded to multiples of this."""


@_kernel_reducing
def rms_norm(x, scale, eps, out):
    """`out = scale · x / (‖x‖ / √D + eps)` of each row; all (rows, D), `scale` (D,)."""
    n, d = x.shape
    root = np.float32(1.0 / np.sqrt(d))
    for i in range(n):
        total = np.float32(0.0)
        for c in range(d):
            total += x[i, c] * x[i, c]
        inverse = np.float32(1.0) / (np.sqrt(total) * root + eps)
        for c in range(d):
            out[i, c] = scale[c] * (x[i, c] * inverse)


@_kernel
def apply_gates(z, past, taps, bias, x2, g):
    """Filter the projections x2 | x1 | v with three taps; keep x2, and write the gated signal x1 · v behind its
    history.

    Parameters
    ----------
    z, past
        (batch, length, 3·D) projections and (batch, 2, 3·D) those before them.
    taps, bias
        (3, 3·D), the last tap meets the current base; (3·D,).
    x2
        (batch, length, D), written.
    g
        (batch, history + length + spare, D): positions `history` to `history + length` are written, where `history` is
        what the caller left room for: `g.shape[1] - length - spare` with `spare = TILE - 1`.
    """
    batch, length, _ = z.shape
    d = x2.shape[2]
    # room for K − 1 inputs before the first one (K padded to a multiple of TILE), and TILE − 1 after the last
    history = g.shape[1] - length - (TILE - 1)
    for b in range(batch):
        for t in range(length):
            now = z[b, t]
            # the first two positions meet what came before: past[0] is position −2, past[1] position −1
            one = z[b, t - 1] if t > 0 else past[b, 1]
            two = z[b, t - 2] if t > 1 else past[b, t]
            for c in range(d):
                x2[b, t, c] = bias[c] + taps[0, c] * two[c] + taps[1, c] * one[c] + taps[2, c] * now[c]
            for c in range(d):
                i, k = d + c, 2 * d + c
                x1 = bias[i] + taps[0, i] * two[i] + taps[1, i] * one[i] + taps[2, i] * now[i]
                v = bias[k] + taps[0, k] * two[k] + taps[1, k] * one[k] + taps[2, k] * now[k]
                g[b, history + t, c] = x1 * v


@_kernel
def finite(g, taps, skip, x2, y):
    """`y[t] = x2[t] · (skip · g[t + K - 1] + Σ_j taps[j] · g[t + j])`: a depthwise filter of K taps between two gates.

    Works on TILE positions and TILE taps at a time, so that each input is read once for several outputs.

    Parameters
    ----------
    g
        (batch, K - 1 + length + TILE - 1, D); the last TILE - 1 positions may hold anything.
    taps, skip
        (K, D) with K a multiple of TILE, the last tap meets the current base; (D,).
    x2, y
        (batch, length, D), read and written.
    """
    batch, length, d = y.shape
    k = taps.shape[0]
    acc = np.empty((TILE, d), np.float32)
    a0, a1, a2, a3 = acc[0], acc[1], acc[2], acc[3]
    for b in range(batch):
        for t in range(0, length, TILE):
            for i in range(TILE):
                for c in range(d):
                    acc[i, c] = skip[c] * g[b, t + i + k - 1, c]
            for j in range(0, k, TILE):
                # 4 outputs × 4 taps meet 7 inputs: 16 multiply-adds for 11 loads
                h0, h1, h2, h3 = taps[j], taps[j + 1], taps[j + 2], taps[j + 3]
                s = t + j
                g0, g1, g2, g3 = g[b, s], g[b, s + 1], g[b, s + 2], g[b, s + 3]
                g4, g5, g6 = g[b, s + 4], g[b, s + 5], g[b, s + 6]
                for c in range(d):
                    p0, p1, p2, p3 = h0[c], h1[c], h2[c], h3[c]
                    u1, u2, u3, u4, u5 = g1[c], g2[c], g3[c], g4[c], g5[c]
                    a0[c] = a0[c] + p0 * g0[c] + p1 * u1 + p2 * u2 + p3 * u3
                    a1[c] = a1[c] + p0 * u1 + p1 * u2 + p2 * u3 + p3 * u4
                    a2[c] = a2[c] + p0 * u2 + p1 * u3 + p2 * u4 + p3 * u5
                    a3[c] = a3[c] + p0 * u3 + p1 * u4 + p2 * u5 + p3 * g6[c]
            for i in range(min(TILE, length - t)):
                for c in range(d):
                    y[b, t + i, c] = acc[i, c] * x2[b, t + i, c]


@_kernel
def exponentials(g, modes, x2, state, y):
    """Long filter with real poles between two gates: `s ← pole · s + g[t]`, `y[t] = x2[t] · (skip · g[t] + Σ residue ·
    s)`.

    A pole enters as `rate = pole - 1`, exact where poles are close to 1, so that long memories keep their length in
    float32.

    Parameters
    ----------
    g
        (batch, length + TILE - 1, D), of which the first `length` positions count.
    modes
        `rate` and `residues` (poles, D), `skip` (D,).
    x2, y
        (batch, length, D), read and written.
    state
        (batch, poles, D), carried on in place.
    """
    rate, residues, skip = modes
    batch, length, d = y.shape
    for b in range(batch):
        for t in range(length):
            for c in range(d):
                y[b, t, c] = skip[c] * g[b, t, c]
            for p in range(rate.shape[0]):
                for c in range(d):
                    s = state[b, p, c]
                    # s + (rate s + g), not pole s + g: 1 + rate rounds to 1 in float32 where memories are longest
                    s = s + (rate[p, c] * s + g[b, t, c])
                    state[b, p, c] = s
                    y[b, t, c] += residues[p, c] * s
            for c in range(d):
                y[b, t, c] *= x2[b, t, c]


@_kernel
def oscillations(g, modes, x2, state, y):
    """`exponentials` with complex poles and residues, of which the real part of the sum counts.

    `rate`, `residues` (2, poles, D) and `state` (batch, 2, poles, D) hold real and imaginary parts.
    """
    rate, residues, skip = modes
    batch, length, d = y.shape
    for b in range(batch):
        for t in range(length):
            for c in range(d):
                y[b, t, c] = skip[c] * g[b, t, c]
            for p in range(rate.shape[1]):
                for c in range(d):
                    re, im = state[b, 0, p, c], state[b, 1, p, c]
                    a, w = rate[0, p, c], rate[1, p, c]
                    # complex (1 + a + iw) · (re + i im) + g; the input is real and enters the real part alone
                    new = re + (a * re - w * im + g[b, t, c])
                    im = im + (a * im + w * re)
                    state[b, 0, p, c], state[b, 1, p, c] = new, im
                    # Re(residue · state)
                    y[b, t, c] += residues[0, p, c] * new - residues[1, p, c] * im
            for c in range(d):
                y[b, t, c] *= x2[b, t, c]


@_kernel
def rotate_into(qkv, turn, first, q, k, v):
    """Turn queries and keys by their positions, divide queries by √size, put keys and values into the buffers from
    column `first` on.

    Parameters
    ----------
    qkv
        (batch, length, 3, heads, size).
    turn
        Cosine and sine of the angles, (length, size / 2) each.
    q
        (batch, heads, length + spare, size), written.
    k, v
        (batch, heads, columns, size), written.
    """
    cos, sin = turn
    batch, length, _, heads, size = qkv.shape
    half, scale = size // 2, np.float32(1.0 / np.sqrt(size))
    for b in range(batch):
        for h in range(heads):
            for t in range(length):
                for c in range(half):
                    # channels c and c + half are a pair that turns together (the halves, not neighbours, as in
                    # GPT-NeoX)
                    u, w, x, y = cos[t, c], sin[t, c], qkv[b, t, 0, h, c], qkv[b, t, 0, h, half + c]
                    q[b, h, t, c] = scale * (x * u - y * w)
                    q[b, h, t, half + c] = scale * (x * w + y * u)
                for c in range(half):
                    u, w, x, y = cos[t, c], sin[t, c], qkv[b, t, 1, h, c], qkv[b, t, 1, h, half + c]
                    k[b, h, first + t, c] = x * u - y * w
                    k[b, h, first + t, half + c] = x * w + y * u
                for c in range(size):
                    v[b, h, first + t, c] = qkv[b, t, 2, h, c]


@intrinsic
def _as_float(_context, _bits):
    """The float32 whose bits are those of an int32."""

    def build(_, builder, _signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return numba.float32(numba.int32), build


@intrinsic
def _larger(_context, _a, _b):
    """The larger of two float32 that are numbers: unlike `max`, one vector instruction."""

    def build(_, builder, _signature, arguments):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * 2)
        maximum = builder.module.declare_intrinsic("llvm.maxnum", [ir.FloatType()], kind)
        return builder.call(maximum, arguments, fastmath=("nnan", "nsz"))

    return numba.float32(numba.float32, numba.float32), build


@_kernel_reducing
def _sum(x):
    total = np.float32(0.0)
    for i in range(x.shape[0]):
        total += x[i]
    return total


@_kernel_reducing
def _max(x):
    top = x[0]
    for i in range(x.shape[0]):
        top = _larger(top, x[i])
    return top


@_kernel
def _exp(x, top):
    """`x ← exp(x - top)` for x ≤ top, to 2 units in the last place; below -64, which is 2e-28, it is 0.

    What is that small changes no sum of weights that holds a 1. It would make denormal numbers of values it weighs,
    on which processors work twenty times as long.

    Powers of two are put into the exponent bits, the rest is the polynomial of Cephes (Moshier 1992,
    netlib.org/cephes).
    """
    for i in range(x.shape[0]):
        v = x[i] - top
        least = np.float32(-64.0)
        v = v if v > least else least
        # v = n ln 2 + r: truncation towards 0 of v / ln 2 − ½ rounds to the nearest, as v is never above 0
        n = numba.int32(v * np.float32(1.44269504) - np.float32(0.5))
        k = np.float32(n)
        # ln 2 in two parts, the first of few bits, so that k times it is exact (Cody and Waite)
        r = v - k * np.float32(0.693359375) + k * np.float32(2.12194440e-4)
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        p = p * r * r + r + np.float32(1.0)
        # 2^n by its exponent bits
        power = p * _as_float((n + numba.int32(127)) << numba.int32(23))
        x[i] = power if v > least else np.float32(0.0)


@_kernel
def soften(scores, lag, window, peak, total, y):
    """One step of a softmax that meets its keys in blocks: scores become weights, and what was summed so far is
    rescaled.

    Parameters
    ----------
    scores
        (queries, keys), written.
    lag
        Index of the first query minus that of the first key: query i sees keys up to `lag + i`.
    window
        Keys a query sees, itself included.
    peak, total
        (queries,) largest score so far (-inf at first) and sum of weights, written.
    y
        (queries, size) weighted values so far, written.

    References
    ----------
    Milakov and Gimelshein 2018, arXiv:1805.02867.
    """
    n, keys = scores.shape
    for i in range(n):
        row = scores[i]
        # keys that query i sees: not after itself, at most `window` of them
        first, last = max(0, lag + i - window + 1), min(keys, lag + i + 1)
        if last <= first:
            row[:] = 0
            continue
        row[:first] = 0
        row[last:] = 0
        visible = row[first:last]
        top = max(peak[i], _max(visible))
        _exp(visible, top)
        # what was summed relative to the old peak is brought to the new one; exp(−inf) = 0 at first
        shrink = np.exp(peak[i] - top)
        peak[i] = top
        total[i] = total[i] * shrink + _sum(visible)
        for c in range(y.shape[1]):
            y[i, c] *= shrink
