"""What features do: the model's loss when one is ablated where it fires, and its answer when one is added where it is
silent.

Every number stands beside what directions of random features do that fire about as often, moved by the same length at
the same bases; p-values rank a feature among the random directions of all features (`pooled_p`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import AblationParams, CausalityParams
from photo51.interventions.attribution.explain import Bases
from photo51.interventions.attribution.targets import base_scores
from photo51.interventions.edits.dictionary import Instrument, activations, check_features
from photo51.io.contracts.interventions import ABLATION, CAUSALITY
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.tail import Tail, copies
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.stats.resampling import pooled_p
from photo51.types import InputError, Strand

LN2 = float(np.log(2.0))
_TOGETHER = 8  # features whose windows are read at once, where no null is asked for
_NEAREST = 5  # random features are drawn among this many times as many of nearest density


def windows_at(bases: Bases, places: pd.DataFrame, params: AblationParams) -> dict[int, NDArray[np.uint8]]:
    """Feature → (windows, context + scored) token ids around its strongest firing places, in their reading direction.

    Parameters
    ----------
    places
        Contract `TOP_WINDOWS`; a place too near the beginning of a linear contig for its context is left out.

    Returns
    -------
    Features without any place are left out.
    """
    windows_of: dict[int, list[NDArray[np.uint8]]] = {}
    # firing places lie a third into the scored part: two thirds of it show what comes after
    lead = params.context + params.scored // 3
    size = params.context + params.scored
    for place in places.sort_values(["feature", "rank"]).to_dict("records"):
        mine = windows_of.setdefault(int(place["feature"]), [])
        if len(mine) == params.windows:
            continue
        genome, chrom, peak = str(place["genome"]), str(place["chrom"]), int(place["peak"])
        strand: Strand = "-" if place["strand"] == "-" else "+"
        # on '-' the peak is the (lead + 1)-th base from the window's high end: end = peak + 1 + lead
        start = peak - lead if strand == "+" else peak + 1 + lead - size
        inside = start >= 0 and start + size <= bases.length(genome, chrom)
        if inside or bases.is_circular(genome, chrom):
            mine.append(bases.sequence(genome, chrom, start, start + size, strand))
    return {feature: np.stack(windows) for feature, windows in windows_of.items() if windows}


def causality(
    instrument: Instrument,
    windows: Mapping[int, NDArray[np.integer]],
    background: NDArray[np.integer],
    params: CausalityParams,
) -> pd.DataFrame:
    """The causal report of each feature of `windows` (contract `CAUSALITY`).

    Parameters
    ----------
    windows
        Feature → (windows, context + scored) token ids that hold firing places in their scored part.
    background
        (windows, length) ordinary sequence, at whose ends one dose of each feature is added.

    Raises
    ------
    InputError
        For an unknown or silent feature.
    """
    instrument.units.of(list(windows))
    start = Background.read(instrument, background)
    rows: list[dict[str, object]] = []
    removed, moved = [], []
    for feature, ids in progress(windows.items(), "causality", total=len(windows), unit="features"):
        others = random_features(instrument, feature, params)
        without, null = ablation(instrument, feature, ids, others, params)
        removed.append(null)
        steered, null = steering_effect(instrument, feature, start, others, params)
        moved.append(null)
        who = {"feature": feature, "concept": instrument.name(feature), "places": len(ids)}
        rows.append({**who, **without, **steered})
    if not rows:
        return CAUSALITY.empty()
    table = pd.DataFrame(rows)
    return CAUSALITY.check(
        table.assign(
            ablation_p=_where_measured(table["ablation_dnll"], np.stack(removed)),
            steer_p=pooled_p(table["steer_kl"], np.stack(moved)),
        )
    )


def _where_measured(found: pd.Series, null: NDArray[np.float64]) -> NDArray[np.float64]:
    """`pooled_p` of the features that could be removed somewhere; NaN for the others, which are in no null."""
    p, measured = np.full(len(found), np.nan), found.notna().to_numpy()
    if measured.any():
        p[measured] = pooled_p(found[measured], null[measured])
    return p


def random_features(instrument: Instrument, feature: int, params: CausalityParams) -> NDArray[np.int64]:
    """Features of like density, drawn among the nearest in density."""
    density = instrument.units.density
    check_features([feature], len(density))
    # only features that fire have a density to compare and a unit
    pool = np.flatnonzero((density > 0) & (np.arange(len(density)) != feature))
    if len(pool) < params.random_features:
        raise InputError(
            f"random_features: need at least {params.random_features} other features that fire, got {len(pool)}"
        )
    # ratio of densities: a feature half as dense is as far as one twice as dense
    distance = np.abs(np.log(density[pool]) - np.log(density[feature]))
    near = pool[np.argsort(distance, kind="stable")[: _NEAREST * params.random_features]]
    rng = np.random.default_rng([params.seed, feature])
    return np.sort(rng.choice(near, params.random_features, replace=False))


def _directions(instrument: Instrument, feature: int, others: NDArray[np.int64]) -> Tensor:
    """The feature's decoder row, then those of the others at the same length, (1 + others, d_model)."""
    rows = instrument.dictionary.decoder
    feature_row, rest = rows[feature], rows[torch.from_numpy(others).to(rows.device)]
    # the same length as the feature's own row: arms then differ in direction alone
    rest = rest / torch.linalg.vector_norm(rest, dim=1, keepdim=True) * torch.linalg.vector_norm(feature_row)
    return torch.cat([feature_row[None], rest])


