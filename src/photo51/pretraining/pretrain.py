"""Pretraining of a StripedHyena on a corpus of genomes: resumable, seeded, on a CPU or a GPU."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from photo51.config.pretrain import PretrainParams
from photo51.io import atomic
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.layers import HyenaFilter
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.pretrained import save_pretrained
from photo51.pretraining.corpus import Corpus, Sampler, heldout_windows, identity
from photo51.pretraining.start import started
from photo51.pretraining.step import TrainingPass, product_path, supported
from photo51.types import InputError

log = logging.getLogger(__name__)
CORPUS = "corpus_read.json"  # which corpus a run reads
MANY_TIMES = 20  # that a species is read: sh2:base was good at mitochondria until about 25, and worse at 37


class NegativeExp(nn.Module):
    """Log-poles as `-exp(raw)`: negative whatever the optimiser does, and learnt on a log scale of time."""

    def forward(self, raw: Tensor) -> Tensor:
        """Raw → log-poles."""
        return -torch.exp(raw)

    def right_inverse(self, log_poles: Tensor) -> Tensor:
        """Log-poles → raw."""
        return torch.log(-log_poles)


@contextmanager
def denormals_as_zeros() -> Iterator[None]:
    """Floats below the smallest normal one are zeros to this thread inside; afterwards they are what they were before.

    Arithmetic on such floats is slow, and small gradients are full of them. The flag belongs to a thread of the
    processor, not to torch: left set, it changes what every other library computes.
    """
    before = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def learning_rate_share(step: int, p: PretrainParams) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then cosine to zero, or constant and linear to
    zero.
    """
    # a warm-up that reaches into the end is cut by it: the rate never jumps
    warm = min(1.0, (step + 1) / p.warmup) if p.warmup else 1.0
    begin = min(p.warmup, p.steps // 2)
    done = (step - begin) / max(1, p.steps - begin)
    if p.schedule == "cosine":
        return min(warm, 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done)))))
    return min(warm, max(0.0, (p.steps - step) / (p.decay * p.steps)))


