"""StripedHyena model folders: where they are, reading them with every tensor checked, fresh weights in their place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from photo51.model.checkpoints.hardware import check_weights
from photo51.model.checkpoints.tensors import WeightFiles
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.shipped import shipped_folder
from photo51.types import InputError

MODELS = "PHOTO51_MODELS"
_DRAWING = Lock()  # torch draws weights from one generator for all threads
RECORD = "weights.json"  # what `photo51 convert` writes down beside the weights
_EXACT = ("log_poles", "poles", "residues", "inv_freq")  # what decides timescales stays in float32


def shipped_model(name: str) -> Path:
    """Folder of a checkpoint that comes with photo51.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    for folder in _folders():
        if (folder / name / "config.json").is_file():
            return folder / name
    raise InputError(
        f"sh2:{name}: need a checkpoint shipped with photo51 ({', '.join(shipped_names()) or 'none found'}), got"
        f" {name!r}"
    )


def shipped_names() -> list[str]:
    """Names of the checkpoints that come with photo51."""
    return sorted({p.parent.name for folder in _folders() for p in folder.glob("*/config.json")})


def _folders() -> list[Path]:
    return [shipped_folder() / "resources" / "models"]


def converted(preset: str) -> Path:
    """Folder of a converted release: `<family>_<model>` in a folder of the variable PHOTO51_MODELS, else in `models/`.

    Raises
    ------
    InputError
        Where it is in none of them, saying how to make it.
    """
    name = preset.replace(":", "_")
    places = [Path(p) for p in os.environ.get(MODELS, "models").split(os.pathsep) if p]
    for place in places:
        if (place / name / "config.json").is_file():
            return place / name
    raise InputError(
        f"{preset}: need a converted checkpoint in {' or '.join(str(p / name) for p in places)}, got none; download the"
        f" weights and run `photo51 convert FILE {places[0] / name} --preset {preset}`, or set {MODELS} to the folder"
        " that holds it"
    )


def read_config(folder: Path) -> dict:
    """`config.json` of a model folder.

    Raises
    ------
    InputError
        Where there is none, or it is no JSON.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder}: need a model folder with config.json, got none")
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as e:
        raise InputError(f"{path}: need JSON, got text that is none ({e})") from e


def load(folder: Path, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> StripedHyena:
    """Read a model folder, tensor by tensor, into a model in `dtype` (poles, residues and rotary frequencies in
    float32).

    Raises
    ------
    InputError
        For missing, unknown, misshapen or non-finite tensors, naming them, and for too little memory.
    """
    config = configuration(folder)
    check_weights(config.n_parameters(), str(folder), dtype, device)
    with without_storage():
        model = StripedHyena(config)
    files = WeightFiles.of(folder)
    want = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    _check_names(files, want)
    state = {}
    for name, shape in want.items():
        tensor = files[name]
        if tuple(tensor.shape) != shape:
            raise InputError(f"{files.where}: {name}: need shape {shape} by config.json, got {tuple(tensor.shape)}")
        if not torch.isfinite(tensor).all():
            raise InputError(f"{files.where}: {name}: need finite weights, got some that are not")
        state[name] = tensor.to(device, torch.float32 if name.endswith(_EXACT) else dtype)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(requires_grad=False)


@contextmanager
def without_storage() -> Iterator[None]:
    """Modules that this thread builds inside have no storage, and nothing is drawn for it, for which torch would import
    its compiler.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are where `torch.nn.init` would draw them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if getattr(func, "__module__", "") == torch.nn.init.__name__:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


def _check_names(files: WeightFiles, want: dict[str, tuple[int, ...]]) -> None:
    have = set(files)
    for what, names in (("missing", sorted(set(want) - have)), ("unknown", sorted(have - set(want)))):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise InputError(
                f"{files.where}: need the {len(want)} tensors of config.json's architecture, got"
                f" {', '.join(names[:3])}{more} {what}"
            )


def configuration(folder: Path) -> StripedHyenaConfig:
    """Configuration of a StripedHyena folder.

    Raises
    ------
    InputError
        Where `config.json` is of another architecture, or has values that make none.
    """
    values = read_config(folder)
    if values.get("model_type") != StripedHyenaConfig.model_type:
        raise InputError(
            f"{folder / 'config.json'}: need model_type {StripedHyenaConfig.model_type}, got"
            f" {values.get('model_type')!r}"
        )
    try:
        return StripedHyenaConfig.from_dict(values)
    except (ValueError, TypeError) as e:
        raise InputError(f"{folder / 'config.json'}: {e}") from e


def fresh(
    config: StripedHyenaConfig,
    seed: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StripedHyena:
    """The same architecture with fresh weights: the control for everything that a trained model is claimed to know."""
    check_weights(config.n_parameters(), "random weights", dtype, device)
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StripedHyena(config)
    for name, weight in model.named_parameters():
        weight.data = weight.data.to(weight.dtype if name.endswith(_EXACT) else dtype)
    cast("nn.Module", model).to(device)
    return model.eval().requires_grad_(requires_grad=False)
