"""Regions and variants as people type them."""

from __future__ import annotations

import re

from photo51.types import InputError, Interval, Strand, Variant

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
    if found := _VARIANT.fullmatch(text.strip()):
        pos = _number(found["pos"], text)
        ref, alt = found["ref"].upper(), found["alt"].upper()
        if ref == alt:
            raise InputError(f"place {text!r}: need two different alleles, got {ref} twice")
        return Variant(found["chrom"], pos - 1, ref, alt)
    if found := _REGION.fullmatch(text.strip()):
        start = _number(found["start"], text)
        end = _number(found["end"] or found["start"], text)
        if end < start:
            raise InputError(f"place {text!r}: need a start not after the end, got {start} and {end}")
        reading: Strand = "-" if (found["strand"] or strand) == "-" else "+"
        return Interval(found["chrom"], start - 1, end, reading)
    raise InputError(
        f"place: need a region CHROM:START-END or a variant CHROM:POS:REF>ALT (1-based), got {text!r}"
    )


def _number(digits: str, text: str) -> int:
    value = int(digits.replace(",", ""))
    if value < 1:
        raise InputError(f"place {text!r}: need places from 1 on, got {value}")
    return value
