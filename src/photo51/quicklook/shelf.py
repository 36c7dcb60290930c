"""Dictionaries that come with photo51: weights, names, replication, what they were trained on."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from photo51.io import read_table
from photo51.io.contracts.enrichment import NAMES, REPLICATION
from photo51.io.contracts.quicklook import SEED_MATCH, TYPICAL
from photo51.sae.dictionary import Dictionary
from photo51.shipped import shipped, shipped_folder
from photo51.types import InputError

FOLDER, ABOUT = "resources/dictionaries", "about.json"


def shipped_dictionaries() -> list[str]:
    """Names of the models whose dictionary comes with photo51, as `base`."""
    folder = shipped_folder() / FOLDER
    return sorted(p.parent.name for p in folder.glob("*/sae.safetensors"))


class Shelved:
    """A dictionary with what is known of its features; read when asked for.

    Parameters
    ----------
    folder
        Folder that `photo51 ship-dictionary` wrote.

    Raises
    ------
    InputError
        Where it is none.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        if not (self.folder / ABOUT).is_file():
            raise InputError(
                f"{folder}: need a dictionary with its names, as `photo51 ship-dictionary RUN {folder}` writes it, got"
                f" no {ABOUT} there"
            )

    @cached_property
    def about(self) -> dict[str, Any]:
        """Model, site, training data, quality, seed match, parameters."""
        return dict(json.loads((self.folder / ABOUT).read_text(encoding="utf-8")))

    @cached_property
    def sae(self) -> Dictionary:
        """The dictionary itself."""
        return Dictionary.load(self.folder)

    @cached_property
    def names(self) -> pd.DataFrame:
        """What features are called (contract `NAMES`)."""
        return read_table(self.folder / "names.parquet", NAMES)

    @cached_property
    def replication(self) -> pd.DataFrame:
        """Replication checks of the names (contract `REPLICATION`)."""
        path = self.folder / "replication.parquet"
        if not path.is_file() and (old := self.folder / "ledger.parquet").is_file():
            raise InputError(
                f"{old} is of an older photo51: `photo51 ship-dictionary RUN {self.folder}` writes it again"
            )
        return read_table(path, REPLICATION)

    @cached_property
    def features(self) -> pd.DataFrame:
        """Each feature, its largest activation, and whether other seeds find it (contract `SEED_MATCH`)."""
        return read_table(self.folder / "features.parquet", SEED_MATCH)

    @property
    def bases(self) -> int:
        """(base, strand) pairs of the run that the dictionary is from: what units and densities were measured on."""
        return 2 * sum(int(t["scored"]) for t in self.about["trained_on"])

    @cached_property
    def typical(self) -> pd.DataFrame:
        """Windows of the sequence it was trained on, as the model and the dictionary read them (contract `TYPICAL`)."""
        return read_table(self.folder / "typical.parquet", TYPICAL)


def shelf_of(model: str, folder: Path | str | None = None) -> Shelved:
    """The dictionary of a model that comes with photo51, or the one in a folder.

    Raises
    ------
    InputError
        Where there is none, listing those there are.
    """
    if folder is not None:
        return Shelved(folder)
    name = model.removeprefix("sh2:")
    if not model.startswith("sh2:") or name not in shipped_dictionaries():
        offered = ", ".join(f"sh2:{n}" for n in shipped_dictionaries()) or "no model"
        raise InputError(
            f"--model {model}: need a model whose dictionary comes with photo51 ({offered}), or --dictionary FOLDER of"
            " `photo51 ship-dictionary`"
        )
    return Shelved(shipped(f"{FOLDER}/{name}"))
