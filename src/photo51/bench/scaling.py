"""How a run grows: time, memory and disk by size of the genome, cost of a shard, of a job, and what kills cost.

The chain is prepare, activations, train-sae, encode and gather on a planted genome, with a small model of random weights.
Every run is a process of its own, forked from one that has imported everything, so that figures are of the work and not of
importing; seconds are CPU seconds, and peak memory is what the kernel says of the process. A kill is SIGKILL at a moment drawn uniformly from the time a whole
run takes; the run is then started again until it ends, and must leave the bytes of one that was never killed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from photo51.config.genome import GenomeParams
from photo51.config.model import ActivationParams
from photo51.config.sae import SaeParams
from photo51.genome.planted import planted_genome, write_planted

log = logging.getLogger(__name__)
SITE = "block.0.out"
SLURM = Path("results/bench/slurm.json")
_SMALL = {
    "hidden_size": 32,
    "mlp_size": 48,
    "n_heads": 2,
    "hcs_groups": 4,
    "hcm_groups": 4,
    "block_kinds": "sm",
}
_SNAKEFILE = """
rule all:
    input: expand("{i}", i=range(4))
rule one:
    output: touch("{i}")
"""


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Measure; `quick` takes a tenth of the sizes and of the kills."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        model = _model(folder)
        figures: dict[str, float | int | None] = {}
        for bases in (30_000, 100_000) if quick else (100_000, 1_000_000, 10_000_000):
            figures |= _size(folder, model, bases)
        figures |= _shards(folder, model, 40_000 if quick else 400_000)
        figures["scheduler_seconds_per_job"] = _scheduler(folder)
        figures |= kills(folder, model, 5 if quick else 50)
    return figures | _slurm()


def _slurm() -> dict[str, float | int | None]:
    """What `make test-slurm`, which needs root, found in this checkout."""
    if not SLURM.is_file():
        log.info("slurm_equals_local: not measured here, `make test-slurm` writes %s", SLURM)
        return {"slurm_equals_local": None}
    return {"slurm_equals_local": int(json.loads(SLURM.read_text())["slurm_equals_local"])}


def chain(sheet: Path, model: Path, out: Path, *, shard: int, tokens: int = 16_384) -> None:
    """From genomes to gathered codes in one process; goes on from what is there."""
    from photo51.activations.extract import extract
    from photo51.activations.store import ActivationStore
    from photo51.codes import gather
    from photo51.features.encode import encode_store
    from photo51.genome.prepare import prepare
    from photo51.model.adapters import load_model
    from photo51.sae.training import fit

    sized = GenomeParams(
        core=1_024, warmup=128, min_context=0, block=4_096, gap=0, shard=shard, homology_bases=None
    )
    genomes = prepare(sheet, out / "genome", sized)
    windows = genomes.windows()
    reading = ActivationParams(model=str(model), sites=(SITE,), tokens=8_192, device="cpu")
    extract(
        load_model(str(model), device="cpu"), genomes, windows, out / "activations", reading, workspace="axis"
    )
    store = ActivationStore(out / "activations" / SITE)
    sae = SaeParams(
        n_features=64, k=4, tokens=tokens, batch=512, sample=2_048, checkpoint=4, backend="compiled"
    )
    dictionary = fit(store.rows(genomes.workspace().split_mask("train")), sae, out / "sae")
    dictionary.save(out / "sae")
    encode_store(store, dictionary, out / "codes")
    gather(out / "codes", store.n_rows)


def digest(folder: Path) -> str:
    """Hash of the names and bytes of all files below a folder, temporary ones left out."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".partial." not in p.name):
        if not any(part.startswith(".prepare-") for part in path.parts):
            whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def kills(folder: Path, model: Path, tries: int, seed: int = 51) -> dict[str, float | int | None]:
    """Kill runs at random moments, let each go on, and count those that end in the same bytes."""
    sheet = write_planted([planted_genome(30_000)], folder / "killed-in")

    def run(out: Path) -> None:
        chain(sheet, model, out, shard=8_192)

    whole = folder / "whole"
    _forked(run, whole)
    lasts = min(_forked(run, folder / f"again{i}")[0] for i in range(2))
    want, rng, killed, survived = digest(whole), np.random.default_rng(seed), 0, 0
    for i in range(4 * tries):
        out = folder / f"killed{i}"
        _, ended, _ = _forked(run, out, kill_after=float(rng.uniform(0, lasts)))
        if ended:
            continue  # it was done before its time came
        _forked(run, out)
        killed += 1
        survived += digest(out) == want
        log.info("kills: %d of %d survived", survived, killed)
        if killed == tries:
            break
    return {"kills_survived": survived, "kills_tried": killed}


