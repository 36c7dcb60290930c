"""Why the model says what it says: contributions of features and bases to a target, which add up to it.

A site's tensor is `x = Σ_f codes_f · decoder_f + offset + error`. Along a straight path from a baseline to `x`, the
mean gradient `g` of the target gives each part its share: `codes_f · (decoder_f · g)` for a feature at a base, `error
· g` for what the dictionary does not explain. Their sum is the target's change along the path, up to the error of
integration, which is reported.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import AttributionParams
from photo51.interventions.attribution.targets import Target
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.io.contracts.interventions import AGREEMENT
from photo51.model.stripedhyena.tail import Tail

log = logging.getLogger(__name__)
GRADIENT_BASES = 2_048


@dataclass(frozen=True, eq=False)
class Term:
    """One target and the path along which it is explained.

    Attributes
    ----------
    name
        What it is called in tables.
    target
        From final hidden states to a number.
    x
        (length, d_model) the site's tensor at the end of the path.
    codes
        (length, features) what the dictionary says of `x`, less what it says of the beginning of the path.
    baseline
        (length, d_model) the beginning of the path.
    sign
        −1 for a target that is subtracted.
    """

    name: str
    target: Target
    x: Tensor
    codes: Tensor
    baseline: Tensor
    sign: float = 1.0


class Attribution(NamedTuple):
    """Contributions to one term.

    Attributes
    ----------
    term
        What was explained.
    value, baseline
        Target at the end and at the beginning of the path (nats).
    features
        (length, features) contribution of each feature at each base (nats).
    error
        (length,) contribution of what the dictionary does not explain (nats).
    steps
        Points on the path; 1 for gradient times activation.
    """

    term: Term
    value: float
    baseline: float
    features: Tensor
    error: Tensor
    steps: int

    @property
    def total(self) -> float:
        """What the contributions should add up to."""
        return self.value - self.baseline

    @property
    def explained(self) -> float:
        """What they add up to."""
        return float(self.features.sum() + self.error.sum())

    @property
    def completeness_error(self) -> float:
        """How far that is off, as a share of the total."""
        return abs(self.explained - self.total) / max(abs(self.total), 1e-9)


def term(instrument: Instrument, name: str, target: Target, ids: NDArray[np.integer]) -> Term:
    """A target of one sequence, explained from a baseline on which no feature fires and nothing is unexplained."""
    # in the dictionary's numbers: sums along a path would not add up in the model's, which may be half as long
    x = activations(instrument.model, instrument.site, instrument.ids(ids[None]))[0].to(instrument.dictionary.decoder)
    with torch.no_grad():
        codes = instrument.dictionary.encode(x)
    # where no feature fires the dictionary decodes its offset, and x equal to it leaves no error
    baseline = instrument.dictionary.offset.expand_as(x)
    return Term(name, target, x, codes, baseline)


def change(
    instrument: Instrument, name: str, target: Target, before: NDArray[np.integer], after: NDArray[np.integer]
) -> Term:
    """A target's change from one sequence to another of the same length, explained along the way between them."""
    assert len(before) == len(after)
    # one call for both: the state of neither touches the other
    both = activations(instrument.model, instrument.site, instrument.ids(np.stack([before, after])))
    x0, x1 = both.to(instrument.dictionary.decoder)
    with torch.no_grad():
        # the difference of codes: contributions are those of what changed
        codes = instrument.dictionary.encode(x1) - instrument.dictionary.encode(x0)
    return Term(name, target, x1, codes, x0)


