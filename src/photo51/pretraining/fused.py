"""The parts of a StripedHyena for training on a CPU: autograd functions over compiled loops and few, large matrix
products.

Each computes what `layers` computes, with gradients written out, for one window: (length, channels). Products are in
the type of the activations, float32 or bfloat16; sums inside a function are in float32 and rounded once, where the
layers in plain PyTorch round after every operation. In float64 they agree with autograd of the layers to rounding.
"""

# mypy: disable-error-code="no-untyped-call,override"
from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from photo51.pretraining import attention, kernels

BLOCK = 128
"""Positions that a medium filter's products, and attention's, take together."""


def arr(x: Tensor) -> NDArray[Any]:
    """A tensor's memory as an array; bfloat16 as the `uint16` of its bits."""
    x = x.detach()
    return x.view(torch.int16).numpy().view(np.uint16) if x.dtype == torch.bfloat16 else x.numpy()


class AddNorm(Function):
    """`x + y`, and its norm: x in the wide type, y in the type of products, (length, d_model) both."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, scale: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """The sum, and `scale · sum / (rms + eps)` rounded to the type of y."""
        total, u = torch.empty_like(x), torch.empty_like(y)
        kernels.add_norm(arr(x), arr(y), arr(scale), eps, arr(total), arr(u))
        ctx.save_for_backward(total, scale)
        ctx.eps = eps
        return total, u

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_u: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, y and scale."""
        total, scale = ctx.saved_tensors
        grad_x, grad_y, grad_scale = (
            torch.empty_like(total),
            torch.empty_like(grad_u),
            torch.zeros_like(scale),
        )
        kernels.add_norm_backward(
            arr(total),
            arr(scale),
            ctx.eps,
            arr(grad_total.contiguous()),
            arr(grad_u.contiguous()),
            arr(grad_x),
            arr(grad_y),
            arr(grad_scale),
        )
        return grad_x, grad_y, grad_scale, None


def short_filter(g: Tensor, taps: Tensor) -> Tensor:
    """Depthwise causal filter of a few taps, (K, D)."""
    y = torch.empty_like(g)
    kernels.all_finite(arr(g), arr(taps), arr(y))
    return y


