"""Rules from files to files: distilled from discovery individuals or genes, tried once on those that were put away."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.cohorts import lock
from photo51.biomarkers.cohorts.cohort import Cohort
from photo51.biomarkers.cohorts.distil import (
    Distilled,
    DistilledRule,
    cohort_problem,
    distil,
    try_rules,
    variant_problem,
)
from photo51.biomarkers.cohorts.lock import LOCK
from photo51.biomarkers.contrasts.association import split_genes
from photo51.biomarkers.contrasts.comparison import Comparison
from photo51.biomarkers.contrasts.frequency import refuse_frequency
from photo51.config.biomarkers import BiomarkersParams, DistilParams
from photo51.io import Provenance, content_hash, read_h5ad, write_json, write_table
from photo51.io.contracts.biomarkers import RULES, UNMATCHED
from photo51.types import InputError

log = logging.getLogger(__name__)
DISCOVERY, RULES_FILE = "discovery.h5ad", "rules.json"


def quantities_of(distilled: Distilled, features: NDArray[np.float64], raw: pd.DataFrame) -> NDArray[np.float64]:
    """The quantities a rule and its full probe are of, (n, n_quantities): features, or columns of plain quantities by
    their order.
    """
    if distilled.rule.family == "features":
        return features
    # what the probe or the rule multiplies by something other than 0
    used = set(np.flatnonzero(distilled.probe).tolist()) | set(distilled.rule.columns)
    if raw.shape[1] != len(distilled.probe):
        raise InputError(
            f"rules of plain quantities: need the {len(distilled.probe)} columns they were made of, got {raw.shape[1]}"
            " in the validation panel"
        )
    return _without_gaps(raw.to_numpy(dtype=float), list(raw.columns), used)


def _without_gaps(raw: NDArray[np.float64], names: list[str], used: set[int]) -> NDArray[np.float64]:
    """Plain quantities with columns that are not used set to 0; a gap in one that is used is named."""
    out = np.zeros_like(raw)
    for i in sorted(used):
        if gaps := int(np.isnan(raw[:, i]).sum()):
            raise InputError(
                f"raw: need {names[i]!r} of every individual, got {gaps} gaps in {len(raw)}; leave it out, or fill them"
            )
        out[:, i] = raw[:, i]
    return out


def run_distil_cohort(folder: Path, params: DistilParams) -> list[Distilled]:
    """Distil rules from the discovery individuals of a cohort; writes `rules.json` beside it.

    Where the validation set was opened before, the rules can be tried on it by `photo51 cohort --open-lock --reopen`
    alone, which is recorded as a further opening.

    Raises
    ------
    InputError
        For a plain quantity that is no column of numbers, or has gaps.
    """
    opened = lock.read_lock(folder / LOCK).openings
    if opened:
        log.warning(
            "%s was opened before: rules made now are tried on data that had been seen, by `--open-lock --reopen`, as"
            " opening %d",
            folder / LOCK,
            opened + 1,
        )
    stored = read_h5ad(folder / DISCOVERY)
    names = [str(n) for n in stored.uns["raw_names"]]
    if unknown := [n for n in params.raw if n not in names]:
        raise InputError(f"raw: need columns of numbers of the panel ({', '.join(names)}), got {unknown[0]!r}")
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
        used = {names.index(n) for n in params.raw}
        problems["raw"] = cohort_problem(cohort, _without_gaps(np.asarray(stored.obsm["raw"]), names, used), names)
    distilled = [distil(problem, family, params) for family, problem in problems.items()]
    _write_rules(distilled, folder, params)
    return distilled


def run_distil_variants(
    comparison: Comparison, out: Path, params: DistilParams, settings: BiomarkersParams, lineage: Provenance
) -> pd.DataFrame:
    """Distil rules from the variants of discovery genes, and try them once on those of the other genes.

    Plain quantities are columns of the variants table. Writes `rules.json`, `rules.parquet` and `lock.json` to `out`.
    """
    discovery = split_genes(comparison.genes, comparison.labels, np.random.default_rng(settings.seed))
    # subsets by gene: nobody of a discovery gene is on the other side
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
        refuse_frequency(comparison.variants, params.raw, comparison.labels, "raw")
        tables["raw"] = [_raw_columns(c.variants, params.raw) for c in (first, second)]
    distilled = [
        distil(variant_problem(first, table[0], names[family]), family, params) for family, table in tables.items()
    ]
    _write_rules(distilled, out, params)
    lock.open_once(out / LOCK, {"rules": [d.rule.dump() for d in distilled]})
    tried = try_rules(distilled, [t[1] for t in tables.values()], second.labels, second.genes, params)
    write_table(tried, out / "rules.parquet", RULES, lineage)
    return tried


def _raw_columns(variants: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    if missing := [n for n in names if n not in variants.columns or variants[n].dtype == object]:
        raise InputError(f"raw: need columns of numbers of the variants table, got {missing[0]!r}")
    if gaps := [n for n in names if variants[n].isna().any()]:
        n = int(variants[gaps[0]].isna().sum())
        raise InputError(
            f"raw: need {gaps[0]!r} of every variant, got {n} gaps in {len(variants)}; leave it out, or fill them"
        )
    return variants[list(names)].to_numpy(dtype=float)


def _write_rules(distilled: list[Distilled], folder: Path, params: DistilParams) -> None:
    rules: list[dict[str, Any]] = [
        {
            "rule": d.rule.dump(),
            # non-zero weights alone: a probe of the pursuit has few
            "probe": [[int(i), float(d.probe[i])] for i in np.flatnonzero(d.probe)],
            "n_quantities": len(d.probe),
            "path": d.path.to_dict("records"),
        }
        for d in distilled
    ]
    write_json({"params": params.model_dump(mode="json"), "rules": rules}, folder / RULES_FILE)
    for d in distilled:
        log.info(
            "%s: %s (held-out AUROC within clades or genes %.3f, full probe %.3f)",
            d.rule.family,
            d.rule.sentence(),
            d.path["auroc_within"].iloc[len(d.rule.names) - 1],
            d.path["full"].iloc[0],
        )


def rules_of(folder: Path) -> list[Distilled]:
    """Rules that were distilled into a folder; none where there are none."""
    path = folder / RULES_FILE
    if not path.is_file():
        return []
    out = []
    for values in json.loads(path.read_text())["rules"]:
        probe = np.zeros(values["n_quantities"])
        for i, weight in values["probe"]:
            probe[i] = weight
        out.append(Distilled(DistilledRule.read(values["rule"]), probe, pd.DataFrame(values["path"])))
    return out
