"""What `photo51 doctor` finds: a damaged file is a problem, an absent cluster is none."""

from __future__ import annotations

from pathlib import Path

from photo51.project import doctor


def test_this_machine_has_no_problem(tmp_path):
    found = list(doctor.checkup(tmp_path))
    assert [f.topic for f in found if f.state == doctor.BAD] == []
    assert {"Python", "Disk", "Memory", "Snakemake", "Data", "PyTorch", "Self-test"} <= {f.topic for f in found}


def test_a_shipped_file_that_differs_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "resources"
    folder.mkdir()
    (folder / "a.txt").write_text("abc")
    # SHA-256 of "abc", FIPS 180-2 appendix B.1
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (folder / "checksums.sha256").write_text(f"{right}  a.txt\n")
    monkeypatch.setattr(doctor, "shipped_folder", lambda: tmp_path)
    assert doctor._shipped_files().state == doctor.GOOD
    (folder / "a.txt").write_text("abd")
    problem = doctor._shipped_files()
    assert problem.state == doctor.BAD
    assert "a.txt" in problem.text
    Path(folder / "a.txt").unlink()
    assert doctor._shipped_files().state == doctor.BAD
