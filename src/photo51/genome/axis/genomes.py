"""The genomes of a run, as `photo51 prepare` left them: bases by place, annotations, workspace and windows.

`sequences.fa` holds every contig in upper case under the key `genome|chrom`, so that two genomes may use one contig
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pysam
from numpy.typing import NDArray

from photo51.genome.alphabet import reverse_complement
from photo51.genome.axis.workspace import Workspace
from photo51.io import read_table
from photo51.io.contracts.genome import ANNOTATIONS, CONTIGS, SEQUENCES, TRANSCRIPTS, WINDOWS
from photo51.types import InputError, Strand

Window = Mapping[str, Any]


def contig_key(genome: str, chrom: str) -> str:
    """Name of a contig in `sequences.fa`."""
    return f"{genome}|{chrom}"


def _sequences(folder: Path) -> pd.DataFrame:
    """Contigs as far as their sequences say; in a folder of an older version that is part of `contigs.parquet`."""
    path, older = folder / "sequences.parquet", folder / "contigs.parquet"
    if not path.is_file() and older.is_file():
        return read_table(older, CONTIGS).drop(columns="genetic_code")
    return read_table(path, SEQUENCES)


class Genomes:
    """Prepared genomes; opens files when they are asked for, and reads only the bases that are asked for.

    Parameters
    ----------
    folder
        What `photo51 prepare` wrote.

    Attributes
    ----------
    folder
        The same.
    sequences
        One row a contig (contract `SEQUENCES`).
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self.sequences = _sequences(self.folder)
        self._contig = {
            (str(g), str(c)): (int(n), bool(o))
            for g, c, n, o in zip(
                self.sequences["genome"],
                self.sequences["chrom"],
                self.sequences["length"],
                self.sequences["circular"],
                strict=True,
            )
        }
        self._fasta: pysam.FastaFile | None = None
        self._reading = Lock()

    @classmethod
    def open(cls, folder: Path | str) -> Genomes:
        """Open a prepared folder.

        Raises
        ------
        InputError
            Where the folder was not written by `photo51 prepare`.
        """
        return cls(folder)

    def __getstate__(self) -> dict[str, Any]:
        """Without the open file, which belongs to one process, and without tables that are read when asked for."""
        return {k: v for k, v in self.__dict__.items() if k not in {"_annotations", "_fasta", "_reading"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With a file of its own, which is opened when it is asked for."""
        self.__dict__.update(state, _fasta=None, _reading=Lock())

    @cached_property
    def contigs(self) -> pd.DataFrame:
        """One row a contig, with its genetic code (contract `CONTIGS`)."""
        return read_table(self.folder / "contigs.parquet", CONTIGS)

    def annotations(self) -> pd.DataFrame:
        """All annotated intervals (contract `ANNOTATIONS`); read once, a copy for each who asks."""
        return self._annotations.copy()

    @cached_property
    def _annotations(self) -> pd.DataFrame:
        return read_table(self.folder / "annotations.parquet", ANNOTATIONS)

    def transcripts(self) -> pd.DataFrame:
        """All parts of all transcripts (contract `TRANSCRIPTS`)."""
        return read_table(self.folder / "transcripts.parquet", TRANSCRIPTS)

    def workspace(self) -> Workspace:
        """The scored bases."""
        return Workspace.read(self.folder / "workspace.parquet")

    def windows(self) -> pd.DataFrame:
        """What the model reads (contract `WINDOWS`)."""
        return read_table(self.folder / "windows.parquet", WINDOWS)

    def has(self, genome: str, chrom: str) -> bool:
        """Whether there is such a contig."""
        return (genome, chrom) in self._contig

    def length(self, genome: str, chrom: str) -> int:
        """Bases of a contig."""
        return self._find(genome, chrom)[0]

    def is_circular(self, genome: str, chrom: str) -> bool:
        """Whether a contig's last base is followed by its first."""
        return self._find(genome, chrom)[1]

    def genetic_code(self, genome: str, chrom: str) -> int:
        """NCBI translation table of a contig."""
        self._find(genome, chrom)
        t = self.contigs
        return int(t.loc[(t["genome"] == genome) & (t["chrom"] == chrom), "genetic_code"].iloc[0])

    def sequence(self, genome: str, chrom: str, start: int, end: int, strand: Strand = "+") -> NDArray[np.uint8]:
        """Upper-case bytes of `[start, end)`, (end - start,); strand `-` gives their reverse complement.

        On a circular contig `start` may be negative and `end` may lie past the length: the sequence wraps, as often as
        it takes.

        Raises
        ------
        InputError
            For an unknown contig, and for bases outside a linear one.
        """
        length, circular = self._find(genome, chrom)
        if start > end or not (circular or (start >= 0 and end <= length)):
            raise InputError(
                f"{genome} {chrom}: need bases within 0..{length:,}{' (circular)' if circular else ''}, got"
                f" {start:,}..{end:,}"
            )
        pieces, position = [], start
        while position < end:
            # as many pieces as the interval goes round the circle
            within = position % length
            take = min(end - position, length - within)
            pieces.append(self._fetch(genome, chrom, within, within + take))
            position += take
        ids = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint8)
        return reverse_complement(ids) if strand == "-" else ids

    def window_sequence(self, window: Window) -> NDArray[np.uint8]:
        """What the model reads for a row of the windows table: warm-up and core, in reading direction, upper-case
        bytes.
        """
        genome, chrom = window["genome"], window["chrom"]
        start, end = reading_span(window)
        return self.sequence(genome, chrom, start, end, window["strand"])

    def _fetch(self, genome: str, chrom: str, start: int, end: int) -> NDArray[np.uint8]:
        # a file has one place at a time: of two threads that seek and read at once, one would get the other's bases
        with self._reading:
            if self._fasta is None:
                self._fasta = open_fasta(self.folder / "sequences.fa")
            letters = self._fasta.fetch(contig_key(genome, chrom), start, end)
        return np.frombuffer(letters.encode("ascii"), dtype=np.uint8)

    def _find(self, genome: str, chrom: str) -> tuple[int, bool]:
        if (genome, chrom) not in self._contig:
            contigs = [f"{g} {c}" for g, c in self._contig]
            raise InputError(
                f"need a contig of {self.folder} ({', '.join(contigs[:5])}{', …' if len(contigs) > 5 else ''}), "
                f"got {genome!r} {chrom!r}"
            )
        return self._contig[genome, chrom]


def reading_span(window: Window) -> tuple[int, int]:
    """Forward coordinates of what a window reads, warm-up included; may run past either end of a circular contig."""
    start, end, warmup = int(window["start"]), int(window["end"]), int(window["warmup"])
    # warm-up comes before in reading direction: at higher coordinates on strand −
    return (start - warmup, end) if window["strand"] == "+" else (start, end + warmup)


def window_sequence(contig_ids: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """What the model reads for a row of the windows table, from the whole contig in memory.

    Parameters
    ----------
    contig_ids
        Upper-case bytes of the contig, (length,).
    window
        Row of the windows table.

    Returns
    -------
    Warm-up then core in reading direction, (warmup + end - start,) upper-case bytes; wraps round the contig's
    end, which windows of linear contigs never reach.
    """
    ids = np.take(contig_ids, np.arange(*reading_span(window)), mode="wrap")
    return reverse_complement(ids) if window["strand"] == "-" else ids


def core_rows(window: Window) -> NDArray[np.int64]:
    """Workspace rows of what a window emits, in the order the model emits it, (end - start,).

    Entry j belongs to the model's output at token `warmup + j`, which has just read that row's base: rising rows on
    strand `+`, falling rows on strand `-`.
    """
    rows = int(window["row"]) + np.arange(int(window["end"]) - int(window["start"]), dtype=np.int64)
    return rows if window["strand"] == "+" else rows[::-1].copy()


def open_fasta(path: Path) -> pysam.FastaFile:
    """Open an indexed FASTA file; needs its `.fai` beside it."""
    if not path.is_file() or not Path(f"{path}.fai").is_file():
        raise InputError(f"{path}: need a FASTA file with its .fai, got none; run `photo51 prepare` again")
    return pysam.FastaFile(str(path))
