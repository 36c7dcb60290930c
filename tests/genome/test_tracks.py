import numpy as np
import pandas as pd
import pytest
from Bio.SeqUtils import GC_skew
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import encode
from photo51.genome.fasta import read_fasta
from photo51.genome.tracks import (
    distance_to_nearest,
    gc_content,
    gc_skew,
    origin_position,
    replication_angle,
)
from photo51.types import InputError


def test_content_and_skew_by_hand():
    ids = encode("GGCATN")
    assert gc_content(ids, 3).tolist() == pytest.approx([1, 1, 2 / 3, 1 / 3, 0, 0])
    assert gc_skew(ids, 3)[:4].tolist() == pytest.approx([1, 1 / 3, 0, -1])
    assert np.isnan(gc_skew(ids, 3)[4:]).all()
    # round the origin: base 0 sees N, G, G; base 5 sees T, N, G
    assert gc_content(ids, 3, circular=True)[[0, 5]].tolist() == pytest.approx([1, 1 / 2])
    assert gc_content(ids, 99, circular=True).tolist() == pytest.approx([3 / 5] * 6)


@given(st.text("ACGTN", min_size=1, max_size=40), st.integers(1, 12), st.booleans())
def test_windows_are_counted_base_by_base(text, window, circular):
    n, half = len(text), window // 2
    for i, found in enumerate(gc_content(encode(text), window, circular=circular)):
        places = range(i - half, i + half + 1)
        seen = {p % n for p in places} if circular else {p for p in places if 0 <= p < n}
        known = [text[p] for p in seen if text[p] != "N"]
        expected = sum(x in "GC" for x in known) / len(known) if known else np.nan
        assert found == pytest.approx(expected, nan_ok=True)


def test_skew_is_biopythons_in_whole_windows(resources):
    ids = next(read_fasta(resources / "phage" / "NC_001416.1_lambda.fa.gz")).ids
    expected = GC_skew(ids.tobytes().decode(), 101)
    found = gc_skew(ids, 101)[50::101]
    assert found[: len(expected) - 1] == pytest.approx(expected[:-1])


def test_replication_runs_from_the_origin_both_ways():
    angle = replication_angle(np.array([100, 200, 0, 599, 601]), 1000, 100)
    assert angle == pytest.approx([0, 0.2 * np.pi, -0.2 * np.pi, 0.998 * np.pi, -0.998 * np.pi])


def test_skew_changes_sign_at_the_origin_of_ecoli(resources):
    """Leading strands are richer in G than in C: right of oriC the forward strand leads, left of it the other."""
    ids = next(read_fasta(resources / "ecoli_k12" / "NC_000913.3.fa.gz")).ids
    angle = replication_angle(np.arange(0, len(ids), 1000), len(ids), 3_925_860)
    skew = gc_skew(ids, 20_001, circular=True)[::1000]
    assert np.mean(skew[angle > 0] > 0) > 0.9
    assert np.mean(skew[angle < 0] < 0) > 0.9


def table(*rows):
    return pd.DataFrame(rows, columns=["start", "end", "strand"]).assign(genome="g", chrom="c", kind="k")


def test_the_origin_is_the_middle_of_the_only_one():
    t = table((10, 20, "+")).assign(kind="origin")
    assert origin_position(t, "g", "c") == 15
    assert origin_position(t, "g", "d") is None
    assert origin_position(pd.concat([t, t.assign(start=0)]), "g", "c") is None


def test_distances_are_in_reading_direction(workspace_of):
    w = workspace_of(("c", 0, 12, 0))
    t = table((3, 9, "+"), (4, 10, "-"))
    assert distance_to_nearest(w, t, "k", "+").tolist() == [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert distance_to_nearest(w, t, "k", "+", "end").tolist() == [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3]
    # a gene on - starts at its last forward base, 9, and is read downwards
    assert distance_to_nearest(w, t, "k", "-").tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2]
    assert np.isnan(distance_to_nearest(w, t, "other", "+")).all()


def test_of_two_starts_the_nearer_and_of_equal_ones_that_ahead(workspace_of):
    w = workspace_of(("c", 0, 9, 0))
    t = table((1, 2, "+"), (7, 8, "+"), (1, 2, "-"), (7, 8, "-"))
    assert distance_to_nearest(w, t, "k", "+").tolist() == [-1, 0, 1, 2, -3, -2, -1, 0, 1]
    assert distance_to_nearest(w, t, "k", "-").tolist() == [1, 0, -1, -2, -3, 2, 1, 0, -1]
    circle = distance_to_nearest(w, table((1, 2, "+")), "k", "+", circular={("g", "c"): 9})
    assert circle.tolist() == [-1, 0, 1, 2, 3, 4, -4, -3, -2]


def test_a_wrong_strand_is_refused(workspace_of):
    with pytest.raises(InputError, match="strand"):
        distance_to_nearest(workspace_of(("c", 0, 9, 0)), table(), "k", ".")
