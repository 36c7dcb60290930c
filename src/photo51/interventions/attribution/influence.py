"""Which bases each block carries straight to a prediction: the direct paths of a score, exact."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.io.contracts.interventions import INFLUENCE
from photo51.model.stripedhyena.influence import DirectInfluence, direct_influence
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS, BASES

MIXING = {
    "hcs": "short convolution",
    "hcm": "medium convolution",
    "hcl": "long convolution",
    "h1": "long convolution",
    "attn": "attention",
}


class ScoreInfluence(NamedTuple):
    """A score of the next base, shared out among direct paths (nats).

    Attributes
    ----------
    kinds
        How each block mixes bases: short, medium or long convolution, or attention.
    paths
        The terms; their total is the score.
    """

    kinds: tuple[str, ...]
    paths: DirectInfluence

    def table(self, chrom: str, ids: NDArray[np.uint8], position: NDArray[np.int64]) -> pd.DataFrame:
        """What each block carries from each base (contract `INFLUENCE`); bases that a filter does not reach have no
        row.
        """
        block, base = np.nonzero(self.paths.mixed)
        return INFLUENCE.check(
            pd.DataFrame(
                {
                    "block": block.astype(np.int64),
                    "mixing": np.array(self.kinds, dtype=object)[block],
                    "chrom": chrom,
                    "position": np.asarray(position, dtype=np.int64)[base],
                    "base": np.array([chr(b) for b in ids], dtype=object)[base],
                    "contribution": self.paths.mixed[block, base],
                }
            )
        )

    def summary(self) -> dict[str, object]:
        """Totals: blocks' mixing, their MLPs, embedding and biases, and the score they add up to (nats)."""
        mixed = self.paths.mixed.sum(1)
        return {
            "score_nats": self.paths.total,
            "mixing_nats": {f"block {i}, {kind}": float(mixed[i]) for i, kind in enumerate(self.kinds)},
            "mlp_nats": float(self.paths.fed.sum()),
            "embedding_nats": self.paths.embedding,
            "bias_nats": float(self.paths.biases.sum()),
        }


def against_others(base: str) -> NDArray[np.float64]:
    """Weights (4,) over the scores of A, C, G, T that compare one base with the mean of the others."""
    weights = np.full(4, -1.0 / 3)
    weights[BASES.index(base.encode())] = 1.0
    return weights


def against_base(base: str, other: str) -> NDArray[np.float64]:
    """Weights (4,) over the scores of A, C, G, T that compare one base with another."""
    weights = np.zeros(4)
    weights[BASES.index(base.encode())] = 1.0
    weights[BASES.index(other.encode())] -= 1.0
    return weights


def score_influence(model: StripedHyena, before: NDArray[np.uint8], weights: NDArray[np.float64]) -> ScoreInfluence:
    """Share out a difference of scores of the next base among what each block carries from each base before it.

    A constant added to all four scores changes no prediction, so that weights add up to 0. The final norm divides by
    the size of the residual stream; that divisor is taken as it is, which makes the score linear in the stream.

    Parameters
    ----------
    before
        (length,) bases that the model has read, as ASCII codes.
    weights
        (4,) over the scores of A, C, G, T.
    """
    ids = torch.from_numpy(np.array(before, dtype=np.int64)).to(model.embedding_layer.weight.device)
    rows = model.embedding_layer.weight.detach()[torch.from_numpy(BASE_IDS.astype(np.int64)).to(ids.device)].double()
    letters = torch.from_numpy(weights).to(rows.device) @ rows

    def direction(stream: torch.Tensor) -> torch.Tensor:
        # as RMSNorm does it: eps stands outside the root
        divisor = torch.linalg.vector_norm(stream) * len(stream) ** -0.5 + model.norm.eps
        return letters * model.norm.scale.detach().double() / divisor

    kinds = tuple(MIXING[kind] for kind in model.config.block_kinds)
    return ScoreInfluence(kinds, direct_influence(model, ids, direction))
