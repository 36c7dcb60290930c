"""`photo51 geometry`: features into manifolds, what their coordinates mean, and the controls that must be there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    random_sae: Annotated[
        Path | None, typer.Option(help="folder of its dictionary: its manifolds are then held against these")
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(help="one gene of many organisms (`photo51 panel`), for the phylogeny control"),
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
    from photo51.geometry.stage import Inputs, Random, bench_of, run_geometry
    from photo51.geometry.write import write_all
    from photo51.io import provenance, read_h5ad

    given = parse(GeometryParams, params)
    prepared = Genomes.open(genomes)
    inputs = Inputs(prepared, prepared.workspace(), CodesStore.open(codes), read_h5ad(features))
    inputs.check()
    tokens = read_tokens(inputs.store, inputs.workspace, given.tokens)
    missed = None if activations is None else _missed(activations, sae, tokens, given)
    other = None
    if random is not None:
        seen = read_tokens(CodesStore.open(random), inputs.workspace, given.tokens)
        other = Random(seen, None if random_sae is None else _decoder(random_sae))
    made = run_geometry(inputs, tokens, given, missed, other)
    bench = bench_of(inputs, tokens, other, given, None if panel is None else read_h5ad(panel))
    files = [codes / "codes.json", sae / "sae.json", genomes / "workspace.parquet", features]
    write_all(made, inputs, bench, given, out, provenance("geometry", given, list(files)))


def _decoder(sae: Path) -> NDArray[np.float32]:
    from photo51.sae.dictionary import Dictionary

    return Dictionary.load(sae).decoder


def _missed(activations: Path, sae: Path, tokens: Tokens, params: GeometryParams) -> Missed:
    from photo51.activations.store import ActivationStore
    from photo51.geometry.missed import missed_by
    from photo51.sae.dictionary import Dictionary

    store, dictionary = ActivationStore(activations), Dictionary.load(sae)
    dictionary.origin.require(store.origin, f"{activations}: activations")
    return missed_by(store.read, dictionary.decode, tokens, params.missed_tokens)


@app.command(name="panel")
def gene_panel(
    genes: Annotated[
        Path, typer.Argument(help="FASTA, organism and lineage after tabs in the header (resources/tree16s)")
    ],
    sae: Annotated[Path, typer.Argument(help="folder of the dictionary")],
    out: Annotated[Path, typer.Argument(help="table to write, panel.h5ad")],
    random_model: Annotated[str | None, typer.Option(help="the model with random weights")] = None,
    random_sae: Annotated[Path | None, typer.Option(help="folder of its dictionary")] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Read one gene of many organisms: mean codes of each, for the phylogeny control."""
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.geometry import PanelParams
    from photo51.features.panel import panel, read_genes
    from photo51.io import provenance, write_h5ad
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(PanelParams, params)
    chosen = read_genes(genes, given.per_phylum)
    read = (load_model(given.model), Dictionary.load(sae))
    other = None
    if random_model is not None and random_sae is not None:
        other = (load_model(random_model), Dictionary.load(random_sae))
    made = panel(chosen, read, other, given)
    write_h5ad(made, out, provenance("panel", given, [genes, sae / "sae.json"]))


@app.command()
def frameshift(
    run: Annotated[Path, typer.Argument(help="geometry.h5ad, which holds the reading frame of the features")],
    sae: Annotated[Path, typer.Argument(help="folder of the dictionary")],
    genomes: Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")],
    out: Annotated[Path, typer.Argument(help="table to write, interventions/frameshift.parquet")],
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Insert bases into genes and measure how far the reading frame turns: by 120 degrees for one base, if it is kept."""
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.geometry import FrameshiftParams
    from photo51.genome.genomes import Genomes
    from photo51.interventions.frameshift import NoReadingFrame, chosen_genes, plane_of, reader
    from photo51.interventions.frameshift import frameshift as shift
    from photo51.io import provenance, read_h5ad, write_table
    from photo51.io.contracts.geometry import FRAMESHIFT, FRAMESHIFT_PROFILE
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(FrameshiftParams, params)
    prepared, dictionary = Genomes.open(genomes), Dictionary.load(sae)
    try:
        plane = plane_of(read_h5ad(run), dictionary)
        genes = chosen_genes(prepared, prepared.workspace(), given)
    except NoReadingFrame as reason:
        logging.getLogger(__name__).warning("nothing to shift: %s", reason)
        arms, profile = FRAMESHIFT.empty(), FRAMESHIFT_PROFILE.empty()
    else:
        read = reader(load_model(given.model), dictionary)
        arms, profile = shift(read, plane, prepared, genes, given)
    made = provenance("frameshift", given, [run, sae / "sae.json"])
    write_table(arms, out, FRAMESHIFT, made)
    write_table(profile, out.with_name("frameshift_profile.parquet"), FRAMESHIFT_PROFILE, made)
