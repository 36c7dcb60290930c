"""Designs by hand, folds that never split a gene, probes that find what was planted."""

import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.contrasts.comparison import surprise_column
from photo51.biomarkers.contrasts.probes import (
    context_design,
    fit_sparse,
    fit_stacked,
    gene_share,
    grouped_folds,
    kmer_design,
    prior,
    ridge_scores,
)
from photo51.stats.auc import areas

from .toy import comparison_of, planted


def one_variant():
    return pd.DataFrame({"substitution": ["C>T"], "context_ref": ["AACGA"], "context_alt": ["AATGA"], "gc": [0.25]})


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


def test_prior_is_the_share_in_the_other_folds_by_hand():
    """Gene a in folds 0, 0, 1, gene b in 1; fold 1 learns from cases 1, 1: (2 + 1) / 3 - 1 = 0, and the mean 1/2 comes back.

    Fold 0 learns from labels 0 (a) and 0 (b): share 0, mean 0.
    """
    labels, genes, fold = np.array([1, 1, 0, 0]), np.array(["a", "a", "a", "b"]), np.array([0, 0, 1, 1])
    np.testing.assert_allclose(prior(labels, genes, fold), [0.5, 0.5, 0.5, 0.5])
    fold = np.array([0, 1, 0, 1])  # fold 1 learns from a: 1, 0 (mean 1/2): (1 + 1/2) / 3 - 1/2 + 1/2
    np.testing.assert_allclose(prior(labels, genes, fold)[[1, 3]], [0.5, 0.5])
    np.testing.assert_allclose(gene_share(labels, genes), [2 / 3, 2 / 3, 2 / 3, 0])


def test_one_group_of_56_cases_and_17_controls_says_nothing():
    """A leave-one-out share gives every case less than every control here, an AUROC of 0."""
    labels = np.repeat([1, 0], [56, 17])
    fold = grouped_folds(labels, np.arange(73), 5, 0)
    score = prior(labels, np.zeros(73), fold)
    assert areas(score, labels == 1).auroc == 0.5


def test_prior_is_not_biased_where_groups_say_nothing_and_finds_what_they_say():
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 4, 400)
    nothing, known = [], []
    for seed in range(30):
        labels = (rng.random(400) < 0.5).astype(int)
        fold = grouped_folds(labels, np.arange(400), 5, seed)
        nothing.append(areas(prior(labels, groups, fold), labels == 1).auroc)
        labels = (rng.random(400) < np.array([0.1, 0.4, 0.6, 0.9])[groups]).astype(int)
        known.append(areas(prior(labels, groups, fold), labels == 1).auroc)
    assert np.mean(nothing) == pytest.approx(0.5, abs=0.03)
    assert np.mean(known) > 0.75


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


def test_deletions_are_weighed_by_the_length_fair_likelihood():
    """Cases are long deletions whatever they do: the plain ratio knows that alone, the fair one says nothing, and counts."""
    found = planted(1)
    comparison = comparison_of(found)
    rng = np.random.default_rng(3)
    labels = comparison.labels
    plain = comparison.variants.assign(llr=-10.0 * labels + rng.normal(0, 0.1, len(labels)))
    fair = plain.assign(llr_fair=rng.normal(0, 1, len(labels)))
    rows = np.arange(len(labels))
    assert surprise_column(plain) == "llr"
    assert surprise_column(fair.assign(llr_fair=np.nan)) == "llr"
    assert surprise_column(fair) == "llr_fair"
    by_plain = fit_stacked(comparison._replace(variants=plain), "near", rows, 6)
    by_fair = fit_stacked(comparison._replace(variants=fair), "near", rows, 6)
    assert by_plain.llr_weight < -0.3
    assert abs(by_fair.llr_weight) < 0.2


def test_ridge_learns_a_direction_and_scales_do_not_matter():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 30))
    labels, genes = (x[:, 0] + 0.3 * rng.normal(size=600) > 0).astype(int), rng.integers(0, 20, 600)
    train, test = np.arange(400), np.arange(400, 600)
    score = ridge_scores(x, labels, genes, train, test)
    assert np.corrcoef(score, x[test, 0])[0, 1] > 0.95
    scaled = ridge_scores(x * 100 + 7, labels, genes, train, test)
    assert np.corrcoef(score, scaled)[0, 1] == pytest.approx(1.0)
