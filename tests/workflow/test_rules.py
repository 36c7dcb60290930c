"""The workflow as text and as a graph: what every rule states, what a run consists of, what a bad configuration gets."""

from __future__ import annotations

import json
import os
import re
import shlex
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


def test_nothing_is_made_of_a_model_before_its_selftest_and_what_it_allows_is_stated(tmp_path):
    nano = (ROOT / "config" / "examples" / "nano.yaml").read_text()
    stated = "selftest: {tolerance: 0.25, accept_miss: true, published: it's here}"
    config = _linked(tmp_path) / "own.yaml"
    config.write_text(f"{nano}\n{stated}\n")
    done = photo51("run", str(config), "--", "-n", "results/nano/.done/activations/model/0", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^selftest +1$", done.stdout, flags=re.M)
    (line,) = re.findall(r"photo51 selftest .*", (tmp_path / "results" / "nano" / "logs" / "dry_run.log").read_text())
    words = shlex.split(line)
    assert words[words.index("--published") + 1] == "it's here"
    assert words[words.index("--tolerance") + 1] == "0.25"
    assert "--accept-miss" in words
    # the twin with random weights knows nothing, and is tested for nothing
    done = photo51("run", str(config), "--", "-n", "results/nano/.done/activations/random/0", cwd=tmp_path)
    assert "selftest" not in done.stdout


def test_no_manifest_is_written_of_a_model_that_fails(tmp_path):
    checks = [{"name": "published_loss", "passed": False}, {"name": "rerun", "passed": True}]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "selftest.json").write_text(json.dumps({"passed": False, "checks": checks}))
    done = photo51("manifest", str(tmp_path), "--config", "config/examples/nano.yaml")
    assert done.returncode == 2
    assert "got one that fails (published_loss)" in done.stderr
    assert not (tmp_path / "manifest.json").exists()


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
