"""Which features are worth a steering experiment: each is added to real sequence, and the predictions are read.

Nothing is written here. A first push of every feature, all by the same length, shows what dose the likelihood budget
allows; no dose is longer than random directions may be within that budget, since beyond it they compare with nothing.
At that dose, added at every base, the model's next-base probabilities along real sequence say at what rate it would
put G or C, complete a stop codon, go on with a run, and so on, and random directions of the same length say how much
of it any direction would do. A screen looks at many features and many measures, so its best are partly luck: it
proposes, and `steer` with written sequence, other prompts and nulls decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import ScreenParams
from photo51.interventions.attribution.targets import base_scores
from photo51.interventions.edits.arms import random_directions
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.io.tables import Column, TableSpec
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.tail import Tail, copies
from photo51.model.tokenizer import BASE_IDS, tokens_text
from photo51.progress import progress
from photo51.types import InputError

_LADDER, _RUNGS = (0.05, 2.0), 8  # lengths of random directions, as shares of the tensor's spread
SCREENED = (
    "gc",
    "base_A",
    "base_C",
    "base_G",
    "base_T",
    "homopolymer",
    "start_codons",
    "stop_codons",
    "codon_usage",
)
SCREEN = TableSpec(
    "screen",
    "one feature and one measure",
    {
        "feature": Column("int", "feature"),
        "scorer": Column("str", "scorer that the measure stands for"),
        "effect": Column("float", "expected rate with the feature minus without, at the screen's length"),
        "null_q99": Column("float", "99th percentile of the absolute effect of random directions of that length"),
        "merit": Column("float", "absolute effect over that percentile"),
        "dose": Column("float", "strength at which the likelihood of real sequence should meet the budget (units)"),
    },
)


def measures(
    windows: NDArray[np.integer], *, code: int = 11, codons: Mapping[str, float] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Scorer → (windows, length − 2, 4) what each base would count as the next one, after the two before it.

    Parameters
    ----------
    windows
        (windows, length) token ids; entry t of a measure is about the base after window base t + 1.
    code
        NCBI translation table.
    codons
        Codon log-odds (`scorers.codon_table`).
    """
    shape = (len(windows), windows.shape[1] - 1, 4)
    # a view: every base counts alike, at all windows and positions
    by_scorer = {f"base_{b}": np.broadcast_to(np.eye(4)[i], shape) for i, b in enumerate("ACGT")}
    by_scorer["gc"] = by_scorer["base_C"] + by_scorer["base_G"]
    by_scorer["homopolymer"] = np.stack(
        [[[float(b == last) for b in "ACGT"] for last in tokens_text(row[1:])] for row in windows]
    )
    stop = set(unambiguous_dna_by_id[code].stop_codons)
    worth: dict[str, Mapping[str, float]] = {
        "stop_codons": dict.fromkeys(stop, 1.0),
        # ATG alone; other starts are rarer and depend on the code
        "start_codons": {"ATG": 1.0},
    }
    if codons is not None:
        worth["codon_usage"] = codons
    for name, value in worth.items():
        by_scorer[name] = np.stack(
            [
                # two bases read, the third to come
                [[value.get(row[t : t + 2] + b, 0.0) for b in "ACGT"] for t in range(len(row) - 1)]
                for row in map(tokens_text, windows)
            ]
        )
    return {name: np.asarray(value, dtype=np.float64) for name, value in by_scorer.items()}


