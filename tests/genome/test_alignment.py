"""Ref to alt, base to base: every expectation written out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import decode, encode
from photo51.genome.variants.alignment import align, substitute
from photo51.types import InputError, Variant


def pair(text, pos, ref, alt):
    return substitute(encode(text), 0, Variant("c", pos, ref, alt))


def shown(a, ref, alt):
    return "".join(decode(ref.ids[a.ref])), "".join(decode(alt.ids[a.alt]))


def test_a_substitution_pairs_every_base():
    ref, alt = pair("ACGTTAG", 3, "T", "C")
    a = align(ref, alt)
    assert decode(alt.ids) == "ACGCTAG"
    assert a.ref.tolist() == a.alt.tolist() == list(range(7))
    assert np.flatnonzero(a.changed).tolist() == [3]
    assert len(a.ref_only) == len(a.alt_only) == 0


def test_a_two_base_insertion_shifts_what_follows():
    """Comparing index by index after the anchor would set CATCCGA beside TGCATCC; aligned, CATCCGA lies on CATCCGA."""
    ref, alt = pair("GGACATCCGATT", 2, "A", "ATG")
    assert decode(alt.ids) == "GGATGCATCCGATT"
    a = align(ref, alt)
    assert a.alt_only.tolist() == [3, 4]
    assert a.ref.tolist() == list(range(12))
    assert a.alt.tolist() == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert not a.changed.any()
    after = a.ref >= 3
    assert decode(ref.ids[a.ref[after]])[:7] == decode(alt.ids[a.alt[after]])[:7] == "CATCCGA"


def test_a_deletion_leaves_reference_bases_alone():
    ref, alt = pair("GGACATCCGATT", 3, "CATC", "C")
    assert decode(alt.ids) == "GGACCGATT"
    a = align(ref, alt)
    assert a.ref_only.tolist() == [4, 5, 6]
    assert a.ref.tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert a.alt.tolist() == list(range(9))


def test_a_complex_change_pairs_what_it_can_from_the_left():
    ref, alt = pair("AACGTA", 1, "ACG", "ATTTG")
    a = align(ref, alt)
    # A and G are shared; of C > TTT the first T is a substitute, two are inserted
    assert decode(alt.ids) == "AATTTGTA"
    assert a.alt_only.tolist() == [3, 4]
    assert (a.ref.tolist(), a.alt.tolist()) == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 5, 6, 7])
    assert np.flatnonzero(a.changed).tolist() == [2]


def test_the_other_strand_speaks_of_the_same_bases():
    for change in ((2, "A", "ATG"), (3, "CATC", "C"), (1, "GAC", "GTTTC"), (5, "T", "G")):
        ref, alt = pair("GGACATCCGATT", *change)
        plus, minus = align(ref, alt), align(ref.reverse_complement(), alt.reverse_complement())
        forward = {(r, a) for r, a in zip(plus.ref, plus.alt, strict=True)}
        mirrored = {(plus.n_ref - 1 - r, plus.n_alt - 1 - a) for r, a in zip(minus.ref, minus.alt, strict=True)}
        assert forward == mirrored
        assert np.all(np.diff(minus.ref) > 0)
        assert np.all(np.diff(minus.alt) > 0)


@given(st.text("ACGT", min_size=2, max_size=30), st.data())
def test_unchanged_pairs_hold_equal_bases_and_nothing_is_lost(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    alt = data.draw(st.text("ACGT", min_size=1, max_size=6).filter(lambda x: x != text[start:end]))
    ref_window, alt_window = pair(text, start, text[start:end], alt)
    assert decode(alt_window.ids) == text[:start] + alt + text[end:]
    for ref, other in (
        (ref_window, alt_window),
        (ref_window.reverse_complement(), alt_window.reverse_complement()),
    ):
        a = align(ref, other)
        assert sorted([*a.ref, *a.ref_only]) == list(range(len(ref.ids)))
        assert sorted([*a.alt, *a.alt_only]) == list(range(len(other.ids)))
        assert np.array_equal(ref.ids[a.ref] != other.ids[a.alt], a.changed)
        outside = (a.ref < ref.start) | (a.ref >= ref.end)
        assert not a.changed[outside].any()
        assert min(len(a.ref_only), len(a.alt_only)) == 0


def test_windows_that_do_not_belong_together_are_refused():
    ref, alt = pair("ACGTTAG", 3, "T", "C")
    other = pair("ACGTTAC", 3, "T", "C")[1]
    with pytest.raises(InputError, match="same bases on either side"):
        align(ref, other)
    with pytest.raises(InputError, match="windows of one strand"):
        align(ref, alt.reverse_complement())


def test_a_variant_must_be_spelled_in_the_window():
    with pytest.raises(InputError, match=r"variant c:4:G>C: need its reference allele in the genome, got 'T'"):
        pair("ACGTTAG", 3, "G", "C")
    with pytest.raises(InputError, match="got 'AG'"):
        pair("ACGTTAG", 5, "AGC", "A")
    with pytest.raises(InputError, match="got 'no base'"):
        substitute(encode("ACGT"), 10, Variant("c", 3, "G", "C"))
