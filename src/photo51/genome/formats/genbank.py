"""GenBank flat files, through Biopython: sequences with topology and genetic code, and their features."""

from __future__ import annotations

import re
import warnings
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO, cast

from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqFeature import ExactPosition, SeqFeature, UnknownPosition
from Bio.SeqRecord import SeqRecord

from photo51.genome.annotation.features import Feature, Part, framed
from photo51.genome.formats.fasta import Record, record
from photo51.genome.text import open_text
from photo51.types import InputError, Strand

_STRANDS: dict[int | None, Strand] = {1: "+", -1: "-", 0: ".", None: "."}
_LOCUS = "LOCUS       "
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
    """A GenBank record.

    Attributes
    ----------
    record
        Its sequence.
    features
        Its features, parts in the order in which the record states them.
    circular
        Whether it says that it is circular.
    genetic_code
        What most of its CDS say.
    left_out
        Features that have no place on it, each with the reason and where it stands.
    """

    record: Record
    features: list[Feature]
    circular: bool
    genetic_code: int | None
    left_out: list[tuple[str, str]]


def read_genbank(path: Path | str, topology: str = "auto") -> Iterator[Flat]:
    """Records of a GenBank file (plain, gzip or bgzip), one at a time.

    Joined locations keep the order in which they are read, so that a CDS across the origin of a circular genome, or one
    that slips a frame, is read as the cell reads it.

    Parameters
    ----------
    path
        The file.
    topology
        Column `topology` of `genomes.tsv`: records that it calls circular may have locations across the origin
        (`1101..100`), whatever their LOCUS line says.

    Raises
    ------
    InputError
        Naming file and record: not GenBank, no or an incomplete sequence, letters outside IUPAC, a name that comes
        twice, no record at all.
    """
    names: set[str] = set()
    with open_text(path) as text, warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)
        lines = _Lines(text, topology)
        records = SeqIO.parse(cast(TextIO, lines), "genbank")
        while (entry := _next(records, path, len(names) + 1)) is not None:
            name = entry.id if entry.id and entry.id != "<unknown id>" else entry.name
            if name in names:
                raise InputError(f"{path}: need record names that differ, got {name!r} twice")
            names.add(name)
            flat = _flat(name, entry, path, topology)
            _check_whole(flat.record, lines, path)
            yield flat
    if not names:
        with open_text(path) as text:
            prodigal = any("seqhdr=" in line for line in islice(text, 5))
        hint = "; `prodigal -f gff` writes a table that names its contigs" if prodigal else ""
        raise InputError(f"{path}: need GenBank records, got none with a LOCUS line{hint}")


def _next(records: Iterator[SeqRecord], path: Path | str, number: int) -> SeqRecord | None:
    try:
        return next(records, None)
    except UnicodeDecodeError:
        raise
    except _PARSER_ERRORS as e:
        raise InputError(f"{path}, record {number}: need a GenBank record, got one that cannot be read ({e})") from e


def _check_whole(found: Record, lines: _Lines, path: Path | str) -> None:
    """Whether a record has as many bases as its LOCUS line says, where that says it; Biopython only warns, and less."""
    stated = lines.stated.popleft()
    if stated is not None and stated != len(found.ids):
        raise InputError(
            f"{path}, record {found.name!r}: need the {stated:,} bases that its LOCUS line states, got"
            f" {len(found.ids):,}: the file was cut off or its sequence edited; get it whole, or mend the line"
        )


def _flat(name: str, entry: SeqRecord, path: Path | str, topology: str) -> Flat:
    try:
        letters = str(entry.seq)
    except UndefinedSequenceError as e:
        raise InputError(f"{path}, record {name!r}: need a sequence, got a record without ORIGIN") from e
    if not letters:
        raise InputError(f"{path}, record {name!r}: need bases, got an empty sequence")
    if bad := sorted(set(letters.upper()) - _LETTERS):
        raise InputError(f"{path}, record {name!r}: need IUPAC nucleotides, got {bad[0]!r}")
    features: list[Feature] = []
    left_out: list[tuple[str, str]] = []
    for i, raw in enumerate(entry.features):
        feature, reason = _feature(name, raw, i, path)
        if feature is not None:
            features.append(feature)
        else:
            location = f"{path}, record {name!r}, feature {i + 1} ({_titled(raw)})"
            left_out.append((reason, location))
    stated = [f.attributes.get("transl_table", "") for f in features if f.type == "CDS"]
    tables = Counter(t for t in stated if t.isascii() and t.isdigit() and len(t) < 3)
    return Flat(
        # GenBank prints bases in lower case whether masked or not
        record(name, letters.upper(), entry.description),
        features,
        entry.annotations.get("topology") == "circular" and (topology == "auto" or _calls_circular(topology, name)),
        int(tables.most_common(1)[0][0]) if tables else None,
        left_out,
    )


