"""Forward and backward loops of training a StripedHyena on a CPU, compiled: all that is no matrix product.

Arrays are channels last; arithmetic is in float32, or float64 where the arrays are. Sequences are (length, channels):
a batch is read window by window, so that what a window adds to a gradient depends neither on the batch nor on threads.
"""

# mypy: ignore-errors
from __future__ import annotations

import numpy as np

from photo51.model.stripedhyena.kernels import _exp, _max, _sum
from photo51.pretraining.elements import get, kernel, kernel_reducing, put

SCAN = 64
"""Positions between the states that a scan keeps for its backward pass."""


@kernel_reducing
def add_norm(x, y, scale, eps, total, u):
    """`total = x + y`, `u = scale · total / (rms(total) + eps)`; all (rows, D), `scale` (D,)."""
    n, d = x.shape
    root = 1.0 / np.sqrt(scale.dtype.type(d))
    for i in range(n):
        a, b, s, w = x[i], y[i], total[i], u[i]
        square = scale.dtype.type(0.0)
        for c in range(d):
            v = a[c] + get(b[c])
            s[c] = v
            square += v * v
        inverse = scale.dtype.type(1.0 / (np.sqrt(square) * root + eps))
        for c in range(d):
            put(w, c, scale[c] * (s[c] * inverse))


@kernel_reducing
def add_norm_backward(total, scale, eps, grad_total, grad_u, grad_x, grad_y, grad_scale):
    """Gradients of `add_norm`: `grad_x` (rows, D) and the same rounded to the type of `grad_y`; `grad_scale` (D,) is
    added to.
    """
    n, d = total.shape
    one = scale.dtype.type(1.0)
    root = one / np.sqrt(scale.dtype.type(d))
    for i in range(n):
        s, gt, gu, gx, gy = total[i], grad_total[i], grad_u[i], grad_x[i], grad_y[i]
        square, along = scale.dtype.type(0.0), scale.dtype.type(0.0)
        for c in range(d):
            square += s[c] * s[c]
            along += get(gu[c]) * (scale[c] * s[c])
        rms = scale.dtype.type(np.sqrt(square) * root)
        inverse = scale.dtype.type(one / (rms + eps))
        # through the norm: −Σ(g scale s) / (rms + eps)² · ∂rms/∂s, with ∂rms/∂s_c = s_c / (rms D)
        back = scale.dtype.type(along * inverse * inverse / (rms * d)) if rms > 0 else scale.dtype.type(0.0)
        for c in range(d):
            g = get(gu[c]) * inverse
            grad_scale[c] += g * s[c]
            # x and y enter the sum alike: one gradient for both
            v = gt[c] + (g * scale[c] - back * s[c])
            gx[c] = v
            put(gy, c, v)


@kernel
def gate_forward(z, taps, g):
    """Three taps over the projections x2 | x1 | v, then `g = x1 · v`: z (length, 3·D), taps (3, 3·D), g (length, D)."""
    length, d = g.shape
    nothing = np.zeros_like(z[0])
    a0, a1, a2 = taps[0, d : 2 * d], taps[1, d : 2 * d], taps[2, d : 2 * d]
    b0, b1, b2 = taps[0, 2 * d :], taps[1, 2 * d :], taps[2, 2 * d :]
    for t in range(length):
        now = z[t]
        one = z[t - 1] if t > 0 else nothing
        two = z[t - 2] if t > 1 else nothing
        p, q, r = now[d : 2 * d], one[d : 2 * d], two[d : 2 * d]
        i, j, k = now[2 * d :], one[2 * d :], two[2 * d :]
        out = g[t]
        for c in range(d):
            x1 = a0[c] * get(r[c]) + a1[c] * get(q[c]) + a2[c] * get(p[c])
            v = b0[c] * get(k[c]) + b1[c] * get(j[c]) + b2[c] * get(i[c])
            put(out, c, x1 * v)


@kernel
def gate_output(z, taps, signal, y):
    """`y = x2 · signal`, x2 being three taps over the first D channels of z (length, 3·D); signal, y (length, D)."""
    length, d = y.shape
    nothing = np.zeros_like(z[0])
    a0, a1, a2 = taps[0, :d], taps[1, :d], taps[2, :d]
    for t in range(length):
        p = z[t, :d]
        q = z[t - 1, :d] if t > 0 else nothing[:d]
        r = z[t - 2, :d] if t > 1 else nothing[:d]
        s, out = signal[t], y[t]
        for c in range(d):
            x2 = a0[c] * get(r[c]) + a1[c] * get(q[c]) + a2[c] * get(p[c])
            put(out, c, x2 * get(s[c]))


