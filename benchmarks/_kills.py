"""Runs that are killed: the stages in one process, and the workflow with all its jobs."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks._growth import SITE, chain, digest, forked, small_model
from benchmarks.planted.genome import planted_genome, write_planted
from photo51.io import is_temporary

log = logging.getLogger(__name__)
RUN, TARGET = "kill", "results/kill/codes/main/codes.json"
_CONFIG = {
    "run": RUN,
    "genomes": "in/genomes.tsv",
    "parts": 2,
    "controls": [],
    "keep_activations": True,
    "genome": {
        "core": 512, "warmup": 128, "min_context": 64, "block": 1024, "gap": 64, "shard": 2048, "homology_bases": None,
    },
    "activations": {"model": "model", "sites": [SITE], "tokens": 2048},
    "selftest": {"accept_miss": True},  # fresh weights may be worse than chance
    "sae": {"n_features": 64, "k": 4, "tokens": 16384, "batch": 512, "sample": 2048, "checkpoint": 4},
}  # fmt: skip


def stage_kills(folder: Path, model: Path, tries: int, seed: int = 51) -> dict[str, float | int | None]:
    """Kill runs at random moments, let each go on, and count those that end in the same bytes."""
    sheet = write_planted([planted_genome(30_000)], folder / "killed-in")

    def run(out: Path) -> None:
        chain(sheet, model, out, shard=8_192)

    whole = folder / "whole"
    forked(run, whole)
    lasts = min(forked(run, folder / f"again{i}")[0] for i in range(2))
    want, rng, killed, survived = digest(whole), np.random.default_rng(seed), 0, 0
    for i in range(4 * tries):
        out = folder / f"killed{i}"
        _, ended, _ = forked(run, out, kill_after=float(rng.uniform(0, lasts)))
        if ended:
            continue  # it was done before its time came
        forked(run, out)
        killed += 1
        survived += digest(out) == want
        log.info("stage kills: %d of %d survived", survived, killed)
        if killed == tries:
            break
    return {"stage_kills_survived": survived, "stage_kills_tried": killed}


def workflow_kills(folder: Path, tries: int, seed: int = 51) -> dict[str, float | int | None]:
    """Kill Snakemake and its jobs at random moments, again and again, and count the kills of runs that end in the same bytes.

    A run is killed after a time drawn uniformly from a quarter of what an undisturbed one takes, and started again, until it
    comes to its end before its time; then the next run begins.
    """
    workflow = Path("workflow").resolve()
    if not (workflow / "Snakefile").is_file():
        log.warning("kills: not measured, need to be called from the folder that holds workflow/")
        return {"kills_survived": None, "kills_tried": None}
    started = time.perf_counter()
    whole = place(folder / "run", workflow)
    end(whole)
    longest = (time.perf_counter() - started) / 4
    want, rng, killed, survived, number = results(whole), np.random.default_rng(seed), 0, 0, 0
    while killed < tries:
        at, before, number = place(folder / f"run{number}", workflow), killed, number + 1
        try:
            while not end(at, kill_after=float(rng.uniform(0, longest)) if killed < tries else None):
                killed += 1
            same = results(at) == want
        except RuntimeError:
            log.exception("kills: %d kills were too many for a run", killed - before)
            same = False
        survived += (killed - before) * same
        log.info("kills: %d of %d survived", survived, killed)
    return {"kills_survived": survived, "kills_tried": killed}


def place(folder: Path, workflow: Path) -> Path:
    """A working directory with the workflow, a genome and a small model."""
    folder.mkdir()
    (folder / "workflow").symlink_to(workflow)
    small_model(folder)
    write_planted([planted_genome(12_000)], folder / "in")
    (folder / "config.json").write_text(json.dumps(_CONFIG))
    return folder


def end(folder: Path, *, kill_after: float | None = None) -> bool:
    """Run the workflow to its end; false where it was killed before, after so many seconds.

    Raises
    ------
    RuntimeError
        Where it fails by itself, with the end of its log.
    """
    command = [
        sys.executable, "-m", "snakemake", TARGET, "--configfile", "config.json", "--workflow-profile",
        "workflow/profiles/local", "--cores", "1", "--quiet", "all", "--nolock",
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with (folder / "log").open("a") as said:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PATH": path}, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
    if code:
        raise RuntimeError(f"{folder}: a run that was killed does not go on\n{(folder / 'log').read_text()[-3000:]}")
    return True


def results(folder: Path) -> dict[str, bytes]:
    """Every file of a run that is neither log nor temporary: its bytes."""
    run = folder / "results" / RUN
    files = [p for p in run.rglob("*") if p.is_file() and not is_temporary(p)]
    left_out = {"logs", "benchmarks", ".done"}
    return {p.relative_to(run).as_posix(): p.read_bytes() for p in files if p.relative_to(run).parts[0] not in left_out}
