"""One training step's loss and gradients on a CPU, window by window, through `fused`.

Weights are laid out and rounded once a step; every window then runs forwards and backwards by itself, on one thread,
and the gradients of windows are added in the order of the batch. So they are the same bits on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from photo51.model.stripedhyena.layers import Attention, HyenaMixer
from photo51.model.stripedhyena.modeling import StripedHyena, StripedHyenaBlock
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.pretraining.fused import AddNorm, Banded, BaseSurprisal, Linear, Mix, Product

Layer = Callable[[Tensor, Tensor, "Leaves"], tuple[Tensor, Tensor]]


def supported(model: StripedHyena) -> bool:
    """Whether a model can be trained by these kernels: on a CPU, of generation 2, attention in windows."""
    attention = model.config.attention_window is not None or "attn" not in model.config.block_kinds
    return model.embedding_layer.weight.device.type == "cpu" and model.config.generation == 2 and attention


def product_path(dtype: torch.dtype) -> str:
    """Which instructions matrix products of a type run on here, in words."""
    if dtype != torch.bfloat16:
        return f"products in float32 ({torch.backends.cpu.get_cpu_capability()})"
    names = (
        ("amx_bf16", torch.cpu._is_amx_tile_supported),
        ("avx512_bf16", torch.cpu._is_avx512_bf16_supported),
    )
    path = next((name for name, has in names if has()), None)
    return (
        f"products in bfloat16 ({path})"
        if path
        else "products in bfloat16, emulated: this CPU has no bfloat16 instructions"
    )


class Leaves:
    """Weights as a window's pass wants them, in order; each window takes leaves of its own, that share memory."""

    def __init__(self, tensors: list[Tensor]):
        self.tensors = [t.detach().requires_grad_() for t in tensors]
        self._next: Iterator[Tensor] = iter(self.tensors)

    def take(self, n: int) -> list[Tensor]:
        """The next `n` weights."""
        return [next(self._next) for _ in range(n)]


