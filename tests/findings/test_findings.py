"""Every claim from hand-made tables: the numbers, and the verdict at the edge of what chance gives."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pandas as pd
import pytest

from photo51.enrichment.concepts import verdicts
from photo51.findings import causes, concepts, overall, shapes, unannotated, variants
from photo51.findings.finding import Finding, finding_rows, table
from photo51.io import provenance, read_table, write_table
from photo51.io.contracts.findings import FINDINGS


def at_least(k: int, n: int, chance: Fraction = Fraction(1, 20)) -> float:
    """Binomial tail, term by term in exact arithmetic."""
    return float(sum((comb(n, i) * chance**i * (1 - chance) ** (n - i) for i in range(k, n + 1)), Fraction(0)))


HALF = Fraction(1, 2)


# ---- concepts


def classes(features: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten scored classes whose first ones are named after the features, and one that could not be scored."""
    names = [f"class_{i}" for i in range(10)]
    best = [*features, *range(100, 110 - len(features))]
    summary = pd.DataFrame(
        {
            "annotation": [*names, "rare"],
            "strand": "sense",
            "status": ["scored"] * 10 + ["too few instances"],
            "feature": [*best, -1],
            "f1_domain": np.linspace(0.9, 0.1, 11),
        }
    )
    own = {"readout": "sae", "feature": best, "annotation": names, "strand": "sense", "named": [i < len(features) for i in range(10)]}  # fmt: skip
    probe = {"readout": "pca", "feature": best, "annotation": names, "strand": "sense", "named": True}
    return summary, pd.concat([pd.DataFrame(own), pd.DataFrame(probe)], ignore_index=True)


@pytest.mark.parametrize(("features", "verdict"), [([], "no"), ([1], "yes"), ([1, 1, 2], "yes")])
def test_one_name_is_enough_and_classes_of_one_feature_count_once(features, verdict):
    found = concepts.single_features(concepts.best_of_classes(*classes(features)))
    assert (found.value, found.of, found.n) == (len(features), 10, 10)
    assert np.isnan(found.p)  # q-values decide
    assert ("best feature" in found.null_text) == bool(features)
    assert not features or f"have {len(set(features))} different best feature" in found.null_text.replace("has", "have")
    assert found.verdict == verdict
    assert found.value_text == f"{len(features)} of 10 classes"


@pytest.mark.parametrize(("wins", "verdict"), [(8, "yes"), (7, "no"), (1, "no")])
def test_better_than_neurons_is_a_sign_test_over_classes_with_a_neuron(wins, verdict):
    best = pd.DataFrame(
        {
            "feature": range(10),
            "f1_domain": [0.6 if i < wins else 0.4 for i in range(9)] + [0.9],
            "f1_neuron": [0.5] * 9 + [np.nan],
            "beats_neuron": [i < wins for i in range(9)] + [True],
        }
    )
    (found,) = concepts.beyond_units(best)
    assert (found.about, found.value, found.of, found.null) == ("neuron", wins, 9, 4.5)
    assert found.p == pytest.approx(at_least(wins, 9, HALF))
    assert found.verdict == verdict
    assert concepts.beyond_units(best.assign(f1_neuron=np.nan)) == []


@pytest.mark.parametrize(("kept", "of", "verdict"), [(3, 4, "yes"), (2, 4, "no"), (9, 20, "no"), (0, 1, "no"), (1, 1, "yes")])  # fmt: skip
def test_names_are_replicated_beyond_chance_and_in_most_cases(kept, of, verdict):
    replication = pd.DataFrame(
        {"check": "genome", "feature": range(of + 1), "reason": ["checked"] * of + ["no such class there"], "survives": [i < kept for i in range(of + 1)]}
    )  # fmt: skip
    (found,) = concepts.replication(replication)
    assert (found.about, found.value, found.of, found.n) == ("genome", kept, of, of)
    assert found.p == pytest.approx(at_least(kept, of))
    assert found.verdict == verdict
    assert "in each genome by itself" in found.claim
    assert concepts.replication(replication.assign(reason="no such class there")) == []


# ---- shapes


