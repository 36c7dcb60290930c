"""A Markov chain in the place of the model: every probability is known by hand."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.genome.alphabet import codes


class MarkovStream:
    """Sequences of a chain of some order, as `photo51.learnt.words.forced.NextBase`."""

    def __init__(self, chance: np.ndarray, context: np.ndarray):
        self.chance, self.context = chance, context  # (4 ** order, 4), (sequences,)
        self.bases_read = 0

    @property
    def scores(self) -> torch.Tensor:
        """Logarithms of the law of the next base, (sequences, 4)."""
        return torch.from_numpy(np.log(self.chance[self.context]))

    def read(self, ids: NDArray[np.integer] | torch.Tensor) -> None:
        """Read (sequences, length) tokens."""
        self.logits(ids)

    def logits(self, ids: NDArray[np.integer] | torch.Tensor) -> torch.Tensor:
        """Read tokens; scores (sequences, length, 4) of the base after each."""
        out = []
        for column in codes(np.asarray(ids, dtype=np.uint8)).T:
            self.context = (self.context * 4 + column) % len(self.chance)
            out.append(self.scores)
            self.bases_read += len(column)
        return torch.stack(out, dim=1)

    def take(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> MarkovStream:
        """Some of the sequences."""
        return MarkovStream(self.chance, self.context[which])


def chain(order: int, seed: int, sharpness: float = 1.0) -> np.ndarray:
    """Laws of a random chain, (4 ** order, 4); sharper ones are further from even."""
    return np.random.default_rng(seed).dirichlet(np.full(4, 1 / sharpness), 4**order)


def stationary(chance: np.ndarray) -> np.ndarray:
    """Share of each context in the long run, by powers of the transition matrix."""
    n = len(chance)
    moves = np.zeros((n, n))
    for i in range(n):
        for b in range(4):
            moves[i, (i * 4 + b) % n] += chance[i, b]
    share = np.full(n, 1 / n)
    for _ in range(500):
        share = share @ moves
    return share


def word_rate(chance: np.ndarray, word: str) -> float:
    """Chance that a word stands at a place, letter by letter from each context."""
    total = 0.0
    for start, share in enumerate(stationary(chance)):
        p, context = share, start
        for letter in word:
            b = "ACGT".index(letter)
            p *= chance[context, b]
            context = (context * 4 + b) % len(chance)
        total += p
    return total
