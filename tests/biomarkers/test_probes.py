"""Designs by hand, folds that never split a gene, probes that find what was planted."""

import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.probes import (
    context_design,
    fit_sparse,
    fit_stacked,
    gene_share,
    grouped_folds,
    kmer_design,
    prior,
    ridge_scores,
)

from .toy import comparison_of, planted


def one_variant():
    return pd.DataFrame(
        {"substitution": ["C>T"], "context_ref": ["AACGA"], "context_alt": ["AATGA"], "gc": [0.25]}
    )


def test_context_design_by_hand():
    row = context_design(one_variant())[0]
    assert row.shape == (12 + 64 + 2,)
    names = [f"{a}>{b}" for a in "ACGT" for b in "ACGT" if a != b]
    assert names[int(np.flatnonzero(row[:12])[0])] == "C>T"
    trinucleotides = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    assert trinucleotides[int(np.flatnonzero(row[12:76])[0])] == "ACG"
    assert row[76:].tolist() == [0.25, 0.4]


def test_kmers_made_minus_kmers_broken():
    """AACGA has AA AC CG GA, AATGA has AA AT TG GA: AC and CG go, AT and TG come."""
    row = kmer_design(one_variant(), 2)[0]
    words = [a + b for a in "ACGT" for b in "ACGT"]
    assert {words[i]: row[i] for i in np.flatnonzero(row)} == {"AC": -1, "CG": -1, "AT": 1, "TG": 1}


def test_folds_hold_out_whole_genes_and_their_cases_evenly():
    rng = np.random.default_rng(0)
    genes, labels = rng.integers(0, 40, 800), (rng.random(800) < 0.2).astype(int)
    fold = grouped_folds(labels, genes, 5, 0)
    assert sorted(set(fold)) == [0, 1, 2, 3, 4]
    for gene in range(40):
        assert len(set(fold[genes == gene])) == 1
    shares = [labels[fold == f].mean() for f in range(5)]
    assert max(shares) - min(shares) < 0.1


def test_prior_leaves_out_the_variant_itself():
    """Gene a: cases 1, 1, 0; mean of all four is 1/2. Of the first, others are 1 and 0: (1 + 1/2) / 3."""
    labels, genes = np.array([1, 1, 0, 0]), np.array(["a", "a", "a", "b"])
    np.testing.assert_allclose(prior(labels, genes), [1.5 / 3, 1.5 / 3, 2.5 / 3, 0.5])
    np.testing.assert_allclose(gene_share(labels, genes), [2 / 3, 2 / 3, 2 / 3, 0])


def test_sparse_probe_takes_the_causes_and_no_change_has_no_score():
    found = planted(0, n=2500, n_genes=60)
    comparison = comparison_of(found)
    probe = fit_sparse(comparison, "near", np.arange(len(comparison.labels)), 6)
    assert set(probe.columns.tolist()) == set(found.causal.tolist())
    assert probe.feature_score(comparison.deltas["near"][:0]).shape == (0,)
    empty = comparison.deltas["near"][:1] * 0
    assert probe.feature_score(empty)[0] == 0.0


def test_stacking_weighs_both_and_a_useless_feature_score_not_at_all():
    found = planted(1)
    comparison = comparison_of(found)
    both = fit_stacked(comparison, "near", np.arange(len(comparison.labels)), 6)
    assert both.llr_weight < 0 < both.feature_weight
    rng = np.random.default_rng(0)
    silent = comparison._replace(deltas={"near": comparison.deltas["near"] * 0})
    assert fit_stacked(silent, "near", np.arange(len(rng.permutation(1500))), 6).feature_weight == 0.0


def test_ridge_learns_a_direction_and_scales_do_not_matter():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 30))
    labels, genes = (x[:, 0] + 0.3 * rng.normal(size=600) > 0).astype(int), rng.integers(0, 20, 600)
    train, test = np.arange(400), np.arange(400, 600)
    score = ridge_scores(x, labels, genes, train, test)
    assert np.corrcoef(score, x[test, 0])[0, 1] > 0.95
    scaled = ridge_scores(x * 100 + 7, labels, genes, train, test)
    assert np.corrcoef(score, scaled)[0, 1] == pytest.approx(1.0)
