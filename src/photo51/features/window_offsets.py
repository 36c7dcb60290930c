"""Does a feature depend on where the window begins? The same bases, read with less before them.

A model with a long memory says something else of a base when it began to read elsewhere, and what a feature owes to
that is no biology. Some windows are drawn; the half of the core that comes last in reading direction is read again by
a window that begins just before it, with the same warm-up as every window has, and the codes of that half are
correlated with those of the run.

    window      [ warm-up ][ core                    ]
    again                    [ warm-up ][ later half ]
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.activations.extract import Sequences, cores
from photo51.codes import CodesStore
from photo51.config.features import WindowOffsetParams
from photo51.config.model import ActivationParams
from photo51.io.contracts.features import WINDOW_OFFSETS
from photo51.io.contracts.genome import WINDOWS
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS

log = logging.getLogger(__name__)


def window_offsets(
    model: DnaModel,
    dictionary: Dictionary,
    genomes: Sequences,
    windows: pd.DataFrame,
    store: CodesStore,
    params: WindowOffsetParams,
) -> pd.DataFrame:
    """Correlation of every feature with itself when windows begin elsewhere (contract `WINDOW_OFFSETS`).

    Parameters
    ----------
    model, dictionary, genomes
        What reads, what encodes, where the bases are.
    windows
        All windows of the run (contract `WINDOWS`).
    store
        Codes of the run.

    Returns
    -------
    A row a feature; without bases and correlations where no window is long enough to begin later.

    Raises
    ------
    InputError
        Where the model is not the dictionary's.
    """
    site = dictionary.origin.site
    dictionary.origin.require(model.spec.origin(site), f"{model.spec.name}: activations")
    again = later_halves(windows, params)
    reading = ActivationParams(sites=(site,))
    sums = _Sums.zero(store.n_features)
    for core in progress(
        cores(model, genomes, again, reading, warmup=int(windows["warmup"].max())),
        "reading again",
        len(again),
        "windows",
    ):
        # rising rows, as the store has them
        rows = core.rows if core.strand == "+" else core.rows[::-1]
        x = core.activations[site].detach().float().cpu().numpy()
        codes, valid = dictionary.encode(x), core.valid
        if core.strand == "-":
            codes, valid = codes[::-1], valid[::-1]
        run = store.matrix(core.strand, slice(int(rows[0]), int(rows[-1]) + 1))
        sums.add(run[valid], codes[valid])
    return sums.table()


def later_halves(windows: pd.DataFrame, params: WindowOffsetParams) -> pd.DataFrame:
    """Windows that begin in the middle of others: as many of either strand, drawn at random, strand `+` first.

    Only cores of at least two warm-ups whose reading began warm are drawn from, so that both readings of the later half
    have a whole warm-up before it, and differ by half a core.
    """
    warmup = int(windows["warmup"].max())
    length = windows["end"] - windows["start"]
    # a half core as long as the warm-up: then both readings of it have one
    able = windows[(length >= 2 * max(warmup, 1)) & ~windows["cold_start"]]
    if not len(able):
        log.warning("no window has a core of two warm-ups (%d bases): nothing is read again", 2 * warmup)
    rng = np.random.default_rng([params.seed, 11])
    parts = []
    for strand in STRANDS:
        candidates = able[able["strand"] == strand]
        parts.append(candidates.iloc[np.sort(rng.permutation(len(candidates))[: params.windows // 2])])
    out = pd.concat(parts).copy()
    plus, middle = (out["strand"] == "+").to_numpy(), ((out["start"] + out["end"]) // 2).to_numpy()
    start, end = out["start"].to_numpy(), out["end"].to_numpy()
    # the later half in reading direction: the upper on strand +, the lower on strand −
    out["row"] = out["row"].to_numpy() + np.where(plus, middle - start, 0)
    out["start"], out["end"] = np.where(plus, middle, start), np.where(plus, end, middle)
    out["warmup"], out["window"] = warmup, np.arange(len(out))
    return WINDOWS.check(out.reset_index(drop=True))


class _Sums(NamedTuple):
    """What correlations of features over bases are made of, (n_features,) each."""

    n: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    aa: NDArray[np.float64]
    bb: NDArray[np.float64]
    ab: NDArray[np.float64]
    active: NDArray[np.int64]

    @classmethod
    def zero(cls, n_features: int) -> _Sums:
        """Nothing read yet."""
        a, b, aa, bb, ab = np.zeros((5, n_features))
        return cls(np.zeros(1, np.int64), a, b, aa, bb, ab, np.zeros(n_features, np.int64))

    def add(self, one: sp.csr_matrix, two: sp.csr_matrix) -> None:
        """Add bases: codes of the run, and codes of the same bases read again."""
        a, b = sp.csr_array(one, dtype=np.float64), sp.csr_array(two, dtype=np.float64)
        self.n[0] += a.shape[0]
        products = (a, b, a.multiply(a), b.multiply(b), a.multiply(b))
        for total, x in zip(self[1:6], products, strict=True):
            np.add(total, np.asarray(x.sum(axis=0)).ravel(), out=total)
        self.active[:] += np.asarray((a > 0).sum(axis=0)).ravel()

    def table(self) -> pd.DataFrame:
        """Correlations; NaN for features that were silent in one of the readings."""
        n = max(int(self.n[0]), 1)
        # n² times the product of variances; n cancels in the ratio
        spread = (self.aa - self.a**2 / n) * (self.bb - self.b**2 / n)
        covariance = self.ab - self.a * self.b / n
        r = np.full(len(self.a), np.nan)
        # rounding may leave r a hair beyond 1
        np.divide(covariance, np.sqrt(np.maximum(spread, 0.0)), out=r, where=spread > 0)
        return WINDOW_OFFSETS.check(
            pd.DataFrame(
                {
                    "feature": np.arange(len(r)),
                    "bases": int(self.n[0]),
                    "active": self.active,
                    "r": np.clip(r, -1.0, 1.0),
                }
            )
        )
