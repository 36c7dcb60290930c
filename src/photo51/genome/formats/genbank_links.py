"""Which features of a GenBank record are one gene: by locus_tag, else gene, else place; and which mRNA a CDS lies
in.
"""

from __future__ import annotations

import itertools

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.rules import role_of
from photo51.genome.annotation.transcripts import Assembler

_RNA_PIECES = frozenset({"exon", "intron", "UTR"})


def link_genbank(features: list[Feature], assembler: Assembler) -> list[tuple[str, str]]:
    """Hand the features of a record to the assembler; what is left out comes back with the reason.

    Parameters
    ----------
    features
        Features of one record, in its order.
    assembler
        Is filled.
    """
    genes = NamedGenes([f for f in features if role_of(f.type) == "gene"])
    left_out: list[tuple[str, str]] = []
    transcripts: dict[tuple, list[Feature]] = {}
    coding: dict[tuple, list[Feature]] = {}
    pieces: list[Feature] = []
    for f in features:
        role = role_of(f.type)
        if role == "gene":
            assembler.gene(genes.key(f), f, _tag(f))
        elif role == "CDS":
            coding.setdefault(genes.of(f), []).append(f)
        elif role == "transcript" and f.type == "mRNA" and not genes.known(f) and not _tag(f):
            # of a whole operon, as records of phages have them: the genes are its CDS
            assembler.others.append(f)
        elif role == "transcript":
            transcripts.setdefault(genes.of(f), []).append(f)
        elif role in _RNA_PIECES and genes.known(f):
            pieces.append(f)
        else:
            assembler.others.append(f)
    for f in pieces:
        if genes.of(f) in transcripts or genes.of(f) in coding:
            left_out.append(("exons, introns and UTRs, which follow from CDS and RNA features", f.where))
        else:
            assembler.others.append(f)
    for key in dict.fromkeys((*transcripts, *coding)):
        _gene(assembler, key, transcripts.get(key, []), coding.get(key, []))
    return left_out


def _gene(assembler: Assembler, key: tuple, rna: list[Feature], coding: list[Feature]) -> None:
    first = (rna or coding)[0]
    assembler.gene(key, name=_tag(first))
    free = list(rna)
    for cds in coding:
        fitting = next((f for f in free if f.type == "mRNA" and _within(cds, f)), None)
        name = cds.attributes.get("protein_id") or cds.group
        if fitting is None:
            assembler.transcript(key, (*key, cds.group), name=name)
            assembler.piece(key, (*key, cds.group), "CDS", cds)
            continue
        free.remove(fitting)
        _transcript(assembler, key, fitting)
        assembler.piece(key, (*key, fitting.group), "CDS", cds)
    for f in free:
        _transcript(assembler, key, f)


def _transcript(assembler: Assembler, key: tuple, f: Feature) -> None:
    name = f.attributes.get("transcript_id") or f.group
    assembler.transcript(key, (*key, f.group), f, name)
    assembler.piece(key, (*key, f.group), "exon", f)


def _within(cds: Feature, rna: Feature) -> bool:
    """Whether a CDS lies in an RNA whose introns it shares."""
    if len(cds.parts) > len(rna.parts) or any(p.strand != rna.parts[0].strand for p in (*cds.parts, *rna.parts)):
        return False
    for shift in range(len(rna.parts) - len(cds.parts) + 1):
        exons = rna.parts[shift : shift + len(cds.parts)]
        if all(e.start <= c.start and c.end <= e.end for c, e in zip(cds.parts, exons, strict=True)):
            inner = [(c, e) for c, e in zip(cds.parts, exons, strict=True)]
            return all(_joined_alike(a, b) for a, b in itertools.pairwise(inner))
    return False


def _joined_alike(a: tuple[Part, Part], b: tuple[Part, Part]) -> bool:
    if a[0].strand == "-":
        return a[0].start == a[1].start and b[0].end == b[1].end
    return a[0].end == a[1].end and b[0].start == b[1].start


def _tag(f: Feature) -> str:
    return f.attributes.get("locus_tag") or f.attributes.get("gene") or ""


class NamedGenes:
    """Gene features of a record, found by what names them."""

    def __init__(self, genes: list[Feature]):
        self.genes = genes
        self.by_name: dict[tuple[str, str], list[Feature]] = {}
        self.by_place: dict[tuple[Part, ...], Feature] = {}
        for f in genes:
            self.by_place.setdefault(_bare(f), f)
            for kind in ("locus_tag", "gene"):
                if f.attributes.get(kind):
                    self.by_name.setdefault((kind, f.attributes[kind]), []).append(f)
        self._implied: dict[tuple, tuple[tuple, int]] = {}

    def key(self, f: Feature) -> tuple:
        """Key of a gene feature."""
        return (f.chrom, f.group)

    def find(self, f: Feature) -> Feature | None:
        """The gene feature that a feature belongs to, by locus_tag, gene, or place."""
        for kind in ("locus_tag", "gene"):
            namesakes = self.by_name.get((kind, f.attributes.get(kind, "")), [])
            around = [g for g in namesakes if _covers(g, f)]
            if around:
                return around[0]
            if len(namesakes) == 1 and kind == "locus_tag":
                return namesakes[0]
        named = f.attributes.get("locus_tag") or f.attributes.get("gene")
        return None if named else self.by_place.get(_bare(f))

    def known(self, f: Feature) -> bool:
        """Whether there is a gene feature for it."""
        return self.find(f) is not None

    def of(self, f: Feature) -> tuple:
        """Key of the gene of a feature; features of one name that overlap share a gene that has no feature of its
        own.
        """
        gene = self.find(f)
        if gene is not None:
            return self.key(gene)
        name = _tag(f)
        if not name:
            return (f.chrom, f.group)
        key = (f.chrom, "implied", name, f.parts[0].strand)
        first, end = self._implied.get(key, ((*key, f.group), -1))
        start, own_end = min(p.start for p in f.parts), max(p.end for p in f.parts)
        if end >= 0 and start > end:
            first = (*key, f.group)
        self._implied[key] = (first, max(end, own_end))
        return first


def _bare(f: Feature) -> tuple[Part, ...]:
    return tuple(p._replace(frame=-1) for p in f.parts)


def _covers(gene: Feature, f: Feature) -> bool:
    """Whether a gene feature's span holds a feature; one whose parts go round the origin is held part by part."""
    starts = [p.start for p in gene.parts]
    rising = sorted(starts, reverse=gene.strand == "-") == starts
    places = [(min(starts), max(p.end for p in gene.parts))] if rising else [p[:2] for p in gene.parts]
    return all(any(s <= p.start and p.end <= e for s, e in places) for p in f.parts if not p.chrom)
