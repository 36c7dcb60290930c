"""Every file that the workflow writes has its place in the layout, and a place finds its files again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from photo51.run.layout import LAYOUT, RunFile, dictionaries, path, run_file
from photo51.types import InputError

RULES = Path(__file__).parents[2] / "workflow" / "rules"


def declared() -> set[str]:
    """Paths of a run that the rules name, with their wildcards."""
    text = "\n".join(p.read_text() for p in RULES.glob("*.smk"))
    return {found.replace("{{", "{").replace("}}", "}") for found in re.findall(r"<results>/([^\"]+)", text)}


def test_the_rules_name_no_file_that_the_layout_does_not_know():
    known = {p.pattern for p in LAYOUT.values()}
    known |= {p.fill(sae="main") for p in LAYOUT.values()}
    assert declared(), "the rules name files of a run"
    assert declared() - known == set()


def test_no_two_names_stand_for_one_file():
    patterns = [p.pattern for p in LAYOUT.values()]
    assert len(set(patterns)) == len(patterns)


def test_a_place_finds_its_files_and_says_what_their_wildcards_are(tmp_path: Path):
    for name in ("mito", "tb katG", "é.1"):
        file = tmp_path / "biomarkers" / name / "cards.parquet"
        file.parent.mkdir(parents=True)
        file.touch()
    cards = LAYOUT["cards"]
    assert [cards.values(p, tmp_path)["name"] for p in cards.paths(tmp_path)] == ["mito", "tb katG", "é.1"]
    assert cards.paths(tmp_path, name="mito") == [path(tmp_path, "cards", name="mito")]
    assert LAYOUT["classifiers"].values(cards.paths(tmp_path)[0], tmp_path) == {}


def test_dictionaries_are_those_with_codes(tmp_path: Path):
    for name in ("seed1", "main"):
        (tmp_path / "codes" / name).mkdir(parents=True)
        (tmp_path / "codes" / name / "codes.json").touch()
    (tmp_path / "codes" / "unfinished").mkdir()
    assert dictionaries(tmp_path) == ["main", "seed1"]


def test_a_name_that_is_none_and_a_wildcard_without_a_value_are_refused():
    with pytest.raises(InputError, match=r"'card': need a file of a run, one of .*cards"):
        run_file("card")
    with pytest.raises(InputError, match=r"biomarkers/\{name\}/cards.parquet: need a value for name"):
        path("results/demo", "cards")


def test_a_wildcard_does_not_reach_over_a_folder():
    assert RunFile("a/{x}.json", "", "").values("run/a/b/c.json", "run") == {}
