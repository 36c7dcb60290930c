"""Consequences from first principles, for tests: the genome is edited base by base, spliced, translated by Biopython, and the
two proteins are compared as wholes. Shares nothing with the package; slow, and meant to be.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import Seq

GRAVITY = [
    "transcript_ablation", "splice_acceptor", "splice_donor", "stop_gained", "frameshift", "stop_lost", "start_lost",
    "inframe_insertion", "inframe_deletion", "missense", "splice_region", "start_retained", "stop_retained", "synonymous",
    "5_prime_UTR", "3_prime_UTR", "rRNA", "tRNA", "ncRNA", "pseudogene", "control_region", "intron", "coding_unknown",
    "intergenic",
]  # fmt: skip
NOTHING = "nothing"
TURN = {"A": "T", "C": "G", "G": "C", "T": "A"}


@dataclass
class Gene:
    """Exons as lists of positions in reading order; the CDS is a slice of the exons' bases laid end to end."""

    name: str
    strand: str
    exons: list[list[int]]
    cds: tuple[int, int] | None
    code: int = 1
    biotype: str = "protein_coding"
    mrna: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.mrna = [p for e in self.exons for p in e]

    def moved(self, cut, length):
        """The same gene where the circle is opened at another place."""
        return Gene(
            self.name,
            self.strand,
            [[(p - cut) % length for p in e] for e in self.exons],
            self.cds,
            self.code,
            self.biotype,
        )


def on_strand(strand, letters):
    return letters if strand == "+" else "".join(TURN[x] for x in reversed(letters))


