"""Cohorts from files to files; the validation individuals stay behind the lock until they are asked for by name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import theme
from photo51.biomarkers import plots
from photo51.biomarkers.cards.picture import save
from photo51.biomarkers.cohorts import lock
from photo51.biomarkers.cohorts.burden import Burden
from photo51.biomarkers.cohorts.carriers import (
    Level,
    association_rows,
    baselines,
    burden_levels,
    carriers,
    carriers_verdict,
)
from photo51.biomarkers.cohorts.cohort import Cohort, assemble_cohort, roster
from photo51.biomarkers.cohorts.distil import Distilled, try_rules
from photo51.biomarkers.cohorts.distil_stage import DISCOVERY, quantities_of, rules_of, run_distil_cohort
from photo51.biomarkers.cohorts.feasibility import CohortDesign, design, least_clades
from photo51.biomarkers.cohorts.lock import LOCK
from photo51.biomarkers.cohorts.panel import numeric_column
from photo51.biomarkers.cohorts.tests import Discovery, discover, leave_one_clade_out, validate
from photo51.config.biomarkers import CohortParams, DistilParams
from photo51.io import Provenance, TableSpec, content_hash, write_h5ad, write_json, write_table
from photo51.io.contracts.biomarkers import (
    ASSOCIATIONS,
    CARRIERS,
    COHORT_TESTS,
    FEASIBILITY,
    LAMBDAS,
    LEVELS,
    RULES,
    UNMATCHED,
)
from photo51.stats.clades import clades
from photo51.stats.mixed import similarity
from photo51.types import InputError

log = logging.getLogger(__name__)
NAMED = 20


class External(NamedTuple):
    """Another cohort, kept for validation: read, and looked at once.

    Attributes
    ----------
    burden, panel
        As of the first cohort.
    params
        Columns and coding of its panel.
    """

    burden: Burden
    panel: pd.DataFrame
    params: CohortParams


class Validation(NamedTuple):
    """How the validation individuals are looked at.

    Attributes
    ----------
    open_lock
        Ask them what was found.
    reopen
        Ask again, with other questions than before; recorded as a further opening.
    distil_first
        Distil rules before the lock is opened, so that they are among the questions.
    external
        Another cohort that is kept for validation; nobody of this one is put away then.
    """

    open_lock: bool = False
    reopen: bool = False
    distil_first: bool = False
    external: External | None = None


class CohortSide(NamedTuple):
    """Individuals of one side, with their burdens and plain quantities as they are."""

    cohort: Cohort
    features: NDArray[np.float64]
    raw: pd.DataFrame
    rows: NDArray[np.int64]


def check_cohort(
    genomes: list[str],
    markers: NDArray[np.float64],
    panel: pd.DataFrame,
    out: Path,
    params: CohortParams,
    *,
    lineage: Provenance,
    external: bool = False,
) -> CohortDesign:
    """Whether the cohort can answer, from names, phenotypes and kinship: before any feature is computed.

    Writes `feasibility` and `unmatched` (parquet) to `out`.

    Raises
    ------
    InputError
        As `roster` and `design`.
    """
    people = roster(genomes, panel, params)
    plan = design(people, markers[people.rows], external=external)
    write_table(plan.table, out / "feasibility.parquet", FEASIBILITY, lineage)
    write_table(people.unmatched, out / "unmatched.parquet", UNMATCHED, lineage)
    return plan


def _side(burden: Burden, plan: CohortDesign, cohort: Cohort, rows: NDArray[np.int64]) -> CohortSide:
    people = plan.people
    identifying = {people.params.individual, people.params.phenotype}
    columns = {c: numeric_column(people.table[c]).to_numpy() for c in people.table.columns if c not in identifying}
    # columns of words are no quantities
    columns = {c: v for c, v in columns.items() if not np.isnan(v).all()}
    members = people.rows[rows]
    raw = pd.concat(
        [
            burden.raw.iloc[members].reset_index(drop=True),
            pd.DataFrame(columns, index=range(len(people.rows))).iloc[rows].reset_index(drop=True),
        ],
        axis=1,
    )
    # the burden's own quantities come first: a column of the panel with their name is left out
    return CohortSide(cohort.subset(rows), burden.burden[members], raw.loc[:, ~raw.columns.duplicated()], members)


def run_cohort(
    burden: Burden,
    panel: pd.DataFrame,
    out: Path,
    params: CohortParams,
    *,
    lineage: Provenance,
    plan: CohortDesign | None = None,
    validation: Validation | None = None,
    distil_params: DistilParams | None = None,
) -> pd.DataFrame:
    """Test a cohort on its discovery individuals; if asked to, ask the validation individuals once what was found.

    Parameters
    ----------
    burden, panel, params
        The cohort.
    out
        Folder. Gets `feasibility`, `unmatched`, `cohort_tests`, `lambdas`, `associations`, `levels`, `carriers`
        (parquet), `discovery.h5ad` for `photo51 distil`, `lock.json`, `summary.json`, a figure; with the lock open and
        rules distilled before, `rules.parquet`.
    lineage
        Provenance.
    plan
        What `check_cohort` found, where it was called before.
    validation
        Who is asked, and when.
    distil_params
        How rules are distilled and tried.

    Raises
    ------
    InputError
        As `check_cohort` and `photo51.biomarkers.cohorts.lock.open_once`.
    """
    validation = validation or Validation()
    external = validation.external
    if plan is None:
        plan = check_cohort(
            burden.individuals, burden.markers, panel, out, params, lineage=lineage, external=external is not None
        )
    params = plan.people.params
    whole = assemble_cohort(burden, plan.people, plan.relatedness, plan.clade)
    first = _side(burden, plan, whole, np.flatnonzero(~plan.away))
    second = _validation(burden, plan, whole, external)
    sealed = _seal(out, second)
    discovery = discover(first.cohort, params, least_clades(plan.people))
    tests = discovery.tests
    if not sealed.is_open:
        write_h5ad(_stored(first, params), out / DISCOVERY, lineage)
        if validation.distil_first:
            _distil_if_binary(out, first.cohort, distil_params or DistilParams())
    if plan.scheme == "leave_one_clade_out":
        tests = leave_one_clade_out(tests, first.cohort, params)
    if validation.open_lock and second is None:
        log.warning("open_lock: nobody was put away (%s); there is no lock to open", plan.scheme)
    if validation.open_lock and second is not None:
        rules = rules_of(out)
        discovered = tests["feature"][tests["q"] <= params.alpha].tolist()
        # fixed before the lock opens: these are hashed as the questions
        questions = {"features": discovered, "rules": [d.rule.dump() for d in rules]}
        sealed = lock.open_once(out / LOCK, questions, reopen=validation.reopen)
        _say_opening(sealed, len(discovered), len(rules))
        tests = validate(tests, second.cohort, params)
        if rules:
            write_table(_tried(rules, first, second, distil_params), out / "rules.parquet", RULES, lineage)
    write_table(tests, out / "cohort_tests.parquet", COHORT_TESTS, lineage)
    write_table(discovery.lambdas, out / "lambdas.parquet", LAMBDAS, lineage)
    tables, answer = _alleles(burden, tests, first, discovery, params)
    for table, spec in tables:
        write_table(table, out / f"{spec.name}.parquet", spec, lineage)
    write_json(_summary(first, second, discovery, sealed, plan, answer), out / "summary.json")
    with theme.style():
        figure, ax = plt.subplots(figsize=(theme.WIDTH_2, 1.8))
        plots.inflation(ax, discovery.lambdas)
        save(figure, out / "lambdas.png")
    return tests


def _validation(burden: Burden, plan: CohortDesign, whole: Cohort, external: External | None) -> CohortSide | None:
    if external is None:
        return _side(burden, plan, whole, np.flatnonzero(plan.away)) if plan.away.any() else None
    people = roster(external.burden.individuals, external.panel, external.params)
    if people.is_binary != plan.people.is_binary or external.burden.burden.shape[1] != burden.burden.shape[1]:
        raise InputError(
            "external cohort: need a phenotype and features like those of the cohort, got"
            f" {external.burden.burden.shape[1]} features and"
            f" {'cases and controls' if people.is_binary else 'a quantity'}, against {burden.burden.shape[1]} and"
            f" {'cases and controls' if plan.people.is_binary else 'a quantity'}"
        )
    relatedness = similarity(external.burden.markers[people.rows])
    clade = clades(relatedness, external.params.n_clades) if people.clade is None else people.clade
    cohort = assemble_cohort(external.burden, people, relatedness, np.asarray(clade))
    outside = plan._replace(people=people)
    return _side(external.burden, outside, cohort, np.arange(len(people.rows)))


def _seal(out: Path, second: CohortSide | None) -> lock.Lock:
    if second is None:
        return lock.seal(out / LOCK, [], content_hash("nobody"))
    cohort = second.cohort
    names = [str(n) for n in cohort.individuals]
    # burdens by one number: the same individuals with other features are another set
    content = content_hash(names, cohort.phenotype.tolist(), float(np.abs(cohort.burden).sum()))
    return lock.seal(out / LOCK, names, content)


def _distil_if_binary(out: Path, cohort: Cohort, params: DistilParams) -> None:
    if cohort.is_binary:
        run_distil_cohort(out, params)
    else:
        log.info("distil: left out, the phenotype is a quantity")


def _say_opening(sealed: lock.Lock, features: int, rules: int) -> None:
    log.info("lock opened for %d features and %d rules", features, rules)
    if sealed.openings > 1:
        log.warning(
            "this is opening %d of the validation set: what it finds was asked of data that had been seen",
            sealed.openings,
        )


def _tried(rules: list[Distilled], first: CohortSide, second: CohortSide, params: DistilParams | None) -> pd.DataFrame:
    """Try rules on the validation side; columns go by their names, as another panel may have them in another order."""
    raw = second.raw
    if any(d.rule.family != "features" for d in rules):
        if missing := [name for name in first.raw.columns if name not in raw]:
            raise InputError(
                f"validation panel: need the columns that rules were made of, got none called {missing[0]!r}"
            )
        raw = raw[list(first.raw.columns)]
    quantities = [quantities_of(d, second.features, raw) for d in rules]
    labels = second.cohort.phenotype.astype(np.int64)
    return try_rules(rules, quantities, labels, second.cohort.clade, params or DistilParams())


def _alleles(
    burden: Burden, tests: pd.DataFrame, first: CohortSide, discovery: Discovery, params: CohortParams
) -> tuple[list[tuple[pd.DataFrame, TableSpec]], str]:
    """What genes and alleles do beside features, and which of them carry each finding, as tables; and that in words."""
    features = Level("feature", tests["feature"].astype(str).tolist(), first.cohort.burden, np.full(len(tests), -1))
    tested = [(features, association_rows(features, tests))]
    if burden.alleles is not None:
        for level in baselines(burden.alleles, first.rows, params.transform):
            again = discovery.retest(level.values)
            slope = pd.DataFrame({"beta": again.slope.beta, "se": again.slope.se, "p": again.slope.p})
            rows = slope.assign(p_without=again.p_without, q=again.q)
            tested.append((level, association_rows(level, rows)))
    scores = burden_levels(first.cohort, tested, params.alpha, params.seed)
    tables = [(pd.concat([t for _, t in tested], ignore_index=True), ASSOCIATIONS), (scores, LEVELS)]
    if burden.alleles is not None:
        # by p: hits first, then what came nearest
        order = np.argsort(tests["p"].to_numpy(), kind="stable")
        hits = int((tests["q"] <= params.alpha).sum())
        ranked = tests["feature"].to_numpy()[order]
        named = carriers(burden.alleles, first.rows, ranked[: max(hits, NAMED)])
        tables.append((named, CARRIERS))
        for feature in ranked[: min(hits, NAMED)]:
            log.info("feature %d: %s", feature, _carried_by(named[named["feature"] == feature]))
    answer = carriers_verdict(scores)
    if answer:
        log.info("%s of held-out clades: %s", "AUROC" if first.cohort.is_binary else "correlation", answer)
    return tables, answer


def _carried_by(named: pd.DataFrame) -> str:
    """The leading gene and alleles of a feature's burden, with their shares."""
    gene, alleles = (named[named["level"] == level].head(n) for level, n in (("gene", 1), ("allele", 3)))
    parts = [f"{n} ({s:.0%})" for n, s in zip(gene["name"], gene["share"], strict=True)]
    for name, gene_name, consequence, share in alleles[["name", "gene", "consequence", "share"]].itertuples(
        index=False
    ):
        parts.append(f"{name} {gene_name} {consequence} ({share:.0%})")
    return "carried by " + ", ".join(parts) if parts else "no allele changes it"


