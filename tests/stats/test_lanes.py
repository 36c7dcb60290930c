"""Vector instructions on rows against numpy, element by element and to the bit."""

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from photo51.stats.lanes import (
    TOGETHER,
    WIDTH,
    add_product,
    add_products,
    add_row,
    add_square,
    add_weighted,
    subtract_row,
)


@numba.njit
def _apply(kind, to, at, what, of):
    if kind == 0:
        add_row(to, at, what, of)
    elif kind == 1:
        subtract_row(to, at, what, of)
    else:
        add_square(to, at, what, of)


@numba.njit
def _weighted(to, at, value, steps, of):
    add_product(to, at, value, steps, of)


@pytest.mark.parametrize(
    ("kind", "numpys"), [(0, lambda a, b: a + b), (1, lambda a, b: a - b), (2, lambda a, b: a + b * b)]
)
def test_rows_are_combined_as_numpy_does(kind, numpys):
    rng = np.random.default_rng(kind)
    to, what = (rng.normal(size=(n, WIDTH)).astype(np.float32) for n in (5, 7))
    want = to.copy()
    want[3] = numpys(to[3], what[6])
    _apply(kind, to, 3, what, 6)
    np.testing.assert_array_equal(to, want)


def test_steps_are_weighted():
    rng = np.random.default_rng(3)
    to = rng.normal(size=(4, WIDTH)).astype(np.float32)
    steps = rng.integers(-32_768, 32_768, (6, WIDTH)).astype(np.int16)
    steps[2, :2] = -32_768, 32_767
    want = to.copy()
    want[1] += np.float32(0.3) * steps[2].astype(np.float32)
    _weighted(to, 1, np.float32(0.3), steps, 2)
    np.testing.assert_array_equal(to, want)


@numba.njit
def _summed(to, at, weights, what, rows, by, first, last):
    add_weighted(to, at, weights, what, rows, by, first, last)


def test_weighted_rows_are_summed_in_order():
    rng = np.random.default_rng(5)
    to, weights = rng.normal(size=(3, WIDTH)).astype(np.float32), rng.normal(size=9).astype(np.float32)
    what, rows = rng.integers(-32_768, 32_768, (20, WIDTH)).astype(np.int16), np.sort(rng.integers(4, 16, 9))
    want = to.copy()
    for i in range(2, 8):
        want[1] += weights[i] * what[rows[i] - 3].astype(np.float32)
    _summed(to, 1, weights, what, rows, -3, 2, 8)
    np.testing.assert_array_equal(to, want)
    _summed(to, 1, weights, what, rows, -3, 8, 8)  # of nothing, nothing
    np.testing.assert_array_equal(to, want)


@numba.njit
def _multiplied(to, at, left, of, what, first, last):
    add_products(to, at, left, of, what, first, last)


def test_products_are_summed_in_order_of_their_terms():
    rng = np.random.default_rng(4)
    to, left, what = (rng.normal(size=s).astype(np.float32) for s in ((6, WIDTH), (7, 11), (11, WIDTH)))
    want = to.copy()
    for r in range(TOGETHER):
        total = np.zeros(WIDTH, dtype=np.float32)
        for k in range(2, 9):
            total += left[3 + r, k] * what[k]
        want[1 + r] += total
    _multiplied(to, 1, left, 3, what, 2, 9)
    np.testing.assert_array_equal(to, want)


def test_arrays_of_other_numbers_are_refused():
    with pytest.raises(TypingError):
        _apply(0, np.zeros((2, WIDTH)), 0, np.zeros((2, WIDTH)), 1)
