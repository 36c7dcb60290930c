"""Symbolic alleles with stated ends become the bases they stand for, by hand; all others stay refused with a reason."""

import pandas as pd
import pytest

from photo51.config.biomarkers import VariantsParams
from photo51.effects.symbolic import spelled_out

from .toy import ToyGenomes

#                       1234567890123456
GENOMES = ToyGenomes({"c": "ACGTTGCAAGGNTTAC" + "ACGT" * 20})
PARAMS = VariantsParams(window=32)


def refused(pos, alt, **info):
    row = {"chrom": "c", "pos": pos - 1, "id": "x", "ref": info.pop("ref", "N"), "alt": alt, "line": 7}
    return pd.DataFrame([{**row, **info, "reason": f"symbolic allele {alt}"}])


@pytest.mark.parametrize(
    ("alt", "info", "expected"),
    [
        ("<DEL>", {"END": "6"}, ("GTTG", "G")),  # after base 3: TTG, bases 4 to 6
        ("<DEL>", {"SVLEN": "-3"}, ("GTTG", "G")),
        ("<DUP>", {"END": "6"}, ("G", "GTTG")),
        ("<DUP:TANDEM>", {"SVLEN": "2", "ref": "G"}, ("G", "GTT")),
        ("<INV>", {"END": "7", "CIPOS": "0,0"}, ("GTTGC", "GGCAA")),
        ("<DEL>", {"END": "5", "ref": "T"}, ("TTT", "T")),  # not the genome's G: found out with the others
    ],
)
def test_deletions_duplications_and_inversions_by_hand(alt, info, expected):
    found = spelled_out(GENOMES, "g", refused(3, alt, **info), PARAMS)
    assert found.refused.empty
    row = found.table.iloc[0]
    assert (row["ref"], row["alt"]) == expected
    assert (row["given_alt"], row["pos"], row["line"]) == (alt, 2, 7)


@pytest.mark.parametrize(
    ("alt", "info", "reason"),
    [
        ("<DEL>", {"END": "12"}, "deletion of 9 bases: allele longer than the 8 that are scored"),
        ("<DEL>", {}, "without an END or SVLEN"),
        ("<DEL>", {"END": "3"}, "without an END or SVLEN"),
        ("<DEL>", {"END": "6", "CIPOS": "-5,5"}, "not exact"),
        ("<DUP>", {"END": "6", "IMPRECISE": "true"}, "not exact"),
        ("<CNV>", {"END": "6"}, "symbolic allele <CNV>"),
        ("<INV>", {"END": "6", "pos": 94}, "without an END"),
    ],
)
def test_what_cannot_be_spelled_out_stays_refused(alt, info, reason):
    found = spelled_out(GENOMES, "g", refused(info.pop("pos", 3), alt, **info), PARAMS)
    assert found.table.empty
    assert reason in found.refused["reason"].iloc[0]


def test_past_the_end_and_unknown_bases_are_said():
    for pos, end, reason in (
        (94, 99, "past the end of c"),
        (10, 13, "no known bases"),
        (81, 83, "reads the same"),
    ):
        found = spelled_out(GENOMES, "g", refused(pos, "<INV>", END=str(end)), PARAMS)
        assert reason in found.refused["reason"].iloc[0]
