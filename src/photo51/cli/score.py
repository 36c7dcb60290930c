"""`photo51 score`: scores of a VCF file in one line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import VARIANTS, ParamsOption, ThreadsOption, app, set_threads
from photo51.types import InputError

log = logging.getLogger(__name__)


@app.command("score", rich_help_panel=VARIANTS)
def score_command(
    vcf: Annotated[Path, typer.Argument(help="VCF file (plain, gzip, bgzip), or a table with pos, ref, alt")],
    genome: Annotated[
        str,
        typer.Option(
            help="FASTA or GenBank file; folder of `photo51 prepare` or of a run; name in config/genomes.tsv; accession"
        ),
    ],
    annotation: Annotated[
        list[Path] | None,
        typer.Option(help="GFF3, GTF, GenBank or gene table for a sequence file; may be repeated"),
    ] = None,
    model: Annotated[str, typer.Option(help="model, as `sh2:nano`, `sh2:base` or a folder")] = "sh2:base",
    sae: Annotated[
        str | None,
        typer.Option(help="dictionary for feature changes: a run, a folder, or `shipped`; default: likelihoods alone"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="table to write; default: VCF's name with .scores.tsv, here")] = None,
    name: Annotated[str | None, typer.Option(help="genome of a prepared folder that has several")] = None,
    genetic_code: Annotated[
        int | None, typer.Option(help="NCBI translation table; default: the annotation's, else 1")
    ] = None,
    topology: Annotated[str, typer.Option(help="auto, linear, circular or circular:chrom")] = "auto",
    params: ParamsOption = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Score the variants of a VCF file in one line.

    Without a configuration: likelihood ratios, consequence, gene, and baselines, positions 1-based.

    Writes a table, of a VCF file also a copy with the scores in INFO (P51_LLR, P51_FLANK, P51_FAIR, P51_MARKOV,
    P51_CSQ, P51_GENE), and what could not be scored with the reason (.refused.tsv). The more negative `llr`, the more
    the model is surprised by the alternative allele; where alleles change the length, `llr_fair` compares them with
    random changes of like length. `llr_markov` (a Markov chain of the genome) and `severity` (of the consequence) need
    no model.

    Example: photo51 score mine.vcf.gz --genome genome.fa --annotation genes.gff3 --model sh2:nano --out scores.tsv
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.base import validated
    from photo51.config.biomarkers import VariantsParams
    from photo51.effects.score import (
        DEFAULTS,
        annotate_vcf,
        dictionary_of,
        is_text_vcf,
        opened_genome,
        remove_copy,
        write_scores,
    )
    from photo51.effects.score import score_file as run
    from photo51.model.families.adapters import load_model

    torch.set_num_threads(threads)
    stated = parse(VariantsParams, params)
    # what is not stated stays as this command has it, not as a run would
    chosen = {name: getattr(stated, name) for name in stated.model_fields_set}
    settings = validated(VariantsParams, {**DEFAULTS.model_dump(), **chosen}, "--params")
    if out is not None and out.is_dir():
        raise InputError(f"--out {out}: need the name of a table, got a folder")
    dictionary = dictionary_of(sae, model)
    stem = vcf.name.removesuffix(".gz").removesuffix(".bgz")
    stem = stem.rsplit(".", 1)[0] if "." in stem else stem
    table_path = out or Path(f"{stem}.scores.tsv")
    copy = table_path.with_suffix(".vcf")
    if is_text_vcf(vcf) and (copy == table_path or copy.resolve() == vcf.resolve()):
        raise InputError(
            f"--out {table_path}: need the name of a table whose annotated copy, {copy}, is another file than the table"
            " and the source; name it with .tsv behind another name"
        )
    if table_path.resolve() == vcf.resolve():
        raise InputError(f"--out {table_path}: need another file than the source, got the same")
    with opened_genome(genome, annotation or (), genetic_code=genetic_code, topology=topology) as folder:
        table, loaded = run(folder, [vcf], load_model(model, device=device), dictionary, settings, name)
        write_scores(table, loaded, table_path)
        if is_text_vcf(vcf):
            annotate_vcf(vcf, table, loaded, copy)
        else:
            remove_copy(copy)
            if ".vcf" in vcf.suffixes:
                log.warning("%s: no first line ##fileformat=VCF…, so that no copy is annotated; the table has all", vcf)
    typer.echo(f"{table_path}  {len(table)} variants scored, {len(loaded.refused)} listed as refused")
