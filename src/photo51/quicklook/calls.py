"""From activations to intervals: where named features are active, and where the model knows what nobody has named."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import runs
from photo51.io.contracts.quicklook import READ_CALLS, UNEXPLAINED
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.types import STRANDS, Strand

GAP = 6  # runs at most this far apart are one interval (bases)
HALF = 0.5  # share of its largest activation from which an unnamed feature counts as strongly active
FEWEST = 2  # bases of such an interval


def named_calls(
    piece: Piece, strands: Mapping[Strand, Strands], names: pd.DataFrame, features: pd.DataFrame
) -> pd.DataFrame:
    """Intervals in which named features reach the threshold that was chosen for their name (contract `READ_CALLS`).

    Parameters
    ----------
    piece, strands
        What was read, and what the model said.
    names
        Contract `NAMES`; only rows that are named count.
    features
        Contract `SEED_MATCH`.
    """
    facts = features.set_index("feature")
    rows = []
    for name in names[names["named"]].to_dict("records"):
        f = int(name["feature"])
        maximum = float(facts.at[f, "maximum"])
        threshold = float(name["threshold"])
        if not np.isfinite(threshold) or threshold <= 0:
            threshold = np.nextafter(np.float32(0), np.float32(1))
        for strand, s in strands.items():
            values = np.asarray(s.codes[:, [f]].todense()).ravel()
            for a, b in joined_runs(values >= threshold, GAP):
                top = float(values[a:b].max())
                rows.append(
                    {
                        "chrom": piece.chrom,
                        "start": piece.start + a,
                        "end": piece.start + b,
                        "strand": strand,
                        "feature": f,
                        "name": name["annotation"],
                        "orientation": name["strand"],
                        "activation": top,
                        "share": top / maximum if maximum > 0 else np.nan,
                        "grade": name["grade"],
                        "n_survived": int(name["n_survived"]),
                        "n_checks": int(name["n_checks"]),
                        "match": float(facts.at[f, "match"]),
                    }
                )
    if not rows:
        return READ_CALLS.empty()
    table = pd.DataFrame(rows).sort_values(["chrom", "start", "end", "strand", "feature"], ignore_index=True)
    return READ_CALLS.check(table)


def joined_runs(mask: NDArray[np.bool_], gap: int, barred: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Runs of True, those at most `gap` apart joined unless a `barred` base lies between them, (n, 2) half-open."""
    segments = runs(mask)
    if len(segments) < 2:
        return segments
    apart = segments[1:, 0] - segments[:-1, 1] > gap
    if barred is not None:
        before = np.concatenate([[0], np.cumsum(barred)])
        apart |= before[segments[1:, 0]] > before[segments[:-1, 1]]
    first = np.concatenate([[True], apart])
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(segments)) - 1
    return np.stack([segments[starts, 0], segments[ends, 1]], axis=1)


def unexplained(
    piece: Piece,
    strands: Mapping[Strand, Strands],
    explained: Mapping[Strand, NDArray[np.bool_]],
    named: NDArray[np.int64],
    features: pd.DataFrame,
) -> pd.DataFrame:
    """Intervals in which unnamed features are strongly active and nothing says why, strongest first (contract
    `UNEXPLAINED`).

    At each base the largest activation among unnamed features counts, as a share of the feature's largest in training;
    runs at half or more, at most 6 bases apart and with no explained base between them, are intervals where they have
    two bases or more, and their score is the sum of shares.

    Parameters
    ----------
    explained
        (length,) a strand: bases that a name or an annotation covers.
    named
        Features that carry a name.
    features
        Contract `SEED_MATCH`.
    """
    maximum = features.sort_values("feature")["maximum"].to_numpy(dtype=np.float64)
    match = features.sort_values("feature")["match"].to_numpy(dtype=np.float64)
    usable = maximum > 0
    usable[named] = False
    scale = np.where(usable, 1 / np.where(maximum > 0, maximum, 1), 0)
    rows = []
    for strand in STRANDS:
        s = strands[strand]
        share = s.codes.multiply(scale[None, :]).tocsr()
        best = np.asarray(share.max(axis=1).todense()).ravel()
        for a, b in joined_runs((best >= HALF) & ~explained[strand], GAP, explained[strand]):
            if b - a < FEWEST:
                continue
            peak = np.asarray(share[a:b].max(axis=0).todense()).ravel()
            f = int(peak.argmax())
            bits = s.bits[a:b]
            mean = float(np.nanmean(bits)) if np.isfinite(bits).any() else np.nan
            score = float(best[a:b].sum())
            rows.append(
                (
                    piece.chrom,
                    piece.start + a,
                    piece.start + b,
                    strand,
                    mean,
                    f,
                    float(peak[f]),
                    match[f],
                    int((peak >= HALF).sum()),
                    score,
                )
            )
    if not rows:
        return UNEXPLAINED.empty()
    table = pd.DataFrame(rows, columns=list(UNEXPLAINED.columns))
    table = table.sort_values(["score", "start", "strand"], ascending=[False, True, True])
    return UNEXPLAINED.check(table.reset_index(drop=True))


def covered_bases(piece: Piece, strand: Strand, calls: pd.DataFrame, annotations: pd.DataFrame) -> NDArray[np.bool_]:
    """Bases that a call or an annotation on that strand explains, (length,); segments without genes explain
    nothing.
    """
    out = np.zeros(len(piece.ids), dtype=bool)
    tables = [calls[calls["chrom"] == piece.chrom]]
    if len(annotations):
        on_contig = annotations[(annotations["chrom"] == piece.chrom) & ~annotations["kind"].isin(PLAIN)]
        tables.append(on_contig)
    for table in tables:
        on_strand = table[table["strand"].isin([strand, "."])]
        for a, b in zip(on_strand["start"].to_numpy(), on_strand["end"].to_numpy(), strict=True):
            out[max(0, a - piece.start) : max(0, b - piece.start)] = True
    return out


PLAIN = frozenset({"intergenic", "gc_low", "gc_high", "soft_mask", "origin", "region", "gene_start", "gene_end"})
