"""StripedHyena blocks for a CPU without gradients: the same numbers as the layers in plain PyTorch, sooner.

A block here reads a chunk of every sequence of a batch and goes on from a working state, like the layers it stands
for. Projections are turned once so that x2, x1 and v lie side by side, all that is no matrix product runs in
`kernels`, and attention takes queries in blocks at fixed places of the sequence. What a base gets then depends neither
on the chunk nor on the batch in which it is read, to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from photo51.model.stripedhyena import kernels
from photo51.model.stripedhyena.kernels import TILE
from photo51.model.stripedhyena.layers import Attention, GatedMLP, HyenaMixer, RMSNorm, State
from photo51.model.stripedhyena.products import multiply

if TYPE_CHECKING:
    from photo51.model.stripedhyena.modeling import StripedHyena, StripedHyenaBlock

QUERIES = (
    128  # queries that attend together in a window (twice as many in full attention), at multiples of their number
)
KEYS = 1024  # keys that they meet at a time
MIN_ROWS = 16  # BLAS libraries sum products of fewer rows in another order


def dense(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x Wᵀ + bias` for x (batch, length, in), each row the same whatever rows stand beside it."""
    rows = x.reshape(-1, x.shape[-1])
    n = rows.shape[0]
    if n < MIN_ROWS:
        # rows of zeros change no other row, and keep BLAS to the order of sums it has for many rows
        rows = F.pad(rows, (0, 0, 0, MIN_ROWS - n))
    y = multiply(rows, weight)[:n]
    # the width is stated: of no row at all it could not be inferred
    return (y if bias is None else y.add_(bias)).view(*x.shape[:-1], weight.shape[0])


class CpuNorm:
    """RMS norm."""

    def __init__(self, norm: RMSNorm):
        self.scale, self.eps = norm.scale.detach().float().numpy(), norm.eps

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) → the same."""
        # an edit may have left it with other strides
        x = x.contiguous()
        out = torch.empty_like(x)
        d = x.shape[-1]
        kernels.rms_norm(x.view(-1, d).numpy(), self.scale, self.eps, out.view(-1, d).numpy())
        return out


class CpuHyena:
    """Hyena mixer of any kind. Working state: `fir` (batch, 2, 3·D), and `conv` or `modal` as its kernel wants it."""

    def __init__(self, mixer: HyenaMixer):
        filt, d = mixer.filter, mixer.out_filter_dense.out_features
        self.kind, self.d = mixer.kind, d
        weight, self.bias, taps, taps_bias = mixer.split_projection()
        self.weight = weight.contiguous()
        self.taps = taps.T.float().contiguous().numpy()
        self.taps_bias = (torch.zeros(3 * d) if taps_bias is None else taps_bias.float()).numpy()
        self.skip = (torch.zeros(d) if mixer.kind == "hcs" else filt.D.detach().float()).numpy()
        self.out_weight, self.out_bias = (
            mixer.out_filter_dense.weight.detach(),
            mixer.out_filter_dense.bias.detach(),
        )
        self.history = 0
        if mixer.kind in {"hcs", "hcm"}:
            rows = mixer.channel_taps().T.float()  # (K, D)
            # zero taps in front: they meet inputs further back than the filter reaches
            padded = F.pad(rows, (0, 0, -len(rows) % TILE, 0)).contiguous()
            self.kept, self.history, self.filter = len(rows) - 1, len(padded) - 1, padded.numpy()
        else:
            log_poles, residues = mixer.modes()
            # pole − 1 in double precision before it is rounded to float32: see `kernels.exponentials`
            rate = torch.exp(log_poles.to(torch.promote_types(log_poles.dtype, torch.float64))) - 1
            self.rate, self.residues = _parts(rate).numpy(), _parts(residues).numpy()

    def begin(self, state: State, batch: int, _place: slice) -> State:
        """Working state of a cache's state; an empty one is the start of a sequence."""
        zeros = torch.zeros(batch, 2, 3 * self.d)
        work = {"fir": state.get("fir", zeros).contiguous()}
        if self.history:
            work["conv"] = state.get("conv", zeros.new_zeros(batch, self.kept, self.d))
        else:
            modal = state.get("modal")
            work["modal"] = zeros.new_zeros(batch, *self.rate.shape) if modal is None else _parts(modal)
        return work

    def end(self, work: State, _stop: int) -> State:
        """The cache's state of a working state."""
        if self.history:
            return work
        modal = work["modal"].transpose(-1, -2)
        return {
            "fir": work["fir"],
            "modal": modal if modal.ndim == 3 else torch.complex(modal[:, 0], modal[:, 1]),
        }

    def __call__(self, u: Tensor, state: State, _start: int) -> tuple[Tensor, State]:
        """Mix (batch, length, d_model)."""
        batch, length, d = u.shape
        z = dense(u, self.weight, self.bias)
        new = {"fir": _tail(state["fir"], z, 2)}
        x2, y = torch.empty(batch, length, d), torch.empty(batch, length, d)
        g = torch.empty(batch, self.history + length + TILE - 1, d)
        # inputs beyond the end meet no tap that counts, but must be numbers
        g[:, self.history + length :] = 0
        kernels.apply_gates(z.numpy(), state["fir"].numpy(), self.taps, self.taps_bias, x2.numpy(), g.numpy())
        if self.history:
            g[:, : self.history - self.kept] = 0
            g[:, self.history - self.kept : self.history] = state["conv"]
            new["conv"] = g[:, self.history + length - self.kept : self.history + length].clone()
            kernels.finite(g.numpy(), self.filter, self.skip, x2.numpy(), y.numpy())
        else:
            new["modal"] = state["modal"].clone()
            scan = kernels.exponentials if self.kind == "hcl" else kernels.oscillations
            modes = (self.rate, self.residues, self.skip)
            scan(g.numpy(), modes, x2.numpy(), new["modal"].numpy(), y.numpy())
        return dense(y, self.out_weight, self.out_bias), new


