"""Quantities along a genome that geometry and enrichment relate features to: composition, replication, distance to genes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import codes
from photo51.genome.workspace import Workspace
from photo51.types import InputError


def gc_content(ids: NDArray[np.uint8], window: int, *, circular: bool = False) -> NDArray[np.float64]:
    """Share of G and C among the known bases of a window centred on each base.

    Parameters
    ----------
    ids
        Bytes of a contig, (length,).
    window
        Bases of the window (odd; an even number is raised by one); cut off at the ends of a linear contig.
    circular
        Whether windows go round.

    Returns
    -------
    (length,), NaN where no base of the window is known.
    """
    code = codes(ids)
    gc = _windowed((code == 1) | (code == 2), window, circular=circular)
    known = _windowed(code < 4, window, circular=circular)
    return np.divide(gc, known, out=np.full(len(ids), np.nan), where=known > 0)


def gc_skew(ids: NDArray[np.uint8], window: int, *, circular: bool = False) -> NDArray[np.float64]:
    """(G - C) / (G + C) in a window centred on each base, (length,); positive on the leading strand of most bacteria.

    Parameters
    ----------
    ids, window, circular
        As for `gc_content`.

    References
    ----------
    Lobry 1996, doi:10.1093/oxfordjournals.molbev.a025626.
    """
    code = codes(ids)
    g = _windowed(code == 2, window, circular=circular)
    c = _windowed(code == 1, window, circular=circular)
    return np.divide(g - c, g + c, out=np.full(len(ids), np.nan), where=g + c > 0)


def _windowed(mask: NDArray[np.bool_], window: int, *, circular: bool) -> NDArray[np.float64]:
    """Number of True in a window centred on each place."""
    n, half = len(mask), window // 2
    if window < 1:
        raise InputError(f"window: need at least 1 base, got {window}")
    if circular and 2 * half + 1 >= n:
        return np.full(n, float(mask.sum()))
    padded = np.concatenate([mask[n - half :], mask, mask[:half]]) if circular else mask
    total = np.concatenate([[0], np.cumsum(padded, dtype=np.int64)])
    if circular:
        return (total[2 * half + 1 :] - total[:n]).astype(float)
    at = np.arange(n)
    return (total[np.minimum(at + half + 1, n)] - total[np.maximum(at - half, 0)]).astype(float)


def replication_angle(position: NDArray[np.integer], length: int, origin: float) -> NDArray[np.float64]:
    """Place on a circular chromosome as an angle from the origin of replication.

    Parameters
    ----------
    position
        0-based bases, (n,).
    length
        Bases of the chromosome.
    origin
        Position of the origin (its middle).

    Returns
    -------
    (n,) radians in [-pi, pi): 0 at the origin, positive in rising coordinates, ±pi at the point opposite.
    """
    turn = (np.asarray(position, dtype=float) - origin) / length
    return 2 * np.pi * ((turn + 0.5) % 1.0 - 0.5)


def origin_position(annotations: pd.DataFrame, genome: str, chrom: str) -> float | None:
    """Middle of the annotated origin of replication of a contig; None where there is none, or more than one."""
    t = annotations
    found = t[(t["genome"] == genome) & (t["chrom"] == chrom) & (t["kind"] == "origin")]
    return None if len(found) != 1 else float(found["start"].iloc[0] + found["end"].iloc[0]) / 2


def distance_to_nearest(
    workspace: Workspace,
    annotations: pd.DataFrame,
    kind: str,
    strand: str,
    at: str = "start",
    circular: Mapping[tuple[str, str], int] | None = None,
) -> NDArray[np.float64]:
    """Signed distance of each row to the nearest boundary of a class, in reading direction of the strand.

    Parameters
    ----------
    workspace
        The axis.
    annotations
        Contract `ANNOTATIONS`.
    kind
        Class, for instance `CDS`; its intervals on `strand`, and those without strand, count.
    strand
        `+` or `-`.
    at
        `start`: the first base of an interval in reading direction; `end`: its last base.
    circular
        Length of each circular contig (genome, chrom), round whose origin distances are taken.

    Returns
    -------
    (n_rows,) bases: 0 on the boundary base, negative before it, positive after it, NaN on a contig without one. Of two
    boundaries that are equally near, the distance to the one that lies ahead.
    """
    if strand not in {"+", "-"} or at not in {"start", "end"}:
        raise InputError(
            f"distance_to_nearest: need strand + or - and at start or end, got {strand!r} and {at!r}"
        )
    wanted = annotations[(annotations["kind"] == kind) & annotations["strand"].isin([strand, "."])]
    left = (at == "start") == (strand == "+")
    out = np.full(workspace.n_rows, np.nan)
    sign = 1 if strand == "+" else -1
    for s in workspace.stretches():
        own = wanted[(wanted["genome"] == s.genome) & (wanted["chrom"] == s.chrom)]
        edges = np.unique(own["start"].to_numpy() if left else own["end"].to_numpy() - 1)
        if not len(edges):
            continue
        if length := (circular or {}).get((s.genome, s.chrom), 0):
            edges = np.concatenate([edges[-1:] - length, edges, edges[:1] + length])
        position = np.arange(s.start, s.end)
        after = np.searchsorted(edges, position)
        low, high = edges[np.maximum(after - 1, 0)], edges[np.minimum(after, len(edges) - 1)]
        nearer_high = np.abs(high - position) < np.abs(position - low)
        if sign > 0:
            nearer_high |= np.abs(high - position) == np.abs(position - low)
        nearest = np.where(nearer_high, high, low)
        out[s.offset : s.offset + s.end - s.start] = sign * (position - nearest)
    return out
