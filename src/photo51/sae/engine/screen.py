"""Cheap products that say where an exact one is worth its while, with bounds that leave nothing out.

Of the thousands of products of a token with the encoder's rows only a few dozen matter. A screen computes all of them
in low precision together with a bound on its error; only where the bound leaves a doubt, or none, is the product
computed in full, in the fixed order of `lanes.row_dot`. Which screen is used, on which processor, can therefore not
change a single bit of a code: it is chosen by a stopwatch.

The bound is Cauchy and Schwarz's: with x = x̂ + δx and w = ŵ + δw, |x·w − x̂·ŵ| ≤ ‖δx‖‖w‖ + ‖x̂‖‖δw‖, and rounding
errors of the sums on top (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §3.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from photo51.sae.engine.lanes import row_dot
from photo51.sae.engine.threads import spread

# unit roundoff of float32: half of its last place
ROUNDOFF = 2.0**-24
_SAFETY = 1.01  # the bound itself is computed in float32


class Side(NamedTuple):
    """Rows, and how well their low-precision form `scale · low` stands for them.

    Attributes
    ----------
    rows
        (n, width) the rows in full.
    scale
        (n,) step of each row; 1 for floating types.
    norm
        (n,) at least the norm of the row and of its approximation.
    error
        (n,) at least the norm of what the approximation leaves out.
    """

    rows: NDArray[np.float32]
    scale: NDArray[np.float32]
    norm: NDArray[np.float32]
    error: NDArray[np.float32]


class Screen(ABC):
    """A precision for the products of a screen.

    Attributes
    ----------
    name
        What it is called.
    relative
        Rounding of a product when it is stored, relative to its size.
    dtype, product_dtype
        Types of the rows and of the products.
    """

    name: str
    relative: float
    product_dtype: torch.dtype

    @abstractmethod
    def coarse(self, rows: NDArray[np.float32]) -> tuple[Side, Tensor]:
        """Rows (n, width), what is known of them, and their low-precision form (n, width)."""

    @abstractmethod
    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """`x @ w.T` into `out`, and as an array: int32, bits of bfloat16, or float32."""

    def rounding(self, width: int) -> float:
        """Bound of the rounding errors of screen and exact product together, relative to ‖x‖‖w‖."""
        # n u for each of the two sums of n products (Higham); twice that, and 16 terms more for what is added around
        # them
        return 4 * (width + 16) * ROUNDOFF


class Full(Screen):
    """Single precision, for processors without anything quicker."""

    name, relative, product_dtype = "float32", 0.0, torch.float32

    def coarse(self, rows: NDArray[np.float32]) -> tuple[Side, Tensor]:
        """The rows themselves."""
        norm = _norms(rows)
        return Side(rows, np.ones_like(norm), norm, np.zeros_like(norm)), torch.from_numpy(rows)

    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """`x @ w.T`."""
        return torch.mm(x, w.T, out=out).numpy()


class Bfloat16(Screen):
    """Eight bits of mantissa; quick where the processor has AVX512-BF16 or AMX."""

    # bfloat16 keeps 8 bits, so that its unit roundoff is 2⁻⁸
    name, relative, product_dtype = "bfloat16", 2.0**-8, torch.bfloat16

    def coarse(self, rows: NDArray[np.float32]) -> tuple[Side, Tensor]:
        """Rows rounded to bfloat16, which is off by at most 2⁻⁸ of each number."""
        norm = _norms(rows)
        side = Side(
            rows,
            np.ones_like(norm),
            # the rounded row may be longer than the row by as much
            norm * np.float32(1 + 2.0**-8),
            norm * np.float32(2.0**-8 * _SAFETY),
        )
        return side, torch.from_numpy(rows).bfloat16()

    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """`x @ w.T`, bits of bfloat16."""
        # numpy has no bfloat16: the bits are handed on as integers and widened in `lanes.as_float`
        return torch.mm(x, w.T, out=out).view(torch.uint16).numpy()


class Int8(Screen):
    """127 steps to the largest number of each row; quick where the processor has VNNI or AMX."""

    name, relative, product_dtype = "int8", 0.0, torch.int32

    def coarse(self, rows: NDArray[np.float32]) -> tuple[Side, Tensor]:
        """Rows as integers from -127 to 127."""
        low = np.empty(rows.shape, np.int8)
        scale, norm, error = (np.empty(len(rows), np.float32) for _ in range(3))
        spread(_quantise, rows, low, scale, norm, error)
        return Side(rows, scale, norm, error), torch.from_numpy(low)

    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """`x @ w.T`, exact in int32."""
        # 127² times any width in use is far below 2³¹, so that sums are exact
        return torch._int_mm(x, w.T, out=out).numpy()


class Gpu(Full):
    """Single precision on a GPU; the processor looks its products through."""

    name = "gpu"

    def __init__(self, device: str = "cuda"):
        self.device = device

    def coarse(self, rows: NDArray[np.float32]) -> tuple[Side, Tensor]:
        """The rows themselves, on the GPU."""
        side, low = super().coarse(rows)
        return side, low.to(self.device)

    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """`x @ w.T`, brought back. TensorFloat-32 keeps too few bits for the bound, so that it is turned off."""
        # a setting of the whole process: put back whatever happens
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            return out.copy_(torch.mm(x, w.T)).numpy()
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before


SCREENS: dict[str, Screen] = {s.name: s for s in (Full(), Bfloat16(), Int8())}


def screens() -> dict[str, Screen]:
    """Screens that work here, by name."""
    return {**SCREENS, Gpu.name: Gpu()} if torch.cuda.is_available() else SCREENS


# order of additions is left to the compiler here: the margin of _SAFETY is wider than what it can change
@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _quantise(worker, workers, rows, low, scale, norm, error):
    for i in range(worker, rows.shape[0], workers):
        row = rows[i]
        top = np.float32(0)
        for c in range(row.shape[0]):
            top = max(top, abs(row[c]))
        # below 1e-30 a row is taken for zeros: 1 / step would overflow
        step = top / np.float32(127) if top > np.float32(1e-30) else np.float32(1)
        per = np.float32(1) / step if top > np.float32(1e-30) else np.float32(0)
        left = np.float32(0)
        for c in range(row.shape[0]):
            level = np.rint(row[c] * per)
            low[i, c] = np.int8(level)
            # what rounding leaves out, measured and not bounded: it is exact for the row at hand
            gap = row[c] - level * step
            left += gap * gap
        scale[i] = step
        error[i] = np.sqrt(left) * np.float32(_SAFETY)
        # triangle inequality: the approximation is at most the row and its error long
        norm[i] = np.sqrt(row_dot(rows, i, rows, i)) * np.float32(_SAFETY) + error[i]


@njit(cache=True, nogil=True)
def _norm_rows(worker, workers, rows, norm):
    for i in range(worker, rows.shape[0], workers):
        norm[i] = np.sqrt(row_dot(rows, i, rows, i)) * np.float32(_SAFETY)


def _norms(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = np.empty(len(rows), np.float32)
    spread(_norm_rows, rows, norm)
    return norm
