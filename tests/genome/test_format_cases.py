"""Annotation files of the kinds that people have trouble with: what has to come of each was worked out by hand."""

from pathlib import Path

import pytest

from benchmarks._format_cases import problems

CASES = sorted(p.parent for p in (Path(__file__).parent / "cases").glob("*/case.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_a_case_comes_out_right(case, tmp_path):
    assert problems(case, tmp_path) == []
