"""Floating-point operations of reading a token, counted from the architecture: what a run costs before it is paid for.

A multiplication and an addition are two operations. Counted are products with weights, convolutions, attention and the
output layer; normalisation, gates and residual sums, a few per channel, are not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.types import InputError

_BLOCK = re.compile(r"block\.(\d+)\.(pre_mixer|mixer_out|mid|mlp_out|out)")


def blocks_read(config: StripedHyenaConfig, sites: Iterable[str], *, likelihood: bool = False) -> int:
    """Blocks that run until the last of `sites` is reached; all of them where likelihoods are asked for.

    Raises
    ------
    InputError
        For a site the architecture does not have.
    """
    last = config.num_hidden_layers if likelihood else 0
    for site in sites:
        match = _BLOCK.fullmatch(site)
        if match and int(match[1]) < config.num_hidden_layers:
            last = max(last, int(match[1]) + 1)
        elif site == "final_norm":
            last = config.num_hidden_layers
        elif site != "embed":
            raise InputError(
                f"sites: need embed, final_norm or block.0..{config.num_hidden_layers - 1} with their places, got"
                f" {site!r}"
            )
    return last


def forward_flops(
    config: StripedHyenaConfig, length: int, *, blocks: int | None = None, likelihood: bool = False
) -> float:
    """Mean operations for each token of a sequence.

    Parameters
    ----------
    config
        Architecture.
    length
        Tokens of the sequence: attention and long convolutions cost more in long ones.
    blocks
        Blocks that run, from the first; all if None.
    likelihood
        Whether the output layer is computed.
    """
    kinds = config.block_kinds[: config.num_hidden_layers if blocks is None else blocks]
    # three products with D × M weights, two operations each
    mlp = 6 * config.hidden_size * config.mlp_size
    output = 2 * config.hidden_size * config.vocab_size if likelihood else 0
    return sum(_mixer(config, kind, length) + mlp for kind in kinds) + output


def _mixer(config: StripedHyenaConfig, kind: str, length: int) -> float:
    d = config.hidden_size
    # 3 D² in and D² out, two operations each
    projections = 8 * d * d
    if kind == "attn":
        # scores and weighted values: two products over the keys, two operations each
        return projections + 4 * d * _keys(length, config.attention_window)
    # three taps on 3 D channels
    projected = projections + 2 * 3 * 3 * d
    if kind in {"hcs", "hcm"}:
        return projected + 2 * d * (config.hcs_length if kind == "hcs" else config.hcm_length)
    return projected + d * _long_convolution(length)


def _keys(length: int, window: int | None) -> float:
    """Mean keys a query sees: itself and those before it, within the window."""
    if window is None or window >= length:
        return (length + 1) / 2
    # the first queries see 1 … window keys, all later ones the window
    return (window * (window + 1) / 2 + (length - window) * window) / length


def _long_convolution(length: int) -> float:
    """Operations a channel and token of a convolution by Fourier transforms, padded to twice the length.

    Three real transforms of n points take 2.5 n log2 n each, the product of spectra 3 n.
    """
    # padded to twice the length, as a convolution must not wrap around
    n = 2 * length
    return (3 * 2.5 * n * math.log2(n) + 3 * n) / length
