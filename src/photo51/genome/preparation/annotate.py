"""From features of contigs to a table of annotations, by the rules of `photo51.genome.annotation.rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.genome import AnnotationParams
from photo51.genome.alphabet import is_ambiguous, reverse_complement
from photo51.genome.annotation import signals
from photo51.genome.annotation.composition import (
    Tiles,
    gc_class_rows,
    gc_thresholds,
    gc_tiles,
    homopolymer_rows,
    soft_mask_rows,
)
from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.genes import (
    five_prime,
    gene_end_rows,
    gene_feature,
    intergenic_rows,
    three_prime,
    transcript_rows,
    wrapped,
)
from photo51.genome.annotation.motifs import Motif, scan
from photo51.genome.annotation.operons import Unit, operon_rows, transcription_units
from photo51.genome.annotation.rules import UNSTRANDED, Row, is_transposon, kind_of, rows_of
from photo51.genome.annotation.transcripts import Transcript
from photo51.genome.preparation.sources import Contig
from photo51.io.contracts.genome import ANNOTATIONS, TRANSCRIPTS

BACTERIAL_CODES = frozenset({4, 11, 25})


class Annotator:
    """Collects the annotations of one genome, contig by contig; GC classes need all of them.

    Parameters
    ----------
    genome
        Name in this run.
    params
        Numbers of the rules.
    motifs
        Motifs to scan for, with the file they come from.
    """

    def __init__(self, genome: str, params: AnnotationParams, motifs: Sequence[tuple[Motif, str]] = ()):
        self.genome, self.params, self.motifs = genome, params, motifs
        self._rows: list[tuple[str, Row]] = []
        self._parts: list[tuple] = []
        self._tiles: list[tuple[str, Tiles]] = []

    def add(self, contig: Contig) -> None:
        """Annotate one contig."""
        name = contig.record.name
        self._rows += [(row.chrom or name, row) for row in contig_rows(contig, self.params, self.motifs)]
        self._parts += transcript_parts(self.genome, contig)
        self._tiles.append((name, gc_tiles(contig.record.ids, self.params.gc_window)))

    def table(self) -> pd.DataFrame:
        """All annotations (contract `ANNOTATIONS`), in order of contig, place, class and name."""
        low, high = gc_thresholds([t for _, t in self._tiles], self.params.gc_quantile)
        classed = [(name, row) for name, t in self._tiles for row in gc_class_rows(t, low, high)]
        order = {name: i for i, (name, _) in enumerate(self._tiles)}
        rows = sorted(
            self._rows + classed,
            key=lambda r: (order.get(r[0], len(order)), *r[1][:8], str(r[1].score), r[1].note, r[1].source),
        )
        table = pd.DataFrame(
            [(self.genome, name, *row[:-1]) for name, row in rows],
            columns=["genome", "chrom", *Row._fields[:-1]],
        )
        return ANNOTATIONS.check(table) if rows else ANNOTATIONS.empty()

    def transcripts(self) -> pd.DataFrame:
        """All parts of all transcripts (contract `TRANSCRIPTS`), in order of contig and file."""
        table = pd.DataFrame(self._parts, columns=list(TRANSCRIPTS.columns))
        return TRANSCRIPTS.check(table) if self._parts else TRANSCRIPTS.empty()


def transcript_parts(genome: str, contig: Contig) -> list[tuple]:
    """Rows of the table of transcripts (contract `TRANSCRIPTS`) of a contig: exons, then coding parts, of each."""
    rows = []
    for t in contig.transcripts:
        about = (
            t.id,
            t.name,
            t.gene,
            t.gene_name,
            t.biotype,
        )
        for kind, parts in (("exon", t.exons), ("CDS", t.cds if t.biotype != "pseudogene" else ())):
            rows += [
                (
                    genome,
                    p.chrom or contig.record.name,
                    p.start,
                    p.end,
                    p.strand,
                    kind,
                    *about,
                    i,
                    p.frame if kind == "CDS" else -1,
                    t.genetic_code or contig.genetic_code,
                    t.partial_5,
                    t.partial_3,
                    t.recoded,
                    t.where,
                )
                for i, p in enumerate(parts)
            ]
    return rows


def _distinct(pairs: Iterable[tuple[str, Feature]]) -> Iterable[tuple[str, Feature]]:
    """Without intervals that two files give to one class: the first is kept, the files being read in their order."""
    written: set[tuple] = set()
    for kind, f in pairs:
        places = tuple((p.start, p.end, "." if kind in UNSTRANDED else p.strand) for p in f.parts)
        if (kind, places) not in written:
            yield kind, f
        written.add((kind, places))


def contig_rows(contig: Contig, params: AnnotationParams, motifs: Sequence[tuple[Motif, str]] = ()) -> list[Row]:
    """Every annotation of a contig but its GC classes."""
    ids, length, circular = contig.record.ids, len(contig.record.ids), contig.circular
    pairs = list(_distinct((kind, f) for f in contig.features if (kind := kind_of(f)) is not None))
    members: dict[str, list[Transcript]] = {}
    for t in contig.transcripts:
        members.setdefault(t.gene, []).append(t)
    whole = [(g, gene_feature(g, members.get(g.id, []), length)) for g in contig.genes]
    genes = [f for g, f in whole if not g.pseudo and f.parts and not any(p.chrom for p in f.parts)]
    rows = [row for t in contig.transcripts for row in transcript_rows(t, ids, circular=circular)]
    introns = {(r.start, r.end) for r in rows if r.kind == "intron"}
    rows += [
        row
        for kind, f in pairs
        if kind != "intron" or not all((p.start, p.end) in introns for p in f.parts)
        for row in rows_of(f, kind, f"record: {f.type}")
    ]
    for gene, feature in whole:
        rows += rows_of(feature, "pseudogene" if gene.pseudo else "gene", f"record: {gene.type}")
        if is_transposon(gene.type):
            rows += rows_of(feature, "mobile_element", f"record: {gene.type}")
    for feature in genes:
        rows += gene_end_rows(feature, "gene", params.boundary, length, circular=circular)
    for kind, f in pairs:
        if kind == "operon":
            starts = gene_end_rows(f, "operon", params.boundary, length, circular=circular)
            rows += [row for row in starts if row.kind == "operon_start"]
    present = {kind for kind, _ in pairs}
    coding = [t.feature(t.cds) for t in contig.transcripts if t.cds and t.biotype != "pseudogene"]
    rows += _predicted(contig, genes, coding, present, params)
    rows += soft_mask_rows(contig.record.soft_masked)
    rows += homopolymer_rows(ids, params.homopolymer)
    if whole:
        rows += intergenic_rows([r for r in rows if not r.chrom], ~is_ambiguous(ids))
    base = signals.base_shares(ids)
    for motif, source in motifs:
        rows += scan(ids, motif, base, params.motif_p, f"scan: {source}")
    return list(dict.fromkeys(rows))


def _predicted(
    contig: Contig,
    genes: Sequence[Feature],
    coding: Sequence[Feature],
    present: set[str],
    params: AnnotationParams,
) -> list[Row]:
    """Classes that a bacterial genome has no records for, by the rules of `signals` and `operons`."""
    if contig.genetic_code not in BACTERIAL_CODES or not genes:
        return []
    length, circular = len(contig.record.ids), contig.circular
    genes = [g for g in genes if g.strand != "."]
    coding = [c for c in coding if c.strand != "."]
    if not genes:
        return []
    units = transcription_units(genes, params.operon_gap, length, circular=circular)
    kinds = [kind for kind in params.predict if kind not in present]
    rows: list[Row] = []
    if "operon" in kinds:
        rows += operon_rows(units, params.boundary, length, circular=circular)
    if "promoter" in kinds:
        rows += _promoters(contig, units, params)
    if "rbs" in kinds:
        rbs = partial(signals.ribosome_binding_site, min_paired=params.rbs_bases)
        rows += _sites(contig, coding, "rbs_predicted", -25, rbs)
    if "terminator" in kinds:
        last = [unit.genes[-1] for unit in units]
        end = partial(signals.terminator, min_score=params.terminator_score)
        rows += _sites(contig, last, "terminator_predicted", params.terminator_search, end)
    return rows


def _promoters(contig: Contig, units: Sequence[Unit], params: AnnotationParams) -> list[Row]:
    first = [unit.genes[0] for unit in units]
    reach = params.promoter_search + 40
    upstream = [oriented_bases(contig, g.strand, five_prime(g.parts), -reach)[0] for g in first]
    base = signals.base_shares(np.concatenate(upstream))
    find = partial(signals.promoter, base=base, reach=params.promoter_search, min_score=params.promoter_score)
    return _sites(contig, first, "promoter_predicted", -reach, find)


def oriented_bases(contig: Contig, strand: str, boundary: int, size: int) -> tuple[NDArray[np.uint8], int]:
    """Bases in reading direction before (`size` < 0) or after a boundary of a contig, fewer at the ends of a linear
    one.

    Returns
    -------
    The bytes, and the forward coordinate of their first forward base, not yet wrapped.
    """
    ids = contig.record.ids
    forward = (strand != "-") == (size > 0)
    start, end = (boundary, boundary + abs(size)) if forward else (boundary - abs(size), boundary)
    if contig.circular:
        start, end = (start, min(end, start + len(ids))) if forward else (max(start, end - len(ids)), end)
    else:
        start, end = max(0, start), min(end, len(ids))
    bases = np.take(ids, np.arange(start, end), mode="wrap")
    return (reverse_complement(bases) if strand == "-" else bases), start


def _sites(
    contig: Contig,
    anchors: Sequence[Feature],
    kind: str,
    size: int,
    find: Callable[[NDArray[np.uint8]], signals.Site | None],
) -> list[Row]:
    """Sites that `find` sees before (`size` < 0) the 5' ends or after the 3' ends of features."""
    rows = []
    length = len(contig.record.ids)
    for f in anchors:
        end = five_prime(f.parts) if size < 0 else three_prime(f.parts)
        bases, start = oriented_bases(contig, f.strand, end, size)
        site = find(bases)
        if site is None:
            continue
        first = start + (len(bases) - site.end if f.strand == "-" else site.start)
        places = wrapped(first, first + site.end - site.start, length, circular=contig.circular)
        parts = [Part(s, e, f.strand) for s, e in places]
        rows += [
            Row(
                p.start,
                p.end,
                p.strand,
                kind,
                f.name,
                f"{kind}_{f.group}",
                i,
                score=site.score,
                source="rule: see photo51.genome.annotation.signals",
            )
            for i, p in enumerate(parts[::-1] if f.strand == "-" else parts)
        ]
    return rows
