"""A converted Evo 2 beside published figures: a tiny model, made-up figures in the layout of the real ones."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from photo51.model.checkpoints import presets
from photo51.model.checkpoints.convert import convert
from photo51.model.families import native, published
from photo51.model.families.adapters import load_model
from photo51.model.families.published import PROMPTS, compare_published, figures, measure_published, preset_of, prompts
from photo51.model.families.selftest import PublishedParams, _published
from photo51.shipped import shipped
from photo51.types import InputError

from .released import PRESET, released_state, save, tiny

SEQUENCES = ["ACGTTGCAAGTCCATGN", "TTGACAGGATCCTATAATGC"]


def write(folder: Path, loss: float, accuracy: float = 60.0) -> Path:
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{s},made up {i},100%\n" for i, s in enumerate(SEQUENCES))
    (folder / "prompts.csv").write_text(f"Sequence,Name,Percent\n{rows}")
    (folder / "figures.tsv").write_text(f"model\tloss\taccuracy\ttolerance\n{PRESET.name}\t{loss}\t{accuracy}\t0.001\n")
    return folder


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (published, native):
        monkeypatch.setattr(module, "PRESETS", {**presets.PRESETS, PRESET.name: PRESET})
    convert(save(released_state(tiny()), tmp_path / "tiny.pt"), tmp_path / "model", PRESET)
    return load_model(str(tmp_path / "model"), device="cpu")


def by_hand(model) -> tuple[float, float]:
    """Loss and accuracy from the model's own logits, base by base."""
    losses, hits = [], []
    for text in SEQUENCES:
        ids = torch.tensor([list(text.encode())])
        with torch.no_grad():
            logits = model.model(ids).logits[0].double()
        odds = logits - torch.log(torch.exp(logits - logits.max()).sum(dim=1, keepdim=True)) - logits.max()
        losses.append(-sum(float(odds[i, ord(text[i + 1])]) for i in range(len(text) - 1)) / (len(text) - 1))
        hits.append(np.mean([int(logits[i].argmax()) == ord(text[i + 1]) for i in range(len(text) - 1)]))
    return float(np.mean(losses)), 100 * float(np.mean(hits))


def test_the_loss_is_that_of_every_next_byte(model, tmp_path: Path) -> None:
    found = measure_published(model, prompts(write(tmp_path / "checks", 1.0)))
    assert found == pytest.approx(by_hand(model), rel=1e-4)


def test_a_folder_says_what_it_was_converted_from(model) -> None:
    assert preset_of(model.spec.name) == PRESET.name
    assert preset_of(f"{model.spec.name}@random:3") is None
    assert preset_of("sh2:nano") is None


def checks(model, folder: Path, **options) -> dict[str, object]:
    return {c.name: c.passed for c in _published(model, PublishedParams(folder, **options))}


def test_a_model_that_misses_is_refused_unless_told_otherwise(model, tmp_path: Path) -> None:
    loss, accuracy = by_hand(model)
    good = accuracy >= 50
    right = checks(model, write(tmp_path / "right", loss + 0.0005))
    assert right == {"published_loss": True, "published_accuracy": good}
    wrong = write(tmp_path / "wrong", loss + 0.002)
    assert checks(model, wrong)["published_loss"] is False
    assert checks(model, wrong, tolerance=0.01)["published_loss"] is True
    accepted = checks(model, wrong, accept=True)
    assert accepted["published_loss"] is None
    assert accepted["published_accuracy"] is (True if good else None)


def test_without_a_figure_nothing_is_compared(model, tmp_path: Path) -> None:
    folder = write(tmp_path / "checks", 1.0)
    (folder / "figures.tsv").write_text("model\tloss\taccuracy\ttolerance\nevo2:7b\t0.3\t86\t0.001\n")
    assert compare_published(model, folder) is None
    assert checks(model, folder) == {"published_loss": None}
    (folder / "figures.tsv").write_text(f"model\tloss\taccuracy\ttolerance\n{PRESET.name}\t\t\t0.001\n")
    found = compare_published(model, folder)
    assert found is not None
    assert math.isnan(found.miss)
    assert checks(model, folder)["published_loss"] is None


def test_files_in_another_layout_are_refused(tmp_path: Path) -> None:
    (tmp_path / "figures.tsv").write_text("name\tloss\n")
    (tmp_path / "prompts.csv").write_text("seq\nACGT\n")
    with pytest.raises(InputError, match=r"figures\.tsv: need columns model"):
        figures(tmp_path)
    with pytest.raises(InputError, match="Sequence"):
        prompts(tmp_path)


def test_what_ships_is_what_its_page_says() -> None:
    folder = shipped("resources/evo2_checks")
    page = (folder / "README.md").read_text()
    for name in (PROMPTS, "figures.tsv"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in page
    assert [len(s) for s in prompts()] == [6538, 7056, 6160, 7616]
    known = figures()
    assert set(known) <= set(presets.PRESETS)
    assert known["evo2:1b_base"].loss == 0.5019531
