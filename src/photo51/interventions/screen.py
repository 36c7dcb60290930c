"""Which features are worth a steering experiment: each is added to real sequence, and the predictions are read.

Nothing is written here. With a dose added at every base, the model's next-base probabilities along real sequence say at
what rate it would now put G or C, complete a stop codon, go on with a run, and so on. A screen looks at many features and
many measures, so its best are partly luck: it proposes, and `steer` with written sequence, other prompts and nulls decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray
from torch import Tensor

from photo51.interventions.dictionary import Instrument, activations
from photo51.interventions.tail import Tail, copies
from photo51.interventions.targets import base_scores
from photo51.io.tables import Column, TableSpec
from photo51.model.tokenizer import decode
from photo51.progress import progress
from photo51.types import InputError

SCREEN = TableSpec(
    "screen",
    "one feature and one measure",
    {
        "feature": Column("int", "feature"),
        "oracle": Column("str", "oracle that the measure stands for"),
        "effect": Column("float", "expected rate with the feature minus without"),
        "z": Column("float", "effect over the spread of all features' effects (robust)"),
        "kl": Column("float", "how far the feature moves the next base, mean over bases (bits)"),
    },
)


def measures(
    windows: NDArray[np.integer], *, code: int = 11, codons: Mapping[str, float] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Oracle → (windows, length − 2, 4) what each base would count as the next one, after the two before it.

    Parameters
    ----------
    windows
        (windows, length) token ids; entry t of a measure is about the base after window base t + 1.
    code
        NCBI translation table.
    codons
        Codon log-odds (`oracles.codon_table`).
    """
    shape = (len(windows), windows.shape[1] - 1, 4)
    found = {f"base_{b}": np.broadcast_to(np.eye(4)[i], shape) for i, b in enumerate("ACGT")}
    found["gc"] = found["base_C"] + found["base_G"]
    found["homopolymer"] = np.stack(
        [[[float(b == last) for b in "ACGT"] for last in decode(row[1:])] for row in windows]
    )
    stop = set(unambiguous_dna_by_id[code].stop_codons)
    worth: dict[str, Mapping[str, float]] = {
        "stop_codons": dict.fromkeys(stop, 1.0),
        "start_codons": {"ATG": 1.0},
    }
    if codons is not None:
        worth["codon_usage"] = codons
    for name, value in worth.items():
        found[name] = np.stack(
            [
                [[value.get(row[t : t + 2] + b, 0.0) for b in "ACGT"] for t in range(len(row) - 1)]
                for row in map(decode, windows)
            ]
        )
    return {name: np.asarray(value, dtype=np.float64) for name, value in found.items()}


@torch.no_grad()
def screen(
    instrument: Instrument,
    features: Sequence[int],
    windows: NDArray[np.integer],
    *,
    dose: float,
    context: int,
    code: int = 11,
    codons: Mapping[str, float] | None = None,
    batch: int = 128,
) -> pd.DataFrame:
    """Expected effect of one dose of each feature on each measure (contract `SCREEN`).

    Parameters
    ----------
    features
        Features that fire on the reference.
    windows
        (windows, length) token ids of real sequence.
    dose
        Strength added at every base after the context (units).
    context
        Bases of each window that are read as they are.

    Raises
    ------
    InputError
        For an unknown or silent feature, or windows not longer than the context.
    """
    if windows.shape[1] < context + 2 or context < 2:
        raise InputError(
            f"screen: need windows of at least {context + 2} bases and a context of 2, got {windows.shape[1]} and {context}"
        )
    units = instrument.units.of(features)
    rows = instrument.dictionary.decoder[list(features)]
    shifts = dose * torch.from_numpy(units).to(rows)[:, None] * rows
    worth = measures(windows[:, context - 1 :], code=code, codons=codons)
    names, value = list(worth), np.stack(list(worth.values()))  # (measures, windows, bases, 4)
    tail = Tail(instrument.model, instrument.site)
    x = activations(instrument.model, instrument.site, instrument.ids(windows))
    cache = tail.begin()
    tail(x[:, :context], cache)
    scored = x[:, context:]
    plain = _probabilities(instrument, tail(scored, cache.copy()))
    n = len(windows)
    per_batch = max(1, batch // n)
    effects, divergence = [], []
    for i in progress(range(0, len(shifts), per_batch), "screen", unit="batches"):
        part = shifts[i : i + per_batch]
        moved = (scored[None] + part[:, None, None]).flatten(0, 1)
        p = _probabilities(instrument, tail(moved, copies(cache, len(part)))).unflatten(0, (len(part), n))
        divergence.append((p * (p / plain).log2()).sum(-1).mean((1, 2)).cpu().numpy())
        change = (p - plain).cpu().numpy()
        effects.append(np.einsum("fwtb,mwtb->fm", change, value) / (n * change.shape[2]))
    effect = np.concatenate(effects)
    centre = np.median(effect, axis=0)
    spread = 1.4826 * np.median(np.abs(effect - centre), axis=0)
    z = np.divide(effect - centre, spread, out=np.zeros_like(effect), where=spread > 0)
    table = {
        "feature": np.repeat(np.asarray(features), len(names)),
        "oracle": np.tile(names, len(features)),
        "effect": effect.ravel(),
        "z": z.ravel(),
        "kl": np.repeat(np.concatenate(divergence), len(names)),
    }
    return SCREEN.check(pd.DataFrame(table))


def _probabilities(instrument: Instrument, hidden: Tensor) -> Tensor:
    """(rows, bases, 4)."""
    return torch.softmax(base_scores(instrument.model, hidden).double(), -1)


def proposals(table: pd.DataFrame, each: int, least_kl: float = 0.0) -> pd.DataFrame:
    """The features to try: for each oracle those with the largest effect for what they disturb, each feature once.

    Parameters
    ----------
    each
        Features an oracle.
    least_kl
        Features that move the next base less than this are not proposed (bits).

    Returns
    -------
    `feature`, `oracle`, `effect`, strongest first within an oracle.
    """
    table = table[table["kl"] > least_kl].copy()
    table["merit"] = table["effect"].abs() / np.sqrt(table["kl"])
    rows: list[pd.DataFrame] = []
    taken: set[int] = set()
    for _, group in table.groupby("oracle", sort=True):
        ranked = group.sort_values(["merit", "feature"], ascending=[False, True])
        fresh = ranked[~ranked["feature"].isin(taken)].head(each)
        taken |= set(fresh["feature"])
        rows.append(fresh[["feature", "oracle", "effect"]])
    return pd.concat(rows, ignore_index=True)
