"""`photo51 steer`, `react`, `paint`, `explain`, `ablation`, `causality` and `exchange`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    from photo51.config.interventions import UnitParams
    from photo51.genome.genomes import Genomes
    from photo51.interventions.opening import FastaBases, Opened

Model = Annotated[str, typer.Option(help="model, as `sh2:base` or a folder")]
Sae = Annotated[Path, typer.Option(help="folder of the dictionary")]
Sequences = Annotated[
    Path, typer.Option("--genomes", help="prepared genomes (`photo51 prepare`), or a FASTA file")
]
Out = Annotated[Path, typer.Option("--out", help="folder to write to")]
Features = Annotated[
    Path | None, typer.Option(help="features.h5ad, whose q99 is one unit; else units are measured")
]
Concepts = Annotated[
    Path | None,
    typer.Option(help="names.parquet, or YAML of concept: {feature: weight}; gives features their names"),
]
Target = Annotated[str, typer.Argument(help="feature (f12), concept, or sum such as `stop_codon - 0.5*f40`")]
Prompt = Annotated[
    str, typer.Argument(help="bases to go on from, or a FASTA file, whose first record is taken")
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")]


def _open(
    model: str,
    sae: Path,
    sequences: Path | None,
    features: Path | None,
    concepts: Path | None,
    units: UnitParams,
    device: str | None,
    threads: int,
) -> tuple[Opened, FastaBases | Genomes | None]:
    """The instrument, and the bases it may be shown."""
    set_threads(threads)
    import torch

    from photo51.interventions import opening

    torch.set_num_threads(threads)
    bases = opening.open_bases(sequences) if sequences else None
    reference = None
    if features is None and bases is not None:
        n = -(-units.bases // units.window)
        reference = opening.reference_windows(bases, n, units.window, seed=0)
    opened = opening.open_instrument(
        model, sae, features=features, concepts=concepts, reference=reference, units=units, device=device
    )
    return opened, bases


@app.command()
def steer(
    target: Annotated[
        str,
        typer.Argument(
            help="feature (f12), concept, sum such as `stop_codon - 0.5*f40`, or `auto`: the feature that a screen on sequence "
            "not held out proposes for the first --oracle; the largest dose is then the one that should meet the budget"
        ),
    ],
    prompt: Annotated[
        str,
        typer.Argument(
            help="bases to go on from, a FASTA file, whose first record is taken, or `held-out`: eight stretches of held-out "
            "sequence in turn"
        ),
    ],
    model: Model,
    sae: Sae,
    genomes: Sequences,
    out: Out,
    features: Features = None,
    concepts: Concepts = None,
    oracle: Annotated[
        list[str] | None, typer.Option(help="oracle named beforehand as the one to move; may be given again")
    ] = None,
    motif: Annotated[list[str] | None, typer.Option(help="IUPAC motif to count; may be given again")] = None,
    code: Annotated[int, typer.Option(help="NCBI translation table of stop codons")] = 11,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Steer by a feature in four arms: sequences, trace, dose-response with nulls, safe range, what else moved."""
    from photo51.config import parse
    from photo51.config.interventions import SteerParams
    from photo51.interventions import opening, outputs, targeting
    from photo51.interventions.oracles import check_declared, codon_table, oracles
    from photo51.interventions.steer import steer as run
    from photo51.io import provenance

    given = parse(SteerParams, params)
    start = None if prompt == targeting.HELD_OUT else opening.read_sequence(prompt)
    opened, bases = _open(model, sae, genomes, features, concepts, given.units, device, threads)
    assert bases is not None
    start = targeting.held_out(bases, given) if start is None else start
    genes = opening.coding_sequences(bases)
    judges = oracles(code=code, motifs=motif or [], codons=codon_table(genes) if genes else None)
    declared = check_declared(oracle or [], judges)
    bundle, doses = targeting.target(target, opened, bases, declared, given, code=code)
    half: opening.Half | None = "reporting" if target == targeting.AUTO else None
    reference = opening.reference_windows(bases, 16, 512, given.sampling.seed, half)
    found = run(
        opened.instrument,
        bundle,
        prompt=start,
        reference=reference,
        judges=judges,
        params=given.model_copy(update={"doses": doses}),
        declared=declared,
    )
    made = provenance("steer", {**given.model_dump(mode="json"), **opened.hashes, "target": target})
    outputs.write_steered(found, out, made)


