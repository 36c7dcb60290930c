"""`photo51 init`, `demo` and `doctor`: a project of one's own, the example, and what this machine can do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import SETUP, app

CoresOption = Annotated[int | None, typer.Option(min=1, help="CPU cores to use; default: all")]


@app.command(rich_help_panel=SETUP)
def init(
    project: Annotated[Path, typer.Argument(help="folder of the project, made where it is not there")],
    genome: Annotated[
        list[str] | None,
        typer.Option("--genome", help="FASTA or GenBank file, or name=FILE; repeat for more genomes"),
    ] = None,
    annotation: Annotated[
        list[str] | None,
        typer.Option("--annotation", help="GFF3, GTF, GenBank or BED12, or name=FILE where there are several genomes"),
    ] = None,
    variants: Annotated[
        list[str] | None, typer.Option("--variants", help="VCF, BCF or table of variants, or name=FILE")
    ] = None,
    bed: Annotated[
        list[str] | None, typer.Option("--bed", help="BED file of annotations of your own, or name=FILE")
    ] = None,
    model: Annotated[str, typer.Option(help="model of the run, see `photo51 models`")] = "sh2:base",
    name: Annotated[str, typer.Option(help="name of the run; default: that of the folder")] = "",
) -> None:
    """Start a project: configuration, table of genomes, README.

    Says what it found out from the files.
    """
    from photo51.project.starting import GivenFiles, start_project

    files = GivenFiles(genome or (), annotation or (), variants or (), bed or ())
    for guess in start_project(project, files, model=model, name=name):
        typer.echo(guess)
    typer.echo(f"{project}: ready. Check genomes.tsv, then: cd {project} && photo51 run")


@app.command(rich_help_panel=SETUP)
def demo(
    project: Annotated[Path, typer.Argument(help="folder to run in")] = Path(),
    cores: CoresOption = None,
    *,
    small: Annotated[
        bool, typer.Option("--small", help="a smaller model and less sequence: minutes, and little to find")
    ] = False,
) -> None:
    """Run the example to the report, in any folder.

    On genomes that come with photo51.
    """
    import os

    from photo51.cli.run import follow_workflow
    from photo51.project.starting import start_example

    example = "config/examples/nano.yaml" if small else "config/config.yaml"
    checkout = (project / "workflow/Snakefile").is_file()
    config = project / example if checkout else start_example(project, example)
    if project != Path():
        config = config.resolve()
        os.chdir(project)
    follow_workflow(config, "local", cores or os.cpu_count(), [])


@app.command(rich_help_panel=SETUP)
def doctor() -> None:
    """Look at this machine, and say what to do.

    Interpreter, memory, PyTorch, Snakemake, shipped files, a self-test.
    """
    from rich.console import Console

    from photo51.project.doctor import BAD, NOTE, checkup

    console = Console(highlight=False, soft_wrap=True)
    colours = {BAD: "red", NOTE: "yellow"}
    problems = 0
    for finding in checkup(Path()):
        problems += finding.state == BAD
        console.print(f"{finding.state:<8}", style=colours.get(finding.state, "green"), end="")
        console.print(f"{finding.topic:<11}{finding.text}", markup=False)
        if finding.remedy:
            console.print(f"{'':<19}→ {finding.remedy}", markup=False)
    if problems:
        console.print(f"{problems} problem{'s' * (problems > 1)} to solve before a run")
        sys.exit(2)
