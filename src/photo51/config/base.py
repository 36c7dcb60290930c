"""What all parameter models share."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from photo51.types import InputError

log = logging.getLogger(__name__)
P = TypeVar("P", bound="Params")


class Params(BaseModel):
    """Parameters of a stage: immutable, complete with defaults, no unknown key accepted.

    Every field is `Field(default=…, description="… (unit)")`: the description becomes the config reference.
    """

    # NaN passes no comparison and infinity most: neither is a setting
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    former_keys: ClassVar[Mapping[str, str]] = MappingProxyType({})  # key of an older photo51 → today's; empty: gone

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        return cls.renamed(values) if isinstance(values, Mapping) else values

    @classmethod
    def renamed(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values whose keys of older versions go by today's names, which is said.

        Raises
        ------
        ValueError
            Where a key is there under both names.
        """
        for old, new in cls.former_keys.items():
            if new and old in values and new in values:
                raise ValueError(f"{old} is called {new} now: need one of them, got both")
            if old in values:
                log.warning("configuration: %s %s now", old, f"is called {new}" if new else "does nothing")
        return {new: value for key, value in values.items() if (new := cls.former_keys.get(key, key))}


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
