"""The dictionary that comes with photo51."""

from __future__ import annotations

from pathlib import Path

import pytest

from photo51.model.adapters import load_model
from photo51.quicklook.shelf import Shelved, shelf_of, shipped_dictionaries
from photo51.quicklook.shipping import halved, seed_match
from photo51.types import InputError


@pytest.fixture(scope="module")
def model():
    return load_model("sh2:base", device="cpu")


@pytest.fixture(scope="module")
def shelf() -> Shelved:
    return shelf_of("sh2:base")


def test_it_fits_the_model_it_comes_with(model, shelf: Shelved) -> None:
    assert shipped_dictionaries() == ["base"]
    shelf.sae.origin.require(model.spec.origin(shelf.sae.origin.site), "shipped")
    assert sum(p.stat().st_size for p in shelf.folder.iterdir()) < 10_000_000
    assert halved(shelf.sae).hash == shelf.sae.hash  # type: ignore[arg-type]


def test_its_card_and_figures_are_those_of_its_tables(shelf: Shelved) -> None:
    features, names, about = shelf.features, shelf.names, shelf.about
    assert features["feature"].tolist() == list(range(shelf.sae.n_features))
    figures = seed_match(features, names)
    assert figures == {k: about["seed_match"][k] for k in figures}
    named = names[names["named"]]
    assert about["names"]["named"] == len(named) == named["feature"].nunique()
    assert set(shelf.ledger["feature"]) >= set(named["feature"])
    page = (shelf.folder / "README.md").read_text()
    assert f"{figures['seed_match_live']:.3f}" in page
    assert f"{about['quality']['variance_explained']:.4f}" in page
    assert shelf.typical[["bits", "variance_explained"]].notna().all(axis=None)


def test_a_model_without_a_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sh2:base"):
        shelf_of("evo2:7b")
    with pytest.raises(InputError, match="ship-dictionary"):
        Shelved(tmp_path)
