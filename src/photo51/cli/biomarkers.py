"""Variants and cohorts: `photo51 variants`, `biomarkers`, `cards`, `distil`, `cohort-check`, `cohort`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from photo51.cli.app import (
    VARIANTS,
    DeviceOption,
    ParamsOption,
    PartOption,
    ThreadsOption,
    app,
    parted,
    set_threads,
)
from photo51.cli.stage import STAGES, Stage, StageJob, extra, stage
from photo51.run.layout import run_file
from photo51.types import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from photo51.biomarkers.cohorts.burden import Burden
    from photo51.config.biomarkers import CohortParams
    from photo51.genome.variants.files import Genotypes
    from photo51.io import Provenance

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="set of variants compared, repeatable; default: those of comparison --name"),
]


@app.command("variants", rich_help_panel=VARIANTS)
def variants_command(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="folder of the run, or of prepared genomes (`photo51 prepare`)"),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="VCF files or tables of variants on one genome; default: those of --set"
        ),
    ] = None,
    set_name: Annotated[str | None, typer.Option("--set", help="name of the set: RUN/variants/SET.parquet")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="table to write in place of that; Δ are written next to it (.h5ad)")
    ] = None,
    genome: Annotated[str | None, typer.Option(help="genome the variants are on, where there are several")] = None,
    part: PartOption = None,
    gather: Annotated[
        int | None, typer.Option(min=1, help="join so many finished parts (variants), and do nothing else")
    ] = None,
    params: ParamsOption = None,
    model: Annotated[str | None, typer.Option(help="model, as `sh2:base` or a folder; default: the run's")] = None,
    sae: Annotated[str, typer.Option(help="dictionary of the run, or a folder")] = "main",
    device: DeviceOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Score variants by likelihood and changes of features.

    And their consequences. On both strands; one table, and the changes of features next to it.
    """
    set_threads(threads)
    from photo51.effects.run import gather_shards, load_variants, run_shards, scorer_of, set_provenance
    from photo51.sae.dictionary import Dictionary

    job = StageJob(
        VARIANT_EFFECTS,
        run,
        {"set": set_name},
        stated=params,
        model_name=model,
        device=device,
        threads=threads,
    )
    genomes = run if (run / "windows.parquet").is_file() else job.path("genome")
    out = out or job.path("variants")
    if not files:
        files, genome = _set_files(job, out.stem, genome)
    settings, chosen = job.params, parted(part)
    whole = chosen is None
    loaded = load_variants(genomes, files, settings, genome, out.stem, annotated=whole)
    i, n = chosen or (0, gather or 1)
    if gather is None:
        dictionary = Dictionary.load(Path(sae) if Path(sae).is_dir() else job.path("dictionary", sae=sae))
        scorer, hashes = scorer_of(job.model(), dictionary, settings)
        lineage = set_provenance(genomes, files, settings, hashes)
        run_shards(loaded, scorer, settings, out=out, shards=[i], n_shards=n, lineage=lineage)
    if whole:
        gather_shards(loaded, out=out, n_shards=n)


VARIANT_EFFECTS = Stage(
    "variants",
    VARIANTS,
    reads=("windows", "sequences_fasta", "dictionary_card"),
    writes=("variants", "variant_features"),
    params="biomarkers.VariantsParams",
    configured="variants",
    scatter="variants",
    model=True,
)
STAGES[VARIANT_EFFECTS.name] = VARIANT_EFFECTS


def _set_files(job: StageJob, name: str, genome: str | None) -> tuple[list[Path], str | None]:
    """Files of a set of variants by the run's table of genomes, and the genome they are on."""
    from photo51.genome.preparation.samples import read_genomes

    table = job.configured("genomes")
    rows = [] if table is None else read_genomes(table)
    sets = {n: (path, row.genome) for row in rows for n, path in row.variants}
    if name not in sets:
        raise InputError(
            f"variants: need FILE, or --set with one of the run's ({', '.join(sorted(sets)) or 'none'}), got {name!r}"
        )
    path, genome_of_set = sets[name]
    return [Path(path)], genome or genome_of_set


def _tables(job: StageJob, stated: list[str] | None) -> list[Path]:
    """Tables of the sets of variants that are compared."""
    sets = stated or list(job.configured("comparisons.{name}.sets") or ())
    if not sets:
        raise InputError(f"{job.stage.name}: need --set, or --name of a comparison of the run's configuration")
    paths = [job.path("variants", set=name) for name in sets]
    if missing := [path for path in paths if not path.is_file()]:
        raise InputError(f"{missing[0]}: need variant effects, got no such file. {run_file('variants').how}")
    return paths


