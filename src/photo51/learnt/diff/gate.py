"""A regression gate: is a changed model still the same model, where it matters, within the noise of its own training?

Two models trained alike but for the seed (twins) differ too. A guarded quantity passes where the interval of its
change lies inside the tolerance, which is the largest change between twins or what the user declares (two one-sided
tests; Schuirmann 1987, doi:10.1007/BF01068419), fails where it lies outside, and is undecided else, with the number of
windows that would decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from photo51.io.contracts.learnt import GATE
from photo51.types import InputError

FEWEST_TWINS = 7
EXIT = {"pass": 0, "fail": 1, "undecided": 3}


def gate(
    change: Mapping[str, NDArray[np.float64]],
    twins: Sequence[Mapping[str, float]] = (),
    tolerance: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Judge each guarded quantity (contract `GATE`).

    Parameters
    ----------
    change
        Quantity → change of B over A in each window, (windows,).
    twins
        Value of each quantity for each twin; at least seven, whose 21 pairs give the noise of the seed.
    tolerance
        Quantity → largest change that is accepted whatever the twins say.

    Raises
    ------
    InputError
        For one to six twins; for a quantity with neither twins nor tolerance; for fewer than three windows.
    """
    check_twins(twins)
    rows = []
    for name, values in change.items():
        # the widest of all pairs of twins
        noise = max((abs(p[name] - q[name]) for p, q in itertools.combinations(twins, 2)), default=0.0)
        limit = max(noise, (tolerance or {}).get(name, 0.0))
        if not twins and name not in (tolerance or {}):
            raise InputError(f"gate: need twins or a tolerance for {name!r}, got neither")
        if len(values) < 3:
            raise InputError(f"gate: need at least 3 windows, got {len(values)}")
        rows.append({"quantity": name} | _judge(values, limit) | {"seed_noise": noise if twins else np.nan})
    return GATE.check(pd.DataFrame(rows)[list(GATE.columns)])


def check_twins(twins: Sequence[object]) -> None:
    """Refuse too few twins.

    Raises
    ------
    InputError
        For one to six.
    """
    if 0 < len(twins) < FEWEST_TWINS:
        raise InputError(f"gate: need at least {FEWEST_TWINS} twins to know the noise of the seed, got {len(twins)}")


def _judge(values: NDArray[np.float64], limit: float) -> dict[str, object]:
    n = len(values)
    mean, se = float(values.mean()), float(values.std(ddof=1) / np.sqrt(n))
    # two one-sided tests at 5 % are a 90 % interval inside the limits
    quantile = float(stats.t.ppf(0.95, n - 1))
    low, high = mean - quantile * se, mean + quantile * se
    if -limit <= low and high <= limit:
        verdict = "pass"
    elif low > limit or high < -limit:
        verdict = "fail"
    else:
        verdict = "undecided"
    # what the interval's half width must not exceed: distance from the mean to the nearer limit
    margin = abs(limit - abs(mean))
    # 1.645 sd / √n = margin, solved for n; se · √n is the standard deviation of one window
    needed = int(np.ceil((1.645 * se * np.sqrt(n) / margin) ** 2)) if verdict == "undecided" and margin > 0 else n
    return {
        "change": mean,
        "low": low,
        "high": high,
        "limit": limit,
        "n": n,
        "verdict": verdict,
        "windows_needed": max(needed, n),
    }


def overall_verdict(table: pd.DataFrame) -> str:
    """`fail` where any quantity fails, else `undecided` where any is, else `pass`."""
    verdicts = set(table["verdict"])
    return next((v for v in ("fail", "undecided") if v in verdicts), "pass")
