"""Files beside the page of `photo51 read`: BED, bigWig, TSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Set
from pathlib import Path

import numpy as np
import pandas as pd

from photo51 import theme
from photo51.genome.alphabet import runs
from photo51.io import atomic
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.report.elements.browser_formats import write_bed, write_bigwig
from photo51.types import InputError, Strand

SIDE: Mapping[Strand, str] = {"+": "plus", "-": "minus"}


def check_replaceable(folder: Path, marker: str, says: str, written: Set[str], maker: str) -> None:
    """Refuse a folder that cannot be replaced as a whole without losing what something else put there.

    Parameters
    ----------
    folder
        What is to be written.
    marker
        File that every folder of this kind has.
    says
        Text that this file holds.
    written
        All files that such a folder may have.
    maker
        Command that makes such folders.

    Raises
    ------
    InputError
        Naming the folder, and a file in it that is in the way.
    """
    if folder.resolve() == Path.cwd():
        raise InputError(f"{folder}: need a folder that can be replaced as a whole, got the one you are in")
    try:
        _check_writable(folder)
        # a folder of that name is not what was written, and may hold anything
        names = {p.name + "/" * p.is_dir() for p in folder.iterdir()} if folder.is_dir() else set()
    except OSError as e:
        raise InputError(f"{folder}: need a folder that can be written, got one that cannot ({e.strerror})") from e
    made = marker in names and says in (folder / marker).read_text(encoding="utf-8", errors="replace")
    if others := sorted(names - written if made else names):
        raise InputError(
            f"{folder}: need an empty folder or that of an earlier `photo51 {maker}`, got one with other files"
            f" ({others[0]})"
        )


def _check_writable(folder: Path) -> None:
    """Before anything is read: whether a folder can be made, or replaced, where it is to be."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: need a folder, got a file")
    above = next(p for p in folder.absolute().parents if p.exists())
    if not above.is_dir():
        raise InputError(f"{folder}: need a folder to write in, got the file {above}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: need a folder that can be written, got {above}, in which nothing can be made")


def write_tsv(table: pd.DataFrame, path: Path) -> None:
    """Write a table; positions are 0-based, half-open, as in BED."""
    with atomic(path) as partial:
        # as in BED: a quotation mark of a name is a letter of it
        table.to_csv(
            partial, sep="\t", index=False, float_format="%.6g", na_rep="", quoting=csv.QUOTE_NONE, quotechar=None
        )


def write_bits(pieces: list[Piece], read: list[dict[Strand, Strands]], folder: Path) -> None:
    """`bits_plus.bw`, `bits_minus.bw`: bits of every base that has a number; no file for a strand without any."""
    sizes = {p.chrom: p.whole for p in pieces}
    for strand, side in SIDE.items():
        parts = []
        for p, strands in zip(pieces, read, strict=True):
            bits = strands[strand].bits
            for a, b in runs(np.isfinite(bits)):
                positions = np.arange(p.start + a, p.start + b)
                parts.append(
                    pd.DataFrame(
                        {"chrom": p.chrom, "start": positions, "end": positions + 1, "value": bits[a:b].astype(float)}
                    )
                )
        if parts:
            order = {name: i for i, name in enumerate(sizes)}
            table = pd.concat(parts, ignore_index=True)
            table = table.sort_values(
                ["chrom", "start"], key=lambda c: c.map(order) if c.name == "chrom" else c, kind="stable"
            )
            write_bigwig(table, sizes, folder / f"bits_{side}.bw")


def write_calls(calls: pd.DataFrame, path: Path) -> None:
    """Named features as BED9: score is the share of the feature's largest activation, in thousandths."""
    rows = calls.assign(
        name=[f"{n}|f{f}" for n, f in zip(calls["name"], calls["feature"], strict=True)],
        score=(1000 * calls["share"].fillna(0).clip(0, 1)).round().astype(int),
        colour=[theme.COLOURS[s] for s in calls["strand"]],
    )
    write_bed(rows, path)


def write_places(table: pd.DataFrame, names: pd.Series, path: Path) -> None:
    """Intervals with strands as BED9, score 0."""
    write_bed(table.assign(name=names, score=0, colour=[theme.COLOURS[s] for s in table["strand"]]), path)
