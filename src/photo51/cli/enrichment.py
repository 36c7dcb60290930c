"""`photo51 enrich`, `gather-enrichment`, `concepts`, `motifs`, `genesets`, `novelty`, `ledger`: what features mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads

if TYPE_CHECKING:
    import pandas as pd

Codes = Annotated[Path, typer.Argument(help="codes of the dictionary, gathered: codes/NAME")]
GenomeFolder = Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")]
Out = Annotated[Path, typer.Argument(help="folder of the run, to write to")]
Shards = Annotated[int, typer.Option("--shards", min=1, help="number of shards features are dealt to")]
Random = Annotated[Path | None, typer.Option(help="codes of a dictionary of the random-weight model")]
Seeds = Annotated[
    list[Path] | None, typer.Option("--seed", help="codes of a dictionary of another seed; once for each")
]


@app.command()
def enrich(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    params: ParamsOption = None,
    shards: Shards = 1,
    shard: Annotated[
        int | None,
        typer.Option(min=0, help="test this shard of features alone, 0 to shards - 1, and gather later"),
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Test features against annotation classes; write enrichment, calibration_qq and adjusted_rates.parquet, and calibration.json."""
    set_threads(threads)
    from photo51.config import parse
    from photo51.config.enrichment import EnrichParams
    from photo51.enrichment.enrich_stage import (
        Enrichment,
        enrich_shard,
        gather_parts,
        made_by,
        part_path,
        shared_path,
    )
    from photo51.enrichment.inputs import Inputs
    from photo51.io import write_table
    from photo51.io.contracts.enrichment import ENRICHMENT

    given, inputs = parse(EnrichParams, params), Inputs.open(genomes)
    made = made_by(codes, inputs, given)
    stage = Enrichment(codes, inputs, given, shared_path(out) if shard is not None and shards > 1 else None)
    for i in range(shards) if shard is None else [shard]:
        write_table(enrich_shard(stage, i, shards, threads), part_path(out, i), ENRICHMENT, made)
    if shard is None:
        gather_parts(out, stage.store, made, given, shards)


@app.command()
def gather_enrichment(
    codes: Codes, genomes: GenomeFolder, out: Out, params: ParamsOption = None, shards: Shards = 1
) -> None:
    """Make the families of all shards that `photo51 enrich --shard` wrote; arguments are those of `photo51 enrich`."""
    from photo51.config import parse
    from photo51.config.enrichment import EnrichParams
    from photo51.enrichment.enrich_stage import gather_parts, made_by
    from photo51.enrichment.inputs import Inputs, open_codes

    given, inputs = parse(EnrichParams, params), Inputs.open(genomes)
    gather_parts(out, open_codes(codes, inputs), made_by(codes, inputs, given), given, shards)


