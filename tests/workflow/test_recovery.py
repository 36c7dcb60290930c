"""Clocks that differ and files that are damaged: named, and nothing else is lost or done again."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import _kills

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.workflow]
SKEWED = """
rule all:
    input: "last"
rule late:
    output: "late"
    shell: "echo late >> started; touch -d '2 hours ago' {output}"
rule early:
    input: "late"
    output: "early"
    shell: "echo early >> started; touch -d '2 hours' {output}"
rule last:
    input: "early"
    output: "last"
    shell: "echo last >> started; touch -d '2 hours ago' {output}"
"""


def call(folder, *words):
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)


def test_machines_whose_clocks_are_hours_apart_do_nothing_twice(tmp_path):
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow" / "profiles").symlink_to(ROOT / "workflow" / "profiles")
    (tmp_path / "workflow" / "Snakefile").write_text(SKEWED)
    words = ("snakemake", "--workflow-profile", "workflow/profiles/local", "--cores", "1")
    first = call(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    assert "Nothing to be done" in call(tmp_path, *words).stderr
    assert (tmp_path / "started").read_text().split() == ["late", "early", "last"]


def test_a_damaged_shard_stops_the_run_by_its_name_and_is_made_again_alone(tmp_path):
    folder = _kills.place(tmp_path / "run", ROOT / "workflow")
    run = ("photo51.cli", "run", "config.json", "--cores", "1", "--")
    assert call(folder, *run, _kills.TARGET, "--until", "activations").returncode == 0
    shards = sorted((folder / "results/kill/activations/model/block.0.out").glob("*.safetensors"))
    assert len(shards) > 2
    content = shards[1].read_bytes()
    times = [path.stat().st_mtime_ns for path in shards]
    shards[1].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    failed = call(folder, *run, _kills.TARGET)
    assert failed.returncode == 1
    said = " ".join(failed.stderr.split())
    assert f"{shards[1].name}: need arrays of SHA-256" in said
    assert "-- --forcerun activations" in said
    mended = call(folder, *run, _kills.TARGET, "--forcerun", "activations")
    assert mended.returncode == 0, mended.stderr
    assert shards[1].read_bytes() == content
    assert [p.stat().st_mtime_ns == t for p, t in zip(shards, times, strict=True)] == [
        i != 1 for i in range(len(shards))
    ]
    assert (folder / _kills.TARGET).is_file()
