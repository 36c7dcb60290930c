"""The console application and what its commands share.

A command is short: parse, import the stage inside the function (so that `--help` needs no torch), read, one call,
write.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from photo51 import __version__
from photo51.types import InputError

SETUP, MODEL, DICTIONARY, DISCOVERY = "Set up", "Model", "Dictionary", "Discovery"
VARIANTS, INTERVENTIONS, RESULTS = "Variants and cohorts", "Interventions", "Results"
GROUPS = {
    SETUP: "init demo run plan doctor prepare fetch config schema",
    MODEL: "models convert activations burn-in selftest layers words diff memory prune debug-data corpus pretrain "
    "model-card",
    DICTIONARY: "train-sae encode fidelity fidelity-classes sae-quality sweep import-sae export-sae ship-dictionary",
    DISCOVERY: "features window-offsets enrich concepts replication names motifs genesets novelty panel geometry",
    VARIANTS: "score variants biomarkers cards distil cohort-check cohort",
    INTERVENTIONS: "ablation causality frameshift steer explain paint react exchange studio",
    RESULTS: "read findings report atlas tracks export notebook feature find manifest verify",
}


class Grouped(TyperGroup):
    """Commands under their headings, in the order in which they are used, a line each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the groups of commands."""
        shown = {n: c for n in self.list_commands(ctx) if (c := self.get_command(ctx, n)) and not c.hidden}
        widest = max(map(len, shown))
        for group, order in {**GROUPS, "More": ""}.items():
            members = [n for n, c in shown.items() if _group(n, c) == group]
            members.sort(key=[*order.split(), *members].index)
            rows = [(n.ljust(widest), (shown[n].help or "").partition("\n")[0].rstrip(".")) for n in members]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


def _group(name: str, command: Any) -> str:
    """Heading of a command: the one that lists it, else the one it states."""
    listed = next((group for group, names in GROUPS.items() if name in names.split()), None)
    stated = getattr(command, "rich_help_panel", None)
    return listed or (stated if stated in GROUPS else "More")


app = typer.Typer(
    name="photo51",
    cls=Grouped,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help=(
        "A scientific discovery workbench for genomics foundation models.\n\nEvery stage of the workflow is a command:"
        " photo51 STAGE RUN."
    ),
)
ParamsOption = Annotated[
    str | None, typer.Option("--params", help="parameters of the stage: JSON in braces, or a YAML/JSON file")
]
PartOption = Annotated[
    str | None,
    typer.Option("--part", help="i/n: the i-th of n parts alone (0 <= i < n); default: all, joined"),
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")]
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
        typer.Option("--version", callback=lambda v: _version(show=v), is_eager=True, help="print the version"),
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


def parted(text: str | None) -> tuple[int, int] | None:
    """The part `i/n` as two numbers; None for no part.

    Raises
    ------
    InputError
        If the text is not of that form.
    """
    if text is None:
        return None
    numbers = re.fullmatch(r"(\d+)/([1-9]\d*)", text)
    if not numbers or int(numbers[1]) >= int(numbers[2]):
        raise InputError(f"--part: need i/n with 0 <= i < n, got {text!r}")
    return int(numbers[1]), int(numbers[2])


def shards_of(part: tuple[int, int] | None, n_shards: int) -> list[int]:
    """Shards of a part `(i, n)`: every n-th, from i on; all of them without a part."""
    return list(range(n_shards) if part is None else range(part[0], n_shards, part[1]))


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
