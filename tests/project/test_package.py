"""The wheel in an environment of its own and an empty folder with a space and an é: `photo51 demo` reaches the report."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.package, pytest.mark.slow]
# no trace of the checkout: neither its sources nor its working directory
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "PHOTO51"))}
PLAIN["JUPYTER_PATH"] = f"{sysconfig.get_path('data')}/share/jupyter"  # of the packages that are taken from there


def call(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that the sdist gives, as an index would build it."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT), folder=out)
    (path,) = out.glob("photo51-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """`bin` of an environment that holds the wheel; what it depends on is taken from the environment of the tests."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", str(folder), folder=folder.parent)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = folder / "bin" / "photo51"
    script.write_text(f"#!{folder}/bin/python\nfrom photo51.cli import main\nmain()\n")
    script.chmod(0o755)
    return folder / "bin"


def test_the_wheel_holds_what_a_run_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("workflow/Snakefile", "workflow/profiles/slurm/config.yaml", "notebooks/01_run_at_a_glance.py", "config/config.yaml",
                 "resources/models/base/model.safetensors", "resources/human_mt/NC_012920.1.fa"):  # fmt: skip
        assert f"photo51/shipped_files/{name}" in names
    assert not [
        n for n in names if "bench/" in n or "benchmarks/" in n or "planted" in n or ".venv" in n or "results/" in n
    ]


def test_the_demo_reaches_the_report_in_any_folder(installed, tmp_path):
    folder = tmp_path / "un dossier é"
    folder.mkdir()
    where = call(str(installed / "python"), "-c", "import photo51; print(photo51.__file__)", folder=folder)
    assert str(installed.parent) in where
    said = call(str(installed / "photo51"), "demo", "--small", "--cores", "2", folder=folder)
    assert (folder / "results/nano/report.html").is_file(), said[-3000:]
    assert sorted(p.name for p in folder.iterdir()) == [".snakemake", "config.yaml", "genomes.tsv", "results"]
    call(str(installed / "photo51"), "verify", "results/nano", folder=folder)
    again = call(str(installed / "photo51"), "run", folder=folder)
    assert "up to date" in again


def test_a_package_without_its_files_says_how_it_is_built(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/photo51").symlink_to(ROOT / "src/photo51")
    done = subprocess.run(
        [sys.executable, "-c", "from photo51 import shipped; shipped.__file__ = '/nowhere/x/shipped.py'; shipped.shipped_folder()"],
        env={**PLAIN, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "need the files that come with photo51" in done.stderr
    assert "pip wheel" in done.stderr
