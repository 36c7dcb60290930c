import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import matthews_corrcoef

from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.domains import domains_of
from photo51.enrichment.annotations.leaks import canonical_kmers, leaked_rows
from photo51.enrichment.annotations.profiles import boundary_rows, profile
from photo51.enrichment.annotations.scoring import NullF1, choose_thresholds, confusion, graded, harmonic, matthews
from photo51.stats.resampling import rotate_rows

N = 40
GENES = AnnotationClass("gene", np.zeros(2 * N, bool), np.array([[2, 8, 0], [6, 12, 0], [20, 30, 1]]))
for _a, _b, _s in GENES.intervals:
    GENES.mask[_a + _s * N : _b + _s * N] = True
SITE = AnnotationClass("site", np.tile(np.isin(np.arange(N), [33, 34]), 2), np.array([[33, 35, 2]]))
CODON = AnnotationClass("codon_position_1", np.zeros(2 * N, bool), np.array([[2, 8, 0]]), 1)
CODON.mask[[2, 5]] = True
CLASSES = [GENES, SITE, CODON]
READINGS = [Reading(0, "sense"), Reading(0, "antisense"), Reading(1, "either"), Reading(2, "sense")]
ALL = np.ones(N, bool)


def test_instances_are_intervals_read_on_the_right_strand():
    d = domains_of(CLASSES, READINGS, ALL)
    assert d.counts.tolist() == [3, 3, 1, 1]
    assert d.size.tolist() == [6, 6, 10, 6, 6, 10, 4, 2]
    at = lambda row: d.members[d.starts[row] : d.starts[row + 1]].tolist()  # noqa: E731
    assert at(7) == [0, 1]  # two genes overlap
    assert at(2) == [0, 7]  # a gene and its first codon position
    assert at(N + 25) == [2]
    assert at(25) == [5]  # antisense of the gene on -
    assert at(33) == at(N + 33) == [6]
    assert at(35) == []
    assert d.bases.tolist() == [20, 20, 4, 2]


def test_an_interval_counts_where_half_of_it_is_there():
    rows = ALL.copy()
    rows[2:6] = False  # the first gene keeps 2 of 6 bases, the second all
    d = domains_of(CLASSES, READINGS, rows)
    assert d.counts.tolist() == [2, 2, 1, 0]
    active = np.array([6])
    assert (
        confusion(active, 0, d, 2 * 36).precision_bp == 1.0
    )  # a base of a gene that does not count is inside all the same


def test_confusion_by_hand():
    d = domains_of(CLASSES, READINGS, ALL)
    active = np.array([1, 2, 3, 15, N + 20, N + 21, N + 22, N + 23, N + 24])
    got = confusion(active, 0, d, 2 * N)
    assert got.precision_bp == pytest.approx(7 / 9)
    assert got.recall_bp == pytest.approx(7 / 20)
    assert got.recall_domain == pytest.approx(2 / 3)
    assert got.recall_half == pytest.approx(1 / 3)
    assert got.f1_domain == pytest.approx(2 * 7 / 9 * 2 / 3 / (7 / 9 + 2 / 3))
    assert got.precision_run == pytest.approx(2 / 3)  # runs 1-3, 15, 20-24
    labels, called = GENES.mask, np.isin(np.arange(2 * N), active)
    assert got.mcc == pytest.approx(matthews_corrcoef(labels, called))


def test_silence_scores_nothing():
    d = domains_of(CLASSES, READINGS, ALL)
    assert set(confusion(np.zeros(0, dtype=np.int64), 0, d, 2 * N)) == {0.0}
    assert matthews(0, 0, 5, 5) == 0.0
    assert harmonic(np.array([0.0, 0.5]), np.array([0.0, 1.0])).tolist() == [0.0, 2 / 3]


def _brute(column, reading, rows, threshold):
    """F1 from definitions, one interval at a time."""
    d = domains_of(CLASSES, READINGS, rows)
    active = np.flatnonzero((column >= threshold) & (column > 0) & np.tile(rows, 2))
    return confusion(active, reading, d, 2 * int(rows.sum())).f1_domain


def test_the_grid_finds_the_best_threshold_for_every_pair():
    rng = np.random.default_rng(0)
    dense = rng.random((2 * N, 5)) * (rng.random((2 * N, 5)) < 0.4)
    dense[:, 4] = 0
    rows = np.arange(N) < 35
    units = graded(sp.csc_array(dense.astype(np.float32)), rows, 10)
    got = choose_thresholds(units, domains_of(CLASSES, READINGS, rows))
    for unit in range(4):
        values = dense[:, unit].astype(np.float32)
        here = values[np.tile(rows, 2) & (values > 0)]
        grid = np.quantile(here, np.arange(10) / 10, method="lower")
        for reading in range(4):
            scores = [_brute(values, reading, rows, t) for t in grid]
            assert got.f1[unit, reading] == pytest.approx(max(scores))
            assert _brute(values, reading, rows, got.threshold[unit, reading]) == pytest.approx(max(scores))
    assert (got.f1[4] == 0).all()
    assert np.isnan(got.threshold[4]).all()


