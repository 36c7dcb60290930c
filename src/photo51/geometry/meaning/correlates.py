"""What a coordinate means: each against each quantity of biology, under rotation of the blocks.

The statistic is the share of the quantity's variance between twelve equal groups of tokens along the coordinate, which
takes no side between rising, falling and cyclic. Its null turns the quantity by a random number of bases within each
block, both strands together, so that densities and runs of either stay; where the quantity is turned to a place at
which it is unknown the token is left out, as it is where it is unknown in truth.

Which of the quantities beyond rotation a coordinate is said to follow is chosen on the blocks that its effect is learnt
on, half of them held out in turn, so that the effect which is then reported did not choose between them:

    blocks of the tokens   0     1      2       3      4     5      6       7
    the effect             learn scored learn   scored learn scored learn   scored
    the choice             learn        choose         learn        choose
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
from numba import njit, prange
from numpy.typing import NDArray

from photo51.geometry.meaning.biology import Quantity
from photo51.io.contracts.geometry import MEANING
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.resampling import random_shifts

BINS, FIRST_DRAWS, ENOUGH = 12, 99, 10
SHRUNK = 20  # tokens at the overall mean that every k-mer is given


class Halves(NamedTuple):
    """Blocks that are learnt from, and those that are scored."""

    learnt: NDArray[np.int64]
    scored: NDArray[np.int64]

    @property
    def inner(self) -> Halves:
        """The same within the blocks that are learnt from."""
        return Halves(self.learnt[::2], self.learnt[1::2])


class Placing(NamedTuple):
    """Tokens of one cluster on its coordinate.

    Attributes
    ----------
    cluster, shape
        Number and shape.
    row, strand, block
        (n,) workspace row, 0 or 1, and place of the block.
    coordinate
        (n,) finite.
    """

    cluster: int
    shape: str
    row: NDArray[np.int64]
    strand: NDArray[np.int64]
    block: NDArray[np.int64]
    coordinate: NDArray[np.float64]

    def thinned(self, max_tokens: int) -> Placing:
        """At most `max_tokens` tokens, evenly taken."""
        n = len(self.row)
        if n <= max_tokens:
            return self
        taken = np.unique(np.linspace(0, n - 1, max_tokens).round().astype(np.int64))
        return self._replace(
            row=self.row[taken], strand=self.strand[taken], block=self.block[taken], coordinate=self.coordinate[taken]
        )

    @property
    def bins(self) -> NDArray[np.int64]:
        """(n,) which of `BINS` equal groups along the coordinate each token is in; equal places are in one group."""
        # tokens stand in the order of the genome: ties broken by it would make a constant coordinate a map of the
        # genome
        rank = scipy.stats.rankdata(self.coordinate, method="min").astype(np.int64) - 1
        return rank * BINS // max(len(rank), 1)

    @property
    def halves(self) -> Halves:
        """Every other block, and those between."""
        blocks = np.unique(self.block)
        return Halves(blocks[::2], blocks[1::2])


class Baselines(NamedTuple):
    """What coordinates of clusters are held against.

    Attributes
    ----------
    random
        Manifolds of the random-weight model; None where not given.
    direct
        Coordinates of raw activations at the same tokens, numbered as the clusters.
    subspaces
        As many groups of tokens found in the raw activations; None where not given.
    """

    random: list[Placing] | None = None
    direct: Sequence[Placing] = ()
    subspaces: list[Placing] | None = None

    def thinned(self, max_tokens: int) -> Baselines:
        """At most `max_tokens` tokens of each, evenly taken."""

        def some(sets: Sequence[Placing] | None) -> list[Placing] | None:
            return None if sets is None else [p.thinned(max_tokens) for p in sets]

        return Baselines(some(self.random), some(self.direct) or (), some(self.subspaces))


class MeaningTest(NamedTuple):
    """One coordinate against one quantity: tokens where it is known, held-out effect, that of k-mers, both within what
    is learnt from, z and p of rotation.
    """

    n: int
    effect: float = np.nan
    effect_kmer: float = np.nan
    choice: float = np.nan
    choice_kmer: float = np.nan
    z: float = np.nan
    p: float = np.nan


def spread_columns(quantity: Quantity) -> NDArray[np.float32]:
    """Columns of a quantity over the axis, (2, n_rows, k); NaN where it is unknown. Linear ones are put on ranks."""
    finite = np.isfinite(quantity.values)
    if not finite.any():
        return np.full((*quantity.values.shape, 1), np.nan, np.float32)
    values = quantity.values[finite].astype(np.float64)
    if quantity.kind == "linear":
        # share of known values below each
        values = np.searchsorted(np.sort(values), values) / len(values)
    columns = quantity.columns(values)
    out = np.full((*quantity.values.shape, columns.shape[1]), np.nan, np.float32)
    out[finite] = columns
    return out


def associate(
    placing: Placing,
    columns: NDArray[np.float32],
    words: Words | None,
    bounds: NDArray[np.int64],
    shifts: NDArray[np.int64],
) -> MeaningTest:
    """Test one coordinate against one quantity.

    Parameters
    ----------
    placing
        Tokens on the coordinate.
    columns
        (2, n_rows, k) from `spread_columns`.
    words
        The last bases before each place, which are asked for the same quantity.
    bounds
        Rows at which blocks begin, and the end.
    shifts
        (draws, blocks) rotations. A test that has met `ENOUGH` larger draws among the first `FIRST_DRAWS` is not
        continued (Besag and Clifford 1991, doi:10.1093/biomet/78.2.301).
    """
    value = columns[placing.strand, placing.row]
    finite = np.isfinite(value[:, 0])
    n = int(finite.sum())
    if n < 60 or np.allclose(value[finite], value[finite][0]):
        return MeaningTest(n)
    group = placing.bins
    observed = _explained(value[finite].astype(np.float64), group[finite])
    equal = observed - 1e-9  # draws that are equal but for rounding count as at least as large
    places = (placing.row, placing.strand, group, placing.block)
    null = _shifted_statistics(columns, places, bounds, shifts[:FIRST_DRAWS])
    null = null[np.isfinite(null)]
    if (null >= equal).sum() < ENOUGH and len(shifts) > FIRST_DRAWS:
        more = _shifted_statistics(columns, places, bounds, shifts[FIRST_DRAWS:])
        null = np.concatenate([null, more[np.isfinite(more)]])
    if len(null) < FIRST_DRAWS // 2:
        return MeaningTest(n)
    p = (1 + np.count_nonzero(null >= equal)) / (1 + len(null))
    z = (observed - null.mean()) / max(null.std(), 1e-12)
    halves, effects = placing.halves, []
    for learnt, scored in (halves, halves.inner):
        a, b = (finite & np.isin(placing.block, blocks) for blocks in (learnt, scored))
        # the words of the choice may not have seen what the effect is scored on either
        said = None if words is None else words.say(placing, np.union1d(scored, halves.scored))
        effects += [_held_out(value, group, a, b), np.nan if said is None else _calibrated(value, said, a, b)]
    effect, kmer, choice, choice_kmer = effects
    if np.isfinite(effect) and not np.isfinite(choice):
        # too few tokens for halves of halves
        a = finite & np.isin(placing.block, halves.learnt)
        choice = _adjusted(value, group, a)
        if words is not None:
            # no token is among those that its own word's mean is of
            choice_kmer = _calibrated(value, words.say(placing, halves.scored), a, a)
    return MeaningTest(n, effect, kmer, choice, choice_kmer, float(z), float(p))


def _explained(value: NDArray[np.float64], group: NDArray[np.int64]) -> float:
    """Share of the summed variance of columns that lies between groups."""
    n = np.maximum(np.bincount(group, minlength=BINS), 1)
    total = ((value - value.mean(0)) ** 2).sum()
    sums = np.stack([np.bincount(group, value[:, k], minlength=BINS) for k in range(value.shape[1])], axis=1)
    # between groups: Σ (sum of a group)² / n less (sum of all)² / N
    between = (sums**2 / n[:, None]).sum() - (value.sum(0) ** 2).sum() / len(value)
    return float(between / max(total, 1e-300))


def _held_out(value, group, a, b) -> float:
    """R² on tokens `b` of the group means of tokens `a`."""
    if a.sum() < 30 or b.sum() < 30:
        return float("nan")
    mean = value[a].mean(0)
    n = np.bincount(group[a], minlength=BINS)
    sums = np.stack([np.bincount(group[a], value[a, k], minlength=BINS) for k in range(value.shape[1])], axis=1)
    # one token at the overall mean in each group: an empty one predicts the mean
    fitted = (sums + mean) / (n + 1)[:, None]
    # squared error of the held-out tokens
    missed = ((value[b] - fitted[group[b]]) ** 2).sum()
    return float(1 - missed / max(((value[b] - mean) ** 2).sum(), 1e-300))


def _adjusted(value, group, a) -> float:
    """Share of the variance of tokens `a` between groups, less what so many groups explain of so few tokens by chance:
    the adjusted R² of a regression (Ezekiel 1930).
    """
    if np.allclose(value[a], value[a][0]):
        return 0.0
    n = int(a.sum())
    return 1 - (1 - _explained(value[a].astype(np.float64), group[a])) * (n - 1) / (n - BINS)


class BaselineEffect(NamedTuple):
    """Held-out effect of a baseline, and the same within the blocks that it is learnt on."""

    effect: float
    choice: float


def best_baseline(placings: list[Placing] | None, columns: NDArray[np.float32]) -> BaselineEffect:
    """The placing that explains most of the blocks that are learnt from; 0 where none can be tested.

    Parameters
    ----------
    columns
        (2, n_rows, k) from `spread_columns`.

    Returns
    -------
    NaN where `placings` is None.
    """
    if placings is None:
        return BaselineEffect(float("nan"), float("nan"))
    best, found = -np.inf, BaselineEffect(0.0, 0.0)
    for p in placings:
        value, group = columns[p.strand, p.row], p.bins
        finite = np.isfinite(value[:, 0])
        a, b = (finite & np.isin(p.block, blocks) for blocks in p.halves)
        effect_held_out = _held_out(value, group, a, b)
        if not np.isfinite(effect_held_out):
            continue
        # which placing is best is decided where its effect is not read
        learnt = _adjusted(value, group, a)
        if learnt > best:
            inner = _held_out(value, group, *(finite & np.isin(p.block, blocks) for blocks in p.halves.inner))
            best, found = learnt, BaselineEffect(effect_held_out, inner if np.isfinite(inner) else learnt)
    return found


def _calibrated(value, guess, a, b) -> float:
    """R² on tokens `b` of a guess that is scaled and shifted on tokens `a`, column by column."""
    if a.sum() < 30 or b.sum() < 30:
        return float("nan")
    missed = 0.0
    for k in range(value.shape[1]):
        centred = guess[a, k] - guess[a, k].mean()
        # least squares of the value on the guess
        slope = (centred * value[a, k]).sum() / max((centred**2).sum(), 1e-12)
        fitted = value[a, k].mean() + slope * (guess[b, k] - guess[a, k].mean())
        # summed over columns before dividing, as cosine and sine belong together
        missed += float(((value[b, k] - fitted) ** 2).sum())
    return float(1 - missed / max(float(((value[b] - value[a].mean(0)) ** 2).sum()), 1e-300))


@njit(cache=True, parallel=True)
def _shifted_statistics(columns, places, bounds, shifts):
    """The statistic for each rotation, (draws,); NaN where too little is known."""
    row, strand, group, block = places
    n_bins, n_columns = group.max() + 1, columns.shape[2]
    out = np.full(len(shifts), np.nan)
    for d in prange(len(shifts)):
        count = np.zeros(n_bins)
        sums = np.zeros((n_bins, n_columns))
        squares = 0.0
        for t in range(len(row)):
            b = block[t]
            low, length = bounds[b], bounds[b + 1] - bounds[b]
            # around the end of the block, both strands by the same shift
            row_shifted = low + (row[t] - low + shifts[d, b]) % length
            if np.isnan(columns[strand[t], row_shifted, 0]):
                continue
            count[group[t]] += 1
            for k in range(n_columns):
                v = columns[strand[t], row_shifted, k]
                sums[group[t], k] += v
                squares += v * v
        n = count.sum()
        if n < 30:
            continue
        between, centre = 0.0, 0.0
        for k in range(n_columns):
            whole = 0.0
            for g in range(n_bins):
                if count[g] > 0:
                    between += sums[g, k] ** 2 / count[g]
                whole += sums[g, k]
            centre += whole**2 / n
        # too little varies, as where the quantity is constant on what was met
        if squares - centre > 1e-12:
            out[d] = (between - centre) / (squares - centre)
    return out


class Words:
    """What the k-mer that ends at a base says of a quantity: its mean over other places with the same k-mer, drawn to
    the overall mean by `SHRUNK` tokens.

    Parameters
    ----------
    columns
        (2, n_rows, k) from `spread_columns`.
    kmers
        (2, n_rows) from `biology.read_kmers`.
    bounds
        Rows at which blocks begin, and the end.
    k
        Length of the k-mers (bases).
    """

    def __init__(self, columns: NDArray[np.float32], kmers: NDArray[np.int32], bounds: NDArray[np.int64], k: int):
        self.columns, self.kmers, self.bounds, self.k = columns, kmers, bounds, k
        # coordinates mostly lie on the same blocks
        self._learnt: dict[tuple[int, ...], tuple[NDArray, NDArray, NDArray]] = {}

    def say(self, placing: Placing, hidden: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean for the k-mer at each token, (n, k), over places outside the blocks `hidden`, never over the token
        itself.
        """
        n, sums, overall = self._outside(tuple(hidden.tolist()))
        word, value = self.kmers[placing.strand, placing.row], self.columns[placing.strand, placing.row]
        own = (np.isfinite(value[:, 0]) & ~np.isin(placing.block, hidden))[:, None]
        others = sums[word] - np.where(own, value, 0) + SHRUNK * overall
        return others / (n[word][:, None] - own + SHRUNK)

    def _outside(self, hidden: tuple[int, ...]) -> tuple[NDArray, NDArray, NDArray]:
        """Places of each k-mer, sums of its values (k-mers, k), and the overall mean (k,)."""
        if hidden not in self._learnt:
            use = np.isfinite(self.columns[..., 0])
            for b in hidden:
                use[:, self.bounds[b] : self.bounds[b + 1]] = False
            # an unknown k-mer has a place of its own
            words, value, size = self.kmers[use], self.columns[use].astype(np.float64), 4**self.k + 1
            sums = np.stack([np.bincount(words, v, minlength=size) for v in value.T], axis=1)
            mean = value.mean(0) if len(value) else np.zeros(value.shape[1])
            self._learnt[hidden] = np.bincount(words, minlength=size), sums, mean
        return self._learnt[hidden]


