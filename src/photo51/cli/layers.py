"""`photo51 layers`: which block of a model to read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads


@app.command("layers")
def layers_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a run, or what `photo51 prepare` wrote")],
    model: Annotated[
        str | None, typer.Option(help="sh2:base, evo2:7b_262k …, hf:ID or a folder; default: the run's")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="table to write (Parquet); default: printed alone")] = None,
    params: ParamsOption = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Which block to read: compares a model's blocks, names one.

    Of each: bits that a small dictionary recovers, concepts probed, burn-in, cost.

    Example: photo51 layers results/demo --model sh2:base
    """
    set_threads(threads)
    import torch
    from rich.console import Console
    from rich.table import Table

    from photo51.config import parse
    from photo51.config.paths import read_configuration
    from photo51.config.quicklook import LayersParams
    from photo51.genome.axis.genomes import Genomes
    from photo51.io import provenance, write_table
    from photo51.io.contracts.quicklook import LAYERS
    from photo51.model.families.adapters import load_model
    from photo51.quicklook.layers import layers as compare
    from photo51.types import InputError

    torch.set_num_threads(threads)
    settings = parse(LayersParams, params)
    folder = run / "genome" if (run / "genome" / "workspace.parquet").is_file() else run
    if model is None:
        config = run / "config.yaml"
        if not config.is_file():
            raise InputError(f"{run}: need --model, as sh2:base or a folder, as there is no config.yaml that names one")
        model = read_configuration(config).activations.model
    if not (folder / "workspace.parquet").is_file():
        raise InputError(
            f"{run}: need the folder of a run, or one that `photo51 prepare TABLE {run if run.is_dir() else 'FOLDER'}`"
            " wrote from a table of genomes, got neither"
        )
    opened = load_model(model, device=device)
    table = compare(opened, Genomes.open(folder), settings)
    if out is not None:
        lineage = provenance(
            "layers", {**settings.model_dump(), "model": opened.spec.hash}, [folder / "workspace.parquet"]
        )
        write_table(table, out, LAYERS, lineage)
    shown = Table("site", "kind", "bits recovered", "probes", "neurons", "k-mers", "burn-in", "s/Mb", "")
    for r in table.to_dict("records"):
        shown.add_row(
            r["site"],
            r["kind"],
            f"{r['bits_recovered']:.3f}",
            f"{r['probe_auroc']:.3f}",
            f"{r['neuron_auroc']:.3f}",
            f"{r['kmer_auroc']:.3f}",
            "more" if r["burn_in"] < 0 else str(r["burn_in"]),
            f"{r['seconds_per_mb']:.0f}",
            "recommended" if r["recommended"] else r["why"],
        )
    Console(width=None if Console().is_terminal else 140).print(shown)
    chosen = table[table["recommended"]].iloc[0]
    typer.echo(f"recommended: {chosen['site']}: {chosen['why']} ({chosen['n_classes']} annotation classes probed)")
