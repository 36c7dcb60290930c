"""From tables to verdicts: what has to be so for a claim about features and annotations to hold.

Each rule passes by chance in at most one of twenty runs without anything to find; the benchmark `calibration` measures
it on genomes, annotations and models where nothing is (`claims_on_null_worlds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from photo51.stats.counts import ALPHA, count_p, sign_p


class Verdict(NamedTuple):
    """A claim of the form "k of n".

    Attributes
    ----------
    holds
        None where it cannot be tested.
    successes, cases
        What was counted.
    p
        Probability of as many by chance; of any, where any is enough.
    """

    holds: bool | None
    successes: int
    cases: int
    p: float


def classes_named(best: pd.DataFrame, carries: pd.Series) -> Verdict:
    """Whether a feature carries the name of a class.

    A name needs q-values of both tests at the level of a false discovery rate over all classes
    (`multiple.hierarchical`), so that where there is nothing to find, any name comes up in at most that share of runs:
    one is enough.

    Parameters
    ----------
    best
        Best feature of each class that was scored (contract `SUMMARY`).
    carries
        Whether it carries the name. Classes that overlap have one best feature, which counts once.
    """
    k, n = int(best.loc[carries, "feature"].nunique()), len(best)
    return Verdict(k > 0 if n else None, k, n, ALPHA)


def better_than(best: pd.DataFrame, column: str) -> Verdict:
    """Whether the best features win against the best units of another readout (`neuron`, `pca`), ties left out.

    Classes that have one best feature are won and lost together: they count once, as the more of them go. Classes in
    which no feature hit anything (-1) are lost one by one.
    """
    comparable = best[best[f"f1_{column}"].notna()]
    margin = comparable["f1_domain"] - comparable[f"f1_{column}"]
    sides = (margin > 0).astype(int) - (margin < 0).astype(int)
    one_by_one = -1 - pd.Series(range(len(comparable)), index=comparable.index)
    total = sides.groupby(comparable["feature"].where(comparable["feature"] >= 0, one_by_one)).sum()
    wins, losses = int((total > 0).sum()), int((total < 0).sum())
    p = sign_p(wins, losses)
    return Verdict(p <= ALPHA if len(comparable) else None, wins, wins + losses, p)


def replicated(checked: pd.DataFrame) -> Verdict:
    """Whether names survive a replication check (rows of contract `REPLICATION` that could be checked), and most do.

    A name survives by chance in one of twenty cases; names of one feature count once, and survive where all of them do.
    """
    each = checked["survives"].astype(bool).groupby(checked["feature"]).all()
    k, n = int(each.sum()), len(each)
    p = count_p(k, n)
    return Verdict(p <= ALPHA and k > n / 2 if n else None, k, n, p)


def any_novel(novelty: pd.DataFrame) -> Verdict:
    """Whether a feature is called novel (contract `NOVELTY`): at a false discovery rate, so that one is enough."""
    k, n = int(novelty["novel"].astype(bool).sum()), int((novelty["rank"] > 0).sum())
    return Verdict(None if novelty["p"].isna().all() else k > 0, k, n, ALPHA)


def brought_back(hidden: pd.DataFrame) -> Verdict:
    """Whether more hidden classes came up in the ranking than chance gives (contract `HIDDEN`)."""
    tested = hidden[hidden["status"] == "tested"]
    k, n = int(tested["recovered"].astype(bool).sum()), len(tested)
    p = count_p(k, n)
    return Verdict(p <= ALPHA if n else None, k, n, p)


def together(figures: Mapping[str, Any], alpha: float = ALPHA) -> Verdict:
    """Whether more features have a pair past both tests than do where activations are circularly shifted
    (`calibration.json`).
    """
    real, shifted = int(figures["run_real_both"]), figures.get("run_rotated_both")
    if shifted is None:
        return Verdict(None, real, real, 1.0)
    # each feature counts once: the pairs of one feature come and go together
    k, other = (int(figures.get(f"run_{source}_features", n)) for source, n in (("real", real), ("rotated", shifted)))
    p = sign_p(k, other)
    return Verdict(p <= ALPHA and int(shifted) <= max(1.0, alpha * real), k, k + other, p)
