"""Coordinates and their conventions."""

import pytest

from photo51.types import Interval, Variant


def test_an_interval_is_half_open_inside_and_one_based_in_print():
    first_codon = Interval("chr", 190, 193, "+")
    assert len(first_codon) == 3
    assert str(first_codon) == "chr:191-193(+)"


def test_a_variant_prints_as_vcf_has_it():
    variant = Variant("MT", 3242, "A", "G")  # m.3243A>G, the MELAS variant
    assert str(variant) == "MT:3243:A>G"
    assert variant.end == 3243


@pytest.mark.parametrize("bad", [("c", -1, 2, "+"), ("c", 5, 4, "+"), ("c", 0, 1, "x")])
def test_an_impossible_interval_is_refused(bad):
    with pytest.raises(ValueError, match="need"):
        Interval(*bad)


@pytest.mark.parametrize("bad", [("c", -1, "A", "G"), ("c", 0, "A", "A"), ("c", 0, "", "A")])
def test_an_impossible_variant_is_refused(bad):
    with pytest.raises(ValueError, match="need"):
        Variant(*bad)