def attribute(instrument: Instrument, scored_term: Term, params: AttributionParams) -> Attribution:
    """Share a term out among features, bases and the dictionary's error.

    `integrated` doubles the points on the path until the contributions add up within the tolerance, or no more are
    allowed.

    References
    ----------
    Sundararajan et al. 2017 (integrated gradients), arXiv:1703.01365; Marks et al. 2024 (features and error as nodes),
    arXiv:2403.19647.
    """
    tail = Tail(instrument.model, instrument.site)
    with torch.no_grad():
        baseline, value = scored_term.target(tail(torch.stack([scored_term.baseline, scored_term.x]))).tolist()
    step = scored_term.x - scored_term.baseline
    # gradient × activation is one point, the end of the path
    n = params.steps if params.method == "integrated" else 1
    while True:
        nodes = _nodes(n) if params.method == "integrated" else (np.ones(1), np.ones(1))
        gradient = path_gradient(tail, scored_term, nodes, params.batch)
        # completeness: ∫ ∇f · dx along the path is f(x) − f(baseline)
        off = abs(float((step * gradient).sum()) - (value - baseline))
        enough = off <= params.tolerance * abs(value - baseline)
        # doubling beyond the limit would be wasted: the last result is returned as it is
        if params.method == "gradient" or enough or 2 * n > params.max_steps:
            break
        n *= 2
    with torch.no_grad():
        # (length, features): a code moves x along its decoder row; the gradient along that row is its slope
        features = scored_term.codes * (gradient @ instrument.dictionary.decoder.T)
        # the rest of the step, so that features and error add up to gradient · step exactly
        error = ((step - scored_term.codes @ instrument.dictionary.decoder) * gradient).sum(-1)
    sign = scored_term.sign
    attribution = Attribution(scored_term, sign * value, sign * baseline, sign * features, sign * error, n)
    if params.method == "integrated" and not enough:
        log.warning(
            "%s: contributions add up to %.4g of %.4g nats after %d points on the path (%.1f %% off)",
            scored_term.name,
            attribution.explained,
            attribution.total,
            n,
            100 * attribution.completeness_error,
        )
    return attribution


def _nodes(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre points and weights on 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(n)
    # from −1 … 1 to 0 … 1; n points are exact for polynomials of degree 2n − 1 along the path
    return (points + 1) / 2, weights / 2


def path_gradient(
    tail: Tail, scored_term: Term, nodes: tuple[NDArray[np.float64], NDArray[np.float64]], batch: int
) -> Tensor:
    """Weighted mean gradient of the target along the path, (length, d_model)."""
    # gradients keep every block's activations of every base: what a batch holds is bounded in bases, not in points
    batch = min(batch, max(1, GRADIENT_BASES // len(scored_term.x)))
    points, weights = (torch.from_numpy(a).to(scored_term.x) for a in nodes)
    mean = torch.zeros_like(scored_term.x)
    for i in range(0, len(points), batch):
        a, w = points[i : i + batch, None, None], weights[i : i + batch, None, None]
        with torch.enable_grad():
            x = (scored_term.baseline + a * (scored_term.x - scored_term.baseline)).requires_grad_()
            # sequences of a batch do not meet, so the gradient of the sum is that of each
            (gradient,) = torch.autograd.grad(scored_term.target(tail(x)).sum(), x)
        mean += (w * gradient).sum(0)
    return mean


@torch.no_grad()
def ablate(instrument: Instrument, scored_term: Term, features: NDArray[np.integer], batch: int) -> NDArray[np.float64]:
    """What a term loses when a feature's codes are set to 0 (or to those of the path's beginning) at every base."""
    # ablation of nothing is an empty table
    if not len(features):
        return np.zeros(0)
    tail = Tail(instrument.model, instrument.site)
    full = float(scored_term.target(tail(scored_term.x[None]))[0])
    lost = []
    for i in range(0, len(features), batch):
        chosen = torch.from_numpy(np.asarray(features[i : i + batch], dtype=np.int64)).to(scored_term.x.device)
        rows = instrument.dictionary.decoder[chosen]  # (features, d_model)
        # (features, length, d_model): each arm without the part that one feature wrote
        x = scored_term.x - scored_term.codes[:, chosen].T[..., None] * rows[:, None]
        lost.append(full - scored_term.target(tail(x)))
    return scored_term.sign * torch.cat(lost).double().cpu().numpy()


def agreement(instrument: Instrument, attribution: Attribution, params: AttributionParams) -> pd.DataFrame:
    """The features with the largest contributions beside what their exact ablation does (contract `AGREEMENT`)."""
    summed = attribution.features.sum(0).double().cpu().numpy()
    # negated for descending order; stable, so that ties go to the lower feature
    top = np.argsort(-np.abs(summed), kind="stable")[: params.ablated]
    # a contribution of exactly 0 has nothing to agree with
    top = top[summed[top] != 0]
    return AGREEMENT.check(
        pd.DataFrame(
            {
                "term": attribution.term.name,
                "feature": top,
                "concept": np.array([instrument.name(f) for f in top], dtype=object),
                "contribution": summed[top],
                "ablation": ablate(instrument, attribution.term, top, params.batch),
            }
        )
    )


def spearman(table: pd.DataFrame) -> float:
    """Rank correlation of contribution and ablation; NaN below 3 features."""
    if len(table) < 3:
        return float("nan")
    return float(scipy.stats.spearmanr(table["contribution"], table["ablation"]).statistic)
