"""The files of one genome, read together: contigs one at a time, each with the genes and features that lie on it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from photo51.genome.annotation.coding import JudgedCoding, judge_coding, place_transcript, spliced
from photo51.genome.annotation.copies import split_copies, without_copies
from photo51.genome.annotation.features import Feature, place_feature
from photo51.genome.annotation.genetic_codes import MITOCHONDRIAL, choose_code, doubted
from photo51.genome.annotation.open_frames import as_long_by_chance
from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.annotation.transcripts import Assembler, Gene, Model, Transcript, Unique
from photo51.genome.formats.bed import holds_genes, read_bed, read_bed_genes
from photo51.genome.formats.fasta import Record, parse_fasta, read_fasta
from photo51.genome.formats.genbank import Flat, read_genbank
from photo51.genome.formats.genbank_links import link_genbank
from photo51.genome.formats.gene_pred import is_gene_pred, read_gene_pred
from photo51.genome.formats.gene_table import read_gene_table
from photo51.genome.formats.gff import Annotation, parse_line, read_gff
from photo51.genome.formats.pieces import assemble
from photo51.genome.preparation.annotation_contigs import Circle, Fits, Names
from photo51.genome.preparation.samples import GenomeRow
from photo51.genome.text import data_lines, open_text, unpacked_name
from photo51.types import InputError

_GFF_COLUMNS = 9
_LOOKED_AT = 200
_TITLE_CIRCULAR = re.compile(
    r"(?:^|[\s\[;|])(?:circular\s*=\s*(true|false|yes|no|y|n)|topology\s*=\s*(?=circular|linear)(\w+))", re.IGNORECASE
)
_IS_CIRCULAR = re.compile(r'(?:^|[;\s])Is_circular(?:=|\s+"?)(?i:true)\b')


class Contig(NamedTuple):
    """A contig with what the files say about it.

    Attributes
    ----------
    record
        Name, bases, soft mask.
    circular
        Whether the last base is followed by the first.
    genetic_code
        NCBI translation table.
    features
        Placed features that are no genes: inside the contig, split where they cross its origin.
    genes
        Placed genes.
    judged
        Placed transcripts, frames and genetic codes chosen, with how they translate.
    """

    record: Record
    circular: bool
    genetic_code: int
    features: list[Feature]
    genes: tuple[Gene, ...] = ()
    judged: tuple[JudgedCoding, ...] = ()

    @property
    def transcripts(self) -> list[Transcript]:
        """Placed transcripts."""
        return [j.transcript for j in self.judged]


def settled(record: Record, model: Model, *, circular: bool, genetic_code: int) -> Contig:
    """A contig from its sequence and its model: everything placed, frames chosen.

    Raises
    ------
    InputError
        For a feature outside of the contig.
    """
    length = len(record.ids)
    genes = [_placed_gene(g, length, circular=circular) for g in model.genes]
    transcripts = [place_transcript(t, length, circular=circular) for t in model.transcripts]
    genes, transcripts = split_copies(genes, transcripts, record.ids, genetic_code)
    return Contig(
        record,
        circular,
        genetic_code,
        [place_feature(f, length, circular=circular) for f in model.others],
        tuple(genes),
        tuple(judge_coding(t, record.ids, genetic_code) for t in transcripts),
    )


def _placed_gene(g: Gene, length: int, *, circular: bool) -> Gene:
    if not g.parts:
        return g
    feature = Feature(g.chrom, g.type, g.parts, where=g.where, ordered=g.ordered)
    return replace(g, parts=place_feature(feature, length, circular=circular).parts)


@dataclass
class _Source:
    """An annotation file, by contig."""

    file: str
    annotation: Annotation
    by_contig: dict[str, Model] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, lines in enumerate(_lists(self.annotation.model)):
            for item in lines:
                _lists(self.by_contig.setdefault(item.chrom, Model([], [], [])))[i].append(item)


def read_contigs(row: GenomeRow, reading: ReadingAccount | None = None) -> Iterator[Contig]:
    """Contigs of a genome in the order of its sequence file.

    Annotation is held in memory, sequence one contig at a time.

    Parameters
    ----------
    row
        The genome.
    reading
        Takes the account of what is read, used and left out.

    Raises
    ------
    InputError
        As the readers; and for an annotation on a contig that the sequence file does not have, or past a contig's end,
        and for an annotation file of which nothing can be used.
    """
    reading = reading if reading is not None else ReadingAccount(row.genome)
    flats, declared = _sequences(row, reading), declared_circular(row)
    named = {r.record.name for r in flats} if isinstance(flats, list) else None
    sources = _annotations(row, named, reading)
    names = Names([(s.file, s.by_contig, s.annotation.lengths) for s in sources])
    finders = [
        t.attributes.get("source_column", "") for s in sources for t in s.annotation.model.transcripts[:100] if t.cds
    ]
    unique = (Unique(), Unique())
    lengths: dict[str, int] = {}
    foreign: list[Transcript] = []
    for flat in flats:
        circular = _circular(row, flat.record, declared, stated=flat.circular)
        fits = partial(_fitting, row, flat.record, circular=circular)
        models = _models(flat, sources, names, reading, fits)
        contig = _contig(row, flat, models, reading, finders, circular=circular)
        contig = _with_unique_ids(contig, *unique)
        lengths[contig.record.name] = len(contig.record.ids)
        foreign += [t for t in contig.transcripts if any(p.chrom for p in t.exons)]
        misread = sum([reading.judge(j, contig.genetic_code) for j in contig.judged])
        if 2 * misread > sum(bool(t.cds) and t.biotype != "pseudogene" for t in contig.transcripts):
            reading.by_chance.append(as_long_by_chance(contig.record.ids, _code_read(contig)))
        yield contig
    names.check_all_used(str(row.sequence), list(lengths))
    _check_foreign(foreign, lengths)
    _check_topology(row, set(lengths))
    if missing := sorted({c for c in row.genetic_codes if c} - set(lengths)):
        raise InputError(f"{row.where}, column 'genetic_code': need contigs of {row.sequence}, got {missing[0]!r}")
    _warn_of_circles(row, lengths, reading)


def _models(flat: _Flat, sources: list[_Source], names: Names, reading: ReadingAccount, fits: Fits) -> list[Model]:
    """What each file says of a contig: that of the sequence first."""
    record = flat.record
    models = [flat.model]
    for source in sources:
        alias = names.of(source.file, record.name, len(record.ids), record.description, reading, fits)
        if alias:
            models.append(_renamed(source.by_contig[alias], record.name))
    return models


def _fitting(row: GenomeRow, record: Record, model: Model, *, circular: bool) -> tuple[int, int]:
    """Coding sequences of a model, of the first `_LOOKED_AT`, that translate on a contig from end to end, and how many
    were looked at.
    """
    length = len(record.ids)
    coding = [t for t in model.transcripts if t.cds and t.biotype != "pseudogene"][:_LOOKED_AT]
    inside = [t for t in coding if all(0 <= p.start < p.end <= length and not p.chrom for p in (*t.exons, *t.cds))]
    stated = row.genetic_codes.get(record.name, row.genetic_codes.get("", 0))
    clean = [
        sum(judge_coding(place_transcript(t, length, circular=circular), record.ids, code).clean for t in inside)
        for code in ((stated,) if stated else (1, 11, *MITOCHONDRIAL[:3]))
    ]
    return max(clean), len(coding)


def _contig(
    row: GenomeRow, flat: _Flat, models: list[Model], reading: ReadingAccount, finders: list[str], *, circular: bool
) -> Contig:
    record = flat.record
    length = len(record.ids)
    models = [m for m in models if any(m)] or models[:1]
    if len(models) > 1:
        # files may write one gene across the origin in different ways, which are alike once placed
        models = [_placed_model(m, length, circular=circular) for m in models]
    model, repeated = without_copies(models)
    for reason, location in repeated:
        reading.add("", "left out", reason, first=location)
    if flat.circular is False and row.topology.startswith("circular") and circular:
        reading.add(
            str(row.sequence),
            "noted",
            "a record calls itself linear and the user calls it circular, which is followed",
            first=record.name,
        )
    transcripts = [place_transcript(t, length, circular=circular) for t in model.transcripts]
    choice = choose_code(
        record.name,
        record.description,
        row.genetic_codes,
        model.others,
        transcripts,
        lambda t: spliced(t.cds, record.ids),
        elsewhere=finders,
    )
    if choice.warning:
        reading.add("", "noted", choice.warning, first=record.name)
    contig = settled(record, model, circular=circular, genetic_code=choice.code)
    doubt = doubted(record.name, contig.judged, _code_read(contig), lambda t: spliced(t.cds, record.ids))
    if doubt:
        reading.add("", "noted", doubt, first=record.name)
    return contig


def _code_read(contig: Contig) -> int:
    """The genetic code with which most coding sequences of a contig are read."""
    codes = Counter(t.genetic_code for t in contig.transcripts if t.cds and t.genetic_code)
    return codes.most_common(1)[0][0] if codes else contig.genetic_code


def _placed_model(m: Model, length: int, *, circular: bool) -> Model:
    genes = [_placed_gene(g, length, circular=circular) for g in m.genes]
    return Model(genes, [place_transcript(t, length, circular=circular) for t in m.transcripts], m.others)


def _renamed(model: Model, chrom: str) -> Model:
    genes, transcripts, others = (
        [x if x.chrom == chrom else replace(x, chrom=chrom) for x in lines] for lines in _lists(model)
    )
    return Model(genes, transcripts, others)


def _lists(model: Model) -> tuple[list[Any], ...]:
    """Genes, transcripts and other features of a model, for what is done to all of them alike."""
    return model.genes, model.transcripts, model.others


def _with_unique_ids(contig: Contig, genes: Unique, transcripts: Unique) -> Contig:
    """Identifiers that differ over all contigs and files of the genome."""
    new = {g.id: genes(g.id) for g in contig.genes}
    renamed = tuple(
        j._replace(transcript=replace(j.transcript, id=transcripts(j.transcript.id), gene=new[j.transcript.gene]))
        for j in contig.judged
    )
    return contig._replace(genes=tuple(replace(g, id=new[g.id]) for g in contig.genes), judged=renamed)


def _check_foreign(transcripts: Iterable[Transcript], lengths: dict[str, int]) -> None:
    for t in transcripts:
        for p in (*t.exons, *t.cds):
            chrom = p.chrom or t.chrom
            if chrom not in lengths or p.end > lengths[chrom]:
                size = f"of {lengths[chrom]:,} bases" if chrom in lengths else "that is there"
                raise InputError(f"{t.where}: need parts within a contig {size}, got {chrom}:{p.start + 1:,}-{p.end:,}")


def _warn_of_circles(row: GenomeRow, lengths: dict[str, int], reading: ReadingAccount) -> None:
    if row.topology == "circular" and len(lengths) > 10:
        reading.add(
            "",
            "noted",
            f"genomes.tsv calls all {len(lengths):,} contigs circular, as contigs of a draft assembly are not",
            first=row.where,
        )


def read_sequences(row: GenomeRow) -> Iterator[tuple[Record, bool]]:
    """Contigs of a genome in the order of its sequence file, and whether each is circular; annotations are not read.

    Raises
    ------
    InputError
        As the readers of sequences.
    """
    declared = declared_circular(row)
    names: set[str] = set()
    for flat in _sequences(row, ReadingAccount(row.genome)):
        names.add(flat.record.name)
        yield flat.record, _circular(row, flat.record, declared, stated=flat.circular)
    _check_topology(row, names)


def declared_circular(row: GenomeRow) -> dict[str, Circle]:
    """Contigs that a GFF or GTF file of the genome says are circular (`Is_circular=true`), where the table leaves it
    open.
    """
    circles: dict[str, Circle] = {}
    if row.topology != "auto":
        return circles
    for path in [*_own(row), *(path for _, path in row.extra)]:
        if not unpacked_name(path).endswith((".gff", ".gff3", ".gtf")):
            continue
        for number, line in data_lines(path):
            fields = line.split("\t")
            if len(fields) == _GFF_COLUMNS and _IS_CIRCULAR.search(fields[-1]):
                circle = Circle.of(parse_line(line, f"{path}, line {number}")[0])
                circles[circle.name] = circle
    return circles


def sequence_digest(path: Path) -> str:
    """SHA-256 of what a GenBank file says of its sequences: everything but the table of features.

    Two files that differ in their features alone have one digest.
    """
    digest, features = hashlib.sha256(), False
    with open_text(path) as text:
        for line in text:
            features = line.startswith("FEATURES") or (features and line.startswith(" "))
            if not features:
                digest.update(line.encode())
    return digest.hexdigest()


def _check_topology(row: GenomeRow, names: set[str]) -> None:
    """Refuse a topology that names contigs the sequence file does not have."""
    if row.topology.startswith("circular:") and (
        missing := sorted(set(row.topology[len("circular:") :].split(",")) - names)
    ):
        raise InputError(f"{row.where}, column 'topology': need contigs of {row.sequence}, got {missing[0]!r}")


class _Flat(NamedTuple):
    record: Record
    model: Model
    circular: bool | None


def _sequences(row: GenomeRow, reading: ReadingAccount) -> Iterable[_Flat]:
    nothing = Model([], [], [])
    first = first_letter(row.sequence)
    if row.topology.startswith("pieces"):
        if first != ">":
            raise InputError(f"{row.where}, column 'topology': need FASTA for pieces, got {row.sequence}")
        _, colon, length = row.topology.partition(":")
        records = assemble(read_fasta(row.sequence), str(row.sequence), int(length) if colon else None)
        return [_Flat(r, nothing, None) for r in records]
    if first == ">":
        return (_Flat(r, nothing, stated_circular(r.description)) for r in read_fasta(row.sequence))
    if holds_gff(row.sequence):
        return (_Flat(r, nothing, None) for r in read_embedded_fasta(row.sequence))
    return _genbank(row, reading)


def stated_circular(title: str) -> bool | None:
    """Whether the title of a FASTA record says that it is circular, as assemblers (`circular=true`) and submissions
    (`[topology=circular]`) have it; None where it says nothing.
    """
    hit = _TITLE_CIRCULAR.search(title)
    return None if hit is None else (hit[1] or hit[2]).lower() in {"true", "yes", "y", "circular"}


def _genbank(row: GenomeRow, reading: ReadingAccount) -> Iterator[_Flat]:
    file = row.sequence.name
    for flat in read_genbank(row.sequence, row.topology):
        annotation = of_genbank(flat, contigs_of_genbank(row.sequence))
        _account(reading, file, annotation)
        yield _Flat(flat.record, annotation.model, flat.circular)


def of_genbank(flat: Flat, contigs: frozenset[str]) -> Annotation:
    """Genes and other features of a GenBank record; parts on records that the file does not hold are left out with
    it.
    """
    features, away = [], []
    for f in flat.features:
        absent = [p.chrom for p in f.parts if p.chrom and p.chrom not in contigs]
        if absent:
            title = f"{f.type} {f.name}".strip()
            away.append((f"part on {absent[0]}, a record that the file does not hold ({title})", f.where))
        else:
            features.append(f)
    assembler = Assembler()
    left_out = link_genbank(features, assembler)
    records = len(flat.features) + len(flat.left_out)
    return Annotation(assembler.finish(), records, {}, assembler.notes, [*flat.left_out, *away, *left_out])


@lru_cache(maxsize=16)
def contigs_of_genbank(path: Path) -> frozenset[str]:
    """Names and versions of the records of a GenBank file."""
    with open_text(path) as text:
        return frozenset(
            word for line in text if line.startswith(("LOCUS", "VERSION", "ACCESSION")) for word in line.split()[1:2]
        )


def first_letter(path: Path) -> str:
    """The first character of a text file that is not white space."""
    with open_text(path) as text:
        for line in text:
            if line.strip():
                return line.strip()[0]
    raise InputError(f"{path}: need FASTA or GenBank, got no text")


def holds_gff(path: Path) -> bool:
    """Whether a file is GFF3, which may hold its sequence at its end."""
    with open_text(path) as text:
        first = next((line for line in text if line.strip()), "")
    return first.startswith("##gff-version") or (len(first.split("\t")) == 9 and not first.startswith("LOCUS"))


def read_embedded_fasta(path: Path) -> Iterator[Record]:
    """Records of the FASTA section of a GFF3 file.

    Raises
    ------
    InputError
        Where it has none.
    """
    with open_text(path) as text:
        if not any(line.startswith("##FASTA") for line in text):
            raise InputError(
                f"{path}: need a sequence, got GFF3 without a ##FASTA section; name the FASTA file instead"
            )
        yield from parse_fasta(text, path)


def _annotations(row: GenomeRow, contigs: set[str] | None, reading: ReadingAccount) -> list[_Source]:
    """Annotation files of a genome, its sequence file among them where that is GFF3."""
    out: list[_Source] = []
    files = [("", path, False) for path in _own(row)] + [(kind, path, True) for kind, path in row.extra]
    for kind, path, extra in files:
        if path.name.endswith(".meme"):
            continue
        annotation = read_annotation(path, row.sequence, contigs, kind=kind, extra=extra)
        _account(reading, path.name, annotation)
        used = sum(len(lines) for lines in _lists(annotation.model))
        if not used:
            why = annotation.left_out[0][0] if annotation.left_out else "it holds none"
            if annotation.records and not extra:
                raise InputError(f"{path}: need records that can be used, got none of {annotation.records:,}: {why}")
            reading.noted(path.name, [(f"no record can be used: {why}", str(path))])
        model = annotation.model
        if used and not extra and not kind and not (model.genes or model.transcripts):
            types = ", ".join(sorted({f.type for f in model.others})[:5])
            reading.noted(path.name, [(f"no gene, CDS or RNA among its records, which are {types}", str(path))])
        named = path.name if path.name not in {s.file for s in out} else f"{path} ({kind or len(out) + 1})"
        out.append(_Source(named, annotation))
    return out


def _own(row: GenomeRow) -> list[Path]:
    """Annotation files of a genome; its sequence file, where that is GFF3 and there is no other."""
    if not row.annotations and first_letter(row.sequence) == "#" and holds_gff(row.sequence):
        return [row.sequence]
    return list(row.annotations)


def _account(reading: ReadingAccount, file: str, annotation: Annotation) -> None:
    left = len(annotation.left_out)
    reading.add(file, "read", count=annotation.records, first=file)
    reading.add(file, "used", count=annotation.records - left, first=file)
    reading.left_out(file, annotation.left_out)
    reading.noted(file, annotation.notes)


def read_annotation(
    path: Path, sequence: Path, contigs: set[str] | None = None, *, kind: str = "", extra: bool = False
) -> Annotation:
    """Genes and features of an annotation file, whose format its name tells.

    Parameters
    ----------
    path
        `.gff3`, `.gff`, `.gtf`, `.gb`, `.gbk`, `.gbff`, `.genbank`, `.bed`, or `.tsv` (a gene table); `.gz` may follow.
    sequence
        Sequence file, whose contigs a gene table without `chrom` needs.
    contigs
        Its contigs, where they are known.
    kind
        Class of the intervals of a BED file; `transcript` reads its BED12 lines as genes.
    extra
        Whether the file is one of `extra_annotations`; else BED12 lines are genes.

    Raises
    ------
    InputError
        For another suffix, and as the readers.
    """
    match unpacked_name(path).rsplit(".", 1)[-1]:
        case "gff3" | "gff" | "gtf" | "gff2":
            return read_gff(path)
        case "gb" | "gbk" | "gbff" | "genbank":
            return _all_of_genbank(path)
        case "tsv":
            names = sorted(contigs) if contigs is not None else [r.name for r in read_fasta(sequence)]
            return read_gene_table(path, names)
        case "bed" | "bed12":
            if (kind == "transcript" or not extra) and holds_genes(path):
                return read_bed_genes(path)
            left_out: list[tuple[str, str]] = []
            features = read_bed(path, kind or "*", left_out)
            return Annotation(Model([], [], features), len(features) + len(left_out), {}, [], left_out)
        case "txt" | "gp" | "genepred" | "genepredext" | "refflat" if is_gene_pred(path):
            return read_gene_pred(path)
    raise InputError(
        f"{path}: need .gff3, .gff, .gtf, .gb, .gbk, .gbff, .bed, .tsv or a gene table of UCSC (.txt, .genePred), got"
        " another"
    )


def _all_of_genbank(path: Path) -> Annotation:
    out = Annotation(Model([], [], []))
    for flat in read_genbank(path):
        annotation = of_genbank(flat, contigs_of_genbank(path))
        for whole, part in zip(_lists(out.model), _lists(annotation.model), strict=True):
            whole.extend(part)
        out.records += annotation.records
        out.notes += annotation.notes
        out.left_out += annotation.left_out
        out.lengths[flat.record.name] = (len(flat.record.ids), f"{path}, record {flat.record.name!r}")
    return out


def _circular(row: GenomeRow, record: Record, declared: dict[str, Circle], *, stated: bool | None) -> bool:
    chrom = record.name
    kind, _, names = row.topology.partition(":")
    if kind == "circular":
        return not names or chrom in names.split(",")
    if kind in {"linear", "pieces"}:
        return False
    declared_so = any(c.is_contig(chrom, len(record.ids), record.description) for c in declared.values())
    return declared_so or bool(stated)