def screen(
    instrument: Instrument,
    features: Sequence[int],
    windows: NDArray[np.integer],
    params: ScreenParams,
    *,
    only: Sequence[str] | None = None,
    code: int = 11,
    codons: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Expected effect of each feature on each measure, beside random directions of the same length (contract `SCREEN`).

    Parameters
    ----------
    features
        Features that fire on the reference.
    windows
        (windows, length) token ids of real sequence.
    only
        Measures to look at; all if left out.

    Returns
    -------
    Rows of the features that a first push shows to do most to some measure for what they cost.

    Raises
    ------
    InputError
        For an unknown or silent feature, or windows not longer than the context.
    """
    if windows.shape[1] < params.context + 3:
        raise InputError(
            f"screen: need windows of at least {params.context + 3} bases, got {windows.shape[1]} with a context of"
            f" {params.context}"
        )
    # from one base before the scored part: entry 0 is then about the base after its first
    worth = measures(windows[:, params.context - 1 :], code=code, codons=codons)
    worth = {name: value for name, value in worth.items() if only is None or name in only}
    value = np.stack(list(worth.values()))  # (measures, windows, bases, 4)
    scene = Scene.read(instrument, windows, params.context)
    rows = instrument.dictionary.decoder[list(features)]
    unit = torch.from_numpy(instrument.units.of(features)).to(rows)[:, None] * rows
    # length of one unit of each feature
    norm = torch.linalg.vector_norm(unit, dim=1).double().cpu().numpy()
    null = RandomPushes.read(scene, value, params)
    # the first push is equally long for all features, in units of what the tensor spreads
    first = params.push * scene.spread / norm
    effect, rise = scene.push(_times(first, unit), value, params.batch)
    # what a small push costs grows with its square
    dose = np.minimum(first * np.sqrt(params.budget / np.maximum(rise, 1e-9)), null.longest(params.budget) / norm)
    # effects as if they grew in proportion to dose; features among the first for any measure are pushed again
    again = np.unique(np.argsort(-np.abs(effect) * (dose / first)[:, None], axis=0)[: params.again])
    effect, _ = scene.push(_times(dose[again], unit[again]), value, params.batch)
    q99 = null.effect((dose * norm)[again])
    n = len(worth)
    table = {
        "feature": np.repeat(np.asarray(features)[again], n),
        "scorer": np.tile(list(worth), len(again)),
        "dose": np.repeat(dose[again], n),
        "effect": effect.ravel(),
        "null_q99": q99.ravel(),
        "merit": (np.abs(effect) / np.maximum(q99, 1e-12)).ravel(),
    }
    return SCREEN.check(pd.DataFrame(table))


def _times(dose: NDArray[np.float64], rows: Tensor) -> Tensor:
    return torch.from_numpy(dose).to(rows)[:, None] * rows


class RandomPushes(NamedTuple):
    """What random directions do, at a ladder of lengths.

    Attributes
    ----------
    ladder
        (rungs,) lengths.
    q99
        (rungs, measures) 99th percentile of the absolute effect.
    rise
        (rungs,) relative rise of the negative log-likelihood that nine directions in ten stay below.
    """

    ladder: NDArray[np.float64]
    q99: NDArray[np.float64]
    rise: NDArray[np.float64]

    @classmethod
    def read(cls, scene: Scene, value: NDArray[np.float64], params: ScreenParams) -> RandomPushes:
        """Push by every length of the ladder along every direction."""
        directions = random_directions(
            "covariance",
            params.random_directions,
            dictionary=scene.instrument.dictionary,
            residual=scene.x.flatten(0, 1),
            avoid=(),
            rng=np.random.default_rng([params.seed, 9]),
        )
        # lengths in equal ratios
        ladder = np.geomspace(*_LADDER, _RUNGS) * scene.spread
        shifts = torch.cat([float(rung) * directions for rung in ladder])
        effect, rise = scene.push(shifts, value, params.batch)
        # rungs first, as they were put together
        size = np.abs(effect).reshape(_RUNGS, len(directions), -1)
        # per rung: nulls of directions for the effect, nine in ten for the cost
        return cls(ladder, np.quantile(size, 0.99, axis=1), np.quantile(rise.reshape(_RUNGS, -1), 0.9, axis=1))

    def effect(self, length: NDArray[np.float64]) -> NDArray[np.float64]:
        """99th percentile of the absolute effect at lengths, (lengths, measures)."""
        return between(length, self.ladder, self.q99)

    def longest(self, budget: float) -> float:
        """Length up to which random directions keep the budget: a longer push breaks the model whatever its
        direction.
        """
        # the rise should grow with the length; where noise says otherwise, the largest so far counts
        within = np.maximum.accumulate(self.rise)
        # in the logarithm of length, as the rungs are; outside the ladder its ends
        return float(np.exp(np.interp(budget, within, np.log(self.ladder))))


def between(
    length: NDArray[np.float64], ladder: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Positive values (rungs, measures) at other lengths, (lengths, measures): lines in the logarithm of both."""
    log_length, rungs = np.log(length), np.log(ladder)
    log_values = np.log(np.maximum(values, 1e-12))
    return np.exp(np.stack([np.interp(log_length, rungs, column) for column in log_values.T], axis=1))


class Scene(NamedTuple):
    """Real sequence, read up to a context: what follows it is read again and again, pushed this way and that.

    Attributes
    ----------
    x
        (windows, bases, d_model) the site's tensor after the context.
    cache
        State of the blocks after the site, after the context.
    is_next
        (windows, bases − 1, 4) which base came next.
    plain
        (windows, bases, 4) probability of the next base.
    """

    instrument: Instrument
    tail: Tail
    x: Tensor
    cache: HyenaCache
    is_next: Tensor
    plain: Tensor

    @classmethod
    @torch.no_grad()
    def read(cls, instrument: Instrument, windows: NDArray[np.integer], context: int) -> Scene:
        """Read windows (windows, length)."""
        x = activations(instrument.model, instrument.site, instrument.ids(windows))
        tail = Tail(instrument.model, instrument.site)
        cache = tail.begin()
        tail(x[:, :context], cache)
        after = x[:, context:]
        # the base after each position: the last one of a window has none
        is_next = torch.from_numpy(windows[:, context + 1 :, None] == BASE_IDS).to(x.device)
        return cls(instrument, tail, after, cache, is_next, _probabilities(instrument, tail(after, cache.copy())))

    @property
    def spread(self) -> float:
        """Typical distance of the tensor from its mean."""
        return float(torch.linalg.vector_norm(self.x - self.x.mean((0, 1)), dim=-1).mean())

    @torch.no_grad()
    def push(
        self, shifts: Tensor, value: NDArray[np.float64], batch: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Change of each measure (shifts, measures), and relative rise of the negative log-likelihood (shifts,).

        Parameters
        ----------
        shifts
            (shifts, d_model) added at every base.
        value
            (measures, windows, bases, 4) what each base counts.
        """
        n, bases = self.x.shape[:2]
        # shifts at once: each is read over all n windows
        each = max(1, batch // n)
        before = self._nll(self.plain)
        effect, rise = [], []
        for i in progress(range(0, len(shifts), each), "screen", unit="batches"):
            part = shifts[i : i + each]
            # (shifts × windows, bases, d_model): one shift added at every base
            moved = (self.x[None] + part[:, None, None]).flatten(0, 1)
            hidden = self.tail(moved, copies(self.cache, len(part)))
            p = _probabilities(self.instrument, hidden).unflatten(0, (len(part), n))
            rise.append((self._nll(p) / before - 1.0).cpu().numpy())
            change = (p - self.plain).cpu().numpy().reshape(len(part), -1)
            # sum over windows, bases and letters of change × worth, per base
            effect.append(change @ value.reshape(len(value), -1).T / (n * bases))
        return np.concatenate(effect), np.concatenate(rise)

    def _nll(self, p: Tensor) -> Tensor:
        """Mean negative log-probability of the bases that came next, from (…, windows, bases, 4)."""
        # position t predicts base t + 1, so the last has no base to be judged by
        return -(p[..., :-1, :].log() * self.is_next).sum(-1).mean((-1, -2))


def _probabilities(instrument: Instrument, hidden: Tensor) -> Tensor:
    """(rows, bases, 4)."""
    return torch.softmax(base_scores(instrument.model, hidden).double(), -1)


def proposals(table: pd.DataFrame, each: int, max_proposals: int | None = None) -> pd.DataFrame:
    """What to try: pairs of a feature and a scorer, those farthest beyond random directions first, each feature once.

    Parameters
    ----------
    table
        Contract `SCREEN`.
    each
        Features a scorer, at most.
    max_proposals
        Pairs, at most.

    Returns
    -------
    `feature`, `scorer`, `effect`, `merit`, `dose`.
    """
    ranked = table.sort_values(["merit", "feature", "scorer"], ascending=[False, True, True])
    taken: set[int] = set()
    count: dict[str, int] = {}
    chosen = []
    for i, feature, scorer in zip(ranked.index, ranked["feature"], ranked["scorer"], strict=True):
        if feature not in taken and count.get(scorer, 0) < each:
            taken.add(feature)
            count[scorer] = count.get(scorer, 0) + 1
            chosen.append(i)
    columns = ["feature", "scorer", "effect", "merit", "dose"]
    return ranked.loc[chosen[:max_proposals], columns].reset_index(drop=True)
