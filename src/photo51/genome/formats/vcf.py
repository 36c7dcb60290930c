"""Records of VCF and BCF files as htslib reads them, each with its line; what htslib cannot read is named and passed
over.

Text is handed to htslib in portions of a header and lines that are records, so that a blank line, a record behind a
`#` and a second header (of files joined end to end) neither stop the reading nor shift the numbering of lines. INFO
and genotype columns are handed on as text, exactly as the file has them; htslib would round them to its types.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import pysam

from photo51.genome.text import head, open_text
from photo51.progress import progress
from photo51.types import InputError

log = logging.getLogger(__name__)
_FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_PORTION = 16 << 20  # bytes of text handed to htslib at once
_MANY = 500_000  # lines from which on progress is shown
Wanted = Callable[[str, Mapping[str, int]], bool]


class VcfRecord(NamedTuple):
    """A record.

    Attributes
    ----------
    line
        Line of the file; of BCF, the number of the record.
    chrom, pos, ref, alts, id
        As in the file, `pos` 0-based (-1 for a telomere, which VCF writes as 0), `id` and missing alleles empty.
    filter
        Filters joined by `;`.
    info
        The column, empty where it is `.`.
    samples
        FORMAT and one column a sample, as one text; empty without samples.
    section
        Header of the record.
    """

    line: int
    chrom: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    id: str
    filter: str
    info: str
    samples: str
    section: VcfSection


class VcfFault(NamedTuple):
    """A line that is no record: its number, its text, why, and whether somebody commented it out."""

    line: int
    text: str
    reason: str
    commented: bool = False


@dataclass(frozen=True)
class VcfSection:
    """A header: of a whole file, or of one of several joined end to end."""

    lines: tuple[str, ...]
    parsed: pysam.VariantHeader

    @cached_property
    def samples(self) -> list[str]:
        """Names of samples, as text."""
        return list(map(str, self.parsed.samples))

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """INFO field → how many values it has: A, R, G, `.` or a number."""
        return {name: str(meta.number) for name, meta in self.parsed.info.items()}

    @cached_property
    def lengths(self) -> Mapping[str, int]:
        """Contig → bases, of those whose length the header states."""
        return {str(name): int(c.length) for name, c in self.parsed.contigs.items() if c.length}


@dataclass
class Tally:
    """What was met while a file was read.

    Attributes
    ----------
    records
        Records, those that cannot be read and those on other contigs included.
    faulty
        Those that cannot be read.
    elsewhere
        Contig that is not looked at → records, and the line of the first.
    lengths
        Contig → bases, from the headers.
    """

    records: int = 0
    faulty: int = 0
    elsewhere: dict[str, tuple[int, int]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def pass_over(self, chrom: str, line: int) -> None:
        """Count a record of another contig."""
        n, first = self.elsewhere.get(chrom, (0, line))
        self.elsewhere[chrom] = (n + 1, first)


def is_vcf(path: Path | str) -> bool:
    """Whether a file is VCF or BCF, by its content.

    Raises
    ------
    InputError
        Where it cannot be opened as text, and is no BCF either.
    """
    if head(path, 4) == b"BCF\x02":
        return True
    with open_text(path) as text:
        for line in text:
            if line.startswith("##fileformat=VCF"):
                return True
            if line.strip() and not line.startswith("##"):
                words = line.upper().split()
                return words[:5] == list(_FIXED[:5]) or words[:8] == list(_FIXED)
    return False


def count_records(path: Path | str) -> int:
    """Records of a VCF or BCF file, told apart from headers and blank lines alone; none is parsed."""
    tally = Tally()
    for _ in read_vcf(path, tally, lambda _chrom, _lengths: False):
        pass
    return tally.records


def read_vcf(
    path: Path | str, tally: Tally, wants: Wanted = lambda _chrom, _lengths: True
) -> Iterator[VcfRecord | VcfFault]:
    """Records of a file and the lines that are none, in order; bounded in memory whatever the file's size.

    Parameters
    ----------
    path
        VCF (plain or compressed) or BCF.
    tally
        Counts to add to.
    wants
        Whether records of a contig are looked at, from its name and the lengths that the header states; asked once a
        contig. The others are counted by their first column and not parsed.

    Raises
    ------
    InputError
        For a file without a header that can be read, and one that is cut off.
    """
    path = Path(path)
    verbosity = pysam.set_verbosity(0)
    try:
        yield from (_of_bcf if head(path, 4) == b"BCF\x02" else _of_text)(path, tally, wants)
    finally:
        pysam.set_verbosity(verbosity)


def _shown(lines: Iterator[str], path: Path) -> Iterator[str]:
    """Lines of a file, with progress where there are many."""
    yield from islice(lines, _MANY)
    for line in lines:
        yield from progress(chain([line], lines), f"reading {path.name}", unit="lines more")


def _of_bcf(path: Path, tally: Tally, wants: Wanted) -> Iterator[VcfRecord | VcfFault]:
    try:
        vcf = pysam.VariantFile(str(path))
    except (OSError, ValueError) as e:
        raise InputError(f"{path}: need a BCF file, got a header that cannot be read ({e})") from e
    with vcf:
        section = VcfSection(tuple(str(vcf.header).splitlines()), vcf.header)
        tally.lengths |= section.lengths
        answers: dict[str, bool] = {}
        number = 0
        while True:
            number += 1
            try:
                record = next(vcf, None)
            except (OSError, ValueError) as e:
                raise InputError(f"{path}, record {number}: need a BCF record, got one that is cut off") from e
            if record is None:
                return
            tally.records += 1
            if record.chrom not in answers:
                answers[record.chrom] = wants(record.chrom, section.lengths)
            if answers[record.chrom]:
                yield _record(record, number, str(record).rstrip("\n"), section)
            else:
                tally.pass_over(record.chrom, number)


def _of_text(path: Path, tally: Tally, wants: Wanted) -> Iterator[VcfRecord | VcfFault]:
    section: VcfSection | None = None
    header: list[tuple[int, str]] = []
    answers: dict[str, bool] = {}
    portion, size = list[tuple[int, str]](), 0
    with open_text(path) as text:
        for number, raw in enumerate(_shown(text, path), 1):
            line = raw.rstrip(" \n\x1a\0")
            if line.startswith("##"):
                header.append((number, line))
            elif line[:6].upper() == "#CHROM":
                if section is not None:
                    yield from _parsed(portion, section, tally)
                    portion, size = [], 0
                    log.warning("%s, line %d: a second header; the file is several, joined end to end", path, number)
                section = _section(path, header, number, line, section)
                tally.lengths |= section.lengths
                answers, header = {}, []
            elif not line.strip():
                continue
            elif section is None:
                if not line.startswith("#"):
                    raise InputError(
                        f"{path}, line {number}: need a header with a line '#CHROM POS ID REF ALT …' before the"
                        f" records, got {line[:60]!r}"
                    )
            elif line.startswith("#"):
                if _is_record(line[1:]):
                    yield VcfFault(number, line, "a record that is commented out (# before it)", commented=True)
            else:
                chrom = line.partition("\t")[0]
                if chrom not in answers:
                    answers[chrom] = wants(chrom, section.lengths) or "\t" not in line
                tally.records += 1
                if not answers[chrom]:
                    tally.pass_over(chrom, number)
                    continue
                portion.append((number, line))
                size += len(line)
                if size > _PORTION:
                    yield from _parsed(portion, section, tally)
                    portion, size = [], 0
    if section is None:
        raise InputError(f"{path}: need a VCF file with a line '#CHROM POS ID REF ALT …', got none")
    yield from _parsed(portion, section, tally)


def _is_record(line: str) -> bool:
    fields = line.lstrip("#").split("\t")
    return len(fields) > 4 and fields[1].isdigit()


def _section(
    path: Path, header: list[tuple[int, str]], number: int, line: str, before: VcfSection | None
) -> VcfSection:
    """A header from its lines; one that is a line of column names alone goes on with the lines of the one before."""
    columns = line.split("\t")
    if [c.upper() for c in columns[: len(_FIXED)]] != list(_FIXED):
        raise InputError(f"{path}, line {number}: need a line '{' '.join(_FIXED)} …' parted by tabs, got {line[:80]!r}")
    if columns[8:] == ["FORMAT"]:
        columns = columns[:8]
    if "" in columns[9:]:
        raise InputError(f"{path}, line {number}: need a name for each sample, got an empty one")
    names = Counter(columns[9:])
    if twice := [name for name, n in names.items() if n > 1]:
        raise InputError(f"{path}, line {number}: need sample names that differ, got {twice[0]!r} twice")
    meta = [text for _, text in header]
    if before is not None and not meta:
        meta = list(before.lines[:-1])
    version = next((m for m in meta if m.lower().startswith("##fileformat=vcf")), "##fileformat=VCFv4.2")
    rest = [m for m in meta if not m.lower().startswith("##fileformat=")]
    lines = (version.replace("##fileFormat", "##fileformat"), *rest, "\t".join([*_FIXED, *columns[8:]]))
    with tempfile.TemporaryDirectory(prefix="photo51-") as folder, _opened(lines, [], folder, path) as vcf:
        return VcfSection(lines, vcf.header.copy())


def _opened(lines: tuple[str, ...], records: list[str], folder: str, path: Path) -> pysam.VariantFile:
    file = Path(folder) / "portion.vcf"
    with file.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\n".join([*lines, *records]) + "\n")
    try:
        return pysam.VariantFile(str(file))
    except (OSError, ValueError) as e:
        raise InputError(
            f"{path}: need a VCF file, got a header that htslib cannot read; `bcftools view` says more"
        ) from e


def _parsed(portion: list[tuple[int, str]], section: VcfSection, tally: Tally) -> Iterator[VcfRecord | VcfFault]:
    """Have htslib read lines: it takes one line for each record, and one for each that it cannot read."""
    if not portion:
        return
    lines = [line for _, line in portion]
    with (
        tempfile.TemporaryDirectory(prefix="photo51-") as folder,
        _opened(section.lines, lines, folder, Path("portion")) as vcf,
    ):
        for number, line in portion:
            try:
                record = next(vcf)
            except (OSError, ValueError, StopIteration):
                fault = _why(line, len(section.samples)) or "htslib cannot read it"
            else:
                fault = _flaw(record, line)
                if not fault:
                    yield _record(record, number, line, section)
                    continue
            tally.faulty += 1
            yield VcfFault(number, line, fault)


def _flaw(record: pysam.VariantRecord, line: str) -> str:
    """What htslib lets pass and is no record all the same."""
    ref = str(record.ref or "")
    if not record.chrom:
        return "CHROM is empty"
    if not re.fullmatch(r"[A-Za-z.*-]+|<.*>", ref):
        return f"REF is no bases: {ref[:20]!r}"
    if not line.split("\t", 5)[1].isdigit():
        return f"POS is no number: {line.split(chr(9), 5)[1][:20]!r}"
    return ""


def _why(line: str, n_samples: int) -> str:
    """Why htslib could not read a line, as far as it can be told from its text."""
    fields = line.split("\t")
    if len(fields) < 5 and len(line.split()) >= 5:
        return "its columns are not parted by tabs"
    if len(fields) < len(_FIXED):
        return f"it has {len(fields)} columns and needs {len(_FIXED)}: is the line cut off?"
    if not fields[1].isdigit():
        return f"POS is no number: {fields[1][:20]!r}"
    if n_samples and len(fields) != 9 + n_samples:
        return f"it has {max(0, len(fields) - 9)} genotypes for {n_samples} samples"
    return ""


def _record(record: pysam.VariantRecord, number: int, line: str, section: VcfSection) -> VcfRecord:
    fields = line.split("\t", 8)
    info = fields[7].strip() if len(fields) > 7 else ""
    return VcfRecord(
        number,
        record.chrom,
        record.pos - 1,
        str(record.ref or "").upper().replace(".", ""),
        tuple(a or "" for a in record.alts or ()),
        record.id or "",
        ";".join(map(str, record.filter.keys())),
        "" if info == "." else info,
        fields[8] if len(fields) > 8 else "",
        section,
    )
