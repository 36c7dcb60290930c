"""Claims about what the model uses, from `causality` and `verdicts`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51 import words
from photo51.findings.finding import Finding, verdict
from photo51.stats.counts import ALPHA, count_p
from photo51.stats.multiple import benjamini_hochberg

SECTION = "causes"


def removed(causality: pd.DataFrame) -> pd.DataFrame:
    """Features whose removal was measured, with `q` over all of them (contract `CAUSALITY`)."""
    tested = causality[causality["ablation_p"].notna()]
    return tested.assign(q=benjamini_hochberg(tested["ablation_p"]))


def few(k: int, n: int) -> bool:
    """Whether k discoveries among n features are candidates alone: no more than one in twenty of what was tested."""
    return 0 < k <= n / 20


def removal(causality: pd.DataFrame, alpha: float) -> Finding:
    """The model predicts worse without some features than with the same change along the directions of random ones of
    like density, at a false-discovery rate, and these are more than one in twenty of those tested: fewer are
    candidates.

    Parameters
    ----------
    causality
        Contract `CAUSALITY`.
    alpha
        False-discovery rate.
    """
    tested = removed(causality)
    n, k = len(tested), int((tested["q"] <= alpha).sum())
    return Finding(
        SECTION,
        "removal",
        "",
        "The model predicts worse without some of its features, beyond what the same change along the directions of"
        " random features does.",
        verdict(holds=k > 0 and not few(k, n) if n else None),
        k,
        n,
        np.nan,
        n,
        np.nan,
        f"{k} of {n}",
        "the same change along the directions of random features of like density; at [[q]] ≤"
        f" {alpha} about one in {1 / alpha:.3g} is chance, and no more than one in twenty of those tested are"
        " candidates",
        f"{words.count(n, 'feature')} tested",
    )


def declared(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on measures that were named before the experiment; all of them where none was named (contract
    `VERDICTS`).
    """
    return verdicts[verdicts["declared"].astype(bool)] if verdicts["declared"].any() else verdicts


def steering(verdicts: pd.DataFrame, alpha: float) -> Finding:
    """Turning features up changes what the model writes; by one measure a feature steers by chance in at most one of
    twenty cases, by any of m measures in at most m of twenty (union bound): where none was named beforehand, all count.

    Parameters
    ----------
    verdicts
        Contract `VERDICTS`.
    alpha
        Level of the claim.
    """
    judged = declared(verdicts)
    n = int(judged["target"].nunique())
    works = int(judged.loc[judged["steers"].astype(bool), "target"].nunique())
    measures = int(judged["target"].value_counts().max()) if n else 0
    chance = min(1.0, ALPHA * measures)
    p = count_p(works, n, chance) if n else 1.0
    named = bool(verdicts["declared"].any()) or not n
    measure = (
        "a measure that was named before the experiment and is not the model's"
        if named
        else f"one of {measures} measures that are not the model's, none of which was named before the experiment"
    )
    return Finding(
        SECTION,
        "steering",
        "",
        f"Turning a feature up changes the DNA the model writes, in {measure}.",
        verdict(holds=p <= alpha if n else None),
        works,
        n,
        chance * n,
        n,
        p,
        f"{works} of {n}",
        "the 99th percentile of [[random_direction|random directions]] of equal size; as many by chance with"
        f" probability {words.probability(p)}",
        f"{words.count(n, 'feature')} tried",
    )
