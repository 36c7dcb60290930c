"""Changes of DNA as HGVS writes them (doi:10.1186/s13073-024-01421-5, version 21): `g.`, `m.`, and `c.` or `n.` of a
transcript.

An insertion or deletion in a repeat is written as far to the 3′ end as it may be: to the right on the contig, in
reading direction on a transcript.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from photo51.genome.consequence.alleles import Change, reach, shifted
from photo51.genome.consequence.code import MITOCHONDRIAL
from photo51.genome.consequence.transcript import Bases, CodedTranscript, Segment

_MITOCHONDRION = re.compile(r"(?:chr)?(?:M|MT)(?:DNA)?|mito.*|NC_012920.*|NC_001807.*", re.IGNORECASE)
_FURTHEST = 10_000

Number = Callable[[int], str]


def is_mitochondrion(chrom: str, genetic_code: int) -> bool:
    """Whether a contig is a mitochondrion, by its name or by a genetic code that only mitochondria use."""
    return genetic_code in MITOCHONDRIAL or bool(_MITOCHONDRION.fullmatch(chrom))


def genomic(change: Change, bases: Bases, *, kind: str, length: int = 0) -> str:
    """A change on its contig.

    Parameters
    ----------
    change
        Forward strand.
    bases
        Forward letters of a contig's interval.
    kind
        `g` or `m`.
    length
        Bases of a circular contig, round which positions go on; 0 where it is linear.
    """
    _, right = reach(change, bases, length or _FURTHEST)
    change = shifted(change, right) if right else change
    whole = Segment(change.chrom, 0, 0, minus=False)
    # HGVS counts from 1; on a circle past the last base comes base 1
    return f"{change.chrom}:{kind}.{_text(change, whole, bases, lambda x: str(x % length + 1 if length else x + 1))}"


def coding(t: CodedTranscript, change: Change, bases: Bases, room: tuple[int, int] | None = None) -> str:
    """A change in a transcript, numbered from the first base of its CDS (`c.`), or of the transcript where it has none
    (`n.`).

    Empty where an end of the change lies nowhere in the transcript.

    Parameters
    ----------
    t
        The transcript.
    change
        In its coordinates.
    bases
        Forward letters of a contig's interval.
    room
        How far the change may be moved; None is to be found out.
    """
    left, right = reach(change, bases, _FURTHEST) if room is None else room
    segment = _reads(t, change)
    if segment is None:
        return ""
    # HGVS's 3' rule: as far as possible in the transcript's reading direction
    by = -left if segment.minus else right
    change = shifted(change, by) if by else change
    text = _text(change, segment, bases, lambda x: coordinate(t, change.chrom, x))
    return f"{t.name}:{'c' if t.coding else 'n'}.{text}" if text else ""


def _reads(t: CodedTranscript, change: Change) -> Segment | None:
    """The exon or intron that a change touches."""
    for s in (*t.exons, *t.introns):
        if s.chrom == change.chrom and s.start <= change.end and change.start <= s.end:
            return s
    return None


def _text(change: Change, strand: Segment, bases: Bases, number: Number) -> str:
    """What comes behind `c.`; empty where a position has no number."""
    start, end = change.start, change.end
    gone = strand.oriented(bases(change.chrom, start, end))
    new = strand.oriented(change.alt)
    if len(gone) == len(new) == 1:
        place = number(start)
        # an empty number makes an empty text
        return place and f"{place}{gone}>{new}"
    if not gone:
        n = len(new)
        # reading direction: the bases before the insertion
        before = (start, start + n) if strand.minus else (start - n, start)
        # the letters before the insertion, in reading direction, are those inserted: a duplication
        if strand.oriented(bases(change.chrom, *before)) == new:
            return _span(*before, strand, number, "dup")
        # an insertion is named by the two bases it lies between
        return _span(start - 1, start + 1, strand, number, f"ins{new}")
    if not new:
        return _span(start, end, strand, number, "del")
    # the reverse complement stands in place of what was there
    if len(gone) == len(new) and Segment("", 0, 0, minus=True).oriented(gone) == new:
        return _span(start, end, strand, number, "inv")
    return _span(start, end, strand, number, f"delins{new}")


def _span(start: int, end: int, strand: Segment, number: Number, what: str) -> str:
    # first and last base in reading direction; `end` is one past the last forward base
    first, last = (end - 1, start) if strand.minus else (start, end - 1)
    a, b = number(first), number(last)
    if not (a and b):
        return ""
    return f"{a}{what}" if first == last else f"{a}_{b}{what}"


def coordinate(t: CodedTranscript, chrom: str, x: int) -> str:
    """Number of a base in a transcript: `76`, `-14`, `*7`, `87+2`, `88-1`; empty where it lies in none of its exons
    and introns.
    """
    for s in t.introns:
        if s.chrom == chrom and s.start <= x < s.end:
            # bases from either end of the intron: the nearer exon numbers it, the one before where both are as near
            up, down = (s.end - 1 - x, x - s.start) if s.minus else (x - s.start, s.end - 1 - x)
            before, behind = (s.end, s.start - 1) if s.minus else (s.start - 1, s.end)
            return f"{_exonic(t, chrom, before)}+{up + 1}" if up <= down else f"{_exonic(t, chrom, behind)}-{down + 1}"
    return _exonic(t, chrom, x)


def _exonic(t: CodedTranscript, chrom: str, x: int) -> str:
    place = _offset(t.exons, chrom, x)
    if t.coding is None:
        return "" if place is None else str(place + 1)
    within = _offset(t.coding.segments, chrom, x)
    if within is not None:
        return str(within + 1)
    if place is None:
        return _outside(t, chrom, x)
    first, last = t.coding.segments[0], t.coding.segments[-1]
    # first and last coding base among the bases of the exons; there is no base 0 on either side of them
    begin = _offset(t.exons, first.chrom, first.end - 1 if first.minus else first.start)
    end = _offset(t.exons, last.chrom, last.start if last.minus else last.end - 1)
    assert begin is not None
    assert end is not None
    # "-" counts back from the first coding base, "*" on from the last; there is no base 0
    return f"-{begin - place}" if place < begin else f"*{place - end}" if place > end else ""


def _outside(t: CodedTranscript, chrom: str, x: int) -> str:
    """Number of a base before or behind the transcript, counted on from its ends."""
    assert t.coding is not None
    first, last = t.exons[0], t.exons[-1]
    # bases that x lies in front of the first exon, in reading direction
    before = x - (first.end - 1) if first.minus else first.start - x
    if first.chrom == chrom and before > 0:
        edge = _offset(t.exons, t.coding.segments[0].chrom, _edge(t.coding.segments[0], first=True))
        return f"-{before + (edge or 0)}"
    behind = last.start - x if last.minus else x - (last.end - 1)
    if last.chrom == chrom and behind > 0:
        edge = _offset(t.exons, t.coding.segments[-1].chrom, _edge(t.coding.segments[-1], first=False))
        total = sum(s.end - s.start for s in t.exons)
        return f"*{behind + total - 1 - (edge or 0)}"
    return ""


# first base of a segment in reading direction, or the last: the upper end on strand - for the first
def _edge(s: Segment, *, first: bool) -> int:
    return s.end - 1 if s.minus == first else s.start


def _offset(segments: tuple[Segment, ...], chrom: str, x: int) -> int | None:
    """Place of a base among those of segments, in reading order; None where it is in none."""
    before = 0
    for s in segments:
        if s.chrom == chrom and s.start <= x < s.end:
            # offset in reading direction: from the upper end on strand -
            return before + (s.end - 1 - x if s.minus else x - s.start)
        before += s.end - s.start
    return None
