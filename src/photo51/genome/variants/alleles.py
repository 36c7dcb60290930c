"""Alleles of a file of variants, sorted into those of use and those not: nothing is dropped without its name."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from photo51.genome.formats.contig_names import candidates, nearest_contig
from photo51.genome.formats.vcf import Tally, VcfFault, VcfRecord
from photo51.io.contracts.genome import REFUSED_VARIANTS, VARIANTS
from photo51.io.tables import TableSpec
from photo51.types import InputError

log = logging.getLogger(__name__)
MAX_FAULTY = 0.05
_LISTED = 10_000  # refused alleles of one kind that are listed one by one; all are counted
_BASES = re.compile(r"[ACGT]+")
_TAKEN = frozenset({*REFUSED_VARIANTS.columns, "filter", "file"})
Contigs = Sequence[str] | Mapping[str, int]


class VariantSet(NamedTuple):
    """Variants of a file.

    Attributes
    ----------
    table
        Those that can be used (contract `VARIANTS`); `attrs["contig_lengths"]` holds the lengths that a VCF header
        states.
    refused
        Those that cannot, with the reason (contract `REFUSED_VARIANTS`): symbolic alleles, breakends, spanning
        deletions, ambiguous bases, alleles equal to the reference, duplicates, lines that are no record, contigs that
        the genome does not have. At most 10,000 of a kind are listed.
    counts
        One row a kind of refusal: `kind`, `n`, `line` (of the first).
    """

    table: pd.DataFrame
    refused: pd.DataFrame
    counts: pd.DataFrame


class _Columns:
    """Rows gathered as columns of text and numbers, with gaps where a row lacks a column."""

    def __init__(self) -> None:
        self.n = 0
        self._lists: dict[str, list[Any]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            column = self._lists.get(name)
            if column is None:
                column = self._lists[name] = []
            # rows before this column came up have nothing in it
            if len(column) < self.n:
                column.extend([""] * (self.n - len(column)))
            column.append(value)
        self.n += 1

    def table(self, spec: TableSpec) -> pd.DataFrame:
        if not self.n:
            return spec.empty()
        for column in self._lists.values():
            column.extend([""] * (self.n - len(column)))
        numbers = {"pos", "line"}
        return spec.check(
            pd.DataFrame({c: pd.Series(v, dtype="int64" if c in numbers else object) for c, v in self._lists.items()})
        )


class Collected:
    """Alleles of a file, sorted into those of use and those not, the first of equal ones being of use."""

    def __init__(self, path: Path | str, contigs: Contigs, max_faulty: float):
        self.path, self.max_faulty, self.tally = path, max_faulty, Tally()
        self.known = dict(contigs) if isinstance(contigs, Mapping) else dict.fromkeys(contigs)
        self._use, self._refused = _Columns(), _Columns()
        self._kinds: dict[str, tuple[int, int]] = {}
        self._fault: VcfFault | None = None

    def wanted(self, chrom: str, lengths: Mapping[str, int]) -> bool:
        """Whether a contig of the file may be one of the genome."""
        return not self.known or bool(candidates(chrom, self.known, lengths.get(chrom)))

    def add(self, item: VcfRecord | VcfFault) -> list[int]:
        """Sort the alleles of a record in; gives the numbers (from 1) of those of use."""
        if isinstance(item, VcfFault):
            self._add_fault(item)
            return []
        of_use = []
        # a record without an alternative allele is listed as such
        for i, alt in enumerate(item.alts or (".",)):
            row = {
                **_info(item, i),
                "chrom": item.chrom,
                "pos": item.pos,
                "ref": item.ref,
                # case of symbolic alleles and breakends has a meaning; that of bases has none
                "alt": alt if "<" in alt or "[" in alt or "]" in alt else alt.upper(),
                "id": item.id,
                "line": item.line,
                "filter": item.filter,
            }
            if self._sorted(row):
                of_use.append(i + 1)
        return of_use

    def add_row(self, line: int, cells: Mapping[str, str]) -> None:
        """Sort a row of a table in."""
        self.tally.records += 1
        if not self.wanted(cells["chrom"], {}):
            self.tally.pass_over(cells["chrom"], line)
            return
        core = {"pos": int(cells["pos"]) - 1, "line": line}
        rest = {f"given_{c}" if c in {"line", "reason"} else c: v for c, v in cells.items() if c not in core}
        self._sorted({**rest, **core})

    def _sorted(self, row: dict[str, Any]) -> bool:
        row["id"] = row["id"] or f"{row['chrom']}:{row['pos'] + 1}:{row['ref']}>{row['alt']}"
        kind, reason = _refusal(row["pos"], row["ref"], row["alt"])
        if kind:
            self._refuse(kind, row, reason)
        else:
            self._use.add(row)
        return not kind

    def _add_fault(self, fault: VcfFault) -> None:
        fields = [*fault.text.lstrip("#").split("\t"), "", "", "", "", ""]
        # twelve digits at most: text that is no position may be any number
        pos = int(fields[1][:12]) - 1 if fields[1].isascii() and fields[1].isdigit() else -1
        row = {
            "chrom": fields[0],
            "pos": pos,
            "id": fields[2],
            "ref": fields[3],
            "alt": fields[4],
            "line": fault.line,
        }
        self._refuse("commented out" if fault.commented else "no record of VCF", row, fault.reason)
        if self._fault is None and not fault.commented:
            self._fault = fault

    def _refuse(self, kind: str, row: Mapping[str, Any], reason: str) -> None:
        n, line = self._kinds.get(kind, (0, int(row["line"])))
        self._kinds[kind] = (n + 1, line)
        # symbolic alleles may be spelled out yet, which needs their rows
        if n < _LISTED or kind.startswith("symbolic allele"):
            self._refused.add({**row, "reason": reason})

    def finish(self) -> tuple[VariantSet, pd.Series]:
        """The set, and which of the alleles of use, in their order, are in its table: the others are duplicates.

        Raises
        ------
        InputError
            Where too many lines are no record, or every record lies on contigs that the genome does not have.
        """
        self._check_faults()
        self._list_elsewhere()
        table = self._use.table(VARIANTS)
        place = table[["chrom", "pos", "ref", "alt"]]
        again = place.duplicated()
        if again.any():
            first = table["line"].groupby([place[c] for c in place.columns], sort=False).transform("first")
            for row, line in zip(table[again].to_dict("records"), first[again], strict=True):
                self._refuse("duplicate", row, f"duplicate of line {line}")
        refused = self._refused.table(REFUSED_VARIANTS).sort_values("line", kind="stable", ignore_index=True)
        used = table[~again].reset_index(drop=True)
        used.attrs["contig_lengths"] = dict(self.tally.lengths)
        counts = pd.DataFrame(
            [(kind, n, line) for kind, (n, line) in self._kinds.items()], columns=["kind", "n", "line"]
        )
        for kind, n, line in counts.itertuples(index=False):
            as_is = " as written" if kind.startswith("symbolic allele") else ""
            log.warning("%s: %d × %s, first in line %d; not used%s", self.path, n, kind, line, as_is)
        return VariantSet(used, refused, counts), ~again

    def _check_faults(self) -> None:
        # records on other contigs are no fault of the file
        looked_at = self.tally.records - sum(n for n, _ in self.tally.elsewhere.values())
        faulty = self.tally.faulty
        if self._fault is not None and faulty > self.max_faulty * looked_at:
            raise InputError(
                f"{self.path}, line {self._fault.line}: need a VCF record, got {self._fault.text[:60]!r}"
                f" ({self._fault.reason}); {faulty:,} of {looked_at:,} records cannot be read, need at most"
                f" {self.max_faulty:.0%} (max_faulty)"
            )

    def _list_elsewhere(self) -> None:
        """Count records on contigs that the genome does not have, a row a contig; refuse where there are no others."""
        elsewhere = self.tally.elsewhere
        if not elsewhere:
            return
        chrom, (_, line) = max(elsewhere.items(), key=lambda item: item[1][0])
        listed = ", ".join(list(self.known)[:5])
        near = nearest_contig(chrom, self.known)
        text = f"need a contig of the genome ({listed}), got {chrom!r} (nearest name: {near!r})"
        if sum(k for k, _ in elsewhere.values()) == self.tally.records:
            raise InputError(
                f"{self.path}, line {line}: {text}; no record lies on a contig of the genome. "
                "Rename the contigs (`bcftools annotate --rename-chrs`), or name the genome that has them"
            )
        for name, (k, first) in elsewhere.items():
            reason = (
                f"contig {name!r} is not in the genome (nearest name: {nearest_contig(name, self.known)!r}); {k:,}"
                " records"
            )
            row = {"chrom": name, "pos": -1, "ref": "", "alt": "", "id": "", "line": first, "reason": reason}
            self._refused.add(row)
        total = sum(k for k, _ in elsewhere.values())
        kind = f"record on contigs that the genome does not have ({len(elsewhere)}, most on {chrom!r})"
        self._kinds[kind] = (total, min(first for _, first in elsewhere.values()))


def _refusal(pos: int, ref: str, alt: str) -> tuple[str, str]:
    """Kind and reason of an allele that is not used; empty where it is."""
    if pos < 0:
        return "position 0", "position 0, before the first base (VCF writes telomeres so)"
    if not ref:
        return "no reference allele", "no reference allele (REF is .)"
    if not alt or alt == ".":
        return "no alternative allele", "no alternative allele"
    if alt == "*":
        return "spanning deletion", "allele of a spanning deletion (*)"
    if alt.startswith("<"):
        return f"symbolic allele {alt}"[:40], f"symbolic allele {alt}"
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "breakend", f"breakend {alt}"
    if "-" in (ref, alt):
        kind = "allele written as -"
        return kind, f"{kind}: VCF writes insertions and deletions with the base before them"
    if not _BASES.fullmatch(alt) or not _BASES.fullmatch(ref):
        kind = "allele with letters other than A, C, G, T"
        return kind, f"{kind}: {ref}>{alt}"[:80]
    same = "alternative allele equal to the reference"
    return (same, same) if ref == alt else ("", "")


def _info(record: VcfRecord, allele: int) -> dict[str, str]:
    """INFO fields as text; of one value an allele, the allele's. A name that a column of ours has gets `given_` before
    it.
    """
    fields: dict[str, str] = {}
    numbers = record.section.numbers
    for item in record.info.split(";"):
        name, equals, value = item.partition("=")
        if not name:
            continue
        if not equals:
            value = "true"
        elif (number := numbers.get(name)) in {"A", "R"}:
            values = value.split(",")
            # R has a value for the reference first, A has none
            if len(values) == len(record.alts) + (number == "R"):
                value = values[allele + (number == "R")]
        value = "" if value == "." else value
        # short values repeat in most records: kept once
        fields[f"given_{name}" if name in _TAKEN else name] = sys.intern(value) if len(value) < 24 else value
    return fields
