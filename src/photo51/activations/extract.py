"""Windows through the model: activations of every scored base, once on each strand, in rows of the workspace.

A window is warm-up and core; the model reads both and the core is kept. Strand `-` is read backwards and put into
forward rows. What comes out is either stored, a shard at a time, or handed on window by window, so that of a large
model only what is made of the activations need be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51 import __version__
from photo51.activations.store import Masks, shard_path, write_shard
from photo51.config.model import ActivationParams
from photo51.genome.axis.genomes import core_rows
from photo51.io import content_hash
from photo51.io.tensors import is_made
from photo51.model.families.adapters import DnaModel
from photo51.model.tokenizer import is_base
from photo51.progress import progress
from photo51.types import STRANDS, InputError, Strand

log = logging.getLogger(__name__)
_HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class Sequences(Protocol):
    """Where the bases of windows come from: `photo51.genome.axis.genomes.Genomes`."""

    sequences: pd.DataFrame

    def window_sequence(self, window: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Warm-up and core in reading direction, upper-case bytes."""


class Core(NamedTuple):
    """What the model says about the core of one window.

    Attributes
    ----------
    window
        Number of the window.
    strand
        Direction of reading.
    rows
        Workspace row of each base in the order the model met them, (n,): falling on strand `-`.
    activations
        Site → (n, d_model) as the model computes them.
    valid
        Whether the model read bases alone just before, (n,): false on and near ambiguous ones.
    warm
        Whether a base has the whole warm-up before it, (n,): false in cold starts, of which nothing is learnt.
    """

    window: int
    strand: Strand
    rows: NDArray[np.int64]
    activations: dict[str, Tensor]
    valid: NDArray[np.bool_]
    warm: NDArray[np.bool_]


def cores(
    model: DnaModel,
    genomes: Sequences,
    windows: pd.DataFrame,
    params: ActivationParams,
    *,
    warmup: int | None = None,
) -> Iterator[Core]:
    """Read windows in batches, those of like length together, and yield the core of each.

    Parameters
    ----------
    model
        What reads.
    genomes
        Where the bases are.
    windows
        Contract `WINDOWS`; any subset.
    params
        Sites, batch size, reach of ambiguous bases.
    warmup
        Context of a base that is warm (bases); the longest warm-up among `windows` if None.

    Raises
    ------
    InputError
        For a site the model does not have.
    """
    if unknown := [site for site in params.sites if site not in model.sites]:
        raise InputError(
            f"sites: need sites of {model.spec.name} ({model.sites[0]} … {model.sites[-1]}), got {unknown}"
        )
    context = _longest(windows) if warmup is None else warmup
    for batch in _batches(windows, params.tokens):
        sequences = [genomes.window_sequence(window) for window in batch]
        read = model.read(sequences, params.sites)
        for i, (window, ids) in enumerate(zip(batch, sequences, strict=True)):
            before = int(window["warmup"])
            yield Core(
                int(window["window"]),
                window["strand"],
                core_rows(window),
                {site: read.activations[site][i][before:] for site in params.sites},
                _valid(ids, params.ambiguous_reach)[before:],
                np.arange(before, len(ids)) >= context,
            )


def _longest(windows: pd.DataFrame) -> int:
    return int(windows["warmup"].max()) if len(windows) else 0


def _batches(windows: pd.DataFrame, tokens: int) -> Iterator[list[dict[str, Any]]]:
    """Windows in order, as many together as `tokens` allows; a batch holds windows of one length."""
    batch: list[dict[str, Any]] = []
    size = 0
    for window in windows.to_dict("records"):
        length = window["end"] - window["start"] + window["warmup"]
        if batch and (length != size or (len(batch) + 1) * length > tokens):
            yield batch
            batch = []
        batch.append(window)
        size = length
    if batch:
        yield batch


def _valid(ids: NDArray[np.uint8], reach: int) -> NDArray[np.bool_]:
    """Bases that are known, with none unknown within reach before."""
    place = np.arange(len(ids))
    last = np.maximum.accumulate(np.where(is_base(ids), -reach - 1, place))
    return place - last > reach


