"""Classes with few instances, as tables of the page: each judged by a choice it had no part in, long ones beside their
flanks.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from photo51 import words
from photo51.report.elements.blocks import Cell, Head, Table
from photo51.report.elements.sentences import label
from photo51.run.opened import Run


def few_tables(run: Run) -> list[Table]:
    """Tables of `instances` and `regions`, where they have rows that were scored."""
    instances, regions = run.table("instances"), run.table("regions")
    out = []
    if instances is not None and len(of_sae := instances[instances["readout"] == "sae"]):
        out.append(_instances(of_sae))
    if regions is not None and len(regions):
        out.append(_regions(regions))
    return out


def _share(hit: int, n: int, low: float, high: float) -> Cell:
    return Cell(f"{hit} of {n} ({words.fixed(low)}–{words.fixed(high)})", hit / max(n, 1))


def _instances(table: pd.DataFrame) -> Table:
    rows = [
        [
            label(str(r["annotation"]), str(r["strand"])),
            f"{r['evaluation']}{', ' + r['held_out'] + ' held out' if r['held_out'] else ''}",
            f"{{f{r['feature']}}}" if r["feature"] >= 0 else words.ABSENT,
            _share(int(r["n_hit"]), int(r["n_instances"]), r["recall_lo"], r["recall_hi"]),
            Cell(
                f"{words.fixed(r['precision_calls'])}"
                f" ({words.fixed(r['precision_calls_lo'])}–{words.fixed(r['precision_calls_hi'])})",
                r["precision_calls"],
            )
            if r["n_calls"]
            else Cell("no call"),
            Cell(f"{int(r['n_calls']):,}", r["n_calls"]),
            Cell(words.probability(r["p_instances"]), r["p_instances"]),
        ]
        for r in table.to_dict("records")
    ]
    heads = [
        Head("Annotation class"),
        Head("Evaluation"),
        Head("feature of most folds"),
        Head("instances found", numeric=True),
        Head("precision of calls", numeric=True),
        Head("calls", numeric=True),
        Head("p, instances shifted", numeric=True),
    ]
    return Table(
        "Classes with few instances: each judged by a choice it had no part in",
        heads,
        rows,
        note=(
            "Feature and threshold are chosen on the other blocks, or genomes. In brackets exact 95 % limits. Among"
            " copies: all instances are copies of one another, so that the sequence itself was seen in the choice."
        ),
    )


def _regions(table: pd.DataFrame) -> Table:
    rows: list[list[Any]] = []
    for name, rows_of_class in table.groupby("annotation", sort=True):
        by = rows_of_class.set_index("representation")
        first = rows_of_class.iloc[0]
        n = int(first["n_instances"])
        if first["status"] != "scored":
            dash = [words.ABSENT] * 5
            rows.append([words.kind(str(name)), f"{n:,}", *dash, str(first["status"])])
            continue
        values = [
            float(by.loc[r, "auroc"]) if r in by.index else float("nan")
            for r in ("features", "best feature", "6-mers", "GC")
        ]
        every = by.loc["features"] if "features" in by.index else first
        told_apart = _share(int(every["n_told"]), int(every["n_tested"]), every["told_lo"], every["told_hi"])
        p_text = f"p {words.probability(every['p'])}"
        rows.append(
            [words.kind(str(name)), f"{n:,}", *(Cell(words.fixed(v, 3), v) for v in values), told_apart, p_text]
        )
    heads = [
        Head("Annotation class"),
        Head("instances", numeric=True),
        Head("all features", numeric=True),
        Head("best feature", numeric=True),
        Head("[[kmer|6-mers]]", numeric=True),
        Head("GC", numeric=True),
        Head("told from flanks", numeric=True),
        Head("Shifted instances"),
    ]
    return Table(
        "Long, rare classes: each instance told from its flanks by what the others taught",
        heads,
        rows,
        note=(
            "AUROC of windows inside over windows next to them, of instances held out; p is of all features, against"
            " instances shifted along their contigs. A class is the features' own finding where they are above 6-mers"
            " and GC."
        ),
    )
