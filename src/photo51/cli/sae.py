"""`photo51 train-sae`, `sae-quality`, `sweep`, `import-sae`, `export-sae`: dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import DICTIONARY, ThreadsOption, app, set_threads
from photo51.cli.stage import StageJob, extra, stage
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.config.sae import SaeParams
    from photo51.io.origin import Origin

Sae = Annotated[Path, typer.Argument(help="folder of the dictionary, sae/NAME")]


@stage(
    DICTIONARY,
    reads=("workspace",),
    writes=("weights", "dictionary_card"),
    params="sae.SaeParams",
    configured="sae",
)
def train_sae(
    job: StageJob,
    site: Annotated[str | None, typer.Option(help="site of the activations, where there are several")] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="processes that share each batch; default: one for each GPU, one without"),
    ] = None,
    train_with: Annotated[
        list[Path] | None,
        typer.Option(
            "--with-run", help="folder of another run, from whose split train it learns too; default: as configured"
        ),
    ] = None,
) -> None:
    """Train a sparse autoencoder on the positions of split train.

    A run that was killed resumes from its checkpoint. `--sae random` learns from the model with random weights, `--sae
    seed1` with another seed.
    """
    from photo51.activations.splits import split_rows, training_rows
    from photo51.activations.store import ActivationStore
    from photo51.sae.quality.measures import training_picture
    from photo51.sae.quality.report import draw_quality
    from photo51.sae.training.distributed import Ranks, gpus, share_among
    from photo51.sae.training.train import begin_training

    params, out = job.params, job.path("dictionary")
    if job.stated is None and job.values["sae"] == "seed1":
        params = params.model_copy(update={"seed": params.seed + 1})
    share_among(processes or (1 if params.backend == "compiled" else gpus()))
    if job.values["sae"] == "seed1":
        _check_other_seed(job.path("dictionary", sae="main"), params)
    store = ActivationStore(job.path("activations", site=site or job.trained_site), verify=not Ranks().rank)
    others = job.configured("train_with") or () if train_with is None else train_with
    rows = training_rows(store, job.path("genome"), others, seed=params.seed)
    held_out = None
    if params.consensus > 1:
        held_out = split_rows(store, job.path("genome"), "select").shared_sample(params.sample)
    training = begin_training(rows, params, out, held_out)
    training.others = tuple(map(str, others))
    training.run()
    training.finish()
    if not training.ranks.rank:
        draw_quality(training_picture(training.table()), out / "training.svg")


def _check_other_seed(main: Path, params: SaeParams) -> None:
    """Refuse a control that would be the run's dictionary once more."""
    import json

    from photo51.sae.dictionary import CARD
    from photo51.sae.training.train import differing

    made = json.loads((main / CARD).read_text()).get("params") if (main / CARD).is_file() else None
    if made is not None and not differing(made, params):
        raise InputError(
            f"--sae seed1: need another seed than that of {main}, got {params.seed} with the same parameters; state"
            " another `seed` in --params"
        )


@stage(
    DICTIONARY,
    reads=("dictionary_card", "activations", "workspace"),
    writes=("quality",),
    extras=(
        extra("codes", "codes_folder"),
        extra("fidelity"),
        extra("seed1", "dictionary", sae="seed1"),
        extra("random", "quality", sae="random"),
    ),
    params="sae.QualityParams",
    configured="quality",
)
def sae_quality(job: StageJob) -> None:
    """Measure a dictionary on held-out positions, with baselines.

    Next to PCA, neurons and random directions; another seed, and the dictionary of random weights, where the run has
    them.
    """
    from photo51.activations.splits import split_rows
    from photo51.codes import CodesStore
    from photo51.io import read_table
    from photo51.io.contracts.features import FIDELITY
    from photo51.io.contracts.sae import QUALITY
    from photo51.sae.dictionary import Dictionary
    from photo51.sae.quality.report import quality_report, stored_codes, with_fidelity, with_others, write_quality
    from photo51.sae.training.train import LOG, read_log

    params, dictionary, store = job.params, job.dictionary, job.store()
    codes, fidelity, seed, random = (job.extra(n) for n in ("codes", "fidelity", "seed1", "random"))
    report = quality_report(
        dictionary,
        split_rows(store, job.path("genome"), "train"),
        split_rows(store, job.path("genome"), params.split),
        params,
        others={} if seed is None else {seed.name: Dictionary.load(seed)},
        encode=None if codes is None else stored_codes(CodesStore.open(codes), dictionary),
    )
    if fidelity is not None:
        report = report._replace(quality=with_fidelity(report.quality, read_table(fidelity, FIDELITY)))
    tables = {} if random is None else {random.absolute().parent.name: read_table(random, QUALITY)}
    report = report._replace(quality=with_others(report.quality, tables))
    log = path if (path := job.path("dictionary") / LOG).is_file() else None
    lineage = job.made(job.path("dictionary_card"))
    write_quality(report, job.path("quality"), lineage, None if log is None else read_log(log))


@stage(DICTIONARY, reads=("workspace",), params="sae.SweepParams")
def sweep_command(
    job: StageJob,
    out: Annotated[
        Path | None, typer.Option(help="folder of the dictionaries and sweep.parquet; default: RUN/sweep")
    ] = None,
    site: Annotated[str | None, typer.Option(help="site of the activations, where there are several")] = None,
) -> None:
    """Train several widths and k, and choose by stated gates.

    The sparsest that passes them on split `select` is chosen.
    """
    from photo51.activations.splits import split_rows
    from photo51.activations.store import ActivationStore
    from photo51.io import write_table
    from photo51.io.contracts.sae import SWEEP
    from photo51.sae.quality.sweep import sweep as train_all

    out = out or job.run / "sweep"
    store = ActivationStore(job.path("activations", site=site or job.trained_site))
    learnt, held_out = (split_rows(store, job.path("genome"), split) for split in ("train", "select"))
    table = train_all(learnt, held_out, job.params, out)
    write_table(table, out / "sweep.parquet", SWEEP, job.made())


@app.command(rich_help_panel=DICTIONARY)
def import_sae(
    source: Annotated[Path, typer.Argument(help="folder or file of another tool")],
    out: Annotated[Path, typer.Argument(help="folder to write, sae/NAME")],
    activations: Annotated[
        Path | None, typer.Option(help="activations it is for; not needed where photo51 wrote the source")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="model it is of, with --site, where there are no activations yet: sh2:base, hf:ID, …"),
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
    """Take in a dictionary of another tool, or that of Evo 2.

    From SAELens, sparsify, dictionary_learning or the published Evo 2 file.

    Example: photo51 import-sae their_sae models/theirs --model sh2:base --site block.2.out
    """
    set_threads(threads)
    from photo51.activations.store import ActivationStore
    from photo51.sae.formats.convert import calibrated, load_foreign
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
    from photo51.model.families.adapters import load_model
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


@app.command(rich_help_panel=DICTIONARY)
def export_sae(
    sae: Sae,
    out: Annotated[Path, typer.Argument(help="folder to write")],
    form: Annotated[str, typer.Option("--format", help="saelens, sparsify or dictionary_learning")] = "saelens",
) -> None:
    """Write a dictionary as another tool reads it.

    SAELens, sparsify or dictionary_learning.
    """
    from photo51.sae.dictionary import Dictionary, SparseAutoencoder
    from photo51.sae.formats.convert import save_foreign
    from photo51.types import InputError

    dictionary = Dictionary.load(sae)
    if not isinstance(dictionary, SparseAutoencoder):
        raise InputError(f"{sae}: need an autoencoder, got a dictionary of kind {dictionary.kind}")
    save_foreign(dictionary, out, form)
