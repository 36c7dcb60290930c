"""Features on their contig: across the origin of a circle of 30 bases, worked by hand."""

import pytest

from photo51.genome.annotation.features import Feature, Part, framed, place_feature, span
from photo51.types import InputError


def feature(*parts):
    return Feature("c", "CDS", tuple(Part(*p) for p in parts), where="x.gff3, line 7")


def test_a_part_past_the_length_is_split_at_the_origin():
    # 25..36 on + : five bases to the end, six after it; frame 0 leaves two bases of codon 2, so one base completes it
    placed = place_feature(feature((25, 36, "+", 0)), 30, circular=True)
    assert placed.parts == (Part(25, 30, "+", 0), Part(0, 6, "+", 1))
    # on - the six bases after the origin are read first: two codons, and the next part starts one
    placed = place_feature(feature((25, 36, "-", 0)), 30, circular=True)
    assert placed.parts == (Part(0, 6, "-", 0), Part(25, 30, "-", 0))


def test_parts_that_touch_both_ends_cross_the_origin():
    forward = place_feature(feature((0, 6, "+", 1), (25, 30, "+", 0)), 30, circular=True)
    assert forward.parts == (Part(25, 30, "+", 0), Part(0, 6, "+", 1))
    backward = place_feature(feature((25, 30, "-", 0), (0, 6, "-", 0)), 30, circular=True)
    assert backward.parts == (Part(0, 6, "-", 0), Part(25, 30, "-", 0))
    linear = place_feature(feature((0, 6, "+", 0), (25, 30, "+", 0)), 30, circular=False)
    assert linear.parts == (Part(0, 6, "+", 0), Part(25, 30, "+", 0))


def test_span_holds_introns_and_crosses_the_origin():
    assert span(feature((3, 6, "+"), (10, 12, "+")), 30) == (Part(3, 12, "+"),)
    assert span(feature((10, 12, "-"), (3, 6, "-")), 30) == (Part(3, 12, "-"),)
    assert span(feature((25, 28, "+"), (2, 6, "+")), 30) == (Part(25, 30, "+"), Part(0, 6, "+"))
    assert span(feature((2, 6, "-"), (25, 28, "-")), 30) == (Part(0, 6, "-"), Part(25, 30, "-"))


def test_frames_follow_from_the_first():
    assert [p.frame for p in framed((Part(0, 4, "+"), Part(9, 12, "+"), Part(20, 25, "+")), 0)] == [0, 2, 2]
    assert [p.frame for p in framed((Part(0, 4, "+"), Part(9, 12, "+")), 1)] == [1, 0]


@pytest.mark.parametrize(
    ("parts", "circular"), [(((25, 31, "+"),), False), (((31, 35, "+"),), True), (((5, 65, "+"),), True)]
)
def test_an_annotation_past_the_end_is_refused(parts, circular):
    with pytest.raises(InputError, match="line 7: need an annotation within contig 'c' of 30 bases"):
        place_feature(feature(*parts), 30, circular=circular)
