"""`photo51 models`, `convert`, `activations`, `burn-in`, `selftest`: models, and what they say of every base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import MODEL, ParamsOption, ThreadsOption, app, set_threads, shards_of
from photo51.cli.stage import StageJob, stage
from photo51.run.layout import MAIN
from photo51.types import InputError


@app.command(rich_help_panel=MODEL)
def models() -> None:
    """List models by name, with parameters and memory."""
    from rich.console import Console
    from rich.table import Table

    from photo51.model.checkpoints.catalogue import catalogue

    shown = Table("name", "parameters", "d_model", "blocks", "context", "weights (GB)", "needs", "here", "licence")
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


@app.command("convert", rich_help_panel=MODEL)
def convert_command(
    source: Annotated[
        Path,
        typer.Argument(help="Evo 2: the .pt file or any of its parts; Evo 1: safetensors file or folder"),
    ],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    preset: Annotated[str, typer.Option(help="which released model it is, such as evo2:7b_262k")],
) -> None:
    """Turn a released checkpoint into a model folder.

    Tensor by tensor; refuses one that is not of the preset.
    """
    from photo51.model.checkpoints.convert import convert as run
    from photo51.model.checkpoints.presets import preset as named

    typer.echo(run(source, out, named(preset)))


@stage(
    MODEL,
    reads=("windows", "workspace", "sequences_fasta"),
    writes=("activations",),
    params="model.ActivationParams",
    configured="activations",
    scatter="shards",
    joined=False,
    model=True,
)
def activations_command(
    job: StageJob,
    source: Annotated[str, typer.Option(help="model, or random: the same with random weights")] = "model",
) -> None:
    """Store what the model holds of every scored position.

    Every window is read on both strands; shards that are finished are kept. Parts are not joined: stages read all of
    them.
    """
    from photo51.activations.extract import extract
    from photo51.io import sha256

    if source not in {"model", "random"}:
        raise InputError(f"--source: need model or random, got {source!r}")
    job.values["sae"] = "random" if source == "random" else MAIN
    params, windows = job.params, job.genomes.windows()
    model = job.reader(params)
    axis = sha256(job.path("workspace"))[:16]
    shards = shards_of(job.part, windows["shard"].nunique())
    out = job.run / "activations" / source
    for path in extract(model, job.genomes, windows, out, params, shards=shards, workspace=axis):
        typer.echo(path)


@stage(MODEL, reads=("windows", "workspace"), params="model.BurnInParams", configured="burn_in", model=True)
def burn_in_command(
    job: StageJob,
    out: Annotated[
        Path | None, typer.Option(help="folder for burn_in.parquet, .svg and .json; default: RUN/model")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="where to measure; default: the output of every block")] = None,
) -> None:
    """Measure how much context activations need to settle.

    Recommends the warm-up of windows.
    """
    from photo51.activations.burn_in import burn_in as measure
    from photo51.activations.burn_in import burn_in_curve
    from photo51.io import provenance, write_json, write_table
    from photo51.io.contracts.model import BURN_IN
    from photo51.pretraining.pictures import write_svg

    params, opened, out = job.params, job.model(), out or job.run / "model"
    curve = measure(opened, job.genomes, params, site)
    lineage = provenance("burn-in", {**params.model_dump(), "model": opened.spec.hash}, [job.path("workspace")])
    write_table(curve.table, out / "burn_in.parquet", BURN_IN, lineage)
    write_svg(out / "burn_in.svg", (5.2, 3.2), lambda ax: burn_in_curve(ax, curve, params.tolerance))
    summary = {"model": opened.spec.name, "tolerance": params.tolerance, "warmup": curve.warmup}
    write_json(summary, out / "burn_in.json")
    for name, bases in curve.warmup.items():
        typer.echo(f"{name}\t{'more than measured' if bases is None else bases}")


@stage(MODEL, reads=("windows", "sequences_fasta"), writes=("selftest",), model=True)
def selftest_command(
    job: StageJob,
    published: Annotated[
        Path | None,
        typer.Option(help="folder with prompts.csv and figures.tsv of released models; default: as configured"),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="largest miss of a published loss (nats); default: as configured"),
    ] = None,
    accept_miss: Annotated[
        bool,
        typer.Option(
            "--accept-miss", help="let a model pass that misses the published figures, or is worse than chance"
        ),
    ] = False,
) -> None:
    """Check a model on real sequence.

    Causality, prefixes, batches, coordinates, known and published loss; exits with 1 if a check fails.
    """
    from photo51.config.model import SelftestParams
    from photo51.io import write_json
    from photo51.model.families.selftest import PublishedParams
    from photo51.model.families.selftest import selftest as check

    stated = SelftestParams() if job.config is None else job.config.selftest
    folder = published or (Path(stated.published) if stated.published else None)
    largest = stated.tolerance if tolerance is None else tolerance
    compared = PublishedParams(folder, None, largest, accept_miss or stated.accept_miss)
    result = check(job.model(), job.genomes, published=compared)
    write_json(result, job.path("selftest"))
    for row in result["checks"]:
        verdict = {True: "passed", False: "FAILED", None: "-"}[row["passed"]]
        typer.echo(f"{row['name']}\t{verdict}\t{row['meaning']}")
    if not result["passed"]:
        raise typer.Exit(1)


@app.command(rich_help_panel=MODEL)
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
    """Measure a trained model, and write its card.

    On held-out species, compared with Markov chains.
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.model import ModelCardParams
    from photo51.model.families.adapters import load_model
    from photo51.pretraining.card import write_card
    from photo51.pretraining.corpus import load_corpus

    torch.set_num_threads(threads)
    settings = parse(ModelCardParams, params)
    opened = load_model(model, device="cpu", dtype="float32")
    card = write_card(opened, load_corpus(corpus), run or model.resolve().parent, model, settings)
    for row in card["heldout"]:
        if row["predictor"] in {"model", card["best_markov"][row["group"]]}:
            typer.echo(f"{row['group']}\t{row['predictor']}\t{row['bits']:.4f}")
