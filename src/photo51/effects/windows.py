"""Windows around variants: which bases are read for which variants, and where their alleles begin.

Windows start on a grid, so that neighbouring variants share one reference window; a variant lies within half a grid
step of the middle. What comes before the first variant of a window, in reading direction, is the same for all its
alleles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.biomarkers import VariantsParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.variants.alignment import Alignment, align, substitute
from photo51.types import STRANDS, Strand, Variant


class ScoringPlace(NamedTuple):
    """A window and the variants read in it.

    Attributes
    ----------
    genome, chrom
        Contig.
    start, end
        Forward coordinates, half-open; beyond the contig's ends where it is a circle.
    zone
        Segment of the window, half-open, within which its variants are centred.
    rows
        Rows of the variants table, (n,).
    after
        Bases read after the zone, in reading direction; None is to the end of the window.
    """

    genome: str
    chrom: str
    start: int
    end: int
    zone: tuple[int, int]
    rows: NDArray[np.int64]
    after: int | None = None


class AlleleReading(NamedTuple):
    """One window in one direction, with its alternative alleles.

    Attributes
    ----------
    strand
        Direction of reading.
    prefix
        Tokens that all alleles share from the start on.
    ref
        Token ids of the reference window, (length,).
    alts
        Token ids of the alternative windows.
    pairs
        Alignment of each alternative window to the reference window.
    rows
        Row of the variants table of each alternative, (n,).
    """

    strand: Strand
    prefix: int
    ref: NDArray[np.uint8]
    alts: list[NDArray[np.uint8]]
    pairs: list[Alignment]
    rows: NDArray[np.int64]


def places(variants: pd.DataFrame, genomes: Genomes, params: VariantsParams) -> list[ScoringPlace]:
    """Windows of all variants, in the order of the genome.

    Parameters
    ----------
    variants
        genome, chrom, pos, ref; every variant inside its contig.
    genomes
        Contig lengths and topologies.
    params
        Window and grid.

    Returns
    -------
    Each variant in exactly one window. Near the ends of a linear contig windows are moved inwards, not
    shortened; a contig shorter than a window is read whole.
    """
    out: list[ScoringPlace] = []
    # middle of the reference allele: a long deletion is centred, not its first base
    middle = (variants["pos"] + variants["ref"].str.len() // 2).to_numpy()
    zone = middle // params.snap
    keys = list(zip(variants["genome"], variants["chrom"], zone.tolist(), strict=True))
    for (genome, chrom, z), rows in _grouped(keys).items():
        length, circular = genomes.length(genome, chrom), genomes.is_circular(genome, chrom)
        size = min(params.window, length)
        low = z * params.snap
        # the middle of the zone in the middle of the window
        start = low + params.snap // 2 - size // 2
        if not circular:
            start = min(max(start, 0), length - size)
        # moved inwards near an end, never cut
        out.append(
            ScoringPlace(genome, chrom, start, start + size, (low, low + params.snap), np.array(rows), params.after)
        )
    return out


def _grouped(keys: list[tuple[str, str, int]]) -> dict[tuple[str, str, int], list[int]]:
    groups: dict[tuple[str, str, int], list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return dict(sorted(groups.items()))


def readings(place: ScoringPlace, variants: pd.DataFrame, genomes: Genomes) -> Iterator[AlleleReading]:
    """The window of a place in both directions.

    Raises
    ------
    InputError
        Where a reference allele is not what the genome says.
    """
    changes = [
        Variant(place.chrom, int(pos), ref, alt)
        for pos, ref, alt in zip(*(variants[c].to_numpy()[place.rows] for c in ("pos", "ref", "alt")), strict=True)
    ]
    # the reverse reading begins at the window's end, and what follows the variant lies before it on the genome
    for strand in STRANDS:
        start, end = _span(place, changes, strand)
        ids = genomes.sequence(place.genome, place.chrom, start, end)
        # on the forward strand first, then turned: coordinates stay forward throughout
        readings = [substitute(ids, start, variant) for variant in changes]
        if strand == "-":
            readings = [(ref.reverse_complement(), alt.reverse_complement()) for ref, alt in readings]
        # bases before the zone in reading direction
        edge = place.zone[0] - start if strand == "+" else end - place.zone[1]
        # no allele may begin within the prefix, as that is shared
        prefix = max(0, min([edge, *(r.start for r, _ in readings)]))
        yield AlleleReading(
            strand,
            prefix,
            readings[0][0].ids,
            [alt.ids for _, alt in readings],
            [align(r, a) for r, a in readings],
            place.rows,
        )


def _span(place: ScoringPlace, variants: Sequence[Variant], strand: Strand) -> tuple[int, int]:
    """The part of a window that is read in one direction: nothing beyond `after` bases past its variants."""
    if place.after is None:
        return place.start, place.end
    if strand == "+":
        # a deletion may reach past the zone
        last = max(place.zone[1], *(v.end for v in variants))
        return place.start, min(place.end, last + place.after)
    first = min(place.zone[0], *(v.pos for v in variants))
    return max(place.start, first - place.after), place.end


class Focus(NamedTuple):
    """Where in two aligned windows the change is felt, in reading direction.

    Attributes
    ----------
    first
        Index into the pairs: the first that has read a changed base.
    near
        Pairs from `first` on, at most `reach` bases along the reference.
    after
        All pairs from `first` on.
    """

    first: int
    near: slice
    after: slice


def focus(pairs: Alignment, reach: int) -> Focus:
    """Find the focal pair.

    For a substitution it is the substituted base. For an insertion or deletion it is the first base that both windows
    share after it: inserted bases have no counterpart. A model that reads forward has nothing to say before it.
    """
    change = [
        np.flatnonzero(pairs.changed),
        _following(pairs.alt, pairs.alt_only),
        _following(pairs.ref, pairs.ref_only),
    ]
    rows = np.concatenate(change)
    # without any change, past the last pair; the next line then takes the last
    first = int(rows.min()) if len(rows) else len(pairs.ref)
    if first >= len(pairs.ref):  # the change is the window's last base: nothing follows it
        first = len(pairs.ref) - 1
    # reach counts along the reference, so that an insertion does not shorten it
    last = int(np.searchsorted(pairs.ref, pairs.ref[first] + reach, side="right"))
    return Focus(first, slice(first, last), slice(first, len(pairs.ref)))


def _following(aligned: NDArray[np.int64], alone: NDArray[np.int64]) -> NDArray[np.int64]:
    # pairs are ordered: the first pair behind the first base that has no counterpart
    return np.searchsorted(aligned, alone[:1]) if len(alone) else np.zeros(0, dtype=np.int64)


def batches(items: Sequence[AlleleReading], tokens: int) -> Iterator[list[AlleleReading]]:
    """Group readings whose shared prefix has one length, so that their prefixes are read together."""
    ordered = sorted(items, key=lambda r: r.prefix)
    batch: list[AlleleReading] = []
    for reading in ordered:
        # the whole window and not what follows the prefix: a bound that is easy to keep
        full = batch and (len(batch) + 1) * len(reading.ref) > tokens
        if batch and (full or reading.prefix != batch[0].prefix or len(reading.ref) != len(batch[0].ref)):
            yield batch
            batch = []
        batch.append(reading)
    if batch:
        yield batch
