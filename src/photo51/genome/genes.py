"""What follows from genes and transcripts alone: their ends, start and stop codons, introns, and what lies between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.genome.alphabet import decode, reverse_complement, runs
from photo51.genome.features import Feature, Part, span
from photo51.genome.rules import Row, rows_of
from photo51.types import Strand

SHORTEST_INTRON = 10
GENIC = frozenset({"gene", "pseudogene", "CDS", "tRNA", "rRNA", "ncRNA"})


def gene_features(features: Iterable[tuple[str, Feature]], length: int) -> list[Feature]:
    """Genes of a contig: its gene records, or the span of each CDS and RNA where it has none."""
    pairs = list(features)
    genes = [f for kind, f in pairs if kind == "gene"]
    return genes or [
        Feature(f.chrom, "gene", span(f, length), f.name, f.group, attributes=f.attributes, where=f.where)
        for kind, f in pairs
        if kind in {"CDS", "tRNA", "rRNA", "ncRNA"}
    ]


def wrapped(start: int, end: int, length: int, *, circular: bool) -> list[tuple[int, int]]:
    """`[start, end)` on a contig: round the end of a circular one (in rising coordinate of reading), cut off on a linear one."""
    if not circular:
        return [(max(0, start), min(end, length))] if max(0, start) < min(end, length) else []
    end = min(end, start + length)
    at = start % length
    stop = at + end - start
    return [(at, stop)] if stop <= length else [(at, length), (0, stop - length)]


def five_prime(parts: Sequence[Part]) -> int:
    """Boundary before the first base, in reading direction: a forward coordinate between two bases."""
    return parts[0].end if parts[0].strand == "-" else parts[0].start


def three_prime(parts: Sequence[Part]) -> int:
    """Boundary after the last base, in reading direction."""
    return parts[-1].start if parts[-1].strand == "-" else parts[-1].end


def boundary_rows(gene: Feature, kind: str, reach: int, length: int, *, circular: bool) -> list[Row]:
    """Bases at most `reach` from an end of a gene: `<kind>_start` and `<kind>_end`."""
    rows = []
    for name, at in ((f"{kind}_start", five_prime(gene.parts)), (f"{kind}_end", three_prime(gene.parts))):
        places = wrapped(at - reach, at + reach, length, circular=circular)
        rows += [
            Row(s, e, gene.strand, name, gene.name, gene.group, i, source=f"rule: {reach} bases")
            for i, (s, e) in enumerate(places)
        ]
    return rows


def codon_rows(cds: Feature, ids: NDArray[np.uint8], genetic_code: int, kinds: Iterable[str]) -> list[Row]:
    """Start and stop codon of a CDS that is complete there."""
    if cds.attributes.get("partial") == "true" or len(cds) < 3:
        return []
    table = unambiguous_dna_by_id[genetic_code]
    rows: list[Row] = []
    if "start_codon" in kinds and cds.parts[0].frame == 0:
        rows += _bases_as_rows(cds, _head(cds.parts, 3), "start_codon", "rule: CDS")
    tail = _tail(cds.parts, 3)
    if "stop_codon" in kinds and spliced(tail, ids) in table.stop_codons and _in_frame(cds):
        rows += _bases_as_rows(cds, tail, "stop_codon", "rule: CDS")
    return rows


def _in_frame(cds: Feature) -> bool:
    last = cds.parts[-1]
    return (last.end - last.start - last.frame) % 3 == 0


def _bases_as_rows(cds: Feature, parts: Iterable[Part], kind: str, source: str) -> list[Row]:
    return [
        Row(p.start, p.end, p.strand, kind, cds.name, cds.group, i, source=source)
        for i, p in enumerate(parts)
    ]


def _head(parts: Iterable[Part], n: int) -> list[Part]:
    """The first n bases in reading order."""
    out = []
    for p in parts:
        take = min(n, p.end - p.start)
        if take:
            out.append(p._replace(start=p.end - take) if p.strand == "-" else p._replace(end=p.start + take))
        n -= take
    return out


def _tail(parts: Sequence[Part], n: int) -> list[Part]:
    """The last n bases in reading order."""
    out: list[Part] = []
    for p in reversed(parts):
        take = min(n, p.end - p.start)
        if take:
            out.insert(
                0, p._replace(end=p.start + take) if p.strand == "-" else p._replace(start=p.end - take)
            )
        n -= take
    return out


def spliced(parts: Sequence[Part], ids: NDArray[np.uint8]) -> str:
    """Letters of parts in reading order, joined."""
    pieces = (ids[p.start : p.end] for p in parts)
    strands: list[Strand] = [p.strand for p in parts]
    return "".join(
        decode(reverse_complement(x) if s == "-" else x) for x, s in zip(pieces, strands, strict=True)
    )


def intron_rows(transcript: Feature, length: int) -> list[Row]:
    """Exons, introns and splice sites of a transcript that has introns; a shorter gap is a programmed frameshift."""
    if len(transcript.parts) < 2 or len({p.strand for p in transcript.parts}) > 1:
        return []
    rows: list[Row] = []
    strand = transcript.strand
    for i, (a, b) in enumerate(pairwise(transcript.parts)):
        start, end = (b.end, a.start) if strand == "-" else (a.end, b.start)
        across = length in {a.end, b.end} and 0 in {a.start, b.start}
        if across or end - start < SHORTEST_INTRON:
            continue
        first, last = (start, start + 2), (end - 2, end)
        donor, acceptor = (last, first) if strand == "-" else (first, last)
        for kind, place in (("intron", (start, end)), ("splice_donor", donor), ("splice_acceptor", acceptor)):
            rows.append(Row(*place, strand, kind, transcript.name, transcript.group, i, source="rule: exons"))
    return rows_of(transcript, "exon", "record") + rows if rows else []


def intergenic_rows(rows: Iterable[Row], known: NDArray[np.bool_]) -> list[Row]:
    """Known bases (mask over the contig) in nothing that is a gene."""
    free = known.copy()
    for row in rows:
        if row.kind in GENIC:
            free[row.start : row.end] = False
    return [
        Row(int(s), int(e), ".", "intergenic", group=f"intergenic_{s}", source="rule: complement of genes")
        for s, e in runs(free)
    ]
