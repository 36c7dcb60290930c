"""Files of genome browsers: bigWig, BED and bigBed, 2bit, track hubs and IGV sessions.

bigWig and bigBed are written by pybigtools (Huey et al. 2024, doi:10.1093/bioinformatics/btae350). Coordinates handed
in are 0-based and half-open, as in BED; a hub's and a session's loci are 1-based with both ends included, as browsers
print them.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pybigtools
from numpy.typing import NDArray

from photo51.genome.alphabet import codes
from photo51.io import atomic

BED9 = """table calls
"Segments over which a feature is active"
(
    string chrom;       "Contig"
    uint   chromStart;  "First base, 0-based"
    uint   chromEnd;    "One past the last base"
    string name;        "Feature or annotation"
    uint   score;       "Strength, 0-1000, of the feature's own maximum"
    char[1] strand;     "+, - or ."
    uint   thickStart;  "Same as chromStart"
    uint   thickEnd;    "Same as chromEnd"
    uint   reserved;    "Colour"
)
"""
_TWOBIT_CODE = np.array([2, 1, 3, 0, 0], dtype=np.uint8)  # A, C, G, T as 2, 1, 3, 0; anything else is packed as T


def write_bigwig(runs: pd.DataFrame, sizes: Mapping[str, int], path: Path) -> None:
    """Write values along contigs.

    Parameters
    ----------
    runs
        `chrom`, `start`, `end`, `value`; no two overlap. Bases in no row have no value in the file.
    sizes
        Contig → bases.
    path
        Where to.

    Raises
    ------
    ValueError
        Where there is no row: an empty bigWig cannot be read back; and where rows overlap or lie outside a contig,
        of which the library would write what comes before, and say so to nobody but the screen.
    """
    if runs.empty:
        raise ValueError(f"{path}: need at least one value, got none")
    ordered = runs.sort_values(["chrom", "start"])
    _check_runs(ordered, sizes, path)
    with atomic(path) as partial:
        rows = zip(
            ordered["chrom"].astype(str),
            ordered["start"].tolist(),
            ordered["end"].tolist(),
            ordered["value"].astype(float),
            strict=True,
        )
        pybigtools.open(str(partial), "w").write(dict(sizes), rows)


def _check_runs(ordered: pd.DataFrame, sizes: Mapping[str, int], path: Path) -> None:
    chrom, start, end = (ordered[c].to_numpy() for c in ("chrom", "start", "end"))
    limit = ordered["chrom"].map(sizes).fillna(-1).to_numpy(dtype=np.int64)
    wrong = (start < 0) | (start >= end) | (end > limit)
    # sorted: a row overlaps one before it where it begins before that one's end
    wrong[1:] |= (chrom[1:] == chrom[:-1]) & (start[1:] < end[:-1])
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{path}: need rows within contigs that do not overlap, got {chrom[i]} {start[i]}-{end[i]}")


def write_bed(rows: pd.DataFrame, path: Path) -> None:
    """Write BED9: `chrom`, `start`, `end`, `name`, `score` (0–1000), `strand`, `colour` (#rrggbb), sorted by place."""
    with atomic(path) as partial:
        partial.write_text("".join(f"{chrom}\t{start}\t{end}\t{rest}\n" for chrom, start, end, rest in _bed_rows(rows)))


def write_bigbed(rows: pd.DataFrame, sizes: Mapping[str, int], path: Path) -> None:
    """Write the same rows as `write_bed`, as a bigBed.

    Raises
    ------
    ValueError
        Where there is no row: an empty bigBed cannot be read back.
    """
    if rows.empty:
        raise ValueError(f"{path}: need at least one interval, got none")
    with atomic(path) as partial:
        pybigtools.open(str(partial), "w").write(dict(sizes), iter(_bed_rows(rows)), BED9)


def _bed_rows(rows: pd.DataFrame) -> list[tuple[str, int, int, str]]:
    ordered = rows.sort_values(["chrom", "start", "end", "name"])
    columns = [ordered[c].tolist() for c in ("chrom", "start", "end", "name", "score", "strand", "colour")]
    out = []
    for chrom, start, end, name, score, strand, colour in zip(*columns, strict=True):
        label = "_".join(str(name).split()) or "."
        rest = (label, int(score), strand, start, end, rgb(colour))
        out.append((str(chrom), int(start), int(end), "\t".join(map(str, rest))))
    return out


def rgb(colour: str) -> str:
    """`#rrggbb` as genome browsers write it: `r,g,b`."""
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))


def write_fasta(contigs: Iterable[tuple[str, NDArray[np.uint8]]], path: Path, width: int = 60) -> None:
    """Write FASTA and the `.fai` beside it, as samtools would."""
    index, offset = [], 0
    with atomic(path) as partial, partial.open("wb") as f:
        for name, ids in contigs:
            header = f">{name}\n".encode()
            raw = ids.astype(np.uint8).tobytes()
            lines = b"\n".join(raw[i : i + width] for i in range(0, len(raw), width)) + b"\n"
            f.write(header + lines)
            line = min(width, len(raw))
            index.append(f"{name}\t{len(raw)}\t{offset + len(header)}\t{line}\t{line + 1}\n")
            offset += len(header) + len(lines)
    with atomic(Path(f"{path}.fai")) as partial:
        partial.write_text("".join(index))