class TrainingPass:
    """Loss and gradients of a model.

    Parameters
    ----------
    model
        The model; gradients are left in its parameters.
    dtype
        Type of matrix products, and of activations beside the residual stream.
    threads
        Windows under way at a time.
    """

    def __init__(self, model: StripedHyena, dtype: torch.dtype, threads: int):
        self.model, self.dtype, self.threads = model, dtype, threads

    def __call__(self, ids: Tensor, target: Tensor) -> float:
        """Mean surprisal (nats) of the targets of a batch (batch, length) that count; adds to the parameters'
        gradients.
        """
        counted = int((target[:, 1:] >= 0).sum())
        wide, leaves = self._weights()
        work = [(row, aim, leaves, 1 / max(1, counted)) for row, aim in zip(ids, target, strict=True)]
        total, sums = 0.0, [torch.zeros_like(w) for w in wide]
        with one_thread_each():
            if self.threads == 1 or len(work) == 1:
                for job in work:
                    total += self._add(sums, *self._window(*job))
            else:
                with ThreadPoolExecutor(self.threads) as pool:
                    for done in pool.map(lambda job: self._window(*job), work):
                        total += self._add(sums, *done)
        torch.autograd.backward(wide, sums)
        return total

    @staticmethod
    def _add(sums: list[Tensor], loss: float, grads: list[Tensor]) -> float:
        for total, grad in zip(sums, grads, strict=True):
            total.add_(grad)
        return loss

    def _weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """Weights as the pass takes them: as functions of the parameters, and rounded to the type that each is used
        in.
        """
        model, half, wide = self.model, self.dtype, self.model.embedding_layer.weight.dtype
        pairs = [(model.embedding_layer.weight, wide), (model.embedding_layer.weight, half)]
        for block in cast("list[StripedHyenaBlock]", list(model.blocks)):
            pairs += [(block.pre_norm.scale, wide)]
            pairs += (
                _attention_weights(block.inner_mha_cls, half)
                if block.kind == "attn"
                else _hyena_weights(block.hyena, half, wide)
            )
            gates = torch.cat([block.mlp.l1.weight, block.mlp.l2.weight])
            pairs += [(block.post_norm.scale, wide), (gates, half), (block.mlp.l3.weight, half)]
        pairs += [(model.norm.scale, wide)]
        return [w for w, _ in pairs], [w.detach().to(dtype) for w, dtype in pairs]

    def _window(self, ids: Tensor, target: Tensor, weights: list[Tensor], share: float) -> tuple[float, list[Tensor]]:
        """Loss and gradients of one window."""
        with torch.enable_grad():
            leaves = Leaves(weights)
            loss = self._loss(ids, F.pad(target[1:], (0, 1), value=-100), leaves, share)
            return float(loss.detach()), list(torch.autograd.grad(loss, leaves.tensors))

    def _loss(self, ids: Tensor, target: Tensor, leaves: Leaves, share: float) -> Tensor:
        table, output = leaves.take(2)
        x = F.embedding(ids, table)
        y = torch.zeros(x.shape, dtype=self.dtype)
        eps = self.model.config.eps
        for block in cast("list[StripedHyenaBlock]", list(self.model.blocks)):
            (scale,) = leaves.take(1)
            x, u = AddNorm.apply(x, y, scale, eps)
            y = self._attend(block.inner_mha_cls, u, leaves) if block.kind == "attn" else _mix(block, u, leaves)
            scale, gates, back = leaves.take(3)
            x, u = AddNorm.apply(x, y, scale, eps)
            h = Linear.apply(u, gates)
            if block.mlp.gelu:
                first, second = h.chunk(2, dim=-1)
                y = Linear.apply(F.gelu(first) * second, back)
            else:
                y = Linear.apply(Product.apply(h), back)
        (scale,) = leaves.take(1)
        _, u = AddNorm.apply(x, y, scale, eps)
        return BaseSurprisal.apply(Linear.apply(u, output), target, share)

    @staticmethod
    def _attend(attention: Attention, u: Tensor, leaves: Leaves) -> Tensor:
        qkv, weight, bias = leaves.take(3)
        rotary = attention.rotary_emb
        t = torch.arange(u.shape[0], dtype=torch.float32) / rotary.scaling
        angle = torch.outer(t, rotary.inv_freq.float())
        cos, sin = (a.to(leaves.tensors[0].dtype) for a in (angle.cos(), angle.sin()))
        y = Banded.apply(Linear.apply(u, qkv), cos, sin, attention.n_heads, attention.window)
        return Linear.apply(y, weight, bias)


def _mix(block: StripedHyenaBlock, u: Tensor, leaves: Leaves) -> Tensor:
    projection, taps = leaves.take(2)
    filt = leaves.take({"hcs": 1, "hcm": 2, "hcl": 3}[block.kind])
    weight, bias = leaves.take(2)
    return Linear.apply(Mix.apply(Linear.apply(u, projection), taps, block.kind, *filt), weight, bias)


def _attention_weights(attention: Attention, half: torch.dtype) -> list[tuple[Tensor, torch.dtype]]:
    return [(w, half) for w in (attention.Wqkv.weight, attention.out_proj.weight, attention.out_proj.bias)]


def _hyena_weights(mixer: HyenaMixer, half: torch.dtype, wide: torch.dtype) -> list[tuple[Tensor, torch.dtype]]:
    weight, _, taps, _ = mixer.split_projection()
    filt = mixer.filter
    if mixer.kind == "hcs":
        parts = [mixer.channel_taps().T.contiguous()]
    elif mixer.kind == "hcm":
        parts = [filt.h[:, 0], filt.D]
    else:
        rate = torch.expm1(filt.log_poles[..., 0].T.double()).to(wide).contiguous()
        parts = [rate, filt.residues.T.contiguous(), filt.D]
    out = mixer.out_filter_dense
    return [
        (weight, half),
        (taps.T.contiguous(), wide),
        *((p, wide) for p in parts),
        (out.weight, half),
        (out.bias, half),
    ]
