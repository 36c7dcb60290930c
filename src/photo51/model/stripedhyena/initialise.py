"""Fresh weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.layers import HyenaFilter, RMSNorm, Rotary, inverse_frequencies


@torch.no_grad()
def initialise(module: nn.Module, config: StripedHyenaConfig) -> None:
    """Small normal weights, the same spread at every depth; long-filter timescales spread over 1 to 1,600 bases.

    Called for every module of a model, parts before the whole.
    """
    std = config.initializer_range
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    elif isinstance(module, RMSNorm):
        nn.init.ones_(module.scale)
    elif isinstance(module, Rotary):
        module.inv_freq.copy_(inverse_frequencies(config))
    elif isinstance(module, HyenaFilter):
        _filter(module)


def _filter(module: HyenaFilter) -> None:
    """Filters that start near the identity: the current base, plus a spread of timescales."""
    nn.init.normal_(module.short_filter_weight, std=0.1)
    # the last tap meets the current base
    module.short_filter_weight[:, 0, -1] += 1.0
    if hasattr(module, "D"):
        nn.init.ones_(module.D)
    if hasattr(module, "h"):
        groups, _, length = module.h.shape
        lag = torch.arange(length, device=module.h.device, dtype=torch.float32)
        if length <= 16:  # short filter: the last tap meets the current base
            nn.init.normal_(module.h, std=length**-0.5)
        else:
            # rates from 0.5 to 4 / length a base: groups remember from two bases to the whole filter
            rate = torch.logspace(math.log10(0.5), math.log10(4.0 / length), groups, device=module.h.device)
            # √rate keeps the energy of a filter alike, since Σ e^(-2 rate t) is about 1 / (2 rate)
            module.h.copy_(
                torch.randn_like(module.h) * torch.exp(-rate[:, None, None] * lag) * rate[:, None, None].sqrt()
            )
    if hasattr(module, "log_poles"):
        d, s = module.log_poles.shape[:2]
        # timescales from 1 to 10^3.2 = 1,600 bases
        rate = torch.logspace(0, -3.2, s, device=module.log_poles.device).expand(d, s)
        module.log_poles.copy_(-(rate * torch.exp(0.3 * torch.randn_like(rate)))[..., None])
        module.residues.copy_(torch.randn(d, s, device=module.residues.device) * rate.sqrt() / math.sqrt(s))
    if hasattr(module, "poles"):
        d, s = module.poles.shape[:2]
        # inside the unit circle, from one base to a thousand
        radius = torch.exp(-torch.logspace(0, -3, s)).expand(d, s)
        angle = torch.rand(d, s) * math.pi / 4
        module.poles.copy_(torch.stack([radius * angle.cos(), radius * angle.sin()], -1)[:, :, None])
        module.residues.copy_(0.1 * torch.randn(d, s, 1, 2))
