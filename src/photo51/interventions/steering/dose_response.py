"""From scores of written sequences to what may be claimed: effects, intervals, nulls, the safe range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from photo51.config.interventions import SteerParams
from photo51.interventions.writing.scorers import Scorer
from photo51.io.contracts.interventions import DOSES, VERDICTS
from photo51.stats.resampling import bootstrap_weights, monte_carlo_p, small_sample_factor


def dose_response(
    table: pd.DataFrame,
    judges: Sequence[Scorer],
    real: Mapping[float, float],
    params: SteerParams,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Effect of each dose on each scorer, with bootstrap limits and the null of random directions (contract
    `DOSES`).
    """
    control = table[table["arm"] == "control"].set_index("sequence")
    recon = table[table["arm"] == "reconstruction"].set_index("sequence")
    # rows of weights that sum to 1: a mean of resampled sequences is one product
    weights = bootstrap_weights(len(control), params.bootstrap, rng) / len(control)
    tail = [(1 - params.confidence) / 2, (1 + params.confidence) / 2]
    wider = small_sample_factor(len(control), params.confidence)
    rows = []
    safe = True
    feature = table[table["arm"] == "feature"]
    # ascending: past the first dose over budget nothing is safe again
    for dose in sorted(real):
        # same sequence numbers, same random stream: differences are paired
        arm = feature[feature["dose"] == dose].set_index("sequence").loc[control.index]
        rise = float(arm["nll"].mean() / control["nll"].mean() - 1.0)
        # both costs: in what is written, and on real sequence, where the edit cannot talk itself into easy text
        safe = safe and rise <= params.nll_budget and real[dose] <= params.nll_budget
        null = table[(table["arm"] == "random") & (table["dose"] == dose)]
        for scorer in judges:
            column = f"scorer:{scorer.name}"
            paired = (arm[column] - control[column]).to_numpy()
            effect = float(paired.mean())
            # limits of few sequences lie as far out as Student's, on either side of what was found
            low, high = effect + wider * (np.quantile(weights @ paired, tail) - effect)
            # each random row against the control of the same sequence
            base = control[column].loc[null["sequence"]].to_numpy()
            # one number a direction, its mean over sequences: that is what the feature's effect is compared with
            spread = (null[column] - base).groupby(null["direction"]).mean().abs().to_numpy()
            rows.append(
                {
                    "target": table["target"].iloc[0],
                    "scorer": scorer.name,
                    "unit": scorer.unit,
                    "dose": dose,
                    "control": float(control[column].mean()),
                    "reconstruction": float((recon[column] - control[column]).mean()),
                    "effect": effect,
                    "ci_low": float(low),
                    "ci_high": float(high),
                    "null_q99": float(np.quantile(spread, 0.99)),
                    "p": float(monte_carlo_p(abs(effect), spread)),
                    "n": len(paired),
                    "n_null": len(spread),
                    "nll_rise": rise,
                    "nll_rise_real": real[dose],
                    "safe": bool(safe),
                }
            )
    return DOSES.check(pd.DataFrame(rows).sort_values(["scorer", "dose"], kind="stable"))


def largest_safe(doses: pd.DataFrame) -> float:
    """Largest dose within the budget, 0 where none is."""
    safe = doses.loc[doses["safe"], "dose"]
    return float(safe.max()) if len(safe) else 0.0


def verdicts(doses: pd.DataFrame, declared: Sequence[str] = ()) -> pd.DataFrame:
    """What may be claimed of each scorer within the safe range (contract `VERDICTS`)."""
    rows = []
    safe_dose = largest_safe(doses)
    for (target, scorer), group in doses.groupby(["target", "scorer"], sort=False):
        safe = group[group["safe"]].sort_values("dose")
        # without a safe dose the smallest is shown, and nothing is claimed of it
        shown = safe if len(safe) else group.sort_values("dose").head(1)
        best = shown.iloc[int(shown["effect"].abs().argmax())]
        monotone = len(safe) >= 2 and _monotone(safe)
        # an interval that does not hold 0
        clear = bool(best["ci_low"] > 0 or best["ci_high"] < 0)
        rows.append(
            {
                "target": target,
                "scorer": scorer,
                "declared": scorer in declared,
                "safe_dose": safe_dose,
                "effect": best["effect"],
                "null_q99": best["null_q99"],
                "p": best["p"],
                "best_dose": best["dose"],
                "monotone": monotone,
                "nll_rise": max(best["nll_rise"], best["nll_rise_real"]),
                "steers": bool(len(safe) and monotone and clear and abs(best["effect"]) > best["null_q99"]),
            }
        )
    return VERDICTS.check(pd.DataFrame(rows))


def _monotone(safe: pd.DataFrame) -> bool:
    """Whether effects grow with dose: a step back counts where it leaves the interval of the dose before."""
    sign = 1.0 if safe["effect"].iloc[-1] >= 0 else -1.0
    # dose 0 has effect 0; signs so that growth is positive
    effect = np.concatenate([[0.0], sign * safe["effect"].to_numpy()])
    half = np.concatenate([[0.0], (safe["ci_high"] - safe["ci_low"]).to_numpy() / 2])
    steps = np.diff(effect)
    # no step back beyond the interval, and the last dose about the largest
    return bool(effect[-1] > 0 and (steps >= -half[:-1]).all() and effect[-1] >= effect.max() - half[-1])
