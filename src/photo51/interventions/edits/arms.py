"""Four arms in one batch: control, reconstruction, feature, and random directions of the same length.

Rows of a batch belong to different arms and doses, so that an experiment is a few large batches and not many small
ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SteerParams
from photo51.interventions.edits.bundles import Bundle, Direction
from photo51.interventions.edits.dictionary import Instrument, LinearDictionary
from photo51.interventions.edits.site_edits import EVERYWHERE, EditGate, Op, Order, SiteEdit
from photo51.types import InputError


def plan_arms(params: SteerParams) -> pd.DataFrame:
    """Rows of the experiment: arm, direction, dose, sequence."""
    # dose 0 is the control, which is there anyway
    doses = sorted(d for d in set(params.doses) if d != 0.0)
    if not doses:
        raise InputError(f"doses: need at least one that is not 0, got {list(params.doses)}")
    n, rows = params.sequences, []
    rows += [("control", -1, 0.0, i) for i in range(n)]
    rows += [("reconstruction", -1, 0.0, i) for i in range(n)]
    rows += [("feature", -1, dose, i) for dose in doses for i in range(n)]
    rows += [
        ("random", r, dose, i)
        for dose in doses
        for r in range(params.random_directions)
        for i in range(min(n, params.random_sequences))
    ]
    return pd.DataFrame(rows, columns=["arm", "direction", "dose", "sequence"])


class ArmEdit:
    """Edit of a batch whose rows belong to different arms.

    Random rows move along their direction by the length that the feature edit would have at the very same base.

    Parameters
    ----------
    op, target
        What the feature arm does.
    rows
        Rows of `plan_arms`, in batch order.
    directions
        (random directions, d_model), unit length.
    """

    def __init__(
        self,
        instrument: Instrument,
        op: Op,
        target: Bundle | Direction,
        *,
        rows: pd.DataFrame,
        directions: Tensor,
        gate: EditGate = EVERYWHERE,
    ):
        dictionary = instrument.dictionary
        arm = rows["arm"].to_numpy()
        # (rows, 1): a dose for every row of the batch, alike at all its bases
        dose = torch.from_numpy(rows["dose"].to_numpy(dtype=np.float32))[:, None]
        self.dictionary = dictionary
        self.edit = SiteEdit(dictionary, [Order(op, target, dose, gate)], instrument.units)
        device = dictionary.decoder.device
        # rows that the feature edit leaves alone
        self.quiet = torch.from_numpy(np.isin(arm, ["control", "reconstruction"])).to(device)
        self.reconstructed = torch.from_numpy(np.flatnonzero(arm == "reconstruction")).to(device)
        random = np.flatnonzero(arm == "random")
        self.random = torch.from_numpy(random).to(device)
        self.along = directions[rows["direction"].to_numpy()[random]].to(dictionary.decoder)

    def __call__(self, x: Tensor, start: int) -> Tensor:
        """Edit (batch, length, d_model)."""
        # computed for all rows at once: what a random row would have moved by is needed as its length
        delta = self.edit.delta(x, start)
        if delta is None:
            return x
        # the reconstruction arm is overwritten below; control stays as it is
        delta = torch.where(self.quiet[:, None, None], 0.0, delta)
        if len(self.random):
            # (random rows, length, 1): base by base, so that random arms are silent where the feature's edit is
            norm = torch.linalg.vector_norm(delta[self.random], dim=-1, keepdim=True)
            delta[self.random] = norm * self.along[:, None]
        if len(self.reconstructed):
            rows = x[self.reconstructed].to(delta.dtype)
            # what the dictionary loses, as a shift of x like any other edit
            delta[self.reconstructed] = reconstruct(self.dictionary, rows) - rows
        return x + delta.to(x.dtype)


def reconstruct(dictionary: LinearDictionary, x: Tensor) -> Tensor:
    """`decode(encode(x))`."""
    return dictionary.encode(x) @ dictionary.decoder + dictionary.offset


def random_directions(
    kind: str,
    n: int,
    *,
    dictionary: LinearDictionary,
    residual: Tensor,
    avoid: Sequence[int],
    rng: np.random.Generator,
) -> Tensor:
    """Unit directions to compare a feature with, (n, d_model).

    Parameters
    ----------
    kind
        `covariance`: drawn with the residual stream's covariance, so that they point where activations go;
        `isotropic`: evenly over the sphere; `decoder`: rows of other features.
    residual
        (bases, d_model) activations of the site.
    avoid
        Features that are not drawn for `decoder`.
    """
    rows = dictionary.decoder
    if kind == "decoder":
        pool = np.setdiff1d(np.arange(rows.shape[0]), np.asarray(avoid, dtype=np.int64))
        if len(pool) < n:
            raise InputError(f"random_directions: need at least {n} other features, got {len(pool)}")
        drawn = rows[torch.from_numpy(rng.choice(pool, n, replace=False)).to(rows.device)]
    elif kind == "isotropic":
        drawn = _gaussian(rng, n, rows.shape[1]).to(rows)
    else:
        # Gaussian weights of centred activations: Σ gᵢ xᵢ has the covariance of the x up to scale, and no matrix of
        # d_model² is made
        centred = (residual - residual.mean(0)).to(rows)
        drawn = _gaussian(rng, n, len(residual)).to(rows) @ centred
    return drawn / torch.linalg.vector_norm(drawn, dim=-1, keepdim=True)


def _gaussian(rng: np.random.Generator, n: int, d: int) -> Tensor:
    drawn: NDArray[np.float32] = rng.standard_normal((n, d), dtype=np.float32)
    return torch.from_numpy(drawn)
