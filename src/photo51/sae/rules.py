"""Sparsity rules: which features are active on a base. One rule, one short class.

A rule chooses among pre-activations while a dictionary learns, may add a penalty to the loss, and ends as a `Gate`:
what a finished dictionary does with one base on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.sae import SaeParams, Variant
from photo51.sae.engine import select
from photo51.sae.engine.encoder import Encoder, flat
from photo51.sae.engine.select import Active
from photo51.sae.engine.threads import spread

_COEFFICIENT = "price"  # name of λ in checkpoints and cards, as dictionaries trained so far have it
Reduce = Callable[[NDArray], NDArray]
"""Sum of an array over the ranks of a distributed run."""


@dataclass(frozen=True, eq=False)
class Gate:
    """How a finished dictionary decides: the `k` largest positive codes of a base, or those above `threshold`
    (features,).
    """

    k: int | None = None
    threshold: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if (self.k is None) == (self.threshold is None):
            raise ValueError("Gate: need k or a threshold, got both or neither")


class ActivationRule:
    """What all rules share.

    Attributes
    ----------
    penalises
        Whether `codes` and `with_penalty` do anything.
    state
        Numbers that training changes, by name: kept in checkpoints.
    """

    penalises: ClassVar[bool] = False

    def __init__(self, params: SaeParams, reduce: Reduce = lambda a: a):
        self.params, self.reduce = params, reduce
        self.k, self.n_features = params.k, params.n_features
        self.state: dict[str, NDArray] = {}

    def prefixes(self) -> NDArray[np.int64]:
        """Numbers of features that must do alone."""
        return np.array([self.n_features])

    def prepare(self, encoder: Encoder, x: NDArray[np.float32]) -> None:
        """Initialise from a sample (tokens, width)."""

    def select(self, encoder: Encoder, x: NDArray[np.float32]) -> Active:
        """Pre-activations that take part, for tokens (tokens, width)."""
        raise NotImplementedError

    def mask(self, pre: Tensor) -> Tensor:
        """The same, for all pre-activations (tokens, features) as a tensor."""
        raise NotImplementedError

    def codes(self, pre: Any, feature: Any) -> Any:  # noqa: ARG002
        """Codes of the pre-activations that take part; arrays or tensors of one shape."""
        return pre

    def with_penalty(self, pre: Any, feature: Any, slope: Any, tokens: int) -> Any:  # noqa: ARG002
        """Derivative of the whole loss by the pre-activations, from that of the error by the codes (`slope`).

        `tokens` are those of the step, on all ranks.
        """
        return slope

    def learn(self, rate: float, step: int) -> None:
        """Update the rule's own parameters."""

    def gate(self, encoder: Encoder, x: NDArray[np.float32]) -> Gate:  # noqa: ARG002
        """What the finished dictionary does, calibrated on a sample (tokens, width) if need be."""
        return Gate(k=self.k)


class TopK(ActivationRule):
    """The k largest positive pre-activations of each base (Makhzani and Frey, arXiv:1312.5663; Gao et al.,
    arXiv:2406.04093).
    """

    def select(self, encoder: Encoder, x: NDArray[np.float32]) -> Active:
        """The k largest."""
        return encoder.top_k(x, self.k)

    def mask(self, pre: Tensor) -> Tensor:
        """The k largest."""
        value, index = pre.topk(self.k, dim=1)
        # of fewer than k positive ones the others are zero, and do not take part
        return torch.zeros_like(pre, dtype=torch.bool).scatter_(1, index, value > 0)


