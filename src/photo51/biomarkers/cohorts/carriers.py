"""Which genes and alleles a feature's burden is made of, and whether the alleles themselves say as much.

A burden is a sum over alleles, so its variance is the sum of each allele's covariance with it: the shares add up to 1,
and those of a gene's alleles to the gene's. A finding is the allele or the gene, told through a feature; where plain
alleles predict as well, it is said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from scipy import sparse

from photo51.biomarkers.cohorts.burden import Alleles, rank_normal
from photo51.biomarkers.cohorts.cohort import Cohort, upper_half
from photo51.biomarkers.contrasts.discrimination import wins
from photo51.biomarkers.contrasts.probes import grouped_folds
from photo51.io.contracts.biomarkers import CARRIERS, LEVELS
from photo51.stats.auc import areas

SILENT = frozenset(("synonymous", "stop_retained", "start_retained", "intergenic", "intron", "control_region", ""))
TOP = 10
AS_WELL = 0.005  # of AUROC or correlation: within this, one level does as well as the other
FOLDS = 5
RIDGE = 1.0


class Level(NamedTuple):
    """Something individuals carry, at one level of description.

    Attributes
    ----------
    level
        feature, gene or allele.
    names
        Of its columns.
    values
        (n, n_columns).
    n_carriers
        (n_columns,) individuals with any; -1 for features.
    """

    level: str
    names: list[str]
    values: NDArray[np.float64]
    n_carriers: NDArray[np.int64]


def shares(carried: NDArray[np.float64], deltas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the variance of a burden that goes with each allele, (n_alleles,): they sum to 1.

    Parameters
    ----------
    carried
        (n, n_alleles) copies.
    deltas
        (n_alleles,) what each does to the feature: the burden is `carried @ deltas`.

    Returns
    -------
    cov(part, burden) / var(burden); all 0 where the burden does not vary. Negative for an allele whose part is
    undone by those that come with it.
    """
    # centred: the burden's mean is no part of its variance
    parts = (carried - carried.mean(0)) * deltas
    burden = parts.sum(1)
    variance = float(burden @ burden)
    # Σ cov(part, burden) = var(burden), so shares add up to 1
    return parts.T @ burden / variance if variance > 0 else np.zeros(len(deltas))


def carriers(alleles: Alleles, rows: NDArray[np.int64], features: NDArray[np.int64]) -> pd.DataFrame:
    """Genes and alleles that carry the burden of features among some individuals, the ten largest of each (contract
    `CARRIERS`).
    """
    carried = alleles.carried[rows]
    carriers_of = alleles.carriers(rows)
    n_carriers = carriers_of.sum(0)
    columns = sparse.csc_matrix(alleles.deltas)
    gene = alleles.table["gene"].to_numpy(dtype=object)
    parts = [CARRIERS.empty()]
    for feature in features:
        delta = np.asarray(columns[:, [int(feature)]].todense(), dtype=float).ravel()
        acting = np.flatnonzero(delta)
        table = (
            alleles.table.iloc[acting]
            .rename(columns={"allele": "name"})
            .assign(
                feature=int(feature),
                level="allele",
                delta=delta[acting],
                n_carriers=n_carriers[acting],
                share=shares(carried[:, acting], delta[acting]),
            )
        )
        by_gene = table.groupby("gene", as_index=False)["share"].sum()
        # individuals with any of the gene's alleles: their carriers may overlap, so counts do not add up
        by_gene["n_carriers"] = [int(carriers_of[:, acting[gene[acting] == g]].any(1).sum()) for g in by_gene["gene"]]
        by_gene = by_gene.assign(feature=int(feature), level="gene", name=by_gene["gene"], consequence="", delta=np.nan)
        parts += [
            t.sort_values(["share", "name"], ascending=[False, True]).head(TOP) for t in (by_gene, table) if len(t)
        ]
    table = pd.concat([p for p in parts if len(p)], ignore_index=True) if len(parts) > 1 else parts[0]
    return CARRIERS.check(table[list(CARRIERS.columns)])


def baselines(alleles: Alleles, rows: NDArray[np.int64], transform: str) -> list[Level]:
    """Genes and alleles of some individuals as levels of their own; what does not vary is left out.

    A gene counts the copies of its alleles that change a product or may do so (not synonymous, in introns or between
    genes); a gene that has none of those counts them all.
    """
    carried = alleles.carried[rows]
    names = alleles.table["allele"].tolist()
    gene = alleles.table["gene"].to_numpy(dtype=object)
    loud = ~alleles.table["consequence"].isin(SILENT).to_numpy()
    genes = sorted({g for g in gene if g})
    counted = [np.flatnonzero((gene == g) & loud) for g in genes]
    # a gene of silent alleles alone counts those
    counted = [c if len(c) else np.flatnonzero(gene == g) for c, g in zip(counted, genes, strict=True)]
    sums = np.column_stack([carried[:, c].sum(1) for c in counted]) if genes else np.zeros((len(rows), 0))
    carriers_of = alleles.carriers(rows)
    of_gene = np.array([carriers_of[:, c].any(1).sum() for c in counted], dtype=np.int64)
    return [
        _level("gene", genes, sums, of_gene, transform),
        _level("allele", names, carried, carriers_of.sum(0), transform),
    ]


