"""Classes with few instances: who is held out with whom, hand-worked counts, and calibration on null worlds."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy import stats

from benchmarks._few import few_instances, six_instances
from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass, annotation_classes
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.readout import Readout
from photo51.enrichment.concepts.few import (
    COPIES,
    CROSS,
    GENOMES,
    Axis,
    calls,
    chunks_of,
    concept_row,
    instance_rows,
    judged,
    pieces_of,
)
from photo51.enrichment.concepts.instances import Pieces, copy_groups, folds_of, shifted_pieces
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.enrichment import INSTANCES
from photo51.stats.binomial import clopper_pearson

SENSE = Reading(0, "sense")
PARAMS = ConceptParams(few_shifts=19)


def blocks(n, length=100, genomes=("g",)):
    """A workspace of n blocks a genome, one contig each."""
    rows = [(g, "c", i * length, (i + 1) * length, k * n + i, "train") for k, g in enumerate(genomes) for i in range(n)]
    return Workspace(pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]))


def a_class(n_rows, *intervals, instance=None):
    mask = np.zeros(2 * n_rows, dtype=bool)
    for a, b, s in intervals:
        for strand in (0, 1) if s == 2 else (s,):
            mask[strand * n_rows + a : strand * n_rows + b] = True
    return AnnotationClass("rare", mask, np.array(intervals), instance=instance)


def axis_of(workspace, seed=0, **params):
    bases = np.random.default_rng(seed).integers(0, 4, workspace.n_rows).astype(np.uint8)
    return Axis(workspace, bases, PARAMS.model_copy(update=params))


def readout(*columns):
    matrix = sp.csc_array(np.stack(columns, axis=1).astype(np.float32))
    return Readout("sae", tuple(f"f{i}" for i in range(len(columns))), matrix, np.arange(len(columns)))


def track(n_rows, *runs):
    out = np.zeros(2 * n_rows)
    for a, b in runs:
        out[a:b] = 1.0
    return out


def test_exact_limits_are_those_of_scipy():
    for k, n in ((0, 2), (1, 2), (2, 2), (5, 6), (0, 1), (30, 60)):
        want = stats.binomtest(k, n).proportion_ci(method="exact")
        assert [float(x) for x in clopper_pearson(k, n)] == pytest.approx([want.low, want.high])
    assert [float(x) for x in clopper_pearson(0, 0)] == [0, 1]


def test_what_was_annotated_counts_once_however_it_is_cut():
    # two blocks with a gap between; a domain over both, one over the origin in two parts of a group, one alone
    table = pd.DataFrame([("g", "c", 0, 400, 0, "train"), ("g", "c", 450, 900, 1, "test")],
                         columns=["genome", "chrom", "start", "end", "block", "split"])  # fmt: skip
    rows = [(300, 600, "a", 0), (850, 900, "o", 0), (0, 20, "o", 1), (700, 720, "", 0), (740, 750, "", 0)]
    fixed = {"genome": "g", "chrom": "c", "strand": ".", "kind": "domain", "frame": -1}
    annotations = pd.DataFrame(rows, columns=["start", "end", "group", "part"]).assign(**fixed)
    (c,) = annotation_classes(Workspace(table), annotations)
    assert len(c.intervals) == 6
    assert c.n_instances == 4
    pieces = pieces_of(c, Reading(0, "either"))
    assert pieces.n_instances == 4
    size = np.bincount(pieces.instance, pieces.end - pieces.start)
    assert sorted(size.tolist()) == [10, 20, 70, 250]


def test_blocks_of_one_instance_and_of_copies_are_held_out_together():
    w = blocks(8)
    axis = axis_of(w)
    axis.bases[710:750] = axis.bases[210:250]
    c = a_class(800, (80, 120, 2), (210, 250, 0), (410, 450, 0), (710, 750, 1))
    pieces = pieces_of(c, SENSE)
    group = copy_groups(pieces, axis.bases, 21)
    assert group[1] == group[3]
    assert len(set(group.tolist())) == 3
    folds = folds_of(pieces, group, w.block_bounds, 10, np.random.default_rng(0))
    assert (folds.n, folds.n_groups) == (3, 3)
    assert folds.block[0] == folds.block[1] == folds.instance[0]
    assert folds.block[2] == folds.block[7] == folds.instance[1] == folds.instance[3]
    assert set(folds.block.tolist()) == {0, 1, 2}
    back = 3 - axis.bases[210:250][::-1]
    axis.bases[410:450] = back
    assert len(set(copy_groups(pieces, axis.bases, 21).tolist())) == 2


def test_shifts_keep_lengths_and_distances_and_go_round_the_contig():
    pieces = Pieces(*(np.array(x) for x in ([5, 60, 130], [15, 95, 140], [0, 1, 0], [0, 1, 2])))
    moved = shifted_pieces(pieces, np.array([0, 100, 150]), np.random.default_rng(3))
    assert np.bincount(moved.instance, moved.end - moved.start).tolist() == [10, 35, 10]
    own = moved.instance == 2
    assert ((moved.start[own] >= 100) & (moved.end[own] <= 150)).all()
    first, second = (moved.start[moved.instance == i] for i in (0, 1))
    assert 55 in {int((b - a) % 100) for a in first for b in second}


def test_counts_by_hand():
    # four instances in four of eight blocks; f0 marks three of them and nothing else, f1 all of the blocks
    c = a_class(800, (110, 140, 0), (310, 340, 0), (510, 540, 0), (710, 740, 0))
    marks = track(800, (115, 125), (315, 325), (515, 525), (50, 52))
    axis = axis_of(blocks(8))
    r = readout(marks, track(800, (0, 800)))
    plan = axis.plan(c, SENSE)
    assert plan.evaluation == CROSS
    result = judged(axis, chunks_of(axis, r), plan, 19, 0)
    assert result.observed.unit.tolist() == [0, 0, 0, 0]
    assert (result.observed.hit.sum(), result.observed.inside.sum(), result.observed.active.sum()) == (
        3,
        30,
        32,
    )
    row = concept_row(axis, c, SENSE, r, chunks_of(axis, r), result)
    assert row["feature"] == 0
    assert row["recall_domain"] == 3 / 4
    assert row["precision_bp"] == 30 / 32
    assert row["recall_bp"] == 30 / 120
    assert row["recall_half"] == 0
    assert (row["n_instances"], row["n_calls"], row["precision_calls"]) == (4, 4, 3 / 4)
    want = stats.binomtest(3, 4).proportion_ci(method="exact")
    assert (row["recall_lo"], row["recall_hi"]) == pytest.approx((want.low, want.high))
    table = INSTANCES.check(pd.DataFrame(instance_rows(axis, c, SENSE, r, chunks_of(axis, r), result)))
    assert table[["n_hit", "n_instances", "n_groups"]].to_numpy().tolist() == [[3, 4, 4]]


def test_the_held_out_instance_has_no_part_in_its_choice():
    # the second feature marks one instance alone, and perfectly: it is never chosen for that instance's fold
    c = a_class(800, (110, 140, 0), (310, 340, 0), (510, 540, 0))
    r = readout(track(800, (115, 140), (315, 340), (0, 30)), track(800, (510, 540)))
    axis = axis_of(blocks(8))
    plan = axis.plan(c, SENSE)
    result = judged(axis, chunks_of(axis, r), plan, 0, 0)
    fold = int(plan.folds.instance[2])
    assert result.observed.unit[fold] == 0
    assert result.observed.hit[fold] == 0
    assert np.isnan(result.p)


def test_what_cannot_be_judged_says_why():
    axis = axis_of(blocks(8))
    assert axis.plan(a_class(800, (110, 140, 0)), SENSE).reason.startswith("1 instance: one to choose on")
    near = axis.plan(a_class(800, (110, 120, 0), (130, 140, 0)), SENSE)
    assert near.reason == "2 instances in one block or across neighbouring ones: none can be held out"
    axis.bases[310:350] = axis.bases[110:150]
    same = axis.plan(a_class(800, (110, 150, 0), (310, 350, 0)), SENSE)
    assert (same.evaluation, same.reason) == (COPIES, "2 instances, all copies of one another")
    assert (
        axis.across(a_class(800, (110, 150, 0), (310, 350, 0)), SENSE).reason == "instances in 1 genome: two are needed"
    )


def test_one_genome_is_judged_by_a_choice_made_on_the_other():
    axis = axis_of(blocks(4, genomes=("a", "b")))
    c = a_class(800, (110, 140, 0), (210, 240, 0), (510, 540, 0))
    r = readout(track(800, (115, 120), (215, 220), (515, 520), (600, 605)), track(800, (510, 540)))
    plan = axis.across(c, SENSE)
    assert plan.evaluation == GENOMES
    result = judged(axis, chunks_of(axis, r), plan, 0, 0)
    rows = instance_rows(axis, c, SENSE, r, chunks_of(axis, r), result)
    assert [(x["held_out"], x["n_hit"], x["n_instances"], x["feature"]) for x in rows] == [
        ("", 1, 3, 0), ("a", 0, 2, 1), ("b", 1, 1, 0),
    ]  # fmt: skip


def test_near_rows_are_one_call_but_not_across_strands_or_blocks():
    bounds = np.array([0, 50, 100])
    active = np.array([3, 4, 9, 30, 48, 51, 103, 104])
    inside = np.array([0, 0, 1, 0, 0, 0, 1, 0], dtype=bool)
    assert calls(active, inside, 5, bounds) == (5, 2)
    assert calls(active[:0], inside[:0], 5, bounds) == (0, 0)


def test_few_instances_are_calibrated_and_found():
    found = few_instances(20, 19, seed=5)
    # with a rate of 0.05 twenty null worlds give more than 5 with a chance of 0.0003
    assert found["few_instances_fpr"] <= 5 / 20
    assert found["few_instances_power"] >= 0.75


def test_planted_classes_have_what_they_say():
    c = six_instances(80_000, np.random.default_rng(0))
    assert c.n_instances == 6
    assert c.mask.sum() == 6 * 250
