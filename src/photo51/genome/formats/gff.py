"""GFF3 and GTF, line by line, 1-based closed outside and 0-based half-open inside.

Which of the two a file is, its attributes tell, not its name. Neither Biopython nor pysam reads them with line numbers
in their messages or joins the lines of one feature; the tests hold pysam's parser and gffread beside this one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.transcripts import Assembler, Model
from photo51.genome.formats.gff3_links import link_gff3
from photo51.genome.formats.gtf_links import link_gtf
from photo51.genome.text import open_text, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-", ".": ".", "?": ".", "": "."}
_GTF_ATTRIBUTE = re.compile(r'\s*([^\s";=]+)\s+(?:"([^"]*)"|([^\s";]+))\s*(?:;|$)')
_REGION = re.compile(r"##sequence-region\s+(\S+)\s+(-?\d+)\s+(\d+)")
_LAYOUT = ("track", "browser")


@dataclass
class Annotation:
    """What an annotation file holds.

    Attributes
    ----------
    model
        Genes, transcripts and other features.
    records
        Records of the file.
    lengths
        Lengths that the file states for contigs, with the line that says so.
    notes
        What was unusual: (sentence, file and line), one an occurrence.
    left_out
        Records that are not used: (reason, file and line).
    """

    model: Model
    records: int = 0
    lengths: dict[str, tuple[int, str]] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def read_gff(path: Path | str) -> Annotation:
    """Genes, transcripts and other features of a GFF3 or GTF file; a FASTA section is left out.

    Raises
    ------
    InputError
        Naming file and line.
    """
    lengths: dict[str, tuple[int, str]] = {}
    lines = list(read_lines(path, lengths))
    assembler = Assembler()
    dialect = _dialect(lines)
    left_out = (link_gtf if dialect == "GTF" else link_gff3)([f for f, _ in lines], assembler)
    notes = assembler.notes + [("a ; inside of a value that is not escaped", f.where) for f, odd in lines if odd]
    return Annotation(assembler.finish(), len(lines), lengths, notes, left_out)


def _dialect(lines: list[tuple[Feature, bool]]) -> str:
    """GTF where most records have the attributes of one."""
    dialects = Counter(f.attributes.get("", "") for f, _ in lines)
    for f, _ in lines:
        if isinstance(f.attributes, dict):
            f.attributes.pop("", None)
    return "GTF" if dialects["GTF"] > dialects["GFF3"] else "GFF3"


def read_lines(path: Path | str, lengths: dict[str, tuple[int, str]] | None = None) -> Iterator[tuple[Feature, bool]]:
    """Every record as a feature of one part whose attribute of no name says its dialect, and whether its attributes
    hold an unescaped semicolon.

    Raises
    ------
    InputError
        Naming file and line.
    """
    with open_text(path) as text:
        for number, line in enumerate(text, 1):
            if line.startswith("##FASTA") or line.startswith(">"):
                return
            if line.startswith("#"):
                if lengths is not None and (region := _REGION.match(line)):
                    lengths.setdefault(unquote(region[1]), (int(region[3]), f"{path}, line {number}"))
                continue
            if not line.strip() or (line.split(maxsplit=1)[0] in _LAYOUT and "\t" not in line.rstrip()):
                continue
            yield parse_line(line.rstrip("\n"), f"{path}, line {number}")


def parse_line(line: str, location: str) -> tuple[Feature, bool]:
    """A record as `read_lines` gives it.

    Raises
    ------
    InputError
        Naming file and line.
    """
    fields = line.split("\t")
    if len(fields) > 9 and not any(f.strip() for f in fields[9:]):
        fields = fields[:9]
    if len(fields) != 9:
        raise InputError(f"{location}: need 9 columns parted by tabs, got {len(fields)}")
    chrom, _, kind, _, _, score, strand, phase, text = fields
    if strand not in _STRANDS:
        raise InputError(f"{location}: need a strand of + - . or ?, got {strand!r}")
    if phase not in {"0", "1", "2", ".", ""}:
        raise InputError(f"{location}: need a phase of 0, 1, 2 or ., got {phase!r}")
    start, end = _coordinate(fields[3], location, "start"), _coordinate(fields[4], location, "end")
    attributes, odd = _attributes(text.strip(), location)
    if fields[1] not in {"", "."}:
        attributes.setdefault("source_column", fields[1])
    feature = Feature(
        chrom=unquote(chrom) if "%" in chrom else chrom,
        type=unquote(kind) if "%" in kind else kind,
        parts=(Part(start - 1, end, _STRANDS[strand], int(phase) if phase in {"0", "1", "2"} else -1),),
        attributes=attributes,
        score=_score(score, location),
        where=location,
    )
    return feature, odd


def _coordinate(text: str, location: str, what: str) -> int:
    """A coordinate; a negative one is how some tools write what crosses an origin, and is judged with the contig."""
    if text.startswith("-") and text[1:].isdigit():
        return int(text)
    return whole_number(text, location, what, 1)


def _score(text: str, location: str) -> float:
    try:
        return float("nan") if text.strip() in {"", "."} else float(text)
    except ValueError as e:
        raise InputError(f"{location}: need a score that is a number or ., got {text!r}") from e


def _attributes(text: str, location: str) -> tuple[dict[str, str], bool]:
    if text in {"", "."}:
        return {}, False
    if (first := _GTF_ATTRIBUTE.match(text)) is not None:
        return _gtf_attributes(text, location, first), False
    if "=" in text.split(";", 1)[0]:
        return _gff3_attributes(text, location)
    if '"' in text or ("=" in text and not text.startswith("=")) or not _bare(text):
        raise InputError(
            f'{location}: need attributes key=value parted by ; (GFF3) or key "value"; (GTF), got {text[:40]!r}'
        )
    return {"": "GTF", "name_only": text.rstrip(";")}, False


def _bare(text: str) -> bool:
    """Whether the last column is a name alone, as AUGUSTUS and GFF version 1 write it."""
    return len(text.rstrip(";").split()) == 1 and ";" not in text.rstrip(";")


def _gff3_attributes(text: str, location: str) -> tuple[dict[str, str], bool]:
    out, key, odd = {"": "GFF3"}, "", False
    for item in text.split(";"):
        if item.strip() in {"", "."}:
            continue
        name, equals, value = item.partition("=")
        if not equals:
            if not key:
                raise InputError(f"{location}: need attributes key=value parted by ;, got {item.strip()[:40]!r}")
            out[key] += ";" + item.rstrip()
            odd = True
            continue
        key = unquote(name.strip()) if "%" in name else name.strip()
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        # GFF3 parts values of one key by commas; an escaped comma belongs to its value
        out[key] = unquote(value) if "%" in value else value
        if key == "Parent" and "%2C" in value.upper():
            out["Parent"] = ",".join(unquote(v).replace(",", "\0") for v in value.split(","))
    return out, odd


def _gtf_attributes(text: str, location: str, first: re.Match[str]) -> dict[str, str]:
    out = {"": "GTF"}
    match: re.Match[str] | None = first
    place = 0
    while place < len(text):
        match = _GTF_ATTRIBUTE.match(text, place)
        if match is None:
            if text[place:].strip(" ;") == "":
                break
            raise InputError(
                f'{location}: need attributes key "value"; as GTF has them, got {text[place : place + 40]!r}'
            )
        key, value = match[1], match[2] if match[2] is not None else match[3]
        if key in {"tag", "ont", "db_xref"} and key in out:
            out[key] += f",{value}"
        else:
            out.setdefault(key, value)
        place = match.end()
    return out


def stated_lengths(features: Mapping[str, list[Feature]]) -> dict[str, tuple[int, str]]:
    """Lengths of contigs that region records from the first base on imply."""
    out: dict[str, tuple[int, str]] = {}
    for chrom, records in features.items():
        for f in records:
            if (
                f.type.lower()
                in {
                    "region",
                    "chromosome",
                    "contig",
                    "scaffold",
                    "supercontig",
                    "source",
                    "databank_entry",
                }
                and f.parts[0].start == 0
            ):
                out[chrom] = max(out.get(chrom, (0, "")), (f.parts[0].end, f.where))
    return out
