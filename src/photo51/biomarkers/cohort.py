"""Cohorts: burdens, phenotypes and covariates brought together by individual, and clades dealt to discovery and validation."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.burden import Burden, rank_normal
from photo51.config.biomarkers import CohortParams
from photo51.stats.clades import clades
from photo51.stats.mixed import similarity
from photo51.types import InputError

log = logging.getLogger(__name__)
EXPLAINED = 0.999


class Cohort(NamedTuple):
    """Individuals with everything a test needs, matched by name.

    Attributes
    ----------
    individuals
        Names, (n,).
    burden
        (n, n_features), transformed as asked.
    phenotype
        (n,) 0 and 1, or numbers.
    covariates
        (n, n_covariates) numbers; categories as indicator columns.
    covariate_names
        Their names.
    relatedness
        (n, n) similarity.
    clade
        (n,) labels.
    treatment
        (n,) or None.
    unmatched
        individual, reason: who was left out and why.
    """

    individuals: NDArray
    burden: NDArray[np.float64]
    phenotype: NDArray[np.float64]
    covariates: NDArray[np.float64]
    covariate_names: list[str]
    relatedness: NDArray[np.float64]
    clade: NDArray
    treatment: NDArray[np.float64] | None
    unmatched: pd.DataFrame

    @property
    def is_binary(self) -> bool:
        """Whether the phenotype is 0 and 1."""
        return bool(np.isin(self.phenotype, (0, 1)).all())

    def subset(self, rows: NDArray[np.int64]) -> Cohort:
        """Some individuals; covariates that no longer vary are left out."""
        varies = self.covariates[rows].std(0) > 0 if len(rows) else np.zeros(0, dtype=bool)
        return Cohort(
            self.individuals[rows],
            self.burden[rows],
            self.phenotype[rows],
            self.covariates[np.ix_(rows, np.flatnonzero(varies))],
            [n for n, v in zip(self.covariate_names, varies, strict=True) if v],
            self.relatedness[np.ix_(rows, rows)],
            self.clade[rows],
            None if self.treatment is None else self.treatment[rows],
            self.unmatched,
        )


def match(burden: Burden, panel: pd.DataFrame, params: CohortParams) -> Cohort:
    """Bring burdens and phenotypes together by individual.

    Parameters
    ----------
    burden
        What individuals carry.
    panel
        One row an individual: name, phenotype, covariates, clade, treatment.
    params
        Columns.

    Raises
    ------
    InputError
        For a missing column, a repeated individual, a phenotype that is no number, more than the stated share without
        phenotype or without genome, a phenotype of one class, a covariate that explains it, covariates that depend on
        each other.
    """
    rows, unmatched = _matched(burden.individuals, panel, params)
    table = panel.set_index(panel[params.individual].astype(str)).loc[rows]
    place = {name: i for i, name in enumerate(burden.individuals)}
    at = np.array([place[name] for name in rows])
    phenotype = table[params.phenotype].to_numpy(dtype=float)
    values, counts = np.unique(phenotype, return_counts=True)
    if len(values) < 2:
        raise InputError(f"phenotype {params.phenotype!r}: need two classes or more, got only {values[0]:g}")
    treatment = None if params.treatment is None else table[params.treatment].to_numpy(dtype=float)
    covariates, names = _covariates(table, params)
    _refuse_explained(phenotype, covariates, names, params.phenotype)
    relatedness = similarity(burden.markers[at])
    clade = np.asarray(
        clades(relatedness, params.n_clades) if params.clade is None else table[params.clade].astype(str)
    )
    log.info(
        "%d individuals in %d clades, phenotype %s",
        len(at),
        len(np.unique(clade)),
        ", ".join(f"{v:g}: {c}" for v, c in zip(values, counts, strict=True))
        if len(values) <= 3
        else "quantitative",
    )
    features = burden.burden[at]
    return Cohort(
        np.array(rows),
        rank_normal(features) if params.transform == "rank" else features,
        phenotype,
        covariates,
        names,
        relatedness,
        clade,
        treatment,
        unmatched,
    )


def _matched(
    individuals: list[str], panel: pd.DataFrame, params: CohortParams
) -> tuple[list[str], pd.DataFrame]:
    wanted = [params.individual, params.phenotype, *params.covariates, params.clade, params.treatment]
    if missing := [c for c in wanted if c is not None and c not in panel.columns]:
        raise InputError(f"panel: need columns {missing}, got {list(panel.columns)}")
    names = panel[params.individual].astype(str)
    for what, listed in (("panel", names), ("genotypes", pd.Series(individuals))):
        if len(twice := listed[listed.duplicated()]):
            raise InputError(f"{what}: need each individual once, got {twice.iloc[0]!r} twice")
    numbers = pd.to_numeric(panel[params.phenotype], errors="coerce")
    odd = (
        numbers.isna()
        & panel[params.phenotype].notna()
        & (panel[params.phenotype].astype(str).str.strip() != "")
    )
    if odd.any():
        raise InputError(
            f"phenotype {params.phenotype!r}: need 0 and 1, or numbers, got {panel[params.phenotype][odd].iloc[0]!r} for {names[odd].iloc[0]!r}"
        )
    with_phenotype = set(names[numbers.notna()])
    have, known = set(individuals), set(names)
    reasons = [(n, "no row in the panel") for n in individuals if n not in known]
    reasons += [(n, "no genome") for n in names if n not in have]
    reasons += [(n, "no phenotype") for n in names if n in have and n not in with_phenotype]
    unmatched = pd.DataFrame(reasons, columns=["individual", "reason"])
    everyone = len(have | known)
    if len(unmatched):
        text = f"{len(unmatched)} of {everyone} individuals cannot be used: " + "; ".join(
            f"{reason} {n} ({first})" for reason, n, first in _counted(unmatched)
        )
        if len(unmatched) > params.max_unmatched * everyone:
            raise InputError(f"panel and genotypes: {text}; need at most {params.max_unmatched:.0%}")
        log.warning("%s; they are listed beside the results", text)
    return [n for n in individuals if n in with_phenotype], unmatched


def _counted(unmatched: pd.DataFrame) -> list[tuple[str, int, str]]:
    return [(str(r), len(g), str(g["individual"].iloc[0])) for r, g in unmatched.groupby("reason")]


def _covariates(table: pd.DataFrame, params: CohortParams) -> tuple[NDArray[np.float64], list[str]]:
    columns: list[NDArray[np.float64]] = [np.zeros((len(table), 0))]
    names: list[str] = []
    wanted = [*params.covariates, *([params.treatment] if params.treatment else [])]
    for name in dict.fromkeys(wanted):
        column = table[name]
        if column.isna().any():
            raise InputError(
                f"covariate {name!r}: need a value for every individual, got none for {column.index[column.isna()][0]!r}"
            )
        if pd.api.types.is_numeric_dtype(column):
            values, given = column.to_numpy(dtype=float)[:, None], [name]
        else:
            dummies = pd.get_dummies(column.astype(str), drop_first=True)
            values, given = dummies.to_numpy(dtype=float), [f"{name}={v}" for v in dummies.columns]
        if not given or (values.std(0) == 0).all():
            raise InputError(f"covariate {name!r}: need one that varies, got {column.iloc[0]!r} everywhere")
        before = np.column_stack([np.ones(len(table)), *columns])
        rest = values - before @ np.linalg.lstsq(before, values, rcond=None)[0]
        if (np.linalg.norm(rest, axis=0) < 1e-8 * np.linalg.norm(values, axis=0)).any():
            raise InputError(
                f"covariate {name!r}: need one that the others do not give, got a combination of {names}"
            )
        columns.append(values)
        names += given
    return np.column_stack(columns), names


def _refuse_explained(
    phenotype: NDArray[np.float64], covariates: NDArray[np.float64], names: list[str], what: str
) -> None:
    centred = phenotype - phenotype.mean()
    for name, column in zip(names, covariates.T, strict=True):
        if (np.corrcoef(column, phenotype)[0, 1] ** 2) > EXPLAINED:
            raise InputError(
                f"covariate {name!r}: need one that does not give the phenotype {what!r}, got one that does"
            )
    if covariates.shape[1]:
        x = covariates - covariates.mean(0)
        rest = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
        if rest @ rest < (1 - EXPLAINED) * (centred @ centred):
            raise InputError(f"covariates {names}: need some of the phenotype {what!r} left, got none")


def split_clades(cohort: Cohort, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether each individual is put away for validation, (n,): whole clades, in random order, until the share is reached.

    Clades that hold both classes are dealt out apart from the others, so that each side has its part of them.

    Raises
    ------
    InputError
        Where there are fewer than two clades that hold both classes.
    """
    names, clade = np.unique(cohort.clade, return_inverse=True)
    both = np.array([len(np.unique(cohort.phenotype[clade == c])) > 1 for c in range(len(names))])
    if both.sum() < 2:
        raise InputError(f"clades: need both classes in 2 clades to put one away, got {int(both.sum())}")
    size = np.bincount(clade)
    away = np.zeros(len(names), dtype=bool)
    for group in (np.flatnonzero(both), np.flatnonzero(~both)):
        order = rng.permutation(group)
        before = np.cumsum(size[order]) - size[order]
        away[order[before < share * size[group].sum()]] = True
        if len(order) > 1 and away[order].all():
            away[order[-1]] = False
    return away[clade]
