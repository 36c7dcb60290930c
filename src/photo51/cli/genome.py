"""`photo51 prepare` and `photo51 fetch`: genomes in, tables out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import SETUP, ParamsOption, app

FETCHED = Path("resources/fetched")


@app.command("prepare", rich_help_panel=SETUP)
def prepare_command(
    genomes: Annotated[Path, typer.Argument(help="genomes.tsv: one row a genome")],
    out: Annotated[Path, typer.Argument(help="folder to write to")],
    params: ParamsOption = None,
    fetched: Annotated[Path, typer.Option(help="folder of downloaded accessions")] = FETCHED,
    only: Annotated[
        str | None, typer.Option(help="write one of them alone: sequences, or annotations; default: both")
    ] = None,
) -> None:
    """Read and annotate genomes, tile them with windows.

    Writes contigs, annotations, scored positions, windows and sequences to OUT, RUN/genome of a run.
    """
    from photo51.config import parse
    from photo51.config.genome import GenomeParams
    from photo51.genome.preparation.prepare import PARTS
    from photo51.genome.preparation.prepare import prepare as run
    from photo51.types import InputError

    if only is not None and only not in PARTS:
        raise InputError(f"--only: need one of {', '.join(PARTS)}, got {only!r}")
    run(genomes, out, parse(GenomeParams, params), fetched, (only,) if only else tuple(PARTS))


@app.command("fetch", rich_help_panel=SETUP)
def fetch_command(
    accessions: Annotated[list[str], typer.Argument(help="NCBI accessions, such as NC_000913.3 or GCF_000005845.2")],
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = FETCHED,
    params: ParamsOption = None,
) -> None:
    """Download genomes by accession, with checksums.

    Resumes what broke off, and leaves alone what is there already.
    """
    from photo51.config import parse
    from photo51.config.fetch import FetchParams
    from photo51.genome.formats.fetch import fetch as run

    for path in run(accessions, out, parse(FetchParams, params)):
        typer.echo(path)