def _summary(
    first: CohortSide,
    second: CohortSide | None,
    discovery: Discovery,
    sealed: lock.Lock,
    plan: CohortDesign,
    answer: str,
) -> dict[str, Any]:
    return {
        "individuals": {
            "discovery": len(first.cohort.phenotype),
            "validation": 0 if second is None else len(second.cohort.phenotype),
        },
        "scheme": plan.scheme,
        "clades_with_both_classes": discovery.n_clades,
        "clade_stability": None if np.isnan(plan.rand) else plan.rand,
        "h2": discovery.null.h2,
        "expected_false_by_stability": discovery.stability.expected_false,
        "levels": answer,
        "lock": {
            "sealed": sealed.sealed,
            "opened": sealed.opened,
            "openings": sealed.openings,
            "questions": sealed.questions,
            "earlier": list(sealed.earlier),
        },
    }


def _stored(side: CohortSide, params: CohortParams) -> ad.AnnData:
    """The discovery individuals, and no others, as `photo51 distil` needs them."""
    cohort = side.cohort
    obs = pd.DataFrame({"phenotype": cohort.phenotype, "clade": cohort.clade.astype(str)})
    obs.index = pd.Index([str(n) for n in cohort.individuals])
    stored = ad.AnnData(side.features, obs=obs)
    stored.obsm["covariates"] = cohort.covariates
    stored.obsm["raw"] = side.raw.to_numpy(dtype=float)
    stored.obsp["relatedness"] = cohort.relatedness
    stored.uns["raw_names"] = np.array(side.raw.columns, dtype=object)
    stored.uns["params"] = params.model_dump_json()
    return stored
