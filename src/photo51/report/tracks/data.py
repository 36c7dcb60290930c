"""Every feature as a track on demand: activations in chunks beside a genome page, each read when its feature is asked
for.

A page opened from disk may load scripts but not fetch files, so that a chunk is a script that hands over one string:
JSON, compressed by gzip, as base64, as in the atlas. An interval is three numbers: bases since the end of the one
before it, its length, and its level, a hundredth of the feature's largest activation on either strand. Gaps, lengths
and levels are a text each, since like numbers side by side, one character each, are a quarter smaller than lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.progress import progress
from photo51.report.atlas.files import pack_pages
from photo51.report.tracks.runs import SegmentRuns, segment_runs
from photo51.run.places import ActivationColumn, Places
from photo51.types import STRANDS

LEVELS = 100
FIRST_CHARACTER = 32
MORE = 30_000  # with the first character still below the surrogates of UTF-16, which are no characters by themselves


class Labelled(NamedTuple):
    """Features that a genome page can show.

    Attributes
    ----------
    ids
        Their numbers, rising.
    labels
        What each is called; empty where it has no name.
    """

    ids: Sequence[int]
    labels: Mapping[int, str]


def leveled(column: ActivationColumn, top: float) -> ActivationColumn:
    """Activations as levels of 1 to 100, in equal steps up to `top`."""
    shares = np.asarray(column.values, dtype=float) / max(top, 1e-12)
    return ActivationColumn(column.rows, np.clip(np.ceil(LEVELS * shares - 1e-9), 1, LEVELS))


def packed_intervals(runs: SegmentRuns) -> list[str]:
    """Intervals of one contig, sorted: texts of their gaps, lengths and levels."""
    gap = runs.start - np.concatenate([[0], runs.end[:-1]])
    return [as_text(gap), as_text(runs.end - runs.start), as_text(runs.value.astype(np.int64))]


def as_text(numbers: NDArray[np.int64]) -> str:
    """Whole numbers of 0 or more as characters, `FIRST_CHARACTER` being 0; each `MORE` adds itself to the number after
    it.
    """
    times = numbers // MORE
    out = np.full(len(numbers) + int(times.sum()), MORE)
    out[np.cumsum(times + 1) - 1] = numbers % MORE
    return (out + FIRST_CHARACTER).astype("<u2").tobytes().decode("utf-16-le")


def write_data(places: Places, features: Labelled, folder: Path, chunk: int) -> None:
    """Write `GENOME/data/fNNNN.js` below a folder: `chunk` features each, for every genome."""
    genomes = [str(g) for g in dict.fromkeys(places.genomes.contigs["genome"])]
    for genome in genomes:
        (folder / genome / "data").mkdir(parents=True, exist_ok=True)
    batches = range(0, len(features.ids), chunk)
    for number, first in enumerate(progress(batches, "tracks on demand", unit="chunks")):
        records = _records(places, list(features.ids[first : first + chunk]), genomes)
        for genome, batch in records.items():
            text = pack_pages(batch)
            path = folder / genome / "data" / f"f{number:04d}.js"
            path.write_text(f'photo51_chunk("f{number:04d}","{text}")\n', encoding="ascii")


def _records(places: Places, ids: list[int], genomes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """For each genome one record a feature: its number, its largest activation anywhere, its intervals by contig and
    strand.
    """
    out: dict[str, list[dict[str, Any]]] = {g: [] for g in genomes}
    keys = places.workspace.table[["genome", "chrom"]]
    contig_of = keys.groupby(["genome", "chrom"], sort=False).ngroup().to_numpy()
    # in the order in which groups are numbered: that of the first row of each
    names = [(str(genome), str(chrom)) for genome, chrom in keys.drop_duplicates().to_numpy()]
    for feature, columns in zip(ids, places.columns(np.asarray(ids, dtype=np.int64)), strict=True):
        top = max(float(c.values.max(initial=0)) for c in columns.values())
        runs: dict[str, dict[str, list[list[str]]]] = {g: {} for g in genomes}
        for i, strand in enumerate(STRANDS):
            of_strand = segment_runs(places.workspace, leveled(columns[strand], top))
            contig = contig_of[of_strand.segment]
            for number in np.unique(contig).tolist():
                genome, chrom = names[number]
                on_contig = SegmentRuns(*(part[contig == number] for part in of_strand))
                runs[genome].setdefault(chrom, [[""] * 3, [""] * 3])[i] = packed_intervals(on_contig)
        peak = float(f"{top:.4g}") if math.isfinite(top) else 0.0
        for genome in genomes:
            out[genome].append({"id": feature, "peak": peak, "runs": runs[genome]})
    return out
