"""Open reading frames of a sequence, by a genetic code."""

from __future__ import annotations

import numpy as np
import pandas as pd
from Bio.Data.CodonTable import unambiguous_dna_by_id
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
    or to there, and is called incomplete. Every stop ends one frame; frames of both strands and all phases are listed,
    overlapping ones too.

    Parameters
    ----------
    piece, strands
        What was read, and what the model said.
    shortest
        Codons, start and stop counted.
    """
    table = unambiguous_dna_by_id[piece.genetic_code]
    starts, stops = set(table.start_codons), set(table.stop_codons)
    rows = []
    for strand in STRANDS:
        ids = piece.ids if strand == "+" else reverse_complement(piece.ids)
        for a, b, complete in _frames(ids, starts, stops):
            if b - a < 3 * shortest:
                continue
            first, last = (a, b) if strand == "+" else (len(ids) - b, len(ids) - a)
            bits = strands[strand].bits[first:last]
            mean = float(np.nanmean(bits)) if np.isfinite(bits).any() else np.nan
            rows.append((piece.chrom, piece.start + first, piece.start + last, strand, (b - a) // 3, complete, mean))
    frames = pd.DataFrame(rows, columns=list(READ_ORFS.columns))
    return (
        READ_ORFS.check(frames.sort_values(["start", "end", "strand"], ignore_index=True))
        if rows
        else READ_ORFS.empty()
    )


def _frames(ids: NDArray[np.uint8], starts: set[str], stops: set[str]) -> list[tuple[int, int, bool]]:
    """(start, end, complete) of the frames of the strand as given."""
    text, out = ids.tobytes().decode(), []
    for phase in range(3):
        begin: int | None = phase  # a frame may have begun before what is read
        open_left = True
        last = phase + (len(text) - phase) // 3 * 3
        for codon_start in range(phase, last, 3):
            codon = text[codon_start : codon_start + 3]
            if not set(codon) & set("ACGT"):
                # a gap is an end of what is known: no stop was seen in it, nor any frame
                if begin is not None and codon_start > begin:
                    out.append((begin, codon_start, False))
                begin, open_left = codon_start + 3, True
            elif codon in stops:
                if begin is not None:
                    out.append((begin, codon_start + 3, not open_left))
                begin, open_left = None, False
            elif begin is None and codon in starts:
                begin = codon_start
        if begin is not None and last > begin:
            out.append((begin, last, False))
    return out
