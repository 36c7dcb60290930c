"""A short trial of many features at once, in written sequence: which of them to spend a whole experiment on, and on
what.

What a model writes under a push feeds on itself: a base more of one kind now is a reason for another later.
Predictions along real sequence (`screen`) do not see that, so the features they propose write a few sequences each,
and so do random directions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import TrialParams
from photo51.interventions.edits.arms import random_directions
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.steering.screen import SCREEN, between
from photo51.interventions.writing.generate import generate
from photo51.interventions.writing.scorers import Scorer, judge
from photo51.progress import progress
from photo51.types import InputError


class RowShift:
    """An edit that adds to every base of each sequence a vector of its own, (sequences, d_model)."""

    def __init__(self, shifts: Tensor):
        self.shifts = shifts

    def __call__(self, x: Tensor, _start: int) -> Tensor:
        """Edit (batch, length, d_model)."""
        return x + self.shifts[:, None].to(x.dtype)


def trial(
    instrument: Instrument,
    candidates: pd.DataFrame,
    prompts: NDArray[np.integer],
    judges: Sequence[Scorer],
    params: TrialParams,
) -> pd.DataFrame:
    """What each candidate does to each scorer in a few written sequences (contract `SCREEN`).

    Parameters
    ----------
    candidates
        `feature` and `dose` (units), each feature once.
    prompts
        (prompts, length) token ids, which sequences take in turn: apart from those of the experiment that follows.
    judges
        Scorers, at least one.

    Returns
    -------
    Scorers that half of the random directions leave as they were are left out: so few bases do not show them.

    Raises
    ------
    InputError
        For no candidates, or an unknown or silent feature.
    """
    if candidates.empty:
        raise InputError("trial: need at least one candidate, got none")
    features, dose = candidates["feature"].to_numpy(), candidates["dose"].to_numpy(dtype=np.float64)
    rows = instrument.dictionary.decoder[features.tolist()]
    shifts = torch.from_numpy(dose * instrument.units.of(features.tolist())).to(rows)[:, None] * rows
    length = torch.linalg.vector_norm(shifts, dim=1).double().cpu().numpy()
    x = activations(instrument.model, instrument.site, instrument.ids(prompts)).flatten(0, 1)
    rng = np.random.default_rng([params.sampling.seed, 10])
    directions = random_directions(
        "covariance",
        params.random_directions,
        dictionary=instrument.dictionary,
        residual=x,
        avoid=(),
        rng=rng,
    )
    # a hair beyond the longest, so that `between` need not extrapolate; equal lengths would make no ladder
    ladder = np.geomspace(length.min(), length.max() * (1 + 1e-9), params.rungs)
    pushed = torch.cat([shifts, *(float(rung) * directions.to(rows) for rung in ladder)])
    effect = written_effects(instrument, pushed, prompts, judges, params)
    # rungs, directions, scorers, in the order of `pushed`
    random = np.abs(effect[len(rows) :]).reshape(params.rungs, len(directions), -1)
    # half of the directions at every rung must move a scorer, else its null says nothing
    distinguishable = (np.median(random, axis=1) > 0).all(axis=0)
    null = between(length, ladder, np.quantile(random, 0.99, axis=1)[:, distinguishable])
    effect, names = (
        effect[: len(rows), distinguishable],
        np.array([scorer.name for scorer in judges], dtype=object)[distinguishable],
    )
    n = len(names)
    table = {
        "feature": np.repeat(features, n),
        "scorer": np.tile(names, len(features)),
        "dose": np.repeat(dose, n),
        "effect": effect.ravel(),
        "null_q99": null.ravel(),
        "merit": (np.abs(effect) / np.maximum(null, 1e-12)).ravel(),
    }
    return SCREEN.check(pd.DataFrame(table))


def written_effects(
    instrument: Instrument,
    shifts: Tensor,
    prompts: NDArray[np.integer],
    judges: Sequence[Scorer],
    params: TrialParams,
) -> NDArray[np.float64]:
    """(shifts, scorers): mean score of sequences written under each shift (shifts, d_model) minus that without."""
    n = params.sequences
    # the unshifted arm first, then every shift, each n times
    every = torch.cat([torch.zeros_like(shifts[:1]), shifts]).repeat_interleave(n, 0)
    # the same numbers in all arms: they share random streams, and differ by the shift alone
    number = np.tile(np.arange(n), len(shifts) + 1)
    bases: list[str] = []
    for i in progress(range(0, len(every), params.batch), "trial", unit="batches"):
        batch = number[i : i + params.batch]
        bases += generate(
            instrument.model,
            prompts[batch % len(prompts)],
            params.length,
            sampling=params.sampling,
            edits={instrument.site: RowShift(every[i : i + params.batch])},
            rows=batch,
        ).sequences()
    scores = judge(bases, judges).reshape(len(shifts) + 1, n, len(judges))
    # paired by sequence, then averaged
    return (scores[1:] - scores[:1]).mean(axis=1)
