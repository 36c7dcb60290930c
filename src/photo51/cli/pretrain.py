"""`photo51 corpus` and `photo51 pretrain`: from genomes to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import MODEL, ParamsOption, ThreadsOption, app, set_threads
from photo51.types import InputError


@app.command(rich_help_panel=MODEL)
def corpus(
    recipe: Annotated[
        Path, typer.Argument(help="table of sequences: record, source, group, species, split, length, hash")
    ],
    out: Annotated[Path, typer.Argument(help="corpus folder to write")],
    fasta: Annotated[list[Path], typer.Argument(help="FASTA files that hold the sequences, under any name")],
    alias: Annotated[
        list[str], typer.Option(help="ACCESSION=NAME: what an accession of the recipe is called in the files")
    ] = [],  # noqa: B006
    *,
    partial: Annotated[bool, typer.Option("--partial", help="leave out sequences that are not found")] = False,
) -> None:
    """Find the sequences of a recipe, pack them for pretraining.

    By their hashes, in files under any name.
    """
    from photo51.pretraining.recipe import build, read_recipe

    if wrong := [a for a in alias if "=" not in a]:
        raise InputError(f"--alias: need ACCESSION=NAME, got {wrong[0]!r}")
    build(read_recipe(recipe), fasta, out, aliases=dict(a.split("=", 1) for a in alias), partial=partial)


@app.command(rich_help_panel=MODEL)
def pretrain(
    corpus: Annotated[Path, typer.Argument(help="corpus folder")],
    out: Annotated[Path, typer.Argument(help="folder of the run: checkpoints, log, and in the end model/")],
    start: Annotated[
        str | None,
        typer.Option("--from", help="model whose weights training begins with, as `sh2:base` or a folder"),
    ] = None,
    params: ParamsOption = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Train a StripedHyena on a corpus.

    A training that was stopped resumes from its newest checkpoint. With --from it begins with the weights of a model,
    whose architecture is taken; the log then opens with that model's held-out bits, and its digest stands in
    params.json.

    Example: photo51 pretrain corpus phages --from sh2:base --params '{"mixture": {"phage": 1}, "steps": 100}'
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.pretrain import PretrainParams
    from photo51.pretraining.corpus import load_corpus
    from photo51.pretraining.pretrain import Trainer

    torch.set_num_threads(threads)
    settings = parse(PretrainParams, params)
    if start is not None and settings.start not in {None, start}:
        raise InputError(f"--from: need the `start` of --params, {settings.start}, or that left out, got {start}")
    settings = settings.model_copy(update={"start": start or settings.start})
    Trainer(load_corpus(corpus), settings, out, device, threads).fit()
