"""Decoder rows as bounded changes of convex combinations of archetypes: compiled workers (see `threads`).

Row f is `d = y / |y|` with `y = u / |u| + r`, `u = softmax(logits) @ archetypes` and `|r| ≤ bound`. One worker does all
of a row, so that no sum depends on how rows are shared among threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from photo51.sae.engine.kernels import _adam_row, _add_rows
from photo51.sae.engine.lanes import row_dot

_ONE, _TINY = np.float32(1), np.float32(1e-12)


class MixtureRows(NamedTuple):
    """What rows are made of, and what making them leaves for the gradient.

    Attributes
    ----------
    logits
        (features, archetypes).
    change
        (features, width): the bounded change `r`.
    weight
        (features, archetypes): softmax of the logits.
    base
        (features, width): the combination `u`, brought to length one.
    length
        (features, 2): lengths of `u` and of `y`.
    """

    logits: NDArray[np.float32]
    change: NDArray[np.float32]
    weight: NDArray[np.float32]
    base: NDArray[np.float32]
    length: NDArray[np.float32]


class AdamMoments(NamedTuple):
    """Adam's running means of gradients and of their squares, for logits and changes."""

    logits_mean: NDArray[np.float32]
    logits_square: NDArray[np.float32]
    change_mean: NDArray[np.float32]
    change_square: NDArray[np.float32]


@njit(cache=True)
def _compose(f, rows, archetypes, index, decoder):
    """Row f of the decoder from its logits and change."""
    logits, weight, base, change = rows.logits[f], rows.weight[f], rows.base[f], rows.change[f]
    # softmax does not change when the largest logit is taken off, and exp then cannot overflow
    top = logits[0]
    for m in range(1, logits.shape[0]):
        top = max(top, logits[m])
    total = np.float32(0)
    for m in range(logits.shape[0]):
        weight[m] = np.exp(logits[m] - top)
        total += weight[m]
    per = _ONE / total
    for m in range(logits.shape[0]):
        weight[m] *= per
    base[:] = 0
    _add_rows(base, index, weight, 0, logits.shape[0], archetypes)
    # archetypes may cancel each other: no division by 0
    rows.length[f, 0] = max(np.sqrt(row_dot(rows.base, f, rows.base, f)), _TINY)
    per = _ONE / rows.length[f, 0]
    for c in range(base.shape[0]):
        base[c] *= per
        decoder[f, c] = base[c] + change[c]
    rows.length[f, 1] = max(np.sqrt(row_dot(decoder, f, decoder, f)), _TINY)
    per = _ONE / rows.length[f, 1]
    for c in range(base.shape[0]):
        decoder[f, c] *= per


@njit(cache=True, nogil=True)
def compose(worker, workers, rows, archetypes, index, decoder):
    """Fill `decoder` (features, width), and `weight`, `base` and `length` of `rows`; `index` is 0 … archetypes - 1."""
    for f in range(worker, decoder.shape[0], workers):
        _compose(f, rows, archetypes, index, decoder)


@njit(cache=True, nogil=True)
def learn(worker, workers, rows, moments, archetypes, index, gradient, a, of_logits, bound, decoder):
    """One step of Adam on logits and changes, then the decoder's rows made of them.

    Parameters
    ----------
    worker, workers
        Which share of the features to do.
    rows, moments
        As `compose` left them; changed in place.
    archetypes
        (archetypes, width) of length one.
    index
        0 … archetypes - 1.
    gradient
        (features, width) derivative of the loss by the decoder's rows, without its part along them; used up.
    a, of_logits
        `Adam` for changes, and for logits.
    bound
        Largest length of a change.
    decoder
        (features, width), filled.
    """
    by_logit = np.empty((1, rows.logits.shape[1]), np.float32)
    for f in range(worker, decoder.shape[0], workers):
        g, base, change, weight = gradient[f], rows.base[f], rows.change[f], rows.weight[f]
        # ∂L/∂y = (g - (g·d) d) / |y|; the gradient comes without its part along d
        per = _ONE / rows.length[f, 1]
        for c in range(g.shape[0]):
            g[c] *= per  # by y = base + change, of which d is the direction
        _adam_row(change, g, moments.change_mean[f], moments.change_square[f], a)
        # back into the ball of radius `bound`, along its own direction
        length = np.sqrt(row_dot(rows.change, f, rows.change, f))
        if length > bound:
            per = bound / length
            for c in range(g.shape[0]):
                change[c] *= per
        # ∂L/∂u = (g - (g·b) b) / |u| with b = u / |u|
        along, per = row_dot(gradient, f, rows.base, f), _ONE / rows.length[f, 0]
        for c in range(g.shape[0]):
            g[c] = (g[c] - along * base[c]) * per  # by u, of which base is the direction
        mean = np.float32(0)
        for m in range(weight.shape[0]):
            # ∂L/∂(weight m) is the product of archetype m with ∂L/∂u
            by_logit[0, m] = row_dot(archetypes, m, gradient, f)
            mean += weight[m] * by_logit[0, m]
        for m in range(weight.shape[0]):
            by_logit[0, m] = weight[m] * (by_logit[0, m] - mean)  # by the softmax's logits
        _adam_row(rows.logits[f], by_logit[0], moments.logits_mean[f], moments.logits_square[f], of_logits)
        _compose(f, rows, archetypes, index, decoder)
