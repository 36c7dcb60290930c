"""The one model of genes that every annotation file is read into: gene, transcripts, and their parts in reading order.

A reader says which record is a gene, which a transcript, and which piece belongs to which transcript; `Assembler` does
the rest for all of them: it puts pieces in reading order, joins stop codons, fills in exons, tells apart what one
identifier calls by one name at two places, and gives everything of a gene one name. Contigs, lengths and bases come
later (`photo51.genome.annotation.coding`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.rules import biotype, is_pseudo, is_transposon, role_of

SHORTEST_INTRON = 10
_SYMBOLS = ("gene", "gene_name", "gene_symbol", "symbol", "Name")
_GENE_SYMBOLS = (*_SYMBOLS[:-1], "locus", "Name")  # WormBase has the symbol as locus, the identifier as Name
# transcripts of coding genes that make neither a protein nor an RNA of their own (GENCODE)
_UNPRODUCTIVE = frozenset(
    [
        "retained_intron",
        "protein_coding_cds_not_defined",
        "protein_coding_lof",
        "nonsense_mediated_decay",
        "non_stop_decay",
        "artifact",
        "ambiguous_orf",
        "aberrant_processed_transcript",
    ]
)
_TAGS = ("locus_tag", "gene_id", "standard_name", "label")
_OF_PRODUCT = ("gene", "gene_name", "gene_symbol", "symbol", "locus_tag", "gene_id")


@dataclass(frozen=True)
class Gene:
    """A gene: what its record says, or what its transcripts imply.

    Attributes
    ----------
    id
        Identifier, unique within what was read together.
    name
        Gene symbol, else locus tag, else identifier, else product.
    chrom
        Contig.
    parts
        Where its records put it; empty where there is none, so that it spans its transcripts.
    pseudo
        Whether it is broken.
    attributes
        Whatever its record says, else what its transcripts say.
    where
        File and line.
    type
        What the file calls it.
    """

    id: str
    name: str
    chrom: str
    parts: tuple[Part, ...] = ()
    pseudo: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    type: str = "gene"
    ordered: bool = False


@dataclass(frozen=True)
class Transcript:
    """A transcript.

    Attributes
    ----------
    id
        Identifier, unique within what was read together.
    name
        What the file calls it.
    gene
        Identifier of its gene.
    gene_name
        Name of its gene.
    chrom
        Contig of its first part.
    exons, cds
        Parts in reading order; frames of `cds` are the stated ones (-1: none) until it is placed.
    biotype
        protein_coding, tRNA, rRNA, ncRNA, pseudogene; empty where the file does not say and nothing is coded.
    attributes
        Of its CDS, then of its own record.
    where
        File and line of its first record.
    ordered
        Whether the file states the reading order of the parts.
    marked
        Amino acids that records of their own give to codons: (part, letter).
    begins
        Whether a record says that a start codon was seen (None: the file has no such records).
    genetic_code, partial_5, partial_3, recoded
        As in the contract `TRANSCRIPTS`, once it is placed.
    score
        Of its CDS, else of its record.
    stated_exons
        Whether there are records of its exons.
    """

    id: str
    name: str
    gene: str
    gene_name: str
    chrom: str
    exons: tuple[Part, ...]
    cds: tuple[Part, ...] = ()
    biotype: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    ordered: bool = False
    marked: tuple[tuple[Part, str], ...] = ()
    begins: bool | None = None
    genetic_code: int = 0
    partial_5: bool = False
    partial_3: bool = False
    recoded: str = ""
    score: float = float("nan")
    stated_exons: bool = False

    def feature(self, parts: tuple[Part, ...]) -> Feature:
        """Some of its parts as a feature of the gene's name."""
        return Feature(
            self.chrom,
            self.biotype,
            parts,
            self.gene_name,
            self.id,
            (),
            self.attributes,
            self.score,
            self.where,
            self.ordered,
        )


class Model(NamedTuple):
    """What annotation files say: genes, transcripts, and the features that are neither."""

    genes: list[Gene]
    transcripts: list[Transcript]
    others: list[Feature]