def _parts(modes: Tensor) -> Tensor:
    """Modes (…, channels, poles) as float32 (…, poles, channels), complex ones as (…, 2, poles, channels)."""
    if modes.is_complex():
        modes = torch.view_as_real(modes).movedim(-1, -3)
    return modes.transpose(-1, -2).float().contiguous()


def _tail(past: Tensor, new: Tensor, keep: int) -> Tensor:
    # of a chunk shorter than the filter a part of the past stays
    return (new if new.shape[1] >= keep else torch.cat([past, new], dim=1))[:, -keep:].clone()


class KeysValues(NamedTuple):
    """Keys and values (batch, heads, columns, size) of a segment of sequence, and the place of its first column."""

    keys: Tensor
    values: Tensor
    origin: int


class CpuAttention:
    """Causal attention, full or windowed.

    Queries attend in blocks that begin at multiples of `QUERIES`, to keys from a multiple of `QUERIES` on to the end
    of the block; keys a query may not see, or that are not there yet, weigh exactly zero. So the order of every sum
    depends on the place in the sequence alone.
    """

    def __init__(self, attention: Attention):
        self.heads, self.window = attention.n_heads, attention.window
        self.rotary = attention.rotary_emb
        self.qkv_weight = attention.Wqkv.weight.detach()
        self.qkv_bias = None if attention.Wqkv.bias is None else attention.Wqkv.bias.detach()
        self.out_weight, self.out_bias = attention.out_proj.weight.detach(), attention.out_proj.bias.detach()
        self.queries = QUERIES if self.window else 2 * QUERIES
        # whole blocks of queries back, at least as far as the window
        past = -(-(self.window - 1) // QUERIES) * QUERIES if self.window else 0
        self.span = past + self.queries

    def _columns(self, start: int, stop: int) -> slice:
        """Places of the keys that queries `start` to `stop` look at: whole query blocks, from the first that is in
        sight.
        """
        n = self.queries
        # end of the query block less all the columns it may look at
        first = start // n * n + n - self.span
        return slice(0 if self.window is None else max(0, first), -(-stop // n) * n)

    def begin(self, state: State, batch: int, place: slice) -> KeysValues:
        """Working state of a cache's state; full attention sets aside room for the whole sequence, once."""
        size = self.rotary.inv_freq.shape[0] * 2
        empty = torch.zeros(batch, self.heads, 0, size)
        keys, values = state.get("keys", empty), state.get("values", empty)
        work = KeysValues(keys, values, place.start - keys.shape[2])
        return self._room(work, self._columns(place.start, place.stop)) if self.window is None else work

    def _room(self, work: KeysValues, columns: slice) -> KeysValues:
        """Buffers for `columns`, zero where `work` has nothing."""
        batch, heads, n, size = work.keys.shape
        # what both have: the overlap of the buffers
        first = max(columns.start, work.origin)
        source = slice(first - work.origin, n)
        target = slice(first - columns.start, work.origin + n - columns.start)
        shape = (batch, heads, columns.stop - columns.start, size)
        new = KeysValues(torch.zeros(shape), torch.zeros(shape), columns.start)
        if source.start < source.stop:
            new.keys[:, :, target], new.values[:, :, target] = work.keys[:, :, source], work.values[:, :, source]
        return new

    def end(self, work: KeysValues, stop: int) -> State:
        """The cache's state after the token before `stop`."""
        # the next query sees `window` keys, itself included
        first = work.origin if self.window is None else max(work.origin, stop - self.window + 1)
        window = slice(first - work.origin, stop - work.origin)
        return {"keys": work.keys[:, :, window].clone(), "values": work.values[:, :, window].clone()}

    def __call__(self, u: Tensor, work: KeysValues, start: int) -> tuple[Tensor, KeysValues]:
        """Attend from (batch, length, d_model), whose first token has index `start`."""
        batch, length, d = u.shape
        columns = self._columns(start, start + length)
        if self.window is not None:
            work = self._room(work, columns)
        qkv = dense(u, self.qkv_weight, self.qkv_bias).view(batch, length, 3, self.heads, -1)
        size = qkv.shape[-1]
        # spare rows, which a short last block takes along
        q = torch.zeros(batch, self.heads, length + MIN_ROWS, size)
        t = torch.arange(start, start + length, dtype=torch.float32) / self.rotary.scaling
        angle = torch.outer(t, self.rotary.inv_freq.float())
        turn = (angle.cos().numpy(), angle.sin().numpy())
        offset = start - work.origin
        kernels.rotate_into(qkv.numpy(), turn, offset, q.numpy(), work.keys.numpy(), work.values.numpy())
        y = torch.empty(batch, length, self.heads, size)
        for b in range(batch):
            for h in range(self.heads):
                past = KeysValues(work.keys[b, h], work.values[b, h], work.origin)
                self._attend(q[b, h], past, start, y[b, :, h])
        return dense(y.view(batch, length, d), self.out_weight, self.out_bias), work

    def _attend(self, q: Tensor, past: KeysValues, start: int, y: Tensor) -> None:
        """Attend in one head of one sequence: queries (length + spare, size) of tokens from `start` on, into y
        (length, size).
        """
        stop, token = start + y.shape[0], start
        window = self.window or 1 << 62
        buffer = torch.empty(self.queries * KEYS)
        while token < stop:
            n = min(stop, (token // self.queries + 1) * self.queries) - token
            # a block short of MIN_ROWS takes spare rows of q along, whose results are not read
            rows = q[token - start :][: max(n, MIN_ROWS)]
            mixed = torch.zeros_like(rows)
            peak, total = np.full(len(rows), -np.inf, np.float32), np.zeros(len(rows), np.float32)
            columns = self._columns(token, token + 1)
            for first in range(columns.start, columns.stop, KEYS):
                keys = slice(first - past.origin, min(first + KEYS, columns.stop) - past.origin)
                scores = buffer[: len(rows) * (keys.stop - keys.start)].view(len(rows), -1)
                torch.mm(rows, past.keys[keys].T, out=scores)
                # lag: index of the first query less that of the first key of this block
                kernels.soften(scores.numpy(), token - first, window, peak, total, mixed.numpy())
                mixed.addmm_(scores, past.values[keys])
            # weights were left unnormalised while blocks of keys came in
            torch.div(mixed[:n], torch.from_numpy(total[:n, None]), out=y[token - start :][:n])
            token += n


class CpuMLP:
    """Norm and gated MLP."""

    def __init__(self, norm: RMSNorm, mlp: GatedMLP):
        self.norm, self.gelu = CpuNorm(norm), mlp.gelu
        self.weights = [layer.weight.detach() for layer in (mlp.l1, mlp.l2, mlp.l3)]

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) → the same."""
        l1, l2, l3 = self.weights
        u = self.norm(x)
        gate = dense(u, l1)
        return dense((F.gelu(gate) if self.gelu else gate).mul_(dense(u, l2)), l3)


class CpuBlock:
    """A block of the model: `pre_norm`, `mix` and `feed` as in `walk.ModelBlock`, and the way from cache to working
    state.
    """

    def __init__(self, block: StripedHyenaBlock):
        self.pre_norm = CpuNorm(block.pre_norm)
        self.mix = CpuAttention(block.inner_mha_cls) if block.kind == "attn" else CpuHyena(block.hyena)
        self.feed = CpuMLP(block.post_norm, block.mlp)
        self.begin, self.end = self.mix.begin, self.mix.end


def cpu_blocks(model: StripedHyena) -> list[CpuBlock]:
    """The model's blocks for a CPU, made anew when a weight has changed."""
    weights = [*model.parameters(), *model.buffers()]
    # a change in place raises the version; one of the storage changes the address
    stamp = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights]
    cached = model.__dict__.get("_cpu_blocks")
    if cached is None or cached[0] != stamp:
        with torch.no_grad():
            cached = stamp, [CpuBlock(cast("StripedHyenaBlock", block)) for block in model.blocks]
        model.__dict__["_cpu_blocks"] = cached
    return cached[1]
