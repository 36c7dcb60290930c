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


def summarise(strands: Mapping[Strand, Strands], start: int, size: int = SIZE) -> pd.DataFrame:
    """Bits and variance explained of each window of `size` bases; the last may be shorter, down to half of it.

    Cold bases count: a user's sequence may have no others.

    Returns
    -------
    `start`, `end` (0-based), `strand`, `bits`, `variance_explained`, NaN where no base is known, `n_known`, bases with
    a number.
    """
    rows = []
    for strand, s in strands.items():
        n = len(s.bits)
        edges = list(range(0, n, size))
        if len(edges) > 1 and n - edges[-1] < size // 2:
            edges.pop()
        for a, b in zip(edges, [*edges[1:], n], strict=True):
            bits, error, spread = s.bits[a:b], s.error[a:b], s.spread[a:b]
            finite = np.isfinite(bits)
            total = np.nansum(spread, dtype=np.float64)
            explained = 1 - np.nansum(error, dtype=np.float64) / total if total > 0 else np.nan
            mean = float(bits[finite].mean(dtype=np.float64)) if finite.any() else np.nan
            rows.append((start + a, start + b, strand, mean, explained, int(finite.sum())))
    return pd.DataFrame(rows, columns=["start", "end", "strand", "bits", "variance_explained", "n_known"])


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
    return float(np.logical_or(*_beyond(typical, typical)).mean())


def compared(piece: Piece, strands: Mapping[Strand, Strands], typical: pd.DataFrame) -> pd.DataFrame:
    """Windows of a piece with their ranks among training windows (contract `READ_WINDOWS`).

    A window is unlike the training where its bits exceed, or its variance explained falls short of, what 99 of 100
    training windows have. Windows of fewer than 256 known bases are not compared: their ranks are NaN.

    Parameters
    ----------
    typical
        Contract `TYPICAL`.
    """
    table = summarise(strands, piece.start).assign(chrom=piece.chrom)
    known_bits, known_explained = (np.sort(typical[c].dropna().to_numpy()) for c in ("bits", "variance_explained"))
    enough = (table["n_known"] >= FEWEST).to_numpy()
    bits, explained = (np.where(enough, table[c], np.nan) for c in ("bits", "variance_explained"))
    table["bits_rank"] = np.where(np.isnan(bits), np.nan, np.searchsorted(known_bits, bits) / len(known_bits))
    table["variance_rank"] = np.where(
        np.isnan(explained), np.nan, np.searchsorted(known_explained, explained) / len(known_explained)
    )
    surprising, foreign = _beyond(table, typical)
    table["unlike"] = [
        ", ".join(
            [
                *(["more bits than 99 % of training windows"] if a else []),
                *(["less variance explained than in 99 % of training windows"] if b else []),
            ]
        )
        for a, b in zip(surprising & enough, foreign & enough, strict=True)
    ]
    return READ_WINDOWS.check(table[list(READ_WINDOWS.columns)])
