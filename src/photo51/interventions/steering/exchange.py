"""The exchange rate between context and steering: how many copies of a motif in the prompt equal how much strength.

Copies of a motif and steering towards it both raise the odds that the model writes it. If context is evidence and
steering is a prior, the log-odds add: `b + a · strength + c · copies^(1 − d)`. The law is fitted on some settings and
judged on settings it has not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.config.interventions import ExchangeParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.writing.generate import Stream
from photo51.io.contracts.interventions import EXCHANGE
from photo51.model.tokenizer import BASE_IDS, tokens_text
from photo51.types import InputError

_DISCOUNTS = np.linspace(0.0, 0.95, 39)  # of the exponent, in steps of 0.025; at 1 copies would count nothing


class Law(NamedTuple):
    """`base + per_strength · strength + per_copy · copies^(1 − discount)`, log-odds in nats.

    References
    ----------
    Bigelow et al. 2025, arXiv:2511.00617.
    """

    base: float
    per_strength: float
    per_copy: float
    discount: float

    def __call__(self, copies: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds at settings."""
        strength = np.asarray(strength, dtype=np.float64)
        return self.base + self.per_strength * strength + self.per_copy * _evidence(copies, self.discount)

    def strength_of(self, copies: float) -> float:
        """Strength (units) that does as much as so many copies."""
        return self.per_copy * copies ** (1 - self.discount) / self.per_strength

    def copies_of(self, strength: float) -> float:
        """Copies that do as much as a strength (units); NaN where copies or steering work against the motif."""
        # the law solved for copies; a negative base has no real root
        ratio = self.per_strength * strength / self.per_copy
        return ratio ** (1 / (1 - self.discount)) if ratio >= 0 else float("nan")


class Exchange(NamedTuple):
    """A fitted exchange rate.

    Attributes
    ----------
    table
        Contract `EXCHANGE`.
    law
        Fitted on the settings that were not held out.
    r, r2
        Pearson correlation, and share of variance explained, on the held-out settings.
    rmse
        Root mean squared error there (nats).
    """

    table: pd.DataFrame
    law: Law
    r: float
    r2: float
    rmse: float


def exchange_rate(
    instrument: Instrument,
    target: Bundle,
    motif: NDArray[np.integer],
    background: NDArray[np.integer],
    params: ExchangeParams,
) -> Exchange:
    """Measure, fit and test.

    Parameters
    ----------
    motif
        (length,) token ids, A, C, G, T only.
    background
        (windows, length) token ids of sequence without the motif, that surrounds the copies; prompts of all settings
        have one length, and copies stand at their ends.

    Raises
    ------
    InputError
        For a motif with other letters, or background that is too short for the most copies.
    """
    motif = np.asarray(motif)
    if not len(motif) or not np.isin(motif, BASE_IDS).all():
        raise InputError(f"motif: need A, C, G, T, got {tokens_text(motif)!r}")
    copies, strengths = sorted(set(params.copies)), sorted(set(params.strengths))
    prompts = np.stack([_prompts(motif, background, n, params) for n in copies])
    values = log_odds(instrument, target, prompts, motif, strengths)
    grid = np.array([(n, s) for n in copies for s in strengths])
    held_out = _held_out(len(copies), len(strengths), params)
    law = fit_law(grid[~held_out, 0], grid[~held_out, 1], values.ravel()[~held_out])
    fitted = law(grid[:, 0], grid[:, 1])
    table = pd.DataFrame(
        {
            "target": target.name,
            "motif": tokens_text(motif),
            "copies": grid[:, 0].astype(np.int64),
            "strength": grid[:, 1],
            "held_out": held_out,
            "log_odds": values.ravel(),
            "fitted": fitted,
        }
    )
    return Exchange(EXCHANGE.check(table), law, *_quality(values.ravel()[held_out], fitted[held_out]))


def _prompts(
    motif: NDArray[np.integer], background: NDArray[np.integer], copies: int, params: ExchangeParams
) -> NDArray[np.integer]:
    """(contexts, length): background whose last `copies` slots begin with the motif."""
    slot = len(motif) + params.spacer
    # one slot more than the most copies: some background is before them all
    length = max(params.copies) * slot + slot
    if background.shape[1] < length or len(background) < params.contexts:
        raise InputError(
            f"background: need {params.contexts} windows of {length} bases, got {len(background)} of"
            f" {background.shape[1]}"
        )
    prompts = background[: params.contexts, :length].copy()
    for i in range(copies):
        # from the end, so that the last copy stands next to what is written
        first = length - (i + 1) * slot
        # a spacer follows each copy
        prompts[:, first : first + len(motif)] = motif
    return prompts


