"""Runs that are killed at random go on and end in the same bytes; `python -m benchmarks scaling` does the same fifty times."""

import subprocess
import sys

import pytest

from benchmarks import _kills
from benchmarks._growth import small_model
from photo51.io import is_temporary, remove_temporaries


@pytest.mark.slow
def test_stages_killed_at_random_moments_leave_the_same_bytes(tmp_path):
    found = _kills.stage_kills(tmp_path, small_model(tmp_path), 3, seed=7)
    assert found == {"stage_kills_survived": 3, "stage_kills_tried": 3}


@pytest.mark.slow
@pytest.mark.workflow
def test_a_workflow_killed_again_and_again_ends_in_the_same_bytes(tmp_path):
    assert _kills.workflow_kills(tmp_path, 3) == {"kills_survived": 3, "kills_tried": 3}


DIES = """
import os, sys
from photo51.io import atomic
with atomic(sys.argv[1]) as partial:
    if sys.argv[1].endswith("folder"):
        partial.mkdir()
        partial = partial / "page.html"
    partial.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_leaves_is_known_by_its_name_and_removed(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / "kept.partial.txt").write_text("whole")
    for name in ("table.parquet", "sub/folder"):
        assert subprocess.run([sys.executable, "-c", DIES, tmp_path / name], check=False).returncode == -9
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(left) == 4
    assert sorted(p.name for p in left if not is_temporary(p)) == [".lock", "kept.partial.txt"]
    remove_temporaries(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == [".lock", "kept.partial.txt", "sub"]
