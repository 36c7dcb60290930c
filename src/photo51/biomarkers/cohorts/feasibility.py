"""Whether a cohort can answer at all, found out from names, phenotypes and kinship before any feature is computed.

Whole clades are put away for validation, so that nobody's close relative is on the other side. That needs clades with
both classes on each side. Where there are too few of them, each clade is left out in turn instead; where even that
cannot be done, a sentence says what there is and what would do.
"""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.cohorts.cohort import Roster, upper_half
from photo51.biomarkers.contrasts.probes import grouped_folds
from photo51.config.biomarkers import CohortParams
from photo51.io.contracts.biomarkers import FEASIBILITY
from photo51.stats.clades import Stability, clades, clades_with_both, stability
from photo51.stats.mixed import similarity
from photo51.types import InputError

log = logging.getLogger(__name__)
Scheme = Literal["split", "leave_one_clade_out", "external"]
FINER = (1, 2, 4)  # finer cuts are tried where clades of the size asked do not serve
DRAWS = 400
FOLDS = 5


class CohortDesign(NamedTuple):
    """How a cohort is tested.

    Attributes
    ----------
    people
        Who takes part.
    relatedness
        (n, n) similarity.
    clade
        (n,) labels.
    scheme
        `split`: whole clades are put away; `leave_one_clade_out`: each clade in turn; `external`: another cohort is
        put away.
    away
        (n,) whether an individual is put away.
    table
        One row a clade (contract `FEASIBILITY`).
    rand
        Adjusted Rand index of clades cut from bootstrapped markers; NaN where clades are named.
    """

    people: Roster
    relatedness: NDArray[np.float64]
    clade: NDArray
    scheme: Scheme
    away: NDArray[np.bool_]
    table: pd.DataFrame
    rand: float


def design(people: Roster, markers: NDArray[np.float64], *, external: bool = False) -> CohortDesign:
    """Choose clades that can be used, and a way to validate that they allow.

    Parameters
    ----------
    people
        Individuals with phenotype and genome.
    markers
        What relatedness is measured by, of these individuals, (n, n_markers).
    external
        Whether another cohort is kept for validation: nobody of this one is put away then.

    Raises
    ------
    InputError
        Where too few clades hold both classes: naming what was found, `clade`, `n_clades`, and what would do.
    """
    params = people.params
    relatedness = similarity(markers)
    rng = np.random.default_rng(params.seed)
    # named clades are what they are: one candidate
    candidates = [params.n_clades * f for f in FINER] if people.clade is None else [0]
    tried: list[str] = []
    for scheme in _schemes(params, external=external):
        for n in candidates:
            clade = clades(relatedness, n) if people.clade is None else people.clade
            away = _allowed(people, clade, scheme, rng)
            tried.append(_tried(people, clade, n))
            if away is not None:
                return _design(people, markers, relatedness, (clade, n), scheme, away)
    raise InputError(_refusal(people, list(dict.fromkeys(tried))))


def _schemes(params: CohortParams, *, external: bool) -> list[Scheme]:
    if external:
        return ["external"]
    schemes: list[Scheme] = ["split", "leave_one_clade_out"]
    return schemes if params.scheme == "auto" else [params.scheme]


def _design(
    people: Roster,
    markers: NDArray[np.float64],
    relatedness: NDArray[np.float64],
    cut: tuple[NDArray, int],
    scheme: Scheme,
    away: NDArray[np.bool_],
) -> CohortDesign:
    clade, n = cut
    stable = Stability(float("nan"), np.full(len(np.unique(clade)), np.nan))
    if people.clade is None:
        stable = stability(markers, clade, n, rng=np.random.default_rng(people.params.seed))
    table = _table(people, clade, away, stable)
    _say(people, table, scheme, stable.rand, n)
    return CohortDesign(people, relatedness, np.asarray(clade), scheme, away, table, stable.rand)


def least_clades(people: Roster) -> int:
    """Clades that must hold both classes: as set; where few clades are named and nothing is set, two."""
    params = people.params
    if people.clade is None or "min_clades" in params.model_fields_set:
        return params.min_clades
    # never below two: with one clade descent and phenotype cannot be told apart
    return min(params.min_clades, max(2, len(np.unique(people.clade))))


