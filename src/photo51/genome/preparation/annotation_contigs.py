"""Contigs that an annotation calls otherwise than the sequence does: `chr1`, `1`, `NC_000001.11`.

Two names are taken for one contig where they, or what headers and region records say beside them, mean the same
chromosome, and the lengths that both files state agree; where the annotation states none, as GTF never does, where its
coding sequences translate on the contig from end to end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from photo51.genome.annotation.features import Feature
from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.annotation.transcripts import Model
from photo51.genome.formats.contig_names import keys, nearest_contig
from photo51.genome.formats.gff import stated_lengths
from photo51.types import InputError

_CHROMOSOME = re.compile(r"\bchromosome[ :=]+(?:chr)?([0-9]{1,3}|[IVXLC]+|[A-Z]{1,2}[0-9]{0,2})\b")
_ENSEMBL = re.compile(r"\b(?:chromosome|scaffold|plasmid):[^:\s]*:([^:\s]+):1:(\d+):")
Stated = Mapping[str, tuple[int, str]]
Fits = Callable[[Model], tuple[int, int]]
_MOST = 0.8  # of coding sequences that have to translate
_FEWEST = 2  # of them: one alone may be chance


class Names:
    """Finds the annotation of each contig.

    Parameters
    ----------
    sources
        (file, model by contig, stated lengths) of each annotation file.
    """

    def __init__(self, sources: Sequence[tuple[str, Mapping[str, Model], Stated]]):
        self._by_contig = {file: by_contig for file, by_contig, _ in sources}
        self._lengths = {
            file: {**stated_lengths({c: m.others for c, m in by_contig.items()}), **lengths}
            for file, by_contig, lengths in sources
        }
        self._sequence_region = {file: lengths for file, _, lengths in sources}
        self._used: dict[str, set[str]] = {file: set() for file, _, _ in sources}
        self._rejected: dict[tuple[str, str], str] = {}

    def of(
        self, file: str, chrom: str, length: int, described: str, reading: ReadingAccount, fits: Fits | None = None
    ) -> str:
        """Name by which a file calls a contig; empty where it has nothing on it.

        Parameters
        ----------
        file
            Annotation file.
        chrom, length, described
            Name, bases, and rest of the header of the contig.
        reading
            Is told of aliases, and of lengths that do not agree.
        fits
            How many coding sequences of a model translate on the contig, and of how many.
        """
        stated = self._sequence_region[file].get(chrom)
        if stated is not None and stated[0] != length:
            kind = "##sequence-region" if "line" in stated[1] else "record"
            reading.noted(
                file,
                [
                    (
                        f"{kind} says that {chrom} has {stated[0]:,} bases, the sequence has {length:,}",
                        stated[1],
                    )
                ],
            )
        models = self._by_contig[file]
        if chrom in models:
            self._used[file].add(chrom)
            return chrom
        own_keys = _keys(chrom, described)
        for other, model in models.items():
            if other in self._used[file] or not own_keys & (_keys(other, "") | _of_records(model)):
                continue
            length_stated = self._lengths[file].get(other)
            clean, coding = fits(model) if length_stated is None and fits is not None else (0, 0)
            if clean >= _FEWEST and clean >= _MOST * coding:
                self._used[file].add(other)
                text = (
                    f"{other} is taken for {chrom}: {clean:,} of {coding:,} coding sequences looked at translate on it"
                    " from end to end"
                )
                reading.noted(file, [(text, model.transcripts[0].where)])
                return other
            if length_stated is None or length_stated[0] != length:
                self._rejected[file, other] = f"; {chrom!r} may be the same, but " + (
                    "the file states no length and has no coding sequences that translate on it by which to tell"
                    if length_stated is None
                    else f"it has {length:,} bases and not {length_stated[0]:,}"
                )
                continue
            self._used[file].add(other)
            reading.noted(
                file, [(f"{other} is taken for {chrom}, which is as long ({length:,} bases)", length_stated[1])]
            )
            return other
        return ""

    def check_all_used(self, sequence: str, chroms: Sequence[str]) -> None:
        """Whether every contig with an annotation is one of the sequence file.

        Raises
        ------
        InputError
            Naming the first that is not, with the nearest name.
        """
        for file, by_contig in self._by_contig.items():
            for other, model in by_contig.items():
                if other in self._used[file]:
                    continue
                first = min((x for models in model for x in models), key=lambda x: _line(x.where))
                near = nearest_contig(other, chroms)
                hint = self._rejected.get((file, other)) or (f"; the nearest name is {near!r}" if near else "")
                contigs = ", ".join(sorted(chroms)[:5])
                raise InputError(f"{first.where}: need a contig of {sequence} ({contigs}), got {other!r}{hint}")


def _line(location: str) -> int:
    number = re.search(r"line (\d+)", location)
    return int(number[1]) if number else 0


def _keys(chrom: str, described: str) -> set[str]:
    """What a contig may be called: by its name, and by what its header says of a chromosome."""
    names = set(keys(chrom))
    if "mitochondri" in described.lower():
        names |= keys("MT")
    for pattern in (_CHROMOSOME, _ENSEMBL):
        if m := pattern.search(described):
            names |= keys(m[1])
    return names


def _of_records(model: Model) -> set[str]:
    """What region records say that their contig is called."""
    out: set[str] = set()
    for f in model.others:
        if f.type.lower() in {"region", "chromosome", "source", "contig", "supercontig"}:
            out |= _of_record(f.attributes)
    return out


def _of_record(a: Mapping[str, str]) -> set[str]:
    named = [a.get("chromosome", ""), a.get("Name", ""), *a.get("Alias", "").split(",")]
    out = {k for n in named if n for k in keys(n)}
    return out | keys("MT") if "mitochondri" in f"{a.get('genome', '')} {a.get('organelle', '')}".lower() else out


class Circle(NamedTuple):
    """A contig that an annotation file calls circular: its name there, its bases by its record, what it may be
    called.
    """

    name: str
    length: int
    called: frozenset[str]

    @classmethod
    def of(cls, record: Feature) -> Circle:
        """From the record that says so; one that does not begin at the first base states no length."""
        part = record.parts[0]
        called = _keys(record.chrom, "") | _of_record(record.attributes)
        return cls(record.chrom, part.end if part.start == 0 else -1, frozenset(called))

    def is_contig(self, chrom: str, length: int, described: str) -> bool:
        """Whether it is a contig of the sequence file: of its name, or as long as it and called alike."""
        return chrom == self.name or (length == self.length and bool(self.called & _keys(chrom, described)))
