"""`photo51 doctor`: whether this machine can do a run, a line a question, each with what to do about it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from photo51.shipped import shipped_folder
from photo51.types import InputError

GOOD, NOTE, BAD = "ok", "note", "problem"


class Diagnosis(NamedTuple):
    """One line: how it stands (`ok`, `note` or `problem`), what was asked, what was found, and what to do."""

    state: str
    topic: str
    text: str
    remedy: str = ""


def checkup(folder: Path) -> Iterator[Diagnosis]:
    """Look at this machine, quick things first; the self-test of the shipped model comes last.

    Parameters
    ----------
    folder
        Where results would go.
    """
    questions: tuple[Callable[[], Diagnosis], ...] = (
        _interpreter,
        lambda: _disk(folder),
        _memory,
        _workflow,
        _slurm,
        _shipped_files,
        _torch,
        _accelerator,
        _model,
    )
    for question in questions:
        yield question()


def _interpreter() -> Diagnosis:
    text = (
        f"{platform.python_version()} in {sys.prefix}, {platform.machine()} {platform.system()}, {os.cpu_count()} cores"
    )
    return Diagnosis(GOOD, "Python", text)


def _disk(folder: Path) -> Diagnosis:
    free = shutil.disk_usage(folder).free / 1e9
    text = f"{free:,.0f} GB free in {folder.resolve()}"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        return Diagnosis(
            BAD, "Disk", f"{folder.resolve()} cannot be written to ({e.strerror})", "work in another folder"
        )
    if free < 5:
        return Diagnosis(
            NOTE,
            "Disk",
            text,
            "the demo takes about 1 GB, a bacterium about 10; `photo51 plan` estimates yours",
        )
    return Diagnosis(GOOD, "Disk", text)


def _memory() -> Diagnosis:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    meminfo = Path("/proc/meminfo")
    free = pages
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = int(fields["MemAvailable"].split()[0]) / 1e6
    text = f"{free:.1f} of {pages:.1f} GB free"
    if free < 4:
        return Diagnosis(NOTE, "Memory", text, "the demo needs about 4 GB; close other programs, or run with --cores 1")
    return Diagnosis(GOOD, "Memory", text)


def _workflow() -> Diagnosis:
    try:
        return Diagnosis(GOOD, "Snakemake", version("snakemake"))
    except PackageNotFoundError:
        return Diagnosis(BAD, "Snakemake", "not installed", "pip install 'photo51[workflow]'")


def _slurm() -> Diagnosis:
    if (sbatch := shutil.which("sbatch")) is None:
        return Diagnosis(
            NOTE,
            "Slurm",
            "no sbatch here",
            "only needed on a cluster; `--profile local` runs on this machine",
        )
    try:
        return Diagnosis(GOOD, "Slurm", f"{sbatch}, plugin {version('snakemake-executor-plugin-slurm')}")
    except PackageNotFoundError:
        return Diagnosis(NOTE, "Slurm", f"{sbatch}, but no plugin", "pip install 'photo51[workflow]'")


def _shipped_files() -> Diagnosis:
    try:
        folder = shipped_folder() / "resources"
    except InputError as e:
        return Diagnosis(BAD, "Data", str(e))
    listed = [line.split("  ", 1) for line in (folder / "checksums.sha256").read_text().splitlines() if line]
    wrong = [name for digest, name in listed if not _is(folder / name, digest)]
    if wrong:
        return Diagnosis(
            BAD,
            "Data",
            f"{len(wrong)} of {len(listed)} shipped files differ or are missing: {', '.join(wrong[:3])}",
            "install photo51 again, or `git checkout resources`",
        )
    names = sorted(p.parent.name for p in folder.glob("models/*/config.json"))
    return Diagnosis(GOOD, "Data", f"{len(listed)} files as shipped; models {', '.join('sh2:' + n for n in names)}")


def _is(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _torch() -> Diagnosis:
    try:
        import torch
    except ImportError as e:
        return Diagnosis(BAD, "PyTorch", f"cannot be imported ({e})", "pip install torch")
    with_mkl = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    one = "oneDNN" if torch.backends.mkldnn.is_available() else "no oneDNN"
    size = 1024
    a = torch.ones(size, size)
    a @ a
    began = perf_counter()
    for _ in range(4):
        a @ a
    rate = 4 * 2 * size**3 / (perf_counter() - began) / 1e9
    return Diagnosis(
        GOOD,
        "PyTorch",
        f"{torch.__version__}, {with_mkl}, {one}, {torch.get_num_threads()} threads, {rate:.0f} GFLOP/s float32, "
        f"{torch.backends.cpu.get_cpu_capability()}",
    )


def _accelerator() -> Diagnosis:
    try:
        import torch
    except ImportError:
        return Diagnosis(NOTE, "CUDA", "not asked, without PyTorch")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Diagnosis(
            GOOD,
            "CUDA",
            f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free, CUDA {torch.version.cuda}",
        )
    if shutil.which("nvidia-smi"):
        return Diagnosis(
            NOTE,
            "CUDA",
            "a driver, but a PyTorch without it",
            "TORCH=cuda sh workflow/setup.sh, or pip install torch",
        )
    return Diagnosis(NOTE, "CUDA", "none", "not needed for sh2 models; Evo 2 7B needs a GPU of 24 GB or more")


def _model() -> Diagnosis:
    """The shipped nano model on 4,000 bases of *E. coli*: it must beat what base composition alone gives."""
    try:
        import numpy as np

        from photo51.genome.formats.fasta import read_fasta
        from photo51.model.families.adapters import load_model

        began = perf_counter()
        model = load_model("sh2:nano", device="cpu")
        record = next(iter(read_fasta(shipped_folder() / "resources/ecoli_k12/NC_000913.3.fa.gz")))
        letters = record.ids[20_000:24_000]
        bits = -float(np.nanmean(model.log_probs([letters])[0], dtype=np.float64)) / float(np.log(2))
    except (ImportError, InputError, RuntimeError) as e:
        return Diagnosis(BAD, "Self-test", f"the shipped model could not be read: {e}", "install photo51 again")
    shares = np.unique(letters, return_counts=True)[1] / len(letters)
    chance = float(-(shares * np.log2(shares)).sum())
    text = (
        f"sh2:nano needs {bits:.2f} bits a base of E. coli, composition alone {chance:.2f}"
        f" ({perf_counter() - began:.1f} s)"
    )
    if bits >= chance:
        return Diagnosis(
            BAD, "Self-test", text, "the product library may compute wrong results: try `photo51 selftest`"
        )
    return Diagnosis(GOOD, "Self-test", text)
