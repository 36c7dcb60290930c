"""How a run grows: time, memory and disk by size of the genome, cost of a shard, of a job, and what kills cost.

The chain is prepare, activations, train-sae, encode and gather on a planted genome, with a small model of random weights.
Every run is a process of its own, forked from one that has imported everything, so that figures are of the work and not of
importing; seconds are CPU seconds, and peak memory is what the kernel says of the process. A kill is SIGKILL at a random
moment, of the stages in one process or of the workflow with all its jobs; what was killed is started again until it ends,
and must leave the bytes of a run that was never killed.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._growth import chain, forked, small_model
from benchmarks._kills import stage_kills, workflow_kills
from benchmarks.planted.genome import planted_genome, write_planted

log = logging.getLogger(__name__)
SLURM = Path("results/bench/slurm.json")
_SNAKEFILE = """
rule all:
    input: expand("{i}", i=range(40))
rule one:
    output: "{i}"
    shell: "touch {output}"
"""


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Measure; `quick` takes a tenth of the sizes and of the kills."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        model = small_model(folder)
        warm = write_planted([planted_genome(12_000)], folder / "warm-in")
        chain(warm, model, folder / "warm", shard=8_192)  # imports and compiles what the forks then share
        figures: dict[str, float | int | None] = {}
        for bases in (30_000, 100_000) if quick else (100_000, 1_000_000, 10_000_000):
            figures |= _size(folder, model, bases)
        figures |= _shards(folder, model, 40_000 if quick else 400_000)
        figures["scheduler_seconds_per_job"] = _scheduler(folder)
        figures |= stage_kills(folder, model, 5 if quick else 50)
        figures |= workflow_kills(folder, 3 if quick else 50)
    return figures | _slurm()


def _slurm() -> dict[str, float | int | None]:
    """What `make test-slurm`, which needs root, found in this checkout."""
    if not SLURM.is_file():
        log.info("slurm_equals_local: not measured here, `make test-slurm` writes %s", SLURM)
        return {"slurm_equals_local": None}
    return {"slurm_equals_local": int(json.loads(SLURM.read_text())["slurm_equals_local"])}


def _size(folder: Path, model: Path, bases: int) -> dict[str, float | int | None]:
    name = f"{bases / 1e6:g}mb"
    sheet = write_planted([planted_genome(bases)], folder / f"in-{name}")
    _, seconds, peak = forked(lambda out: chain(sheet, model, out, shard=262_144), folder / name)
    disk = sum(p.stat().st_size for p in (folder / name).rglob("*") if p.is_file())
    return {
        f"seconds_per_mb_{name}": seconds / bases * 1e6,
        f"peak_gib_{name}": peak / 2**30,
        f"disk_mib_per_mb_{name}": disk / 2**20 / bases * 1e6,
    }


def _shards(folder: Path, model: Path, bases: int) -> dict[str, float | int | None]:
    """Cost of cutting the same work into more shards: the slope of time over their number, each the better of two runs."""
    sheet = write_planted([planted_genome(bases)], folder / "sharded-in")
    numbers = (1, 2, 4, 8, 32)

    def once(n: int, again: int) -> float:
        def run(out: Path) -> None:
            chain(sheet, model, out, shard=bases // n + 1_024)

        return forked(run, folder / f"shards{n}-{again}")[1]

    seconds = [min(once(n, again) for again in range(2)) for n in numbers]
    figures: dict[str, float | int | None] = {f"seconds_{n}_shards": s for n, s in zip(numbers, seconds, strict=True)}
    figures["overhead_per_shard_seconds"] = float(np.polyfit(numbers, seconds, 1)[0])
    return figures


def _scheduler(folder: Path) -> float | None:
    """What Snakemake takes for a job that does nothing: forty of them, less none at all (CPU seconds)."""
    place = folder / "scheduler"
    place.mkdir()
    (place / "Snakefile").write_text(_SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--scheduler", "greedy"]

    def call() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    try:
        busy = call()
        return (busy - call()) / 40
    except (OSError, subprocess.CalledProcessError) as e:
        log.warning("scheduler_seconds_per_job: not measured, Snakemake does not run here (%s)", e)
        return None
