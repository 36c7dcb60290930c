"""What follows from genes and transcripts alone: their ends, start and stop codons, introns, and what lies between
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.genome.alphabet import runs
from photo51.genome.annotation.coding import spliced
from photo51.genome.annotation.features import Feature, Part, span
from photo51.genome.annotation.rules import Row, rows_of
from photo51.genome.annotation.transcripts import SHORTEST_INTRON, Gene, Transcript, trans_spliced

GENIC = frozenset({"gene", "pseudogene", "CDS", "tRNA", "rRNA", "ncRNA"})


def gene_feature(gene: Gene, transcripts: Sequence[Transcript], length: int) -> Feature:
    """A gene as one feature: from the first to the last base of its records, or of its transcripts where it has none.

    Parts of a trans-spliced gene, and of a broken one that an insertion interrupts, stay apart.
    """
    whole = Feature(
        gene.chrom,
        "pseudogene" if gene.pseudo else gene.type,
        gene.parts,
        gene.name,
        gene.id,
        (),
        gene.attributes,
        float("nan"),
        gene.where,
        gene.ordered,
    )
    apart = trans_spliced(gene.attributes) or gene.pseudo or "part" in gene.attributes
    if not gene.parts:
        spans = [
            t.exons if trans_spliced(t.attributes) else span(t.feature(t.exons), length) for t in transcripts if t.exons
        ]
        whole = replace(whole, parts=_hull(spans, length))
        apart = apart or any(trans_spliced(t.attributes) for t in transcripts)
    return whole if apart or not whole.parts else replace(whole, parts=span(whole, length))


def _hull(spans: Sequence[tuple[Part, ...]], length: int) -> tuple[Part, ...]:
    """From the first to the last base of several spans of one strand, some of which may cross the origin."""
    mixed = len({p.strand for span_parts in spans for p in span_parts}) > 1 or any(
        len(span_parts) > 2 for span_parts in spans
    )
    if mixed or any(p.chrom for span_parts in spans for p in span_parts):
        return tuple(dict.fromkeys(p for span_parts in spans for p in span_parts))
    if len(spans) < 2:
        return spans[0] if spans else ()
    strand = spans[0][0].strand
    crossing = any(len(span_parts) > 1 for span_parts in spans)
    ends = []
    for span_parts in spans:
        low, high = min(p.start for p in span_parts), max(p.end for p in span_parts)
        if len(span_parts) > 1:
            low, high = max(p.start for p in span_parts), min(p.end for p in span_parts) + length
        elif crossing and high <= length // 2:
            low, high = low + length, high + length
        ends.append((low, high))
    first, last = min(a for a, _ in ends), max(b for _, b in ends)
    places = [(first, last)] if last <= length else [(first, length), (0, last - length)]
    parts = tuple(Part(s, e, strand) for s, e in places)
    return parts[::-1] if strand == "-" else parts


def wrapped(start: int, end: int, length: int, *, circular: bool) -> list[tuple[int, int]]:
    """`[start, end)` on a contig: round the end of a circular one (in rising coordinate of reading), cut off on a
    linear one.
    """
    if not circular:
        return [(max(0, start), min(end, length))] if max(0, start) < min(end, length) else []
    end = min(end, start + length)
    first = start % length
    stop = first + end - start
    return [(first, stop)] if stop <= length else [(first, length), (0, stop - length)]


def five_prime(parts: Sequence[Part]) -> int:
    """Boundary before the first base, in reading direction: a forward coordinate between two bases."""
    return parts[0].end if parts[0].strand == "-" else parts[0].start


def three_prime(parts: Sequence[Part]) -> int:
    """Boundary after the last base, in reading direction."""
    return parts[-1].start if parts[-1].strand == "-" else parts[-1].end


def gene_end_rows(gene: Feature, kind: str, reach: int, length: int, *, circular: bool) -> list[Row]:
    """Bases at most `reach` from an end of a gene: `<kind>_start` and `<kind>_end`."""
    rows = []
    for name, boundary in ((f"{kind}_start", five_prime(gene.parts)), (f"{kind}_end", three_prime(gene.parts))):
        places = wrapped(boundary - reach, boundary + reach, length, circular=circular)
        rows += [
            Row(s, e, gene.strand, name, gene.name, gene.group, i, source=f"rule: {reach} bases")
            for i, (s, e) in enumerate(places)
        ]
    return rows


def transcript_rows(t: Transcript, ids: NDArray[np.uint8], *, circular: bool) -> list[Row]:
    """Everything of a placed transcript: coding bases, UTRs, RNA, exons, introns, splice sites, start and stop
    codon.
    """
    rows: list[Row] = []
    introns = intron_rows(t.feature(t.exons), len(ids), circular=circular)
    if t.biotype == "pseudogene":
        # parts of a broken gene without exon records are what insertions left of it
        return introns if t.stated_exons else rows
    if t.cds:
        rows += rows_of(t.feature(t.cds), "CDS", "record: CDS")
        rows += utr_rows(t)
        rows += codon_rows(t, ids)
    elif t.biotype in {"tRNA", "rRNA", "ncRNA"}:
        rows += rows_of(t.feature(t.exons), t.biotype, "record: transcript")
    return rows + introns


def utr_rows(t: Transcript) -> list[Row]:
    """Bases of exons before the first and after the last coding base, in reading direction."""
    rows: list[Row] = []
    order = {(p.chrom, p.strand) for p in (*t.exons, *t.cds)}
    if len(order) > 1:
        return rows
    parts: dict[str, list[Part]] = {"five_prime_UTR": [], "three_prime_UTR": []}
    first = next((i for i, e in enumerate(t.exons) if _holds(e, t.cds[0])), None)
    last = next((i for i, e in reversed(list(enumerate(t.exons))) if _holds(e, t.cds[-1])), None)
    if first is None or last is None:
        return rows
    minus = t.exons[0].strand == "-"
    for i, e in enumerate(t.exons):
        if i <= first:
            end = (t.cds[0].end, e.end) if minus else (e.start, t.cds[0].start)
            parts["five_prime_UTR"].append(e if i < first else e._replace(start=end[0], end=end[1]))
        if i >= last:
            end = (e.start, t.cds[-1].start) if minus else (t.cds[-1].end, e.end)
            parts["three_prime_UTR"].append(e if i > last else e._replace(start=end[0], end=end[1]))
    for kind, exonic in parts.items():
        rows += _bases_as_rows(t.feature(t.exons), [p for p in exonic if p.start < p.end], kind, "rule: exons and CDS")
    return rows


def _holds(exon: Part, part: Part) -> bool:
    return exon.start <= part.start and part.end <= exon.end


def codon_rows(t: Transcript, ids: NDArray[np.uint8]) -> list[Row]:
    """Start and stop codon of a CDS that is complete there."""
    bases = sum(p.end - p.start for p in t.cds)
    if bases < 3 or any(p.strand == "." for p in t.cds):
        return []
    cds = t.feature(t.cds)
    rows: list[Row] = []
    if t.cds[0].frame == 0 and not t.partial_5:
        rows += _bases_as_rows(cds, _head(t.cds, 3), "start_codon", "rule: CDS")
    tail = _tail(t.cds, 3)
    last = t.cds[-1]
    whole = (last.end - last.start - last.frame) % 3 == 0 and not any(p.chrom for p in t.cds)
    if whole and not t.partial_3 and spliced(tail, ids) in unambiguous_dna_by_id[t.genetic_code].stop_codons:
        rows += _bases_as_rows(cds, tail, "stop_codon", "rule: CDS")
    return rows


def _bases_as_rows(cds: Feature, parts: Iterable[Part], kind: str, source: str) -> list[Row]:
    return [
        Row(p.start, p.end, p.strand, kind, cds.name, cds.group, i, source=source, chrom=p.chrom)
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
            out.insert(0, p._replace(end=p.start + take) if p.strand == "-" else p._replace(start=p.end - take))
        n -= take
    return out


def intron_rows(transcript: Feature, length: int, *, circular: bool) -> list[Row]:
    """Exons, introns and splice sites of a transcript that has introns; a shorter gap is a programmed frameshift.

    What lies between exons of two strands or two contigs (trans-splicing) is no intron.
    """
    rows: list[Row] = []
    for i, (a, b) in enumerate(pairwise(transcript.parts)):
        if a.strand != b.strand or a.chrom != b.chrom:
            continue
        strand = a.strand
        start, end = (b.end, a.start) if strand == "-" else (a.end, b.start)
        if start >= end:
            if not circular or trans_spliced(transcript.attributes) or not _round_the_origin(a, b):
                continue
            # exons on either side of the origin: the intron goes round it, or is none where they touch there
            end += length
        if end - start < SHORTEST_INTRON or end - start >= length:
            continue
        donor, acceptor = (start, start + 2), (end - 2, end)
        if strand == "-":
            donor, acceptor = acceptor, donor
        for kind, place in (("intron", (start, end)), ("splice_donor", donor), ("splice_acceptor", acceptor)):
            pieces = wrapped(*place, length, circular=place[1] > length)
            rows += [
                Row(
                    s,
                    e,
                    strand,
                    kind,
                    transcript.name,
                    transcript.group,
                    i,
                    source="rule: exons",
                    chrom=a.chrom,
                )
                for s, e in pieces
            ]
    return rows_of(transcript, "exon", "record") + rows if rows else []


def _round_the_origin(a: Part, b: Part) -> bool:
    """Whether b follows a round the origin of a circle."""
    return b.end <= a.start if a.strand != "-" else a.end <= b.start


def intergenic_rows(rows: Iterable[Row], unambiguous: NDArray[np.bool_]) -> list[Row]:
    """Known bases (mask over the contig) in nothing that is a gene."""
    free = unambiguous.copy()
    for row in rows:
        if row.kind in GENIC:
            free[row.start : row.end] = False
    return [
        Row(int(s), int(e), ".", "intergenic", group=f"intergenic_{s}", source="rule: complement of genes")
        for s, e in runs(free)
    ]
