"""`photo51 train-sae`, `sae-quality`, `sweep`, `import-sae`, `export-sae`: dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

Activations = Annotated[Path, typer.Argument(help="activations of a site, activations/SITE")]
Sae = Annotated[Path, typer.Argument(help="folder of the dictionary, sae/NAME")]
GenomesOption = Annotated[
    Path | None,
    typer.Option("--genomes", help="prepared genomes; default: those of the run, ACTIVATIONS/../../genome"),
]


@app.command()
def train_sae(
    activations: Activations,
    out: Annotated[Path, typer.Argument(help="folder to write, sae/NAME")],
    params: ParamsOption = None,
    genomes: GenomesOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Train a sparse autoencoder on the bases of split `train`; a run that was killed goes on from its checkpoint."""
    set_threads(threads)
    from photo51.activations.splits import genomes_beside, split_rows
    from photo51.activations.store import ActivationStore
    from photo51.config import parse
    from photo51.config.sae import SaeParams
    from photo51.sae.quality import training_picture
    from photo51.sae.report import draw
    from photo51.sae.training import Training

    given = parse(SaeParams, params)
    rows = split_rows(
        ActivationStore(activations), genomes or genomes_beside(activations), "train", seed=given.seed
    )
    training = Training(rows, given, out)
    training.run()
    training.finish()
    if not training.ranks.rank:
        draw(training_picture(training.table()), out / "training.svg")


@app.command()
def sae_quality(
    activations: Activations,
    sae: Sae,
    out: Annotated[
        Path, typer.Argument(help="table to write, sae/NAME/quality.parquet; more goes beside it")
    ],
    codes: Annotated[Path | None, typer.Option(help="codes of all bases, if stored: codes/NAME")] = None,
    fidelity: Annotated[
        Path | None, typer.Option(help="recovered cross-entropy, from `photo51 fidelity`")
    ] = None,
    other: Annotated[
        list[Path], typer.Option(help="the same with another seed, sae/NAME; may be repeated")
    ] = [],  # noqa: B006
    params: ParamsOption = None,
    genomes: GenomesOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Measure a dictionary on held-out bases beside PCA, neurons and random directions; table and picture."""
    set_threads(threads)
    from photo51.activations.splits import genomes_beside, split_rows
    from photo51.activations.store import ActivationStore
    from photo51.codes import CodesStore
    from photo51.config import parse
    from photo51.config.sae import QualityParams
    from photo51.io import provenance, read_table
    from photo51.io.contracts.features import FIDELITY
    from photo51.sae.dictionary import Dictionary
    from photo51.sae.report import quality_report, stored_codes, with_fidelity, write_report
    from photo51.sae.training import LOG, read_log

    given, dictionary, store = (
        parse(QualityParams, params),
        Dictionary.load(sae),
        ActivationStore(activations),
    )
    where = genomes or genomes_beside(activations)
    found = quality_report(
        dictionary,
        split_rows(store, where, "train"),
        split_rows(store, where, given.split),
        given,
        others={path.name: Dictionary.load(path) for path in other},
        encode=stored_codes(CodesStore.open(codes), dictionary) if codes else None,
    )
    if fidelity:
        found = found._replace(quality=with_fidelity(found.quality, read_table(fidelity, FIDELITY)))
    log = read_log(sae / LOG) if (sae / LOG).is_file() else None
    write_report(found, out, provenance("sae-quality", given, [sae / "sae.json"]), log)
