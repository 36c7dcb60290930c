"""`photo51 prepare` and `photo51 fetch`: genomes in, tables out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ParamsOption, app

FETCHED = Path("resources/fetched")


@app.command()
def prepare(
    genomes: Annotated[Path, typer.Argument(help="genomes.tsv: one row a genome")],
    out: Annotated[Path, typer.Argument(help="folder to write to")],
    params: ParamsOption = None,
    fetched: Annotated[Path, typer.Option(help="folder of downloaded accessions")] = FETCHED,
    part: Annotated[
        str | None, typer.Option(help="write one part alone: sequences, or annotations; default: both")
    ] = None,
) -> None:
    """Read and annotate genomes, choose the scored bases, tile them with windows: contigs, annotations, workspace, windows, sequences."""
    from photo51.config import parse
    from photo51.config.genome import GenomeParams
    from photo51.genome.prepare import PARTS
    from photo51.genome.prepare import prepare as run
    from photo51.types import InputError

    if part is not None and part not in PARTS:
        raise InputError(f"--part: need one of {', '.join(PARTS)}, got {part!r}")
    run(genomes, out, parse(GenomeParams, params), fetched, (part,) if part else tuple(PARTS))


@app.command()
def fetch(
    accessions: Annotated[
        list[str], typer.Argument(help="NCBI accessions, such as NC_000913.3 or GCF_000005845.2")
    ],
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = FETCHED,
    params: ParamsOption = None,
) -> None:
    """Download genomes by accession, with checksums; resumes what broke off, and leaves alone what is there already."""
    from photo51.config import parse
    from photo51.config.fetch import FetchParams
    from photo51.genome.fetch import fetch as run

    for path in run(accessions, out, parse(FetchParams, params)):
        typer.echo(path)
