"""Where things are: genes at a place, and a feature's strongest windows with the bases under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import words
from photo51.codes import CodesStore
from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.types import STRANDS, Strand

ARROWS = (
    "CDS",
    "pseudogene",
    "tRNA",
    "rRNA",
    "ncRNA",
    "mobile_element",
    "prophage",
    "CRISPR",
    "D_loop",
    "origin",
)
_COLUMNS = ("genome", "chrom", "start", "end", "strand", "name", "kind", "note", "frame")
_NAMED = ("gene", "pseudogene", "CDS", "tRNA", "rRNA", "ncRNA", "D_loop")


class GeneSpan(NamedTuple):
    """An annotated interval: 0-based, half-open; `frame` as in contract `ANNOTATIONS`."""

    start: int
    end: int
    strand: str
    name: str
    kind: str
    note: str
    frame: int = -1


class Reads(NamedTuple):
    """How a feature reads genes: `sense` or `antisense` to them, at codon position 1, 2 or 3; 0 where at none in
    particular.
    """

    direction: str = "sense"
    codon: int = 0


ANYHOW = Reads()


class GeneIndex:
    """What is annotated at a place.

    Parameters
    ----------
    annotations
        Contract `ANNOTATIONS`.
    """

    def __init__(self, annotations: pd.DataFrame):
        drawn = annotations[annotations["kind"].isin({*ARROWS, *_NAMED})].sort_values(["start", "end"])
        self._by_contig: dict[tuple[str, str], list[GeneSpan]] = {}
        for genome, chrom, start, end, strand, name, kind, note, frame in zip(
            *(drawn[c] for c in _COLUMNS), strict=True
        ):
            gene = GeneSpan(int(start), int(end), str(strand), str(name), str(kind), str(note), int(frame))
            self._by_contig.setdefault((str(genome), str(chrom)), []).append(gene)
        self._starts = {key: np.array([g.start for g in genes]) for key, genes in self._by_contig.items()}
        self._reach = {key: max(g.end - g.start for g in genes) for key, genes in self._by_contig.items()}

    def over(self, genome: str, chrom: str, start: int, end: int) -> list[GeneSpan]:
        """Everything drawn as an arrow that overlaps `[start, end)`."""
        rows = self._overlapping(genome, chrom, start, end)
        return [g for g in rows if g.kind in ARROWS]

    def covering(
        self, genome: str, chrom: str, position: int, strand: str = "", reads: Reads = ANYHOW
    ) -> GeneSpan | None:
        """The gene at a base; of several the one read as the feature reads genes, then the one in whose frame the base
        is the feature's codon position, then the shortest.

        Parameters
        ----------
        position
            0-based, forward.
        strand
            Direction in which the model read, + or -; empty where it does not matter.
        reads
            How the feature reads genes.
        """
        there = [g for g in self._overlapping(genome, chrom, position, position + 1) if g.kind in _NAMED and g.name]
        return min(
            there,
            key=lambda g: (
                strand != "" and side_of(g, strand) != reads.direction,
                _misfit(g, position, reads),
                g.end - g.start,
            ),
            default=None,
        )

    def at(self, genome: str, chrom: str, position: int, strand: str = "", reads: Reads = ANYHOW) -> str:
        """Gene at a base and how it is read there, or how far the nearest is: `thrA, sense`, `41 bases before thrB,
        antisense`.

        Arguments are those of `covering`. Without a strand nothing is said of the direction; empty where nothing is
        near.
        """
        if gene := self.covering(genome, chrom, position, strand, reads):
            return gene.name + _said(gene, strand)
        near = [
            g for g in self._overlapping(genome, chrom, position - 2000, position + 2001) if g.kind in _NAMED and g.name
        ]
        if not near:
            return ""
        gap, gene = min(((g.start - position if g.start > position else position - g.end + 1), g) for g in near)
        side = "before" if (gene.start > position) == (gene.strand != "-") else "after"
        far = f"{gap:,} bases" if gap != 1 else "1 base"
        return f"{far} {side} {gene.name}{_said(gene, strand)}"

    def names(self) -> pd.DataFrame:
        """Every named gene, each copy of it once: genome, chrom, name, start, end."""
        rows = [
            (genome, chrom, g.name, g.start, g.end)
            for (genome, chrom), genes in self._by_contig.items()
            for g in genes
            if g.kind in _NAMED and g.name
        ]
        table = pd.DataFrame(rows, columns=["genome", "chrom", "name", "start", "end"])
        return joined_spans(table, ["genome", "chrom", "name"])

    def _overlapping(self, genome: str, chrom: str, start: int, end: int) -> list[GeneSpan]:
        key = (genome, chrom)
        if key not in self._by_contig:
            return []
        first, last = np.searchsorted(self._starts[key], [start - self._reach[key], end])
        return [g for g in self._by_contig[key][first:last] if g.end > start]


def joined_spans(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Intervals of annotations, columns `keys`, `start` and `end`, in order; those of one kind that overlap are one.

    Copies of a gene that share its name, and the parts of one across a circle's origin, are intervals of their own.

    Parameters
    ----------
    rows
        `start`, `end` and the columns `keys`, whose equal values may be joined.
    """
    keys = list(keys)
    ordered = rows.sort_values([*keys, "start", "end"], kind="stable", ignore_index=True)
    same = [ordered[k] for k in keys]
    # the farthest end of all before each of its kind: an interval that begins before it overlaps one of them
    reach = ordered["end"].groupby(same, sort=False).cummax().groupby(same, sort=False).shift(fill_value=-1)
    span = (ordered["start"] >= reach).cumsum()
    out = ordered.groupby(span, sort=False).agg(
        **{k: (k, "first") for k in keys}, start=("start", "min"), end=("end", "max")
    )
    return out.reset_index(drop=True)


