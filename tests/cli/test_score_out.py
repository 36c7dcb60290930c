"""`photo51 score` writes a table and an annotated copy, and never over the file it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from photo51.cli import app
from photo51.types import InputError

VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc\t1\t.\tA\tC\t.\t.\t.\n"


@pytest.mark.parametrize("out", ["mine.tsv", "mine.vcf", "other.vcf", "./mine.tsv"])
def test_the_source_is_never_written(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.vcf").write_text(VCF)
    done = CliRunner().invoke(app, ["score", "mine.vcf", "--genome", "absent.fa", "--out", out])
    assert isinstance(done.exception, InputError)
    assert f"--out {out.removeprefix('./')}" in str(done.exception)
    assert Path("mine.vcf").read_text() == VCF
    assert {p.name for p in tmp_path.iterdir()} == {"mine.vcf"}
