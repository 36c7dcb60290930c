"""What the README says exists: paths, commands, options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from photo51.cli import app

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(photo51 [^`]+)`", TEXT)))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_every_linked_path_exists(target):
    if not target.startswith("http"):
        assert (ROOT / target).exists()


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line):
    words = shlex.split(line)[1:]
    group = get_command(app)
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version"}
        return
    command = group.commands[words[0]]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {w for w in words[1:] if w.startswith("-") and w != "--"} <= options


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w -]*):", makefile, flags=re.M))
    known = {name for group in targets for name in group.split()}
    assert set(re.findall(r"make ([a-z][a-z-]*)", TEXT)) <= known
