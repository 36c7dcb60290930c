"""What every annotation file is read into, before the rules turn it into annotation classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from photo51.types import InputError, Strand


class Part(NamedTuple):
    """One interval of a feature: 0-based half-open forward coordinates, strand, and frame.

    `frame` is the number of bases to skip before the first complete codon, in reading direction; -1 where there is
    none. `chrom` is the contig of a part that lies on another one than its feature; else empty. Until a feature is
    placed, `start` may be negative or lie behind `end`, as files write parts across the origin of a circle.
    """

    start: int
    end: int
    strand: Strand = "."
    frame: int = -1
    chrom: str = ""


@dataclass(frozen=True)
class Feature:
    """A record of an annotation file.

    Attributes
    ----------
    chrom
        Contig.
    type
        What the file calls it (Sequence Ontology or INSDC term), or the class a BED file was given.
    parts
        Its intervals in reading order: an exon a part, two parts where it crosses the origin of a circular contig.
    name
        Gene symbol, else locus tag, else identifier.
    group
        Identifier that its intervals share.
    parents
        Identifiers of the features it is part of.
    attributes
        Whatever else the file says about it.
    score
        Score of the file, NaN where there is none.
    where
        File and line, for messages.
    ordered
        Whether the file states the reading order of the parts; else it follows from their places.
    """

    chrom: str
    type: str
    parts: tuple[Part, ...]
    name: str = ""
    group: str = ""
    parents: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    score: float = float("nan")
    where: str = ""
    ordered: bool = False

    @property
    def strand(self) -> Strand:
        """Strand of the first part."""
        return self.parts[0].strand

    def __len__(self) -> int:
        return sum(p.end - p.start for p in self.parts)


def framed(parts: Iterable[Part], frame: int) -> tuple[Part, ...]:
    """Give parts in reading order the frames that follow from the first one's, where they have none of their own."""
    out: list[Part] = []
    for part in parts:
        out.append(part if part.frame >= 0 else part._replace(frame=frame))
        frame = (out[-1].frame - (part.end - part.start)) % 3
    return tuple(out)


def place_feature(feature: Feature, length: int, *, circular: bool) -> Feature:
    """Put a feature on its contig: checked against the length, split where it crosses the origin, parts in reading
    order.

    A part of a circular contig may end past its length, start before its first base, or start behind its end, which are
    the ways in which files write features across the origin; parts of one feature that touch both ends of a circular
    contig are taken to cross it, unless the file states their order.

    Raises
    ------
    InputError
        For a part that lies outside of the contig, or ends before it starts on a linear one.
    """
    parts: list[Part] = []
    past = circular and any(p.end > length for p in feature.parts)
    for stated in feature.parts:
        part = _unrolled(stated, length) if circular else stated
        if past and part.start >= length and any(p.start < length for p in feature.parts):
            part = part._replace(start=part.start - length, end=part.end - length)
        if part.start >= part.end:
            raise InputError(
                f"{feature.where}: need start <= end, got {stated.start + 1} and {stated.end} ({feature.type})"
            )
        if part.start < 0:
            raise InputError(
                f"{feature.where}, start: need a whole number of at least 1, got {stated.start + 1} ({feature.type})"
            )
        if part.end > length and not (circular and part.start < length and part.end <= 2 * length):
            raise InputError(
                f"{feature.where}: need an annotation within contig {feature.chrom!r} of {length:,} bases, "
                f"got {feature.type} up to {part.end:,}"
            )
        parts += _split(part, length)
    # coordinates that go on past the length tell the order; others are put right by the widest gap
    if circular and not (feature.ordered or past) and _crosses(parts, length):
        parts = _across_origin(parts)
    return replace(feature, parts=tuple(parts))


def _unrolled(part: Part, length: int) -> Part:
    """A part of a circle with a start on it and an end behind the start."""
    if part.start >= part.end and part.start < length and part.end > 0:
        return part._replace(end=part.end + length)
    return part._replace(start=part.start + length, end=part.end + length) if -length <= part.start < 0 else part


def _split(part: Part, length: int) -> list[Part]:
    if part.end <= length:
        return [part]
    halves = [part._replace(end=length), part._replace(start=0, end=part.end - length)]
    if part.strand == "-":
        halves.reverse()
    if part.frame < 0:
        return halves
    return [halves[0], halves[1]._replace(frame=(part.frame - (halves[0].end - halves[0].start)) % 3)]


def _crosses(parts: list[Part], length: int) -> bool:
    return len(parts) > 1 and any(p.start == 0 for p in parts) and any(p.end == length for p in parts)


def _across_origin(parts: list[Part]) -> list[Part]:
    """Parts in reading order across the origin: those after the widest gap come first on the forward strand."""
    if len({p.strand for p in parts}) > 1:
        return parts
    forward = sorted(parts)
    gaps = [b.start - a.end for a, b in pairwise(forward)]
    if max(gaps) <= 0:
        return parts
    cut = gaps.index(max(gaps)) + 1
    ordered = forward[cut:] + forward[:cut]
    return ordered[::-1] if parts[0].strand == "-" else ordered


def span(feature: Feature, length: int) -> tuple[Part, ...]:
    """From the first to the last base of a placed feature, introns included: one part, or two across the origin.

    Parts on both strands (trans-splicing) have no span, and are returned as they are.
    """
    if len(feature.parts) == 1 or len({p.strand for p in feature.parts}) > 1:
        return feature.parts
    parts = feature.parts[::-1] if feature.strand == "-" else feature.parts
    start, end = parts[0].start, parts[-1].end
    if start < end:
        return (Part(start, end, feature.strand),)
    halves = (Part(start, length, feature.strand), Part(0, end, feature.strand))
    return halves[::-1] if feature.strand == "-" else halves
