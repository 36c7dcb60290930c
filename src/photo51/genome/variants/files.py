"""Variants from VCF files and from tables, and genotypes: one row an alternative allele, each file read once.

A table is tab-separated with a header: `pos` (1-based, as in VCF), `ref`, `alt`, and optionally `chrom` (it may be left
out where the genome has one contig) and `id`. All its other columns are kept as text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.formats.variant_table import table_rows
from photo51.genome.formats.vcf import VcfFault, VcfRecord, is_vcf, read_vcf
from photo51.genome.variants.alleles import MAX_FAULTY, Collected, Contigs, VariantSet
from photo51.types import InputError

_PARTING = re.compile(r"[/|]")


def read_variants(path: Path | str, contigs: Contigs = (), max_faulty: float = MAX_FAULTY) -> VariantSet:
    """Read a VCF file (plain or compressed), a BCF file or a table of variants, told apart by their content.

    Parameters
    ----------
    path
        The file.
    contigs
        Contigs of the genome, with their lengths where they are known (bases); needed for a table without `chrom`.
        Records on contigs that can be none of them, under any usual name, are counted and passed over.
    max_faulty
        Share of lines that may be no record of VCF before the file is refused.

    Raises
    ------
    InputError
        Naming file and line.
    """
    collected = Collected(path, contigs, max_faulty)
    if is_vcf(path):
        for item in read_vcf(path, collected.tally, collected.wanted):
            collected.add(item)
    else:
        for line, row in table_rows(path, list(contigs)):
            collected.add_row(line, row)
    return collected.finish()[0]


class Genotypes(NamedTuple):
    """Who carries what.

    Attributes
    ----------
    samples
        Individuals, in the order of the file; names are text, `001` is not `1`.
    variants
        Alleles of use (contract `VARIANTS`).
    alleles
        Copies of the alternative allele, (n_samples, n_variants) int8; -1 where any of the genotype is missing.
    called
        Copies of any allele, (n_samples, n_variants) int8: 2 for a diploid call, 1 for a haploid one, 0 for none.
    phased
        Share of called diploid genotypes that are phased; NaN where there is none.
    refused
        Alleles that are not used, with the reason.
    """

    samples: list[str]
    variants: pd.DataFrame
    alleles: NDArray[np.int8]
    called: NDArray[np.int8]
    phased: float
    refused: pd.DataFrame


def read_genotypes(path: Path | str, contigs: Contigs = (), max_faulty: float = MAX_FAULTY) -> Genotypes:
    """Genotypes of a VCF or BCF file with samples, any ploidy, phased or not; the file is read once.

    Parameters
    ----------
    path, contigs, max_faulty
        As for `read_variants`. A record with an allele number that it does not have counts as one that cannot be read.

    Raises
    ------
    InputError
        As `read_variants`; for a file without samples, and one whose parts have different samples.
    """
    collected = Collected(path, contigs, max_faulty)
    calls = _Calls()
    samples: list[str] = []
    copies: list[NDArray[np.int8]] = []
    called: list[NDArray[np.int8]] = []
    for item in read_vcf(path, collected.tally, collected.wanted):
        if isinstance(item, VcfRecord):
            names = item.section.samples
            if not names:
                raise InputError(f"{path}: need a VCF file with samples, got none")
            if samples and names != samples:
                raise InputError(f"{path}, line {item.line}: need the samples of the first header, got others")
            samples = names
            calls_of_record = calls.of(item)
            if fault := calls.fault(item, samples, calls_of_record):
                collected.tally.faulty += 1
                collected.add(fault)
                continue
            of_use = collected.add(item)
            copies += [calls.copies(i, calls_of_record) for i in of_use]
            called += [calls.ploidy(calls_of_record)] * len(of_use)
        else:
            collected.add(item)
    variants, rows_kept = collected.finish()
    if not samples and collected.tally.records == 0:
        raise InputError(f"{path}: need a VCF file with samples and records, got none")
    chosen = np.flatnonzero(rows_kept.to_numpy())
    empty = np.zeros((len(samples), 0), dtype=np.int8)
    return Genotypes(
        samples,
        variants.table,
        np.stack([copies[j] for j in chosen], axis=1) if len(chosen) else empty,
        np.stack([called[j] for j in chosen], axis=1) if len(chosen) else empty.copy(),
        calls.phased / calls.diploid if calls.diploid else float("nan"),
        variants.refused,
    )


class _Calls:
    """Genotypes as numbers of a list of all that were met: most records have few different ones."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._alleles: list[tuple[int, ...]] = []
        self._two: list[tuple[bool, bool]] = []
        self.diploid = self.phased = 0

    def of(self, record: VcfRecord) -> NDArray[np.int64]:
        """Number of the genotype of each sample, (n_samples,)."""
        form, *fields = record.samples.split("\t")
        keys = form.split(":")
        if "GT" not in keys:
            fields = ["."] * len(fields)
        elif len(keys) > 1:
            field = keys.index("GT")
            # fields at a record's end may be left out
            fields = [f.split(":", field + 1)[field] if f.count(":") >= field else "." for f in fields]
        numbers = np.array([self._numbers.get(f, -1) for f in fields], dtype=np.int64)
        for i in np.flatnonzero(numbers < 0):
            numbers[i] = self._number(fields[i])
        two = np.array(self._two, dtype=bool)[numbers]
        self.diploid += int(two[:, 0].sum())
        self.phased += int(two[:, 1].sum())
        return numbers

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._alleles)
            # VCF 4.4 may write the phase of the first allele in front of it; "." is missing
            alleles = tuple(int(a) if a.isdigit() else -1 for a in _PARTING.split(text.lstrip("/|")))
            self._alleles.append(alleles)
            diploid = len(alleles) == 2 and -1 not in alleles
            # "0|1" is phased: no slash between its alleles
            self._two.append((diploid, diploid and "/" not in text.lstrip("/|")))
        return self._numbers[text]

    def copies(self, allele: int, numbers: NDArray[np.int64]) -> NDArray[np.int8]:
        """Copies of an allele, (n_samples,); -1 where any of the genotype is missing."""
        # number by number of a genotype, looked up for all samples at once
        table = [-1 if -1 in a or not a else a.count(allele) for a in self._alleles]
        return np.array(table, dtype=np.int8)[numbers]

    def ploidy(self, numbers: NDArray[np.int64]) -> NDArray[np.int8]:
        """Copies of any allele, (n_samples,); 0 where any of the genotype is missing."""
        return np.array([0 if -1 in a else len(a) for a in self._alleles], dtype=np.int8)[numbers]

    def fault(self, record: VcfRecord, samples: list[str], numbers: NDArray[np.int64]) -> VcfFault | None:
        """What is wrong with a record that has an allele number past its alleles."""
        n_alts = len(record.alts)
        largest = np.array([max(a) for a in self._alleles])[numbers]
        bad = np.flatnonzero(largest > n_alts)
        if not len(bad):
            return None
        text = "\t".join([record.chrom, str(record.pos + 1), record.id, record.ref, ",".join(record.alts)])
        reason = f"need allele numbers up to {n_alts}, got {largest[bad[0]]} for {samples[bad[0]]!r}"
        return VcfFault(record.line, text, reason)
