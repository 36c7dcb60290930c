"""The files of one genome, read together: contigs one at a time, each with the features that lie on it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from Bio.Data.CodonTable import unambiguous_dna_by_id

from photo51.genome.bed import read_bed
from photo51.genome.fasta import Record, read_fasta
from photo51.genome.features import Feature, place
from photo51.genome.genbank import read_genbank
from photo51.genome.gene_table import read_gene_table
from photo51.genome.gff import read_gff3, read_gtf
from photo51.genome.pieces import assemble
from photo51.genome.samples import GenomeRow, is_bed
from photo51.genome.text import data_lines, open_text
from photo51.types import InputError

_GFF_COLUMNS = 9
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
        Placed features: inside the contig, split where they cross its origin.
    """

    record: Record
    circular: bool
    genetic_code: int
    features: list[Feature]


def read_contigs(row: GenomeRow) -> Iterator[Contig]:
    """Contigs of a genome in the order of its sequence file.

    Annotation is held in memory, sequence one contig at a time.

    Raises
    ------
    InputError
        As the readers; and for an annotation on a contig that the sequence file does not have, or past a contig's end.
    """
    flats, declared = _sequences(row), declared_circular(row)
    named = {r.record.name for r in flats} if isinstance(flats, list) else None
    features = _features(row, named)
    seen: set[str] = set()
    for flat in flats:
        record = flat.record
        own = features.pop(record.name, [])
        seen.add(record.name)
        circular = _circular(row, record.name, declared, said=flat.circular)
        placed = [place(f, len(record.ids), circular=circular) for f in [*flat.features, *own]]
        yield Contig(record, circular, _genetic_code(row, placed, flat.genetic_code), placed)
    for chrom, left in features.items():
        known = ", ".join(sorted(seen)[:5])
        raise InputError(f"{left[0].where}: need a contig of {row.sequence} ({known}), got {chrom!r}")
    _check_topology(row, seen)


def read_sequences(row: GenomeRow) -> Iterator[tuple[Record, bool]]:
    """Contigs of a genome in the order of its sequence file, and whether each is circular; annotations are not read.

    Raises
    ------
    InputError
        As the readers of sequences.
    """
    declared = declared_circular(row)
    seen: set[str] = set()
    for flat in _sequences(row):
        seen.add(flat.record.name)
        yield flat.record, _circular(row, flat.record.name, declared, said=flat.circular)
    _check_topology(row, seen)


def declared_circular(row: GenomeRow) -> frozenset[str]:
    """Contigs that a GFF or GTF file of the genome says are circular (`Is_circular=true`), where the table leaves it open."""
    if row.topology != "auto":
        return frozenset()
    found: set[str] = set()
    for path in [*row.annotations, *(path for _, path in row.extra)]:
        name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
        if not name.endswith((".gff", ".gff3", ".gtf")):
            continue
        for _, line in data_lines(path):
            fields = line.split("\t")
            if len(fields) == _GFF_COLUMNS and _IS_CIRCULAR.search(fields[-1]):
                found.add(unquote(fields[0]))
    return frozenset(found)


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


def _check_topology(row: GenomeRow, seen: set[str]) -> None:
    """Refuse a topology that names contigs the sequence file does not have."""
    if row.topology.startswith("circular:") and (
        missing := sorted(set(row.topology[len("circular:") :].split(",")) - seen)
    ):
        raise InputError(
            f"{row.where}, column 'topology': need contigs of {row.sequence}, got {missing[0]!r}"
        )


class _Flat(NamedTuple):
    record: Record
    features: list[Feature]
    circular: bool | None
    genetic_code: int | None


def _sequences(row: GenomeRow) -> Iterable[_Flat]:
    if first_letter(row.sequence) != ">":
        if row.topology.startswith("pieces"):
            raise InputError(f"{row.where}, column 'topology': need FASTA for pieces, got {row.sequence}")
        return (_Flat(*flat) for flat in read_genbank(row.sequence))
    if row.topology.startswith("pieces"):
        _, colon, length = row.topology.partition(":")
        records = assemble(read_fasta(row.sequence), str(row.sequence), int(length) if colon else None)
        return [_Flat(r, [], None, None) for r in records]
    return (_Flat(r, [], None, None) for r in read_fasta(row.sequence))


def first_letter(path: Path) -> str:
    """The first character of a text file that is not white space."""
    with open_text(path) as text:
        for line in text:
            if line.strip():
                return line.strip()[0]
    raise InputError(f"{path}: need FASTA or GenBank, got no text")


def _features(row: GenomeRow, contigs: set[str] | None) -> dict[str, list[Feature]]:
    """Features of all annotation files of a genome, by contig."""
    features: list[Feature] = []
    for path in row.annotations:
        features += read_annotation(path, row.sequence, contigs)
    for kind, path in row.extra:
        if is_bed(path.name):
            features += read_bed(path, kind)
        elif not path.name.endswith(".meme"):
            features += read_annotation(path, row.sequence, contigs)
    by_contig: dict[str, list[Feature]] = {}
    for f in features:
        by_contig.setdefault(f.chrom, []).append(f)
    return by_contig


def read_annotation(path: Path, sequence: Path, contigs: set[str] | None = None) -> list[Feature]:
    """Features of an annotation file, whose format its name tells.

    Parameters
    ----------
    path
        `.gff3`, `.gff`, `.gtf`, `.gb`, `.gbk`, `.gbff`, `.genbank`, `.bed`, or `.tsv` (a gene table); `.gz` may follow.
    sequence
        Sequence file, whose contigs a gene table without `chrom` needs.
    contigs
        Its contigs, where they are known.

    Raises
    ------
    InputError
        For another suffix, and as the readers.
    """
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    match name.rsplit(".", 1)[-1]:
        case "gff3" | "gff":
            return read_gff3(path)
        case "gtf":
            return read_gtf(path)
        case "gb" | "gbk" | "gbff" | "genbank":
            return [f for flat in read_genbank(path) for f in flat.features]
        case "tsv":
            names = sorted(contigs) if contigs is not None else [r.name for r in read_fasta(sequence)]
            return read_gene_table(path, names)
        case "bed":
            return read_bed(path, "*")
    raise InputError(f"{path}: need .gff3, .gff, .gtf, .gb, .gbk, .gbff, .bed or .tsv, got another suffix")


def _circular(row: GenomeRow, chrom: str, declared: frozenset[str], *, said: bool | None) -> bool:
    kind, _, names = row.topology.partition(":")
    if kind == "circular":
        return not names or chrom in names.split(",")
    if kind in {"linear", "pieces"}:
        return False
    return chrom in declared or bool(said)


def _genetic_code(row: GenomeRow, features: Iterable[Feature], said: int | None) -> int:
    if row.genetic_code is not None:
        return row.genetic_code
    if said is None:
        stated = (_stated(f.attributes) for f in features if f.type == "CDS")
        said = next((code for code in stated if code is not None), None)
    return 1 if said is None or said not in unambiguous_dna_by_id else said


def _stated(attributes: Mapping[str, str]) -> int | None:
    text = attributes.get("transl_table", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else None
