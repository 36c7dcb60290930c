"""Motifs of a MEME file: reading them, and scanning both strands of a sequence for them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from Bio import BiopythonWarning, motifs
from numpy.typing import NDArray

from photo51.genome.alphabet import codes, reverse_complement
from photo51.genome.rules import Row
from photo51.genome.text import open_text
from photo51.types import InputError, Strand

_STEPS = 1_000
_PARSER_ERRORS = (
    ValueError,
    AssertionError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NameError,
)


class Motif(NamedTuple):
    """A position frequency matrix.

    Attributes
    ----------
    name
        As the file has it.
    frequencies
        Share of A, C, G, T at each place, (width, 4), rows of sum 1.
    """

    name: str
    frequencies: NDArray[np.float64]


def read_meme(path: Path | str) -> list[Motif]:
    """Motifs of a file in MEME's minimal format, through Biopython; plain, gzip or bgzip.

    Raises
    ------
    InputError
        Naming the file: no motif, a matrix that is none, a name that comes twice.
    """
    with open_text(path) as text, warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)
        try:
            found = list(motifs.parse(text, "minimal"))
        except UnicodeDecodeError:
            raise
        except _PARSER_ERRORS as e:
            raise InputError(
                f"{path}: need motifs in MEME's minimal format, got a file that cannot be read ({e})"
            ) from e
    out = []
    for m in found:
        counts = np.array([m.counts[letter] for letter in "ACGT"], dtype=float).T
        if (
            counts.ndim != 2
            or not len(counts)
            or not np.isfinite(counts).all()
            or (counts.sum(axis=1) <= 0).any()
            or (counts < 0).any()
        ):
            raise InputError(f"{path}, motif {m.name!r}: need a matrix of four shares a place, got another")
        out.append(Motif(str(m.name), counts / counts.sum(axis=1, keepdims=True)))
    names = [m.name for m in out]
    if not out or len(set(names)) < len(names):
        raise InputError(
            f"{path}: need motifs with names that differ, got {f'{len(out)} motifs' if out else 'none'}"
        )
    return out


def log_odds(motif: Motif, base: NDArray[np.float64], pseudo: float = 0.01) -> NDArray[np.float64]:
    """Bits of each base at each place over a background, (width, 4)."""
    mixed = (1 - pseudo) * motif.frequencies + pseudo * base
    return np.log2(mixed / base)


def score_threshold(weights: NDArray[np.float64], base: NDArray[np.float64], p: float) -> float:
    """Score that a random sequence of the background reaches at a place with a chance of at most `p`.

    The distribution is built up place by place on scores rounded to a thousandth of their range (Staden 1989,
    doi:10.1093/bioinformatics/5.2.89). Infinite where not even the best word is that rare.
    """
    low, high = weights.min(axis=1), weights.max(axis=1)
    step = (high - low).sum() / _STEPS
    if step == 0:
        return np.inf
    shift = np.round((weights - low[:, None]) / step).astype(int)
    chance = np.zeros(int(shift.max(axis=1).sum()) + 1)
    chance[0] = 1.0
    for row in shift:
        new = np.zeros_like(chance)
        for move, share in zip(row, base, strict=True):
            new[move:] += share * chance[: len(chance) - move]
        chance = new
    tail = np.cumsum(chance[::-1])[::-1]
    rare = np.flatnonzero(tail <= p)
    return float(low.sum() + rare[0] * step) if len(rare) else np.inf


def scan(ids: NDArray[np.uint8], motif: Motif, base: NDArray[np.float64], p: float, source: str) -> list[Row]:
    """Matches of a motif on both strands, as rows of class `TFBS:<name>`; places with ambiguous bases never match."""
    weights = log_odds(motif, base)
    width = len(weights)
    if len(ids) < width:
        return []
    least = score_threshold(weights, base, p)
    padded = np.vstack([weights.T, np.full(width, -np.inf)]).T
    rows = []
    strands: tuple[Strand, Strand] = ("+", "-")
    for strand in strands:
        code = codes(ids if strand == "+" else reverse_complement(ids))
        score = np.zeros(len(ids) - width + 1)
        for j in range(width):
            score += padded[j, code[j : j + len(score)]]
        for at in np.flatnonzero(score >= least).tolist():
            start = at if strand == "+" else len(ids) - at - width
            rows.append(
                Row(
                    start,
                    start + width,
                    strand,
                    f"TFBS:{motif.name}",
                    motif.name,
                    f"{motif.name}_{start}{strand}",
                    score=float(score[at]),
                    source=source,
                )
            )
    return rows
