"""Sequence files that are none: what they are instead, and what would make a sequence of them; and names nobody can
hold.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from photo51.genome.text import open_text
from photo51.types import InputError

LONGEST_NAME = 255
# what other tools of a run's sequences (samtools, genome browsers) cannot open either
_PACKED = (
    (b"PK\x03\x04", "a zip archive; unpack it with `unzip`"),
    (b"\xfd7zXZ\x00", "a file compressed by xz; unpack it with `unxz`"),
)
# how the first line of other formats begins → what they are, and what would do
_OTHERS = (
    ("ID   ", "an EMBL flat file; Biopython's SeqIO.convert or EMBOSS's seqret writes it as GenBank"),
    ("@HD\t", "a SAM file, which holds reads; `samtools consensus` makes a sequence of them"),
    ("@SQ\t", "a SAM file, which holds reads; `samtools consensus` makes a sequence of them"),
    ("@", "a FASTQ file, which holds reads; assemble them, or map them and call a consensus, first"),
    ("##fileformat=VCF", "a VCF file; it belongs in column 'variants'"),
    ("#CHROM\t", "a VCF file; it belongs in column 'variants'"),
    ("H\tVN:", "a GFA file, an assembly graph; write the sequences of its S lines as FASTA"),
    ("S\t", "a GFA file, an assembly graph; write the sequences of its S lines as FASTA"),
    ("CLUSTAL", "an alignment of Clustal; export its sequences as FASTA without gaps"),
    ("#NEXUS", "a NEXUS file; export its sequences as FASTA without gaps"),
    ("# STOCKHOLM", "an alignment; export its sequences as FASTA without gaps"),
    ("{", "a JSON file"),
)


def check_sequence_file(path: Path | str) -> None:
    """Refuse a sequence file that is known to be something else.

    Raises
    ------
    InputError
        Naming the file and what it is, with what would do.
    """
    try:
        with Path(path).open("rb") as raw:
            magic = raw.read(6)
    except PermissionError as e:
        raise InputError(f"{path}: need permission to read it, got none") from e
    for packed, what in _PACKED:
        if magic.startswith(packed):
            raise InputError(f"{path}: need FASTA or GenBank, plain or compressed by gzip, got {what}")
    with open_text(path) as text:
        lines = [line for line in islice(text, 200) if line.strip()]
    first = lines[0] if lines else ""
    if any(line.startswith("LOCUS") for line in lines):
        return
    for start, what in _OTHERS:
        if first.startswith(start):
            raise InputError(f"{path}: need FASTA or GenBank, got {what}")
    if lines and set("".join(lines).upper()) <= set("ACGTUN \n\t\r0123456789"):
        raise InputError(f"{path}: need FASTA, got bases without a header; put a line '>name' before them")


def check_name(name: str, path: Path | str) -> None:
    """Refuse a contig name that 2bit, and so genome browsers, cannot hold.

    Raises
    ------
    InputError
        Naming the contig and its length.
    """
    if len(name) > LONGEST_NAME:
        raise InputError(
            f"{path}, record {name[:60] + '…'!r}: need a name of at most {LONGEST_NAME} letters, as 2bit and genome"
            f" browsers do, got {len(name)}; shorten the names in the sequence file and its annotation alike"
        )
