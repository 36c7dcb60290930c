"""Activations with a planted dictionary: sparse features on a dense low-rank background with noise, or almost alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.io.origin import Origin


class Planted:
    """`x = mean + low rank + Σ code · direction + noise`, scaled to one unit of variance per dimension.

    Directions are random, frequencies fall as a power of the rank, codes are 0.5 + Exp(0.7).

    Parameters
    ----------
    d_model
        Dimensions.
    n_directions
        Planted directions.
    l0
        Directions active per row, on average.
    seed
        Decides everything; rows are made anew from it, batch by batch.

    Attributes
    ----------
    directions
        (n_directions, d_model), of length one: the truth.
    """

    rank, alpha, low_rank_share, noise_share, mean_code, floor = 16, 0.8, 0.2, 0.03, 0.7, 0.5

    def __init__(self, d_model: int, n_directions: int, l0: float, seed: int = 0):
        rng = np.random.default_rng([seed, 1])
        self.seed, self.origin = seed, Origin("planted", f"seed {seed}", d_model)
        directions = rng.standard_normal((n_directions, d_model), dtype=np.float32)
        self.directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        p = (np.arange(n_directions) + 10.0) ** -self.alpha
        self.frequency = np.minimum(p * l0 / p.sum(), 0.3)
        basis = np.linalg.qr(rng.standard_normal((d_model, self.rank)))[0].T
        spectrum = 1 / (np.arange(self.rank) + 1.0)
        square = self.floor**2 + 2 * self.floor * self.mean_code + 2 * self.mean_code**2
        energy = float((self.frequency * square).sum())
        low = energy * self.low_rank_share / (1 - self.low_rank_share)
        self._low = (np.sqrt(low * spectrum / spectrum.sum())[:, None] * basis).astype(np.float32)
        self._noise = np.float32(np.sqrt(self.noise_share * (energy + low) / d_model))
        self._scale = np.float32(np.sqrt(d_model / ((energy + low) * (1 + self.noise_share))))
        self._mean = rng.standard_normal(d_model).astype(np.float32)

    def rows(self, n: int, seed: int) -> NDArray[np.float32]:
        """`n` rows, (n, d_model); the same for the same seed."""
        rng = np.random.default_rng([self.seed, 2, seed])
        counts = rng.binomial(n, self.frequency)
        feature = np.repeat(np.arange(len(counts)), counts)
        code = (self.floor + rng.exponential(self.mean_code, len(feature))).astype(np.float32)
        row = rng.integers(0, n, len(feature))
        x = sp.csr_matrix((code, (row, feature)), shape=(n, len(counts))) @ self.directions
        x += rng.standard_normal((n, self.rank), dtype=np.float32) @ self._low
        x += self._noise * rng.standard_normal(x.shape, dtype=np.float32)
        return np.asarray(x * self._scale + self._mean, dtype=np.float32)

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless fresh batches (size, d_model), from batch `start` on."""
        while True:
            yield self.rows(size, 10 + start)
            start += 1

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Rows that no batch has."""
        return self.rows(n, seed)

    def recovered(self, decoder: NDArray[np.float32]) -> NDArray[np.float32]:
        """Largest cosine of each planted direction with any row of a decoder."""
        rows = decoder / np.maximum(np.linalg.norm(decoder, axis=1, keepdims=True), 1e-12)
        return (self.directions @ rows.T).max(axis=1)


class Rays:
    """One or two planted directions a row, and little noise: rows lie along the directions, which are in their hull.

    Parameters
    ----------
    seed
        Decides the rows that are learnt from; the directions are always the same.
    n, d
        Directions, dimensions.
    second, noise
        Share of rows with two directions; standard deviation of the noise.
    """

    def __init__(self, seed: int = 0, n: int = 32, d: int = 16, second: float = 0.3, noise: float = 0.02):
        self.seed, self.origin, self.n, self.second, self.noise = seed, Origin("planted", "rays", d), n, second, noise
        directions = np.random.default_rng(5).standard_normal((n, d))
        self.directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)

    def rows(self, n: int, *key: int) -> NDArray[np.float32]:
        """`n` rows, (n, d); the same for the same key."""
        rng = np.random.default_rng(key)
        codes = np.zeros((n, self.n), np.float32)
        for share in (1.0, self.second):
            active = np.flatnonzero(rng.random(n) < share)
            codes[active, rng.integers(0, self.n, len(active))] = 0.5 + rng.exponential(size=len(active))
        noise = rng.standard_normal((n, self.origin.d_model), np.float32)
        return np.asarray(codes @ self.directions + np.float32(self.noise) * noise, dtype=np.float32)

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless fresh batches (size, d), from batch `start` on."""
        while True:
            yield self.rows(size, self.seed, 1, start)
            start += 1

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Rows that no batch has."""
        return self.rows(n, self.seed, 2, seed)

    def shared_sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Rows that do not depend on the seed."""
        return self.rows(n, 3, seed)

    def reordered(self, seed: int) -> Rays:
        """The same world, other rows."""
        return Rays(seed, self.n, self.origin.d_model, self.second, self.noise)
