"""What a change does in one transcript, of the ways in which it may be written the one that disturbs least."""

from __future__ import annotations

from collections.abc import Iterator

from photo51.genome.consequence.alleles import Change, reach, shifted
from photo51.genome.consequence.coding import edited_coding, effect_on_protein
from photo51.genome.consequence.terms import RANK, UTR, Effect, gentlest
from photo51.genome.consequence.transcript import Bases, CodedTranscript, Segment

_SITE = 2
_REGION = (3, 8)
_DOWNSTREAM = 1_500


def effect(t: CodedTranscript, change: Change, bases: Bases, room: tuple[int, int] | None = None) -> Effect | None:
    """What a change does in a transcript; None where it touches nothing of it.

    An insertion or deletion in a repeat may be written at several places, all of which give one sequence: it is judged
    at the one that disturbs least, so that the answer does not hang on how a caller wrote it. Where that is one that
    leaves the CDS as it is, though the change was written inside of it, its start or stop is retained.

    Parameters
    ----------
    t
        The transcript.
    change
        In its coordinates.
    bases
        Forward letters of a contig's interval.
    room
        How far the change may be moved (`alleles.reach`); None is to be found out.
    """
    written = _gravest(t, change, bases)
    if written is None or change.changed:
        return written
    # an insertion of a repeat's unit slides through the repeat; every place gives the same sequence
    left, right = reach(change, bases, _limit(t, change)) if room is None else room
    best = gentlest([written, *(_gravest(t, other, bases) for other in _elsewhere(t, change, left, right))])
    # moved out of the CDS the change disturbs nothing: the codon it was written in is the same afterwards
    if written.codon and (best is None or best.consequence in UTR):
        if written.consequence == "stop_retained":
            return Effect("stop_retained", written.codon, 0, "*", "*", "p.=")
        return Effect("start_retained", 1, 0, "M", "M", "p.=")
    return best


def _limit(t: CodedTranscript, change: Change) -> int:
    """A change need not be moved further than past every edge of the transcript."""
    return t.edges[-1] - t.edges[0] + change.end - change.start + len(change.alt)


def _elsewhere(t: CodedTranscript, change: Change, left: int, right: int) -> Iterator[Change]:
    """Other ways to write a change, as far as they may differ: near an edge of exons, introns or coding bases."""
    if not (left or right):
        return
    size = change.end - change.start
    # places whose answer can differ lie within a splice region of an edge; between them all places answer alike
    margin = _REGION[1] + 1
    first, last = change.start - left, change.start + right
    # both ends of the sliding range stand for all places that are far from any edge
    places = {first, last}
    for edge in t.edges:
        if first - margin <= edge <= last + size + margin:
            places |= set(range(max(first, edge - size - margin), min(last, edge + margin) + 1))
    places.discard(change.start)
    for place in sorted(places):
        yield shifted(change, place - change.start)


def _gravest(t: CodedTranscript, change: Change, bases: Bases) -> Effect | None:
    """What a change does as it is written; of an insertion between exon and intron, at the gentler of both."""
    if change.is_insertion and any(change.start in (s.start, s.end) for s in t.introns if s.chrom == change.chrom):
        return gentlest([_as_written(t, change, bases, inside=inside) for inside in (True, False)])
    return _as_written(t, change, bases, inside=False)


def _as_written(t: CodedTranscript, change: Change, bases: Bases, *, inside: bool) -> Effect | None:
    if _takes_all(t, change):
        return Effect("transcript_ablation")
    terms: set[str] = set()
    for intron, flank in zip(t.introns, t.flanks, strict=True):
        if intron.chrom == change.chrom:
            terms |= _in_intron(intron, flank, change, bases, inside=inside)
    # a gap too short for an intron (a programmed frameshift, a repaired gene model) has no splice sites to lose
    if not t.is_spliced:
        terms &= {"intron"}
    coded: Effect | None = None
    # one exon is enough: a change of several exons has taken the introns between them, which the terms above say
    exon = next((s for s in t.exons if s.chrom == change.chrom and _touches(s, change, inside=inside)), None)
    if exon is not None:
        if t.coding is None:
            terms.add(t.biotype if t.biotype in {"tRNA", "rRNA", "pseudogene"} else "ncRNA")
        else:
            coded = _coded(t, change, bases, inside=inside)
            terms.add(coded.consequence if coded else _untranslated(t, exon, change))
    if t.biotype == "pseudogene" and terms:
        return Effect("pseudogene")
    if not terms:
        return None
    gravest = min(terms, key=RANK.__getitem__)
    return coded._replace(consequence=gravest) if coded else Effect(gravest)


