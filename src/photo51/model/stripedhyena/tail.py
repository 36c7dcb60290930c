"""The part of a model after a site: what turns the site's tensor into final hidden states.

Attribution and ablation change a site's tensor many times over one sequence; what comes before the site need not run
again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.cpu import CpuNorm, cpu_blocks
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.walk import ModelBlock, through
from photo51.types import InputError

_AFTER = re.compile(r"block\.(\d+)\.out")


def can_resume(site: str) -> bool:
    """Whether the whole residual stream is at a site, so that what follows can be run from it alone."""
    return site == "embed" or bool(_AFTER.fullmatch(site))


class Tail:
    """The blocks after a site and the final norm.

    Parameters
    ----------
    model
        Next-base model.
    site
        `embed` or `block.{i}.out`: places where the whole residual stream can be had.

    Raises
    ------
    InputError
        For any other site.
    """

    def __init__(self, model: StripedHyena, site: str):
        match = _AFTER.fullmatch(site)
        if site not in model.sites or not can_resume(site):
            raise InputError(f"site: need embed or block.{{i}}.out to resume from, got {site!r}")
        self.model = model
        # blocks after the site; `embed` is before all of them
        self.first = int(match[1]) + 1 if match else 0

    def __call__(self, x: Tensor, cache: HyenaCache | None = None) -> Tensor:
        """Final normed hidden states (batch, length, d_model) from the site's tensor (batch, length, d_model).

        With gradients the layers as they are written run; without, on a CPU in float32, the same numbers sooner.

        Parameters
        ----------
        cache
            From `begin`, to go on from; it then holds the state after `x`.
        """
        # the site's tensor may have been edited in float32: the blocks want the model's own precision
        x = x.to(self.model.embedding_layer.weight.dtype)
        cpu = x.device.type == "cpu" and x.dtype == torch.float32
        fast = cpu and self.model.cpu_kernels and not torch.is_grad_enabled()
        blocks = cast("Sequence[ModelBlock]", cpu_blocks(self.model) if fast else list(self.model.blocks))
        blocks = blocks[self.first :]
        cache = self.begin() if cache is None else cache
        # place in the sequence, not in the chunk: rotary angles of attention depend on it
        place = slice(cache.seen, cache.seen + x.shape[1])
        states = HyenaCache(len(blocks))
        states.blocks = [b.begin(s, x.shape[0], place) for b, s in zip(blocks, cache.blocks, strict=True)]
        y = through(blocks, x.contiguous(), states, place.start, None)
        cache.blocks = [b.end(s, place.stop) for b, s in zip(blocks, states.blocks, strict=True)]
        cache.seen = place.stop
        return CpuNorm(self.model.norm)(y) if fast else self.model.norm(y)

    def begin(self) -> HyenaCache:
        """The state before the first base."""
        return HyenaCache(len(self.model.blocks) - self.first)


def copies(cache: HyenaCache, n: int) -> HyenaCache:
    """The state of all sequences, n times over: sequence i of copy k is row `k · sequences + i`."""
    # dimension 0 alone is repeated
    return cache.map(lambda t: t.repeat(n, *[1] * (t.ndim - 1)))
