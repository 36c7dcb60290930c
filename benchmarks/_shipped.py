"""What benchmarks of the trained model run on: the shipped model, the demo's dictionary, the mitochondrial genome.

Where the shipped model is absent, its architecture with fresh weights stands in; where no demo has run, a small dictionary
is trained on the spot. Both are said in the log.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.activations.extract import cores
from photo51.config.genome import GenomeParams
from photo51.config.model import ActivationParams
from photo51.config.sae import SaeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.preparation.prepare import prepare
from photo51.io.origin import Origin
from photo51.model.families.adapters import DnaModel, load_model
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.training.train import fit

log = logging.getLogger(__name__)
MODEL, SITE = Path("resources/models/base"), "block.3.out"
RUN, GENOME = Path("results/demo"), Path("resources/human_mt")
SMALL = SaeParams(n_features=1024, k=32, tokens=300_000, batch=2_048, sample=16_384, dead_after=50_000)


@cache
def shipped() -> tuple[DnaModel, SparseAutoencoder]:
    """The shipped model and a dictionary of it: the demo's where it fits, else a small one."""
    if MODEL.is_dir():
        model = load_model("sh2:base", device="cpu")
    else:
        log.warning("%s is absent: fresh weights of the same architecture stand in", MODEL)
        model = fresh()
    for folder in sorted(RUN.glob("sae/main")):
        found = Dictionary.load(folder)
        if isinstance(found, SparseAutoencoder) and found.origin.model == model.spec.hash:
            return model, found
    log.warning("%s holds no dictionary of %s: a small one is trained", RUN, model.spec.name)
    genomes = mitochondrion()
    windows = genomes.windows()
    read = cores(model, genomes, windows, ActivationParams(sites=(SITE,)))
    rows = np.concatenate([c.activations[SITE].float().numpy() for c in read])
    return model, fit(_Rows(rows, model.spec.origin(SITE)), SMALL)


def fresh() -> DnaModel:
    """The base architecture with fresh weights."""
    from photo51.model.stripedhyena.configuration import StripedHyenaConfig
    from photo51.model.stripedhyena.modeling import StripedHyena
    from photo51.model.stripedhyena.pretrained import save_pretrained

    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(StripedHyena(StripedHyenaConfig(block_kinds="smlas")), Path(folder))
        return load_model(f"{folder}@random:51", device="cpu")


@cache
def mitochondrion() -> Genomes:
    """The human mitochondrial genome, prepared in a temporary folder that lasts as long as the program."""
    header = "genome\tsequence\tannotation\tgenetic_code\ttopology"
    row = f"human_mt\t{(GENOME / 'NC_012920.1.fa').resolve()}\t{(GENOME / 'genes.tsv').resolve()}\t2\tcircular"
    folder = _folder()
    sheet = folder / "genomes.tsv"
    sheet.write_text(f"{header}\n{row}\n")
    return prepare(sheet, folder / "genome", GenomeParams(block=8_192, min_context=128))


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _folder() -> Path:
    return Path(_kept().name)


class _Rows:
    """Activations in memory, in an order of each epoch's own."""

    def __init__(self, rows: NDArray[np.float32], origin: Origin):
        self.rows, self.origin, self.seed = rows, origin, 0
        self.n_samples = len(rows)

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        drawn = np.random.default_rng(seed).choice(len(self.rows), min(n, len(self.rows)), replace=False)
        return self.rows[drawn]

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        each = len(self.rows) // size
        step = start
        while True:
            order = np.random.default_rng(step // each).permutation(len(self.rows))
            here = step % each
            yield self.rows[order[here * size : (here + 1) * size]]
            step += 1