class TranscriptPiece(NamedTuple):
    """A part of a transcript, as one record gives it."""

    role: str
    group: str
    part: Part
    number: str
    attributes: Mapping[str, str]
    where: str
    score: float
    ordered: bool = False


@dataclass
class _Draft:
    key: tuple
    name: str = ""
    lines: list[Feature] = field(default_factory=list)
    pieces: list[TranscriptPiece] = field(default_factory=list)
    chrom: str = ""


@dataclass
class _GeneDraft:
    key: tuple
    name: str = ""
    lines: list[Feature] = field(default_factory=list)
    drafts: dict[tuple, _Draft] = field(default_factory=dict)


class Assembler:
    """Collects genes, transcripts and pieces in the order of a file, and puts them together.

    Keys are the reader's: two pieces belong to one transcript where the reader gives them one key.
    """

    def __init__(self) -> None:
        self._genes: dict[tuple, _GeneDraft] = {}
        self._starts = False
        self.others: list[Feature] = []
        self.notes: list[tuple[str, str]] = []

    def gene(self, key: tuple, feature: Feature | None = None, name: str = "") -> None:
        """A gene, or another record of it."""
        draft = self._genes.setdefault(key, _GeneDraft(key))
        draft.name = draft.name or name
        if feature is not None and not _repeated(feature, draft.lines):
            draft.lines.append(feature)

    def transcript(self, gene: tuple, key: tuple, feature: Feature | None = None, name: str = "") -> None:
        """A transcript of a gene, or another record of it."""
        draft = self._draft(gene, key)
        draft.name = draft.name or name
        if feature is not None and not _repeated(feature, draft.lines):
            draft.lines.append(feature)
            draft.chrom = draft.chrom or feature.chrom

    def piece(self, gene: tuple, key: tuple, role: str, feature: Feature) -> None:
        """A piece of a transcript: role exon, CDS, UTR, start, stop, or a letter for a codon read as that amino
        acid.
        """
        draft = self._draft(gene, key)
        draft.chrom = draft.chrom or feature.chrom
        self._starts |= role == "start"
        number = feature.attributes.get("exon_number") or feature.attributes.get("part", "").partition("/")[0].strip()
        for part in feature.parts:
            placed = part if part.chrom or feature.chrom == draft.chrom else part._replace(chrom=feature.chrom)
            draft.pieces.append(
                TranscriptPiece(
                    role,
                    feature.group,
                    placed,
                    number,
                    feature.attributes,
                    feature.where,
                    feature.score,
                    feature.ordered,
                )
            )

    def _draft(self, gene: tuple, key: tuple) -> _Draft:
        self.gene(gene)
        return self._genes[gene].drafts.setdefault(key, _Draft(key))

    def finish(self) -> Model:
        """Everything that was collected."""
        genes: list[Gene] = []
        transcripts: list[Transcript] = []
        unique_gene, unique_transcript = Unique(), Unique()
        for draft in self._genes.values():
            transcripts_of_gene = [t for d in draft.drafts.values() for t in self._transcripts(d)]
            for lines, members in _gene_loci(draft.lines, transcripts_of_gene):
                gene = _gene(draft, lines, members, unique_gene)
                named = [_named(t, gene, unique_transcript) for t in members] or _implied(gene, unique_transcript)
                genes.append(gene)
                transcripts += named
        return Model(genes, transcripts, self.others)

    def _transcripts(self, draft: _Draft) -> list[Transcript]:
        pieces = _distinct(draft.pieces)
        out = []
        for lines, pieces_of_one in _transcript_loci(draft.lines, pieces):
            groups = _overlapping_groups(pieces_of_one)
            if len(groups) > 1:
                self.notes.append(("several coding sequences that overlap in one transcript", pieces_of_one[0].where))
            out += [self._transcript(draft, lines, g) for g in groups]
        if len(out) > 1 and len(draft.lines) != 1:
            self.notes.append((f"one identifier at several places ({draft.name})", out[0].where))
        return out

    def _transcript(self, draft: _Draft, lines: list[Feature], pieces: list[TranscriptPiece]) -> Transcript:
        ordered = any(
            trans_spliced(a) for a in (*(f.attributes for f in lines), *(p.attributes for p in pieces))
        ) or any([*(f.ordered for f in lines), *(p.ordered for p in pieces)])
        by_role: dict[str, list[TranscriptPiece]] = {}
        for p in pieces:
            by_role.setdefault(p.role, []).append(p)
        cds = _in_order(by_role.get("CDS", []), ordered=ordered)
        exons = _in_order(by_role.get("exon", []), ordered=ordered)
        utr = [p.part._replace(frame=-1) for p in by_role.get("UTR", [])]
        line_parts = tuple(p._replace(frame=-1) for f in lines for p in f.parts)
        stops = _in_order(by_role.get("stop", []), ordered=ordered)
        if cds and stops:
            cds = with_stop(cds, stops)
        first = lines[0] if lines else None
        attributes: dict[str, str] = {}
        for a in (
            *(p.attributes for p in by_role.get("CDS", [])[:1]),
            *(f.attributes for f in lines[:1]),
            *(p.attributes for p in pieces[:1]),
        ):
            attributes = {**a, **attributes}
        kind = first.type if first is not None else ""
        bare = tuple(p._replace(frame=-1) for p in cds)
        if exons:
            parts = exons if _covered(bare, exons) else merged_parts((*exons, *bare), ordered=ordered)
        elif cds:
            parts = merged_parts((*bare, *utr), ordered=ordered)
        else:
            parts = tuple(utr) or (line_parts if len(line_parts) < 2 or ordered else _sorted(line_parts))
        source = pieces[0] if pieces else None
        return Transcript(
            id="",
            name=draft.name,
            gene="",
            gene_name="",
            chrom=first.chrom if first is not None else draft.chrom,
            exons=parts,
            cds=cds,
            biotype=_biotype(kind, attributes, coding=bool(cds)),
            attributes=attributes,
            where=first.where if first is not None else source.where if source else "",
            ordered=ordered,
            marked=tuple((p.part, p.role) for p in pieces if len(p.role) == 1),
            stated_exons=bool(exons),
            begins=bool(by_role.get("start")) if self._starts and cds else None,
            score=next((p.score for p in by_role.get("CDS", [])), first.score if first is not None else float("nan")),
        )


