"""Training: batches, steps, checkpoints and the log."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.config.sae import SaeParams
from photo51.io import atomic
from photo51.io.contracts.sae import TRAINING
from photo51.io.files import content_hash
from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.progress import progress
from photo51.sae.dictionary import CARD, Dictionary, SparseAutoencoder
from photo51.sae.engine import kernels
from photo51.sae.engine.encoder import Encoder, flat, to_csr
from photo51.sae.engine.threads import spread
from photo51.sae.rules import RULES, Gate
from photo51.sae.training.archetypes import Mixture, shared_archetypes
from photo51.sae.training.consensus import InitialWeights, consensus_start, final_params, member_params
from photo51.sae.training.distributed import Ranks
from photo51.sae.training.step import CompiledStep
from photo51.sae.training.torch_step import TorchStep
from photo51.sae.training.weights import ActivationUnits, Weights, begin, first_pre_bias
from photo51.types import InputError

log = logging.getLogger(__name__)
CHECKPOINT, LOG = "checkpoint.safetensors", "training.jsonl"


class ActivationSource(Protocol):
    """Where activations come from: rows of a store, or a stream.

    The same batches must come every time, and `batches(size, start=n)` must begin with the n-th of `batches(size)`.
    Where `sample` depends on the source's own seed, a method `shared_sample(n, *, seed=0)` gives rows that do not, and
    `reordered(seed)` gives the source with another seed.
    """

    origin: Origin
    seed: int

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless batches (size, d_model)."""

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """About n random rows (n, d_model)."""


def fit(source: ActivationSource, params: SaeParams, folder: Path | str | None = None) -> SparseAutoencoder:
    """Train an autoencoder.

    Under `torchrun` every rank runs this with the same arguments: each batch is divided among them, and all end with
    the same weights.

    Parameters
    ----------
    source
        Activations to learn from: only those of the training split, and none that are masked.
    params
        Rule, width, rates.
    folder
        Where checkpoints go while training, and the log and the dictionary afterwards. A run that was killed
        resumes from the last checkpoint and ends with the same bytes; one with other parameters or activations starts
        again.

    Returns
    -------
    SparseAutoencoder
        In units of the activations as given; `card` holds parameters and the last step's numbers.

    Raises
    ------
    InputError
        For activations no dictionary can learn from, named, and where training breaks down.
    """
    training = begin_training(source, params, folder)
    training.run()
    return training.finish()


def fit_once(
    source: ActivationSource, params: SaeParams, folder: Path, held_out: NDArray[np.float32] | None = None
) -> SparseAutoencoder:
    """As `begin_training` to its end; a dictionary that stands in the folder is taken where the same parameters and
    activations made it.
    """
    return _made_once(begin_training(source, params, folder, held_out))


def finished(folder: Path) -> Dictionary | None:
    """The dictionary of a folder; None where there is none, or a kill left files of two."""
    if not (folder / CARD).is_file():
        return None
    try:
        return Dictionary.load(folder)
    except InputError as e:
        log.warning("%s; it is trained again", e)
        return None


def differing(made: Mapping[str, Any], params: SaeParams) -> list[str]:
    """Parameters in which a dictionary's training (`params` of its card) differs from what `params` asks for.

    How often a training is saved, and on what it computes, is no difference; what a card of an older photo51 does not
    have is the default.
    """
    asked = (final_params(params) if params.consensus > 1 else params).model_dump(mode="json")
    default = SaeParams().model_dump(mode="json")
    return sorted(k for k in asked if k not in {"checkpoint", "backend"} and made.get(k, default[k]) != asked[k])


def begin_training(
    source: ActivationSource,
    params: SaeParams,
    folder: Path | str | None = None,
    held_out: NDArray[np.float32] | None = None,
) -> Training:
    """A run of training that is ready to go; for a consensus, its members are trained first.

    Parameters
    ----------
    source, params, folder
        See `fit`. Members of a consensus go to `folder`/members.
    held_out
        (rows, d_model) activations on which members of a consensus are matched; without, a sample of the source.
    """
    if params.consensus == 1:
        return Training(source, params, folder)
    members = []
    for i, member in enumerate(member_params(params)):
        # members see the activations in orders of their own, where the source can give them
        rows = getattr(source, "reordered", lambda _: source)(member.seed)
        path = None if folder is None else Path(folder) / "members" / str(i)
        members.append(_made_once(Training(rows, member, path)))
    x = getattr(source, "shared_sample", source.sample)(params.sample) if held_out is None else held_out
    start = consensus_start(members, x, params.n_features)
    counts = np.bincount(start.found_by, minlength=params.consensus + 1)
    log.info("consensus of %d seeds: features by how many have them: %s", params.consensus, counts.tolist())
    return Training(source, final_params(params), folder, start)


