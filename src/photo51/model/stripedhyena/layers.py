"""The parts of a StripedHyena block: norm, gated MLP, Hyena mixer, attention.

Parameter names are those of the released checkpoints, so a state dict reads across without a table of names.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photo51.model.stripedhyena.cache import joined
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.convolution import fir, modal_filter

State = dict[str, Tensor]


class RMSNorm(nn.Module):
    """`scale · x / (‖x‖ / √D + eps)`: eps stands outside the root, as in the reference."""

    def __init__(self, config: StripedHyenaConfig):
        super().__init__()
        self.eps = config.eps
        self.scale = nn.Parameter(torch.ones(config.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) → the same."""
        wide = torch.promote_types(x.dtype, torch.float32)
        # ‖x‖ / √D, summed in float32 at least: squares of bfloat16 lose their small terms
        rms = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide) * x.shape[-1] ** -0.5
        return (self.scale * (x / (rms + self.eps))).to(x.dtype)


class GatedMLP(nn.Module):
    """`l3(act(l1 x) · l2 x)`; `act` is GELU or the identity (see `gelu_blocks`)."""

    def __init__(self, config: StripedHyenaConfig, block: int):
        super().__init__()
        self.gelu = config.uses_gelu(block)
        self.l1 = nn.Linear(config.hidden_size, config.mlp_size, bias=False)
        self.l2 = nn.Linear(config.hidden_size, config.mlp_size, bias=False)
        self.l3 = nn.Linear(config.mlp_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) → the same."""
        gate = self.l1(x)
        return self.l3((F.gelu(gate) if self.gelu else gate) * self.l2(x))


class HyenaFilter(nn.Module):
    """The filters of one Hyena mixer: three taps on the projections, and the filter of its kind."""

    def __init__(self, config: StripedHyenaConfig, kind: str):
        super().__init__()
        d, s = config.hidden_size, config.state_size
        self.short_filter_weight = nn.Parameter(torch.zeros(3 * d, 1, 3))
        if kind == "h1":
            self.short_filter_bias = nn.Parameter(torch.zeros(3 * d))
            self.poles = nn.Parameter(torch.zeros(d, s, 1, 2))
            self.residues = nn.Parameter(torch.zeros(d, s, 1, 2))
        elif kind == "hcl":
            self.log_poles = nn.Parameter(torch.zeros(d, s, 1))
            self.residues = nn.Parameter(torch.zeros(d, s))
        else:
            groups, length = (
                (config.hcs_groups, config.hcs_length) if kind == "hcs" else (config.hcm_groups, config.hcm_length)
            )
            self.h = nn.Parameter(torch.zeros(groups, 1, length))
        if kind != "hcs":
            self.D = nn.Parameter(torch.zeros(d))


class HyenaMixer(nn.Module):
    """Project, filter with three taps, split into x2, x1, v; `y = out(x2 · conv(x1 · v))`.

    HCS meets the current base with its last tap and has no skip; HCM meets it with its first tap and adds `D · g`, like
    the long filters.
    """

    def __init__(self, config: StripedHyenaConfig, kind: str):
        super().__init__()
        d = config.hidden_size
        self.kind = kind
        self.n_heads = config.n_heads
        self.projections = nn.Linear(d, 3 * d, bias=kind == "h1")
        self.filter = HyenaFilter(config, kind)
        self.out_filter_dense = nn.Linear(d, d)

    def forward(self, x: Tensor, state: State, _start: int = 0) -> tuple[Tensor, State]:
        """Mix (batch, length, d_model) going on from `state`; an empty state is the start of a sequence."""
        new: State = {}
        weight, bias, taps, taps_bias = self.split_projection()
        z, new["fir"] = fir(F.linear(x, weight, bias), taps, taps_bias, state.get("fir"))
        x2, x1, v = z.chunk(3, dim=-1)
        gated = x1 * v
        if self.kind in {"hcs", "hcm"}:
            y, new["conv"] = fir(gated, self.channel_taps().to(gated.dtype), None, state.get("conv"))
        else:
            y, new["modal"] = modal_filter(gated, *self.modes(), state.get("modal"))
        if self.kind != "hcs":
            y = y + gated * self.filter.D.to(gated.dtype)
        return self.out_filter_dense(x2 * y), new

    def split_projection(self) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Projection and three-tap filter, each weight and bias, with the 3·D rows in the order x2 | x1 | v.

        Generation 2 interleaves the three, generation 1 splits within each head. Turning the weights costs nothing
        beside turning the activations, which are as long as the genome.
        """
        bias = self.filter.short_filter_bias if self.kind == "h1" else None
        parts = (self.projections.weight, self.projections.bias, self.filter.short_filter_weight[:, 0], bias)
        groups = self.n_heads if self.kind == "h1" else self.out_filter_dense.out_features
        return tuple(  # type: ignore[return-value]
            None if rows is None else rows.unflatten(0, (groups, 3, -1)).transpose(0, 1).flatten(0, 2) for rows in parts
        )

    def channel_taps(self) -> Tensor:
        """Taps of the finite filter, (channels, K), the last one meeting the current base."""
        # HCM keeps its first tap for the current base, `fir` wants that one last
        taps = self.filter.h[:, 0] if self.kind == "hcs" else self.filter.h[:, 0].flip(-1)
        return taps.repeat_interleave(self.out_filter_dense.out_features // taps.shape[0], dim=0)

    def modes(self) -> tuple[Tensor, Tensor]:
        """Log-poles and residues of the long filter, (channels, poles), float32 or complex64."""
        filt = self.filter
        if self.kind == "hcl":
            return filt.log_poles[..., 0].float(), filt.residues.float()
        # logarithm in double precision: near |pole| = 1 its real part is what a long memory hangs on
        poles = torch.view_as_complex(filt.poles[:, :, 0].double().contiguous())
        residues = torch.view_as_complex(filt.residues[:, :, 0].float().contiguous())
        return torch.log(poles).to(residues.dtype), residues


class Rotary(nn.Module):
    """Rotary positions; `inv_freq` is persistent because released checkpoints carry values rounded to bfloat16."""

    inv_freq: Tensor

    def __init__(self, config: StripedHyenaConfig):
        super().__init__()
        self.scaling = config.rotary_scaling
        self.register_buffer("inv_freq", inverse_frequencies(config), persistent=True)

    def forward(self, x: Tensor, start: int) -> Tensor:
        """Turn (batch, heads, length, head_size), whose first token has index `start`."""
        t = torch.arange(start, start + x.shape[2], device=x.device, dtype=torch.float32) / self.scaling
        # (length, size / 2) radians; positions are divided by the scaling, which stretches the context
        angle = torch.outer(t, self.inv_freq.float())
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        # pairs are channels c and c + size / 2
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def inverse_frequencies(config: StripedHyenaConfig) -> Tensor:
    """Rotary frequencies `base^(-2i/d)`, (head_size / 2,)."""
    # made on a CPU wherever the model is: on a device without storage, torch would import its compiler for this
    exponent = torch.arange(0, config.head_size, 2, dtype=torch.float32, device="cpu") / config.head_size
    return (config.rotary_base**-exponent).to(torch.get_default_device())


class Attention(nn.Module):
    """Causal attention with rotary positions; full, or over the last `attention_window` keys.

    Rows of `Wqkv` are ordered (q | k | v, head, channel); released Evo 2 files order them (head, q | k | v, channel)
    and are turned when converted.
    """

    def __init__(self, config: StripedHyenaConfig):
        super().__init__()
        d = config.hidden_size
        self.n_heads, self.window = config.n_heads, config.attention_window
        self.rotary_emb = Rotary(config)
        self.Wqkv = nn.Linear(d, 3 * d, bias=config.generation == 1)
        self.out_proj = nn.Linear(d, d)

    def forward(self, x: Tensor, state: State, start: int) -> tuple[Tensor, State]:
        """Attend from (batch, length, d_model), whose first token has index `start`, to itself and the cached keys."""
        qkv = self.Wqkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.rotary_emb(qkv[0], start), self.rotary_emb(qkv[1], start)
        # keys that the next query still sees: `window` of them, itself included
        keep = None if self.window is None else self.window - 1
        k, v = joined(state.get("keys"), k, keep), joined(state.get("values"), qkv[2], keep)
        y = self._attend(q, k, v)
        new = {
            "keys": k if keep is None else k[:, :, -keep:],
            "values": v if keep is None else v[:, :, -keep:],
        }
        return self.out_proj(y.transpose(1, 2).flatten(-2)), new

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n, past = q.shape[2], k.shape[2] - q.shape[2]
        if self.window is not None and n > self.window and past == 0:
            return banded_attention(q, k, v, self.window)
        if past == 0 and (self.window is None or n <= self.window):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        if n == 1 and (self.window is None or past < self.window):
            return F.scaled_dot_product_attention(q, k, v)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=band(n, past, self.window, q.device))


