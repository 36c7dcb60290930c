"""Claims about features that no annotation explains, from `novelty` and `hidden_classes`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51 import words
from photo51.enrichment.concepts.verdicts import any_novel, brought_back
from photo51.findings.finding import ALPHA, Finding, verdict

SECTION = "unnamed"
_CLAIM = "Some reproducible, strong features are explained by no annotation."


def without_control(novelty: pd.DataFrame) -> str:
    """Why no feature of the ranking could be called novel, whatever its score; empty where one could (contract
    `NOVELTY`).
    """
    if not novelty["p"].isna().all():
        if "seed_match_r" in novelty and novelty["seed_match_r"].isna().all():
            return "no dictionary of another seed was trained, so that none can be found again"
        if "n_controls" not in novelty:  # a run of an older photo51
            return ""
        n = int(novelty["n_controls"].max())
        floor = 1 / (n + 1)  # the smallest p, and so the smallest q, that there can be
        if n and floor <= ALPHA:
            return ""
        if not n:
            return "none of the random-weight model's features passed the gates"
        which = words.count(n, "feature")
        return (
            f"{which} of the random-weight model passed the gates, so that no p-value can be below 1/{n + 1} ="
            f" {words.probability(floor)}"
        )
    if (novelty["rank"] > 0).any():
        return "none of the random-weight model's features passed the gates, or there is no such model in this run"
    return "no feature passed the gates"


def ranking(novelty: pd.DataFrame) -> Finding:
    """Features past the gates rank above those of a random-weight model, at a false-discovery rate.

    Parameters
    ----------
    novelty
        Contract `NOVELTY`.
    """
    queue = novelty[novelty["rank"] > 0]
    n = len(novelty)
    if why := without_control(novelty):
        return Finding(
            SECTION,
            "novel",
            "",
            _CLAIM,
            "untested",
            np.nan,
            len(queue),
            np.nan,
            n,
            np.nan,
            f"{len(queue)} ranked",
            f"not measured: {why}",
            words.count(n, "feature"),
        )
    novel, null = int(queue["novel"].astype(bool).sum()), float(novelty["null_q95"].max())
    return Finding(
        SECTION,
        "novel",
        "",
        _CLAIM,
        verdict(holds=any_novel(novelty).holds),
        novel,
        len(queue),
        np.nan,
        n,
        np.nan,
        f"{novel} novel at a false discovery rate of 5 %",
        "features of the [[random_weights|random-weight model]] through the same gates; 95 of 100 of them stay below a"
        f" [[novelty]] of {words.fixed(null)}",
        f"{words.count(n, 'feature')}, {len(queue):,} past the gates",
    )


def hidden(hidden_classes: pd.DataFrame) -> list[Finding]:
    """Classes that are left out come up as unannotated; none where no class could be left out.

    A class is recovered by chance in at most one of twenty cases: F1 above 95 % of the shifts of the one feature
    chosen before.

    Parameters
    ----------
    hidden_classes
        Contract `HIDDEN`.
    """
    tested = hidden_classes[hidden_classes["status"] == "tested"]
    if tested.empty:
        return []
    v = brought_back(hidden_classes)
    n, recovered, p = v.cases, v.successes, v.p
    return [
        Finding(
            SECTION,
            "hidden_classes",
            "",
            "The ranking finds what is hidden from it: with one annotation class left out, its features come up as"
            " unannotated.",
            verdict(holds=v.holds),
            recovered,
            n,
            ALPHA * n,
            n,
            p,
            f"{recovered} of {n} classes",
            f"1 in 20 by chance; as many or more with probability {words.probability(p)}",
            f"{words.count(n, 'class', 'classes')} hidden one at a time; the first of the ranking are searched",
        )
    ]
