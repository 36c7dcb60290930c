"""What features mean: `photo51 enrich`, `concepts`, `motifs`, `genesets`, `novelty`, `replication`, `names`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import DISCOVERY
from photo51.cli.stage import StageJob, extra, stage
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.enrichment.annotations.inputs import Inputs
    from photo51.io import Provenance

_CONTROLS = (extra("seed1", "codes_folder", sae="seed1"), extra("random", "codes_folder", sae="random"))


def _inputs(job: StageJob) -> Inputs:
    from photo51.enrichment.annotations.inputs import Inputs

    return Inputs.open(job.path("genome"))


@stage(
    DISCOVERY,
    reads=("codes", "annotations", "windows"),
    writes=("enrichment", "qq", "adjusted_rates"),
    params="enrichment.EnrichParams",
    configured="enrichment",
    scatter="features",
)
def enrich(job: StageJob) -> None:
    """Test features against annotations, exact rotation null.

    False discovery rates are made over all parts when they are joined, and the run is calibrated on rotated
    activations.
    """
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.association.stage import (
        Enrichment,
        enrich_provenance,
        enrich_shard,
        gather_parts,
        part_path,
        shared_path,
    )
    from photo51.io import write_table
    from photo51.io.contracts.enrichment import ENRICHMENT

    codes, inputs, params = job.path("codes_folder"), _inputs(job), job.params
    lineage = enrich_provenance(codes, inputs, params)
    if job.gather is None:
        i, n = job.part or (0, 1)
        tests = Enrichment(codes, inputs, params, shared_path(job.run) if n > 1 else None)
        write_table(enrich_shard(tests, i, n, job.threads), part_path(job.run, i), ENRICHMENT, lineage)
    if job.part is None:
        gather_parts(job.run, open_codes(codes, inputs), lineage, params, job.gather or 1)


@stage(
    DISCOVERY,
    reads=("enrichment", "codes", "windows"),
    writes=("concepts", "concept_summary", "instances", "regions"),
    extras=(extra("activations"), _CONTROLS[1]),
    params="enrichment.ConceptParams",
    configured="concepts",
)
def concepts_command(job: StageJob) -> None:
    """Choose features for annotations, report on held-out blocks.

    Next to neurons, components and probes of the activations, k-mers and codes of a model with random weights.
    """
    from photo51.activations.store import ActivationStore
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.annotations.readout import codes_readout, kmer_readout
    from photo51.enrichment.concepts.evaluation import Evaluation
    from photo51.enrichment.concepts.stage import across_genomes, evaluated, region_table
    from photo51.enrichment.concepts.summary import headline, summarise_concepts
    from photo51.io import read_table, write_json, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, ENRICHMENT, INSTANCES, REGIONS, SUMMARY

    params, inputs, codes = job.params, _inputs(job), job.path("codes_folder")
    evaluation = Evaluation(inputs.workspace, inputs.classes(params.classes, params.leave_out), inputs.bases, params)
    stored = job.extra("activations")
    channels = None if stored is None else ActivationStore(stored, n_rows=inputs.workspace.n_rows)
    enrichment = read_table(job.path("enrichment"), ENRICHMENT)
    table = evaluated(evaluation, inputs, codes, random=job.extra("random"), channels=channels, enrichment=enrichment)
    summary = summarise_concepts(evaluation, table)
    lineage = job.made(job.path("codes"), job.path("enrichment"), *inputs.files)
    store = open_codes(codes, inputs)
    sae = codes_readout(store, range(store.n_features))
    instances = across_genomes(evaluation, (sae, kmer_readout(inputs.bases, inputs.segments)))
    write_table(instances, job.path("instances"), INSTANCES, lineage)
    write_table(region_table(evaluation, sae), job.path("regions"), REGIONS, lineage)
    write_table(table, job.path("concepts"), CONCEPTS, lineage)
    write_table(summary, job.path("concept_summary"), SUMMARY, lineage)
    write_json(headline(summary), job.path("concept_figures"))


@stage(
    DISCOVERY,
    reads=("enrichment", "codes", "windows"),
    writes=("shapes", "logos", "profiles", "motif_matches"),
    params="enrichment.MotifParams",
    configured="motifs",
)
def motifs(
    job: StageJob,
    motifs: Annotated[Path | None, typer.Option(help="known motifs, in MEME's minimal format")] = None,
) -> None:
    """Draw what features look like: shapes, logos, profiles."""
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.motifs.stage import portray
    from photo51.genome.annotation.motifs import read_meme
    from photo51.io import read_table, write_table
    from photo51.io.contracts.enrichment import ENRICHMENT, LOGOS, MOTIF_MATCHES, PROFILES, SHAPES

    inputs = _inputs(job)
    given_motifs = [] if motifs is None else read_meme(motifs)
    enrichment = read_table(job.path("enrichment"), ENRICHMENT)
    store = open_codes(job.path("codes_folder"), inputs)
    tables = portray(store, inputs, job.params, given_motifs=given_motifs, enrichment=enrichment)
    lineage = job.made(job.path("codes"), job.path("enrichment"), *inputs.files, motifs)
    write_table(tables.shapes, job.path("shapes"), SHAPES, lineage)
    write_table(tables.logos, job.path("logos"), LOGOS, lineage)
    write_table(tables.profiles, job.path("profiles"), PROFILES, lineage)
    write_table(tables.matches, job.path("motif_matches"), MOTIF_MATCHES, lineage)


@stage(
    DISCOVERY,
    reads=("codes", "annotations", "windows"),
    writes=("genesets",),
    params="enrichment.GeneSetParams",
    configured="genesets",
)
def genesets(
    job: StageJob,
    gmt: Annotated[
        Path | None,
        typer.Option(help="gene sets: name, description, genes, tabs between; default: the run's"),
    ] = None,
) -> None:
    """Test which sets of genes features hit."""
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.association.genesets import gene_sets, read_gmt
    from photo51.io import write_table
    from photo51.io.contracts.enrichment import GENESETS

    file = gmt or job.configured("gene_sets")
    if file is None:
        raise InputError("genesets: need --gmt FILE, gene sets to test against, got none")
    sets, inputs = read_gmt(Path(file)), _inputs(job)
    table = gene_sets(open_codes(job.path("codes_folder"), inputs), inputs, sets, job.params)
    lineage = job.made(job.path("codes"), Path(file), *inputs.files)
    write_table(table, job.path("genesets"), GENESETS, lineage)


@stage(
    DISCOVERY,
    reads=("enrichment", "concepts", "codes", "windows"),
    writes=("novelty", "hidden_classes"),
    extras=(*_CONTROLS, extra("ablation"), extra("window_offsets")),
    params="enrichment.NoveltyParams",
    configured="novelty",
)
def novelty_command(job: StageJob) -> None:
    """Rank the features no annotation explains, and validate.

    The ranking is validated by leaving one annotation out at a time.
    """
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.novelty.stage import NoveltyEvidence
    from photo51.enrichment.novelty.stage import novelty as rank
    from photo51.io import read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, ENRICHMENT, HIDDEN, NOVELTY
    from photo51.io.contracts.features import WINDOW_OFFSETS
    from photo51.io.contracts.interventions import ABLATION

    inputs, tables = _inputs(job), (job.path("enrichment"), job.path("concepts"))
    seed, random = job.extra("seed1"), job.extra("random")
    ablation, window_offsets = job.extra("ablation"), job.extra("window_offsets")
    evidence = NoveltyEvidence(
        read_table(tables[0], ENRICHMENT),
        read_table(tables[1], CONCEPTS),
        [] if seed is None else [open_codes(seed, inputs)],
        None if random is None else open_codes(random, inputs),
        None if window_offsets is None else read_table(window_offsets, WINDOW_OFFSETS),
        None if ablation is None else read_table(ablation, ABLATION),
    )
    ranked = rank(open_codes(job.path("codes_folder"), inputs), inputs, evidence, job.params)
    lineage = job.made(job.path("codes"), *tables, *inputs.files, ablation, window_offsets)
    lineage = with_codes(lineage, [folder for folder in (seed, random) if folder is not None])
    write_table(ranked.queue, job.path("novelty"), NOVELTY, lineage)
    write_table(ranked.hidden, job.path("hidden_classes"), HIDDEN, lineage)


@stage(
    DISCOVERY,
    reads=("enrichment", "concepts", "codes", "windows"),
    writes=("replication",),
    extras=(_CONTROLS[0],),
    params="enrichment.ReplicationParams",
    configured="replication",
)
def replication_command(job: StageJob) -> None:
    """Replicate names: other strand, genomes, splits and seeds."""
    from photo51.enrichment.annotations.inputs import open_codes
    from photo51.enrichment.replication.checks import replication_checks
    from photo51.io import read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, REPLICATION

    inputs, seed = _inputs(job), job.extra("seed1")
    seeds = {} if seed is None else {seed.name: open_codes(seed, inputs)}
    table = replication_checks(
        open_codes(job.path("codes_folder"), inputs),
        inputs,
        read_table(job.path("concepts"), CONCEPTS),
        seeds,
        job.params,
    )
    lineage = job.made(job.path("codes"), job.path("concepts"), *inputs.files)
    write_table(table, job.path("replication"), REPLICATION, with_codes(lineage, [] if seed is None else [seed]))


@stage(
    DISCOVERY,
    reads=("concepts", "annotations", "windows"),
    writes=("names",),
    extras=(extra("concept_summary"), extra("enrichment"), extra("replication"), extra("top_windows")),
    params="enrichment.ConceptParams",
    configured="concepts",
)
def names_command(job: StageJob) -> None:
    """Name features from all evidence, each with its grade.

    Parameters are those of `photo51 concepts`.
    """
    from photo51.enrichment.concepts.names import NameEvidence, fallen, name_features, top_shares
    from photo51.io import read_table, write_table
    from photo51.io.contracts.enrichment import CONCEPTS, ENRICHMENT, NAMES, REPLICATION, SUMMARY
    from photo51.io.contracts.features import TOP_WINDOWS

    params, inputs = job.params, _inputs(job)
    contracts = {
        "concept_summary": SUMMARY,
        "enrichment": ENRICHMENT,
        "replication": REPLICATION,
        "top_windows": TOP_WINDOWS,
    }
    paths = {"concepts": job.path("concepts")}
    paths |= {name: path for name in contracts if (path := job.extra(name)) is not None}
    tables = {name: read_table(path, contracts.get(name, CONCEPTS)) for name, path in paths.items()}
    shares = None
    if "top_windows" in tables:
        classes = inputs.classes(params.classes, params.leave_out)
        shares = top_shares(tables["top_windows"], classes, inputs.workspace.n_rows)
    evidence = NameEvidence(
        tables["concepts"],
        tables.get("concept_summary"),
        tables.get("enrichment"),
        tables.get("replication"),
        shares,
    )
    table = name_features(evidence, params)
    write_table(table, job.path("names"), NAMES, job.made(*paths.values(), *inputs.files))
    first = table[table["rank"] == 0]
    counts = ", ".join(f"{n:,} {g}" for g, n in first["grade"].value_counts().sort_index().items()) or "none"
    typer.echo(
        f"names: {counts}; {fallen(table):,} with F1 above its nulls have none, as their MCC is below"
        f" {params.named_mcc:g}"
    )


def with_codes(lineage: Provenance, folders: list[Path]) -> Provenance:
    """Provenance with the hashes of other codes, by folder and name, as their files share a name."""
    from photo51.io import sha256

    hashes = {f"{folder.name}/codes.json": sha256(folder / "codes.json") for folder in folders}
    return lineage.model_copy(update={"inputs": {**lineage.inputs, **hashes}})
