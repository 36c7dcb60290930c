"""Planted causes are found within strata and again in other genes; what knows gene or codon position is not."""

import numpy as np

from photo51.biomarkers.contrasts.association import audited_tests, split_genes, test_features
from photo51.config.biomarkers import BiomarkersParams

from .toy import PARAMS, comparison_of, planted

tests_of = test_features
test_features.__test__ = False


def test_stratified_finds_the_causes_and_pooled_the_leaks():
    false, pooled_false, power, replicated = [], [], [], []
    for seed in range(4):
        found = planted(seed, n=3000, n_genes=80, n_features=300, n_causal=10)
        table = tests_of(comparison_of(found), PARAMS)
        hits = set(table["feature"][table["q"] <= 0.05])
        pooled = set(table["feature"][table["q_pooled"] <= 0.05])
        causal = set(found.causal.tolist())
        false.append(len(hits - causal) / max(len(hits), 1))
        pooled_false.append(len(pooled - causal) / max(len(pooled), 1))
        power.append(len(hits & causal) / len(causal))
        replicated.append(table.loc[table["replicated"], "feature"].isin(causal).mean())
    assert np.mean(false) <= 0.10
    assert np.mean(pooled_false) > 0.5
    assert np.mean(power) >= 0.8
    assert np.mean(replicated) > 0.9


def test_without_the_codon_position_the_phase_features_come_through():
    found = planted(1, n=3000, n_genes=80, n_features=300, n_causal=10)
    loose = BiomarkersParams(statistics=("near",), strata=("gene",))
    table = tests_of(comparison_of(found, loose), loose)
    hits = table["feature"][table["q"] <= 0.05]
    assert hits.isin(found.phase_features).sum() > 10


def test_shuffled_labels_find_nothing():
    found = planted(2)
    comparison = comparison_of(found)
    rng = np.random.default_rng(0)
    shuffled = comparison.labels.copy()
    for s in np.unique(comparison.strata):
        here = comparison.strata == s
        shuffled[here] = rng.permutation(shuffled[here])
    table = tests_of(comparison._replace(labels=shuffled), PARAMS)
    assert (table["q"] <= 0.05).sum() <= 1
    assert 0.02 < (table["p"][table["p"] < 1] <= 0.05).mean() < 0.09


def test_genes_are_split_whole_and_cases_evenly():
    found = comparison_of(planted(3))
    discovery = split_genes(found.genes, found.labels, np.random.default_rng(0))
    for gene in np.unique(found.genes):
        assert len(set(discovery[found.genes == gene])) == 1
    assert 0.35 < found.labels[discovery].sum() / found.labels.sum() < 0.65


def test_few_variants_get_no_p_below_what_an_arrangement_can_have():
    """Two strata of 3 to 5 with one case each: nothing below one over the product of their sizes, and nothing testable."""
    found = planted(4, n=1500)
    comparison = comparison_of(found)
    sizes = np.bincount(comparison.strata)
    cases = np.bincount(comparison.strata, weights=comparison.labels)
    chosen = np.flatnonzero((sizes >= 3) & (sizes <= 5) & (cases == 1))[:2]
    rows = np.flatnonzero(np.isin(comparison.strata, chosen))
    small = comparison.subset(rows)
    table = tests_of(small, PARAMS)
    assert (table["p"] >= table["p_floor"] - 1e-12).all()
    assert (table["p_floor"] >= 1 / np.prod(sizes[chosen])).all()
    assert not table["testable"].any()
    assert table["q"].isna().all()


def test_runs_with_permuted_labels_are_counted_and_rarely_find_anything():
    """Many ties: a feature is not 0 in 2 to 60 variants. All three statistics, `focal` among them."""
    found = planted(6, n=1500, n_genes=40, n_features=60, n_causal=4, penetrance=0.0)
    rng = np.random.default_rng(0)
    thin = found.deltas.toarray() * (rng.random(found.deltas.shape) < rng.uniform(0.02, 1.0, 60))
    every = BiomarkersParams(audit=40)
    tested = audited_tests(comparison_of(found._replace(deltas=thin), every), every)
    assert len(tested.audit) == 40
    assert (tested.audit["discoveries"] > 0).mean() <= 0.1
    assert (tested.audit["tests"] == tested.tests["testable"].sum()).all()
    assert set(tested.tests["statistic"]) == {"focal", "near", "window"}
