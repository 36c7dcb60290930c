import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import codes, decode, encode, is_ambiguous, reverse_complement, runs
from photo51.types import InputError

letters = st.text("ACGTRYKMSWBDHVN", max_size=60)


@given(letters)
def test_reverse_complement_is_biopythons(text):
    assert decode(reverse_complement(encode(text))) == str(Seq(text).reverse_complement())


@given(letters)
def test_reverse_complement_twice_is_the_sequence(text):
    ids = encode(text)
    assert np.array_equal(reverse_complement(reverse_complement(ids)), ids)


def test_codes_of_partners_add_up_to_three():
    ids = encode("ACGTN")
    assert codes(ids).tolist() == [0, 1, 2, 3, 4]
    assert codes(reverse_complement(ids)).tolist() == [4, 0, 1, 2, 3]
    assert is_ambiguous(ids).tolist() == [False] * 4 + [True]


def test_encode_folds_case_and_names_the_first_wrong_letter():
    assert decode(encode("acgtN")) == "ACGTN"
    with pytest.raises(InputError, match="got 'x' at base 3"):
        encode("ACxT-")


def test_runs_by_hand():
    mask = np.array([1, 1, 0, 0, 1, 0, 1], dtype=bool)
    assert runs(mask).tolist() == [[0, 2], [4, 5], [6, 7]]
    assert runs(np.zeros(3, dtype=bool)).shape == (0, 2)