class BatchTopK(ActivationRule):
    """The k·n largest positive pre-activations of a batch of n bases (Bussmann et al., arXiv:2412.06410).

    What is active on a base then depends on its batch, so that the finished dictionary uses a threshold instead: the
    one at which a base of the sample has k active features on average.
    """

    def prepare(self, encoder: Encoder, x: NDArray[np.float32]) -> None:
        """First guess of where the batch's smallest active code will lie."""
        # 256 bases give a first guess; a wrong one costs time alone
        kth = encoder.top_k(x[:256], self.k)
        # k-th code of each base, or its last where it has fewer
        last = kth.value[np.arange(len(kth.count)), np.maximum(kth.count, 1) - 1]
        self._low = 0.5 * float(np.median(np.where(kth.count > 0, last, 0)))
        # room for four times the average, as bases differ in how many they have
        self._room = 4 * self.k

    def select(self, encoder: Encoder, x: NDArray[np.float32]) -> Active:
        """The k·n largest: those above a guess, then those above the exact limit."""
        # all ranks together: the batch is one, wherever its parts lie
        n_codes = int(self.reduce(np.array([float(len(x))]))[0]) * self.k
        while True:
            active = encoder.above(x, np.full(self.n_features, self._low, np.float32), self._room)
            limit = self._least(flat(active, active.value)[0], n_codes)
            # fewer than k·n lie above the guess, and below it there are more
            if limit > 0 or self._low == 0:
                break
            # down to 0, where every positive code is there and the answer is what they are
            self._low = 0.5 * self._low if self._low > 1e-3 else 0.0
        self._room = max(self._room, active.index.shape[1])
        # codes of the next batch lie about as high: a little lower leaves few to drop
        self._low = 0.93 * limit
        spread(select.drop, active, np.float32(limit))
        return active

    def _least(self, codes: NDArray[np.float32], n_codes: int) -> float:
        """The `n_codes`-th largest code on all ranks, built bit by bit; 0 where there are not so many."""
        # positive floats sort as their bits do
        bits, best = codes.view(np.int32), 0
        for b in range(30, -1, -1):
            trial = best | (1 << b)
            # one count over all ranks a bit: 31 sums of one number, and no rank needs another's codes
            if self.reduce(np.array([float(np.count_nonzero(bits >= trial))]))[0] >= n_codes:
                best = trial
        return float(np.array(best, np.int32).view(np.float32))

    def mask(self, pre: Tensor) -> Tensor:
        """The k·n largest."""
        positive = pre[pre > 0]
        n_codes = int(self.reduce(np.array([float(len(pre))]))[0]) * self.k
        limit = self._least(positive.detach().cpu().numpy(), n_codes)
        return (pre >= limit) & (pre > 0)

    def gate(self, encoder: Encoder, x: NDArray[np.float32]) -> Gate:
        """The threshold of the sample; one number for all features."""
        codes = self.select(encoder, x)
        # the smallest code that the rule let through in the sample
        limit = min((codes.value[n, : codes.count[n]].min() for n in range(len(x)) if codes.count[n]), default=0.0)
        # a code must be above the threshold, so that this smallest one still is with the float below it
        return Gate(threshold=np.full(self.n_features, np.nextafter(np.float32(limit), np.float32(0))))


class Matryoshka(BatchTopK):
    """BatchTopK whose first features reconstruct alone, and the first few more, and so on (Bussmann et al.,
    arXiv:2503.17547).
    """

    def prefixes(self) -> NDArray[np.int64]:
        """From the shares of the parameters."""
        # prefixes that round to the same number are one
        shares = np.round(np.array(self.params.prefixes) * self.n_features).astype(np.int64)
        return np.unique(np.maximum(shares, 1))


class ReLU(ActivationRule):
    """Every positive pre-activation, with an L1 penalty on their sum; its coefficient λ is adjusted until k are active
    on average.
    """

    penalises = True

    def prepare(self, encoder: Encoder, x: NDArray[np.float32]) -> None:  # noqa: ARG002
        """A small λ."""
        self.state[_COEFFICIENT] = np.array(0.1)

    def select(self, encoder: Encoder, x: NDArray[np.float32]) -> Active:
        """The positive ones."""
        return encoder.above(x, np.zeros(self.n_features, np.float32), min(self.n_features, 8 * self.k))

    def mask(self, pre: Tensor) -> Tensor:
        """The positive ones."""
        return pre > 0

    def with_penalty(self, pre: Any, feature: Any, slope: Any, tokens: int) -> Any:  # noqa: ARG002
        """λ adds to every slope; it rises while too many are active and falls while too few are."""
        slope = slope + float(self.state[_COEFFICIENT]) / tokens
        active = float(self.reduce(np.array([float(len(pre))]))[0]) / tokens
        # proportional control of log λ: at most 2 % a step, and no log of 0 where nothing is active
        error = np.clip(np.log(max(active, 1e-3) / self.k), -1, 1)
        self.state[_COEFFICIENT] = self.state[_COEFFICIENT] * np.exp(0.02 * error)
        return slope

    def gate(self, encoder: Encoder, x: NDArray[np.float32]) -> Gate:  # noqa: ARG002
        """Above zero."""
        return Gate(threshold=np.zeros(self.n_features, np.float32))