def extract(
    model: DnaModel,
    genomes: Sequences,
    windows: pd.DataFrame,
    out: Path,
    params: ActivationParams,
    *,
    shards: Collection[int] | None = None,
    workspace: str = "",
) -> list[Path]:
    """Store activations: `out/<site>/<shard>.safetensors`.

    Memory is that of one shard. A shard that is there and was made from the same bases, windows, model and parameters
    is left as it is.

    Parameters
    ----------
    model, genomes, windows, params
        As for `cores`.
    out
        Folder of activations.
    shards
        Shards to make; all if None.
    workspace
        Hash of the workspace, kept in the shards.

    Returns
    -------
    The files of the shards, in order.

    Raises
    ------
    InputError
        For numbers that are not finite or that the precision cannot hold, and windows that leave rows out or give them
        twice.
    """
    all_shards = sorted(windows["shard"].unique())
    if shards is not None and (unknown := sorted(set(shards) - set(all_shards))):
        raise InputError(f"shards: need some of {all_shards[:1]}..{all_shards[-1:]}, got {unknown}")
    chosen = all_shards if shards is None else sorted(shards)
    for site in params.sites:
        remove_others(out / site, {shard_path(out / site, shard).name for shard in all_shards})
    warmup = _longest(windows)
    files: list[Path] = []
    for shard in progress(chosen, "activations", len(chosen), "shards"):
        part = windows[windows["shard"] == shard]
        fingerprint = _made(model, genomes, part, params, warmup, workspace)
        paths = {site: shard_path(out / site, shard) for site in params.sites}
        if not all(is_made(path, fingerprint) for path in paths.values()):
            read_cores = cores(model, genomes, part, params, warmup=warmup)
            _Shard(part, params).fill(read_cores).write(model, paths, workspace, fingerprint)
        files += paths.values()
    return files


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove shards that an earlier run left of more: none of these would ever be made again."""
    for path in folder.glob("[0-9]*.safetensors"):
        if path.name not in names:
            log.info("%s is no shard of these windows; removed", path)
            path.unlink(missing_ok=True)


def _made(
    model: DnaModel,
    genomes: Sequences,
    part: pd.DataFrame,
    params: ActivationParams,
    warmup: int,
    workspace: str,
) -> str:
    """Hash of everything that decides the numbers of a shard."""
    contig_columns = ["genome", "chrom"]
    contigs = genomes.sequences.merge(part[contig_columns].drop_duplicates(), on=contig_columns)[
        [*contig_columns, "sha256"]
    ]
    numbers = params.model_dump(mode="json", exclude={"model", "device", "tokens"})
    return content_hash(
        (model.spec.hash, model.spec.dtype, numbers, {"warm": warmup}, workspace, __version__),
        contigs.to_dict("list"),
        part.to_dict("list"),
    )


class _Shard:
    """Rows of a shard while they are filled: both strands of every site in half precision."""

    def __init__(self, windows: pd.DataFrame, params: ActivationParams):
        first = windows.drop_duplicates("row").sort_values("row")
        ends = (first["row"] + first["end"] - first["start"]).to_numpy()
        if not np.array_equal(first["row"].to_numpy()[1:], ends[:-1]):
            raise InputError(f"windows: need shard {first['shard'].iloc[0]} to hold rows one after another, got gaps")
        self.row0, self.n = int(first["row"].iloc[0]), int(ends[-1] - first["row"].iloc[0])
        self.params = params
        self.half: dict[str, dict[Strand, NDArray]] = {}
        self.masks = Masks(*({s: np.zeros(self.n, dtype=bool) for s in STRANDS} for _ in Masks._fields))
        self.times = {s: np.zeros(self.n, dtype=np.uint8) for s in STRANDS}

    def fill(self, cores: Iterator[Core]) -> _Shard:
        """Put cores where they belong; every row once on each strand."""
        for core in cores:
            first = int(min(core.rows[0], core.rows[-1])) - self.row0
            rows, turn = slice(first, first + len(core.rows)), 1 if core.strand == "+" else -1
            for site, x in core.activations.items():
                target = self._target(site, x.shape[1])[core.strand]
                target[rows] = half(x, self.params.precision, f"{site}, window {core.window}")[::turn]
            self.masks.valid[core.strand][rows] = core.valid[::turn]
            self.masks.warm[core.strand][rows] = core.warm[::turn]
            self.times[core.strand][rows] += 1
        for strand, times in self.times.items():
            if (wrong := np.flatnonzero(times != 1)).size:
                raise InputError(
                    f"windows: need every row once on strand {strand}, got row {self.row0 + wrong[0]} {times[wrong[0]]}"
                    " times"
                )
        return self

    def _target(self, site: str, d_model: int) -> dict[Strand, NDArray]:
        if site not in self.half:
            kind = np.float16 if self.params.precision == "float16" else np.uint16
            self.half[site] = {s: np.zeros((self.n, d_model), kind) for s in STRANDS}
        return self.half[site]

    def write(self, model: DnaModel, paths: Mapping[str, Path], workspace: str, fingerprint: str) -> None:
        """Write one file a site."""
        for site, path in paths.items():
            write_shard(
                path,
                self.row0,
                self.half[site],
                model.spec.origin(site),
                workspace=workspace,
                fingerprint=fingerprint,
                precision=self.params.precision,
                masks=self.masks,
            )


def half(x: Tensor, precision: str, label: str) -> NDArray:
    """Activations (n, d_model) as stored: float16, or the bits of bfloat16 in `uint16`.

    Raises
    ------
    InputError
        For numbers that are not finite or that float16 cannot hold, naming the base and the dimension.
    """
    stored = x.detach().to(_HALF[precision])
    if not torch.isfinite(stored).all():
        row, dimension = (int(i) for i in torch.nonzero(~torch.isfinite(stored))[0])
        what = (
            "finite activations"
            if not torch.isfinite(x[row, dimension])
            else "at most 65,504 for float16 (use precision bfloat16)"
        )
        raise InputError(
            f"{label}: need {what}, got {float(x[row, dimension])} at base {row} of the core, dimension {dimension}"
        )
    stored = stored.cpu()
    return stored.numpy() if precision == "float16" else stored.view(torch.int16).numpy().view(np.uint16)