@kernel
def gate_backward(z, taps, signal, grad_y, grad_g, grad_z, grad_taps):
    """Gradients of `gate_forward` and `gate_output` together; `grad_taps` (3, 3·D) is added to.

    `signal` is what x2 was multiplied by, `grad_g` the gradient of x1 · v. Runs backwards, with the gradients of the
    filtered projections of three positions at hand.
    """
    length, d = signal.shape
    m = 3 * d
    later, now, acc = np.zeros((3, m), taps.dtype), np.zeros((3, m), taps.dtype), np.zeros(m, taps.dtype)
    w0, w1, w2 = taps[0], taps[1], taps[2]
    n0, n1, n2 = grad_taps[0], grad_taps[1], grad_taps[2]
    for t in range(max(0, length - 3), length):
        # rings of three rows: position t lies at t % 3 in `now` (projections) and `later` (gradients)
        _widen(z[t], now[t % 3])
    for t in range(length - 1, -1, -1):
        current, next1, next2 = later[t % 3], later[(t + 1) % 3], later[(t + 2) % 3]
        z0, z1, z2 = now[t % 3], now[(t + 2) % 3], now[(t + 1) % 3]  # positions t, t - 1, t - 2
        if t < 2:
            z2[:] = 0
        if t < 1:
            z1[:] = 0
        _three_taps(z0[d:], z1[d:], z2[d:], w0[d:], w1[d:], w2[d:], acc[d:])
        _times(grad_y[t], signal[t], current[:d])
        # g = x1 · v: the gradient of x1 is that of g times v, and the other way round
        _scaled(grad_g[t], acc[2 * d :], current[d : 2 * d])
        _scaled(grad_g[t], acc[d : 2 * d], current[2 * d :])
        # input t was met by the last tap at t, the middle one at t + 1, the first at t + 2
        _three_taps(current, next1, next2, w0, w1, w2, acc)
        out = grad_z[t]
        for c in range(m):
            put(out, c, acc[c])
        _accumulate(n2, current, z0)
        _accumulate(n1, current, z1)
        _accumulate(n0, current, z2)
        if t > 2:
            _widen(z[t - 3], z0)


@kernel
def _widen(row, out):
    for c in range(out.shape[0]):
        out[c] = get(row[c])


@kernel
def _three_taps(now, one, two, w0, w1, w2, out):
    for c in range(out.shape[0]):
        out[c] = w2[c] * now[c] + w1[c] * one[c] + w0[c] * two[c]


@kernel
def _times(a, b, out):
    for c in range(out.shape[0]):
        out[c] = get(a[c]) * get(b[c])


@kernel
def _scaled(a, b, out):
    for c in range(out.shape[0]):
        out[c] = get(a[c]) * b[c]


@kernel
def _accumulate(into, a, b):
    for c in range(into.shape[0]):
        into[c] += a[c] * b[c]


@kernel
def all_finite(g, taps, y):
    """Depthwise causal filter: g, y (length, D); taps (K, D), the last meeting the current base."""
    length, d = y.shape
    k = taps.shape[0]
    acc = np.empty(d, taps.dtype)
    for t in range(length):
        acc[:] = 0
        # taps that would meet inputs before the first one
        for j in range(max(0, k - 1 - t), k):
            h, x = taps[j], g[t - (k - 1) + j]
            for c in range(d):
                acc[c] += h[c] * get(x[c])
        out = y[t]
        for c in range(d):
            put(out, c, acc[c])


@kernel
def finite_backward(g, taps, grad_y, grad_g, grad_taps):
    """Gradients of `all_finite`; `grad_taps` (K, D) is added to."""
    length, d = g.shape
    k = taps.shape[0]
    acc, now = np.empty(d, taps.dtype), np.empty(d, taps.dtype)
    for t in range(length):
        acc[:] = 0
        x = g[t]
        for c in range(d):
            now[c] = get(x[c])
        for j in range(max(0, t + k - length), k):
            # tap j carried input t to output t + (K − 1 − j)
            h, later, into = taps[j], grad_y[t + k - 1 - j], grad_taps[j]
            for c in range(d):
                acc[c] += h[c] * get(later[c])
                into[c] += now[c] * get(later[c])
        out = grad_g[t]
        for c in range(d):
            put(out, c, acc[c])