class Trainer:
    """One pretraining run in a folder; `fit` goes on from the newest checkpoint there.

    Parameters
    ----------
    corpus
        Packed genomes, split by species.
    params
        The run; a folder holding another run's parameters is refused, `steps`, `decay` and evaluation intervals apart.
        With `start`, weights and architecture are that model's before the first step.
    folder
        Checkpoints (`state.pt`), `log.jsonl`, and in the end `model/`.
    device
        `cpu` or `cuda`; default: `cuda` where there is one.
    threads
        Windows under way at a time on a CPU; torch's number of threads if None.

    Raises
    ------
    InputError
        For a folder of another run, and for a `start` that is not of the architecture stated.
    """

    def __init__(
        self,
        corpus: Corpus,
        params: PretrainParams,
        folder: Path,
        device: str | None = None,
        threads: int | None = None,
    ):
        params, start = started(params)
        self.p, self.folder = params, folder
        self._check_same_run()
        which = identity(corpus)
        self._check_same_corpus(which)
        self.corpus = corpus
        self.sampler = Sampler(corpus, params.mixture, params.length, params.seed)
        self.short = Sampler(corpus, params.mixture, max(16, params.length // 4), params.seed)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.model = StripedHyena(StripedHyenaConfig(**params.architecture))
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        for module in self.model.modules():
            if isinstance(module, HyenaFilter) and hasattr(module, "log_poles"):
                parametrize.register_parametrization(module, "log_poles", NegativeExp())
        self.model.to(self.device).train()
        self.heldout = heldout_windows(corpus, params.length, 12, params.seed)
        self.optimizers = self._optimizers()
        self.loss = torch.compile(self._loss) if params.compile else self._loss
        self.compiled: TrainingPass | None = None
        if params.compiled and not params.compile and supported(self.model):
            dtype = torch.bfloat16 if params.bfloat16 else torch.float32
            self.compiled = TrainingPass(self.model, dtype, threads or torch.get_num_threads())
            log.info("pretrain: compiled kernels, %s", product_path(dtype))
        self.step = 0
        self.averaged = 0
        self.mean = {name: torch.zeros_like(w) for name, w in self.model.named_parameters()}
        folder.mkdir(parents=True, exist_ok=True)
        # what cannot be trained leaves no folder that refuses the mended parameters
        with atomic(folder / "params.json") as partial:
            partial.write_text(json.dumps(params.model_dump(mode="json"), indent=1) + "\n")
        with atomic(folder / CORPUS) as partial:
            partial.write_text(json.dumps(which, indent=1) + "\n")

    def _check_same_run(self) -> None:
        path = self.folder / "params.json"
        free = {"steps", "decay", "average", "eval_every", "save_every", "compile", "compiled", "schedule"}
        free |= {"start"}  # its digest is compared: a model that was moved is the same model
        now = self.p.model_dump(mode="json")
        if path.exists():
            old = json.loads(path.read_text())
            if differ := sorted(
                k for k in now if k not in free and now[k] != old.get(k, PretrainParams.model_fields[k].default)
            ):
                raise InputError(
                    f"{path}: need the parameters the run was started with, got others for {differ}; name a new folder"
                )

    def _check_same_corpus(self, which: dict[str, str]) -> None:
        """A run on other sequence, or on another split of it, is another run: it might read what it is measured on."""
        path = self.folder / CORPUS
        if not path.exists() and (self.folder / "state.pt").exists():
            log.warning("pretrain: %s does not say which corpus it read before; taken to be this one", self.folder)
        if path.exists() and json.loads(path.read_text()) != which:
            raise InputError(
                f"{path}: need the corpus that the run was started with, got other sequence or another split of it;"
                " name a new folder"
            )

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        matrices: list[nn.Parameter] = []
        embeddings: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, w in self.model.named_parameters():
            big = w.ndim == 2 and "filter" not in name
            (embeddings if "embedding" in name else matrices if big else rest).append(w)
        p = self.p
        adam: dict[str, Any] = {"betas": (0.9, 0.95), "eps": 1e-8}
        plain = [{"params": embeddings, "weight_decay": 0.0}, {"params": rest, "weight_decay": 0.0}]
        if p.optimizer == "muon":
            muon = torch.optim.Muon(
                matrices, lr=p.muon_lr, weight_decay=p.weight_decay, momentum=0.95, adjust_lr_fn="original"
            )
            return [muon, torch.optim.AdamW(plain, lr=p.lr, **adam)]
        return [torch.optim.AdamW([{"params": matrices, "weight_decay": p.weight_decay}, *plain], lr=p.lr, **adam)]

    def _loss(self, ids: Tensor, target: Tensor) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.p.bfloat16):
            hidden = self.model.hidden(ids)
            assert hidden is not None
            logits = self.model.logits(hidden[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1).float(), target[:, 1:].flatten(), ignore_index=-100)

    @denormals_as_zeros()
    def fit(self) -> None:
        """Train to the last step, then write the model."""
        self._resume()
        self._say_repeats()
        clock, first = time.monotonic(), self.step
        if self.p.start is not None and not self.step:
            self._write({"step": 0, "heldout_bits": self.evaluate()})
        while self.step < self.p.steps:
            loss = self._train_step()
            if self.step % 10 == 0:
                done = self.step - first
                rate = done * self.p.batch * self.p.length / (time.monotonic() - clock)
                left = (self.p.steps - self.step) * self.p.batch * self.p.length / rate
                # of a batch without a known base there is no loss
                bits = {"loss_bits": loss / math.log(2)} if math.isfinite(loss) else {}
                self._write({"step": self.step, **bits, "tokens_per_s": round(rate)})
                log.info(
                    "pretrain %d/%d  %.4f bits/base  %.0f tokens/s  %.0f min left",
                    self.step,
                    self.p.steps,
                    loss / math.log(2),
                    rate,
                    left / 60,
                )
            if self.step % self.p.eval_every == 0 or self.step == self.p.steps:
                self._write({"step": self.step, "heldout_bits": self.evaluate()})
            if self.step % self.p.save_every == 0 or self.step == self.p.steps:
                self._save()
        if self.averaged:
            self._use_average()
            self._write({"step": self.step, "averaged": self.averaged, "averaged_bits": self.evaluate()})
        self.write_model(self.folder / "model")

    def _say_repeats(self) -> None:
        """Say how often the species that is read most is read, by this run and those before it, source by source, and
        warn where that is often.
        """
        from photo51.pretraining.card import runs_before

        parts = [self.sampler.times_read(self.p.steps * self.p.batch * self.p.length)]
        # what the model it begins with had read before counts too, as far as that model's card lists it
        before, here = runs_before(self.p), set(self.corpus.records["source"])
        known = before is not None
        for run in before or []:
            mixture = run.get("parameters", {}).get("mixture", {})
            known &= bool(mixture) and set(mixture) <= here
            if shared := {source: share for source, share in mixture.items() if source in here}:
                read = run["bases_read"] * sum(shared.values()) / sum(mixture.values())
                parts.append(Sampler(self.corpus, shared, self.p.length, 0).times_read(read))
        if not known:
            log.warning(
                "pretrain: what %s was trained on before is not wholly known, and counts below only as far as it is",
                self.p.start,
            )
        table = pd.concat(parts).groupby(["source", "species"], as_index=False).agg({"bases": "first", "times": "sum"})
        for r in table.loc[table.groupby("source")["times"].idxmax()].itertuples():
            log.log(
                logging.WARNING if r.times > MANY_TIMES else logging.INFO,
                "pretrain: of %s, %s (%s bases) is read most often, %.1f times%s",
                r.source,
                r.species,
                f"{r.bases:,.0f}",
                r.times,
                f": above {MANY_TIMES} it may be learnt by heart; give the source less" if r.times > MANY_TIMES else "",
            )

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Ids and targets of the step; short windows are as many more as they are shorter."""
        short = self.step < self.p.short_share * self.p.steps
        sampler, n = (
            (self.short, self.p.batch * self.p.length // self.short.length) if short else (self.sampler, self.p.batch)
        )
        ids, target = (torch.from_numpy(a).to(self.device) for a in sampler.batch(self.step, n))
        return ids, target

    def _train_step(self) -> float:
        ids, target = self._draw()
        share = learning_rate_share(self.step, self.p)
        for optimizer, peak in zip(self.optimizers, self._peaks(), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share
        if self.compiled is not None:
            nats = self.compiled(ids, target)
        else:
            loss = self.loss(ids, target)
            loss.backward()
            nats = float(loss.detach())
        nn.utils.clip_grad_norm_(self.model.parameters(), self.p.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.step >= self._first_averaged():
            self._average()
        return nats

    def _first_averaged(self) -> int:
        """First step whose weights count in the mean."""
        last = max(1, round(self.p.steps * self.p.average)) if self.p.average else 0
        return self.p.steps - last + 1

    @torch.no_grad()
    def _average(self) -> None:
        """Take the weights into the mean of those of the last steps."""
        self.averaged += 1
        for name, w in self.model.named_parameters():
            self.mean[name].lerp_(w, 1 / self.averaged)

    @torch.no_grad()
    def _use_average(self) -> None:
        for name, w in self.model.named_parameters():
            w.copy_(self.mean[name])

    def _peaks(self) -> list[float]:
        return [self.p.muon_lr, self.p.lr] if self.p.optimizer == "muon" else [self.p.lr]

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out bits per base, group by group, on fixed windows of species the model never trains on."""
        self.model.eval()
        bits = {}
        for group, windows in self.heldout.items():
            losses = [bits_per_base(self.model, ids) for ids in _batches(windows, self.p.batch, self.device)]
            bits[group] = round(float(np.nanmean(np.concatenate(losses))), 5)
        self.model.train()
        log.info("held-out bits per base: %s", bits)
        return bits

    def _save(self) -> None:
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "averaged": self.averaged,
            "mean": self.mean if self.averaged else {},
        }
        partial = self.folder / "state.pt.tmp"
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / "state.pt")

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            self._trim_log()
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.averaged = int(state["step"]), int(state.get("averaged", 0))
        self.mean.update(state.get("mean", {}))
        off = self.step - self.averaged + 1 - self._first_averaged()
        # one step more or less rounded otherwise: a mean that is complete stays
        if self.averaged and off and not (abs(off) == 1 and self.step == self.p.steps):
            # steps or their averaged share are others than when the mean was begun
            self.averaged = 0
            if self.step >= self._first_averaged():
                log.warning("pretrain: the mean of the last weights begins at step %d", self.step + 1)
        self._trim_log()
        log.info("going on from step %d in %s", self.step, self.folder)

    def _trim_log(self) -> None:
        """Take out what was written after the checkpoint, which will be written again, all of it where there is none
        yet, and a line cut short by a kill.
        """
        path = self.folder / "log.jsonl"
        if not path.exists():
            return
        lines = path.read_text().splitlines(keepends=True)
        last = self.step if (self.folder / "state.pt").exists() else -1
        rows = [(x, json.loads(x)) for x in lines if x.endswith("}\n")]
        # what the mean of the last weights says is written at every end
        lines_kept = [x for x, row in rows if row["step"] <= last and "averaged" not in row]
        partial = path.with_suffix(".tmp")
        partial.write_text("".join(lines_kept))
        partial.replace(path)

    def _write(self, row: dict) -> None:
        with (self.folder / "log.jsonl").open("a") as f:
            f.write(json.dumps(row) + "\n")

    def write_model(self, folder: Path) -> None:
        """Write the model as float16 safetensors, log-poles and residues of long filters in float32."""
        with torch.random.fork_rng(devices=[]):
            plain = StripedHyena(StripedHyenaConfig.from_dict(self.model.config.identity()))
        state = {
            k.replace("parametrizations.log_poles.original", "log_poles"): v.cpu()
            for k, v in self.model.state_dict().items()
        }
        for key in [k for k in state if k.endswith("log_poles")]:
            state[key] = -torch.exp(state[key])
        plain.load_state_dict(state)
        save_half(plain, folder)


