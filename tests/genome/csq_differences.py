"""Where photo51 and `bcftools csq` (1.16) answer otherwise, and why: the only differences that the comparison allows.

Each reason is a fact about the edited sequence (`Facts`), found by editing, splicing and translating (`edit_splice_translate`),
or by asking bcftools again about the same change written elsewhere in its repeat; that answers differ is no reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from edit_splice_translate import (
    GRAVITY,
    NOTHING,
    Gene,
    consequence,
    introns,
    milder,
    readings,
    spellings,
    starts,
    translated,
)

PROTEIN = {"stop_gained", "frameshift", "stop_lost", "start_lost", "inframe_insertion", "inframe_deletion", "missense",
           "start_retained", "stop_retained", "synonymous"}  # fmt: skip
SILENT = {"start_retained", "stop_retained", "synonymous", "5_prime_UTR", "3_prime_UTR"}
SPLICE = {"splice_acceptor", "splice_donor"}
OUTSIDE = {NOTHING, "5_prime_UTR", "3_prime_UTR", "intron"}
_ROOM = 120


def gravest(terms):
    """Of bcftools' terms the one that photo51 would name: a lost start or stop stands before the frame."""
    known = [t for t in terms if t in GRAVITY]
    lost = [t for t in known if t in {"start_lost", "stop_lost"}]
    if lost and "frameshift" in known:
        known = [t for t in known if t != "frameshift"]
    return min(known, key=GRAVITY.index) if known else NOTHING


def trimmed(pos, ref, alt):
    """A variant without the bases that both alleles share."""
    while ref and alt and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return pos, ref, alt


def kind_of(ref, alt):
    """snv, mnv, ins, del or delins, without the bases that both alleles share."""
    _, ref, alt = trimmed(0, ref, alt)
    if len(ref) == len(alt):
        return "snv" if len(ref) == 1 else "mnv"
    return "delins" if ref and alt else "del" if ref else "ins"


def as_vcf(letters, pos, ref, alt):
    """The spellings of an insertion or deletion as VCF writes them, with the base before."""
    pos, ref, alt = trimmed(pos, ref, alt)
    if (ref and alt) or len(ref) == len(alt):
        return []
    low = max(pos - _ROOM, 0)
    window = letters[low : pos + len(ref) + _ROOM]
    return [
        (low + p - 1, window[p - 1] + r, window[p - 1] + a)
        for p, r, a in spellings(window, pos - low, ref, alt)
        if p > 0
    ]


