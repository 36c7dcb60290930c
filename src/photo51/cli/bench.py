"""`photo51 bench`: figures that can be compared from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ThreadsOption, app, set_threads
from photo51.types import InputError


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="benchmark, `all`, or `list`")],
    out: Annotated[Path, typer.Option(help="folder of the JSON files")] = Path("results/bench"),
    *,
    quick: Annotated[bool, typer.Option("--quick", help="smaller sizes, for a look")] = False,
    threads: ThreadsOption = 2,
) -> None:
    """Measure, print a table, write OUT/NAME.json: a flat object of numbers."""
    from importlib import import_module

    from rich.console import Console
    from rich.table import Table

    from photo51.bench import NAMES
    from photo51.io import write_json

    if name == "list":
        typer.echo("\n".join(NAMES))
        return
    if name == "all":
        _all(out, quick=quick, threads=threads)
        return
    if name not in NAMES:
        raise InputError(f"bench: need one of {', '.join(NAMES)}, got {name!r}")
    set_threads(threads)
    figures = import_module(f"photo51.bench.{name}").measure(quick=quick)
    table = Table("figure", "value", title=f"bench {name}")
    for key, value in figures.items():
        table.add_row(
            key,
            "not measured" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value),
        )
    Console().print(table)
    write_json(figures, out / f"{name}.json")


def _all(out: Path, *, quick: bool, threads: int) -> None:
    """Every benchmark in a process of its own, so that one that fails leaves the others their figures."""
    import subprocess
    import sys

    from photo51.bench import NAMES

    failed = []
    for name in NAMES:
        command = [
            sys.executable,
            "-m",
            "photo51.cli",
            "bench",
            name,
            "--out",
            str(out),
            "--threads",
            str(threads),
        ]
        if subprocess.run(command + ["--quick"] * quick, check=False).returncode:
            failed.append(name)
    if failed:
        raise InputError(f"bench: these did not finish: {', '.join(failed)}")