def translated(letters, code):
    return str(Seq(letters[: len(letters) // 3 * 3]).translate(table=code))


def starts(code):
    return {"ATG"} if code == 1 else set(unambiguous_dna_by_id[code].start_codons)


def milder(terms):
    order = [None, *GRAVITY, NOTHING]
    return max(terms, key=lambda t: 0 if t == "coding_unknown" else order.index(t))


def consequence(letters, gene, pos, ref, alt, circular):
    """The consequence in one gene, `NOTHING` where it is not touched."""
    n = len(letters)
    if circular:  # open the circle far from the variant, so that nothing near it lies across the ends
        cut = (pos + len(ref) // 2 + n // 2) % n
        letters, gene, pos = letters[cut:] + letters[:cut], gene.moved(cut, n), (pos - cut) % n
    assert letters[pos : pos + len(ref)] == ref
    while ref and alt and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    if len(ref) == len(alt):
        return as_written(letters, gene, pos, ref, alt, between=False)
    written = written_anywhere(letters, gene, pos, ref, alt)
    if written == NOTHING or (ref and alt):
        return written
    best = milder([written, *(written_anywhere(letters, gene, *w) for w in spellings(letters, pos, ref, alt))])
    codes = coding_touched(gene, pos, ref)
    if codes and best in {NOTHING, "5_prime_UTR", "3_prime_UTR"}:
        return "stop_retained" if written == "stop_retained" else "start_retained"
    return best


def spellings(letters, pos, ref, alt):
    """Every place at which an insertion or deletion, its alleles without shared bases, gives the same sequence."""
    result = letters[:pos] + alt + letters[pos + len(ref) :]
    ways = []
    for p in range(len(letters) + 1 - len(ref)):
        if ref and letters[:p] + letters[p + len(ref) :] == result:
            ways.append((p, letters[p : p + len(ref)], ""))
        if not ref and letters[:p] == result[:p] and result[p + len(alt) :] == letters[p:]:
            ways.append((p, "", result[p : p + len(alt)]))
    return ways


def coding_touched(gene, pos, ref):
    if gene.cds is None:
        return False
    coding = gene.mrna[gene.cds[0] : gene.cds[1]]
    if ref:
        return any(pos <= p < pos + len(ref) for p in coding)
    inner = list(itertools.pairwise(coding))
    return any({a, b} == {pos - 1, pos} for a, b in inner) or at_inner_edge(gene, coding, pos)


def at_inner_edge(gene, coding, pos):
    """Whether an insertion before `pos` lies where a coding exon meets an intron."""
    pairs = [(a, b) for a, b in itertools.pairwise(coding) if abs(a - b) != 1]
    return any(pos in ((a + 1, b) if gene.strand == "+" else (a, b + 1)) for a, b in pairs)


def written_anywhere(letters, gene, pos, ref, alt):
    options = [as_written(letters, gene, pos, ref, alt, between=False)]
    if not ref and any(pos in (i[0], i[-1] + 1) for i in introns(gene)):
        options.append(as_written(letters, gene, pos, ref, alt, between=True))
    return milder(options)


def introns(gene):
    """Positions of introns, rising."""
    found = []
    for e, f in zip(gene.exons, gene.exons[1:], strict=False):
        low, high = (e[-1] + 1, f[0]) if gene.strand == "+" else (f[0] + 1, e[-1])
        if low < high:
            found.append(list(range(low, high)))
    return found


def as_written(letters, gene, pos, ref, alt, *, between):
    """One way to write it. `between` puts an insertion at an exon's inner edge into the exon, else into the intron."""
    end = pos + len(ref)
    gone = set(range(pos, end))
    if len(ref) == len(alt):
        gone = {p for p in gone if letters[p] != alt[p - pos]}
    elif set(gene.mrna) <= gone:
        return "transcript_ablation"
    terms = set()
    spliced = gene.biotype not in {"tRNA", "rRNA"}
    for intron in introns(gene):
        terms |= {
            t for t in of_intron(letters, gene, intron, gone, (pos, ref, alt), between) if spliced or t == "intron"
        }
    exon = in_exon(gene, gone, pos, ref, between)
    if exon:
        if gene.cds is None:
            terms.add(gene.biotype)
        else:
            term = of_protein(letters, gene, gone, (pos, ref, alt), between)
            terms.add(term if term else untranslated(gene, gone, pos))
    if not terms:
        return NOTHING
    return min(terms, key=GRAVITY.index)


def in_exon(gene, gone, pos, ref, between):
    if ref:
        return bool(gone & set(gene.mrna))
    if between:
        return True
    return any({a, b} == {pos - 1, pos} for e in gene.exons for a, b in itertools.pairwise(e)) or any(
        {a, b} == {pos - 1, pos} for e, f in zip(gene.exons, gene.exons[1:], strict=False) for a, b in [(e[-1], f[0])]
    )


def contiguous(positions, seed):
    """Those that are joined to one of them without a gap; a short exon may end within a splice region."""
    low = high = seed
    while low - 1 in positions:
        low -= 1
    while high + 1 in positions:
        high += 1
    return set(range(low, high + 1))


def of_intron(letters, gene, intron, gone, change, between):
    pos, ref, alt = change
    first, last = intron[0], intron[-1]
    left, right = ("splice_donor", "splice_acceptor") if gene.strand == "+" else ("splice_acceptor", "splice_donor")
    exonic = set(gene.mrna)
    near = [
        {p for p in range(a, b) if p in exonic or p in intron}
        for a, b in ((first - 3, first + 8), (last - 7, last + 4))
    ]
    near[0] = contiguous(near[0], first)
    near[1] = contiguous(near[1], last)
    terms = set()
    if ref:
        inside = gone & set(intron)
        if gone & (near[0] | near[1]):
            terms.add("splice_region")
    else:
        inside = {pos} if (first < pos <= last or (not between and pos in (first, last + 1))) else set()
        if any(pos - 1 in zone and pos in zone for zone in near):
            terms.add("splice_region")
    if not inside:
        return terms
    terms.add("intron")
    if len(ref) == len(alt):
        terms |= {left} if gone & {first, first + 1} else set()
        terms |= {right} if gone & {last, last - 1} else set()
        return terms
    end = pos + len(ref)
    if pos < first or end > last + 1:
        terms |= {left} if pos < first else set()
        terms |= {right} if end > last + 1 else set()
        text = letters[pos:pos]
    before, behind = letters[first : max(pos, first)], letters[min(end, last + 1) : last + 1]
    text = before + alt + behind
    old = letters[first : last + 1]
    if pos >= first and text[:2] != old[:2]:
        terms.add(left)
    if end <= last + 1 and text[-2:] != old[-2:]:
        terms.add(right)
    if pos < first and end <= last + 1 and end > last - 1:
        terms.add(right)
    if pos >= first and end > last + 1 and pos < first + 2:
        terms.add(left)
    return terms


def untranslated(gene, gone, pos):
    where = [i for i, p in enumerate(gene.mrna) if p in gone] if gone else [
        i for i, (a, b) in enumerate(zip(gene.mrna, gene.mrna[1:], strict=False)) if pos in (a, b) and pos - 1 in (a, b)
    ]  # fmt: skip
    if not where:  # at an exon's inner edge
        where = [i for i, p in enumerate(gene.mrna) if p in (pos, pos - 1)]
    return "5_prime_UTR" if where[0] < gene.cds[0] else "3_prime_UTR"


def of_protein(letters, gene, gone, change, between):
    """Edit, splice, translate, compare; None where the CDS stays."""
    found = readings(letters, gene, gone, change, between)
    if found is None:
        return "start_lost"
    options, lost_head, lost_tail = found
    result = milder([compared(*o, gene.code) or NOTHING for o in options])
    if result == "start_lost" and lost_head and lost_tail:  # round a circle: both ends go, and the graver term counts
        return "stop_lost"
    if result == NOTHING:
        return "start_retained" if lost_head else None
    return result


def readings(letters, gene, gone, change, between):
    """Ways to read the edited CDS: (old, new, what follows, whether its end is gone), and whether its ends are touched.

    None where no coding base is left.
    """
    pos, ref, alt = change
    new = on_strand(gene.strand, alt)
    spliced, marks = (
        [],
        [],
    )  # letters after the change, and for each the place in the old mRNA (None: has come)
    placed = not alt
    same = len(ref) == len(alt)
    n = len(gene.mrna)
    i5, i3 = gene.cds
    for i, p in enumerate(gene.mrna):
        letter = on_strand(gene.strand, letters[p])
        if same:
            letter = on_strand(gene.strand, alt[p - pos]) if p in gone else letter
            spliced.append(letter)
            marks.append(i)
            continue
        if p in gone:
            if not placed and alt:
                spliced += new
                marks += [None] * len(new)
                placed = True
            continue
        spliced.append(letter)
        marks.append(i)
        if not ref and not placed:
            q = gene.mrna[i + 1] if i + 1 < n else None
            joined = q is not None and {p, q} == {pos - 1, pos}
            edge = between and q is not None and abs(p - q) != 1 and (
                pos in ((p + 1, q) if gene.strand == "+" else (p, q + 1))
            )  # fmt: skip
            if joined or edge:
                spliced += new
                marks += [None] * len(new)
                placed = True
    coding = [letters[p] if gene.strand == "+" else TURN[letters[p]] for p in gene.mrna[i5:i3]]
    old = "".join(coding)
    kept = [k for k, m in enumerate(marks) if m is not None and i5 <= m < i3]
    if not kept:
        return None
    begin, stop = kept[0], kept[-1] + 1
    lost_head = marks[begin] != i5
    lost_tail = marks[stop - 1] != i3 - 1
    begins = [begin]
    if lost_head:  # bases that came in its stead may code, as many as give the mildest reading
        k = begin
        while k > 0 and marks[k - 1] is None:
            k -= 1
        only = all(g in gene.mrna[i5:i3] for g in gone)
        begins = [k] if only and ref else list(range(k, begin + 1))
    if lost_tail:
        while stop < len(marks) and marks[stop] is None:
            stop += 1
    behind = "".join(spliced[stop:])
    if i3 == n:  # nothing untranslated is annotated: the genome is read on
        behind = genome_behind(letters, gene, gone)
    last = gene.mrna[i3 - 1]  # a gene may lie across the origin: its last base need not be its highest or lowest
    past_tail = lost_tail and (last + 1 if gene.strand == "+" else last - 1) in gone
    return [(old, "".join(spliced[b:stop]), behind, past_tail) for b in begins], lost_head, lost_tail


def genome_behind(letters, gene, gone):
    if gene.strand == "+":
        return "".join(letters[p] for p in range(gene.mrna[-1] + 1, len(letters)) if p not in gone)
    return "".join(TURN[letters[p]] for p in range(gene.mrna[-1] - 1, -1, -1) if p not in gone)


def compared(old, new, behind, past_tail, code):
    """Two coding sequences, the second followed by `behind`."""
    if old == new and not past_tail:
        return None
    ok = starts(code)
    has_start = old[:3] in ok
    if has_start and new[:3] not in ok:
        return "start_lost"
    p = translated(old, code)
    q = translated(new + behind, code)
    q_short = translated(new, code)
    if has_start:
        p = "M" + p[1:]
        q = "M" + q[1:]
        q_short = "M" + q_short[1:]
    stop = len(p) - 1
    assert p.find("*") == stop
    difference = len(new) - len(old)
    if old[:3] != new[:3] and difference == 0 and q_short == p:
        return "start_retained"
    end = q.find("*")
    before_stop = q[:end] if end >= 0 else q
    first = next((i for i, (x, y) in enumerate(zip(p, q, strict=False)) if x != y), None)
    if before_stop == p[:stop] and end >= 0:
        if difference == 0 and not past_tail:
            return "synonymous" if old[3 * stop :] == new[3 * stop :] else "stop_retained"
        return "stop_retained"
    if difference % 3 or past_tail:
        if first is None or first == stop:
            return "stop_lost"
        if q[first] == "*":
            return "stop_gained"
        if past_tail or stop_bases_go(old, new):
            return "stop_lost"
        return "frameshift"
    in_place = end == stop + difference // 3
    if 0 <= end < stop + difference // 3:
        return "stop_gained"
    if not in_place:
        return "stop_lost"
    if difference > 0:
        return "inframe_insertion"
    if difference < 0:
        return "inframe_deletion"
    return "missense"


def stop_bases_go(old, new):
    """Whether the change cannot be written so that the last three bases stay."""
    return old[-3:] != new[-3:]
