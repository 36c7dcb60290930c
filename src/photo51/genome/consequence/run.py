"""Consequences of a table of variants: one row a variant and transcript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence.alleles import Change, change_of, reach
from photo51.genome.consequence.hgvs import coding
from photo51.genome.consequence.judge import effect
from photo51.genome.consequence.models import GeneModels, IntervalIndex
from photo51.genome.consequence.terms import Effect
from photo51.genome.consequence.transcript import CodedTranscript
from photo51.io.contracts.genome import CONSEQUENCES
from photo51.progress import progress

_PLAIN = {"D_loop": "control_region", "pseudogene": "pseudogene"}
_NONE = ("", "", ".")
_FURTHEST = 10_000
_AT_ONCE = 1_000


class ConsequenceRow(NamedTuple):
    """A consequence with whom it befalls."""

    found: Effect
    gene: str
    transcript: str
    strand: str
    n_coding: int = 0
    hgvs_c: str = ""

    @property
    def key(self) -> tuple[int, int, str, str]:
        """Gravest first, then the longest CDS, then by name."""
        return self.found.rank, -self.n_coding, self.gene, self.transcript


def consequences(genomes: Genomes, genome: str, variants: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """Consequences of variants (contract `CONSEQUENCES`), in order of variants, gravest first.

    Every transcript that a variant touches has a row. `worst` marks one of them: the gravest term, of equal ones that
    of the longest CDS, then the first by names of gene and transcript.

    Parameters
    ----------
    genomes
        Prepared genomes; their transcripts are the gene model.
    genome
        Which of them.
    variants
        Contract `VARIANTS`, with reference alleles that are the genome's (`check_reference`).
    annotations
        Contract `ANNOTATIONS`, for control regions and for pseudogenes without transcripts.
    """
    models = GeneModels(genomes, genome, genomes.transcripts())
    features = annotations[(annotations["genome"] == genome) & annotations["kind"].isin(list(_PLAIN))]
    order = variants.reset_index(drop=True)
    chunks = []
    for chrom, on_contig in order.groupby("chrom", sort=False):
        regions = Regions(features[features["chrom"] == chrom].reset_index(drop=True))
        chunks += [(str(chrom), regions, on_contig.iloc[i : i + _AT_ONCE]) for i in range(0, len(on_contig), _AT_ONCE)]
    rows: list[tuple] = []
    last = ""
    for chrom, regions, chunk in progress(chunks, "consequences", unit=f"times {_AT_ONCE:,} variants"):
        if chrom != last:
            models.forget()
            last = chrom
        length = genomes.length(genome, chrom)
        for i, pos, ref, alt in zip(chunk.index, chunk["pos"], chunk["ref"], chunk["alt"], strict=True):
            change = change_of(chrom, int(pos), ref, alt)
            # on a circle a position past the origin is brought back into the first round
            listed = _rows(models, change.moved(-(change.start // length * length)), regions)
            rows += [
                (int(i), r.gene, r.transcript, r.strand, *r.found, r.hgvs_c, place == 0)
                for place, r in enumerate(listed)
            ]
    table = pd.DataFrame(rows, columns=list(CONSEQUENCES.columns))
    return CONSEQUENCES.check(table.sort_values("variant", kind="stable")) if rows else CONSEQUENCES.empty()


class Regions:
    """Annotated intervals of one contig that are no transcripts.

    Parameters
    ----------
    table
        Contract `ANNOTATIONS`, rows of one contig, numbered from 0.
    """

    def __init__(self, table: pd.DataFrame):
        self._rows = list(zip(table["kind"], table["name"], table["strand"], strict=True))
        self._index = IntervalIndex(
            table["start"].to_numpy(dtype=int),
            table["end"].to_numpy(dtype=int),
            table.index.to_numpy(dtype=int),
        )

    def at(self, change: Change, rounds: Sequence[int]) -> list[ConsequenceRow]:
        """A row a name that a change touches."""
        numbers = {n for by in rounds for n in self._index.touching(change.start + by, change.end + by)}
        rows = [
            ConsequenceRow(Effect(_PLAIN[k]), str(name), "", str(s))
            for k, name, s in (self._rows[n] for n in sorted(numbers))
        ]
        return list(dict.fromkeys(rows))


def _rows(models: GeneModels, change: Change, regions: Regions) -> list[ConsequenceRow]:
    """Rows of one variant, gravest first."""
    rounds = models.rounds(change.chrom)
    numbers = models.touching(change.chrom, change.start, change.end)
    # how far a change may slide depends on the sequence alone: once for all transcripts
    room = reach(change, models.bases, _FURTHEST) if numbers and not change.changed else (0, 0)
    rows = [row for n in numbers if (row := _row(models, models.transcript(n), change, room)) is not None]
    genes = {r.gene for r in rows}
    # a region adds nothing to a gene that a transcript speaks for
    rows += [r for r in regions.at(change, rounds) if r.gene not in genes]
    return sorted(rows, key=lambda r: r.key) or [ConsequenceRow(Effect("intergenic"), *_NONE)]


def _row(models: GeneModels, t: CodedTranscript, change: Change, room: tuple[int, int]) -> ConsequenceRow | None:
    """What a change does in a transcript, from whichever side of the origin it touches it; None where it does not."""
    rows = []
    for by in models.rounds(change.chrom):
        moved = change.moved(by) if by else change
        outcome = effect(t, moved, models.bases, room)
        if outcome is not None:
            text = coding(t, moved, models.bases, room)
            rows.append(ConsequenceRow(outcome, t.gene, t.name, t.strand, t.n_coding, text))
    return min(rows, key=lambda r: r.found.rank, default=None)
