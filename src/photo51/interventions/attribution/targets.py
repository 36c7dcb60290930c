"""What is explained: a number that the final hidden states give for each sequence of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS, BASES
from photo51.types import InputError


class Target(Protocol):
    """A number for each sequence."""

    def __call__(self, hidden: Tensor) -> Tensor:
        """(batch,) from final hidden states (batch, length, d_model)."""


def base_scores(model: StripedHyena, hidden: Tensor) -> Tensor:
    """Scores of A, C, G, T as the next base, (…, 4)."""
    bases = torch.from_numpy(BASE_IDS.astype(np.int64)).to(hidden.device)
    return model.logits(hidden)[..., bases].float()


@dataclass(frozen=True, eq=False)
class NextBaseTarget:
    """Score of one base at one place against the mean score of the others (nats).

    A score alone means nothing: adding one number to all four changes no prediction.

    Attributes
    ----------
    at
        Index of the base that is predicted, from the one before it; at least 1.
    base
        One of A, C, G, T.
    """

    model: StripedHyena
    at: int
    base: str

    def __post_init__(self) -> None:
        if self.at < 1 or self.base not in {"A", "C", "G", "T"}:
            raise InputError(f"next base: need a place from 1 on and one of A, C, G, T, got {self.at} {self.base!r}")

    def __call__(self, hidden: Tensor) -> Tensor:
        """(batch,)."""
        scores = base_scores(self.model, hidden[:, self.at - 1])
        base_index = BASES.index(self.base.encode())
        # s_b less the mean of the other three; a constant added to all scores drops out, so no softmax is needed
        # float32 for softmax and differences: bfloat16 has steps of 0.06 between 8 and 16
        return (4 * scores[:, base_index] - scores.sum(-1)) / 3


@dataclass(frozen=True, eq=False)
class ContrastTarget:
    """Score of one base against another at one place (nats): the log-likelihood ratio of the two there.

    Attributes
    ----------
    at
        Index of the base that is predicted; at least 1.
    base, against
        Two of A, C, G, T.
    """

    model: StripedHyena
    at: int
    base: str
    against: str

    def __call__(self, hidden: Tensor) -> Tensor:
        """(batch,)."""
        scores = base_scores(self.model, hidden[:, self.at - 1])
        # the normaliser of the softmax cancels
        return scores[:, BASES.index(self.base.encode())] - scores[:, BASES.index(self.against.encode())]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Log-likelihood of bases [start, end) of a sequence, each given those before it (nats), over A, C, G, T.

    Attributes
    ----------
    ids
        (length,) token ids; letters other than A, C, G, T count nothing.
    start, end
        Half-open; `start` is at least 1, as nothing comes before the first base.
    """

    model: StripedHyena
    ids: NDArray[np.integer]
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 1 <= self.start < self.end <= len(self.ids):
            raise InputError(
                f"likelihood: need 1 <= start < end <= {len(self.ids)}, got {self.start}..{self.end}; nothing comes"
                " before the first base"
            )

    def __call__(self, hidden: Tensor) -> Tensor:
        """(batch,)."""
        # base t is predicted at t − 1
        log_p = torch.log_softmax(base_scores(self.model, hidden[:, self.start - 1 : self.end - 1]), -1)
        is_it = self.ids[self.start : self.end, None] == BASE_IDS
        return (log_p * torch.from_numpy(is_it).to(log_p)).sum((1, 2))
