"""Windows of a sequence beside those that the dictionary was trained on: bits a base, and variance explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.io.contracts.quicklook import READ_WINDOWS
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.types import Strand

SIZE = 512
RARE = 0.99  # share of training windows beyond which a window is unlike them
FEWEST = SIZE // 2  # known bases of a window that is compared: means of fewer spread wider than training windows do
SHORT = (SIZE + FEWEST) // 2  # known bases below which a window is compared with training windows of half the size
BEGAN = 64  # cold bases of a window that began cold, within it or just before


def summarise(strands: Mapping[Strand, Strands], start: int, size: int = SIZE) -> pd.DataFrame:
    """Bits and variance explained of each window of `size` bases; the last may be shorter, down to half of it.

    Each strand is cut from where its reading begins, so that a sequence and its reverse complement have the same
    windows. Cold bases count: a user's sequence may have no others.

    Returns
    -------
    `start`, `end` (0-based), `strand`, `bits`, `variance_explained`, NaN where no base is known, `n_known`, known
    bases, `cold`, whether the reading began in the window.
    """
    rows = []
    for strand, s in strands.items():
        n = len(s.bits)
        edges = list(range(0, n, size))
        if len(edges) > 1 and n - edges[-1] < size // 2:
            edges.pop()
        windows = list(zip(edges, [*edges[1:], n], strict=True))
        for a, b in windows if strand == "+" else [(n - b, n - a) for a, b in reversed(windows)]:
            bits, error, spread = s.bits[a:b], s.error[a:b], s.spread[a:b]
            # the first base of a contig is known and has no bits
            finite, known = np.isfinite(bits), np.isfinite(error)
            total = np.nansum(spread, dtype=np.float64)
            explained = 1 - np.nansum(error, dtype=np.float64) / total if total > 0 else np.nan
            mean = float(bits[finite].mean(dtype=np.float64)) if finite.any() else np.nan
            cold = bool(np.count_nonzero(s.cold[a:b] & known) >= BEGAN)
            rows.append((start + a, start + b, strand, mean, explained, int(known.sum()), cold))
    return pd.DataFrame(rows, columns=["start", "end", "strand", "bits", "variance_explained", "n_known", "cold"])


def usual(typical: pd.DataFrame) -> pd.DataFrame:
    """Of the training windows those of full size that were read with context before them.

    Parameters
    ----------
    typical
        Contract `TYPICAL`.
    """
    return _like(typical, cold=False, short=False)


def _like(typical: pd.DataFrame, *, cold: bool, short: bool) -> pd.DataFrame:
    """Training windows read as a window was: from its beginning or with context, of 512 or of 256 bases; all that
    there are where a dictionary came without such.
    """
    if "cold" not in typical or not typical["cold"].any():
        return typical
    small = (typical["end"] - typical["start"]) < SHORT
    of_kind = typical["cold"] == cold
    # genomes of short intervals have no long windows: then those most like them
    for like in (of_kind & (small == short), of_kind, small == short):
        if like.any():
            return typical[like]
    return typical


def _beyond(windows: pd.DataFrame, typical: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Windows with more bits, and with less variance explained, than 99 of 100 training windows have."""
    bits, explained = typical["bits"].quantile(RARE), typical["variance_explained"].quantile(1 - RARE)
    return (windows["bits"] > bits).to_numpy(), (windows["variance_explained"] < explained).to_numpy()


def unlike_by_chance(typical: pd.DataFrame) -> float:
    """Share of training windows that are unlike the training windows in either way: what is to be expected.

    Parameters
    ----------
    typical
        Contract `TYPICAL`.
    """
    of_size = usual(typical)
    return float(np.logical_or(*_beyond(of_size, of_size)).mean())


def compared(piece: Piece, strands: Mapping[Strand, Strands], typical: pd.DataFrame) -> pd.DataFrame:
    """Windows of a piece with their ranks among training windows (contract `READ_WINDOWS`).

    A window is unlike the training where its bits exceed, or its variance explained falls short of, what 99 of 100
    training windows have that were read alike: with context before them or without, and as long. Windows of fewer than
    256 known bases are not compared: their ranks are NaN.

    Parameters
    ----------
    typical
        Contract `TYPICAL`.
    """
    table = summarise(strands, piece.start).assign(chrom=piece.chrom, bits_rank=np.nan, variance_rank=np.nan, unlike="")
    enough = table["n_known"] >= FEWEST
    short = table["n_known"] < SHORT
    for (cold, few), windows in table[enough].groupby([table["cold"], short]):
        like = _like(typical, cold=bool(cold), short=bool(few))
        for column, rank in (("bits", "bits_rank"), ("variance_explained", "variance_rank")):
            known = np.sort(like[column].dropna().to_numpy())
            value = windows[column].to_numpy()
            ranks = np.searchsorted(known, value) / max(len(known), 1)
            table.loc[windows.index, rank] = np.where(np.isnan(value) | (not len(known)), np.nan, ranks)
        surprising, foreign = _beyond(windows, like)
        table.loc[windows.index, "unlike"] = [
            ", ".join(
                [
                    *(["more bits than 99 % of training windows"] if a else []),
                    *(["less variance explained than in 99 % of training windows"] if b else []),
                ]
            )
            for a, b in zip(surprising, foreign, strict=True)
        ]
    return READ_WINDOWS.check(table[list(READ_WINDOWS.columns)])