@dataclass
class Facts:
    """A change in one gene, both answers (bcftools' as a set), and bcftools' answers to its other spellings.

    Facts hold of the change in one of its spellings, since all of them give one sequence.
    """

    letters: str
    gene: Gene
    variant: tuple[int, str, str]
    mine: str
    theirs: set[str]
    elsewhere: list[str]

    def __post_init__(self):
        low = max(min(self.gene.mrna) - _ROOM, 0)
        self.text = self.letters[low : max(self.gene.mrna) + _ROOM]
        self.own = self.gene.moved(low, len(self.letters))
        pos, self.ref, self.alt = trimmed(*self.variant)
        self.changes = [(pos - low, self.ref, self.alt)]
        if not (self.ref and self.alt):
            self.changes += spellings(self.text, *self.changes[0])
        self.oracle = consequence(self.text, self.own, self.variant[0] - low, *self.variant[1:], False)

    @property
    def kind(self):
        return kind_of(*self.variant[1:])

    @property
    def shifts(self):
        return (len(self.alt) - len(self.ref)) % 3 != 0

    def gone(self, change):
        """Positions whose bases go or are others."""
        pos, ref, alt = change
        every = set(range(pos, pos + len(ref)))
        return {p for p in every if self.text[p] != alt[p - pos]} if len(ref) == len(alt) else every

    @cached_property
    def read(self):
        """(old, new, what follows, whether the end is gone) of each way to read the edited CDS."""
        if self.own.cds is None:
            return []
        sides = [
            readings(self.text, self.own, self.gone(c), c, between)
            for c in self.changes
            for between in (False, True)[: 1 + (not c[1])]
        ]
        return [o for side in sides if side for o in side[0]]

    @cached_property
    def proteins(self):
        """(old, new) up to their stops, of the readings that begin with a start codon, and whether a stop follows."""
        out = []
        for old, new, behind, _ in self.read:
            if new[:3] in starts(self.own.code):
                before, after = (translated(x, self.own.code) for x in (old, new + behind))
                out.append(("M" + before[1:].partition("*")[0], "M" + after[1:].partition("*")[0], "*" in after))
        return out

    @property
    def at_coding_edge(self):
        """Whether it touches bases on both sides of an edge of coding bases, or comes in at one."""
        coding = set(self.own.mrna[self.own.cds[0] : self.own.cds[1]]) if self.own.cds else set()
        pos, ref, _ = self.changes[0]
        around = {pos - 1, pos + len(ref)} | self.gone(self.changes[0])
        return bool(around & coding) and bool(around - coding)

    @property
    def within_exons(self):
        """Whether all bases that go are of exons."""
        return bool(self.ref) and self.gone(self.changes[0]) <= set(self.own.mrna)

    @property
    def at_intron_edge(self):
        """Whether it is an insertion where an exon meets an intron."""
        edges = {x for i in introns(self.own) for x in (i[0], i[-1] + 1)}
        return not self.ref and any(c[0] in edges for c in self.changes)

    @property
    def crosses_site(self):
        """Whether bases of a splice site and of the exon beside it are replaced by others."""
        gone = self.gone(self.changes[0])
        return self.kind == "delins" and any(
            {a, b} <= gone for i in introns(self.own) for a, b in ((i[0] - 1, i[0]), (i[-1], i[-1] + 1))
        )

    def changes_site(self, change):
        """Whether the first or last two bases of an intron go, or are others after a change within the intron."""
        pos, ref, alt = change
        gone = self.gone(change)
        for i in introns(self.own):
            first, last = i[0], i[-1]
            out = bool(gone - set(i)) or len(ref) == len(alt)
            sites = {first, first + 1}, {last - 1, last}
            if out and any(gone & site for site in sites):
                return True
            if out or not (first <= pos <= last + 1):
                continue
            after = self.text[first:pos] + alt + self.text[pos + len(ref) : last + 1]
            before = self.text[first : last + 1]
            if (after[:2], after[-2:]) != (before[:2], before[-2:]):
                return True
        return False

    def in_exons(self, change):
        """Whether it touches exons."""
        zone = set(self.own.mrna)
        return bool(self.gone(change) & zone) if change[1] else {change[0] - 1, change[0]} <= zone

    def in_region(self, change):
        """Whether it touches the last three bases of an exon beside an intron, or the intron's first or last eight."""
        for i in introns(self.own):
            for region in (range(i[0] - 3, i[0] + 8), range(i[-1] - 7, i[-1] + 4)):
                touched = self.gone(change) & set(region) if change[1] else {change[0] - 1, change[0]} <= set(region)
                if touched:
                    return True
        return False


