"""Alleles: without the bases they share, and where else in a repeat the same change may be written."""

from __future__ import annotations

from typing import NamedTuple

from photo51.genome.consequence.transcript import Bases

_CHUNK = 64


class Change(NamedTuple):
    """Forward bases [start, end) of a contig become `alt`; one of both may be empty.

    `changed` lists the positions that differ where as many bases come as go, and is empty otherwise.
    """

    chrom: str
    start: int
    end: int
    alt: str
    changed: tuple[int, ...] = ()

    def moved(self, by: int) -> Change:
        """The same with other coordinates: one round of a circle on."""
        return self._replace(start=self.start + by, end=self.end + by, changed=tuple(x + by for x in self.changed))

    @property
    def is_insertion(self) -> bool:
        """Whether no base goes."""
        return self.start == self.end


def trimmed(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """A variant without the bases that its alleles begin and end with alike: position of what is left, and both
    alleles.
    """
    head = 0
    while head < min(len(ref), len(alt)) and ref[head] == alt[head]:
        head += 1
    ref, alt = ref[head:], alt[head:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return pos + head, ref, alt


def change_of(chrom: str, pos: int, ref: str, alt: str) -> Change:
    """A variant as a change."""
    start, old, new = trimmed(pos, ref, alt)
    # lengths may differ, where the comparison has no meaning and is not used
    changed = tuple(start + i for i, (x, y) in enumerate(zip(old, new, strict=False)) if x != y)
    return Change(chrom, start, start + len(old), new, changed if len(old) == len(new) else ())


def reach(change: Change, bases: Bases, limit: int) -> tuple[int, int]:
    """How far an insertion or deletion may be moved to the left and to the right without a change of the result.

    Parameters
    ----------
    change
        Either no base goes, or none comes; anything else cannot be moved.
    bases
        Forward letters of a contig's interval; fewer where it ends.
    limit
        Bases it is moved at most: the contig's length.

    Returns
    -------
    Bases to the left, and to the right.
    """
    gone = change.end - change.start
    # only a change that either takes or brings bases, and not both, can lie elsewhere
    if (gone and change.alt) or not (gone or change.alt):
        return 0, 0
    left, right = 0, 0
    unit = change.alt or bases(change.chrom, change.start, change.end)
    n = len(unit)
    while left < limit:
        chunk = bases(change.chrom, change.start - left - _CHUNK, change.start - left)[::-1]
        # nearest base first: a step to the left is possible where it equals the last letter of the unit, around and
        # around
        step = next((i for i, x in enumerate(chunk) if x != unit[-1 - (left + i) % n]), len(chunk))
        left += step
        # the chunk ended early: another base, or the end of the contig
        if step < _CHUNK:
            break
    while right < limit:
        chunk = bases(change.chrom, change.end + right, change.end + right + _CHUNK)
        # to the right: the next base must equal the unit's first letter
        step = next((i for i, x in enumerate(chunk) if x != unit[(right + i) % n]), len(chunk))
        right += step
        if step < _CHUNK:
            break
    return min(left, limit), min(right, limit)


def shifted(change: Change, by: int) -> Change:
    """An insertion or deletion `by` bases further on, where `reach` says that it may be; an inserted text is
    rotated.
    """
    # after a shift by one the first inserted letter has become the last
    turn = by % len(change.alt) if change.alt else 0
    return change._replace(start=change.start + by, end=change.end + by, alt=change.alt[turn:] + change.alt[:turn])


class Spelling(NamedTuple):
    """A variant as everybody should write it: left-aligned, trimmed, one base before what comes or goes, as in VCF.

    `pos` is 0-based; neither allele is empty.
    """

    pos: int
    ref: str
    alt: str


def normalised(change: Change, bases: Bases, *, length: int, circular: bool) -> Spelling:
    """The one spelling of a change (doi:10.1093/bioinformatics/btv112).

    Parameters
    ----------
    change
        Forward strand.
    bases
        Forward letters of a contig's interval.
    length
        Of the contig; on a circular one positions go on round the origin.
    circular
        Whether it is one.
    """
    left, _ = reach(change, bases, length)
    change = shifted(change, -left) if left else change
    gone = bases(change.chrom, change.start, change.end)
    if gone and change.alt:
        return Spelling(change.start % length, gone, change.alt)
    # no base before: VCF writes the base behind instead
    if change.start == 0 and not circular:
        behind = bases(change.chrom, change.end, change.end + 1)
        return Spelling(0, gone + behind, change.alt + behind)
    before = bases(change.chrom, change.start - 1, change.start)
    return Spelling((change.start - 1) % length, before + gone, before + change.alt)
