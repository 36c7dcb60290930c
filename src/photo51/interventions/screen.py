"""Which features are worth a steering experiment: all of them tried briefly, each in a few short sequences.

A screen looks at many features and many oracles, so its best are partly luck. It proposes; `steer` with other prompts and
another seed decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SamplingParams
from photo51.interventions.dictionary import Instrument
from photo51.interventions.generate import generate
from photo51.interventions.oracles import Oracle, judge
from photo51.io.tables import Column, TableSpec
from photo51.progress import progress

SCREEN = TableSpec(
    "screen",
    "one feature and one oracle, tried briefly",
    {
        "feature": Column("int", "feature"),
        "oracle": Column("str", "measure that knows nothing of the model"),
        "effect": Column("float", "mean over sequences, steered minus control with the same random numbers"),
        "z": Column("float", "effect over the spread of all features' effects on this oracle (robust)"),
    },
)


class RowShift:
    """Adds to every base of each sequence a shift of its own, (batch, d_model)."""

    def __init__(self, shift: Tensor):
        self.shift = shift

    def __call__(self, x: Tensor, _start: int) -> Tensor:
        """Edit (batch, length, d_model)."""
        return x + self.shift[:, None]


def screen(
    instrument: Instrument,
    features: Sequence[int],
    prompts: NDArray[np.integer],
    judges: Sequence[Oracle],
    *,
    dose: float,
    length: int,
    sampling: SamplingParams,
    batch: int = 256,
) -> pd.DataFrame:
    """Steer each feature by one dose after each prompt, and judge what is written (contract `SCREEN`).

    Parameters
    ----------
    features
        Features that fire on the reference.
    prompts
        (prompts, length) token ids.
    dose
        Strength added at every base (units).
    length
        Bases written.
    """
    units = instrument.units.of(features)
    rows = instrument.dictionary.decoder[list(features)]
    shifts = dose * torch.from_numpy(units).to(rows)[:, None] * rows
    n = len(prompts)

    def write(shift: Tensor) -> NDArray[np.float64]:
        """(shifts, prompts, oracles) scores."""
        per_row = shift.repeat_interleave(n, 0)
        written = generate(
            instrument.model,
            np.tile(prompts, (len(shift), 1)),
            length,
            sampling=sampling,
            edits={instrument.site: RowShift(per_row)},
            rows=np.tile(np.arange(n), len(shift)),
        )
        return judge(written.sequences(), judges).reshape(len(shift), n, -1)

    control = write(torch.zeros_like(shifts[:1]))[0]
    per_batch = max(1, batch // n)
    chunks = [shifts[i : i + per_batch] for i in range(0, len(shifts), per_batch)]
    scores = np.concatenate([write(chunk) for chunk in progress(chunks, "screen", unit="batches")])
    effect = (scores - control).mean(axis=1)  # (features, oracles)
    centre = np.median(effect, axis=0)
    spread = 1.4826 * np.median(np.abs(effect - centre), axis=0)
    z = np.divide(effect - centre, spread, out=np.zeros_like(effect), where=spread > 0)
    return SCREEN.check(
        pd.DataFrame(
            {
                "feature": np.repeat(np.asarray(features), len(judges)),
                "oracle": np.tile([j.name for j in judges], len(features)),
                "effect": effect.ravel(),
                "z": z.ravel(),
            }
        )
    )
