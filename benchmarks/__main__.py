"""`python -m benchmarks NAME`, `all` or `list`: figures that can be compared from run to run."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import NAMES
from photo51.cli.app import set_threads
from photo51.io import write_json

log = logging.getLogger("benchmarks")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks for; an unknown name ends with exit code 2 and the known ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, "all", "list"], help="benchmark, `all`, or `list`")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="folder of the JSON files")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    return parser.parse_args(words)


def main() -> int:
    """Measure, print a table, write OUT/NAME.json: a flat object of numbers."""
    asked = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if asked.name == "list":
        Console().print("\n".join(NAMES))
        return 0
    if asked.name == "all":
        return run_all(asked.out, quick=asked.quick, threads=asked.threads)
    set_threads(asked.threads)
    figures = import_module(f"benchmarks.{asked.name}").measure(quick=asked.quick)
    table = Table("figure", "value", title=asked.name)
    for key, value in figures.items():
        table.add_row(
            key,
            "not measured" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value),
        )
    Console().print(table)
    write_json(figures, asked.out / f"{asked.name}.json")
    return 0


def run_all(out: Path, *, quick: bool, threads: int) -> int:
    """Run every benchmark in a process of its own, so that one that fails leaves the others their figures."""
    failed = []
    for name in NAMES:
        command = [sys.executable, "-m", "benchmarks", name, "--out", str(out), "--threads", str(threads)]
        if subprocess.run(command + ["--quick"] * quick, check=False).returncode:
            failed.append(name)
    if failed:
        log.error("these did not finish: %s", ", ".join(failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
