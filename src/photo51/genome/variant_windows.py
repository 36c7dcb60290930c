"""Variants on a genome: windows around them, and whether the genome has the base that the file says it has."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51.genome.alignment import AlleleWindow, substitute
from photo51.genome.alphabet import decode
from photo51.genome.genomes import Genomes
from photo51.types import InputError, Variant

log = logging.getLogger(__name__)


class Pair(NamedTuple):
    """Reference and alternative window of a variant on strand `+`; `reverse_complement()` of each gives strand `-`."""

    ref: AlleleWindow
    alt: AlleleWindow


def variant_windows(genomes: Genomes, genome: str, variant: Variant, size: int) -> Pair:
    """Windows centred on a variant.

    The reference window has `size` bases with the middle of the reference allele in its middle (one base to the left of it
    where that is odd). The alternative window has the same bases on either side of the allele, and is longer or shorter by
    what the allele is. Near the end of a linear contig the window is moved to stay on it, so that the variant is off centre;
    on a circular one it wraps. A contig shorter than `size` is the window.

    Parameters
    ----------
    genomes
        Prepared genomes.
    genome
        Which of them.
    variant
        Its reference allele must be the genome's.
    size
        Bases of the reference window, at least those of the reference allele.

    Raises
    ------
    InputError
        For an unknown contig, a variant past its end, a size shorter than the allele, another reference allele.
    """
    length, circular = genomes.length(genome, variant.chrom), genomes.is_circular(genome, variant.chrom)
    if variant.end > length and not (circular and variant.pos < length):
        raise InputError(
            f"variant {variant}: need a place within {length:,} bases of {genome}, got one past the end"
        )
    if size < len(variant.ref):
        raise InputError(f"variant {variant}: need windows of at least {len(variant.ref)} bases, got {size}")
    size = min(size, length)
    start = variant.pos - (size - len(variant.ref)) // 2
    if not circular:
        start = max(0, min(start, length - size))
    ids = genomes.sequence(genome, variant.chrom, start, start + size)
    return Pair(*substitute(ids, start, variant))


class ReferenceCheck(NamedTuple):
    """Whether the reference alleles of a set are the genome's.

    Attributes
    ----------
    n
        Variants looked at.
    matches
        Variants whose reference allele is the genome's (contract `VARIANTS`), in order.
    mismatches
        The others, with `found`: the genome's bases there, empty past its end or on a contig that it does not have.
    """

    n: int
    matches: pd.DataFrame
    mismatches: pd.DataFrame


def check_reference(
    genomes: Genomes, genome: str, variants: pd.DataFrame, most: float = 0.05, where: str = "variants"
) -> ReferenceCheck:
    """Compare reference alleles with the genome.

    Parameters
    ----------
    genomes
        Prepared genomes.
    genome
        Which of them.
    variants
        Contract `VARIANTS`.
    most
        Share of mismatches from which on the whole set is refused: it was called against another reference.
    where
        What to name in messages.

    Raises
    ------
    InputError
        Where more than that share differs, with the first five.
    """
    found = [
        _found(genomes, genome, *row)
        for row in zip(
            variants["chrom"].tolist(), variants["pos"].tolist(), variants["ref"].tolist(), strict=True
        )
    ]
    same = np.array([f == ref for f, ref in zip(found, variants["ref"], strict=True)], dtype=bool)
    mismatches = variants[~same].assign(found=[f for f, ok in zip(found, same, strict=True) if not ok])
    if len(mismatches):
        listed = "; ".join(
            f"{v['chrom']}:{v['pos'] + 1} {v['ref'][:20]} (genome: {v['found'] or 'no base'})"
            for v in mismatches.head(5).to_dict("records")
        )
        text = f"{where}: {len(mismatches)} of {len(variants)} reference alleles are not those of {genome}: {listed}"
        if len(mismatches) > most * len(variants):
            raise InputError(
                f"{text}; need at most {most:.0%}: was the set called against another reference?"
            )
        log.warning("%s; these variants are left out", text)
    return ReferenceCheck(
        len(variants), variants[same].reset_index(drop=True), mismatches.reset_index(drop=True)
    )


def _found(genomes: Genomes, genome: str, chrom: str, pos: int, ref: str) -> str:
    """The genome's bases at a reference allele; empty where it has none."""
    if not genomes.has(genome, chrom):
        return ""
    length, end = genomes.length(genome, chrom), pos + len(ref)
    if pos >= length or (end > length and not genomes.is_circular(genome, chrom)):
        return ""
    return decode(genomes.sequence(genome, chrom, pos, end))