def _allowed(people: Roster, clade: NDArray, scheme: Scheme, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """Who is put away, (n,); None where the scheme cannot be."""
    minimum, y = least_clades(people), people.phenotype
    nobody = np.zeros(len(y), dtype=bool)
    if scheme == "external":
        return nobody if clades_with_both(y, clade) >= minimum else None
    if scheme == "leave_one_clade_out":
        return nobody if clades_with_both(y, clade) >= max(2, minimum) else None
    return split_clades(people.phenotype, clade, people.params, minimum, rng)


def split_clades(
    phenotype: NDArray[np.float64],
    clade: NDArray,
    params: CohortParams,
    minimum: int,
    rng: np.random.Generator,
) -> NDArray[np.bool_] | None:
    """Choose whole clades to put away: of 400 random choices the one nearest to the share asked, of cases and of
    controls.

    Parameters
    ----------
    phenotype, clade
        Of each individual, (n,).
    params
        `validation` and `min_class`.
    minimum
        Clades with both classes that discovery needs; validation needs one.
    rng
        Source of randomness.

    Returns
    -------
    Who is put away, (n,); None where no choice leaves enough on both sides.
    """
    names, number = np.unique(clade, return_inverse=True)
    # quantities are halved at the median, so that both halves are on both sides
    high = upper_half(phenotype) if len(np.unique(phenotype)) > 2 else phenotype == phenotype.max()
    # (clades, 2): of the high class and of the other
    parts = np.column_stack([np.bincount(number, high, len(names)), np.bincount(number, ~high, len(names))])
    both = np.array([len(np.unique(phenotype[number == c])) > 1 for c in range(len(names))])
    best, score = None, np.inf
    for _ in range(DRAWS):
        order = rng.permutation(len(names))
        share = np.cumsum(parts[order].sum(1)) / len(phenotype)
        # clades in random order until the share nearest to the one asked is reached
        cut = int(np.argmin(np.abs(share - params.validation))) + 1
        away = np.zeros(len(names), dtype=bool)
        away[order[:cut]] = True
        if both[~away].sum() < minimum or not both[away].sum():
            continue
        sides = parts[away].sum(0), parts[~away].sum(0)
        # `min_class` of each class, or a quarter of the rarer one where that is less
        if min(s.min() for s in sides) < min(params.min_class, parts.sum(0).min() // 4):
            continue
        # summed over both classes: how far their shares put away are from the one asked
        far = float(np.abs(sides[0] / parts.sum(0) - params.validation).sum())
        # a small fine where validation has one clade with both classes
        far += 0.05 * (both[away].sum() < 2)
        # ties go to the earlier draw, whatever rounding says
        if far < score - 1e-12:
            best, score = away, far
    return None if best is None else best[number]


def _table(people: Roster, clade: NDArray, away: NDArray[np.bool_], stable: Stability) -> pd.DataFrame:
    names, number = np.unique(clade, return_inverse=True)
    fold = np.full(len(number), -1)
    stay, y = ~away, people.phenotype
    labels = upper_half(y) if not people.is_binary else y == 1
    if len(np.unique(number[stay])) > 1:
        fold[stay] = grouped_folds(labels[stay].astype(np.int64), number[stay], FOLDS, people.params.seed)
    rows = []
    for i, name in enumerate(names):
        in_clade = number == i
        rows.append(
            {
                "clade": str(name),
                "side": "validation" if away[in_clade].any() else "discovery",
                "fold": int(fold[in_clade][0]),
                "n": int(in_clade.sum()),
                "cases": int((y[in_clade] == 1).sum()) if people.is_binary else -1,
                "controls": int((y[in_clade] == 0).sum()) if people.is_binary else -1,
                "both": len(np.unique(y[in_clade])) > 1,
                "stability": float(stable.jaccard[i]),
            }
        )
    table = pd.DataFrame(rows).sort_values(["side", "fold", "n"], ascending=[True, True, False])
    return FEASIBILITY.check(table.reset_index(drop=True))


def _say(people: Roster, table: pd.DataFrame, scheme: Scheme, rand: float, n: int) -> None:
    way = {
        "split": "whole clades are put away for validation",
        "leave_one_clade_out": "too few to put some away: each clade is left out in turn",
        "external": "validation is another cohort",
    }[scheme]
    origin = f"named by {people.params.clade!r}" if people.clade is not None else f"cut from the kinship (n_clades {n})"
    log.info("clades: %d, %s, %d with both classes; %s", len(table), origin, int(table["both"].sum()), way)
    for side, part in table.groupby("side"):
        counts = f", {part['cases'].sum()} cases, {part['controls'].sum()} controls" if people.is_binary else ""
        log.info("%s: %d individuals in %d clades%s", side, part["n"].sum(), len(part), counts)
    if np.isfinite(rand):
        log.info(
            "stability of the clades: adjusted Rand index %.2f with clades of bootstrapped markers (1 same, 0 chance)",
            rand,
        )
    largest = table.loc[table["n"].idxmax()]
    if largest["n"] > len(people.rows) / 2:
        log.warning("clade %s holds %d of %d individuals", largest["clade"], largest["n"], len(people.rows))


def _tried(people: Roster, clade: NDArray, n: int) -> str:
    names, number = np.unique(clade, return_inverse=True)
    size, y = np.bincount(number), people.phenotype
    cut = f"n_clades {n}" if people.clade is None else f"column {people.params.clade!r}"
    big = int(np.argmax(size))
    classes = (
        f", {int((y[number == big] == 1).sum())} cases and {int((y[number == big] == 0).sum())} controls in it"
        if people.is_binary
        else ""
    )
    return (
        f"{cut}: both classes in {clades_with_both(y, clade)} of {len(names)} clades, the largest of"
        f" {size[big]}{classes}"
    )


def _refusal(people: Roster, tried: list[str]) -> str:
    params, y = people.params, people.phenotype
    classes = (
        f"{int((y == 1).sum())} cases and {int((y == 0).sum())} controls" if people.is_binary else f"{len(y)} values"
    )
    other = (
        "name clades in a column of the panel (`clade`)"
        if people.clade is None
        else "leave `clade` out, and clades are cut from the kinship (`n_clades`)"
    )
    return (
        f"phenotype {params.phenotype!r}, {classes}: need both classes in at least {least_clades(people)} clades, got"
        f" {'; '.join(tried)}; its cause cannot be told from descent as it is. What would do: {other}; another"
        f" `n_clades` ({params.n_clades}); `scheme: leave_one_clade_out` with two clades at least; an external cohort"
        " for validation; individuals of the rarer class from other clades"
    )