def meaning_table(
    placings: list[Placing],
    quantities,
    kmers: NDArray[np.int32],
    bounds: NDArray[np.int64],
    settings: tuple[int, int, int, int, float],
    baselines: Baselines | None = None,
) -> pd.DataFrame:
    """`MEANING` table of all coordinates and quantities.

    Parameters
    ----------
    quantities
        Iterable of `Quantity`.
    settings
        Rotations, seed, k of the k-mers, tokens of a cluster at most, rate of false discoveries of what is followed.
    baselines
        Coordinates of other origin, held out in the same way.
    """
    draws, seed, k, max_tokens, alpha = settings
    others = (baselines or Baselines()).thinned(max_tokens)
    rng = np.random.default_rng([seed, 6])
    shifts = random_shifts(bounds, rng, draws)
    thin = [p.thinned(max_tokens) for p in placings]
    rows = []
    for quantity in quantities if thin else ():
        columns = spread_columns(quantity)
        words = Words(columns, kmers, bounds, k)
        random, subspaces = best_baseline(others.random, columns), best_baseline(others.subspaces, columns)
        for placing in thin:
            a = associate(placing, columns, words, bounds, shifts)
            direct = best_baseline([p for p in others.direct if p.cluster == placing.cluster] or None, columns)
            rows.append(
                {
                    "cluster": placing.cluster,
                    "shape": placing.shape,
                    "quantity": quantity.name,
                    "kind": quantity.kind,
                    "n": a.n,
                    "effect": a.effect,
                    "effect_kmer": a.effect_kmer,
                    "choice": a.choice,
                    "choice_kmer": a.choice_kmer,
                    "effect_random_weights": random.effect,
                    "effect_direct": direct.effect,
                    "choice_direct": direct.choice,
                    "effect_subspaces": subspaces.effect,
                    "choice_subspaces": subspaces.choice,
                    "z": a.z,
                    "p": a.p,
                }
            )
    if not rows:
        return MEANING.empty()
    table = pd.DataFrame(rows)
    # over all coordinates and quantities of the run
    table["q"] = benjamini_hochberg(table["p"])
    table["followed"] = _followed(table, alpha)
    return MEANING.check(table.sort_values(["cluster", "quantity"], kind="stable"))


def _followed(table: pd.DataFrame, alpha: float) -> pd.Series:
    """Of each coordinate the quantity that it is said to follow, if any: among those beyond rotation, and rather one of
    which it says more than words do, by what is learnt from alone; and it must explain something where it is scored.
    """
    known = table[(table["q"] <= alpha) & (table["choice"] > 0)]
    known = known.assign(beyond=known["choice"] > known["choice_kmer"].fillna(0.0).clip(lower=0.0))
    known = known.sort_values(["beyond", "choice", "quantity"], ascending=[False, False, True])
    best = known.drop_duplicates("cluster")
    return pd.Series(table.index.isin(best.index[best["effect"] > 0]), table.index)
