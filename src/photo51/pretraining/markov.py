"""Markov chains of orders 0 to K: what a model of DNA must beat to be worth its cost.

A chain predicts a base from the k bases before it. Long contexts are rare, so the counts of order k are joined with the
prediction of order k - 1, weighted as so many imagined bases:

    P_k(b | context) = (count_k(context, b) + strength_k · P_{k-1}(b | shorter context)) / (count_k(context) +
    strength_k)

which is a hierarchy of Dirichlet priors. The strengths, one an order, are those that predict species best that the
counts have not seen. Both strands are counted: a word counts where it or its reverse complement stands.

References
----------
MacKay and Peto 1995, Nat Lang Eng 1:289, doi:10.1017/S1351324900000218
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from photo51.genome.alphabet import codes

UNKNOWN = 4
_STRONGEST = 40.0
"""Largest logarithm of a strength: then the longer context is ignored."""


class Counts(NamedTuple):
    """Words of 1 to K + 1 bases: `words[k]` (4^(k+1),) holds the counts of order k, first base most significant."""

    words: tuple[NDArray[np.uint32], ...]

    @property
    def order(self) -> int:
        """Bases before the predicted one in the longest words."""
        return len(self.words) - 1


class WindowCounts(NamedTuple):
    """What counts say about bases of windows.

    Attributes
    ----------
    counts
        For each order, how often each base followed this base's context, (orders, n, 4).
    known
        Bases of context before each base, up to the longest order, (n,).
    base
        Code of the base itself, 0 to 3; 4 for other letters, (n,).
    shape
        Shape of the windows; n is their product.
    """

    counts: NDArray[np.float32]
    known: NDArray[np.int64]
    base: NDArray[np.uint8]
    shape: tuple[int, ...]


def count_words(pieces: Iterable[NDArray[np.uint8]], order: int) -> Counts:
    """Count words of `order + 1` bases on the strand as given; words with other letters are left out.

    Parameters
    ----------
    pieces
        Sequences as bytes; words do not run from one into the next.
    order
        Bases before the predicted one.
    """
    table = np.zeros(4 ** (order + 1), dtype=np.uint32)
    for piece in pieces:
        _count(codes(np.ascontiguousarray(piece)), order + 1, table)
    return from_longest(table)


def from_longest(table: NDArray[np.uint32]) -> Counts:
    """Counts of all orders from those of the longest words: a shorter word counts where a longest word ends with it."""
    words = [table]
    while len(words[-1]) > 4:
        # the first base is the highest digit: summing it out leaves the words one shorter that end alike
        words.append(words[-1].reshape(4, -1).sum(axis=0, dtype=np.uint32))
    return Counts(tuple(reversed(words)))


@numba.njit(cache=True, nogil=True)
def _count(letters, length, table):
    mask = (1 << (2 * length)) - 1
    word = 0
    run = 0
    for i in range(len(letters)):
        letter = letters[i]
        if letter == UNKNOWN:
            run = 0
            word = 0
            continue
        # the last `length` bases as a base-4 number
        word = ((word << 2) | letter) & mask
        run += 1
        if run >= length:
            table[word] += 1


def look_up(counts: Counts, windows: NDArray[np.uint8]) -> WindowCounts:
    """Counts, on both strands, of the four bases after each base's context.

    Parameters
    ----------
    counts
        From `count_words`.
    windows
        Bytes, (windows, length).
    """
    letters = codes(windows)
    n, length = letters.shape
    n_before = np.zeros((n, length), dtype=np.int64)
    for i in range(1, length):
        n_before[:, i] = np.where(letters[:, i - 1] == UNKNOWN, 0, np.minimum(n_before[:, i - 1] + 1, counts.order))
    clean = np.where(letters == UNKNOWN, 0, letters).astype(np.int64)
    # zeros in front are no context: `known` says how much of it counts
    padded = np.concatenate([np.zeros((n, counts.order), dtype=np.int64), clean], axis=1)
    tables = np.empty((counts.order + 1, n * length, 4), dtype=np.float32)
    for k, table in enumerate(counts.words):
        context = np.zeros((n, length), dtype=np.int64)
        for j in range(k, 0, -1):
            context = context * 4 + padded[:, counts.order - j : counts.order - j + length]
        # (n, 4): the context with each base after it
        words = (context.reshape(-1, 1) << 2) | np.arange(4)
        # a word on the other strand is its reverse complement on this one
        tables[k] = table[words].astype(np.float32) + table[_reverse_complements(words, k + 1)]
    return WindowCounts(tables, n_before.ravel(), letters.ravel(), letters.shape)


def _reverse_complements(words: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Reverse complements of words of `length` bases."""
    reverse = np.zeros_like(words)
    for _ in range(length):
        reverse = (reverse << 2) | (3 - (words & 3))
        words = words >> 2
    return reverse


def fit_strengths(windows: WindowCounts) -> NDArray[np.float64]:
    """Strengths of orders 1 … K that give the bases of windows the highest likelihood, order by order, (K,).

    Parameters
    ----------
    windows
        From windows of species that were not counted.
    """
    n_orders = len(windows.counts)
    below = _order_zero(windows)
    strengths = np.zeros(n_orders - 1)
    scored = windows.base != UNKNOWN
    pick = np.minimum(windows.base, 3)[:, None].astype(np.int64)
    for k in range(1, n_orders):
        use = scored & (windows.known >= k)
        counted = np.take_along_axis(windows.counts[k][use], pick[use], 1)[:, 0].astype(np.float64)
        total = windows.counts[k][use].sum(axis=1, dtype=np.float64)
        prior = np.take_along_axis(below[use], pick[use], 1)[:, 0]

        def loss(log_strength: float, counted=counted, total=total, prior=prior) -> float:
            strength = np.exp(log_strength)
            # counts of the order above a prior worth `strength` counts, which is the order below (Dirichlet)
            return -float(np.mean(np.log((counted + strength * prior) / (total + strength))))

        best = minimize_scalar(loss, bounds=(-5.0, _STRONGEST), method="bounded", options={"xatol": 1e-3})
        strengths[k - 1] = np.exp(best.x)
        below = _join(windows, k, strengths[k - 1], below)
    return strengths


def log_probs(windows: WindowCounts, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log-probability of every base under every order, (orders, *windows); NaN for letters that are no base.

    A base with fewer than k bases before it is predicted by the longest order it has.
    """
    pick = np.minimum(windows.base, 3)[:, None].astype(np.int64)
    below = _order_zero(windows)
    log_p = np.empty((len(windows.counts), len(windows.base)))
    for k in range(len(windows.counts)):
        below = below if k == 0 else _join(windows, k, strengths[k - 1], below)
        log_p[k] = np.log(np.take_along_axis(below, pick, 1)[:, 0])
    log_p[:, windows.base == UNKNOWN] = np.nan
    return log_p.reshape(-1, *windows.shape)


def _order_zero(windows: WindowCounts) -> NDArray[np.float64]:
    # one of each base more, so that none has probability 0
    counted = windows.counts[0].astype(np.float64) + 1.0
    return counted / counted.sum(axis=1, keepdims=True)


def _join(windows: WindowCounts, k: int, strength: float, below: NDArray[np.float64]) -> NDArray[np.float64]:
    counted = windows.counts[k].astype(np.float64)
    joined = (counted + strength * below) / (counted.sum(axis=1, keepdims=True) + strength)
    # where the context is too short the order below stands
    return np.where((windows.known >= k)[:, None], joined, below)
