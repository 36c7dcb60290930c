"""What geometry reads: codes in reading order, and the binary pattern of where features fire."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


class Tokens(NamedTuple):
    """Codes in reading order.

    Attributes
    ----------
    codes
        (tokens, features) CSR float32, non-negative. Within a run row order is reading order.
    run
        (tokens,) number of the uninterrupted segment a token belongs to: consecutive tokens of one run are neighbouring
        bases. The two strands of a segment are two runs, each in its own reading direction.
    block
        (tokens,) unit of rotation and of held-out splits; both strands of a segment share its number.
    row
        (tokens,) workspace row.
    strand
        (tokens,) 0 for `+`, 1 for `-`.
    """

    codes: csr_matrix
    run: NDArray[np.int64]
    block: NDArray[np.int64]
    row: NDArray[np.int64]
    strand: NDArray[np.int8]

    @property
    def n(self) -> int:
        """Tokens."""
        return int(self.codes.shape[0])

    def take(self, features: NDArray[np.integer]) -> Tokens:
        """The same tokens with some of the features, renumbered."""
        return self._replace(codes=self.codes[:, features].tocsr())

    def where(self, keep: NDArray[np.bool_]) -> Tokens:
        """Some of the tokens."""
        return Tokens(self.codes[keep], self.run[keep], self.block[keep], self.row[keep], self.strand[keep])


def in_sequence(codes: csr_matrix, n_blocks: int = 20, run: NDArray[np.integer] | None = None) -> Tokens:
    """Tokens of one strand in one sequence, cut into equal blocks; by default one run.

    Parameters
    ----------
    codes
        (tokens, features).
    run
        Where reading starts anew; None is nowhere.
    """
    n = codes.shape[0]
    # equal blocks; fewer where there are fewer tokens
    block = np.arange(n) * min(n_blocks, max(n, 1)) // max(n, 1)
    run = np.zeros(n, np.int64) if run is None else np.asarray(run, np.int64)
    return Tokens(codes.tocsr(), run, block.astype(np.int64), np.arange(n), np.zeros(n, np.int8))


class Firing(NamedTuple):
    """The binary pattern of codes, by token and by feature.

    Attributes
    ----------
    indptr, indices
        Active features of each token, ascending (CSR).
    ptr, rows
        Tokens of each feature, ascending (CSC).
    place
        For each entry of `rows`, its place among the active features of that token.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    ptr: NDArray[np.int64]
    rows: NDArray[np.int32]
    place: NDArray[np.int32]

    @property
    def n_tokens(self) -> int:
        """Tokens."""
        return len(self.indptr) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """(features,) tokens in which each fires."""
        return np.diff(self.ptr)


def firing(codes: csr_matrix) -> Firing:
    """Where features fire (value > 0)."""
    if codes.nnz and codes.data.min() <= 0:
        # a stored zero is no firing
        codes = codes.multiply(codes > 0).tocsr()
    if not codes.has_sorted_indices:
        codes = codes.sorted_indices()
    indptr, indices = codes.indptr.astype(np.int64), codes.indices.astype(np.int32)
    return Firing(indptr, indices, *_by_feature(indptr, indices, codes.shape[1]))


@njit(cache=True)
def _by_feature(indptr, indices, n_features):
    ptr = np.zeros(n_features + 1, np.int64)
    for q in range(len(indices)):
        # counts, then sums of counts: where each feature's tokens begin
        ptr[indices[q] + 1] += 1
    for f in range(n_features):
        ptr[f + 1] += ptr[f]
    fill = ptr[:-1].copy()
    rows = np.empty(len(indices), np.int32)
    place = np.empty(len(indices), np.int32)
    for t in range(len(indptr) - 1):
        for q in range(indptr[t], indptr[t + 1]):
            # next free place of the feature
            o = fill[indices[q]]
            rows[o] = t
            place[o] = q - indptr[t]
            fill[indices[q]] = o + 1
    return ptr, rows, place


def run_ends(run: NDArray[np.integer]) -> NDArray[np.int64]:
    """For each token one past the last token of its run, (tokens,)."""
    last = np.flatnonzero(np.append(run[1:] != run[:-1], True))
    # a run's end, for each of its tokens
    return np.repeat(last + 1, np.diff(np.append(-1, last))).astype(np.int64)


def autocorrelation(
    pattern: Firing, run: NDArray[np.integer], n_lags: int, n_origins: int = 4096
) -> NDArray[np.float32]:
    """Autocorrelation of each feature's firing at lags 1 … n_lags within runs, (features, n_lags).

    It is (P(fires l later | fires) − p) / (1 − p), estimated from at most `n_origins` firings, evenly taken.
    """
    return _autocorrelation(pattern.ptr, pattern.rows, run_ends(run), n_lags, n_origins)


@njit(cache=True, parallel=True)
def _autocorrelation(ptr, rows, run_end, n_lags, n_origins):
    n_features = len(ptr) - 1
    rho = np.zeros((n_features, n_lags), np.float32)
    for f in prange(n_features):
        a, b = ptr[f], ptr[f + 1]
        if a == b or b - a == len(run_end):
            continue
        p = (b - a) / len(run_end)
        hits = np.zeros(n_lags + 1, np.int64)
        ends = np.zeros(n_lags + 2, np.int64)
        alive = 0
        for o in range(a, b, max(1, (b - a) // n_origins)):
            # tokens to the end of the run: only as many lags can be seen from here
            room = run_end[rows[o]] - rows[o]
            ends[min(room, n_lags + 1)] += 1
            alive += 1
            for q in range(o + 1, b):
                lag = rows[q] - rows[o]
                # rows ascend: all later ones are farther
                if lag > n_lags or lag >= room:
                    break
                hits[lag] += 1
        for lag in range(1, n_lags + 1):
            # firings that do not reach so far are no origins any more
            alive -= ends[lag]
            if alive > 0:
                rho[f, lag - 1] = (hits[lag] / alive - p) / (1 - p)
    return rho
