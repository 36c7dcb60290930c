"""`photo51 tracks`, `atlas`, `report`, `notebook`, `feature`, `export`: what people see, from the tables of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from photo51.cli.app import ParamsOption, app

ConfigOption = Annotated[
    Path | None, typer.Option(help="configuration of the run; default: what an older manifest.json says")
]
RunArgument = Annotated[Path, typer.Argument(help="folder of the run, results/<run>")]
SaeOption = Annotated[str, typer.Option("--sae", help="dictionary to show, where the run has several")]


def _made(config: Path) -> dict[str, Any]:
    """What the manifest will say of a run that has not ended."""
    from photo51.config.paths import read_configuration
    from photo51.report.inputs import input_files
    from photo51.report.manifest import made_from, made_with

    settings = read_configuration(config)
    return made_with() | made_from(settings.model_dump(mode="json"), [config, *input_files(settings)])


@app.command()
def tracks(
    results: RunArgument,
    out: Annotated[Path, typer.Argument(help="folder to write to")],
    params: ParamsOption = None,
    sae: SaeOption = "",
) -> None:
    """Write features as genome tracks: bigWig a strand, calls, a track hub, an IGV session, an offline genome page."""
    from photo51.config import parse
    from photo51.config.report import TracksParams
    from photo51.io import provenance
    from photo51.report.chosen import every_feature, tracked
    from photo51.report.tracks import write_tracks
    from photo51.run.opened import Run

    settings, run = parse(TracksParams, params), Run(results, sae)
    every = every_feature(run) if settings.on_demand else None
    write_tracks(run.places, tracked(run, settings), out, settings, provenance("tracks", settings), every)


@app.command()
def atlas(
    results: RunArgument,
    out: Annotated[Path, typer.Argument(help="folder to write to")],
    params: ParamsOption = None,
    sae: SaeOption = "",
) -> None:
    """Write the feature atlas: every feature with its dossier, to be opened from disk."""
    from photo51.config import parse
    from photo51.config.report import AtlasParams
    from photo51.report.atlas import make_atlas
    from photo51.run.opened import Run

    make_atlas(Run(results, sae), out, parse(AtlasParams, params))


@app.command()
def findings(
    results: RunArgument,
    out: Annotated[Path, typer.Argument(help="findings.parquet")],
    params: ParamsOption = None,
    sae: SaeOption = "",
) -> None:
    """Write what the run claims, a row a claim: its value beside its null, n, p and a verdict."""
    from photo51.config import parse
    from photo51.config.report import FindingsParams
    from photo51.findings.stage import TABLES
    from photo51.findings.stage import findings as all_findings
    from photo51.io import provenance, write_table
    from photo51.io.contracts.findings import FINDINGS
    from photo51.run.opened import Run

    settings, run = parse(FindingsParams, params), Run(results, sae)
    files = [path for name in TABLES for path in run.paths(name)]
    write_table(all_findings(run, settings.alpha), out, FINDINGS, provenance("findings", settings, files))


@app.command()
def report(
    results: RunArgument,
    out: Annotated[Path, typer.Argument(help="report.html")],
    params: ParamsOption = None,
    sae: SaeOption = "",
    config: ConfigOption = None,
) -> None:
    """Write the report: one self-contained page on what the model knows of these genomes."""
    from photo51.config import parse
    from photo51.config.report import ReportParams
    from photo51.report.page import write_report
    from photo51.run.opened import Run

    run = Run(results, sae)
    if config is not None:
        run.manifest = _made(config)
    write_report(run, out, parse(ReportParams, params))


@app.command()
def notebook(
    path: Annotated[Path, typer.Argument(help="notebook, a percent script of notebooks/")],
    out: Annotated[Path, typer.Argument(help="folder of the .ipynb and the .html")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", help="key=value, replaces a value of the notebook's first cell; repeat for more"),
    ] = None,
) -> None:
    """Run a notebook with parameters; what it showed is kept even where a cell fails."""
    from photo51.report.notebooks import parse_parameters, run_notebook

    run_notebook(path, out, parse_parameters(parameters or []))


@app.command()
def feature(
    results: RunArgument,
    number: Annotated[int, typer.Argument(help="number of the feature")],
    sae: SaeOption = "",
) -> None:
    """Print what is known of one feature."""
    from photo51.report.feature_text import text
    from photo51.run.feature import feature_facts
    from photo51.run.opened import Run

    typer.echo(text(feature_facts(Run(results, sae), number)))


@app.command()
def find(
    results: RunArgument,
    text: Annotated[
        list[str],
        typer.Argument(
            help="feature, annotation, gene, locus tag, place, variant (m.3243A>G, katG S315T) or bases"
        ),
    ],
    sae: SaeOption = "",
) -> None:
    """Say what a run knows of a feature, an annotation, a gene, a place, a variant or a sequence, and what was not read."""
    from photo51.report.find import find as answer
    from photo51.run.opened import Run

    typer.echo(str(answer(Run(results, sae), " ".join(text))))


@app.command()
def export(
    results: RunArgument,
    out: Annotated[Path, typer.Argument(help="folder to write to")],
    params: ParamsOption = None,
    sae: SaeOption = "",
    config: ConfigOption = None,
) -> None:
    """Export for other programs: AnnData for scanpy and cellxgene, every table as TSV, the column dictionary, an RO-Crate."""
    from photo51.config import parse
    from photo51.config.report import ExportParams
    from photo51.io import provenance
    from photo51.report.exports import export as run_export
    from photo51.run.opened import Run

    settings, run = parse(ExportParams, params), Run(results, sae)
    if config is not None:
        run.manifest = _made(config)
    run_export(run, out, settings, provenance("export", settings))
