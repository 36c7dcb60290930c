"""StripedHyena 1 and 2 as one network in plain PyTorch; `pretrained` makes it a model of `transformers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photo51.model.sites import EarlyExit, Sites, site_names, visit
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.cpu import CpuNorm, cpu_blocks, dense
from photo51.model.stripedhyena.initialise import initialise
from photo51.model.stripedhyena.layers import Attention, GatedMLP, HyenaMixer, RMSNorm, State
from photo51.model.stripedhyena.walk import Chunk, Handover, ModelBlock, chunk_length, through, walk

GPU_CHUNK = 8192


class StripedHyenaBlock(nn.Module):
    """`h = x + mixer(pre_norm(x)); out = h + mlp(post_norm(h))`."""

    hyena: HyenaMixer

    def __init__(self, config: StripedHyenaConfig, index: int):
        super().__init__()
        self.index = index
        self.kind = config.block_kinds[index]
        self.pre_norm, self.post_norm = RMSNorm(config), RMSNorm(config)
        if self.kind == "attn":
            self.inner_mha_cls = Attention(config)
        else:
            hyena = HyenaMixer(config, self.kind)
            self.projections, self.filter = hyena.projections, hyena.filter
            self.out_filter_dense = hyena.out_filter_dense
            self.__dict__["hyena"] = hyena  # the parts above carry the checkpoint's names; this only runs them
        self.mlp = GatedMLP(config, index)

    def mix(self, u: Tensor, state: State, start: int) -> tuple[Tensor, State]:
        """Mix along the sequence: (batch, length, d_model) whose first token has index `start`, going on from
        `state`.
        """
        return self.inner_mha_cls(u, state, start) if self.kind == "attn" else self.hyena(u, state, start)

    def feed(self, x: Tensor) -> Tensor:
        """Norm and MLP, each token for itself."""
        return self.mlp(self.post_norm(x))

    def begin(self, state: State, _batch: int, _place: slice) -> State:
        """Working state of a cache's state."""
        return state

    def end(self, state: State, _stop: int) -> State:
        """The cache's state of a working state."""
        return state


class Scored(NamedTuple):
    """What `StripedHyena.forward` returns.

    Attributes
    ----------
    loss
        Mean cross-entropy (nats) against labels; None without any.
    logits
        Scores of the next token, (batch, length, vocabulary); None after an early exit.
    past_key_values
        State after the last token, where it was asked for.
    hidden_states
        `embed` and every `block.{i}.out`, (batch, length, d_model) each, where they were asked for.
    """

    loss: Tensor | None
    logits: Tensor | None
    past_key_values: HyenaCache | None
    hidden_states: tuple[Tensor, ...] | None


