"""Long, rare classes against their flanks: windows by hand, baselines, and a planted prophage-like class."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.concepts.few import Axis
from photo51.enrichment.concepts.instances import Pieces
from photo51.enrichment.concepts.regions import (
    aurocs,
    feature_means,
    gc_share,
    kmer_shares,
    long_classes,
    region_rows,
    windows_of,
)
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.enrichment import REGIONS

N = 40_000


def axis_of(bases, **params):
    starts = np.arange(0, N, 4_000)
    table = pd.DataFrame(
        {
            "genome": "g",
            "chrom": "c",
            "start": starts,
            "end": starts + 4_000,
            "block": range(10),
            "split": "train",
        }
    )
    return Axis(Workspace(table), bases, ConceptParams(region_shifts=19, **params))


def a_class(*intervals):
    mask = np.zeros(2 * N, dtype=bool)
    for a, b in intervals:
        mask[a:b] = mask[N + a : N + b] = True
    return AnnotationClass("domain", mask, np.array([(a, b, 2) for a, b in intervals]))


def test_windows_lie_inside_and_beside_and_in_no_other_instance():
    pieces = Pieces(*(np.array(x) for x in ([100, 230], [200, 260], [2, 2], [0, 1])))
    w = windows_of(pieces, np.array([0, 300, 400]), 50)
    rows = list(zip(w.start.tolist(), w.end.tolist(), w.instance.tolist(), w.inside.tolist(), strict=True))
    assert [(s, e, inside) for s, e, i, inside in rows if i == 0] == [
        (100, 150, True), (150, 200, True), (0, 50, False), (50, 100, False),
    ]  # fmt: skip
    assert [(s, e, inside) for s, e, i, inside in rows if i == 1] == [
        (230, 260, True),
        (200, 230, False),
        (260, 290, False),
    ]
    assert all(not (e > 100 and s < 200) and not (e > 230 and s < 260) for s, e, _, inside in rows if not inside)
    assert max(w.end) <= 300


def test_descriptions_of_windows_by_hand():
    bases = np.array([1, 2, 0, 3] * 25 + [0] * 100, dtype=np.uint8)
    pieces = Pieces(np.array([0]), np.array([100]), np.array([2]), np.array([0]))
    w = windows_of(pieces, np.array([0, 200]), 100)
    assert w.start.tolist() == [0, 100]
    assert gc_share(bases, w)[:, 0].tolist() == [0.5, 0]
    kmers = kmer_shares(bases, w)
    assert kmers.shape == (2, 2_080)  # 4**6 less the 64 palindromes, halved, and those
    assert kmers.sum(axis=1) == pytest.approx([1, 1])
    assert kmers[1].max() == 1
    values = sp.csr_array((np.array([2.0, 4.0]), (np.array([3, 250]), np.array([0, 1]))), shape=(400, 2))
    assert feature_means(values, w) == pytest.approx(np.array([[2 / 200, 4 / 200], [0, 0]]))


def test_aurocs_are_those_of_sklearn():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (40, 3)).astype(float), rng.random(40) < 0.4
    assert aurocs(x, y) == pytest.approx([roc_auc_score(y, x[:, j]) for j in range(3)])


def test_two_planted_domains_are_told_from_their_flanks_by_features_alone():
    rng = np.random.default_rng(1)
    bases = rng.integers(0, 4, N).astype(np.uint8)
    c = a_class((6_000, 10_000), (26_000, 30_000))
    active = rng.random((2 * N, 12)) < 0.01
    active[:, 3] |= c.mask & (rng.random(2 * N) < 0.03)
    table = REGIONS.check(
        pd.DataFrame(region_rows(axis_of(bases), c, sp.csr_array(active.astype(np.float32)), np.arange(12)))
    ).set_index("representation")
    assert table["n_instances"].unique().tolist() == [2]
    assert table.loc["features", "auroc"] > 0.9
    assert table.loc["features", "p"] == 1 / 20
    assert table.loc["best feature", "feature"] == 3
    assert (table.loc["features", "n_told"], table.loc["features", "told_lo"]) == (
        2,
        pytest.approx(0.158, abs=1e-3),
    )
    assert table.loc[["6-mers", "GC"], "auroc"].max() < 0.8


def test_shifted_domains_are_calibrated():
    p = []
    for i in range(12):
        rng = np.random.default_rng([2, i])
        bases = rng.integers(0, 4, N).astype(np.uint8)
        step = np.repeat(rng.random((N // 500, 6)), 500, axis=0)  # features that follow regions of 500 bases
        active = np.tile(step, (2, 1)) * (rng.random((2 * N, 6)) < 0.05)
        a, b = (int(x) for x in np.sort(rng.choice(9, 2, replace=False)) * 4_000 + 200)
        rows = region_rows(axis_of(bases), a_class((a, a + 3_000), (b, b + 3_000)), sp.csr_array(active), np.arange(6))
        p.append(rows[0]["p"])
    # of 12 at a rate of 0.05, more than 4 have a chance of 0.0002
    assert sum(x <= 0.05 for x in p) <= 4


def test_what_cannot_be_told_says_why():
    rng = np.random.default_rng(3)
    axis = axis_of(rng.integers(0, 4, N).astype(np.uint8))
    nothing = sp.csr_array((2 * N, 2), dtype=np.float32)
    (one,) = region_rows(axis, a_class((6_000, 9_000)), nothing, np.arange(2))
    assert one["status"] == "1 instance: one to learn from and one to be told are needed"
    axis.bases[20_000:23_000] = axis.bases[6_000:9_000]
    (two,) = region_rows(axis, a_class((6_000, 9_000), (20_000, 23_000)), nothing, np.arange(2))
    assert two["status"] == "2 instances, all copies of one another: none is held out"
    assert long_classes([a_class((0, 500)), a_class((0, 5_000))], {0, 1}, 2_000)[0].longest == 5_000
