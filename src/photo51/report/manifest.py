"""The manifest of a run: what went in, what made it, what came out, each with its hash."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from photo51 import __version__
from photo51.biomarkers.cohorts.lock import LOCK, read_lock
from photo51.io import content_hash, is_temporary, sha256

PACKAGES = (
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "numba",
    "scikit-learn",
    "statsmodels",
    "anndata",
    "scanpy",
    "igraph",
    "leidenalg",
    "ripser",
    "scikit-dimension",
    "biopython",
    "pysam",
    "pybigtools",
    "snakemake",
    "matplotlib",
)
LEFT_OUT = (
    "logs",
    "benchmarks",
    "activations",
    "enrichment.parts",
    ".done",
    ".lock",
    "manifest.json",
    "ro-crate-metadata.json",
)


def manifest(
    results: Path, config: dict[str, Any], inputs: list[Path], selftests: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Describe a finished run.

    Parameters
    ----------
    results
        `results/<run>`.
    config
        The complete configuration, defaults included.
    inputs
        Files the run read: sequences, annotations, variants, checkpoints.
    selftests
        Results of the model's self-tests.

    Returns
    -------
    A JSON object. `validation_sets` says of each set that was put away whether it was opened, and for which questions;
    `files` holds the SHA-256 of every output; logs, benchmarks, what killed
    processes left of files they were writing, codes that are not kept, and the manifest itself are left out.
    """
    outputs = [p for p in sorted(results.rglob("*")) if p.is_file() and _stays(p.relative_to(results), config)]
    return {
        "schema": 1,
        **made_with(),
        **made_from(config, inputs),
        "selftests": selftests or {},
        "files": {str(p.relative_to(results)): {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in outputs},
        "validation_sets": _validation_sets(results, [p for p in outputs if p.name == LOCK]),
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "cuda_visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        },
    }


def _stays(path: Path, config: dict[str, Any]) -> bool:
    """Whether a file of the run is an output that is there when the run has ended."""
    top = path.parts[:2]
    removed = not config.get("keep_control_codes", True) and top[0] == "codes" and top[1] != "main"
    return top[0] not in LEFT_OUT and not removed and not is_temporary(path)


def _validation_sets(results: Path, locks: list[Path]) -> dict[str, dict[str, Any]]:
    """What was put away, and whether, and for which questions, it was looked at: one entry for each lock."""
    out = {}
    for path in locks:
        lock = read_lock(path)
        out[str(path.relative_to(results))] = {
            "put_away": len(lock.put_away),
            "sealed": lock.sealed,
            "opened": lock.opened or None,
            "questions": lock.questions,
        }
    return out


def made_from(config: dict[str, Any], inputs: list[Path]) -> dict[str, Any]:
    """Configuration, seed, and inputs with their hashes; what is not a file is left out."""
    return {
        "config": {"values": config, "hash": content_hash(config)},
        "seed": config.get("seed"),
        "inputs": {
            name: {"bytes": p.stat().st_size, "sha256": sha256(p)}
            for name, p in sorted({_from_here(p): p for p in inputs}.items())
            if p.is_file()
        },
    }


def _from_here(path: Path) -> str:
    """A path relative to the working directory where it lies in it, so that the same run elsewhere says the same."""
    whole = Path.cwd() / path
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else path)


def made_with() -> dict[str, Any]:
    """Version, commit and packages: what makes a run beside its configuration and inputs."""
    return {
        "photo51": __version__,
        "git": {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))},
        "software": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def changed_files(results: Path, path: Path) -> list[str]:
    """Names of files that are missing or differ from what a manifest says, each with which of the two."""
    recorded = json.loads(path.read_text())["files"]
    faults = []
    for name, entry in recorded.items():
        file = results / name
        if not file.is_file():
            faults.append(f"missing {name}")
        elif sha256(file) != entry["sha256"]:
            faults.append(f"changed {name}")
    return faults


def _git(*args: str) -> str | None:
    done = subprocess.run(["git", *args], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
