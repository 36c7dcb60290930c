"""`photo51 run`: the whole workflow, from a config to the report, with a line a stage and a summary at the end."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import SETUP, app
from photo51.types import InputError

if TYPE_CHECKING:
    import pandas as pd

_STEPS = re.compile(r"(\d+) of (\d+) steps \(")
_FINISHED = re.compile(r"Finished jobid: \d+ \(Rule: (\w+)\)")
_ERROR_LOG = re.compile(r"^\s+log: ([^\s,]+)")
_DAMAGED = re.compile(r"/(activations|codes)/\S+: need .*run the stage again")


@app.command(rich_help_panel=SETUP, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Argument(help="configuration of the run; default: config.yaml, or config/config.yaml, of this folder"),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="CPU cores to use; default: what the profile says, 2 for local")
    ] = None,
    profile: Annotated[str, typer.Option(help="profile in workflow/profiles: local, slurm, cluster-generic")] = "local",
) -> None:
    """Run the workflow, from genomes to the report.

    Anything after `--` goes to Snakemake. Running again does only what is missing or has changed.
    """
    from photo51.config.paths import configuration_file

    follow_workflow(configuration_file(config), profile, cores, context.args)


def follow_workflow(config: Path, profile: str, cores: int | None, arguments: list[str]) -> None:
    """Run the workflow of a configuration in the folder of its project; exits with Snakemake's code where it fails."""
    from photo51.config.paths import project_folder, read_configuration
    from photo51.report.inputs import check_clocks, check_runs, input_files
    from photo51.shipped import shipped

    project = project_folder(config)
    if project != Path():
        config = config.resolve().relative_to(project)
        os.chdir(project)
    settings = read_configuration(config)
    profiles = shipped("workflow/profiles")
    names = sorted(p.name for p in profiles.iterdir() if p.is_dir())
    chosen = profiles / profile if profile in names else Path(profile)
    if not (chosen / "config.yaml").is_file() and not list(chosen.glob("config.v*+.yaml")):
        raise InputError(f"--profile: need one of {', '.join(names)}, or a folder with a config.yaml, got {profile!r}")
    if profile == "slurm" and shutil.which("sbatch") is None:
        raise InputError(
            "--profile slurm: need sbatch, of a login node of the cluster, got none; --profile local runs here"
        )
    results = Path("results") / settings.run
    check_runs(settings)
    check_clocks([config, *input_files(settings)])
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(shipped("workflow/Snakefile"))]
    command += ["--configfile", str(config)]
    if cores or profile == "local":
        command += ["--cores", str(cores or 2)]
    command += ["--workflow-profile", str(chosen), "--nocolor", *arguments]
    started, dry = time.time(), bool({"-n", "--dry-run", "--dryrun"} & set(arguments))
    log = results / "logs" / ("dry_run.log" if dry else "workflow.log")
    with _locked(results) as lock:
        code, failed = _follow([*command, "--nolock"], log, lock, again=not dry)
    if code:
        _explain(failed, log, stored=settings.stored)
        sys.exit(code)
    if dry:
        _plan(log)
    else:
        _summary(results, started)


def _plan(log: Path) -> None:
    """Print how often each rule would run, as Snakemake counted it."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    _, heading, counted = log.read_text(errors="replace").rpartition("Job stats:\n")
    if heading:
        console.print("What would run:", counted.partition("\n\n")[0], sep="\n", markup=False)
        console.print(f"job by job, with the commands: {log}")


@contextmanager
def _locked(results: Path) -> Iterator[int]:
    """Hold the run for this process and Snakemake's; the system lets go of it when both have ended, however they end.

    Snakemake's own lock outlives a killed process, and would have to be removed by hand.
    """
    results.mkdir(parents=True, exist_ok=True)
    with (results / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{results}: need a run that no one else is working on, got one that another process holds"
            ) from None
        yield file.fileno()


def _follow(command: list[str], log: Path, lock: int, *, again: bool) -> tuple[int, list[Path]]:
    """Run Snakemake, keep its whole log, say a line for each finished step; its exit code and the logs of rules that
    failed.

    Logs of a run that is called again follow each other, as every call does a part of it; that of a dry run is written
    anew.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    log.parent.mkdir(parents=True, exist_ok=True)
    began = last = time.monotonic()
    rule = ""
    failed: list[Path] = []
    # rules call `photo51`, also where the environment was not activated
    found_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with (
        log.open("a" if again else "w") as keep,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[lock],
            env={**_with_cache(log.parents[1]), "PATH": found_first},
        ) as process,
    ):
        for line in process.stdout or ():
            keep.write(line)
            keep.flush()
            if match := _FINISHED.search(line):
                rule = match[1]
            elif match := _STEPS.search(line):
                now = time.monotonic()
                console.print(
                    f"[{int(match[1]):>3}/{match[2]}] {rule:<24} {now - last:6.1f} s  (total {now - began:.0f} s)"
                )
                last = now
            elif "Nothing to be done" in line:
                console.print("Everything is up to date.")
            elif match := _ERROR_LOG.match(line):
                failed = [path for path in failed if path != Path(match[1])] + [Path(match[1])]
            elif line.startswith(("Error in rule", "MissingInputException", "WorkflowError", "InputError", "photo51:")):
                console.print(line.rstrip(), style="red")
    return process.returncode, [path for path in failed if path.is_file()]


