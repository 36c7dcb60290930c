"""Planted rhythms: features that keep one of three frames, in segments whose frame is drawn anew."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from photo51.geometry.controls.cyclic import aligned_start, rhythm, states

N, KEEPING, OTHER = 24_000, 30, 20


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(3)
    starts = np.sort(rng.choice(N, 25, replace=False))
    offset = np.zeros(N, int)
    for a in starts:
        offset[a:] = rng.integers(3)
    phase = (np.arange(N) + offset) % 3
    prefers = rng.integers(0, 3, KEEPING)
    rate = np.concatenate([np.where(phase[:, None] == prefers, 0.25, 0.03), np.full((N, OTHER), 0.1)], axis=1)
    codes = csr_matrix((rng.random(rate.shape) < rate) * rng.uniform(0.5, 1.5, rate.shape)).astype(np.float32)
    return codes, phase, prefers


def test_phase_is_found_without_labels_and_in_the_right_sense(planted):
    codes, phase, _ = planted
    half = N // 2
    found = rhythm(codes[:half], np.zeros(half, int))
    angle = np.angle(found.of(codes))
    start = aligned_start(angle[:half], phase[:half])
    assert (states(angle[half:], start) == phase[half:]).mean() > 0.8
    assert (states(-angle[half:], aligned_start(-angle[:half], phase[:half])) == phase[half:]).mean() < 0.6


def test_features_lie_where_they_fire(planted):
    codes, phase, prefers = planted
    found = rhythm(codes, np.zeros(N, int))
    start = aligned_start(np.angle(found.of(codes)), phase)
    np.testing.assert_array_equal(states(np.angle(found.weight[:KEEPING]), start), prefers)
    assert np.abs(found.weight[KEEPING:]).max() < 0.2 * np.abs(found.weight[:KEEPING]).min()


def test_other_periods_and_shuffled_bases_have_no_rhythm(planted):
    codes, *_ = planted
    run = np.zeros(N, int)
    there = rhythm(codes, run).coherence
    mixed = codes[np.random.default_rng(1).permutation(N)]
    assert there > 0.1
    assert max(rhythm(codes, run, period=p).coherence for p in (2.0, 4.0, 5.0)) < 0.1 * there
    assert rhythm(mixed, run).coherence < 0.1 * there


def test_windows_stay_within_runs(planted):
    codes, *_ = planted
    assert rhythm(codes, np.arange(N) // 50).coherence == 0.0


def test_nothing_to_find_gives_weights_of_zero():
    assert not rhythm(csr_matrix((500, 10), dtype=np.float32), np.zeros(500, int)).weight.any()


def test_states_are_thirds_of_the_circle():
    degrees = np.array([0, 59, 61, 120, 179, 181, 240, 299, 301])
    np.testing.assert_array_equal(states(np.deg2rad(degrees)), [0, 0, 1, 1, 1, 2, 2, 2, 0])
    np.testing.assert_array_equal(states(np.deg2rad(degrees + 90.0), np.pi / 2), [0, 0, 1, 1, 1, 2, 2, 2, 0])