class Unique:
    """Identifiers that differ: the second of a name gets `#2`."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        """The name, or the name with a number where it was given before."""
        n = self._seen[name] = self._seen.get(name, 0) + 1
        if n == 1:
            return name
        return self(f"{name}#{n}")


def merged_parts(parts: Iterable[Part], *, ordered: bool) -> tuple[Part, ...]:
    """Exons from coding bases and UTRs: parts of one strand that touch, overlap, or lie closer than an intron, as
    one.
    """
    out: list[Part] = []
    whole = tuple(parts)
    for part in whole if ordered else _sorted(whole):
        if out and out[-1].strand == part.strand and out[-1].chrom == part.chrom:
            last = out[-1]
            gap = part.start - last.end if part.strand != "-" else last.start - part.end
            if -(last.end - last.start) <= gap < SHORTEST_INTRON:
                out[-1] = last._replace(start=min(last.start, part.start), end=max(last.end, part.end))
                continue
        out.append(part)
    return tuple(out)


def with_stop(cds: tuple[Part, ...], stops: Sequence[Part]) -> tuple[Part, ...]:
    """A CDS with the stop codon that stands outside of it; the stop codon may be split by an intron."""
    if any(s.start < p.end and p.start < s.end and s.chrom == p.chrom for s in stops for p in cds):
        return cds
    parts = list(cds)
    for stop in stops:
        touching = next((i for i, p in enumerate(parts) if _follows(stop, p)), None)
        last = parts[-1]
        if touching is not None:
            end_part = parts[touching]
            parts[touching] = end_part._replace(start=min(end_part.start, stop.start), end=max(end_part.end, stop.end))
        elif (stop.strand, stop.chrom) == (last.strand, last.chrom) and (
            stop.start >= last.end if stop.strand == "+" else stop.end <= last.start
        ):
            parts.append(stop)
    return tuple(parts)


def _follows(stop: Part, part: Part) -> bool:
    """Whether a part touches the end of another one, in reading direction."""
    if (stop.strand, stop.chrom) != (part.strand, part.chrom):
        return False
    return stop.end == part.start if part.strand == "-" else stop.start == part.end


def _repeated(feature: Feature, lines: Sequence[Feature]) -> bool:
    return any(f.parts == feature.parts and f.chrom == feature.chrom for f in lines)


def _distinct(pieces: Iterable[TranscriptPiece]) -> list[TranscriptPiece]:
    keys: set[tuple] = set()
    out = []
    for p in pieces:
        key = (p.role, p.part[:3], p.part.chrom, p.group if p.role == "CDS" else "")
        if key not in keys:
            keys.add(key)
            out.append(p)
    return out


def trans_spliced(attributes: Mapping[str, str]) -> bool:
    """Whether a record says that its parts come from several transcripts."""
    text = f"{attributes.get('exception', '')} {attributes.get('Note', '')} {attributes.get('note', '')}".lower()
    return "trans-splic" in text or "trans_splic" in text or "trans_splicing" in attributes


def _sorted(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts by place, in the direction of the first one's strand."""
    whole = tuple(parts)
    if whole and whole[0].strand == "-":
        return tuple(sorted(whole, key=lambda p: (-p.end, -p.start)))
    return tuple(sorted(whole, key=lambda p: (p.start, p.end)))