def _with_cache(results: Path) -> dict[str, str]:
    """The environment, with a cache folder in the run's where the home folder has none that can be written.

    Snakemake, matplotlib and others keep what they cache below XDG_CACHE_HOME, or ~/.cache where that is not set.
    """
    env = dict(os.environ)
    try:
        cache = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK | os.X_OK):
            return env
        cause = f"{cache} cannot be written to"
    except (OSError, RuntimeError) as e:
        cause = str(e)
    cache_folder = results.absolute() / ".cache"
    typer.echo(f"photo51: no cache in the home folder ({cause}); {cache_folder} is used", err=True)
    return {**env, "XDG_CACHE_HOME": str(cache_folder), "MPLCONFIGDIR": str(cache_folder / "matplotlib")}


def _explain(failed: list[Path], log: Path, *, stored: bool) -> None:
    """Print where the whole log is, the end of each failed rule's, and what to do."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"The workflow stopped; its whole log is {log}", style="red")
    damaged = set()
    for path in failed:
        end = "\n".join(path.read_text(errors="replace").splitlines()[-15:])
        console.print(f"--- end of {path}")
        console.print(end, markup=False)
        damaged |= set(_DAMAGED.findall(end))
    console.print("Running again resumes from what is finished.")
    if damaged:
        makers = {"activations": "activations", "codes": "encode" if stored else "encode_model"}
        rules = " ".join(makers[folder] for folder in sorted(damaged))
        console.print(f"Damaged files, and they alone, are made again by adding: -- --forcerun {rules}")


def _summary(results: Path, started: float) -> None:
    """Print what ran, how long each stage took and how much memory, and where to look; the same as a picture.

    The picture lies with the benchmarks: the report must have the same bytes each time, and times never are the same.
    """
    from rich.console import Console
    from rich.table import Table

    from photo51.io.benchmarks import read_benchmarks

    console = Console()
    table = read_benchmarks(results / "benchmarks")
    shown = Table("stage", "jobs", "seconds", "peak MiB", title=f"{results}: time and memory of each stage")
    for row in table.itertuples():
        shown.add_row(row.stage, str(row.jobs), f"{row.seconds:.1f}", f"{row.peak_mib:.0f}")
    console.print(shown)
    if len(table):
        _picture(table, picture := results / "benchmarks" / "stages.svg")
        console.print(f"the same as a picture: {picture}")
    report = results / "report.html"
    console.print(
        f"wall time of this call {time.time() - started:.0f} s; sum over stages {table['seconds'].sum():.0f} s"
    )
    console.print(f"report: {report.resolve()}" if report.exists() else f"results: {results.resolve()}", soft_wrap=True)


def _picture(stages: pd.DataFrame, path: Path) -> None:
    """Time and memory of each stage (contract `STAGES`), drawn into a file."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from photo51 import theme
    from photo51.io import atomic
    from photo51.report.elements import figures

    with theme.style():
        lineage, ax = plt.subplots(figsize=(theme.WIDTH_1, 0.24 * len(stages) + 0.8), layout="constrained")
        figures.stage_times(ax, stages)
        with atomic(path) as temporary:
            lineage.savefig(temporary, format="svg")
        plt.close(lineage)
