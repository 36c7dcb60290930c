"""`photo51 variants`, `gather-variants`, `biomarkers`, `cards`, `cohort` and `distil`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photo51.cli.app import ParamsOption, ThreadsOption, app, set_threads
from photo51.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from photo51.biomarkers.burden import Burden
    from photo51.config.biomarkers import CohortParams
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
    found = load_variants(genomes, files, given, genome, out.stem)
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
        Path | None, typer.Option(help="concepts.parquet: features are called what they mark")
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


@app.command()
def cohort(
    panel: Annotated[
        Path, typer.Argument(help="table of individuals: name, phenotype, covariates (.tsv, .csv)")
    ],
    out: Annotated[Path, typer.Argument(help="folder to write to, as cohort/NAME")],
    genotypes: Annotated[Path | None, typer.Option(help="VCF file with samples")] = None,
    variants: Annotated[
        Path | None, typer.Option(help="variant effects of its alleles, variants/SET.parquet")
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="codes store: individuals are the genomes of the run")
    ] = None,
    genomes: Annotated[Path | None, typer.Option(help="prepared genomes of the codes")] = None,
    params: ParamsOption = None,
    *,
    open_lock: Annotated[
        bool,
        typer.Option("--open-lock", help="test what was found, and the distilled rules, on validation: once"),
    ] = False,
) -> None:
    """Test feature burdens of individuals against a phenotype, with descent and covariates taken into account."""
    from photo51.biomarkers.cohort_stage import run_cohort
    from photo51.config import parse
    from photo51.config.biomarkers import CohortParams

    given, people = parse(CohortParams, params), _table(panel)
    burden, made = _burden(panel, genotypes, variants, codes, genomes, given)
    run_cohort(burden, people, out, given, made=made, open_lock=open_lock)


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
    from photo51.biomarkers.cohort_stage import run_distil_cohort, run_distil_variants
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


def _burden(
    panel: Path,
    genotypes: Path | None,
    variants: Path | None,
    codes: Path | None,
    genomes: Path | None,
    params: CohortParams,
) -> tuple[Burden, Provenance]:
    from photo51.biomarkers.burden import genome_burden, variant_burden
    from photo51.biomarkers.stage import read_sets
    from photo51.io import provenance

    if genotypes is not None and variants is not None:
        from photo51.genome.variants import read_genotypes

        made = provenance("cohort", params, [panel, genotypes, variants, variants.with_suffix(".h5ad")])
        table, effects = read_sets([variants])
        found = read_genotypes(genotypes)
        return (
            variant_burden(found, table, effects, statistic=params.statistic, max_missing=params.max_missing),
            made,
        )
    if codes is not None and genomes is not None:
        from photo51.codes.store import CodesStore
        from photo51.genome.workspace import Workspace

        made = provenance(
            "cohort", params, [panel, genomes / "workspace.parquet", *sorted(codes.glob("*.json"))]
        )
        return genome_burden(CodesStore.open(codes), Workspace.read(genomes / "workspace.parquet")), made
    raise InputError("cohort: need --genotypes and --variants, or --codes and --genomes, got neither pair")