def _model(folder: Path) -> Path:
    import torch

    from photo51.model.checkpoints import fresh
    from photo51.model.configuration import StripedHyenaConfig

    torch.set_num_threads(1)
    config: Any = StripedHyenaConfig(**_SMALL)  # type: ignore[arg-type]
    fresh(config, 0).save_pretrained(folder / "model")
    return folder / "model"


def _size(folder: Path, model: Path, bases: int) -> dict[str, float | int | None]:
    name = f"{bases / 1e6:g}mb"
    sheet = write_planted([planted_genome(bases)], folder / f"in-{name}")
    _, seconds, peak = _forked(lambda out: chain(sheet, model, out, shard=262_144), folder / name)
    disk = sum(p.stat().st_size for p in (folder / name).rglob("*") if p.is_file())
    return {
        f"seconds_per_mb_{name}": seconds / bases * 1e6,
        f"peak_gib_{name}": peak / 2**30,
        f"disk_mib_per_mb_{name}": disk / 2**20 / bases * 1e6,
    }


def _shards(folder: Path, model: Path, bases: int) -> dict[str, float | int | None]:
    """Cost of cutting the same work into more shards: the slope of time over their number."""
    sheet = write_planted([planted_genome(bases)], folder / "sharded-in")
    numbers = (1, 2, 4, 8)
    seconds = [
        _forked(lambda out, n=n: chain(sheet, model, out, shard=bases // n + 1_024), folder / f"shards{n}")[1]  # type: ignore[misc]
        for n in numbers
    ]
    figures: dict[str, float | int | None] = {
        f"seconds_{n}_shards": s for n, s in zip(numbers, seconds, strict=True)
    }
    figures["overhead_per_shard_seconds"] = float(np.polyfit(numbers, seconds, 1)[0])
    return figures


def _scheduler(folder: Path) -> float | None:
    """What Snakemake takes for a job that does nothing: four of them, less none at all."""
    place = folder / "scheduler"
    place.mkdir()
    (place / "Snakefile").write_text(_SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--scheduler", "greedy"]

    def call() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    try:
        busy = call()
        return (busy - call()) / 4
    except (OSError, subprocess.CalledProcessError) as e:
        log.warning("scheduler_seconds_per_job: not measured, Snakemake does not run here (%s)", e)
        return None


def _forked(
    work: Callable[[Path], None], out: Path, *, kill_after: float | None = None
) -> tuple[float, float, float]:
    """Run `work(out)` in a forked process, killed after some seconds where asked for.

    Returns
    -------
    Seconds by the clock, CPU seconds, and peak memory (bytes); the last two are 0 for a process that was killed.
    """
    context = multiprocessing.get_context("fork")
    used = context.SimpleQueue()

    def child() -> None:
        logging.disable(logging.WARNING)
        work(out)
        spent = resource.getrusage(resource.RUSAGE_SELF)
        used.put((spent.ru_utime + spent.ru_stime, spent.ru_maxrss * 1024.0))

    process = context.Process(target=child)
    started = time.perf_counter()
    process.start()
    process.join(kill_after)
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    elif process.exitcode:
        raise RuntimeError(f"scaling: a run ended with {process.exitcode}")
    return time.perf_counter() - started, *(used.get() if not used.empty() else (0.0, 0.0))
