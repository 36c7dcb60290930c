"""The change of a protein as HGVS writes it (doi:10.1186/s13073-024-01421-5, version 21), without the protein's
name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from Bio.SeqUtils import IUPACData

if TYPE_CHECKING:
    from photo51.genome.consequence.coding import ChangedReading

THREE_LETTERS = {**IUPACData.protein_letters_1to3_extended, "*": "Ter", "X": "Xaa"}
_FURTHEST = 400


def three(letters: str) -> str:
    """Three-letter names of amino acids."""
    return "".join(THREE_LETTERS[x] for x in letters)


def protein_change(reading: ChangedReading, term: str) -> str:
    """HGVS text of a change; empty where a protein cannot be told.

    Parameters
    ----------
    reading
        The changed CDS beside the one before.
    term
        What it was found to be.
    """
    coding = reading.coding
    shift = reading.delta % 3 or reading.cut
    # a shifted frame may change anything up to the end; else only codons that hold changed bases
    end = coding.n_codons if shift else _window_end(reading)
    k = reading.first
    while k < end and coding.amino_acid(k) == reading.amino_acid(k, further=True):
        k += 1
    if k >= end and not reading.delta:
        return f"p.{three(coding.amino_acid(reading.first))}{reading.first + 1}="
    if term in {"stop_retained", "synonymous", "start_retained"}:
        return f"p.{three(coding.amino_acid(min(k, coding.n_codons - 1)))}{min(k, coding.n_codons - 1) + 1}="
    old = coding.amino_acid(k) if k < coding.n_codons else ""
    new = reading.amino_acid(k, further=True)
    if term == "stop_lost" and old == "*":
        return f"p.Ter{k + 1}{three(new)}ext{_until_stop(reading, k)}" if new else ""
    if shift:
        return _frameshift(reading, k, old, new)
    return _in_frame(reading, k, end, gained=term == "stop_gained")


def _frameshift(reading: ChangedReading, k: int, old: str, new: str) -> str:
    if new == "*":
        return f"p.{three(old)}{k + 1}Ter"
    return f"p.{three(old)}{k + 1}{three(new)}fs{_until_stop(reading, k - 1)}" if new else ""


def _until_stop(reading: ChangedReading, k: int) -> str:
    """`Ter` and the number of codons behind codon k up to the first stop; `Ter?` where none is near."""
    for j in range(k + 1, k + 1 + _FURTHEST):
        # codons behind k, so that the first changed amino acid counts as 1 where k is the one before it
        letter = reading.amino_acid(j, further=True)
        if letter == "*":
            return f"Ter{j - k}"
        if letter in {"", "X"}:
            break
    return "Ter?"


def _window_end(reading: ChangedReading) -> int:
    coding = reading.coding
    # rounded up: the codon that holds the last base that differs
    touched = -(-(len(coding.letters) - reading.same_tail - coding.frame) // 3)
    return min(max(touched, reading.first + 1), coding.n_codons)


def _in_frame(reading: ChangedReading, k: int, end: int, *, gained: bool) -> str:
    """Amino acids k to `end` become others: the shortest that differ, as far to the C-terminus as can be."""
    coding = reading.coding
    before = [coding.amino_acid(j) for j in range(k, coding.n_codons)]
    after_end = end + reading.delta // 3
    after = [reading.amino_acid(j, further=True) for j in range(k, after_end)]
    before = before[: end - k]
    # nothing is made behind a stop that was gained
    if gained:
        after = after[: after.index("*") + 1]
    while not gained and before and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    # what is taken or added may lie further on where the amino acids repeat
    unit = before or after
    if unit and not (before and after):
        follows = k + len(before)
        # one amino acid further on: the unit begins with its second and ends with its first
        while follows < coding.n_codons and coding.amino_acid(follows) == unit[0]:
            unit.append(unit.pop(0))
            k, follows = k + 1, follows + 1
    if "X" in unit or "" in after:
        return ""
    return _described(reading, k, "".join(before), "".join(after))


def _described(reading: ChangedReading, k: int, before: str, after: str) -> str:
    coding = reading.coding
    first = f"{three(before[:1])}{k + 1}" if before else ""
    if after[:1] == "*" and before:
        return f"p.{first}Ter"
    if len(before) == len(after) == 1:
        return f"p.{first}{three(after)}"
    if not before and not after:
        return ""
    if before:
        span = first if len(before) == 1 else f"{first}_{three(before[-1])}{k + len(before)}"
        return f"p.{span}{'delins' + three(after) if after else 'del'}"
    n = len(after)
    # the inserted amino acids stand right before: a duplication
    if k >= n and "".join(coding.amino_acid(j) for j in range(k - n, k)) == after:
        left, right = (f"{three(coding.amino_acid(j))}{j + 1}" for j in (k - n, k - 1))
        return f"p.{left if n == 1 else left + '_' + right}dup"
    # an insertion needs an amino acid on either side to be named
    if k == 0 or k >= coding.n_codons:
        return ""
    sides = [f"{three(coding.amino_acid(j))}{j + 1}" for j in (k - 1, k)]
    return f"p.{'_'.join(sides)}ins{three(after)}"
