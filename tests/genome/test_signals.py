"""Predicted signals: planted sites are found where they are, and little is found where there is nothing."""

import numpy as np
import pytest

from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.annotation.signals import base_shares, promoter, ribosome_binding_site, terminator

EVEN = np.full(4, 0.25)


def rand(seed, n):
    return np.random.default_rng(seed).choice(np.frombuffer(b"ACGT", dtype=np.uint8), n)


@pytest.mark.parametrize("spacer", [15, 16, 17, 18, 19])
def test_consensus_boxes_are_found_at_every_spacer(spacer):
    flank = "C" * 30
    bases = encode(f"{flank}TTGACA{'C' * spacer}TATAAT{'C' * 25}")
    site = promoter(bases, EVEN, 70, 8.0)
    assert (site.start, site.end) == (30, 30 + 12 + spacer)
    # twelve consensus bases: sum of log2(share / 0.25), less the spacer's cost
    shares = [0.69, 0.79, 0.61, 0.56, 0.54, 0.54, 0.77, 0.76, 0.60, 0.61, 0.56, 0.82]
    expected = sum(np.log2(s / 0.25) for s in shares) - abs(spacer - 17)
    assert site.score == pytest.approx(expected)


def test_boxes_too_near_or_too_far_do_not_count():
    boxes = "TTGACA" + "C" * 17 + "TATAAT"
    assert promoter(encode("C" * 60 + boxes + "C" * 14), EVEN, 70, 8.0) is None
    assert promoter(encode("C" * 60 + boxes + "C" * 71), EVEN, 70, 8.0) is None
    assert promoter(encode("C" * 60 + boxes + "C" * 70), EVEN, 70, 8.0) is not None
    assert promoter(encode("ACGT"), EVEN, 70, 8.0) is None


def test_an_extended_minus_ten_adds_one_and_a_half_bits():
    plain = promoter(encode("C" * 20 + "TTGACA" + "C" * 17 + "TATAAT" + "C" * 20), EVEN, 70, 0)
    extended = promoter(encode("C" * 20 + "TTGACA" + "C" * 14 + "TGC" + "TATAAT" + "C" * 20), EVEN, 70, 0)
    assert extended.score - plain.score == pytest.approx(1.5)


def test_shine_dalgarno_by_hand():
    #         AGGAGG, then 7 bases, then the start codon
    site = ribosome_binding_site(encode("CCCCCCCCCCCC" + "AGGAGG" + "CTCTCTC"), 4)
    assert (site.start, site.end, site.score) == (12, 18, 6)
    assert ribosome_binding_site(encode("CCCCCCCCCCCC" + "AGGAGG" + "C"), 4) is None
    assert ribosome_binding_site(encode("AGGAGG" + "C" * 15), 4) is None


def test_the_longer_pairing_wins():
    # AAGGAG (6) ends 13 bases before the start codon, GAGG (4) 7 before it
    site = ribosome_binding_site(encode("CC" + "AAGGAG" + "CC" + "GAGG" + "CTCTCTC"), 4)
    assert (site.start, site.end, site.score) == (2, 8, 6)


def test_a_terminator_by_hand():
    stem, loop = "GCGCCGGA", "TTCG"
    bases = encode("CATCC" + stem + loop + reverse_complement(encode(stem)).tobytes().decode() + "TTTTTTTT" + "CACA")
    site = terminator(bases, 0.0)
    assert (site.start, site.end) == (5, 5 + 20 + 8)
    # seven GC pairs, one AU pair, a loop of four, eight T
    assert site.score == pytest.approx(7 * 3 + 2 + 8)
    assert terminator(bases, 32.0) is None


def test_a_hairpin_without_a_tract_is_none():
    stem = "GCGCCGGA"
    flipped = reverse_complement(encode(stem)).tobytes().decode()
    assert terminator(encode("CATCA" + stem + "TTCG" + flipped + "ACGTACGTACG"), 0.0) is None
    assert terminator(encode("CATCA" + "GCGCCGGA" + "TTCG" + "AAAAAAAA" + "TTTTTTTT"), 18.0) is None


def test_random_sequence_has_few_sites():
    """Chances measured once on uniform bases, with room: they keep the thresholds honest."""
    found = {"promoter": 0, "rbs": 0, "terminator": 0}
    for seed in range(400):
        found["promoter"] += promoter(rand(seed, 110), EVEN, 70, 8.0) is not None
        found["rbs"] += ribosome_binding_site(rand(seed, 25), 5) is not None
        found["terminator"] += terminator(rand(seed, 150), 18.0) is not None
    assert found["promoter"] < 60
    assert found["rbs"] < 40
    assert found["terminator"] < 20


def test_background_counts_both_strands():
    assert base_shares(encode("AAAC")).tolist() == pytest.approx([3 / 8, 1 / 8, 1 / 8, 3 / 8])
    assert base_shares(encode("NNNN")).tolist() == [0.25] * 4
    assert base_shares(encode("AAAA")).min() > 0
