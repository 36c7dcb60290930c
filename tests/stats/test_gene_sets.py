from itertools import product

import numpy as np
import pytest
from scipy import stats

from photo51.stats.gene_sets import Genes, hits_at, set_tests

BOUNDS = np.array([0, 9, 20])
GENES = Genes(np.array([1, 7, 12, 21, 31]), np.array([4, 9, 19, 27, 33]), BOUNDS)  # the last two on strand -
ROWS = np.array([2, 15, 22, 23, 38])


def _turned(shifts):
    """Hits by moving every active row, one at a time."""
    strand = ROWS >= 20
    forward = ROWS - 20 * strand
    block = (forward >= 9).astype(int)
    start, length = BOUNDS[block], np.diff(BOUNDS)[block]
    moved = start + (forward - start + np.asarray(shifts)[block]) % length + 20 * strand
    return np.array([np.any((moved >= a) & (moved < b)) for a, b in zip(GENES.start, GENES.end, strict=True)])


def _before():
    return np.concatenate([[0], np.cumsum(np.isin(np.arange(40), ROWS))])


def test_hits_are_those_of_rows_moved_one_by_one():
    shifts = np.array(list(product(range(9), range(11))))
    got = hits_at(_before(), GENES, shifts)
    assert np.array_equal(got, [_turned(s) for s in shifts])
    assert _turned([0, 0]).tolist() == [True, False, True, True, False]  # by eye: 2, 15, and 22 and 23


def test_exact_p_counts_all_rotations():
    """All 99 pairs of shifts, counted."""
    members = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [0, 1]], dtype=bool)
    all_shifts = list(product(range(9), range(11)))
    excess = np.array(
        [_turned(s).astype(int) @ members - _turned(s).sum() * members.sum(axis=0) / 5 for s in all_shifts]
    )
    want = np.mean(excess >= excess[0] - 1e-9, axis=0)
    rng = np.random.default_rng(1)
    shifts = np.stack([rng.integers(0, 9, 200), rng.integers(0, 11, 200)], axis=1)
    got = set_tests(ROWS, GENES, members, shifts, exact_p=1.0)
    assert got.exact.all()
    assert got.p == pytest.approx(want)
    assert got.hits.tolist() == [3, 1]
    assert got.p_ora == pytest.approx(stats.hypergeom.sf([2, 0], 5, 3, 3))
    near = set_tests(ROWS, GENES, members, shifts, exact_p=0.0)
    assert not near.exact.any()
    assert near.p == pytest.approx(want, abs=0.12)


def test_sets_of_long_genes_are_no_discovery():
    """A feature at random places hits long genes more often: the hypergeometric test calls that a finding."""
    rng = np.random.default_rng(2)
    lengths = np.where(np.arange(200) < 40, 600, 60)
    order = rng.permutation(200)
    starts = np.concatenate([[0], np.cumsum(lengths[order] + 100)])
    genes = Genes(starts[:-1], starts[:-1] + lengths[order], np.linspace(0, starts[-1], 9).astype(np.int64))
    long = (order < 40)[:, None]
    shifts = rng.integers(0, np.diff(genes.bounds), (199, 8))
    found = [
        set_tests(np.sort(rng.choice(starts[-1], 150, replace=False)), genes, long, shifts, 0.0) for _ in range(60)
    ]
    assert np.mean([f.p_ora[0] <= 0.05 for f in found]) > 0.5
    assert np.mean([f.p[0] <= 0.05 for f in found]) < 0.15
