"""Cohorts: burdens, phenotypes and covariates brought together by individual."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.cohorts.burden import Burden, rank_normal
from photo51.biomarkers.cohorts.panel import as_text, columns_of, individuals, is_missing, numeric_column
from photo51.biomarkers.cohorts.phenotype import phenotype
from photo51.config.biomarkers import CohortParams
from photo51.stats.clades import clades
from photo51.stats.mixed import similarity
from photo51.types import InputError

log = logging.getLogger(__name__)
EXPLAINED = 0.999  # of the variance of the phenotype


def upper_half(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values lie above the median, (n,); where none does, as half or more share the largest, which have it."""
    above = values > np.median(values)
    return above if above.any() else values == values.max()


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
        """Some individuals; covariates that no longer vary, or that those before them give, are left out."""
        kept = _independent(self.covariates[rows])
        return Cohort(
            self.individuals[rows],
            self.burden[rows],
            self.phenotype[rows],
            self.covariates[np.ix_(rows, kept)],
            [self.covariate_names[i] for i in kept],
            self.relatedness[np.ix_(rows, rows)],
            self.clade[rows],
            None if self.treatment is None else self.treatment[rows],
            self.unmatched,
        )


def _independent(columns: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the columns that neither a constant nor the columns before them give."""
    kept: list[int] = []
    for i, column in enumerate(columns.T):
        # not by the standard deviation: that of 0.1, 0.1, 0.1 is 1e-17 by rounding
        if not len(column) or np.ptp(column) == 0:
            continue
        centred, before = column - column.mean(), columns[:, kept] - columns[:, kept].mean(axis=0)
        rest = centred - before @ np.linalg.lstsq(before, centred, rcond=None)[0]
        if np.linalg.norm(rest) >= 1e-8 * np.linalg.norm(centred):
            kept.append(i)
    return np.array(kept, dtype=np.int64)


class Roster(NamedTuple):
    """Individuals of a panel that have a genome and a phenotype, before anything is known of their features.

    Attributes
    ----------
    individuals
        Names as in the genotypes, in their order, (n,).
    rows
        Where they are among the genomes, (n,).
    table
        Their rows of the panel, as text.
    phenotype
        (n,) 0 and 1, or numbers.
    is_binary
        Whether it has cases and controls.
    covariates, covariate_names
        (n, n_covariates) numbers.
    clade
        Named clades, (n,); None where they are cut from the kinship.
    treatment
        (n,) or None.
    unmatched
        individual, reason.
    params
        Parameters with the panel's own names of columns.
    """

    individuals: NDArray
    rows: NDArray[np.int64]
    table: pd.DataFrame
    phenotype: NDArray[np.float64]
    is_binary: bool
    covariates: NDArray[np.float64]
    covariate_names: list[str]
    clade: NDArray | None
    treatment: NDArray[np.float64] | None
    unmatched: pd.DataFrame
    params: CohortParams


def roster(genomes: list[str], panel: pd.DataFrame, params: CohortParams) -> Roster:
    """Bring genomes and phenotypes together by name; names are text, `001` is not `1`.

    Parameters
    ----------
    genomes
        Names of the individuals with a genome.
    panel
        One row an individual: name, phenotype, covariates, clade, treatment.
    params
        Columns and coding.

    Raises
    ------
    InputError
        For a missing column, a repeated individual, a phenotype whose coding is not plain or that has one class, names
        that do not match, a covariate that explains the phenotype, covariates that depend on each other.
    """
    params = columns_of(panel, params)
    names = individuals(panel, params, genomes)
    for what, listed in (("panel", pd.Series(names)), ("genotypes", pd.Series(genomes, dtype=object))):
        if len(twice := listed[listed.duplicated()]):
            raise InputError(f"{what}: need each individual once, got {twice.iloc[0]!r} twice")
    coding = phenotype(panel[params.phenotype], names, params)
    log.info("%s", coding.said)
    value = dict(zip(names, coding.values, strict=True))
    unmatched = _unmatched(genomes, names, value, params)
    # NaN where the panel has no row, or no phenotype
    rows = np.array([i for i, n in enumerate(genomes) if not np.isnan(value.get(n, np.nan))], dtype=np.int64)
    used = [genomes[i] for i in rows]
    table = panel.set_axis(pd.Index(names), axis=0).loc[used]
    y = np.array([value[n] for n in used])
    if len(np.unique(y)) < 2:
        raise InputError(
            f"phenotype {params.phenotype!r}: need two classes or more among the {len(used)} individuals with a genome,"
            f" got {'only ' + format(y[0], 'g') if len(y) else 'none'}"
        )
    treatment = None if params.treatment is None else numeric_column(table[params.treatment]).to_numpy()
    if treatment is not None and np.isnan(treatment).any():
        raise InputError(f"treatment {params.treatment!r}: need a number for every individual, got a gap or a word")
    covariates, covariate_names = _covariates(table, params)
    _refuse_explained(y, covariates, covariate_names, params.phenotype)
    clade = None if params.clade is None else _named_clades(table[params.clade], params.clade)
    return Roster(
        np.array(used, dtype=object),
        rows,
        table,
        y,
        coding.is_binary,
        covariates,
        covariate_names,
        clade,
        treatment,
        unmatched,
        params,
    )


def match(burden: Burden, panel: pd.DataFrame, params: CohortParams) -> Cohort:
    """Bring burdens and phenotypes together by individual; clades are those named, or cut from the kinship.

    Raises
    ------
    InputError
        As `roster`.
    """
    people = roster(burden.individuals, panel, params)
    relatedness = similarity(burden.markers[people.rows])
    clade = clades(relatedness, params.n_clades) if people.clade is None else people.clade
    return assemble_cohort(burden, people, relatedness, np.asarray(clade))


def assemble_cohort(burden: Burden, people: Roster, relatedness: NDArray[np.float64], clade: NDArray) -> Cohort:
    """A cohort of individuals whose relatedness and clades are known."""
    features = burden.burden[people.rows]
    values, counts = np.unique(people.phenotype, return_counts=True)
    log.info(
        "%d individuals in %d clades, phenotype %s",
        len(people.rows),
        len(np.unique(clade)),
        ", ".join(f"{v:g}: {c}" for v, c in zip(values, counts, strict=True)) if people.is_binary else "quantitative",
    )
    return Cohort(
        people.individuals,
        rank_normal(features) if people.params.transform == "rank" else features,
        people.phenotype,
        people.covariates,
        people.covariate_names,
        relatedness,
        clade,
        people.treatment,
        people.unmatched,
    )


def _named_clades(column: pd.Series, name: str) -> NDArray:
    words = as_text(column)
    if (gone := words.map(is_missing)).any():
        raise InputError(
            f"clade {name!r}: need a value for every individual, got none for {words.index[gone][0]!r}"
            f" ({int(gone.sum())} in all)"
        )
    if words.nunique() < 2:
        raise InputError(
            f"clade {name!r}: need two values at least, got {words.iloc[0]!r} for everyone; leave `clade` out, and"
            " clades are cut from the kinship"
        )
    return words.to_numpy(dtype=str)


def _unmatched(genomes: list[str], names: list[str], value: dict[str, float], params: CohortParams) -> pd.DataFrame:
    have, in_panel = set(genomes), set(names)
    alone = [(n, "no row in the panel") for n in genomes if n not in in_panel]
    alone += [(n, "no genome") for n in names if n not in have]
    reasons = alone + [(n, "no phenotype") for n in names if n in have and np.isnan(value[n])]
    unmatched = pd.DataFrame(reasons, columns=["individual", "reason"])
    if not len(unmatched):
        return unmatched
    # of all individuals, each reason with one example
    text = f"{len(unmatched)} of {len(have | in_panel)} individuals cannot be used: " + "; ".join(
        f"{reason} {n} ({first})" for reason, n, first in _counted(unmatched)
    )
    # of the shorter list: a large biobank may hold many more genomes than the study asks for
    shorter = min(len(have), len(in_panel))
    lacking = shorter - len(have & in_panel)
    if lacking > params.max_unmatched * shorter:
        raise InputError(
            f"panel and genotypes: {text}; need at most {params.max_unmatched:.0%} of the shorter list of names without"
            f" a partner, got {lacking} of {shorter}{_alike(have - in_panel, in_panel - have)}"
        )
    log.warning("%s; they are listed with the results", text)
    return unmatched


def _alike(left: set[str], right: set[str]) -> str:
    """A hint where names would match but for blanks, case, leading zeros or a doubled name."""

    def bare(name: str) -> str:
        # PLINK doubles a name when it knows no family: A_A is A
        half = name[: len(name) // 2]
        name = half if name == f"{half}_{half}" else name
        return name.strip().lower().lstrip("0")

    by_bare_name = {bare(n): n for n in sorted(left)}
    pair = next(((by_bare_name[bare(n)], n) for n in sorted(right) if bare(n) in by_bare_name), None)
    return f"; {pair[0]!r} and {pair[1]!r} look alike: write them alike" if pair else ""


def _counted(unmatched: pd.DataFrame) -> list[tuple[str, int, str]]:
    return [(str(r), len(g), str(g["individual"].iloc[0])) for r, g in unmatched.groupby("reason")]


def _covariates(table: pd.DataFrame, params: CohortParams) -> tuple[NDArray[np.float64], list[str]]:
    columns: list[NDArray[np.float64]] = [np.zeros((len(table), 0))]
    names: list[str] = []
    requested = [*params.covariates, *([params.treatment] if params.treatment else [])]
    for name in dict.fromkeys(requested):
        column = as_text(table[name])
        gone = column.map(is_missing)
        quantity = numeric_column(column)
        if (quantity == -9).any() and (quantity.dropna() >= 0).sum() == (quantity != -9).sum():
            gone = gone | (quantity == -9)  # PLINK's missing value among numbers that are not below zero
        if gone.any():
            raise InputError(
                f"covariate {name!r}: need a value for every individual, got none for {column.index[gone][0]!r}"
                f" ({int(gone.sum())} in all)"
            )
        if quantity.notna().all():
            values, labels = quantity.to_numpy(dtype=float)[:, None], [name]
        else:
            # one category less: with the intercept they would be dependent
            dummies = pd.get_dummies(column, drop_first=True)
            values, labels = dummies.to_numpy(dtype=float), [f"{name}={v}" for v in dummies.columns]
        if not labels or (values.std(0) == 0).all():
            raise InputError(f"covariate {name!r}: need one that varies, got {column.iloc[0]!r} everywhere")
        before = np.column_stack([np.ones(len(table)), *columns])
        # what the covariates so far and the intercept leave of this one
        rest = values - before @ np.linalg.lstsq(before, values, rcond=None)[0]
        if (np.linalg.norm(rest, axis=0) < 1e-8 * np.linalg.norm(values, axis=0)).any():
            raise InputError(f"covariate {name!r}: need one that the others do not give, got a combination of {names}")
        columns.append(values)
        names += labels
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
