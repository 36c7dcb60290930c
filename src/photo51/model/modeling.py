"""StripedHyena 1 and 2 as one `transformers` model in plain PyTorch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from photo51.model.cache import HyenaCache
from photo51.model.configuration import StripedHyenaConfig
from photo51.model.layers import (
    Attention,
    GatedMLP,
    HyenaFilter,
    HyenaMixer,
    RMSNorm,
    Rotary,
    State,
    inverse_frequencies,
)
from photo51.model.sites import EarlyExit, Sites, site_names, visit


class StripedHyenaBlock(nn.Module):
    """`h = x + mixer(pre_norm(x)); out = h + mlp(post_norm(h))`."""

    def __init__(self, config: StripedHyenaConfig, index: int):
        super().__init__()
        self.index = index
        self.kind = config.block_kinds[index]
        self.pre_norm, self.post_norm = RMSNorm(config), RMSNorm(config)
        if self.kind == "attn":
            self.inner_mha_cls = Attention(config)
        else:
            hyena = HyenaMixer(config, self.kind)
            self.projections, self.out_filter_dense, self.filter = (
                hyena.projections,
                hyena.out_filter_dense,
                hyena.filter,
            )
            self.__dict__["hyena"] = (
                hyena  # the three parts above carry the checkpoint's names; this only runs them
            )
        self.mlp = GatedMLP(config, index)

    def forward(self, x: Tensor, state: State, start: int, sites: Sites | None) -> tuple[Tensor, State]:
        """Run (batch, length, d_model) whose first token has index `start`, going on from `state`."""
        at = f"block.{self.index}."
        normed = visit(sites, at + "pre_mixer", self.pre_norm(x))
        mixed, state = (
            self.inner_mha_cls(normed, state, start) if self.kind == "attn" else self.hyena(normed, state)
        )
        x = visit(sites, at + "mid", x + visit(sites, at + "mixer_out", mixed))
        x = x + visit(sites, at + "mlp_out", self.mlp(self.post_norm(x)))
        return visit(sites, at + "out", x), state


class StripedHyenaPreTrainedModel(PreTrainedModel):
    """Weights, names and initialisation shared by StripedHyena models."""

    config_class = StripedHyenaConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _no_split_modules = ("StripedHyenaBlock",)
    _supports_sdpa = True
    _is_stateful = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Small normal weights; output projections shrink with depth; long-filter timescales spread over 1 to 1,600 bases."""
        std = self.config.initializer_range
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=std)
        elif isinstance(module, RMSNorm):
            nn.init.ones_(module.scale)
        elif isinstance(module, Rotary):
            module.inv_freq.copy_(inverse_frequencies(self.config))
        elif isinstance(module, HyenaFilter):
            _init_filter(module)
        if isinstance(module, StripedHyenaBlock):
            outputs = [
                module.mlp.l3,
                module.inner_mha_cls.out_proj if module.kind == "attn" else module.out_filter_dense,
            ]
            for layer in outputs:
                nn.init.normal_(layer.weight, std=std / math.sqrt(2 * self.config.num_hidden_layers))


def _init_filter(module: HyenaFilter) -> None:
    """Filters that start near the identity: the current base, plus a spread of timescales."""
    nn.init.normal_(module.short_filter_weight, std=0.1)
    module.short_filter_weight[:, 0, -1] += 1.0
    if hasattr(module, "D"):
        nn.init.ones_(module.D)
    if hasattr(module, "h"):
        groups, _, length = module.h.shape
        lag = torch.arange(length, device=module.h.device, dtype=torch.float32)
        if length <= 16:  # short filter: the last tap meets the current base
            nn.init.normal_(module.h, std=length**-0.5)
        else:
            rate = torch.logspace(math.log10(0.5), math.log10(4.0 / length), groups, device=module.h.device)
            module.h.copy_(
                torch.randn_like(module.h)
                * torch.exp(-rate[:, None, None] * lag)
                * rate[:, None, None].sqrt()
            )
    if hasattr(module, "log_poles"):
        d, s = module.log_poles.shape[:2]
        rate = torch.logspace(0, -3.2, s, device=module.log_poles.device).expand(d, s)
        module.log_poles.copy_(-(rate * torch.exp(0.3 * torch.randn_like(rate)))[..., None])
        module.residues.copy_(torch.randn(d, s, device=module.residues.device) * rate.sqrt() / math.sqrt(s))
    if hasattr(module, "poles"):
        d, s = module.poles.shape[:2]
        radius = torch.exp(-torch.logspace(0, -3, s)).expand(d, s)
        angle = torch.rand(d, s) * math.pi / 4
        module.poles.copy_(torch.stack([radius * angle.cos(), radius * angle.sin()], -1)[:, :, None])
        module.residues.copy_(0.1 * torch.randn(d, s, 1, 2))


