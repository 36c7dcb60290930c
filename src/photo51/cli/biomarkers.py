"""`photo51 variants`, `gather-variants`, `biomarkers`, `cards`, `cohort-check`, `cohort` and `distil`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads
from photo51.types import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from photo51.biomarkers.burden import Burden
    from photo51.config.biomarkers import CohortParams
    from photo51.genome.variants import Genotypes
    from photo51.io import Provenance

Folder = Annotated[Path, typer.Argument(help="prepared genomes (`photo51 prepare`)")]
Files = Annotated[list[Path], typer.Argument(help="VCF files or tables of variants on one genome")]
Out = Annotated[
    Path, typer.Option("--out", help="table to write, as variants/SET.parquet; Δ go beside it (.h5ad)")
]
Genome = Annotated[str | None, typer.Option(help="genome the variants are on, where there are several")]
Tables = Annotated[list[Path], typer.Argument(help="variant effects, variants/SET.parquet")]
Shards = Annotated[int, typer.Option("--shards", min=1, help="number of shards")]


@app.command()
def variants(
    genomes: Folder,
    files: Files,
    out: Out,
    model: Annotated[str, typer.Option(help="model, as `sh2:base` or a folder")],
    sae: Annotated[Path, typer.Option(help="folder of the dictionary")],
    genome: Genome = None,
    params: ParamsOption = None,
    shards: Shards = 1,
    shard: Annotated[
        int | None, typer.Option(help="score this shard alone, 0 to shards - 1, and gather later")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Score variants on both strands: likelihood ratios, feature changes, consequences; one table, and Δ beside it."""
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.biomarkers import VariantsParams
    from photo51.effects.run import gather_shards, load_variants, made_by, run_shards, scorer_of
    from photo51.model.adapters import load_model
    from photo51.sae.dictionary import Dictionary

    torch.set_num_threads(threads)
    given = parse(VariantsParams, params)
    found = load_variants(genomes, files, given, genome, out.stem, annotated=shard is None)
    scorer, hashes = scorer_of(load_model(model, device=device), Dictionary.load(sae), given)
    made = made_by(genomes, files, given, hashes)
    wanted = list(range(shards)) if shard is None else [shard]
    run_shards(found, scorer, given, out=out, shards=wanted, n_shards=shards, made=made)
    if shard is None:
        gather_shards(found, out=out, n_shards=shards)


@app.command()
def gather_variants(
    genomes: Folder,
    files: Files,
    out: Out,
    shards: Shards,
    genome: Genome = None,
    params: ParamsOption = None,
) -> None:
    """Join the shards of a set of variants; arguments are those of `photo51 variants`."""
    from photo51.config import parse
    from photo51.config.biomarkers import VariantsParams
    from photo51.effects.run import gather_shards, load_variants

    found = load_variants(genomes, files, parse(VariantsParams, params), genome, out.stem)
    gather_shards(found, out=out, n_shards=shards)


@app.command()
def biomarkers(
    tables: Tables,
    out: Annotated[Path, typer.Argument(help="folder to write to, as biomarkers/SET")],
    params: ParamsOption = None,
) -> None:
    """Compare disease with harmless variants: features within strata, and every score with genes held out."""
    from photo51.biomarkers.stage import run_biomarkers
    from photo51.config import parse
    from photo51.config.biomarkers import BiomarkersParams

    run_biomarkers(tables, out, parse(BiomarkersParams, params))


@app.command()
def cards(
    tables: Tables,
    folder: Annotated[
        Path, typer.Argument(help="folder `photo51 biomarkers` has written, as biomarkers/SET")
    ],
    names: Annotated[
        Path | None,
        typer.Option(help="table (.tsv or .parquet) with feature, name and, if wanted, logo: a picture"),
    ] = None,
    concepts: Annotated[
        Path | None, typer.Option(help="names.parquet: features are called what they mark")
    ] = None,
    places: Annotated[
        Path | None, typer.Option(help="top_windows.parquet: where each feature fires strongest")
    ] = None,
    params: ParamsOption = None,
    *,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="read every number of the cards again where it says it comes from"),
    ] = False,
) -> None:
    """Explain scores of single variants: one JSON and one picture each, every number with its source."""
    from photo51.biomarkers.card_files import verify_card
    from photo51.biomarkers.known import read_known
    from photo51.biomarkers.stage import run_cards
    from photo51.config import parse
    from photo51.config.biomarkers import CardsParams

    known = read_known(None if names is None else _table(names), concepts=concepts, places=places)
    for path in run_cards(tables, folder, parse(CardsParams, params), known):
        n = f"  {verify_card(path, folder / 'variants.parquet')} numbers verified" if verify else ""
        typer.echo(f"{path}{n}")