@app.command()
def react(
    rules: Annotated[Path, typer.Argument(help="rule file (YAML)")],
    prompt: Prompt,
    model: Model,
    sae: Sae,
    out: Out,
    genomes: Annotated[
        Path | None, typer.Option(help="genomes or FASTA to measure units on, where --features is not given")
    ] = None,
    features: Features = None,
    concepts: Concepts = None,
    sequences: Annotated[int, typer.Option(min=1, help="sequences to write")] = 8,
    length: Annotated[int, typer.Option(min=1, help="bases to write")] = 300,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Write sequence under rules that react when a feature fires, one base later; --params are those of sampling."""
    import numpy as np

    from photo51.config import parse
    from photo51.config.interventions import RuleFile, SamplingParams, UnitParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.rules import compile_rules, write_with_rules
    from photo51.io import provenance

    given, file = parse(SamplingParams, params), parse(RuleFile, str(rules))
    start = opening.read_sequence(prompt)
    opened, _ = _open(model, sae, genomes, features, concepts, UnitParams(), device, threads)
    found = compile_rules(file, opened.concepts, opened.instrument.units, length=length, where=str(rules))
    run = write_with_rules(
        opened.instrument, np.tile(start, (sequences, 1)), found, length=length, sampling=given
    )
    made = provenance("react", {**given.model_dump(mode="json"), **opened.hashes}, [rules])
    outputs.write_rules(run, found, out, made)


@app.command()
def paint(
    bed: Annotated[Path, typer.Argument(help="BED: sequence, start, end, concept, strength (units), strand")],
    prompt: Prompt,
    model: Model,
    sae: Sae,
    out: Out,
    length: Annotated[int, typer.Option(min=1, help="bases of the sequence that is painted")],
    genomes: Annotated[
        Path | None, typer.Option(help="genomes or FASTA to measure units on, where --features is not given")
    ] = None,
    features: Features = None,
    concepts: Concepts = None,
    sequences: Annotated[int, typer.Option(min=1, help="sequences to write")] = 4,
    painted: Annotated[
        Path | None,
        typer.Option(help="FASTA of what was painted before, with the BED it was painted by in --before"),
    ] = None,
    before: Annotated[Path | None, typer.Option(help="BED that --painted was painted by")] = None,
    infill: Annotated[
        bool, typer.Option("--infill", help="keep what follows a change; else it is written again")
    ] = False,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Write a sequence with concepts painted on it; with --painted and --before, rewrite only what a changed BED asks for."""
    from photo51.config import parse
    from photo51.config.interventions import PaintParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.canvas import read_canvas
    from photo51.interventions.painting import overlap, read_track
    from photo51.interventions.repainting import paint_or_repaint, read_painting
    from photo51.io import provenance

    given = parse(PaintParams, params)
    start = opening.read_sequence(prompt)
    opened, _ = _open(model, sae, genomes, features, concepts, given.units, device, threads)
    instrument = opened.instrument
    n_features = instrument.dictionary.n_features
    canvas = read_canvas(bed, length, opened.concepts, n_features)
    old = read_painting(painted, before, start, opened.concepts, n_features)
    done = paint_or_repaint(instrument, canvas, start, old, sequences=sequences, infill=infill, params=given)
    track = read_track(instrument, done, given)
    made = provenance("paint", {**given.model_dump(mode="json"), **opened.hashes}, [bed])
    outputs.write_painted(done, track, overlap(track, canvas, given.margin), given, out, made)


@app.command()
def explain(
    place: Annotated[
        str,
        typer.Argument(help="region CHROM:START-END (1-based, both included) or variant CHROM:POS:REF>ALT"),
    ],
    model: Model,
    sae: Sae,
    genomes: Sequences,
    out: Out,
    features: Features = None,
    concepts: Concepts = None,
    genome: Annotated[str | None, typer.Option(help="genome that has the contig, where several do")] = None,
    strand: Annotated[str, typer.Option(help="direction of reading: + or -")] = "+",
    base: Annotated[
        str | None, typer.Option(help="explain the score of this base at the region's first place")
    ] = None,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """Share a region's likelihood, a base's score or a variant's likelihood ratio out among features and bases."""
    from photo51.config import parse
    from photo51.config.interventions import AttributionParams, UnitParams
    from photo51.interventions import outputs
    from photo51.interventions.explain import explain_place
    from photo51.interventions.opening import genome_of
    from photo51.interventions.places import parse_place
    from photo51.io import provenance
    from photo51.types import Variant

    given = parse(AttributionParams, params)
    where = parse_place(place, strand)
    opened, bases = _open(model, sae, genomes, features, concepts, UnitParams(), device, threads)
    assert bases is not None
    held = genome_of(bases, where.chrom, genome)
    found = explain_place(opened.instrument, bases, held, where, given, strand=strand, base=base)
    made = provenance(
        "explain", {**given.model_dump(mode="json"), **opened.hashes, "place": place, "strand": strand}
    )
    if isinstance(where, Variant):
        title, marked = f"log-likelihood ratio of {place}, read on strand {strand}", (where.pos, where.end)
    else:
        target = f"score of {base} at" if base else "log-likelihood of"
        title = f"{target} {where}"
        marked = (where.start, where.end)
    outputs.write_explained(found, title, marked, out, made)


@app.command()
def ablation(
    places: Annotated[Path, typer.Argument(help="top_windows.parquet (`photo51 features`)")],
    model: Model,
    sae: Sae,
    genomes: Sequences,
    features: Annotated[Path, typer.Option(help="features.h5ad")],
    out: Annotated[Path, typer.Option("--out", help="table to write, as interventions/ablation.parquet")],
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """What the model loses without each feature, at its strongest places: how strong the features of the queue are."""
    from photo51.config import parse
    from photo51.config.interventions import AblationParams, UnitParams
    from photo51.interventions.causality import windows_at, without_each
    from photo51.io import provenance, read_table, write_table
    from photo51.io.contracts.features import TOP_WINDOWS
    from photo51.io.contracts.interventions import ABLATION

    given = parse(AblationParams, params)
    opened, bases = _open(model, sae, genomes, features, None, UnitParams(), device, threads)
    assert bases is not None
    windows = windows_at(bases, read_table(places, TOP_WINDOWS), given)
    made = provenance("ablation", {**given.model_dump(mode="json"), **opened.hashes}, [places])
    write_table(without_each(opened.instrument, windows, given), out, ABLATION, made)


@app.command()
def causality(
    places: Annotated[Path, typer.Argument(help="top_windows.parquet (`photo51 features`)")],
    model: Model,
    sae: Sae,
    genomes: Sequences,
    features: Annotated[Path, typer.Option(help="features.h5ad")],
    out: Annotated[Path, typer.Option("--out", help="table to write, as interventions/causality.parquet")],
    concepts: Concepts = None,
    feature: Annotated[
        list[int] | None,
        typer.Option(help="feature to report on, may be given again; default: those with a name"),
    ] = None,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """What each named feature does: loss without it where it fires, next base with more of it, beside random features."""
    from photo51.config import parse
    from photo51.config.interventions import CausalityParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.causality import causality as run
    from photo51.interventions.causality import windows_at
    from photo51.io import provenance, read_table
    from photo51.io.contracts.features import TOP_WINDOWS

    given = parse(CausalityParams, params)
    opened, bases = _open(model, sae, genomes, features, concepts, given.units, device, threads)
    assert bases is not None
    table = read_table(places, TOP_WINDOWS)
    wanted = feature if feature else sorted(list(opened.instrument.concepts)[: given.features])
    windows = windows_at(bases, table[table["feature"].isin(wanted)], given)
    background = opening.reference_windows(bases, 32, given.context + given.scored, given.seed)
    made = provenance("causality", {**given.model_dump(mode="json"), **opened.hashes}, [places])
    outputs.write_causality(run(opened.instrument, windows, background, given), out, made)


@app.command()
def exchange(
    target: Target,
    motif: Annotated[str, typer.Argument(help="motif that is copied in the prompt: A, C, G, T")],
    model: Model,
    sae: Sae,
    genomes: Sequences,
    out: Out,
    features: Features = None,
    concepts: Concepts = None,
    params: ParamsOption = None,
    device: Device = None,
    threads: ThreadsOption = 2,
) -> None:
    """How many copies of a motif in the prompt equal how much steering, fitted and tested on settings held out."""
    from photo51.config import parse
    from photo51.config.interventions import ExchangeParams, UnitParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.bundles import parse_bundle
    from photo51.interventions.exchange import exchange_rate
    from photo51.io import provenance

    given = parse(ExchangeParams, params)
    copied = opening.read_sequence(motif, "motif")
    opened, bases = _open(model, sae, genomes, features, concepts, UnitParams(), device, threads)
    assert bases is not None
    bundle = parse_bundle(target, opened.concepts, opened.instrument.dictionary.n_features)
    length = (max(given.copies) + 1) * (len(copied) + given.spacer)
    background = opening.reference_windows(bases, given.contexts, length, given.seed)
    found = exchange_rate(opened.instrument, bundle, copied, background, given)
    made = provenance("exchange", {**given.model_dump(mode="json"), **opened.hashes, "target": target})
    outputs.write_exchange(found, out, made)
