"""Measures of a sequence that know nothing of the model: what a steered sequence is judged by.

Each takes a sequence and gives one number. Open reading frames, codons and periodicity look at the strand that was
written; motifs at both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.types import InputError

_IUPAC = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "R": "[AG]",
    "Y": "[CT]",
    "S": "[CG]",
    "W": "[AT]",
    "K": "[GT]",
    "M": "[AC]",
    "B": "[CGT]",
    "D": "[AGT]",
    "H": "[ACT]",
    "V": "[ACG]",
    "N": "[ACGT]",
}
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclass(frozen=True)
class Scorer:
    """A measure: its name, unit, meaning in words, and the function from sequence to number."""

    name: str
    unit: str
    meaning: str
    score: Callable[[str], float]


def gc(sequence: str) -> float:
    """Share of G and C."""
    return _share(sequence, "GC")


def _share(sequence: str, letters: str) -> float:
    return sum(sequence.count(b) for b in letters) / max(1, len(sequence))


def homopolymer(sequence: str, min_run: int = 5) -> float:
    """Share of bases in runs of one letter of at least `min_run` bases."""
    return sum(len(m[0]) for m in re.finditer(rf"(.)\1{{{min_run - 1},}}", sequence)) / max(1, len(sequence))


def longest_run(sequence: str) -> float:
    """Length of the longest run of one letter (bases)."""
    return float(max((len(m[0]) for m in re.finditer(r"(.)\1*", sequence)), default=0))


def repeats(sequence: str, k: int = 12) -> float:
    """Share of `k`-mers that occurred earlier in the sequence."""
    words = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    return 1.0 - len(set(words)) / len(words) if words else 0.0


def entropy(sequence: str, k: int = 3) -> float:
    """Entropy of `k`-mers (bits a base): 2 for uniform sequence, less for simple sequence."""
    words = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    _, count = np.unique(words, return_counts=True)
    p = count / max(1, count.sum())
    return float(-(p * np.log2(p)).sum() / k)


@lru_cache
def _codons(code: int) -> tuple[frozenset[str], frozenset[str]]:
    if code not in unambiguous_dna_by_id:
        raise InputError(f"genetic code: need a number of an NCBI translation table, got {code}")
    table = unambiguous_dna_by_id[code]
    return frozenset(table.start_codons), frozenset(table.stop_codons)


def stops(sequence: str, code: int = 11) -> float:
    """Stop codons in all three frames, per 100 codons."""
    return _codon_rate(sequence, _codons(code)[1])


def starts(sequence: str) -> float:
    """ATG in all three frames, per 100 codons.

    Alternative start codons (GTG, TTG) are ordinary codons everywhere else and are left out.
    """
    return _codon_rate(sequence, frozenset({"ATG"}))


def _codon_rate(sequence: str, codons: frozenset[str]) -> float:
    n = len(sequence) - 2
    return 100.0 * sum(sequence[i : i + 3] in codons for i in range(n)) / n if n > 0 else 0.0


def open_frame_share(sequence: str, code: int = 11) -> float:
    """Longest run without a stop codon, in any frame, as a share of the sequence."""
    stop = _codons(code)[1]
    longest = 0
    for frame in range(3):
        run = 0
        for i in range(frame, len(sequence) - 2, 3):
            run = 0 if sequence[i : i + 3] in stop else run + 3
            longest = max(longest, run)
    return longest / max(1, len(sequence))


def orfs(sequence: str, code: int = 11, min_length: int = 90) -> list[tuple[int, int]]:
    """Open reading frames from ATG to stop on the written strand, half-open, stop included, at least `min_length`
    bases.

    In each frame the first ATG after a stop opens; a frame that never closes is not counted.
    """
    stop = _codons(code)[1]
    frames = []
    for frame in range(3):
        begin = None
        for i in range(frame, len(sequence) - 2, 3):
            codon = sequence[i : i + 3]
            if codon in stop:
                if begin is not None and i + 3 - begin >= min_length:
                    frames.append((begin, i + 3))
                begin = None
            elif codon == "ATG" and begin is None:
                begin = i
    return sorted(frames)


def orf_share(sequence: str, code: int = 11, min_length: int = 90) -> float:
    """Share of bases inside any open reading frame of at least `min_length` bases (see `orfs`)."""
    inside = np.zeros(len(sequence), dtype=bool)
    for a, b in orfs(sequence, code, min_length):
        inside[a:b] = True
    return float(inside.mean()) if len(sequence) else 0.0


def period3_power(sequence: str) -> float:
    """Fourier power of the four base indicators at one third of a cycle a base, over the mean power.

    1 for random sequence of any composition; several for codons.

    References
    ----------
    Tiwari et al. 1997, doi:10.1093/bioinformatics/13.3.263.
    """
    letters = np.frombuffer(sequence.encode(), dtype=np.uint8)
    n = len(letters) - len(letters) % 3
    if n < 9:
        return 1.0
    indicator = (letters[:n] == np.frombuffer(b"ACGT", dtype=np.uint8)[:, None]).astype(float)
    power = (np.abs(np.fft.rfft(indicator, axis=1)) ** 2).sum(0)
    mean = power[1:].mean()
    return float(power[n // 3] / mean) if mean > 0 else 1.0


def codon_table(genes: Sequence[str]) -> dict[str, float]:
    """Log-odds (bits) of each codon in genes against what their base composition alone would give.

    Parameters
    ----------
    genes
        Coding sequences in frame, at least one codon in all.

    Raises
    ------
    InputError
        Where there is no codon.
    """
    bases = np.ones(4)
    count: dict[str, float] = {a + b + c: 0.5 for a in "ACGT" for b in "ACGT" for c in "ACGT"}
    for gene in genes:
        for i in range(0, len(gene) - 2, 3):
            if gene[i : i + 3] in count:
                count[gene[i : i + 3]] += 1
        bases += [gene.count(b) for b in "ACGT"]
    if sum(count.values()) <= 32:
        raise InputError("codon usage: need at least one codon, got none")
    p = dict(zip("ACGT", bases / bases.sum(), strict=True))
    total = sum(count.values())
    return {c: math.log2(n / total / (p[c[0]] * p[c[1]] * p[c[2]])) for c, n in count.items()}


def codon_usage(sequence: str, table: Mapping[str, float]) -> float:
    """Best frame's mean log-odds of its codons (bits a codon) under a codon table."""
    frames = []
    for frame in range(3):
        odds = [table[c] for i in range(frame, len(sequence) - 2, 3) if (c := sequence[i : i + 3]) in table]
        frames.append(sum(odds) / len(odds) if odds else 0.0)
    return max(frames)


