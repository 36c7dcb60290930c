"""Steering that is proven: dose-response in four arms, judged by measures that know nothing of the model.

What is read back of a feature in a written sequence is its activation before the edit. A site's tensor depends on the
tokens alone as long as nothing before that site is edited, so this is what the model as it is reads in the sequence.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SteerParams
from photo51.interventions.edits.arms import ArmEdit, plan_arms, random_directions
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.steering.dose_response import dose_response, largest_safe, verdicts
from photo51.interventions.writing.generate import Generated, generate, score
from photo51.interventions.writing.scorers import Scorer, judge
from photo51.io.contracts.interventions import OFF_TARGET, STEERED, TRACE
from photo51.progress import progress

log = logging.getLogger(__name__)
LN2 = float(np.log(2.0))
_REAL_WINDOWS = 16


class Steered(NamedTuple):
    """What a steering experiment found; contracts `STEERED`, `DOSES`, `VERDICTS`, `OFF_TARGET`, `TRACE`."""

    sequences: pd.DataFrame
    doses: pd.DataFrame
    verdicts: pd.DataFrame
    off_target: pd.DataFrame
    trace: pd.DataFrame


class Written(NamedTuple):
    """Rows of the plan with what was written and read back: target level (rows, length), mean codes (rows,
    features).
    """

    table: pd.DataFrame
    level: NDArray[np.float32]
    means: NDArray[np.float32]


def steer(
    instrument: Instrument,
    target: Bundle,
    *,
    prompt: NDArray[np.integer],
    reference: NDArray[np.integer],
    judges: Sequence[Scorer],
    params: SteerParams,
    declared: Sequence[str] = (),
) -> Steered:
    """Run the four arms.

    Parameters
    ----------
    target
        What is steered.
    prompt
        Token ids: (length,) that every sequence goes on from, or (prompts, length), which sequences take in turn.
    reference
        (windows, length) token ids of real sequence: it shapes the random directions, and shows what the edit costs
        there.
    judges
        Scorers.
    declared
        Scorers named beforehand as the ones this target should move.

    Raises
    ------
    InputError
        For a target with an unknown or silent feature.
    """
    instrument.units.of(target.features)
    # other parts of the experiment draw from other streams of the same seed
    rng = np.random.default_rng([params.sampling.seed, 4])
    prompts = np.atleast_2d(prompt)
    real = reference[:_REAL_WINDOWS]
    directions = random_directions(
        params.random_kind,
        params.random_directions,
        dictionary=instrument.dictionary,
        residual=activations(instrument.model, instrument.site, instrument.ids(real)).flatten(0, 1),
        avoid=target.features,
        rng=rng,
    )
    written = _write(instrument, target, prompts=prompts, directions=directions, params=params)
    table = written.table
    scores = judge(list(table["bases"]), judges)
    for j, scorer in enumerate(judges):
        table[f"scorer:{scorer.name}"] = scores[:, j]
    doses = dose_response(table, judges, _real_cost(instrument, target, real, params), params, rng)
    _warn(target, doses, params)
    return Steered(
        STEERED.check(table),
        doses,
        verdicts(doses, declared),
        off_target(instrument, written, target, dose=largest_safe(doses), listed=params.off_target),
        _trace(written),
    )


def _write(
    instrument: Instrument,
    target: Bundle,
    *,
    prompts: NDArray[np.integer],
    directions: Tensor,
    params: SteerParams,
) -> Written:
    """Generate every row of the plan, read it back, and score all but the random arms."""
    rows = plan_arms(params)
    bases, levels, means, nll = [], [], [], []
    chunks = [rows.iloc[i : i + params.batch] for i in range(0, len(rows), params.batch)]
    for chunk in progress(chunks, f"steer {target.name}", unit="batches"):
        edit = ArmEdit(instrument, params.op, target, rows=chunk, directions=directions)
        # by turns, by sequence number: arms of one sequence have one prompt
        before = prompts[chunk["sequence"].to_numpy() % len(prompts)]
        written = generate(
            instrument.model,
            before,
            params.length,
            sampling=params.sampling,
            edits={instrument.site: edit},
            keep=instrument.site,
            edit_prompt=params.edit_prompt,
            rows=chunk["sequence"].to_numpy(),
        )
        level, mean = read_back(instrument, target, written, before.shape[1])
        # random arms need no likelihood: the null is of effects
        scored = (chunk["arm"] != "random").to_numpy()
        bits = np.full(len(chunk), np.nan)
        if scored.any():
            full = np.concatenate([before[scored], written.ids[scored]], axis=1)
            # bits a base under the model as it is, not as edited
            bits[scored] = -score(instrument.model, full, before.shape[1]).mean(1) / LN2
        bases += written.sequences()
        levels.append(level)
        means.append(mean)
        nll.append(bits)
    level = np.concatenate(levels)
    table = rows.assign(
        target=target.name, bases=bases, nll=np.concatenate(nll), level=level.mean(1).astype(np.float64)
    )
    return Written(table, level, np.concatenate(means))


@torch.inference_mode()
def read_back(
    instrument: Instrument, target: Bundle, written: Generated, prompt_length: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Level of the target at each written base (units), and each feature's mean activation, from kept activations."""
    assert written.kept is not None
    columns = list(target.features)
    levels, means = [], []
    # 16 sequences at once: all features of all bases are in memory
    for x in written.kept[:, prompt_length:].split(16):
        codes = instrument.dictionary.encode(x)
        levels.append(target.level(codes[..., columns].cpu().numpy(), instrument.units))
        means.append(codes.mean(1).cpu().numpy())
    return np.concatenate(levels), np.concatenate(means)


