"""A training step's arithmetic over active codes only, compiled workers (see `threads`).

Weights lie latent by latent, (features, width), so that a feature is one row of the encoder and one of the decoder.
Sums run in an order that neither threads nor machine decide: within a row by `row_dot` or element by element, over
rows in pieces of fixed length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from photo51.sae.engine.lanes import row_dot

PIECE = 64  # rows or tokens whose contributions are summed together
_ONE = np.float32(1)


class ByFeature(NamedTuple):
    """Active codes sorted by feature, then by token.

    Attributes
    ----------
    start
        (features + 1,) where each feature begins.
    token
        (active,) token of each entry.
    value
        (active,) its code.
    slope
        (active,) derivative of the loss by the pre-activation.
    """

    start: NDArray[np.int64]
    token: NDArray[np.int32]
    value: NDArray[np.float32]
    slope: NDArray[np.float32]


class Gradients(NamedTuple):
    """Derivatives of the loss: decoder and encoder (features, width), bias (features,), and parts of the pre-bias's.

    `norm2` (features,) is the squared length of a feature's decoder, encoder and bias gradients together.
    """

    decoder: NDArray[np.float32]
    encoder: NDArray[np.float32]
    bias: NDArray[np.float32]
    offset: NDArray[np.float32]
    norm2: NDArray[np.float32]


@njit(cache=True, nogil=True)
def centre(worker, workers, x, offset, scale, out):
    """`x * scale - offset`, with zeros up to the width of `out`."""
    d = x.shape[1]
    for n in range(worker, x.shape[0], workers):
        for c in range(d):
            out[n, c] = x[n, c] * scale - offset[c]
        # zeros in the padding add nothing to any product, but the array is used again and must be cleared
        for c in range(d, out.shape[1]):
            out[n, c] = 0


@njit(cache=True)
def _add_rows(out, index, value, first, last, rows):
    """`out += Σ value * rows[index]` over entries first..last, four at a time, in order."""
    q = first
    while q + 4 <= last:
        # four rows to a pass over `out`, whose loads and stores are the cost; the brackets fix the order of additions
        v0, v1, v2, v3 = value[q], value[q + 1], value[q + 2], value[q + 3]
        w0, w1, w2, w3 = rows[index[q]], rows[index[q + 1]], rows[index[q + 2]], rows[index[q + 3]]
        for c in range(out.shape[0]):
            out[c] += (v0 * w0[c] + v1 * w1[c]) + (v2 * w2[c] + v3 * w3[c])
        q += 4
    # the last one to three entries: how many follows from the number of entries alone, so the order is fixed as well
    while q < last:
        v0, w0 = value[q], rows[index[q]]
        for c in range(out.shape[0]):
            out[c] += v0 * w0[c]
        q += 1


@njit(cache=True, nogil=True)
def decode_active(worker, workers, active, decoder, target, prefixes, scale, residual, slope, square):
    """Reconstruct, compare, and differentiate by the codes.

    Parameters
    ----------
    worker, workers
        Which share of the tokens to do.
    active
        `Active` codes.
    decoder
        (features, width).
    target
        (tokens, width) what the codes should add up to.
    prefixes
        Ascending numbers of features that must do alone, the last being all: one for a plain dictionary, several for a
        Matryoshka dictionary. The loss is the mean of theirs.
    scale
        Derivative of the loss by a residual is `scale * residual`.
    residual
        (prefixes, tokens, width) filled with `scale` times the sum of the residuals of all prefixes from this one on,
        which is what a feature of that prefix answers for.
    slope
        (tokens, capacity) filled with the derivative of the loss by each code.
    square
        (tokens,) filled with the squared residual of the whole dictionary.
    """
    groups = prefixes.shape[0]
    for n in range(worker, target.shape[0], workers):
        index, value = active.index[n], active.value[n]
        last = 0
        # what a group leaves is what the group before it left, plus what its own features add
        for i in range(groups):
            now = residual[i, n]
            # x̂ - x without any feature
            if i == 0:
                for c in range(now.shape[0]):
                    now[c] = -target[n, c]
            else:
                for c in range(now.shape[0]):
                    now[c] = residual[i - 1, n, c]
            first = last
            # features ascend within a token, so that each group is one contiguous piece of its entries
            while last < active.count[n] and index[last] < prefixes[i]:
                last += 1
            _add_rows(now, index, value, first, last, decoder)
        # the last prefix holds all features
        square[n] = row_dot(residual[groups - 1], n, residual[groups - 1], n)
        # sums from the last prefix back: a feature is part of the reconstructions of its own prefix and of all larger
        # ones
        for i in range(groups - 1, -1, -1):
            now = residual[i, n]
            for c in range(now.shape[0]):
                now[c] *= scale
            # these are scaled and summed already
            if i < groups - 1:
                for c in range(now.shape[0]):
                    now[c] += residual[i + 1, n, c]
        i = 0
        for q in range(active.count[n]):
            while index[q] >= prefixes[i]:
                i += 1
            # x̂ = Σ code · decoder row, so that ∂L/∂code is the product of ∂L/∂x̂ with that row
            slope[n, q] = row_dot(residual[i], n, decoder, index[q])


@njit(cache=True, nogil=True)
def count_by_feature(worker, workers, active, counts):
    """`counts[i, f]`: entries of feature f among the i-th share of tokens; shares are contiguous, one a row of
    `counts`.
    """
    # shares are of tokens and their number is fixed: which thread counts one changes nothing
    shares = counts.shape[0]
    for i in range(worker, shares, workers):
        mine = counts[i]
        mine[:] = 0
        for n in range(_share(i, shares, active.count), _share(i + 1, shares, active.count)):
            for q in range(active.count[n]):
                mine[active.index[n, q]] += 1


@njit(cache=True)
def _share(i, shares, tokens):
    return i * tokens.shape[0] // shares


@njit(cache=True, nogil=True)
def sort_by_feature(worker, workers, active, slope, places, out):
    """Put entries where they belong; `places[i, f]` is where the i-th share's entries of feature f begin (and is used
    up).
    """
    shares = places.shape[0]
    for i in range(worker, shares, workers):
        mine = places[i]
        for n in range(_share(i, shares, active.count), _share(i + 1, shares, active.count)):
            for q in range(active.count[n]):
                # shares and tokens ascend, and with them the entries of each feature
                f = active.index[n, q]
                slot = mine[f]
                mine[f] = slot + 1
                out.token[slot] = n
                out.value[slot] = active.value[n, q]
                out.slope[slot] = slope[n, q]


@njit(cache=True, nogil=True)
def differentiate(worker, workers, entries, residual, x, prefixes, decoder, encoder, out):
    """Gradients of decoder, encoder and bias, latent by latent; the decoder's without its part along the row.

    Parameters
    ----------
    worker, workers
        Which share of the pieces of features to do.
    entries
        `ByFeature`.
    residual
        From `decode_active`.
    x
        (tokens, width) what was encoded.
    prefixes
        As for `decode_active`.
    decoder, encoder
        (features, width).
    out
        `Gradients` to fill; `offset` has a row for each piece of features.
    """
    features = decoder.shape[0]
    for piece in range(worker, (features + PIECE - 1) // PIECE, workers):
        # one row of `offset` a piece: they are added in order afterwards, whichever thread filled them
        shared = out.offset[piece]
        shared[:] = 0
        for f in range(piece * PIECE, min((piece + 1) * PIECE, features)):
            # the smallest prefix that holds the feature
            i = 0
            while f >= prefixes[i]:
                i += 1
            first, last = entries.start[f], entries.start[f + 1]
            by_decoder, by_encoder = out.decoder[f], out.encoder[f]
            by_decoder[:] = 0
            by_encoder[:] = 0
            # ∂L/∂(decoder row) = Σ code · ∂L/∂x̂ over the tokens where it is active
            _add_rows(by_decoder, entries.token, entries.value, first, last, residual[i])
            # ∂L/∂(encoder row) = Σ ∂L/∂pre · x
            _add_rows(by_encoder, entries.token, entries.slope, first, last, x)
            total = np.float32(0)
            for q in range(first, last):
                total += entries.slope[q]
            out.bias[f] = total
            for c in range(shared.shape[0]):
                # pre = (x - offset) · w + b, so that the offset gets -∂L/∂pre times the encoder's row
                shared[c] -= total * encoder[f, c]
            finish(f, decoder, out)


@njit(cache=True)
def finish(f, decoder, out):
    """Take the part along the decoder's row out of its gradient, and note the length of all three."""
    # rows have length one: a step along them would be undone when they are brought back to it
    along = row_dot(out.decoder, f, decoder, f)
    for c in range(decoder.shape[1]):
        out.decoder[f, c] -= along * decoder[f, c]
    out.norm2[f] = (
        row_dot(out.decoder, f, out.decoder, f) + row_dot(out.encoder, f, out.encoder, f) + out.bias[f] * out.bias[f]
    )


