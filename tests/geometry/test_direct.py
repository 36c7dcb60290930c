"""Direct recovery: planes and rings in raw activations."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

from photo51.config.geometry import GeometryParams
from photo51.geometry.meaning.direct import (
    RawActivations,
    _nearest,
    at_same_tokens,
    axes_of,
    coordinate_of,
    in_subspaces,
    of_baseline,
    raw_activations,
    subspaces,
)
from photo51.geometry.relations.tokens import in_sequence
from photo51.geometry.shapes.coordinates import circular_agreement
from photo51.geometry.shapes.manifolds import find_manifolds
from photo51.geometry.shapes.points import Missed


def test_points_of_three_lines_are_told_apart():
    rng = np.random.default_rng(1)
    frame = np.linalg.qr(rng.standard_normal((12, 6)))[0].T.reshape(3, 2, 12)
    which = np.repeat(np.arange(3), 400)
    along = 0.3 * rng.standard_normal((1200, 1))
    x = frame[which, 0] + along * frame[which, 1] + 0.01 * rng.standard_normal((1200, 12))
    found = subspaces(x, 3, 1, np.random.default_rng(2))
    assert adjusted_rand_score(which, found.label) > 0.95
    for group in range(3):
        (axis,) = found.basis[group]
        true = which[found.label == group][0]
        assert abs(axis @ frame[true, 1]) > 0.99


def test_points_go_to_the_subspace_that_leaves_the_least():
    rng = np.random.default_rng(8)
    x, centre = rng.standard_normal((300, 9)).astype(np.float32), rng.standard_normal((4, 9))
    basis = np.stack([np.linalg.qr(rng.standard_normal((9, 2)))[0].T for _ in range(4)])
    left = np.empty((300, 4))
    for g in range(4):
        for i, point in enumerate(x - centre[g]):
            left[i, g] = np.linalg.norm(point - basis[g].T @ np.linalg.lstsq(basis[g].T, point)[0])
    assert _nearest(x, centre, basis, rows=64).tolist() == left.argmin(1).tolist()


def test_axes_are_those_of_a_singular_value_decomposition():
    x = np.random.default_rng(3).standard_normal((60, 5)) @ np.diag([5.0, 3, 1, 0.5, 0.1])
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(axes_of(x, 2)), np.abs(u[:, :2] * s[:2]), atol=1e-8)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_angle_of_a_ring_is_read_off(noise):
    rng = np.random.default_rng(4)
    t = rng.uniform(-np.pi, np.pi, 1500)
    frame = np.linalg.qr(rng.standard_normal((20, 2)))[0].T
    x = np.column_stack([np.cos(t), np.sin(t)]) @ frame + noise * rng.standard_normal((1500, 20))
    assert circular_agreement(coordinate_of(x, "angle", 2, rng), t) > 0.99


def test_reconstruction_and_what_it_misses_are_the_activation():
    rng = np.random.default_rng(5)
    codes = csr_matrix(rng.random((50, 4)) * (rng.random((50, 4)) < 0.5)).astype(np.float32)
    decoder, x = (
        rng.standard_normal((4, 6)).astype(np.float32),
        rng.standard_normal((50, 6)).astype(np.float32),
    )
    some = np.array([3, 7, 8, 40])
    missed = Missed(some, (x - codes @ decoder)[some])
    raw = raw_activations(in_sequence(codes), decoder, missed)
    np.testing.assert_allclose(raw.x, x[some], atol=1e-5)


def test_groups_are_tokens_with_their_rows_and_blocks():
    rng = np.random.default_rng(6)
    tokens = in_sequence(csr_matrix((2000, 3), dtype=np.float32))
    x = np.where(np.arange(2000)[:, None] % 2, 1.0, -1.0) * np.array([5.0, 0, 0, 0]) + rng.standard_normal((2000, 4))
    groups = in_subspaces(tokens, RawActivations(np.arange(2000), x.astype(np.float32)), 2, 1, 51)
    assert sum(len(g.row) for g in groups) == 2000
    for g in groups:
        assert (np.diff(g.block) >= 0).all()
        np.testing.assert_array_equal(g.block, tokens.block[g.row])


def test_a_ring_is_read_at_the_same_tokens_from_the_activations():
    rng = np.random.default_rng(7)
    t = rng.uniform(0, 2 * np.pi, 8000)
    centres = np.arange(12) * np.pi / 6
    near = np.maximum(0, 1 - np.abs(np.angle(np.exp(1j * (t[:, None] - centres)))) / 0.8)
    codes = csr_matrix(near * (rng.random((8000, 1)) < 0.25)).astype(np.float32)
    frame = np.linalg.qr(rng.standard_normal((16, 3)))[0].T
    decoder = frame[0] + np.cos(centres)[:, None] * frame[1] + np.sin(centres)[:, None] * frame[2]
    params = GeometryParams(lags=0, offsets=0, draws=19, points=400, landmarks=60, partitions=2)
    tokens = in_sequence(codes)
    g = find_manifolds(tokens, decoder, params)
    raw = RawActivations(np.arange(g.tokens.n), np.asarray(g.tokens.codes @ decoder, np.float32))
    (found,) = at_same_tokens(g, raw, 51)
    np.testing.assert_array_equal(found.row, g.tokens.row[g.clusters[0].activity.token])
    assert circular_agreement(found.coordinate, t[found.row]) > 0.95
    (rival,) = of_baseline(tokens, decoder, params)
    assert len(rival.row) == len(rival.coordinate) > 500
