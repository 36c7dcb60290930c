"""What each feature does, on sequences small enough to count by hand."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from photo51.config.features import FeaturesParams
from photo51.features.table import as_anndata, feature_runs, feature_table
from photo51.genome.axis.workspace import Workspace

WORKSPACE = Workspace(
    pd.DataFrame(
        [("g", "c1", 100, 106, 0, "train"), ("g", "c1", 110, 114, 1, "test")],
        columns=["genome", "chrom", "start", "end", "block", "split"],
    )
)
PLUS = np.array([[0, 1, 2, 0, 0, 4, 3, 0, 0, 0], [0] * 10, [1] * 10], dtype=np.float32).T
MINUS = np.array([[0, 1, 2, 0, 0, 4, 3, 0, 0, 5], [0] * 10, [0] * 10], dtype=np.float32).T


class Store:
    n_features, n_rows = 3, 10

    def features(self, ids, strand):
        return sp.csc_matrix((PLUS if strand == "+" else MINUS)[:, ids])


@pytest.fixture(scope="module")
def tables():
    return feature_table(Store(), WORKSPACE, FeaturesParams(apart=0, chunk=2))


def test_a_run_ends_where_a_segment_ends():
    found = feature_runs(sp.csc_matrix(PLUS[:, [0]]), np.array([0, 6]))
    assert found.start.tolist() == [1, 5, 6]  # rows 5 and 6 are neighbours on the axis, not on the contig
    assert found.end.tolist() == [3, 6, 7]
    assert found.peak.tolist() == [2, 5, 6]
    assert found.value.tolist() == [2, 4, 3]


def test_statistics_are_those_counted_by_hand(tables):
    f = tables[0].set_index("feature")
    assert f.loc[0, "n_active"] == 9
    assert f.loc[0, "density"] == pytest.approx(9 / 20)
    assert (f.loc[0, "n_runs"], f.loc[0, "mean_run"]) == (7, pytest.approx(9 / 7))
    assert (f.loc[0, "maximum"], f.loc[0, "q50"], f.loc[0, "n_blocks"]) == (5, 3, 2)
    assert f.loc[0, "strand_correlation"] == pytest.approx(np.corrcoef(PLUS[:, 0], MINUS[:, 0])[0, 1])
    assert not f.loc[1, "alive"]
    assert (f.loc[1, "maximum"], f.loc[2, "density_plus"], f.loc[2, "density_minus"]) == (0, 1, 0)


def test_the_strongest_runs_come_first_with_positions_of_the_contig(tables):
    top = tables[1].query("feature == 0")
    assert top["value"].tolist() == [5, 4, 4, 3, 3, 2, 2]
    first = top.iloc[0]
    assert (first["chrom"], first["start"], first["end"], first["peak"]) == ("c1", 113, 114, 113)
    assert (first["strand"], first["split"], first["row"]) == ("-", "test", 9)
    assert top.iloc[1][["start", "end", "strand"]].tolist() == [105, 106, "+"]


def test_near_runs_of_one_strand_are_left_out():
    top = feature_table(Store(), WORKSPACE, FeaturesParams(apart=4))[1].query("feature == 0")
    assert [(r.strand, r.row) for r in top.itertuples()] == [("-", 9), ("+", 5), ("-", 5)]


def test_the_strongest_runs_are_those_of_a_list_that_is_sorted_and_gone_through():
    rng = np.random.default_rng(3)
    n = 400
    workspace = Workspace(pd.DataFrame([("g", "c", 0, n, 0, "train")], columns=WORKSPACE.table.columns[:6]))
    dense = {s: (rng.integers(0, 6, (n, 3)) * (rng.random((n, 3)) < 0.4)).astype(np.float32) for s in "+-"}

    class Random:
        n_features, n_rows = 3, n

        def features(self, ids, strand):
            return sp.csc_matrix(dense[strand][:, ids])

    params = FeaturesParams(apart=17, top_windows=9)
    top = feature_table(Random(), workspace, params)[1]
    for feature in range(3):
        runs = []
        for strand in "+-":
            values, start = [*dense[strand][:, feature].tolist(), 0.0], None
            for row, value in enumerate(values):
                if value and start is None:
                    start = row
                elif not value and start is not None:
                    segment = values[start:row]
                    runs.append((-max(segment), strand, start, start + segment.index(max(segment))))
                    start = None
        taken = []
        for value, strand, start, peak in sorted(runs):
            if len(taken) < 9 and all(s != strand or abs(peak - p) >= 17 for _, s, _, p in taken):
                taken.append((value, strand, start, peak))
        got = top[top["feature"] == feature]
        assert list(zip(-got["value"], got["strand"], got["start"], got["row"], strict=True)) == taken


def test_chunks_change_nothing(tables):
    again = feature_table(Store(), WORKSPACE, FeaturesParams(apart=0, chunk=1))
    for one, two in zip(tables, again, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_anndata_has_features_as_observations(tables):
    adata = as_anndata(tables[0], np.eye(3, 2, dtype=np.float32), "block.2.out")
    assert adata.shape == (3, 2)
    assert adata.var_names[1] == "block.2.out[1]"
    assert adata.obs.loc["0", "n_active"] == 9
