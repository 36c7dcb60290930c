"""One grammar: what every stage's command takes, what `--help` shows, and what is refused in a sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from photo51.cli import app
from photo51.cli.app import GROUPS, parted, shards_of
from photo51.cli.stage import STAGES, StageJob
from photo51.config.run import Config
from photo51.run.layout import LAYOUT, run_file
from photo51.types import InputError, feature_number

COMMANDS = get_command(app).commands
HELP = CliRunner().invoke(app, ["--help"], terminal_width=80).output
RUN_FIRST = [*STAGES, "layers", "feature", "find", "notebook", "manifest", "verify"]


def refusal(*words):
    result = CliRunner().invoke(app, [str(w) for w in words])
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.parametrize("name", RUN_FIRST)
def test_a_run_comes_first_and_only_once(name):
    arguments = [p for p in COMMANDS[name].params if p.param_type_name == "argument"]
    assert arguments[0].name == "run"
    assert not {"results", "codes", "sae", "genomes"} & {a.name for a in arguments}


@pytest.mark.parametrize("name", STAGES)
def test_options_follow_from_the_record(name):
    stage, options = STAGES[name], {o for p in COMMANDS[name].params for o in p.opts}
    assert "--threads" in options
    assert ("--params" in options) == bool(stage.params)
    assert ("--part" in options) == bool(stage.scatter)
    assert ("--gather" in options) == (bool(stage.scatter) and stage.joined)
    assert ("--device" in options) == stage.model
    assert ("--with" in options) == bool(stage.extras)
    assert {f"--{w}" for w in stage.wildcards} <= options


@pytest.mark.parametrize("name", STAGES)
def test_files_and_parameters_of_a_record_are_those_of_layout_and_configuration(name):
    stage = STAGES[name]
    assert {*stage.reads, *stage.writes, *(e.place for e in stage.extras)} <= set(LAYOUT)
    for written in stage.writes:
        assert run_file(written).stage == name, written
    if stage.params:
        module, _, kind = stage.params.partition(".")
        params = getattr(import_module(f"photo51.config.{module}"), kind)
        if stage.configured and "{" not in stage.configured:
            assert type(getattr(Config(), stage.configured)) is params


def test_every_command_has_one_line_under_a_heading():
    assert max(map(len, HELP.splitlines())) <= 80
    assert "More:" not in HELP
    assert "..." not in HELP.partition("Options:")[2]
    sections = re.split(r"^(\w[\w ]*):$", HELP, flags=re.M)
    headings = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert list(headings)[1:] == list(GROUPS)
    lines = [line for group in GROUPS for line in headings[group].splitlines() if line.strip()]
    shown = [line.split()[0] for line in lines]
    assert sorted(shown) == sorted(n for n, c in COMMANDS.items() if not c.hidden)
    assert all(len(line.split()) > 3 for line in lines)


def test_what_is_not_there_is_named_with_what_makes_it(tmp_path):
    sentence = refusal("features", tmp_path)
    assert f"{tmp_path}/codes/main/codes.json: need codes, got no such file. `photo51 encode` makes it." == sentence
    assert "variants/b.parquet: need variant effects" in refusal("biomarkers", tmp_path, "--name", "a", "--set", "b")


def test_optional_inputs_are_named_or_refused(tmp_path):
    for name in ("enrichment.parquet", "codes/main/codes.json", "genome/windows.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert "need some of activations, random, or none, got seed9" in refusal("concepts", tmp_path, "--with", "seed9")
    sentence = refusal("concepts", tmp_path, "--with", "random")
    assert sentence.startswith("--with random:")
    assert "codes/random" in sentence


@pytest.mark.parametrize("text", ["2/2", "a/b", "1", "-1/2", "1/0", ""])
def test_parts_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="need i/n with 0 <= i < n"):
        parted(text)


def test_parts_hold_every_shard_once():
    assert shards_of(None, 5) == [0, 1, 2, 3, 4]
    assert shards_of(parted("1/2"), 5) == [1, 3]
    assert sorted(s for i in range(3) for s in shards_of((i, 3), 7)) == list(range(7))


def test_a_name_that_is_needed_is_asked_for(tmp_path):
    assert "biomarkers: need --set" in refusal("biomarkers", tmp_path, "--name", "a")
    job = StageJob(STAGES["biomarkers"], tmp_path, {"name": None})
    with pytest.raises(InputError, match="biomarkers: need --name"):
        job.path("comparison")


@pytest.mark.parametrize(("text", "number"), [("812", 812), ("f812", 812), ("F7", 7), ("f/3", 3), (" 9 ", 9), (4, 4)])
def test_features_are_written_with_and_without_f(text, number):
    assert feature_number(text) == number


@pytest.mark.parametrize("text", ["", "f", "-1", "8.5", "tRNA"])
def test_other_texts_are_no_feature(text):
    with pytest.raises(InputError, match="812 or f812"):
        feature_number(text)


def test_help_needs_neither_torch_nor_tables():
    heavy = "{'torch', 'numpy', 'pandas', 'scipy', 'pydantic', 'yaml'} & set(sys.modules)"
    code = f"import sys, photo51.cli as c; c.app(['--help'], standalone_mode=False); print({heavy} or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("light")


def test_an_optional_input_under_its_former_name_is_not_left_out_in_silence(tmp_path):
    (tmp_path / "concepts.parquet").touch()
    (tmp_path / "ledger.parquet").touch()
    for name in STAGES["names"].reads:
        out = run_file(name).path(tmp_path, sae="main")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch()
    said = refusal("names", tmp_path)
    assert "ledger.parquet is of an older photo51: `photo51 replication" in said
    assert "--with" in said


def test_layers_takes_the_runs_model_or_says_that_none_is_named(tmp_path):
    assert "need --model" in refusal("layers", tmp_path)
    (tmp_path / "config.yaml").write_text("activations:\n  model: sh2:absent\n")
    assert "need the folder of a run, or one that `photo51 prepare" in refusal("layers", tmp_path)
    (tmp_path / "genome").mkdir()
    (tmp_path / "genome" / "workspace.parquet").touch()
    assert "absent" in refusal("layers", tmp_path)


def test_one_order_of_what_names_something_of_a_run():
    names = {"run", "results", "codes", "activations", "genomes", "features", "losses", "tables", "folder", "places"}
    positional = {n: [p.name for p in c.params if p.param_type_name == "argument"] for n, c in COMMANDS.items()}
    of_a_run = {n: [a for a in arguments if a in names] for n, arguments in positional.items() if n != "prepare"}
    assert {n: a for n, a in of_a_run.items() if a not in ([], ["run"])} == {}
