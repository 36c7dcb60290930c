"""Quantities on hand-made segments, against counting by hand."""

import numpy as np
import pandas as pd
import pytest

from photo51.genome.axis.workspace import Workspace
from photo51.geometry.meaning import biology
from photo51.geometry.meaning.biology import LINEAR, Quantity
from photo51.geometry.relations.load import chosen_blocks, reading_order

SEQUENCE = "ATGGCCAAATAACCGGTTACGCAT"  # + gene 0..12 is ATG GCC AAA TAA; - gene 18..24 reads ATG CGT


class _Genomes:
    def __init__(self, letters=SEQUENCE, *, circular=False):
        self.ids, self.circular = np.frombuffer(letters.encode(), np.uint8), circular

    def length(self, genome, chrom):
        return len(self.ids)

    def is_circular(self, genome, chrom):
        return self.circular

    def sequence(self, genome, chrom, start, end, strand="+"):
        if self.circular:
            return np.take(self.ids, np.arange(start, end), mode="wrap")
        assert 0 <= start <= end <= len(self.ids)
        return self.ids[start:end]


def _workspace(*segments):
    rows = [("g", "c", a, b, block, "train") for a, b, block in segments]
    return Workspace(pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]))


def _genes(*rows):
    table = pd.DataFrame(rows, columns=["start", "end", "strand", "kind", "group"])
    return table.assign(genome="g", chrom="c", name="", part=0, frame=0, score=np.nan, note="", source="test")


GENES = _genes((0, 12, "+", "CDS", "a"), (18, 24, "-", "CDS", "b"))


