"""Motifs of a MEME file: reading them, and scanning both strands of a sequence for them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes, reverse_complement
from photo51.genome.annotation.rules import Row
from photo51.genome.text import open_text
from photo51.types import InputError, Strand

log = logging.getLogger(__name__)
_STEPS = 1_000


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
    """Motifs of a file in MEME's format, minimal or whole (JASPAR, HOCOMOCO, MEME, DREME, STREME); plain or compressed.

    The alphabet may be DNA or RNA, whose U is read as T. Matrices are taken as they stand, to the digits of the file.

    Raises
    ------
    InputError
        Naming the file, and the line: another format or alphabet, no motif, a matrix that is none, a name that comes
        twice.
    """
    matrices: dict[str, NDArray[np.float64]] = {}
    letters = name = ""
    started = False
    with open_text(path) as text:
        lines = enumerate(text, 1)
        for number, line in lines:
            location = f"{path}, line {number}"
            words = line.split()
            if not started and words:
                _check_first(line, location)
                started = True
            if line.startswith("ALPHABET"):
                letters = _alphabet(line, lines, location)
            elif words[:1] == ["MOTIF"]:
                if len(words) < 2:
                    raise InputError(f"{location}: need a name behind MOTIF, got none")
                name = words[1]
            elif line.startswith("letter-probability matrix"):
                if not name or name in matrices:
                    raise InputError(
                        f"{location}: need motifs with names that differ, got"
                        f" {f'{name!r} twice' if name else 'a matrix without a name'}"
                    )
                matrices[name] = _matrix(line, lines, f"{path}, motif {name!r}", letters or "ACGT")
    if not matrices:
        raise InputError(f"{path}: need motifs with names that differ, got none")
    return [Motif(n, m) for n, m in matrices.items()]


def _check_first(line: str, location: str) -> None:
    """Name formats of motifs that are not MEME's by their first line."""
    if line.startswith("MEME version") or set(line.strip()) == {"*"}:
        return
    what = {
        ">": "JASPAR's, HOMER's or FASTA",
        "A": "a matrix alone",
        "V": "TRANSFAC's",
        "I": "TRANSFAC's",
        "D": "TRANSFAC's",
    }
    format_name = what.get(line[0], "another") if not line.startswith("ID ") else "TRANSFAC's"
    raise InputError(
        f"{location}: need motifs in MEME's minimal format, whose first line is 'MEME version 4', got {format_name}"
        f" format: {line[:40].strip()!r}; JASPAR and HOCOMOCO offer MEME files, and `jaspar2meme`, `transfac2meme` and"
        " `chen2meme` of the MEME suite write them"
    )


def _alphabet(line: str, lines: Iterator[tuple[int, str]], location: str) -> str:
    """Letters of the matrix's columns, in order: `ALPHABET= ACGT`, or a definition of lines up to END ALPHABET."""
    _, equals, stated = line.partition("=")
    if equals and '"' not in line:
        letters = "".join(stated.split()).upper()
    else:
        symbols: set[str] = set()
        for _, row in lines:
            if row.startswith("END ALPHABET"):
                break
            # a core symbol, or two that complement one another: A "Adenine" CC0000 ~ T "Thymine" 008000
            bare = re.sub(r'"[^"]*"', "", row)
            if "=" not in bare:
                symbols |= {half.split()[0] for half in bare.split("~") if half.split()}
        letters = "".join(sorted(s for s in symbols if len(s) == 1))
    if letters not in {"ACGT", "ACGU"}:
        raise InputError(f"{location}: need an alphabet of DNA or RNA (ACGT or ACGU), got {letters or line.strip()!r}")
    return letters


def _matrix(line: str, lines: Iterator[tuple[int, str]], location: str, letters: str) -> NDArray[np.float64]:
    """Shares of A, C, G and T at each place, (width, 4)."""
    stated = re.search(r"\bw\s*=\s*(\d+)", line)
    width = int(stated[1]) if stated else None
    rows: list[list[float]] = []
    for _, row in lines:
        words = row.split()
        if not words and not rows:
            continue
        try:
            rows.append([float(w) for w in words] if words else [])
        except ValueError:
            break
        if not rows[-1] or len(rows) == width:
            rows = [r for r in rows if r]
            break
    table = np.array(rows, dtype=float) if rows and len({len(r) for r in rows}) == 1 else np.zeros((0, 0))
    good = table.ndim == 2 and table.shape == (width or len(rows), len(letters)) and np.isfinite(table).all()
    if not good or not len(table) or (table < 0).any() or (table.sum(axis=1) <= 0).any():
        raise InputError(
            f"{location}: need a matrix of four shares a place, {width or 'some'} places long, got another"
        )
    shares: NDArray[np.float64] = table / table.sum(axis=1, keepdims=True)
    return shares


def warn_of_short(motifs: Iterable[Motif], p: float) -> None:
    """Say which motifs are so short that not even their best match is as rare as the hits asked for."""
    even = np.full(4, 0.25)
    short = [m for m in motifs if np.isinf(score_threshold(log_odds_matrix(m, even), even, p))]
    if short:
        listed = ", ".join(f"{m.name} ({len(m.frequencies)} bases)" for m in short[:5])
        log.warning(
            "motifs: %d can have no hit with a chance of at most %g (annotation.motif_p), which even their best match"
            " exceeds: %s%s; a larger motif_p would let them match",
            len(short),
            p,
            listed,
            ", …" if len(short) > 5 else "",
        )


def log_odds_matrix(motif: Motif, base: NDArray[np.float64], pseudo: float = 0.01) -> NDArray[np.float64]:
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
    weights = log_odds_matrix(motif, base)
    width = len(weights)
    if len(ids) < width:
        return []
    threshold = score_threshold(weights, base, p)
    padded = np.vstack([weights.T, np.full(width, -np.inf)]).T
    rows = []
    strands: tuple[Strand, Strand] = ("+", "-")
    for strand in strands:
        code = codes(ids if strand == "+" else reverse_complement(ids))
        score = np.zeros(len(ids) - width + 1)
        for j in range(width):
            score += padded[j, code[j : j + len(score)]]
        for position in np.flatnonzero(score >= threshold).tolist():
            start = position if strand == "+" else len(ids) - position - width
            rows.append(
                Row(
                    start,
                    start + width,
                    strand,
                    f"TFBS:{motif.name}",
                    motif.name,
                    f"{motif.name}_{start}{strand}",
                    score=float(score[position]),
                    source=source,
                )
            )
    return rows
