"""Rows of a store that lie in given splits of the prepared genomes: what may be learnt from, and what is held out."""

from __future__ import annotations

from pathlib import Path

from photo51.activations.store import ActivationStore, StoredRows
from photo51.genome.axis.workspace import Workspace
from photo51.io import sha256
from photo51.types import InputError


def split_rows(store: ActivationStore, genomes: Path | str, *splits: str, seed: int = 0) -> StoredRows:
    """Valid rows of both strands in blocks of the given splits; `all` is every split.

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