def manifolds(rings: int, clouds: int, modules: int, alone: int) -> pd.DataFrame:
    n = rings + clouds + modules + alone
    return pd.DataFrame(
        {
            "cluster": range(n), "shape": ["loop"] * rings + ["blob"] * clouds + ["module"] * (modules + alone), "manifold": [True] * (rings + clouds) + [False] * (modules + alone),
            "coordinate": ["angle"] * rings + ["none"] * (n - rings), "q_dependence": [0.05] * (n - alone) + [0.051] * alone, "n_features": 3,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("rings", "clouds", "verdict"), [(0, 3, "no"), (1, 0, "yes"), (1, 9, "no"), (2, 4, "yes")])
def test_shapes_are_counted_among_groups_beyond_chance_and_clouds_are_none(rings, clouds, verdict):
    dependent, shaped = shapes.groups(manifolds(rings, clouds, 0, 5))
    assert (dependent.value, dependent.of, dependent.verdict) == (rings + clouds, rings + clouds + 5, "yes")
    assert (shaped.value, shaped.of) == (rings, rings + clouds)
    assert shaped.p == pytest.approx(at_least(rings, rings + clouds))
    assert shaped.verdict == verdict


def test_groups_that_do_not_depend_are_no_find():
    dependent, shaped = shapes.groups(manifolds(0, 0, 0, 4))
    assert (dependent.verdict, shaped.verdict, shaped.p) == ("no", "no", 1.0)


def test_a_coordinate_has_a_meaning_only_beyond_six_letter_words():
    meaning = pd.DataFrame({"cluster": [0, 1], "quantity": ["gc_line", "codon_phase"]})
    for beyond, verdict in ((True, "yes"), (False, "no")):
        meanings = pd.DataFrame({"beyond_kmer": [beyond, False]}, index=[0, 1])
        (found,) = shapes.coordinates(manifolds(2, 0, 0, 0), meaning, meanings)
        assert (found.value, found.of, found.n, found.verdict) == (int(beyond), 2, 2, verdict)
    assert shapes.coordinates(manifolds(0, 2, 0, 0), meaning, meanings) == []


@pytest.mark.parametrize(("won", "verdict"), [(5, "yes"), (4, "no")])
def test_groups_against_activations_is_a_sign_test_over_the_quantities_chosen(won, verdict):
    """Of cluster 5 nobody says anything; of the second quantity of each the group says more where it is chosen, and
    both together less.
    """
    effect = [0.5] * won + [0.1, -0.5, -0.5, -0.5, -0.5][: 5 - won]
    one = pd.DataFrame({"cluster": range(6), "effect": [*effect, 0.5], "choice": [0.2] * 5 + [-0.1]})
    one["choice_direct"] = [0.2] * 5 + [0.0]
    other = pd.DataFrame({"cluster": range(6), "effect": 0.9, "choice": [0.3] * 5 + [np.nan], "choice_direct": 0.05})
    meaning = pd.concat([other, one]).assign(effect_direct=0.2, effect_subspaces=0.3, choice_subspaces=0.0)
    (found,) = shapes.beyond_activations(meaning)
    assert (found.value, found.of) == (won, 5)
    assert found.p == pytest.approx(at_least(won, 5, HALF))
    assert found.verdict == verdict
    assert shapes.beyond_activations(meaning.assign(effect_direct=np.nan)) == []


@pytest.mark.parametrize(("shown", "tested", "verdict"), [(1, 1, "yes"), (1, 2, "no"), (2, 7, "yes"), (1, 7, "no"), (0, 0, "untested")])  # fmt: skip
def test_known_shapes_are_shown_beyond_what_as_many_tests_give_by_chance(shown, tested, verdict):
    positive_controls = pd.DataFrame({"verdict": ["shown"] * shown + ["not shown"] * (tested - shown) + ["not tested"]})
    found = shapes.controls(positive_controls)
    assert (found.value, found.of, found.verdict) == (shown, tested, verdict)


# ---- causes


def test_features_the_model_uses_are_counted_after_benjamini_hochberg():
    # 5 tests: 0.01 × 5 / 1 = 0.05 passes; 0.021 × 5 / 2 = 0.0525 does not
    causality = pd.DataFrame({"ablation_p": [0.01, 0.021, 0.5, 0.6, 0.9, np.nan]})
    found = causes.removal(causality, 0.05)
    assert (found.value, found.of, found.verdict) == (1, 5, "yes")
    many = pd.DataFrame({"ablation_p": [0.0007] + [0.5] * 59})  # 0.0007 × 60 = 0.042 passes, as one of 60: a candidate
    assert causes.removal(many, 0.05).value == 1
    assert causes.removal(many, 0.05).verdict == "no"
    pairs = pd.DataFrame({"ablation_p": [0.0007] * 4 + [0.5] * 56})
    assert causes.removal(pairs, 0.05).verdict == "yes"
    assert causes.removal(causality.assign(ablation_p=causality["ablation_p"] + 0.001), 0.05).verdict == "no"


@pytest.mark.parametrize(("works", "tried", "verdict"), [(1, 1, "yes"), (1, 2, "no"), (2, 6, "yes"), (1, 6, "no")])  # fmt: skip
def test_steering_counts_features_and_only_measures_declared_beforehand(works, tried, verdict):
    judged = pd.DataFrame({"target": [f"f{i}" for i in range(tried)], "declared": True, "steers": [i < works for i in range(tried)]})  # fmt: skip
    twice = pd.concat([judged, judged.assign(declared=False, steers=True)], ignore_index=True)
    found = causes.steering(twice, 0.05)
    assert (found.value, found.of) == (works, tried)
    assert found.p == pytest.approx(at_least(works, tried))
    assert found.verdict == verdict


def test_steering_in_any_of_many_measures_is_no_finding_where_none_was_named_beforehand():
    # one world in which nothing steers: each of 13 measures of a feature does so by chance in one of twenty cases
    rng = np.random.default_rng(2)
    verdicts = []
    for _ in range(300):
        chance = rng.random((6, 13)) < 0.05
        table = pd.DataFrame({"target": np.repeat([f"f{i}" for i in range(6)], 13), "declared": False, "steers": chance.ravel()})  # fmt: skip
        verdicts.append(causes.steering(table, 0.05).verdict)
    assert verdicts.count("yes") / 300 <= 0.08
    # the claim names what was tried, and a measure named beforehand is judged as before
    assert "13 measures" in causes.steering(table, 0.05).claim
    one = pd.DataFrame({"target": ["f1"] * 13, "declared": [True] + [False] * 12, "steers": True})
    assert causes.steering(one, 0.05).p == pytest.approx(0.05)
    assert causes.steering(one.assign(declared=False), 0.05).p == pytest.approx(0.65)


# ---- variants and cohorts

SCORES = {"stratum": "all", "n_case": 30, "n_control": 50, "n_genes": 4, "auroc": 0.7, "gain": np.nan, "gain_lo": np.nan, "gain_hi": np.nan}  # fmt: skip
NO_TESTS = pd.DataFrame()


def scores(*rows_: tuple[str, str, float, float, float], **gains: float) -> pd.DataFrame:
    made = [{**SCORES, "method": m, "role": r, "auroc_within": a, "within_lo": lo, "within_hi": hi} for m, r, a, lo, hi in rows_]  # fmt: skip
    return pd.DataFrame([{**row, **(gains if row["method"] == "stacked" else {})} for row in made])


@pytest.mark.parametrize(("low", "verdict"), [(0.51, "yes"), (0.5, "no"), (0.3, "no")])
def test_likelihood_has_to_exceed_guessing_with_its_whole_interval(low, verdict):
    judged = scores(("llr", "score", 0.6, low, 0.7))
    c = variants.contrast("mito_rna", {"cases_label": "deleterious"}, judged, NO_TESTS)
    (found,) = variants.likelihood(judged, c)
    assert (found.about, found.value, found.null, found.n, found.verdict) == (
        "mito_rna",
        0.6,
        0.5,
        80,
        verdict,
    )
    assert found.n_text.startswith("30 deleterious and 50 harmless variants in 4 genes")


@pytest.mark.parametrize(("auroc", "verdict"), [(0.89, "yes"), (0.9, "described")])
def test_nothing_is_claimed_where_consequence_alone_tells_cases_from_controls(auroc, verdict):
    judged = scores(("llr", "score", 0.6, 0.55, 0.7), ("consequence_prior", "leak", 0.5, 0.5, 0.5))
    judged.loc[judged["method"] == "consequence_prior", "auroc"] = auroc
    c = variants.contrast("tb", {}, judged, NO_TESTS)
    assert variants.likelihood(judged, c)[0].verdict == verdict
    tests = pd.DataFrame({"claim": ["description"]})
    assert variants.contrast("tb", {}, scores(("llr", "score", 0.6, 0.55, 0.7)), tests).described


@pytest.mark.parametrize(
    ("gain_lo", "low", "verdict"),
    [(0.01, 0.66, "yes"), (0.01, 0.65, "no"), (0.0, 0.66, "no"), (0.01, 0.4, "no")],
)
def test_features_have_to_add_to_the_likelihood_and_to_beat_the_best_baseline(gain_lo, low, verdict):
    judged = scores(
        ("llr", "score", 0.6, 0.5, 0.7), ("stacked", "score", 0.7, low, 0.8), ("kmer", "baseline", 0.65, 0.5, 0.7), ("context", "baseline", 0.55, 0.5, 0.6),
        gain=0.1, gain_lo=gain_lo, gain_hi=0.2,
    )  # fmt: skip
    c = variants.contrast("mito", {}, judged, NO_TESTS)
    (found,) = variants.features_add(judged, c)
    assert (found.value, found.null, found.verdict) == (0.7, 0.65, verdict)
    assert "k-mers" in found.null_text
    assert variants.features_add(scores(("llr", "score", 0.6, 0.5, 0.7)), c) == []


def test_changes_of_features_have_to_come_back_in_other_genes():
    tests = pd.DataFrame(
        {"feature": [1, 2, 3], "q": [0.01, 0.05, 0.06], "q_pooled": [0.001, 0.01, 0.02], "replicated": False}
    )
    c = variants.Contrast("mito", "cases", "controls", "")
    (found,) = variants.feature_changes(tests, c, 0.05)
    assert (found.value, found.of, found.n, found.verdict) == (0, 2, 3, "no")
    assert "calls 3" in found.null_text
    again = tests.assign(replicated=[True, False, False])
    assert variants.feature_changes(again, c, 0.05)[0].verdict == "yes"
    assert variants.feature_changes(again, c._replace(described="why"), 0.05)[0].verdict == "described"
    assert variants.feature_changes(NO_TESTS, c, 0.05) == []


def test_a_cohort_whose_validation_clades_are_open_counts_validated_features():
    tests = pd.DataFrame({"q": [0.01, 0.2], "val_p": np.nan, "validated": False, "p_naive": [1e-9, 0.024]})
    lambdas = pd.DataFrame({"test": ["mixed_model", "chi2"], "lambda_gc": [1.02, 9.5], "naive": [False, True]})
    locked, inflation = variants.cohort("tb_rif", tests, lambdas, 0.05)
    assert (locked.value, locked.of, locked.verdict) == (1, 2, "yes")
    assert "2 pass Bonferroni" in locked.null_text
    assert (inflation.value, inflation.null, inflation.verdict) == (1.02, 1.0, "described")
    (opened,) = variants.cohort("tb_rif", tests.assign(val_p=[0.3, 0.4]), NO_TESTS, 0.05)
    assert (opened.value, opened.verdict) == (0, "no")
    assert "again in clades kept apart" in opened.claim
    (outside,) = variants.cohort("tb_rif", tests.assign(val_p=0.3), NO_TESTS, 0.05, variants.VALIDATION["external"])
    assert "again in the external cohort" in outside.claim


# ---- what no annotation explains


def test_a_ranking_without_control_has_no_verdict():
    queue = pd.DataFrame({"rank": [1, 2, 0], "p": np.nan, "novel": False, "null_q95": np.nan})
    found = unannotated.ranking(queue)
    assert (found.verdict, found.of, found.n) == ("untested", 2, 3)
    with_control = queue.assign(p=0.01, null_q95=0.4, novel=[True, False, False])
    assert (unannotated.ranking(with_control).value, unannotated.ranking(with_control).verdict) == (1, "yes")
    assert unannotated.ranking(with_control.assign(novel=False)).verdict == "no"


@pytest.mark.parametrize(("recovered", "tested", "verdict"), [(1, 1, "yes"), (1, 8, "no"), (2, 7, "yes"), (0, 5, "no")])  # fmt: skip
def test_hidden_classes_have_to_come_back_more_often_than_one_in_twenty(recovered, tested, verdict):
    hidden = pd.DataFrame({"status": ["tested"] * tested + ["too few"], "recovered": [i < recovered for i in range(tested)] + [True]})  # fmt: skip
    (found,) = unannotated.hidden(hidden)
    assert (found.value, found.of, found.verdict) == (recovered, tested, verdict)
    assert found.p == pytest.approx(at_least(recovered, tested))
    assert unannotated.hidden(hidden.iloc[-1:]) == []


# ---- the dictionary and the tests


@pytest.mark.parametrize(("share", "verdict"), [(0.8, "yes"), (0.79, "no")])
def test_a_dictionary_has_to_keep_four_fifths_of_the_predictive_power(share, verdict):
    assert overall.fidelity({"recovered": share}, "block.2.out")[0].verdict == verdict
    assert overall.fidelity({}, "block.2.out") == overall.fidelity({"recovered": np.nan}, "") == []


@pytest.mark.parametrize(
    ("features", "rotated_features", "rotated", "verdict"),
    [(5, 0, 0, "yes"), (4, 0, 0, "no"), (9, 1, 5, "yes"), (9, 1, 6, "no"), (3, 3, 5, "no")],
)
def test_pairs_need_more_features_than_shifted_activations_give_and_few_pairs_there(
    features, rotated_features, rotated, verdict
):
    figures = {"alpha": 0.05, "run_real_both": 100, "run_rotated_both": rotated, "run_real_pairs": 5_000, "run_real_features": features, "run_rotated_features": rotated_features}  # fmt: skip
    (found,) = overall.pairs(figures)
    assert (found.value, found.null, found.n) == (100, rotated, 5_000)
    assert found.p == pytest.approx(at_least(features, features + rotated_features, HALF))
    assert found.verdict == verdict
    assert overall.pairs({"run_real_both": 100, "run_rotated_both": None}) == []


# ---- the table


def test_findings_come_back_from_their_table(tmp_path):
    figures = {"run_real_both": 100, "run_rotated_both": 0, "run_real_pairs": 5_000, "run_real_features": 9}
    claims = [*overall.pairs(figures), *overall.fidelity({"recovered": 0.9}, "x")]
    write_table(table(claims), tmp_path / "findings.parquet", FINDINGS, provenance("findings"))
    back = finding_rows(read_table(tmp_path / "findings.parquet", FINDINGS))
    assert [f.verdict for f in back] == ["yes", "yes"]
    assert back[0] == claims[0]
    assert isinstance(back[1], Finding)
    assert len(table([])) == 0
    assert finding_rows(None) == []


def test_a_ranking_in_which_nothing_could_be_novel_is_untested_and_says_why():
    table = pd.DataFrame({"p": [1.0, 1.0], "rank": [1, 2], "n_controls": [0, 0], "seed_match_r": [0.9, 0.8]})
    assert "none of the random-weight model's features passed" in unannotated.without_control(table)
    enough = table.assign(n_controls=100)
    assert unannotated.without_control(enough) == ""
    assert "no dictionary of another seed" in unannotated.without_control(enough.assign(seed_match_r=np.nan))


def test_a_class_in_which_no_feature_hit_anything_is_lost_and_counts():
    """Of four classes two have a feature, one of which names its class; two have none, and a neuron that does."""
    summary = pd.DataFrame(
        {
            "annotation": list("abcd"),
            "strand": "sense",
            "status": "scored",
            "feature": [3, 5, -1, -1],
            "f1_domain": [0.9, 0.4, 0.0, 0.0],
            "f1_neuron": [0.5, 0.1, 0.6, 0.7],
        }
    )
    named = pd.DataFrame(
        {"readout": ["sae"], "feature": [3], "annotation": ["a"], "strand": ["sense"], "named": [True]}
    )
    best = concepts.best_of_classes(summary, named)
    assert best["carries"].tolist() == [True, False, False, False]
    single = verdicts.classes_named(best, best["carries"])
    assert (single.successes, single.cases) == (1, 4)
    against = verdicts.better_than(best, "neuron")
    assert (against.successes, against.cases) == (2, 4)