def side_of(gene: GeneSpan, strand: str) -> str:
    """`sense` or `antisense`: how a gene is read by a model that reads a strand; empty for a gene without a strand."""
    if gene.strand not in STRANDS:
        return ""
    return "sense" if gene.strand == strand else "antisense"


def _said(gene: GeneSpan, strand: str) -> str:
    side = side_of(gene, strand) if strand else ""
    return f", {side}" if side else ""


def _misfit(gene: GeneSpan, position: int, reads: Reads) -> int:
    """0 where the base is the feature's codon position in the gene's frame, 2 where it is another, 1 where neither can
    be said.
    """
    if not reads.codon or gene.frame < 0 or gene.strand not in STRANDS:
        return 1
    offset = position - gene.start if gene.strand == "+" else gene.end - 1 - position
    return 0 if (offset - gene.frame) % 3 == reads.codon - 1 else 2


class ActivationColumn(NamedTuple):
    """Where a feature is active on one strand: workspace rows, rising, and activations."""

    rows: NDArray[np.int64]
    values: NDArray[np.float32]

    def dense(self, start: int, stop: int) -> NDArray[np.float32]:
        """Activation at rows `start..stop`, (stop - start,)."""
        a, b = np.searchsorted(self.rows, [start, stop])
        out = np.zeros(stop - start, dtype=np.float32)
        out[self.rows[a:b] - start] = self.values[a:b]
        return out

    def at(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Activation at some rows, (rows,)."""
        place = np.searchsorted(self.rows, rows)
        inside = np.minimum(place, max(len(self.rows) - 1, 0))
        if not len(self.rows):
            return np.zeros(len(rows))
        return np.where(self.rows[inside] == rows, self.values[inside], 0.0).astype(np.float64)


class Window(NamedTuple):
    """A place where a feature is strong, with the bases around it.

    Attributes
    ----------
    genome, chrom, start, end
        Segment shown, forward coordinates; may run past either end of a circular contig.
    strand
        Direction in which the model read.
    position
        Base at which the feature is strongest, forward coordinate.
    activation
        Activation there.
    sequence
        Bases of the segment in reading direction.
    levels
        Activation at each of them, in reading direction; NaN where the base was not scored.
    peak
        Index of the strongest base in `sequence`.
    gene
        Gene there and whether it is read in sense or antisense, in words.
    called
        What its contig is called on pages; empty for the contig's own name.
    """

    genome: str
    chrom: str
    start: int
    end: int
    strand: Strand
    position: int
    activation: float
    sequence: str
    levels: NDArray[np.float32]
    peak: int
    gene: str
    called: str = ""

    @property
    def where(self) -> str:
        """The strongest base, 1-based, as browsers print it; a genome of one contig by its name."""
        return f"{self.called or self.chrom}:{self.position + 1:,} ({words.MINUS if self.strand == '-' else '+'})"

    @property
    def locus(self) -> str:
        """The segment, 1-based, both ends included."""
        return f"{self.chrom}:{max(self.start, 0) + 1}-{self.end}"


class Places:
    """Reads features of a run at places of its genomes."""

    def __init__(self, genomes: Genomes, codes: CodesStore):
        self.genomes, self.codes = genomes, codes
        self.workspace: Workspace = genomes.workspace()
        self.genes = GeneIndex(genomes.annotations())
        self._contigs = genomes.contigs["genome"].value_counts().to_dict()
        columns = (self.workspace.table[c].tolist() for c in ("genome", "chrom", "start", "end", "offset"))
        self._segments = [(str(g), str(c), int(s), int(e), int(o)) for g, c, s, e, o in zip(*columns, strict=True)]
        self._bounds = np.array([s[4] for s in self._segments] + [self.workspace.n_rows])

    def columns(self, features: NDArray[np.integer]) -> list[dict[Strand, ActivationColumn]]:
        """Where each feature is active, both strands."""
        codes = {s: self.codes.features(features, s) for s in STRANDS}
        return [
            {
                s: ActivationColumn(
                    m.indices[m.indptr[i] : m.indptr[i + 1]].astype(np.int64),
                    m.data[m.indptr[i] : m.indptr[i + 1]],
                )
                for s, m in codes.items()
            }
            for i in range(len(features))
        ]

    def window(self, column: ActivationColumn, strand: Strand, row: int, flank: int, reads: Reads = ANYHOW) -> Window:
        """The interval of `flank` bases to either side of a row, cut where a linear contig ends."""
        segment = int(np.searchsorted(self._bounds, row, side="right")) - 1
        genome, chrom, first_base, _, offset = self._segments[segment]
        position = first_base + row - offset
        start, end = position - flank, position + flank + 1
        if not self.genomes.is_circular(genome, chrom):
            start, end = max(start, 0), min(end, self.genomes.length(genome, chrom))
        first = row - (position - start)
        low, high = (
            max(first, int(self._bounds[segment])),
            min(first + end - start, int(self._bounds[segment + 1])),
        )
        levels = np.full(end - start, np.nan, dtype=np.float32)
        levels[low - first : high - first] = column.dense(low, high)
        bases = self.genomes.sequence(genome, chrom, start, end)
        peak = position - start
        activation = float(levels[peak])
        if strand == "-":
            bases, levels, peak = reverse_complement(bases), levels[::-1], end - start - 1 - peak
        gene = self.genes.at(genome, chrom, position, strand, reads)
        return Window(
            genome,
            chrom,
            start,
            end,
            strand,
            position,
            activation,
            decode(bases),
            levels,
            peak,
            gene,
            self.called(genome, chrom),
        )

    def called(self, genome: str, chrom: str) -> str:
        """What a contig is called on pages: the genome where that has one contig only, since accessions say little."""
        return genome.replace("_", " ") if self._contigs[genome] == 1 else chrom

    def unread(self, genome: str, chrom: str, start: int, end: int) -> list[tuple[int, int]]:
        """Parts of `[start, end)` that were not read in this run: nothing is known of features there."""
        reached, out = start, []
        scored = sorted((first, last) for g, c, first, last, _ in self._segments if (g, c) == (genome, chrom))
        for first, last in scored:
            if last <= reached:
                continue
            if first >= end:
                break
            if first > reached:
                out.append((reached, first))
            reached = max(reached, last)
        return [*out, (reached, end)] if reached < end else out

    def levels_over(
        self, column: dict[Strand, ActivationColumn], genome: str, chrom: str, start: int, end: int
    ) -> dict[Strand, NDArray[np.float32]]:
        """Activation at each base of `[start, end)` of a contig, forward coordinates; NaN where nothing was scored."""
        out = {s: np.full(end - start, np.nan, dtype=np.float32) for s in STRANDS}
        for g, c, first, last, offset in self._segments:
            if (g, c) != (genome, chrom) or first >= end or last <= start:
                continue
            low, high = max(start, first), min(end, last)
            rows = offset + low - first
            for s in STRANDS:
                out[s][low - start : high - start] = column[s].dense(rows, rows + high - low)
        return out
