"""The console application and what its commands share.

A command is short: parse, import the stage inside the function (so that `--help` needs no torch), read, one call, write.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Annotated

import typer

from photo51 import __version__
from photo51.types import InputError

app = typer.Typer(
    name="photo51",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="A scientific discovery workbench for genomics foundation models. Every stage of the workflow is a command here.",
)
ParamsOption = Annotated[
    str | None, typer.Option("--params", help="parameters of the stage: JSON in braces, or a YAML/JSON file")
]
PartOption = Annotated[
    str | None,
    typer.Option(
        "--part", help="I/N: shards I, I+N, I+2N … alone (0 <= I < N); default: all, gathered afterwards"
    ),
]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="CPU threads")]


def _version(*, show: bool) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log debug messages too")] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--version", callback=lambda v: _version(show=v), is_eager=True, help="print the version"
        ),
    ] = False,
) -> None:
    """Set up logging: to stderr, with times, so that a rule's log file tells what happened when."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    for chatty in ("matplotlib", "numba", "fontTools", "h5py", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_threads(n: int) -> None:
    """Bound the threads of torch, numba and the linear algebra libraries; call before importing any of them."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    if "numba" not in sys.modules:  # it refuses another number once it has read one
        names.append("NUMBA_NUM_THREADS")
    for name in names:
        os.environ[name] = str(n)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n)


def shards_of(part: str | None, n_shards: int) -> list[int]:
    """Shards of a part `I/N`: every N-th, from I on; all of them without a part.

    Raises
    ------
    InputError
        If the text is not of that form.
    """
    if part is None:
        return list(range(n_shards))
    found = re.fullmatch(r"(\d+)/([1-9]\d*)", part)
    if not found or int(found[1]) >= int(found[2]):
        raise InputError(f"--part: need I/N with 0 <= I < N, got {part!r}")
    return list(range(int(found[1]), n_shards, int(found[2])))


def main() -> None:
    """Entry point: an `InputError` is one clear sentence on stderr and exit code 2, anything else a traceback.

    So is a disk that is full or may not be written to. What is written, nobody but its owner and group can change.
    """
    os.umask(os.umask(0o077) | 0o002)
    try:
        app()
    except InputError as e:
        sys.stderr.write(f"photo51: {e}\n")
        sys.exit(2)
    except OSError as e:
        from photo51.io.files import cannot_write

        if (sentence := cannot_write(e)) is None:
            raise
        sys.stderr.write(f"photo51: {sentence}\n")
        sys.exit(2)
