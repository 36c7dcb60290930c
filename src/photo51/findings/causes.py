"""Claims about what the model uses, from `causality` and `verdicts`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51 import words
from photo51.findings.finding import Finding, verdict
from photo51.stats.counts import count_p
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
    """Turning features up changes what the model writes; a feature steers by chance in at most one of twenty cases.

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
    p = count_p(works, n)
    return Finding(
        SECTION,
        "steering",
        "",
        "Turning a feature up changes the DNA the model writes, in a measure that was named before the experiment and"
        " is not the model's.",
        verdict(holds=p <= alpha if n else None),
        works,
        n,
        0.05 * n,
        n,
        p,
        f"{works} of {n}",
        "the 99th percentile of [[random_direction|random directions]] of equal size; as many by chance with"
        f" probability {words.probability(p)}",
        f"{words.count(n, 'feature')} tried",
    )
