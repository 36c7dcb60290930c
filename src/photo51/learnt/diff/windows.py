"""Windows of sequence that two models are asked about, each on both strands."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import is_ambiguous, reverse_complement
from photo51.genome.formats.fasta import read_fasta
from photo51.types import InputError


class Windows(NamedTuple):
    """Places, and their bases as each strand reads them.

    Attributes
    ----------
    places
        `chrom`, `start`, `end` (0-based half-open), `contig_length` (bases), a row a window.
    plus, minus
        Upper-case bytes, (windows, length); row i of `minus` is the reverse complement of row i of `plus`.
    """

    places: pd.DataFrame
    plus: NDArray[np.uint8]
    minus: NDArray[np.uint8]

    @property
    def length(self) -> int:
        """Bases of a window."""
        return self.plus.shape[1]


def draw_windows(path: Path, n: int, length: int, seed: int, least: int = 1) -> Windows:
    """Draw windows of a FASTA file that do not overlap and hold no letter but A, C, G, T, in the file's order.

    Parameters
    ----------
    n, least
        Windows asked for, and the fewest that will do.

    Raises
    ------
    InputError
        Where the records have room for no window, or for fewer than `least`.
    """
    chrom: list[str] = []
    start: list[int] = []
    contig_length: list[int] = []
    rows: list[NDArray[np.uint8]] = []
    for record in read_fasta(path):
        for first in range(0, len(record.ids) - length + 1, length):
            # end to end from the record's beginning: none overlaps another
            ids = record.ids[first : first + length]
            if not is_ambiguous(ids).any():
                chrom.append(record.name)
                start.append(first)
                contig_length.append(len(record.ids))
                rows.append(ids)
    if not rows:
        raise InputError(f"{path}: need a record with {length:,} bases of A, C, G, T in a row, got none")
    if len(rows) < least:
        raise InputError(
            f"{path}: need {least} windows of {length:,} bases of A, C, G, T, got {len(rows)}: set a shorter `window`,"
            " or give more sequence"
        )
    chosen = np.sort(np.random.default_rng([seed, 23]).permutation(len(rows))[:n])
    plus = np.stack([rows[i] for i in chosen])
    places = pd.DataFrame({"chrom": chrom, "start": start, "contig_length": contig_length}).iloc[chosen]
    places = places.assign(end=places["start"] + length).reset_index(drop=True)
    return Windows(places, plus, reverse_complement(plus))
