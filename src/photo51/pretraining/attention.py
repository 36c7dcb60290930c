"""Compiled loops of attention in training: rotary positions, and softmax over bands of scores; see `kernels`."""

# mypy: ignore-errors
from __future__ import annotations

import numpy as np

from photo51.model.stripedhyena.kernels import _exp, _max, _sum
from photo51.pretraining.elements import get, kernel, kernel_reducing, put


@kernel
def rotate_positions(qkv, cos, sin, scale, q, k, v):
    """Turn queries and keys by their positions: qkv (length, 3, heads, size), cos and sin (length, size / 2).

    q (heads, length + spare, size) is scaled; k, v (heads, past + length + spare, size) are written behind `past`
    positions, where `spare` and `past` follow from the shapes: `past = k.shape[1] - q.shape[1]`.
    """
    length, _, heads, size = qkv.shape
    half, past, factor = size // 2, k.shape[1] - q.shape[1], cos.dtype.type(scale)
    for h in range(heads):
        for t in range(length):
            x, y, w = qkv[t, 0, h], qkv[t, 1, h], qkv[t, 2, h]
            a, b, e = q[h, t], k[h, past + t], v[h, past + t]
            co, si = cos[t], sin[t]
            for c in range(half):
                put(a, c, factor * (get(x[c]) * co[c] - get(x[half + c]) * si[c]))
                put(a, half + c, factor * (get(x[c]) * si[c] + get(x[half + c]) * co[c]))
            for c in range(half):
                put(b, c, get(y[c]) * co[c] - get(y[half + c]) * si[c])
                put(b, half + c, get(y[c]) * si[c] + get(y[half + c]) * co[c])
            e[:] = w


@kernel
def rotate_backward(q, k, v, cos, sin, scale, grad):
    """Gradient of `rotate_positions`: from those of q (heads, length + spare, size) and of k, v, to grad (length, 3,
    heads, size).
    """
    length, _, heads, size = grad.shape
    half, past, factor = size // 2, k.shape[1] - q.shape[1], cos.dtype.type(scale)
    for h in range(heads):
        for t in range(length):
            x, y, w = grad[t, 0, h], grad[t, 1, h], grad[t, 2, h]
            a, b, e = q[h, t], k[h, past + t], v[h, past + t]
            co, si = cos[t], sin[t]
            for c in range(half):
                # the transpose of a rotation turns back by the same angle
                put(x, c, factor * (get(a[c]) * co[c] + get(a[half + c]) * si[c]))
                put(x, half + c, factor * (get(a[half + c]) * co[c] - get(a[c]) * si[c]))
            for c in range(half):
                put(y, c, b[c] * co[c] + b[half + c] * si[c])
                put(y, half + c, b[half + c] * co[c] - b[c] * si[c])
            for c in range(size):
                put(w, c, e[c])


@kernel
def masked_softmax(scores, window, past, length):
    """Softmax of scores (blocks, queries, past + queries) over the keys a query sees, in place; exactly 0 elsewhere.

    Query i of block n stands at n · queries + i, key j at n · queries - past + j; a query sees `window` keys up to
    itself.
    """
    blocks, queries, keys = scores.shape
    row = np.empty(keys, np.float32)
    for n in range(blocks):
        for i in range(queries):
            x = scores[n, i]
            if n * queries + i >= length:
                x[:] = 0
                continue
            # not further back than the window, nor before the sequence: key j stands at n · queries − past + j ≥ 0
            first, last = max(i + past - window + 1, past - n * queries, 0), i + past + 1
            visible = row[: last - first]
            for j in range(first, last):
                visible[j - first] = get(x[j])
            _exp(visible, _max(visible))
            inverse = np.float32(1.0) / _sum(visible)
            x[:first] = 0
            for j in range(first, last):
                put(x, j, visible[j - first] * inverse)
            x[last:] = 0


@kernel_reducing
def soften_backward(weights, grad):
    """Gradient of `masked_softmax`, in place of that of the weights: `weights · (grad - Σ weights · grad)` of each
    row.
    """
    blocks, queries, keys = grad.shape
    for n in range(blocks):
        for i in range(queries):
            p, g = weights[n, i], grad[n, i]
            total = np.float32(0.0)
            for j in range(keys):
                total += get(p[j]) * get(g[j])
            for j in range(keys):
                put(g, j, get(p[j]) * (get(g[j]) - total))


@kernel
def overlap_add(blocks, out):
    """Sum blocks (n, span, size) that begin every `queries` rows into out (past + n · queries, size), `span = past +
    queries`.
    """
    n, span, size = blocks.shape
    # out has past + n · queries rows, a span past + queries: (n − 1) · queries apart
    queries = (out.shape[0] - span) // max(1, n - 1)
    for b in range(n):
        for j in range(span):
            row, into = blocks[b, j], out[b * queries + j]
            for c in range(size):
                # keys are met by several blocks of queries: their gradients add up where blocks overlap
                into[c] += get(row[c])
