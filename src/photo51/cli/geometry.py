"""`photo51 geometry`: features into manifolds, what their coordinates mean, and the controls that must be there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import DISCOVERY, INTERVENTIONS
from photo51.cli.stage import StageJob, extra, stage
from photo51.types import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from photo51.config.geometry import GeometryParams
    from photo51.geometry.relations.tokens import Tokens
    from photo51.geometry.shapes.points import Missed


@stage(
    DISCOVERY,
    reads=("features", "dictionary_card", "codes", "annotations", "windows"),
    writes=("geometry", "manifolds", "points", "meaning", "positive_controls"),
    extras=(
        extra("activations"),
        extra("random", "codes_folder", sae="random"),
        extra("random_sae", "dictionary", sae="random"),
        extra("panel"),
    ),
    params="geometry.GeometryParams",
    configured="geometry",
)
def geometry(job: StageJob) -> None:
    """Relate features, find manifolds, test their coordinates.

    With activations, coordinates use what the codes miss; with codes of random weights, controls and manifolds are
    compared with theirs; with one gene of many organisms (`photo51 panel`), phylogeny is a control.
    """
    from photo51.codes import CodesStore
    from photo51.geometry.relations.load import read_tokens
    from photo51.geometry.stage import GeometryInputs, Random, bench_of, run_geometry
    from photo51.geometry.write import write_all
    from photo51.io import read_h5ad

    params, genomes = job.params, job.genomes
    inputs = GeometryInputs(genomes, genomes.workspace(), job.codes(), read_h5ad(job.path("features")))
    inputs.check()
    tokens = read_tokens(inputs.store, inputs.workspace, params.tokens)
    activations, random, panel = job.extra("activations"), job.extra("random"), job.extra("panel")
    missed = None if activations is None else _missed(activations, job.path("dictionary"), tokens, params)
    other = None
    if random is not None:
        read = read_tokens(CodesStore.open(random), inputs.workspace, params.tokens)
        sae = job.extra("random_sae")
        other = Random(read, None if sae is None else _decoder(sae))
    tables = run_geometry(inputs, tokens, params, missed, other)
    bench = bench_of(inputs, tokens, other, params, None if panel is None else read_h5ad(panel))
    files = [job.path(name) for name in ("codes", "dictionary_card", "workspace", "features")]
    write_all(tables, inputs, bench, params, job.run, job.made(*files))


def _decoder(sae: Path) -> NDArray[np.float32]:
    from photo51.sae.dictionary import Dictionary

    return Dictionary.load(sae).decoder


def _missed(activations: Path, sae: Path, tokens: Tokens, params: GeometryParams) -> Missed:
    from photo51.activations.store import ActivationStore
    from photo51.geometry.shapes.missed import missed_by
    from photo51.sae.dictionary import Dictionary

    store, dictionary = ActivationStore(activations), Dictionary.load(sae)
    dictionary.origin.require(store.origin, f"{activations}: activations")
    return missed_by(store.read, dictionary.decode, tokens, params.missed_tokens)


@stage(
    DISCOVERY,
    reads=("dictionary_card",),
    writes=("panel",),
    extras=(extra("random_sae", "dictionary", sae="random"),),
    params="geometry.PanelParams",
    configured="phylogeny",
    model=True,
)
def panel_command(
    job: StageJob,
    genes: Annotated[
        Path | None,
        typer.Option(help="FASTA, organism and lineage after tabs in the header (resources/tree16s)"),
    ] = None,
    random_model: Annotated[str | None, typer.Option(help="the model with random weights")] = None,
) -> None:
    """Read one gene of many organisms, for the phylogeny control."""
    from photo51.features.panel import panel as read_panel
    from photo51.features.panel import read_genes
    from photo51.io import write_h5ad
    from photo51.model.families.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    file = genes or job.configured("phylogeny_genes")
    if file is None:
        raise InputError("panel: need --genes FILE, one gene of many organisms, got none")
    params = job.params
    chosen = read_genes(Path(file), params.per_phylum)
    stated = job.model_name or (params.model if job.stated is not None or job.config is None else None)
    own_model = (job.model(stated), job.dictionary)
    other, random = None, job.extra("random_sae")
    if random is not None:
        twin = random_model or f"{job.model_words}@random:{job.configured('seed') or 0}"
        other = (load_model(twin, device=job.device), Dictionary.load(random))
    table = read_panel(chosen, own_model, other, params)
    write_h5ad(table, job.path("panel"), job.made(Path(file), job.path("dictionary_card")))


@stage(
    INTERVENTIONS,
    reads=("geometry", "dictionary_card", "annotations", "windows"),
    writes=("frameshift", "frameshift_profile"),
    params="geometry.FrameshiftParams",
    configured="frameshift",
    model=True,
)
def frameshift_command(job: StageJob) -> None:
    """Insert bases into genes: does the reading frame rotate?

    By 120 degrees for one base, if the model keeps it.
    """
    from photo51.interventions.attribution.frameshift import NoReadingFrame, chosen_genes, plane_of, reader
    from photo51.interventions.attribution.frameshift import frameshift as shift
    from photo51.io import read_h5ad, write_table
    from photo51.io.contracts.geometry import FRAMESHIFT, FRAMESHIFT_PROFILE

    params, genomes, dictionary = job.params, job.genomes, job.dictionary
    try:
        plane = plane_of(read_h5ad(job.path("geometry")), dictionary)
        genes = chosen_genes(genomes, genomes.workspace(), params)
    except NoReadingFrame as reason:
        logging.getLogger(__name__).warning("nothing to shift: %s", reason)
        arms, profile = FRAMESHIFT.empty(), FRAMESHIFT_PROFILE.empty()
    else:
        stated = job.model_name or (params.model if job.stated is not None or job.config is None else None)
        read = reader(job.model(stated), dictionary)
        arms, profile = shift(read, plane, genomes, genes, params)
    lineage = job.made(job.path("geometry"), job.path("dictionary_card"))
    write_table(arms, job.path("frameshift"), FRAMESHIFT, lineage)
    write_table(profile, job.path("frameshift_profile"), FRAMESHIFT_PROFILE, lineage)
