"""What was done, line by line: the command and the Python that do the same, and what came out."""

from __future__ import annotations

import json
import shlex
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photo51 import __version__
from photo51.types import InputError

MOST_LINES = 2_000
NO_COMMAND = "# this command needs a run; the Python below does the same without one"


@dataclass(frozen=True)
class Line:
    """One action.

    Attributes
    ----------
    number
        From 1 on.
    panel
        Where.
    words
        What was done, in a few words.
    command, python
        What does the same; `python` assigns its result to `name`.
    name
        Variable of the result.
    check
        Python expression that gives `digest`.
    digest
        Of the result.
    state
        What the panel needs to come back to it.
    result
        A sequence that came out, for FASTA; empty where none did.
    """

    number: int
    panel: str
    words: str
    command: str
    python: str
    name: str
    check: str
    digest: str
    state: dict[str, Any]
    result: dict[str, str] = field(default_factory=dict)


class Journal:
    """The lines of one tab."""

    def __init__(self, opening: str):
        self.opening = opening
        self.lines: list[Line] = []

    def add(self, panel: str, words: str, **rest: Any) -> Line:
        """One more line; the very same action again is the same line."""
        number = self.lines[-1].number + 1 if self.lines else 1
        name = f"{panel}_{number}"
        rest = {k: v.replace("$name", name) if isinstance(v, str) else v for k, v in rest.items()}
        line = Line(number, panel, words, name=name, **rest)
        last = self.lines[-1] if self.lines else None
        if last is not None and (last.panel, last.state, last.digest) == (panel, line.state, line.digest):
            return last
        self.lines.append(line)
        del self.lines[:-MOST_LINES]
        return line

    def record(self, line: Line) -> dict[str, Any]:
        """A line as the page shows it."""
        return {k: getattr(line, k) for k in ("number", "panel", "words", "command", "python", "digest", "state")}

    def latest(self) -> dict[str, dict[str, Any]]:
        """The last state of each panel."""
        return {line.panel: line.state for line in self.lines}

    def fasta(self) -> str:
        """Every sequence that was read or written, once."""
        name_of: dict[str, str] = {}
        for line in self.lines:
            for name, bases in line.result.items():
                name_of.setdefault(bases, f"{line.name}_{name}")
        if not name_of:
            raise InputError("FASTA: need a sequence that was read or written, got an empty journal")
        return "".join(f">{name}\n{_wrapped(bases)}\n" for bases, name in name_of.items())

    def notebook(self, title: str) -> str:
        """A Jupyter notebook (format 4.5) that repeats everything and checks that the same comes out."""
        cells = [
            _markdown(
                "title",
                f"# {title}\n\nMade by photo51 {__version__} studio. Every cell does what was done on the page and ends"
                " with a check of its result, to the bit, on the same machine and threads.",
            ),
            _code("open", f"import photo51\nfrom photo51.studio.wire import digest\n\n{self.opening}"),
        ]
        for line in self.lines:
            cells.append(
                _markdown(f"words{line.number}", f"**{line.number}. {line.words}**\n\n```\n{line.command}\n```")
            )
            check = f"\nassert {line.check} == {line.digest!r}" if line.check else ""
            cells.append(_code(f"line{line.number}", line.python + check))
        book = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python"},
            },
            "cells": cells,
        }
        return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }


def _wrapped(bases: str) -> str:
    return "\n".join(textwrap.wrap(bases, 70)) if bases else ""


def command(*parts: str | Path | int | float) -> str:
    """A command line, quoted for a shell; `$name` stays as it is, for `Journal.add` to fill in."""
    return " ".join(p if p.startswith("$name") else shlex.quote(p) for p in map(str, parts))


def quoted_file(text: str, name: str) -> str:
    """A command line that writes a small file."""
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return f"printf '%b' {shlex.quote(escaped)} > {name}"
