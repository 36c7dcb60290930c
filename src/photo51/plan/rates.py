"""Rates of this machine, which `photo51 plan` reckons with: reading, training, encoding, describing, preparing,
writing.

Each is the difference of two runs of unequal length, each the best of three, so that starting costs nothing and a busy
moment little; where the longer one took hardly more time, its whole time counts.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.genome import GenomeParams
from photo51.config.sae import SaeParams
from photo51.genome.preparation.prepare import prepare
from photo51.io.origin import Origin
from photo51.plan.cost import train_flops
from photo51.plan.machines import Rates
from photo51.sae.engine.screen import Full

_WIDTH, _FEATURES, _K = 256, 2_048, 32
_OPEN = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in {"TAA", "TAG", "TGA"}]


def measure_rates(*, quick: bool) -> dict[str, float | int | None]:
    """Measure the rates of `photo51.plan.machines.Rates` with the threads that are set."""
    scale = 1 if quick else 4
    with tempfile.TemporaryDirectory() as folder:
        return {
            **Rates(
                model_flops=_reading(scale),
                sae_flops=_training(scale),
                encode_flops=_encoding(scale),
                codes=_describing(scale),
                prepare=_preparing(Path(folder), scale),
                look=_looking(scale),
                disk=_writing(Path(folder), scale),
                threads=float(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
            ).dump()
        }


def _rate(work: Callable[[int], object], small: int, large: int, amount: float) -> float:
    """Amount a second of one unit of `work(n)`, from the time that n = large takes longer than n = small."""
    work(small)
    pairs = [(_seconds(work, small), _seconds(work, large)) for _ in range(3)]
    short, long = (min(seconds) for seconds in zip(*pairs, strict=True))
    if long - short < 0.2 * long:
        return amount * large / long
    return amount * (large - small) / (long - short)


def _seconds(work: Callable[[int], object], n: int) -> float:
    started = time.perf_counter()
    work(n)
    return time.perf_counter() - started


def _reading(scale: int) -> float:
    import torch

    from photo51.model.checkpoints.folder import fresh
    from photo51.model.stripedhyena.configuration import StripedHyenaConfig
    from photo51.model.stripedhyena.flops import forward_flops

    config = StripedHyenaConfig(hidden_size=_WIDTH)
    model, length = fresh(config, 0), 1_024
    ids = torch.from_numpy(
        np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), (1, length)).astype(np.int64)
    )

    def read(n: int) -> None:
        with torch.inference_mode():
            for _ in range(n):
                model(ids)

    return _rate(read, 1, 1 + 2 * scale, length * forward_flops(config, length, likelihood=True))


class _Noise:
    """Activations that are nothing but noise: what a step costs does not depend on what it learns."""

    origin = Origin(model="noise", site="block.0.out", d_model=_WIDTH)
    seed = 0

    def __init__(self) -> None:
        self.rows = np.random.default_rng(0).standard_normal((8_192, _WIDTH), dtype=np.float32)

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:  # noqa: ARG002
        """The same rows for ever."""
        while True:
            yield self.rows[:size]

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:  # noqa: ARG002
        """Its rows."""
        return self.rows[:n]


def _training(scale: int) -> float:
    from photo51.sae.training.train import fit

    batch, noise = 1_024, _Noise()

    def train(steps: int) -> None:
        fit(
            noise,
            SaeParams(
                n_features=_FEATURES,
                k=_K,
                tokens=steps * batch,
                batch=batch,
                sample=4_096,
                backend="compiled",
            ),
        )

    return _rate(train, 4, 4 + 8 * scale, batch * train_flops(_WIDTH, _FEATURES, _K))


def _encoding(scale: int) -> float:
    from photo51.sae.training.train import fit

    noise = _Noise()
    dictionary = fit(
        noise,
        SaeParams(n_features=_FEATURES, k=_K, tokens=4_096, batch=1_024, sample=4_096, backend="compiled"),
    )
    rows = noise.rows[:4_096]

    def encode(n: int) -> None:
        for _ in range(n):
            dictionary.encode(rows)

    return _rate(encode, 1, 1 + scale, len(rows) * 2.0 * _WIDTH * _FEATURES)


class _Known(Full):
    """A screen whose products cost nothing after the first time."""

    products: NDArray | None = None

    def product(self, x: Tensor, w: Tensor, out: Tensor) -> NDArray:
        """What was computed before."""
        if self.products is None:
            self.products = super().product(x, w, out)
        return self.products


def _looking(scale: int) -> float:
    from photo51.sae.engine.encoder import Encoder

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((512, _WIDTH), dtype=np.float32)
    encoder = Encoder(rng.standard_normal((8_192, _WIDTH), dtype=np.float32), np.zeros(8_192, np.float32))
    encoder._screen = _Known()

    def look(n: int) -> None:
        for _ in range(n):
            encoder.top_k(rows, _K)

    return _rate(look, 2, 2 + 8 * scale, float(len(rows) * encoder.n_features))


def _describing(scale: int) -> float:
    from photo51.features.table import feature_runs

    rng = np.random.default_rng(0)

    def describe(n: int) -> None:
        for _ in range(n):
            feature_runs(codes, np.zeros(1, np.int64))

    codes = sp.random(200_000, 64, density=0.05, format="csc", dtype=np.float32, random_state=rng)
    return _rate(describe, 1, 1 + scale, float(codes.nnz))


def _preparing(folder: Path, scale: int) -> float:
    params = GenomeParams(block=8_192, gap=512)
    sheets = {n: _genome(folder / f"in{n}", n // 1_000) for n in (20_000, 20_000 + 80_000 * scale)}

    def make(n: int) -> None:
        prepare(sheets[n], folder / f"out{n}", params)

    small, large = sheets
    return _rate(make, small, large, 1.0)


def _genome(folder: Path, genes: int) -> Path:
    """A table of genomes with one circular sequence: random, with a gene of 900 bases every 1,000, on the strands in
    turn.
    """
    rng = np.random.default_rng(0)
    letters, lines = [], ["##gff-version 3"]
    for i in range(genes):
        sense, backwards = bool(i % 2), ("TTA", "CAT")
        inner = rng.choice([codon for codon in _OPEN if sense or codon not in {"TCA", "CTA", "TTA"}], 298)
        first, last = ("ATG", "TAA") if sense else backwards
        letters += [first, *inner, last, "".join(rng.choice(list("ACGT"), 100))]
        place = f"chr\trates\t{{}}\t{i * 1_000 + 1}\t{i * 1_000 + 900}\t.\t{'+' if sense else '-'}\t"
        lines.append(f"{place.format('gene')}.\tID=g{i};gene=g{i}")
        lines.append(f"{place.format('CDS')}0\tID=c{i};Parent=g{i};gene=g{i};transl_table=11")
    folder.mkdir()
    (folder / "chr.fa").write_text("".join([">chr\n", *letters, "\n"]))
    (folder / "chr.gff3").write_text("\n".join([*lines, ""]))
    table = folder / "genomes.tsv"
    table.write_text("genome\tsequence\tannotation\ttopology\nrates\tchr.fa\tchr.gff3\tcircular\n")
    return table


def _writing(folder: Path, scale: int) -> float:
    chunk = np.random.default_rng(0).bytes(1 << 20)

    def write(n: int) -> None:
        with (folder / "disk").open("wb") as file:
            for _ in range(n):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    return _rate(write, 4, 4 + 16 * scale, float(len(chunk)))