@torch.no_grad()
def without_each(
    instrument: Instrument, windows: Mapping[int, NDArray[np.integer]], params: AblationParams
) -> pd.DataFrame:
    """What the model loses without each feature of `windows` (contract `ABLATION`): no null, for ranking all of
    them.
    """
    features, rows = list(windows), []
    batches = [features[a : a + _TOGETHER] for a in range(0, len(features), _TOGETHER)]
    for batch in progress(batches, "ablation", unit=f"batches of {_TOGETHER} features"):
        sizes = [len(windows[f]) for f in batch]
        # index of the feature that each window belongs to
        window_of = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor(sizes))
        read = _Scored.of(instrument, np.concatenate([windows[f] for f in batch]), params)
        codes = instrument.dictionary.encode(read.x, batch)[
            torch.arange(len(window_of)), :, window_of.to(read.x.device)
        ]
        # each window's own feature: (windows, scored), then times its decoder row
        rise, counts = read.rise(codes, (codes[..., None] * instrument.dictionary.decoder[batch][window_of, None],))
        for i, f in enumerate(batch):
            mine = window_of == i
            firing = int((codes[mine] > 0).sum())
            # per counted prediction; a feature that fires nowhere that counts has none, and no rise
            n = float(counts[mine].sum())
            lost = float(rise[0, mine].sum()) / n if n else float("nan")
            rows.append({"feature": f, "places": sizes[i], "firing_bases": firing, "dnll": lost})
    return ABLATION.check(pd.DataFrame(rows)) if rows else ABLATION.empty()


