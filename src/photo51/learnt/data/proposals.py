"""What proposals for a corpus would change, rows of evidence, and which ranking to go by."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.debug_data import DebugDataParams
from photo51.learnt.data.disparity import disparity, reference_sd
from photo51.learnt.evidence import EvidenceRow

HALVES = 100


def predicted_change(
    values: NDArray[np.float64],
    inside: NDArray[np.bool_],
    proposed: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Change of the norm of the corpus's disparity if one record gets its proposed weight, (records read,)."""
    d = (values[~inside] - values[inside].mean(axis=0)) / reference_sd(values, inside)
    total, n = (d * weights[:, None]).sum(axis=0), weights.sum()
    before = np.linalg.norm(total / n)
    out = np.zeros(len(proposed))
    # a proposal of the full weight changes nothing
    for i in np.flatnonzero(proposed < 1):
        less = weights[i] * (1 - proposed[i])
        # the weighted mean without that part of the record
        out[i] = np.linalg.norm((total - d[i] * less) / max(n - less, 1e-9)) - before
    return out


def corpus_evidence(
    table: pd.DataFrame,
    ranked: pd.DataFrame,
    values: NDArray[np.float64],
    inside: NDArray[np.bool_],
    params: DebugDataParams,
) -> list[EvidenceRow]:
    """Rows of evidence: clusters, outlying records beside their baselines, and the reference against its own half."""
    rows = [
        EvidenceRow(
            f"cluster {c.cluster}",
            "mean difference from the reference (sd)",
            c.d_reference,
            c.low,
            c.high,
            0.0,
            c.p,
            int((~inside).sum()),
            np.nan,
            c.d_reference - c.d_partial,
        )
        for c in table.itertuples()
    ]
    rows.append(
        EvidenceRow(
            "reference",
            f"share of {HALVES} random halvings in which any cluster differs (q <= 0.05)",
            halves_differ(values[inside], params.seed),
            null=0.05,
            n=int(inside.sum()),
        )
    )
    named = float((ranked["cause"] != "none").sum())
    best = float((ranked[["d_bits", "d_words"]].max(axis=1) >= params.outlying).sum())
    rows.append(EvidenceRow("corpus", "records named", named, n=len(ranked), naive=best))
    foreign = float((ranked["cause"] == "foreign").sum())
    null = foreign_by_chance(ranked, int(inside.sum()))
    rows.append(EvidenceRow("corpus", "records named foreign", foreign, null=null, n=len(ranked)))
    return rows


def foreign_by_chance(records: pd.DataFrame, n_reference: int) -> float:
    """How many records would be called foreign on average, at most, if all were of the reference's kind.

    A record is foreign that lies beyond the farthest of the judged half of the reference, by its features or by its
    clade. Among records of one kind each is equally often the farthest, so that a new one lies beyond all judged ones
    with a chance of 1 / (judged + 1); by either of two distances, twice that at most. A stated limit further out makes
    it less.
    """
    judged = n_reference // 2
    readable = int(records["d_features"].notna().sum())
    return 2 * readable / (judged + 1)


def halves_differ(values: NDArray[np.float64], seed: int) -> float:
    """Share of random halvings of a reference (records, clusters) that call any cluster different: 5 % at most, by
    right.
    """
    # halves of one reference differ by chance alone
    rng = np.random.default_rng([seed, 54])
    half = np.arange(len(values)) < len(values) // 2
    tables = (disparity(x := values[rng.permutation(len(values))], x, x, half) for _ in range(HALVES))
    return float(np.mean([(table["q"] <= 0.05).any() for table in tables]))


def recommendation(records: pd.DataFrame) -> str:
    """Which ranking to go by: the baseline where every record named would have been named by it alone."""
    named = records[records["cause"].isin(["vector", "duplicate", "repeat", "foreign", "low complexity"])]
    if not len(named):
        return "no record stands out"
    if (named["d_shared"] > 0).all():
        return "exact matches find every one of them: they are all that is needed here"
    foreign = named[named["d_shared"] == 0]
    rank = records[["score", "d_bits", "d_words"]].rank(ascending=False).loc[foreign.index].mean()
    best = str(rank.idxmin())
    words = {"score": "the score", "d_bits": "surprisal", "d_words": "6-mers"}[best]
    return f"those without an exact match rank highest by {words}" + ("" if best == "score" else ": go by it here")