def _takes_all(t: CodedTranscript, change: Change) -> bool:
    """Whether no base of the transcript's exons is left."""
    return not change.changed and all(
        s.chrom == change.chrom and change.start <= s.start and s.end <= change.end for s in t.exons
    )


def _touches(s: Segment, change: Change, *, inside: bool) -> bool:
    """Whether a change touches a segment; an insertion at its edge does where it is `inside`."""
    if change.changed:
        return any(s.start <= x < s.end for x in change.changed)
    if change.is_insertion:
        return s.start < change.start < s.end or (inside and change.start in (s.start, s.end))
    return s.start < change.end and change.start < s.end


def _coded(t: CodedTranscript, change: Change, bases: Bases, *, inside: bool) -> Effect | None:
    assert t.coding is not None
    after = edited_coding(t.coding, change, inside=inside)
    if after is None:
        return None
    return effect_on_protein(t.coding, after, lambda skip: t.downstream(bases, skip, _DOWNSTREAM))


def _untranslated(t: CodedTranscript, exon: Segment, change: Change) -> str:
    """Which of the untranslated regions a change in an exon lies in."""
    assert t.coding is not None
    first = t.coding.segments[0]
    place = t.exons.index(exon)
    holds = [
        i for i, s in enumerate(t.exons) if s.chrom == first.chrom and s.start <= first.start and first.end <= s.end
    ]
    # an exon before that of the first coding base is wholly 5' UTR, any other non-coding one lies after the stop
    if not holds or place != holds[0]:
        return "5_prime_UTR" if holds and place < holds[0] else "3_prime_UTR"
    # on the strand - reading begins at the higher coordinate
    before = change.start >= first.end if exon.minus else change.end <= first.start
    return "5_prime_UTR" if before else "3_prime_UTR"


def _in_intron(intron: Segment, flank: tuple[int, int], change: Change, bases: Bases, *, inside: bool) -> set[str]:
    """Splice sites, splice regions and the intron, as far as a change touches them; exons reach `flank` bases to
    either side.
    """
    x, y = intron.start, intron.end
    if change.start > y + _REGION[0] or change.end < x - _REGION[0]:
        return set()
    # the intron's lower end is its 5' end only on the strand +
    left, right = ("splice_acceptor", "splice_donor") if intron.minus else ("splice_donor", "splice_acceptor")
    deep = _REGION[1]
    # the splice region reaches into the exon no further than the exon is long
    low, high = x - min(_REGION[0], flank[0]), y + min(_REGION[0], flank[1])
    terms = set()
    if change.changed:
        changed = [p for p in change.changed if low <= p < high]
        terms |= {left for p in changed if x <= p < x + _SITE} | {right for p in changed if y - _SITE <= p < y}
        terms |= {"intron" for p in changed if x <= p < y}
        terms |= {"splice_region" for p in changed if p < x + deep or p >= y - deep}
        return terms
    s, e = change.start, change.end
    if s == e:
        # an insertion has no bases of its own: at an edge it belongs to the side that the caller asks about
        within = x < s < y or (not inside and s in (x, y))
        near = low < s < x + deep or y - deep < s < high
    else:
        within = s < y and e > x
        near = (s < x + deep and e > low) or (s < high and e > y - deep)
    terms |= {"splice_region"} if near else set()
    terms |= {"intron"} if within else set()
    if within:
        terms |= {left} if _site_is_lost(intron, change, bases, left=True) else set()
        terms |= {right} if _site_is_lost(intron, change, bases, left=False) else set()
    return terms


def _site_is_lost(intron: Segment, change: Change, bases: Bases, *, left: bool) -> bool:
    """Whether the first (or last) two bases of an intron on the forward strand are others after a change."""
    x, y, s, e = intron.start, intron.end, change.start, change.end
    chrom = intron.chrom
    if (s < x and left) or (e > y and not left):  # reaches out of the intron: the site goes with the border
        return True
    if left:
        if s >= x + _SITE:
            return False
        # what the intron begins with once the change is made; a deletion may pull in the same two letters
        after = bases(chrom, x, max(s, x)) + change.alt + bases(chrom, e, min(e + _SITE, y))
        return after[:_SITE] != bases(chrom, x, x + _SITE)
    if e <= y - _SITE:
        return False
    # and what it ends with
    after = bases(chrom, max(s - _SITE, x), s) + change.alt + bases(chrom, min(e, y), y)
    return after[-_SITE:] != bases(chrom, y - _SITE, y)