@stage(
    VARIANTS,
    writes=("feature_tests", "classifiers"),
    params="biomarkers.BiomarkersParams",
    configured="comparisons.{name}.biomarkers",
)
def biomarkers(job: StageJob, sets: Sets = None) -> None:
    """Compare disease variants with harmless ones.

    Features within strata, and every score with genes held out.
    """
    from photo51.biomarkers.stage import run_biomarkers

    run_biomarkers(_tables(job, sets), job.path("comparison"), job.params)


@stage(
    VARIANTS,
    reads=("classifiers", "compared_variants"),
    writes=("cards",),
    extras=(extra("names"), extra("top_windows")),
    params="biomarkers.CardsParams",
    configured="comparisons.{name}.cards",
)
def cards(
    job: StageJob,
    sets: Sets = None,
    names: Annotated[
        Path | None,
        typer.Option(help="table (.tsv or .parquet) with feature, name and, if wanted, logo: a picture"),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="read every number of the cards again where it says it comes from"),
    ] = False,
) -> None:
    """Explain scores of single variants: evidence cards.

    One JSON and one picture each, every number with its source; features are called as `names.parquet` has them.
    """
    from photo51.biomarkers.cards.files import verify_card
    from photo51.biomarkers.cards.known import read_known
    from photo51.biomarkers.stage import run_cards

    stated = None if names is None else _table(names)
    facts = read_known(stated, concepts=job.extra("names"), places=job.extra("top_windows"))
    folder = job.path("comparison")
    for path in run_cards(_tables(job, sets), folder, job.params, facts):
        n = f"  {verify_card(path, folder / 'variants.parquet')} numbers verified" if verify else ""
        typer.echo(f"{path}{n}")


Panel = Annotated[
    Path,
    typer.Argument(
        help=(
            "individuals: name, phenotype, covariates (.tsv, .csv, PLINK's .fam, .psam, .pheno, .phen, .sample, or"
            " columns parted by blanks)"
        )
    ),
]
Vcf = Annotated[Path | None, typer.Option(help="VCF file with samples")]
CohortOut = Annotated[Path, typer.Argument(help="folder to write to, as cohort/NAME")]


@app.command(rich_help_panel=VARIANTS)
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
    """Say whether a cohort can be tested, before a model is run.

    Coding, names, clades, cases and controls of each.
    """
    from photo51.biomarkers.cohorts.burden import markers_of
    from photo51.biomarkers.cohorts.cohort import roster
    from photo51.biomarkers.cohorts.panel import as_text, columns_of, read_panel
    from photo51.biomarkers.cohorts.stage import check_cohort
    from photo51.config import parse
    from photo51.config.biomarkers import CohortParams
    from photo51.genome.variants.files import read_genotypes
    from photo51.io import provenance

    settings, people = parse(CohortParams, params), read_panel(panel)
    if genotypes is None:
        names = as_text(people[columns_of(people, settings).individual]).tolist()
        roster(names, people, settings)
        return
    called = read_genotypes(genotypes)
    lineage = provenance("cohort-check", settings, [panel, genotypes])
    plan = check_cohort(
        list(called.samples),
        markers_of(called, settings.max_missing),
        people,
        out,
        settings,
        lineage=lineage,
        external=external,
    )
    typer.echo(plan.table.to_string(index=False, float_format="{:.2f}".format))


