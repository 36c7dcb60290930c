"""The model that a pretraining run begins with, where that is not a model of fresh weights."""

from __future__ import annotations

import inspect
from typing import Any

from photo51.config.pretrain import PretrainParams
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.types import InputError

_LETTERS = {"hcs": "s", "hcm": "m", "hcl": "l", "attn": "a", "h1": "h"}
_ATTRIBUTES = {"max_length": "max_position_embeddings"}
FIELDS = tuple(
    name for name in inspect.signature(StripedHyenaConfig.__init__).parameters if name not in {"self", "further"}
)


def architecture_of(config: StripedHyenaConfig) -> dict[str, Any]:
    """Fields by which an architecture differs from the defaults, as `PretrainParams.architecture` states them."""
    plain = StripedHyenaConfig()
    stated = {name: field_of(config, name) for name in FIELDS}
    return {name: value for name, value in stated.items() if value != field_of(plain, name)}


def field_of(config: StripedHyenaConfig, name: str) -> Any:
    """One field of an architecture as it is stated; blocks as letters."""
    value = getattr(config, _ATTRIBUTES.get(name, name))
    return "".join(_LETTERS[kind] for kind in value) if name == "block_kinds" else value


def started(params: PretrainParams) -> tuple[PretrainParams, StripedHyena | None]:
    """Parameters of a run with the architecture and digest of the model it begins with, and that model in float32.

    Raises
    ------
    InputError
        For a model of another family than StripedHyena, for a field of `architecture` or a `start_digest` that is
        stated and is not the model's.
    """
    if params.start is None:
        if params.start_digest is not None:
            raise InputError("start_digest: need the model it is of as `start` (--from), got none")
        return params, None
    opened = load_model(params.start, device="cpu", dtype="float32")
    model = opened.model
    if not isinstance(model, StripedHyena):
        raise InputError(f"--from: need a StripedHyena, got {params.start} of family {opened.spec.family}")
    if params.start_digest not in {None, opened.spec.hash}:
        raise InputError(
            f"--from: need the model of digest {params.start_digest}, got {params.start} of {opened.spec.hash}"
        )
    if unknown := sorted(set(params.architecture) - set(FIELDS)):
        raise InputError(f"architecture: need fields of StripedHyenaConfig, got {unknown[0]!r}")
    config, stated = model.config, StripedHyenaConfig(**params.architecture)
    for name in params.architecture:
        if (value := field_of(stated, name)) != (fact := field_of(config, name)):
            raise InputError(
                f"architecture: need that of {params.start}, whose {name} is {fact}, or none stated, got {name} {value}"
            )
    update = {"architecture": architecture_of(config), "start_digest": opened.spec.hash}
    return params.model_copy(update=update), model
