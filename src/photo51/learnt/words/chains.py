"""Markov chains fitted to sequences: the baseline of word rates and of surprisal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photo51.learnt.words.patterns import Pattern


def markov_rate(patterns: Sequence[Pattern], written: NDArray[np.integer], order: int) -> float:
    """Probability that any of the patterns begins at a place, under a Markov chain fitted to sequences.

    Counts of the longest context are joined with the next shorter one as four imagined bases.
    """
    chance = chain_law(written, order)
    total = 0.0
    for pattern in patterns:
        # weight of each pair (context of the chain, state of the pattern), from the chain's own contexts onward
        mass = {0: _contexts(written, order)}
        for _ in range(pattern.width):
            onward: dict[int, NDArray[np.float64]] = {}
            for state, weight in mass.items():
                for base in range(4):
                    # negative: no word of the pattern goes on with this base
                    after = int(pattern.step[state, base])
                    if after >= 0:
                        moved = _push(weight * chance[:, base], base, order)
                        onward[after] = onward.get(after, 0.0) + moved
            mass = onward
        total += float(sum(w.sum() for w in mass.values()))
    return total


def _words_of(written: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    n = written.shape[1] - k + 1
    word = np.zeros((len(written), n), dtype=np.int64)
    for i in range(k):
        word = word * 4 + written[:, i : i + n]
    return word


def _contexts(written: NDArray[np.integer], order: int) -> NDArray[np.float64]:
    share = np.bincount(_words_of(written, order).ravel(), minlength=4**order).astype(float)
    return share / share.sum()


def chain_law(written: NDArray[np.integer], order: int) -> NDArray[np.float64]:
    """Law (4 ** order, 4) of a chain fitted to (sequences, length) codes, shorter contexts as four imagined bases."""
    p = np.full((1, 4), 0.25)
    for k in range(order + 1):
        counts = np.bincount(_words_of(written, k + 1).ravel(), minlength=4 ** (k + 1)).reshape(-1, 4)
        shorter = np.tile(p, (len(counts) // len(p), 1))  # the longer context ends with the shorter one
        # as if the shorter context had been seen four times more
        p = (counts + 4 * shorter) / (counts.sum(axis=1, keepdims=True) + 4)
    return p


def chain_bits(law: NDArray[np.float64], written: NDArray[np.integer]) -> NDArray[np.float64]:
    """Bits a base of (sequences, length) codes under a law of `chain_law`, first contexts left out, (sequences,)."""
    return chain_surprisal(law, written).mean(axis=1)


def chain_surprisal(law: NDArray[np.float64], written: NDArray[np.integer]) -> NDArray[np.float64]:
    """Bits of each base of (sequences, length) codes from the first whole context on, (sequences, length - order)."""
    order = (len(law).bit_length() - 1) // 2  # 4 ** order contexts
    # the last context has no base after it
    contexts = _words_of(written, order)[:, : written.shape[1] - order]
    return -np.log2(law[contexts, written[:, order:]])


def _push(weight: NDArray[np.float64], base: int, order: int) -> NDArray[np.float64]:
    if order == 0:
        return weight
    out = np.zeros_like(weight)
    tails = weight.reshape(4, -1).sum(axis=0)  # the oldest base of the context is forgotten
    out[np.arange(len(tails)) * 4 + base] = tails
    return out
