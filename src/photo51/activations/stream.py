"""Activations straight from a model, without a store: the same batches, from chunks as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photo51.io.origin import Origin
from photo51.types import InputError


class Stream:
    """Batches from chunks of activations that a model makes as it reads.

    Rows are mixed in a buffer: it is filled, shuffled, half of it goes out, and it is filled again. That is no uniform
    shuffle over everything, which only a store can give; neighbouring bases still end up far apart if the buffer is much
    longer than a window.

    Parameters
    ----------
    chunks
        Called for every epoch; gives (tokens, d_model) chunks without the rows nobody may learn from. Must give the same
        chunks each time, for a run that was killed goes on by reading up to where it was.
    origin
        What the activations are of.
    buffer
        Rows of the buffer.
    seed
        Decides the order.
    """

    def __init__(
        self,
        chunks: Callable[[], Iterable[ArrayLike]],
        origin: Origin,
        *,
        buffer: int = 1 << 18,
        seed: int = 0,
    ):
        self.origin, self.seed = origin, seed
        self._chunks, self._size = chunks, buffer
        self.n_rows = None

    def _checked(self) -> Iterator[NDArray[np.float32]]:
        while True:
            n = 0
            for i, chunk in enumerate(self._chunks()):
                x = np.asarray(chunk, dtype=np.float32)
                if x.ndim != 2 or x.shape[1] != self.origin.d_model:
                    raise InputError(
                        f"chunk {i}: need activations (tokens, {self.origin.d_model}), got {x.shape}"
                    )
                if not np.isfinite(x).all():
                    raise InputError(
                        f"chunk {i}: need finite activations, got others at row {np.argwhere(~np.isfinite(x))[0][0]}"
                    )
                n += len(x)
                yield x
            if not n:
                raise InputError("stream: need at least one row of activations, got none")

    def _fills(self) -> Iterator[NDArray[np.float32]]:
        """Buffers of at least the wanted size, unshuffled, each row in one of them."""
        held: list[NDArray[np.float32]] = []
        n = 0
        for x in self._checked():
            held.append(x)
            n += len(x)
            if n >= self._size // 2:
                yield np.concatenate(held)
                held, n = [], 0

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless batches (size, d_model), from batch number `start` on (the chunks before it are made again)."""
        buffer = np.empty((0, self.origin.d_model), np.float32)
        number = 0
        for i, fill in enumerate(self._fills()):
            buffer = np.concatenate([buffer, fill])
            if len(buffer) < max(self._size, size):
                continue
            buffer = buffer[np.random.default_rng([self.seed, i]).permutation(len(buffer))]
            out = max(len(buffer) // 2, size) // size * size
            for a in range(0, out, size):
                if number >= start:
                    yield buffer[a : a + size]
                number += 1
            buffer = buffer[out:]

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """About `n` rows from the beginning of the stream, drawn at random from one buffer."""
        held: list[NDArray[np.float32]] = []
        for x in self._chunks():
            held.append(np.asarray(x, dtype=np.float32))
            if sum(map(len, held)) >= max(n, self._size):
                break
        rows = np.concatenate(held)
        return rows[np.random.default_rng([self.seed, seed]).permutation(len(rows))[:n]]
