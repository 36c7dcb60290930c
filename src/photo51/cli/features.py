"""From activations to features: `photo51 encode`, `features`, `fidelity`, `fidelity-classes`, `window-offsets`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from photo51.cli.app import DICTIONARY, DISCOVERY, shards_of
from photo51.cli.stage import StageJob, extra, stage

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pathlib import Path


@stage(
    DICTIONARY,
    reads=("dictionary_card", "workspace"),
    writes=("codes",),
    extras=(extra("activations"),),
    params="model.ActivationParams",
    configured="activations",
    scatter="shards",
    model=True,
)
def encode_command(job: StageJob) -> None:
    """Make the sparse codes of every scored position.

    From stored activations, or, `--with none`, as the model reads: then only codes are kept, for models whose
    activations would fill disks.
    """
    from photo51.codes import gather
    from photo51.genome.axis.workspace import Workspace

    out = job.path("codes_folder")
    if job.gather is None:
        stored = job.extra("activations")
        if stored is not None:
            _encode_stored(job, stored, out)
        else:
            _encode_model(job, out)
    if job.part is None:
        gather(out, Workspace.read(job.path("workspace")).n_rows)


def _encode_stored(job: StageJob, activations: Path, out: Path) -> None:
    from photo51.activations.store import ActivationStore
    from photo51.features.encode import encode_store

    store = ActivationStore(activations)
    encode_store(store, job.dictionary, out, shards_of(job.part, len(store.shards)))


def _encode_model(job: StageJob, out: Path) -> None:
    from photo51.features.encode import encode_model
    from photo51.io import sha256

    params, windows = job.params, job.genomes.windows()
    model = job.reader(params)
    axis = sha256(job.path("workspace"))[:16]
    shards = shards_of(job.part, windows["shard"].nunique())
    encode_model(model, job.dictionary, job.genomes, windows, out, params, shards=shards, workspace=axis)


@stage(
    DISCOVERY,
    reads=("codes", "dictionary_card", "workspace"),
    writes=("features", "top_windows"),
    params="features.FeaturesParams",
    configured="features",
)
def features_command(job: StageJob) -> None:
    """Describe features: how often, how strongly, where most."""
    from photo51.features.table import as_anndata, feature_table
    from photo51.genome.axis.workspace import Workspace
    from photo51.io import write_h5ad, write_table
    from photo51.io.contracts.features import TOP_WINDOWS

    dictionary = job.dictionary
    table, top = feature_table(job.codes(), Workspace.read(job.path("workspace")), job.params)
    lineage = job.made(job.path("codes"), job.path("dictionary_card"))
    write_table(top, job.path("top_windows"), TOP_WINDOWS, lineage)
    write_h5ad(as_anndata(table, dictionary.decoder, dictionary.origin.site), job.path("features"), lineage)


@stage(
    DICTIONARY,
    reads=("windows", "dictionary_card", "activations"),
    writes=("fidelity", "losses"),
    params="features.FidelityParams",
    configured="fidelity",
    model=True,
)
def fidelity_command(job: StageJob) -> None:
    """Measure what the model loses when it reads reconstructions.

    Writes the cross-entropy recovered, and position by position the losses, from which `photo51 fidelity-classes`
    tells coding positions apart. The mean of the activations is what the reconstruction is compared with.
    """
    from photo51.activations.splits import split_rows
    from photo51.features.fidelity import recovered, splice, windows_of_split
    from photo51.io import write_table
    from photo51.io.contracts.features import FIDELITY, LOSSES

    params, genomes = job.params, job.genomes
    learnt = split_rows(job.store(), job.path("genome"), "train", seed=params.seed)
    mean = learnt.sample(params.sample, seed=params.seed).mean(axis=0)
    windows = windows_of_split(genomes.windows(), params)
    model = job.model()
    if model.spec.causal and model.spec.bp_per_token == 1:
        losses = splice(model, job.dictionary, genomes, windows, mean)
    else:
        log.warning("fidelity: %s does not predict base by base; nothing is measured", model.spec.name)
        losses = LOSSES.empty()
    lineage = job.made(job.path("dictionary_card"))
    write_table(losses, job.path("losses"), LOSSES, lineage)
    write_table(recovered(losses), job.path("fidelity"), FIDELITY, lineage)


@stage(DICTIONARY, reads=("losses", "annotations", "windows"), writes=("fidelity_classes",))
def fidelity_classes(job: StageJob) -> None:
    """The same for coding and other positions."""
    from photo51.features.fidelity import coding_masks, recovered
    from photo51.io import read_table, write_table
    from photo51.io.contracts.features import FIDELITY, LOSSES

    table = recovered(read_table(job.path("losses"), LOSSES), coding_masks(job.genomes))
    lineage = job.made(job.path("losses"), job.path("annotations"))
    write_table(table, job.path("fidelity_classes"), FIDELITY, lineage)


@stage(
    DISCOVERY,
    reads=("codes", "dictionary_card", "windows"),
    writes=("window_offsets",),
    params="features.WindowOffsetParams",
    configured="window_offsets",
    model=True,
)
def window_offsets_command(job: StageJob) -> None:
    """Find features that depend on where windows begin."""
    from photo51.features.window_offsets import window_offsets
    from photo51.io import write_table
    from photo51.io.contracts.features import WINDOW_OFFSETS

    genomes = job.genomes
    table = window_offsets(job.model(), job.dictionary, genomes, genomes.windows(), job.codes(), job.params)
    lineage = job.made(job.path("dictionary_card"), job.path("codes"), job.path("windows"))
    write_table(table, job.path("window_offsets"), WINDOW_OFFSETS, lineage)
