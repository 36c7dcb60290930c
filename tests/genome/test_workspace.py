"""The axis: hand-worked rows, and brute force beside every fast path."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.axis.workspace import Workspace
from photo51.types import InputError


def intervals(*rows):
    return pd.DataFrame(rows, columns=["genome", "chrom", "start", "end"])


def test_rows_count_scored_bases_in_order(workspace_of):
    w = workspace_of(("a", 10, 14, 0), ("a", 20, 23, 0), ("b", 5, 7, 1, "test"))
    assert w.n_rows == 9
    assert w.n_blocks == 2
    assert w.table["offset"].tolist() == [0, 4, 7]
    assert w.block_bounds.tolist() == [0, 7, 9]
    assert w.block_splits == ["train", "test"]
    assert w.locate(np.array([0, 3, 4, 6, 7])).position.tolist() == [10, 13, 20, 22, 5]
    assert w.locate(np.array([0, 6, 8])).block.tolist() == [0, 0, 1]
    assert w.split_mask("test").tolist() == [False] * 7 + [True] * 2


def test_rows_of_an_interval_are_one_slice_a_segment(workspace_of):
    w = workspace_of(("a", 10, 14, 0), ("a", 20, 23, 0), ("b", 5, 7, 1))
    assert w.rows_of("g", "a", 12, 21) == [slice(2, 4), slice(4, 5)]
    assert w.rows_of("g", "a", 14, 20) == []
    assert w.rows_of("other", "a", 12, 21) == []


def test_clip_by_hand(workspace_of):
    w = workspace_of(("a", 10, 14, 0), ("a", 20, 23, 0), ("b", 5, 7, 1))
    clipped = w.clip(
        intervals(("g", "b", 0, 6), ("g", "a", 12, 21), ("g", "a", 14, 20), ("g", "c", 0, 99), ("g", "a", 11, 11))
    )
    assert clipped.to_numpy().tolist() == [[1, 2, 4], [1, 4, 5], [0, 7, 8]]


@st.composite
def axes(draw):
    """Segments apart from each other on two contigs, and intervals anywhere."""
    rows, block = [], 0
    for chrom in "ab":
        at = 0
        for _ in range(draw(st.integers(0, 4))):
            start = at + draw(st.integers(0, 6))
            end = start + draw(st.integers(1, 9))
            rows.append(("g", chrom, start, end, block, "train"))
            block += draw(st.integers(0, 1))
            at = end
        block += 1
    if not rows:
        rows = [("g", "a", 0, 1, 0, "train")]
    place = st.tuples(st.just("g"), st.sampled_from("ab"), st.integers(0, 40), st.integers(0, 15))
    asked = [(g, c, s, s + n) for g, c, s, n in draw(st.lists(place, max_size=8))]
    return rows, asked


@given(axes())
def test_clip_and_mask_agree_with_brute_force(case):
    rows, asked = case
    w = Workspace(pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]))
    bases = [(c, p) for _, c, s, e, *_ in rows for p in range(s, e)]
    table = intervals(*asked)
    covered = [any(c == ac and s <= p < e for _, ac, s, e in asked) for c, p in bases]
    assert w.mask(table).tolist() == covered
    pairs = {(i, r) for i, a, b in w.clip(table).to_numpy() for r in range(a, b)}
    assert pairs == {
        (i, r) for i, (_, ac, s, e) in enumerate(asked) for r, (c, p) in enumerate(bases) if c == ac and s <= p < e
    }
    places = w.locate(np.arange(w.n_rows))
    assert places.position.tolist() == [p for _, p in bases]


def test_subset_keeps_the_rows_of_its_blocks(workspace_of):
    w = workspace_of(("a", 0, 3, 0), ("a", 5, 7, 1), ("b", 0, 4, 2))
    sub, rows = w.subset(np.array([0, 2]))
    assert rows.tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert sub.locate(np.array([3])).position.tolist() == w.locate(np.array([5])).position.tolist()
    empty, none = w.subset(np.array([], dtype=int))
    assert (empty.n_rows, empty.n_blocks, len(none)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 0, 5, 0), ("a", 4, 8, 0)], "do not overlap"),
        ([("a", 0, 5, 0), ("a", 5, 5, 0)], "at least one base"),
        ([("a", 0, 5, 0), ("a", 6, 8, 1), ("a", 9, 12, 0)], "next to each other"),
        ([("a", 0, 5, 0), ("b", 6, 8, 0)], "on one contig"),
        ([("a", 0, 5, 0, "train"), ("a", 6, 8, 0, "test")], "in one split"),
    ],
)
def test_a_torn_axis_is_refused(workspace_of, rows, words):
    with pytest.raises(InputError, match=words):
        workspace_of(*rows)


def test_offsets_of_the_file_must_follow(workspace_of):
    table = workspace_of(("a", 0, 5, 0), ("a", 6, 8, 1)).table
    with pytest.raises(InputError, match="offsets"):
        Workspace(table.assign(offset=[0, 6]))


def test_rows_outside_are_an_error(workspace_of):
    with pytest.raises(IndexError, match="0 <= row < 5"):
        workspace_of(("a", 0, 5, 0)).locate(np.array([5]))
