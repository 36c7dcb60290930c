"""A clonal cohort as collections of bacteria are: one clone of most isolates, rare lineages, phenotypes partly missing.

Alleles arise on branches (of a lineage, of a sublineage), in single isolates, or again and again; each changes a few
features. A phenotype goes with lineage and sublineage alone, or with causal alleles that arose many times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from photo51.biomarkers.cohorts.burden import Alleles, Burden

CONSEQUENCES = ("missense", "synonymous", "stop_gained")
SUBLINEAGE = 60
PENETRANCE, BACKGROUND = 0.95, 0.03


class PlantedClone(NamedTuple):
    """A clonal cohort with its truth.

    Attributes
    ----------
    burden
        Burdens with the alleles they are made of.
    panel
        individual, lineage, `drug0` … (cases by causal alleles) and `lineage_only`; values R, S or empty.
    causal
        Alleles that raise the risk of each drug: drug → names.
    lineage
        (n,) 0 is the dominant clone.
    """

    burden: Burden
    panel: pd.DataFrame
    causal: dict[str, list[str]]
    lineage: NDArray[np.int64]


def plant_clone(
    rng: np.random.Generator,
    *,
    n: int = 3600,
    dominant: float = 0.75,
    n_lineages: int = 20,
    n_alleles: int = 1500,
    n_features: int = 256,
    n_drugs: int = 10,
    missing: float = 0.3,
) -> PlantedClone:
    """Let a clone and rare lineages carry alleles, features and phenotypes.

    Parameters
    ----------
    rng
        Source of randomness.
    n, n_lineages, n_alleles, n_features
        Sizes; the dominant clone comes on top of the lineages.
    dominant
        Share of the individuals in the dominant clone.
    n_drugs
        Phenotypes with causes of their own; one that goes with lineage alone is added.
    missing
        Largest share of a phenotype's values that are missing.
    """
    lineage = np.where(rng.random(n) < dominant, 0, 1 + rng.integers(0, n_lineages, n))
    per_lineage = 1 + np.bincount(lineage, minlength=n_lineages + 1) // SUBLINEAGE
    sublineage = lineage * 1000 + (rng.random(n) * per_lineage[lineage]).astype(np.int64)
    carried, recurrent = _alleles(rng, lineage, sublineage, n_alleles)
    gene = rng.integers(0, max(n_alleles // 8, n_drugs + 1), n_alleles)
    consequence = rng.choice(CONSEQUENCES, n_alleles, p=(0.6, 0.3, 0.1))
    table = pd.DataFrame(
        {
            "allele": [f"chr:{10 * i + 1}:A>G" for i in range(n_alleles)],
            "gene": [f"gene{g:03d}" for g in gene],
            "consequence": consequence,
        }
    )
    causal: dict[str, list[str]] = {}
    columns = {}
    candidates = rng.permutation(recurrent)
    for drug in range(n_drugs):
        alleles = candidates[3 * drug : 3 * drug + 3]
        table.loc[alleles, ["gene", "consequence"]] = [f"target{drug}", "missense"]
        causal[f"drug{drug}"] = table["allele"].iloc[np.sort(alleles)].tolist()
        risk = np.where((carried[:, alleles] > 0).any(1), PENETRANCE, BACKGROUND)
        columns[f"drug{drug}"] = rng.random(n) < risk
    columns["lineage_only"] = lineage_labels(rng, lineage, sublineage)
    panel = {"individual": [f"{i:05d}" for i in range(n)], "lineage": [f"L{c}" for c in lineage]}
    for name, cases in columns.items():
        gone = rng.random(n) < rng.uniform(0, missing)
        panel[name] = np.where(gone, "", np.where(cases, "R", "S")).tolist()
    deltas = _deltas(rng, n_alleles, n_features)
    burden = Burden(
        panel["individual"],
        np.asarray(carried @ deltas),
        carried,
        pd.DataFrame({"n_alleles": (carried > 0).sum(1)}),
        Alleles(table, carried, deltas),
    )
    return PlantedClone(burden, pd.DataFrame(panel), causal, lineage)


def lineage_labels(
    rng: np.random.Generator, lineage: NDArray[np.int64], sublineage: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Cases whose risk depends on lineage and sublineage alone, (n,)."""
    risk = rng.normal(0, 1.5, lineage.max() + 1)[lineage]
    _, number = np.unique(sublineage, return_inverse=True)
    risk = risk + rng.normal(0, 1.0, number.max() + 1)[number]
    return rng.random(len(lineage)) < 1 / (1 + np.exp(-risk))


def _alleles(
    rng: np.random.Generator, lineage: NDArray[np.int64], sublineage: NDArray[np.int64], n_alleles: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Who carries which allele, (n, n_alleles), and which alleles arose many times."""
    n = len(lineage)
    kind = rng.choice(4, n_alleles, p=(0.2, 0.35, 0.15, 0.3))
    groups = np.unique(sublineage)
    carried = np.zeros((n, n_alleles))
    for i in range(n_alleles):
        match kind[i]:
            case 0:
                carried[:, i] = lineage == rng.integers(0, lineage.max() + 1)
            case 1:
                carried[:, i] = sublineage == rng.choice(groups)
            case 2:
                carried[:, i] = rng.random(n) < rng.uniform(0.02, 0.15)
            case _:
                carried[rng.choice(n, rng.integers(1, 6), replace=False), i] = 1
    carried[rng.random(carried.shape) < 0.0005] = 1
    return carried, np.flatnonzero(kind == 2)


def _deltas(rng: np.random.Generator, n_alleles: int, n_features: int) -> sparse.csr_matrix:
    each = min(8, n_features)
    columns = np.concatenate([rng.choice(n_features, each, replace=False) for _ in range(n_alleles)])
    values = rng.normal(0, 1, n_alleles * each)
    pointers = np.arange(0, n_alleles * each + 1, each)
    return sparse.csr_matrix((values, columns, pointers), shape=(n_alleles, n_features))
