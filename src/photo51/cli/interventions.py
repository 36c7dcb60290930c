"""What the model does with features: `photo51 ablation`, `causality`, `steer`, `react`, `paint`, `explain`,
`exchange`.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photo51.cli.app import INTERVENTIONS
from photo51.cli.stage import StageJob, stage
from photo51.types import InputError, feature_number

if TYPE_CHECKING:
    from photo51.config.interventions import UnitParams
    from photo51.genome.axis.genomes import Genomes
    from photo51.interventions.opening import FastaBases, Opened

Sequences = Annotated[
    Path | None, typer.Option("--genomes", help="prepared genomes or a FASTA file; default: those of the run")
]
Out = Annotated[Path | None, typer.Option("--out", help="folder to write to; default: below RUN/by_hand")]
Features = Annotated[
    Path | None,
    typer.Option(help="features.h5ad, whose q99 is one unit; default: the run's, else units are measured"),
]
Concepts = Annotated[
    Path | None,
    typer.Option(help="YAML of concept: {feature: weight}, or names.parquet; default: the run's"),
]
Target = Annotated[str, typer.Argument(help="feature (812 or f812), concept, or sum such as `stop_codon - 0.5*f40`")]
Prompt = Annotated[str, typer.Argument(help="bases to continue, or a FASTA file (its first record)")]


def _instrument(
    job: StageJob,
    units: UnitParams,
    *,
    sequences: Path | None = None,
    features: Path | None = None,
    concepts: Path | None = None,
    named: bool = True,
) -> tuple[Opened, FastaBases | Genomes]:
    """Model, dictionary, units and names of the run, and the bases they may be shown."""
    from photo51.interventions import opening

    bases = opening.open_bases(sequences or job.path("genome"))
    if features is None and (default := job.path("features")).is_file():
        features = default
    if concepts is None and named and (default := job.path("names")).is_file():
        concepts = default
    reference = None
    if features is None:
        n = -(-units.bases // units.window)
        reference = opening.reference_windows(bases, n, units.window, seed=0)
    job.set_torch_threads()
    opened = opening.open_instrument(
        job.model_words,
        job.path("dictionary"),
        features=features,
        concepts=concepts,
        reference=reference,
        units=units,
        device=job.device,
    )
    return opened, bases


def _by_hand(job: StageJob, out: Path | None, *words: str) -> Path:
    """Folder of an experiment by hand: the one stated, else one below the run that says what was asked."""
    return out if out is not None else job.run / "by_hand" / folder_name("-".join([job.stage.name, *words]))


def folder_name(title: str) -> str:
    """A name for a folder from what was asked; where letters were left out, a hash tells it from what is alike."""
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "_", title).strip("_")
    # a prompt may be longer than any name, and `a + b` would be called as `a - b`
    return name if name == title and len(name) <= 100 else f"{name[:90]}-{sha256(title.encode()).hexdigest()[:8]}"


@stage(
    INTERVENTIONS,
    reads=("top_windows", "features", "dictionary_card", "windows"),
    writes=("ablation",),
    params="interventions.AblationParams",
    configured="ablation",
    model=True,
)
def ablation_command(job: StageJob) -> None:
    """Measure what the model loses without each feature.

    At its top-activating windows: how strong the features without a name are.
    """
    from photo51.config.interventions import UnitParams
    from photo51.interventions.attribution.causality import windows_at, without_each
    from photo51.io import read_table, write_table
    from photo51.io.contracts.features import TOP_WINDOWS
    from photo51.io.contracts.interventions import ABLATION

    opened, bases = _instrument(job, UnitParams(), named=False)
    top = job.path("top_windows")
    windows = windows_at(bases, read_table(top, TOP_WINDOWS), job.params)
    lineage = job.made(top, params=_stated(job, opened))
    write_table(without_each(opened.instrument, windows, job.params), job.path("ablation"), ABLATION, lineage)


@stage(
    INTERVENTIONS,
    reads=("top_windows", "features", "names", "dictionary_card", "windows"),
    writes=("causality",),
    params="interventions.CausalityParams",
    configured="causality",
    model=True,
)
def causality_command(
    job: StageJob,
    feature: Annotated[
        list[str] | None,
        typer.Option(help="feature to report on, 812 or f812, may be repeated; default: those with a name"),
    ] = None,
    concepts: Concepts = None,
) -> None:
    """Measure what each named feature does to the model.

    Loss without it where it is active, next base with more of it, compared with random features.
    """
    from photo51.interventions import opening, outputs
    from photo51.interventions.attribution.causality import causality as measure
    from photo51.interventions.attribution.causality import windows_at
    from photo51.io import read_table
    from photo51.io.contracts.features import TOP_WINDOWS

    params, top = job.params, job.path("top_windows")
    opened, bases = _instrument(job, params.units, concepts=concepts)
    table = read_table(top, TOP_WINDOWS)
    requested = [feature_number(f) for f in feature or ()]
    chosen = requested or sorted(list(opened.instrument.concepts)[: params.features])
    windows = windows_at(bases, table[table["feature"].isin(chosen)], params)
    background = opening.reference_windows(bases, 32, params.context + params.scored, params.seed)
    lineage = job.made(top, params=_stated(job, opened))
    outputs.write_causality(measure(opened.instrument, windows, background, params), job.path("causality"), lineage)


def _stated(job: StageJob, opened: Opened, **more: str) -> dict[str, Any]:
    """Parameters and hashes of model and dictionary, for provenance."""
    return {**job.params.model_dump(mode="json"), **opened.hashes, **more}


@stage(
    INTERVENTIONS,
    reads=("dictionary_card",),
    writes=("doses", "verdicts"),
    params="interventions.SteerParams",
    configured="steering.{name}.steer",
    model=True,
)
def steer_command(
    job: StageJob,
    target: Annotated[
        str | None,
        typer.Argument(
            help=(
                "feature (812 or f812), concept, sum such as `stop_codon - 0.5*f40`, or `auto`: what a screen on"
                " sequence "
                "not held out proposes for the first --scorer; default: that of experiment --name"
            )
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Argument(
            help=(
                "bases to continue, a FASTA file (its first record), or `held-out`: eight intervals of held-out"
                " sequence"
            )
        ),
    ] = None,
    out: Out = None,
    genomes: Sequences = None,
    features: Features = None,
    concepts: Concepts = None,
    scorer: Annotated[
        list[str] | None,
        typer.Option(help="sequence scorer named beforehand as the one to move; repeatable"),
    ] = None,
    motif: Annotated[list[str] | None, typer.Option(help="IUPAC motif to count; repeatable")] = None,
    code: Annotated[int | None, typer.Option(help="NCBI translation table of stop codons; default: 11")] = None,
) -> None:
    """Steer by a feature: four arms, dose-response, nulls.

    Sequences, trace, dose-response with nulls, safe range, what else moved. Written to RUN/interventions/NAME with
    --name.

    Example: photo51 steer results/demo 812 held-out --scorer gc
    """
    from photo51.interventions import opening, outputs
    from photo51.interventions.steering import targeting
    from photo51.interventions.steering.steer import steer as run_arms
    from photo51.interventions.writing.scorers import check_declared, codon_table, sequence_scorers

    experiment = job.configured("steering.{name}") if job.values.get("name") else None
    target = target or getattr(experiment, "target", None)
    prompt = getattr(experiment, "prompt", None) if prompt is None else prompt
    if not target or prompt is None:
        raise InputError("steer: need TARGET and PROMPT, or --name of an experiment of the run's configuration")
    params = job.params
    code = code if code is not None else int(getattr(experiment, "code", 11))
    start = None if prompt == targeting.HELD_OUT else opening.read_sequence(prompt)
    opened, bases = _instrument(job, params.units, sequences=genomes, features=features, concepts=concepts)
    start = targeting.held_out(bases, params) if start is None else start
    genes = opening.coding_sequences(bases)
    judges = sequence_scorers(code=code, motifs=motif or [], codons=codon_table(genes) if genes else None)
    declared = check_declared(scorer or list(getattr(experiment, "scorer", ())), judges)
    bundle, doses = targeting.target(target, opened, bases, declared, params, code=code)
    half: opening.Half | None = "reporting" if target == targeting.AUTO else None
    reference = opening.reference_windows(bases, 16, 512, params.sampling.seed, half)
    steered = run_arms(
        opened.instrument,
        bundle,
        prompt=start,
        reference=reference,
        judges=judges,
        params=params.model_copy(update={"doses": doses}),
        declared=declared,
    )
    folder = job.path("doses").parent if out is None and job.values.get("name") else None
    folder = folder or _by_hand(job, out, target, prompt)
    outputs.write_steered(steered, folder, job.made(params=_stated(job, opened, target=target)))
    typer.echo(folder)


@stage(INTERVENTIONS, reads=("dictionary_card",), params="interventions.SamplingParams", model=True)
def react(
    job: StageJob,
    rules: Annotated[Path, typer.Argument(help="rule file (YAML)")],
    prompt: Prompt,
    out: Out = None,
    genomes: Sequences = None,
    features: Features = None,
    concepts: Concepts = None,
    sequences: Annotated[int, typer.Option(min=1, help="sequences to write")] = 8,
    length: Annotated[int, typer.Option(min=1, help="bases to write")] = 300,
) -> None:
    """Write sequence under rules that react to features.

    A rule acts one base after its feature was active; --params are those of sampling.
    """
    import numpy as np

    from photo51.config import parse
    from photo51.config.interventions import RuleFile, UnitParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.writing.rule_set import compile_rules
    from photo51.interventions.writing.rules import write_with_rules

    file = parse(RuleFile, str(rules))
    start = opening.read_sequence(prompt)
    opened, _ = _instrument(job, UnitParams(), sequences=genomes, features=features, concepts=concepts)
    compiled = compile_rules(
        file, opened.concepts, opened.instrument.units, length=length, prompt=len(start), file_name=str(rules)
    )
    written = write_with_rules(
        opened.instrument, np.tile(start, (sequences, 1)), compiled, length=length, sampling=job.params
    )
    folder = _by_hand(job, out, rules.stem, prompt)
    outputs.write_rules(written, compiled, folder, job.made(rules, params=_stated(job, opened)))
    typer.echo(folder)


@stage(INTERVENTIONS, reads=("dictionary_card",), params="interventions.PaintParams", model=True)
def paint_command(
    job: StageJob,
    bed: Annotated[Path, typer.Argument(help="BED: sequence, start, end, concept, strength (units), strand")],
    prompt: Prompt,
    length: Annotated[int, typer.Option(min=1, help="bases of the sequence that is painted")],
    out: Out = None,
    genomes: Sequences = None,
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
) -> None:
    """Write a sequence with concepts painted on it.

    With --painted and --before, rewrite only what a changed BED asks for.
    """
    from photo51.interventions import opening, outputs
    from photo51.interventions.writing.canvas import read_canvas
    from photo51.interventions.writing.painting import overlap, read_track
    from photo51.interventions.writing.repainting import paint_or_repaint, read_painting

    params, start = job.params, opening.read_sequence(prompt)
    opened, _ = _instrument(job, params.units, sequences=genomes, features=features, concepts=concepts)
    instrument = opened.instrument
    n_features = instrument.dictionary.n_features
    canvas = read_canvas(bed, length, opened.concepts, n_features)
    old = read_painting(painted, before, start, opened.concepts, n_features)
    done = paint_or_repaint(instrument, canvas, start, old, sequences=sequences, infill=infill, params=params)
    track = read_track(instrument, done, params)
    folder = _by_hand(job, out, bed.stem, prompt)
    lineage = job.made(bed, params=_stated(job, opened))
    outputs.write_painted(done, track, overlap(track, canvas, params.margin), params, folder, lineage)
    typer.echo(folder)


@stage(INTERVENTIONS, reads=("dictionary_card",), params="interventions.AttributionParams", model=True)
def explain_command(
    job: StageJob,
    place: Annotated[
        str,
        typer.Argument(help="region CHROM:START-END (1-based, both included) or variant CHROM:POS:REF>ALT, m.3243A>G"),
    ],
    out: Out = None,
    genomes: Sequences = None,
    features: Features = None,
    concepts: Concepts = None,
    genome: Annotated[str | None, typer.Option(help="genome that has the contig, where several do")] = None,
    strand: Annotated[str, typer.Option(help="direction of reading: + or -")] = "+",
    base: Annotated[str | None, typer.Option(help="explain the score of this base at the region's first place")] = None,
) -> None:
    """Share a region's or variant's score among features.

    And among bases: a region's likelihood, a base's score, or a variant's likelihood ratio.

    Example: photo51 explain results/demo m.3243A>G
    """
    from photo51.config.interventions import UnitParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.attribution.explain import explain_place
    from photo51.interventions.places import resolve_place
    from photo51.types import Variant

    params = job.params
    locus, genome = resolve_place(opening.open_bases(genomes or job.path("genome")), place, strand, genome)
    opened, bases = _instrument(job, UnitParams(), sequences=genomes, features=features, concepts=concepts)
    holder = opening.genome_of(bases, locus.chrom, genome)
    explained = explain_place(opened.instrument, bases, holder, locus, params, strand=strand, base=base)
    lineage = job.made(params=_stated(job, opened, place=place, strand=strand))
    if isinstance(locus, Variant):
        title, marked = f"log-likelihood ratio of {place}, read on strand {strand}", (locus.pos, locus.end)
    else:
        target = f"score of {base} at" if base else "log-likelihood of"
        title = f"{target} {locus}"
        marked = (locus.start, locus.end)
    folder = _by_hand(job, out, place, strand, base or "")
    outputs.write_explained(explained, title, marked, folder, lineage)
    typer.echo(folder)


@stage(INTERVENTIONS, reads=("dictionary_card",), params="interventions.ExchangeParams", model=True)
def exchange_command(
    job: StageJob,
    target: Target,
    motif: Annotated[str, typer.Argument(help="motif that is copied in the prompt: A, C, G, T")],
    out: Out = None,
    genomes: Sequences = None,
    features: Features = None,
    concepts: Concepts = None,
) -> None:
    """Fit how many copies of a motif equal how much steering.

    Copies in the prompt against strength, fitted and tested on settings held out.
    """
    from photo51.config.interventions import UnitParams
    from photo51.interventions import opening, outputs
    from photo51.interventions.edits.bundles import parse_bundle
    from photo51.interventions.steering.exchange import exchange_rate

    params, copied = job.params, opening.read_sequence(motif, "motif")
    opened, bases = _instrument(job, UnitParams(), sequences=genomes, features=features, concepts=concepts)
    bundle = parse_bundle(target, opened.concepts, opened.instrument.dictionary.n_features)
    length = (max(params.copies) + 1) * (len(copied) + params.spacer)
    background = opening.reference_windows(bases, params.contexts, length, params.seed)
    law = exchange_rate(opened.instrument, bundle, copied, background, params)
    folder = _by_hand(job, out, target, motif)
    outputs.write_exchange(law, folder, job.made(params=_stated(job, opened, target=target)))
    typer.echo(folder)
