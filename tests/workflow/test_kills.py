"""Runs that are killed at random go on and end in the same bytes: stages fifty times in `bench scaling`, the workflow here."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from photo51.bench import scaling

ROOT = Path(__file__).parents[2]
CONFIG = {
    "run": "kill",
    "genomes": "genomes.tsv",
    "parts": 2,
    "controls": [],
    "keep_activations": True,
    "genome": {"core": 512, "warmup": 128, "min_context": 64, "block": 1024, "gap": 64, "shard": 2048},
    "activations": {"model": "model", "sites": ["block.0.out"], "tokens": 2048},
    "sae": {"n_features": 64, "k": 4, "tokens": 16384, "batch": 512, "sample": 2048, "checkpoint": 4},
}
TARGET = "results/kill/codes/main/codes.json"


@pytest.mark.slow
def test_stages_killed_at_random_moments_leave_the_same_bytes(tmp_path):
    found = scaling.kills(tmp_path, scaling._model(tmp_path), 3, seed=7)
    assert found == {"kills_survived": 3, "kills_tried": 3}


def place(folder):
    """A working directory with the workflow, a genome, and a tiny model."""
    folder.mkdir()
    for name in ("workflow", "resources"):
        (folder / name).symlink_to(ROOT / name)
    scaling._model(folder)
    (folder / "genomes.tsv").write_text(
        f"genome\tsequence\nphix\t{ROOT}/resources/phage/NC_001422.1_phiX174.gbk.gz\n"
    )
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def start(folder):
    """Snakemake as a session of its own, so that it can be killed with all its jobs."""
    command = [
        sys.executable, "-m", "snakemake", TARGET, "--configfile", "config.json", "--workflow-profile",
        "workflow/profiles/local", "--cores", "1", "--quiet", "all", "--nolock",
    ]  # fmt: skip
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)


def end(folder, *, seconds=None):
    """Whether a run came to its end before it was killed."""
    process = start(folder)
    try:
        assert process.wait(seconds) == 0, (folder / "log").read_text()[-3000:]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True


def results(folder):
    """Every file of the run that is not a log: its bytes."""
    run = folder / "results" / "kill"
    return {
        p.relative_to(run).as_posix(): p.read_bytes()
        for p in run.rglob("*")
        if p.is_file() and p.relative_to(run).parts[0] not in {"logs", "benchmarks", ".done"}
    }


@pytest.mark.slow
@pytest.mark.workflow
def test_a_workflow_killed_again_and_again_ends_in_the_same_bytes(tmp_path):
    whole, killed = place(tmp_path / "whole"), place(tmp_path / "killed")
    assert end(whole, seconds=3_000)
    kills, draw = 0, random.Random(51)
    while kills < 3 and not end(killed, seconds=draw.uniform(5, 25)):
        kills += 1
    assert end(killed, seconds=3_000)
    assert kills
    want, got = results(whole), results(killed)
    assert sorted(got) == sorted(want)
    assert [name for name in want if got[name] != want[name]] == []