Panel = Annotated[
    Path,
    typer.Argument(
        help="individuals: name, phenotype, covariates (.tsv, .csv, PLINK's .fam, .psam, .pheno, .phen, .sample, or columns parted by blanks)"
    ),
]
Vcf = Annotated[Path | None, typer.Option(help="VCF file with samples")]
CohortOut = Annotated[Path, typer.Argument(help="folder to write to, as cohort/NAME")]


@app.command()
def cohort_check(
    panel: Panel,
    out: CohortOut,
    genotypes: Vcf = None,
    params: ParamsOption = None,
    *,
    external: Annotated[
        bool, typer.Option("--external", help="another cohort is kept for validation: nobody is put away")
    ] = False,
) -> None:
    """Say whether a cohort can be tested (coding, names, clades, cases and controls of each) before any model is run."""
    from photo51.biomarkers.burden import markers_of
    from photo51.biomarkers.cohort import roster
    from photo51.biomarkers.cohort_stage import check_cohort
    from photo51.biomarkers.panel import as_text, columns_of, read_panel
    from photo51.config import parse
    from photo51.config.biomarkers import CohortParams
    from photo51.genome.variants import read_genotypes
    from photo51.io import provenance

    given, people = parse(CohortParams, params), read_panel(panel)
    if genotypes is None:
        names = as_text(people[columns_of(people, given).individual]).tolist()
        roster(names, people, given)
        return
    found = read_genotypes(genotypes)
    made = provenance("cohort-check", given, [panel, genotypes])
    plan = check_cohort(
        list(found.samples),
        markers_of(found, given.max_missing),
        people,
        out,
        given,
        made=made,
        external=external,
    )
    typer.echo(plan.table.to_string(index=False, float_format="{:.2f}".format))


@app.command()
def cohort(
    panel: Panel,
    out: CohortOut,
    genotypes: Vcf = None,
    variants: Annotated[
        Path | None, typer.Option(help="variant effects of its alleles, variants/SET.parquet")
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="codes store: individuals are the genomes of the run")
    ] = None,
    genomes: Annotated[Path | None, typer.Option(help="prepared genomes of the codes")] = None,
    params: ParamsOption = None,
    distil: Annotated[
        str | None,
        typer.Option(
            help="distil rules before the lock is opened; parameters of `photo51 distil`: JSON or a file"
        ),
    ] = None,
    external_panel: Annotated[
        Path | None, typer.Option(help="individuals of another cohort, kept for validation")
    ] = None,
    external_genotypes: Annotated[Path | None, typer.Option(help="their VCF file")] = None,
    external_variants: Annotated[
        Path | None, typer.Option(help="effects of their alleles; default: --variants")
    ] = None,
    external_params: Annotated[
        str | None, typer.Option(help="columns and coding of their panel; default: --params")
    ] = None,
    *,
    open_lock: Annotated[
        bool,
        typer.Option("--open-lock", help="test what was found, and the distilled rules, on validation: once"),
    ] = False,
    reopen: Annotated[
        bool,
        typer.Option(
            "--reopen", help="open again with other questions; stays on record as a further opening"
        ),
    ] = False,
) -> None:
    """Test feature burdens of individuals against a phenotype, with descent and covariates taken into account.

    Example: photo51 cohort panel.tsv cohort/mine --genotypes isolates.vcf.gz --variants variants/isolates.parquet
    """
    from photo51.biomarkers.cohort_stage import External, Validation, check_cohort, run_cohort
    from photo51.biomarkers.panel import read_panel
    from photo51.config import parse
    from photo51.config.biomarkers import CohortParams, DistilParams

    given, people = parse(CohortParams, params), read_panel(panel)
    other, plan = None, None
    if (external_panel is None) != (external_genotypes is None):
        raise InputError("cohort: need --external-panel and --external-genotypes together, got one of them")
    has_other = external_panel is not None
    if genotypes is not None and variants is not None:
        made, read = _genotyped(genotypes, given, [panel, variants, variants.with_suffix(".h5ad")])
        plan = check_cohort(read.samples, read.markers, people, out, given, made=made, external=has_other)
        burden = _variant_burden(read, variants, given)
    else:
        burden, made = _genome_burden(panel, codes, genomes, given)
    if external_panel is not None and external_genotypes is not None:
        effects = external_variants or variants
        if effects is None:
            raise InputError(
                "cohort: need --external-variants, effects of the alleles of the other cohort, got none"
            )
        theirs = (
            given if external_params is None else parse(CohortParams, external_params, "--external-params")
        )
        _, read = _genotyped(external_genotypes, theirs, [])
        other = External(_variant_burden(read, effects, theirs), read_panel(external_panel), theirs)
    validation = Validation(
        open_lock=open_lock, reopen=reopen, distil_first=distil is not None, external=other
    )
    rules = None if distil is None else parse(DistilParams, distil, "--distil")
    run_cohort(burden, people, out, given, made=made, plan=plan, validation=validation, distil_params=rules)


