"""`photo51 read`, `ship-dictionary`: a quick look at a sequence, and the dictionary that it uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ThreadsOption, app, set_threads

Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")]


@app.command("read")
def read_command(
    sequence: Annotated[str, typer.Argument(help="FASTA or GenBank file, bases, or an accession such as NC_001416.1")],
    out: Annotated[
        Path | None, typer.Option(help="folder to write; default: what is read with .read behind it, here")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="part to read: chrom:start-end, 1-based, both ends included")
    ] = None,
    annotation: Annotated[
        list[Path] | None,
        typer.Option(help="GFF3, GTF, GenBank or gene table for a sequence file; may be repeated"),
    ] = None,
    model: Annotated[str, typer.Option(help="model whose dictionary comes with photo51")] = "sh2:base",
    dictionary: Annotated[
        Path | None, typer.Option(help="folder of `photo51 ship-dictionary`, in place of the shipped one")
    ] = None,
    genetic_code: Annotated[
        int | None,
        typer.Option(
            help="NCBI translation table; default: the file's (1 where its coding sequences state none), else 11"
        ),
    ] = None,
    topology: Annotated[str, typer.Option(help="auto, linear, circular or circular:chrom")] = "auto",
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Take a quick look at a sequence.

    Bits a base, named features on both strands, reading frames, as page, BED, bigWig, TSV.

    Example: photo51 read mine.fa --out look
    """
    set_threads(threads)
    from photo51 import words
    from photo51.quicklook.read import check_folder, folder_of, read_source
    from photo51.quicklook.shelf import shelf_of
    from photo51.quicklook.source import open_source

    shelf = shelf_of(model, dictionary)
    source = open_source(
        sequence, annotation=annotation or (), region=region, genetic_code=genetic_code, topology=topology
    )
    folder = out or folder_of(_stem(source.title.removesuffix(f", {region}"), region), source.pieces)
    check_folder(folder)
    import torch

    from photo51.model.families.adapters import load_model

    torch.set_num_threads(threads)
    look = read_source(source, load_model(model, device=device), shelf)
    written = look.write(folder)
    typer.echo(f"bits a base: + {words.fixed(look.bits['+'], 3)}, - {words.fixed(look.bits['-'], 3)}")
    typer.echo(f"named features: {look.calls['feature'].nunique()} in {len(look.calls)} intervals")
    # NaN where no window has a number
    if look.unlike > 0:
        typer.echo(f"windows unlike the training sequence: {look.unlike:.0%}")
    typer.echo(written)


def _stem(title: str, region: str | None = None) -> str:
    """A name for a folder, from that of what is read and its part; short, as names of files may be 255 bytes long."""
    name = re.sub(r"\.(gz|bgz)$", "", title)
    name = re.sub(r"\.(fa|fasta|fna|fas|gb|gbk|gbff|genbank)$", "", name)
    words = f"{name}_{region}" if region else name
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", words).strip("._")[:80] or "sequence"


@app.command()
def ship_dictionary(
    run: Annotated[Path, typer.Argument(help="run with names, replication, features and stored activations")],
    out: Annotated[Path, typer.Argument(help="folder to write, as resources/dictionaries/base")],
    seeds: Annotated[
        int,
        typer.Option(min=0, help="dictionaries of further seeds to train, in which features are looked for"),
    ] = 2,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Pack the dictionary of a run with its names and a card.

    Half-precision weights, names, replication, seed match, what it was trained on, a card.
    """
    set_threads(threads)
    import torch

    from photo51.model.families.adapters import load_model
    from photo51.quicklook.shipping import ship
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    name = Dictionary.load(run / "sae" / "main").origin.model_name
    lineage = ship(run, out, load_model(name, device=device), seeds=seeds)
    for key, value in {**lineage.about["seed_match"], **lineage.about["quality"]}.items():
        typer.echo(f"{key}\t{value}")
