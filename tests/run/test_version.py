"""Runs of other versions, and of files that were changed, are named with what makes them anew."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from photo51 import __version__
from photo51.io import provenance, write_table
from photo51.io.contracts.findings import FINDINGS
from photo51.io.tables import Column, TableSpec
from photo51.run.layout import path
from photo51.run.opened import Run
from photo51.run.version import made_by
from photo51.types import InputError

OLD = TableSpec("windows", "a table of another time", {"what": Column("str", "a column that has gone")})


def made(folder: Path, name: str, version: str, spec: TableSpec = OLD) -> Path:
    out = path(folder, name)
    table = spec.empty() if spec is FINDINGS else pd.DataFrame({"what": ["x"]})
    write_table(table, out, spec, provenance("test").model_copy(update={"version": version}))
    return out


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "genome").mkdir()
    return tmp_path


def test_the_newest_of_its_tables_says_what_made_a_run(folder):
    assert made_by(folder) == ""
    made(folder, "windows", "0.0.9")
    made(folder, "findings", "0.0.10", FINDINGS)
    assert made_by(folder) == "0.0.10"


def test_a_run_of_a_newer_version_is_refused_with_both_versions_and_what_to_do(folder):
    made(folder, "windows", "99.1")
    with pytest.raises(
        InputError, match=rf"need a run of photo51 {__version__} or older, got one of 99\.1; `pip install --upgrade photo51` reads it, `photo51 run CONFIG` makes it again"
    ):  # fmt: skip
        Run(folder)


def test_a_table_of_an_older_version_is_named_with_the_command_that_makes_the_run_anew(folder):
    (folder / "codes" / "main").mkdir(parents=True)
    (folder / "codes" / "main" / "codes.json").touch()
    (folder / "config.yaml").write_text("run: x\n")
    made(folder, "names", "0.0.1")
    with pytest.raises(
        InputError, match=r"names.parquet: table 'names' needs columns .*the run was made by photo51 0\.0\.1, this is .*; `photo51 run .*config.yaml` makes it again"
    ):  # fmt: skip
        Run(folder).table("names")


def test_a_table_that_was_cut_short_or_says_no_version_is_named(folder):
    made(folder, "windows", "spring")
    with pytest.raises(InputError, match=r"windows.parquet: need a version of photo51 in its metadata, got 'spring'"):
        Run(folder)
    whole = made(folder, "windows", "0.0.1").read_bytes()
    path(folder, "windows").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"windows.parquet: need a parquet table, got a file that cannot be read"):
        Run(folder)


def test_a_configuration_that_is_none_is_named(folder):
    (folder / "codes" / "main").mkdir(parents=True)
    (folder / "codes" / "main" / "codes.json").touch()
    (folder / "config.yaml").write_text("comparisons: {mito: {cases_label: harmful}}\n")
    assert Run(folder).labels("mito") == {"cases_label": "harmful"}
    assert Run(folder).labels("tb") == {}
    (folder / "config.yaml").write_text("- a\n- b\n")
    with pytest.raises(InputError, match=r"config.yaml: need a mapping of settings, got list"):
        Run(folder).labels("mito")
    (folder / "config.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"config.yaml: need YAML"):
        Run(folder).labels("mito")


@pytest.mark.parametrize(
    ("old", "name", "command"),
    [
        ("ledger", "replication", "replication"),
        ("retiled", "window_offsets", "window-offsets"),
        ("battery", "positive_controls", "geometry"),
    ],
)
def test_a_table_under_its_former_name_is_named_with_the_command_that_makes_it(folder, caplog, old, name, command):
    (folder / "codes" / "main").mkdir(parents=True)
    (folder / "codes" / "main" / "codes.json").touch()
    (folder / f"{old}.parquet").touch()
    told = f"{folder / old}.parquet is of an older photo51: `photo51 {command} {folder}` makes {name}.parquet"
    run = Run(folder)
    assert any(r.getMessage().startswith(told) for r in caplog.records)
    assert told in run.absent(name)
    with pytest.raises(InputError, match=f"`photo51 {command} "):
        run.need(name)
    path(folder, name).touch()
    caplog.clear()
    Run(folder)
    assert not caplog.records
