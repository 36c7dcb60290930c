"""`photo51 plan`: what a run will take, before it is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import SETUP, ThreadsOption, app, set_threads
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.config.run import Config
    from photo51.plan.cost import Plan, Size
    from photo51.plan.machines import Machine

RATES = Path("results/bench/rates.json")


@app.command("plan", rich_help_panel=SETUP)
def plan_command(
    config: Annotated[
        Path | None,
        typer.Argument(help="configuration of the run; default: config.yaml, or config/config.yaml, of this folder"),
    ] = None,
    machine: Annotated[
        str, typer.Option(help="`here` (this CPU), or v100, a10, a100-40, a100, l4, l40s, h100, h200")
    ] = "here",
    devices: Annotated[int, typer.Option(min=1, help="accelerators, of which each reads shards of its own")] = 1,
    bases: Annotated[
        int | None, typer.Option(min=1, help="estimate for so many bases in place of the table's genomes")
    ] = None,
    utilisation: Annotated[
        float | None, typer.Option(help="share of the accelerator's peak that reading reaches")
    ] = None,
    host_memory: Annotated[float | None, typer.Option(help="memory of a host (GB); default: this one's")] = None,
    disk: Annotated[float | None, typer.Option(help="free disk (GB); default: what is free here")] = None,
    like: Annotated[Path | None, typer.Option(help="results of a finished run, whose other stages are scaled")] = None,
    rates: Annotated[Path, typer.Option(help="measured rates of this machine")] = RATES,
    *,
    measure: Annotated[bool, typer.Option("--measure", help="measure the rates again")] = False,
    out: Annotated[Path | None, typer.Option(help="write the plan as JSON too")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Estimate time, memory and disk of a run.

    Bases, operations, device hours, memory and disk of every stage; warns of what will not fit.
    """
    set_threads(threads)
    from dataclasses import asdict

    from photo51.config.paths import configuration_file, read_configuration
    from photo51.genome.preparation.sizes import amount, of_bases
    from photo51.io import free_bytes, write_json
    from photo51.plan.cost import ComputeSite
    from photo51.plan.cost import plan as estimate
    from photo51.plan.machines import UTILISATION, Rates
    from photo51.plan.machines import machine as known

    if utilisation is not None and not 0 < utilisation <= 1:
        raise InputError(f"--utilisation: need a share above 0 and up to 1, got {utilisation}")
    configuration = read_configuration(configuration_file(config))
    device = None if machine == "here" else known(machine)
    read = of_bases(bases, configuration.genome) if bases else amount(configuration.genomes, configuration.genome)
    size = _size(configuration, device)
    _measured(rates, again=measure)
    site = ComputeSite(
        Rates.read(rates),
        device,
        devices,
        utilisation or UTILISATION,
        host_memory * 1e9 if host_memory else _host_memory(),
        disk * 1e9 if disk else free_bytes(Path("results")),
    )
    lineage = estimate(configuration, read, size, site, _like(like))
    _show(configuration, lineage, size, devices, f"{read.bases:,} bases, {read.tokens:,} tokens read")
    if out is not None:
        write_json({"amount": asdict(read), "model": asdict(size), **asdict(lineage)}, out)


def _measured(path: Path, *, again: bool) -> None:
    """Measure once and keep the file, where a user sees it."""
    if path.is_file() and not again:
        return
    from photo51.io import write_json
    from photo51.plan.rates import measure_rates

    typer.echo(f"measuring what this machine can do, once; the file is {path}", err=True)
    write_json(measure_rates(quick=True), path)


def _size(config: Config, device: Machine | None) -> Size:
    """Model of a configuration, without its weights."""
    from photo51.model.checkpoints.folder import configuration, shipped_model
    from photo51.model.checkpoints.hardware import window_bytes
    from photo51.model.checkpoints.presets import PRESETS, preset
    from photo51.model.families.adapters import parse_name, torch_dtype
    from photo51.model.stripedhyena.flops import blocks_read, forward_flops
    from photo51.plan.cost import Size

    reading = config.activations
    name, _ = parse_name(reading.model)
    released = preset(name) if name in PRESETS else None
    if released is not None:
        architecture = released.config()
    elif name.startswith("sh2:"):
        architecture = configuration(shipped_model(name.removeprefix("sh2:")))
    elif name.startswith("hf:"):
        raise InputError(
            f"activations.model: need a StripedHyena (sh2:, evo2:, evo1: or a folder) to plan for, got {name!r}"
        )
    else:
        architecture = configuration(Path(name))
    kind = torch_dtype(reading.dtype or ("float32" if device is None else "bfloat16"))
    assert kind is not None
    length = config.genome.core + config.genome.warmup
    batch = max(1, reading.tokens // length)
    blocks = blocks_read(architecture, reading.sites)
    return Size(
        reading.model,
        architecture.hidden_size,
        float(architecture.n_parameters() * kind.itemsize),
        forward_flops(architecture, length, blocks=blocks),
        float(window_bytes(architecture, length, batch, kind.itemsize, streams=False)),
        architecture.max_position_embeddings,
        needs_fp8=released is not None and released.needs_fp8,
    )


def _host_memory() -> float:
    from photo51.model.checkpoints.hardware import free_memory

    return float(free_memory())


def _like(results: Path | None) -> dict[str, float] | None:
    """CPU seconds a scored base of each stage of a finished run."""
    if results is None:
        return None
    from photo51.genome.axis.workspace import Workspace
    from photo51.io.benchmarks import read_benchmarks

    table = read_benchmarks(results / "benchmarks")
    if table.empty:
        raise InputError(f"{results}: need a finished run with benchmarks/, got none")
    rows = Workspace.read(results / "genome" / "workspace.parquet").n_rows
    return dict(zip(table["stage"], table["cpu_seconds"] / rows, strict=True))


def _show(config: Config, lineage: Plan, size: Size, devices: int, read: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, width=None if Console().is_terminal else 140)
    shown = Table(
        "stage",
        "jobs",
        "tokens",
        "FLOP",
        "hours",
        "of",
        "device GB",
        "host GB",
        "disk GB",
        title=f"{config.run}: {size.name}, {read}",
    )
    for s in lineage.stages:
        shown.add_row(
            s.stage,
            f"{s.jobs:,}",
            f"{s.tokens:.3g}",
            f"{s.flops:.3g}",
            f"{s.hours:.3g}",
            s.unit,
            f"{s.device_memory / 1e9:.1f}" if s.unit == "GPU" else "-",
            f"{s.host_memory / 1e9:.1f}",
            f"{s.disk / 1e9:.2f}",
        )
    console.print(shown)
    gpu, cpu = lineage.total("GPU"), lineage.total("CPU")
    if gpu:
        console.print(
            f"GPU hours {gpu:,.3g}; {gpu / devices:,.3g} h of wall time on {devices} devices that are kept busy"
        )
    console.print(f"CPU-machine hours {cpu:,.3g}; disk {lineage.disk / 1e9:,.1f} GB at most, activations included")
    for line in lineage.assumptions:
        console.print(f"assumed: {line}", markup=False, highlight=False)
    for line in lineage.warnings:
        console.print(f"WARNING: {line}", markup=False, highlight=False, style="red")
