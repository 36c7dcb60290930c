"""Transcription units guessed from distance and strand, where no file gives operons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from photo51.genome.annotation.features import Feature, Part, span
from photo51.genome.annotation.genes import gene_end_rows
from photo51.genome.annotation.rules import Row


class Unit(NamedTuple):
    """A transcription unit: its genes in reading order."""

    genes: tuple[Feature, ...]

    def feature(self, length: int) -> Feature:
        """The unit as one feature, from the first gene's 5' end to the last gene's 3' end."""
        first = self.genes[0]
        parts: list[Part] = [p for g in self.genes for p in g.parts]
        whole = Feature(
            first.chrom,
            "operon",
            tuple(parts),
            "-".join(g.name for g in self.genes)[:200],
            f"operon_{first.group}",
        )
        return Feature(whole.chrom, "operon", span(whole, length), whole.name, whole.group)


def transcription_units(genes: Sequence[Feature], gap: int, length: int, *, circular: bool) -> list[Unit]:
    """Group neighbouring genes of one strand whose distance is at most `gap` bases.

    Parameters
    ----------
    genes
        Placed genes of one contig.
    gap
        Largest distance from the end of a gene to the start of the next (bases); overlapping genes have a negative one.
    length, circular
        Of the contig; on a circular one the last gene neighbours the first.

    Returns
    -------
    Units in forward order of their genes; a gene alone is a unit of one.

    References
    ----------
    Salgado et al. 2000, doi:10.1073/pnas.110147297: distance between genes of one strand tells operons apart.
    """
    stranded = sorted((_extent(g, length), i) for i, g in enumerate(genes) if g.strand != ".")
    chains: list[list[Feature]] = []
    reached = 0
    for (start, end), i in stranded:
        gene = genes[i]
        if chains and chains[-1][-1].strand == gene.strand and start - reached <= gap:
            chains[-1].append(gene)
            reached = max(reached, end)
        else:
            chains.append([gene])
            reached = end
    if circular and len(chains) > 1 and chains[0][0].strand == chains[-1][-1].strand:
        (first, _), _ = stranded[0]
        if first + length - reached <= gap:
            chains[0] = chains.pop() + chains[0]
    return [Unit(tuple(c[::-1] if c[0].strand == "-" else c)) for c in chains]


def _extent(gene: Feature, length: int) -> tuple[int, int]:
    """First and one past last forward base; past the length where the gene crosses the origin."""
    parts = span(gene, length)
    if len(parts) == 1:
        return parts[0].start, parts[0].end
    forward = parts[::-1] if gene.strand == "-" else parts
    return forward[0].start, forward[-1].end + length


def operon_rows(units: Sequence[Unit], reach: int, length: int, *, circular: bool) -> list[Row]:
    """Predicted operons (two genes or more), and the starts of all transcription units."""
    rows: list[Row] = []
    for unit in units:
        whole = unit.feature(length)
        if len(unit.genes) > 1:
            rows += [
                Row(
                    p.start,
                    p.end,
                    p.strand,
                    "operon_predicted",
                    whole.name,
                    whole.group,
                    i,
                    source="rule: distance and strand",
                )
                for i, p in enumerate(whole.parts)
            ]
        starts = gene_end_rows(whole, "operon", reach, length, circular=circular)
        rows += [r._replace(kind="operon_start_predicted") for r in starts if r.kind == "operon_start"]
    return rows