def _made_once(training: Training) -> SparseAutoencoder:
    """A dictionary of one seed, from its folder where the same training finished before."""
    folder, stamp = training.folder, training.made
    if folder is not None and training.ranks.n == 1:
        # files are read again only by a process alone: ranks must decide alike
        loaded = finished(folder)
        if isinstance(loaded, SparseAutoencoder) and loaded.card.get("made") == stamp:
            return loaded
    training.run()
    sae = training.finish()
    sae.card["made"] = stamp
    if folder is not None and not training.ranks.rank:
        sae.save(folder)
    return sae


class Training:
    """A run of training; `fit` is all that most callers need.

    Parameters
    ----------
    source, params, folder
        See `fit`.
    start
        Where the weights begin; None for random directions, or archetypes.
    """

    def __init__(
        self,
        source: ActivationSource,
        params: SaeParams,
        folder: Path | str | None = None,
        start: InitialWeights | None = None,
    ):
        self.source, self.params, self.start = source, params, start
        self.others: tuple[str, ...] = ()  # other runs that are learnt from, for the card
        self.folder = None if folder is None else Path(folder)
        self.ranks = Ranks()
        self.sample = source.sample(params.sample)
        weights, self.units = begin(self.sample, params, source.origin)
        self.mixture = None
        if params.decoder == "archetypal":
            self.mixture = Mixture(self._shared_centroids(params.archetypes)[0], params)
            self.mixture.compose(weights.decoder)
            # the encoder begins as the decoder's transpose, as `begin` has it for random rows
            weights.encoder[:] = weights.decoder
        elif params.beginning == "centroids" and start is None:
            rows, centre = self._shared_centroids(params.n_features)
            none = np.zeros(params.n_features, np.int64)
            begin_at(weights, InitialWeights(rows, rows, none.astype(np.float32), centre, none), self.units)
        if start is not None:
            begin_at(weights, start, self.units)
        self.rule = RULES[params.variant](params, self.ranks.sum)
        self._prepare(weights)
        self.stepper = self._stepper(weights)
        self.rows = np.zeros((params.steps, 5))
        self.at = self._resume()

    def _shared_centroids(self, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centroids (n, d_model) of rows that seeds share, and the centre (d_model,) they lie about."""
        p, draw = self.params, getattr(self.source, "shared_sample", self.source.sample)
        shared = draw(p.sample, seed=p.archetype_seed)
        centre = first_pre_bias(shared, p)
        return shared_archetypes(shared - centre, n, p.archetype_seed, self.source.origin), centre

    def _prepare(self, weights: Weights) -> None:
        """Give the encoder the length at which the first reconstructions are best, and the rule its first numbers."""
        x = self._centred(weights)
        # which codes a rule lets through depends on the encoder's length, so that one pass is not enough
        for _ in range(2):
            encoder = Encoder(weights.encoder, weights.bias)
            self.rule.prepare(encoder, x)
            head = x[:1024]
            active = self.rule.select(encoder, head)
            codes = self.rule.codes(*flat(active, active.value))
            x_hat = to_csr(active, self.params.n_features)
            # the rule's codes may differ from pre-activations, as those of JumpReLU below its threshold
            x_hat.data[:] = codes
            x_hat = x_hat @ weights.decoder
            # argmin over s of ‖x - s x̂‖²; the encoder's scale is that of the codes
            weights.encoder *= np.float32(np.vdot(head, x_hat) / max(float(np.vdot(x_hat, x_hat)), 1e-30))
        self.rule.prepare(Encoder(weights.encoder, weights.bias), x)

    def _stepper(self, weights: Weights) -> CompiledStep | TorchStep:
        p = self.params
        reduce = self.ranks.sum if self.ranks.n > 1 else None
        gpu = torch.cuda.is_available() and p.backend != "compiled"
        if p.backend == "torch" or gpu:
            return TorchStep(weights, self.rule, p, reduce, self.ranks.device if gpu else "cpu", self.mixture)
        return CompiledStep(weights, self.rule, p, reduce, self.mixture)

    def _centred(self, weights: Weights) -> NDArray[np.float32]:
        out = np.empty((len(self.sample), weights.encoder.shape[1]), np.float32)
        spread(kernels.centre, self.sample, weights.offset, np.float32(self.units.scale), out)
        return out

    def run(self, stop: int | None = None) -> None:
        """Do the steps that are left, or those before step `stop`."""
        p, scale = self.params, np.float32(self.units.scale)
        stop = p.steps if stop is None else min(stop, p.steps)
        batches = self.source.batches(p.batch, start=self.at)
        label = f"SAE {p.variant} {p.n_features}, k {p.k}"
        for step in progress(range(self.at, stop), label, stop - self.at, "steps"):
            # rank r takes every n-th row from r on: together they are the batch
            x = next(batches)[self.ranks.rank :: self.ranks.n]
            stats = self.stepper.step(x * scale, p.rate(step))
            if not np.isfinite(stats.loss):
                raise InputError(
                    f"SAE training: need a finite loss, got {stats.loss} at step {step}: activations that are not"
                    f" finite, or a learning rate of {p.learning_rate} that is too high"
                )
            self.rows[step] = (*stats, p.rate(step))
            self.at = step + 1
            if self.at % p.checkpoint == 0 and self.at < p.steps:
                self.save()

    @property
    def made(self) -> str:
        """Hash of what decides the result."""
        # how often checkpoints are written changes no number
        decisive = self.params.model_dump(exclude={"checkpoint"})
        sample = float(np.abs(self.sample).sum(dtype=np.float64))
        begun = [] if self.start is None else [hashlib.sha256(a.tobytes()).hexdigest() for a in self.start]
        return content_hash(decisive, self.source.origin.key(), self.source.seed, self.ranks.n, sample, *begun)

    def save(self) -> None:
        """Write the checkpoint."""
        # all ranks hold the same numbers: the first one writes
        if self.folder is None or self.ranks.rank:
            return
        arrays = {**self.stepper.state(), "rows": self.rows[: self.at]}
        write_tensors(self.folder / CHECKPOINT, arrays, {"made": self.made, "at": str(self.at)})
        write_log(self.table(), self.folder / LOG)

    def _resume(self) -> int:
        if self.folder is None or not (self.folder / CHECKPOINT).is_file():
            return 0
        file = TensorFile(self.folder / CHECKPOINT)
        if file.header.get("made") != self.made:
            log.warning("%s is of another run; starting again", file.path)
            return 0
        file.verify()
        self.stepper.restore({name: np.array(file[name]) for name in file})
        step = int(file.header["at"])
        self.rows[:step] = file["rows"]
        log.info("resuming from step %d of %d", step, self.params.steps)
        return step

    def finish(self) -> SparseAutoencoder:
        """The dictionary as it is now; if all steps are done, it and the log are written and the checkpoint is
        removed.
        """
        state = self.stepper.state()
        w = Weights(**{n.removeprefix("weights."): a for n, a in state.items() if n.startswith("weights.")})
        gate = self.rule.gate(Encoder(w.encoder, w.bias), self._centred(w))
        table = self.table()
        # one batch scatters: the mean of the last hundred steps
        last = table.iloc[max(0, self.at - 100) : self.at].mean()
        card = {
            "params": self.params.model_dump(mode="json"),
            "steps": self.at,
            "unit": 1 / self.units.scale,
            "last_100_steps": {name: last[name] for name in ("variance_explained", "l0", "dead")},
            # single numbers alone: thresholds of features are part of the gate
            "rule": {n: float(a) for n, a in self.rule.state.items() if a.ndim == 0},
        }
        if self.others:
            card["train_with"] = list(self.others)
        if self.start is not None:
            card["found_by"] = np.bincount(self.start.found_by, minlength=self.params.consensus + 1).tolist()
        sae = unscaled(w, gate, self.units, self.source.origin, card)
        if self.folder is not None and self.at == self.params.steps and not self.ranks.rank:
            write_log(table, self.folder / LOG)
            sae.save(self.folder)
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        return sae

    def table(self) -> pd.DataFrame:
        """The log up to now (contract `TRAINING`)."""
        loss, l0, dead, gradient, rate = self.rows[: self.at].T
        step = np.arange(self.at)
        return pd.DataFrame(
            {
                "step": step,
                "tokens": (step + 1) * self.params.batch,
                "loss": loss / self.units.variance,
                "variance_explained": 1 - loss / self.units.variance,
                "l0": l0,
                "dead": dead,
                "gradient": gradient,
                "rate": rate,
            }
        )


def begin_at(weights: Weights, start: InitialWeights, units: ActivationUnits) -> None:
    """Set weights to those that training starts from, in scaled units."""
    d, scale = start.decoder.shape[1], np.float32(units.scale)
    weights.encoder[:, :d], weights.decoder[:, :d] = start.encoder, start.decoder
    weights.bias[:], weights.offset[:d] = start.bias * scale, start.centre * scale


def write_log(table: pd.DataFrame, path: Path) -> None:
    """Write a log (contract `TRAINING`), one JSON object a line."""
    with atomic(path) as partial:
        TRAINING.check(table, str(path)).to_json(partial, orient="records", lines=True, double_precision=12)


def read_log(path: Path | str) -> pd.DataFrame:
    """Read a log of training (contract `TRAINING`).

    Raises
    ------
    InputError
        Where it is absent or has other columns.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: need a log of training, got no such file")
    return TRAINING.check(pd.read_json(path, orient="records", lines=True), str(path))


def unscaled(
    w: Weights, gate: Gate, units: ActivationUnits, origin: Origin, card: dict[str, object]
) -> SparseAutoencoder:
    """A dictionary for activations as they are, from weights for scaled ones; exact, the scale being a power of two."""
    d, per = origin.d_model, np.float32(1 / units.scale)
    offset = w.offset[:d] * per
    weights = {
        "encoder": w.encoder[:, :d],
        "decoder": w.decoder[:, :d],
        "bias": w.bias * per,
        "centre": offset,
        "offset": offset,
    }
    if gate.threshold is not None:
        gate = Gate(threshold=gate.threshold * per)
    return SparseAutoencoder(weights, gate, origin, card)
