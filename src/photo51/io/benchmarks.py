"""Snakemake's benchmark files: time and memory of each job, gathered by stage."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from photo51.io.tables import Column, TableSpec

STAGES = TableSpec(
    "stages",
    "one stage of a run",
    {
        "stage": Column("str", "rule of the workflow"),
        "jobs": Column("int", "jobs the stage ran as"),
        "seconds": Column("float", "wall time, summed over jobs (s)"),
        "cpu_seconds": Column("float", "CPU time, summed over jobs (s)"),
        "peak_mib": Column("float", "largest resident memory of any job (MiB)"),
    },
)


def read_benchmarks(folder: Path) -> pd.DataFrame:
    """Time and memory of each stage (contract `STAGES`), in the order in which the stages ended.

    Parameters
    ----------
    folder
        `results/<run>/benchmarks`, which holds `<rule>.tsv` or `<rule>/<job>.tsv`.
    """
    rows = []
    for path in folder.rglob("*.tsv"):
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        bench = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        rows.append((stage, path.stat().st_mtime, bench["s"].mean(), bench["cpu_time"].mean(), bench["max_rss"].max()))
    if not rows:
        return STAGES.empty()
    jobs = pd.DataFrame(rows, columns=["stage", "ended", "seconds", "cpu_seconds", "peak_mib"]).fillna(0.0)
    stages = jobs.groupby("stage").agg(
        jobs=("stage", "size"),
        seconds=("seconds", "sum"),
        cpu_seconds=("cpu_seconds", "sum"),
        peak_mib=("peak_mib", "max"),
        ended=("ended", "max"),
    )
    return STAGES.check(stages.sort_values("ended").drop(columns="ended").reset_index())
