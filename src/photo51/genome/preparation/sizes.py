"""How much there is to read, from `genomes.tsv` and the parameters alone: what `photo51 plan` counts, before anything
is prepared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from photo51.config.genome import GenomeParams
from photo51.genome.alphabet import is_ambiguous
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.genome.formats.genbank import read_genbank
from photo51.genome.formats.pieces import assemble
from photo51.genome.formats.vcf import count_records, is_vcf
from photo51.genome.preparation.regions import parse_regions
from photo51.genome.preparation.samples import GenomeRow, read_genomes
from photo51.genome.preparation.sources import first_letter
from photo51.genome.text import data_lines

LONGEST = 248_956_422  # chromosome 1 of GRCh38


@dataclass(frozen=True)
class Amount:
    """What a run reads.

    Attributes
    ----------
    bases
        Bases in the regions, ambiguous ones left out; each is scored on both strands.
    windows
        Windows, both strands together.
    tokens
        Bases the model reads, warm-up and both strands included.
    longest
        Longest contig (bases).
    variants
        Variants to score.
    genomes
        Genomes.
    """

    bases: int
    windows: int
    tokens: int
    longest: int
    variants: int = 0
    genomes: int = 1


def amount(genomes_tsv: Path | str, params: GenomeParams, fetched: Path | str = "resources/fetched") -> Amount:
    """Count what a table of genomes has the model read; one contig is in memory at a time.

    Contexts are taken as whole and blocks as unbroken, so that the count is right to about a window a contig.

    Raises
    ------
    InputError
        As the readers of the table, of sequences and of regions.
    """
    rows = read_genomes(genomes_tsv, fetched)
    bases = windows = longest = variants = 0
    for row in rows:
        contigs = [(r.name, len(r.ids), ~is_ambiguous(r.ids)) for r in _records(row)]
        intervals = parse_regions(row.regions, {n: size for n, size, _ in contigs}, row.where, row.folder)
        for name, size, unambiguous in contigs:
            longest = max(longest, size)
            for start, end in _union(intervals.get(name, ())):
                scored = int(unambiguous[start:end].sum())
                bases += scored
                windows += 2 * ceil(scored / params.core)
        variants += sum(_variants(path) for _, path in row.variants)
    return Amount(bases, windows, 2 * bases + windows * params.warmup, longest, variants, len(rows))


def of_bases(bases: int, params: GenomeParams) -> Amount:
    """The same for a genome that need not be here, in contigs no longer than the longest of human."""
    windows = 2 * ceil(bases / params.core)
    return Amount(bases, windows, 2 * bases + windows * params.warmup, min(bases, LONGEST))


def _records(row: GenomeRow) -> Iterable[Record]:
    if first_letter(row.sequence) != ">":
        return (flat[0] for flat in read_genbank(row.sequence))
    if row.topology.startswith("pieces"):
        _, colon, length = row.topology.partition(":")
        return assemble(read_fasta(row.sequence), str(row.sequence), int(length) if colon else None)
    return read_fasta(row.sequence)


def _union(intervals: Iterable) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((int(a), int(b)) for a, b in intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _variants(path: Path) -> int:
    """Variants of a file: records of VCF, or lines of a table without its header."""
    if is_vcf(path):
        return count_records(path)
    return max(0, sum(1 for _ in data_lines(path, comment="##")) - 1)