class _Lines:
    """Lines of a flat file whose LOCUS lines call those records circular that the user calls so.

    Attributes
    ----------
    stated
        Bases that each LOCUS line states, in order; None where it states none that can be told from the name.
    """

    def __init__(self, text: TextIO, topology: str):
        self._text, self._topology = text, topology
        self.stated: deque[int | None] = deque()
        self._between = True  # records, or before the first

    def __iter__(self) -> Iterator[str]:
        return map(self._line, self._text)

    def __next__(self) -> str:
        return self._line(next(self._text))

    def readline(self) -> str:
        return self._line(self._text.readline())

    def read(self, n: int = -1) -> str:
        return self._text.read(n)

    def _line(self, line: str) -> str:
        if line.startswith("//"):
            self._between = True
        elif line.startswith(_LOCUS):
            self._between = False
            # long names of assemblers run into the number
            length = re.match(r"LOCUS\s+\S+\s+(\d+)\s+bp\b", line)
            self.stated.append(int(length[1]) if length else None)
        elif self._between and line.startswith("LOCUS "):
            # Biopython would pass over such a record without a word
            raise InputError(f"need {_LOCUS!r}, with seven spaces, to begin a record, got {line.rstrip()[:40]!r}")
        if line.startswith("LOCUS") and _calls_circular(self._topology, ([*line.split(), "", ""])[1]):
            return line.replace(" linear  ", " circular", 1).replace(" linear ", " circular ", 1)
        return line


def _calls_circular(topology: str, name: str) -> bool:
    kind, _, names = topology.partition(":")
    listed = names.split(",")
    return kind == "circular" and (not names or name in listed or any(n.rsplit(".", 1)[0] == name for n in listed))


def _titled(raw: SeqFeature) -> str:
    for key in ("gene", "locus_tag", "standard_name", "product", "note"):
        if raw.qualifiers.get(key):
            return f"{raw.type} {raw.qualifiers[key][0]}"
    return str(raw.type)


def _feature(chrom: str, raw: SeqFeature, number: int, path: Path | str) -> tuple[Feature | None, str]:
    """A feature; or None, and why it has no place on this record."""
    if raw.location is None:
        return (
            None,
            "location that cannot be read on this record, such as one across the origin of a linear one",
        )
    pieces = raw.location.parts
    if any(isinstance(x, UnknownPosition) for p in pieces for x in (p.start, p.end)):
        return None, "location with an unknown end"
    spaced = [p for p in pieces if int(p.start) >= int(p.end)]
    if spaced:
        return None, "site between two bases, which has no bases of its own"
    parts = tuple(
        Part(int(p.start), int(p.end), _STRANDS[p.strand], chrom="" if p.ref in {None, chrom} else str(p.ref))
        for p in pieces
    )
    attributes = {k: ",".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in raw.qualifiers.items()}
    location = f"{path}, record {chrom!r}, feature {number + 1}"
    if any(p.start < 0 for p in parts):
        raise InputError(f"{location}: need a location on the record, got {raw.location}")
    first, last = pieces[0], pieces[-1]
    head, tail = (first.end, last.start) if first.strand == -1 else (first.start, last.end)
    # on the minus strand a location such as <1..9 is open at its 3' end
    if not isinstance(head, ExactPosition):
        attributes["partial_5"] = "true"
    if not isinstance(tail, ExactPosition):
        attributes["partial_3"] = "true"
    if {"partial_5", "partial_3"} & set(attributes):
        attributes["partial"] = "true"
    if "pseudo" in attributes or "pseudogene" in attributes:
        attributes["pseudo"] = "true"
    if raw.type == "CDS":
        start = attributes.get("codon_start", "1")
        if start not in {"1", "2", "3"}:
            raise InputError(f"{location}: need a codon_start of 1, 2 or 3, got {start!r}")
        parts = framed(parts, int(start) - 1)
    name = next(
        (
            attributes[k]
            for k in ("gene", "locus_tag", "standard_name", "label", "protein_id", "product")
            if attributes.get(k)
        ),
        "",
    )
    return (
        Feature(
            chrom=chrom,
            type=raw.type,
            parts=parts,
            name=name,
            group=f"{raw.type}_{number + 1}",
            attributes=attributes,
            where=location,
            ordered=True,
        ),
        "",
    )
