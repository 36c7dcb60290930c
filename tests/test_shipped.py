"""Where compiled code is kept when the package, or the home too, is read-only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photo51 import shipped

PACKAGE = Path(shipped.__file__).parent


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """Makes some folders, and all below them, refuse to be written."""
    refused: list[Path] = []
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda p, mode: not any(Path(p).is_relative_to(r) for r in refused) and real(p, mode)
    )
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return refused


def test_a_package_that_can_be_written_keeps_its_own(read_only):
    shipped.keep_compiled_code()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_a_read_only_package_uses_the_home(read_only):
    read_only.append(PACKAGE)
    shipped.keep_compiled_code()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_without_either_a_temporary_folder_is_made_once(read_only, tmp_path, monkeypatch):
    read_only += [PACKAGE, tmp_path / "home", tmp_path]
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    shipped.keep_compiled_code()
    made = Path(os.environ["NUMBA_CACHE_DIR"])
    assert made.parent == tmp_path / "tmp"
    assert made.is_dir()
    shipped.keep_compiled_code()
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == made


def test_what_the_user_set_is_left_alone(read_only, monkeypatch, tmp_path):
    read_only += [PACKAGE, tmp_path]
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    shipped.keep_compiled_code()
    assert os.environ["NUMBA_CACHE_DIR"] == "/somewhere"
