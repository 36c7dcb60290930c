"""The encoder: exact codes of many tokens, at the speed of a low-precision product."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from photo51.sae.engine import select
from photo51.sae.engine.screen import Screen, Side, screens
from photo51.sae.engine.select import Active, Products
from photo51.sae.engine.threads import n_threads, spread

_BLOCK_BYTES = 1 << 24  # of products: they should stay in the processor's cache until they are looked through
# share of tokens whose k-th code may lie below the next guess; these are looked through a second time
_GUESS_QUANTILE = 0.05
Look = Callable[[Products, int, int], None]
# (features, width, threads) → the screen that was fastest, timed once in a process
_fastest: dict[tuple[int, int, int], str] = {}


class Encoder:
    """Codes `x @ weight.T + bias` of the features that matter.

    Parameters
    ----------
    weight
        (features, width) rows, padded with zeros (`lanes.pad`).
    bias
        (features,).
    screen
        Name of a screen, or None for the fastest on this machine; it has no influence on any code.

    Attributes
    ----------
    weight, bias
        As given, not copied; call `refresh` after changing them.
    """

    def __init__(self, weight: NDArray[np.float32], bias: NDArray[np.float32], screen: str | None = None):
        self.weight, self.bias = weight, bias
        self._screen: Screen | None = screens()[screen] if screen else None
        self._guess = 0.0
        self._products: dict[tuple[int, torch.dtype], torch.Tensor] = {}
        self._features: tuple[Side, torch.Tensor] | None = None

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.weight)

    @property
    def screen(self) -> str | None:
        """Name of the screen in use; None until the first tokens have come."""
        return self._screen.name if self._screen else None

    def refresh(self) -> None:
        """Forget what was derived from weights that have changed since."""
        self._features = None

    def top_k(self, x: NDArray[np.float32], k: int) -> Active:
        """The k largest positive codes of each token (tokens, width)."""
        out, kth = select.empty(len(x), k), np.empty(len(x), np.float32)
        guess = np.float32(self._guess)

        def look(products: Products, a: int, b: int) -> None:
            spread(select.top_k, products, self.bias, k, guess, out.rows(a, b), kth[a:b])

        self._walk(x, look)
        if len(x):
            quantile = int(_GUESS_QUANTILE * len(kth))
            # a guess somewhat too low costs a few exact products, one too high a second pass over all features
            self._guess = 0.98 * float(np.partition(kth, quantile)[quantile])
        return out

    def above(self, x: NDArray[np.float32], threshold: NDArray[np.float32], capacity: int) -> Active:
        """The codes of each token (tokens, width) above their feature's threshold (features,).

        `capacity` is a guess of how many a token has at most; where it is too low the work is done again.
        """
        out = select.empty(len(x), min(capacity, self.n_features))

        def look(products: Products, a: int, b: int) -> None:
            spread(select.select_above, products, self.bias, threshold, out.rows(a, b))

        self._walk(x, look)
        n_largest = int(out.count.max(initial=0))
        # a quarter more than was needed, so that the next batch fits
        return out if n_largest <= out.index.shape[1] else self.above(x, threshold, n_largest + n_largest // 4)

    def _walk(self, x: NDArray[np.float32], look: Look) -> None:
        if self._screen is None:
            self._screen = screens()[self._choose(x, look)]
        screen = self._screen
        if self._features is None:
            self._features = screen.coarse(self.weight)
        features, low_features = self._features
        tokens, low = screen.coarse(x)
        # float32 throughout: the bounds are compared inside compiled loops of float32
        bounds = np.float32(screen.relative), np.float32(screen.rounding(x.shape[1]))
        # 4 bytes a product, as int32 and float32 have; at least 16 tokens, below which matrix products are slow
        step = max(16, _BLOCK_BYTES // (4 * self.n_features))
        for a in range(0, len(x), step):
            b = min(a + step, len(x))
            products = screen.product(low[a:b], low_features, self._out(b - a, screen.product_dtype))
            look(Products(products, Side(*(part[a:b] for part in tokens)), features, *bounds), a, b)

    def _out(self, n: int, dtype: torch.dtype) -> torch.Tensor:
        if (n, dtype) not in self._products:
            self._products[n, dtype] = torch.empty(n, self.n_features, dtype=dtype)
        return self._products[n, dtype]

    def _choose(self, x: NDArray[np.float32], look: Look) -> str:
        key = (*self.weight.shape, n_threads())
        if key not in _fastest and len(x):
            seconds = {}
            for name, screen in screens().items():
                for _ in range(3):  # the first run compiles, the second starts from a better guess
                    self._screen, self._features = screen, None
                    # processor time: what else runs on the machine must not decide
                    began = time.process_time()
                    self._walk(x[:512], look)
                    seconds[name] = time.process_time() - began
            # timings differ from run to run; codes do not, whatever is chosen
            _fastest[key] = min(seconds, key=lambda name: seconds[name])
            self._features = None
        return _fastest.get(key, "float32")


def flat(active: Active, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Entries of `values` (tokens, capacity) that are in use, and their features, token after token."""
    # row n of the sparse matrix begins where the codes of the tokens before it end
    bounds = np.concatenate([[0], np.cumsum(active.count)])
    index, value = np.empty(bounds[-1], np.int32), np.empty(bounds[-1], np.float32)
    spread(select.pack_active, active._replace(value=values), bounds, index, value)
    return value, index


def to_csr(active: Active, n_features: int) -> sp.csr_matrix:
    """Active codes as a sparse matrix (tokens, features), float32."""
    value, index = flat(active, active.value)
    bounds = np.concatenate([[0], np.cumsum(active.count)])
    codes = sp.csr_matrix((value, index, bounds), shape=(len(active.count), n_features), copy=False)
    # features ascend within a token and none comes twice, so that scipy need not sort them again
    codes.has_canonical_format = True
    return codes
