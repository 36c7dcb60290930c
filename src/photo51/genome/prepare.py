"""`photo51 prepare`: from `genomes.tsv` to contigs, sequences, annotations, workspace and windows."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pysam
from numpy.typing import NDArray

from photo51.config.genome import GenomeParams
from photo51.genome.alphabet import is_ambiguous
from photo51.genome.annotate import Annotator
from photo51.genome.genomes import Genomes, contig_key
from photo51.genome.motifs import Motif, read_meme, warn_of_short
from photo51.genome.regions import parse_regions
from photo51.genome.samples import GenomeRow, read_genomes
from photo51.genome.scoring import Region, scored
from photo51.genome.sequence_files import check_name, check_sequence_file
from photo51.genome.sources import Contig, read_contigs
from photo51.genome.windows import windows
from photo51.genome.workspace import Workspace
from photo51.io import Provenance, sha256, write_table
from photo51.io.contracts.genome import ANNOTATIONS, CONTIGS, WINDOWS, WORKSPACE

log = logging.getLogger(__name__)
FILES = (
    "sequences.fa",
    "sequences.fa.fai",
    "annotations.parquet",
    "workspace.parquet",
    "windows.parquet",
    "contigs.parquet",
)
_LINE = 80
_DERIVED = ("gc_low", "gc_high", "intergenic", "soft_mask", "origin")


def prepare(
    genomes_tsv: Path | str,
    out: Path | str,
    params: GenomeParams | None = None,
    fetched: Path | str = "resources/fetched",
) -> Genomes:
    """Read the genomes of a run, annotate them, choose what is scored, and write it all to a folder.

    One contig is in memory at a time; annotations are held whole. Files appear in `out` only when all of them are complete.

    Parameters
    ----------
    genomes_tsv
        Samples (see `photo51.genome.samples`).
    out
        Folder to write to; files of other names in it stay as they are.
    params
        What is annotated and scored; defaults where None.
    fetched
        Folder of downloaded accessions.

    Raises
    ------
    InputError
        As the readers; nothing is written then.
    """
    params = params or GenomeParams()
    rows = read_genomes(genomes_tsv, fetched)
    made = Provenance(
        stage="prepare", params=params.model_dump(mode="json"), inputs=_hashes(Path(genomes_tsv), rows)
    )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    partial_out = Path(tempfile.mkdtemp(prefix=".prepare-", dir=out))
    try:
        contigs = _read_and_annotate(rows, partial_out, params, made)
        write_table(contigs, partial_out / "contigs.parquet", CONTIGS, made)
        genomes = Genomes(partial_out)
        workspace, readings = scored(_regions(rows, genomes), params, genomes.annotations())
        write_table(workspace.table, partial_out / "workspace.parquet", WORKSPACE, made)
        tiled = windows(workspace, readings, core=params.core, warmup=params.warmup, shard=params.shard)
        write_table(tiled, partial_out / "windows.parquet", WINDOWS, made)
        _summarise(genomes, workspace, tiled, params)
        for name in FILES:
            (partial_out / name).replace(out / name)
    finally:
        shutil.rmtree(partial_out)
    return Genomes(out)


def _hashes(genomes_tsv: Path, rows: list[GenomeRow]) -> dict[str, str]:
    """Hashes of all inputs, under genome/file name, since genomes may have files of one name."""
    found = {genomes_tsv.name: sha256(genomes_tsv)}
    for row in rows:
        found |= {f"{row.genome}/{path.name}": sha256(path) for path in row.files()}
    return found


def _read_and_annotate(
    rows: list[GenomeRow], folder: Path, params: GenomeParams, made: Provenance
) -> pd.DataFrame:
    contigs, annotations = [], []
    with (folder / "sequences.fa").open("wb") as fasta:
        for row in rows:
            motifs: list[tuple[Motif, str]] = [
                (motif, path.name)
                for _, path in row.extra
                if path.name.endswith(".meme")
                for motif in read_meme(path)
            ]
            warn_of_short((motif for motif, _ in motifs), params.annotation.motif_p)
            annotator = Annotator(row.genome, params.annotation, motifs)
            check_sequence_file(row.sequence)
            for contig in read_contigs(row):
                check_name(contig.record.name, row.sequence)
                log.info("%s %s: %s bases", row.genome, contig.record.name, f"{len(contig.record.ids):,}")
                _write_sequence(fasta, contig_key(row.genome, contig.record.name), contig.record.ids)
                annotator.add(contig)
                contigs.append(_contig_row(row.genome, contig))
            annotations.append(annotator.table())
    pysam.faidx(str(folder / "sequences.fa"))
    write_table(pd.concat(annotations, ignore_index=True), folder / "annotations.parquet", ANNOTATIONS, made)
    return pd.DataFrame(contigs, columns=list(CONTIGS.columns))


def _write_sequence(fasta: BinaryIO, key: str, ids: NDArray[np.uint8]) -> None:
    fasta.write(f">{key}\n".encode("ascii"))
    for at in range(0, len(ids), _LINE):
        fasta.write(ids[at : at + _LINE].tobytes() + b"\n")


def _contig_row(genome: str, contig: Contig) -> tuple:
    ids, masked = contig.record.ids, contig.record.soft_masked
    return (
        genome,
        contig.record.name,
        len(ids),
        contig.circular,
        contig.genetic_code,
        int(is_ambiguous(ids).sum()),
        int((masked[:, 1] - masked[:, 0]).sum()),
        hashlib.sha256(ids.tobytes()).hexdigest(),
    )


def _regions(rows: list[GenomeRow], genomes: Genomes) -> list[Region]:
    """What is asked for of each contig, in the order of contigs."""
    found = []
    for row in rows:
        own = genomes.contigs[genomes.contigs["genome"] == row.genome]
        lengths = dict(zip(own["chrom"].tolist(), own["length"].tolist(), strict=True))
        asked = parse_regions(row.regions, lengths, f"{row.where}, column 'regions'", row.folder)
        for chrom, length in lengths.items():
            if chrom in asked:
                read = partial(genomes.sequence, row.genome, chrom, 0, length)
                found.append(
                    Region(row.genome, chrom, genomes.is_circular(row.genome, chrom), asked[chrom], read)
                )
    return found


def _summarise(genomes: Genomes, workspace: Workspace, tiled: pd.DataFrame, params: GenomeParams) -> None:
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
        log.warning(
            "scored: no block for %s; more regions or a smaller block would give it some", " and ".join(empty)
        )
    _warn_of_long(genomes.annotations(), workspace)


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
