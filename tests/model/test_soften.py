"""Softmax in blocks of keys, against one softmax in double precision."""

import numpy as np
import pytest

from photo51.model.stripedhyena.kernels import soften


@pytest.mark.parametrize("spread", [1.0, 30.0, 200.0])
def test_blocks_of_keys_weigh_as_one_softmax_and_nothing_is_denormal(spread):
    rng = np.random.default_rng(0)
    queries, keys, size, window, lag = 24, 96, 8, 50, 60
    scores = (spread * rng.normal(size=(queries, keys))).astype(np.float32)
    values = rng.normal(size=(keys, size)).astype(np.float32)
    mixed = np.zeros((queries, size), np.float32)
    peak, total = np.full(queries, -np.inf, np.float32), np.zeros(queries, np.float32)
    for first in range(0, keys, 32):
        part = scores[:, first : first + 32].copy()
        soften(part, lag - first, window, peak, total, mixed)
        assert ((part == 0) | (part >= 1e-28)).all()
        mixed += part @ values[first : first + 32]
    distance = lag + np.arange(queries)[:, None] - np.arange(keys)
    seen = np.where((distance >= 0) & (distance < window), scores.astype(np.float64), -np.inf)
    weights = np.exp(seen - seen.max(axis=1, keepdims=True))
    want = weights @ values / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixed / total[:, None], want, atol=2e-6)
