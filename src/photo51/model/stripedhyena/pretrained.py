"""StripedHyena as a model of the `transformers` library: `AutoModelForCausalLM`, `generate`, `save_pretrained`.

Importing this registers it there. The network itself does without the library, which takes seconds to import.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.configuration import Architecture, StripedHyenaConfig
from photo51.model.stripedhyena.initialise import initialise
from photo51.model.stripedhyena.modeling import StripedHyena


class StripedHyenaPreTrainedConfig(Architecture, PreTrainedConfig):
    """Fields of `StripedHyenaConfig`, as `transformers` keeps them."""

    model_type = StripedHyenaConfig.model_type
    keys_to_ignore_at_inference = ("past_key_values",)

    def __init__(self, **fields: Any):
        stated = vars(StripedHyenaConfig(**fields))
        # by the names that attributes have: `max_length` is `max_position_embeddings`
        for name, value in stated.items():
            setattr(self, name, value)
        stated.setdefault("use_cache", True)
        super().__init__(**stated)


class StripedHyenaForCausalLM(StripedHyena, PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Next-base model.

    Parameters
    ----------
    config
        Architecture.
    """

    config_class = StripedHyenaPreTrainedConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _no_split_modules = ["StripedHyenaBlock"]  # noqa: RUF012
    _supports_sdpa = True
    _is_stateful = True

    def __init__(self, config: StripedHyenaPreTrainedConfig):
        PreTrainedModel.__init__(self, config)
        self.assemble(cast("StripedHyenaConfig", config))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        initialise(module, self.config)

    def get_input_embeddings(self) -> nn.Module:
        """The embedding table."""
        return self.embedding_layer

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding table."""
        self.embedding_layer = cast("nn.Embedding", value)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    # with the signature of the network's own, which the library asks what may be passed
    @wraps(StripedHyena.forward)
    def forward(self, *arguments: Any, **options: Any) -> CausalLMOutputWithPast:  # type: ignore[override]
        """As `StripedHyena.forward`."""
        return CausalLMOutputWithPast(**StripedHyena.forward(self, *arguments, **options)._asdict())

    def prepare_inputs_for_generation(  # type: ignore[override]
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
            # only what the cache has not read; its padding has been read by then
            input_ids, attention_mask = input_ids[:, past_key_values.seen :], None
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": past_key_values is not None,
            "sites": kwargs.get("sites"),
            "logits_to_keep": kwargs.get("logits_to_keep", 0),
        }


AutoConfig.register(StripedHyenaPreTrainedConfig.model_type, StripedHyenaPreTrainedConfig)
AutoModelForCausalLM.register(StripedHyenaPreTrainedConfig, StripedHyenaForCausalLM)


def pretrained_config(config: StripedHyenaConfig) -> StripedHyenaPreTrainedConfig:
    """The same configuration for `transformers`."""
    return StripedHyenaPreTrainedConfig(**vars(config))


def as_pretrained(model: StripedHyena) -> StripedHyenaForCausalLM:
    """The model as one of `transformers`; weights are shared, not copied."""
    with torch.device("meta"):
        out = StripedHyenaForCausalLM(pretrained_config(model.config))
    out.load_state_dict(model.state_dict(), assign=True)
    for ours, theirs in zip(model.parameters(), out.parameters(), strict=True):
        theirs.requires_grad_(ours.requires_grad)
    out.cpu_kernels = model.cpu_kernels
    return out.train(model.training)


def save_pretrained(model: StripedHyena, folder: Path) -> None:
    """Write `config.json` and weights to a folder that `photo51` and `transformers` read."""
    as_pretrained(model).save_pretrained(folder)
