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
from photo51.learnt.forced import NextBase
from photo51.learnt.patterns import Event
from photo51.learnt.words import Opener, interval, rollouts
from photo51.types import InputError

MOST_ALPHA = 64.0


class Amplified:
    """Two models that read the same sequences, as one that says ℓ_B + α (ℓ_B − ℓ_A); see
    `photo51.learnt.forced.NextBase`.

    Scores are log-probabilities over the four bases before they are joined, so that α does not act on constants.
    """

    def __init__(self, a: NextBase, b: NextBase, alpha: float):
        self.a, self.b, self.alpha = a, b, alpha

    @property
    def scores(self) -> Tensor:
        """(sequences, 4)."""
        return self._join(self.a.scores, self.b.scores)

    def _join(self, a: Tensor, b: Tensor) -> Tensor:
        a, b = torch.log_softmax(a.double(), -1), torch.log_softmax(b.double(), -1)
        return b + self.alpha * (b - a)

    def read(self, ids: NDArray[np.integer] | Tensor) -> None:
        """Read (sequences, length) tokens."""
        self.a.read(ids)
        self.b.read(ids)

    def logits(self, ids: NDArray[np.integer]) -> Tensor:
        """Read tokens; scores of the base after each."""
        return self._join(self.a.logits(ids), self.b.logits(ids))

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Amplified:
        """Some of the sequences."""
        return Amplified(self.a.take(chosen), self.b.take(chosen), self.alpha)


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
    if bad := [x for x in alphas if not 0 <= x <= MOST_ALPHA]:
        raise InputError(f"alpha: need strengths between 0 and {MOST_ALPHA:g}, got {bad[0]:g}")
    strengths = sorted({0.0, *map(float, alphas)})
    follow = codes(contexts).astype(np.int64)[:, 1:]
    settings = params.model_copy(update={"rollouts": len(contexts), "length": follow.shape[1] - params.warmup})
    rates: dict[float, list[tuple[float, float, float, float]]] = {}
    for alpha in strengths:
        answers = rollouts(
            _joined(a, b, alpha),
            events,
            settings,
            warmup=params.warmup,
            follow=follow,
        ).asked
        rates[alpha] = []
        place = 0
        for event in events:
            n = len(event.forward) + len(event.reverse)
            p = np.sum([x.p for x in answers[place : place + n]], axis=0)
            place += n
            mean, _, low, high = interval(p.mean(axis=1), params.confidence)
            rates[alpha].append((mean, low, high, float(p.sum() ** 2 / max((p**2).sum(), 1e-300))))
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


def _joined(a: Opener, b: Opener, alpha: float) -> Opener:
    return lambda numbers: Amplified(a(numbers), b(numbers), alpha)


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
    return float(np.exp(np.polynomial.polynomial.polyfit(x, np.log(r), 2)[0]))
