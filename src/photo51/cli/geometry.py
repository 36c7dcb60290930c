"""`photo51 geometry`: features into manifolds, what their coordinates mean, and the controls that must be there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    from photo51.config.geometry import GeometryParams
    from photo51.geometry.points import Missed
    from photo51.geometry.tokens import Tokens


@app.command()
def geometry(
    codes: Annotated[Path, typer.Argument(help="codes, gathered (codes/NAME)")],
    sae: Annotated[Path, typer.Argument(help="folder of the dictionary")],
    genomes: Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")],
    out: Annotated[Path, typer.Argument(help="folder of the run: tables go there, figures below it")],
    features: Annotated[Path, typer.Option(help="features.h5ad of the same dictionary")],
    activations: Annotated[
        Path | None, typer.Option(help="activations of its site: coordinates then use what the codes miss")
    ] = None,
    random: Annotated[
        Path | None, typer.Option(help="codes of a model with random weights, for the controls")
    ] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Relate features, cluster them, name the shapes, test their coordinates, and run the positive controls."""
    set_threads(threads)
    from photo51.codes import CodesStore
    from photo51.config import parse
    from photo51.config.geometry import GeometryParams
    from photo51.genome.genomes import Genomes
    from photo51.geometry.load import read_tokens
    from photo51.geometry.stage import Inputs, bench_of, run_geometry
    from photo51.geometry.write import write_all
    from photo51.io import provenance, read_h5ad

    given = parse(GeometryParams, params)
    prepared = Genomes.open(genomes)
    inputs = Inputs(prepared, prepared.workspace(), CodesStore.open(codes), read_h5ad(features))
    inputs.check()
    tokens = read_tokens(inputs.store, inputs.workspace, given.tokens)
    missed = None if activations is None else _missed(activations, sae, tokens, given)
    made = run_geometry(inputs, tokens, given, missed)
    bench = bench_of(inputs, tokens, None if random is None else CodesStore.open(random), given)
    files = [codes / "codes.json", sae / "sae.json", genomes / "workspace.parquet", features]
    write_all(made, inputs, bench, given, out, provenance("geometry", given, list(files)))


def _missed(activations: Path, sae: Path, tokens: Tokens, params: GeometryParams) -> Missed:
    from photo51.activations.store import ActivationStore
    from photo51.geometry.missed import missed_by
    from photo51.sae.dictionary import Dictionary

    store, dictionary = ActivationStore(activations), Dictionary.load(sae)
    dictionary.origin.require(store.origin, f"{activations}: activations")
    return missed_by(store.read, dictionary.decode, tokens, params.missed_tokens)