@app.command("cohort", rich_help_panel=VARIANTS)
def cohort_command(
    panel: Panel,
    out: CohortOut,
    genotypes: Vcf = None,
    variants: Annotated[Path | None, typer.Option(help="variant effects of its alleles, variants/SET.parquet")] = None,
    codes: Annotated[Path | None, typer.Option(help="codes store: individuals are the genomes of the run")] = None,
    genomes: Annotated[Path | None, typer.Option(help="prepared genomes of the codes")] = None,
    params: ParamsOption = None,
    distil: Annotated[
        str | None,
        typer.Option(help="distil rules before the lock is opened; parameters of `photo51 distil`: JSON or a file"),
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
        typer.Option("--reopen", help="open again with other questions; stays on record as a further opening"),
    ] = False,
) -> None:
    """Test feature burdens of individuals against a phenotype.

    With descent and covariates taken into account.

    Example: photo51 cohort panel.tsv cohort/mine --genotypes isolates.vcf.gz --variants variants/isolates.parquet
    """
    from photo51.biomarkers.cohorts.panel import read_panel
    from photo51.biomarkers.cohorts.stage import External, Validation, check_cohort, run_cohort
    from photo51.config import parse
    from photo51.config.biomarkers import CohortParams, DistilParams

    settings, people = parse(CohortParams, params), read_panel(panel)
    other, plan = None, None
    if (external_panel is None) != (external_genotypes is None):
        raise InputError("cohort: need --external-panel and --external-genotypes together, got one of them")
    has_other = external_panel is not None
    if genotypes is not None and variants is not None:
        lineage, read = _genotyped(genotypes, settings, [panel, variants, variants.with_suffix(".h5ad")])
        plan = check_cohort(read.samples, read.markers, people, out, settings, lineage=lineage, external=has_other)
        burden = _variant_burden(read, variants, settings)
    else:
        burden, lineage = _genome_burden(panel, codes, genomes, settings)
    if external_panel is not None and external_genotypes is not None:
        effects = external_variants or variants
        if effects is None:
            raise InputError("cohort: need --external-variants, effects of the alleles of the other cohort, got none")
        theirs = settings if external_params is None else parse(CohortParams, external_params, "--external-params")
        # the question is the discovery's: columns and coding of a panel are its own, burdens are not
        same = {key: getattr(settings, key) for key in ("statistic", "transform", "max_missing")}
        theirs = theirs.model_copy(update=same)
        _, read = _genotyped(external_genotypes, theirs, [])
        other = External(_variant_burden(read, effects, theirs), read_panel(external_panel), theirs)
    validation = Validation(open_lock=open_lock, reopen=reopen, distil_first=distil is not None, external=other)
    rules = None if distil is None else parse(DistilParams, distil, "--distil")
    run_cohort(burden, people, out, settings, lineage=lineage, plan=plan, validation=validation, distil_params=rules)


@stage(
    VARIANTS,
    params="biomarkers.DistilParams",
    configured="comparisons.{name}.distil",
    writes=("variant_rules",),
)
def distil_command(
    job: StageJob,
    sets: Sets = None,
    cohort: Annotated[str | None, typer.Option(help="cohort of the run, in place of a comparison")] = None,
    comparison: Annotated[
        str | None,
        typer.Option(help="parameters of `photo51 biomarkers`: JSON or a file; default: those of comparison --name"),
    ] = None,
) -> None:
    """Find the smallest rule that keeps the signal.

    A cohort's rule meets the validation set through `photo51 cohort --open-lock`.
    """
    from photo51.biomarkers.cohorts.distil_stage import run_distil_cohort, run_distil_variants
    from photo51.biomarkers.stage import comparison_of
    from photo51.config import parse
    from photo51.config.biomarkers import BiomarkersParams

    if cohort is not None:
        run_distil_cohort(job.run / "cohort" / cohort, job.params)
        return
    tables, configured = _tables(job, sets), job.configured("comparisons.{name}.biomarkers")
    settings = (
        configured
        if comparison is None and configured is not None
        else parse(BiomarkersParams, comparison, "--comparison")
    )
    compared = comparison_of(tables, settings)
    run_distil_variants(compared, job.path("comparison"), job.params, settings, job.made(*tables))


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
    from photo51.biomarkers.cohorts.burden import markers_of
    from photo51.genome.variants.files import read_genotypes
    from photo51.io import provenance

    called = read_genotypes(vcf)
    read = _Read(called, list(called.samples), markers_of(called, params.max_missing))
    return provenance("cohort", params, [vcf, *inputs]), read


def _variant_burden(read: _Read, variants: Path, params: CohortParams) -> Burden:
    from photo51.biomarkers.cohorts.burden import variant_burden
    from photo51.biomarkers.stage import read_sets

    table, effects = read_sets([variants])
    return variant_burden(read.genotypes, table, effects, statistic=params.statistic, max_missing=params.max_missing)


def _genome_burden(
    panel: Path, codes: Path | None, genomes: Path | None, params: CohortParams
) -> tuple[Burden, Provenance]:
    from photo51.biomarkers.cohorts.burden import genome_burden
    from photo51.codes.store import CodesStore
    from photo51.genome.axis.workspace import Workspace
    from photo51.io import provenance

    if codes is None or genomes is None:
        raise InputError("cohort: need --genotypes and --variants, or --codes and --genomes, got neither pair")
    lineage = provenance("cohort", params, [panel, genomes / "workspace.parquet", *sorted(codes.glob("*.json"))])
    return genome_burden(CodesStore.open(codes), Workspace.read(genomes / "workspace.parquet")), lineage
