"""Features that follow each other at a fixed offset along the reading direction, such as 3 bases in a reading frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.relations.coactivity import pair_dot
from photo51.geometry.relations.tokens import Firing, run_ends


class Lagged(NamedTuple):
    """For each ordered pair of features the offset at which the second follows the first most unexpectedly.

    Attributes
    ----------
    z
        (features, features) CSR: standardised number of times j fires `lag` bases after i; absent below the floor.
    lag
        (features, features) CSR: that offset, 1 … n_lags (bases, in reading direction).
    """

    z: csr_matrix
    lag: csr_matrix


def lagged_coactivation(
    pattern: Firing,
    run: NDArray[np.integer],
    rho: NDArray[np.float32],
    *,
    n_lags: int = 12,
    z_min: float = 8.0,
    keep: int = 32,
) -> Lagged:
    """Count joint firings at offsets 1 … n_lags within runs, and keep the strongest offset of a pair.

    Parameters
    ----------
    pattern, rho
        As for `coactivation`; z is corrected by the same Bartlett variance.
    run
        (tokens,) as in `Tokens`.
    keep
        Partners kept a feature.
    """
    n_features = len(pattern.counts)
    partner, score, lag = _followers(pattern, run_ends(run), n_lags, z_min, keep)
    i = np.repeat(np.arange(n_features), keep)
    j, z, offset = partner.ravel(), score.ravel().astype(np.float64), lag.ravel()
    # places of a feature that has fewer partners
    real = j >= 0
    i, j, z, offset = i[real], j[real], z[real], offset[real]
    # Bartlett's variance of counts of two autocorrelated series
    z /= np.sqrt(np.maximum(1.0, 1.0 + 2.0 * pair_dot(rho, i, j)))
    real = np.abs(z) >= z_min
    shape = (n_features, n_features)
    return Lagged(
        csr_matrix((z[real], (i[real], j[real])), shape=shape),
        csr_matrix((offset[real].astype(np.float64), (i[real], j[real])), shape=shape),
    )


@njit(cache=True, parallel=True)
def _followers(pattern, run_end, n_lags, z_min, keep):
    indptr, indices, ptr, rows, _ = pattern
    n_features, n = len(ptr) - 1, len(indptr) - 1
    partner = np.full((n_features, keep), -1, np.int64)
    score = np.zeros((n_features, keep), np.float32)
    lag = np.zeros((n_features, keep), np.int64)
    for f in prange(n_features):
        best = np.zeros(n_features, np.float32)
        best_lag = np.zeros(n_features, np.int16)
        tally = np.zeros(n_features, np.int32)
        for offset in range(1, n_lags + 1):
            tally[:] = 0
            origins = 0
            for o in range(ptr[f], ptr[f + 1]):
                t = rows[o] + offset
                # an offset that leaves the run would count bases that are no neighbours
                if t >= run_end[rows[o]]:
                    continue
                origins += 1
                for q in range(indptr[t], indptr[t + 1]):
                    tally[indices[q]] += 1
            p = (ptr[f + 1] - ptr[f]) / n
            for g in range(n_features):
                r = (ptr[g + 1] - ptr[g]) / n
                # origins: firings of f that have a token at that offset; each meets g with chance r under independence
                spread = np.sqrt(origins * r * (1 - p) * (1 - r))
                if spread == 0:
                    continue
                z = (tally[g] - origins * r) / spread
                if abs(z) > abs(best[g]):
                    best[g] = z
                    best_lag[g] = offset
        for g in range(n_features):
            # the partner kept with least, which a stronger one replaces
            weakest = np.argmin(np.abs(score[f]))
            if abs(best[g]) >= z_min and abs(best[g]) > abs(score[f, weakest]):
                partner[f, weakest], score[f, weakest], lag[f, weakest] = g, best[g], best_lag[g]
    return partner, score, lag