@njit(cache=True, nogil=True)
def lengths(worker, workers, decoder, out):
    """`finish` for all features, after gradients of several ranks were summed."""
    for f in range(worker, decoder.shape[0], workers):
        finish(f, decoder, out)


@njit(cache=True, nogil=True)
def add_features(worker, workers, part, features, decoder, out):
    """Add the gradients of some features, `features`, that were computed apart."""
    for i in range(worker, features.shape[0], workers):
        f = features[i]
        for c in range(decoder.shape[1]):
            out.decoder[f, c] += part.decoder[i, c]
            out.encoder[f, c] += part.encoder[i, c]
        out.bias[f] += part.bias[i]
        finish(f, decoder, out)


@njit(cache=True, nogil=True)
def sum_rows(worker, workers, rows, parts):
    """Sums of pieces of rows: `parts[i]` is that of rows i * PIECE and on."""
    for piece in range(worker, parts.shape[0], workers):
        out = parts[piece]
        out[:] = 0
        for n in range(piece * PIECE, min((piece + 1) * PIECE, rows.shape[0])):
            for c in range(out.shape[0]):
                out[c] += rows[n, c]


class Adam(NamedTuple):
    """A step of Adam (Kingma and Ba, arXiv:1412.6980): rate, decays, and what makes up for the start at zero.

    `shrink` multiplies gradients first (clipping); `first` and `second` are 1 / (1 - βᵗ).
    """

    rate: np.float32
    beta1: np.float32
    beta2: np.float32
    epsilon: np.float32
    first: np.float32
    second: np.float32
    shrink: np.float32


@njit(cache=True)
def _adam_row(weight, gradient, mean, square, a):
    # 1 - β in float32, as the products below are
    rest1, rest2 = _ONE - a.beta1, _ONE - a.beta2
    for c in range(weight.shape[0]):
        g = gradient[c] * a.shrink
        m = a.beta1 * mean[c] + rest1 * g
        v = a.beta2 * square[c] + rest2 * g * g
        mean[c] = m
        square[c] = v
        # `first` and `second` undo the bias of means that began at 0
        weight[c] -= a.rate * (m * a.first) / (np.sqrt(v * a.second) + a.epsilon)


@njit(cache=True, nogil=True)
def adam(worker, workers, weight, gradient, mean, square, a, unit):
    """One step for the rows of a matrix; where `unit`, each row is then brought back to length one."""
    for f in range(worker, weight.shape[0], workers):
        _adam_row(weight[f], gradient[f], mean[f], square[f], a)
        if unit:
            per = _ONE / np.sqrt(row_dot(weight, f, weight, f))
            for c in range(weight.shape[1]):
                weight[f, c] *= per
