"""Consequence terms of the Sequence Ontology, gravest first, and what a variant does in one transcript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ORDER = (
    "transcript_ablation",
    "splice_acceptor",
    "splice_donor",
    "stop_gained",
    "frameshift",
    "stop_lost",
    "start_lost",
    "inframe_insertion",
    "inframe_deletion",
    "missense",
    "splice_region",
    "start_retained",
    "stop_retained",
    "synonymous",
    "5_prime_UTR",
    "3_prime_UTR",
    "rRNA",
    "tRNA",
    "ncRNA",
    "pseudogene",
    "control_region",
    "intron",
    "coding_unknown",
    "intergenic",
)
RANK = {name: i for i, name in enumerate(ORDER)}
UTR = frozenset({"5_prime_UTR", "3_prime_UTR"})


class Effect(NamedTuple):
    """What a variant does in one transcript.

    Attributes
    ----------
    consequence
        One of `ORDER`.
    codon
        Number of the first codon that changes, from 1; 0 where none does.
    codon_position
        1, 2 or 3 where a single base of a codon is substituted, else 0.
    ref_aa, alt_aa
        Amino acids of the touched codons before and after; `*` is a stop, empty where the frame shifts.
    hgvs_p
        The change of the protein as HGVS writes it, without the name of the protein.
    """

    consequence: str
    codon: int = 0
    codon_position: int = 0
    ref_aa: str = ""
    alt_aa: str = ""
    hgvs_p: str = ""

    @property
    def rank(self) -> int:
        """Place in `ORDER`; 0 is the gravest."""
        return RANK[self.consequence]


def gentlest(effects: Sequence[Effect | None]) -> Effect | None:
    """Of several readings of one change the one that disturbs least, the first of equal ones; None is no effect at all.

    One that cannot be told stands back behind one that can.
    """
    return max(effects, key=_gentleness)


def _gentleness(effect: Effect | None) -> int:
    if effect is None:
        return len(ORDER)
    # worse than any answer, so that it is taken only where nothing else is there
    return -1 if effect.consequence == "coding_unknown" else effect.rank
