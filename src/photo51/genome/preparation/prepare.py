"""`photo51 prepare`: from `genomes.tsv` to contigs, sequences, annotations, workspace and windows."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pysam
from numpy.typing import NDArray

from photo51.config.genome import GenomeParams
from photo51.genome.alphabet import is_ambiguous
from photo51.genome.annotation.motifs import Motif, read_meme, warn_of_short
from photo51.genome.annotation.records import ReadingAccount
from photo51.genome.axis.genomes import Genomes, contig_key
from photo51.genome.axis.scoring import Region, scored
from photo51.genome.axis.windows import windows
from photo51.genome.axis.workspace import Workspace
from photo51.genome.formats.fasta import Record
from photo51.genome.formats.sequence_files import check_name, check_sequence_file
from photo51.genome.preparation.annotate import Annotator
from photo51.genome.preparation.keys import annotation_key, sequence_key
from photo51.genome.preparation.regions import parse_regions
from photo51.genome.preparation.samples import GenomeRow, read_genomes
from photo51.genome.preparation.sources import Contig, read_contigs, read_sequences
from photo51.io import Provenance, content_hash, sha256, write_table
from photo51.io.contracts.genome import (
    ANNOTATIONS,
    CONTIGS,
    READING,
    SEQUENCES,
    TRANSCRIPTS,
    WINDOWS,
    WORKSPACE,
)
from photo51.types import InputError

log = logging.getLogger(__name__)
PARTS = {
    "sequences": (
        "sequences.fa",
        "sequences.fa.fai",
        "workspace.parquet",
        "windows.parquet",
        "sequences.parquet",
    ),
    "annotations": ("annotations.parquet", "transcripts.parquet", "reading.parquet", "contigs.parquet"),
}
"""Files by the part that writes them. The first part reads no annotation, so that no annotation changes its files."""
FILES = tuple(name for names in PARTS.values() for name in names)
_LINE = 80
_DERIVED = ("gc_low", "gc_high", "intergenic", "soft_mask", "origin")


def prepare(
    genomes_tsv: Path | str,
    out: Path | str,
    params: GenomeParams | None = None,
    fetched: Path | str = "resources/fetched",
    parts: Sequence[str] = tuple(PARTS),
) -> Genomes:
    """Read the genomes of a run, choose what is scored, annotate them, and write it all to a folder.

    One contig is in memory at a time; annotations are held whole. Files appear in `out` only when all of them are
    complete.

    Parameters
    ----------
    genomes_tsv
        Samples (see `photo51.genome.preparation.samples`).
    out
        Folder to write to; files of other names in it stay as they are.
    params
        What is annotated and scored; defaults where None.
    fetched
        Folder of downloaded accessions.
    parts
        `sequences` (sequences, scored bases, windows), `annotations` (annotations, contigs with their genetic codes;
        reads what the first part wrote to `out`), or both.

    Raises
    ------
    InputError
        As the readers; nothing is written then.
    """
    params = params or GenomeParams()
    rows = read_genomes(genomes_tsv, fetched)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    partial_out = Path(tempfile.mkdtemp(prefix=".prepare-", dir=out))
    try:
        genomes = _read(rows, partial_out, params) if "sequences" in parts else Genomes(out)
        if "annotations" in parts:
            _annotate(rows, partial_out, params, genomes)
        for name in (name for part in parts for name in PARTS[part]):
            (partial_out / name).replace(out / name)
    finally:
        shutil.rmtree(partial_out)
    return Genomes(out)


def _made(stage: str, params: GenomeParams, rows: list[GenomeRow]) -> Provenance:
    """Provenance of a part: its parameters, and hashes under genome/file name, since genomes may have files of one
    name.
    """
    sequences = stage == "prepare sequences"
    keys = [sequence_key(row) if sequences else annotation_key(row) for row in rows]
    hashes = {"genomes": content_hash(keys)}
    for row, key in zip(rows, keys, strict=True):
        digest = {row.sequence: key["digest"]} if sequences and key["digest"] else {}
        for path in row.sequence_files() if sequences else row.files():
            hashes[f"{row.genome}/{path.name}"] = str(digest.get(path) or sha256(path))
    stated = params.model_dump(mode="json", exclude={"annotation"} if sequences else None)
    return Provenance(stage=stage, params=stated, inputs=hashes)


def _read(rows: list[GenomeRow], folder: Path, params: GenomeParams) -> Genomes:
    """The first part: sequences, scored bases, windows."""
    metadata = _made("prepare sequences", params, rows)
    rows_of_table = []
    with (folder / "sequences.fa").open("wb") as fasta:
        for row in rows:
            check_sequence_file(row.sequence)
            for record, circular in read_sequences(row):
                check_name(record.name, row.sequence)
                log.info("%s %s: %s bases", row.genome, record.name, f"{len(record.ids):,}")
                _write_sequence(fasta, contig_key(row.genome, record.name), record.ids)
                rows_of_table.append(_sequence_row(row.genome, record, circular=circular))
    pysam.faidx(str(folder / "sequences.fa"))
    table = pd.DataFrame(rows_of_table, columns=list(SEQUENCES.columns))
    write_table(table, folder / "sequences.parquet", SEQUENCES, metadata)
    genomes = Genomes(folder)
    workspace, readings = scored(_regions(rows, genomes), params)
    write_table(workspace.table, folder / "workspace.parquet", WORKSPACE, metadata)
    tiled = windows(workspace, readings, core=params.core, warmup=params.warmup, shard=params.shard)
    write_table(tiled, folder / "windows.parquet", WINDOWS, metadata)
    write_table(_with_scored(table, workspace), folder / "sequences.parquet", SEQUENCES, metadata)
    _summarise(workspace, tiled, params)
    return Genomes(folder)


def _annotate(rows: list[GenomeRow], folder: Path, params: GenomeParams, genomes: Genomes) -> None:
    """The second part: annotations, transcripts, the account of what was read, and contigs with their genetic codes."""
    metadata = _made("prepare", params, rows)
    codes: dict[tuple[str, str], int] = {}
    tables: dict[str, list[pd.DataFrame]] = {"annotations": [], "transcripts": [], "reading": []}
    for row in rows:
        motifs: list[tuple[Motif, str]] = [
            (motif, path.name) for _, path in row.extra if path.name.endswith(".meme") for motif in read_meme(path)
        ]
        warn_of_short((motif for motif, _ in motifs), params.annotation.motif_p)
        annotator = Annotator(row.genome, params.annotation, motifs)
        reading = ReadingAccount(row.genome)
        for contig in read_contigs(row, reading):
            _check_same(genomes, row, contig)
            annotator.add(contig)
            codes[row.genome, contig.record.name] = contig.genetic_code
        reading.close(f"{folder.parent / 'reading.parquet'}")
        tables["annotations"].append(annotator.table())
        tables["transcripts"].append(annotator.transcripts())
        tables["reading"].append(reading.table())
    whole = {}
    for name, spec in (("annotations", ANNOTATIONS), ("transcripts", TRANSCRIPTS), ("reading", READING)):
        filled = [t for t in tables[name] if len(t)]
        whole[name] = pd.concat(filled, ignore_index=True) if filled else spec.empty()
        write_table(whole[name], folder / f"{name}.parquet", spec, metadata)
    sequences = genomes.sequences
    contigs = sequences.assign(
        genetic_code=[codes[g, c] for g, c in zip(sequences["genome"], sequences["chrom"], strict=True)]
    )
    write_table(contigs, folder / "contigs.parquet", CONTIGS, metadata)
    _warn_of_long(whole["annotations"], genomes.workspace())


def _check_same(genomes: Genomes, row: GenomeRow, contig: Contig) -> None:
    """Refuse to annotate sequences that are not those that were prepared."""
    name = contig.record.name
    if not genomes.has(row.genome, name) or genomes.length(row.genome, name) != len(contig.record.ids):
        raise InputError(
            f"{genomes.folder}: need the sequences of {row.sequence}, got others for contig {name!r}; "
            "run `photo51 prepare` again for both parts"
        )


def _write_sequence(fasta: BinaryIO, key: str, ids: NDArray[np.uint8]) -> None:
    fasta.write(f">{key}\n".encode("ascii"))
    for first in range(0, len(ids), _LINE):
        fasta.write(ids[first : first + _LINE].tobytes() + b"\n")


def _sequence_row(genome: str, record: Record, *, circular: bool) -> tuple:
    ids, masked = record.ids, record.soft_masked
    return (
        genome,
        record.name,
        len(ids),
        circular,
        int(is_ambiguous(ids).sum()),
        int((masked[:, 1] - masked[:, 0]).sum()),
        hashlib.sha256(ids.tobytes()).hexdigest(),
        0,
    )


def _with_scored(table: pd.DataFrame, workspace: Workspace) -> pd.DataFrame:
    """How many bases of each contig are scored."""
    size = workspace.table["end"] - workspace.table["start"]
    counts = size.groupby([workspace.table["genome"], workspace.table["chrom"]]).sum().to_dict()
    places = zip(table["genome"], table["chrom"], strict=True)
    return table.assign(n_scored=[int(counts.get(place, 0)) for place in places])


def _regions(rows: list[GenomeRow], genomes: Genomes) -> list[Region]:
    """What is asked for of each contig, in the order of contigs."""
    regions = []
    for row in rows:
        contigs = genomes.sequences[genomes.sequences["genome"] == row.genome]
        lengths = dict(zip(contigs["chrom"].tolist(), contigs["length"].tolist(), strict=True))
        intervals = parse_regions(row.regions, lengths, f"{row.where}, column 'regions'", row.folder)
        for chrom, length in lengths.items():
            if chrom in intervals:
                read = partial(genomes.sequence, row.genome, chrom, 0, length)
                regions.append(
                    Region(row.genome, chrom, genomes.is_circular(row.genome, chrom), intervals[chrom], read)
                )
    return regions


def _summarise(workspace: Workspace, tiled: pd.DataFrame, params: GenomeParams) -> None:
    bases = {split: int(workspace.split_mask(split).sum()) for split in ("train", "select", "test")}
    log.info(
        "scored: %s bases on both strands in %d blocks (%s), %d windows, %d shards",
        f"{workspace.n_rows:,}",
        workspace.n_blocks,
        ", ".join(f"{split} {n:,}" for split, n in bases.items()),
        len(tiled),
        tiled["shard"].nunique(),
    )
    if empty := [split for split, n in bases.items() if n == 0 and getattr(params, split) > 0]:
        log.warning("scored: no block for %s; more regions or a smaller block would give it some", " and ".join(empty))


def _warn_of_long(annotations: pd.DataFrame, workspace: Workspace) -> None:
    """Say which annotations fill their block: the rotation null has no contrast for them."""
    annotations = annotations[~annotations["kind"].isin(_DERIVED)].reset_index(drop=True)
    clipped = workspace.clip(annotations)
    block = np.searchsorted(workspace.block_bounds, clipped["row_start"].to_numpy(), side="right") - 1
    filled = (clipped["row_end"] - clipped["row_start"]).to_numpy() / np.diff(workspace.block_bounds)[block]
    for i in np.flatnonzero(filled > 0.75)[:5]:
        long = annotations.iloc[int(clipped["interval"].iloc[i])].to_dict()
        log.warning(
            "%s %s: %s %s (%s bases) fills %.0f %% of its block, so that a rotation hardly takes it off itself; "
            "longer regions or a larger block would help",
            long["genome"],
            long["chrom"],
            long["kind"],
            long["name"],
            f"{long['end'] - long['start']:,}",
            100 * filled[i],
        )
