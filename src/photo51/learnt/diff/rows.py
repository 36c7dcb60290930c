"""Activations in memory, as the training of dictionaries wants them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from photo51.io.origin import Origin


class ActivationRows:
    """Activations in memory, as `photo51.sae.training.train.ActivationSource`."""

    def __init__(self, x: NDArray[np.float32], origin: Origin, seed: int = 7):
        self.x, self.origin, self.seed = np.ascontiguousarray(x, dtype=np.float32), origin, seed

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Batches of rows in a seeded order, without end."""
        step = start
        while True:
            # a generator a step: batches can begin at any step without drawing those before
            yield self.x[np.random.default_rng([self.seed, step]).integers(0, len(self.x), size)]
            step += 1

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Up to `n` rows, drawn without replacement."""
        order = np.random.default_rng([seed, 8]).permutation(len(self.x))[:n]
        return self.x[np.sort(order)]