@app.command()
def distil(
    where: Annotated[
        list[Path],
        typer.Argument(
            help="a folder of `photo51 cohort`; or variant tables, then --out and the parameters of the comparison"
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="folder to write to, for variants: biomarkers/SET")] = None,
    comparison: Annotated[
        str | None, typer.Option(help="parameters of `photo51 biomarkers`, for variants: JSON or a file")
    ] = None,
    params: ParamsOption = None,
) -> None:
    """Find the smallest rule that keeps the signal; a cohort's rule meets the validation set through `cohort --open-lock`."""
    from photo51.biomarkers.distil_stage import run_distil_cohort, run_distil_variants
    from photo51.biomarkers.stage import comparison_of
    from photo51.config import parse
    from photo51.config.biomarkers import BiomarkersParams, DistilParams
    from photo51.io import provenance

    given = parse(DistilParams, params)
    if where[0].is_dir():
        run_distil_cohort(where[0], given)
        return
    if out is None:
        raise InputError("--out: need a folder to write rules of variants to, got none")
    settings = parse(BiomarkersParams, comparison, "--comparison")
    made = provenance("distil", given, list(where))
    run_distil_variants(comparison_of(where, settings), out, given, settings, made)


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path}: need a table, got no such file")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    try:
        return pd.read_csv(path, sep="," if path.name.endswith((".csv", ".csv.gz")) else "\t")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as e:
        raise InputError(f"{path}: need a table with a header, got a file that is none ({e})") from e


class _Read(NamedTuple):
    genotypes: Genotypes
    samples: list[str]
    markers: NDArray[np.float64]


def _genotyped(vcf: Path, params: CohortParams, inputs: list[Path]) -> tuple[Provenance, _Read]:
    from photo51.biomarkers.burden import markers_of
    from photo51.genome.variants import read_genotypes
    from photo51.io import provenance

    found = read_genotypes(vcf)
    read = _Read(found, list(found.samples), markers_of(found, params.max_missing))
    return provenance("cohort", params, [vcf, *inputs]), read


def _variant_burden(read: _Read, variants: Path, params: CohortParams) -> Burden:
    from photo51.biomarkers.burden import variant_burden
    from photo51.biomarkers.stage import read_sets

    table, effects = read_sets([variants])
    return variant_burden(
        read.genotypes, table, effects, statistic=params.statistic, max_missing=params.max_missing
    )


def _genome_burden(
    panel: Path, codes: Path | None, genomes: Path | None, params: CohortParams
) -> tuple[Burden, Provenance]:
    from photo51.biomarkers.burden import genome_burden
    from photo51.codes.store import CodesStore
    from photo51.genome.workspace import Workspace
    from photo51.io import provenance

    if codes is None or genomes is None:
        raise InputError(
            "cohort: need --genotypes and --variants, or --codes and --genomes, got neither pair"
        )
    made = provenance("cohort", params, [panel, genomes / "workspace.parquet", *sorted(codes.glob("*.json"))])
    return genome_burden(CodesStore.open(codes), Workspace.read(genomes / "workspace.parquet")), made
