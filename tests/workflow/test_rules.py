"""The workflow as text and as a graph: what every rule states, what a run consists of, what a bad configuration gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    f"{path.stem}:{found[1]}": found[0]
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for found in re.finditer(r"^ *rule (\w+):\n(?:(?!^ *rule ).*\n)+", path.read_text() + "\n", flags=re.M)
}


@pytest.mark.parametrize("name", [n for n in RULES if not n.endswith(":pretrained")])
def test_every_rule_says_what_it_does_where_it_logs_and_what_it_needs(name):
    for word in ("message", "log", "benchmark", "resources"):
        assert re.search(rf"^ +{word}:", RULES[name], flags=re.M), f"{name} has no {word}"
    assert "mem_mb=" in RULES[name]
    assert "runtime=" in RULES[name]
    assert not re.search(r"^ +retries:", RULES[name], flags=re.M), "retries belong into the profile"


@pytest.mark.parametrize("name", [n for n in RULES if "shell:" in RULES[n]])
def test_every_rule_calls_the_console_script_and_quotes_what_it_is_given(name):
    shell = RULES[name].split("shell:")[1]
    assert "photo51 " in shell or name.endswith(":pretrained_sae")
    for field in re.findall(r"\{(input[.\w]*|output[.\w]*|log)(:q)?\}", shell):
        assert field[1] == ":q", f"{name}: {field[0]} is not quoted"


def photo51(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Call the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "photo51.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_dry_run_plans_every_stage(tmp_path):
    command = f"{sys.executable} -m snakemake -n --quiet host --cores 2 --directory {tmp_path}".split()
    command += ["--snakefile", str(ROOT / "workflow" / "Snakefile")]
    command += ["--configfile", str(ROOT / "config" / "examples" / "nano.yaml")]
    done = subprocess.run(command, cwd=_linked(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    planned = set(re.findall(r"^(\w+) +\d+$", done.stdout, flags=re.M))
    written = {name.split(":")[1] for name in RULES}
    assert {
        "prepare",
        "activations",
        "train_sae",
        "encode",
        "features",
        "enrich",
        "geometry",
        "biomarkers",
    } <= planned
    assert {"report", "manifest", "causality", "concepts", "novelty", "replication", "atlas", "tracks"} <= planned
    assert planned - {"all", "total"} <= written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: demo\nsead: 1\n", "sead"),
        ("run: ../x\n", "run"),
        ("- a list\n", "dictionary"),
        ("run: [\n", "YAML"),
    ],
)
def test_a_bad_configuration_stops_the_run_before_it_starts(tmp_path, text, said):
    config = tmp_path / "config.yaml"
    config.write_text(text)
    done = photo51("run", str(config))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) <= 3
    assert str(config) in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("profile", "said"), [("slurm", "need sbatch"), ("slrum", "need one of cluster-generic, local, slurm")]
)
def test_a_cluster_that_is_not_there_is_named_before_anything_starts(tmp_path, profile, said):
    for name in ("workflow", "config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "photo51.cli", "run", "config/examples/nano.yaml", "--profile", profile],
        cwd=tmp_path, env={**os.environ, "PATH": "/nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "results").exists()


def _linked(folder: Path) -> Path:
    for name in ("resources", "config", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    return folder
