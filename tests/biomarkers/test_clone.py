"""A clonal cohort as bacteria come: one clone of most isolates, rare lineages, phenotypes partly missing; and shares by hand."""

import json
import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from benchmarks.planted.clone import plant_clone
from photo51.biomarkers.cohorts import lock
from photo51.biomarkers.cohorts.burden import Alleles, Burden, variant_burden
from photo51.biomarkers.cohorts.carriers import baselines, carriers, carriers_verdict, shares
from photo51.biomarkers.cohorts.cohort import roster
from photo51.biomarkers.cohorts.distil_stage import run_distil_cohort
from photo51.biomarkers.cohorts.feasibility import design
from photo51.biomarkers.cohorts.stage import External, Validation, run_cohort
from photo51.config.biomarkers import CohortParams, DistilParams
from photo51.genome.variants.files import Genotypes
from photo51.io import provenance, read_table
from photo51.io.contracts.biomarkers import ASSOCIATIONS, CARRIERS, FEASIBILITY, LEVELS
from photo51.stats.clades import clades, stability
from photo51.stats.mixed import similarity
from photo51.types import InputError

FAST = {"half_samples": 10, "components": 2}


@pytest.fixture(scope="module")
def world():
    return plant_clone(np.random.default_rng(3), n=800, n_alleles=800, n_features=300, n_drugs=2, missing=0.2)


def test_shares_of_variance_by_hand():
    carried = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
    # parts 2a and 1b are uncorrelated: variances 4 and 1 of 5
    assert shares(carried, np.array([2.0, 1.0])) == pytest.approx([0.8, 0.2])
    # an allele that always comes with another of opposite effect: parts 3a and -a, burden 2a, shares 3/2 and -1/2
    twin = np.array([[0, 0], [1, 1]], dtype=float)
    assert shares(twin, np.array([3.0, -1.0])) == pytest.approx([1.5, -0.5])
    assert shares(twin, np.array([1.0, -1.0])).tolist() == [0.0, 0.0]


