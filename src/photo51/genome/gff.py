"""GFF3 and GTF, line by line, 1-based closed outside and 0-based half-open inside.

Neither Biopython nor pysam reads them with line numbers in their messages or joins the lines of one feature, which is
all that is done here; the tests hold pysam's parser beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import unquote

from photo51.genome.features import Feature, Part, framed
from photo51.genome.text import open_text, whole_number
from photo51.types import InputError, Strand

_STRANDS: dict[str, Strand] = {"+": "+", "-": "-", ".": ".", "?": "."}
_GTF_ATTRIBUTE = re.compile(r'\s*([^\s";]+)\s+(?:"([^"]*)"|([^\s";]+))\s*(?:;|$)')
Attributes = dict[str, str]


def read_gff3(path: Path | str) -> list[Feature]:
    """Features of a GFF3 file, lines with one ID and type joined, in order of first appearance; a FASTA section is left out.

    CDS lines without a phase get the one that follows from the lines before them.

    Raises
    ------
    InputError
        Naming file and line.
    """
    return _joined(_lines(path, _gff3_attributes), path, _gff3_key)


def read_gtf(path: Path | str) -> list[Feature]:
    """Features of a GTF file; exons and CDS of a transcript joined, the stop codon taken into its CDS, as in GFF3.

    Raises
    ------
    InputError
        Naming file and line.
    """
    features = _joined(_lines(path, _gtf_attributes), path, _gtf_key)
    stops = {f.parents: f for f in features if f.type == "stop_codon" and f.parents}
    return [_with_stop(f, stops.get(f.parents)) if f.type == "CDS" else f for f in features]


Line = tuple[int, str, str, Part, float, Attributes]


def _lines(path: Path | str, attributes: Callable[[str, str], Attributes]) -> Iterator[Line]:
    with open_text(path) as text:
        for number, line in enumerate(text, 1):
            if line.startswith("##FASTA") or line.startswith(">"):
                return
            if line.startswith("#") or not line.strip():
                continue
            at = f"{path}, line {number}"
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 9:
                raise InputError(f"{at}: need 9 columns parted by tabs, got {len(fields)}")
            yield number, unquote(fields[0]), fields[2], *_place(fields, at), attributes(fields[8], at)


def _place(fields: list[str], at: str) -> tuple[Part, float]:
    _, _, _, start, end, score, strand, phase, _ = fields
    first, last = whole_number(start, at, "start", 1), whole_number(end, at, "end", 1)
    if first > last:
        raise InputError(f"{at}: need start <= end, got {first} and {last}")
    if strand not in _STRANDS:
        raise InputError(f"{at}: need a strand of + - . or ?, got {strand!r}")
    if phase not in {"0", "1", "2", "."}:
        raise InputError(f"{at}: need a phase of 0, 1, 2 or ., got {phase!r}")
    try:
        number = float("nan") if score == "." else float(score)
    except ValueError as e:
        raise InputError(f"{at}: need a score that is a number or ., got {score!r}") from e
    frame = -1 if phase == "." else int(phase)
    return Part(first - 1, last, _STRANDS[strand], frame), number


def _gff3_attributes(text: str, at: str) -> Attributes:
    out = {}
    for item in text.strip().rstrip(";").split(";"):
        if item.strip() in {"", "."}:
            continue
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"{at}: need attributes key=value parted by ;, got {item.strip()[:40]!r}")
        out[unquote(key.strip())] = ",".join(unquote(v) for v in value.strip().split(","))
    return out


def _gtf_attributes(text: str, at: str) -> Attributes:
    out: Attributes = {}
    place = 0
    text = text.strip()
    while place < len(text):
        found = _GTF_ATTRIBUTE.match(text, place)
        if not found:
            raise InputError(
                f'{at}: need attributes key "value"; as GTF has them, got {text[place : place + 40]!r}'
            )
        out.setdefault(found[1], found[2] if found[2] is not None else found[3])
        place = found.end()
    return out


def _gff3_key(kind: str, a: Attributes) -> tuple[str, tuple[str, ...]]:
    parents = tuple(p for p in a.get("Parent", "").split(",") if p)
    if kind in {"exon", "intron"} and parents:
        return parents[0], parents
    return a.get("ID", ""), parents


def _gtf_key(kind: str, a: Attributes) -> tuple[str, tuple[str, ...]]:
    gene, transcript = a.get("gene_id", ""), a.get("transcript_id", "")
    if kind == "gene" or not transcript:
        return gene, ()
    return transcript, (transcript,)


def _joined(
    lines: Iterator[Line], path: Path | str, key: Callable[[str, Attributes], tuple[str, tuple[str, ...]]]
) -> list[Feature]:
    first: dict[tuple, tuple[int, float, Attributes, tuple[str, ...]]] = {}
    parts: dict[tuple, list[Part]] = {}
    anonymous = count(1)
    for number, chrom, kind, part, score, attributes in lines:
        group, parents = key(kind, attributes)
        identity = (chrom, kind, group or f"{kind}_{next(anonymous)}")
        first.setdefault(identity, (number, score, attributes, parents))
        parts.setdefault(identity, []).append(part)
    out = []
    for (chrom, kind, group), (number, score, attributes, parents) in first.items():
        ordered = sorted(parts[chrom, kind, group])
        if ordered[0].strand == "-":
            ordered.reverse()
        out.append(
            Feature(
                chrom=chrom,
                type=kind,
                parts=framed(ordered, 0) if kind == "CDS" else tuple(p._replace(frame=-1) for p in ordered),
                name=_name(attributes, group),
                group=group,
                parents=parents,
                attributes=attributes,
                score=score,
                where=f"{path}, line {number}",
            )
        )
    return out


def _name(attributes: Attributes, group: str) -> str:
    for key in ("gene", "gene_name", "Name", "locus_tag", "gene_id", "Note", "ID"):
        if attributes.get(key):
            return attributes[key]
    return group


def _with_stop(cds: Feature, stop: Feature | None) -> Feature:
    if stop is None or any(s.start < p.end and p.start < s.end for s in stop.parts for p in cds.parts):
        return cds
    parts, frame = list(cds.parts), (cds.parts[-1].frame - (cds.parts[-1].end - cds.parts[-1].start)) % 3
    for part in stop.parts:
        last = parts[-1]
        touches = part.start == last.end if part.strand == "+" else part.end == last.start
        if touches:
            parts[-1] = last._replace(start=min(last.start, part.start), end=max(last.end, part.end))
        else:
            parts.append(part._replace(frame=frame))
        frame = (frame - (part.end - part.start)) % 3
    return replace(cds, parts=tuple(parts))
