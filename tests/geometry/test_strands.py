"""Occupancy of bins, counted by hand."""

import numpy as np
from scipy.sparse import csr_matrix

from photo51.geometry.controls.strands import _occupancy


def test_occupancy_counts_the_tokens_of_a_bin_in_which_a_feature_fires():
    rng = np.random.default_rng(0)
    codes = (rng.random((200, 5)) * (rng.random((200, 5)) < 0.3)).astype(np.float32)
    place = rng.integers(-1, 7, 200)
    expected = [[sum(codes[t, f] > 0 for t in range(200) if place[t] == b) for f in range(5)] for b in range(7)]
    assert _occupancy(csr_matrix(codes), place, 7).tolist() == expected