def test_null_f1_is_that_of_rotated_rows():
    d = domains_of(CLASSES, READINGS, ALL)
    active = np.array([2, 3, 15, N + 20, N + 33])
    bounds = np.array([0, 16, 40])
    shifts = np.array([[0, 0], [3, 5], [15, 23]])
    got = NullF1(d, bounds, shifts).draws(active, 0)
    for k, s in enumerate(shifts):
        moved = np.concatenate([rotate_rows(active[:3], bounds, s), rotate_rows(active[3:] - N, bounds, s) + N])
        assert got[k] == pytest.approx(confusion(np.sort(moved), 0, d, 2 * N).f1_domain)
    assert got[0] == pytest.approx(confusion(active, 0, d, 2 * N).f1_domain)


def test_draws_of_every_reading_are_those_of_moved_rows():
    rng = np.random.default_rng(3)
    intervals = np.array([[3, 14, 0], [10, 22, 0], [12, 13, 0], [20, 36, 1]])
    crossing = AnnotationClass("crossing", np.zeros(2 * N, bool), intervals)
    for a, b, strand in intervals:
        crossing.mask[a + strand * N : b + strand * N] = True
    classes = [*CLASSES, crossing]
    readings = [*READINGS, *(Reading(len(CLASSES), o) for o in ("sense", "antisense", "either"))]
    d = domains_of(classes, readings, np.arange(N) < 37)
    bounds = np.array([0, 11, 12, N])
    shifts = rng.integers(0, 60, (40, 3))
    null = NullF1(d, bounds, shifts)
    for reading in rng.permutation(np.repeat(np.arange(len(readings)), 3)):
        active = np.flatnonzero(rng.random(2 * N) < rng.random() * 0.4)
        want = []
        for s in shifts:
            plus, minus = (rotate_rows(a, bounds, s) for a in (active[active < N], active[active >= N] - N))
            moved = np.sort(np.concatenate([plus, minus + N]))
            want.append(confusion(moved, int(reading), d, 74).f1_domain)
        np.testing.assert_allclose(null.draws(active, int(reading)), want, atol=1e-12)
        for f1 in (0.0, *np.quantile(want, [0.5, 0.93, 0.95, 0.97]), 1.0):
            assert null.below(f1, active, int(reading)) == (f1 > np.quantile(want, 0.95))


def test_copies_on_either_strand_leak():
    rng = np.random.default_rng(1)
    bases = rng.integers(0, 4, 300).astype(np.uint8)
    bases[210:240] = bases[20:50]  # a direct copy
    bases[260:285] = 3 - bases[60:85][::-1]  # a reverse complement
    bases[205] = 4
    bounds = np.array([0, 100, 200, 300])
    held, tested = np.arange(300) < 100, np.arange(300) >= 200
    leaked = np.flatnonzero(leaked_rows(bases, bounds, held, tested, 21))
    assert set(range(210, 240)) <= set(leaked)
    assert set(range(260, 285)) <= set(leaked)
    assert len(leaked) <= 30 + 25 + 8  # a match may go on by chance
    kmers, known = canonical_kmers(np.array([0, 1, 2, 3, 4]), 2)
    assert kmers.tolist()[:3] == [1, 6, 1]  # AC, CG, GT = AC
    assert known.tolist() == [True, True, True, False]


def test_boundaries_are_where_reading_enters():
    intervals = np.array([[10, 20, 0], [30, 40, 1], [50, 52, 2]])
    assert boundary_rows(intervals, "sense", 100).tolist() == [10, 50, 139, 151]
    assert boundary_rows(intervals, "sense", 100, "end").tolist() == [19, 51, 130, 150]
    assert boundary_rows(intervals, "antisense", 100).tolist() == [30, 50, 119, 151]


def test_profile_by_hand():
    boundaries = np.array([10, 100 + 50])
    rows, values = np.array([8, 12, 100 + 48, 100 + 52]), np.array([1.0, 2.0, 4.0, 8.0])
    got = profile(rows, values, boundaries, np.array([0, 11, 100]), 3)
    # offset -2: 1 at row 8 (+), 8 at row 52 (-, mirrored); offset 2: row 12 lies in the next segment, 4 at row 48
    np.testing.assert_allclose(got, [0, 4.5, 0, 0, 0, 4, 0])
