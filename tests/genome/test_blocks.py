import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.axis.blocks import cut_blocks, deal, leave_gaps


def cut(segments, block, **kwargs):
    return [b.tolist() for b in cut_blocks(np.array(segments), block, **kwargs)]


def test_long_segments_are_cut_evenly_and_short_ones_gathered():
    assert cut([[0, 260]], 100) == [[[0, 86]], [[86, 173]], [[173, 260]]]
    assert cut([[0, 140]], 100) == [[[0, 140]]]
    assert cut([[0, 20], [30, 50], [90, 100], [200, 210]], 100) == [[[0, 20], [30, 50], [90, 100], [200, 210]]]
    # 20 + 20 + 10 reach half a block; what is left over joins them
    assert cut([[0, 20], [30, 50], [60, 70], [80, 85]], 100) == [[[0, 20], [30, 50], [60, 70], [80, 85]]]
    assert cut([[0, 20], [30, 90], [95, 99]], 100) == [[[0, 20]], [[30, 90]], [[95, 99]]]
    assert cut(np.zeros((0, 2), dtype=int), 100) == []


def test_an_ambiguous_base_does_not_tear_a_segment():
    assert cut([[0, 60], [61, 130]], 100, near=10) == [[[0, 60], [61, 130]]]
    assert cut([[0, 60], [80, 140]], 100, near=10) == [[[0, 60]], [[80, 140]]]
    assert cut([[0, 99], [101, 200]], 100, near=10) == [[[0, 99]], [[101, 200]]]
    assert cut([[0, 40], [41, 200]], 100, near=10) == [[[0, 40], [41, 100]], [[100, 200]]]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 300)), min_size=1, max_size=8), st.integers(64, 200))
def test_no_base_is_lost_or_taken_twice(steps, block):
    segments, at = [], 0
    for space, size in steps:
        segments.append([at + space + 1, at + space + 1 + size])
        at += space + 1 + size
    blocks = cut(segments, block)
    assert [p for b in blocks for s, e in b for p in range(s, e)] == [p for s, e in segments for p in range(s, e)]
    assert all(sum(e - s for s, e in b) <= 1.5 * block for b in blocks)


def test_dealing_by_hand():
    sizes = np.array([[5.0], [3.0], [2.0]])
    # 5 goes to train (lacks 6); 3 to select or test (lack 2 each); 2 to the other
    splits = deal(sizes, np.arange(3), (0.6, 0.2, 0.2), seed=1)
    assert splits[0] == "train"
    assert sorted(splits[1:]) == ["select", "test"]


def test_groups_stay_together_and_every_thing_is_shared_out():
    rng = np.random.default_rng(0)
    holdings = np.zeros((60, 3))
    holdings[np.arange(60), np.repeat([0, 1], 30)] = 1 / 30
    holdings[rng.permutation(60)[:10], 2] = 0.1
    groups = np.arange(60)
    groups[:12] = 0
    splits = np.array(deal(holdings, groups, (0.6, 0.2, 0.2), seed=2))
    assert len(set(splits[:12])) == 1
    got = {s: holdings[splits == s].sum(axis=0) for s in ("train", "select", "test")}
    assert got["train"] == pytest.approx([0.6, 0.6, 0.6], abs=0.11)
    assert got["select"] == pytest.approx([0.2, 0.2, 0.2], abs=0.11)


def test_a_split_without_a_share_gets_nothing():
    splits = deal(np.ones((9, 1)), np.arange(9), (0.0, 0.5, 0.5), seed=0)
    assert sorted(set(splits)) == ["select", "test"]


def test_dealing_depends_on_the_seed_alone():
    holdings = np.random.default_rng(1).random((40, 4))
    first = [deal(holdings, np.arange(40), (0.6, 0.2, 0.2), seed=s) for s in (1, 1, 2)]
    assert first[0] == first[1]
    even = np.ones((40, 1))
    assert deal(even, np.arange(40), (0.6, 0.2, 0.2), 1) != deal(even, np.arange(40), (0.6, 0.2, 0.2), 2)


def segments(*rows):
    return pd.DataFrame([("g", "c", *r) for r in rows], columns=["genome", "chrom", "start", "end", "block", "split"])


def test_gaps_lie_between_blocks_of_different_splits():
    table = segments((0, 100, 0, "train"), (100, 200, 1, "test"), (200, 300, 2, "test"), (305, 400, 3, "train"))
    out = leave_gaps(table, 21, {})
    assert out[["start", "end"]].to_numpy().tolist() == [[0, 90], [111, 200], [200, 292], [313, 400]]


def test_a_gap_swallows_small_segments_whole():
    table = segments((0, 100, 0, "train"), (100, 104, 1, "test"), (106, 200, 1, "test"))
    out = leave_gaps(table, 20, {})
    assert out[["start", "end"]].to_numpy().tolist() == [[0, 90], [110, 200]]


def test_the_last_block_of_a_circle_neighbours_the_first():
    table = segments((0, 100, 0, "train"), (100, 200, 1, "test"))
    linear, circle = leave_gaps(table, 20, {}), leave_gaps(table, 20, {("g", "c"): 200})
    assert linear[["start", "end"]].to_numpy().tolist() == [[0, 90], [110, 200]]
    assert circle[["start", "end"]].to_numpy().tolist() == [[10, 90], [110, 190]]


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 60), st.sampled_from(["train", "test"])),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 25),
)
def test_different_splits_are_never_nearer_than_the_gap(steps, gap):
    rows, at = [], 0
    for i, (space, size, split) in enumerate(steps):
        rows.append((at + space, at + space + size, i, split))
        at += space + size
    out = leave_gaps(segments(*rows), gap, {})
    places = out[["start", "end", "split"]].to_numpy().tolist()
    assert all(b[0] - a[1] >= gap for i, a in enumerate(places) for b in places[i + 1 :] if a[2] != b[2])
    if len({r[3] for r in rows}) == 1:
        assert out["end"].sub(out["start"]).sum() == sum(e - s for s, e, *_ in rows)
