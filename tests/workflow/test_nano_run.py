"""The whole workflow on the nano configuration: it ends in a report, does nothing twice, and survives being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .public_face import failed_examples

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "photo51.cli", "run", "config/examples/nano.yaml", "--cores", "2"]
pytestmark = pytest.mark.slow


def checkout(folder: Path) -> Path:
    """A working directory with what a checkout has, and results of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("workflow", "config", "resources", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def call(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("finished"))
    done = call(folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


def test_the_run_ends_in_a_report_and_a_manifest_that_holds(finished):
    results = finished / "results" / "nano"
    page = (results / "report.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "human_mt" in page
    manifest = json.loads((results / "manifest.json").read_text())
    assert {"features.h5ad", "enrichment.parquet", "concepts.parquet", "geometry.h5ad"} <= set(manifest["files"])
    assert "report.html" in manifest["files"]
    assert manifest["seed"] == 51
    assert all(check["passed"] is not False for check in manifest["selftests"]["checks"])
    verified = subprocess.run(
        [sys.executable, "-m", "photo51.cli", "verify", str(results)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    # small activations of the model are kept for annotations to come, those of the control never
    assert [p.name for p in (results / "activations").iterdir()] == ["model"]
    assert sorted(p.name for p in (results / "codes").iterdir()) == ["main", "random", "seed1"]


def test_every_public_function_does_what_its_example_says(finished):
    assert failed_examples(finished / "results" / "nano") == []


def test_a_second_call_says_that_there_is_nothing_to_do(finished):
    before = (finished / "results/nano/manifest.json").stat().st_mtime_ns
    done = call(finished)
    assert done.returncode == 0
    assert "up to date" in done.stdout + done.stderr
    assert (finished / "results/nano/manifest.json").stat().st_mtime_ns == before


def test_a_killed_run_goes_on_to_the_same_bytes(finished, tmp_path):
    folder = checkout(tmp_path / "killed")
    results = folder / "results" / "nano"
    for sign in ("activations/model", "sae/main/sae.safetensors", "enrichment.parquet"):
        kill_when(folder, lambda sign=sign: (results / sign).exists())
    done = call(folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    mine = json.loads((results / "manifest.json").read_text())["files"]
    theirs = json.loads((finished / "results/nano/manifest.json").read_text())["files"]
    assert set(mine) == set(theirs)
    assert {name for name in mine if mine[name] != theirs[name]} == set()


def kill_when(folder: Path, condition) -> None:
    """Start the run, and kill it with all its children as soon as something is there."""
    process = subprocess.Popen(
        COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and not condition():
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
