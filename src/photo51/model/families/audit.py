"""Tables that a model holds beside its weights, compared with those of a model made anew from the same configuration.

A buffer that is not saved with the weights, such as a table of rotary angles, is made when a model is built. Loading
under transformers 5 builds on a device without storage and leaves such buffers of custom models uninitialised, without
a warning: the model runs and is wrong. Here they are compared, put right, and reported.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


class Repair(NamedTuple):
    """A table that was wrong after loading, and was put right.

    Attributes
    ----------
    name
        Where in the model.
    reason
        `no storage`, `not finite`, or `differs`.
    largest
        Largest difference from the right values; infinite where there was nothing to compare.
    """

    name: str
    reason: str
    largest: float


def audit_weights(model: nn.Module) -> list[Repair]:
    """Compare and repair the buffers that are not saved, and tensors left without storage; what was repaired.

    The model is made anew from its class and configuration, its parameters without storage, so that the comparison
    costs little memory however large the model is.

    Parameters
    ----------
    model
        A model with a `config` that its class can be built from.
    """
    with _parameters_without_storage():
        fresh = type(model)(copy.deepcopy(model.config))
    saved = set(model.state_dict())
    right = dict(fresh.named_buffers())
    repairs = [
        repair
        for name, buffer in model.named_buffers()
        if name not in saved and name in right and (repair := _compare(name, buffer, right[name])) is not None
    ]
    for repair in repairs:
        _put(model, repair.name, right[repair.name])
    repairs += _attributes(model, fresh)
    for repair in repairs:
        log.warning("load audit: %s was %s after loading and was made again", repair.name, repair.reason)
    return repairs


def _compare(name: str, loaded: Tensor, right: Tensor) -> Repair | None:
    if loaded.is_meta:
        return Repair(name, "no storage", float("inf"))
    if loaded.shape != right.shape:
        return Repair(name, f"of shape {tuple(loaded.shape)}", float("inf"))
    a, b = loaded.detach().cpu(), right.to(loaded.dtype)
    if torch.equal(a, b):
        return None
    if a.is_floating_point() and not torch.isfinite(a).all() and torch.isfinite(b).all():
        return Repair(name, "not finite", float("inf"))
    return Repair(name, "different", float((a.double() - b.double()).abs().max()))


def _put(model: nn.Module, name: str, value: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    old = module._buffers[leaf]
    device = _device(model) if old is None or old.is_meta else old.device
    module._buffers[leaf] = value.detach().clone().to(device, value.dtype if old is None else old.dtype)


def _attributes(model: nn.Module, fresh: nn.Module) -> list[Repair]:
    """Plain tensor attributes that were left without storage."""
    others = dict(fresh.named_modules())
    repairs = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            right = vars(others.get(path, module)).get(name)
            if isinstance(value, Tensor) and value.is_meta and isinstance(right, Tensor) and not right.is_meta:
                setattr(module, name, right.clone().to(_device(model)))
                repairs.append(Repair(f"{path}.{name}".lstrip("."), "no storage", float("inf")))
    return repairs


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _parameters_without_storage() -> Iterator[None]:
    """Modules built inside have real buffers, and parameters on the meta device."""
    register = nn.Module.register_parameter

    def light(module: nn.Module, name: str, param: nn.Parameter | None) -> None:
        register(module, name, param)
        if param is not None:
            module._parameters[name] = nn.Parameter(param.to("meta"), requires_grad=param.requires_grad)

    nn.Module.register_parameter = light  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]