class JumpReLU(ActivationRule):
    """Pre-activations above a threshold that each feature learns (Rajamanoharan et al., arXiv:2407.14435).

    A threshold gets a gradient only from codes within `width` of it (straight-through estimate with a rectangle). The
    penalty is on the squared distance of the mean number of active features from k, relative to k.
    """

    penalises = True
    coefficient = 1.0

    def prepare(self, encoder: Encoder, x: NDArray[np.float32]) -> None:
        """Thresholds at which k features are active on average in the sample."""
        start = BatchTopK(self.params)
        start.prepare(encoder, x)
        # 4,096 rows say where a threshold lies; the rule would otherwise hold the codes of the whole sample
        first = start.gate(encoder, x[:4096]).threshold
        assert first is not None
        self.state = {
            "log_threshold": np.log(np.maximum(first, 1e-6)).astype(np.float64),
            "mean": np.zeros(self.n_features),
            "square": np.zeros(self.n_features),
            # a share of the threshold: activations differ in scale from model to model
            "width": np.array(self.params.bandwidth * float(first[0])),
        }

    @property
    def threshold(self) -> NDArray[np.float32]:
        """Thresholds as they are now."""
        return np.exp(self.state["log_threshold"]).astype(np.float32)

    def select(self, encoder: Encoder, x: NDArray[np.float32]) -> Active:
        """Those above, and those a little below, which give a gradient to the threshold alone."""
        # half a width below: the rectangle in which the threshold gets a gradient
        low = self.threshold - np.float32(self.state["width"] / 2)
        return encoder.above(x, np.maximum(low, 0), 8 * self.k)

    def mask(self, pre: Tensor) -> Tensor:
        """Those above and a little below."""
        low = torch.from_numpy(self.threshold - np.float32(self.state["width"] / 2)).to(pre.device)
        return pre > low.clamp_min(0)

    def codes(self, pre: Any, feature: Any) -> Any:
        """Pre-activations above the threshold; zero below."""
        return pre * (pre > _like(self.threshold, pre)[feature])

    def with_penalty(self, pre: Any, feature: Any, slope: Any, tokens: int) -> Any:
        """Codes below the threshold do not move; they and those just above give the gradient of the threshold."""
        theta, width = _like(self.threshold, pre)[feature], float(self.state["width"])
        above, near = pre > theta, abs(pre - theta) < width / 2
        active = float(self.reduce(np.array([float(above.sum())]))[0]) / tokens
        # derivative by one active code more of √features · (L0 / k - 1)², L0 being the mean number of active ones
        excess = self.coefficient * self.params.n_features**0.5 * 2 * (active / self.k - 1) / self.k / tokens
        # straight-through: ∂code/∂θ = -θ / width and ∂(active)/∂θ = -1 / width inside; times θ, for log θ is learnt
        by_threshold = -(theta * slope + excess) / width * theta * near
        self._slope = self.reduce(_sum_by(feature, by_threshold, self.n_features))
        # below the threshold a code is 0 whatever its pre-activation
        return slope * above

    def learn(self, rate: float, step: int) -> None:
        """Adam on the logarithms of the thresholds."""
        p, s, g = self.params, self.state, self._slope
        s["mean"] = p.beta1 * s["mean"] + (1 - p.beta1) * g
        s["square"] = p.beta2 * s["square"] + (1 - p.beta2) * g * g
        # step counts from 0, and the first step has been taken into the means
        mean, square = s["mean"] / (1 - p.beta1 ** (step + 1)), s["square"] / (1 - p.beta2 ** (step + 1))
        s["log_threshold"] = s["log_threshold"] - rate * mean / (np.sqrt(square) + 1e-12)

    def gate(self, encoder: Encoder, x: NDArray[np.float32]) -> Gate:  # noqa: ARG002
        """The thresholds."""
        return Gate(threshold=self.threshold)


RULES: dict[Variant, type[ActivationRule]] = {
    "topk": TopK,
    "batchtopk": BatchTopK,
    "matryoshka": Matryoshka,
    "jumprelu": JumpReLU,
    "relu": ReLU,
}


def _like(a: NDArray, other: Any) -> Any:
    return torch.from_numpy(a).to(other.device) if isinstance(other, Tensor) else a


def _sum_by(feature: Any, value: Any, n: int) -> NDArray[np.float64]:
    if isinstance(value, Tensor):
        # numpy adds in order of the entries: sums do not depend on threads, as atomics on a GPU would
        feature, value = feature.cpu().numpy(), value.cpu().numpy()
    return np.bincount(feature, weights=value, minlength=n).astype(np.float64)
