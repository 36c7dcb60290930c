"""The dictionary that comes with photo51, and a sequence read with it from end to end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pybigtools
import pytest
from markupsafe import Markup

from photo51.config.base import parse
from photo51.config.run import Config
from photo51.genome.alphabet import encode, reverse_complement
from photo51.model.families.adapters import load_model
from photo51.quicklook.card import shared_beginning
from photo51.quicklook.read import WRITTEN, read_source
from photo51.quicklook.shelf import Shelved, shelf_of, shipped_dictionaries
from photo51.quicklook.shipping import halved, seed_matches
from photo51.quicklook.source import open_source
from photo51.shipped import shipped_folder
from photo51.types import InputError

LAMBDA = Path(__file__).parents[2] / "resources/phage/NC_001416.1_lambda.fa.gz"
LENGTH = 900


@pytest.fixture(scope="module")
def model():
    return load_model("sh2:base", device="cpu")


@pytest.fixture(scope="module")
def shelf() -> Shelved:
    return shelf_of("sh2:base")


@pytest.fixture(scope="module")
def look(model, shelf: Shelved):
    return read_source(open_source(str(LAMBDA), region=f"1001-{1000 + LENGTH}"), model, shelf)


def test_it_fits_the_model_it_comes_with(model, shelf: Shelved) -> None:
    assert shipped_dictionaries() == ["base"]
    shelf.sae.origin.require(model.spec.origin(shelf.sae.origin.site), "shipped")
    assert sum(p.stat().st_size for p in shelf.folder.iterdir()) < 10_000_000
    assert halved(shelf.sae).hash == shelf.sae.hash  # type: ignore[arg-type]


def test_a_dictionary_of_an_older_version_is_named_with_the_command_that_packs_it(tmp_path) -> None:
    (tmp_path / "about.json").write_text("{}")
    (tmp_path / "ledger.parquet").touch()
    with pytest.raises(InputError, match=r"ledger.parquet is of an older photo51: `photo51 ship-dictionary RUN "):
        _ = Shelved(tmp_path).replication


def test_its_card_and_figures_are_those_of_its_tables(shelf: Shelved) -> None:
    features, names, about = shelf.features, shelf.names, shelf.about
    assert features["feature"].tolist() == list(range(shelf.sae.n_features))
    figures = seed_matches(features, names)
    assert figures == {k: about["seed_match"][k] for k in figures}
    named = names[names["named"]]
    assert about["names"]["named"] == len(named) == named["feature"].nunique()
    assert set(shelf.replication["feature"]) >= set(named["feature"])
    page = (shelf.folder / "README.md").read_text()
    assert f"{figures['seed_match_live']:.3f}" in page
    assert f"{about['quality']['variance_explained']:.4f}" in page
    assert shelf.typical[["bits", "variance_explained"]].notna().all(axis=None)


def test_it_is_by_the_shipped_configuration_that_its_card_names(shelf: Shelved) -> None:
    path = shipped_folder() / shelf.about["run"]["config"]
    config = parse(Config, str(path))
    assert config.run == shelf.about["run"]["name"]
    assert config.sae.model_dump(mode="json") == shelf.about["sae"]


def test_seeds_that_share_their_beginning_are_said_to(shelf: Shelved) -> None:
    said = "All seeds begin at the same centroids"
    assert shelf.about["sae"]["beginning"] == "centroids"
    assert said in (shelf.folder / "README.md").read_text()
    assert said in shared_beginning({"beginning": "random", "decoder": "archetypal"})
    assert shared_beginning({"beginning": "random", "decoder": "free"}) == ""


def test_bits_are_the_models_and_strands_change_places(model, shelf: Shelved, look) -> None:
    (piece,) = look.pieces
    alone = model.log_probs([np.concatenate([piece.before, piece.ids])])[0][len(piece.before) :]
    assert look.strands[0]["+"].bits == pytest.approx(-alone / math.log(2), abs=1e-4)
    text = reverse_complement(np.concatenate([piece.before, piece.ids, piece.after])).tobytes().decode()
    start = len(piece.after) + 1
    other = read_source(open_source(text, region=f"{start}-{start + LENGTH - 1}"), model, shelf)
    for strand, mirror in (("+", "-"), ("-", "+")):
        one, two = look.strands[0][strand], other.strands[0][mirror]
        assert one.bits == pytest.approx(two.bits[::-1], abs=1e-4)
        assert (one.codes != two.codes[::-1]).nnz <= 0.001 * one.codes.nnz
    assert (one.codes.getnnz(axis=1) <= shelf.about["sae"]["k"]).all()
    # windows and what is said of them too
    columns = ["start", "end", "unlike"]
    flipped = other.windows.assign(
        start=LENGTH - (other.windows["end"] - (start - 1)),
        end=LENGTH - (other.windows["start"] - (start - 1)),
        strand=other.windows["strand"].map({"+": "-", "-": "+"}),
    ).sort_values(["strand", "start"])
    mine = look.windows.assign(start=look.windows["start"] - 1_000, end=look.windows["end"] - 1_000)
    assert flipped[columns].to_numpy().tolist() == mine.sort_values(["strand", "start"])[columns].to_numpy().tolist()


def test_page_and_files_say_what_the_tables_say(look, tmp_path: Path) -> None:
    page = look.write(tmp_path / "out")
    text = page.read_text()
    for outside in ("src=", 'href="http', "@import", "url(http"):
        assert outside not in text
    assert "NC_001416.1_lambda.fa.gz" in text
    assert f"{look.bits['+']:.3f} | {look.bits['-']:.3f}" in text
    signal = pybigtools.open(str(tmp_path / "out" / "bits_plus.bw"))
    values = np.array(signal.values("NC_001416.1", 1_000, 1_000 + LENGTH, fillna=None))
    assert values == pytest.approx(look.strands[0]["+"].bits, abs=1e-4)
    bed = pd.read_csv(tmp_path / "out" / "features.bed", sep="\t", header=None)
    assert len(bed) == len(look.calls) > 0
    assert bed[1].min() >= 1_000
    assert bed[2].max() <= 1_000 + LENGTH
    look.write(tmp_path / "out")  # an earlier look is replaced
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        look.write(tmp_path / "other")


def test_random_sequence_is_called_unlike_the_training(model, shelf: Shelved) -> None:
    text = "".join(np.random.default_rng(1).choice(list("ACGT"), 1_024))
    found = read_source(open_source(text), model, shelf)
    assert found.bits["+"] > 1.95
    assert (found.windows["bits_rank"] > 0.85).all()
    assert encode(text).tolist() == found.pieces[0].ids.tolist()


def test_a_model_without_a_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sh2:base"):
        shelf_of("evo2:7b")
    with pytest.raises(InputError, match="ship-dictionary"):
        Shelved(tmp_path)


def test_names_and_records_of_any_kind_are_read_and_shown_letter_by_letter(model, shelf: Shelved, tmp_path) -> None:
    rng = np.random.default_rng(8)
    names = ["a[[zzz]]b**c**{f12}`d`", 'x/<script>alert(1)</script>"', "one"]
    letters = ["".join(rng.choice(list("ACGT"), n)) for n in (65, 40, 1)]
    path = tmp_path / "hostile.fa"
    path.write_text("".join(f">{n}\n{s}\n" for n, s in zip(names, letters, strict=True)))
    found = read_source(open_source(str(path)), model, shelf)
    page = found.write(tmp_path / "look").read_text()
    assert "<script>alert" not in page
    text = Markup(page).striptags()
    assert f"{names[0]}:1-65; the axis" in text
    assert f"{names[1]}:1-40; the axis" in text
    # of a lone base nothing is said, and nothing of the others is lost
    assert [int(np.isfinite(s["+"].bits).sum()) for s in found.strands] == [64, 39, 0]
    assert {p.name for p in (tmp_path / "look").iterdir()} == WRITTEN
    with pybigtools.open(str(tmp_path / "look/bits_minus.bw")) as bw:
        assert [sum(b - a for a, b, _ in bw.records(n)) for n in names[:2]] == [64, 39]


def test_regions_that_overlap_are_counted_once(model, shelf: Shelved, tmp_path) -> None:
    twice = read_source(open_source(str(LAMBDA), region="1001-1300;1201-1500"), model, shelf)
    once = read_source(open_source(str(LAMBDA), region="1001-1500"), model, shelf)
    assert twice.bits == once.bits
    pd.testing.assert_frame_equal(twice.calls, once.calls)
    twice.write(tmp_path / "look")
    with pybigtools.open(str(tmp_path / "look/bits_plus.bw")) as bw:
        assert sum(1 for _ in bw.records("NC_001416.1")) == 500