def band(n: int, past: int, window: int | None, device: torch.device) -> Tensor:
    """Mask (n, past + n), True where a query may look: not ahead, and not further back than the window."""
    # index of the query less that of the key: 0 is itself, below 0 lies ahead
    lag = torch.arange(past, past + n, device=device)[:, None] - torch.arange(past + n, device=device)[None, :]
    return (lag >= 0) if window is None else (lag >= 0) & (lag < window)


def banded_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Windowed causal attention in blocks of one window: cost grows with length, not with its square.

    Each block of queries sees its own keys and those of the block before. Shapes (batch, heads, length, head_size).
    """
    batch, heads, length, size = q.shape
    n = math.ceil(length / window)
    pad = n * window - length
    q, k, v = (F.pad(t, (0, 0, 0, pad)) for t in (q, k, v))
    queries = q.view(batch, heads, n, window, size).transpose(1, 2).flatten(0, 1)
    k2, v2 = (
        # block i meets keys (i − 1) · window to (i + 1) · window: its own and those before it
        F.pad(t, (0, 0, window, 0)).unfold(2, 2 * window, window).permute(0, 2, 1, 4, 3).flatten(0, 1)
        for t in (k, v)
    )
    mask = band(window, window, window, q.device).repeat(n, 1, 1)
    mask[0, :, :window] = False  # nothing lies before the first base
    y = F.scaled_dot_product_attention(queries, k2, v2, attn_mask=mask.repeat(batch, 1, 1)[:, None])
    return y.unflatten(0, (batch, n)).transpose(1, 2).reshape(batch, heads, n * window, size)[:, :, :length]
