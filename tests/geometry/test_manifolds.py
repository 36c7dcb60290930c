"""The whole pipeline on planted worlds, and on input that holds nothing."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.planted.manifolds import sample, world
from benchmarks.planted.tiled import tile
from photo51.config.geometry import GeometryParams
from photo51.geometry.relations.tokens import Tokens, in_sequence
from photo51.geometry.relations.usable import usable
from photo51.geometry.shapes.manifolds import find_manifolds
from photo51.geometry.shapes.missed import missed_by
from photo51.geometry.shapes.points import Activity, Missed
from photo51.geometry.shapes.tables import manifold_table, points_table
from photo51.types import InputError

PARAMS = GeometryParams(lags=0, offsets=0, draws=19, points=500, landmarks=80, partitions=2, resolutions=(0.1, 0.5))


def _found(codes, decoder, **more):
    return find_manifolds(in_sequence(csr_matrix(codes).astype(np.float32)), decoder, PARAMS.model_copy(update=more))


def _ring(rng, n=12_000, tiles=12, d=16, presence=0.25):
    """One ring tiled evenly, and five features beside it."""
    t = rng.uniform(0, 2 * np.pi, n)
    centres = np.arange(tiles) * 2 * np.pi / tiles
    near = np.maximum(0, 1 - np.abs(np.angle(np.exp(1j * (t[:, None] - centres)))) / 0.8)
    ring = near * (rng.random((n, 1)) < presence) * rng.uniform(0.8, 1.2, (n, 1))
    others = (rng.random((n, 5)) < 0.05) * rng.uniform(0.5, 1.5, (n, 5))
    decoder = rng.standard_normal((tiles + 5, d)) * 0.05
    frame = np.linalg.qr(rng.standard_normal((d, 3)))[0].T
    decoder[:tiles] = frame[0] + np.cos(centres)[:, None] * frame[1] + np.sin(centres)[:, None] * frame[2]
    decoder[tiles:] = rng.standard_normal((5, d))
    return csr_matrix(np.concatenate([ring, others], axis=1)).astype(np.float32), decoder, t


def test_a_ring_among_loose_features_is_the_one_manifold():
    codes, decoder, t = _ring(np.random.default_rng(1))
    g = find_manifolds(in_sequence(codes), decoder, PARAMS)
    assert g.result == "found"
    assert g.n_manifolds == 1
    ring = next(c for c in g.clusters if c.verdict.manifold)
    assert ring.verdict.shape == "loop"
    np.testing.assert_array_equal(np.sort(g.usable.features[ring.features]), np.arange(12))
    true = t[g.tokens.row[ring.activity.token]]
    found = ring.coordinate()
    assert max(abs(np.exp(1j * (found - true)).mean()), abs(np.exp(1j * (found + true)).mean())) > 0.98
    order = ring.features[ring.seriation()]
    step = np.diff(np.append(order, order[0])) % 12
    assert (step == 1).all() or (step == 11).all()
    table = manifold_table(g)
    assert table.loc[table["manifold"], "longest_loop"].iloc[0] > 1.5 * table.loc[table["manifold"], "longest_loop_null"].iloc[0]  # fmt: skip
    points = points_table(g, max_points=100)
    assert len(points) == 100
    assert points["coordinate"].between(-np.pi, np.pi).all()


def test_features_with_a_common_switch_are_a_module_and_no_manifold():
    rng = np.random.default_rng(2)
    n = 12_000
    switch = rng.random((n, 1)) < 0.2
    codes = switch * (rng.random((n, 6)) < 0.6) * rng.uniform(0.5, 1.5, (n, 6))
    g = _found(codes, rng.standard_normal((6, 16)))
    assert g.n_manifolds == 0
    assert [c.verdict.shape for c in g.clusters] == ["module"]


def test_independent_features_make_no_cluster():
    rng = np.random.default_rng(3)
    codes = (rng.random((12_000, 40)) < 0.05) * rng.uniform(0.5, 1.5, (12_000, 40))
    g = _found(codes, rng.standard_normal((40, 16)))
    assert g.result in {"nothing related", "no cluster"}
    assert not g.clusters
    assert (g.label == -1).all()
    assert manifold_table(g).empty
    assert points_table(g).empty


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        (np.zeros((500, 8)), "no live feature"),
        (np.ones((500, 8)), "no live feature"),
        ((np.random.default_rng(4).random((60, 200)) < 0.9) * 1.0, "no live feature"),
    ],
    ids=["dead", "always on", "dense"],
)
def test_dictionaries_with_nothing_to_say_have_a_named_result(codes, result):
    g = _found(codes, np.random.default_rng(5).standard_normal((codes.shape[1], 8)))
    assert g.result == result
    assert g.n_manifolds == 0
    assert manifold_table(g).empty


def test_fewer_positions_than_features_is_a_named_result():
    codes = (np.random.default_rng(6).random((60, 100)) < 0.2) * 1.0
    g = _found(codes, np.random.default_rng(7).standard_normal((100, 8)), least_firings=2)
    assert g.result == "fewer tokens than features"


def test_doubles_leave_the_busiest_and_zero_rows_are_left_out():
    rng = np.random.default_rng(8)
    rate = np.array([0.05, 0.2, 0.1, 0.1])
    codes = csr_matrix((rng.random((4000, 4)) < rate) * 1.0)
    row = rng.standard_normal(8)
    decoder = np.stack([row, row, 2 * row, np.zeros(8)])
    kept = usable(codes, decoder, PARAMS)
    np.testing.assert_array_equal(kept.features, [1])
    assert kept.summary() == {"used": 1, "dead": 0, "rare": 0, "dense": 0, "no decoder": 1, "duplicate": 2}


def test_shifting_rolls_each_feature_by_itself_within_blocks():
    rng = np.random.default_rng(13)
    codes = rng.random((11, 3)).astype(np.float32)
    block = np.array([2] * 5 + [4] * 6)
    a = Activity(codes, np.arange(11), block, np.eye(3), np.eye(3), None)
    shifted = a.shifted(np.random.default_rng(14)).codes
    for rows in (slice(0, 5), slice(5, 11)):
        for f in range(3):
            rolls = [np.roll(codes[rows, f], s) for s in range(len(codes[rows]))]
            assert any(np.array_equal(shifted[rows, f], r) for r in rolls)
    assert not np.array_equal(shifted, codes)


def test_input_that_is_no_dictionary_is_refused_by_name():
    codes = csr_matrix(np.ones((10, 3), np.float32))
    with pytest.raises(InputError, match="3 features and 2 rows"):
        usable(codes, np.ones((2, 4)), PARAMS)
    with pytest.raises(InputError, match="finite"):
        usable(codes, np.full((3, 4), np.nan), PARAMS)
    with pytest.raises(InputError, match="at least 0"):
        usable(-codes, np.ones((3, 4)), PARAMS)


def test_two_rings_that_never_meet_are_two_manifolds():
    rng = np.random.default_rng(9)
    one, first, _ = _ring(rng, presence=0.2)
    two, second, _ = _ring(rng, presence=0.2)
    codes = np.concatenate([one.toarray()[:, :12], two.toarray()[:, :12]], axis=1)
    g = _found(codes, np.concatenate([first[:12], second[:12]]))
    members = sorted(sorted(g.usable.features[c.features].tolist()) for c in g.clusters if c.verdict.manifold)
    assert members == [list(range(12)), list(range(12, 24))]


def test_the_same_input_gives_the_same_table():
    codes, decoder, _ = _ring(np.random.default_rng(10), n=6000)
    a, b = (manifold_table(find_manifolds(in_sequence(codes), decoder, PARAMS)) for _ in range(2))
    assert a.equals(b)


def test_what_the_dictionary_missed_is_put_where_the_tokens_are():
    rng = np.random.default_rng(11)
    rows = np.concatenate([np.arange(10), np.arange(9, -1, -1)])
    strand = np.repeat([0, 1], 10).astype(np.int8)
    codes = csr_matrix(rng.random((20, 3)).astype(np.float32))
    tokens = Tokens(codes, np.repeat([0, 1], 10), np.zeros(20, np.int64), rows, strand)
    x = {"+": rng.random((10, 4)).astype(np.float32), "-": rng.random((10, 4)).astype(np.float32)}
    decoder = rng.random((3, 4)).astype(np.float32)
    missed = missed_by(lambda s, r: x[s][r], lambda c: np.asarray(c @ decoder), tokens, 12)
    np.testing.assert_array_equal(missed.token, [*range(6), *range(10, 16)])
    expected = np.concatenate([x["+"][:6], x["-"][[9, 8, 7, 6, 5, 4]]]) - codes[missed.token] @ decoder
    np.testing.assert_allclose(missed.error, expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["independent", "correlated", "gated"])
def test_planted_worlds_are_taken_apart(scenario):
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng([12, len(scenario)])
    w = world(scenario, 64, rng)
    tokens = sample(w, 40_000, rng)
    d = tile(w, tokens, 12, rng)
    g = find_manifolds(in_sequence(d.codes), d.decoder, PARAMS)
    member = np.isin(d.source, w.manifolds)
    label = np.full(len(d.source), -1)
    label[g.usable.features] = g.label
    assert adjusted_rand_score(d.source[member], label[member]) > 0.95
    assert (label[~member] == -1).mean() > 0.9


@pytest.mark.slow
def test_planted_shapes_are_named():
    names = {
        "circle": "loop", "rippled circle": "loop", "sphere": "sphere", "torus": "torus", "interval": "arc", "tree": "branched",
    }  # fmt: skip
    rng = np.random.default_rng(51)
    w = world("independent", 64, rng)
    tokens = sample(w, 40_000, rng)
    d = tile(w, tokens, 24, rng)
    missed = Missed(np.arange(len(tokens.x)), tokens.x - d.codes @ d.decoder)
    params = GeometryParams(lags=0, offsets=0, draws=49, points=800, landmarks=100)
    g = find_manifolds(in_sequence(d.codes), d.decoder, params, missed)
    source = d.source[g.usable.features]
    kind = {np.bincount(source[c.features]).argmax(): c.verdict.shape for c in g.clusters if c.verdict.manifold}
    assert kind == {m: names[w.sources[m].kind] for m in w.manifolds}