def save_half(model: StripedHyena, folder: Path) -> None:
    """Write a model folder in float16, what decides timescales (poles, rotary frequencies) in float32."""
    keep = ("log_poles", "poles", "residues", "inv_freq")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        tensor.data = tensor.data if name.endswith(keep) else tensor.data.half()
    partial = folder.with_name(folder.name + ".tmp")
    save_pretrained(model, partial)
    if folder.exists():
        for old in folder.iterdir():
            if (partial / old.name).exists() or old.suffix == ".safetensors":
                old.unlink()
    folder.mkdir(exist_ok=True)
    for new in partial.iterdir():
        new.replace(folder / new.name)
    partial.rmdir()


def _batches(windows: np.ndarray, size: int, device: torch.device) -> Iterator[Tensor]:
    for i in range(0, len(windows), size):
        yield torch.from_numpy(windows[i : i + size].astype(np.int64)).to(device)


@torch.no_grad()
def bits_per_base(model: StripedHyena, ids: Tensor, skip: int = 0) -> np.ndarray:
    """Bits per base of each sequence (batch, length), scored over the 4 bases alone, from base `skip + 1` on.

    The softmax is taken over A, C, G, T so that models with other vocabularies, and Markov chains, are compared on the
    same question. Positions that hold another letter are left out; NaN where nothing else is there.
    """
    bases = torch.tensor([65, 67, 71, 84], device=ids.device)
    hidden = model.hidden(ids)
    assert hidden is not None
    logits = model.logits(hidden[:, skip:-1])[..., bases].float()
    target = (ids[:, skip + 1 :, None] == bases).float()
    nats = -(torch.log_softmax(logits, -1) * target).sum(-1)
    return (nats.sum(1) / target.sum((1, 2)) / math.log(2)).cpu().numpy()
