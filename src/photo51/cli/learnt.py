"""`photo51 words` and `photo51 diff`: what a model has learnt, asked exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    import pandas as pd

    from photo51.io import Provenance, TableSpec

Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")]


@app.command("words")
def words_command(
    model: Annotated[str, typer.Argument(help="model, as `sh2:base` or a folder")],
    asked: Annotated[
        list[str],
        typer.Option(
            "--words",
            help=(
                "IUPAC words separated by commas (`GAATTC,TTGACAN{16,18}TATAAT`), or a file: a word a line, FASTA, MEME"
            ),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="folder to write words.parquet and .tsv to")] = Path("words"),
    prompts: Annotated[
        str | None,
        typer.Option(help="FASTA file of prompts, or bases; default: the model begins by itself"),
    ] = None,
    steer: Annotated[
        str | None,
        typer.Option(help="feature or concept to steer by while writing, with units: `f12@1.5`; needs --run"),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="run whose dictionary --steer uses")] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh/--no-fresh", help="ask the same architecture with fresh weights too, as a control"),
    ] = True,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Count the words a model expects to write, exactly.

    Expected occurrences of words in what a model writes, from exact probabilities.

    Writes `words` (occurrences in 1,000 bases with intervals, next to counting, a Markov chain and fresh weights) and,
    where `open_frames` or `absent` are given in --params, `survival` (probability that a frame stays open, that a word
    stays away).

    Example: photo51 words sh2:nano --words GAATTC,TATAAT --params '{"open_frames": [100]}'
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.learnt import WordsParams
    from photo51.io import provenance
    from photo51.io.contracts.learnt import SURVIVAL, WORDS
    from photo51.learnt import opening
    from photo51.learnt.words import patterns
    from photo51.learnt.words.rates import rollouts, survivals, words_table
    from photo51.learnt.words.survival import absence, open_frame
    from photo51.model.families.adapters import load_model
    from photo51.types import InputError

    torch.set_num_threads(threads)
    settings = parse(WordsParams, params)
    events = patterns.read_events(asked, motif_p=settings.motif_p)
    if settings.open_frames:
        open_frame(settings.code)
    if settings.absent:
        for event in events:  # too many states are refused before the model is asked anything
            absence(event.forward + event.reverse)
    if (steer is None) != (run is None):
        raise InputError("--steer and --run: need both or neither, got one")
    subject = load_model(model, device=device)
    network = opening.network(subject)
    opening.check_widths(events, network)
    starts = opening.read_prompts(prompts, settings.sampling.seed, settings.rollouts)
    edits = opening.steered(run, subject, steer) if run is not None and steer is not None else None
    opened = opening.opener(network, starts, edits)
    control = opening.opener(opening.network(load_model(f"{model}@random:1", device=device)), starts) if fresh else None
    warmup = 0 if prompts else settings.warmup
    named = {"model": subject.spec.name, "digest": subject.spec.hash}
    written = rollouts(opened, events, settings, warmup=warmup)
    other = rollouts(control, events, settings, warmup=warmup) if control else None
    table = words_table(written, other, events, settings, **named)
    lineage = provenance(
        "words",
        {
            **settings.model_dump(mode="json"),
            "words": [e.text for e in events],
            "model": subject.spec.hash,
            "steer": steer or "",
        },
    )
    apart = None
    if settings.open_frames or settings.absent:
        apart = survivals(opened, events, settings, written.codes, **named)
    write_both(table, out / "words", WORDS, lineage)
    if apart is not None:
        write_both(apart, out / "survival", SURVIVAL, lineage)


@app.command("diff")
def diff_command(
    a: Annotated[str, typer.Argument(metavar="A", help="model before, as `sh2:base` or a folder")],
    b: Annotated[str, typer.Argument(metavar="B", help="model after")],
    genomes: Annotated[Path, typer.Option(help="FASTA file of sequence that neither model was trained on")],
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = Path("diff"),
    sae: Annotated[Path | None, typer.Option(help="dictionary of A, whose features are compared")] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="GFF file of the same sequence: differences by annotation class")
    ] = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="train a joint dictionary of both models; also where A's is blind to B")
    ] = False,
    asked: Annotated[
        list[str] | None,
        typer.Option("--words", help="words whose amplified rates are wanted, as in `photo51 words`"),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate", help="exit with 0 (pass), 1 (fail) or 3 (undecided)")] = False,
    twins: Annotated[
        list[str] | None,
        typer.Option("--twin", help="model trained like A with another seed; seven or more, or none"),
    ] = None,
    dtypes: Annotated[
        str | None, typer.Option("--dtypes", help="number types of A and B, such as `float32,float16`")
    ] = None,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Compare two models, with a verdict.

    Exact divergence by position, activations, features, rates of words.

    Writes windows, positions, offsets, classes (with --annotations), features (with --sae), joint (with --joint, or
    where A's dictionary explains too little of B: a crosscoder), amplified (with --words) and gate, each as .parquet
    and .tsv.

    Example: photo51 diff sh2:nano my/finetuned --genomes genome.fa --words GAATTC --gate
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.interventions import SamplingParams
    from photo51.config.learnt import DiffParams, WordsParams
    from photo51.io import provenance
    from photo51.io.contracts import learnt as contracts
    from photo51.learnt import opening
    from photo51.learnt.diff import gate as gates
    from photo51.learnt.diff.classes import class_differences
    from photo51.learnt.diff.compare import check_pair
    from photo51.learnt.diff.compare import diff as compare
    from photo51.learnt.diff.crosscoder import compared_features
    from photo51.learnt.diff.windows import draw_windows
    from photo51.learnt.words import patterns
    from photo51.learnt.words.amplify import amplified_rates, check_alphas
    from photo51.model.families.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    settings = parse(DiffParams, params)
    events = patterns.read_events(asked, motif_p=1e-4) if asked else []
    # what can be refused is refused before anything is read
    check_alphas(settings.alphas if events else ())
    gates.check_twins(twins or [])
    # windows are the blocks of every interval and test, of which two or fewer say nothing
    windows = draw_windows(genomes, settings.windows, settings.window, settings.seed, least=3)
    kinds = opening.number_types(dtypes)
    before, after = (load_model(m, device=device, dtype=kind) for m, kind in zip((a, b), kinds, strict=True))
    check_pair(before, after)
    for model in (before, after) if events else ():
        opening.check_widths(events, opening.network(model))
    lineage = provenance(
        "diff",
        {**settings.model_dump(mode="json"), "a": before.spec.hash, "b": after.spec.hash, "dtypes": dtypes or ""},
        [genomes],
    )
    compared = compare(before, after, windows, settings)
    of_a, both = compared_features(
        (before, after), windows, Dictionary.load(sae) if sae else None, settings, joint=joint
    )
    by_class = class_differences(windows, compared.laws, annotations, settings) if annotations else None
    rates = None
    if events:
        contexts = windows.plus[: settings.contexts]
        asking = WordsParams(
            every=settings.every,
            warmup=settings.warmup,
            confidence=settings.confidence,
            sampling=SamplingParams(seed=settings.seed),
        )
        openers = [opening.opener(opening.network(m), contexts[:, :1]) for m in (before, after)]
        rates = amplified_rates(openers[0], openers[1], events, contexts, settings.alphas, asking)
    change = compared.windows.groupby(["chrom", "start"], sort=True)["delta_bits"].mean().to_numpy()
    noise = []
    for name in twins or []:
        apart = compare(before, load_model(name, device=device), windows, settings).windows
        noise.append({"bits": float(apart["bits_b"].mean())})
    verdicts = gates.gate({"bits": change}, noise, {"bits": settings.tolerance})
    # all tables are made before the first is written: a refusal leaves none behind
    for name, table, spec in (
        ("windows", compared.windows, contracts.DIFF_WINDOWS),
        ("positions", compared.positions, contracts.DIFF_POSITIONS),
        ("offsets", compared.offsets, contracts.DIFF_OFFSETS),
        ("classes", by_class, contracts.DIFF_CLASSES),
        ("features", of_a, contracts.DIFF_FEATURES),
        ("joint", both, contracts.DIFF_JOINT),
        ("amplified", rates, contracts.AMPLIFIED),
        ("gate", verdicts, contracts.GATE),
    ):
        if table is not None:
            write_both(table, out / name, spec, lineage)
    kl = compared.windows["kl"].mean()
    typer.echo(
        f"diff: divergence {kl:.4g} bits a base, change {change.mean():+.4g} bits a base over {len(change)} windows, "
        f"gate: {gates.overall_verdict(verdicts)}; tables in {out}"
    )
    if gate:
        raise typer.Exit(gates.EXIT[gates.overall_verdict(verdicts)])


def write_both(table: pd.DataFrame, stem: Path, spec: TableSpec, lineage: Provenance) -> None:
    """As parquet with provenance, and as text for a spreadsheet."""
    from photo51.io import atomic, write_table

    write_table(table, stem.with_suffix(".parquet"), spec, lineage)
    with atomic(stem.with_suffix(".tsv")) as partial:
        table.to_csv(partial, sep="\t", index=False, float_format="%.6g")
