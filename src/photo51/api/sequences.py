"""Sequences as a workbench has them: pasted, placed on a genome, and read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.interventions.writing.scorers import orfs
from photo51.types import InputError, Strand

LEAST_ORF = 90
TYPED = "sequence"


class TypedBases:
    """One sequence as a linear contig called `sequence`, of a genome whose name is not looked at."""

    def __init__(self, ids: NDArray[np.uint8]):
        self.ids = ids

    def sequence(self, _genome: str, chrom: str, start: int, end: int, strand: Strand = "+") -> NDArray[np.uint8]:
        """Upper-case bytes of [start, end); strand `-` gives their reverse complement."""
        if not 0 <= start <= end <= self.length("", chrom):
            raise InputError(f"{chrom}: need bases within 0..{len(self.ids):,}, got {start:,}..{end:,}")
        ids = self.ids[start:end]
        return reverse_complement(ids) if strand == "-" else ids

    def length(self, _genome: str, chrom: str) -> int:
        """Bases of the sequence."""
        if chrom != TYPED:
            raise InputError(f"contig: need {TYPED!r}, got {chrom!r}")
        return len(self.ids)

    def is_circular(self, _genome: str, _chrom: str) -> bool:
        """Never."""
        return False


class Place(NamedTuple):
    """Where a sequence lies: contig of a genome, 0-based half-open, and the strand it is read on."""

    genome: str
    chrom: str
    start: int
    end: int
    strand: Strand = "+"


@dataclass(frozen=True, eq=False)
class Read:
    """What a model and a dictionary say of every base of a sequence, on both strands.

    Attributes
    ----------
    bases
        The sequence, (length,) upper-case bytes.
    place
        Where it lies in the genomes of the run; None where nowhere.
    bits
        Strand → (length,) surprise of each base given those before it in reading direction (bits); NaN for a base that
        nothing stands before, and for letters other than A, C, G, T.
    codes
        Strand → (length, features) activations; row i is about base i of the sequence as given, whatever the strand.
    pasted
        Whether bases were given; else a place of the run was read, with the genome around it.
    """

    bases: NDArray[np.uint8]
    place: Place | None
    bits: Mapping[Strand, NDArray[np.float32]]
    codes: Mapping[Strand, sp.csr_matrix]
    pasted: bool = True

    def __len__(self) -> int:
        return len(self.bases)

    @property
    def text(self) -> str:
        """The sequence as letters."""
        return decode(self.bases)

    def orfs(self, code: int = 11, min_length: int = LEAST_ORF) -> list[tuple[int, int, Strand]]:
        """Open reading frames from ATG to stop on either strand: (start, end, strand), half-open, forward
        coordinates.
        """
        n = len(self)
        forward: list[tuple[int, int, Strand]] = [(a, b, "+") for a, b in orfs(self.text, code, min_length)]
        reverse = orfs(decode(reverse_complement(self.bases)), code, min_length)
        return sorted([*forward, *((n - b, n - a, "-") for a, b in reverse)])


def sequence_bytes(what: str | bytes | NDArray[np.integer]) -> NDArray[np.uint8]:
    """Upper-case bytes of bases, (length,), an array of one's own: torch takes no view of a text.

    Raises
    ------
    InputError
        For letters outside the IUPAC code, naming the first, and for an array that holds no letters.
    """
    if isinstance(what, str | bytes):
        return np.array(encode(what))
    raw = np.asarray(what)
    if raw.ndim != 1 or raw.dtype.kind not in "iu" or (raw.size and not 0 <= raw.min() <= raw.max() <= 255):
        raise InputError(
            f"sequence: need bases as text, or their ASCII codes (length,), got an array {raw.shape} of {raw.dtype}"
        )
    return np.array(encode(raw.astype(np.uint8).tobytes()))


_CLEAN = re.compile(r"[\s\d]+")


def typed_sequence(text: str) -> tuple[str, str]:
    """A sequence as people paste it: (name, bases). FASTA, bases with blanks and line numbers, RNA letters.

    Raises
    ------
    InputError
        For an empty text, several records, bases before a header, and letters outside the IUPAC code, naming the first.
    """
    # a byte-order mark and blanks before a header are of the text, not of the sequence
    lines = [line.strip() for line in text.removeprefix("\ufeff").replace("\r", "\n").split("\n")]
    heads = [line for line in lines if line.startswith(">")]
    if len(heads) > 1:
        raise InputError(
            f"sequence: need one record at a time, got {len(heads)}:"
            f" {', '.join((h[1:].split() or ['?'])[0] for h in heads[:4])}"
        )
    first = next((line for line in lines if line and not line.startswith(";")), "")
    if heads and first != heads[0]:
        raise InputError(f"sequence: need the header {heads[0][:40]!r} before its bases, got {first[:20]!r} before it")
    body = "".join(_CLEAN.sub("", line) for line in lines if not line.startswith((">", ";")))
    if not body:
        raise InputError("sequence: need at least one base, got none")
    letters = decode(encode(body.upper().replace("U", "T")))
    name = (heads[0][1:].split() or [TYPED])[0] if heads else TYPED
    return name[:80], letters