def _level(
    name: str, names: list[str], values: NDArray[np.float64], n_carriers: NDArray[np.int64], transform: str
) -> Level:
    varies = np.flatnonzero(values.std(0) > 1e-12) if values.shape[1] else np.zeros(0, dtype=np.int64)
    varying = values[:, varies]
    return Level(
        name,
        [names[i] for i in varies],
        rank_normal(varying) if transform == "rank" and len(varies) else varying,
        n_carriers[varies],
    )


def association_rows(level: Level, tests: pd.DataFrame) -> pd.DataFrame:
    """Tests of a level (contract `ASSOCIATIONS`) from its columns beta, se, p, p_without and q."""
    rows = tests[["beta", "se", "p", "p_without", "q"]].reset_index(drop=True)
    rows.insert(0, "level", level.level)
    rows.insert(1, "name", level.names)
    return rows.assign(n_carriers=level.n_carriers)


def burden_levels(cohort: Cohort, tested: list[tuple[Level, pd.DataFrame]], alpha: float, seed: int) -> pd.DataFrame:
    """What each level knows (contract `LEVELS`): discoveries, and a prediction of clades that were held out.

    The prediction is a ridge regression on all columns of the level, the same for each: columns brought to variance 1,
    a penalty that gives the level half of the variance.
    """
    fold = _folds(cohort, seed)
    rows = []
    for level, table in tested:
        score, within = _predicted(cohort, level.values, fold) if len(level.names) else (np.nan, np.nan)
        rows.append(
            {
                "level": level.level,
                "n": len(table),
                "discoveries": int((table["q"] <= alpha).sum()),
                "min_p": float(table["p"].min()) if len(table) else np.nan,
                "score": score,
                "score_within": within,
            }
        )
    return LEVELS.check(pd.DataFrame(rows))


def _folds(cohort: Cohort, seed: int) -> NDArray[np.int64]:
    high = cohort.phenotype > 0.5 if cohort.is_binary else upper_half(cohort.phenotype)
    return grouped_folds(high.astype(np.int64), cohort.clade, FOLDS, seed)


def _predicted(cohort: Cohort, values: NDArray[np.float64], fold: NDArray[np.int64]) -> tuple[float, float]:
    scale = values.std(0)
    # variance 1: rare alleles weigh as much as common ones
    x = (values - values.mean(0))[:, scale > 1e-12] / scale[scale > 1e-12]
    if not x.shape[1]:
        return np.nan, np.nan
    # mean of products: the kernel's diagonal is about 1, so λ = 1 gives the level half the variance
    kernel = x @ x.T / x.shape[1]
    score = np.zeros(len(x))
    for i in np.unique(fold):
        train, test = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        y = cohort.phenotype[train]
        # kernel ridge: n × n however many columns there are
        weights = np.linalg.solve(kernel[np.ix_(train, train)] + RIDGE * np.eye(len(train)), y - y.mean())
        score[test] = y.mean() + kernel[np.ix_(test, train)] @ weights
    if not cohort.is_binary:
        return float(scipy.stats.pearsonr(score, cohort.phenotype)[0]) if score.std() > 0 else 0.0, np.nan
    labels = cohort.phenotype.astype(np.int64)
    # fold and clade: scores of different folds come from different models and are not compared
    blocks = np.array([f"{f}\x1f{c}" for f, c in zip(fold, cohort.clade, strict=True)])
    within = wins(score, labels, blocks).within(np.ones((1, len(np.unique(blocks)))))[0]
    return float(areas(score, labels).auroc), float(within)


def carriers_verdict(table: pd.DataFrame) -> str:
    """In words, whether features say more than genes and alleles do."""
    score = table.set_index("level")["score"]
    if "allele" not in score or np.isnan(score.get("feature", np.nan)):
        return ""
    comparison = ", ".join(f"{name}s {value:.3f}" for name, value in score.items() if np.isfinite(value))
    best = score.drop("feature").max()
    if best >= score["feature"] - AS_WELL:
        name = score.drop("feature").idxmax()
        return f"{comparison}: the {name}s themselves do as well as the features, which add nothing to the prediction"
    return f"{comparison}: the features predict better than the genes and alleles themselves"
