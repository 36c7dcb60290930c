"""Areas under curves, right for scores that are mostly zero.

Sparse codes tie on most bases. A rank that breaks ties by row order makes the area depend on that order (a feature that
never fires can score 0.3 or 0.7); here tied scores share a rank, and such a feature scores exactly 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray


class Areas(NamedTuple):
    """Area under the ROC curve, area under precision–recall, and what the latter is by chance.

    Attributes
    ----------
    auroc
        Tie-corrected: P(positive scores higher) + P(equal)/2. NaN without positives or negatives.
    auprc
        Average precision: sum over distinct thresholds of (recall gained × precision).
    prevalence
        Share of positives: the average precision of a score that says nothing.
    """

    auroc: float
    auprc: float
    prevalence: float


def areas(scores: ArrayLike, positive: ArrayLike, *, n: int | None = None, n_positive: int | None = None) -> Areas:
    """Areas of a score given in full, or by its non-zero entries.

    Parameters
    ----------
    scores
        Scores of rows, (m,).
    positive
        Which of them are positives, (m,).
    n, n_positive
        Number of rows and of positives in all; rows that are not given score 0 (so given scores must be ≥ 0).
        None: the rows given are all rows.

    Raises
    ------
    ValueError
        Where a score is NaN, or a negative one is given beside rows that are left out.

    References
    ----------
    Mann and Whitney 1947, Ann Math Stat 18:50, doi:10.1214/aoms/1177730491; Fawcett 2006, Pattern Recogn Lett 27:861,
    doi:10.1016/j.patrec.2005.10.010
    """
    scores = np.asarray(scores, dtype=np.float64)
    positive = np.asarray(positive, dtype=bool)
    if np.isnan(scores).any():
        raise ValueError("scores: need numbers, got NaN")
    n = len(scores) if n is None else n
    n_positive = int(positive.sum()) if n_positive is None else n_positive
    if n > len(scores) and len(scores) and scores.min() < 0:
        raise ValueError(f"scores: need values >= 0 where some rows score 0, got {scores.min()}")
    order = np.argsort(-scores, kind="stable")
    ends = tie_ends(scores[order])
    tp, fp = _cumulative(positive[order], ends)
    tp, fp = _close(tp, fp, n_positive, n - n_positive)
    prevalence = n_positive / n if n else np.nan
    return Areas(_auroc(tp, fp), _average_precision(tp, fp), prevalence)


def tie_ends(descending: NDArray) -> NDArray[np.int64]:
    """Last index of each group of equal scores, given scores in descending order."""
    if not len(descending):
        return np.zeros(0, dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1).astype(np.int64)


def _cumulative(positive: NDArray[np.bool_], ends: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    tp = np.cumsum(positive)[ends].astype(np.float64)
    return tp, ends + 1.0 - tp


def _close(
    tp: NDArray, fp: NDArray, n_positive: float, n_negative: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Append the rows that were not given as one tie at score 0; curves start at the origin."""
    return np.concatenate([[0.0], tp, [n_positive]]), np.concatenate([[0.0], fp, [n_negative]])


def _auroc(tp: NDArray[np.float64], fp: NDArray[np.float64]) -> float:
    if tp[-1] == 0 or fp[-1] == 0:
        return np.nan
    # trapezoids: within a tie the curve is straight, which gives equal scores half a point
    return float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1])) / (2.0 * tp[-1] * fp[-1]))


def _average_precision(tp: NDArray[np.float64], fp: NDArray[np.float64]) -> float:
    if tp[-1] == 0:
        return np.nan
    # average precision steps: recall gained at a threshold times the precision there, without interpolation
    shown = tp[1:] + fp[1:]
    precision = np.divide(tp[1:], shown, out=np.zeros(len(shown)), where=shown > 0)
    return float(np.sum(np.diff(tp) * precision) / tp[-1])


class Ranked(NamedTuple):
    """A score's non-zero rows in descending order, ready for re-weighting by block.

    Attributes
    ----------
    block
        Block of each row, (m,).
    positive
        Whether the row is a positive, (m,).
    ends
        Last index of each tie, (n_ties,).
    """

    block: NDArray[np.int32]
    positive: NDArray[np.bool_]
    ends: NDArray[np.int64]


def rank(scores: NDArray, positive: NDArray[np.bool_], block: NDArray[np.integer]) -> Ranked:
    """Order a score's non-zero rows for `weighted_average_precision`."""
    order = np.argsort(-scores, kind="stable")
    return Ranked(block[order].astype(np.int32), positive[order], tie_ends(scores[order]))


def weighted_average_precision(
    ranked: Ranked,
    weights: NDArray[np.float64],
    positives: NDArray[np.float64],
    rows: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Average precision under each weighting of blocks.

    Parameters
    ----------
    ranked
        The score's non-zero rows.
    weights
        Weight of each block, (n_draws, n_blocks), as `resampling.bootstrap_weights` gives.
    positives, rows
        Positives and rows of each block, (n_blocks,).

    Returns
    -------
    (n_draws,); NaN where no positive was drawn.
    """
    by_block = np.ascontiguousarray(weights.T, dtype=np.float64)
    return _weighted_ap(ranked.block, ranked.positive, ranked.ends, by_block, weights @ positives, weights @ rows)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _weighted_ap(block, positive, ends, by_block, n_positive, n_rows):
    """Row after row for all draws side by side; `by_block` is (n_blocks, n_draws)."""
    n_draws = by_block.shape[1]
    tp, shown, before, area = np.zeros(n_draws), np.zeros(n_draws), np.zeros(n_draws), np.zeros(n_draws)
    first = 0
    for end in ends:
        gains = False
        for i in range(first, end + 1):
            w = by_block[block[i]]
            for d in range(n_draws):
                shown[d] += w[d]
            if positive[i]:
                gains = True
                for d in range(n_draws):
                    tp[d] += w[d]
        first = end + 1
        if gains:  # a tie without positives adds no recall, and nothing to the area
            for d in range(n_draws):
                # recall gained × precision, over the weights of the draw
                area[d] += (tp[d] - before[d]) * tp[d] / shown[d] if shown[d] > 0 else 0.0
                before[d] = tp[d]
    out = np.empty(n_draws)
    for d in range(n_draws):
        # rows that score 0 are one last tie, at which everything is shown
        rest = (n_positive[d] - before[d]) * n_positive[d] / n_rows[d] if n_rows[d] > 0 else 0.0
        out[d] = (area[d] + rest) / n_positive[d] if n_positive[d] > 0 else np.nan
    return out
