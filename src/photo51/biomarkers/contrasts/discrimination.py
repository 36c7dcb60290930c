"""How well a score tells cases from controls, over all pairs and over pairs of one gene, with gene-block intervals.

Genes are the blocks: variants of one gene share its burden, so the number of genes, not of variants, says how sure a
figure is. Every area is written as wins of one gene's cases over another's controls; a bootstrap over genes then only
re-weighs one small matrix.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photo51.stats.auc import rank, weighted_average_precision
from photo51.stats.resampling import Estimate, bootstrap_weights, percentile_interval


class Wins(NamedTuple):
    """Pairs of a case and a control, by the genes they come from.

    Attributes
    ----------
    wins
        (n_genes, n_genes): cases of the row's gene that score above controls of the column's, ties half.
    cases, controls
        (n_genes,).
    """

    wins: NDArray[np.float64]
    cases: NDArray[np.float64]
    controls: NDArray[np.float64]

    def pooled(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """AUROC over all pairs under each weighting of genes (n_draws, n_genes), (n_draws,); NaN without pairs."""
        pairs = (weights @ self.cases) * (weights @ self.controls)
        won = np.einsum("dg,gh,dh->d", weights, self.wins, weights, optimize=True)
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    def within(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """AUROC over pairs of one gene, each gene weighted by one over its size plus one; NaN without such pairs."""
        # van Elteren's weight for each gene; the bootstrap multiplies it
        scaled = weights / (self.cases + self.controls + 1.0)
        # the diagonal: pairs of one gene
        pairs, won = scaled @ (self.cases * self.controls), scaled @ np.diag(self.wins)
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 1e-12)


def wins(scores: ArrayLike, labels: ArrayLike, genes: ArrayLike) -> Wins:
    """Count wins between genes.

    Parameters
    ----------
    scores
        (n,) finite; higher means case.
    labels
        (n,) 0 and 1.
    genes
        (n,) gene of each variant.
    """
    score, label = np.asarray(scores, dtype=float), np.asarray(labels).astype(bool)
    _, gene = np.unique(np.asarray(genes), return_inverse=True)
    n_genes = int(gene.max()) + 1
    values, place = np.unique(score, return_inverse=True)
    controls_at = np.zeros((len(values), n_genes))
    np.add.at(controls_at, (place[~label], gene[~label]), 1.0)
    # controls of each gene below a value, those that equal it half: (values, genes)
    beaten = np.cumsum(controls_at, axis=0) - controls_at / 2.0
    won = np.zeros((n_genes, n_genes))
    # won[g, h]: wins of cases of gene g against controls of gene h, from which any weighting of genes follows
    np.add.at(won, gene[label], beaten[place[label]])
    return Wins(
        won,
        np.bincount(gene[label], minlength=n_genes).astype(float),
        np.bincount(gene[~label], minlength=n_genes).astype(float),
    )


class StratumWins(NamedTuple):
    """Weighted wins and pairs inside strata, summed by gene, (n_genes,) each."""

    won: NDArray[np.float64]
    pairs: NDArray[np.float64]

    def area(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """AUROC over pairs of one stratum under each weighting of genes, (n_draws,); NaN without such pairs."""
        pairs, won = weights @ self.pairs, weights @ self.won
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 1e-12)


def stratum_wins(scores: ArrayLike, labels: ArrayLike, genes: ArrayLike, strata: ArrayLike) -> StratumWins:
    """Count wins inside strata (n,), each weighted by one over its size plus one; a stratum belongs to its first
    gene.
    """
    score, label = np.asarray(scores, dtype=float), np.asarray(labels).astype(bool)
    _, gene = np.unique(np.asarray(genes), return_inverse=True)
    won, pairs = np.zeros(gene.max() + 1), np.zeros(gene.max() + 1)
    _, stratum = np.unique(np.asarray(strata), return_inverse=True)
    order = np.argsort(stratum, kind="stable")
    # rows of one stratum lie together after sorting: cut where the number changes
    for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        cases, controls = score[rows][label[rows]], np.sort(score[rows][~label[rows]])
        if len(cases) and len(controls):
            # controls below plus controls at or below: twice the wins, ties a half each
            below = np.searchsorted(controls, cases, "left") + np.searchsorted(controls, cases, "right")
            won[gene[rows[0]]] += below.sum() / 2 / (len(rows) + 1)
            # van Elteren's weight, 1 / (N + 1)
            pairs[gene[rows[0]]] += len(cases) * len(controls) / (len(rows) + 1)
    return StratumWins(won, pairs)


class Discrimination(NamedTuple):
    """What a score achieves; each an estimate with its 95 % interval over whole genes."""

    auroc: Estimate
    within: Estimate
    strata: Estimate
    auprc: Estimate
    prevalence: float
    gain: Estimate


def discriminate(
    scores: ArrayLike,
    labels: ArrayLike,
    genes: ArrayLike,
    strata: ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 1000,
    reference: Wins | None = None,
) -> Discrimination:
    """Judge a score.

    Parameters
    ----------
    scores, labels, genes
        (n,) as in `wins`.
    strata
        (n,) what has to be equal for a pair to count in `strata`: gene, consequence and codon position.
    rng, draws
        Bootstrap over genes; the same seed for two scores draws the same genes.
    reference
        Wins of another score on the same variants: `gain` is the within-gene AUROC above it.

    References
    ----------
    Künsch 1989, doi:10.1214/aos/1176347265 (block bootstrap).
    """
    count, inside = wins(scores, labels, genes), stratum_wins(scores, labels, genes, strata)
    n_genes = len(count.cases)
    weights = bootstrap_weights(n_genes, draws, rng)
    ones = np.ones((1, n_genes))
    label = np.asarray(labels).astype(bool)
    _, gene = np.unique(np.asarray(genes), return_inverse=True)
    ranked = rank(np.asarray(scores, dtype=float), label, gene)
    rows = count.cases + count.controls

    def precision(w: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighted_average_precision(ranked, w, count.cases, rows)

    gain = Estimate(np.nan, np.nan, np.nan)
    if reference is not None:
        # paired: both scores under the same draws of genes
        gain = _estimate(count.within(ones) - reference.within(ones), count.within(weights) - reference.within(weights))
    return Discrimination(
        auroc=_estimate(count.pooled(ones), count.pooled(weights)),
        within=_estimate(count.within(ones), count.within(weights)),
        strata=_estimate(inside.area(ones), inside.area(weights)),
        auprc=_estimate(precision(ones), precision(weights)),
        prevalence=float(label.mean()),
        gain=gain,
    )


def _estimate(value: NDArray[np.float64], draws: NDArray[np.float64]) -> Estimate:
    return Estimate(float(value[0]), *percentile_interval(draws))
