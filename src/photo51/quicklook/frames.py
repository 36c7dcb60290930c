"""Open reading frames of a sequence, by a genetic code."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import pandas as pd
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Data.IUPACData import ambiguous_dna_values
from numpy.typing import NDArray

from photo51.genome.alphabet import reverse_complement
from photo51.io.contracts.quicklook import READ_ORFS
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.types import STRANDS, Strand

SHORTEST = 60  # codons


def open_frames(piece: Piece, strands: dict[Strand, Strands], shortest: int = SHORTEST) -> pd.DataFrame:
    """Reading frames from their first start codon to a stop, at least `shortest` codons (contract `READ_ORFS`).

    A frame that runs over an end of what is read, or meets a codon of which no base is known (a gap), counts from there
    or to there, and is called incomplete unless its first codon there is a start; one that has no stop before its first
    start codon is listed from that codon too, as it may begin at either. Of a whole circle the ends are none:
    a frame over its origin is two rows, one on either side, with the codons of the whole. Every stop ends one frame;
    frames of both strands and all phases are listed, overlapping ones too. A codon with other letters is a stop, or a
    start, where each codon that it may be is one.

    Parameters
    ----------
    piece, strands
        What was read, and what the model said.
    shortest
        Codons, start and stop counted.
    """
    n, round_ = len(piece.ids), piece.circular and len(piece.ids) == piece.whole
    rows = []
    for strand in STRANDS:
        ids = piece.ids if strand == "+" else reverse_complement(piece.ids)
        for a, b, complete in _round_frames(ids, piece.genetic_code) if round_ else _frames(ids, piece.genetic_code):
            if b - a < 3 * shortest:
                continue
            first = a if strand == "+" else (n - b) % n
            # over the origin of a circle: what is left of it lies at the beginning
            parts = [(first, min(first + b - a, n)), (0, first + b - a - n)]
            bits = np.concatenate([strands[strand].bits[start : max(start, end)] for start, end in parts])
            mean = float(np.nanmean(bits)) if np.isfinite(bits).any() else np.nan
            rows += [
                (piece.chrom, piece.start + start, piece.start + end, strand, (b - a) // 3, complete, mean)
                for start, end in parts
                if end > start
            ]
    frames = pd.DataFrame(rows, columns=list(READ_ORFS.columns))
    return (
        READ_ORFS.check(frames.sort_values(["start", "end", "strand"], ignore_index=True))
        if rows
        else READ_ORFS.empty()
    )


def _round_frames(ids: NDArray[np.uint8], code: int) -> list[tuple[int, int, bool]]:
    """(start, end, complete) of the frames of a circle, start within it, end up to once round it further on."""
    n = len(ids)
    # three times round: what begins in the middle has a whole turn before and behind it; more is no frame of a circle
    frames = _frames(np.tile(ids, 3), code)
    return [(a - n, b - n, complete) for a, b, complete in frames if n <= a < 2 * n and b - a <= n]


@lru_cache(maxsize=32_768)
def _kind(codon: str, code: int) -> str:
    """`stop`, `start`, `gap` (no base is known) or nothing of a codon of IUPAC letters."""
    if not set(codon) & set("ACGT"):
        return "gap"
    table = unambiguous_dna_by_id[code]
    meant = {"".join(bases) for bases in product(*(ambiguous_dna_values[letter] for letter in codon))}
    return "stop" if meant <= set(table.stop_codons) else "start" if meant <= set(table.start_codons) else ""


def _frames(ids: NDArray[np.uint8], code: int) -> list[tuple[int, int, bool]]:
    """(start, end, complete) of the frames of the strand as given."""
    text, out = ids.tobytes().decode(), []
    for phase in range(3):
        begin: int | None = phase  # a frame may have begun before what is read
        starts = False  # whether it begins with a start codon
        inner: int | None = None  # first start codon of a frame that began without one
        last = phase + (len(text) - phase) // 3 * 3
        for codon_start in range(phase, last, 3):
            kind = _kind(text[codon_start : codon_start + 3], code)
            if kind == "gap":
                # a gap is an end of what is known: no stop was seen in it, nor any frame
                if begin is not None and codon_start > begin:
                    out += [(first, codon_start, False) for first in (begin, inner) if first is not None]
                begin, starts, inner = codon_start + 3, False, None
            elif kind == "stop":
                if begin is not None:
                    out.append((begin, codon_start + 3, starts))
                if inner is not None:
                    out.append((inner, codon_start + 3, True))
                begin, starts, inner = None, False, None
            elif kind == "start" and begin in {None, codon_start}:
                begin, starts = codon_start, True
            elif kind == "start" and not starts and inner is None:
                inner = codon_start
        if begin is not None and last > begin:
            out += [(first, last, False) for first in (begin, inner) if first is not None]
    return out
