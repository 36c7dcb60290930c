"""`photo51 train-sae`, `sae-quality`, `sweep`, `import-sae`, `export-sae`: dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    from photo51.io.origin import Origin

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
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="processes that share each batch; default: one for each GPU, one without"),
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Train a sparse autoencoder on the bases of split `train`; a run that was killed goes on from its checkpoint."""
    set_threads(threads)
    from photo51.activations.splits import genomes_beside, split_rows
    from photo51.activations.store import ActivationStore
    from photo51.config import parse
    from photo51.config.sae import SaeParams
    from photo51.sae.distributed import Ranks, gpus, share_among
    from photo51.sae.quality import training_picture
    from photo51.sae.report import draw
    from photo51.sae.training import Training

    given = parse(SaeParams, params)
    share_among(processes or (1 if given.backend == "compiled" else gpus()))
    store = ActivationStore(activations, verify=not Ranks().rank)
    rows = split_rows(store, genomes or genomes_beside(activations), "train", seed=given.seed)
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
    beside: Annotated[
        list[Path],
        typer.Option(
            help="quality table of another dictionary to show beside it, as the random-weight model's"
        ),
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
    from photo51.io.contracts.sae import QUALITY
    from photo51.sae.dictionary import Dictionary
    from photo51.sae.report import quality_report, stored_codes, with_fidelity, with_others, write_report
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
    tables = {path.absolute().parent.name: read_table(path, QUALITY) for path in beside}
    found = found._replace(quality=with_others(found.quality, tables))
    log = read_log(sae / LOG) if (sae / LOG).is_file() else None
    write_report(found, out, provenance("sae-quality", given, [sae / "sae.json"]), log)


@app.command()
def sweep(
    activations: Activations,
    out: Annotated[Path, typer.Argument(help="folder to write: a dictionary a combination, sweep.parquet")],
    params: ParamsOption = None,
    genomes: GenomesOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Train dictionaries of several widths and k, and choose the sparsest that passes stated gates on split `select`."""
    set_threads(threads)
    from photo51.activations.splits import genomes_beside, split_rows
    from photo51.activations.store import ActivationStore
    from photo51.config import parse
    from photo51.config.sae import SweepParams
    from photo51.io import provenance, write_table
    from photo51.io.contracts.sae import SWEEP
    from photo51.sae.sweep import sweep as run

    given, store = parse(SweepParams, params), ActivationStore(activations)
    where = genomes or genomes_beside(activations)
    table = run(split_rows(store, where, "train"), split_rows(store, where, "select"), given, out)
    write_table(table, out / "sweep.parquet", SWEEP, provenance("sweep", given))


@app.command()
def import_sae(
    source: Annotated[Path, typer.Argument(help="folder or file of another tool")],
    out: Annotated[Path, typer.Argument(help="folder to write, sae/NAME")],
    activations: Annotated[
        Path | None, typer.Option(help="activations it is for; not needed where photo51 wrote the source")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="model it is of, with --site, where there are no activations yet: sh2:base, hf:ID, …"
        ),
    ] = None,
    site: Annotated[str | None, typer.Option(help="site of the model, as block.2.out")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="saelens, sparsify, dictionary_learning, evo2; default: by the files"),
    ] = None,
    calibrate: Annotated[
        int | None,
        typer.Option(min=1, help="replace its rule by the threshold at which so many are active per base"),
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Take in a dictionary from SAELens, sparsify, dictionary_learning or the published Evo 2 file.

    Example: photo51 import-sae their_sae models/theirs --model sh2:base --site block.2.out
    """
    set_threads(threads)
    from photo51.activations.store import ActivationStore
    from photo51.sae.formats import calibrated, load_foreign
    from photo51.types import InputError

    store = ActivationStore(activations) if activations else None
    origin = _origin(model, site)
    if store is not None and origin is not None:
        store.origin.require(origin, "--model and --site")
    sae = load_foreign(source, store.origin if store else origin, form)
    if calibrate:
        if store is None:
            raise InputError("--calibrate: need --activations to calibrate on, got none")
        sae = calibrated(sae, store.rows().sample(32_768), calibrate)
    sae.save(out)


def _origin(model: str | None, site: str | None) -> Origin | None:
    """What a model and one of its sites give activations of; None where neither is named."""
    from photo51.model.adapters import load_model
    from photo51.types import InputError

    if model is None and site is None:
        return None
    if model is None or site is None:
        raise InputError("import-sae: need --model and --site together, got one of them")
    opened = load_model(model, device="cpu")
    if site not in opened.sites:
        raise InputError(
            f"--site: need a site of {opened.spec.name} ({opened.sites[0]} … {opened.sites[-1]}), got {site!r}"
        )
    return opened.spec.origin(site)


@app.command()
def export_sae(
    sae: Sae,
    out: Annotated[Path, typer.Argument(help="folder to write")],
    form: Annotated[
        str, typer.Option("--format", help="saelens, sparsify or dictionary_learning")
    ] = "saelens",
) -> None:
    """Write a dictionary so that SAELens, sparsify or dictionary_learning load it."""
    from photo51.sae.dictionary import Dictionary, SparseAutoencoder
    from photo51.sae.formats import save_foreign
    from photo51.types import InputError

    given = Dictionary.load(sae)
    if not isinstance(given, SparseAutoencoder):
        raise InputError(f"{sae}: need an autoencoder, got a dictionary of kind {given.kind}")
    save_foreign(given, out, form)
