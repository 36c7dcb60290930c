"""Which variants are compared with which: cases, controls, the strata they are compared in, and the Δ they are
compared by.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from photo51.config.biomarkers import BiomarkersParams
from photo51.effects.choose import chosen
from photo51.types import InputError

log = logging.getLogger(__name__)
ORIENTATIONS = ("sense", "antisense")
OTHER_CONSEQUENCE = 0.95


class Comparison(NamedTuple):
    """Cases and controls of one set of variants.

    Attributes
    ----------
    variants
        Their rows of the variants table, in its order; column `row` is the place there.
    labels
        (n,) 1 case, 0 control.
    genes
        (n,) unit that is held out.
    strata
        (n,) number of the stratum within which a variant is compared.
    deltas
        Statistic → signed Δ (n, 2 · n_features): features read along the gene, then against it.
    embeddings
        Change of the activations at the focal base (n, 2 · d_model), along and against the gene; None where not kept.
    """

    variants: pd.DataFrame
    labels: NDArray[np.int64]
    genes: NDArray
    strata: NDArray[np.int64]
    deltas: dict[str, sparse.csr_matrix]
    embeddings: NDArray[np.float32] | None

    @property
    def n_features(self) -> int:
        """Features of the dictionary; each is read in two orientations."""
        return next(iter(self.deltas.values())).shape[1] // 2

    def subset(self, rows: NDArray[np.int64]) -> Comparison:
        """Some of the variants."""
        return Comparison(
            self.variants.iloc[rows].reset_index(drop=True),
            self.labels[rows],
            self.genes[rows],
            self.strata[rows],
            {name: table[rows] for name, table in self.deltas.items()},
            None if self.embeddings is None else self.embeddings[rows],
        )


def compare_classes(variants: pd.DataFrame, effects: ad.AnnData, params: BiomarkersParams) -> Comparison:
    """Pick cases and controls from a variants table and its Δ.

    Raises
    ------
    InputError
        Where an expression cannot be evaluated, picks nothing, or picks a variant as both; where a column is missing.
    """
    if len(variants) != effects.n_obs or list(variants["variant"]) != list(effects.obs["variant"]):
        raise InputError(
            f"variants and effects: need the same variants in the same order, got {len(variants)} and {effects.n_obs}"
            " rows"
        )
    cases, controls = chosen(variants, params.cases, "cases"), chosen(variants, params.controls, "controls")
    keys = [c for c in ("genome", "variant") if c in variants]
    named = pd.Series(list(map(tuple, variants[keys].astype(str).to_numpy())), index=variants.index)
    if twice := sorted(set(named[cases]) & set(named[controls])):
        first = twice[0][-1]
        raise InputError(f"cases and controls: need no variant in both, got {len(twice)}, {first} the first")
    # of a variant that several sets have the first row counts
    again = named.duplicated().to_numpy() & (cases | controls)
    if again.any():
        log.info("%d rows of variants that another set has too are left out", int(again.sum()))
        cases, controls = cases & ~again, controls & ~again
    for name in (*params.strata, params.gene, params.stratum):
        if name not in variants.columns:
            raise InputError(f"variants: need column {name!r} to compare within, got {list(variants.columns)}")
    rows = np.flatnonzero(cases | controls)
    table = variants.iloc[rows].reset_index(drop=True)
    table.insert(0, "row", rows)
    # \x1f, the unit separator, is in no text
    keys = table[list(params.strata)].astype(str).agg("\x1f".join, axis=1)
    against = (table["strand"] == "-").to_numpy()
    return Comparison(
        table,
        cases[rows].astype(np.int64),
        table[params.gene].astype(str).to_numpy(),
        np.unique(keys, return_inverse=True)[1].astype(np.int64),
        {name: oriented(effects, name, rows, against) for name in params.statistics},
        _embeddings(effects, rows, against),
    )


def surprise_column(variants: pd.DataFrame) -> str:
    """The likelihood ratio that variants are ranked by: length-fair where every variant has it, as it is else.

    The plain ratio of a deletion or insertion follows its length; a set whose alleles all keep their length has no
    other.
    """
    fair = "llr_fair" in variants and np.isfinite(variants["llr_fair"].to_numpy(dtype=float)).all()
    return "llr_fair" if fair and len(variants) else "llr"


def surprise(variants: pd.DataFrame) -> NDArray[np.float64]:
    """Values of `surprise_column`, (n,)."""
    return variants[surprise_column(variants)].to_numpy(dtype=float)


def consequence_distance(comparison: Comparison) -> float:
    """Share of cases that would have to change their consequence for cases and controls to have the same ones, 0 to
    1.
    """
    kinds = comparison.variants["consequence"].astype(str)
    shares = [kinds[comparison.labels == label].value_counts(normalize=True) for label in (0, 1)]
    # 1 − Σ min(share in cases, share in controls): total variation distance
    return float(1 - pd.concat(shares, axis=1).min(axis=1, skipna=False).fillna(0).sum())


def require_claim(comparison: Comparison, params: BiomarkersParams) -> None:
    """Refuse as a discovery what compares one consequence with another.

    Raises
    ------
    InputError
        Where the consequences of cases and controls differ for `OTHER_CONSEQUENCE` or more, and a discovery is claimed.
    """
    distance = consequence_distance(comparison)
    if distance < OTHER_CONSEQUENCE or params.claim == "description":
        return
    kinds = comparison.variants["consequence"].astype(str)
    named = [kinds[comparison.labels == label].value_counts().index[0] for label in (1, 0)]
    raise InputError(
        f"cases and controls: need the same consequences in both to claim a discovery, got {distance:.0%} that differ"
        f" (cases mostly {named[0]}, controls mostly {named[1]}): whatever tells these consequences apart tells cases"
        " from controls; choose controls of the same consequences, or set claim: description"
    )


def oriented(
    effects: ad.AnnData, statistic: str, rows: NDArray[np.int64], against: NDArray[np.bool_]
) -> sparse.csr_matrix:
    """Signed Δ of some variants, (n, 2 · n_features): features read along the gene, then against it."""
    plus, minus = (sparse.csr_matrix(effects.layers[f"{statistic}_{s}"])[rows] for s in ("plus", "minus"))
    # 0/1 diagonals: rows on the '-' strand swap their two halves
    keep, swap = (sparse.diags((~against).astype(np.float32)), sparse.diags(against.astype(np.float32)))
    sense, antisense = keep @ plus + swap @ minus, keep @ minus + swap @ plus
    table = sparse.csr_matrix(sparse.hstack([sense, antisense]))
    # explicit zeros would count as changes
    table.eliminate_zeros()
    return table


def _embeddings(effects: ad.AnnData, rows: NDArray[np.int64], against: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    if "embedding_plus" not in effects.obsm:
        return None
    plus, minus = (np.asarray(effects.obsm[f"embedding_{s}"])[rows] for s in ("plus", "minus"))
    turn = against[:, None]
    return np.concatenate([np.where(turn, minus, plus), np.where(turn, plus, minus)], axis=1)


def one_class_strata(comparison: Comparison) -> tuple[int, int]:
    """Strata that hold one class alone, and the variants in them: what the stratified test cannot use."""
    cases = np.bincount(comparison.strata, weights=comparison.labels)
    size = np.bincount(comparison.strata)
    one = (size > 0) & ((cases == 0) | (cases == size))
    return int(one.sum()), int(size[one].sum())
