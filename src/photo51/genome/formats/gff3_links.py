"""Which gene and transcript a record of a GFF3 file belongs to: by Parent, on the contig of the record.

An ID alone joins nothing but the lines of one feature: bacterial files give one ID to a CDS at two loci, gene
predictors an ID to each line of a CDS, and many files none.
"""

from __future__ import annotations

from dataclasses import replace

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.rules import is_transposon, role_of
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.genbank_links import NamedGenes

_PIECES = frozenset({"exon", "CDS", "UTR", "start", "stop", "U", "O"})
_PROTEINS = frozenset({"protein", "polypeptide", "translation"})
Lines = list[Feature]


def link_gff3(lines: Lines, assembler: Assembler) -> list[tuple[str, str]]:
    """Hand every record to the assembler; what is left out comes back with the reason.

    Parameters
    ----------
    lines
        Records in the order of the file, one part each.
    assembler
        Is filled.
    """
    return _Links(lines, assembler).link()


class _Links:
    def __init__(self, lines: Lines, assembler: Assembler):
        self.lines, self.assembler = lines, assembler
        self.left_out: list[tuple[str, str]] = []
        self.by_id: dict[str, Lines] = {}
        for f in lines:
            if f.attributes.get("ID"):
                self.by_id.setdefault(f.attributes["ID"], []).append(f)
        self.with_pieces = {p for f in lines if role_of(f.type) in {"exon", "CDS"} for p in _parents(f)}
        self.with_transcripts = {p for f in lines if role_of(f.type) == "transcript" for p in _parents(f)}
        self.others: dict[tuple, Lines] = {}
        genes: dict[str, Lines] = {}
        for f in lines:
            if role_of(f.type) == "gene":
                genes.setdefault(f.chrom, []).append(f)
        self.genes = {chrom: NamedGenes(features) for chrom, features in genes.items()}
        self.cistrons = self.several_genes()

    def link(self) -> list[tuple[str, str]]:
        for f in self.lines:
            role = self.role(f)
            if role == "gene":
                self.assembler.gene(self.gene_key(f), replace(f, group=_id(f)), _id(f))
            elif role == "transcript" and self.stands_alone(f):
                self.others.setdefault((f.chrom, f.type, _id(f) or f.where), []).append(f)
            elif role == "transcript":
                self.add_transcript(f)
                if role_of(f.type) == "other" and is_transposon(f.type):
                    # it has a gene's parts, and stays an element
                    self.others.setdefault((f.chrom, f.type, _id(f)), []).append(f)
            elif role in _PIECES:
                self.add_piece(f, role)
            elif role == "intron" and _parents(f):
                self.left_out.append(("introns, which follow from exons", f.where))
            else:
                key = (f.chrom, f.type, _id(f) or f.where)
                self.others.setdefault(key, []).append(f)
        for lines in self.others.values():
            self.assembler.others.append(_joined(lines))
        return self.left_out

    def role(self, f: Feature) -> str:
        """Role of a record; one of any other type is a transcript where exons or CDS name it their parent."""
        role = role_of(f.type)
        if role == "gene" and self.below_gene(f):
            # FlyBase's pseudogene of a gene, which has the exons
            return "transcript"
        if role != "other" or not _id(f) or f.type.lower() in _PROTEINS:
            return role
        if _id(f) in self.with_pieces:
            return "transcript"
        return "gene" if _id(f) in self.with_transcripts and f.type.lower() not in {"region", "operon"} else "other"

    def several_genes(self) -> dict[tuple, Lines]:
        """Transcript of several genes → the genes that its CDS derive from, as GFF3 writes a polycistronic one."""
        genes: dict[tuple, dict[str, Feature]] = {}
        for f in self.lines:
            if role_of(f.type) == "CDS" and f.attributes.get("Parent") and (gene := self.derived_from(f)) is not None:
                for parent in _stated_parents(f):
                    genes.setdefault((f.chrom, parent), {})[_id(gene)] = gene
        return {key: list(by_id.values()) for key, by_id in genes.items() if len(by_id) > 1}

    def derived_from(self, f: Feature) -> Feature | None:
        """The gene that a CDS says it derives from."""
        named = self.by_id.get(f.attributes.get("Derives_from", ""), [])
        return next((g for g in named if role_of(g.type) == "gene" and g.chrom == f.chrom), None)

    def below_gene(self, f: Feature) -> bool:
        """Whether a record's Parent is a gene record other than itself."""
        parents = (p for parent in _stated_parents(f) for p in self.by_id.get(parent, []))
        return any(role_of(p.type) == "gene" and _id(p) != _id(f) for p in parents)

    def pieces_of(self, f: Feature) -> tuple[str, ...]:
        """What a piece is part of: a protein (TAIR) or gene (Prokka) that is named beside its transcript is no second
        one.
        """
        parents = _parents(f)
        proteins = {
            p for p in parents if all(x.type.lower() in _PROTEINS for x in self.by_id.get(p, [])) and p in self.by_id
        }
        others = tuple(p for p in parents if p not in proteins)
        above_of = {p: self.parent(f, p, ("transcript", "gene")) for p in others} if len(others) > 1 else {}
        roles = {p: self.role(above) for p, above in above_of.items() if above is not None}
        if "transcript" in roles.values():
            others = tuple(p for p in others if roles.get(p) != "gene")
        return others or tuple(dict.fromkeys(q for p in parents for x in self.by_id[p] for q in _parents(x)))

    def stands_alone(self, f: Feature) -> bool:
        """Whether it is an mRNA with neither gene nor pieces, such as that of an operon."""
        lonely = not _parents(f) and _id(f) not in self.with_pieces and self.unlinked(f) is None
        return lonely and f.type.lower() in {"mrna", "transcript"}

    def gene_key(self, f: Feature) -> tuple:
        return (_contig(f), "gene", _id(f) or f.where)

    def parent(self, f: Feature, parent: str, roles: tuple[str, ...]) -> Feature | None:
        """The record that a Parent means: one of the roles in their order, on the contig of its child, around it if
        any is.
        """
        candidates = [p for p in self.by_id.get(parent, []) if p is not f]
        for role in roles:
            fitting = [p for p in candidates if self.role(p) == role and (p.chrom == f.chrom or not _contig(f))]
            if fitting:
                return next((p for p in fitting if _around(p.parts[0], f.parts[0])), fitting[0])
        return None

    def gene_of(self, f: Feature) -> tuple[tuple, Feature | None]:
        """Key of the gene of a transcript record, and its record."""
        for parent in _parents(f):
            if (gene := self.parent(f, parent, ("gene",))) is not None:
                return self.gene_key(gene), gene
            if (above := self.parent(f, parent, ("transcript",))) is not None and _id(above) != _id(f):
                return self.gene_of(above)
            if parent not in self.by_id:
                return (_contig(f), "gene", parent), None
        if (gene := self.unlinked(f)) is not None:
            return self.gene_key(gene), gene
        name = f.attributes.get("gene_id") or f.attributes.get("geneID") or f.attributes.get("locus_tag")
        return (_contig(f), "gene of", name or _id(f) or f.where), None

    def unlinked(self, f: Feature) -> Feature | None:
        """The gene record that a record without Parent goes with: of its locus_tag or name around it, or in its
        place.
        """
        genes = self.genes.get(f.chrom)
        gene = genes.find(f) if genes is not None else None
        return gene if gene is not None and gene.strand in {f.strand, "."} else None

    def add_transcript(self, f: Feature) -> None:
        shared = self.cistrons.get((f.chrom, _id(f)), [])
        for one in shared:
            transcript_key = (*_transcript_key(f), _id(one))
            self.assembler.transcript(self.gene_key(one), transcript_key, replace(f, group=_id(f)), _transcript_name(f))
        if shared:
            return
        key, gene = self.gene_of(f)
        self.assembler.gene(key, name=_id(gene) if gene is not None else "")
        if gene is None and key[1] == "gene":
            self.assembler.gene(key, name=key[2])
        self.assembler.transcript(key, _transcript_key(f), replace(f, group=_id(f)), _transcript_name(f))

    def add_piece(self, f: Feature, role: str) -> None:
        parents = self.pieces_of(f)
        feature = replace(f, group=_id(f))
        if not parents:
            self.add_orphan(feature, role)
        for parent in parents:
            above = self.parent(f, parent, ("transcript", "gene"))
            if above is None and (piece := self.parent(f, parent, ("CDS", "exon"))) is not None:
                # a start or stop codon below its CDS, a CDS below its exon
                self.add_piece(
                    replace(f, attributes={**f.attributes, "Parent": piece.attributes.get("Parent", "")}),
                    role,
                )
            elif above is None:
                key = (_contig(f), "gene of", parent)
                self.assembler.gene(key, name=f.attributes.get("gene_id", ""))
                self.assembler.transcript(key, (*key, "t"), name=parent)
                self.assembler.piece(key, (*key, "t"), role, feature)
            elif shared := self.cistrons.get((above.chrom, _id(above))):
                origin = self.derived_from(f) if role == "CDS" else None
                for gene in shared if origin is None else [origin]:
                    self.assembler.piece(self.gene_key(gene), (*_transcript_key(above), _id(gene)), role, feature)
            elif self.role(above) == "transcript":
                key, _ = self.gene_of(above)
                self.assembler.piece(key, _transcript_key(above), role, feature)
            else:
                key = self.gene_key(above)
                if role == "CDS":
                    self.assembler.transcript(key, (*key, "direct"), name=_id(f))
                self.assembler.piece(key, (*key, "direct"), role, feature)

    def add_orphan(self, f: Feature, role: str) -> None:
        """A piece without a parent: a CDS is a gene of its own, an exon or UTR an interval."""
        if role == "CDS":
            name = _id(f)
            key = (_contig(f), "CDS", name or f.where)
            if (gene := self.unlinked(f)) is not None:
                key = self.gene_key(gene)
            self.assembler.gene(key, name=name)
            self.assembler.transcript(key, (*key, "direct"), name=name)
            self.assembler.piece(key, (*key, "direct"), role, f)
        elif role in {"start", "stop"} and _id(f):
            self.others.setdefault((f.chrom, f.type, f.where), []).append(f)
        else:
            self.others.setdefault((f.chrom, f.type, _id(f) or f.where), []).append(f)


