"""Activations through a dictionary: codes of every scored base, from a store or straight from the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51 import __version__
from photo51.activations.extract import Core, Sequences, cores, remove_others
from photo51.activations.store import ActivationStore
from photo51.codes import CodesMeta, codes_path, write_codes
from photo51.config.model import ActivationParams
from photo51.io import content_hash
from photo51.io.tensors import is_made
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS, InputError, Strand

CHUNK = 32_768


def encode_store(
    store: ActivationStore, dictionary: Dictionary, out: Path, shards: Collection[int] | None = None
) -> list[Path]:
    """Encode stored activations, a file of codes for each shard and strand.

    Rows that are not valid (on and near ambiguous bases) get no code; those of cold starts do, since
    `genome.min_context` says which of them are scored. A file that is there and was made from the
    same activations and dictionary is left as it is.

    Parameters
    ----------
    store
        Activations of one site.
    dictionary
        Encoder; it refuses activations of anything else.
    out
        Folder of codes, to be gathered when all shards are there.
    shards
        Positions of the store's shards to encode; all if None.

    Returns
    -------
    The files, shard by shard, strand `+` before `-`.

    Raises
    ------
    InputError
        For activations of anything else than the dictionary is of, and for shards that are damaged.
    """
    dictionary.origin.require(store.origin, f"{store.folder}: activations")
    valid = {strand: store.valid(strand) for strand in STRANDS}
    files: list[Path] = []
    chosen = range(len(store.shards)) if shards is None else sorted(shards)
    remove_others(out, {codes_path(out, n, s).name for n in range(len(store.shards)) for s in STRANDS})
    for number in progress(chosen, "encode", unit="shards"):
        if not 0 <= number < len(store.shards):
            raise InputError(f"shard: need 0 <= shard < {len(store.shards)}, got {number}")
        shard = store.shards[number]
        fingerprint = content_hash(
            "encode",
            shard.file.header.get("made"),
            shard.file.header.get("sha256"),
            dictionary.hash,
            dictionary.unit,
            __version__,
        )
        meta = CodesMeta(
            dictionary.hash, store.origin, dictionary.n_features, store.workspace, fingerprint, dictionary.unit
        )
        paths = {strand: codes_path(out, number, strand) for strand in STRANDS}
        missing = [strand for strand, path in paths.items() if not is_made(path, fingerprint)]
        if missing:
            shard.file.verify()
        for strand in missing:
            codes = _encode_rows(store, dictionary, strand, range(shard.row0, shard.row1, CHUNK), shard.row1)
            valid_codes = _without(codes, ~valid[strand][shard.row0 : shard.row1])
            write_codes(out, number, strand, shard.row0, valid_codes, meta)
        files += paths.values()
    return files


def _encode_rows(
    store: ActivationStore, dictionary: Dictionary, strand: Strand, starts: range, end: int
) -> sp.csr_matrix:
    parts = [dictionary.encode(store.read(strand, slice(a, min(a + CHUNK, end))), store.origin) for a in starts]
    return sp.vstack(parts, format="csr")


def encode_model(
    model: DnaModel,
    dictionary: Dictionary,
    genomes: Sequences,
    windows: pd.DataFrame,
    out: Path,
    params: ActivationParams,
    *,
    shards: Collection[int] | None = None,
    workspace: str = "",
) -> list[Path]:
    """Read windows and keep only their codes: for models whose activations would fill disks.

    The codes are those of `encode_store` up to the rounding of stored activations. Memory is the codes of one shard.

    Parameters
    ----------
    model, genomes, windows, params, shards, workspace
        As for `photo51.activations.extract.extract`; the site is the dictionary's.
    dictionary
        Encoder.
    out
        Folder of codes.
    """
    site = dictionary.origin.site
    dictionary.origin.require(model.spec.origin(site), f"{model.spec.name}: activations")
    params = params.model_copy(update={"sites": (site,)})
    chosen = sorted(windows["shard"].unique()) if shards is None else sorted(shards)
    remove_others(out, {codes_path(out, int(n), s).name for n in windows["shard"].unique() for s in STRANDS})
    contigs = genomes.sequences[["genome", "chrom", "sha256"]].to_dict("list")
    files = []
    for shard in progress(chosen, "encode", unit="shards"):
        part = windows[windows["shard"] == shard]
        fingerprint = content_hash(
            "encode_model",
            model.spec.dtype,
            contigs,
            part.to_dict("list"),
            workspace,
            params.ambiguous_reach,
            dictionary.hash,
            dictionary.unit,
            __version__,
        )
        meta = CodesMeta(
            dictionary.hash, dictionary.origin, dictionary.n_features, workspace, fingerprint, dictionary.unit
        )
        paths = [codes_path(out, int(shard), strand) for strand in STRANDS]
        if not all(is_made(path, fingerprint) for path in paths):
            row0, codes = _encode_cores(cores(model, genomes, part, params), dictionary)
            for strand in STRANDS:
                write_codes(out, int(shard), strand, row0, codes[strand], meta)
        files += paths
    return files


def _encode_cores(read: Iterable[Core], dictionary: Dictionary) -> tuple[int, dict[Strand, sp.csr_matrix]]:
    parts: dict[Strand, list[tuple[int, sp.csr_matrix]]] = {strand: [] for strand in STRANDS}
    for core in read:
        parts[core.strand].append(_forward(core, dictionary))
    joined = {}
    for strand, entries in parts.items():
        entries.sort(key=lambda entry: entry[0])
        ends = [row + codes.shape[0] for row, codes in entries]
        # each core begins at the row where the one before it ends
        if [row for row, _ in entries[1:]] != ends[:-1]:
            raise InputError(f"windows: need rows one after another on strand {strand}, got gaps or overlaps")
        joined[strand] = sp.vstack([codes for _, codes in entries], format="csr")
    return min(row for row, _ in parts["+"]), joined


def _forward(core: Core, dictionary: Dictionary) -> tuple[int, sp.csr_matrix]:
    """Codes of a core in rising rows, and its first row."""
    x = core.activations[dictionary.origin.site].detach().float().cpu().numpy()
    codes = _without(dictionary.encode(x), ~core.valid)
    # strand − reads falling rows: turned, so that rows rise
    return int(min(core.rows[0], core.rows[-1])), codes if core.strand == "+" else codes[::-1]


def _without(codes: sp.csr_matrix, rows: NDArray[np.bool_]) -> sp.csr_matrix:
    """Codes with some rows emptied."""
    if not rows.any():
        return codes
    # 0/1 diagonal times codes: rows of 0 lose their entries
    keep = sp.diags_array((~rows).astype(np.float32), format="csr")
    emptied = sp.csr_matrix(keep @ codes)
    emptied.eliminate_zeros()
    return emptied
