"""The phylogeny control: neighbours, ranks, and what 5-mers say already."""

from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from photo51.config.geometry import PositiveControlParams
from photo51.geometry.controls.phylogeny import RANKS, neighbour_accuracy, phylogeny, taxonomic_distance

LINEAGE = np.array(
    [
        ["B", "P1", "C1", "O1", "F1", "G1"],
        ["B", "P1", "C1", "O1", "F1", "G2"],
        ["B", "P1", "C2", "O2", "F2", "G3"],
        ["B", "P2", "C3", "O3", "F3", "G4"],
        ["A", "P3", "C4", "O4", "F4", "G5"],
    ]
)


def test_distance_is_the_number_of_ranks_below_the_common_one():
    d = taxonomic_distance(LINEAGE)
    np.testing.assert_array_equal(d[0], [0, 1, 4, 5, 6])
    np.testing.assert_array_equal(d, d.T)


def test_relatives_of_the_same_family_do_not_count_unless_asked_for():
    near = np.array(
        [
            [1, 0.9, 0.5, 0.8, 0],
            [0.9, 1, 0.6, 0.1, 0],
            [0.5, 0.6, 1, 0.2, 0],
            [0.8, 0.1, 0.2, 1, 0],
            [0, 0, 0, 0.1, 1],
        ]
    )
    # with the family 0 and 1 have each other, 2 has 1: three of five right; without it 0 has 3, which is of another phylum
    assert neighbour_accuracy(near, LINEAGE, family=True) == pytest.approx(3 / 5)
    assert neighbour_accuracy(near, LINEAGE) == pytest.approx(2 / 5)


def _bench(codes_of):
    rng = np.random.default_rng(1)
    phylum = np.repeat(np.arange(6), 8)
    family = phylum * 4 + np.arange(48) % 4
    obs = pd.DataFrame({"domain": "B", "phylum": phylum, "class": phylum, "order": family, "family": family, "genus": np.arange(48)}, index=[f"g{i}" for i in range(48)]).astype(str)  # fmt: skip
    obs["gc"] = rng.uniform(0.4, 0.6, 48)
    kmers = rng.standard_normal((6, 30))[phylum] * 0.3 + rng.standard_normal((48, 30))
    panel = ad.AnnData(codes_of(rng, phylum, kmers).astype(np.float32), obs=obs)
    panel.obsm["kmers"] = kmers.astype(np.float32)
    params = PositiveControlParams(rotations=99)
    return SimpleNamespace(panel=panel, params=params, rng=lambda n: np.random.default_rng([params.seed, n]))


def test_codes_that_know_the_phylum_are_shown():
    found = phylogeny(_bench(lambda rng, phylum, kmers: np.eye(6)[phylum] + 0.1 * rng.standard_normal((48, 6))))
    assert found.verdict == "shown"
    assert found.score == 1.0
    assert found.baseline < 0.9
    assert found.p == pytest.approx(0.01)


def test_codes_that_are_the_words_again_are_not():
    found = phylogeny(_bench(lambda rng, phylum, kmers: kmers))
    assert found.verdict == "not shown"
    assert found.score == found.baseline


def test_without_a_panel_it_is_not_tested():
    assert phylogeny(SimpleNamespace(panel=None)).verdict == "not tested"
    assert RANKS[1] == "phylum"
