"""`photo51 read`: a quick look at a sequence with a shipped model and its dictionary."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from photo51.io import atomic, content_hash
from photo51.io.contracts.quicklook import READ_CALLS, READ_ORFS, READ_WINDOWS, UNEXPLAINED
from photo51.model.families.adapters import DnaModel
from photo51.quicklook import files
from photo51.quicklook.calls import covered_bases, named_calls, unexplained
from photo51.quicklook.frames import open_frames
from photo51.quicklook.reading import Strands, read_piece
from photo51.quicklook.shelf import Shelved
from photo51.quicklook.source import Piece, Source
from photo51.quicklook.windows import FEWEST, compared
from photo51.types import STRANDS, Strand

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class QuickRead:
    """What a quick look found; every table in forward coordinates, 0-based, half-open.

    Attributes
    ----------
    title
        What was read.
    model
        Name of the model.
    shelf
        Its dictionary.
    pieces
        Parts that were read.
    strands
        What the model says of each piece on either strand.
    annotations
        What the files say (contract `ANNOTATIONS`).
    windows, calls, orfs, unexplained
        Contracts `READ_WINDOWS`, `READ_CALLS`, `READ_ORFS`, `UNEXPLAINED`.
    doubts
        What was left out of the annotation, or is odd about it; a sentence each.
    """

    title: str
    model: str
    shelf: Shelved
    pieces: list[Piece]
    strands: list[dict[Strand, Strands]]
    annotations: pd.DataFrame
    windows: pd.DataFrame
    calls: pd.DataFrame
    orfs: pd.DataFrame
    unexplained: pd.DataFrame
    doubts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Title, bases, named features."""
        n = sum(len(p.ids) for p in self.pieces)
        return (
            f"<read of {self.title}: {n:,} bases, {self.calls['feature'].nunique()} named features in"
            f" {len(self.calls):,} intervals>"
        )

    @cached_property
    def bits(self) -> dict[Strand, float]:
        """Mean bits a base, by strand; NaN where no base has a number."""
        out: dict[Strand, float] = {}
        for strand in STRANDS:
            values = np.concatenate([s[strand].bits for s in self.strands])
            values = values[np.isfinite(values)]
            out[strand] = float(values.mean(dtype=np.float64)) if len(values) else float("nan")
        return out

    @cached_property
    def variance_explained(self) -> float:
        """Share of the activations' variance that the dictionary reconstructs, both strands."""
        error = sum(float(np.nansum(s[x].error, dtype=np.float64)) for s in self.strands for x in STRANDS)
        spread = sum(float(np.nansum(s[x].spread, dtype=np.float64)) for s in self.strands for x in STRANDS)
        return 1 - error / spread if spread else float("nan")

    @cached_property
    def unlike(self) -> float:
        """Share of windows unlike the training sequence; NaN where none has the 256 known bases to be compared."""
        scored = self.windows[self.windows["n_known"] >= FEWEST]
        return float((scored["unlike"] != "").mean()) if len(scored) else float("nan")

    @cached_property
    def digest(self) -> str:
        """Which bases of which contigs were read; the page holds it."""
        return digest_of(self.pieces)

    def write(self, folder: Path | str) -> Path:
        """Write the page, BED, bigWig and TSV to a folder, replaced as a whole; the page comes back.

        Raises
        ------
        InputError
            Where the folder holds something else than an earlier quick look.
        """
        folder = Path(folder).resolve()  # where it is a link, its target is replaced
        check_folder(folder)
        from photo51.quicklook.page import page

        with atomic(folder) as partial:
            partial.mkdir()
            (partial / PAGE).write_text(page(self), encoding="utf-8")
            files.write_tsv(self.windows, partial / "windows.tsv")
            files.write_tsv(self.calls, partial / "features.tsv")
            files.write_tsv(self.orfs, partial / "orfs.tsv")
            files.write_tsv(self.unexplained, partial / "unexplained.tsv")
            files.write_calls(self.calls, partial / "features.bed")
            files.write_places(self.orfs, "orf_" + self.orfs["codons"].astype(str), partial / "orfs.bed")
            files.write_places(
                self.unexplained, "f" + self.unexplained["feature"].astype(str), partial / "unexplained.bed"
            )
            files.write_bits(self.pieces, self.strands, partial)
        return folder / PAGE


PAGE = "read.html"
WRITTEN = {PAGE, "bits_plus.bw", "bits_minus.bw"} | {
    *(f"{name}.tsv" for name in ("windows", "features", "orfs", "unexplained")),
    *(f"{name}.bed" for name in ("features", "orfs", "unexplained")),
}


def digest_of(pieces: list[Piece]) -> str:
    """Hash of the bases that are read, and of where they lie."""
    return content_hash([(p.chrom, p.start, p.whole, p.circular, p.ids.tobytes().hex()) for p in pieces])


def folder_of(stem: str, pieces: list[Piece]) -> Path:
    """Folder of a look for which the user named none: `STEM.read`, with a hash where a look at other bases has that."""
    folder, digest = Path(f"{stem}.read"), digest_of(pieces)
    earlier = folder / PAGE
    if earlier.is_file() and digest not in earlier.read_text(encoding="utf-8", errors="replace"):
        return Path(f"{stem}_{digest[:6]}.read")
    return folder


def check_folder(folder: Path) -> None:
    """Refuse to replace a folder that is no earlier quick look.

    Raises
    ------
    InputError
        Naming it.
    """
    files.check_replaceable(folder, PAGE, '<meta name="bases"', WRITTEN, "read")


def read_source(source: Source, model: DnaModel, shelf: Shelved) -> QuickRead:
    """Read what was opened.

    Parameters
    ----------
    source
        From `open_source`.
    model
        The model the dictionary is of.
    shelf
        Dictionary, names, training windows.

    Raises
    ------
    InputError
        For a dictionary of another model.
    """
    features = shelf.features
    named = shelf.names.loc[shelf.names["named"], "feature"].to_numpy(np.int64)
    strands, windows, calls, orfs, odd = [], [], [], [], []
    for piece in source.pieces:
        strands_read = read_piece(model, shelf.sae, piece)
        strands.append(strands_read)
        windows.append(compared(piece, strands_read, shelf.typical))
        calls_of_piece = named_calls(piece, strands_read, shelf.names, features)
        calls.append(calls_of_piece)
        orfs.append(open_frames(piece, strands_read))
        explained = {s: covered_bases(piece, s, calls_of_piece, source.annotations) for s in STRANDS}
        odd.append(unexplained(piece, strands_read, explained, named, features))
    return QuickRead(
        source.title,
        model.spec.name,
        shelf,
        source.pieces,
        strands,
        source.annotations,
        READ_WINDOWS.check(_joined(windows, READ_WINDOWS.empty())),
        READ_CALLS.check(_joined(calls, READ_CALLS.empty())),
        READ_ORFS.check(_joined(orfs, READ_ORFS.empty())),
        UNEXPLAINED.check(
            _joined(odd, UNEXPLAINED.empty())
            .sort_values("score", ascending=False, kind="stable")
            .reset_index(drop=True)
        ),
        source.doubts,
    )


def _joined(tables: list[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else empty