def short_filter_backward(g: Tensor, taps: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `short_filter`."""
    grad_g, grad_taps = torch.empty_like(g), torch.zeros_like(taps)
    kernels.finite_backward(arr(g), arr(taps), arr(grad), arr(grad_g), arr(grad_taps))
    return grad_g, grad_taps


class Toeplitz:
    """Causal filters of groups of channels, as products with banded Toeplitz matrices.

    `size` outputs of a channel are the product of their inputs, one row, with a matrix that all channels of a group
    share, and of the inputs of the block before with another. The first tap of `taps` (groups, K) meets the current
    base.
    """

    def __init__(self, taps: Tensor, dtype: torch.dtype):
        self.taps, groups = taps, taps.shape[0]
        # at least the taps, so that an output needs its own block and the one before, no more; a multiple of 16 for
        # matrix units
        self.size = max(BLOCK, -(-taps.shape[1] // 16) * 16)
        self.same, self.other = (torch.empty(groups, self.size, self.size, dtype=dtype) for _ in range(2))
        kernels.toeplitz(arr(taps), self.size, arr(self.same), arr(self.other))

    def _shape(self, x: Tensor) -> tuple[int, int, int]:
        """Groups, blocks, channels of a group."""
        return self.taps.shape[0], -(-x.shape[0] // self.size), x.shape[1] // self.taps.shape[0]

    def _rows(self, x: Tensor) -> Tensor:
        groups, n, width = self._shape(x)
        rows = x.new_empty(groups, n, width, self.size)
        kernels.to_rows(arr(x), arr(rows))
        return rows.flatten(1, 2)

    def _back(self, same: Tensor, other: Tensor, side: int, x: Tensor, skip: Tensor) -> Tensor:
        y, width = torch.empty_like(x), self._shape(x)[2]
        same, other = (a.unflatten(1, (-1, width)) for a in (same, other))
        kernels.from_rows(arr(same), arr(other), side, arr(x), arr(skip), arr(y))
        return y

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Filtered x (length, D), and `skip · x` added."""
        rows = self._rows(x)
        return self._back(torch.bmm(rows, self.same), torch.bmm(rows, self.other), -1, x, skip)

    def backward(self, x: Tensor, grad: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of x and of the taps."""
        groups, n, width = self._shape(x)
        up = self._rows(grad)
        # the transpose carries gradients from outputs back to inputs, of the same block and of the one before
        same, other = (torch.bmm(up, m.transpose(1, 2).contiguous()) for m in (self.same, self.other))
        columns = x.new_empty(groups, self.size, n, width)
        kernels.to_columns(arr(x), arr(columns))
        columns = columns.flatten(2)
        of_same, of_other = torch.bmm(columns, up), torch.zeros_like(self.other)
        if n > 1:
            # inputs of each block with gradients of the next: shifted by the channels of one block
            of_other = torch.bmm(columns[:, :, :-width], up[:, width:])
        grad_taps = torch.zeros_like(self.taps)
        kernels.toeplitz_backward(arr(of_same), arr(of_other), arr(grad_taps))
        return self._back(same, other, 1, grad, skip), grad_taps


class Mix(Function):
    """What a Hyena mixer does between its two projections, gradients of all filters included.

    Parameters of `forward`: z (length, 3·D) projections in the order x2 | x1 | v; their taps (3, 3·D); the kind; and
    the filter's parameters: `hcs` taps (K, D); `hcm` taps (groups, K) and skip (D,); `hcl` rate and residues (poles,
    D) and skip.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, taps: Tensor, kind: str, *filt: Tensor) -> Tensor:
        """`x2 · filter(x1 · v)`, (length, D)."""
        length, d = z.shape[0], z.shape[1] // 3
        g = z.new_empty(length, d)
        kernels.gate_forward(arr(z), arr(taps), arr(g))
        ctx.kind = kind
        checkpoints: tuple[Tensor, ...] = ()
        if kind == "hcs":
            signal = short_filter(g, filt[0])
        elif kind == "hcm":
            ctx.toeplitz = Toeplitz(filt[0], z.dtype)
            signal = ctx.toeplitz.forward(g, filt[1])
        else:
            signal = torch.empty_like(g)
            checkpoints = (filt[0].new_empty(-(-length // kernels.SCAN), *filt[0].shape),)
            kernels.scan_states(arr(g), *map(arr, filt), arr(signal), arr(checkpoints[0]))  # type: ignore[call-arg]
        y = torch.empty_like(g)
        kernels.gate_output(arr(z), arr(taps), arr(signal), arr(y))
        ctx.save_for_backward(z, taps, g, signal, *filt, *checkpoints)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of z, its taps and the filter's parameters."""
        z, taps, g, signal, *rest = ctx.saved_tensors
        grad_y = grad_y.contiguous()
        up = torch.empty_like(g)
        kernels.gate_output(arr(z), arr(taps), arr(grad_y), arr(up))  # gradient of the filter's output
        if ctx.kind == "hcs":
            grad_g, *grads = short_filter_backward(g, rest[0], up)
        elif ctx.kind == "hcm":
            skip = rest[1]
            grad_g, grad_taps = ctx.toeplitz.backward(g, up, skip)
            grad_skip = torch.zeros_like(skip)
            kernels.product_sum(arr(g), arr(up), arr(grad_skip))
            grads = [grad_taps, grad_skip]
        else:
            *filt, states = rest
            grad_g, grads = torch.empty_like(g), [torch.zeros_like(w) for w in filt]
            kernels.scan_backward(arr(g), *map(arr, (*filt, states, up, grad_g, *grads)))
        grad_z, grad_in = torch.empty_like(z), torch.zeros_like(taps)
        kernels.gate_backward(arr(z), arr(taps), arr(signal), arr(grad_y), arr(grad_g), arr(grad_z), arr(grad_in))
        return grad_z, grad_in, None, *grads


class Product(Function):
    """First half of the channels times the second."""

    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        """(rows, 2·M) → (rows, M)."""
        out = h.new_empty(h.shape[0], h.shape[1] // 2)
        kernels.product(arr(h), arr(out))
        ctx.save_for_backward(h)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Gradient of h."""
        (h,) = ctx.saved_tensors
        grad_h = torch.empty_like(h)
        kernels.product_backward(arr(h), arr(grad.contiguous()), arr(grad_h))
        return grad_h


class BaseSurprisal(Function):
    """`weight · Σ -log p(target)` over rows; the gradient is computed on the way, since it is the same exponentials."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, weight: float) -> Tensor:
        """Logits (rows, vocabulary), target (rows,), below 0 where it does not count."""
        grad = torch.empty_like(logits)
        total = kernels.surprisal(arr(logits), arr(target), weight, arr(grad))
        ctx.save_for_backward(grad)
        return torch.tensor(total, dtype=torch.float64)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of the logits; the loss is the last function, so what comes from above is 1."""
        return (
            (ctx.saved_tensors[0] if float(grad) == 1.0 else ctx.saved_tensors[0] * float(grad)),
            None,
            None,
        )


class Banded(Function):
    """Causal attention over the last `window` keys, in blocks of `BLOCK` queries that meet the keys in sight of any of
    them.

    Takes projections (length, 3·D) with the rows q | k | v, heads inside, and cosines and sines (length, head_size /
    2).
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor, heads: int, window: int) -> Tensor:
        """(length, D)."""
        length, size = qkv.shape[0], cos.shape[1] * 2
        # blocks of queries; keys before a block that any of its queries may see, in whole blocks
        n, past = -(-length // BLOCK), -(-(window - 1) // BLOCK) * BLOCK
        q = qkv.new_zeros(heads, n * BLOCK, size)
        k, v = (qkv.new_zeros(heads, past + n * BLOCK, size) for _ in range(2))
        attention.rotate_positions(
            arr(qkv.view(length, 3, heads, size)), arr(cos), arr(sin), size**-0.5, arr(q), arr(k), arr(v)
        )
        y = qkv.new_empty(n * BLOCK, heads, size)
        weights = [_weights(q[h], k[h], window, length) for h in range(heads)]
        for h in range(heads):
            y[:, h] = torch.bmm(weights[h], _overlapping(v[h], past)).flatten(0, 1)
        ctx.save_for_backward(q, k, v, cos, sin, *weights)
        ctx.length = length
        return y[:length].reshape(length, heads * size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of the projections."""
        q, k, v, cos, sin, *weights = ctx.saved_tensors
        (heads, padded, size), past, wide = q.shape, k.shape[1] - q.shape[1], cos.dtype
        up = grad.new_zeros(heads, padded, size)
        up[:, : ctx.length] = grad.view(ctx.length, heads, size).transpose(0, 1)
        grad_q = torch.empty_like(q)
        # several blocks add to a key: sums in the wide type, rounded once at the end
        grad_k, grad_v = k.new_zeros(k.shape, dtype=wide), k.new_zeros(k.shape, dtype=wide)
        for h in range(heads):
            queries, above = q[h].view(-1, BLOCK, size), up[h].view(-1, BLOCK, size)
            attention.overlap_add(arr(torch.bmm(weights[h].transpose(1, 2), above)), arr(grad_v[h]))
            scores = torch.bmm(above, _overlapping(v[h], past).transpose(1, 2))
            # `scores` holds ∂L/∂weights and becomes ∂L/∂scores in place
            attention.soften_backward(arr(weights[h]), arr(scores))
            torch.bmm(scores, _overlapping(k[h], past), out=grad_q[h].view(-1, BLOCK, size))
            attention.overlap_add(arr(torch.bmm(scores.transpose(1, 2), queries)), arr(grad_k[h]))
        out = grad.new_empty(ctx.length, 3, heads, size)
        attention.rotate_backward(arr(grad_q), arr(grad_k), arr(grad_v), arr(cos), arr(sin), size**-0.5, arr(out))
        return out.view(ctx.length, -1), None, None, None, None


def _overlapping(rows: Tensor, past: int) -> Tensor:
    """Rows (past + n · BLOCK, size) as overlapping blocks (n, past + BLOCK, size), without copying."""
    size = rows.shape[1]
    return rows.as_strided(
        ((rows.shape[0] - past) // BLOCK, past + BLOCK, size), (BLOCK * size, size, 1), rows.storage_offset()
    )


def _weights(q: Tensor, k: Tensor, window: int, length: int) -> Tensor:
    """Attention of each block of queries, (blocks, BLOCK, past + BLOCK)."""
    past = k.shape[0] - q.shape[0]
    scores = torch.bmm(q.view(-1, BLOCK, q.shape[1]), _overlapping(k, past).transpose(1, 2))
    attention.masked_softmax(arr(scores), window, past, length)
    return scores


class Linear(Function):
    """`x Wᵀ`, whose weight gradient in bfloat16 is a product of a transposed copy: oneDNN is slow at strided
    operands.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """(rows, in) and (out, in) → (rows, out)."""
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        if grad.dtype != torch.bfloat16:
            grad_weight = grad.T @ x
        elif x.shape[1] < grad.shape[1]:
            grad_weight = (_transposed(x) @ grad).T
        else:
            grad_weight = _transposed(grad) @ x
        return grad @ weight, grad_weight, *([grad.sum(0)] if len(ctx.needs_input_grad) == 3 else [])


def _transposed(x: Tensor) -> Tensor:
    out = x.new_empty(x.shape[1], x.shape[0])
    kernels.transposed(arr(x), arr(out))
    return out
