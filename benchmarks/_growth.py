"""A run in small: a planted genome through a model of random weights to gathered codes, in a process that can be measured and killed."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from photo51.config.genome import GenomeParams
from photo51.config.model import ActivationParams
from photo51.config.sae import SaeParams
from photo51.io import is_temporary

SITE = "block.0.out"
_SMALL = {
    "hidden_size": 32,
    "mlp_size": 48,
    "n_heads": 2,
    "hcs_groups": 4,
    "hcm_groups": 4,
    "block_kinds": "sm",
}


def small_model(folder: Path) -> Path:
    """Write a model of two blocks with random weights to `folder/model`."""
    import torch

    from photo51.model.checkpoints.folder import fresh
    from photo51.model.stripedhyena.configuration import StripedHyenaConfig
    from photo51.model.stripedhyena.pretrained import save_pretrained

    torch.set_num_threads(1)
    config: Any = StripedHyenaConfig(**_SMALL)  # type: ignore[arg-type]
    save_pretrained(fresh(config, 0), folder / "model")
    return folder / "model"


def chain(sheet: Path, model: Path, out: Path, *, shard: int, tokens: int = 16_384) -> None:
    """From genomes to gathered codes in one process; goes on from what is there."""
    from photo51.activations.extract import extract
    from photo51.activations.store import ActivationStore
    from photo51.codes import gather
    from photo51.features.encode import encode_store
    from photo51.genome.preparation.prepare import prepare
    from photo51.model.families.adapters import load_model
    from photo51.sae.training.train import fit

    sized = GenomeParams(core=1_024, warmup=128, min_context=0, block=4_096, gap=0, shard=shard, homology_bases=None)
    genomes = prepare(sheet, out / "genome", sized)
    windows = genomes.windows()
    reading = ActivationParams(model=str(model), sites=(SITE,), tokens=8_192, device="cpu")
    extract(load_model(str(model), device="cpu"), genomes, windows, out / "activations", reading, workspace="axis")
    store = ActivationStore(out / "activations" / SITE)
    sae = SaeParams(n_features=64, k=4, tokens=tokens, batch=512, sample=2_048, checkpoint=4, backend="compiled")
    dictionary = fit(store.rows(genomes.workspace().split_mask("train")), sae, out / "sae")
    dictionary.save(out / "sae")
    encode_store(store, dictionary, out / "codes")
    gather(out / "codes", store.n_rows)


def digest(folder: Path) -> str:
    """Hash of the names and bytes of all files below a folder, temporary ones left out."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not is_temporary(p)):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def forked(work: Callable[[Path], None], out: Path, *, kill_after: float | None = None) -> tuple[float, float, float]:
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
