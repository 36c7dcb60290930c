"""Genetic codes of NCBI, and which codons may start a protein in each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from Bio.Data.CodonTable import unambiguous_dna_by_id

from photo51.types import InputError

MITOCHONDRIAL = frozenset({2, 3, 5, 9, 13, 14, 16, 21, 22, 23, 24, 33})
_POLYADENYLATED = MITOCHONDRIAL | {4}
_STANDARD = 1


class Code(NamedTuple):
    """A genetic code: codon → amino acid (`*` is a stop), which codons start, and whether transcripts complete stop
    codons.

    `polyadenylated` is true of mitochondrial codes: there a CDS may end in T or TA, which polyadenylation makes TAA.
    """

    amino_acids: Mapping[str, str]
    starts: frozenset[str]
    polyadenylated: bool = False

    def translate(self, codon: str) -> str:
        """Amino acid of a codon; X where it is not three known bases."""
        return self.amino_acids.get(codon, "X")


@lru_cache
def genetic_code(table: int) -> Code:
    """A genetic code of NCBI, from Biopython's tables.

    Start codons are those of NCBI's table, except that the standard code (1), which nuclear genes of eukaryotes use,
    starts with ATG alone: the TTG and CTG of that table start a handful of proteins and would make thousands of lost
    starts look harmless.

    Raises
    ------
    InputError
        For a number that is none.
    """
    if table not in unambiguous_dna_by_id:
        raise InputError(f"genetic_code: need one of {sorted(unambiguous_dna_by_id)}, got {table}")
    entry = unambiguous_dna_by_id[table]
    # stops are entries of their own in Biopython's tables
    amino_acids = dict(entry.forward_table) | dict.fromkeys(entry.stop_codons, "*")
    starts = {"ATG"} if table == _STANDARD else set(entry.start_codons)
    return Code(amino_acids, frozenset(starts), table in _POLYADENYLATED)
