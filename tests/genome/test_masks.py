"""Masks: a contig of twelve bases by hand, and phiX174, whose genes overlap in every frame."""

import numpy as np
import pandas as pd
import pytest

from photo51.genome.axis.masks import annotation_masks, codon_position_masks
from photo51.types import InputError


def annotations(*rows):
    columns = ["chrom", "start", "end", "strand", "kind", "frame"]
    return pd.DataFrame(rows, columns=columns).assign(genome="g")


def positions(workspace, mask):
    return workspace.locate(np.flatnonzero(mask)).position.tolist()


def test_sense_antisense_and_both(workspace_of):
    w = workspace_of(("c", 2, 12, 0))
    table = annotations(("c", 0, 4, "+", "a", -1), ("c", 8, 20, "-", "a", -1), ("c", 5, 7, ".", "b", -1))
    sense = annotation_masks(w, table)
    assert list(sense) == ["a", "b"]
    assert (positions(w, sense["a"].plus), positions(w, sense["a"].minus)) == ([2, 3], [8, 9, 10, 11])
    assert positions(w, sense["b"].plus) == positions(w, sense["b"].minus) == [5, 6]
    anti = annotation_masks(w, table, "antisense")
    assert (positions(w, anti["a"].plus), positions(w, anti["a"].minus)) == ([8, 9, 10, 11], [2, 3])
    both = annotation_masks(w, table, "both")
    assert positions(w, both["a"].plus) == positions(w, both["a"].minus) == [2, 3, 8, 9, 10, 11]
    with pytest.raises(InputError, match="need sense, antisense or both, got 'same'"):
        annotation_masks(w, table, "same")


def test_codon_positions_count_in_reading_direction(workspace_of):
    w = workspace_of(("c", 0, 12, 0))
    table = annotations(("c", 1, 8, "+", "CDS", 1), ("c", 2, 11, "-", "CDS", 0))
    one, two, three = codon_position_masks(w, table)
    # + : base 1 ends a codon, 2-4 and 5-7 are codons
    assert [positions(w, m.plus) for m in (one, two, three)] == [[2, 5], [3, 6], [1, 4, 7]]
    # - : reading starts at base 10
    assert [positions(w, m.minus) for m in (one, two, three)] == [[4, 7, 10], [3, 6, 9], [2, 5, 8]]
    masks = annotation_masks(w, table, "antisense")
    assert positions(w, masks["codon_position_1"].plus) == [4, 7, 10]


def test_codon_positions_survive_a_workspace_with_holes(workspace_of):
    w = workspace_of(("c", 3, 5, 0), ("c", 9, 10, 0))
    one, two, three = codon_position_masks(w, annotations(("c", 2, 11, "-", "CDS", 0)))
    assert [positions(w, m.minus) for m in (one, two, three)] == [[4], [3, 9], []]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        # 1-based bases; reading frames worked out from the record's coordinates
        # A and A* read it second (1,456 and 940 bases come before it), B third (its stop ends there), K first
        (51, {1, 2, 3}),
        # 1,539 bases of A come before it: the first of A's stop codon; it is C's second base, and K's 84th
        (134, {1, 2, 3}),
        (700, {1, 2}),  # D second, E first
        (848, {1, 3}),  # D's last base is J's first
        (970, set()),  # between J and F
        (1001, {1}),  # F's first base
    ],
)
def test_phix_bases_in_overlapping_genes(small, small_annotations, base, expected):
    w = small.workspace()
    masks = codon_position_masks(w, small_annotations)
    (rows,) = w.rows_of("phix", "NC_001422.1", base - 1, base)
    found = {i + 1 for i, m in enumerate(masks) if m.plus[rows.start]}
    assert found == expected
    assert not any(m.minus[rows.start] for m in masks)


def test_phix_has_as_many_codons_as_its_genes_are_long(small, small_annotations):
    w = small.workspace()
    sub, rows = w.subset(np.unique(w.table.loc[w.table["genome"] == "phix", "block"]))
    masks = codon_position_masks(w, small_annotations)
    # K overlaps A and C, B lies in A, E in D: bases of position 1 counted gene by gene from the coordinates
    genes = [
        (3981, 5522),
        (4497, 5522),
        (5075, 5437),
        (51, 221),
        (133, 393),
        (390, 848),
        (568, 843),
        (848, 964),
        (1001, 2284),
        (2395, 2922),
        (2931, 3917),
    ]
    first = {p % 5386 for s, e in genes for p in range(s - 1, e, 3)}
    assert sub.n_rows == 5386
    assert set(sub.locate(np.flatnonzero(masks[0].plus[rows])).position.tolist()) == first


def test_masks_of_the_mitochondrion_are_on_their_strands(small, small_annotations):
    w = small.workspace()
    masks = annotation_masks(w, small_annotations)
    rows = {
        name: w.rows_of("mt", "NC_012920.1", s, e)[0] for name, s, e in (("ND6", 14_148, 14_673), ("ND1", 3_306, 4_262))
    }
    assert masks["CDS"].minus[rows["ND6"]].all()
    assert not masks["CDS"].plus[rows["ND6"]].any()
    assert masks["CDS"].plus[rows["ND1"]].all()
    assert masks["D_loop"].plus[w.rows_of("mt", "NC_012920.1", 0, 576)[0]].all()
    assert masks["D_loop"].minus[w.rows_of("mt", "NC_012920.1", 16_023, 16_569)[0]].all()
