"""Shapes whose holes, dimension and coordinate are known."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.planted.manifolds import chart, draw
from photo51.geometry.relations.dependence import conditional_dependence, dense_dependence, on_levels
from photo51.geometry.relations.growing import lasting
from photo51.geometry.shapes.coordinates import (
    Coordinate,
    angle,
    circular_agreement,
    coordinate_stability,
    place_coordinate,
)
from photo51.geometry.shapes.dimension import Dimension, flatness, intrinsic_dimension, turns
from photo51.geometry.shapes.points import Activity, dense_part
from photo51.geometry.shapes.shape import judge_shape, measure_cluster
from photo51.geometry.shapes.topology import Betti, betti, branches, persistence, pieces


def _cloud(kind, n=800, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    t = draw(kind, n, rng)
    x = chart(kind, t)
    return x - x.mean(0) + noise * rng.standard_normal(x.shape), t


@pytest.mark.parametrize(
    ("kind", "loops", "cavities", "dimension"),
    [("circle", 1, 0, 1), ("rippled circle", 1, 0, 1), ("interval", 0, 0, 1), ("sphere", 0, 1, 2), ("torus", 2, 1, 2)],
)  # fmt: skip
def test_holes_and_dimension_of_known_shapes(kind, loops, cavities, dimension):
    x, _ = _cloud(kind, 2000 if dimension == 2 else 800, noise=0.02)
    rng = np.random.default_rng(1)
    found = betti(persistence(x, rng, cavities=x.shape[1] >= 3))
    assert found == (1, loops, cavities)
    assert intrinsic_dimension(x, rng).called == dimension


def test_length_of_a_circles_bar():
    # Vietoris–Rips of a circle: the loop dies at the side of the inscribed triangle, √3 radii
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    x = np.column_stack([np.cos(t), np.sin(t)])
    bar = persistence(x, np.random.default_rng(0)).bars[1][0]
    np.testing.assert_allclose(bar[1], np.sqrt(3), atol=0.05)


def test_pieces_apart_are_counted_and_crumbs_are_not():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(c, 0.02, (100, 2)) for c in ((0, 0), (1, 0), (0, 1))] + [[[5.0, 5.0]]])
    assert pieces(x, gap=0.4) == 3


def test_strays_between_pieces_link_nothing_and_a_stream_of_points_does():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(c, 0.02, (200, 2)) for c in ((0, 0), (1, 0))])
    between = np.column_stack([rng.uniform(0, 1, 40), np.zeros(40)])
    assert pieces(np.concatenate([x, between[:3]]), gap=0.4) == 2
    assert pieces(np.concatenate([x, between]), gap=0.4) == 1


def test_dense_spots_of_a_cloud_are_no_pieces():
    rng = np.random.default_rng(2)
    spots = np.concatenate([rng.normal(c, 0.02, (100, 6)) for c in (0.0, 0.6)])
    assert pieces(spots, gap=0.5) == 2
    assert pieces(np.concatenate([spots, rng.uniform(-1, 1.6, (200, 6))]), gap=0.5) == 1


def test_an_even_surface_keeps_its_points_and_strays_are_left_out():
    sphere = _cloud("sphere", 1500, noise=0.0)[0]
    strays = np.random.default_rng(3).uniform(-0.5, 0.5, (20, 3))
    kept = dense_part(np.concatenate([sphere, strays]))
    assert (kept < 1500).sum() > 1300
    assert (kept >= 1500).sum() <= 2


def test_a_tree_has_more_ends_than_a_line():
    rng = np.random.default_rng(3)
    assert branches(_cloud("interval")[0], rng) == 0
    assert branches(_cloud("tree", 1500)[0], rng) >= 1


@pytest.mark.parametrize("kind", ["circle", "rippled circle"])
def test_angles_follow_the_truth(kind):
    x, t = _cloud(kind)
    found = angle(x, np.random.default_rng(4))
    assert circular_agreement(found.of(x), t[:, 0]) > 0.97
    assert found.check > 0.9


def test_places_follow_the_truth():
    x, t = _cloud("interval")
    found = place_coordinate(x, np.random.default_rng(5)).of(x)
    ranks = np.argsort(np.argsort(np.stack([found, t[:, 0]]), axis=1), axis=1)
    assert abs(np.corrcoef(ranks)[0, 1]) > 0.99


def test_agreement_forgives_a_turn_and_a_mirror():
    t = np.random.default_rng(6).uniform(-np.pi, np.pi, 500)
    assert circular_agreement(t, t + 1.3) == pytest.approx(1)
    assert circular_agreement(t, 0.4 - t) == pytest.approx(1)
    assert circular_agreement(t, 2 * t) < 0.2


def test_curvature_of_circle_and_line():
    t = np.linspace(0, 1, 2400, endpoint=False)
    ring = np.column_stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
    assert turns(ring, t, closed=True) == pytest.approx(1, abs=0.02)
    straight = np.column_stack([t, 2 * t])
    assert turns(straight, t, closed=False) == pytest.approx(0, abs=1e-6)
    assert flatness(straight, np.random.default_rng(7)) == pytest.approx(1, abs=1e-6)


def test_a_common_switch_alone_makes_no_dependence():
    rng = np.random.default_rng(8)
    n = 20_000
    switch = rng.random(n) < 0.2
    strength = rng.uniform(0.5, 1.5, (n, 4))
    bundle = switch[:, None] * (rng.random((n, 4)) < 0.6) * strength
    t = rng.uniform(0, 2 * np.pi, n)
    centres = np.arange(4) * np.pi / 2
    ring = switch[:, None] * np.maximum(0, np.cos(t[:, None] - centres))
    codes = csr_matrix(np.concatenate([bundle, ring], axis=1)).astype(np.float32)
    found = conditional_dependence(codes, np.repeat([0, 1], 4), np.ones(8)).toarray()
    assert found[:4, :4].max() == 0
    neighbours = [found[4 + k, 4 + (k + 1) % 4] for k in range(4)]
    assert min(neighbours) > 0.1
    assert found[:4, 4:].max() == 0


def test_dependence_is_what_correlations_over_the_tokens_that_are_on_say():
    rng = np.random.default_rng(9)
    t = rng.uniform(0, 2 * np.pi, 4000)
    near = np.maximum(0, 1 - np.abs(np.angle(np.exp(1j * (t[:, None] - np.arange(6) * np.pi / 3)))) / 1.2)
    z = (near * rng.uniform(0.8, 1.2, (4000, 1))).astype(np.float32)
    found = conditional_dependence(csr_matrix(z), np.zeros(6, int), np.ones(6), least_z=0.0).toarray()
    level = on_levels(csr_matrix(z))

    def by_hand(i, j):
        on = z[:, i] > level[i]
        a, b = z[on, i].astype(float), z[on, j].astype(float)
        return max(np.corrcoef(a, b)[0, 1] ** 2, np.corrcoef(a, (b - b.mean()) ** 2)[0, 1] ** 2)

    assert found[0, 1] == pytest.approx((by_hand(0, 1) + by_hand(1, 0)) / 2, rel=1e-5)
    np.testing.assert_allclose(found, found.T)
    assert dense_dependence(z, level) == pytest.approx(found.sum() / 30, rel=1e-4)
    only = conditional_dependence(csr_matrix(z), np.zeros(6, int), np.ones(6), least_z=0.0, changed=np.arange(6) == 2)  # fmt: skip
    np.testing.assert_allclose(only.toarray()[2], found[2])
    assert only[0, 1] == 0


def test_a_piece_that_lasts_is_preferred_to_its_parts_and_to_what_it_is_lost_in():
    # two rings of six: pairs at 0.8, rings from 0.6 on, one heap at 0.1 only
    pairs = np.arange(12) // 2
    rings = np.arange(12) // 6
    strengths = np.array([0.8, 0.6, 0.2, 0.1])
    levels = np.stack([pairs, rings, rings, np.zeros(12, int)])
    np.testing.assert_array_equal(lasting(levels, strengths), rings)
    # the rings last from 0.7 to 0.6, the heap down to 0.1
    strengths = np.array([0.8, 0.7, 0.6, 0.1])
    levels = np.stack([pairs, rings, np.zeros(12, int), np.zeros(12, int)])
    np.testing.assert_array_equal(lasting(levels, strengths), np.zeros(12))


@pytest.mark.parametrize("n_features", [3, 5])
def test_features_that_take_turns_are_no_tree(n_features):
    """One at a time, now and then with a faint neighbour: the cloud is a star along the axes, as every sparse code is."""
    rng = np.random.default_rng(8)
    who, strength = rng.integers(n_features, size=2_000), rng.uniform(0.2, 2.0, 2_000)
    codes = np.zeros((2_000, n_features), np.float32)
    codes[np.arange(2_000), who] = strength
    faint = np.flatnonzero(rng.random(2_000) < 0.7)
    codes[faint, (who[faint] + 1) % n_features] = 0.1 * strength[faint]
    eye = np.eye(n_features)
    a = Activity(codes, np.arange(2_000), np.arange(2_000) // 100, eye, eye, None)
    measured, _ = measure_cluster(a, np.random.default_rng(0), draws=(39, 19))
    assert measured.p_dependence < 0.05  # that they take turns is found
    dimension = Dimension(1.0, 1.0)
    star = measured._replace(
        tips=n_features - 2, dimension=dimension, agreement=1.0, betti=Betti(1, 0, 0)
    )  # an end a feature
    verdict = judge_shape([star])[0]
    assert (verdict.shape, verdict.manifold) == ("unresolved", False)
    assert judge_shape([star._replace(n_features=3 * n_features)])[0].shape == "branched"


def test_coordinates_that_say_nothing_do_not_agree():
    x, half = np.random.default_rng(1).normal(size=(100, 2)), np.arange(100) < 50

    def constant(points):
        return Coordinate("place", lambda p: np.zeros(len(p)), np.nan, "none")

    def first_axis(points):
        return Coordinate("place", lambda p: p[:, 0], np.nan, "none")

    assert np.isnan(coordinate_stability(constant, x, half))
    assert coordinate_stability(first_axis, x, half) == pytest.approx(1)


def test_tokens_of_one_place_are_no_turn():
    """A straight line and a circle, on which two fifths of the tokens stand at one point."""
    t = np.concatenate([np.linspace(0, 1, 600), np.full(400, 0.5)])
    line = np.column_stack([t, np.zeros(1000)])
    assert turns(line, t, closed=False) == pytest.approx(0, abs=1e-6)
    circle = np.column_stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
    assert turns(circle, t, closed=True) == pytest.approx(1, abs=0.05)
    # equal points at places that differ
    crowded = np.where(np.abs(t - 0.5) < 0.2, 0.5, t)
    assert turns(np.column_stack([crowded, 0 * t]), t, closed=False) == pytest.approx(0, abs=1e-6)
