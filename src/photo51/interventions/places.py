"""Regions and variants as people type them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from photo51.genome.alphabet import decode
from photo51.types import InputError, Interval, Strand, Variant

if TYPE_CHECKING:
    from photo51.genome.axis.genomes import Genomes
    from photo51.interventions.opening import FastaBases

MITOCHONDRIAL = frozenset({2, 3, 4, 5, 9, 13, 14, 16, 21, 22, 23, 24, 33})  # NCBI translation tables
_HGVS = re.compile(r"(?:(?P<chrom>\S+):)?[mg]\.(?P<pos>\d+)(?P<ref>[ACGTacgt]+)>(?P<alt>[ACGTacgt]+)")
_REGION = re.compile(r"(?P<chrom>\S+):(?P<start>\d[\d,]*)(?:-(?P<end>\d[\d,]*))?(?:\((?P<strand>[+-])\))?")
_VARIANT = re.compile(r"(?P<chrom>\S+):(?P<pos>\d[\d,]*):?(?P<ref>[ACGTacgt]+)>(?P<alt>[ACGTacgt]+)")


def parse_place(text: str, strand: str = "+") -> Interval | Variant:
    """A region `CHROM:START-END` or `CHROM:BASE`, or a variant `CHROM:POS:REF>ALT`, all 1-based.

    Parameters
    ----------
    strand
        Direction in which a region is read, where the text does not say.

    Raises
    ------
    InputError
        For a text that is neither, places below 1, or a strand that is none.
    """
    if strand not in {"+", "-"}:
        raise InputError(f"strand: need + or -, got {strand!r}")
    if match := _VARIANT.fullmatch(text.strip()):
        pos = _number(match["pos"], text)
        ref, alt = match["ref"].upper(), match["alt"].upper()
        if ref == alt:
            raise InputError(f"place {text!r}: need two different alleles, got {ref} twice")
        return Variant(match["chrom"], pos - 1, ref, alt)
    if match := _REGION.fullmatch(text.strip()):
        start = _number(match["start"], text)
        end = _number(match["end"] or match["start"], text)
        if end < start:
            raise InputError(f"place {text!r}: need a start not after the end, got {start} and {end}")
        reading: Strand = "-" if (match["strand"] or strand) == "-" else "+"
        return Interval(match["chrom"], start - 1, end, reading)
    raise InputError(f"place: need a region CHROM:START-END or a variant CHROM:POS:REF>ALT (1-based), got {text!r}")


def _number(digits: str, text: str) -> int:
    # thousands separators, as genome browsers print them
    value = int(digits.replace(",", ""))
    if value < 1:
        raise InputError(f"place {text!r}: need places from 1 on, got {value}")
    return value


def resolve_place(
    bases: FastaBases | Genomes, text: str, strand: str = "+", genome: str | None = None
) -> tuple[Interval | Variant, str | None]:
    """As `parse_place`, and variants as papers write them: `m.3243A>G`, `g.1500C>T`, `NC_012920.1:m.3243A>G`.

    Such a variant is on the one contig whose bases there are its reference allele; `m.` means one that is translated as
    mitochondria are, where there is one.

    Parameters
    ----------
    bases
        Contigs it may be on.
    genome
        Genome it is on; None: any.

    Returns
    -------
    The place, and the genome that has it where that was found out.

    Raises
    ------
    InputError
        As `parse_place`; where no contig, or more than one, has the reference allele there, naming them.
    """
    named = _HGVS.fullmatch(text.strip())
    if named is None:
        return parse_place(text, strand), genome
    pos, ref, alt = _number(named["pos"], text) - 1, named["ref"].upper(), named["alt"].upper()
    if ref == alt:
        raise InputError(f"place {text!r}: need two different alleles, got {ref} twice")
    contigs = [
        (g, c)
        for g, c, n in _contigs(bases)
        if (named["chrom"] or c) == c and (genome or g) == g and pos + len(ref) <= n
    ]
    # `m.` prefers mitochondria, but a genome without any may still have the base
    if "m." in text and (mitochondrial := [x for x in contigs if _code(bases, *x) in MITOCHONDRIAL]):
        contigs = mitochondrial
    fits = [(g, c) for g, c in contigs if decode(bases.sequence(g, c, pos, pos + len(ref))) == ref]
    if len(fits) != 1:
        there = ", ".join(f"{g} {c}".strip() for g, c in fits) or "none"
        known_contigs = ", ".join(dict.fromkeys(c for _, c, _ in _contigs(bases)))
        raise InputError(
            f"place {text!r}: need one contig with {ref} at base {pos + 1:,} (contigs: {known_contigs}), got {there}; "
            "write CHROM:POS:REF>ALT, or --genome"
        )
    return Variant(fits[0][1], pos, ref, alt), fits[0][0] or genome


def _code(bases: FastaBases | Genomes, genome: str, chrom: str) -> int:
    """Genetic code of a contig; 0 where it is not known."""
    return 0 if hasattr(bases, "records") else bases.genetic_code(genome, chrom)


def _contigs(bases: FastaBases | Genomes) -> list[tuple[str, str, int]]:
    """(genome, contig, bases) of all contigs."""
    if hasattr(bases, "records"):
        return list(bases.contigs())
    table = bases.sequences
    return list(zip(table["genome"].astype(str), table["chrom"].astype(str), table["length"].astype(int), strict=True))
