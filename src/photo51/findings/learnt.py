"""Claims about what the model has learnt, from tables of `words`, `diff`, `memory` and `debug-data`."""

from __future__ import annotations

import numpy as np

from photo51 import words
from photo51.findings.finding import Finding, verdict
from photo51.run.opened import Run

SECTION = "learnt"


def learnt(run: Run, alpha: float) -> list[Finding]:
    """Every claim of the stages that a run names under `learnt`."""
    out = []
    if run.has("learnt_gate"):
        out.append(_equivalence(run))
    if run.has("learnt_memory"):
        out.append(_recitation(run, alpha))
    if run.has("learnt_disparity"):
        out.append(_teaching(run, alpha))
    return out


def _equivalence(run: Run) -> Finding:
    """A model passes where the interval of its change lies inside the tolerance."""
    gate = run.need("learnt_gate")
    passed, n = int((gate["verdict"] == "pass").sum()), len(gate)
    holds = None if (gate["verdict"] == "undecided").any() else passed == n
    row = gate.iloc[0]
    return Finding(
        SECTION,
        "equivalence",
        "",
        "The model is equivalent to the one it is compared with, in every guarded quantity.",
        verdict(holds=holds),
        passed,
        n,
        np.nan,
        int(row["n"]),
        np.nan,
        f"{passed} of {n}",
        f"change of {row['quantity']} {words.number(row['change'])}, {words.number(row['limit'])} is accepted",
        words.count(int(row["n"]), "window"),
    )


def _recitation(run: Run, alpha: float) -> Finding:
    """Classes of copy number that are known better than sequences never met, at a false-discovery rate."""
    table = run.need("learnt_memory")
    n_known = int(((table["q"] <= alpha) & (table["gap"] > 0)).sum())
    return Finding(
        SECTION,
        "recitation",
        "",
        "The model recites repeats of its corpus: it knows some classes of copy number better than sequences it never"
        " met.",
        verdict(holds=n_known > 0),
        n_known,
        len(table),
        np.nan,
        int(table["n"].sum()),
        np.nan,
        f"{n_known} of {len(table)}",
        f"[[q]] ≤ {alpha} against unseen sequences",
        words.count(int(table["n"].sum()), "sequence"),
    )


def _teaching(run: Run, alpha: float) -> Finding:
    """Clusters of features in which a corpus differs from the reference, composition taken out."""
    table = run.need("learnt_disparity")
    content = int(((table["q"] <= alpha) & (table["reading"] == "content")).sum())
    return Finding(
        SECTION,
        "teaching",
        "",
        "The corpus would teach more than its composition: clusters of features differ from the reference beyond it.",
        verdict(holds=content > 0),
        content,
        len(table),
        np.nan,
        len(table),
        np.nan,
        f"{content} of {len(table)}",
        f"[[q]] ≤ {alpha}, and at least 0.2 standard deviations without composition",
        words.count(len(table), "cluster"),
    )