class StripedHyenaForCausalLM(StripedHyenaPreTrainedModel, GenerationMixin):
    """Next-base model; the embedding table serves as the output layer too.

    Parameters
    ----------
    config
        Architecture.
    """

    def __init__(self, config: StripedHyenaConfig):
        super().__init__(config)
        self.embedding_layer = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(StripedHyenaBlock(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config)
        self.sites = site_names(config.num_hidden_layers)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The embedding table."""
        return self.embedding_layer

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding table."""
        self.embedding_layer = value

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def hidden(
        self, input_ids: Tensor, *, cache: HyenaCache | None = None, sites: Sites | None = None
    ) -> Tensor | None:
        """Final normed hidden states (batch, length, d_model); None where `sites` asked to leave before the end.

        `cache` is read, and then holds the state after `input_ids`.
        """
        start = cache.seen if cache is not None else 0
        if sites is not None:
            sites.check(self.sites)
            sites.start = start
        try:
            x = visit(sites, "embed", self.embedding_layer(input_ids))
            for i, block in enumerate(self.blocks):
                x, state = block(x, cache.blocks[i] if cache is not None else {}, start, sites)
                if cache is not None:
                    cache.blocks[i] = state
            x = visit(sites, "final_norm", self.norm(x))
        except EarlyExit:
            x = None
        if cache is not None:
            cache.seen = start + input_ids.shape[1]
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (batch, length, vocabulary)."""
        return F.linear(hidden, self.embedding_layer.weight)

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
    ) -> CausalLMOutputWithPast:
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
                "attention_mask: need padding on the right, got padding on the left; it would enter every filter as sequence"
            )
        outs = ["embed", *(f"block.{i}.out" for i in range(len(self.blocks)))] if output_hidden_states else []
        if outs and sites is None:
            sites = Sites(outs)
        cache = past_key_values
        if cache is None and use_cache and not self.training:
            cache = HyenaCache(len(self.blocks))
        hidden = self.hidden(input_ids, cache=cache, sites=sites)
        logits = (
            None if hidden is None else self.logits(hidden[:, -logits_to_keep:] if logits_to_keep else hidden)
        )
        loss = None
        if labels is not None and logits is not None:
            loss = F.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100
            )
        states = tuple(sites[name] for name in outs) if outs and sites is not None else None
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=cache, hidden_states=states)  # type: ignore[arg-type]

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: HyenaCache | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: object,
    ) -> dict:
        """Hand `forward` only the tokens the cache has not seen."""
        if past_key_values is None:
            past_key_values = HyenaCache(len(self.blocks)) if kwargs.get("use_cache", True) else None
        if past_key_values is not None and past_key_values.seen:
            input_ids, attention_mask = input_ids[:, past_key_values.seen :], None
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": past_key_values is not None,
            "sites": kwargs.get("sites"),
            "logits_to_keep": kwargs.get("logits_to_keep", 0),
        }


AutoConfig.register(StripedHyenaConfig.model_type, StripedHyenaConfig)
AutoModelForCausalLM.register(StripedHyenaConfig, StripedHyenaForCausalLM)