def _id(f: Feature | None) -> str:
    return f.attributes.get("ID", "") if f is not None else ""


def _stated_parents(f: Feature) -> tuple[str, ...]:
    return tuple(p.replace("\0", ",") for p in f.attributes.get("Parent", "").split(",") if p)


def _parents(f: Feature) -> tuple[str, ...]:
    text = f.attributes.get("Parent") or f.attributes.get("Derives_from", "")
    return tuple(p.replace("\0", ",") for p in text.split(",") if p)


def _contig(f: Feature) -> str:
    """The contig that parts have to share; any, where the file says that a gene is spliced across contigs."""
    return "" if "trans-splic" in f.attributes.get("exception", "") else f.chrom


def _transcript_key(f: Feature) -> tuple:
    return (_contig(f), "transcript", _id(f) or f.where)


def _transcript_name(f: Feature) -> str:
    return _id(f) or f.attributes.get("transcript_id") or f.attributes.get("Name", "")


def _around(parent: Part, child: Part) -> bool:
    return parent.start <= child.start and child.end <= parent.end


def _joined(lines: Lines) -> Feature:
    """One feature of the lines that share an ID and a type."""
    first = lines[0]
    name = next(
        (
            first.attributes[k]
            for k in ("gene", "gene_name", "Name", "locus_tag", "gene_id", "Note", "ID")
            if first.attributes.get(k)
        ),
        "",
    )
    parts = sorted(p._replace(frame=-1) for f in lines for p in f.parts)
    if parts[0].strand == "-":
        parts.reverse()
    return replace(first, parts=tuple(parts), name=name, group=_id(first) or f"{first.type}_{first.where}")
