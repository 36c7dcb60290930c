"""One training step on a CPU: an exact encoder, then arithmetic over the active codes only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.sae import SaeParams
from photo51.sae.engine import kernels
from photo51.sae.engine.encoder import Encoder, flat
from photo51.sae.engine.kernels import PIECE, Adam, ByFeature, Gradients
from photo51.sae.engine.select import Active
from photo51.sae.engine.threads import spread
from photo51.sae.rules import ActivationRule, Reduce
from photo51.sae.training.archetypes import Mixture
from photo51.sae.training.weights import Weights, zeros_like

_SHARES = 16  # contiguous shares of tokens when codes are sorted by feature: more than threads, and fixed


class Stats(NamedTuple):
    """What a step reports.

    Attributes
    ----------
    loss
        Mean squared error per base, in scaled units, before the step.
    l0
        Active features per base.
    dead
        Share of features that have not been active for long.
    gradient
        Length of the gradient before clipping.
    """

    loss: float
    l0: float
    dead: float
    gradient: float


class CompiledStep:
    """Training steps that change `weights` in place.

    Parameters
    ----------
    weights
        To train.
    rule
        Sparsity rule.
    params
        Rates and shares.
    reduce
        Sum over ranks; every rank sees a part of each batch and ends with the same weights.
    mixture
        What the decoder's rows are made of; None where they may be any direction.
    """

    def __init__(
        self,
        weights: Weights,
        rule: ActivationRule,
        params: SaeParams,
        reduce: Reduce | None = None,
        mixture: Mixture | None = None,
    ):
        self.weights, self.rule, self.params, self.mixture = weights, rule, params, mixture
        self.alone, self.reduce = reduce is None, reduce or (lambda a: a)
        self.encoder = Encoder(weights.encoder, weights.bias)
        self.prefixes = rule.prefixes()
        self.mean, self.square = zeros_like(weights), zeros_like(weights)
        self.silent = np.zeros(len(weights.bias), np.int64)  # tokens since each feature was active
        self.done, self.usual = 0, 0.0
        self._gradients = _gradients(*weights.decoder.shape)
        self._room: dict[str, NDArray] = {}

    def step(self, x: NDArray[np.float32], rate: float) -> Stats:
        """Learn from scaled activations (tokens, d_model)."""
        w, n = self.weights, len(x)
        total = int(self._sum(n))
        centred = self._array("centred", (n, w.decoder.shape[1]))
        spread(kernels.centre, x, w.offset, np.float32(1), centred)
        self.encoder.refresh()
        active = self.rule.select(self.encoder, centred)
        n_active = int(active.count.sum())
        if self.rule.penalises:
            # pre-activations stay in `pre` for the gradient; what is decoded are the codes
            pre = flat(active, active.value)
            code = self.rule.codes(*pre)
            n_active = int((code > 0).sum())
            _unflat(code, active, active.value)
        residual = self._array("residual", (len(self.prefixes), n, w.decoder.shape[1]))
        slope = self._array("slope", active.value.shape)
        square = self._array("square", (n,))
        # ∂ of the mean over bases and over prefixes of the squared error
        scale = np.float32(2 / total / len(self.prefixes))
        spread(kernels.decode_active, active, w.decoder, centred, self.prefixes, scale, residual, slope, square)
        if self.rule.penalises:
            _unflat(self.rule.with_penalty(*pre, flat(active, slope)[0], total), active, slope)
        entries = entries_by_feature(active, slope, len(w.bias))
        g = self._gradients
        spread(kernels.differentiate, entries, residual, centred, self.prefixes, w.decoder, w.encoder, g)
        # of all ranks: a feature that is active anywhere is not dead
        takes_part = np.diff(entries.start)
        if self.rule.penalises:
            # a rule with a kernel around its threshold lets codes of 0 take part
            takes_part = np.bincount(pre[1][code > 0], minlength=len(w.bias))
        fired = self.reduce(takes_part.astype(np.float64))
        loss = self._sum(float(square.sum(dtype=np.float64))) / total
        l0 = self._sum(n_active) / total
        # the offset is subtracted before encoding and added after decoding: x̂ - x contains it once more, with slope
        # 1
        offset = g.offset.sum(axis=0) + self._sum_rows(residual[0])
        # dead before this step, so that whoever is revived has had no part in it
        dead = np.flatnonzero(self.silent > self.params.dead_after)
        if len(dead) and self.params.aux:
            self._revive(dead, centred, residual[-1], scale, loss * total)
        offset = self._reduce_gradients(offset)
        self.silent = np.where(fired > 0, 0, self.silent + total)
        length = float(np.sqrt(g.norm2.sum(dtype=np.float64) + np.square(offset).sum(dtype=np.float64)))
        self._update(offset, length, rate)
        self.rule.learn(rate, self.done - 1)
        return Stats(loss, l0, len(dead) / len(w.bias), length)

    def _revive(
        self,
        dead: NDArray[np.int64],
        centred: NDArray[np.float32],
        residual: NDArray[np.float32],
        scale: np.float32,
        total_square: float,
    ) -> None:
        """Let dead features reconstruct what the others leave over (AuxK; Gao et al., arXiv:2406.04093, A.2)."""
        w, p = self.weights, self.params
        if len(dead) > p.aux_features:
            # the window moves on by its own width at each step, so that every dead feature gets its turn
            dead = np.sort(np.roll(dead, -self.done * p.aux_features)[: p.aux_features])
        rows, decoder = w.encoder[dead], w.decoder[dead]
        active = Encoder(rows, w.bias[dead], "float32").top_k(centred, min(p.aux_k, len(dead)))
        # residual is scale · (x̂ - x): back to x - x̂, which dead features are to reconstruct
        leftover = residual * np.float32(-1 / scale)
        variance = self._sum(float(np.square(centred, dtype=np.float64).sum()))
        error = np.empty((1, *leftover.shape), np.float32)
        slope, square = np.empty(active.value.shape, np.float32), np.empty(len(leftover), np.float32)
        # numbered from 0 among themselves: one prefix that holds them all
        whole = np.array([len(dead)])
        # aux · (their error / error that is left), times the variance of x, since the main loss is not divided by it
        weight = np.float32(p.aux * variance / max(total_square, 1e-30)) * scale * np.float32(len(self.prefixes))
        spread(kernels.decode_active, active, decoder, leftover, whole, weight, error, slope, square)
        entries, part = entries_by_feature(active, slope, len(dead)), _gradients(*decoder.shape)
        spread(kernels.differentiate, entries, error, centred, whole, decoder, rows, part)
        spread(kernels.add_features, part, dead, w.decoder, self._gradients)

    def _reduce_gradients(self, offset: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.alone:
            return offset
        g = self._gradients
        for a in (g.decoder, g.encoder, g.bias):
            # lengths of sums, not sums of lengths: only now can they be taken
            a[:] = self.reduce(a)
        spread(kernels.lengths, self.weights.decoder, g)
        return self.reduce(offset)

    def _update(self, offset: NDArray[np.float32], length: float, rate: float) -> None:
        p, w, g = self.params, self.weights, self._gradients
        self.done += 1
        # plain mean of the first hundred steps, then an exponential one over about a hundred
        share = max(0.01, 1 / self.done)
        # the first step has nothing to compare with and is not clipped
        limit = p.clip * self.usual if self.done > 1 else length
        # what was clipped goes into the mean as clipped, so that one outlier does not raise the limit
        self.usual += share * (min(length, limit) - self.usual)
        shrink = min(1.0, limit / length) if length > 0 else 1.0
        numbers = (
            rate,
            p.beta1,
            p.beta2,
            1e-8,
            1 / (1 - p.beta1**self.done),
            1 / (1 - p.beta2**self.done),
            shrink,
        )
        a = Adam(*(np.float32(v) for v in numbers))
        free = self.mixture is None
        for weight, gradient, mean, square, unit in (
            # a mixture learns its own parameters; its rows are made from them afterwards
            *([(w.decoder, g.decoder, self.mean.decoder, self.square.decoder, True)] if free else []),
            (w.encoder, g.encoder, self.mean.encoder, self.square.encoder, False),
            # vectors as one row of a matrix: one kernel for all
            (w.bias[None], g.bias[None], self.mean.bias[None], self.square.bias[None], False),
            (w.offset[None], offset[None], self.mean.offset[None], self.square.offset[None], False),
        ):
            spread(kernels.adam, weight, gradient, mean, square, a, unit)
        if self.mixture is not None:
            self.mixture.learn(g.decoder, a, w.decoder)

    def state(self) -> dict[str, NDArray]:
        """All that a run needs to resume, by name."""
        parts = {"weights": self.weights, "mean": self.mean, "square": self.square}
        return {
            **{f"{part}.{name}": a for part, w in parts.items() for name, a in w.arrays().items()},
            **{f"rule.{name}": a for name, a in self.rule.state.items()},
            **{f"mixture.{name}": a for name, a in (self.mixture.state() if self.mixture else {}).items()},
            "silent": self.silent,
            "progress": np.array([self.done, self.usual]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Resume from `state`."""
        for part, w in (("weights", self.weights), ("mean", self.mean), ("square", self.square)):
            for name, a in w.arrays().items():
                a[:] = state[f"{part}.{name}"]
        self.rule.state = {n.removeprefix("rule."): a.copy() for n, a in state.items() if n.startswith("rule.")}
        if self.mixture:
            mixture = {n.removeprefix("mixture."): a for n, a in state.items() if n.startswith("mixture.")}
            self.mixture.restore(mixture, self.weights.decoder)
        self.silent = state["silent"].copy()
        self.done, self.usual = int(state["progress"][0]), float(state["progress"][1])

    def _sum(self, value: float) -> float:
        return float(self.reduce(np.array([value], np.float64))[0])

    def _sum_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        # ceiling division: the last piece may be short
        parts = np.empty((-(-len(rows) // PIECE), rows.shape[1]), np.float32)
        spread(kernels.sum_rows, rows, parts)
        return parts.sum(axis=0)

    def _array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if name not in self._room or self._room[name].shape != shape:
            self._room[name] = np.empty(shape, np.float32)
        return self._room[name]


def entries_by_feature(active: Active, slope: NDArray[np.float32], n_features: int) -> ByFeature:
    """Active codes and their slopes sorted by feature, then by token."""
    counts = np.empty((_SHARES, n_features), np.int64)
    spread(kernels.count_by_feature, active, counts)
    start = np.zeros(n_features + 1, np.int64)
    np.cumsum(counts.sum(axis=0), out=start[1:])
    # where a share's entries of a feature begin: after those of smaller features, and of earlier shares
    places = start[:-1] + np.cumsum(counts, axis=0) - counts
    n = int(start[-1])
    out = ByFeature(start, np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.float32))
    spread(kernels.sort_by_feature, active, slope, places, out)
    return out


def _gradients(n_features: int, width: int) -> Gradients:
    return Gradients(
        np.empty((n_features, width), np.float32),
        np.empty((n_features, width), np.float32),
        np.empty(n_features, np.float32),
        # ceiling division, as `kernels.differentiate` counts its pieces
        np.empty((-(-n_features // PIECE), width), np.float32),
        np.empty(n_features, np.float32),
    )


def _unflat(flat: NDArray[np.float32], active: Active, out: NDArray[np.float32]) -> None:
    """Put entries back in their places."""
    # the first `count` places of each row
    used = np.arange(out.shape[1]) < active.count[:, None]
    out[used] = flat