@app.command()
def concepts(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    random: Random = None,
    activations: Annotated[
        Path | None,
        typer.Option(
            help="activations of the dictionary's site: neurons, components and probes are read too"
        ),
    ] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Choose features and thresholds for annotation classes on select, report on test, beside what they must beat."""
    set_threads(threads)
    from photo51.activations.store import ActivationStore
    from photo51.config import parse
    from photo51.config.enrichment import ConceptParams
    from photo51.enrichment.concept_stage import across_genomes, examined, region_table
    from photo51.enrichment.concepts import Exam
    from photo51.enrichment.inputs import Inputs, open_codes
    from photo51.enrichment.readout import codes_readout, kmer_readout
    from photo51.enrichment.summary import headline, summarise
    from photo51.io import provenance, write_json, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, INSTANCES, REGIONS, SUMMARY

    given, inputs = parse(ConceptParams, params), Inputs.open(genomes)
    exam = Exam(inputs.workspace, inputs.classes(given.classes, given.leave_out), inputs.bases, given)
    channels = None if activations is None else ActivationStore(activations, n_rows=inputs.workspace.n_rows)
    table = examined(exam, inputs, codes, random=random, channels=channels, enrichment=_enrichment(out))
    summary = summarise(exam, table)
    made = provenance("concepts", given, [codes / "codes.json", out / "enrichment.parquet", *inputs.files])
    store = open_codes(codes, inputs)
    sae = codes_readout(store, range(store.n_features))
    instances = across_genomes(exam, (sae, kmer_readout(inputs.bases, inputs.stretches)))
    write_table(instances, out / "instances.parquet", INSTANCES, made)
    write_table(region_table(exam, sae), out / "regions.parquet", REGIONS, made)
    write_table(table, out / "concepts.parquet", CONCEPTS, made)
    write_table(summary, out / "concept_summary.parquet", SUMMARY, made)
    write_json(headline(summary), out / "concepts.json")


@app.command()
def motifs(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    motifs: Annotated[Path | None, typer.Option(help="known motifs, in MEME's minimal format")] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Draw what features look like: shapes, logos, profiles around boundaries, matches to known motifs."""
    set_threads(threads)
    from photo51.config import parse
    from photo51.config.enrichment import MotifParams
    from photo51.enrichment.inputs import Inputs, open_codes
    from photo51.enrichment.motif_stage import portray
    from photo51.genome.motifs import read_meme
    from photo51.io import provenance, write_table
    from photo51.io.contracts.enrichment import LOGOS, MOTIF_MATCHES, PROFILES, SHAPES

    given, inputs = parse(MotifParams, params), Inputs.open(genomes)
    known = [] if motifs is None else read_meme(motifs)
    store = open_codes(codes, inputs)
    found = portray(store, inputs, given, known=known, enrichment=_enrichment(out))
    files: list[Path | str] = [codes / "codes.json", out / "enrichment.parquet", *inputs.files]
    made = provenance("motifs", given, files if motifs is None else [*files, motifs])
    write_table(found.shapes, out / "shapes.parquet", SHAPES, made)
    write_table(found.logos, out / "logos.parquet", LOGOS, made)
    write_table(found.profiles, out / "profiles.parquet", PROFILES, made)
    write_table(found.matches, out / "motif_matches.parquet", MOTIF_MATCHES, made)


@app.command()
def genesets(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    gmt: Annotated[Path, typer.Option(help="gene sets: name, description and genes of a line, tabs between")],
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Test which sets of genes features hit more often than they would elsewhere; write OUT/genesets.parquet."""
    set_threads(threads)
    from photo51.config import parse
    from photo51.config.enrichment import GeneSetParams
    from photo51.enrichment.genesets import gene_sets, read_gmt
    from photo51.enrichment.inputs import Inputs, open_codes
    from photo51.io import provenance, write_table
    from photo51.io.contracts.enrichment import GENESETS

    given, sets = parse(GeneSetParams, params), read_gmt(gmt)
    inputs = Inputs.open(genomes)
    table = gene_sets(open_codes(codes, inputs), inputs, sets, given)
    made = provenance("genesets", given, [codes / "codes.json", gmt, *inputs.files])
    write_table(table, out / "genesets.parquet", GENESETS, made)


@app.command()
def novelty(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    seed: Seeds = None,
    random: Random = None,
    ablation: Annotated[
        Path | None,
        typer.Option(help="what the model loses without each feature, interventions/ablation.parquet"),
    ] = None,
    retiled: Annotated[
        Path | None, typer.Option(help="features where windows begin elsewhere, retiled.parquet")
    ] = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Queue the features nobody has named, and prove the queue with hidden classes; needs OUT/enrichment and OUT/concepts."""
    set_threads(threads)
    from photo51.config import parse
    from photo51.config.enrichment import NoveltyParams
    from photo51.enrichment.inputs import Inputs, open_codes
    from photo51.enrichment.novelty_stage import Evidence
    from photo51.enrichment.novelty_stage import novelty as run
    from photo51.io import provenance, read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, ENRICHMENT, HIDDEN, NOVELTY
    from photo51.io.contracts.features import RETILED
    from photo51.io.contracts.interventions import ABLATION

    given, inputs = parse(NoveltyParams, params), Inputs.open(genomes)
    tables = [out / "enrichment.parquet", out / "concepts.parquet"]
    others = [p / "codes.json" for p in [*(seed or []), random] if p is not None]
    files: list[Path | str] = [
        codes / "codes.json",
        *tables,
        *inputs.files,
        *(p for p in (ablation, retiled) if p is not None),
    ]
    evidence = Evidence(
        read_table(tables[0], ENRICHMENT),
        read_table(tables[1], CONCEPTS),
        [open_codes(s, inputs) for s in seed or []],
        None if random is None else open_codes(random, inputs),
        None if retiled is None else read_table(retiled, RETILED),
        None if ablation is None else read_table(ablation, ABLATION),
    )
    found = run(open_codes(codes, inputs), inputs, evidence, given)
    made = provenance("novelty", given, files)
    made = made.model_copy(update={"inputs": {**made.inputs, **hashes(others)}})
    write_table(found.queue, out / "novelty.parquet", NOVELTY, made)
    write_table(found.hidden, out / "hidden_classes.parquet", HIDDEN, made)


@app.command()
def ledger(
    codes: Codes,
    genomes: GenomeFolder,
    out: Out,
    seed: Seeds = None,
    params: ParamsOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Check each name on the other strand, in other genomes, splits and seeds; needs OUT/concepts, writes OUT/ledger.parquet."""
    set_threads(threads)
    from photo51.config import parse
    from photo51.config.enrichment import LedgerParams
    from photo51.enrichment.inputs import Inputs, open_codes
    from photo51.enrichment.ledger import ledger as run
    from photo51.io import provenance, read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, LEDGER

    given, inputs = parse(LedgerParams, params), Inputs.open(genomes)
    seeds = {s.name: open_codes(s, inputs) for s in seed or []}
    table = run(
        open_codes(codes, inputs), inputs, read_table(out / "concepts.parquet", CONCEPTS), seeds, given
    )
    made = provenance("ledger", given, [codes / "codes.json", out / "concepts.parquet", *inputs.files])
    made = made.model_copy(
        update={"inputs": {**made.inputs, **hashes([s / "codes.json" for s in seed or []])}}
    )
    write_table(table, out / "ledger.parquet", LEDGER, made)


@app.command()
def names(
    genomes: GenomeFolder,
    out: Out,
    params: ParamsOption = None,
) -> None:
    """Name features from all evidence of a run, each with its kind and grade; needs OUT/concepts, writes OUT/names.parquet.

    Parameters are those of `photo51 concepts`.
    """
    from photo51.config import parse
    from photo51.config.enrichment import ConceptParams
    from photo51.enrichment.inputs import Inputs
    from photo51.enrichment.names import Evidence, fallen, name_features, top_shares
    from photo51.io import provenance, read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, ENRICHMENT, LEDGER, NAMES, SUMMARY
    from photo51.io.contracts.features import TOP_WINDOWS

    given, inputs = parse(ConceptParams, params), Inputs.open(genomes)
    files = {
        "concepts": CONCEPTS,
        "concept_summary": SUMMARY,
        "enrichment": ENRICHMENT,
        "ledger": LEDGER,
        "top_windows": TOP_WINDOWS,
    }
    paths = {name: out / f"{name}.parquet" for name in files}
    there = {name: path for name, path in paths.items() if name == "concepts" or path.exists()}
    tables = {name: read_table(path, files[name]) for name, path in there.items()}
    shares = None
    if "top_windows" in tables:
        classes = inputs.classes(given.classes, given.leave_out)
        shares = top_shares(tables["top_windows"], classes, inputs.workspace.n_rows)
    evidence = Evidence(
        tables["concepts"],
        tables.get("concept_summary"),
        tables.get("enrichment"),
        tables.get("ledger"),
        shares,
    )
    table = name_features(evidence, given)
    write_table(
        table,
        out / "names.parquet",
        NAMES,
        provenance("names", given, [*there.values(), *inputs.files]),
    )
    first = table[table["rank"] == 0]
    counts = ", ".join(f"{n:,} {g}" for g, n in first["grade"].value_counts().sort_index().items()) or "none"
    typer.echo(
        f"names: {counts}; {fallen(table):,} with F1 above its nulls have none, as their MCC is below {given.named_mcc:g}"
    )


def hashes(files: list[Path]) -> dict[str, str]:
    """SHA-256 of files that share a name, by folder and name."""
    from photo51.io import sha256

    return {f"{f.parent.name}/{f.name}": sha256(f) for f in files}


def _enrichment(out: Path) -> pd.DataFrame | None:
    """The run's enrichment table, where it is there."""
    from photo51.io import read_table
    from photo51.io.contracts.enrichment import ENRICHMENT

    path = out / "enrichment.parquet"
    return read_table(path, ENRICHMENT) if path.exists() else None
