"""Features × annotation classes: screen, exact null, composition adjustment; one row a pair, with a reason where
untested.

Steps of a chunk of features: margins say which pairs can be tested (nothing there looks at the outcome); moments of
all pairs by matrix products; exact tails for pairs beyond `screen_z`; covariance beyond composition, strand and unit
for all tested pairs. Families (q-values) are made by `gather`, over all chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.enrichment.annotations.design import Design, Family
from photo51.enrichment.association.tracks import column_track, faults, levelled, run_counts
from photo51.io.contracts.enrichment import ENRICHMENT
from photo51.stats.correlation import Mask, Spread, quicker
from photo51.stats.lattice import SMALLEST_P
from photo51.stats.rotation import RotationTest, rotation_test
from photo51.stats.screen import Moments, period3, screen_moments, smooth
from photo51.stats.shifted import shifted_test

TESTED = "tested"
_SPECTRA_BYTES = 256 << 20  # transforms of features that are kept for the next mask, and of masks for the next features
_STEPPING = 0.1  # `period3` above which a feature's variance needs full resolution


def pair_table(
    design: Design,
    features: sp.csc_array,
    ids: NDArray[np.integer],
    *,
    families: Sequence[Family] | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Test a chunk of features against every class.

    Parameters
    ----------
    design
        Annotations and parameters.
    features
        Positive activations on the doubled axis, (2 * n_rows, n).
    ids
        Number of each feature.
    families
        What is tested; all if None. The other readings have rows without p.

    Returns
    -------
    Contract `ENRICHMENT` without q-values (NaN), n × readings rows, by feature and then by reading.
    """
    pairs = _Pairs(design, features, ids)
    chosen = design.families() if families is None else families
    for family in chosen:
        pairs.screen(family, threads)
        pairs.exact(family, threads)
    pairs.close()
    if design.adjusts:
        for family in chosen:
            pairs.adjust(family, threads)
    return pairs.table()


def effective_sizes(design: Design, features: sp.csc_array, *, threads: int = 1) -> NDArray[np.float64]:
    """Largest n_eff of each feature over all readings, (n,); 0 where it cannot be tested."""
    pairs = _Pairs(design, features, np.arange(features.shape[1]))
    for family in design.families():
        pairs.screen(family, threads)
    n_eff = np.nan_to_num(pairs.values["n_eff"], nan=0.0)
    return np.where(pairs.sound, n_eff.max(axis=1, initial=0.0), 0.0)


