"""The transcripts of a genome, found by place and built when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence.code import genetic_code
from photo51.genome.consequence.transcript import Bases, CodedTranscript, Coding, Layout, Segment, laid_out

_ENTRIES = (
    "chrom",
    "start",
    "end",
    "strand",
    "kind",
    "transcript",
    "transcript_name",
    "gene_name",
    "biotype",
    "frame",
    "genetic_code",
    "partial_5",
    "partial_3",
    "recoded",
)


class IntervalIndex:
    """Intervals of one contig, grouped by size, so that a query looks at few that it does not touch.

    Parameters
    ----------
    start, end
        Half-open intervals, (n,).
    number
        What each stands for, (n,).
    """

    def __init__(self, start: NDArray[np.int64], end: NDArray[np.int64], number: NDArray[np.int64]):
        self._groups = []
        # classes of a factor of four in length
        size_class = np.log2(np.maximum(end - start, 1)).astype(int) // 2
        for c in np.unique(size_class):
            rows = np.flatnonzero(size_class == c)
            rows = rows[np.argsort(start[rows], kind="stable")]
            # of a class no interval is longer than this, so that few begin before the query and reach it
            longest = int((end[rows] - start[rows]).max())
            self._groups.append((start[rows], end[rows], number[rows], longest))

    def touching(self, start: int, end: int) -> list[int]:
        """Numbers of the intervals that overlap [start, end); where it is empty, of those that hold it within."""
        numbers: set[int] = set()
        # those that may touch begin after start - longest, and before the end
        for starts, ends, number, longest in self._groups:
            low, high = np.searchsorted(starts, (start - longest, end))
            if low < high:
                numbers.update(number[low:high][ends[low:high] > start].tolist())
        return sorted(numbers)


class GeneModels:
    """Transcripts of one genome.

    Parameters
    ----------
    genomes, genome
        Prepared genomes, and which of them.
    table
        Contract `TRANSCRIPTS`.
    """

    def __init__(self, genomes: Genomes, genome: str, table: pd.DataFrame):
        self.genomes, self.genome = genomes, genome
        entries = table[table["genome"] == genome]
        code = pd.factorize(entries["transcript"])[0]
        # transcript by transcript; its exons before its CDS; parts in reading order
        order = np.lexsort((entries["part"].to_numpy(), entries["kind"].to_numpy() == "CDS", code))
        self._columns = {name: entries[name].to_numpy()[order] for name in _ENTRIES}
        code = code[order]
        # first entry of each transcript
        self._first = np.flatnonzero(np.diff(code, prepend=-1))
        self._end = np.append(self._first[1:], len(code))
        contigs = genomes.contigs[genomes.contigs["genome"] == genome]
        self._length = dict(zip(contigs["chrom"].astype(str), contigs["length"].astype(int), strict=True))
        self._circular = frozenset(contigs.loc[contigs["circular"], "chrom"].astype(str))
        self.bases = letters_of(genomes, genome)
        self._built: dict[int, CodedTranscript] = {}
        self._index = self._indexed(code)

    def _indexed(self, code: NDArray[np.int64]) -> dict[str, IntervalIndex]:
        """Index of each contig: a transcript from end to end where its parts lie in one row, else piece by piece."""
        if not len(code):
            return {}
        columns = self._columns
        chrom, start, end = columns["chrom"], columns["start"].astype(int), columns["end"].astype(int)
        minus = columns["strand"] == "-"
        # neighbours of one kind in one transcript
        follows = np.flatnonzero((code[1:] == code[:-1]) & (columns["kind"][1:] == columns["kind"][:-1]))
        # reading order goes down the coordinates on strand -
        ahead = np.where(minus[follows], start[follows + 1] <= start[follows], start[follows + 1] >= start[follows])
        plain = (chrom[follows] == chrom[follows + 1]) & (minus[follows] == minus[follows + 1]) & ahead
        odd = np.zeros(len(self._first), dtype=bool)
        # parts on several contigs or strands, or across the origin: indexed piece by piece
        odd[code[follows[~plain]]] = True
        low, high = np.minimum.reduceat(start, self._first), np.maximum.reduceat(end, self._first)
        names = chrom[self._first]
        places: dict[str, list[tuple[NDArray[np.int64], ...]]] = {}
        numbers = np.arange(len(self._first))
        for name in dict.fromkeys(names.tolist()):
            rows = np.flatnonzero((names == name) & ~odd)
            places.setdefault(str(name), []).append((low[rows], high[rows], numbers[rows]))
        for i in np.flatnonzero(odd).tolist():
            t = self.transcript(i)
            for s in t.spans:
                places.setdefault(s.chrom, []).append((np.array([s.start]), np.array([s.end]), np.array([i])))
        return {
            name: IntervalIndex(*(np.concatenate([p[j] for p in pieces]) for j in range(3)))
            for name, pieces in places.items()
        }

    def rounds(self, chrom: str) -> tuple[int, ...]:
        """What may be added to a position to reach the same base in a transcript's coordinates."""
        # a transcript across the origin has coordinates past the contig's length
        return (0, self._length[chrom], -self._length[chrom]) if chrom in self._circular else (0,)

    def touching(self, chrom: str, start: int, end: int) -> list[int]:
        """Numbers of the transcripts that a change of [start, end) may touch."""
        index = self._index.get(chrom)
        if index is None:
            return []
        numbers = [n for by in self.rounds(chrom) for n in index.touching(start + by, end + by)]
        return sorted(set(numbers))

    def transcript(self, number: int) -> CodedTranscript:
        """A transcript, built once."""
        if number not in self._built:
            self._built[number] = self._build(slice(self._first[number], self._end[number]))
        return self._built[number]

    def forget(self) -> None:
        """Let go of what was built."""
        self._built.clear()

    def _build(self, rows: slice) -> CodedTranscript:
        c = {name: values[rows] for name, values in self._columns.items()}
        segments = [
            Segment(str(chrom), int(start), int(end), strand == "-")
            for chrom, start, end, strand in zip(c["chrom"], c["start"], c["end"], c["strand"], strict=True)
        ]
        is_cds = c["kind"] == "CDS"
        parts = [s for s, coding in zip(segments, is_cds, strict=True) if coding]
        exons = [s for s, coding in zip(segments, is_cds, strict=True) if not coding]
        coding = None
        layout = self._exons(exons or parts)
        if parts:
            first = int(np.flatnonzero(is_cds)[0])
            coded = laid_out(parts, self._length, self._circular, join=False)
            if not self._holds(layout, coded.segments):
                layout = self._exons(parts)
            coding = self._coding(self._on_exons(layout, coded), {name: values[first] for name, values in c.items()})
        name = str(c["transcript_name"][0] or c["transcript"][0])
        return CodedTranscript(name, str(c["gene_name"][0]), str(c["biotype"][0]), layout, coding)

    def _exons(self, parts: Sequence[Segment]) -> Layout:
        return laid_out(parts, self._length, self._circular, join=True)

    def _holds(self, layout: Layout, coding: Sequence[Segment]) -> bool:
        """Whether every coding part lies in an exon."""
        return all(self._exon_of(layout, s) is not None for s in coding)

    def _exon_of(self, layout: Layout, s: Segment) -> Segment | None:
        """A segment, on a circle moved on by a round, as it lies within an exon; None where there is no such exon."""
        for by in self.rounds(s.chrom):
            moved = s._replace(start=s.start + by, end=s.end + by)
            for e in layout.segments:
                if (e.chrom, e.minus) == (s.chrom, s.minus) and e.start <= moved.start and moved.end <= e.end:
                    return moved
        return None

    def _on_exons(self, layout: Layout, coded: Layout) -> Layout:
        """Coding parts in the coordinates of the exons."""
        return Layout(*(tuple(self._exon_of(layout, s) or s for s in kind) for kind in coded))

    def _coding(self, layout: Layout, row: dict[str, Any]) -> Coding:
        letters = [s.oriented(self.bases(s.chrom, s.start, s.end)) for s in layout.segments]
        return Coding(
            layout,
            letters,
            genetic_code(int(row["genetic_code"])),
            frame=max(int(row["frame"]), 0),
            partial=(bool(row["partial_5"]), bool(row["partial_3"])),
            recoded=recodings(str(row["recoded"])),
        )


def letters_of(genomes: Genomes, genome: str) -> Bases:
    """Forward letters of a contig's interval: past the end of a linear contig there are none, round a circular one
    they go on.
    """

    def bases(chrom: str, start: int, end: int) -> str:
        if not genomes.is_circular(genome, chrom):
            start, end = max(start, 0), min(end, genomes.length(genome, chrom))
        return decode(genomes.sequence(genome, chrom, start, end)) if start < end else ""

    return bases


def recodings(text: str) -> dict[int, str]:
    """`47:U;90:*` as codon number → amino acid."""
    pairs = (entry.split(":") for entry in text.split(";") if entry)
    return {int(codon): letter for codon, letter in pairs}