REASONS = {
    "written elsewhere in its repeat bcftools says the same": lambda f: bool(f.elsewhere)
    and milder(f.elsewhere) == f.mine,
    "written elsewhere in its repeat it leaves the CDS as it is, as bcftools says there; the start or stop is retained": (
        lambda f: f.mine in {"start_retained", "stop_retained"} and bool(OUTSIDE & set(f.elsewhere))
    ),
    "bcftools gives no verdict (coding_sequence) where an edge of the CDS is crossed": lambda f: (
        "coding_sequence" in f.theirs and not f.theirs & PROTEIN and f.at_coding_edge
    ),
    "the protein is the same to its stop": lambda f: f.mine in {*SILENT, "splice_region"}
    and bool(f.theirs & (PROTEIN - SILENT))
    and any(old == new and stops for old, new, stops in f.proteins),
    "the stop codon stands behind the same protein: it is retained, whatever comes before or behind it": lambda f: (
        f.mine == "stop_retained" and any(old == new and stops for old, new, stops in f.proteins)
    ),
    "a start codon stands in its place, before another protein": lambda f: f.mine != "start_lost"
    and bool({"start_lost", "start_retained"} & f.theirs)
    and any(old != new for old, new, _ in f.proteins),
    "no start codon is left": lambda f: f.mine == "start_lost" and not f.proteins,
    "the first amino acid that changes is a stop": lambda f: f.mine == "stop_gained"
    and any(len(new) < len(old) and old.startswith(new) and stops for old, new, stops in f.proteins),
    "a stop behind other amino acids, without a shift": lambda f: f.mine == "stop_gained"
    and not f.shifts
    and any(len(new) < len(old) + (len(f.alt) - len(f.ref)) // 3 and stops for old, new, stops in f.proteins),
    "the first amino acid that changes is the stop": lambda f: f.mine == "stop_lost"
    and any(new.startswith(old) and len(new) > len(old) for old, new, _ in f.proteins),
    "the stop codon is none any more, in the same frame": lambda f: f.mine == "stop_lost"
    and not f.shifts
    and all(translated(new[-3:], f.own.code) != "*" for _, new, _, _ in f.read),
    "a stop codon that stays as it is, out of frame, is not lost": lambda f: f.mine == "frameshift"
    and f.shifts
    and {"frameshift", "stop_lost"} <= f.theirs
    and any(old[-3:] == new[-3:] for old, new, _, _ in f.read),
    "bases on both sides of the CDS's first are replaced: where it begins cannot be told": lambda f: (
        f.mine == "start_lost" and f.kind == "delins" and f.at_coding_edge
    ),
    "the bases of the stop codon are others, and so is the frame": lambda f: f.mine == "stop_lost"
    and f.shifts
    and all(old[-3:] != new[-3:] for old, new, _, _ in f.read),
    "a stop behind another amino acid of a shifted frame is no stop gained": lambda f: f.mine == "frameshift"
    and f.shifts
    and "stop_gained" in f.theirs
    and all(not old.startswith(new) for old, new, _ in f.proteins),
    "other amino acids before a stop codon that is retained": lambda f: f.mine == "missense"
    and f.theirs & PROTEIN == {"stop_retained"}
    and any(old != new and len(old) == len(new) and stops for old, new, stops in f.proteins),
    "the protein ends with a stop, longer or shorter by the codons that come or go": lambda f: f.mine in {"missense", "inframe_insertion", "inframe_deletion"}
    and bool(f.theirs & {"stop_gained", "stop_lost"})
    and any(len(new) - len(old) == (len(f.alt) - len(f.ref)) // 3 and stops for old, new, stops in f.proteins),
    "coding bases come or go by threes, up to the end of an exon": lambda f: f.mine.startswith("inframe")
    and "frameshift" in f.theirs
    and not f.shifts
    and f.within_exons,
    "coding bases do not come or go by threes, up to the end of an exon": lambda f: f.mine == "frameshift"
    and f.shifts
    and f.within_exons
    and "splice_region" in f.theirs,
    "the first or last two bases of an intron are others": lambda f: f.mine in SPLICE
    and f.kind in {"del", "delins", "mnv"}
    and not f.crosses_site
    and all(map(f.changes_site, f.changes)),
    "bases of a splice site and of the exon beside it are replaced: whose the new ones are cannot be told": lambda f: (
        f.mine in SPLICE and f.crosses_site
    ),
    "an insertion where exon and intron meet may lie on either side": lambda f: f.at_intron_edge
    and bool(f.theirs & {*SPLICE, "splice_region"}),
    "the two bases at either end of the introns are as they were": lambda f: f.mine not in SPLICE
    and bool(f.theirs & SPLICE)
    and not all(map(f.changes_site, f.changes)),
    "beside the exons: bcftools counts the base that VCF writes before what comes or goes": lambda f: f.mine in OUTSIDE
    and f.kind in {"ins", "del", "delins"}
    and not all(map(f.in_exons, f.changes)),
    "bases of a splice region come or go, which bcftools overlooks beside the end of a transcript": lambda f: (
        f.mine == "splice_region" and "splice_region" not in f.theirs and all(map(f.in_region, f.changes))
    ),
    "beside a splice region: bcftools counts the base that VCF writes before what comes or goes": lambda f: (
        "splice_region" in f.theirs and f.kind in {"ins", "del", "delins"} and not all(map(f.in_region, f.changes))
    ),
}  # fmt: skip


def reason(f):
    """Why they differ; empty where nothing explains it, or where the oracle does not say what photo51 says."""
    if f.oracle != f.mine:
        return ""
    return next((text for text, holds in REASONS.items() if holds(f)), "")
