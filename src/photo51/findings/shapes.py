"""Claims about groups of features, from `manifolds`, `meaning` and `positive_controls`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51 import words
from photo51.findings.finding import ALPHA, Finding, verdict
from photo51.stats.counts import count_p, sign_p

SECTION = "shapes"
CLOUD = "blob"


def groups(manifolds: pd.DataFrame) -> list[Finding]:
    """Groups depend on each other beyond circular shifts, and some of those trace a line, ring, sphere or tree.

    A group traces a shape by chance in at most one of twenty cases; clouds and modules are no shapes.

    Parameters
    ----------
    manifolds
        Contract `MANIFOLDS`.
    """
    traced = manifolds[manifolds["manifold"].astype(bool)]
    n, k = len(manifolds), int((manifolds["q_dependence"] <= ALPHA).sum())
    clouds = int((traced["shape"] == CLOUD).sum())
    shaped = len(traced) - clouds
    p = count_p(shaped, k)
    return [
        Finding(
            SECTION,
            "groups_dependent",
            "",
            "In some groups of co-active features the members depend on one another, more than when each is circularly"
            " shifted.",
            verdict(holds=k > 0),
            k,
            n,
            np.nan,
            n,
            np.nan,
            f"{k} of {n} groups",
            "the same features, each circularly shifted within the bases where the group is active; at [[q]] ≤"
            f" {ALPHA} about one in twenty is chance",
            f"{words.count(n, 'group')}, {int(manifolds['n_features'].sum()):,} features",
        ),
        Finding(
            SECTION,
            "groups_shaped",
            "",
            "Some of these trace a [[manifold|shape]]: a line, a ring, a sphere, a tree.",
            verdict(holds=p <= ALPHA),
            shaped,
            k,
            ALPHA * k,
            k,
            p,
            f"{shaped} of {k} groups",
            "the same features circularly shifted against each other",
            f"{words.count(k, 'group')} beyond chance{_without_shape(clouds, k - clouds - shaped)}",
        ),
    ]


def _without_shape(clouds: int, untold: int) -> str:
    """How many groups trace no shape, as the end of a sentence; empty where there are none."""
    parts = [words.count(clouds, "cloud")] if clouds else []
    parts += [f"{untold} whose shape cannot be told"] if untold else []
    return f": {', '.join(parts)}" if parts else ""


def coordinates(manifolds: pd.DataFrame, meaning: pd.DataFrame, meanings: pd.DataFrame) -> list[Finding]:
    """Coordinates follow biology beyond rotation and six-letter words; none where no group has a coordinate.

    Parameters
    ----------
    manifolds, meaning
        Contracts `MANIFOLDS` and `MEANING`.
    meanings
        `Run.meanings`: what each group's coordinate follows beyond rotation, and whether `beyond_kmer`.
    """
    traced = manifolds[manifolds["manifold"].astype(bool)]
    placed = traced.loc[traced["coordinate"] != "none", "cluster"]
    if placed.empty:
        return []
    beyond = set(meanings.index[meanings["beyond_kmer"].astype(bool)])
    followed, n = int(placed.isin(beyond).sum()), len(placed)
    return [
        Finding(
            SECTION,
            "coordinates_meaning",
            "",
            "The position of a base within a group follows a biological quantity, beyond what the last six bases"
            " explain.",
            verdict(holds=followed > 0),
            followed,
            n,
            np.nan,
            len(meaning),
            np.nan,
            f"{followed} of {n} groups",
            f"[[rotation]], [[q]] ≤ {ALPHA} over {words.count(len(meaning), 'pair')} of a [[coordinate]] and a"
            " quantity; [[kmer|six-letter words]] on the same bases",
            f"{words.count(meaning['quantity'].nunique(), 'quantity', 'quantities')} tested",
        )
    ]


def beyond_activations(meaning: pd.DataFrame) -> list[Finding]:
    """Groups of features say more of what varies along them than the activations do without features (sign test).

    Parameters
    ----------
    meaning
        Contract `MEANING`; none where the activations were not read for comparison.
    """
    if "effect_direct" not in meaning or not meaning["effect_direct"].notna().any():
        return []
    # one quantity a coordinate: that of which both say most where neither effect is read. What the groups alone are
    # good at, there or by their q, would favour them
    both = meaning["choice"] + meaning[["choice_direct", "choice_subspaces"]].max(axis=1)
    known = meaning[meaning[["effect", "effect_direct"]].notna().all(axis=1)].assign(both=both)
    tested = known[known["both"] > 0].sort_values("both", ascending=False, kind="stable").drop_duplicates("cluster")
    n = len(tested)
    won = int((tested["effect"] > tested[["effect_direct", "effect_subspaces"]].max(axis=1)).sum())
    p = sign_p(won, n - won)
    return [
        Finding(
            SECTION,
            "coordinates_beyond_activations",
            "",
            "A group of features explains more of the quantity that varies most along it than the activations do"
            " without features.",
            verdict(holds=p <= ALPHA if n else None),
            won,
            n,
            n / 2,
            n,
            p if n else np.nan,
            f"{won} of {n} coordinates",
            "the same bases in as many dimensions, and as many groups of bases found in the activations",
            words.count(n, "coordinate"),
        )
    ]


def controls(positive_controls: pd.DataFrame) -> Finding:
    """Shapes that are known to exist are shown: each by chance in at most one of twenty cases.

    Parameters
    ----------
    positive_controls
        Contract `POSITIVE_CONTROLS`.
    """
    tested = positive_controls[positive_controls["verdict"] != "not tested"]
    n, shown = len(tested), int((tested["verdict"] == "shown").sum())
    p = count_p(shown, n)
    return Finding(
        SECTION,
        "controls_shown",
        "",
        "The features hold structure that is known to be there (positive controls).",
        verdict(holds=p <= ALPHA if n else None),
        shown,
        n,
        ALPHA * n,
        n,
        p if n else np.nan,
        f"{shown} of {n} controls",
        "the null of each, and its [[kmer|baselines]] but for GC, which k-mers hold by construction (in the table)",
        f"{words.count(len(positive_controls), 'control')}, {len(positive_controls) - n} without the data to test",
    )