def _in_order(pieces: Sequence[TranscriptPiece], *, ordered: bool) -> tuple[Part, ...]:
    parts = tuple(p.part if p.role in {"CDS", "stop"} else p.part._replace(frame=-1) for p in pieces)
    if ordered or len({p.strand for p in parts}) > 1 or len({p.chrom for p in parts}) > 1:
        numbers = [p.number for p in pieces]
        if all(n.isdigit() for n in numbers) and len(set(numbers)) == len(numbers):
            return tuple(part for _, part in sorted(zip(map(int, numbers), parts, strict=True)))
        return parts
    return _sorted(parts)


def _covered(cds: Iterable[Part], exons: Sequence[Part]) -> bool:
    return all(any(e.start <= c.start and c.end <= e.end and e.chrom == c.chrom for e in exons) for c in cds)


def _inside(part: Part, line: Feature) -> bool:
    return any(p.start <= part.start and part.end <= p.end and p.strand in {part.strand, "."} for p in line.parts)


def _stated_in_parts(lines: Sequence[Feature]) -> bool:
    """Whether several lines say that they are parts of one feature."""
    return any(f.attributes.get("part") or f.attributes.get("is_ordered") or trans_spliced(f.attributes) for f in lines)


def _transcript_loci(
    lines: list[Feature], pieces: list[TranscriptPiece]
) -> list[tuple[list[Feature], list[TranscriptPiece]]]:
    """Transcripts that share a key, each with its lines and pieces."""
    if len(lines) > 1 and not _stated_in_parts(lines) and _separate(lines, [p.part for p in pieces]):
        out = [(line, [p for p in pieces if _inside(p.part, line)]) for line in lines]
        claimed = {id(p) for _, members in out for p in members}
        out[0][1].extend(p for p in pieces if id(p) not in claimed)
        return [([line], members) for line, members in out]
    if len({p.part.strand for p in pieces} - {"."}) > 1 and not _one_on_both_strands(lines, pieces):
        strands = sorted({p.part.strand for p in pieces}, key=[p.part.strand for p in pieces].index)
        return [([f for f in lines if f.strand == s], [p for p in pieces if p.part.strand == s]) for s in strands]
    return [(lines, pieces)]


def _one_on_both_strands(lines: Sequence[Feature], pieces: Sequence[TranscriptPiece]) -> bool:
    """Whether parts on both strands are one transcript: the file says so, counts its exons through, or gives one ID."""
    if any(trans_spliced(a) for a in (*(f.attributes for f in lines), *(p.attributes for p in pieces))) or any(
        [*(f.ordered for f in lines), *(p.ordered for p in pieces)]
    ):
        return True
    coding = [p for p in pieces if p.role == "CDS"] or [p for p in pieces if p.role == "exon"]
    numbers = [p.number for p in coding]
    if all(numbers):
        return len(set(numbers)) == len(numbers)
    return len({p.group for p in coding}) == 1 and bool(coding[0].group)


