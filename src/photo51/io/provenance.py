"""Where a file came from, kept inside the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from photo51 import __version__
from photo51.io.files import sha256


class Provenance(BaseModel):
    """What made a file. Holds no time and no path of the machine, so that the same run gives the same bytes.

    Attributes
    ----------
    stage
        Command that wrote the file.
    version
        photo51's version.
    params
        The stage's parameters, complete with defaults.
    inputs
        File name → SHA-256.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    version: str = __version__
    params: dict[str, Any] = {}
    inputs: dict[str, str] = {}

    def dumps(self) -> str:
        """As one line of JSON with sorted keys."""
        return json.dumps(self.model_dump(), sort_keys=True)


def provenance(
    stage: str, params: BaseModel | Mapping[str, Any] | None = None, inputs: list[Path | str] | None = None
) -> Provenance:
    """Record a stage, its parameters and the hashes of its input files (folders are left out)."""
    if isinstance(params, BaseModel):
        params = params.model_dump(mode="json")
    files = [Path(p) for p in inputs or []]
    return Provenance(stage=stage, params=dict(params or {}), inputs={p.name: sha256(p) for p in files if p.is_file()})