def test_carriers_name_genes_and_alleles_with_shares_that_add_up():
    table = pd.DataFrame({"allele": ["c:1:A>C", "c:2:A>C", "c:9:A>C"], "gene": ["x", "x", "y"], "consequence": "missense"})  # fmt: skip
    carried = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=float)  # fmt: skip
    alleles = Alleles(table, carried, sparse.csr_matrix([[2.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    found = carriers(alleles, np.arange(8), np.array([0, 1]))
    assert set(found["feature"]) == {0}
    by_name = found.set_index(["level", "name"])["share"]
    assert by_name["gene", "x"] == pytest.approx(5 / 9)
    assert by_name["gene", "y"] == pytest.approx(4 / 9)
    assert by_name["allele", "c:2:A>C"] == pytest.approx(1 / 9)
    assert found[found["level"] == "gene"]["n_carriers"].tolist() == [6, 4]
    silent = Alleles(table.assign(consequence=["synonymous", "missense", "synonymous"]), carried, alleles.deltas)
    gene = baselines(silent, np.arange(8), "none")[0]
    assert gene.values[:, 0].tolist() == carried[:, 1].tolist()  # the silent allele of x does not count
    assert gene.values[:, 1].tolist() == carried[:, 2].tolist()  # y has no other


def test_who_is_not_genotyped_is_no_carrier():
    """One carrier of four, one unknown: its imputed third of a copy is no carrier's."""
    variants = pd.DataFrame({"chrom": "c", "pos": [4, 8], "ref": "A", "alt": "G"})
    counts = np.array([[1, 0], [0, 1], [0, 0], [-1, 1]])
    genotypes = Genotypes(["i", "j", "k", "l"], variants, counts, np.ones_like(counts), np.nan, variants.iloc[:0])
    scored = pd.DataFrame({"variant": ["c:5:A>G", "c:9:A>G"], "gene": "x", "consequence": "missense"})
    delta = sparse.csr_matrix([[2.0], [1.0]])
    effects = ad.AnnData(np.zeros((2, 1)), layers={"focal_plus": delta, "focal_minus": delta})
    burden = variant_burden(genotypes, scored, effects, statistic="focal", max_missing=0.5)
    assert burden.burden[:, 0] == pytest.approx([4, 2, 0, 2 + 4 / 3])
    found = carriers(burden.alleles, np.arange(4), np.array([0])).set_index(["level", "name"])["n_carriers"]
    assert found["allele", "c:5:A>G"] == 1
    assert found["allele", "c:9:A>G"] == 2
    assert found["gene", "x"] == 3
    gene, allele = baselines(burden.alleles, np.arange(4), "none")
    assert gene.n_carriers.tolist() == [3]
    assert allele.n_carriers.tolist() == [1, 2]


def test_the_verdict_says_in_words_when_alleles_do_as_well():
    table = pd.DataFrame({"level": ["feature", "gene", "allele"], "score": [0.992, 0.95, 0.990]})
    assert "the alleles themselves do as well" in carriers_verdict(table)
    assert "predict better" in carriers_verdict(table.assign(score=[0.992, 0.8, 0.9]))


def test_a_dominant_clone_is_divided_and_lineages_stay_whole(world):
    related = similarity(world.burden.markers)
    found = clades(related, 12)
    size = np.bincount(found)
    assert (np.diff(size) <= 0).all()
    assert np.bincount(world.lineage).max() > 0.7 * 800
    assert size.max() < 0.3 * 800
    assert size.min() >= 16  # a quarter of a clade's share
    order = np.random.default_rng(0).permutation(800)
    again = clades(related[np.ix_(order, order)], 12)
    assert pd.crosstab(found[order], again).gt(0).sum(axis=1).max() == 1
    assert clades(np.eye(2), 5).tolist() == [0, 0]


def test_clones_that_do_not_differ_are_one_clade_and_stability_is_what_it_says():
    group = np.repeat(np.arange(4), [60, 20, 20, 20])
    rng = np.random.default_rng(0)
    markers = (rng.random((4, 200)) < 0.5).astype(float)[group]
    found = clades(similarity(markers), 4)
    assert pd.crosstab(group, found).gt(0).sum(axis=1).tolist() == [1, 1, 1, 1]
    assert stability(markers, found, 4, rng=rng).rand == pytest.approx(1.0)
    noise = (rng.random((120, 60)) < 0.5).astype(float)
    assert stability(noise, clades(similarity(noise), 4), 4, rng=rng).rand < 0.3


def test_planted_alleles_are_found_and_named_and_all_that_is_written_is_there(world, tmp_path, caplog):
    params = CohortParams(phenotype="drug0", **FAST)
    with caplog.at_level(logging.INFO):
        tests = run_cohort(world.burden, world.panel, tmp_path, params, lineage=provenance("test"))
    found = tests["feature"][tests["q"] <= 0.05]
    assert len(found)
    named = read_table(tmp_path / "carriers.parquet", CARRIERS)
    best = named[named["feature"] == tests["feature"].iloc[tests["p"].argmin()]]
    top = best[best["level"] == "allele"].head(3)["name"]
    assert set(top) & set(world.causal["drug0"])
    assert "target0" in set(best[best["level"] == "gene"].head(3)["name"])
    table = read_table(tmp_path / "associations.parquet", ASSOCIATIONS)
    assert set(table["level"]) == {"feature", "gene", "allele"}
    gene = table[table["level"] == "gene"].set_index("name")
    assert gene["p"].idxmin() == "target0"
    levels = read_table(tmp_path / "levels.parquet", LEVELS).set_index("level")
    assert levels.loc["gene", "score"] > 0.7
    assert "do as well" in json.loads((tmp_path / "summary.json").read_text())["levels"]
    clade = read_table(tmp_path / "feasibility.parquet", FEASIBILITY)
    assert clade["n"].sum() + (world.panel["drug0"] == "").sum() == 800
    assert "target0" in caplog.text


def test_labels_that_go_with_lineage_alone_give_nothing(world):
    from photo51.biomarkers.cohorts.cohort import match
    from photo51.biomarkers.cohorts.tests import discover

    hits = 0
    for seed in range(8):
        null = plant_clone(np.random.default_rng(seed), n=250, n_alleles=250, n_features=60, n_drugs=1)
        params = CohortParams(phenotype="lineage_only", min_clades=2, **FAST)
        hits += bool((discover(match(null.burden, null.panel, params), params).tests["q"] <= 0.05).any())
    assert hits <= 1  # 2.5 % of runs: two of eight have probability 0.016


def test_two_named_clades_are_left_out_in_turn(world, tmp_path):
    side = np.where(np.arange(800) % 2 == 0, "north", "south")
    params = CohortParams(phenotype="drug0", clade="site", one_clade=0.05, **FAST)
    tests = run_cohort(
        world.burden, world.panel.assign(site=side), tmp_path, params, lineage=provenance("test"),
        validation=Validation(open_lock=True),
    )  # fmt: skip
    assert json.loads((tmp_path / "summary.json").read_text())["scheme"] == "leave_one_clade_out"
    again = tests[tests["validated"]]
    assert len(again)
    assert (tests["q"][tests["val_p"].notna()] <= 0.05).all()
    assert not lock.read_lock(tmp_path / "lock.json").is_open


def test_what_cannot_be_answered_says_what_would_do(world):
    cases = pd.Series(["S"] * 800)
    cases[world.lineage == 1] = "R"
    people = roster(world.burden.individuals, world.panel.assign(x=cases), CohortParams(phenotype="x", clade="lineage"))
    with pytest.raises(InputError, match=r"both classes in 0 of 21 clades.*leave `clade` out.*`n_clades`"):
        design(people, world.burden.markers)
    with pytest.raises(InputError, match="two values at least, got 'a' for everyone"):
        roster(world.burden.individuals, world.panel.assign(s="a"), CohortParams(phenotype="drug0", clade="s"))


def test_an_external_cohort_is_asked_once_and_nobody_else_is_put_away(world, tmp_path):
    half = np.arange(800) < 500
    parts = [
        Burden([n for n, h in zip(world.burden.individuals, at, strict=True) if h], world.burden.burden[at], world.burden.markers[at], world.burden.raw[at], world.burden.alleles._replace(carried=world.burden.alleles.carried[at]))
        for at in (half, ~half)
    ]  # fmt: skip
    params = CohortParams(phenotype="drug0", min_clades=2, **FAST)
    external = External(parts[1], world.panel[~half], params)
    out = run_cohort(
        parts[0], world.panel[half], tmp_path, params, lineage=provenance("test"),
        validation=Validation(open_lock=True, distil_first=True, external=external), distil_params=DistilParams(bootstrap=20),
    )  # fmt: skip
    known = lock.read_lock(tmp_path / "lock.json")
    assert set(known.put_away) == set(world.panel["individual"][~half & (world.panel["drug0"] != "").to_numpy()])
    assert known.openings == 1
    assert out["val_p"].notna().sum() == (out["q"] <= 0.05).sum()
    assert len(known.questions["rules"]) == 1


def test_an_unused_column_with_gaps_stops_no_rule(world, tmp_path):
    gaps = np.where(np.arange(800) % 3 == 0, "", "1.5")
    panel = world.panel.assign(age=np.arange(800).astype(str), gappy=gaps)
    params = CohortParams(phenotype="drug0", **FAST)
    run_cohort(world.burden, panel, tmp_path, params, lineage=provenance("test"))
    assert run_distil_cohort(tmp_path, DistilParams(raw=("age",), bootstrap=20, candidates=20))
    with pytest.raises(InputError, match=r"'gappy'.*gaps"):
        run_distil_cohort(tmp_path, DistilParams(raw=("gappy",), bootstrap=20))
