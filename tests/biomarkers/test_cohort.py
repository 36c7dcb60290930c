"""Cohorts: descent does not pass for association, what is put away stays away, and bad tables are named."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.planted.cohorts import plant_cohort
from photo51.biomarkers.cohorts import lock
from photo51.biomarkers.cohorts.burden import Burden
from photo51.biomarkers.cohorts.cohort import Cohort, match, upper_half
from photo51.biomarkers.cohorts.distil_stage import run_distil_cohort
from photo51.biomarkers.cohorts.feasibility import split_clades
from photo51.biomarkers.cohorts.stage import Validation, run_cohort
from photo51.biomarkers.cohorts.tests import discover, validate
from photo51.config.biomarkers import CohortParams, DistilParams
from photo51.io import provenance, read_table
from photo51.io.contracts.biomarkers import COHORT_TESTS, RULES
from photo51.types import InputError

PARAMS = CohortParams(covariates=("age", "sex"), treatment="treatment", clade="clade", half_samples=10, components=5)


@pytest.fixture(scope="module")
def world():
    planted = plant_cohort(np.random.default_rng(1), n=900, n_features=300, n_causal=4, n_markers=3000, effect=0.6)
    burden = Burden(
        planted.individuals["individual"].tolist(), planted.burdens, planted.markers,
        pd.DataFrame({"length": np.arange(900.0)}),
    )  # fmt: skip
    return planted, burden


@pytest.fixture(scope="module")
def found(world):
    return discover(match(world[1], world[0].individuals, PARAMS), PARAMS)


def test_a_quantity_with_a_ceiling_has_two_halves():
    """Most individuals at the largest value, which is the median: nobody lies above it."""
    values = np.array([1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 9.0])
    assert upper_half(values).tolist() == (values == 9).tolist()
    assert upper_half(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [False, False, True, True]
    clade = np.repeat(np.arange(12), 10)
    phenotype = np.tile([1.0, 2.0, 3.0, *[9.0] * 7], 12)
    away = split_clades(phenotype, clade, PARAMS, 3, np.random.default_rng(0))
    assert away is not None
    assert 0 < away.mean() < 1


def test_a_covariate_that_is_the_same_in_a_subset_is_left_out():
    n = 10
    cohort = Cohort(
        np.arange(n),
        np.zeros((n, 1)),
        np.arange(n) % 2.0,
        np.array([[0.1]] * 7 + [[0.4]] * 3),
        ["dose"],
        np.eye(n),
        np.zeros(n),
        None,
        pd.DataFrame(),
    )  # the standard deviation of seven times 0.1 is 1e-17
    assert cohort.subset(np.arange(7)).covariate_names == []
    assert cohort.subset(np.arange(8)).covariate_names == ["dose"]


def test_covariates_that_become_equal_in_a_subset_are_kept_once():
    """Two sites, and three batches of which the subset holds two: there site and batch are the same column."""
    site = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    batch = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    columns = np.column_stack([site == 1, batch == 1, batch == 2]).astype(float)
    n = len(site)
    cohort = Cohort(
        np.arange(n),
        np.zeros((n, 1)),
        np.arange(n) % 2.0,
        columns,
        ["site=1", "batch=1", "batch=2"],
        np.eye(n),
        np.zeros(n),
        None,
        pd.DataFrame(),
    )
    assert cohort.subset(np.arange(6)).covariate_names == ["site=1"]
    assert cohort.subset(np.arange(8)).covariate_names == ["site=1", "batch=1", "batch=2"]


def test_the_mixed_model_is_calibrated_where_regression_is_not(found):
    inflation = found.lambdas.set_index("test")["lambda_gc"]
    assert 0.8 <= inflation["mixed_model"] <= 1.2
    assert inflation["regression"] > 2.5
    assert inflation["rank"] > 2.5


def test_planted_causes_are_found_and_little_else(world, found):
    called = set(found.tests["feature"][found.tests["q"] <= 0.05])
    causal = set(world[0].causal.tolist())
    assert len(called & causal) >= 3
    assert len(called - causal) <= 1
    naive = found.lambdas.set_index("test")["discoveries"]
    assert naive["regression"] > 10 * naive["mixed_model"]
    stable = set(found.tests["feature"][found.tests["stable"]])
    assert len(stable & causal) >= 3


def test_the_treatment_that_takes_an_effect_away_is_seen(world, found):
    p = found.tests["p_interaction"].to_numpy()
    modified = world[0].modified
    assert p[modified].max() < 0.01
    others = np.setdiff1d(np.arange(300), world[0].causal)
    assert (p[others] < 0.05).mean() < 0.12


def test_validation_asks_for_the_discoveries_alone(world):
    cohort = match(world[1], world[0].individuals, PARAMS)
    away = split_clades(cohort.phenotype, cohort.clade, PARAMS, 3, np.random.default_rng(0))
    assert not set(cohort.clade[away]) & set(cohort.clade[~away])
    tests = discover(cohort.subset(np.flatnonzero(~away)), PARAMS).tests
    out = validate(tests, cohort.subset(np.flatnonzero(away)), PARAMS)
    asked = out["q"] <= PARAMS.alpha
    assert out.loc[asked, "val_p"].notna().all()
    assert out.loc[~asked, "val_p"].isna().all()
    assert set(out["feature"][out["validated"]]) <= set(world[0].causal.tolist())
    assert out["validated"].sum() >= 2


def test_phenotypes_without_genomes_and_the_reverse_are_listed_and_nothing_is_lost(world):
    panel = world[0].individuals.copy()
    panel.loc[0, "individual"] = "stranger"
    panel["phenotype"] = panel["phenotype"].astype(object)
    panel.loc[5, "phenotype"] = ""
    cohort = match(world[1], panel, PARAMS)
    assert dict(cohort.unmatched.to_numpy().tolist()) == {
        "individual00000": "no row in the panel", "stranger": "no genome", "individual00005": "no phenotype",
    }  # fmt: skip
    assert len(cohort.individuals) + 2 == 900
    with pytest.raises(InputError, match=r"3 of 901 individuals cannot be used.*need at most 0%.*got 1 of 900"):
        match(world[1], panel, PARAMS.model_copy(update={"max_unmatched": 0.0}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.assign(phenotype=1), "two classes"),
        (lambda p: p.assign(phenotype=["ill"] + [0] * 899), "got 'ill' for 'individual00000'"),
        (lambda p: p.assign(age=p["phenotype"] * 2.0), "covariate 'age': need one that does not give the phenotype"),
        (lambda p: p.assign(sex=p["age"] * 3 + 1), "covariate 'sex': need one that the others do not give"),
        (lambda p: p.assign(age=4.0), "covariate 'age': need one that varies"),
        (lambda p: p.assign(age=[np.nan] + [1.0, 2.0] * 449 + [1.0]), "need a value for every individual"),
        (lambda p: p.drop(columns="age"), r"need columns \['age'\]"),
        (lambda p: p.assign(individual=["a", "a", *p["individual"][2:]]), "panel: need each individual once, got 'a'"),
    ],
)  # fmt: skip
def test_bad_panels_are_one_sentence(world, change, said):
    with pytest.raises(InputError, match=said):
        match(world[1], change(world[0].individuals), PARAMS)


def test_no_p_value_where_classes_are_together_in_too_few_clades(world):
    panel = world[0].individuals.copy()
    order = {c: i for i, c in enumerate(sorted(set(panel["clade"])))}
    number = panel["clade"].map(order).to_numpy()
    panel.loc[number >= 2, "phenotype"] = (number[number >= 2] % 2).astype(int)
    with pytest.raises(InputError, match="3"):
        discover(match(world[1], panel, PARAMS), PARAMS)


def test_a_lock_is_opened_once_for_one_question(tmp_path):
    path = tmp_path / "lock.json"
    lock.seal(path, ["ann", "bob"], "content")
    assert not lock.read_lock(path).is_open
    opened = lock.open_once(path, {"features": [1, 2]})
    assert opened.is_open
    assert lock.open_once(path, {"features": [1, 2]}) == lock.read_lock(path)
    with pytest.raises(InputError, match="second look"):
        lock.open_once(path, {"features": [1, 2, 3]})
    assert lock.seal(path, ["ann", "bob"], "content").is_open
    with pytest.raises(InputError, match="cannot be put away again"):
        lock.seal(path, ["ann"], "other content")
    with pytest.raises(InputError, match="run `photo51 cohort` first"):
        lock.read_lock(tmp_path / "none.json")


def test_a_cohort_from_discovery_through_a_rule_to_the_opened_lock(world, tmp_path):
    planted, burden = world
    made = provenance("test")
    closed = run_cohort(burden, planted.individuals, tmp_path, PARAMS, lineage=made)
    assert closed["val_p"].isna().all()
    assert json.loads((tmp_path / "summary.json").read_text())["lock"]["opened"] == ""
    with pytest.raises(InputError, match="among age that says something beyond strata, descent and covariates"):
        run_distil_cohort(tmp_path, DistilParams(bootstrap=50, candidates=50, raw=("age",)))
    rules = run_distil_cohort(tmp_path, DistilParams(bootstrap=50, candidates=50, raw=("length",)))
    assert [r.rule.family for r in rules] == ["features", "raw"]
    assert set(rules[0].rule.columns) <= set(planted.causal.tolist())
    opened = run_cohort(
        burden, planted.individuals, tmp_path, PARAMS, lineage=made, validation=Validation(open_lock=True),
        distil_params=DistilParams(bootstrap=50),
    )  # fmt: skip
    record = json.loads((tmp_path / "summary.json").read_text())["lock"]
    assert record["opened"]
    assert len(record["questions"]["rules"]) == 2
    assert record["questions"]["features"] == opened["feature"][opened["q"] <= PARAMS.alpha].tolist()
    tried = read_table(tmp_path / "rules.parquet", RULES)
    small = tried[(tried["family"] == "features") & (tried["rule"] != "full probe")].iloc[0]
    assert small["terms"] <= 5
    assert small["kept"] > 0.8
    assert len(read_table(tmp_path / "cohort_tests.parquet", COHORT_TESTS)) == 300
    fewer = PARAMS.model_copy(update={"alpha": 1e-9})
    with pytest.raises(InputError, match="--reopen"):
        run_cohort(burden, planted.individuals, tmp_path, fewer, lineage=made, validation=Validation(open_lock=True))
    run_distil_cohort(tmp_path, DistilParams(bootstrap=50, candidates=50, max_terms=1))
    run_cohort(
        burden, planted.individuals, tmp_path, PARAMS, lineage=made,
        validation=Validation(open_lock=True, reopen=True), distil_params=DistilParams(bootstrap=50),
    )  # fmt: skip
    again = json.loads((tmp_path / "summary.json").read_text())["lock"]
    assert again["openings"] == 2
    assert again["earlier"] == [{"opened": record["opened"], "questions": record["questions"]}]
