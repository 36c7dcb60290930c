import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import false_discovery_control

from photo51.config.enrichment import EnrichParams
from photo51.enrichment.annotations.classes import annotation_classes
from photo51.enrichment.annotations.design import Design
from photo51.enrichment.association.gather import _error_of_share, calibration, qq_points, with_families
from photo51.enrichment.association.pairs import pair_table
from photo51.enrichment.association.stage import rotated_pairs
from photo51.enrichment.association.tracks import column_track, levelled, rotated, run_counts, take_rows
from photo51.stats.correlation import Mask
from photo51.stats.multiple import hierarchical
from photo51.stats.resampling import random_shifts, rotate
from photo51.stats.rotation import rotation_test

TRUE = {0: "TFBS", 1: "promoter", 2: "tRNA", 3: "codon_position_1", 4: "IS"}
PARAMS = EnrichParams(interval_blocks=1.0)


@pytest.fixture(scope="module")
def design(workspace, annotations, planted):
    return Design(workspace, annotation_classes(workspace, annotations), PARAMS, planted.bases)


@pytest.fixture(scope="module")
def plain(design):
    """The same without composition adjustment."""
    return Design(design.workspace, design.classes, PARAMS)


@pytest.fixture(scope="module")
def plain_table(plain, features):
    return with_families(pair_table(plain, features, np.arange(11)), 0.05)


@pytest.fixture(scope="module")
def table(design, features):
    return with_families(pair_table(design, features, np.arange(11)), 0.05)


def test_every_pair_has_a_row_with_a_p_or_a_reason(table, design):
    assert len(table) == 11 * len(design.readings)
    tested = table["status"] == "tested"
    assert table.loc[tested, ["p_rot", "p_depleted", "q", "n_eff", "z_rot", "p_adj_comp"]].notna().all().all()
    assert (table.loc[tested, "p_rot"] > 0).all()
    assert table.loc[~tested, ["p_rot", "q", "p_adj_comp"]].isna().all().all()
    assert set(table.loc[table["feature"] == 10, "status"]) == {"dead feature: never active"}
    few = table["annotation"] == "prophage"
    assert table.loc[few & (table["feature"] == 0), "status"].iloc[0].startswith("1 instance ")


def test_planted_features_are_found_and_null_ones_are_not(table):
    found = table[table["q"] <= 0.05]
    for feature, annotation in TRUE.items():
        own = found[(found["feature"] == feature) & (found["annotation"] == annotation) & (found["strand"] == "sense")]
        assert len(own) == 1, annotation
        assert own["p_method"].item() == "exact"
        assert own["log2_fold"].item() > 1
        assert own["or_lo"].item() > 1
    assert (found["feature"] > 4).sum() <= 1  # five null features, some 80 tested pairs
    assert not (found["strand"] == "antisense").any()


def test_context_beyond_composition_is_found_too(table):
    """Planted features know where intervals are, which no 6-mer tells."""
    own = table[(table["feature"] == 0) & (table["annotation"] == "TFBS") & (table["strand"] == "sense")]
    assert own["p_adj_comp"].item() < 1e-3
    null = table[table["feature"].between(5, 9)]["p_adj_comp"].dropna()
    assert np.mean(null <= 0.05) < 0.12


def test_a_row_is_what_the_exact_test_says(table, design, features):
    row = table[(table["feature"] == 1) & (table["annotation"] == "promoter") & (table["strand"] == "sense")].iloc[0]
    reading = next(
        i for i, r in enumerate(design.readings) if design.class_of(i).name == "promoter" and r.orientation == "sense"
    )
    levels = levelled(features, 15)
    want = rotation_test(column_track(levels, 1), Mask(design.mask(reading), design.workspace.block_bounds))
    assert row["p_rot"] == want.p_upper
    assert row["p_depleted"] == want.p_lower
    assert row["z_rot"] == want.z
    active = features[:, [1]].toarray()[:, 0] > 0
    inside = design.mask(reading)
    assert row["overlap"] == np.sum(active & inside)
    a, b = np.sum(active & inside) + 0.5, np.sum(active & ~inside) + 0.5
    c, d = np.sum(~active & inside) + 0.5, np.sum(~active & ~inside) + 0.5
    assert row["odds_ratio"] == pytest.approx(a * d / (b * c))


def test_q_values_are_hierarchical_over_classes(table):
    tested = table[table["status"] == "tested"]
    q = hierarchical(tested["p_rot"], tested["annotation"])
    np.testing.assert_allclose(tested["q"], q)
    one = tested[tested["annotation"] == "CDS"]
    np.testing.assert_allclose(one["q_within_annotation"], false_discovery_control(one["p_rot"]))
    assert (one["q"] >= one["q_within_annotation"] - 1e-12).all()


def test_chunks_make_the_table_of_the_whole(plain_table, plain, features):
    parts = [pair_table(plain, features[:, s], np.arange(11)[s]) for s in (slice(0, 4), slice(4, 11))]
    again = with_families(pd.concat(parts, ignore_index=True), 0.05)
    pd.testing.assert_frame_equal(again, plain_table, rtol=1e-5)


def test_threads_do_not_change_a_number(plain_table, plain, features):
    again = with_families(pair_table(plain, features, np.arange(11), threads=3), 0.05)
    pd.testing.assert_frame_equal(again, plain_table)


