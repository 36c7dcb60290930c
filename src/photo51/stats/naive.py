"""Tests that treat neighbouring bases or runs as independent: kept as contrast, never reported as a result.

Each is what a widely used tool computes. On independent null pairs they reject far too often (`python -m benchmarks
calibration`).
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from photo51.stats.resampling import monte_carlo_p


def fisher(overlap: ArrayLike, active: ArrayLike, covered: ArrayLike, rows: ArrayLike) -> NDArray[np.float64]:
    """Upper-tail hypergeometric p of bases: as if each active base had been drawn alone.

    Parameters
    ----------
    overlap
        Active bases inside the annotation.
    active, covered, rows
        Active bases, annotated bases, and bases in all.
    """
    return np.asarray(
        scipy.stats.hypergeom.sf(np.asarray(overlap, dtype=np.int64) - 1, rows, covered, active), dtype=np.float64
    )


def midpoint_binomial(hits: ArrayLike, runs: ArrayLike, coverage: ArrayLike) -> NDArray[np.float64]:
    """Upper-tail binomial p of runs whose midpoint lies inside the annotation.

    References
    ----------
    McLean et al. 2010 (GREAT), Nat Biotechnol 28:495, doi:10.1038/nbt.1630
    """
    return np.asarray(scipy.stats.binom.sf(np.asarray(hits, dtype=np.int64) - 1, runs, coverage), dtype=np.float64)


def shuffled_overlaps(
    starts: NDArray[np.integer],
    lengths: NDArray[np.integer],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    n_draws: int,
) -> NDArray[np.int64]:
    """Overlap when every run is placed anew, each on its own, as interval shufflers do, (n_draws,).

    Parameters
    ----------
    starts, lengths
        Runs (rows); `starts` only says how many there are.
    mask
        The annotation, one strand, (n_rows,); runs do not leave it.
    """
    inside = np.concatenate([[0], np.cumsum(mask)])
    out = np.empty(n_draws, dtype=np.int64)
    for d in range(n_draws):
        # runs may overlap each other, as interval shufflers let them by default
        place = rng.integers(0, len(mask) - lengths + 1, size=len(starts))
        out[d] = int(np.sum(inside[place + lengths] - inside[place]))
    return out


def shuffle_p(
    starts: NDArray[np.integer],
    lengths: NDArray[np.integer],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    n_draws: int = 199,
) -> float:
    """Upper-tail Monte-Carlo p of the overlap under `shuffled_overlaps`."""
    inside = np.concatenate([[0], np.cumsum(mask)])
    observed = int(np.sum(inside[starts + lengths] - inside[starts]))
    return float(monte_carlo_p(observed, shuffled_overlaps(starts, lengths, mask, rng, n_draws)))
