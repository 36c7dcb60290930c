"""Cohorts and rules from files to files; the validation individuals stay behind the lock until they are asked for by name."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import theme
from photo51.biomarkers import lock, plots
from photo51.biomarkers.association import split_genes
from photo51.biomarkers.burden import Burden
from photo51.biomarkers.card_picture import save
from photo51.biomarkers.cohort import Cohort, match, split_clades
from photo51.biomarkers.cohort_tests import discover, validate
from photo51.biomarkers.comparison import Comparison
from photo51.biomarkers.distil import (
    Distilled,
    Rule,
    cohort_problem,
    distil,
    try_rules,
    variant_problem,
)
from photo51.biomarkers.lock import LOCK
from photo51.config.biomarkers import BiomarkersParams, CohortParams, DistilParams
from photo51.io import Provenance, content_hash, read_h5ad, write_h5ad, write_json, write_table
from photo51.io.contracts.biomarkers import COHORT_TESTS, LAMBDAS, RULES, UNMATCHED
from photo51.types import InputError

log = logging.getLogger(__name__)
DISCOVERY, RULES_FILE = "discovery.h5ad", "rules.json"


class Sides(NamedTuple):
    """Discovery and validation individuals of a cohort, and their burdens and plain quantities as they are."""

    discovery: Cohort
    validation: Cohort
    features: tuple[NDArray[np.float64], NDArray[np.float64]]
    raw: tuple[pd.DataFrame, pd.DataFrame]


def sides(burden: Burden, panel: pd.DataFrame, params: CohortParams) -> Sides:
    """Match, and deal whole clades to the two sides."""
    cohort = match(burden, panel, params)
    away = split_clades(cohort, params.validation, np.random.default_rng(params.seed))
    rows = np.flatnonzero(~away), np.flatnonzero(away)
    place = {name: i for i, name in enumerate(burden.individuals)}
    at = np.array([place[name] for name in cohort.individuals])
    known = panel.set_index(panel[params.individual].astype(str)).loc[list(cohort.individuals)]
    numbers = known.select_dtypes("number").reset_index(drop=True)
    raw = pd.concat([burden.raw.iloc[at].reset_index(drop=True), numbers], axis=1)
    raw = raw.loc[:, ~raw.columns.duplicated()].drop(columns=params.phenotype, errors="ignore")
    features = burden.burden[at]
    first, second = (cohort.subset(r) for r in rows)
    return Sides(
        first,
        second,
        (features[rows[0]], features[rows[1]]),
        (raw.iloc[rows[0]].reset_index(drop=True), raw.iloc[rows[1]].reset_index(drop=True)),
    )


def run_cohort(
    burden: Burden,
    panel: pd.DataFrame,
    out: Path,
    params: CohortParams,
    *,
    made: Provenance,
    open_lock: bool = False,
    distil_params: DistilParams | None = None,
) -> pd.DataFrame:
    """Test a cohort on its discovery clades; with `open_lock`, ask the validation clades once what was found.

    Writes to `out`: `cohort_tests`, `lambdas`, `unmatched` (parquet), `discovery.h5ad` for `photo51 distil`, `lock.json`,
    `summary.json`, a figure; with the lock open and rules distilled before, `rules.parquet`.
    """
    both = sides(burden, panel, params)
    content = content_hash(
        both.validation.individuals.tolist(),
        both.validation.phenotype.tolist(),
        float(np.abs(both.validation.burden).sum()),
    )
    sealed = lock.seal(out / LOCK, both.validation.individuals.tolist(), content)
    found = discover(both.discovery, params)
    tests = found.tests
    rules = _rules_of(out)
    if open_lock:
        asked = tests["feature"][tests["q"] <= params.alpha].tolist()
        sealed = lock.open_once(out / LOCK, {"features": asked, "rules": [d.rule.dump() for d in rules]})
        log.info("lock opened for %d features and %d rules", len(asked), len(rules))
        tests = validate(tests, both.validation, params)
        if rules:
            quantities = [_quantities(d.rule.family, both, 1) for d in rules]
            labels = both.validation.phenotype.astype(np.int64)
            tried = try_rules(
                rules, quantities, labels, both.validation.clade, distil_params or DistilParams()
            )
            write_table(tried, out / "rules.parquet", RULES, made)
    write_table(tests, out / "cohort_tests.parquet", COHORT_TESTS, made)
    write_table(found.lambdas, out / "lambdas.parquet", LAMBDAS, made)
    write_table(both.discovery.unmatched, out / "unmatched.parquet", UNMATCHED, made)
    if not sealed.is_open:
        write_h5ad(_stored(both, params), out / DISCOVERY, made)
    write_json(
        {
            "individuals": {
                "discovery": len(both.discovery.phenotype),
                "validation": len(both.validation.phenotype),
            },
            "clades_with_both_classes": found.n_clades,
            "h2": found.null.h2,
            "expected_false_by_stability": found.stability.expected_false,
            "lock": {"sealed": sealed.sealed, "opened": sealed.opened, "questions": sealed.questions},
        },
        out / "summary.json",
    )
    with theme.style():
        figure, ax = plt.subplots(figsize=(theme.WIDTH_2, 1.8))
        plots.inflation(ax, found.lambdas)
        save(figure, out / "lambdas.png")
    return tests


def _stored(both: Sides, params: CohortParams) -> ad.AnnData:
    """The discovery individuals, and no others, as `photo51 distil` needs them."""
    cohort = both.discovery
    obs = pd.DataFrame({"phenotype": cohort.phenotype, "clade": cohort.clade.astype(str)})
    obs.index = pd.Index([str(n) for n in cohort.individuals])
    stored = ad.AnnData(both.features[0], obs=obs)
    stored.obsm["covariates"] = cohort.covariates
    stored.obsm["raw"] = both.raw[0].to_numpy(dtype=float)
    stored.obsp["relatedness"] = cohort.relatedness
    stored.uns["raw_names"] = np.array(both.raw[0].columns, dtype=object)
    stored.uns["params"] = params.model_dump_json()
    return stored


def _quantities(family: str, both: Sides, side: int) -> NDArray[np.float64]:
    return both.features[side] if family == "features" else both.raw[side].to_numpy(dtype=float)


def run_distil_cohort(folder: Path, params: DistilParams) -> list[Distilled]:
    """Distil rules from the discovery individuals of a cohort; writes `rules.json` beside it.

    Raises
    ------
    InputError
        Where the validation set was opened before: rules must be fixed before it is seen.
    """
    if lock.read(folder / LOCK).is_open:
        raise InputError(
            f"{folder / LOCK}: need a closed lock to distil rules, got one that was opened; rules made after a look validate nothing"
        )
    stored = read_h5ad(folder / DISCOVERY)
    names = [str(n) for n in stored.uns["raw_names"]]
    if unknown := [n for n in params.raw if n not in names]:
        raise InputError(
            f"raw: need columns of numbers of the panel ({', '.join(names)}), got {unknown[0]!r}"
        )
    cohort = Cohort(
        np.array(stored.obs_names),
        np.asarray(stored.X),
        stored.obs["phenotype"].to_numpy(dtype=float),
        np.asarray(stored.obsm["covariates"]),
        [f"covariate {i}" for i in range(stored.obsm["covariates"].shape[1])],
        np.asarray(stored.obsp["relatedness"]),
        stored.obs["clade"].to_numpy(dtype=str),
        None,
        UNMATCHED.empty(),
    )
    problems = {"features": cohort_problem(cohort, cohort.burden, [f"f{i}" for i in range(stored.n_vars)])}
    if params.raw:
        wanted = [n if n in params.raw else "" for n in names]
        raw = np.asarray(stored.obsm["raw"]) * [bool(n) for n in wanted]
        problems["raw"] = cohort_problem(cohort, raw, names)
    found = [distil(problem, family, params) for family, problem in problems.items()]
    _write_rules(found, folder, params)
    return found


def run_distil_variants(
    comparison: Comparison, out: Path, params: DistilParams, settings: BiomarkersParams, made: Provenance
) -> pd.DataFrame:
    """Distil rules from the variants of discovery genes, and try them once on those of the other genes.

    Plain quantities are columns of the variants table. Writes `rules.json`, `rules.parquet` and `lock.json` to `out`.
    """
    discovery = split_genes(comparison.genes, comparison.labels, np.random.default_rng(settings.seed))
    first, second = (comparison.subset(np.flatnonzero(side)) for side in (discovery, ~discovery))
    content = content_hash(second.variants["variant"].astype(str).tolist(), second.labels.tolist())
    lock.seal(out / LOCK, sorted(set(second.genes.tolist())), content)
    n = comparison.n_features
    names = {
        "features": [f"f{i} {o}" for o in ("sense", "antisense") for i in range(n)],
        "raw": list(params.raw),
    }
    tables = {"features": [c.deltas[settings.statistic].toarray().astype(float) for c in (first, second)]}
    if params.raw:
        tables["raw"] = [_raw_columns(c.variants, params.raw) for c in (first, second)]
    found = [
        distil(variant_problem(first, table[0], names[family]), family, params)
        for family, table in tables.items()
    ]
    _write_rules(found, out, params)
    lock.open_once(out / LOCK, {"rules": [d.rule.dump() for d in found]})
    tried = try_rules(found, [t[1] for t in tables.values()], second.labels, second.genes, params)
    write_table(tried, out / "rules.parquet", RULES, made)
    return tried


def _raw_columns(variants: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    if missing := [n for n in names if n not in variants.columns or variants[n].dtype == object]:
        raise InputError(f"raw: need columns of numbers of the variants table, got {missing[0]!r}")
    return variants[list(names)].to_numpy(dtype=float)


def _write_rules(found: list[Distilled], folder: Path, params: DistilParams) -> None:
    rules: list[dict[str, Any]] = [
        {
            "rule": d.rule.dump(),
            "probe": [[int(i), float(d.probe[i])] for i in np.flatnonzero(d.probe)],
            "n_quantities": len(d.probe),
            "path": d.path.to_dict("records"),
        }
        for d in found
    ]
    write_json({"params": params.model_dump(mode="json"), "rules": rules}, folder / RULES_FILE)
    for d in found:
        log.info("%s: %s (held-out AUROC within clades or genes %.3f, full probe %.3f)", d.rule.family, d.rule.sentence(), d.path["auroc_within"].iloc[len(d.rule.names) - 1], d.path["full"].iloc[0])  # fmt: skip


def _rules_of(folder: Path) -> list[Distilled]:
    path = folder / RULES_FILE
    if not path.is_file():
        return []
    out = []
    for values in json.loads(path.read_text())["rules"]:
        probe = np.zeros(values["n_quantities"])
        for i, weight in values["probe"]:
            probe[i] = weight
        out.append(Distilled(Rule.read(values["rule"]), probe, pd.DataFrame(values["path"])))
    return out
