"""Areas against scikit-learn and by hand; intervals that resample genes."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from photo51.biomarkers.contrasts.discrimination import discriminate, stratum_wins, wins


def drawn(seed=0, n=300, genes=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n).round(1), rng.integers(0, 2, n), rng.integers(0, genes, n)


def test_areas_are_those_of_scikit_learn_ties_included():
    score, label, gene = drawn()
    found = discriminate(score, label, gene, gene, rng=np.random.default_rng(0), draws=50)
    assert found.auroc.value == pytest.approx(roc_auc_score(label, score))
    assert found.auprc.value == pytest.approx(average_precision_score(label, score))
    assert found.prevalence == pytest.approx(label.mean())


def test_within_gene_area_by_hand():
    """Gene a: one case above one of two controls (1/2, weight 2/4 pairs); gene b: case above control (1, weight 1/3)."""
    score = np.array([2.0, 1, 3, 5, 4])
    label, gene = np.array([1, 0, 0, 1, 0]), np.array(["a", "a", "a", "b", "b"])
    expected = (1 / 4 + 1 / 3) / (2 / 4 + 1 / 3)
    one = np.ones((1, 2))
    assert wins(score, label, gene).within(one)[0] == pytest.approx(expected)
    assert stratum_wins(score, label, gene, gene).area(one)[0] == pytest.approx(expected)


def test_weights_of_genes_are_copies_of_genes():
    score, label, gene = drawn(1, 80, 5)
    weights = np.array([[2.0, 0, 1, 3, 0]])
    rows = np.concatenate([np.flatnonzero(gene == g) for g, w in enumerate(weights[0]) for _ in range(int(w))])
    assert wins(score, label, gene).pooled(weights)[0] == pytest.approx(roc_auc_score(label[rows], score[rows]))


def test_a_score_that_knows_only_the_gene_is_a_half_within_and_more_over_all_pairs():
    rng = np.random.default_rng(2)
    gene = rng.integers(0, 30, 2000)
    share = rng.beta(0.5, 0.5, 30)
    label = (rng.random(2000) < share[gene]).astype(int)
    found = discriminate(share[gene], label, gene, gene, rng=rng, draws=200)
    assert found.auroc.value > 0.8
    assert found.within.value == pytest.approx(0.5)
    assert found.strata.value == pytest.approx(0.5)


def test_intervals_widen_with_fewer_genes_not_with_fewer_variants():
    widths = []
    for genes in (4, 100):
        rng = np.random.default_rng(3)
        gene = np.arange(2000) % genes
        label = rng.integers(0, 2, 2000)
        score = label * rng.normal(1.0, 1.0, genes)[gene] + rng.normal(size=2000)
        found = discriminate(score, label, gene, gene, rng=rng, draws=400)
        widths.append(found.auroc.high - found.auroc.low)
    assert widths[0] > 2 * widths[1]


def test_gain_over_itself_is_nothing():
    score, label, gene = drawn(4)
    found = discriminate(
        score, label, gene, gene, rng=np.random.default_rng(0), draws=50, reference=wins(score, label, gene)
    )
    assert tuple(found.gain) == (0.0, 0.0, 0.0)
