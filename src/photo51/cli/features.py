"""`photo51 encode`, `encode-model`, `gather-codes`, `features`, `fidelity`: from activations to features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ParamsOption, PartOption, ThreadsOption, app, set_threads, shards_of

Sae = Annotated[Path, typer.Argument(help="folder of the dictionary")]
GenomeFolder = Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")]


@app.command()
def encode(
    activations: Annotated[Path, typer.Argument(help="activations of a site, activations/SITE")],
    sae: Sae,
    out: Annotated[Path, typer.Argument(help="folder of codes, codes/NAME")],
    part: PartOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Encode stored activations: the codes of every scored base on both strands."""
    set_threads(threads)
    from photo51.activations.store import ActivationStore
    from photo51.codes import gather
    from photo51.features.encode import encode_store
    from photo51.sae.dictionary import Dictionary

    store = ActivationStore(activations)
    encode_store(store, Dictionary.load(sae), out, shards_of(part, len(store.shards)))
    if part is None:
        gather(out, store.n_rows)


@app.command()
def encode_model(
    genomes: GenomeFolder,
    sae: Sae,
    out: Annotated[Path, typer.Argument(help="folder of codes, codes/NAME")],
    params: ParamsOption = None,
    part: PartOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Read windows with a model and keep only their codes: for models whose activations would fill disks."""
    set_threads(threads)
    import torch

    from photo51.codes import gather
    from photo51.config import parse
    from photo51.config.model import ActivationParams
    from photo51.features.encode import encode_model as run
    from photo51.genome.genomes import Genomes
    from photo51.io import sha256
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(ActivationParams, params)
    prepared = Genomes.open(genomes)
    model = load_model(given.model, device=given.device, dtype=given.dtype)
    windows = prepared.windows()
    wanted = shards_of(part, windows["shard"].nunique())
    axis = sha256(genomes / "workspace.parquet")[:16]
    run(model, Dictionary.load(sae), prepared, windows, out, given, shards=wanted, workspace=axis)
    if part is None:
        gather(out, prepared.workspace().n_rows)


@app.command()
def gather_codes(
    codes: Annotated[Path, typer.Argument(help="folder of codes, codes/NAME")],
    genomes: GenomeFolder,
) -> None:
    """Check that shards of codes hold every row once, and make them one store."""
    from photo51.codes import gather
    from photo51.genome.workspace import Workspace

    gather(codes, Workspace.read(genomes / "workspace.parquet").n_rows)


@app.command()
def features(
    codes: Annotated[Path, typer.Argument(help="codes, gathered")],
    sae: Sae,
    genomes: GenomeFolder,
    out: Annotated[Path, typer.Argument(help="features.h5ad; top_windows.parquet goes beside it")],
    params: ParamsOption = None,
) -> None:
    """Describe each feature: how often it is active, how strongly, in how long runs, where most."""
    from photo51.codes import CodesStore
    from photo51.config import parse
    from photo51.config.features import FeaturesParams
    from photo51.features.table import as_anndata, feature_table
    from photo51.genome.workspace import Workspace
    from photo51.io import provenance, write_h5ad, write_table
    from photo51.io.contracts.features import TOP_WINDOWS
    from photo51.sae.dictionary import Dictionary

    given = parse(FeaturesParams, params)
    dictionary, store = Dictionary.load(sae), CodesStore.open(codes)
    table, top = feature_table(store, Workspace.read(genomes / "workspace.parquet"), given)
    made = provenance("features", given, [codes / "codes.json", sae / "sae.json"])
    write_table(top, out.with_name("top_windows.parquet"), TOP_WINDOWS, made)
    write_h5ad(as_anndata(table, dictionary.decoder, dictionary.origin.site), out, made)


@app.command()
def fidelity(
    genomes: GenomeFolder,
    activations: Annotated[
        Path, typer.Argument(help="activations of the dictionary's site: their mean is the constant")
    ],
    sae: Sae,
    out: Annotated[Path, typer.Argument(help="table to write, sae/NAME/fidelity.parquet")],
    model: Annotated[str, typer.Option(help="model, as `sh2:base` or a folder")] = "sh2:base",
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Measure the cross-entropy recovered when the model's site is replaced by the dictionary's reconstruction.

    Writes OUT, and base by base `losses.parquet` beside it, from which `photo51 fidelity-classes` tells coding bases apart.
    """
    set_threads(threads)
    import torch

    from photo51.activations.store import ActivationStore
    from photo51.config import parse
    from photo51.config.features import FidelityParams
    from photo51.features.fidelity import heldout_windows, recovered, splice
    from photo51.genome.genomes import Genomes
    from photo51.io import provenance, write_table
    from photo51.io.contracts.features import FIDELITY, LOSSES
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(FidelityParams, params)
    prepared = Genomes.open(genomes)
    mean = (
        ActivationStore(activations).rows(seed=given.seed).sample(given.sample, seed=given.seed).mean(axis=0)
    )
    windows = heldout_windows(prepared.windows(), given)
    losses = splice(load_model(model), Dictionary.load(sae), prepared, windows, mean)
    made = provenance("fidelity", given, [sae / "sae.json"])
    write_table(losses, out.with_name("losses.parquet"), LOSSES, made)
    write_table(recovered(losses), out, FIDELITY, made)


@app.command()
def fidelity_classes(
    losses: Annotated[Path, typer.Argument(help="losses.parquet of `photo51 fidelity`")],
    genomes: GenomeFolder,
    out: Annotated[Path, typer.Argument(help="table to write, sae/NAME/fidelity_classes.parquet")],
) -> None:
    """Tell the cross-entropy that a dictionary recovers on coding and on other bases apart."""
    from photo51.features.fidelity import coding_masks, recovered
    from photo51.genome.genomes import Genomes
    from photo51.io import provenance, read_table, write_table
    from photo51.io.contracts.features import FIDELITY, LOSSES

    table = recovered(read_table(losses, LOSSES), coding_masks(Genomes.open(genomes)))
    made = provenance("fidelity-classes", None, [losses, genomes / "annotations.parquet"])
    write_table(table, out, FIDELITY, made)


@app.command()
def retile(
    genomes: GenomeFolder,
    sae: Sae,
    codes: Annotated[Path, typer.Argument(help="codes of the run, codes/NAME")],
    out: Annotated[Path, typer.Argument(help="table to write, retiled.parquet")],
    model: Annotated[str, typer.Option(help="model, as `sh2:base` or a folder")] = "sh2:base",
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Read some bases again by windows that begin elsewhere: which features depend on where reading begins?"""
    set_threads(threads)
    import torch

    from photo51.codes import CodesStore
    from photo51.config import parse
    from photo51.config.features import RetileParams
    from photo51.features.retile import retile as run
    from photo51.genome.genomes import Genomes
    from photo51.io import provenance, write_table
    from photo51.io.contracts.features import RETILED
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(RetileParams, params)
    prepared, dictionary = Genomes.open(genomes), Dictionary.load(sae)
    table = run(load_model(model), dictionary, prepared, prepared.windows(), CodesStore.open(codes), given)
    write_table(
        table,
        out,
        RETILED,
        provenance("retile", given, [sae / "sae.json", codes / "codes.json", genomes / "windows.parquet"]),
    )