def _separate(lines: Sequence[Feature], parts: Sequence[Part]) -> bool:
    """Whether lines of one identifier are loci of their own, not the pieces of one discontinuous feature."""
    if len({f.strand for f in lines}) > 1:
        return True
    for f in lines:
        inside = _sorted(p for p in parts if _inside(p, f))
        if any(not (a.start < b.end and b.start < a.end) for a, b in pairwise(inside)):
            return True
    return any(_inside(p, f) for i, f in enumerate(lines) for g in lines[i + 1 :] for p in g.parts)


def _overlapping_groups(pieces: list[TranscriptPiece]) -> list[list[TranscriptPiece]]:
    """Coding sequences that one parent has under identifiers of their own; those that do not overlap are one."""
    coding: dict[str, list[TranscriptPiece]] = {}
    for p in pieces:
        if p.role == "CDS":
            coding.setdefault(p.group, []).append(p)
    if len(coding) < 2:
        return [pieces]
    named = list(coding.values())
    proteins = {a for group in coding.values() if (a := group[0].attributes.get("protein_id"))}
    if len(proteins) < 2 and not any(
        p.part.start < q.part.end and q.part.start < p.part.end and p.part.chrom == q.part.chrom
        for i, a in enumerate(named)
        for b in named[i + 1 :]
        for p in a
        for q in b
    ):
        return [pieces]
    rest = [p for p in pieces if p.role != "CDS"]
    return [[*group, *(p for p in rest if _near(p, group))] for group in named]


def _near(piece: TranscriptPiece, coding: Sequence[TranscriptPiece]) -> bool:
    """Stop codons go with the CDS they end; exons with all."""
    if piece.role not in {"stop", "start"}:
        return True
    return any(
        (piece.part.start <= c.part.end and c.part.start <= piece.part.end) or piece.group == c.group for c in coding
    )


def _gene_loci(lines: list[Feature], members: list[Transcript]) -> list[tuple[list[Feature], list[Transcript]]]:
    if not members:
        return [(lines, [])] if lines else []
    if not lines:
        return [([], group) for group in _clusters(members)]
    if len(lines) == 1 or _stated_in_parts(lines):
        return [(lines, members)]
    whole = [[t for t in members if all(_inside(p, f) for p in t.exons)] for f in lines]
    if not all(whole):
        return [(lines, members)]
    claimed = {id(t) for group in whole for t in group}
    whole[0] += [t for t in members if id(t) not in claimed]
    return [([f], group) for f, group in zip(lines, whole, strict=True)]


def _clusters(members: list[Transcript]) -> list[list[Transcript]]:
    """Transcripts of one gene identifier that overlap on one strand; those of two strands or far apart are two
    genes.
    """
    if len(members) == 1:
        return [members]
    out: list[tuple[tuple, int, list[Transcript]]] = []

    def place(t: Transcript) -> tuple:
        mixed = len({p.strand for p in t.exons}) > 1
        return t.chrom, "both" if mixed else t.exons[0].strand if t.exons else "."

    for t in sorted(members, key=lambda t: (place(t), min((p.start for p in t.exons), default=0))):
        start, end = min((p.start for p in t.exons), default=0), max((p.end for p in t.exons), default=0)
        if out and out[-1][0] == place(t) and start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end), [*out[-1][2], t])
        else:
            out.append((place(t), end, [t]))
    order = {id(t): i for i, t in enumerate(members)}
    return sorted((cluster for _, _, cluster in out), key=lambda cluster: min(order[id(t)] for t in cluster))


