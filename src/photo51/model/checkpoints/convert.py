"""Released checkpoints to photo51's model folders: `config.json`, safetensors, `weights.json`.

Evo 2 comes as a torch file (`.pt`) or its parts, Evo 1 as safetensors. Tensors pass one at a time. The rows of Evo 2's
attention projections are turned from (head, q | k | v, channel) to (q | k | v, head, channel); everything else is
taken as it is, the rotary frequencies too, whose values are not exactly those of the formula.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from photo51.io import free_bytes, write_json
from photo51.model.checkpoints.folder import RECORD, without_storage
from photo51.model.checkpoints.presets import PRESETS, Preset
from photo51.model.checkpoints.tensors import INDEX, Planned, WeightFiles, raw_bytes, write_weights
from photo51.model.checkpoints.torchfile import TorchFile, file_parts
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.layers import inverse_frequencies
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.pretrained import StripedHyenaForCausalLM, pretrained_config
from photo51.progress import progress
from photo51.types import InputError

log = logging.getLogger(__name__)
_PREFIX = re.compile(r"^(?:module\.|_orig_mod\.|backbone\.)+")
_EXTRA = re.compile(r"(?:^|\.)_extra_state$|\.mixer\.|\.filter\.t$|^unembed\.weight$")
_TIED = "unembed.weight"


class WeightsSource(Protocol):
    """Named tensors, read when asked for."""

    where: str

    def __iter__(self) -> Iterator[str]: ...

    def __getitem__(self, name: str) -> Tensor: ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""

    def dtype(self, name: str) -> torch.dtype:
        """Type of a tensor."""


def convert(source: Path, out: Path, preset: Preset) -> str:
    """Convert a released checkpoint.

    Parameters
    ----------
    source
        Evo 2: the `.pt` file, or any of its `.part*` files. Evo 1: a safetensors file, or the folder of several.
    out
        Folder to write.
    preset
        Which model it is.

    Returns
    -------
    The digest of the weights.

    Raises
    ------
    InputError
        Before anything is written: where the tensors are not those of the preset (naming the first that differs, and
        the preset they fit), or the disk is too full. While writing: for weights that are not finite.
    """
    if (source / RECORD).is_file():
        raise InputError(
            f"{source}: need a released checkpoint, got a folder that `photo51 convert` made: it is converted"
        )
    weights = open_weights(source)
    if inside := [p for p in _paths(weights) if p.resolve().parent == out.resolve()]:
        raise InputError(
            f"{out}: need another folder than that of the checkpoint, got the one that holds {inside[0].name}"
        )
    config = preset.config()
    names = _matched(weights, expected(config), preset)
    plan = _plan(weights, names, config)
    need, free = sum(p.nbytes for p in plan.values()), free_bytes(out)
    if need > free:
        raise InputError(f"{out}: need {need / 1e9:.1f} GB of disk for {preset.name}, got {free / 1e9:.1f} GB free")
    _check_tied(weights, names)
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("model*.safetensors"), out / INDEX, out / RECORD):
        old.unlink(missing_ok=True)
    sha = write_weights(out, plan, progress(_tensors(weights, names, config), "convert", len(plan), "tensors"))
    stated = pretrained_config(config)
    stated.dtype = plan["embedding_layer.weight"].dtype
    stated.architectures = [StripedHyenaForCausalLM.__name__]
    stated.save_pretrained(out)
    write_json(
        {
            "digest": sha,
            "preset": preset.name,
            "licence": preset.licence,
            "source": {path.name: path.stat().st_size for path in _paths(weights)},
        },
        out / RECORD,
    )
    return sha


def open_weights(path: Path) -> WeightsSource:
    """Open a checkpoint by what it is: a safetensors file or folder, or a torch file or its parts."""
    if path.is_dir():
        if (path / INDEX).is_file() or (path / "model.safetensors").is_file():
            return WeightFiles.of(path)
        if files := sorted(path.glob("*.safetensors")):
            return WeightFiles(files)
        raise InputError(f"{path}: need a folder with safetensors files, or name the .pt file itself; got neither")
    return WeightFiles([path]) if path.suffix == ".safetensors" else TorchFile(file_parts(path))


def _paths(weights: WeightsSource) -> list[Path]:
    return list(getattr(weights, "paths", []))


def expected(config: StripedHyenaConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's tensors, without making them."""
    with without_storage():
        model = StripedHyena(config)
    return {name: tuple(t.shape) for name, t in model.state_dict().items()}


def _matched(weights: WeightsSource, want: dict[str, tuple[int, ...]], preset: Preset) -> dict[str, str]:
    """Our name → name in the file, for every tensor of the model that the file has."""
    ours = {_PREFIX.sub("", name): name for name in weights}
    names = {name: ours[name] for name in want if name in ours}
    missing = [name for name in want if name not in names and not name.endswith("inv_freq")]
    extra = [name for name in ours if name not in want and not _EXTRA.search(name)]
    wrong = [name for name, file in names.items() if weights.shape(file) != want[name]]
    if not (missing or extra or wrong):
        return names
    fits = _fitting({name: weights.shape(file) for name, file in ours.items()})
    hint = f"; its tensors fit {' or '.join(fits)}: name that preset" if fits else ""
    if wrong:
        name = wrong[0]
        raise InputError(
            f"{weights.where}: {name}: need shape {want[name]} for preset {preset.name}, got"
            f" {weights.shape(names[name])}{hint}"
        )
    what, names_ = ("needs", missing) if missing else ("does not know", extra)
    more = f" and {len(names_) - 3} more" if len(names_) > 3 else ""
    raise InputError(f"{weights.where}: preset {preset.name} {what} {', '.join(names_[:3])}{more}{hint}")


def _fitting(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """Presets whose every tensor is there in its shape."""

    def fits(preset: Preset) -> bool:
        want = expected(preset.config())
        names = {name for name in shapes if not _EXTRA.search(name)}
        return names <= set(want) and all(
            shapes.get(name) == shape for name, shape in want.items() if not name.endswith("inv_freq")
        )

    return [p.name for p in PRESETS.values() if fits(p)]


def _plan(weights: WeightsSource, names: dict[str, str], config: StripedHyenaConfig) -> dict[str, Planned]:
    plan = {}
    for name, shape in expected(config).items():
        dtype = weights.dtype(names[name]) if name in names else torch.float32
        plan[name] = Planned(torch.float32 if dtype == torch.float64 else dtype, shape)
    return plan


def _check_tied(weights: WeightsSource, names: dict[str, str]) -> None:
    tied = next((name for name in weights if _PREFIX.sub("", name) == _TIED), None)
    if tied is not None and raw_bytes(weights[tied]) != raw_bytes(weights[names["embedding_layer.weight"]]):
        raise InputError(
            f"{weights.where}: need {_TIED} equal to embedding_layer.weight, as all released models have it, got others"
        )


def _tensors(weights: WeightsSource, names: dict[str, str], config: StripedHyenaConfig) -> Iterator[tuple[str, Tensor]]:
    for name in expected(config):
        if name not in names:
            log.info("%s: no %s, computed from the configuration", weights.where, name)
            yield name, inverse_frequencies(config)
            continue
        tensor = weights[names[name]]
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise InputError(
                f"{weights.where}: {name}: need finite weights, got {bad} that are not; download the file again"
            )
        if config.generation == 2 and ".Wqkv." in name:
            tensor = tensor.unflatten(0, (config.n_heads, 3, -1)).transpose(0, 1).flatten(0, 2)
        yield name, tensor.float() if tensor.dtype == torch.float64 else tensor
