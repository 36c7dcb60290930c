"""A transcript as the ribosome reads it: exons, introns and coding bases in reading order, on a line.

Coordinates of one transcript are laid on a line even where it crosses the origin of a circle: its segments there run
past the contig's length, so that neighbours in the molecule are neighbours in the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from photo51.genome.consequence.code import Code

SHORTEST_INTRON = 10
_COMPLEMENT = str.maketrans("ACGTRYKMSWBDHVN", "TGCAYRMKSWVHDBN")

Bases = Callable[[str, int, int], str]


class Segment(NamedTuple):
    """Bases [start, end) of a contig, read on one strand; may run past the end of a circle."""

    chrom: str
    start: int
    end: int
    minus: bool

    def oriented(self, letters: str) -> str:
        """Forward letters as this segment reads them."""
        return letters.translate(_COMPLEMENT)[::-1] if self.minus else letters


class Layout(NamedTuple):
    """Parts of one kind laid on a line.

    Attributes
    ----------
    segments
        Parts in reading order; those that touch are one.
    introns
        What is spliced out between neighbours on one strand: at least `SHORTEST_INTRON` bases.
    slips
        Where the ribosome slips: bases that are read twice, or skipped, between neighbours that no intron parts.
    """

    segments: tuple[Segment, ...]
    introns: tuple[Segment, ...]
    slips: tuple[Segment, ...]


def laid_out(parts: Sequence[Segment], length_of: Mapping[str, int], circular: frozenset[str], *, join: bool) -> Layout:
    """Lay parts on a line.

    Parameters
    ----------
    parts
        In reading order.
    length_of
        Contig → its length, of circular ones.
    circular
        Contigs whose last base is followed by the first.
    join
        Whether parts that no intron separates are one (exons); coding parts are joined where they touch, no further.
    """
    segments = [parts[0]]
    introns: list[Segment] = []
    slips: list[Segment] = []
    for part in parts[1:]:
        last = segments[-1]
        length = length_of[part.chrom] if part.chrom in circular else 0
        gap = _gap(last, part, length)
        if gap is None:
            segments.append(part)
            continue
        between = _between(last, gap)
        # a gap too short for an intron is a fault of the exon's record
        if gap == 0 or (join and gap < SHORTEST_INTRON):
            segments[-1] = _extended(last, gap, part.end - part.start)
            continue
        size = part.end - part.start
        # the next part lies below the one before on strand -
        start = last.end + gap if not last.minus else last.start - gap - size
        segments.append(part._replace(start=start, end=start + size))
        (introns if gap >= SHORTEST_INTRON else slips).append(between)
    return Layout(tuple(segments), tuple(introns), tuple(slips))


def _gap(last: Segment, part: Segment, length: int) -> int | None:
    """Bases between two parts in reading direction, negative where they overlap; None where they are of two molecules.

    On a circle a part that lies behind the one before it is sought across the origin, at most half-way round.
    """
    if (last.chrom, last.minus) != (part.chrom, part.minus):
        return None
    # on strand - reading goes down: the gap is between the start of the one and the end of the next
    gap = last.start - part.end if last.minus else part.start - last.end
    # further back than the part is long: on a circle it lies behind the origin
    if length and gap < -(last.end - last.start):
        gap %= length
        return gap if gap <= length // 2 else None
    return gap if gap > -(last.end - last.start) else None


def _between(last: Segment, gap: int) -> Segment:
    edge = last.start if last.minus else last.end
    # negative gaps are bases that are read twice
    far = edge - gap if last.minus else edge + gap
    return last._replace(start=min(edge, far), end=max(edge, far))


def _extended(last: Segment, gap: int, size: int) -> Segment:
    return (
        # min: a part inside the one before does not shorten it
        last._replace(start=min(last.start, last.start - gap - size))
        if last.minus
        else last._replace(end=max(last.end, last.end + gap + size))
    )


class Coding:
    """Coding bases of a transcript.

    Parameters
    ----------
    layout
        Its coding parts.
    letters
        Bases of each segment, as it reads them.
    code
        Genetic code.
    frame
        Bases before the first complete codon.
    partial
        Whether the file says that it begins before its first base, and ends behind its last.
    recoded
        Number of a codon from 1 → amino acid it is read as.
    """

    def __init__(
        self,
        layout: Layout,
        letters: Sequence[str],
        code: Code,
        *,
        frame: int = 0,
        partial: tuple[bool, bool] = (False, False),
        recoded: Mapping[int, str] | None = None,
    ):
        self.segments, self.slips = layout.segments, layout.slips
        self.pieces = tuple(letters)
        self.letters = "".join(letters)
        self.code, self.frame, self.partial = code, frame, partial
        self.recoded = dict(recoded or {})
        # ceiling: an incomplete last codon counts
        self.n_codons = -(-(len(self.letters) - frame) // 3)
        self.poly_a = self._completed()

    def _completed(self) -> str:
        """What polyadenylation adds to the last codon."""
        odd = (len(self.letters) - self.frame) % 3
        # one or two bases beyond whole codons
        tail = self.letters[len(self.letters) - odd :] if odd else ""
        stated = self.recoded.get(self.n_codons) == "*"
        by_code = self.code.polyadenylated and not self.partial[1]
        return "A" * (3 - odd) if tail in {"T", "TA"} and (stated or by_code) else ""

    @cached_property
    def has_start(self) -> bool:
        """Whether it begins with a start codon of its code."""
        begins = self.letters[:3] in self.code.starts or self.recoded.get(1) == "M"
        # a first codon that is not complete is no start
        return begins and not self.frame and not self.partial[0]

    @cached_property
    def has_stop(self) -> bool:
        """Whether its last codon is a stop."""
        return self.n_codons > 0 and self.amino_acid(self.n_codons - 1) == "*"

    def amino_acid(self, i: int) -> str:
        """Amino acid of codon i, from 0."""
        # methionine whatever the codon: the initiator tRNA reads TTG, GTG, ATT as well
        if i == 0 and self.has_start:
            return "M"
        if i + 1 in self.recoded:
            return self.recoded[i + 1]
        start = self.frame + 3 * i
        return self.code.translate((self.letters + self.poly_a)[start : start + 3])


class CodedTranscript:
    """One transcript: where it lies, and what it codes for.

    Parameters
    ----------
    name, gene, biotype
        As in contract `TRANSCRIPTS`.
    exons
        Its exons and introns.
    coding
        Its coding bases; None where it has none.
    """

    def __init__(self, name: str, gene: str, biotype: str, exons: Layout, coding: Coding | None):
        self.name, self.gene, self.biotype = name, gene, biotype
        self.exons, self.introns = exons.segments, exons.introns
        self.coding = coding if biotype != "pseudogene" else None
        self.is_spliced = biotype not in {"tRNA", "rRNA"}

    @property
    def strand(self) -> str:
        """Strand of its first exon."""
        return "-" if self.exons[0].minus else "+"

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Positions where exons, introns and coding bases begin and end."""
        segments = [*self.exons, *(self.coding.segments if self.coding else ())]
        return tuple(sorted({x for s in segments for x in (s.start, s.end)}))

    @cached_property
    def flanks(self) -> tuple[tuple[int, int], ...]:
        """Of each intron the bases of the exons to its left and right."""
        ends = {(s.chrom, s.end): s.end - s.start for s in self.exons}
        starts = {(s.chrom, s.start): s.end - s.start for s in self.exons}
        return tuple((ends[i.chrom, i.start], starts[i.chrom, i.end]) for i in self.introns)

    @cached_property
    def spans(self) -> tuple[Segment, ...]:
        """Exons with the introns between them, from end to end; several where parts lie on two strands or contigs."""
        spans: list[Segment] = []
        for s in sorted((*self.exons, *self.introns), key=lambda s: (s.chrom, s.minus, s.start)):
            # parts of one molecule that touch or overlap
            joined = spans and spans[-1][0] == s.chrom and spans[-1].minus == s.minus and s.start <= spans[-1].end
            if joined:
                spans[-1] = spans[-1]._replace(end=max(s.end, spans[-1].end))
            else:
                spans.append(s)
        return tuple(spans)

    @property
    def n_coding(self) -> int:
        """Coding bases."""
        return len(self.coding.letters) if self.coding else 0

    def downstream(self, bases: Bases, skip: int, n: int) -> str:
        """Bases that follow the CDS in the transcript, without the first `skip`; of the contig where nothing
        untranslated is annotated.

        Parameters
        ----------
        bases
            Forward letters of a contig's interval.
        skip
            Bases left out.
        n
            Bases wanted, at most.
        """
        if self.coding is None:
            return ""
        last = self.coding.segments[-1]
        after = self._after(last)
        if not after:
            ahead = last._replace(
                start=last.start - skip - n if last.minus else last.end + skip,
                # no untranslated exon is known: on along the contig in reading direction
                end=last.start - skip if last.minus else last.end + skip + n,
            )
            return ahead.oriented(bases(ahead.chrom, ahead.start, ahead.end))
        text = ""
        for s in after:
            text += s.oriented(bases(s.chrom, s.start, s.end))
            if len(text) >= skip + n:
                break
        return text[skip : skip + n]

    def _after(self, last: Segment) -> list[Segment]:
        """Exons behind the CDS, the first of them cut where the CDS ends."""
        for i, exon in enumerate(self.exons):
            if exon.chrom == last.chrom and exon.start <= last.start and last.end <= exon.end:
                # what is left of the exon behind the last coding base, below it on strand -
                rest = exon._replace(end=last.start) if exon.minus else exon._replace(start=last.end)
                return [s for s in (rest, *self.exons[i + 1 :]) if s.end > s.start]
        return []