class _Pairs:
    """Columns of the table as arrays (n features, n readings), filled step by step."""

    def __init__(self, design: Design, features: sp.csc_array, ids: NDArray[np.integer]):
        self.design, self.ids = design, np.asarray(ids, dtype=np.int64)
        self.shape = (len(self.ids), len(design.readings))
        # entries of a column, as zeros are not stored
        self.n_active = np.diff(features.indptr).astype(np.int64)
        self.n_runs = run_counts(features, design.breaks)
        reasons = faults(features, self.n_runs, design.params.min_runs)
        self.sound = np.array([not r for r in reasons], dtype=bool)
        self.levels = levelled(features, design.params.levels)
        statuses = [[r or design.class_of(t).reason or TESTED for t in range(self.shape[1])] for r in reasons]
        self.status = np.array(statuses, dtype=object).reshape(self.shape)
        self.method = np.full(self.shape, "", dtype=object)
        self.overlap = np.zeros(self.shape, dtype=np.int64)
        names = [n for n, c in ENRICHMENT.columns.items() if c.kind == "float" and n != "coverage"]
        self.values = {name: np.full(self.shape, np.nan) for name in names}
        self.sd = np.zeros(self.shape)

    def screen(self, family: Family, threads: int) -> None:
        """Moments of the family's pairs, and what follows from them."""
        m = self._moments(family, threads)
        data, ends = self.levels.data.astype(np.float64), list(pairwise(self.levels.indptr))
        # Σ w of the levels, not of the raw activations: the null counts levels
        mass = np.array([data[a:b].sum() for a, b in ends])
        squares = np.array([data[a:b] @ data[a:b] for a, b in ends])
        # Kish: (Σ w)² / Σ w², the number of equal bases that a sum of unequal levels is worth
        kish = np.divide(mass**2, squares, out=np.zeros(len(mass)), where=squares > 0)[:, None]
        sd, z = np.sqrt(m.variance), m.z()
        with np.errstate(divide="ignore", invalid="ignore"):
            # variance of independent bases over that under rotation: runs make a sum vary as if it held fewer bases
            n_eff = np.where(sd > 0, kish * m.variance_iid / m.variance, 0.0)
            fold = np.log2(m.observed / m.mean)
            # delta method on the log of a sum whose variance grows with its mean, as it does under rotation
            error = 1.96 * sd / np.sqrt(m.mean * np.maximum(m.observed, m.mean))
        odds = self._odds_ratio(family, m.overlap)
        place = np.ix_(np.arange(self.shape[0]), family.readings)
        self.sd[place], self.overlap[place] = sd, m.overlap
        # either side of the odds ratio on the log scale
        for name, value in (
            ("expected", m.expected),
            ("n_eff", n_eff),
            ("log2_fold", fold),
            ("odds_ratio", odds),
            ("or_lo", odds * np.exp(-error)),
            ("or_hi", odds * np.exp(error)),
            ("z_rot", z),
            ("p_rot", np.maximum(scipy.stats.norm.sf(z), SMALLEST_P)),
            ("p_depleted", np.maximum(scipy.stats.norm.cdf(z), SMALLEST_P)),
            # a lower bound of the attainable p, which tells pairs that could not be discoveries whatever they overlap
            ("p_floor", np.maximum(10.0**m.log10_floor, SMALLEST_P)),
        ):
            self.values[name][place] = value
        self.method[place] = "screen"

    def _moments(self, family: Family, threads: int) -> Moments:
        """Moments; in very long workspaces in bins, where neither class nor feature has finer structure."""
        design, p, levels = self.design, self.design.params, self.levels
        readings = [design.readings[t] for t in family.readings]
        run = partial(screen_moments, masks=design.masks, bounds=family.bounds, threads=threads)
        if p.screen_bin == 1 or design.workspace.n_rows < p.screen_bin_rows:
            return run(levels, tests=readings)
        moments = run(levels, tests=readings, bin_bp=p.screen_bin)
        fine = np.array([not smooth(design.masks[r.annotation], p.screen_bin) for r in readings])
        stepping = np.flatnonzero(period3(levels) > _STEPPING)
        for columns, chosen in ((np.arange(levels.shape[1]), fine), (stepping, ~fine)):
            if len(columns) and chosen.any():
                again = run(levels[:, columns], tests=[r for r, w in zip(readings, chosen, strict=True) if w])
                moments.variance[np.ix_(columns, np.flatnonzero(chosen))] = again.variance
        return moments

    def _odds_ratio(self, family: Family, overlap: NDArray[np.int64]) -> NDArray[np.float64]:
        """Odds of being active inside over outside, half a base added to each cell (Haldane 1956, Anscombe 1956)."""
        total = 2.0 * self.design.workspace.n_rows
        # rows of both strands; coverage is a share of them
        covered = np.array([self.design.class_of(t).coverage for t in family.readings]) * total
        active = self.n_active[:, None]
        inside, outside = overlap + 0.5, active - overlap + 0.5
        # a d / (b c) of the 2 × 2 table active / silent × inside / outside
        return inside * (total - active - covered + overlap + 0.5) / (outside * (covered - overlap + 0.5))

    def exact(self, family: Family, threads: int) -> None:
        """Exact tails for sound pairs beyond `screen_z`: by events mask by mask, then those by FFT."""
        params = self.design.params
        with np.errstate(invalid="ignore"):
            z, wide = self.values["z_rot"], [self.design.class_of(t).coverage for t in range(self.shape[1])]
            # depletion can only be told from chance in classes that cover much
            chosen = (z >= params.screen_z) | ((-z >= params.screen_z) & (np.array(wide) >= params.wide))
            chosen &= self.sd > 0
            chosen &= (self.values["n_eff"] >= params.min_n_eff) & self.sound[:, None]
        masks: dict[int, Mask] = {}
        later = np.zeros_like(chosen)
        with ThreadPoolExecutor(threads) as pool:
            for t in family.readings.tolist():
                columns = np.flatnonzero(chosen[:, t])
                if not len(columns):
                    continue
                masks[t] = Mask(self.design.mask(t), family.bounds)
                by_fft = np.array([quicker(self._spread(family, j), masks[t]) == "fft" for j in columns.tolist()])
                later[columns[by_fft], t] = True
                run = partial(self._exact_one, family, masks[t])
                self._keep_exact(columns[~by_fft], t, pool.map(run, columns[~by_fft].tolist()))
                if not by_fft.any():
                    del masks[t]
            # a few features at a time, whose transforms serve every mask, and each mask's serve these few
            columns = np.flatnonzero(later.any(axis=1))
            step = max(1, _SPECTRA_BYTES // (48 * self.design.workspace.n_rows))
            # single precision takes 8 bytes a point, double 16
            all_fit = sum(16 * mask.points for mask in masks.values()) <= _SPECTRA_BYTES
            for batch in (columns[i : i + step] for i in range(0, len(columns), step)):
                spreads = {j: self._spread(family, j) for j in batch.tolist()}
                for t, mask in masks.items():
                    members = batch[later[batch, t]]
                    run = partial(self._exact_one, family, mask, spreads=spreads)
                    self._keep_exact(members, t, pool.map(run, members.tolist()))
                    if not all_fit:
                        mask.forget()

    def _spread(self, family: Family, column: int) -> Spread:
        return Spread(column_track(self.levels, column), family.bounds)

    def _exact_one(
        self, family: Family, mask: Mask, column: int, *, spreads: Mapping[int, Spread] | None = None
    ) -> RotationTest:
        feature = self._spread(family, column) if spreads is None else spreads[column]
        return rotation_test(feature, mask, mid_p=self.design.params.mid_p)

    def _keep_exact(self, columns: NDArray[np.int64], t: int, results: Iterable[RotationTest]) -> None:
        for j, result in zip(columns, results, strict=True):
            for name, value in (
                ("z_rot", result.z),
                ("p_rot", result.p_upper),
                ("p_depleted", result.p_lower),
                ("p_floor", result.p_floor),
            ):
                self.values[name][j, t] = value
            self.method[j, t] = "exact"

    def close(self) -> None:
        """Pairs whose margins leave nothing to test get the reason, and no p."""
        tested, min_n_eff = self.status == TESTED, self.design.params.min_n_eff
        # covers nothing or everything that the feature can reach
        still = tested & (self.sd == 0)
        self.status[still] = "no rotation changes the overlap"
        with np.errstate(invalid="ignore"):
            few = tested & ~still & (self.values["n_eff"] < min_n_eff)
        self.status[few] = f"n_eff below {min_n_eff:g}"
        untested = self.status != TESTED
        for name in ("p_rot", "p_depleted", "z_rot", "p_floor"):
            self.values[name][untested] = np.nan
        self.method[untested] = ""

    def adjust(self, family: Family, threads: int) -> None:
        """Covariance beyond composition, strand and unit, of features that have a tested pair in the family."""
        tested = self.status[:, family.readings] == TESTED
        columns = np.flatnonzero(tested.any(axis=1))
        if not len(columns):
            return
        design = self.design
        result = shifted_test(
            self.levels[:, columns],
            design.residual_masks(family),
            design.shifts(family),
            design.params.seed,
            threads=threads,
        )
        place = np.ix_(columns, family.readings)
        self.values["z_adj"][place] = np.where(tested[columns], result.t, np.nan)
        self.values["p_adj_comp"][place] = np.where(tested[columns], result.p_upper, np.nan)

    def table(self) -> pd.DataFrame:
        """All pairs as rows, by feature and then by reading."""
        design, (n, m) = self.design, self.shape
        classes = [design.class_of(t) for t in range(m)]
        columns = {
            "feature": np.repeat(self.ids, m),
            "annotation": np.tile(np.array([c.name for c in classes], dtype=object), n),
            "strand": np.tile(np.array([r.orientation for r in design.readings], dtype=object), n),
            "frame": np.tile(np.array([c.frame for c in classes], dtype=np.int64), n),
            "status": self.status.ravel(),
            "n_runs": np.repeat(self.n_runs, m),
            "n_active": np.repeat(self.n_active, m),
            "n_intervals": np.tile(np.array([c.n_instances for c in classes], dtype=np.int64), n),
            "coverage": np.tile(np.array([c.coverage for c in classes], dtype=np.float64), n),
            "workspace_bp": np.full(n * m, design.workspace.n_rows, dtype=np.int64),
            "overlap": self.overlap.ravel(),
            "p_method": self.method.ravel(),
            "split": np.full(n * m, "+".join(design.params.splits), dtype=object),
            **{name: values.ravel() for name, values in self.values.items()},
        }
        return ENRICHMENT.check(pd.DataFrame(columns))
