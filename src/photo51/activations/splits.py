"""Rows of a store that lie in given splits of the prepared genomes: what may be learnt from, and what is held out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from photo51.activations.store import ActivationStore, JoinedRows, StoredRows
from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.homology import FULL, distinct_hashes, homologous_groups, sketch
from photo51.genome.axis.workspace import Workspace
from photo51.io import sha256
from photo51.io.tables import provenance_of
from photo51.types import InputError

log = logging.getLogger(__name__)


def split_rows(store: ActivationStore, genomes: Path | str, *splits: str, seed: int = 0) -> StoredRows:
    """Learnable rows of both strands in blocks of the given splits; `all` is every split.

    Parameters
    ----------
    store
        Activations of a site.
    genomes
        Folder that `photo51 prepare` wrote.
    splits
        Of `train`, `select`, `test`, `all`.
    seed
        Decides the order of training.

    Raises
    ------
    InputError
        Where the store was made on other genomes, naming both, or where no row is left.
    """
    path = Path(genomes) / "workspace.parquet"
    workspace = Workspace.read(path)
    axis = sha256(path)[:16]
    if store.workspace not in {"", axis}:
        raise InputError(f"{store.folder}: need activations of workspace {axis} ({path}), got {store.workspace}")
    if store.n_rows != workspace.n_rows:
        raise InputError(f"{store.folder}: need {workspace.n_rows} rows as in {path}, got {store.n_rows}")
    mask = None if "all" in splits else workspace.split_mask(*splits)
    if mask is not None and not mask.any():
        raise InputError(f"{path}: need blocks of split {' or '.join(splits)}, got none")
    return store.rows(mask, seed=seed)


def training_rows(
    store: ActivationStore, genomes: Path | str, others: Sequence[Path | str] = (), *, seed: int = 0
) -> StoredRows | JoinedRows:
    """What a dictionary learns from: rows of split `train`, and those of other runs, which do not outweigh them.

    Parameters
    ----------
    store
        Activations of a site.
    genomes
        Folder that `photo51 prepare` wrote.
    others
        Folders of other runs that have activations of the same model at the same site. Of these too only split `train`
        is used; they may have no base of a contig that this run scores there too, nor copies of what it holds out, by
        the rule that keeps copies in one split (`genome.homology_bases`; either strand, whatever contigs are called or
        cut from), so that what is held out stays unseen.
    seed
        Decides the order of training.

    Raises
    ------
    InputError
        As `split_rows`; for a run without such activations, of another model, or with bases of this one or copies of
        what it holds out.
    """
    own = split_rows(store, genomes, "train", seed=seed)
    if not others:
        return own
    rows = []
    for run in map(Path, others):
        folder = other_activations(run, store.folder.parent.name, store.folder.name)
        _require_apart(Genomes(genomes), Genomes(run / "genome"), run)
        _require_unlike(Genomes(genomes), Genomes(run / "genome"), run)
        rows.append(split_rows(ActivationStore(folder, verify=True), run / "genome", "train", seed=seed))
    return JoinedRows(own, rows)


def other_activations(run: Path, source: str, site: str) -> Path:
    """Folder of the activations of a run that another one is to learn from.

    Raises
    ------
    InputError
        Where there are none, saying what makes them.
    """
    folder = run / "activations" / source / site
    if not folder.is_dir():
        raise InputError(
            f"train_with: need activations {folder}, got none; the configuration of that run makes them (`photo51"
            " run CONFIG -- read_model`), and `keep_activations: true` in it keeps them"
        )
    return folder


def _require_apart(own: Genomes, other: Genomes, run: Path) -> None:
    """Refuse runs that score a base of one sequence both, wherever its contig is called what."""
    mine, theirs = (
        genomes.workspace().table.merge(genomes.sequences[["genome", "chrom", "sha256"]], on=["genome", "chrom"])
        for genomes in (own, other)
    )
    theirs = theirs[theirs["split"] == "train"]
    both = mine.merge(theirs, on="sha256", suffixes=("", "_other"))
    both = both[(both["start"] < both["end_other"]) & (both["start_other"] < both["end"])]
    if len(both):
        r = both.iloc[0]
        start, end = max(r["start"], r["start_other"]), min(r["end"], r["end_other"])
        raise InputError(
            f"train_with: need bases of {run} that this run does not score, got {r['chrom']} of genome"
            f" {r['genome_other']}, {start + 1:,}-{end:,}, in both"
        )


def _require_unlike(own: Genomes, other: Genomes, run: Path) -> None:
    """Refuse runs that learn from copies of what this one holds out, by the rule that keeps copies in one split."""
    fasta, workspace = "sequences.fa", own.folder / "workspace.parquet"
    if not all((genomes.folder / fasta).is_file() for genomes in (own, other)):
        log.info("train_with: bases of %s are not compared, as one run has no %s", run, fasta)
        return
    stated = provenance_of(workspace)["params"]
    rules = GenomeParams(**{key: stated[key] for key in ("homology_k", "homology_bases") if key in stated})
    if rules.homology_bases is None:
        return
    mine, theirs = own.workspace().table, other.workspace().table
    mine, theirs = mine[mine["split"] != "train"], theirs[theirs["split"] == "train"]
    share = min(1.0, FULL / max(1, *(int((t["end"] - t["start"]).sum()) for t in (mine, theirs))))
    sketches, held = [], []
    for genomes, table in ((own, mine), (other, theirs)):
        for _, rows in table.groupby(["genome", "block"], sort=True):
            pieces = [genomes.sequence(r.genome, r.chrom, r.start, r.end) for r in rows.itertuples()]
            sketches.append(distinct_hashes([sketch(ids, rules.homology_k, share) for ids in pieces]))
            if genomes is own:
                held.append(rows.iloc[0])
    group = homologous_groups(sketches, rules.homology_bases * share)
    # blocks of one group on either side: somewhere between them a copy goes from one run to the other
    copied = (row for row, g in zip(held, group[: len(held)], strict=True) if g in group[len(held) :])
    if (first := next(copied, None)) is not None:
        raise InputError(
            f"train_with: need bases of {run} that are no copies of what this run holds out, got homologous ones"
            f" ({rules.homology_bases} shared {rules.homology_k}-mers or more) of block {first['block']} (genome"
            f" {first['genome']}, {first['chrom']}:{first['start'] + 1:,}-{first['end']:,}, split {first['split']});"
            " leave them out of its regions"
        )
