"""Which photo51 made a run, and whether this one can read it."""

from __future__ import annotations

from pathlib import Path

from packaging.version import InvalidVersion, Version

from photo51 import __version__
from photo51.io.tables import provenance_of
from photo51.run.layout import LAYOUT, path
from photo51.types import InputError

DATED = (
    "windows",
    "top_windows",
    "enrichment",
    "names",
    "findings",
)  # tables that say between them what made a run


def made_by(folder: Path | str) -> str:
    """Newest version of photo51 that the tables of a run name; empty where none does.

    Raises
    ------
    InputError
        For a table that names something which is no version, or that is no table.
    """
    versions = []
    for name in DATED:
        for file in LAYOUT[name].paths(folder):
            version = str(provenance_of(file).get("version", ""))
            try:
                versions += [Version(version)] if version else []
            except InvalidVersion as e:
                raise InputError(f"{file}: need a version of photo51 in its metadata, got {version!r}") from e
    return str(max(versions)) if versions else ""


def require_readable(folder: Path | str) -> None:
    """Refuse a run of a newer photo51, whose tables may mean something else.

    Raises
    ------
    InputError
        Naming both versions and what to do.
    """
    version = made_by(folder)
    if version and Version(version) > Version(__version__):
        raise InputError(
            f"{folder}: need a run of photo51 {__version__} or older, got one of {version}; "
            f"`pip install --upgrade photo51` reads it, {again(folder)} with this version"
        )


def again(folder: Path | str) -> str:
    """How to make a run anew, as the end of a sentence."""
    config = path(folder, "config")
    return f"`photo51 run {config if config.is_file() else 'CONFIG'}` makes it again"


def outdated(folder: Path | str) -> str:
    """Why a file of a run may not be what this version reads, and how to make the run anew, as a sentence."""
    version = made_by(folder)
    old = version and Version(version) < Version(__version__)
    reason = (
        f"the run was made by photo51 {version}, this is {__version__}"
        if old
        else "the file was made by an older photo51, or changed"
    )
    return f"{reason}; {again(folder)}"
