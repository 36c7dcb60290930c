"""Corpora whose optimal prediction is known at every base: hidden-state grammars, and mixtures of tasks by frequency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.planted.chain import chain


class Grammar(NamedTuple):
    """A hidden Markov source.

    Attributes
    ----------
    start, move
        Law of the first state (states,), and of the next given this one (states, states).
    emit
        Law of the base given the state, (states, 4).
    """

    start: NDArray[np.float64]
    move: NDArray[np.float64]
    emit: NDArray[np.float64]

    def sample(self, n: int, length: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bases as codes and hidden states, (n, length) each."""
        states = np.empty((n, length), dtype=np.int64)
        states[:, 0] = _draw(np.tile(self.start, (n, 1)), rng)
        for t in range(1, length):
            states[:, t] = _draw(self.move[states[:, t - 1]], rng)
        return _draw(self.emit[states.ravel()], rng).reshape(n, length), states

    def optimal(self, bases: NDArray[np.integer]) -> NDArray[np.float64]:
        """Best law of each base given those before it, (n, length, 4), by the forward recursion."""
        belief = np.tile(self.start, (len(bases), 1))
        out = np.empty((*bases.shape, 4))
        for t in range(bases.shape[1]):
            out[:, t] = belief @ self.emit
            belief = belief * self.emit[:, bases[:, t]].T
            belief = (belief / belief.sum(axis=1, keepdims=True)) @ self.move
        return out


def _draw(law: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    cumulative = law.cumsum(axis=1)
    return (rng.random(len(law))[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1).clip(max=law.shape[1] - 1)


def cycle(period: int, seed: int, sharpness: float = 3.0) -> Grammar:
    """W2: a hidden state that goes round in `period` bases; 3 is a codon's phase."""
    emit = np.random.default_rng(seed).dirichlet(np.full(4, 1 / sharpness), period)
    return Grammar(np.full(period, 1 / period), np.roll(np.eye(period), 1, axis=1), emit)


def operon(seed: int, lengths: tuple[int, int, int] = (30, 20, 40), gap: int = 100) -> Grammar:
    """W2: background, then parts A, B and C in this order and no other, of geometric lengths with these means."""
    means = np.array([gap, *lengths], dtype=float)
    stay = 1 - 1 / means
    move = np.diag(stay) + np.roll(np.diag(1 - stay), 1, axis=1)
    emit = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), 4)
    emit[0] = 0.25
    return Grammar(np.array([1.0, 0, 0, 0]), move, emit)


class Mixture(NamedTuple):
    """W6: records of tasks whose frequencies are log-spaced.

    Attributes
    ----------
    bases, task
        (records, length) codes, and the task of each record, (records,).
    optimal
        Best law of each base, given its task, (records, length, 4).
    frequency
        Share of each task, (tasks,).
    order
        Order of each task's chain: its complexity, crossed with frequency, (tasks,).
    """

    bases: NDArray[np.int64]
    task: NDArray[np.int64]
    optimal: NDArray[np.float64]
    frequency: NDArray[np.float64]
    order: NDArray[np.int64]


def mixture(records: int, length: int, rng: np.random.Generator, tasks: int = 12, rarest: float = 1 / 256) -> Mixture:
    """Records of Markov chains of order 1 and 3 by turns, the most frequent task 1 / `rarest` times the rarest."""
    frequency = np.geomspace(1.0, rarest, tasks)
    frequency /= frequency.sum()
    order = np.where(np.arange(tasks) % 2, 3, 1)
    laws = [chain(int(k), 1_000 + i, sharpness=2.0) for i, k in enumerate(order)]
    task = rng.choice(tasks, records, p=frequency)
    bases = np.empty((records, length), dtype=np.int64)
    optimal = np.empty((records, length, 4))
    for i, law in enumerate(laws):
        rows = np.flatnonzero(task == i)
        context = rng.integers(0, len(law), len(rows))
        for t in range(length):
            optimal[rows, t] = law[context]
            bases[rows, t] = _draw(law[context], rng) if len(rows) else 0
            context = (context * 4 + bases[rows, t]) % len(law)
    return Mixture(bases, task, optimal, frequency, order)