@torch.no_grad()
def ablation(
    instrument: Instrument,
    feature: int,
    ids: NDArray[np.integer],
    others: NDArray[np.int64],
    params: CausalityParams,
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Rise of the negative log-likelihood after firing bases (bits), and what random directions give, (others,)."""
    read, directions = _Scored.of(instrument, ids, params), _directions(instrument, feature, others)
    codes = instrument.dictionary.encode(read.x, [feature])[..., 0]  # (windows, scored)
    # random directions are taken off with the codes of the feature: as strongly, at the same bases
    rises, counts = read.rise(codes, tuple(codes[..., None] * direction for direction in directions))
    n, firing = float(counts.sum()), int((codes > 0).sum())
    rise = rises.sum((1, 2)) / (n or float("nan"))  # NaN for a feature that fires nowhere that counts
    lost, null = float(rise[0]), rise[1:].double().cpu().numpy()
    measured = {
        "firing_bases": firing,
        "ablation_dnll": lost,
        "ablation_null": float(null.mean()),
        # NumPy's default quantile interpolates between random directions
        "ablation_null_q99": float(np.quantile(null, 0.99)),
    }
    return measured, null


class _Scored(NamedTuple):
    """Windows read up to their scored part: the site's tensor in it, and what goes on from there.

    Attributes
    ----------
    x
        (windows, scored, d_model).
    tokens
        (windows, scored) token ids.
    """

    instrument: Instrument
    params: AblationParams
    x: Tensor
    tokens: Tensor
    tail: Tail
    cache: HyenaCache

    @classmethod
    def of(cls, instrument: Instrument, ids: NDArray[np.integer], params: AblationParams) -> _Scored:
        tokens = instrument.ids(ids)
        x = activations(instrument.model, instrument.site, tokens)
        tail = Tail(instrument.model, instrument.site)
        cache = tail.begin()
        if params.context:
            # the context is read once, unedited, and its state shared by all arms
            tail(x[:, : params.context], cache)
        return cls(instrument, params, x[:, params.context :], tokens[:, params.context :], tail, cache)

    def rise(self, codes: Tensor, removed: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Rise of the loss (bits) at each prediction that counts, (arms, windows, scored − 1), and which those are.

        Parameters
        ----------
        codes
            (windows, scored) activation of the feature: predictions soon after its firing count.
        removed
            What each arm takes off, (windows, scored, d_model).
        """
        arms = [self.x, *(self.x - off for off in removed)]
        # arms along the batch: the state is repeated as many times
        hidden = self.tail(torch.cat(arms), copies(self.cache, len(arms)))
        nll = _nll(self.instrument, hidden, self.tokens.repeat(len(arms), 1))
        nll = nll.view(len(arms), len(self.x), -1)
        # the prediction made at the last base is of one that is not read
        counts = after_firing(codes > 0, self.params.horizon)[:, :-1]
        # against the untouched arm, prediction by prediction, so that what is hard to predict cancels
        return (nll[1:] - nll[0]) * counts, counts


def after_firing(fires: Tensor, horizon: int) -> Tensor:
    """Places (windows, length) from which the next base is predicted within `horizon` bases after one that fires."""
    counts = fires.clone()
    for lag in range(1, horizon):
        # within `horizon` of a firing base, that base included (lag 0)
        counts[:, lag:] |= fires[:, :-lag]
    return counts


def _nll(instrument: Instrument, hidden: Tensor, tokens: Tensor) -> Tensor:
    """(rows, length − 1) bits of each base after the first, over A, C, G, T; 0 for any other letter."""
    bases = torch.from_numpy(BASE_IDS.astype(np.int64)).to(tokens.device)
    log_p = torch.log_softmax(base_scores(instrument.model, hidden[:, :-1]), -1)
    # for an N no base matches and the sum is 0
    return -(log_p * (tokens[:, 1:, None] == bases)).sum(-1) / LN2


class Background(NamedTuple):
    """Sequences read up to their last base: the site's tensor there, the state before it, and what comes next."""

    x: Tensor
    tail: Tail
    state: HyenaCache
    probability: Tensor

    @classmethod
    @torch.no_grad()
    def read(cls, instrument: Instrument, windows: NDArray[np.integer]) -> Background:
        """Read windows (windows, length)."""
        x = activations(instrument.model, instrument.site, instrument.ids(windows))
        tail = Tail(instrument.model, instrument.site)
        cache = tail.begin()
        # the site's tensor before the last base only fills the state
        tail(x[:, :-1], cache)
        # a copy of the state: `tail` advances the one it is given
        plain = base_scores(instrument.model, tail(x[:, -1:], cache.copy())[:, 0])
        return cls(x[:, -1:], tail, cache, torch.softmax(plain, -1))


@torch.no_grad()
def steering_effect(
    instrument: Instrument,
    feature: int,
    background: Background,
    others: NDArray[np.int64],
    params: CausalityParams,
) -> tuple[dict[str, float | str], NDArray[np.float64]]:
    """How far one dose at the last base moves the next one: divergence in bits, and the base that gains most; and the
    divergences of random directions, (others,).
    """
    directions = _directions(instrument, feature, others)
    # dose in units of the feature's own activation; random directions have its length already
    dose = params.dose * float(instrument.units.of([feature])[0])
    n = len(background.x)
    # arm after arm, each with all backgrounds: `view` below relies on this order
    moved = torch.cat([background.x + dose * direction for direction in directions])
    state = copies(background.state, len(directions))
    scores = base_scores(instrument.model, background.tail(moved, state)[:, 0])
    p = torch.softmax(scores.double(), -1).view(len(directions), n, 4)
    before = background.probability.double()
    # KL(steered ‖ plain), mean over backgrounds, in bits
    divergence = (p * (p / before).log()).sum(-1).mean(1) / LN2
    rise = (p[0] - before).mean(0)
    own_move, null = float(divergence[0]), divergence[1:].cpu().numpy()
    measured: dict[str, float | str] = {
        "steer_kl": own_move,
        "steer_null_q99": float(np.quantile(null, 0.99)),
        # which base gains is read off the mean change, feature arm alone
        "steer_base": "ACGT"[int(rise.argmax())],
        "steer_change": float(rise.max()),
    }
    return measured, null
