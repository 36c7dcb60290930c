"""`photo51 models`, `convert`, `activations`, `burn-in`, `selftest`: models, and what they say of every base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ParamsOption, PartOption, ThreadsOption, app, set_threads, shards_of

GenomeFolder = Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")]
Model = Annotated[
    str,
    typer.Option(help="sh2:base, evo2:7b_262k …, hf:ID or a folder; @random:SEED after it for fresh weights"),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")]


@app.command()
def models() -> None:
    """List the models that can be opened by name, with parameters and memory."""
    from rich.console import Console
    from rich.table import Table

    from photo51.model.catalogue import catalogue

    shown = Table(
        "name", "parameters", "d_model", "blocks", "context", "weights (GB)", "needs", "here", "licence"
    )
    for row in catalogue().to_dict("records"):
        shown.add_row(
            row["name"],
            f"{row['parameters']:,}",
            str(row["d_model"]),
            str(row["blocks"]),
            f"{row['context']:,}",
            f"{row['gb']:.3g}",
            "8-bit (Hopper)" if row["needs_fp8"] else "",
            "yes" if row["here"] else "no",
            row["licence"],
        )
    Console(width=None if Console().is_terminal else 140).print(shown)


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(help="Evo 2: the .pt file or any of its parts; Evo 1: safetensors file or folder"),
    ],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    preset: Annotated[str, typer.Option(help="which released model it is, such as evo2:7b_262k")],
) -> None:
    """Turn a released checkpoint into a model folder, tensor by tensor; refuses one that is not of the preset."""
    from photo51.model.convert import convert as run
    from photo51.model.presets import preset as named

    typer.echo(run(source, out, named(preset)))


@app.command()
def activations(
    genomes: GenomeFolder,
    out: Annotated[Path, typer.Argument(help="folder to write: SITE/SHARD.safetensors")],
    params: ParamsOption = None,
    part: PartOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Read every window on both strands and store what the model holds of every scored base; finished shards are kept."""
    set_threads(threads)
    import torch

    from photo51.activations.extract import extract
    from photo51.config import parse
    from photo51.config.model import ActivationParams
    from photo51.genome.genomes import Genomes
    from photo51.io import sha256
    from photo51.model.adapters import load_model

    torch.set_num_threads(threads)
    given = parse(ActivationParams, params)
    prepared = Genomes.open(genomes)
    model = load_model(given.model, device=given.device, dtype=given.dtype)
    axis = sha256(genomes / "workspace.parquet")[:16]
    windows = prepared.windows()
    wanted = shards_of(part, windows["shard"].nunique())
    for path in extract(model, prepared, windows, out, given, shards=wanted, workspace=axis):
        typer.echo(path)


@app.command()
def burn_in(
    genomes: GenomeFolder,
    out: Annotated[Path, typer.Argument(help="folder: burn_in.parquet, burn_in.svg, burn_in.json")],
    params: ParamsOption = None,
    model: Model = "sh2:base",
    site: Annotated[
        list[str] | None, typer.Option(help="where to measure; default: the output of every block")
    ] = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Measure how much context activations need before they are settled, and recommend the warm-up of windows."""
    set_threads(threads)
    import torch

    from photo51.activations.burn_in import burn_in as measure
    from photo51.activations.burn_in import burn_in_curve
    from photo51.config import parse
    from photo51.config.model import BurnInParams
    from photo51.genome.genomes import Genomes
    from photo51.io import provenance, write_json, write_table
    from photo51.io.contracts.model import BURN_IN
    from photo51.model.adapters import load_model
    from photo51.model.pictures import write_svg

    torch.set_num_threads(threads)
    given = parse(BurnInParams, params)
    opened = load_model(model, device=device)
    found = measure(opened, Genomes.open(genomes), given, site)
    made = provenance(
        "burn-in", {**given.model_dump(), "model": opened.spec.hash}, [genomes / "workspace.parquet"]
    )
    write_table(found.table, out / "burn_in.parquet", BURN_IN, made)
    write_svg(out / "burn_in.svg", (5.2, 3.2), lambda ax: burn_in_curve(ax, found, given.tolerance))
    summary = {"model": opened.spec.name, "tolerance": given.tolerance, "warmup": found.warmup}
    write_json(summary, out / "burn_in.json")
    for name, bases in found.warmup.items():
        typer.echo(f"{name}\t{'more than measured' if bases is None else bases}")


@app.command()
def selftest(
    genomes: GenomeFolder,
    out: Annotated[Path, typer.Argument(help="JSON file to write")],
    model: Model = "sh2:base",
    published: Annotated[
        Path | None,
        typer.Option(help="folder with prompts.csv and figures.tsv of released models; default: as shipped"),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="largest miss of a published loss (nats); default: that of the figures"),
    ] = None,
    accept_miss: Annotated[
        bool, typer.Option("--accept-miss", help="let a model pass that misses the published figures")
    ] = False,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Check a model on real sequence: causality, prefixes, batches, coordinates, known and published loss; exits with 1 on failure."""
    set_threads(threads)
    import torch

    from photo51.genome.genomes import Genomes
    from photo51.io import write_json
    from photo51.model.adapters import load_model
    from photo51.model.selftest import PublishedParams
    from photo51.model.selftest import selftest as run

    torch.set_num_threads(threads)
    compared = PublishedParams(published, None, tolerance, accept_miss)
    result = run(load_model(model, device=device), Genomes.open(genomes), published=compared)
    write_json(result, out)
    for check in result["checks"]:
        said = {True: "passed", False: "FAILED", None: "-"}[check["passed"]]
        typer.echo(f"{check['name']}\t{said}\t{check['meaning']}")
    if not result["passed"]:
        raise typer.Exit(1)


@app.command()
def model_card(
    model: Annotated[Path, typer.Argument(help="model folder; README.md, loss.svg and card.json go into it")],
    corpus: Annotated[Path, typer.Argument(help="corpus folder it was trained on (`photo51 corpus`)")],
    run: Annotated[
        Path | None,
        typer.Option(help="folder of its pretraining run; default: the folder that holds the model folder"),
    ] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Measure a trained model on held-out species beside Markov chains, and write its card."""
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.model import ModelCardParams
    from photo51.model.adapters import load_model
    from photo51.model.card import write_card
    from photo51.model.corpus import load

    torch.set_num_threads(threads)
    given = parse(ModelCardParams, params)
    opened = load_model(model, device="cpu", dtype="float32")
    card = write_card(opened, load(corpus), run or model.resolve().parent, model, given)
    for row in card["heldout"]:
        if row["predictor"] in {"model", card["best_markov"][row["group"]]}:
            typer.echo(f"{row['group']}\t{row['predictor']}\t{row['bits']:.4f}")
