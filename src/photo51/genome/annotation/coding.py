"""Transcripts on their contig: parts placed, genetic code settled, the coding frame chosen, recoded codons found.

A stated frame is believed where it translates without an inner stop codon. Where it does not, the frame that does
wins, which is what phase columns of zeros, of nothing, or counted from the wrong end need; a CDS that begins with a
start codon and ends with a stop codon of its frame keeps it whatever stands between.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Data.IUPACData import protein_letters_3to1_extended
from numpy.typing import NDArray

from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.annotation.features import Part, framed, place_feature
from photo51.genome.annotation.transcripts import Transcript

_EXCEPTION = re.compile(r"pos:\s*(.+?)\s*,\s*aa:\s*([A-Za-z*]+)")
_RECODED = {"TERM": "*", "OTHER": "X", "FMET": "M", "SEC": "U", "PYL": "O"}
_NUMBER = re.compile(r"\d+")
MOST_ORDERED = 5  # parts whose orders are tried, of which there are at most 120


class Stops(NamedTuple):
    """Codons of a genetic code: those that end, and those that begin."""

    stops: frozenset[str]
    starts: frozenset[str]


class JudgedCoding(NamedTuple):
    """A placed transcript, and what its coding sequence is like.

    Attributes
    ----------
    transcript
        With frames, genetic code, ends and recoded codons.
    inner_stop
        Number of the first codon that stops inside (from 1), 0 for none.
    begins, ends
        Whether it begins with a start codon and ends with a stop codon of its frame; true for an end that the file
        calls incomplete.
    reframed
        Empty, `phases` where the phase column disagrees with the lengths of the parts, `frame` where another frame than
        the stated one was chosen, `recoded` where a stop was read as an amino acid because of a note, `order` where the
        parts were put in the only order in which they translate.
    gap_5, gap_3
        Whether a base of its first or last codon is not known (N), so that it may have a start or stop codon.
    """

    transcript: Transcript
    inner_stop: int = 0
    begins: bool = True
    ends: bool = True
    reframed: str = ""
    gap_5: bool = False
    gap_3: bool = False

    @property
    def clean(self) -> bool:
        """Whether it translates from start to stop."""
        return not self.inner_stop and self.begins and self.ends


@lru_cache
def stops_of(code: int) -> Stops:
    """Stop and start codons of an NCBI table; codons that it reads either way do not stop."""
    # tables 27, 28 and 31 read some stop codons as amino acids too; those cannot be called stops from sequence
    table = unambiguous_dna_by_id[code]
    return Stops(frozenset(table.stop_codons) - set(table.forward_table), frozenset(table.start_codons))


def place_transcript(t: Transcript, length: int, *, circular: bool) -> Transcript:
    """A transcript on its contig (see `photo51.genome.annotation.features.place_feature`).

    Raises
    ------
    InputError
        For a part outside of the contig.
    """
    if any(p.chrom for p in (*t.exons, *t.cds)):
        return t
    cds = t.cds
    if circular and any(p.start < length for p in t.exons):
        # coding parts that lie past the length as a whole go on from exons before it
        cds = tuple(p._replace(start=p.start - length, end=p.end - length) if p.start >= length else p for p in cds)
    # across the origin the stated order of parts counts, since their coordinates no longer rise
    past = circular and any(p.end > length for p in t.exons)
    exons = place_feature(replace(t.feature(t.exons), type="transcript"), length, circular=circular).parts
    coding = replace(t.feature(cds), type="CDS", ordered=t.ordered or past)
    return replace(t, exons=exons, cds=place_feature(coding, length, circular=circular).parts if cds else ())


def spliced(parts: Sequence[Part], ids: NDArray[np.uint8]) -> str:
    """Letters of parts in reading order, joined."""
    pieces = (reverse_complement(ids[p.start : p.end]) if p.strand == "-" else ids[p.start : p.end] for p in parts)
    return "".join(map(decode, pieces))


def positions(parts: Sequence[Part]) -> NDArray[np.int64]:
    """Contig position of each base of parts in reading order; a base that is read twice is there twice."""
    # a part on the strand - is read from its last base down
    runs = [np.arange(p.start, p.end)[:: -1 if p.strand == "-" else 1] for p in parts]
    return np.concatenate(runs).astype(np.int64) if runs else np.zeros(0, dtype=np.int64)


def judge_coding(t: Transcript, ids: NDArray[np.uint8], code: int) -> JudgedCoding:
    """Choose the frame of a placed transcript's CDS and say what it is like.

    Parameters
    ----------
    t
        A placed transcript.
    ids
        Upper-case bytes of its contig, (length,).
    code
        Genetic code of the contig; the CDS's own /transl_table goes before it.
    """
    table = stated_code(t) or code
    t = replace(t, genetic_code=table, partial_5=t.partial_5 or _partial(t, 5), partial_3=t.partial_3 or _partial(t, 3))
    if not t.cds:
        return JudgedCoding(t)
    # trans-spliced from another contig: the letters are not at hand, phases are taken on trust
    if any(p.chrom for p in t.cds):
        return JudgedCoding(replace(t, cds=_contiguous(t.cds, max(t.cds[0].frame, 0))))
    # without a strand there is no reading direction, so nothing can begin or end
    if any(p.strand == "." for p in t.cds):
        return JudgedCoding(replace(t, cds=_contiguous(t.cds, max(t.cds[0].frame, 0))), begins=False, ends=False)
    letters = spliced(t.cds, ids)
    stops = stops_of(table)
    moved = _reordered(t, letters, ids, stops)
    if moved is not None:
        t, letters = moved, spliced(moved.cds, ids)
    frame, cds, method = _frame(t, letters, stops)
    method = "order" if moved is not None else method
    t = replace(t, cds=cds)
    exceptions = _recoded(t, frame)
    inner = _inner_stops(letters, frame, stops.stops, exceptions)
    if inner and (letter := _read_through(t, letters, frame, inner)):
        exceptions |= dict.fromkeys(inner, letter)
        inner, method = [], "recoded"
    # with bases before the first whole codon the start codon cannot be seen
    begins = t.partial_5 or (frame == 0 and letters[:3] in stops.starts)
    if t.begins is False and not begins and len(letters) >= 3:
        t, begins = replace(t, partial_5=True), True
    ends = t.partial_3 or _ends(letters, frame, stops.stops, exceptions)
    t = replace(t, recoded=";".join(f"{codon}:{letter}" for codon, letter in sorted(exceptions.items())))
    gap_5, gap_3 = (bool(set(codon) - set("ACGT")) for codon in (letters[:3], letters[-3:]))
    return JudgedCoding(t, inner[0] if inner else 0, begins, ends, method, gap_5, gap_3)


def stated_code(t: Transcript) -> int:
    """The genetic code that a CDS says; 0 where it says none."""
    text = t.attributes.get("transl_table", "")
    # `isdigit` alone would let superscripts through, which `int` refuses
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
    return number if number in unambiguous_dna_by_id else 0


def has_inner_stop(letters: str, frame: int, code: int) -> bool:
    """Whether letters read from a frame stop before their last codon."""
    return bool(_inner_stops(letters, frame, stops_of(code).stops, {}))


def _frame(t: Transcript, letters: str, stops: Stops) -> tuple[int, tuple[Part, ...], str]:
    """Bases before the first codon, parts with their frames, and what had to be chosen."""
    stated = t.cds[0].frame
    first = max(stated, 0)
    disagree = any(p.frame >= 0 and p.frame != q.frame for p, q in zip(t.cds, _contiguous(t.cds, first), strict=True))
    # the stated frame reads through: it wins, whatever the phase column says of later parts
    if not _stopped(t, letters, first, stops.stops):
        return first, _contiguous(t.cds, first), "phases" if disagree else ""
    if _anchored(letters, first, stops):
        return first, _contiguous(t.cds, first), ""
    # phases that jump between parts are how programmed frameshifts are written
    if disagree and not _stopped_by_part(t.cds, letters, stops.stops):
        return first, framed(t.cds, first), ""
    clean = [f for f in range(3) if f != first and not _stopped(t, letters, f, stops.stops)]
    # ten codons: in fewer a wrong frame reads through too often by chance ((61/64)^10 = 0.62)
    if clean and len(letters) >= 30:
        # of several open frames one that ends in a stop codon is the likelier
        ended = [f for f in clean if _ends(letters, f, stops.stops, {})]
        best = (ended or clean)[0]
        return best, _contiguous(t.cds, best), "frame"
    return first, _contiguous(t.cds, first), ""


def _reordered(t: Transcript, letters: str, ids: NDArray[np.uint8], stops: Stops) -> Transcript | None:
    """Parts in the only order in which they read from a start to a stop codon, where their own order stops inside.

    Only where a file can lose the order by sorting its lines: parts on both strands, stated orders, and parts that
    touch both ends of a circle.
    """
    strands = {p.strand for p in t.cds}
    ends = {0, len(ids)} <= {x for p in t.cds for x in (p.start, p.end)}
    if not (2 <= len(t.cds) <= MOST_ORDERED and (t.ordered or len(strands) > 1 or ends)) or t.partial_5:
        return None
    if _anchored(letters, 0, stops) or not _stopped(t, letters, max(t.cds[0].frame, 0), stops.stops):
        return None
    fitting = []
    # at most 120 orders of five parts; one that reads from start to stop by chance is rare, two are no evidence
    for parts in permutations(t.cds):
        read = spliced(parts, ids)
        other = replace(t, cds=_contiguous(parts, 0))
        if _anchored(read, 0, stops) and not _stopped(other, read, 0, stops.stops):
            fitting.append(other)
    # none reads, or several do: the file's order stands and its inner stop is reported
    if len(fitting) != 1:
        return None
    cds = fitting[0].cds
    places = [next((i for i, c in enumerate(cds) if e.start <= c.start and c.end <= e.end), -1) for e in t.exons]
    if -1 in places or len(set(places)) < len(places):
        return fitting[0]
    exons = tuple(e for _, e in sorted(zip(places, t.exons, strict=True), key=lambda pair: pair[0]))
    return replace(fitting[0], exons=exons)


def _stopped(t: Transcript, letters: str, frame: int, stops: frozenset[str]) -> bool:
    inner = _inner_stops(letters, frame, stops, {})
    return bool(inner) and bool(set(inner) - set(_recoded(replace(t, cds=_contiguous(t.cds, frame)), frame)))


def _stopped_by_part(parts: Sequence[Part], letters: str, stops: frozenset[str]) -> bool:
    """Whether parts read each in its own stated frame stop inside."""
    offset = 0
    for i, p in enumerate(framed(parts, 0)):
        part_letters = letters[offset : offset + p.end - p.start]
        inner = _inner_stops(part_letters, p.frame, stops, {})
        last = (len(part_letters) - p.frame) // 3
        # the last codon of a part is an inner one unless the part is the last
        whole = [part_letters[p.frame + 3 * (last - 1) : p.frame + 3 * last]] if last > 0 and i < len(parts) - 1 else []
        if inner or (whole and whole[0] in stops):
            return True
        offset += p.end - p.start
    return False


def _anchored(letters: str, frame: int, stops: Stops) -> bool:
    return frame == 0 and letters[:3] in stops.starts and len(letters) % 3 == 0 and letters[-3:] in stops.stops


def _inner_stops(letters: str, frame: int, stops: frozenset[str], exceptions: dict[int, str]) -> list[int]:
    """Numbers of codons before the last complete one that stop, from 1."""
    # where the last whole codon begins; a stop there is where the CDS should end
    last = frame + 3 * ((len(letters) - frame) // 3) - 3
    # with bases left over the last whole codon is followed by another, so it must not stop
    if len(letters) - frame - (last + 3) > 0:
        last += 3
    return [
        (i - frame) // 3 + 1
        for i in range(frame, last, 3)
        if letters[i : i + 3] in stops and (i - frame) // 3 + 1 not in exceptions
    ]


def _ends(letters: str, frame: int, stops: frozenset[str], exceptions: dict[int, str]) -> bool:
    """Whether the last codon is a stop, or becomes one by polyadenylation."""
    rest = (len(letters) - frame) % 3
    # a codon of one or two bases, completed by the poly(A) tail, counts
    number = (len(letters) - frame - rest) // 3 + bool(rest)
    if exceptions.get(number) == "*":
        return True
    if rest:
        # T + AA and TA + A are TAA, as in mitochondria (Ojala et al. 1981, doi:10.1038/290470a0)
        return letters[-rest:] in {"T", "TA"}
    return letters[-3:] in stops and number not in exceptions


def _contiguous(parts: Sequence[Part], frame: int) -> tuple[Part, ...]:
    return framed((p._replace(frame=-1) for p in parts), frame)


def _partial(t: Transcript, end: int) -> bool:
    a = t.attributes
    tags = a.get("tag", "")
    if f"partial_{end}" in a or a.get(f"partial_{end}_prime") == "true":
        return True
    if (end == 5 and "cds_start_NF" in tags) or (end == 3 and "cds_end_NF" in tags):
        return True
    minus = bool(t.cds) and t.cds[0].strand == "-"
    # NCBI writes `.,123` and `456,.` where an end lies beyond what was sequenced
    low = "start_range" in a and a["start_range"].startswith(".")
    high = "end_range" in a and a["end_range"].endswith(".")
    stated = a.get("partial", "")
    if len(stated) == 2 and set(stated) <= {"0", "1"}:
        # Prodigal: left and right end of the gene on the forward strand
        low, high = stated[0] == "1", stated[1] == "1"
    elif stated.lower() == "true" and not (low or high) and "partial_5" not in a and "partial_3" not in a:
        return True
    # `low` and `high` are ends on the forward strand; the 5' end of a gene on - is its high one
    return (high if minus else low) if end == 5 else (low if minus else high)


def _recoded(t: Transcript, frame: int) -> dict[int, str]:
    """Codons that the file says are read against the table: number → amino acid."""
    text = t.attributes.get("transl_except", "")
    if not text and not t.marked:
        return {}
    genomic = positions(t.cds)
    out: dict[int, str] = {}
    stated = [([int(n) - 1 for n in _NUMBER.findall(place_)], _letter(aa)) for place_, aa in _EXCEPTION.findall(text)]
    stated += [([p.start, p.end - 1], letter) for p, letter in t.marked]
    for bases, letter in stated:
        # both ends of the codon, so that either strand's first base is the smaller index
        places = [int(i) for b in bases for i in np.flatnonzero(genomic == b)[:1]]
        if places and min(places) >= frame:
            # codons are numbered from 1, as transl_except readers expect
            out[(min(places) - frame) // 3 + 1] = letter
    return out


def _letter(aa: str) -> str:
    if len(aa) == 1:
        return aa.upper()
    return _RECODED.get(aa.upper()) or protein_letters_3to1_extended.get(aa.capitalize(), "X")


def _read_through(t: Transcript, letters: str, frame: int, inner: list[int]) -> str:
    """The amino acid that all inner stops are read as, where a note of the record says so; else nothing."""
    notes = " ".join(
        t.attributes.get(k, "") for k in ("note", "Note", "product", "tag", "exception", "description")
    ).lower()
    codons = {letters[frame + 3 * (n - 1) : frame + 3 * n] for n in inner}
    if "seleno" in notes and codons == {"TGA"}:
        return "U"
    if "pyrrolysine" in notes and codons == {"TAG"}:
        return "O"
    return "X" if any(w in notes for w in ("readthrough", "read-through", "read through")) else ""
