"""GenBank flat files, through Biopython: sequences with topology and genetic code, and their features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqFeature import AfterPosition, BeforePosition, ExactPosition, SeqFeature
from Bio.SeqRecord import SeqRecord

from photo51.genome.fasta import Record, record
from photo51.genome.features import Feature, Part, framed
from photo51.genome.text import open_text
from photo51.types import InputError, Strand

_STRANDS: dict[int | None, Strand] = {1: "+", -1: "-", 0: ".", None: "."}
_LETTERS = frozenset("ACGTURYKMSWBDHVN")
# What Biopython's parser is known to raise on files that are not GenBank; it documents none of it.
_PARSER_ERRORS = (
    ValueError,
    AssertionError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NameError,
)


class Flat(NamedTuple):
    """A GenBank record: its sequence, its features, whether it says that it is circular, and its CDS's genetic code."""

    record: Record
    features: list[Feature]
    circular: bool
    genetic_code: int | None


def read_genbank(path: Path | str) -> Iterator[Flat]:
    """Records of a GenBank file (plain, gzip or bgzip), one at a time.

    Joined locations keep the order in which they are read, so that a CDS across the origin of a circular genome, or one
    that slips a frame, is read as the cell reads it.

    Raises
    ------
    InputError
        Naming file and record: not GenBank, no or an incomplete sequence, letters outside IUPAC, a name that comes twice,
        no record at all.
    """
    seen: set[str] = set()
    with open_text(path) as text, warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)
        records = SeqIO.parse(text, "genbank")
        while (found := _next(records, path, len(seen) + 1)) is not None:
            name = found.id if found.id and found.id != "<unknown id>" else found.name
            if name in seen:
                raise InputError(f"{path}: need record names that differ, got {name!r} twice")
            seen.add(name)
            yield _flat(name, found, path)
    if not seen:
        raise InputError(f"{path}: need GenBank records, got none")


def _next(records: Iterator[SeqRecord], path: Path | str, number: int) -> SeqRecord | None:
    try:
        return next(records, None)
    except UnicodeDecodeError:
        raise
    except _PARSER_ERRORS as e:
        raise InputError(
            f"{path}, record {number}: need a GenBank record, got one that cannot be read ({e})"
        ) from e


def _flat(name: str, found: SeqRecord, path: Path | str) -> Flat:
    try:
        letters = str(found.seq)
    except UndefinedSequenceError as e:
        raise InputError(f"{path}, record {name!r}: need a sequence, got a record without ORIGIN") from e
    if not letters:
        raise InputError(f"{path}, record {name!r}: need bases, got an empty sequence")
    if bad := sorted(set(letters.upper()) - _LETTERS):
        raise InputError(f"{path}, record {name!r}: need IUPAC nucleotides, got {bad[0]!r}")
    features = [f for i, raw in enumerate(found.features) if (f := _feature(name, raw, i, path)) is not None]
    stated = [f.attributes.get("transl_table", "") for f in features]
    tables = [t for t in stated if t.isascii() and t.isdigit() and len(t) < 3]
    return Flat(
        # GenBank prints bases in lower case whether masked or not
        record(name, letters.upper(), found.description),
        features,
        found.annotations.get("topology") == "circular",
        int(tables[0]) if tables else None,
    )


def _feature(chrom: str, raw: SeqFeature, number: int, path: Path | str) -> Feature | None:
    """A feature, or None for one that has no place on this record (a reference to another, or a place that is not known)."""
    if raw.location is None:
        return None
    pieces = raw.location.parts
    if any(p.ref not in {None, chrom} for p in pieces) or not all(
        _known(x) for p in pieces for x in (p.start, p.end)
    ):
        return None
    parts = tuple(Part(int(p.start), int(p.end), _STRANDS[p.strand]) for p in pieces)
    attributes = {
        k: ",".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in raw.qualifiers.items()
    }
    where = f"{path}, record {chrom!r}, feature {number + 1}"
    if any(p.start < 0 or p.start >= p.end for p in parts):
        raise InputError(f"{where}: need a location of at least one base, got {raw.location}")
    edges = (raw.location.start, raw.location.end)
    if any(isinstance(x, (BeforePosition, AfterPosition)) for x in edges):
        attributes["partial"] = "true"
    if "pseudo" in attributes or "pseudogene" in attributes:
        attributes["pseudo"] = "true"
    if raw.type == "CDS":
        start = attributes.get("codon_start", "1")
        if start not in {"1", "2", "3"}:
            raise InputError(f"{where}: need a codon_start of 1, 2 or 3, got {start!r}")
        parts = framed(parts, int(start) - 1)
    name = next(
        (
            attributes[k]
            for k in ("gene", "locus_tag", "standard_name", "label", "protein_id")
            if attributes.get(k)
        ),
        "",
    )
    return Feature(
        chrom=chrom,
        type=raw.type,
        parts=parts,
        name=name,
        group=f"{raw.type}_{number + 1}",
        attributes=attributes,
        where=where,
    )


def _known(position: object) -> bool:
    return isinstance(position, (ExactPosition, BeforePosition, AfterPosition))
