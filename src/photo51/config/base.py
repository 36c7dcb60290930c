"""What all parameter models share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from photo51.types import InputError

P = TypeVar("P", bound="Params")


class Params(BaseModel):
    """Parameters of a stage: immutable, complete with defaults, no unknown key accepted.

    Every field is `Field(default=…, description="… (unit)")`: the description becomes the config reference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse(model: type[P], source: str | None, option: str = "--params") -> P:
    """Read parameters from inline JSON, or from a YAML or JSON file; None gives the defaults.

    Raises
    ------
    InputError
        Naming the key, what was found and what was expected.
    """
    if source is None:
        return model()
    text = source.strip()
    if not text.startswith("{"):
        path = Path(text)
        if not path.is_file():
            raise InputError(f"{option}: need JSON in braces or a file, got {text!r}")
        option, text = str(path), path.read_text()
    try:
        values = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as e:
        cause = " ".join(str(e).split())
        raise InputError(f"{option}: need JSON or YAML, got text that is neither ({cause})") from e
    return validated(model, values or {}, option)


def validated(model: type[P], values: object, option: str) -> P:
    """Check values against a model; pydantic's findings become one `InputError`, a line each."""
    try:
        return model.model_validate(values)
    except ValidationError as e:
        lines = [
            f"{'.'.join(str(p) for p in f['loc']) or '(top)'}: {f['msg']}, got {_short(f['input'])}" for f in e.errors()
        ]
        raise InputError(f"{option}: " + "; ".join(lines)) from e


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