def motif(sequence: str, consensus: str) -> float:
    """Occurrences of an IUPAC consensus on both strands, per 1,000 bases; overlapping ones count."""
    forward = motif_pattern(consensus)
    reverse = motif_pattern(consensus.translate(_COMPLEMENT)[::-1])
    n = len(forward.findall(sequence)) + (0 if forward.pattern == reverse.pattern else len(reverse.findall(sequence)))
    return 1_000.0 * n / max(1, len(sequence))


@lru_cache
def motif_pattern(consensus: str) -> re.Pattern[str]:
    """An IUPAC consensus as a pattern that is empty where the consensus begins.

    Raises
    ------
    InputError
        For an empty one, and letters outside the IUPAC code.
    """
    if not consensus or (bad := [c for c in consensus if c not in _IUPAC]):
        raise InputError(f"motif {consensus!r}: need letters of the IUPAC code, got {bad if consensus else 'none'}")
    return re.compile("(?=" + "".join(_IUPAC[c] for c in consensus) + ")")


def trna(sequence: str) -> float:
    """Transfer RNAs found by ARAGORN (needs `pyaragorn`), per 1,000 bases.

    References
    ----------
    Laslett and Canback 2004, doi:10.1093/nar/gkh152.
    """
    from pyaragorn import RNAFinder

    genes = [g for g in RNAFinder(translation_table=11, tmrna=False).find_rna(sequence.encode()) if g.type == "tRNA"]
    return 1_000.0 * len(genes) / max(1, len(sequence))


def sequence_scorers(
    *, code: int = 11, motifs: Sequence[str] = (), codons: Mapping[str, float] | None = None
) -> list[Scorer]:
    """Every scorer there is for these settings.

    Parameters
    ----------
    code
        NCBI translation table of stop codons.
    motifs
        IUPAC consensus sequences to scan for.
    codons
        Codon log-odds (see `codon_table`); without them codon usage is not judged.
    """
    scorers = [
        Scorer("gc", "share", "G and C", gc),
        *(Scorer(f"base_{b}", "share", b, partial(_share, letters=b)) for b in "ACGT"),
        Scorer("homopolymer", "share", "bases in runs of at least 5 of one letter", homopolymer),
        Scorer("longest_run", "bases", "longest run of one letter", longest_run),
        Scorer("repeats", "share", "12-mers seen before in the sequence", repeats),
        Scorer("entropy", "bits/base", "entropy of 3-mers", entropy),
        Scorer("start_codons", "per 100 codons", "ATG, all three frames", starts),
        Scorer("stop_codons", "per 100 codons", "stop codons, all three frames", partial(stops, code=code)),
        Scorer("open_frame", "share", "longest run without a stop codon", partial(open_frame_share, code=code)),
        Scorer(
            "orf_share",
            "share",
            "bases in ATG-to-stop frames of at least 90 bases",
            partial(orf_share, code=code),
        ),
        Scorer("period3", "ratio", "spectral power at period 3 over the mean", period3_power),
    ]
    if codons is not None:
        scorers.append(
            Scorer(
                "codon_usage",
                "bits/codon",
                "codon log-odds in the best frame",
                partial(codon_usage, table=codons),
            )
        )
    scorers += [Scorer(f"motif_{m}", "per kb", f"{m}, both strands", partial(motif, consensus=m)) for m in motifs]
    for m in motifs:
        motif_pattern(m)
    if find_spec("pyaragorn") is not None:
        scorers.append(Scorer("trna", "per kb", "transfer RNAs (ARAGORN)", trna))
    return scorers


def judge(sequences: Sequence[str], judges: Sequence[Scorer]) -> NDArray[np.float64]:
    """(sequences, scorers) scores."""
    return np.array([[scorer.score(s) for scorer in judges] for s in sequences], dtype=np.float64)


def check_declared(names: Sequence[str], judges: Sequence[Scorer]) -> list[str]:
    """Names of scorers that were declared beforehand.

    Raises
    ------
    InputError
        For a name that is no scorer.
    """
    names_known = [scorer.name for scorer in judges]
    if unknown := [name for name in names if name not in names_known]:
        raise InputError(f"scorer: need one of {', '.join(names_known)}, got {', '.join(unknown)}")
    return list(names)
