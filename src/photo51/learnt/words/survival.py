"""Probability that something does not happen over a long span: an open frame stays open, a site never appears.

Counting needs as many sequences as the event is rare. Here a population of sequences is written that may not let the
event happen: at each base the model's mass on bases that would complete it is taken off and multiplied into a weight,
and the population is redrawn in proportion to the weights when they have become uneven. The product of the mean
weights is unbiased for the probability (particle filter; Del Moral 2004, Feynman–Kac formulae,
doi:10.1007/978-1-4684-9393-1, section 7.4.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.config.interventions import SamplingParams
from photo51.learnt.words.forced import NextBase, draw_allowed
from photo51.learnt.words.patterns import DEAD, Pattern
from photo51.model.tokenizer import BASE_IDS
from photo51.types import InputError

_MOST_STATES = 50_000


class Automaton(NamedTuple):
    """What may not happen, as states of a reader of bases.

    Attributes
    ----------
    step
        State that follows each state for A, C, G, T, (states, 4).
    completes
        Whether that base completes the event, (states, 4).
    """

    step: NDArray[np.int32]
    completes: NDArray[np.bool_]


class Survived(NamedTuple):
    """Estimates of one survival probability.

    Attributes
    ----------
    log_p
        Natural logarithm of each run's unbiased estimate, (runs,); -inf where a whole population died.
    length
        Bases over which the event was kept from happening.
    forward_bases
        Bases read by the model in all.
    """

    log_p: NDArray[np.float64]
    length: int
    forward_bases: int


def open_frame(code: int) -> Automaton:
    """Completed by a stop codon of genetic code `code` in the frame that begins with the first base written.

    Raises
    ------
    InputError
        For a code that NCBI does not list, or one without stop codons that are always stops.
    """
    if code not in unambiguous_dna_by_id or not unambiguous_dna_by_id[code].stop_codons:
        raise InputError(f"genetic code: need one of NCBI's translation tables with stop codons, got {code}")
    step = np.zeros((21, 4), dtype=np.int32)  # 0: a codon begins; 1 + a: one base read; 5 + 4a + b: two bases read
    completes = np.zeros((21, 4), dtype=bool)
    stops = {tuple("ACGT".index(base) for base in codon) for codon in unambiguous_dna_by_id[code].stop_codons}
    for a in range(4):
        step[0, a] = 1 + a
        for b in range(4):
            step[1 + a, b] = 5 + 4 * a + b
            for c in range(4):
                completes[5 + 4 * a + b, c] = (a, b, c) in stops
    return Automaton(step, completes)


def absence(patterns: Sequence[Pattern]) -> Automaton:
    """Completed by the first whole occurrence of any of some patterns that begins with or after the first base written.

    A state is the set of places that unfinished words have reached (subset construction).

    Raises
    ------
    InputError
        For patterns that need more than fifty thousand states.
    """
    start: frozenset[tuple[int, int]] = frozenset()
    states, queue = {start: 0}, deque([start])
    step: list[list[int]] = []
    completes: list[list[bool]] = []
    while queue:
        live = queue.popleft()
        row, done = [], []
        for base in range(4):
            after, finished = _advance(live, base, patterns)
            if after not in states:
                states[after] = len(states)
                queue.append(after)
                if len(states) > _MOST_STATES:
                    raise InputError(
                        f"{patterns[0].name}: need a pattern whose absence takes at most {_MOST_STATES:,} states, got"
                        " more; ask for its expected number instead"
                    )
            row.append(states[after])
            done.append(finished)
        step.append(row)
        completes.append(done)
    return Automaton(np.array(step, dtype=np.int32), np.array(completes, dtype=bool))


def _advance(
    live: frozenset[tuple[int, int]], base: int, patterns: Sequence[Pattern]
) -> tuple[frozenset[tuple[int, int]], bool]:
    after, finished = set(), False
    for pattern, state in {*live, *((i, 0) for i in range(len(patterns)))}:
        following = int(patterns[pattern].step[state, base])
        if following == len(patterns[pattern].step):
            finished = True
        elif following != DEAD:
            after.add((pattern, following))
    return frozenset(after), finished


def survival(
    opened: Callable[[int], NextBase],
    automaton: Automaton,
    length: int,
    *,
    particles: int,
    runs: int,
    sampling: SamplingParams,
    rng: np.random.Generator,
) -> Survived:
    """Probability that the event does not happen in the next `length` bases.

    Parameters
    ----------
    opened
        From a number of sequences to a stream of so many, all at the place where writing begins.
    particles, runs
        Sequences of a population, and independent populations.

    Raises
    ------
    InputError
        For a length, population or number of runs below 1.
    """
    if min(length, particles, runs) < 1:
        raise InputError(f"survival: need at least one base, particle and run, got {length}, {particles} and {runs}")
    return Survived(
        np.array([_population(opened(particles), automaton, length, particles, sampling, rng) for _ in range(runs)]),
        length,
        length * particles * runs,
    )


def _population(
    stream: NextBase,
    automaton: Automaton,
    length: int,
    particles: int,
    sampling: SamplingParams,
    rng: np.random.Generator,
) -> float:
    state = np.zeros(particles, dtype=np.int64)
    log_weight, log_p = np.zeros(particles), 0.0
    for t in range(length):
        allowed = ~automaton.completes[state]
        doomed = ~allowed.any(axis=1)
        allowed[doomed] = True
        base, mass = draw_allowed(stream.scores, allowed, rng.random(particles), sampling)
        with np.errstate(divide="ignore"):
            log_weight += np.log(np.where(doomed, 0.0, mass))
        state = automaton.step[state, base].astype(np.int64)
        top = log_weight.max()
        if np.isneginf(top):
            return -np.inf
        weight = np.exp(log_weight - top)
        if t + 1 == length:
            return log_p + top + float(np.log(weight.mean()))
        if weight.sum() ** 2 / (weight**2).sum() < particles / 2:
            log_p += top + float(np.log(weight.mean()))
            chosen = _systematic(weight, rng)
            stream, state, base = stream.take(chosen), state[chosen], base[chosen]
            log_weight[:] = 0.0
        stream.read(BASE_IDS[base][:, None])
    raise AssertionError("unreachable: length is at least 1")


def _systematic(weight: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices drawn in proportion to the weights with one uniform number (systematic resampling)."""
    n = len(weight)
    places = (rng.random() + np.arange(n)) / n * weight.sum()
    return np.minimum(np.searchsorted(np.cumsum(weight), places, side="right"), n - 1)
