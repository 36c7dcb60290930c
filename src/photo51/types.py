"""The nouns of genomics, with their coordinate conventions. Imports nothing of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Strand = Literal["+", "-", "."]
STRANDS: tuple[Strand, Strand] = ("+", "-")


@dataclass(frozen=True, order=True)
class Interval:
    """A segment of one contig.

    Attributes
    ----------
    chrom
        Contig name as in the sequence file.
    start
        First base, 0-based, included.
    end
        One past the last base: half-open. `end - start` is the length in bases.
    strand
        `+`, `-`, or `.` where it has none. Coordinates are those of the forward strand whatever the strand.
    """

    chrom: str
    start: int
    end: int
    strand: Strand = "."

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InputError(f"Interval: need 0 <= start <= end, got {self.start}..{self.end} on {self.chrom}")
        if self.strand not in {"+", "-", "."}:
            raise InputError(f"Interval: need a strand of + - or ., got {self.strand!r}")

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        """As genome browsers print it: 1-based, both ends included."""
        return f"{self.chrom}:{self.start + 1:,}-{self.end:,}" + (f"({self.strand})" if self.strand != "." else "")


@dataclass(frozen=True, order=True)
class Variant:
    """A change of sequence.

    Attributes
    ----------
    chrom
        Contig name.
    pos
        0-based position of the first base of `ref` (VCF's POS minus one).
    ref, alt
        Upper-case bases on the forward strand; neither is empty (VCF's anchor base is kept for indels).
    """

    chrom: str
    pos: int
    ref: str
    alt: str

    def __post_init__(self) -> None:
        if self.pos < 0:
            raise InputError(f"Variant: need pos >= 0, got {self.pos} on {self.chrom}")
        if not self.ref or not self.alt or self.ref == self.alt:
            raise InputError(
                f"Variant: need different, non-empty ref and alt, got {self.ref!r} > {self.alt!r} at"
                f" {self.chrom}:{self.pos + 1}"
            )

    @property
    def end(self) -> int:
        """One past the last reference base."""
        return self.pos + len(self.ref)

    def __str__(self) -> str:
        """As in VCF: 1-based."""
        return f"{self.chrom}:{self.pos + 1}:{self.ref}>{self.alt}"


class InputError(ValueError):
    """Something a user gave cannot be used; the message says where, what was found and what was expected.

    The command line prints the message without a traceback and exits with 2.
    """


def feature_number(text: int | str) -> int:
    """Number of a feature written `812` or `f812`.

    Raises
    ------
    InputError
        For any other text.
    """
    digits = re.fullmatch(r"(?:[fF]/?)?(\d+)", str(text).strip())
    if not digits:
        raise InputError(f"feature: need a number such as 812 or f812, got {text!r}")
    return int(digits[1])
