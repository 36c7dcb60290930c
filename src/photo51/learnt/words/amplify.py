"""What B does a little and A does not, made loud: ℓ_B + α (ℓ_B − ℓ_A), and the way back to the true rate.

A word that fine-tuning made likelier, but far too rare to be sampled, becomes common under amplified scores. Its exact
rates at a few strengths, extrapolated as a quadratic of their logarithm to α = 0, estimate the true rate; here the
true rate can be asked for exactly too, so that every extrapolation stands beside what it should have given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.learnt import WordsParams
from photo51.genome.alphabet import codes
from photo51.io.contracts.learnt import AMPLIFIED
from photo51.learnt.words.forced import NextBase, next_base, set_probability
from photo51.learnt.words.limits import effective_places, interval
from photo51.learnt.words.patterns import Event, Pattern
from photo51.learnt.words.rates import Opener, spacing, spelled_together
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.types import InputError

MOST_ALPHA = 64.0


class Amplified:
    """Two models that read the same sequences, as one that says ℓ_B + α (ℓ_B − ℓ_A); see
    `photo51.learnt.words.forced.NextBase`.

    Scores are log-probabilities over the four bases before they are joined, so that α does not act on constants.
    """

    def __init__(self, a: NextBase, b: NextBase, alpha: float):
        self.a, self.b, self.alpha = a, b, alpha

    @property
    def scores(self) -> Tensor:
        """(sequences, 4)."""
        return joined_scores(self.a.scores, self.b.scores, self.alpha)

    def read(self, ids: NDArray[np.integer] | Tensor) -> None:
        """Read (sequences, length) tokens."""
        self.a.read(ids)
        self.b.read(ids)

    def logits(self, ids: NDArray[np.integer]) -> Tensor:
        """Read tokens; scores of the base after each."""
        return joined_scores(self.a.logits(ids), self.b.logits(ids), self.alpha)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Amplified:
        """Some of the sequences."""
        return Amplified(self.a.take(chosen), self.b.take(chosen), self.alpha)


def joined_scores(a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """Log-probabilities ℓ_B + α (ℓ_B − ℓ_A), up to a constant, of scores (…, 4)."""
    a, b = torch.log_softmax(a.double(), -1), torch.log_softmax(b.double(), -1)
    return b + alpha * (b - a)


def amplified_rates(
    a: Opener,
    b: Opener,
    events: Sequence[Event],
    contexts: NDArray[np.uint8],
    alphas: Sequence[float],
    params: WordsParams,
) -> pd.DataFrame:
    """Rates of words at places of real sequence as α grows, and the rate extrapolated back (contract `AMPLIFIED`).

    Parameters
    ----------
    a, b
        Streams of both models at the beginning of each context (its first base read).
    contexts
        (sequences, length) bytes that both models read; words are asked for every `params.every` bases after the
        warm-up.
    alphas
        Strengths; 0 is added where it is missing.

    Raises
    ------
    InputError
        For a strength that is negative or above 64, at which scores leave the range of floating point.
    """
    check_alphas(alphas)
    # 0 is the true rate, which the extrapolation is compared with
    strengths = sorted({0.0, *map(float, alphas)})
    follow = codes(contexts).astype(np.int64)[:, 1:]
    answers = _along(a, b, [p for e in events for p in e.forward + e.reverse], follow, strengths, params)
    rates: dict[float, list[tuple[float, float, float, float]]] = {}
    for s, alpha in enumerate(strengths):
        rates[alpha] = []
        place = 0
        for event in events:
            # patterns of an event stand next to each other in `answers`, forward before reverse
            n = len(event.forward) + len(event.reverse)
            # spellings of one event exclude each other at a place: probabilities add up
            p = answers[s, place : place + n].sum(axis=0)
            place += n
            mean, _, low, high = interval(p.mean(axis=1), params.confidence)
            rates[alpha].append((mean, low, high, effective_places(p)))
    rows = []
    for i, event in enumerate(events):
        back = extrapolate(
            strengths, [rates[x][i][0] for x in strengths], [rates[x][i][3] for x in strengths], params.n_eff
        )
        for alpha in strengths:
            mean, low, high, n_eff = rates[alpha][i]
            rows.append(
                {
                    "word": event.name,
                    "alpha": alpha,
                    "per_kb": 1_000 * mean,
                    "low": 1_000 * low,
                    "high": 1_000 * high,
                    "n_eff": n_eff,
                    "reliable": n_eff >= params.n_eff,
                    "extrapolated_per_kb": 1_000 * back if alpha == 0 else np.nan,
                }
            )
    return AMPLIFIED.check(pd.DataFrame(rows))


def check_alphas(alphas: Sequence[float]) -> None:
    """Refuse strengths at which scores leave the range of floating point.

    Raises
    ------
    InputError
        For one that is negative, above 64, or no number.
    """
    if bad := [x for x in alphas if not 0 <= x <= MOST_ALPHA]:
        raise InputError(f"alpha: need strengths between 0 and {MOST_ALPHA:g}, got {bad[0]:g}")


@torch.inference_mode()
def _along(
    a: Opener,
    b: Opener,
    patterns: Sequence[Pattern],
    follow: NDArray[np.int64],
    strengths: Sequence[float],
    params: WordsParams,
) -> NDArray[np.float64]:
    """Probabilities (strengths, patterns, sequences, places) along given bases; each model reads each word once."""
    numbers = np.arange(len(follow))
    streams = a(numbers), b(numbers)
    rng = np.random.default_rng([params.sampling.seed, 21])
    every = params.every or spacing(patterns, params)
    places = list(range(params.warmup, follow.shape[1], every))
    out = np.empty((len(strengths), len(patterns), len(follow), len(places)))
    # bases that were read so far
    before = 0
    for i, t in enumerate(progress(places, "amplified", unit="places")):
        if t > before:
            for stream in streams:
                # codes to letters as the model reads them
                stream.read(BASE_IDS[follow[:, before:t]])
        before = t
        exact = set()
        for spelled, bounds in spelled_together(patterns, params.enumerate):
            p = _forced(*streams, spelled, strengths, params)
            for k, first, last in bounds:
                out[:, k, :, i] = p[:, :, first:last].sum(axis=2)
                exact.add(k)
        for k, pattern in enumerate(patterns):
            if k not in exact:
                for s, alpha in enumerate(strengths):
                    joined = Amplified(*streams, alpha)
                    weights = set_probability(joined, pattern, params.draws, params.sampling, rng, batch=params.batch)
                    out[s, k, :, i] = weights.mean(axis=1)
    return out


def _forced(
    a: NextBase, b: NextBase, words: NDArray[np.integer], strengths: Sequence[float], params: WordsParams
) -> NDArray[np.float64]:
    """Probability that each word comes next at each strength, (strengths, sequences, words)."""
    n, (w, width) = len(a.scores), words.shape
    # every word after every sequence, sequence by sequence
    sequence, word = (index.ravel() for index in np.meshgrid(np.arange(n), np.arange(w), indexing="ij"))
    out = np.ones((len(strengths), n * w))
    # the first letter needs no reading: its scores are those of the sequence
    first = [s.scores[:, None] for s in (a, b)]
    for i in range(0, n * w, params.batch):
        rows, forced = sequence[i : i + params.batch], words[word[i : i + params.batch]]
        laws = []
        for stream, begin in zip((a, b), first, strict=True):
            scores = begin[torch.from_numpy(rows)]
            if width > 1:
                scores = torch.cat([scores, stream.take(rows).logits(BASE_IDS[forced[:, :-1]])], dim=1)
            laws.append(scores)
        for s, alpha in enumerate(strengths):
            p = next_base(joined_scores(laws[0], laws[1], alpha).reshape(-1, 4), params.sampling)
            letters = p[np.arange(len(p)), forced.ravel()]
            out[s, i : i + params.batch] = letters.reshape(len(rows), width).prod(axis=1)
    return out.reshape(len(strengths), n, w)


def extrapolate(alphas: Sequence[float], rates: Sequence[float], n_eff: Sequence[float], min_n_eff: float) -> float:
    """Rate at α = 0 by a quadratic of log rate through the three smallest positive strengths at which it could be
    measured.

    NaN where fewer than three strengths have enough effective places. Far strengths extrapolate badly: the logarithm
    is only locally quadratic.
    """
    usable = [(x, r) for x, r, n in zip(alphas, rates, n_eff, strict=True) if x > 0 and r > 0 and n >= min_n_eff][:3]
    if len(usable) < 3:
        return float("nan")
    x, r = np.array(usable).T
    # the constant of the polynomial is the logarithm at α = 0
    return float(np.exp(np.polynomial.polynomial.polyfit(x, np.log(r), 2)[0]))
