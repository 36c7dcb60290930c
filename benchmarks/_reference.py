"""The reference StripedHyena 2 (`vortex`, of the package vtx) and StripedHyena 1 (`stripedhyena`), on a CPU.

Both import packages that need CUDA. Here modules stand in for those, of which a CPU run uses only the rotary turn, and that
in the reference's own plain form. The packages are found where they are installed, or in the folders that the environment
variable PHOTO51_REFERENCE names; `einops` is needed too.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO

import torch
from torch import Tensor, nn

from photo51.model.stripedhyena.configuration import StripedHyenaConfig

FOLDERS = "PHOTO51_REFERENCE"


def why_absent(generation: int) -> str | None:
    """Why the reference of this generation cannot run here; None if it can."""
    _search_folders()
    needed = ("einops", "tqdm", "vortex", *(("stripedhyena",) if generation == 1 else ()))
    absent = [name for name in needed if find_spec(name) is None]
    return f"{', '.join(absent)} not installed, nor in a folder of {FOLDERS}" if absent else None


def reference(config: StripedHyenaConfig, state: Mapping[str, Tensor]) -> nn.Module:
    """The reference model with our weights, float32; `model(ids)[0]` are its logits.

    Raises
    ------
    ModuleNotFoundError
        Where `why_absent` gives a reason.
    """
    _search_folders()
    _stand_in()
    with _quiet():
        return _second(config, state) if config.generation == 2 else _first(config, state)


def run(model: nn.Module, ids: Tensor) -> Tensor:
    """Logits of the reference, (batch, length, vocabulary)."""
    with _quiet(), torch.no_grad():
        return model(ids)[0]


def _search_folders() -> None:
    for folder in reversed(os.environ.get(FOLDERS, "").split(os.pathsep)):
        if folder and folder not in sys.path:
            sys.path.insert(0, folder)


@contextmanager
def _quiet() -> Iterator[None]:
    """No printing, no warnings about CUDA, and device contexts that do nothing."""
    device = torch.cuda.device
    torch.cuda.device = lambda _device: nullcontext()  # type: ignore[assignment, misc]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.cuda.device = device  # type: ignore[misc]


def _module(name: str, **content: object) -> None:
    if name not in sys.modules:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(content)
        sys.modules[name] = module


def _stand_in() -> None:
    """Modules in place of the CUDA-only ones, and the rotary turn without Triton."""
    if find_spec("triton") is None:
        language = types.SimpleNamespace(constexpr=int)
        _module("triton", jit=lambda f: f, autotune=lambda **_: lambda f: f, Config=dict, language=language)
        _module("triton.language", constexpr=int)
    _module("flash_attn_2_cuda")
    rotary = importlib.import_module("vortex.model.rotary")
    plain = rotary.apply_rotary_emb_torch

    def apply_rotary(x, cos, sin, seqlen_offsets=0, **options):
        cos, sin = (table[seqlen_offsets:][: x.shape[1]] for table in (cos, sin))
        turned = plain(x, cos, sin, options.get("interleaved", False))
        return x.copy_(turned) if options.get("inplace") else turned

    rotary.apply_rotary = apply_rotary
    attention = importlib.import_module("vortex.model.attention")
    _module("flash_attn")
    _module("flash_attn.modules")
    _module("flash_attn.modules.mha", MHA=attention.MHA)
    _module("flash_attn.layers")
    _module("flash_attn.layers.rotary", RotaryEmbedding=rotary.RotaryEmbedding)


class _Config(dict):
    """The reference reads its configuration as attributes and as a dictionary."""

    __getattr__ = dict.get


def _common(c: StripedHyenaConfig) -> _Config:
    kinds = c.block_kinds
    return _Config(
        vocab_size=c.vocab_size,
        hidden_size=c.hidden_size,
        num_filters=c.hidden_size,
        num_layers=len(kinds),
        num_attention_heads=c.n_heads,
        inner_mlp_size=c.mlp_size,
        state_size=c.state_size,
        short_filter_length=3,
        eps=c.eps,
        attn_layer_idxs=[i for i, kind in enumerate(kinds) if kind == "attn"],
        rotary_emb_base=c.rotary_base,
        use_interpolated_rotary_pos_emb=True,
        rotary_emb_scaling_factor=c.rotary_scaling,
        max_seqlen=c.max_position_embeddings,
        mlp_activation="gelu",
        tie_embeddings=True,
        model_parallel_size=1,
        params_dtype=torch.float32,
        attn_block_dtype=torch.float32,
        hyena_block_dtype=torch.float32,
        mlp_dtype=torch.float32,
        use_flash_attn=False,
        use_flashfft=False,
        mha_out_proj_bias=True,
    )


def _second(c: StripedHyenaConfig, state: Mapping[str, Tensor]) -> nn.Module:
    config = _common(c)
    where = {kind: [i for i, k in enumerate(c.block_kinds) if k == kind] for kind in ("hcs", "hcm", "hcl")}
    config.update(
        **{f"{kind}_layer_idxs": layers for kind, layers in where.items()},
        hcs_filter_length=c.hcs_length,
        hcm_filter_length=c.hcm_length,
        hcs_filter_groups=c.hcs_groups,
        hcm_filter_groups=c.hcm_groups,
        short_filter_bias=False,
        column_split=True,
        column_split_hyena=False,
        interleave=True,
        evo2_style_activations=c.gelu_blocks == "first",
        qkv_proj_bias=False,
        hyena_out_proj_bias=True,
        hyena_flip_x1x2=False,
        final_norm=True,
    )
    model = importlib.import_module("vortex.model.model").StripedHyena(config).float()
    model.custom_load_state_dict(dict(released_rows(c, state)), strict=False)
    return model.float().eval()


def _first(c: StripedHyenaConfig, state: Mapping[str, Tensor]) -> nn.Module:
    config = _common(c)
    config.update(
        hyena_layer_idxs=[i for i, kind in enumerate(c.block_kinds) if kind == "h1"],
        hyena_filter_groups=1,
        short_filter_bias=True,
        qkv_proj_bias=True,
        column_split_hyena=True,
        final_norm=True,
    )
    model = importlib.import_module("stripedhyena.model").StripedHyena(config).float()
    model.load_state_dict({**state, "unembed.weight": state["embedding_layer.weight"]})
    return model.float().eval()


def released_rows(c: StripedHyenaConfig, state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """A state dict with the rows of `Wqkv` in the order of released Evo 2 files: (head, q | k | v, channel)."""
    for name, tensor in state.items():
        if ".Wqkv." in name:
            yield name, tensor.unflatten(0, (3, c.n_heads, -1)).transpose(0, 1).flatten(0, 2)
        else:
            yield name, tensor
