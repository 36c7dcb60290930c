"""Families of annotation classes: what gives a feature its colour on the map."""

from __future__ import annotations

from typing import NamedTuple

from photo51 import theme


class KindFamily(NamedTuple):
    """A family of annotation classes: its name, its colour, and the beginnings of the classes in it."""

    label: str
    colour: str
    classes: tuple[str, ...]


FAMILIES = (
    KindFamily(
        "gene boundary",
        theme.ORANGE,
        ("start_codon", "stop_codon", "gene_start", "gene_end", "operon_start", "splice"),
    ),
    KindFamily("RNA gene", theme.GREEN, ("tRNA", "rRNA", "ncRNA")),
    KindFamily("coding", theme.BLUE, ("CDS", "codon_position", "gene", "pseudogene", "exon", "operon")),
    KindFamily("signal", theme.PURPLE, ("promoter", "rbs", "terminator", "TFBS", "D_loop", "origin")),
    KindFamily("mobile or repeat", theme.VERMILION, ("mobile_element", "prophage", "CRISPR", "repeat", "soft_mask")),
    KindFamily("composition", theme.SKY, ("gc_", "homopolymer")),
    KindFamily("between genes", theme.INK, ("intergenic",)),
    KindFamily("other annotation", "#8c6d31", ("",)),
)


def family(kind: str) -> int:
    """Index of a class's family in `FAMILIES`; the longest beginning that fits decides."""
    fits = [(len(start), -i) for i, f in enumerate(FAMILIES) for start in f.classes if kind.startswith(start)]
    return -max(fits)[1]
