"""Does a converted Evo 2 predict what its authors published? Loss and accuracy on their four sequences.

A checkpoint can load without an error and still be wrong: layers that need 8-bit products, run without them, give 1.25
nats in place of 0.50.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.genome.alphabet import encode
from photo51.io import sha256
from photo51.model.checkpoints.presets import PRESETS
from photo51.model.families.adapters import DnaModel, parse_name
from photo51.model.families.native import read_record
from photo51.shipped import shipped
from photo51.types import InputError

FOLDER, PROMPTS, FIGURES = "resources/evo2_checks", "prompts.csv", "figures.tsv"
BROKEN = 50.0  # accuracy (%) below which the authors call a model broken


class PublishedFigure(NamedTuple):
    """What was published of a model; loss and accuracy are NaN where nothing was.

    Attributes
    ----------
    loss
        Mean over sequences of the mean cross-entropy of the next byte (nats).
    accuracy
        Mean share of next bytes that are the most likely one (%).
    tolerance
        Largest difference of the loss that is no miss (nats).
    """

    loss: float
    accuracy: float
    tolerance: float


def preset_of(name: str) -> str | None:
    """Released model that a name or a folder of `photo51 convert` stands for; None for others and for fresh weights."""
    text, seed = parse_name(name)
    if seed is not None:
        return None
    preset = text if text in PRESETS else str(read_record(Path(text)).get("preset"))
    return preset if preset.startswith("evo2:") else None


def figures(folder: Path | None = None) -> dict[str, PublishedFigure]:
    """Published figures by preset.

    Raises
    ------
    InputError
        For a file that is absent or has other columns.
    """
    path = (folder or shipped(FOLDER)) / FIGURES
    if not path.is_file():
        raise InputError(f"{path}: need a table of published figures, got no such file")
    table = pd.read_csv(path, sep="\t")
    if list(table.columns) != ["model", *PublishedFigure._fields]:
        raise InputError(
            f"{path}: need columns model, {', '.join(PublishedFigure._fields)}, got {', '.join(table.columns)}"
        )
    return {
        str(r["model"]): PublishedFigure(r["loss"], r["accuracy"], r["tolerance"]) for r in table.to_dict("records")
    }


def prompts(folder: Path | None = None) -> list[NDArray[np.uint8]]:
    """The published sequences as upper-case bytes.

    Raises
    ------
    InputError
        For a file that is absent, or has no column `Sequence`.
    """
    path = (folder or shipped(FOLDER)) / PROMPTS
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    if "Sequence" not in table or table.empty:
        raise InputError(
            f"{path}: need a table with a column Sequence, got {'other columns' if path.is_file() else 'no such file'}"
        )
    return [encode(text) for text in table["Sequence"]]


def measure_published(model: DnaModel, sequences: list[NDArray[np.uint8]]) -> tuple[float, float]:
    """Loss (nats) and accuracy (%), means over sequences of means over next bytes, softmax over the whole
    vocabulary.
    """
    losses, right = [], []
    for ids in sequences:
        logits = model.forward([ids]).logits
        assert logits is not None
        scores = logits[0][:-1].float()
        target = torch.from_numpy(ids[1:].astype(np.int64)).to(scores.device)
        losses.append(float(torch.nn.functional.cross_entropy(scores, target)))
        right.append(float((scores.argmax(dim=-1) == target).float().mean()))
    return float(np.mean(losses)), 100 * float(np.mean(right))


class PublishedComparison(NamedTuple):
    """A model beside what was published of it.

    Attributes
    ----------
    preset
        Name of the released model.
    loss, accuracy
        As measured here.
    figure
        As published.
    prompts_sha256
        Of the file of sequences.
    """

    preset: str
    loss: float
    accuracy: float
    figure: PublishedFigure
    prompts_sha256: str

    @property
    def miss(self) -> float:
        """Difference of the loss from the published one (nats); NaN where none was published."""
        return abs(self.loss - self.figure.loss)


def compare_published(
    model: DnaModel, folder: Path | None = None, preset: str | None = None
) -> PublishedComparison | None:
    """Measure a released model on the published sequences; None for a model of which nothing was published.

    Parameters
    ----------
    model
        Any model.
    folder
        Where `prompts.csv` and `figures.tsv` lie; those that come with photo51 where None.
    preset
        What it is compared with; default: what its name or folder says it is.
    """
    preset = preset or preset_of(model.spec.name)
    published = figures(folder)
    if preset is None or preset not in published:
        return None
    loss, accuracy = measure_published(model, prompts(folder))
    digest = sha256((folder or shipped(FOLDER)) / PROMPTS)
    return PublishedComparison(preset, loss, accuracy, published[preset], digest)
