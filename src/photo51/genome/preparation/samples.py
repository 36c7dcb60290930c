"""`genomes.tsv`: one row a genome of the run, checked cell by cell before anything is read.

| column | needed | meaning |
|---|---|---|
| `genome` | yes | name in this run: letters, digits, `_`, `.`, `-` |
| `sequence` | yes | FASTA or GenBank file (plain, gzip or bgzip), or an accession that `photo51 fetch` has downloaded |
| `annotation` | | GFF3, GTF, GenBank, BED12, a gene table of UCSC (`.txt`, `.genePred`) or one of one's own (`.tsv`) |
| `regions` | | `all` (the default), BED files, or regions `chrom:start-end` (1-based, both ends included) or `chrom` |
| `variants` | | VCF files or tables of variants, each `set=path`, or a path alone: the set is called like the genome |
| `genetic_code` | | NCBI translation table, or `contig:code`; a code alone is that of the other contigs |
| `topology` | | `auto` (the default), `linear`, `circular`, `circular:chrom,chrom` (others are linear), or `pieces` |
| `extra_annotations` | | BED files, MEME motif files (`.meme`) and any of the annotation formats |

An empty cell, `-` or `.` is none; several entries of a cell are separated by `;`. Paths are relative to the file itself
or to the working directory; `resources/…` also names what comes with photo51. A GenBank sequence and a downloaded
assembly bring their own annotation. Without a `genetic_code`, it is what the annotation says, else what the kind of
contig suggests (`photo51.genome.annotation.genetic_codes`), else 1; `auto` is the topology that the files state, else
linear. Of a BED file of `extra_annotations`, `kind=path` names the class of its intervals;
a path alone is called like the file; `*=path` takes the class from the name column, `class` or `class:name`.

`topology` `pieces` is for a genome known in part: records named `chrom:start-end` (1-based, as `samtools faidx` prints
them) are put in their places on `chrom`, and the bases between them are N, which are neither read nor scored.
Coordinates are then those of the whole chromosome in every file and table. `pieces:LENGTH` states its length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from Bio.Data.CodonTable import unambiguous_dna_by_id

from photo51.genome.text import data_lines
from photo51.shipped import locate
from photo51.types import InputError

COLUMNS = (
    "genome",
    "sequence",
    "annotation",
    "regions",
    "variants",
    "genetic_code",
    "topology",
    "extra_annotations",
)
NONE = {"", "-", "."}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ACCESSION = re.compile(r"(GC[AF]_\d{9}|[A-Z]{1,6}_?\d{5,12})(\.\d+)?")
_TOPOLOGY = re.compile(r"auto|linear|circular(:\S+)?|pieces(:[1-9]\d*)?")


@dataclass(frozen=True)
class GenomeRow:
    """One genome of the run; paths exist.

    Attributes
    ----------
    genome
        Name in this run.
    sequence
        Sequence file.
    annotations
        Annotation files.
    regions
        Text of the column, `all` where it was empty.
    variants
        (set, file) of each variant set.
    genetic_codes
        NCBI translation table by contig; that of the empty name is every other contig's. Contigs without one have what
        the annotation says.
    topology
        As in the file.
    extra
        (kind, file) of each extra annotation; kind is empty where the file's own types count.
    where
        File and line, for messages.
    folder
        Folder of the file.
    """

    genome: str
    sequence: Path
    annotations: tuple[Path, ...]
    regions: str
    variants: tuple[tuple[str, Path], ...]
    genetic_codes: Mapping[str, int]
    topology: str
    extra: tuple[tuple[str, Path], ...]
    where: str
    folder: Path

    def sequence_files(self) -> list[Path]:
        """Files that decide what is read and scored: the sequence, and regions."""
        named = [t for t in _items(self.regions) if is_bed(t)]
        return [self.sequence, *(resolve(t, self.folder, self.where, "regions") for t in named)]

    def files(self) -> list[Path]:
        """Every file that says what the prepared genome is."""
        sequence, *regions = self.sequence_files()
        return [sequence, *self.annotations, *regions, *(path for _, path in self.extra)]


def read_genomes(path: Path | str, fetched: Path | str = "resources/fetched") -> list[GenomeRow]:
    """Read and check `genomes.tsv`.

    Parameters
    ----------
    path
        The file.
    fetched
        Folder in which `photo51 fetch` left what it downloaded.

    Raises
    ------
    InputError
        Naming file, line and column, what was found and what was expected.
    """
    path = Path(path)
    header: list[str] = []
    rows: list[GenomeRow] = []
    for number, line in data_lines(path):
        location = f"{path}, line {number}"
        fields = [f.strip() for f in line.split("\t")]
        if not header:
            header = fields
            _check_header(header, location)
            continue
        if len(fields) > len(header):
            raise InputError(f"{location}: need {len(header)} columns as in the header, got {len(fields)}")
        cells = {c: "" if f in NONE else f for c, f in zip(header, fields, strict=False)}
        rows.append(_row({c: cells.get(c, "") for c in COLUMNS}, location, path.parent, Path(fetched)))
    if not rows:
        raise InputError(f"{path}: need a header and at least one genome, got {'no genome' if header else 'no lines'}")
    _check_unique([(r.genome, r.where) for r in rows], "genome", "a genome")
    _check_unique([(name, r.where) for r in rows for name, _ in r.variants], "variants", "a variant set")
    return rows


def row_of_files(
    sequence: Path,
    annotations: Sequence[Path] = (),
    *,
    genetic_code: int | None = None,
    topology: str = "auto",
    label: str = "options",
) -> GenomeRow:
    """The row that a table of genomes would have for files that exist; names of files may hold any letter.

    Raises
    ------
    InputError
        For an annotation file that is absent, a genetic code or a topology that is none.
    """
    if absent := [path for path in annotations if not path.is_file()]:
        raise InputError(f"{absent[0]}: need an annotation file, got {'a folder' if absent[0].is_dir() else 'none'}")
    return GenomeRow(
        genome="sequence",
        sequence=sequence,
        annotations=tuple(annotations),
        regions="all",
        variants=(),
        genetic_codes={} if genetic_code is None else {"": check_code(genetic_code, "--genetic-code")},
        topology=check_topology(topology, "--topology"),
        extra=(),
        where=label,
        folder=sequence.parent,
    )


def check_code(code: int, option: str) -> int:
    """A genetic code that NCBI lists.

    Raises
    ------
    InputError
        For another number, listing those there are.
    """
    if code not in unambiguous_dna_by_id:
        tables = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
        raise InputError(f"{option}: need an NCBI translation table ({tables}), got {code}")
    return code


def check_topology(text: str, option: str) -> str:
    """A topology as `genomes.tsv` has it.

    Raises
    ------
    InputError
        For a text that is none.
    """
    if not _TOPOLOGY.fullmatch(text):
        raise InputError(
            f"{option}: need auto, linear, circular, circular:chrom,chrom, pieces or pieces:LENGTH, got {text!r}"
        )
    return text


def _check_header(header: list[str], location: str) -> None:
    if unknown := [c for c in header if c not in COLUMNS]:
        raise InputError(f"{location}: need columns among {', '.join(COLUMNS)}, got {unknown[0]!r}")
    if missing := [c for c in COLUMNS[:2] if c not in header]:
        raise InputError(f"{location}: need a column {missing[0]!r}, got {', '.join(header)}")
    if len(set(header)) < len(header):
        raise InputError(f"{location}: need column names that differ, got {', '.join(header)}")


def _check_unique(names: list[tuple[str, str]], column: str, what: str) -> None:
    first_of: dict[str, str] = {}
    for name, location in names:
        if name in first_of:
            raise InputError(
                f"{location}, column {column!r}: need another name for {what}, got {name!r} again (first:"
                f" {first_of[name]})"
            )
        first_of[name] = location


def _row(cells: dict[str, str], location: str, folder: Path, fetched: Path) -> GenomeRow:
    if not _NAME.fullmatch(cells["genome"]):
        raise InputError(
            f"{location}, column 'genome': need a name of letters, digits, _ . or -, got {cells['genome']!r}"
        )
    topology = check_topology(cells["topology"] or "auto", f"{location}, column 'topology'")
    sequence = _sequence(cells["sequence"], folder, fetched, location)
    annotations = tuple(resolve(t, folder, location, "annotation") for t in _items(cells["annotation"]))
    downloaded = sequence.with_name(f"{Path(cells['sequence']).name}.gff3")
    if not annotations and sequence.parent == fetched and downloaded.is_file():
        annotations = (downloaded,)
    return GenomeRow(
        genome=cells["genome"],
        sequence=sequence,
        annotations=annotations,
        regions=cells["regions"] or "all",
        variants=tuple(
            (_set_name(name or cells["genome"], location), resolve(t, folder, location, "variants"))
            for name, t in map(_named, _items(cells["variants"]))
        ),
        genetic_codes=_genetic_codes(cells["genetic_code"], location),
        topology=topology,
        extra=tuple(_extra(item, folder, location) for item in _items(cells["extra_annotations"])),
        where=location,
        folder=folder,
    )


def _items(cell: str) -> list[str]:
    return [item.strip() for item in cell.split(";") if item.strip()]


def _named(item: str) -> tuple[str, str]:
    name, equals, rest = item.partition("=")
    return (name.strip(), rest.strip()) if equals else ("", item)


def _set_name(name: str, location: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{location}, column 'variants': need a set named with letters, digits, _ . or -, got {name!r}"
        )
    return name


def _genetic_codes(cell: str, location: str) -> dict[str, int]:
    out: dict[str, int] = {}
    for item in _items(cell):
        contig, _, text = item.rpartition(":")
        contig, text = contig.strip(), text.strip()
        if not (text.isascii() and text.isdigit() and int(text) in unambiguous_dna_by_id):
            tables = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
            raise InputError(
                f"{location}, column 'genetic_code': need an NCBI translation table ({tables}), or contig:table parted"
                f" by ;, got {item!r}"
            )
        if out.setdefault(contig, int(text)) != int(text):
            whose = f"for {contig!r}" if contig else "without a contig"
            raise InputError(f"{location}, column 'genetic_code': need one table {whose}, got {cell!r}")
    return out


def _extra(item: str, folder: Path, location: str) -> tuple[str, Path]:
    kind, text = _named(item)
    if kind and kind != "*" and not _NAME.fullmatch(kind):
        raise InputError(
            f"{location}, column 'extra_annotations': need a class of letters, digits, _ . or -, got {kind!r}"
        )
    path = resolve(text, folder, location, "extra_annotations")
    return (kind or stem(path) if is_bed(text) else kind, path)


def _sequence(cell: str, folder: Path, fetched: Path, location: str) -> Path:
    if not cell:
        raise InputError(f"{location}, column 'sequence': need a file or an accession, got an empty cell")
    file = _find(cell, folder)
    if file is None and _ACCESSION.fullmatch(cell):
        for name in (f"{cell}.gb", f"{cell}.fa"):
            if (fetched / name).is_file():
                return fetched / name
        raise InputError(
            f"{location}, column 'sequence': need a file, or an accession in {fetched}, got {cell!r}; "
            f"`photo51 fetch {cell} --out {fetched}` downloads it"
        )
    return resolve(cell, folder, location, "sequence")


def resolve(text: str, folder: Path, location: str, column: str) -> Path:
    """A file named in a cell, relative to the folder of `genomes.tsv` or to the working directory, or that comes with
    photo51.
    """
    file = _find(text, folder)
    if file is None:
        raise InputError(
            f"{location}, column {column!r}: need a file, got {text!r}, which is neither below {folder}/ nor here"
        )
    return file


def _find(text: str, folder: Path) -> Path | None:
    path = locate(text, folder)
    return path if path is not None and path.is_file() else None


def is_bed(text: str) -> bool:
    """Whether a name is that of a BED file."""
    return text.lower().endswith((".bed", ".bed.gz", ".bed.bgz"))


def stem(path: Path) -> str:
    """A file's name without its suffixes of format and compression."""
    name = path.name
    for suffix in (".gz", ".bgz"):
        name = name.removesuffix(suffix)
    return name.rsplit(".", 1)[0] if "." in name else name
