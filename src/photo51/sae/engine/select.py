"""Which codes are active: candidates from a screen's products, then exact values; compiled workers (see `threads`).

Every function here gives the same codes for any screen, number of threads and first guess: those decide only how many
exact products are computed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from photo51.sae.engine.lanes import WORD, as_float, from_bits, hit_word, row_dot, trailing_zeros

_SLACK = np.float32(2.0**-20)  # for adding a bias in float32
_ZERO, _ONE, _TINY = np.float32(0), np.float32(1), np.float32(1e-30)


class Active(NamedTuple):
    """Active features of each token, ascending, in rows of equal capacity.

    Attributes
    ----------
    index
        (tokens, capacity) features.
    value
        (tokens, capacity) codes.
    count
        (tokens,) how many there are; more than the capacity means that the rest was dropped.
    """

    index: NDArray[np.int32]
    value: NDArray[np.float32]
    count: NDArray[np.int64]

    def rows(self, a: int, b: int) -> Active:
        """The part of tokens a..b."""
        return Active(self.index[a:b], self.value[a:b], self.count[a:b])


class Products(NamedTuple):
    """A screen's products of some tokens with all rows of the encoder.

    Attributes
    ----------
    low
        (tokens, features) products in the screen's type.
    tokens, features
        `Side` of either.
    relative, rounding
        Bounds of the rounding of a product, and of the sums, as float32.
    """

    low: NDArray
    tokens: tuple
    features: tuple
    relative: np.float32
    rounding: np.float32


def empty(tokens: int, capacity: int) -> Active:
    """Room for active features."""
    return Active(
        np.empty((tokens, capacity), np.int32),
        np.empty((tokens, capacity), np.float32),
        np.zeros(tokens, np.int64),
    )


@njit(cache=True)
def kth_largest(bits, n, k):
    """The k-th largest of `bits[:n]`, bits of floats that are not negative, as bits; 0 if there are fewer than k.

    Floats that are not negative sort as their bits do; the answer is built bit by bit, from the highest.
    """
    best = np.int32(0)
    # bit 31 is the sign, which is never set
    for b in range(30, -1, -1):
        # largest value with this bit that at least k numbers reach, so that the answer grows greedily from the top
        trial = best | np.int32(1 << b)
        reach = 0
        for i in range(n):
            reach += bits[i] >= trial
        if reach >= k:
            best = trial
    return best


@njit(cache=True)
def _hits(p, n, shift, error, floor, candidates):
    """Features of token n whose upper bound may pass `floor`, all errors being at most `error`."""
    # bounds are divided by the token's scale once, instead of multiplying every product by it
    per = _ONE / p.tokens.scale[n]
    bar = (floor - error) * per
    scale, relative, low = p.features.scale, p.relative, p.low
    # features beyond the last whole word of 64 are looked at one by one below
    line, whole, m = (relative, per, bar), low.shape[1] // WORD * WORD, 0
    for j in range(0, whole, WORD):
        word = hit_word(low, n, j, scale, shift, line)
        # lowest bit first: candidates ascend
        while word != 0:
            candidates[m] = j + trailing_zeros(word)
            # clears the lowest bit that is set
            word &= word - np.uint64(1)
            m += 1
    for j in range(whole, low.shape[1]):
        # the same arithmetic as in `hit_word`
        v = as_float(low[n, j]) * scale[j]
        if v + relative * abs(v) + shift[j] * per > bar:
            candidates[m] = j
            m += 1
    return m


@njit(cache=True)
def _error(p, n, norm, error):
    """Bound on the error of a product of token n with a row of that norm and error."""
    # ‖δx‖‖w‖ + ‖x̂‖‖δw‖ (Cauchy and Schwarz), and the rounding of the sums relative to ‖x‖‖w‖
    return p.tokens.error[n] * norm + p.tokens.norm[n] * (error + p.rounding * norm)


@njit(cache=True)
def _estimate(p, n, j):
    """Product of token n with row j as the screen has it, and its error."""
    v = p.tokens.scale[n] * p.features.scale[j] * as_float(p.low[n, j])
    return v, _error(p, n, p.features.norm[j], p.features.error[j]) + p.relative * abs(v)


@njit(cache=True, nogil=True)
def top_k(worker, workers, p, bias, k, guess, out, kth):
    """The k largest positive codes of each token; of equal ones, those of lower features.

    Parameters
    ----------
    worker, workers
        Which share of the tokens to do.
    p
        `Products`.
    bias
        (features,).
    k
        Codes a token may have.
    guess
        A code below which, per norm of the token, none of its k largest is likely to lie.
    out
        `Active` of capacity k, to fill.
    kth
        (tokens,) filled with a lower bound of the k-th code per norm: the next guess.
    """
    n_features = p.low.shape[1]
    # an upper bound of the bias as it is added in float32
    shift = bias + np.abs(bias) * _SLACK
    # one error for all features, the largest: the vector loop compares with a single number
    norm_max, error_max = p.features.norm.max(), p.features.error.max()
    candidates = np.empty(n_features, np.int32)
    low, high = np.empty(n_features, np.float32), np.empty(n_features, np.float32)
    low_bits = low.view(np.int32)
    for n in range(worker, p.low.shape[0], workers):
        # a token of zeros has no codes, but `bar / size` is still taken
        size = max(p.tokens.norm[n], _TINY)
        error = _error(p, n, norm_max, error_max)
        # no code below zero counts
        floor = max(guess * size, _ZERO)
        while True:
            # every feature whose code could be above the floor is among the candidates
            m = _hits(p, n, shift, error, floor, candidates)
            for q in range(m):
                j = candidates[q]
                v, e = _estimate(p, n, j)
                e += _SLACK * abs(bias[j])
                # a code that is surely at least this large; negative ones are no codes
                low[q] = max(v + bias[j] - e, _ZERO)
                high[q] = v + bias[j] + e
            bar = from_bits(kth_largest(low_bits, m, k))
            # k codes surely reach the floor, so that none of the k largest lies below it and was missed
            if bar >= floor:
                break
            # the guess was too high: again from what is sure; more candidates only raise the bar, so that two passes
            # are enough
            floor = bar
        kth[n] = bar / size
        n_kept = 0
        for q in range(m):
            candidates[n_kept] = candidates[q]
            # written first, counted after: a candidate that is not kept is overwritten by the next
            n_kept += high[q] >= bar
        for q in range(n_kept):  # without a branch, so that the processor fetches rows ahead
            low[q] = row_dot(p.tokens.rows, n, p.features.rows, candidates[q])
        for q in range(n_kept):
            low[q] = max(low[q] + bias[candidates[q]], _ZERO)
        out.count[n] = _keep(low, low_bits, candidates, n_kept, k, n, out)


@njit(cache=True)
def _keep(value, bits, candidates, n_found, k, n, out):
    """Put the k largest values into row n of `out`; of equal ones the first."""
    # limit is the k-th largest; of codes equal to it only as many are kept as larger ones leave places
    limit = kth_largest(bits, n_found, k)
    ties = k
    for q in range(n_found):
        ties -= bits[q] > limit
    filled = 0
    for q in range(n_found):
        # zero is not a code
        tie = bits[q] == limit and ties > 0 and limit > 0
        if bits[q] > limit or tie:
            # a tie counts down: the first equal ones are kept, which are those of lower features
            ties -= tie
            out.index[n, filled] = candidates[q]
            out.value[n, filled] = value[q]
            filled += 1
    return filled


@njit(cache=True, nogil=True)
def select_above(worker, workers, p, bias, threshold, out):
    """The codes above their feature's threshold.

    Parameters
    ----------
    worker, workers, p, bias
        As for `top_k`.
    threshold
        (features,) a code must be greater.
    out
        `Active` to fill; where a token has more codes than there is room for, `count` says how many there are.
    """
    n_features = p.low.shape[1]
    # pre-activation and threshold in one number: a code is above its threshold where v + shift > 0, but for errors
    shift = bias - threshold + _SLACK * (np.abs(bias) + np.abs(threshold))
    norm_max, error_max = p.features.norm.max(), p.features.error.max()
    capacity = out.index.shape[1]
    candidates = np.empty(n_features, np.int32)
    for n in range(worker, p.low.shape[0], workers):
        m = _hits(p, n, shift, _error(p, n, norm_max, error_max), _ZERO, candidates)
        filled = 0
        for q in range(m):
            j = candidates[q]
            v, e = _estimate(p, n, j)
            # with the errors of this very feature, which are smaller than the largest of all
            if v + shift[j] + e > 0:
                value = row_dot(p.tokens.rows, n, p.features.rows, j) + bias[j]
                if value > threshold[j]:
                    if filled < capacity:
                        out.index[n, filled] = j
                        out.value[n, filled] = value
                    # counted beyond the room as well, so that the caller learns how much is needed
                    filled += 1
        out.count[n] = filled


@njit(cache=True, nogil=True)
def pack_active(worker, workers, active, bounds, index, value):
    """Copy active codes to rows without gaps: token n goes to `bounds[n]..bounds[n + 1]`."""
    for n in range(worker, active.count.shape[0], workers):
        a = bounds[n]
        for q in range(bounds[n + 1] - a):
            index[a + q] = active.index[n, q]
            value[a + q] = active.value[n, q]


@njit(cache=True, nogil=True)
def drop(worker, workers, active, limit):
    """Drop codes below `limit`, in place."""
    for n in range(worker, active.count.shape[0], workers):
        # features stay in order, since entries only move to the front
        n_kept = 0
        for q in range(active.count[n]):
            if active.value[n, q] >= limit:
                active.index[n, n_kept] = active.index[n, q]
                active.value[n, n_kept] = active.value[n, q]
                n_kept += 1
        active.count[n] = n_kept
