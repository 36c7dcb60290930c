"""Features as tracks of a genome browser: bigWig a strand, calls, a track hub, an IGV session and an offline page.

A bigWig holds the activation of every scored base at which the feature is active; a base without a value was silent or
not scored, and `scored.bed` says which. Row i of strand `-` is the same base as row i of strand `+`, so that both
tracks of a feature share coordinates.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from photo51 import theme, words
from photo51.config.report import TracksParams
from photo51.io import atomic, sha256, write_table
from photo51.io.contracts.report import CALLS, TRACKS
from photo51.io.files import gzip_file
from photo51.io.provenance import Provenance
from photo51.progress import progress
from photo51.report.elements.browser_formats import (
    BrowserTrack,
    write_bed,
    write_bigbed,
    write_bigwig,
    write_fasta,
    write_hub,
    write_session,
    write_twobit,
)
from photo51.report.tracks import igv
from photo51.report.tracks.data import Labelled, write_data
from photo51.report.tracks.runs import runs_of
from photo51.run.places import ARROWS, ActivationColumn, Places
from photo51.types import STRANDS, Strand

log = logging.getLogger(__name__)
_SIDE: Mapping[Strand, str] = {"+": "plus", "-": "minus"}


class Tracked(NamedTuple):
    """What becomes a track.

    Attributes
    ----------
    name
        `f123`, or a concept.
    features
        Numbers of the features; with more than one the track is their largest activation at each base, each as a share
        of its own largest.
    label
        What it looks like; empty where it has no name.
    threshold
        Activation a call needs; NaN where none was chosen.
    """

    name: str
    features: tuple[int, ...]
    label: str = ""
    threshold: float = float("nan")


def calls_of(runs: pd.DataFrame, threshold: float, gap: int) -> pd.DataFrame:
    """Segments at or above a threshold; those of one contig at most `gap` bases apart are one.

    Returns
    -------
    `genome`, `chrom`, `start`, `end`, `activation` (largest of the segment), `position` (first base that has it).
    """
    hot = runs[runs["value"] >= threshold].sort_values(["genome", "chrom", "start"], ignore_index=True)
    if hot.empty:
        return pd.DataFrame(columns=["genome", "chrom", "start", "end", "activation", "position"])
    same = hot[["genome", "chrom"]].eq(hot[["genome", "chrom"]].shift()).all(axis=1)
    call = (~(same & (hot["start"] - hot["end"].shift() <= gap))).cumsum()
    best = hot.loc[hot.groupby(call)["value"].idxmax()]
    grouped = hot.groupby(call).agg(
        genome=("genome", "first"), chrom=("chrom", "first"), start=("start", "min"), end=("end", "max")
    )
    return grouped.assign(activation=best["value"].to_numpy(), position=best["start"].to_numpy()).reset_index(drop=True)


def write_tracks(
    places: Places,
    tracked: Sequence[Tracked],
    folder: Path,
    params: TracksParams,
    lineage: Provenance,
    every: Labelled | None = None,
) -> pd.DataFrame:
    """Write the whole folder of tracks, replaced as a whole; the table of tracks comes back.

    The folder holds `tracks.parquet`, `calls.parquet`, `hub.txt`, `genomes.txt`, and for each genome a folder with its
    bases (`.fa`, `.2bit`), annotation, scored bases, bigWigs, calls, an IGV session and `igv.html`; with `every`, the
    features that `igv.html` shows on demand, their intervals too, in `data`.
    """
    if not tracked:
        raise ValueError("tracks: need at least one feature, got none")
    genomes = [str(g) for g in dict.fromkeys(places.genomes.contigs["genome"])]
    with atomic(folder) as partial:
        rows, calls = [], []
        for genome in genomes:
            _write_genome(places, genome, partial / genome)
        for item in progress(tracked, "tracks", unit="tracks"):
            for strand in STRANDS:
                runs, peak = _signal(places, item, strand)
                rows += _write_signals(places, item, strand, runs, partial)
                calls.append(_calls(places, item, strand, runs, peak, params))
        table = TRACKS.check(pd.DataFrame(rows, columns=list(TRACKS.columns)))
        called = pd.concat([c for c in calls if len(c)], ignore_index=True) if any(map(len, calls)) else CALLS.empty()
        called = called.sort_values(["genome", "chrom", "start", "end", "strand", "name"], ignore_index=True)
        write_table(table, partial / "tracks.parquet", TRACKS, lineage)
        write_table(called, partial / "calls.parquet", CALLS, lineage)
        if every is not None:
            write_data(places, every, partial, params.chunk)
        of_run = (folder.parent / "features.h5ad").is_file()
        _write_browsers(places, table, called, partial, params, igv.PageFiles(every, params.chunk, of_run))
    return table


def _signal(places: Places, item: Tracked, strand: Strand) -> tuple[pd.DataFrame, float]:
    """Segments of a track on one strand, and the value that counts as its largest."""
    columns = places.columns(np.asarray(item.features))
    peaks = [max((float(c[s].values.max(initial=0)) for s in STRANDS), default=0.0) for c in columns]
    if len(columns) == 1:
        return runs_of(places.workspace, columns[0][strand]), peaks[0]
    rows = np.concatenate([c[strand].rows for c in columns])
    shares = np.concatenate([c[strand].values / max(p, 1e-12) for c, p in zip(columns, peaks, strict=True)])
    unique, inverse = np.unique(rows, return_inverse=True)
    largest = np.zeros(len(unique), dtype=np.float32)
    np.maximum.at(largest, inverse, shares.astype(np.float32))
    return runs_of(places.workspace, ActivationColumn(unique, largest)), 1.0


def _write_signals(
    places: Places, item: Tracked, strand: Strand, runs: pd.DataFrame, folder: Path
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for genome in dict.fromkeys(places.genomes.contigs["genome"]):
        runs_of_genome = runs[runs["genome"] == genome]
        name, digest = f"{genome}/{_file(item.name)}.{_SIDE[strand]}.bw", ""
        if len(runs_of_genome):
            write_bigwig(runs_of_genome, _sizes(places, str(genome)), folder / name)
            digest = sha256(folder / name)
        active = int((runs_of_genome["end"] - runs_of_genome["start"]).sum())
        largest = float(runs_of_genome["value"].max()) if len(runs_of_genome) else 0.0
        rows.append(
            (str(genome), item.name, item.label, strand, name if len(runs_of_genome) else "", active, largest, digest)
        )
    return rows


def _calls(
    places: Places, item: Tracked, strand: Strand, runs: pd.DataFrame, peak: float, params: TracksParams
) -> pd.DataFrame:
    threshold = item.threshold if np.isfinite(item.threshold) and len(item.features) == 1 else params.call_share * peak
    intervals = calls_of(runs, threshold, params.call_gap)
    genes = [
        places.genes.at(str(g), str(c), int(p), strand)
        for g, c, p in zip(intervals["genome"], intervals["chrom"], intervals["position"], strict=True)
    ]
    score = np.clip(np.rint(1000 * intervals["activation"].to_numpy(dtype=float) / max(peak, 1e-12)), 0, 1000).astype(
        np.int64
    )
    intervals = intervals.assign(strand=strand, name=item.name, score=score, threshold=float(threshold), gene=genes)
    return intervals[list(CALLS.columns)].astype({"start": np.int64, "end": np.int64, "activation": np.float64})


def _write_genome(places: Places, genome: str, folder: Path) -> None:
    """Bases, annotation and scored bases of a genome."""
    folder.mkdir(parents=True)
    contigs = [(chrom, places.genomes.sequence(genome, chrom, 0, n)) for chrom, n in _sizes(places, genome).items()]
    write_fasta(contigs, folder / f"{genome}.fa")
    write_twobit(contigs, folder / f"{genome}.2bit")
    annotations = places.genomes.annotations()
    drawn = annotations[(annotations["genome"] == genome) & annotations["kind"].isin(ARROWS)]
    bed = pd.DataFrame(
        {
            "chrom": drawn["chrom"],
            "start": drawn["start"],
            "end": drawn["end"],
            "score": 0,
            "strand": drawn["strand"],
            "name": [n or k for n, k in zip(drawn["name"], drawn["kind"], strict=True)],
            "colour": [theme.colour(k) for k in drawn["kind"]],
        }
    )
    _write_intervals(bed, _sizes(places, genome), folder / "genes")
    table = places.workspace.table
    scored = table[table["genome"] == genome].assign(name="scored", score=0, strand=".", colour=theme.MUTED)
    _write_intervals(scored, _sizes(places, genome), folder / "scored")


def _write_intervals(rows: pd.DataFrame, sizes: Mapping[str, int], stem: Path) -> None:
    write_bed(rows, stem.with_suffix(".bed"))
    if len(rows):
        write_bigbed(rows, sizes, stem.with_suffix(".bb"))


def _write_browsers(
    places: Places,
    table: pd.DataFrame,
    calls: pd.DataFrame,
    folder: Path,
    params: TracksParams,
    files: igv.PageFiles,
) -> None:
    hubs = {}
    for genome in dict.fromkeys(map(str, places.genomes.contigs["genome"])):
        calls_of_genome = calls[calls["genome"] == genome]
        bed = calls_of_genome.assign(colour=[theme.colour(s) for s in calls_of_genome["strand"]])
        _write_intervals(bed, _sizes(places, genome), folder / genome / "calls")
        signals_of_genome = table[(table["genome"] == genome) & (table["file"] != "")]
        top = signals_of_genome.groupby("name")["peak"].max()  # both strands of a feature are drawn on one scale
        signals = [_track(r)._replace(top=float(top[r["name"]])) for r in signals_of_genome.to_dict("records")]
        fixed = [
            BrowserTrack(n, f"{n}.bb", label, theme.colour(c))
            for n, label, c in _FIXED
            if (folder / genome / f"{n}.bb").is_file()
        ]
        loci = _loci(
            calls_of_genome, dict(zip(table["name"], table["label"], strict=True)), _sizes(places, genome), params
        )
        opens_at = loci[0].where if loci else _whole(_sizes(places, genome))
        write_session(folder / genome / "session.xml", f"{genome}.fa", opens_at, [*fixed, *signals])
        hubs[genome] = (genome, opens_at, [*fixed, *signals])
        _write_page(folder / genome, fixed, signals, loci, params, files)
        gzip_file(folder / genome / "calls.bed")
    write_hub(folder, hubs, "photo51: features of a genomics foundation model")


_FIXED = (
    ("genes", "annotation", "gene"),
    ("calls", "calls of features", "feature"),
    ("scored", "read in this run (elsewhere: not read)", "null"),
)


def _write_page(
    folder: Path,
    fixed: Iterable[BrowserTrack],
    signals: Sequence[BrowserTrack],
    loci: Sequence[igv.Locus],
    params: TracksParams,
    files: igv.PageFiles,
) -> None:
    genome, shown, size, left = folder.name, [], 0.0, 0
    for track in signals[: 2 * params.page_features]:
        size += (folder / track.file).stat().st_size / 2**20
        if size > params.page_mib:
            left += 1
            continue
        shown.append((track, folder / track.file))
    if left:
        log.info(
            "%s: the genome page leaves %d of %d signal tracks out, to stay within %g MiB",
            genome,
            left,
            len(signals),
            params.page_mib,
        )
    beds = [(t, folder / t.file.replace(".bb", ".bed")) for t in fixed]
    igv.write_page(folder / "igv.html", folder / f"{genome}.fa", beds, shown, loci, files)


def _loci(
    calls: pd.DataFrame, labels: Mapping[str, str], sizes: Mapping[str, int], params: TracksParams
) -> list[igv.Locus]:
    """The strongest calls, the features in turn, so that no feature fills the list."""
    ranked = calls.sort_values(["score", "activation", "chrom", "start"], ascending=[False, False, True, True])
    ranked = ranked.assign(turn=ranked.groupby("name", sort=False).cumcount()).sort_values("turn", kind="stable")
    out = []
    for r in ranked.head(params.page_loci).to_dict("records"):
        middle = (r["start"] + r["end"]) // 2
        low, high = max(0, middle - 500), min(sizes[r["chrom"]], middle + 500)
        label = f"{r['name']} {labels.get(r['name'], '')}".strip()
        strength = f"{words.number(float(r['activation']))} ({r['score'] / 10:.0f}{words.THIN}% of its largest)"
        out.append(
            igv.Locus(
                words.place(r["chrom"], low, high),
                f"{label} ({r['strand'].replace('-', words.MINUS)})",
                strength,
                str(r["gene"]),
            )
        )
    return out


def _track(row: Mapping[Any, Any]) -> BrowserTrack:
    strand = str(row["strand"])
    label = f"{row['name']} {row['label']}".strip() + f" ({strand.replace('-', words.MINUS)})"
    return BrowserTrack(
        f"{_file(str(row['name']))}_{'plus' if strand == '+' else 'minus'}",
        Path(str(row["file"])).name,
        label,
        theme.colour(strand),
    )


def _sizes(places: Places, genome: str) -> dict[str, int]:
    contigs = places.genomes.contigs
    contigs_of_genome = contigs[contigs["genome"] == genome]
    return {str(c): int(n) for c, n in zip(contigs_of_genome["chrom"], contigs_of_genome["length"], strict=True)}


def _whole(sizes: Mapping[str, int]) -> str:
    chrom, length = next(iter(sizes.items()))
    return words.place(chrom, 0, length)


def _file(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)
