"""FASTA: one record at a time, every letter checked, lower case kept as intervals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from Bio.SeqIO.FastaIO import SimpleFastaParser
from numpy.typing import NDArray

from photo51.genome.alphabet import runs
from photo51.genome.text import open_text
from photo51.types import InputError

_NAME = re.compile(r"[!-~]+(\s|$)")
_PROTEIN = re.compile(r"[EFILPQefilpq]")
_LETTERS = re.compile(r"[^ACGTURYKMSWBDHVNacgturykmswbdhvn]")


class Record(NamedTuple):
    """A sequence of a file.

    Attributes
    ----------
    name
        First word of the header.
    ids
        Upper-case bytes, (length,); U is read as T, IUPAC letters stay in place.
    soft_masked
        Lower-case segments, (n, 2) half-open.
    description
        The header after the name.
    """

    name: str
    ids: NDArray[np.uint8]
    soft_masked: NDArray[np.int64]
    description: str = ""


def read_fasta(path: Path | str) -> Iterator[Record]:
    """Records of a FASTA file (plain, gzip or bgzip), in order; one is in memory at a time.

    Raises
    ------
    InputError
        Naming file and line or record: text before the first header, a letter that is no IUPAC nucleotide, a record
        without name or bases, a name that comes twice, no record at all.
    """
    with open_text(path) as text:
        yield from parse_fasta(text, path)


def parse_fasta(lines: Iterable[str], path: Path | str) -> Iterator[Record]:
    """Records of the lines of a FASTA file, or of the FASTA section of another one.

    Raises
    ------
    InputError
        As `read_fasta`.
    """
    names: set[str] = set()
    for title, letters in SimpleFastaParser(_checked(lines, path)):
        name, *description = title.split(maxsplit=1)
        if name in names:
            raise InputError(f"{path}: need record names that differ, got {name!r} twice")
        if not letters:
            raise InputError(f"{path}, record {name!r}: need bases, got an empty sequence")
        names.add(name)
        yield record(name, letters, "".join(description))
    if not names:
        raise InputError(f"{path}: need FASTA records, got none")


def record(name: str, letters: str, description: str = "") -> Record:
    """A record from its letters, which have been checked."""
    raw = np.frombuffer(letters.encode("ascii"), dtype=np.uint8)
    upper = np.where(raw >= ord("a"), raw - 32, raw).astype(np.uint8)
    upper[upper == ord("U")] = ord("T")
    return Record(name, upper, runs(raw >= ord("a")), description)


def _checked(lines: Iterable[str], path: Path | str) -> Iterator[str]:
    """Pass lines on to the parser, which drops what it does not know without a word; here it is named."""
    named = False
    for number, line in enumerate(lines, 1):
        if line.startswith(">"):
            if not _NAME.match(line[1:]):
                raise InputError(
                    f"{path}, line {number}: need a name of printable ASCII right after '>', got {line[1:40].strip()!r}"
                )
            named = True
            yield line
            continue
        bases = line.strip()
        if bases and not named:
            raise InputError(f"{path}, line {number}: need a header that starts with '>', got {bases[:20]!r}")
        if bad := _LETTERS.search(bases):
            hint = "; this looks like protein" if len(_PROTEIN.findall(bases)) > 2 else ""
            raise InputError(
                f"{path}, line {number}: need IUPAC nucleotides, got {bad.group()!r} at column {bad.start() + 1}{hint}"
            )
        if bases:
            yield bases + "\n"
