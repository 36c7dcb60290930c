"""Disks that are full or read-only: named in a sentence, nothing half-written, and the same command goes on afterwards."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from photo51.cli import main
from photo51.io import atomic
from photo51.io.files import cannot_write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 kB, and a way to change it."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounts a file system: root only")

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=False, capture_output=True)

    if mount("size=96k").returncode:
        pytest.skip("no tmpfs here")
    yield place, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", place], check=True)


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["photo51", *map(str, words)])
    before = os.umask(0)
    try:
        main()
    except SystemExit as e:
        return e.code
    finally:
        os.umask(before)
    return 0


def genomes(folder):
    sheet = folder / "genomes.tsv"
    sheet.write_text(f"genome\tsequence\ttopology\nmt\t{ROOT}/resources/human_mt/NC_012920.1.fa\tcircular\n")
    return sheet


def test_a_full_disk_is_named_and_the_command_goes_on_when_there_is_space(small_disk, tmp_path, monkeypatch, capsys):
    place, change = small_disk
    sheet = genomes(tmp_path)
    (place / "ballast").write_bytes(bytes(80 << 10))
    assert call(monkeypatch, "prepare", sheet, place / "genome") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("photo51: ")
    assert "a disk that is full" in said
    assert not [p for p in (place / "genome").rglob("*") if p.is_file()]
    assert change("size=64m").returncode == 0
    assert call(monkeypatch, "prepare", sheet, place / "genome") in {0, None}
    assert call(monkeypatch, "prepare", sheet, tmp_path / "elsewhere") in {0, None}
    for path in (tmp_path / "elsewhere").iterdir():
        assert path.read_bytes() == (place / "genome" / path.name).read_bytes()


def test_read_only_results_are_named(small_disk, tmp_path, monkeypatch, capsys):
    place, change = small_disk
    assert change("ro").returncode == 0
    assert call(monkeypatch, "prepare", genomes(tmp_path), place / "genome") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert str(place) in said
    assert "read-only" in said


def test_what_was_whole_stays_when_its_successor_does_not_fit(small_disk):
    place, _ = small_disk
    with atomic(place / "a") as partial:
        partial.write_bytes(b"whole")
    with pytest.raises(OSError, match="No space") as caught, atomic(place / "a") as partial:
        partial.write_bytes(bytes(1 << 20))
    assert (place / "a").read_bytes() == b"whole"
    assert [p.name for p in place.iterdir()] == ["a"]
    assert str(place / "a") in cannot_write(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EDQUOT, "x", "f"), "f: need space to write, got a quota"),
        (
            OSError("Can't write data (errno = 28, error message = 'No space left on device')"),
            "a disk that is full",
        ),
        (PermissionError(errno.EACCES, "x", "f"), "f: need permission"),
    ],
)
def test_libraries_that_lose_the_number_are_understood(error, said):
    assert said in cannot_write(error)


def test_other_errors_stay_what_they_are():
    assert cannot_write(FileNotFoundError(errno.ENOENT, "x", "f")) is None


def test_nobody_else_may_change_what_is_written(tmp_path, monkeypatch):
    assert call(monkeypatch, "schema", tmp_path / "schema.json") in {0, None}
    assert not stat.S_IMODE((tmp_path / "schema.json").stat().st_mode) & 0o002
