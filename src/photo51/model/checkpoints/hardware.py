"""What a machine can hold, said before a model is loaded or a window read rather than after minutes of work."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from photo51.model.checkpoints.presets import Preset
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.types import InputError


def free_memory(device: torch.device | str = "cpu") -> int:
    """Bytes that can still be taken on a device."""
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_weights(n_parameters: int, name: str, dtype: torch.dtype, device: torch.device | str) -> None:
    """Refuse a model whose weights do not fit.

    Raises
    ------
    InputError
        Naming the bytes needed and free, and what to do.
    """
    need, free = n_parameters * dtype.itemsize, free_memory(device)
    if need > free:
        half = " or load it in bfloat16 (dtype='bfloat16')," if dtype == torch.float32 else ""
        raise InputError(
            f"{name}: need {need / 1e9:.1f} GB for weights in {str(dtype).removeprefix('torch.')} on {device}, "
            f"got {free / 1e9:.1f} GB free; take a smaller model,{half} or a machine with more memory"
        )


def check_precision(preset: Preset, *, allow: bool) -> None:
    """Refuse a model that was trained with 8-bit input projections, unless it is asked for by name.

    Raises
    ------
    InputError
        Saying why and which models to take instead.
    """
    if preset.needs_fp8 and not allow:
        raise InputError(
            f"{preset.name}: its input projections were trained in 8-bit floating point (Hopper GPUs with Transformer"
            " Engine), and in other precisions its likelihoods are near those of chance; take evo2:7b_base, 7b_262k or"
            " 7b, or load it with allow_imprecise=True to study the weights themselves"
        )


def window_bytes(config: StripedHyenaConfig, length: int, batch: int, itemsize: int, *, streams: bool) -> int:
    """Largest memory that reading windows takes, weights apart (bytes, an estimate from above).

    Parameters
    ----------
    config
        Architecture.
    length, batch
        Tokens of a window, and windows read together.
    itemsize
        Bytes of a number.
    streams
        Whether windows are read in chunks, in memory that grows with length by the keys of full attention alone.
    """
    d, rows = config.hidden_size, batch * length
    attention = config.block_kinds.count("attn") * 2 * d
    rows_in_memory = min(rows, 1 << 13) if streams else rows
    keys = attention * (rows if config.attention_window is None else min(rows, batch * config.attention_window))
    widest = rows_in_memory * (4 * d + 2 * config.mlp_size + max(config.vocab_size, 3 * d))
    return itemsize * (keys + widest)


def check_window(
    config: StripedHyenaConfig, length: int, batch: int, *, itemsize: int, device: torch.device | str
) -> None:
    """Refuse windows that are longer than memory allows.

    Raises
    ------
    InputError
        Naming the bytes needed and free, and what to do.
    """
    need, free = window_bytes(config, length, batch, itemsize, streams=True), free_memory(device)
    if need > free:
        raise InputError(
            f"window: need about {need / 1e9:.1f} GB to read {batch} windows of {length:,} bases on {device}, "
            f"got {free / 1e9:.1f} GB free; read fewer at a time or shorten the windows"
        )
