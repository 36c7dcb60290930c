"""The same training step in PyTorch: for GPUs, and to test the compiled one against.

Sums over active codes are bags of weighted rows (`embedding_bag`), so that only the encoder's product is dense.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.sae import SaeParams
from photo51.sae.engine.kernels import Adam
from photo51.sae.rules import ActivationRule, Reduce
from photo51.sae.training.archetypes import Mixture, TorchMixture
from photo51.sae.training.step import Stats
from photo51.sae.training.weights import Weights

_CHUNK = 1 << 26  # numbers gathered at a time


class TorchStep:
    """Training steps on a device; see `step.CompiledStep`.

    Parameters
    ----------
    weights
        To begin with; `state` gives the trained ones.
    rule, params, reduce
        As for `CompiledStep`.
    device
        Where to compute.
    mixture
        As for `CompiledStep`.
    """

    def __init__(
        self,
        weights: Weights,
        rule: ActivationRule,
        params: SaeParams,
        reduce: Reduce | None = None,
        device: str | torch.device = "cpu",
        mixture: Mixture | None = None,
    ):
        self.rule, self.params, self.device = rule, params, torch.device(device)
        self.reduce = reduce
        self.mixture = None if mixture is None else TorchMixture(mixture, self.device)
        self.weights = {name: self._tensor(a) for name, a in weights.arrays().items()}
        self.mean = {name: torch.zeros_like(a) for name, a in self.weights.items()}
        self.square = {name: torch.zeros_like(a) for name, a in self.weights.items()}
        self.prefixes = rule.prefixes().tolist()
        self.silent = torch.zeros(len(weights.bias), dtype=torch.int64, device=self.device)
        self.done, self.usual = 0, 0.0

    def _tensor(self, a: NDArray) -> Tensor:
        return torch.tensor(a, device=self.device)

    def _sum(self, value: float) -> float:
        return value if self.reduce is None else float(self.reduce(np.array([value]))[0])

    def _sum_tensor(self, a: Tensor) -> Tensor:
        return a if self.reduce is None else torch.from_numpy(self.reduce(a.cpu().numpy())).to(self.device)

    @torch.no_grad()
    def step(self, x: NDArray[np.float32] | Tensor, rate: float) -> Stats:
        """Learn from scaled activations (tokens, d_model)."""
        w = self.weights
        x = torch.as_tensor(x, device=self.device)
        total = int(self._sum(len(x)))
        # both padded with zeros to the width of the weights
        centred = F.pad(x, (0, w["offset"].shape[0] - x.shape[1])) - F.pad(
            w["offset"][: x.shape[1]], (0, w["offset"].shape[0] - x.shape[1])
        )
        pre = torch.addmm(w["bias"], centred, w["encoder"].T)
        token, feature = self.rule.mask(pre).nonzero(as_tuple=True)
        chosen = pre[token, feature]
        del pre
        code = self.rule.codes(chosen, feature)
        scale = 2 / total / len(self.prefixes)
        residual, square = self._residuals(centred, token, feature, code, scale)
        slope = self._slopes(residual, token, feature)
        slope = self.rule.with_penalty(chosen, feature, slope, total)
        g = self._gradients(residual, centred, (token, feature, code, slope))
        # a rule with a kernel around its threshold lets codes of 0 take part
        fired = self._sum_tensor(torch.bincount(feature[code > 0], minlength=len(w["bias"])))
        loss = self._sum(float(square.sum(dtype=torch.float64))) / total
        l0 = self._sum(float((code > 0).sum())) / total
        dead = (self.silent > self.params.dead_after).nonzero().view(-1)
        if len(dead) and self.params.aux:
            self._revive(dead, centred, residual[-1] / -scale, 2 / total, loss * total, g)
        if self.reduce is not None:
            g = {name: self._sum_tensor(a) for name, a in g.items()}
        g["decoder"] -= (g["decoder"] * w["decoder"]).sum(1, keepdim=True) * w["decoder"]
        self.silent = torch.where(fired > 0, 0, self.silent + total)
        length = float(sum(a.square().sum(dtype=torch.float64) for a in g.values())) ** 0.5
        self._update(g, length, rate)
        self.rule.learn(rate, self.done - 1)
        return Stats(loss, l0, len(dead) / len(w["bias"]), length)

    def _residuals(
        self, centred: Tensor, token: Tensor, feature: Tensor, code: Tensor, scale: float
    ) -> tuple[list[Tensor], Tensor]:
        """What a feature of each prefix answers for, and squared residuals of all features together."""
        # as in `kernels.decode_active`: each prefix goes on from the one before
        now, parts, start = -centred, [], 0
        for stop in self.prefixes:
            mine = slice(None) if len(self.prefixes) == 1 else (feature >= start) & (feature < stop)
            now = now + bags(feature[mine], code[mine], token[mine], len(centred), self.weights["decoder"])
            parts.append(now)
            start = stop
        square = now.square().sum(1)
        answered, residual = torch.zeros_like(now), list[Tensor]()
        # sums from the last prefix back
        for part in reversed(parts):
            answered = answered + scale * part
            residual.insert(0, answered)
        return residual, square

    def _slopes(self, residual: list[Tensor], token: Tensor, feature: Tensor) -> Tensor:
        out = torch.empty(len(token), device=self.device)
        # right=True: a feature equal to a bound belongs to the next group, as prefixes count features
        group = torch.bucketize(feature, torch.tensor(self.prefixes, device=self.device), right=True)
        # gathered rows are written out: so many at a time as fit into memory
        size = max(1, _CHUNK // residual[0].shape[1])
        for i, r in enumerate(residual):
            mine = (group == i).nonzero().view(-1)
            for part in mine.split(size):
                out[part] = (r[token[part]] * self.weights["decoder"][feature[part]]).sum(1)
        return out

    def _gradients(
        self, residual: list[Tensor], centred: Tensor, entries: tuple[Tensor, Tensor, Tensor, Tensor]
    ) -> dict[str, Tensor]:
        # stable: within a feature tokens ascend, as in the compiled step
        order = torch.argsort(entries[1], stable=True)
        token, feature, code, slope = (a[order] for a in entries)
        n, w = len(self.weights["bias"]), self.weights
        decoder = torch.empty_like(w["decoder"])
        start = 0
        for r, stop in zip(residual, self.prefixes, strict=True):
            # entries of the features start … stop - 1
            a, b = torch.searchsorted(feature, torch.tensor([start, stop], device=self.device)).tolist()
            decoder[start:stop] = bags(token[a:b], code[a:b], feature[a:b] - start, stop - start, r)
            start = stop
        bias = torch.zeros(n, device=self.device).index_add_(0, feature, slope)
        return {
            "decoder": decoder,
            "encoder": bags(token, slope, feature, n, centred),
            "bias": bias,
            # both ways in which x̂ - x depends on the offset, see `CompiledStep.step`
            "offset": residual[0].sum(0) - bias @ w["encoder"],
        }

    def _revive(self, dead: Tensor, centred: Tensor, *rest: Any) -> None:
        """Let dead features reconstruct what the others leave over; see `CompiledStep`."""
        leftover, scale, total_square, g = rest
        p = self.params
        if len(dead) > p.aux_features:
            dead = dead.roll(-self.done * p.aux_features)[: p.aux_features].sort().values
        decoder, encoder = self.weights["decoder"][dead], self.weights["encoder"][dead]
        pre = torch.addmm(self.weights["bias"][dead], centred, encoder.T)
        value, index = pre.topk(min(p.aux_k, len(dead)), dim=1)
        code = torch.zeros_like(pre).scatter_(1, index, value.relu())
        variance = self._sum(float(centred.square().sum(dtype=torch.float64)))
        weight = p.aux * variance / max(total_square, 1e-30) * scale
        error = (code @ decoder - leftover) * weight
        # codes that are 0 have no slope
        slope = (error @ decoder.T) * (code > 0)
        g["decoder"][dead] += code.T @ error
        g["encoder"][dead] += slope.T @ centred
        g["bias"][dead] += slope.sum(0)

    def _update(self, g: dict[str, Tensor], length: float, rate: float) -> None:
        p = self.params
        self.done += 1
        limit = p.clip * self.usual if self.done > 1 else length
        self.usual += max(0.01, 1 / self.done) * (min(length, limit) - self.usual)
        shrink = min(1.0, limit / length) if length > 0 else 1.0
        first, second = 1 / (1 - p.beta1**self.done), 1 / (1 - p.beta2**self.done)
        if self.mixture is not None:
            numbers = (rate, p.beta1, p.beta2, 1e-8, first, second, shrink)
            self.weights["decoder"] = self.mixture.learn(g["decoder"], Adam(*map(np.float32, numbers)))
        for name, w in self.weights.items():
            if name == "decoder" and self.mixture is not None:
                continue
            gradient, mean, square = g[name] * shrink, self.mean[name], self.square[name]
            mean.lerp_(gradient, 1 - p.beta1)
            square.mul_(p.beta2).addcmul_(gradient, gradient, value=1 - p.beta2)
            w.addcdiv_(mean, (square * second).sqrt_().add_(1e-8), value=-rate * first)
        if self.mixture is None:
            w = self.weights["decoder"]
            # back to length one, which `kernels.adam` does in place
            w /= w.norm(dim=1, keepdim=True)

    def state(self) -> dict[str, NDArray]:
        """All that a run needs to resume, by name."""
        parts = {"weights": self.weights, "mean": self.mean, "square": self.square}
        return {
            **{f"{part}.{name}": a.cpu().numpy() for part, w in parts.items() for name, a in w.items()},
            **{f"rule.{name}": a for name, a in self.rule.state.items()},
            **{f"mixture.{n}": a.cpu().numpy() for n, a in (self.mixture.numbers if self.mixture else {}).items()},
            "silent": self.silent.cpu().numpy(),
            "progress": np.array([self.done, self.usual]),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Resume from `state`."""
        for part, w in (("weights", self.weights), ("mean", self.mean), ("square", self.square)):
            for name in w:
                w[name] = self._tensor(state[f"{part}.{name}"])
        self.rule.state = {n.removeprefix("rule."): a.copy() for n, a in state.items() if n.startswith("rule.")}
        if self.mixture is not None:
            for name, a in self.mixture.numbers.items():
                a.copy_(self._tensor(state[f"mixture.{name}"]))
        self.silent = self._tensor(state["silent"])
        self.done, self.usual = int(state["progress"][0]), float(state["progress"][1])


def bags(index: Tensor, weight: Tensor, bag: Tensor, n_bags: int, rows: Tensor) -> Tensor:
    """`out[b] = Σ weight · rows[index]` over the entries of bag b; `bag` ascends; (n_bags, width)."""
    # where each bag's entries begin; a bag of none sums to 0
    start = torch.searchsorted(bag, torch.arange(n_bags, device=bag.device))
    return F.embedding_bag(index, rows, start, mode="sum", per_sample_weights=weight)
