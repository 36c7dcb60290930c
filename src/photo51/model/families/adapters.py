"""Opening a model by its name, whatever family it is of."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from photo51.model.families.interface import DnaModel, ModelReading, ModelSpec, Output, Over, Sequences, as_bytes
from photo51.types import InputError

__all__ = [
    "DnaModel",
    "ModelReading",
    "ModelSpec",
    "Output",
    "Over",
    "Sequences",
    "as_bytes",
    "load_model",
    "parse_name",
    "torch_dtype",
]


def parse_name(name: str) -> tuple[str, int | None]:
    """Split `model@random:SEED` into the model and the seed; `@random` alone is seed 0."""
    match = re.fullmatch(r"(.+?)@random(?::(\d+))?", name)
    return (name, None) if match is None else (match[1], int(match[2] or 0))


def torch_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """A torch type by its name.

    Raises
    ------
    InputError
        For a name that is none of float32, bfloat16 and float16.
    """
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in {"float32", "bfloat16", "float16"}:
        raise InputError(f"dtype: need float32, bfloat16 or float16, got {dtype!r}")
    return getattr(torch, dtype)


def load_model(
    name: str | Path,
    *,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    random_weights: int | None = None,
    allow_imprecise: bool = False,
) -> DnaModel:
    """Open a model.

    Parameters
    ----------
    name
        `sh2:base` or `sh2:nano` (shipped), a released model such as `evo2:7b_262k` or `evo1:8k` (converted by `photo51
        convert`), `hf:ID` (a model class of `transformers`), or a folder. With `@random` or `@random:SEED` after it,
        the same architecture with fresh weights.
    device
        `cpu` or `cuda`; default: `cuda` where there is one.
    dtype
        `float32`, `bfloat16` or `float16`; default: float32 on a CPU, bfloat16 on a GPU.
    random_weights
        Seed of fresh weights: as `@random:SEED`.
    allow_imprecise
        Run models in another precision than the one they need.

    Raises
    ------
    InputError
        For an unknown name, weights that are absent or do not fit the architecture, and machines that cannot hold them.
    """
    from photo51.model.families import native

    text, seed = parse_name(str(name))
    seed = seed if random_weights is None else random_weights
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.device(device)
    except RuntimeError as e:
        raise InputError(f"device: need cpu or cuda, got {device!r}") from e
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device: need a CUDA device for {device!r}, got none; use cpu")
    kind = torch_dtype(dtype) or (torch.float32 if device == "cpu" else torch.bfloat16)
    if native.is_native(text):
        return native.open_native(text, seed=seed, device=device, dtype=kind, allow_imprecise=allow_imprecise)
    from photo51.model.families import huggingface

    return huggingface.open_library(
        text.removeprefix("hf:"), seed=seed, device=device, dtype=torch_dtype(dtype) or torch.float32
    )
