"""Probabilities of words under a model, without sampling them.

The probability that a word stands next is a product of the model's own numbers, P(w) = Π_i p(w_i | past, w_1 …
w_{i-1}), and its mean over the places of the model's own sequences is the expected number of occurrences a place: it
estimates the same number as counting does, and never with more variance (Rao–Blackwell). A set too large to be written
out is asked for by drawing letters among those that the set still allows; the product of the allowed masses is
unbiased for the set's probability (importance sampling with the zero-variance proposal truncated to one step; Owen
2013, Monte Carlo theory, methods and examples, chapter 9).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SamplingParams
from photo51.interventions.writing import generate
from photo51.learnt.words.patterns import DEAD, Pattern
from photo51.model.tokenizer import BASE_IDS


class NextBase(Protocol):
    """Sequences being written: `photo51.interventions.writing.generate.Stream`, or anything else that knows
    what may come next.
    """

    @property
    def scores(self) -> Tensor:
        """(sequences, 4) scores of A, C, G, T as the next base."""

    def read(self, ids: NDArray[np.integer] | Tensor) -> None:
        """Read (sequences, length) tokens."""

    def logits(self, ids: NDArray[np.integer]) -> Tensor:
        """Read (sequences, length) tokens; scores (sequences, length, 4) of the base after each."""

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> NextBase:
        """Some of the sequences, by index, which may come more than once; this stream stays as it is."""


def next_base(scores: Tensor, sampling: SamplingParams) -> NDArray[np.float64]:
    """Probability (sequences, 4) with which A, C, G and T are drawn next; rows sum to 1."""
    p = generate.probabilities(scores, sampling).double().cpu().numpy()
    return p / p.sum(axis=1, keepdims=True)


def word_probability(
    stream: NextBase, words: NDArray[np.integer], sampling: SamplingParams, *, batch: int = 128
) -> NDArray[np.float64]:
    """Probability that each word comes next, for each sequence.

    Parameters
    ----------
    stream
        Sequences; left as they are.
    words
        (words, width) codes 0 to 3.
    sampling
        How bases are drawn: the probabilities are those of drawing the word.
    batch
        Forced sequences read at once.

    Returns
    -------
    (sequences, words).
    """
    n, (w, width) = len(stream.scores), words.shape
    # every word after every sequence, sequence by sequence
    sequence, word = (index.ravel() for index in np.meshgrid(np.arange(n), np.arange(w), indexing="ij"))
    out = np.empty(n * w)
    first = next_base(stream.scores, sampling)
    for i in range(0, n * w, batch):
        rows, forced = sequence[i : i + batch], words[word[i : i + batch]]
        p = first[rows, forced[:, 0]]
        if width > 1:
            # letters but the last are read; scores after each are of the next one
            scores = stream.take(rows).logits(BASE_IDS[forced[:, :-1]])
            after = next_base(scores.reshape(-1, 4), sampling)
            chosen = after[np.arange(len(after)), forced[:, 1:].ravel()]
            p = p * chosen.reshape(len(rows), -1).prod(axis=1)
        out[i : i + batch] = p
    return out.reshape(n, w)


def set_probability(
    stream: NextBase,
    pattern: Pattern,
    draws: int,
    sampling: SamplingParams,
    rng: np.random.Generator,
    *,
    batch: int = 128,
) -> NDArray[np.float64]:
    """Unbiased draws of the probability that some word of a set comes next.

    Parameters
    ----------
    pattern
        The set.
    draws
        Draws for each sequence.

    Returns
    -------
    (sequences, draws) weights, whose mean along the last axis estimates the probability.
    """
    n = len(stream.scores)
    sequence = np.repeat(np.arange(n), draws)
    uniform = rng.random((len(sequence), pattern.width))
    out = np.empty(len(sequence))
    for i in range(0, len(sequence), batch):
        part = stream.take(sequence[i : i + batch])
        out[i : i + batch] = _constrained(part, pattern, uniform[i : i + batch], sampling)
    return out.reshape(n, draws)


def _constrained(
    part: NextBase, pattern: Pattern, uniform: NDArray[np.float64], sampling: SamplingParams
) -> NDArray[np.float64]:
    weight = np.ones(len(uniform))
    state = np.zeros(len(uniform), dtype=np.int64)
    for i in range(pattern.width):
        allowed = pattern.step[state] != DEAD
        base, mass = draw_allowed(part.scores, allowed, uniform[:, i], sampling)
        # mean of this product over draws is the probability of the set, whatever letters were drawn
        weight *= mass
        state = pattern.step[state, base].astype(np.int64)
        if i + 1 < pattern.width:
            part.read(BASE_IDS[base][:, None])
    return weight


def draw_allowed(
    scores: Tensor, allowed: NDArray[np.bool_], uniform: NDArray[np.float64], sampling: SamplingParams
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw a base among those allowed, and say what probability they hold together.

    Parameters
    ----------
    scores
        (sequences, 4).
    allowed
        (sequences, 4), at least one in each row.
    uniform
        (sequences,) in [0, 1).

    Returns
    -------
    Codes (sequences,) and masses (sequences,). Where the mass is 0 the code is the first allowed one.
    """
    p = np.where(allowed, next_base(scores, sampling), 0.0)
    mass = p.sum(axis=1)
    # nothing allowed has any probability: the weight is 0 already, any allowed letter will do
    p[mass == 0] = allowed[mass == 0]
    cumulative = np.cumsum(p, axis=1)
    # number of cumulative masses at or below the draw
    base = (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    # rounding may point past the last base that has any probability
    last = 3 - np.argmax((p > 0)[:, ::-1], axis=1)
    return np.minimum(base, last), mass
