"""Variants from VCF files and from tables: one row an alternative allele, nothing dropped without its name.

A table is tab-separated with a header: `pos` (1-based, as in VCF), `ref`, `alt`, and optionally `chrom` (it may be left
out where the genome has one contig) and `id`. All its other columns are kept as text.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pysam
from numpy.typing import NDArray

from photo51.genome.text import data_lines, open_text, whole_number
from photo51.io.contracts.genome import REFUSED_VARIANTS, VARIANTS
from photo51.types import InputError

_BASES = re.compile(r"[ACGT]+")
_REFERENCE = re.compile(r"[ACGTRYKMSWBDHVN]+")


class VariantSet(NamedTuple):
    """Variants of a file.

    Attributes
    ----------
    table
        Those that can be used (contract `VARIANTS`).
    refused
        Those that cannot, with the reason (contract `REFUSED_VARIANTS`): symbolic alleles, breakends, spanning deletions,
        ambiguous bases, alleles equal to the reference, duplicates.
    """

    table: pd.DataFrame
    refused: pd.DataFrame


def read_variants(path: Path | str, contigs: Sequence[str] = ()) -> VariantSet:
    """Read a VCF file (plain, gzip or bgzip) or a table of variants, told apart by their first line.

    Parameters
    ----------
    path
        The file.
    contigs
        Contigs of the genome; needed for a table without `chrom`.

    Raises
    ------
    InputError
        Naming file and line.
    """
    with open_text(path) as text:
        is_vcf = text.readline().startswith("##fileformat=VCF")
    return _collected(_vcf_alleles(path) if is_vcf else _table_alleles(path, contigs))


def _collected(alleles: Iterator[dict[str, Any]]) -> VariantSet:
    """Sort alleles into those of use and those not, the first of equal ones being of use."""
    kept: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    lines: dict[tuple, int] = {}
    for allele in alleles:
        allele["id"] = allele["id"] or "{chrom}:{}:{ref}>{alt}".format(allele["pos"] + 1, **allele)
        key = (allele["chrom"], allele["pos"], allele["ref"], allele["alt"])
        reason = _refusal(allele["ref"], allele["alt"])
        if not reason and key in lines:
            reason = f"duplicate of line {lines[key]}"
        if reason:
            refused.append({**allele, "reason": reason})
        else:
            lines[key] = allele["line"]
            kept.append(allele)
    return VariantSet(
        VARIANTS.check(_text_columns(kept)) if kept else VARIANTS.empty(),
        REFUSED_VARIANTS.check(_text_columns(refused)) if refused else REFUSED_VARIANTS.empty(),
    )


def _text_columns(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    extra = [c for c in table.columns if c not in {"pos", "line"}]
    return table.assign(**{c: table[c].fillna("").astype(str) for c in extra})


def _refusal(ref: str, alt: str) -> str:
    if not alt or alt == ".":
        return "no alternative allele"
    if alt == "*":
        return "allele of a spanning deletion (*)"
    if alt.startswith("<"):
        return f"symbolic allele {alt}"
    if "[" in alt or "]" in alt:
        return f"breakend {alt}"
    if not _BASES.fullmatch(alt) or not _BASES.fullmatch(ref):
        return f"allele with letters other than A, C, G, T: {ref}>{alt}"[:80]
    return "alternative allele equal to the reference" if ref == alt else ""


class VcfLine(NamedTuple):
    """A record of a VCF file: as htslib reads it, with its line number and its text."""

    number: int
    record: pysam.VariantRecord
    text: str


def vcf_records(path: Path | str) -> Iterator[VcfLine]:
    """Records of a VCF file, one in memory at a time.

    Raises
    ------
    InputError
        Naming file and line: what htslib cannot read, a reference allele that is no bases, a file that is cut off.
    """
    verbosity = pysam.set_verbosity(0)
    try:
        with _seekable(Path(path)) as file:
            lines = data_lines(path)
            line = next(lines, None)
            try:
                vcf = pysam.VariantFile(str(file))
            except (OSError, ValueError) as e:
                raise InputError(f"{path}: need a VCF file, got a header that cannot be read ({e})") from e
            with vcf:
                while line is not None:
                    yield VcfLine(line[0], _record(vcf, f"{path}, line {line[0]}", line[1]), line[1])
                    line = next(lines, None)
    finally:
        pysam.set_verbosity(verbosity)


@contextmanager
def _seekable(path: Path) -> Iterator[Path]:
    """A file that htslib can read: it reads plain text and bgzip, but not gzip, which is unpacked beside the system's temporary files."""
    with open_text(path), path.open("rb") as raw:
        head = raw.read(14)
    if head[:2] != b"\x1f\x8b" or head[12:14] == b"BC":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder, open_text(path) as text:
        unpacked = Path(folder) / "unpacked.vcf"
        with unpacked.open("w", encoding="utf-8", newline="\n") as out:
            out.writelines(text)
        yield unpacked


def _record(vcf: pysam.VariantFile, at: str, line: str) -> pysam.VariantRecord:
    try:
        record = next(vcf, None)
    except (OSError, ValueError) as e:
        raise InputError(f"{at}: need a VCF record, got {line[:60]!r}") from e
    if record is None:
        raise InputError(f"{at}: need a VCF record, got one that is cut off: {line[:60]!r}")
    if record.pos < 1 or not record.ref or not _REFERENCE.fullmatch(record.ref.upper()):
        raise InputError(
            f"{at}: need POS of at least 1 and REF of bases, got {record.pos} and {record.ref!r}"
        )
    return record