@torch.inference_mode()
def log_odds(
    instrument: Instrument,
    target: Bundle,
    prompts: NDArray[np.integer],
    motif: NDArray[np.integer],
    strengths: list[float],
) -> NDArray[np.float64]:
    """(copies, strengths): mean log-odds of the motif's bases after prompts (copies, contexts, length), nats.

    The motif is read base by base as if it had been written; the state before each of its bases is steered.
    """
    out = np.zeros((len(prompts), len(strengths)))
    for i, group in enumerate(prompts):
        n = len(group)
        # (contexts × strengths, 1), strengths fastest
        dose = torch.tensor(strengths).repeat(n)[:, None]
        edit = SiteEdit(instrument.dictionary, [Order("add", target, dose)], instrument.units)
        stream = Stream(instrument.model, np.arange(n), {instrument.site: edit})
        # read once for all strengths: without an edit up to the prompt's last base
        stream.read(group[:, :-1], edited=False)
        steered = stream.take(np.repeat(np.arange(n), len(strengths)))
        last = np.repeat(group[:, -1:], len(strengths), axis=0)
        # the last base of the prompt, then all of the motif but its last: each is the state before a base of the
        # motif
        fed = np.concatenate([last, np.tile(motif[:-1], (len(last), 1))], axis=1)
        log_p = torch.log_softmax(steered.logits(fed).double(), -1)
        right = torch.from_numpy(motif[:, None] == BASE_IDS).to(log_p.device)
        # away from 0 and 1, where log-odds are infinite
        p = (log_p.exp() * right).sum(-1).clamp(1e-9, 1 - 1e-9)
        # mean over the motif's bases, then over contexts
        odds = (p.log() - (1 - p).log()).mean(1)
        out[i] = odds.view(n, len(strengths)).mean(0).cpu().numpy()
    return out


def _held_out(n_copies: int, n_strengths: int, params: ExchangeParams) -> NDArray[np.bool_]:
    """Settings (copies × strengths) the fit never sees; every number of copies and every strength keeps one it does
    see.
    """
    rng = np.random.default_rng([params.seed, 7])
    size = n_copies * n_strengths
    # at least 2, as a correlation wants
    n = max(2, round(params.held_out * size))
    held_out = np.zeros((n_copies, n_strengths), dtype=bool)
    for cell in rng.permutation(size):
        i, j = divmod(int(cell), n_strengths)
        # never the last visible one of a row or column: the fit would not know it
        if held_out.sum() < n and (~held_out[i]).sum() > 1 and (~held_out[:, j]).sum() > 1:
            held_out[i, j] = True
    return held_out.ravel()


def _evidence(copies: NDArray[np.float64], discount: float) -> NDArray[np.float64]:
    # 0 copies are no evidence, whatever the discount
    return np.where(np.asarray(copies) > 0, np.asarray(copies, dtype=np.float64) ** (1 - discount), 0.0)


def fit_law(copies: NDArray[np.float64], strength: NDArray[np.float64], value: NDArray[np.float64]) -> Law:
    """Least squares of the law; the discount by search, all else exactly."""
    best, law = np.inf, Law(0.0, 0.0, 0.0, 0.0)
    for discount in _DISCOUNTS:
        # linear in all but the discount, hence a search over that alone
        columns = np.stack([np.ones(len(value)), strength, _evidence(copies, discount)], axis=1)
        coefficients = np.linalg.lstsq(columns, value, rcond=None)[0]
        error = float(((columns @ coefficients - value) ** 2).sum())
        # a hair's improvement does not move the discount: the smallest that is as good is kept
        if error < best - 1e-12:
            base, per_strength, per_copy = coefficients.tolist()
            best, law = error, Law(base, per_strength, per_copy, float(discount))
    return law


def _quality(value: NDArray[np.float64], fitted: NDArray[np.float64]) -> tuple[float, float, float]:
    rest = value - fitted
    spread = float(((value - value.mean()) ** 2).sum())
    r = float(np.corrcoef(value, fitted)[0, 1]) if spread > 0 and np.ptp(fitted) > 0 else float("nan")
    r2 = 1.0 - float((rest**2).sum()) / spread if spread > 0 else float("nan")
    return r, r2, float(np.sqrt((rest**2).mean()))