def test_rotated_activations_give_no_discovery(plain, plain_table, features):
    bounds = plain.workspace.block_bounds
    turned = rotated(features, bounds, random_shifts(bounds, np.random.default_rng(1), 11))
    null = with_families(pair_table(plain, turned, np.arange(11)), 0.05)
    got = calibration(plain_table, null, PARAMS)
    assert got.figures["run_rotated_discoveries"] == 0
    assert got.figures["run_real_discoveries"] >= 5
    assert got.figures["fpr_05"] <= 0.1
    assert set(got.qq["activations"]) == {"real", "rotated"}
    assert "run_rotated_discoveries" not in calibration(plain_table, None, PARAMS).figures


def test_faulty_features_are_named(plain):
    n = 2 * plain.workspace.n_rows
    rng = np.random.default_rng(0)
    columns = np.zeros((n, 4), dtype=np.float32)
    columns[rng.integers(0, n, 300), 0] = 1
    columns[5, 0] = np.nan
    columns[:, 1] = 2.0
    columns[100:103, 2] = 1.0
    columns[rng.integers(0, n, 300), 3] = 1
    columns[7, 3] = np.inf
    got = pair_table(plain, sp.csc_array(columns), np.arange(4)).groupby("feature")["status"].agg(set)
    assert got[0] == {"NaN among the activations"}
    assert got[1] == {"constant feature: the same everywhere"}
    assert got[2] == {"1 run, at least 5 are needed"}
    assert got[3] == {"infinite or negative activations"}


def test_few_effective_draws_are_named(plain):
    """Six runs of 40 bases, one of which holds nearly all of the mass: 240 active bases, about one draw."""
    column = np.zeros((2 * plain.workspace.n_rows, 1), dtype=np.float32)
    for run in range(6):
        column[run * 32_768 + 2_000 : run * 32_768 + 2_040, 0] = 100 if run == 0 else 1
    got = pair_table(plain, sp.csc_array(column), np.array([0]))
    cds = got[(got["annotation"] == "CDS") & (got["strand"] == "sense")].iloc[0]
    assert cds["status"] == "n_eff below 5"
    assert (cds["n_active"], cds["n_runs"]) == (240, 6)
    assert np.isnan(cds["p_rot"])


def test_features_of_one_block_are_calibrated_where_units_are_longer_than_blocks(workspace, annotations):
    design = Design(workspace, annotation_classes(workspace, annotations), EnrichParams(interval_blocks=64.0))
    bounds, n = workspace.block_bounds, workspace.n_rows
    longest = max(design.families(), key=lambda family: np.diff(family.bounds).max())
    assert len(longest.bounds) < len(bounds)
    rng, n_features = np.random.default_rng(3), 120
    dense = np.zeros((2 * n, n_features), dtype=np.float32)
    for j in range(n_features):  # thirty runs, all in one block of its own
        block = rng.integers(len(bounds) - 1)
        starts = rng.integers(bounds[block], bounds[block + 1] - 5, 30)
        dense[(starts[:, None] + np.arange(4)).ravel() + n * rng.integers(2), j] = 1
    features, ids = sp.csc_array(dense), np.arange(n_features)
    own = np.isin(np.arange(n_features * len(design.readings)) % len(design.readings), longest.readings)
    by_units = rotated_pairs(design, features, ids, 7)
    p = by_units.loc[np.flatnonzero(own), "p_rot"].dropna()
    shifts = random_shifts(bounds, rng, n_features)
    p_by_blocks = pair_table(design, rotated(features, bounds, shifts), ids)["p_rot"][own].dropna()
    assert 0.02 <= np.mean(p <= 0.05) <= 0.07
    assert np.mean(p_by_blocks <= 0.05) > 0.08  # so that the null is a hard one


def test_runs_break_at_segments_and_strands():
    column = np.zeros((20, 1), dtype=np.float32)
    column[[2, 3, 4, 9, 10, 11, 19], 0] = 1
    assert run_counts(sp.csc_array(column), np.array([0])).tolist() == [4]  # 2-4, 9, 10-11, 19
    assert run_counts(sp.csc_array(column), np.array([0, 4])).tolist() == [5]


def test_rotating_columns_is_rotating_arrays():
    rng = np.random.default_rng(3)
    dense = rng.random((40, 3)) * (rng.random((40, 3)) < 0.3)
    bounds = np.array([0, 8, 20])
    shifts = np.array([[3, 11], [0, 1], [7, 5]])
    got = rotated(sp.csc_array(dense), bounds, shifts).toarray()
    for strand in (slice(0, 20), slice(20, 40)):
        for column, own in enumerate(shifts):
            np.testing.assert_array_equal(got[strand, column], rotate(dense[strand, column], bounds, own))


def test_the_error_of_a_rate_counts_features_not_pairs():
    # of three features with two pairs each 0, 1 and 2 are called: rate 1/2, sums leave -1, 0, 1: sqrt(3/2 * 2) / 6
    table = pd.DataFrame({"feature": [0, 0, 1, 1, 2, 2], "p_rot": [0.5, 0.9, 0.01, 0.9, 0.01, 0.02]})
    assert _error_of_share(table, 0.05) == pytest.approx(np.sqrt(3) / 6)
    assert _error_of_share(table.iloc[:2], 0.05) is None


def test_taking_rows_takes_them_on_both_strands():
    dense = np.arange(24, dtype=float).reshape(12, 2)
    got = take_rows(sp.csc_array(dense), np.array([1, 2, 5])).toarray()
    np.testing.assert_array_equal(got, dense[[1, 2, 5, 7, 8, 11]])


def test_qq_points_of_uniform_quantiles_lie_on_the_diagonal():
    p = (np.arange(1000) + 0.5) / 1000
    expected, observed = qq_points(p)
    np.testing.assert_allclose(expected, observed)
