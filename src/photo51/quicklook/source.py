"""What `photo51 read` is given: a file, an accession, or the bases themselves; anything else is refused by what it
is.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.fetch import FetchParams
from photo51.config.genome import AnnotationParams
from photo51.genome.alphabet import IUPAC, is_ambiguous
from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.formats.fasta import record as record_of
from photo51.genome.formats.fetch import fetch
from photo51.genome.formats.sequence_files import check_sequence_file
from photo51.genome.preparation.annotate import Annotator
from photo51.genome.preparation.regions import check_within, parse_regions
from photo51.genome.preparation.samples import check_code, check_topology, row_of_files
from photo51.genome.preparation.sources import Contig, read_contigs
from photo51.genome.text import open_text
from photo51.io.contracts.genome import ANNOTATIONS
from photo51.types import InputError

LONGEST, SHORTEST = 200_000, 32
TYPED = "sequence"  # name of bases on the command line
_UNKNOWN = 11  # genetic code of bases of which nothing is known: that of bacteria, plastids and most phages
TRIES = 3  # of a download: a quick look waits for seconds, not for minutes
_ACCESSION = re.compile(r"[A-Z]{1,6}_?[A-Z]{0,4}\d{5,12}(\.\d+)?|GC[AF]_\d{9}(\.\d+)?")
_LETTERS = re.compile(r"[A-Za-z*.\-\s]+")
_PROTEIN = frozenset("EFILPQZJOX*")
_PLACE = re.compile(r"(.+):(\d[\d,]*)-(\d[\d,]*)")
_SPAN = re.compile(r"\d[\d,]*-\d[\d,]*")


class Piece(NamedTuple):
    """Part of a contig that is read.

    Attributes
    ----------
    chrom
        Contig.
    start
        0-based first base.
    ids
        Its bytes, (length,).
    before, after
        Bases on either side that serve as context, (up to `context`,); empty at the ends of linear contigs.
    whole
        Bases of the contig.
    circular
        Whether the contig's last base is followed by its first.
    genetic_code
        NCBI translation table.
    """

    chrom: str
    start: int
    ids: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    whole: int
    circular: bool
    genetic_code: int

    @property
    def end(self) -> int:
        """0-based base after the last."""
        return self.start + len(self.ids)


class Source(NamedTuple):
    """What is read, and what its files say about it.

    Attributes
    ----------
    title
        What it is called on the page.
    pieces
        Parts that are read.
    annotations
        Contract `ANNOTATIONS`, those that touch the pieces.
    doubts
        What was left out of the files' annotation, or is odd about it; a sentence each.
    """

    title: str
    pieces: list[Piece]
    annotations: pd.DataFrame
    doubts: tuple[str, ...] = ()


def open_source(
    text: str,
    *,
    annotation: Sequence[Path] = (),
    region: str | None = None,
    genetic_code: int | None = None,
    topology: str = "auto",
    context: int = 512,
) -> Source:
    """Open what was named: an existing file, else bases, else an accession, which is downloaded.

    Parameters
    ----------
    text
        FASTA or GenBank file (plain or gzip), bases, or an NCBI accession.
    annotation
        GFF3, GTF, GenBank or gene tables of a sequence file.
    region
        Part to read, `chrom:start-end`, 1-based, both ends included; of a single contig also `start-end`; several
        parted by `;`. On a circular contig one whose start comes after its end goes over the origin, in two pieces.
    genetic_code, topology
        As in `genomes.tsv`.
    context
        Bases on either side of a region that are read before it.

    Raises
    ------
    InputError
        For proteins, RNA, sequences without known bases, of fewer than 32 or more than 200,000 bases, unknown
        accessions, annotation of another sequence, and where no server can be reached; says what would do.
    """
    path = Path(text)
    try:
        is_file, is_folder, exists = path.is_file(), path.is_dir(), path.exists()
    except OSError:  # a sequence is no file name, and may be too long for one
        is_file = is_folder = exists = False
    if genetic_code is not None:
        check_code(genetic_code, "--genetic-code")
    check_topology(topology, "--topology")
    if is_file:
        check_sequence_file(path)
        _check_letters(path, region, str(path))
        return _of_file(path, path.name, annotation, region, context, genetic_code=genetic_code, topology=topology)
    bases = "".join(text.split())
    if _ACCESSION.fullmatch(bases):
        with _fetched(bases) as files:
            _check_letters(files[0], region, bases)
            more = [*annotation, *files[1:]]
            return _of_file(files[0], bases, more, region, context, genetic_code=genetic_code, topology=topology)
    named = is_folder and text and set(bases.upper()) - set("ACGTN")
    if bases and _LETTERS.fullmatch(bases) and len(bases) > 2 and not path.suffix and not named:
        return _of_bases(bases, annotation, region, genetic_code or _UNKNOWN, topology, context)
    if exists and not is_folder:
        raise InputError(f"{text}: need a file, which is read twice, got a pipe or device; write it to a file first")
    if is_folder and text:
        raise InputError(f"{text}: need a FASTA or GenBank file, got a folder")
    absent = "; there is no such file" if path.suffix or len(path.parts) > 1 else ""
    raise InputError(
        f"read: need a FASTA or GenBank file, bases, or an NCBI accession such as NC_001416.1, got {_short(text)!r},"
        f" which is none of these{absent}"
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def check_bases(letters: str, name: str) -> None:
    """Refuse what is no DNA by what it is.

    Raises
    ------
    InputError
        Naming the sequence, what it looks like, and what would do.
    """
    letters_used = set(letters.upper())
    if letters_used & _PROTEIN:
        odd = ", ".join(sorted(letters_used & _PROTEIN))
        raise InputError(
            f"{name}: need DNA (A, C, G, T, N), got letters of a protein ({odd}); give the gene's DNA, or the genome"
            " with `--region`"
        )
    if "U" in letters_used:
        raise InputError(
            f"{name}: need DNA, got U as in RNA; the model reads DNA: write T for U (`sed '/^>/!y/Uu/Tt/'`)"
        )
    if gaps := letters_used & set("-."):
        raise InputError(
            f"{name}: need a sequence without gaps, got {', '.join(sorted(gaps))!r} as in an alignment; remove them"
        )
    if bad := letters_used - set(IUPAC.decode()):
        raise InputError(f"{name}: need IUPAC nucleotides ({IUPAC.decode()}), got {', '.join(sorted(bad))!r}")


def check_length(n_known: int, total: int, name: str) -> None:
    """Refuse too few or too many bases, saying what would do.

    Raises
    ------
    InputError
        Naming the sequence and its length.
    """
    if total > LONGEST:
        raise InputError(
            f"{name}: need at most {LONGEST:,} bases for a quick look, got more ({total:,} read so far); read a part"
            " with `--region chrom:start-end`, or the whole genome with `photo51 init FOLDER --genome FILE` and"
            " `photo51 run`"
        )
    if total and not n_known:
        raise InputError(f"{name}: need known bases, got {total:,} ambiguous ones (N) alone")
    if n_known < SHORTEST:
        raise InputError(
            f"{name}: need at least {SHORTEST} known bases, since the model predicts each from those before it, got"
            f" {n_known}"
        )


def _check_letters(path: Path, region: str | None, label: str) -> None:
    """Look through a file before it is read whole: what its letters are, and whether it is too long, told after
    200,001 bases. Messages call it `label`.
    """
    total = n_known = 0
    for name, letters in _letters(path):
        check_bases(letters, f"{label}, record {name!r}")
        total += len(letters)
        n_known += sum(letters.count(b) for b in "ACGTacgt")
        if region is None and total > LONGEST:
            check_length(n_known, total, label)
    if not total:
        raise InputError(
            f"{label}: need a sequence, got a file without any; name the FASTA file, and this one as --annotation"
        )
    check_length(n_known, min(total, LONGEST) if region else total, label)


def _letters(path: Path) -> Iterator[tuple[str, str]]:
    """Name of the record and letters of each line of sequence, in FASTA, GenBank or GFF3 with sequence."""
    genbank, inside, name = False, False, ""
    with open_text(path) as lines:
        for line in lines:
            if line.startswith("LOCUS "):
                genbank, inside, name = True, False, (line.split()[1:] or [""])[0]
                if re.search(r"\d+ aa\b", line):
                    raise InputError(f"{path}, record {name!r}: need DNA, got a protein; give the gene's DNA")
            elif genbank and line.startswith(("ORIGIN", "//")):
                inside = line.startswith("ORIGIN")
            elif genbank:
                if inside:
                    yield name, "".join(line.split()[1:])
            elif line.startswith(">"):
                inside, name = True, (line[1:].split() or [""])[0]
            elif inside and not line.startswith((";", "#")):
                yield name, "".join(line.split())


def _of_file(
    path: Path,
    title: str,
    annotation: Sequence[Path],
    region: str | None,
    context: int,
    *,
    genetic_code: int | None,
    topology: str,
) -> Source:
    # not `resolve`: a link's own name says what kind of file it is
    row = row_of_files(
        path.absolute(), [a.absolute() for a in annotation], genetic_code=genetic_code, topology=topology, label="read"
    )
    account = ReadingAccount(title)
    contigs = [
        # 1 is what a contig has of which nothing is known: then the same code as bases without a file. Coding sequences
        # that state none have 1, as GenBank leaves it out
        c._replace(genetic_code=_UNKNOWN) if genetic_code is None and c.genetic_code == 1 and not _coding(c) else c
        for c in read_contigs(row, account)
    ]
    source = _source(title, contigs, region, context)
    if account.doubts() or any(_described(c) for c in contigs):
        account.close()
    return source._replace(doubts=(*account.doubts(), *account.few_misread(), *_hidden(contigs)))


def _described(contig: Contig) -> bool:
    return bool(len(contig.features) or len(contig.genes))


def _hidden(contigs: list[Contig]) -> Iterator[str]:
    """Contigs of which the lines of a BED file are no intervals to most readers."""
    for c in contigs:
        if re.match(r"#|track$|browser$", name := c.record.name):
            yield f"contig {name!r}: readers of BED files take its lines for comments or headings; rename it"


def _coding(contig: Contig) -> bool:
    return any(t.cds for t in contig.transcripts)


def _of_bases(
    bases: str, annotation: Sequence[Path], region: str | None, code: int, topology: str, context: int
) -> Source:
    if annotation:
        raise InputError("--annotation: need a sequence file with it, got bases on the command line")
    label = f"{_short(bases)!r}, which is no file"
    check_bases(bases, label)
    check_length(sum(bases.upper().count(b) for b in "ACGT"), len(bases), label)
    kind, _, named = topology.partition(":")
    if kind == "pieces" or (named and TYPED not in named.split(",")):
        raise InputError(f"--topology: need auto, linear or circular for bases, got {topology!r}")
    contig = Contig(record_of(TYPED, bases), kind == "circular", code, [])
    return _source(f"{len(bases):,} bases", [contig], region, context)


def _source(title: str, contigs: list[Contig], region: str | None, context: int) -> Source:
    annotator = Annotator("sequence", AnnotationParams(predict=()))
    for contig in contigs:
        annotator.add(contig)
    table = annotator.table()
    pieces = list(_pieces(contigs, region, context))
    total = sum(len(p.ids) for p in pieces)
    check_length(
        int(sum((~is_ambiguous(p.ids)).sum() for p in pieces)),
        total,
        f"--region {region}" if region else title,
    )
    inside = np.zeros(len(table), dtype=bool)
    for p in pieces:
        inside |= ((table["chrom"] == p.chrom) & (table["start"] < p.end) & (table["end"] > p.start)).to_numpy()
    title = f"{title}, {region}" if region else title
    return Source(title, pieces, ANNOTATIONS.check(table[inside].reset_index(drop=True)))


def _pieces(contigs: list[Contig], region: str | None, context: int) -> Iterator[Piece]:
    for contig in contigs:
        ids, n = contig.record.ids, len(contig.record.ids)
        for start, end in _asked(region, contigs, contig):
            if contig.circular:
                before = ids[np.arange(start - min(context, n), start) % n]
                after = ids[np.arange(end, end + min(context, n)) % n]
            else:
                before, after = ids[max(0, start - context) : start], ids[end : end + context]
            yield Piece(
                contig.record.name,
                start,
                ids[start:end],
                before,
                after,
                n,
                contig.circular,
                contig.genetic_code,
            )


def _asked(region: str | None, contigs: list[Contig], contig: Contig) -> NDArray[np.int64]:
    """Intervals of a contig that are read, (n, 2); those that overlap are one, so that no base counts twice."""
    lengths = {c.record.name: len(c.record.ids) for c in contigs}
    if region is None:
        return np.array([[0, len(contig.record.ids)]])
    circular = {c.record.name for c in contigs if c.circular}
    # names of contigs may hold semicolons
    known = region in lengths or ((place := _PLACE.fullmatch(region)) is not None and place[1] in lengths)
    items = [region] if known else [item.strip() for item in region.split(";") if item.strip()]
    intervals = [_intervals(item, lengths, circular) for item in items or [region]]
    rows = [interval for found in intervals for interval in found.get(contig.record.name, [])]
    return _united(np.array(rows, dtype=np.int64).reshape(-1, 2))


def _intervals(
    item: str, lengths: Mapping[str, int], circular: Set[str]
) -> Mapping[str, Sequence[tuple[int, int]] | NDArray[np.int64]]:
    """0-based intervals by contig of an entry of `--region`: of an only contig where it names none, two where it goes
    over a circle's origin.
    """
    if item in lengths:
        return {item: [(0, lengths[item])]}
    if len(lengths) == 1 and _SPAN.fullmatch(item):
        item = f"{next(iter(lengths))}:{item}"
    place = _PLACE.fullmatch(item)
    if place is None or place[1] not in lengths:
        return parse_regions(item, lengths, "--region", Path())
    chrom, length = place[1], lengths[place[1]]
    start, end = (int(place[i].replace(",", "")) for i in (2, 3))
    parts = [(start - 1, end)]
    if start > end:
        if chrom not in circular:
            raise InputError(
                f"--region {item}: need a start not after the end on a linear contig, got {start:,} and {end:,};"
                " `--topology circular` reads over the origin"
            )
        parts = [(start - 1, length), (0, end)]
    for a, b in parts:
        check_within(chrom, a, b, length, "--region")
    return {chrom: parts}


def _united(intervals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Intervals (n, 2) with those that overlap joined; in the order given where none does."""
    by_start = intervals[np.argsort(intervals[:, 0], kind="stable")]
    # the farthest end of all before each: an interval that begins before it overlaps one of them
    reach = np.maximum.accumulate(by_start[:, 1])
    first = np.concatenate([[True], by_start[1:, 0] >= reach[:-1]]) if len(by_start) else np.zeros(0, dtype=bool)
    if first.all():
        return intervals
    starts = np.flatnonzero(first)
    return np.stack([by_start[starts, 0], reach[np.append(starts[1:], len(by_start)) - 1]], axis=1)


@contextmanager
def _fetched(accession: str) -> Iterator[list[Path]]:
    """Files of an accession: those that `photo51 fetch` left in this folder, else downloaded for the time being."""
    folder = Path("resources/fetched")
    names = [[f"{accession}.gb"], [f"{accession}.fa", f"{accession}.gff3"]]
    for file_names in names:
        if all((folder / n).is_file() for n in file_names):
            yield [folder / n for n in file_names]
            return
    with tempfile.TemporaryDirectory(prefix="photo51-read-") as temporary:
        try:
            files = fetch([accession], temporary, FetchParams(tries=TRIES))
        except InputError as e:
            raise InputError(
                f"{e}; without a network, read a file, or run `photo51 fetch {accession} --out {folder}` where there"
                " is one"
            ) from e
        yield files