class StripedHyena(nn.Module):
    """Next-base model with fresh weights; the embedding table serves as the output layer too.

    Parameters
    ----------
    config
        Architecture.
    """

    def __init__(self, config: StripedHyenaConfig):
        super().__init__()
        self.config = config
        self.assemble(config)
        if not self.embedding_layer.weight.is_meta:
            self.apply(lambda module: initialise(module, config))

    def assemble(self, config: StripedHyenaConfig) -> None:
        """Make the parts."""
        self.embedding_layer = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(StripedHyenaBlock(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config)
        self.sites = site_names(config.num_hidden_layers)
        self.cpu_kernels = True

    def hidden(
        self, input_ids: Tensor, *, cache: HyenaCache | None = None, sites: Sites | None = None
    ) -> Tensor | None:
        """Final normed hidden states (batch, length, d_model); None where `sites` asked to leave before the end.

        `cache` is read, and then holds the state after `input_ids`. On a CPU, in float32 and without gradients,
        sequences are read by `stream`; otherwise at once, by the layers as they are written.
        """
        if self._streams():
            return self._read(input_ids, cache=cache, sites=sites)
        start = cache.seen if cache is not None else 0
        if sites is not None:
            sites.check(self.sites)
            sites.start = start
        states = cache if cache is not None else HyenaCache(len(self.blocks))
        try:
            blocks = cast("list[ModelBlock]", list(self.blocks))
            x: Tensor | None = through(blocks, self.embedding_layer(input_ids), states, start, sites)
            x = visit(sites, "final_norm", self.norm(x))
        except EarlyExit:
            x = None
        states.seen = start + input_ids.shape[1]
        return x

    def _streams(self) -> bool:
        return (
            not torch.is_grad_enabled()
            and self.cpu_kernels
            and self.embedding_layer.weight.device.type == "cpu"
            and self.embedding_layer.weight.dtype == torch.float32
        )

    def _read(
        self,
        input_ids: Tensor,
        *,
        cache: HyenaCache | None,
        sites: Sites | None,
        then: Callable[[Tensor, int], Any] | None = None,
    ) -> Tensor | None:
        parts = []
        for chunk in self.stream(input_ids, cache=cache, sites=sites, then=then):
            parts.append(chunk.hidden)
            if sites is not None:
                sites.extend(chunk.sites)
        return None if parts[0] is None else torch.cat(parts, dim=1)

    @torch.no_grad()
    def stream(
        self,
        input_ids: Tensor,
        *,
        cache: HyenaCache | None = None,
        sites: Sites | None = None,
        then: Callable[[Tensor, int], Any] | None = None,
        chunk: int | None = None,
    ) -> Iterator[Chunk]:
        """Read a batch chunk by chunk, in order, without gradients, in memory that does not grow with its length.

        Parameters
        ----------
        input_ids
            (batch, length) token ids.
        cache
            Read, and after the last chunk the state after `input_ids`.
        sites
            Activations to read or edit; each chunk carries its own.
        then
            What to make of a chunk's final hidden states (batch, length, d_model) and the index of its first token;
            runs on the thread that read the chunk.
        chunk
            Tokens a chunk; None chooses.
        """
        batch, length = input_ids.shape
        start = cache.seen if cache is not None else 0
        sites = sites if sites is not None else Sites()
        sites.check(self.sites)
        place = slice(start, start + length)
        fast = self._streams()
        blocks = cast("list[ModelBlock]", cpu_blocks(self) if fast else list(self.blocks))
        norm = CpuNorm(self.norm) if fast else self.norm
        threads = torch.get_num_threads() if fast else 1
        past = cache.blocks if cache is not None else [{} for _ in blocks]
        states = [block.begin(state, batch, place) for block, state in zip(blocks, past, strict=True)]

        def step(piece: slice, handover: Handover) -> Chunk:
            # index of the chunk's first token in the whole sequence
            first = start + piece.start
            sites_of_chunk = sites.at(first)
            try:
                x = through(blocks, self.embedding_layer(input_ids[:, piece]), handover, first, sites_of_chunk)
                x = visit(sites_of_chunk, "final_norm", norm(x))
            except EarlyExit:
                x = None
            return Chunk(first, x if x is None or then is None else then(x, first), sites_of_chunk)

        chunk = chunk or (chunk_length(batch, length, threads) if fast else GPU_CHUNK)
        yield from walk(step, states, length, chunk=chunk, threads=threads)
        if cache is not None:
            cache.blocks = [block.end(state, place.stop) for block, state in zip(blocks, states, strict=True)]
            cache.seen = place.stop

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (batch, length, vocabulary)."""
        return (dense if self._streams() else F.linear)(hidden, self.embedding_layer.weight)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: HyenaCache | None = None,
        labels: Tensor | None = None,
        *,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int = 0,
        sites: Sites | None = None,
        **_ignored: object,
    ) -> Scored:
        """Score the next token at every position.

        Parameters
        ----------
        input_ids
            (batch, length) token ids.
        attention_mask
            (batch, length), 1 for real tokens. Padding must be on the right, where a causal model never sees it.
        past_key_values
            State to go on from.
        labels
            (batch, length) targets, shifted inside; -100 is ignored.
        use_cache
            Return the state after `input_ids`.
        output_hidden_states
            Return `embed` and every `block.{i}.out`.
        logits_to_keep
            Only the last so many positions; 0 keeps all.
        sites
            Activations to read or edit on the way.

        Raises
        ------
        ValueError
            For left padding, which would run through every filter as if it were sequence.
        """
        if attention_mask is not None and (attention_mask[:, 1:] > attention_mask[:, :-1]).any():
            raise ValueError(
                "attention_mask: need padding on the right, got padding on the left; it would enter every filter as"
                " sequence"
            )
        outs = ["embed", *(f"block.{i}.out" for i in range(len(self.blocks)))] if output_hidden_states else []
        if outs and sites is None:
            sites = Sites(outs)
        cache = past_key_values
        if cache is None and use_cache and not self.training:
            cache = HyenaCache(len(self.blocks))
        if self._streams() and not logits_to_keep:
            logits = self._read(input_ids, cache=cache, sites=sites, then=lambda hidden, _: self.logits(hidden))
        else:
            hidden = self.hidden(input_ids, cache=cache, sites=sites)
            # -0 is 0: all positions
            logits = None if hidden is None else self.logits(hidden[:, -logits_to_keep:])
        loss = None
        if labels is not None and logits is not None:
            # position t is scored on token t + 1
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100)
        states = tuple(sites[name] for name in outs) if outs and sites is not None else None
        return Scored(loss, logits, cache, states)