def _gene(draft: _GeneDraft, lines: list[Feature], members: list[Transcript], unique: Unique) -> Gene:
    attributes: dict[str, str] = {}
    for f in lines:
        attributes = {**f.attributes, **attributes}
    extended = dict(attributes)
    for t in members:
        extended = {
            **{k: v for k, v in t.attributes.items() if not lines or k in _OF_PRODUCT or k == "product"},
            **extended,
        }
    coding = any(t.cds for t in members)
    pseudo = any(
        is_pseudo(f.attributes) or "pseudogen" in f.type.lower() or (is_transposon(f.type) and not coding)
        for f in lines
    ) or (bool(members) and all(t.biotype == "pseudogene" for t in members))
    parts = tuple(p._replace(frame=-1) for f in lines for p in f.parts)
    ordered = any(f.ordered for f in lines) or _stated_in_parts(lines)
    first = lines[0] if lines else None
    fallback = draft.name or (members[0].name if members else "")
    name = _name(attributes, [t.attributes for t in members], fallback)
    return Gene(
        id=unique(draft.name or name or (members[0].name if members else "") or "gene"),
        name=name,
        chrom=first.chrom if first is not None else members[0].chrom,
        parts=parts if ordered or len(parts) < 2 else _sorted(parts),
        pseudo=pseudo,
        attributes=extended,
        where=first.where if first is not None else members[0].where,
        type=first.type if first is not None else "gene",
        ordered=ordered,
    )


def _name(record: Mapping[str, str], transcripts: Iterable[Mapping[str, str]], fallback: str) -> str:
    """Symbol of the gene's record, else of its transcripts; else locus tag, identifier, and at last product."""
    below = list(transcripts)
    for attributes, keys in (
        (record, _GENE_SYMBOLS),
        *((a, _SYMBOLS[:-1]) for a in below),
        (record, _TAGS),
        *((a, (*_TAGS, "Name")) for a in below),
    ):
        for key in keys:
            if attributes.get(key):
                return attributes[key]
    return fallback or next((a[k] for a in (record, *below) for k in ("protein_id", "product") if a.get(k)), "")


def _named(t: Transcript, gene: Gene, unique: Unique) -> Transcript:
    name = t.name
    kind = "pseudogene" if gene.pseudo else t.biotype
    stated = t.attributes.get("transcript_biotype") or t.attributes.get("transcript_type") or biotype(t.attributes)
    if stated == "processed_transcript" and biotype(gene.attributes) == "protein_coding" and not t.cds:
        kind = ""
    if not kind and not t.cds:
        kind = _biotype(gene.type, gene.attributes, coding=False)
    return replace(
        t,
        id=unique(name or gene.id),
        name=name,
        gene=gene.id,
        gene_name=gene.name,
        biotype=kind,
        attributes={**{k: v for k, v in gene.attributes.items() if k == "product"}, **t.attributes},
    )


def _implied(gene: Gene, unique: Unique) -> list[Transcript]:
    """The transcript of a gene that stands alone and whose product is RNA, or that is broken."""
    kind = "pseudogene" if gene.pseudo else _biotype(gene.type, gene.attributes, coding=False)
    if not kind or not gene.parts:
        return []
    return [
        Transcript(
            unique(gene.id),
            "",
            gene.id,
            gene.name,
            gene.chrom,
            gene.parts,
            biotype=kind,
            attributes=gene.attributes,
            where=gene.where,
            ordered=gene.ordered,
        )
    ]


def _biotype(kind: str, attributes: Mapping[str, str], *, coding: bool) -> str:
    """protein_coding, tRNA, rRNA, ncRNA, pseudogene, or nothing."""
    stated = attributes.get("transcript_biotype") or attributes.get("transcript_type") or biotype(attributes)
    if is_pseudo(attributes) or "pseudogen" in stated.lower() or "pseudogen" in kind.lower():
        return "pseudogene"
    if coding:
        return "protein_coding"
    if is_transposon(kind) or is_transposon(stated):
        return "pseudogene"
    if stated.lower() in _UNPRODUCTIVE:
        return ""
    low = kind.lower().replace("-", "_")
    if low in {"", "gene", "transcript", "mrna", "cds", "exon", "primary_transcript"} or role_of(low) != "transcript":
        low = stated.lower() if stated or not low.endswith("_gene") else low.removesuffix("_gene")
    if low in {
        "",
        "gene",
        "transcript",
        "mrna",
        "cds",
        "exon",
        "protein_coding",
        "protein",
        "none",
        "unknown",
        "orf",
    }:
        return ""
    if low.endswith("trna"):
        return "tRNA"
    if low.endswith("rrna"):
        return "rRNA"
    return "" if low.endswith(("gene", "_segment")) else "ncRNA"
