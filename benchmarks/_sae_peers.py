"""Training steps of photo51 and of other libraries, side by side in one process; run by `benchmarks.sae` in an environment of its own.

    python _sae_peers.py SPEC.json OUT.json

SPEC is `{"task": "speed" | "quality", …}`, see `speed` and `quality`. Libraries are used through their own trainers, with the
learning rate given; nothing of theirs is copied here.
"""

from __future__ import annotations

import json
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("WANDB_MODE", "disabled")

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks._sae_planted import Planted
from photo51.config.sae import SaeParams
from photo51.sae.training.train import Training


class Ours:
    """photo51's trainer.

    Parameters
    ----------
    planted
        Where batches come from.
    shape
        `d_model`, `n_features`, `k`, `batch`, `steps`, `rate`.
    options
        Other parameters of `SaeParams`.
    """

    def __init__(self, planted: Planted, shape: dict[str, Any], **options: Any):
        params = SaeParams(
            n_features=shape["n_features"],
            k=shape["k"],
            batch=shape["batch"],
            tokens=shape["steps"] * shape["batch"],
            learning_rate=shape["rate"],
            checkpoint=1 << 30,
            **options,
        )
        self.training = Training(planted, params)
        self.scale = np.float32(self.training.units.scale)

    def step(self, x: NDArray[np.float32], at: int) -> None:
        """One step."""
        self.training.stepper.step(x * self.scale, self.training.params.rate(at))

    def evaluate(self, x: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
        """Reconstruction, active mask per feature (any), decoder."""
        sae = self.training.finish()
        codes = sae.encode(x)
        return sae.decode(codes), codes.getnnz(axis=0) > 0, sae.decoder


class SaeLens:
    """`sae_lens.SAETrainer`."""

    def __init__(self, planted: Planted, shape: dict[str, Any], *, batchtopk: bool):
        from sae_lens import (
            BatchTopKTrainingSAE,
            BatchTopKTrainingSAEConfig,
            TopKTrainingSAE,
            TopKTrainingSAEConfig,
        )
        from sae_lens.config import SAETrainerConfig
        from sae_lens.training.sae_trainer import SAETrainer

        torch.manual_seed(0)
        steps = shape["steps"]
        sizes = {"d_in": planted.origin.d_model, "d_sae": shape["n_features"], "k": shape["k"]}
        sae: Any = (
            BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**sizes))
            if batchtopk
            else TopKTrainingSAE(TopKTrainingSAEConfig(**sizes))
        )
        config = SAETrainerConfig(
            total_training_samples=steps * shape["batch"],
            train_batch_size_samples=shape["batch"],
            lr=shape["rate"],
            lr_end=0.0,
            lr_warm_up_steps=max(1, steps // 50),
            lr_decay_steps=max(1, steps // 5),
            dead_feature_window=max(1, 100_000 // shape["batch"]),
        )
        self.trainer = SAETrainer(config, sae, iter(()))  # type: ignore[arg-type]

    def step(self, x: NDArray[np.float32], at: int) -> None:  # noqa: ARG002
        """One step."""
        self.trainer.step(torch.from_numpy(x))
        self.trainer.n_training_steps += 1

    @torch.no_grad()
    def evaluate(self, x: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
        """Reconstruction, active mask per feature (any), decoder."""
        sae = self.trainer.sae.eval()
        codes = sae.encode(torch.from_numpy(x))
        return sae.decode(codes).numpy(), (codes > 0).any(0).numpy(), sae.W_dec.numpy()


class DictionaryLearning:
    """`dictionary_learning`'s TopK and BatchTopK trainers."""

    def __init__(self, planted: Planted, shape: dict[str, Any], *, batchtopk: bool):
        sys.modules.setdefault("nnsight", types.ModuleType("nnsight")).LanguageModel = object  # type: ignore[attr-defined]
        from dictionary_learning.trainers import BatchTopKTrainer, TopKTrainer

        steps = shape["steps"]
        trainer = BatchTopKTrainer if batchtopk else TopKTrainer
        self.trainer = trainer(
            steps=steps,
            activation_dim=planted.origin.d_model,
            dict_size=shape["n_features"],
            k=shape["k"],
            layer=0,
            lm_name="planted",
            lr=shape["rate"],
            warmup_steps=max(1, steps // 50),
            decay_start=steps * 4 // 5,
            threshold_start_step=steps // 2,
            threshold_beta=0.99,
            seed=0,
            device="cpu",
        )
        self.trainer.dead_feature_threshold = 100_000

    def step(self, x: NDArray[np.float32], at: int) -> None:
        """One step."""
        self.trainer.update(at, torch.from_numpy(x))

    @torch.no_grad()
    def evaluate(self, x: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
        """Reconstruction, active mask per feature (any), decoder."""
        ae = self.trainer.ae
        codes = ae.encode(torch.from_numpy(x))
        return ae.decode(codes).numpy(), (codes > 0).any(0).numpy(), ae.decoder.weight.T.numpy()


TRAINERS: dict[str, Callable[..., Any]] = {
    "photo51 topk": Ours,
    "photo51 batchtopk": lambda p, s: Ours(p, s, variant="batchtopk"),
    "sae-lens topk": lambda p, s: SaeLens(p, s, batchtopk=False),
    "sae-lens batchtopk": lambda p, s: SaeLens(p, s, batchtopk=True),
    "dictionary-learning topk": lambda p, s: DictionaryLearning(p, s, batchtopk=False),
    "dictionary-learning batchtopk": lambda p, s: DictionaryLearning(p, s, batchtopk=True),
}


def speed(spec: dict[str, Any]) -> dict[str, Any]:
    """Wall and CPU seconds of single steps, trainers taking turns on the same batches.

    `spec` has `shape`, `trainers`, `rounds` and `warm` (first rounds, not counted). `gemm` is the encoder's product alone;
    `photo51 encode` is encoding with the dictionary as it is.
    """
    shape = spec["shape"]
    planted = _planted(shape)
    batches = [planted.rows(shape["batch"], 10 + i) for i in range(4)]
    trainers = {name: TRAINERS[name](planted, shape) for name in spec["trainers"]}
    weight = torch.randn(shape["n_features"], shape["d_model"])
    out = torch.empty(shape["batch"], shape["n_features"])
    times: dict[str, list[tuple[float, float]]] = {}
    for i in range(spec["warm"] + spec["rounds"]):
        x = batches[i % len(batches)]
        todo: dict[str, Callable[[], object]] = {"gemm": lambda x=x: torch.mm(torch.from_numpy(x), weight.T, out=out)}
        for name, trainer in trainers.items():
            todo[name] = lambda t=trainer, x=x, i=i: t.step(x, i)
        for name, call in todo.items():
            took = _time(call)
            if i >= spec["warm"]:
                times.setdefault(name, []).append(took)
    for name, trainer in trainers.items():
        if isinstance(trainer, Ours):
            sae = trainer.training.finish()
            sae.encode(batches[0])
            times[f"{name} encode"] = [_time(lambda s=sae, x=x: s.encode(x)) for x in batches * 2]
    return {name: {"wall": [t[0] for t in took], "cpu": [t[1] for t in took]} for name, took in times.items()}


def quality(spec: dict[str, Any]) -> dict[str, Any]:
    """Train on the same fresh batches; variance explained, recovery of planted directions and dead share on other rows.

    `spec` has `shape` and `trainers`, `[name, rate]` each.
    """
    shape = spec["shape"]
    planted = _planted(shape)
    held_out = planted.rows(50_000, 1)
    trainers = [(name, rate, TRAINERS[name](planted, {**shape, "rate": rate})) for name, rate in spec["trainers"]]
    cpu = [0.0] * len(trainers)
    for step, x in zip(range(shape["steps"]), planted.batches(shape["batch"]), strict=False):
        for i, (_, _, trainer) in enumerate(trainers):
            cpu[i] += _time(lambda t=trainer, x=x, s=step: t.step(x, s))[1]
    variance = float(np.square(held_out - held_out.mean(axis=0)).sum(dtype=np.float64))
    results = []
    for (name, rate, trainer), seconds in zip(trainers, cpu, strict=True):
        x_hat, alive, decoder = trainer.evaluate(held_out)
        cosine = planted.recovered(decoder)
        results.append(
            {
                "trainer": name,
                "rate": rate,
                "cpu": seconds,
                "variance_explained": 1 - float(np.square(held_out - x_hat).sum(dtype=np.float64)) / variance,
                "mmcs": float(cosine.mean()),
                "recovered": float((cosine > 0.9).mean()),
                "dead": float(1 - alive.mean()),
            }
        )
    return {"results": results}


def _planted(shape: dict[str, Any]) -> Planted:
    return Planted(shape["d_model"], shape["n_directions"], l0=0.7 * shape["k"])


def _time(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(given["threads"])
    result = {"speed": speed, "quality": quality}[given["task"]](given)
    Path(sys.argv[2]).write_text(json.dumps(result))
