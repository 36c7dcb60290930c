"""The external lock: a validation set that is looked at once, and a record that says when it was and for what.

A result is validated if its question was fixed before the validation data were seen. The lock is a file beside the
cohort: it names the individuals put away, and, once opened, the questions asked. With the same questions a second
opening changes nothing, so that an interrupted run can go on. With others it has to be asked for, and stays on record:
what it finds was asked of data that had been seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from photo51.io import content_hash, write_json
from photo51.types import InputError

LOCK = "lock.json"
"""Name of a lock's file."""


class Lock(NamedTuple):
    """State of a lock.

    Attributes
    ----------
    path
        Its file.
    put_away
        Individuals of the validation set.
    sealed
        Hash of the validation set: individuals, phenotypes and burdens.
    opened
        Hash of the questions it was opened for; empty while closed.
    questions
        What was asked last; empty while closed.
    earlier
        Hashes and questions of the openings before, first to last.
    """

    path: Path
    put_away: tuple[str, ...]
    sealed: str
    opened: str = ""
    questions: dict[str, Any] = {}  # noqa: RUF012 - never written to
    earlier: tuple[dict[str, Any], ...] = ()

    @property
    def openings(self) -> int:
        """How often it was opened, for other questions each time."""
        return len(self.earlier) + self.is_open

    @property
    def is_open(self) -> bool:
        """Whether the validation set has been looked at."""
        return bool(self.opened)


def seal(path: Path, put_away: Sequence[str], content: str) -> Lock:
    """Put a validation set away; the same set again leaves the lock as it is, opened or not.

    Raises
    ------
    InputError
        Where another set was opened under this name before.
    """
    if path.is_file():
        lock = read_lock(path)
        if lock.sealed == content:
            return lock
        if lock.is_open:
            raise InputError(
                f"{path}: the validation set was opened before with other data; a set that was seen cannot be put away"
                " again, choose a new folder"
            )
    lock = Lock(path, tuple(put_away), content)
    _write(lock)
    return lock


def open_once(path: Path, questions: dict[str, Any], *, reopen: bool = False) -> Lock:
    """Open the lock for these questions; with `reopen`, for others than before, which is recorded as a further opening.

    Raises
    ------
    InputError
        Where it was opened for others, and `reopen` was not asked for.
    """
    lock, question_hash = read_lock(path), content_hash(questions)
    if lock.is_open and lock.opened != question_hash and not reopen:
        raise InputError(
            f"{path}: the validation set was opened once for questions {lock.opened}; a second look with others"
            f" ({question_hash}) is no validation; `--reopen` takes it, and it stays on record"
        )
    # the same questions: nothing is opened a second time
    if lock.opened == question_hash:
        return lock
    earlier = lock.earlier
    if lock.is_open:
        earlier = (*earlier, {"opened": lock.opened, "questions": lock.questions})
    lock = lock._replace(opened=question_hash, questions=questions, earlier=earlier)
    _write(lock)
    return lock


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises
    ------
    InputError
        Where there is none.
    """
    if not path.is_file():
        raise InputError(f"{path}: need a sealed validation set, got no such file; run `photo51 cohort` first")
    stored = json.loads(path.read_text())
    return Lock(
        path,
        tuple(stored["put_away"]),
        stored["sealed"],
        stored["opened"],
        stored["questions"],
        tuple(stored.get("earlier", ())),
    )


def _write(lock: Lock) -> None:
    write_json({name: value for name, value in lock._asdict().items() if name != "path"}, lock.path)
