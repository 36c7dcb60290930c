"""The causal convolutions of StripedHyena, channels last, each able to go on from a state.

All kinds are one of two primitives. A finite filter (`fir`) serves the three-tap projection filter, the short (HCS)
and the medium (HCM) filter; the long filter (HCL, and generation 1's) is a sum of exponentials, run as a chunked scan
(`modal_filter`). Reading a sequence at once, in chunks, or base by base gives the same numbers, which is what makes
cached generation, streaming and shared variant prefixes exact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SCAN_CHUNK = 64
_SHIFT_ADD_TAPS = 8


def fir(x: Tensor, taps: Tensor, bias: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor]:
    """Filter each channel causally: `y[t] = Σ_j taps[:, j] · x[t - (K-1) + j]`; the last tap meets the current base.

    Parameters
    ----------
    x
        (batch, length, channels).
    taps
        (channels, K).
    bias
        (channels,) or None.
    past
        (batch, K-1, channels): the inputs before `x`; None means zeros, the start of the sequence.

    Returns
    -------
    The filtered sequence, same shape as `x`, and the last K-1 inputs, for the call that goes on from here.
    """
    k = taps.shape[1]
    taps = taps.to(x.dtype)
    bias = None if bias is None else bias.to(x.dtype)
    if past is None:
        past = x.new_zeros(x.shape[0], k - 1, x.shape[2])
    # K - 1 inputs in front: position t of the output begins at position t here
    padded = torch.cat([past, x], dim=1)
    length = x.shape[1]
    # a few shifted sums are quicker than a grouped convolution of as few taps
    if k <= _SHIFT_ADD_TAPS:
        y = padded[:, :length] * taps[:, 0]
        for j in range(1, k):
            y = y + padded[:, j : j + length] * taps[:, j]
        if bias is not None:
            y = y + bias
    else:
        # conv1d correlates: tap j meets input t − (K − 1) + j, as in the formula, without turning taps round
        y = F.conv1d(padded.transpose(1, 2), taps.unsqueeze(1), bias, groups=x.shape[2]).transpose(1, 2)
    return y, padded[:, length:]


def modal_filter(x: Tensor, log_poles: Tensor, residues: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Convolve each channel with `h[t] = Re Σ_s residues[s] · exp(log_poles[s] · t)`, chunk by chunk.

    The scan never builds the (channels, poles, length) table that a direct evaluation needs: memory is one chunk.

    Parameters
    ----------
    x
        (batch, length, channels), real.
    log_poles, residues
        (channels, poles), both real or both complex.
    state
        (batch, channels, poles): `Σ_t exp(log_poles · (T-1-t)) · x[t]` over the T inputs before `x`; None means zeros.

    Returns
    -------
    The convolved sequence, same shape and type as `x`, and the state after it.
    """
    batch, length, channels = x.shape
    chunk = min(SCAN_CHUNK, length)
    # up to the next multiple of the chunk
    pad = -length % chunk
    steps = torch.arange(chunk + 1, device=x.device, dtype=torch.float32)
    decay = torch.exp(log_poles.unsqueeze(-1) * steps)  # (channels, poles, chunk + 1)
    taps = (residues.unsqueeze(-1) * decay[..., :chunk]).sum(1).real  # (channels, chunk)
    lag = torch.arange(chunk, device=x.device)
    lag = lag[None, :] - lag[:, None]  # input row -> output column
    within = torch.where(lag >= 0, taps[:, lag.clamp(min=0)], 0.0)  # (channels, chunk, chunk)

    signal = F.pad(x, (0, 0, 0, pad)) if pad else x
    n = signal.shape[1] // chunk
    blocks = signal.reshape(batch * n, chunk, channels).permute(2, 0, 1).to(taps.dtype)  # (channels, batch·n, chunk)
    # inputs of the same chunk: a lower-triangular Toeplitz matrix a channel
    y = torch.bmm(blocks, within)
    # what a chunk adds to the state at its end: Σ_t pole^(chunk − 1 − t) x[t]
    carried_in = torch.bmm(blocks.to(decay.dtype), decay[..., :chunk].flip(-1).transpose(1, 2))
    carried_in = carried_in.view(channels, batch, n, -1)
    state_cf = (
        x.new_zeros(channels, batch, log_poles.shape[1], dtype=decay.dtype) if state is None else state.transpose(0, 1)
    )
    step = decay[..., chunk].unsqueeze(1)  # (channels, 1, poles)
    before = []
    for i in range(n):
        before.append(state_cf)
        # the only sequential part: one step a chunk, pole^chunk times the state before it
        state_cf = state_cf * step + carried_in[:, :, i]
    if pad:  # the padded zeros must not age the state
        state_cf = _state_after(before[-1], blocks.view(channels, batch, n, chunk)[:, :, -1, : chunk - pad], decay)
    entering = torch.stack(before, dim=2).reshape(channels, batch * n, -1)
    # the state that enters a chunk is heard from its first position on, a step older at each: powers 1 to chunk
    ringing = torch.bmm(entering, residues.unsqueeze(-1) * decay[..., 1:])
    y = y + ringing.real
    y = y.permute(1, 2, 0).reshape(batch, n * chunk, channels)[:, :length].to(x.dtype)
    return y, state_cf.transpose(0, 1)


def _state_after(state: Tensor, inputs: Tensor, decay: Tensor) -> Tensor:
    """State after `inputs` (channels, batch, m) that follow `state` (channels, batch, poles)."""
    m = inputs.shape[-1]
    return state * decay[..., m].unsqueeze(1) + torch.bmm(
        inputs.to(decay.dtype), decay[..., :m].flip(-1).transpose(1, 2)
    )
