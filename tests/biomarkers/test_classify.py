"""The whole bench of scores on planted variants: causes win, leaks are seen, nothing comes of permuted labels."""

from types import SimpleNamespace

import numpy as np
import pytest

from photo51.biomarkers.contrasts.classify import classify, too_small
from photo51.biomarkers.contrasts.frequency import frequency_named, refuse_frequency
from photo51.config.biomarkers import BiomarkersParams
from photo51.types import InputError

from .toy import PARAMS, comparison_of, planted


@pytest.fixture(scope="module")
def judged():
    found = planted(0, n=2000, n_genes=60)
    return found, classify(comparison_of(found), PARAMS)


def whole(judged):
    table = judged[1].classifiers
    return table[table["stratum"] == "all"].set_index("method")


def test_features_add_to_the_likelihood_and_the_interval_says_so(judged):
    table = whole(judged)
    assert table.loc["features", "auroc_within"] > 0.85
    assert table.loc["stacked", "gain_lo"] > 0.05
    assert table.loc["stacked", "auroc_within"] >= table.loc["features", "auroc_within"] - 0.01


def test_the_genes_name_alone_scores_over_all_pairs_and_not_within(judged):
    row = whole(judged).loc["gene_prior"]
    assert row["auroc"] > 0.7
    assert row["auroc_within"] == pytest.approx(0.5)
    assert row["role"] == "leak"


def test_sequence_context_and_permuted_labels_are_nothing_within_strata(judged):
    table = whole(judged)
    for method in ("context", "kmer", "features_permuted"):
        assert abs(table.loc[method, "auroc_strata"] - 0.5) < 0.08, method


def test_scores_can_be_worked_out_again_from_the_probes_table(judged):
    found, result = judged
    scores, probes = result.scores, result.probes
    llr = found.variants["llr"].to_numpy()
    deltas = found.deltas.toarray()
    for i in (0, 77, 500):
        for method in ("features", "stacked"):
            rows = probes[(probes["fold"] == scores["fold"][i]) & (probes["method"] == method)]
            total = 0.0
            for term, column, weight in rows[["term", "column", "weight"]].itertuples(index=False):
                value = {"intercept": 1.0, "llr": llr[i]}.get(term)
                total += weight * (
                    value if value is not None else (deltas[i, column] if column < deltas.shape[1] else 0.0)
                )
            assert scores[method][i] == pytest.approx(total, abs=1e-5)


def test_fold_of_a_variant_did_not_train_on_its_gene(judged):
    scores = judged[1].scores
    assert (scores.groupby("gene")["fold"].nunique() == 1).all()


def test_random_split_flatters_features_that_know_the_gene():
    """Without causes, only gene features tell: they do so when genes are not held out, and not when they are."""
    gained = []
    for seed in range(1, 5):
        found = planted(seed, n=2000, n_genes=25, penetrance=0.0)
        table = classify(comparison_of(found, PARAMS), PARAMS).classifiers
        table = table[table["stratum"] == "all"].set_index("method")
        gained.append(table.loc["features_random_split", "auroc"] - table.loc["features", "auroc"])
    assert np.mean(gained) > 0.05


def test_a_stratum_of_one_class_is_named_not_dropped():
    found = planted(1)
    found.variants.loc[found.variants["consequence"] == "synonymous", "label"] = "benign"
    table = classify(comparison_of(found), PARAMS).classifiers
    row = table[table["stratum"] == "synonymous"].iloc[0]
    assert (row["role"], row["method"]) == ("unscored", "none")
    assert "got 0 and" in row["reason"]
    assert np.isnan(row["auroc"])


def test_too_few_of_everything_and_frequencies_are_refused():
    found = planted(2, n=200, n_genes=10)
    strict = PARAMS.model_copy(update={"min_class": 500})
    with pytest.raises(InputError, match="need 500 cases and controls"):
        classify(comparison_of(found), strict)
    leaky = BiomarkersParams(conservation="gb_count")
    with pytest.raises(InputError, match="knows no population"):
        classify(comparison_of(found), leaky)


def test_every_method_is_judged_on_the_variants_that_all_of_them_score():
    """Conservation that is right where it is known: missing values are neither ranked nor held against it."""
    found = planted(3, n=1200, n_genes=40)
    rng = np.random.default_rng(0)
    is_case = (found.variants["label"] == "pathogenic").to_numpy()
    known = rng.random(1200) > 0.15
    found.variants["phylop"] = np.where(known, is_case + rng.normal(0, 0.1, 1200), np.nan)
    params = PARAMS.model_copy(update={"conservation": "phylop", "stratum": "genome"})
    table = classify(comparison_of(found, params), params).classifiers.set_index("method")
    assert table.loc["conservation", "auroc"] > 0.99
    assert (table["n_case"] + table["n_control"] == known.sum()).all()
    assert (table["n_missing"] == (~known).sum()).all()


@pytest.mark.parametrize(
    "name",
    [
        "gnomAD_AF",
        "af_nfe",
        "AC",
        "alleleFreq",
        "MAF",
        "pop_max",
        "HelixMTdb",
        "allele.count",
        "1000G",
        "faf95",
    ],
)
def test_names_of_frequencies_are_known(name):
    assert frequency_named(name)


@pytest.mark.parametrize(
    "name",
    ["phylop", "gc", "llr", "delta_norm", "phastCons100way", "n_changed", "safe_score", "accessibility"],
)
def test_names_of_other_scores_are_not_taken_for_frequencies(name):
    assert not frequency_named(name)


def test_a_column_that_follows_a_frequency_is_refused_by_any_name():
    found = planted(4, n=400, n_genes=20)
    rng = np.random.default_rng(0)
    common = rng.lognormal(size=400)
    variants = found.variants.assign(
        gnomad_af=common, smart=np.sqrt(common) + 0.01 * rng.random(400), other=rng.random(400)
    )
    labels = (variants["label"] == "pathogenic").astype(int).to_numpy()
    refuse_frequency(variants, ["other", "gc"], labels, "raw")
    with pytest.raises(InputError, match="'smart', which follows 'gnomad_af'"):
        refuse_frequency(variants, ["other", "smart"], labels, "raw")


def test_controls_of_one_gene_are_refused_by_name():
    """Once that gene is held out there is no control to learn from."""
    comparison = comparison_of(planted(0, n=600, n_genes=6))
    names, size = np.unique(comparison.genes, return_counts=True)
    labels = (comparison.genes != names[size.argmax()]).astype(np.int64)
    with pytest.raises(InputError, match="controls in 2 and 3 genes in all, got 5, 1 and 6"):
        classify(comparison._replace(labels=labels), PARAMS)


def test_cases_in_one_fold_of_genes_are_no_stratum():
    """Forty cases in one gene and one in another, thirty controls in each of five: some training side has no case."""
    counts = [(40, 5), (1, 30), (0, 30), (0, 30), (0, 30), (0, 30)]
    labels = np.concatenate([np.repeat([1, 0], n) for n in counts])
    genes = np.repeat([f"g{i}" for i in range(len(counts))], [sum(n) for n in counts])
    comparison = SimpleNamespace(labels=labels, genes=genes)
    assert "outside every fold of genes" in too_small(comparison, BiomarkersParams(folds=5))
    even = np.tile([1, 0], len(labels) // 2 + 1)[: len(labels)]
    assert too_small(SimpleNamespace(labels=even, genes=genes), BiomarkersParams(folds=5)) == ""