def _real_cost(
    instrument: Instrument, target: Bundle, windows: NDArray[np.integer], params: SteerParams
) -> dict[float, float]:
    """Dose → relative rise of the negative log-likelihood of real sequence when every base of it is edited."""
    model, site = instrument.model, instrument.site
    plain = score(model, windows, 1).mean()
    # bits or nats do not matter to a ratio
    cost = {}
    for dose in sorted(set(params.doses) - {0.0}):
        edit = SiteEdit(instrument.dictionary, [Order(params.op, target, dose)], instrument.units)
        # ratio of mean log-likelihoods, both negative: a rise is positive
        cost[dose] = float(score(model, windows, 1, edits={site: edit}).mean() / plain) - 1.0
    return cost


def off_target(instrument: Instrument, written: Written, target: Bundle, *, dose: float, listed: int) -> pd.DataFrame:
    """Features that moved most between the control and the feature arm at a dose (contract `OFF_TARGET`).

    The null is the same change under each random direction of that dose. With few directions many features move beyond
    it by chance: `moved` counts all that do, `moved_by_chance` those expected. Where no dose is safe, the smallest is
    shown.
    """
    table, units = written.table, instrument.units
    doses = table.loc[table["arm"] == "feature", "dose"]
    dose = dose if (doses == dose).any() else float(doses.min())
    alive = np.flatnonzero(units.unit > 0)
    # in units, so that features that fire loudly are comparable
    means = written.means[:, alive] / units.unit[alive]
    control = means[(table["arm"] == "control").to_numpy()]
    change = means[((table["arm"] == "feature") & (table["dose"] == dose)).to_numpy()].mean(0) - control.mean(0)
    random = table[(table["arm"] == "random") & (table["dose"] == dose)]
    null = [
        # each random row against the control of its own sequence
        np.abs(means[rows.index].mean(0) - control[rows["sequence"].to_numpy()].mean(0))
        for _, rows in random.groupby("direction")
    ]
    q99 = np.quantile(null, 0.99, axis=0)
    steered = np.isin(alive, target.features)
    moved = int((np.abs(change) > q99)[~steered].sum())
    # steered features first, then by size of change, then by number
    first = np.lexsort((alive, -np.abs(change), ~steered))[: listed + int(steered.sum())]
    return OFF_TARGET.check(
        pd.DataFrame(
            {
                "target": target.name,
                "dose": dose,
                "feature": alive[first],
                "concept": [instrument.name(f) for f in alive[first]],
                "steered": steered[first],
                "control": control.mean(0)[first].astype(np.float64),
                "change": change[first].astype(np.float64),
                "null_q99": q99[first],
                "beyond_null": np.abs(change)[first] > q99[first],
                "moved": moved,
                "moved_by_chance": moved_by_chance(np.array(null)[:, ~steered]),
            }
        )
    )


def moved_by_chance(null: NDArray[np.floating]) -> float:
    """Features that a random direction moves beyond the 99th percentile of the others, on average; NaN for one alone.

    Parameters
    ----------
    null
        Absolute changes, (directions, features).
    """
    if len(null) < 2:
        return float("nan")
    counts = [(row > np.quantile(np.delete(null, i, axis=0), 0.99, axis=0)).sum() for i, row in enumerate(null)]
    return float(np.mean(counts))


def _trace(written: Written) -> pd.DataFrame:
    """The target's level at every base of the control and feature arms (contract `TRACE`)."""
    shown = written.table["arm"].isin(["control", "feature"]).to_numpy()
    rows, level = written.table[shown], written.level[shown]
    n, length = level.shape
    return TRACE.check(
        pd.DataFrame(
            {
                "arm": np.repeat(rows["arm"].to_numpy(), length),
                "dose": np.repeat(rows["dose"].to_numpy(), length),
                "sequence": np.repeat(rows["sequence"].to_numpy(), length),
                "position": np.tile(np.arange(length), n),
                "level": level.ravel().astype(np.float64),
            }
        )
    )


def _warn(target: Bundle, doses: pd.DataFrame, params: SteerParams) -> None:
    safe = largest_safe(doses)
    past = doses[~doses["safe"]].drop_duplicates("dose")
    columns = past[["dose", "nll_rise", "nll_rise_real"]].to_numpy(dtype=np.float64)
    for dose, written, real in columns:
        log.warning(
            "%s at %g units is past the safe range (up to %g): negative log-likelihood rises %.1f %% in what is"
            " written, %.1f %% on real sequence; the budget is %.0f %%",
            target.name,
            dose,
            safe,
            100 * written,
            100 * real,
            100 * params.nll_budget,
        )