@kernel
def scan_states(g, rate, residues, skip, y, states):
    """Long filter with real poles: `s ← s + (rate · s + g[t])`, `y[t] = skip · g[t] + Σ residue · s`.

    g, y (length, D); rate (pole - 1) and residues (poles, D), skip (D,); `states` (⌈length / SCAN⌉, poles, D) takes
    the state before every SCAN positions.
    """
    length, d = y.shape
    state = np.zeros_like(rate)
    acc, now = np.empty(d, rate.dtype), np.empty(d, rate.dtype)
    for t in range(length):
        if t % SCAN == 0:
            states[t // SCAN] = state
        x, out = g[t], y[t]
        for c in range(d):
            now[c] = get(x[c])
            acc[c] = skip[c] * now[c]
        for p in range(rate.shape[0]):
            s, a, r = state[p], rate[p], residues[p]
            for c in range(d):
                # pole · s + g with pole = 1 + a, in the order that keeps 1 + a from being formed
                v = s[c] + (a[c] * s[c] + now[c])
                s[c] = v
                acc[c] += r[c] * v
        for c in range(d):
            put(out, c, acc[c])


@kernel
def scan_backward(g, rate, residues, skip, states, grad_y, grad_g, grad_rate, grad_residues, grad_skip):
    """Gradients of `scan_states`; those of rate, residues (poles, D) and skip (D,) are added to.

    States between two kept ones are computed again, then met backwards by their gradients.
    """
    length, d = g.shape
    poles = rate.shape[0]
    replayed = np.empty((SCAN + 1, poles, d), rate.dtype)
    back = np.zeros_like(rate)
    acc, now, up = np.empty(d, rate.dtype), np.empty(d, rate.dtype), np.empty(d, rate.dtype)
    for block in range((length - 1) // SCAN, -1, -1):
        first = block * SCAN
        n = min(SCAN, length - first)
        # SCAN states at a time instead of all: memory 1 / SCAN, for one more pass forward
        replayed[0] = states[block]
        for i in range(n):
            x = g[first + i]
            for c in range(d):
                now[c] = get(x[c])
            for p in range(poles):
                s, new, a = replayed[i, p], replayed[i + 1, p], rate[p]
                for c in range(d):
                    new[c] = s[c] + (a[c] * s[c] + now[c])
        for i in range(n - 1, -1, -1):
            t = first + i
            x, gy = g[t], grad_y[t]
            for c in range(d):
                up[c] = get(gy[c])
                acc[c] = skip[c] * up[c]
                grad_skip[c] += up[c] * get(x[c])
            for p in range(poles):
                before, after, a, r = replayed[i, p], replayed[i + 1, p], rate[p], residues[p]
                s, into_r, into_a = back[p], grad_residues[p], grad_rate[p]
                for c in range(d):
                    # adjoint of the scan: ∂L/∂s_t = pole · ∂L/∂s_{t+1} + residue · ∂L/∂y_t
                    v = s[c] + (a[c] * s[c] + r[c] * up[c])
                    into_r[c] += up[c] * after[c]
                    # `s` holds the gradient of the next state until it is replaced: pole · that was added above
                    into_a[c] += v * before[c]
                    s[c] = v
                    acc[c] += v
            out = grad_g[t]
            for c in range(d):
                put(out, c, acc[c])


@kernel
def to_rows(x, rows):
    """Channels last (length, groups · width) → (groups, blocks, width, size), time fastest; missing positions are 0."""
    length = x.shape[0]
    groups, n, width, size = rows.shape
    for b in range(n):
        stop = min(size, length - b * size)
        for q in range(groups):
            for c in range(width):
                row = rows[q, b, c]
                for t in range(stop):
                    row[t] = x[b * size + t, q * width + c]
                row[stop:] = 0


@kernel
def to_columns(x, columns):
    """Channels last (length, groups · width) → (groups, size, blocks, width), positions of all blocks side by side."""
    length = x.shape[0]
    groups, size, _, width = columns.shape
    columns[:] = 0
    for t in range(length):
        row, b, i = x[t], t // size, t % size
        for q in range(groups):
            for c in range(width):
                columns[q, i, b, c] = row[q * width + c]


@kernel
def from_rows(same, other, side, x, skip, y):
    """Channels last again: `y = same + other of the block at `side` (-1 or 1) + skip · x`.

    same, other (groups, blocks, width, size); x, y (length, channels); skip (channels,).
    """
    length, d = y.shape
    groups, n, width, size = same.shape
    transposed = np.empty((size, d), skip.dtype)
    for b in range(n):
        both = 0 <= b + side < n
        for q in range(groups):
            for c in range(width):
                row, k = same[q, b, c], q * width + c
                if both:
                    second = other[q, b + side, c]
                    for t in range(size):
                        transposed[t, k] = get(row[t]) + get(second[t])
                else:
                    for t in range(size):
                        transposed[t, k] = get(row[t])
        for t in range(min(size, length - b * size)):
            row, a, out = transposed[t], x[b * size + t], y[b * size + t]
            for c in range(d):
                put(out, c, row[c] + skip[c] * get(a[c]))


@kernel
def toeplitz(taps, size, same, other):
    """Matrices (groups, input, output) of filters (groups, K): of a block's own inputs, and of the block's before."""
    groups, k = taps.shape
    for q in range(groups):
        for i in range(size):
            for j in range(size):
                # row: input i, column: output j; tap j − i, the first of which meets the current base
                put(same[q, i], j, taps[q, j - i] if 0 <= j - i < k else taps.dtype.type(0.0))
                # inputs of the block before lie `size` further back
                put(other[q, i], j, taps[q, j - i + size] if j - i + size < k else taps.dtype.type(0.0))


@kernel
def toeplitz_backward(same, other, grad_taps):
    """Gradient of `toeplitz`, added to grad_taps (groups, K)."""
    groups, size, _ = same.shape
    k = grad_taps.shape[1]
    for q in range(groups):
        for i in range(size):
            for j in range(size):
                if 0 <= j - i < k:
                    # a tap stands along a diagonal: its gradient is the sum over it
                    grad_taps[q, j - i] += get(same[q, i, j])
                if j - i + size < k:
                    grad_taps[q, j - i + size] += get(other[q, i, j])


@kernel
def transposed(x, out):
    """X (rows, columns) → out (columns, rows), in squares that stay in cache."""
    n, m = x.shape
    side = 32
    for i in range(0, n, side):
        for j in range(0, m, side):
            for b in range(j, min(m, j + side)):
                for a in range(i, min(n, i + side)):
                    out[b, a] = x[a, b]


@kernel
def product_sum(a, b, out):
    """`out += Σ_t a[t] · b[t]`: a, b (length, D), out (D,)."""
    for t in range(a.shape[0]):
        x, y = a[t], b[t]
        for c in range(a.shape[1]):
            out[c] += get(x[c]) * get(y[c])


@kernel
def product(h, out):
    """`out = first half · second half` of each row: h (rows, 2·M), out (rows, M)."""
    n, m = out.shape
    for i in range(n):
        a, b, w = h[i, :m], h[i, m:], out[i]
        for c in range(m):
            put(w, c, get(a[c]) * get(b[c]))


@kernel
def product_backward(h, grad, grad_h):
    """Gradient of `product`."""
    n, m = grad.shape
    for i in range(n):
        a, b, g = h[i, :m], h[i, m:], grad[i]
        ga, gb = grad_h[i, :m], grad_h[i, m:]
        for c in range(m):
            put(ga, c, get(g[c]) * get(b[c]))
            put(gb, c, get(g[c]) * get(a[c]))


@kernel
def surprisal(logits, target, weight, grad):
    """`weight · Σ -log p(target)` over rows with a target of 0 or more, and its gradient: logits, grad (rows,
    vocabulary).

    Exponentials are of float32 whatever the logits are.
    """
    n, m = logits.shape
    row = np.empty(m, np.float32)
    total = 0.0
    for i in range(n):
        x, g = logits[i], grad[i]
        if target[i] < 0:
            g[:] = 0
            continue
        for c in range(m):
            row[c] = get(x[c])
        mine, top = row[target[i]], _max(row)
        _exp(row, top)
        mass = _sum(row)
        # −log softmax = log Σ e^(x − top) + top − x_target; the total in double, over many rows
        total += np.log(np.float64(mass)) + top - mine
        scale = np.float32(weight / mass)
        for c in range(m):
            put(g, c, scale * row[c])
        # softmax less one-hot, times the weight
        put(g, target[i], np.float32(scale * row[target[i]] - weight))
    return total * weight
