"""`photo51 tracks`, `atlas`, `report`, `notebook`, `feature`, `export`: what people see, from the tables of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photo51.cli.app import RESULTS, app
from photo51.cli.stage import RunArgument, StageJob, stage

if TYPE_CHECKING:
    from photo51.run.opened import Run

SaeOption = Annotated[str, typer.Option("--sae", help="dictionary to show, where the run has several")]

ConfigOption = Annotated[
    Path | None, typer.Option(help="configuration of the run; default: what an older manifest.json says")
]
Out = Annotated[Path | None, typer.Option("--out", help="where to write; default: its place in the run")]


def _made(config: Path) -> dict[str, Any]:
    """What the manifest will say of a run that has not ended."""
    from photo51.config.paths import read_configuration
    from photo51.report.inputs import input_files
    from photo51.report.manifest import made_from, made_with

    settings = read_configuration(config)
    return made_with() | made_from(settings.model_dump(mode="json"), [config, *input_files(settings)])


@stage(
    RESULTS,
    reads=("features", "codes", "annotations", "sequences_fasta"),
    writes=("tracks", "calls"),
    params="report.TracksParams",
    configured="tracks",
)
def tracks(job: StageJob, out: Out = None) -> None:
    """Write genome tracks: bigWig, calls, track hub, IGV page.

    A strand each; an IGV session and an offline genome page.
    """
    from photo51.report.tracks.chosen import every_feature, tracked
    from photo51.report.tracks.write import write_tracks

    run = _opened(job)
    folder = out or job.path("tracks_folder")
    every = every_feature(run) if job.params.on_demand else None
    write_tracks(run.places, tracked(run, job.params), folder, job.params, job.made(), every)


@stage(RESULTS, reads=("features", "codes"), writes=("atlas",), params="report.AtlasParams", configured="atlas")
def atlas(job: StageJob, out: Out = None) -> None:
    """Write the feature atlas, to be opened from disk."""
    from photo51.report.atlas.write import make_atlas

    make_atlas(_opened(job), out or job.path("atlas").parent, job.params)


@stage(
    RESULTS,
    reads=("features", "codes"),
    writes=("findings",),
    params="report.FindingsParams",
)
def findings_command(job: StageJob, out: Out = None) -> None:
    """Write what the run claims, with nulls and verdicts.

    A row a claim: its value, its null, n, p and a verdict.
    """
    from photo51.findings.stage import TABLES
    from photo51.findings.stage import findings as all_findings
    from photo51.io import write_table
    from photo51.io.contracts.findings import FINDINGS

    run = _opened(job)
    files = [path for name in TABLES for path in run.paths(name)]
    claims = all_findings(run, job.params.alpha)
    write_table(claims, out or job.path("findings"), FINDINGS, job.made(*files))


@stage(
    RESULTS,
    reads=("features", "codes"),
    writes=("report",),
    params="report.ReportParams",
    configured="report",
)
def report(job: StageJob, out: Out = None, config: ConfigOption = None) -> None:
    """Write the report: what the model knows, on one page."""
    from photo51.report.page import write_report

    run = _opened(job)
    if config is not None:
        run.manifest = _made(config)
    write_report(run, out or job.path("report"), job.params)


@app.command(rich_help_panel=RESULTS)
def notebook(
    run: RunArgument,
    path: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="percent script, as of notebooks/")],
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the .ipynb and the .html; default: RUN/notebooks")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", help="key=value, replaces a value of the notebook's first cell; repeatable"),
    ] = None,
) -> None:
    """Run a notebook on a run, with parameters.

    What it showed is kept even where a cell fails.
    """
    from photo51.report.notebooks import parse_parameters, run_notebook

    words = [f"results={run}", *(parameters or [])]
    run_notebook(path, out or run / "notebooks", parse_parameters(words))


@app.command("feature", rich_help_panel=RESULTS)
def feature_command(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="FEATURE", help="feature, as 812 or f812, or its name")],
    sae: SaeOption = "",
) -> None:
    """Print what is known of one feature."""
    from photo51.report.atlas.find import feature_called
    from photo51.report.elements.feature_text import text
    from photo51.run.feature import feature_facts
    from photo51.run.opened import Run

    opened = Run(run, sae)
    typer.echo(text(feature_facts(opened, feature_called(opened, name))))


@app.command("find", rich_help_panel=RESULTS)
def find_command(
    run: RunArgument,
    text: Annotated[
        list[str],
        typer.Argument(help="feature, annotation, gene, locus tag, place, variant (m.3243A>G, katG S315T) or bases"),
    ],
    sae: SaeOption = "",
) -> None:
    """Say what a run knows of a gene, place, variant, sequence.

    Or of a feature or an annotation; and what was not read.
    """
    from photo51.report.atlas.find import find as answer
    from photo51.run.opened import Run

    typer.echo(str(answer(Run(run, sae), " ".join(text))))


@stage(
    RESULTS,
    reads=("features", "codes"),
    writes=("exports",),
    params="report.ExportParams",
    configured="export",
)
def export_command(job: StageJob, out: Out = None, config: ConfigOption = None) -> None:
    """Export for other programs: AnnData, TSV, RO-Crate.

    AnnData for scanpy and cellxgene, every table as TSV, the column dictionary, an RO-Crate.
    """
    from photo51.report.exports.write import export as export_run

    run = _opened(job)
    if config is not None:
        run.manifest = _made(config)
    export_run(run, out or job.path("exports"), job.params, job.made())


def _opened(job: StageJob) -> Run:
    """The run with the dictionary that is shown."""
    from photo51.run.opened import Run

    return Run(job.run, job.sae)
