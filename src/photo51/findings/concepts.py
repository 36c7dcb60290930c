"""Claims about single features and annotation classes, from `concept_summary`, `concepts` and `replication`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51 import words
from photo51.enrichment.concepts.verdicts import better_than, classes_named, replicated
from photo51.findings.finding import ALPHA, Finding, ratio, verdict

SECTION = "concepts"
CHECKS = {  # every part is tested by itself, those on which the name was chosen too
    "strand": "on each strand by itself",
    "seed": "in a dictionary of another seed",
    "genome": "in each genome by itself",
    "split": "in each split by itself",
}
UNITS = {"neuron": "the model's best single [[neuron|neuron]]", "pca": "the best principal component of its states"}


def best_of_classes(summary: pd.DataFrame, concepts: pd.DataFrame) -> pd.DataFrame:
    """The best feature of each annotation class that could be scored, highest F1 first, and whether it `carries` the
    name; -1, with an F1 of 0, for a class in which no feature hit anything.

    Parameters
    ----------
    summary, concepts
        Contracts `SUMMARY` and `CONCEPTS`.
    """
    scored = summary[summary["status"] == "scored"]
    best = scored.sort_values("f1_domain", ascending=False)
    named = concepts[(concepts["readout"] == "sae") & concepts["named"].astype(bool)]
    pairs = set(zip(named["feature"], named["annotation"], named["strand"], strict=True))
    carries = [pair in pairs for pair in zip(best["feature"], best["annotation"], best["strand"], strict=True)]
    return best.assign(carries=np.array(carries, dtype=bool))


def single_features(best: pd.DataFrame) -> Finding:
    """Single features mark annotated elements (`verdicts.classes_named`).

    Parameters
    ----------
    best
        From `best_of_classes`.
    """
    n, k, v = len(best), int(best["carries"].sum()), classes_named(best, best["carries"])
    # classes that overlap may have one best feature
    null = "no [[name_rule|name]] in 19 of 20 runs without association"
    if k:
        null += (
            f"; {'this class has' if k == 1 else 'these classes have'}"
            f" {words.count(v.successes, 'different best feature')}"
        )
    return Finding(
        SECTION,
        "concepts_single",
        "",
        "Single features mark annotated elements of the genomes.",
        verdict(holds=v.holds),
        k,
        n,
        0.0,
        n,
        np.nan,
        f"{k} of {n} classes",
        null,
        f"{words.count(n, 'annotation class', 'annotation classes')} scored",
    )


def beyond_units(best: pd.DataFrame) -> list[Finding]:
    """The dictionary's best features against the model's own units (`verdicts.better_than`); none where not
    measured.
    """
    out = []
    for unit, name in UNITS.items():
        if f"beats_{unit}" not in best or not best[f"f1_{unit}"].notna().any():
            continue
        comparable = best[best[f"f1_{unit}"].notna()]
        n, wins, v = len(comparable), int(comparable[f"beats_{unit}"].astype(bool).sum()), better_than(best, unit)
        out.append(
            Finding(
                SECTION,
                "concepts_beyond_units",
                unit,
                f"Features mark annotated elements better than {name}.",
                verdict(holds=v.holds),
                wins,
                n,
                n / 2,
                v.cases,
                v.p,
                f"{wins} of {n} classes",
                f"one in two if neither were better; {v.successes} of {words.count(v.cases, 'different feature')}, sign"
                f" test p {words.probability(v.p)}",
                f"best unit for each of {n} classes, chosen on other blocks",
            )
        )
    return out


def replication(checks: pd.DataFrame) -> list[Finding]:
    """Names hold again elsewhere, check by check (`verdicts.replicated`).

    Parameters
    ----------
    checks
        Contract `REPLICATION`; a check that found nothing holds by chance in one of twenty names.
    """
    out = []
    for check, whole in checks.groupby("check", sort=False):
        checked = whole[whole["reason"] == "checked"]
        n, n_held = len(checked), int(checked["survives"].astype(bool).sum())
        if not n:
            continue
        v, again = replicated(checked), CHECKS.get(str(check), str(check))
        every = f"all checks of {v.successes} of {words.count(v.cases, 'feature')} hold"
        out.append(
            Finding(
                SECTION,
                "replication",
                str(check),
                f"Names are replicated: the feature agrees with the same annotation {again}.",
                verdict(holds=v.holds),
                n_held,
                n,
                ALPHA * n,
                v.cases,
                v.p,
                words.percent(ratio(n_held, n)),
                f"5 % where it agrees by chance; {every}, as many with probability {words.probability(v.p)}",
                f"{n_held:,} of {words.count(n, 'check')} of {words.count(v.cases, 'named feature')}",
            )
        )
    return out
