"""`photo51 debug-data`: what a corpus would teach a model, before it is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import DeviceOption, ParamsOption, ThreadsOption, app, set_threads
from photo51.cli.learnt import write_both


@app.command("debug-data")
def debug_data_command(
    corpus: Annotated[Path, typer.Argument(help="FASTA file, a record a training document")],
    model: Annotated[str, typer.Argument(help="model to be trained on it, as `sh2:base` or a folder")],
    reference: Annotated[
        Path | None,
        typer.Option(help="FASTA file of what the model knows; default for sh2 models: the genome shipped"),
    ] = None,
    sae: Annotated[
        Path | None,
        typer.Option(help="dictionary of the model; default: the one shipped, else principal components"),
    ] = None,
    vectors: Annotated[Path | None, typer.Option(help="FASTA file of vectors and adapters")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="records.tsv of an earlier call, whose weights are taken as given")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = Path("debug-data"),
    params: ParamsOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Say what a corpus would teach, before training.

    Features of its records against a reference and against what the model writes itself; outlying records ranked, with
    baselines (surprisal, 6-mers, exact matches); contaminants traced to spans; a manifest. Nothing is deleted.

    Writes records (the manifest), disparity, spans and evidence, each as .parquet and .tsv.

    Example: photo51 debug-data corpus.fa sh2:base --vectors adapters.fa
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.debug_data import DebugDataParams
    from photo51.genome.formats.fasta import read_fasta
    from photo51.io import provenance, sha256
    from photo51.io.contracts.debug_data import DISPARITY, RECORDS, SPANS
    from photo51.io.contracts.learnt import EVIDENCE
    from photo51.learnt.data.corpora import dictionary_for, manifest_weights, reference_of
    from photo51.learnt.data.debugging import debug_data as judge
    from photo51.learnt.data.debugging import read_corpus
    from photo51.learnt.data.proposals import foreign_by_chance, recommendation
    from photo51.learnt.data.traces import Vectors, repeated_words
    from photo51.learnt.evidence import evidence_table
    from photo51.model.families.adapters import load_model

    torch.set_num_threads(threads)
    settings = parse(DebugDataParams, params)
    screened = Vectors(vectors, settings.word) if vectors else None
    records = list(read_fasta(corpus))
    weight = manifest_weights(manifest, [r.name for r in records]) if manifest else None
    base = list(read_fasta(reference_of(model, reference)))
    subject = load_model(model, device=device)
    dictionary = dictionary_for(model, subject, sae, base, settings)
    read = read_corpus(subject, dictionary, records, base, settings, str(corpus))
    done = judge(read, records, settings, screened, weight, repeated_words(base, settings.word))
    files: list[Path | str] = [p for p in (corpus, reference, vectors, manifest) if p]
    stated = {**settings.model_dump(mode="json"), "model": subject.spec.hash, "dictionary": dictionary.hash}
    lineage = provenance("debug-data", stated, files)
    digests = {"model": subject.spec.hash, "dictionary": dictionary.hash, "corpus": sha256(corpus)[:16]}
    write_both(done.records, out / "records", RECORDS, lineage)
    write_both(done.disparity, out / "disparity", DISPARITY, lineage)
    write_both(done.spans, out / "spans", SPANS, lineage)
    write_both(evidence_table(done.evidence, digests, settings.seed), out / "evidence", EVIDENCE, lineage)
    causes = done.records.loc[done.records["cause"] != "none", "cause"].value_counts()
    by_chance = foreign_by_chance(done.records, read.n_reference)
    typer.echo(
        f"debug-data: {int(causes.sum())} of {len(records)} records named"
        + (f" ({', '.join(f'{n} {cause}' for cause, n in causes.items())})" if len(causes) else "")
        + (f"; {by_chance:.0f} foreign at most are expected by chance" if causes.get("foreign", 0) else "")
        + f"; {recommendation(done.records)}; nothing was changed, proposals in {out}/records.tsv"
    )
