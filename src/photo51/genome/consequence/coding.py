"""What a change does to a protein: the CDS is edited, spliced and read again, and the two proteins compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from photo51.genome.consequence.alleles import Change
from photo51.genome.consequence.protein import protein_change
from photo51.genome.consequence.terms import Effect, gentlest
from photo51.genome.consequence.transcript import Coding, Segment

_CHUNK = 64


class Edited(NamedTuple):
    """A CDS after a change.

    Attributes
    ----------
    letters
        Coding bases as they are then read, without those that may come before in `ahead`.
    ahead
        Bases that take the place of the CDS's beginning and what lies before it: any number of them may code.
    opened
        Whether the change reaches past the first coding base, and past the last.
    skip
        Bases that are gone behind the CDS.
    unknown
        Whether it cannot be read: the change lies where the ribosome slips, or reaches from a coding part into what is
        spliced out.
    """

    letters: str
    ahead: str = ""
    opened: tuple[bool, bool] = (False, False)
    skip: int = 0
    unknown: bool = False


def edited_coding(coding: Coding, change: Change, *, inside: bool) -> Edited | None:
    """The CDS after a change; None where no coding base comes, goes or is another.

    Parameters
    ----------
    coding
        The CDS.
    change
        In the coordinates of its segments.
    inside
        Whether an insertion at an inner edge of a coding part belongs to that part.
    """
    if any(s.chrom == change.chrom and _slips(coding, s, change) for s in coding.slips):
        return Edited(coding.letters, unknown=True)
    pieces = list(coding.pieces)
    last = len(pieces) - 1
    touched = unknown = opened_5 = opened_3 = False
    ahead, skip = "", 0
    for i, (s, letters) in enumerate(zip(coding.segments, coding.pieces, strict=True)):
        if s.chrom != change.chrom:
            continue
        # as many bases come as go: read where they are, also in several parts
        if change.changed:
            pieces[i] = _substituted(s, letters, change)
        elif change.is_insertion:
            # an insertion has no base of its own: at an inner edge of a coding part the caller says on which side it
            # lies
            edge = inside and (
                (change.start == s.start and _inner(i, last, s, left=True))
                or (change.start == s.end and _inner(i, last, s, left=False))
            )
            if edge or s.start < change.start < s.end:
                head, rest = _around(s, letters, change.start, change.start)
                pieces[i] = head + s.oriented(change.alt) + rest
        elif s.start < change.end and change.start < s.end:
            head, rest = _around(s, letters, max(change.start, s.start), min(change.end, s.end))
            past = (change.start < s.start, change.end > s.end)
            # on strand - the 5' side is the one of higher coordinates
            five, three = past[::-1] if s.minus else past
            # past the first coding base, or past the last, the CDS is open there
            opened_5, opened_3 = opened_5 or (five and i == 0), opened_3 or (three and i == last)
            # past an inner edge a splice site is gone too: what is then spliced cannot be told
            unknown |= (five and i > 0) or (three and i < last)
            new = s.oriented(change.alt)
            if five and i == 0 and not three:
                ahead = new
            # what lies before the part is gone with it where the change reaches past its 5' side
            pieces[i] = rest if five else head + new + rest
            if three and i == last:
                # bases behind the CDS that are gone as well, on which reading may go on
                skip = s.start - change.start if s.minus else change.end - s.end
        # a deletion and insertion that spells the same letters touches nothing
        touched |= pieces[i] is not letters and pieces[i] != letters
    if not (touched or opened_5 or opened_3 or unknown):
        return None
    return Edited("".join(pieces), ahead, (opened_5, opened_3), skip, unknown and any(pieces))


def _slips(coding: Coding, slip: Segment, change: Change) -> bool:
    """Whether a change lies where the ribosome slips; of substituted bases those that are read can be told."""
    if change.changed:
        skipped = [x for x in change.changed if slip.start <= x < slip.end]
        return any(not any(s.start <= x < s.end for s in coding.segments) for x in skipped)
    return change.start <= slip.end and change.end >= slip.start


def _inner(i: int, last: int, s: Segment, *, left: bool) -> bool:
    """Whether an edge of a coding part has another coding part on its other side."""
    # the left edge begins a part on strand +, and ends it on strand -
    begins = left != s.minus
    return i > 0 if begins else i < last


def _around(s: Segment, letters: str, start: int, end: int) -> tuple[str, str]:
    """Letters of a segment before and behind forward bases [start, end), in reading direction."""
    # letters run from the highest coordinate down: those above `end` come first
    if s.minus:
        return letters[: s.end - end], letters[s.end - start :]
    return letters[: start - s.start], letters[end - s.start :]


def _substituted(s: Segment, letters: str, change: Change) -> str:
    for x in change.changed:
        if s.start <= x < s.end:
            # the base at s.end - 1 is the first that is read
            i = s.end - 1 - x if s.minus else x - s.start
            base = s.oriented(change.alt[x - change.start])
            letters = letters[:i] + base + letters[i + 1 :]
    return letters


def effect_on_protein(coding: Coding, after: Edited, downstream: Callable[[int], str]) -> Effect | None:
    """What an edited CDS codes for, beside what it coded for; None where its bases are what they were.

    Parameters
    ----------
    coding
        The CDS.
    after
        After the change.
    downstream
        Bases behind the CDS, without the first so many; they are read where the stop codon is gone.
    """
    if after.unknown:
        return Effect("coding_unknown", _first_codon(coding, after.letters))
    five, three = after.opened
    # what the CDS begins or ends with was not known before: it cannot be said to be lost
    if (five and not coding.has_start and (coding.frame or coding.partial[0])) or (three and not coding.has_stop):
        return Effect("coding_unknown", _first_codon(coding, after.letters))
    # nothing is left that could start
    if five and not after.letters:
        return _start_lost(coding, "")
    if not five:
        return _read_again(coding, after.letters, after, downstream)
    # any number of the bases that come may belong to the CDS: what disturbs the protein least is taken
    options = [
        _read_again(coding, after.ahead[k:] + after.letters, after, downstream) for k in range(len(after.ahead) + 1)
    ]
    return gentlest(options) or Effect("start_retained", 1, 0, "M", "M", "p.=")


def _read_again(coding: Coding, new: str, after: Edited, downstream: Callable[[int], str]) -> Effect | None:
    old = coding.letters
    three = after.opened[1]
    if new == old and not three:
        return None
    p = _shared_head(old, new)
    # bases before the first complete codon belong to a codon whose first part is not known
    if p < coding.frame:
        return Effect("frameshift" if (len(new) - len(old)) % 3 else "coding_unknown", 1)
    # the first bases of a CDS decide the start before anything is translated
    if after.opened[0] and not coding.has_start:
        return _start_lost(coding, new)
    if p < 3 and coding.has_start and new[:3] not in coding.code.starts:
        return _start_lost(coding, new)
    if after.opened[0] and new[:3] not in coding.code.starts:
        return _start_lost(coding, new)
    reading = ChangedReading(coding, new, p, lambda: downstream(after.skip), cut=three)
    shift = (len(new) - len(old)) % 3
    return reading.shifted() if shift or three else reading.in_frame()


def _start_lost(coding: Coding, new: str) -> Effect:
    # one base for one: its position in the codon can be named
    single = len(new) == len(coding.letters) and sum(x != y for x, y in zip(new, coding.letters, strict=True)) == 1
    position = _shared_head(coding.letters, new) + 1 if single else 0
    n = 1 if len(new) != len(coding.letters) else _changed_codons(coding, new)
    before = "".join(coding.amino_acid(i) for i in range(min(n, coding.n_codons)))
    after = "".join(coding.code.translate(new[3 * i : 3 * i + 3]) for i in range(n)) if new else ""
    return Effect("start_lost", 1, position, before, after, "p.Met1?")


def _changed_codons(coding: Coding, new: str) -> int:
    """Codons from the first to the last that a substitution changes, where it begins in the first."""
    last = max(i for i, (x, y) in enumerate(zip(new, coding.letters, strict=True)) if x != y)
    # codon of the last base that differs, counted from 1
    return last // 3 + 1


def _first_codon(coding: Coding, new: str) -> int:
    place = _shared_head(coding.letters, new) - coding.frame
    return min(max(place // 3 + 1, 1), max(coding.n_codons, 1))


def _shared_head(a: str, b: str) -> int:
    n, size = 0, min(len(a), len(b))
    # sixty-four letters at once; the last ones singly
    while n < size and a[n : n + _CHUNK] == b[n : n + _CHUNK]:
        n += _CHUNK
    # the chunk past the end compares equal where both end: back to the shorter one
    n = min(n, size)
    while n < size and a[n] == b[n]:
        n += 1
    return n


def _shared_tail(a: str, b: str, limit: int) -> int:
    n = 0
    while n < limit and a[-1 - n] == b[-1 - n]:
        n += 1
    return n


class ChangedReading:
    """A changed CDS read beside the one before.

    Parameters
    ----------
    coding
        The CDS before.
    new
        Its letters after the change.
    head
        Letters that both begin with.
    tail
        What follows the CDS after the change.
    cut
        Whether the CDS's end is gone.
    """

    def __init__(self, coding: Coding, new: str, head: int, tail: Callable[[], str], *, cut: bool):
        self.coding, self.new, self.cut = coding, new, cut
        old = coding.letters
        # head and tail may not overlap, as they would in a repeat
        self.same_tail = 0 if cut else _shared_tail(old, new, min(len(old), len(new)) - head)
        # codon of the first base that differs; none lies behind the last codon
        self.first = min((head - coding.frame) // 3, coding.n_codons - 1)
        self.head, self.delta = head, len(new) - len(old)
        self._tail = tail
        self._full: str | None = None
        # bases beyond complete codons, which a poly(A) tail completes to a stop
        odd = (len(new) - coding.frame) % 3
        self._completed = new + ("A" * (3 - odd) if coding.poly_a and odd else "")

    @property
    def full(self) -> str:
        """The changed CDS and what follows it."""
        if self._full is None:
            poly = self.coding.poly_a
            self._full = self.new + ("A" * 6 if poly else self._tail())
        return self._full

    def amino_acid(self, i: int, *, further: bool = False) -> str:
        """Amino acid i of the changed protein, read past the CDS's end if asked; empty where there are no bases."""
        coding = self.coding
        if i == 0 and coding.has_start and self.new[:3] in coding.code.starts:
            return "M"
        start = coding.frame + 3 * i
        letters = (self.full if further else self._completed)[start : start + 3]
        # number of the same codon before the change: behind it codons have moved by a third of the bases that came or
        # went
        same = i if start < self.head + 3 else i - self.delta // 3
        if coding.recoded and self.delta % 3 == 0 and same + 1 in coding.recoded:
            was = coding.frame + 3 * same
            # a recoded codon keeps its reading only where its letters, and its place relative to the change, are what
            # they were
            if coding.letters[was : was + 3] == letters and (i == same or start >= len(self.new) - self.same_tail):
                return coding.recoded[same + 1]
        if i < self.first and i + 1 in coding.recoded:
            return coding.recoded[i + 1]
        if further and len(letters) < 3:  # the contig or transcript ends
            return ""
        return coding.code.translate(letters) if letters else ""

    def position(self) -> int:
        """Place of a single substituted base in its codon, from 1; 0 for any other change."""
        old = self.coding.letters
        single = not self.delta and self.head + self.same_tail == len(old) - 1
        # everything but one base is shared
        return (self.head - self.coding.frame) % 3 + 1 if single else 0

    def in_frame(self) -> Effect:
        """What a change does that keeps the frame: touched codons compared."""
        coding, i = self.coding, self.first
        codon = i + 1
        # codon behind the last base that differs, rounded up to whole codons
        end = min(max(-(-(len(coding.letters) - self.same_tail - coding.frame) // 3), i + 1), coding.n_codons)
        before = "".join(coding.amino_acid(k) for k in range(i, end))
        # as many codons more or less as a third of the bases
        after = "".join(self.amino_acid(k) for k in range(i, end + self.delta // 3))
        stops = end == coding.n_codons and coding.has_stop
        # the stop may stand right behind what is gone: it is kept where the protein before it is the same
        if stops and self.delta < 0 and after == before[:-1]:
            behind = self.amino_acid(end + self.delta // 3, further=True)
            after += "*" if behind == "*" else ""
        position = self.position()
        if "X" in before or "X" in after or not (before or after):
            return Effect("coding_unknown", codon, position, before, after)
        term = self._of_codons(before, after, stops=stops)
        if term in {"synonymous", "missense"} and i == 0 and coding.has_start and self.head < 3:
            term = "start_retained" if term == "synonymous" else term
        return Effect(term, codon, position, before, after, protein_change(self, term))

    def _of_codons(self, before: str, after: str, *, stops: bool) -> str:
        old = before[:-1] if stops else before
        stop_kept = stops and after.endswith("*")
        new = after[:-1] if stop_kept else after
        if stops and "*" in after and after.partition("*")[0] == old:
            return "stop_retained"
        if "*" in new and "*" not in old:
            # a stop right behind the whole protein is the one that was there
            whole = self.first + new.index("*") == self.coding.n_codons - 1 and self.coding.has_stop
            return "stop_retained" if whole and new.partition("*")[0] == old else "stop_gained"
        if (stops and not stop_kept) or ("*" in old and "*" not in new):
            return "stop_lost"
        if new == old:
            return "synonymous"
        if self.delta:
            return "inframe_insertion" if len(new) > len(old) else "inframe_deletion"
        return "missense"

    def shifted(self) -> Effect:
        """What a change does that shifts the frame, or takes the CDS's end away: read on to the first other amino
        acid.
        """
        coding, i = self.coding, self.first
        codon = min(i + 1, coding.n_codons)
        k = i
        # changed bases may spell the same amino acids for a while
        while k < coding.n_codons and coding.amino_acid(k) == self.amino_acid(k, further=True):
            k += 1
        if k >= coding.n_codons and not coding.has_stop:
            return Effect("frameshift", codon)
        if k >= coding.n_codons:
            return Effect("stop_retained", codon, 0, "*", "*", protein_change(self, "stop_retained"))
        new = self.amino_acid(k, further=True)
        last = k == coding.n_codons - 1
        term = "frameshift"
        if coding.has_stop and last:
            term = "stop_lost"
        elif new == "*":
            term = "stop_gained"
        elif coding.has_stop and (self.cut or not self._before_stop()):
            term = "stop_lost"
        if term == "stop_lost" and new == "X" and last:
            return Effect("coding_unknown", codon)
        return Effect(term, codon, 0, "", "", protein_change(self, term))

    def _before_stop(self) -> bool:
        """Whether the change can be written so that the stop codon's bases stay."""
        old, new = self.coding.letters, self.new
        # of a stop that poly(A) completes only its own one or two bases are in the genome
        size = 3 - len(self.coding.poly_a)
        return _shared_tail(old, new, min(len(old), len(new), size)) >= size