def _vcf_alleles(path: Path | str) -> Iterator[dict[str, Any]]:
    for line, record, _ in vcf_records(path):
        alts = record.alts or (".",)
        numbers = {name: meta.number for name, meta in record.header.info.items()}
        filters = ";".join(map(str, record.filter.keys()))
        for i, alt in enumerate(alts):
            info = {name: _chosen(value, numbers.get(name), i) for name, value in record.info.items()}
            yield {
                **{name: value for name, value in info.items() if name not in REFUSED_VARIANTS.columns},
                "chrom": record.chrom,
                "pos": record.pos - 1,
                "ref": str(record.ref).upper(),
                "alt": alt if alt.startswith("<") else alt.upper(),
                "id": record.id or "",
                "line": line,
                "filter": filters,
            }


def _chosen(value: Any, number: Any, allele: int) -> str:
    """An INFO value as text; of one value an allele, the allele's."""
    if value is True or value is None:
        return "true" if value else ""
    if isinstance(value, tuple):
        if number == "A" and allele < len(value):
            return "" if value[allele] is None else str(value[allele])
        if number == "R" and allele + 1 < len(value):
            return "" if value[allele + 1] is None else str(value[allele + 1])
        return ",".join("" if v is None else str(v) for v in value)
    return str(value)


def _table_alleles(path: Path | str, contigs: Sequence[str]) -> Iterator[dict[str, Any]]:
    header: list[str] = []
    for number, line in data_lines(path, comment="##"):
        at = f"{path}, line {number}"
        fields = line.split("\t")
        if not header:
            header = [c.lstrip("#").strip() for c in fields]
            _check_header(header, contigs, at)
            continue
        if len(fields) != len(header):
            raise InputError(f"{at}: need {len(header)} columns as in the header, got {len(fields)}")
        row = dict(zip(header, (f.strip() for f in fields), strict=True))
        pos = whole_number(row["pos"], at, "column 'pos'", 1)
        if not _REFERENCE.fullmatch(row["ref"].upper()):
            raise InputError(f"{at}, column 'ref': need bases, got {row['ref']!r}")
        yield {
            **{k: v for k, v in row.items() if k not in REFUSED_VARIANTS.columns},
            "chrom": row["chrom"] if "chrom" in row else contigs[0],
            "pos": pos - 1,
            "ref": row["ref"].upper(),
            "alt": row["alt"].upper(),
            "id": row.get("id", ""),
            "line": number,
        }
    if not header:
        raise InputError(f"{path}: need a header with pos, ref and alt, got no lines")


def _check_header(header: list[str], contigs: Sequence[str], at: str) -> None:
    if missing := [c for c in ("pos", "ref", "alt") if c not in header]:
        raise InputError(
            f"{at}: need a VCF file or a table with columns pos, ref, alt, got none of {', '.join(missing)}"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{at}: need column names that differ, got {', '.join(header)}"[:200])
    if "chrom" not in header and len(contigs) != 1:
        raise InputError(f"{at}: need a column 'chrom' as the genome has {len(contigs)} contigs, got none")


class Genotypes(NamedTuple):
    """Who carries what.

    Attributes
    ----------
    samples
        Individuals, in the order of the file.
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


def read_genotypes(path: Path | str) -> Genotypes:
    """Genotypes of a VCF file with samples, any ploidy, phased or not.

    Raises
    ------
    InputError
        As `read_variants`; and for a file without samples, or an allele number that the record does not have.
    """
    found = _collected(_vcf_alleles(path))
    wanted = {
        (line, alt): j
        for j, (line, alt) in enumerate(zip(found.table["line"], found.table["alt"], strict=True))
    }
    samples: list[str] = []
    alleles = called = np.zeros((0, 0), dtype=np.int8)
    phased: list[bool] = []
    for line, record, text in vcf_records(path):
        if not samples:
            samples = list(record.header.samples)
            if not samples:
                raise InputError(f"{path}: need a VCF file with samples, got none")
            alleles = np.full((len(samples), len(wanted)), -1, dtype=np.int8)
            called = np.zeros_like(alleles)
        columns = [
            (i, wanted[line, a.upper()])
            for i, a in enumerate(record.alts or (), 1)
            if (line, a.upper()) in wanted
        ]
        calls = [_call(s) for s in record.samples.values()]
        if any(-1 in c for c in calls):
            _check_alleles(text, samples, len(record.alts or ()), f"{path}, line {line}")
        phased += [
            s.phased
            for s, c in zip(record.samples.values(), calls, strict=True)
            if len(c) == 2 and -1 not in c
        ]
        for i, column in columns:
            alleles[:, column] = [-1 if -1 in c or not c else c.count(i) for c in calls]
            called[:, column] = [0 if -1 in c else len(c) for c in calls]
    share = float(np.mean(phased)) if phased else float("nan")
    return Genotypes(samples, found.table, alleles, called, share, found.refused)


def _call(sample: pysam.VariantRecordSample) -> list[int]:
    """Allele numbers of a genotype, -1 for a missing one."""
    return [-1 if a is None else int(a) for a in sample.get("GT") or ()]


def _check_alleles(text: str, samples: list[str], n_alts: int, at: str) -> None:
    """Name an allele number that the record does not have, which pysam reads as missing."""
    for sample, field in zip(samples, text.split("\t")[9:], strict=False):
        for number in re.split(r"[/|]", field.split(":")[0]):
            if number.isdigit() and int(number[:9]) > n_alts:
                raise InputError(f"{at}: need allele numbers up to {n_alts}, got {number} for {sample!r}")