def test_kmers_end_at_the_base_in_reading_direction():
    w = _workspace((4, 14, 0))
    found = biology.read_kmers(_Genomes(), w, 3)
    letters = "ACGT"
    for i, position in enumerate(range(4, 14)):
        said = ["".join(letters[v // 4**p % 4] for p in (2, 1, 0)) for v in found[:, i]]
        forward = SEQUENCE[position - 2 : position + 1]
        ahead = SEQUENCE[position : position + 3]
        assert said[0] == forward
        assert said[1] == ahead[::-1].translate(str.maketrans("ACGT", "TGCA"))


def test_kmers_that_leave_a_linear_contig_are_unknown_and_wrap_on_a_circle():
    w = _workspace((0, 24, 0))
    linear = biology.read_kmers(_Genomes(), w, 3)
    assert (linear[0, :2] == 64).all()
    assert (linear[1, -2:] == 64).all()
    assert (linear[0, 2:] < 64).all()
    assert (biology.read_kmers(_Genomes(circular=True), w, 3) < 64).all()


def test_codon_phase_counts_in_reading_direction():
    phase = biology.codon_phase(_workspace((0, 24, 0)), GENES)
    np.testing.assert_array_equal(phase[0, :6], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(phase[1, 18:24], [2, 1, 0, 2, 1, 0])
    assert np.isnan(phase[0, 12:]).all()
    assert np.isnan(phase[1, :18]).all()


def test_bases_of_two_frames_have_no_phase():
    both = _genes((0, 12, "+", "CDS", "a"), (4, 16, "+", "CDS", "b"))
    phase = biology.codon_phase(_workspace((0, 24, 0)), both)
    assert np.isnan(phase[0, 4:12]).all()
    np.testing.assert_array_equal(phase[0, 12:16], [2, 0, 1, 2])


def test_distances_along_genes():
    found = biology.along_genes(_workspace((2, 24, 0)), GENES)
    np.testing.assert_allclose(found["distance_from_start"][0, :2], np.log2([3, 4]))
    np.testing.assert_allclose(found["distance_to_stop"][0, 9], np.log2(1))
    np.testing.assert_allclose(found["position_along_gene"][1, 16:22], np.arange(5, -1, -1) / 5)


def test_composition_in_centred_windows():
    gc, skew = biology.gc_and_skew(_Genomes(), _workspace((0, 24, 0)), 5)
    window = SEQUENCE[8:13]
    g, c = window.count("G"), window.count("C")
    assert gc[0, 10] == pytest.approx((g + c) / 5)
    assert skew[0, 10] == pytest.approx((g - c) / (g + c))
    assert skew[1, 10] == -skew[0, 10]
    assert gc[0, 0] == pytest.approx(1 / 3)  # ATG: three bases are known


def test_a_run_of_n_has_no_composition():
    class Gapped(_Genomes):
        def sequence(self, *args):
            ids = super().sequence(*args).copy()
            ids[8:16] = ord("N")
            return ids

    gc, skew = biology.gc_and_skew(Gapped(), _workspace((0, 24, 0)), 5)
    # windows of five bases: those in the middle of the eight hold N alone
    assert np.flatnonzero(np.isnan(gc[0])).tolist() == [10, 11, 12, 13]
    assert np.isnan(skew[:, 10:14]).all()
    assert np.isfinite(gc[:, 9]).all()


def test_hydropathy_stands_at_the_last_base_of_a_codon():
    w = _workspace((0, 24, 0))
    phase = biology.codon_phase(w, GENES)
    found = biology.hydropathy(biology.read_kmers(_Genomes(), w, 3), phase, 3)
    np.testing.assert_allclose(found[0, [2, 5, 8]], [1.9, 1.8, -3.9], rtol=1e-6)  # M A K
    assert np.isnan(found[0, [0, 1, 3, 11]]).all()  # TAA has none
    np.testing.assert_allclose(found[1, [21, 18]], [1.9, -4.5], rtol=1e-6)  # M R


def test_replication_angle_and_the_leading_strand():
    n = 600_000
    genomes = _Genomes("A" * n, circular=True)
    origin = pd.DataFrame(
        {
            "genome": "g",
            "chrom": "c",
            "start": [99_990],
            "end": [100_010],
            "strand": ".",
            "kind": "origin",
            "name": "oriC",
        }
    )
    w = _workspace((100_000, 100_010, 0), (250_000, 250_010, 1), (550_000, 550_010, 2))
    angle, leading = biology.replication_fork(genomes, w, origin)
    np.testing.assert_allclose(angle[0, [0, 10, 20]], [0, np.pi / 2, 3 * np.pi / 2], atol=1e-6)
    np.testing.assert_array_equal(leading[:, [0, 10, 20]], [[1, 1, 0], [0, 0, 1]])
    assert np.isnan(
        biology.replication_fork(_Genomes("A" * 9000, circular=True), _workspace((0, 9, 0)), origin)[0]
    ).all()


def test_distance_to_splice_sites_is_signed_in_reading_direction():
    sites = _genes((10, 12, "+", "splice_donor", "a"), (5, 7, "-", "splice_donor", "b"))
    found = biology.splice_distance(_workspace((0, 20, 0)), sites, "splice_donor")
    np.testing.assert_allclose(found[0, [7, 10, 13]], [-2, 0, 2])
    np.testing.assert_allclose(found[1, [9, 6, 3]], [-2, 0, 2])


def test_columns_of_quantities():
    turn = Quantity("t", "angle", np.zeros((2, 3), np.float32), "")
    np.testing.assert_allclose(turn.columns(np.array([np.pi / 2])), [[0, 1]], atol=1e-12)
    classes = Quantity("c", "class", np.array([[0, 1, 2], [np.nan, 0, 1]], np.float32), "")
    np.testing.assert_array_equal(classes.columns(np.array([1.0, 2.0])), [[0, 1, 0], [0, 0, 1]])
    two = Quantity("c", "class", np.array([[0, 1], [0, 1]], np.float32), "")
    assert two.columns(np.array([0.0, 1.0])).shape == (2, 1)
    assert Quantity("l", LINEAR, np.zeros((2, 1), np.float32), "").columns(np.arange(3.0)).shape == (3, 1)


def test_tokens_are_read_in_whole_blocks_and_backwards_on_the_other_strand():
    w = _workspace((0, 4, 0), (6, 8, 0), (10, 14, 1), (15, 19, 2))
    np.testing.assert_array_equal(chosen_blocks(w, 10**6), [0, 1, 2])
    np.testing.assert_array_equal(chosen_blocks(w, 10), [0, 2])
    order = reading_order(w, np.array([0]))
    assert [s for s, _ in order] == [0, 1, 0, 1]
    np.testing.assert_array_equal(np.concatenate([r for _, r in order]), [0, 1, 2, 3, 3, 2, 1, 0, 4, 5, 5, 4])
