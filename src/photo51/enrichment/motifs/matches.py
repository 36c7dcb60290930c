"""Is a logo a motif that is known? Comparison with a motif file, with p-values.

Two columns are as alike as they are near (Euclidean distance of their shares), on an integer scale. For a query
column, the scores of all columns of the file are its null; for an alignment, the null of the summed score is the
convolution over the query columns it covers, so that short overlaps do not win by being short. A motif's p is that of
its best alignment on either strand, corrected for the number of alignments tried.

References
----------
Gupta, Stamatoyannopoulos, Bailey and Noble 2007, Genome Biol 8:R24, doi:10.1186/gb-2007-8-2-r24
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.annotation.motifs import Motif
from photo51.io.contracts.enrichment import MOTIF_MATCHES
from photo51.stats.multiple import benjamini_hochberg

_SCALE = 100  # a score of 0 to 100: integers, so that distributions are arrays


class Match(NamedTuple):
    """Best alignment of a query with each motif, (n_motifs,) each.

    Attributes
    ----------
    p
        Corrected for alignments.
    offset
        Query column at which the motif begins; negative where it begins before.
    overlap
        Columns compared.
    reverse
        Whether the motif was reversed and complemented.
    """

    p: NDArray[np.float64]
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    reverse: NDArray[np.bool_]


class Database:
    """Motifs of a file, both ways round, side by side.

    Parameters
    ----------
    motifs
        From `genome.annotation.motifs.read_meme`.
    """

    def __init__(self, motifs: Sequence[Motif]):
        self.names = [m.name for m in motifs]
        # reversed in both axes: columns and, as A, C, G, T complements to T, G, C, A, bases
        both = [m.frequencies for m in motifs] + [m.frequencies[::-1, ::-1] for m in motifs]
        self.columns = np.concatenate(both) if both else np.zeros((0, 4))
        self.starts = np.concatenate([[0], np.cumsum([len(f) for f in both])]).astype(np.int64)

    def compare(self, query: NDArray[np.float64], min_overlap: int) -> Match:
        """Best alignment of a query, (width, 4) shares, with every motif.

        Raises
        ------
        ValueError
            Where the query is shorter than `min_overlap`.
        """
        if len(query) < min_overlap:
            raise ValueError(f"query: need at least {min_overlap} columns, got {len(query)}")
        distance = np.linalg.norm(query[:, None] - self.columns[None], axis=2)
        # √2 is the largest distance of two columns: 1 is the same, 0 the farthest
        scores = np.rint(_SCALE * (1 - distance / np.sqrt(2))).astype(np.int64)
        tails, ends = _range_tails(scores, min_overlap)
        n = len(self.names)
        p, offset, overlap, tried = _best_alignments(scores, self.starts, tails, ends, min_overlap)
        reverse = p[n:] < p[:n]
        best = np.where(reverse, p[n:], p[:n])
        both = tried[:n] + tried[n:]
        # Šidák: 1 − (1 − p)^tried, in logarithms so that small p keep their digits
        corrected = np.where(both > 0, -np.expm1(both * np.log1p(-np.minimum(best, 1 - 1e-15))), 1.0)
        return Match(
            np.clip(corrected, 1e-300, 1.0),
            np.where(reverse, offset[n:], offset[:n]),
            np.where(reverse, overlap[n:], overlap[:n]),
            reverse,
        )


def _range_tails(scores: NDArray[np.int64], min_overlap: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Upper tails of the summed score for every range of query columns.

    Returns
    -------
    tails, ends
        Tail of range (first, length) at score s: `tails[ends[first, length] + s]`; -1 for ranges that are too short.
    """
    width = len(scores)
    # each query column's null: its scores with all columns of the file
    columns = [np.bincount(row, minlength=_SCALE + 1) / len(row) for row in scores]
    ends = np.full((width, width + 1), -1, dtype=np.int64)
    parts, used = [], 0
    for first in range(width):
        pmf = np.ones(1)
        for length in range(1, width - first + 1):
            # the sum of independent columns: their distributions convolved, one column more at a time
            pmf = np.convolve(pmf, columns[first + length - 1])
            if length >= min_overlap:
                # upper tail: P(sum ≥ s)
                parts.append(np.minimum(np.cumsum(pmf[::-1])[::-1], 1.0))
                ends[first, length] = used
                used += len(pmf)
    return np.concatenate(parts), ends


@numba.njit(cache=True, nogil=True)
def _best_alignments(scores, starts, tails, ends, min_overlap):
    n, width = len(starts) - 1, len(scores)
    p, offset = np.ones(n), np.zeros(n, dtype=np.int64)
    overlap, tried = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for m in range(n):
        long = starts[m + 1] - starts[m]
        # shifts at which at least `min_overlap` columns face each other
        for shift in range(min_overlap - long, width - min_overlap + 1):
            first, last = max(0, shift), min(width, shift + long)
            if last - first < min_overlap:
                continue
            tried[m] += 1
            total = 0
            for j in range(first, last):
                total += scores[j, starts[m] + j - shift]
            value = tails[ends[first, last - first] + total]
            if value < p[m]:
                p[m], offset[m], overlap[m] = value, shift, last - first
    return p, offset, overlap, tried


def match_logos(
    logos: Mapping[int, NDArray[np.float64]], database: Database, *, min_overlap: int, max_q: float
) -> pd.DataFrame:
    """Compare the logos of features with all motifs (contract `MOTIF_MATCHES`), one family over all pairs.

    Parameters
    ----------
    logos
        Feature → shares of its informative columns, (width, 4); those shorter than `min_overlap` are left out.
    max_q
        Pairs kept.
    """
    parts = []
    for feature, shares in logos.items():
        if len(shares) < min_overlap or not database.names:
            continue
        compared = database.compare(shares, min_overlap)
        parts.append(
            pd.DataFrame(
                {
                    "feature": feature,
                    "motif": database.names,
                    "strand": np.where(compared.reverse, "-", "+"),
                    "offset": compared.offset,
                    "overlap": compared.overlap,
                    "p": compared.p,
                }
            )
        )
    if not parts:
        return MOTIF_MATCHES.empty()
    table = pd.concat(parts, ignore_index=True)
    table["q"] = benjamini_hochberg(table["p"])
    significant = table[table["q"] <= max_q].sort_values(["feature", "p", "motif"], kind="stable")
    return MOTIF_MATCHES.check(significant)
