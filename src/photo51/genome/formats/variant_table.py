"""Tables of variants: tab-separated, with a header that names `pos`, `ref`, `alt`, and `chrom` where it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from photo51.genome.text import data_lines, whole_number
from photo51.types import InputError

_REFERENCE = re.compile(r"[ACGTRYKMSWBDHVN]+")
_CORE = ("chrom", "pos", "ref", "alt", "id")


def table_rows(path: Path | str, contigs: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with the numbers of their lines; `chrom`, `pos`, `ref`, `alt` and `id` are there in every row.

    Raises
    ------
    InputError
        Naming line and column.
    """
    header: list[str] = []
    for number, line in data_lines(path, comment="##"):
        location = f"{path}, line {number}"
        fields = [f.strip() for f in line.split("\t")]
        if not header:
            header = [_column(c.lstrip("#")) for c in fields]
            _check_header(header, contigs, location)
            continue
        if len(fields) != len(header):
            raise InputError(f"{location}: need {len(header)} columns as in the header, got {len(fields)}")
        row = {"chrom": contigs[0] if contigs else "", "id": "", **dict(zip(header, fields, strict=True))}
        whole_number(row["pos"], location, "column 'pos'", 1)
        row["ref"], row["alt"] = row["ref"].upper(), row["alt"].upper()
        if row["ref"] != "-" and not _REFERENCE.fullmatch(row["ref"]):
            raise InputError(f"{location}, column 'ref': need bases, got {row['ref']!r}")
        yield number, row
    if not header:
        raise InputError(f"{path}: need a header with pos, ref and alt, got no lines")


def _column(name: str) -> str:
    """A column's name; those that are read are known in capitals too, as `CHROM POS REF ALT`."""
    return name.lower() if name.lower() in _CORE else name


def _check_header(header: list[str], contigs: Sequence[str], location: str) -> None:
    if missing := [c for c in ("pos", "ref", "alt") if c not in header]:
        raise InputError(
            f"{location}: need a VCF file or a table with columns pos, ref, alt, got none of {', '.join(missing)}"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{location}: need column names that differ, got {', '.join(header)}"[:200])
    if "chrom" not in header and len(contigs) != 1:
        raise InputError(f"{location}: need a column 'chrom' as the genome has {len(contigs)} contigs, got none")
