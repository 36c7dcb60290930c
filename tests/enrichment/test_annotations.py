import numpy as np
import pandas as pd

from photo51.enrichment.annotations.classes import (
    AnnotationClass,
    annotation_classes,
    rotation_units,
    unit_lengths,
    with_reasons,
)
from photo51.genome.axis.workspace import Workspace


def _workspace(segments):
    rows = [{"genome": "g", "chrom": c, "start": s, "end": e, "block": b, "split": "test"} for c, s, e, b in segments]
    return Workspace(pd.DataFrame(rows))


def _table(*rows):
    fixed = {
        "genome": "g",
        "chrom": "c",
        "name": "",
        "group": "",
        "part": 0,
        "score": np.nan,
        "note": "",
        "source": "",
    }
    return pd.DataFrame(rows, columns=["start", "end", "strand", "kind", "frame"]).assign(**fixed)


def test_classes_have_masks_intervals_and_codon_positions():
    workspace = _workspace([("c", 0, 30, 0)])
    classes = annotation_classes(
        workspace, _table((2, 8, "+", "CDS", 0), (10, 13, "-", "tRNA", -1), (20, 22, ".", "prophage", -1))
    )
    by_name = {c.name: c for c in classes}
    assert list(by_name) == [
        "CDS",
        "codon_position_1",
        "codon_position_2",
        "codon_position_3",
        "prophage",
        "tRNA",
    ]
    assert np.flatnonzero(by_name["CDS"].mask).tolist() == list(range(2, 8))
    assert np.flatnonzero(by_name["tRNA"].mask).tolist() == [40, 41, 42]
    assert by_name["tRNA"].intervals.tolist() == [[10, 13, 1]]
    assert np.flatnonzero(by_name["codon_position_2"].mask).tolist() == [3, 6]
    assert by_name["codon_position_2"].frame == 2
    assert by_name["codon_position_2"].intervals.tolist() == [[2, 8, 0]]
    assert by_name["prophage"].orientations(["sense", "antisense"]) == ["either"]
    assert by_name["tRNA"].orientations(["sense", "antisense"]) == ["sense", "antisense"]
    assert by_name["CDS"].longest == 6


def test_a_class_that_is_asked_for_and_absent_is_named():
    workspace = _workspace([("c", 0, 30, 0)])
    classes = annotation_classes(workspace, _table((2, 8, "+", "gene", -1)), chosen=("gene", "tRNA"))
    assert [(c.name, c.reason) for c in classes] == [("gene", ""), ("tRNA", "not annotated")]


def test_reasons_are_named():
    workspace = _workspace([("c", 0, 100, 0)])
    table = _table(
        (5, 9, "+", "one", -1),
        (0, 100, ".", "all", -1),
        *((i, i + 9, ".", "most", -1) for i in range(0, 99, 10)),
        *((i, i + 2, "+", "fine", -1) for i in range(0, 100, 10)),
        (300, 310, "+", "outside", -1),
    )
    contigs = pd.DataFrame({"genome": ["g"], "chrom": ["c"], "length": [305]})
    classes = with_reasons(annotation_classes(workspace, table, contigs=contigs), 5, 0.85)
    assert {c.name: c.reason for c in classes} == {
        "all": "full coverage: every base is inside",
        "fine": "",
        "most": "coverage 0.900 above 0.85",
        "one": "1 instance in the workspace, at least 5 are needed",
        "outside": "interval 300..310 past the end of c (305 bases)",
    }
    unplaced = with_reasons(annotation_classes(workspace, table), 5, 0.85)
    assert unplaced[-1].reason == "no interval in the workspace"


def test_units_join_neighbours_of_a_contig_and_never_two_contigs():
    workspace = _workspace(
        [
            ("a", 0, 100, 0),
            ("a", 100, 200, 1),
            ("a", 300, 400, 2),
            ("b", 0, 100, 3),
            ("d", 0, 100, 4),
            ("d", 100, 180, 5),
        ]
    )
    assert rotation_units(workspace, 0).tolist() == [0, 100, 200, 300, 400, 500, 580]
    assert rotation_units(workspace, 150).tolist() == [0, 300, 400, 580]
    assert rotation_units(workspace, 10_000).tolist() == [0, 300, 400, 580]


def test_unit_lengths_are_powers_of_two():
    c = AnnotationClass("x", np.zeros(2, bool), np.array([[0, 300, 0], [0, 10, 0]]))
    assert unit_lengths([c], 4.0).tolist() == [2048.0]