def write_twobit(contigs: Sequence[tuple[str, NDArray[np.uint8]]], path: Path) -> None:
    """Write UCSC's 2bit: letters that are not A, C, G or T become N (genome.ucsc.edu/FAQ/FAQformat.html#format7)."""
    records = [_twobit_record(ids) for _, ids in contigs]
    names = [name.encode() for name, _ in contigs]
    if long := next((n for n in names if len(n) > 255), None):
        raise ValueError(f"{path}: need contig names of at most 255 bytes, got {len(long)} in {long[:60]!r}")
    offset = 16 + sum(5 + len(n) for n in names)
    with atomic(path) as partial, partial.open("wb") as f:
        f.write(struct.pack("<4I", 0x1A412743, 0, len(names), 0))
        for name, body in zip(names, records, strict=True):
            f.write(struct.pack("<B", len(name)) + name + struct.pack("<I", offset))
            offset += len(body)
        for body in records:
            f.write(body)


def _twobit_record(ids: NDArray[np.uint8]) -> bytes:
    base = codes(ids)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (base == 4).astype(np.int8), [0]])))
    starts, sizes = edges[::2], edges[1::2] - edges[::2]
    packed = np.zeros(-(-len(ids) // 4) * 4, dtype=np.uint8)
    packed[: len(ids)] = _TWOBIT_CODE[base]
    quads = packed.reshape(-1, 4) @ np.array([64, 16, 4, 1], dtype=np.uint8)
    blocks = struct.pack("<I", len(starts)) + starts.astype("<u4").tobytes() + sizes.astype("<u4").tobytes()
    return struct.pack("<I", len(ids)) + blocks + struct.pack("<II", 0, 0) + quads.astype(np.uint8).tobytes()


class BrowserTrack(NamedTuple):
    """A track of a hub or a session.

    Attributes
    ----------
    name
        Unique name, letters, digits and `_`.
    file
        File beside the hub.
    label
        What a reader sees.
    colour
        `#rrggbb`.
    top
        Value of the upper end of its axis; 0 where the browser chooses.
    """

    name: str
    file: str
    label: str
    colour: str
    top: float = 0.0


def write_hub(folder: Path, genomes: Mapping[str, tuple[str, str, Sequence[BrowserTrack]]], title: str) -> None:
    """Write `hub.txt`, `genomes.txt` and each genome's `trackDb.txt`: an assembly hub for the UCSC browser.

    Parameters
    ----------
    folder
        Where the hub is; each genome has a folder of its name in it with `<genome>.2bit`.
    genomes
        Genome → organism, locus to open at (`chrom:first-last`, 1-based), tracks.
    title
        What the hub is called.
    """
    hub = f"hub photo51\nshortLabel photo51\nlongLabel {title}\ngenomesFile genomes.txt\nemail nobody@example.org\n"
    _write(folder / "hub.txt", hub)
    entries = []
    for name, (organism, locus, tracks) in genomes.items():
        entries.append(
            f"genome {name}\ntrackDb {name}/trackDb.txt\ntwoBitPath {name}/{name}.2bit\norganism {organism}\n"
            f"description {organism}\nscientificName {organism}\ndefaultPos {locus}\norderKey 1\n"
        )
        _write(folder / name / "trackDb.txt", "\n".join(_track_stanza(t) for t in tracks))
    _write(folder / "genomes.txt", "\n".join(entries))


def _track_stanza(track: BrowserTrack) -> str:
    kind = "bigWig" if track.file.endswith(".bw") else "bigBed 9"
    looks = (
        "visibility full\nautoScale on\nmaxHeightPixels 64:40:12" if kind == "bigWig" else "visibility pack\nitemRgb on"
    )
    return (
        f"track {track.name}\nbigDataUrl {track.file}\nshortLabel {track.name[:17]}\nlongLabel {track.label[:80]}\n"
        f"type {kind}\ncolor {rgb(track.colour)}\n{looks}\n"
    )


def write_session(path: Path, fasta: str, locus: str, tracks: Sequence[BrowserTrack]) -> None:
    """Write an IGV Desktop session (XML); file names are relative to it."""
    session = ET.Element("Session", genome=fasta, locus=locus, version="8")
    resources = ET.SubElement(session, "Resources")
    for t in tracks:
        ET.SubElement(resources, "Resource", path=t.file, name=t.label)
    panel = ET.SubElement(session, "Panel", name="DataPanel", height="900")
    for t in tracks:
        ET.SubElement(
            panel,
            "Track",
            id=t.file,
            name=t.label,
            color=rgb(t.colour),
            autoScale="true",
            height="48",
            visible="true",
        )
    ET.indent(session)
    _write(path, ET.tostring(session, encoding="unicode", xml_declaration=True) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")
