"""Activations on disk: one file a shard, both strands, on the axis of the workspace.

A shard holds rows `row0..row1` of the workspace as arrays `+` and `-`, (rows, d_model), in float16 or bfloat16, and
says in its header of which model, site and workspace. Reading never loads a store: files are memory-mapped, and the
shuffle over the whole store holds one buffer of rows and one integer a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.types import STRANDS, InputError, Strand

Precision = Literal["float16", "bfloat16"]
FLOAT16_MAX = 65_504.0


class Masks(NamedTuple):
    """What may be made of rows, strand by strand.

    Attributes
    ----------
    valid
        Strand → (rows,), false for rows that have no code (on and near ambiguous bases).
    warm
        Strand → (rows,), false for rows with less context than the whole warm-up: they have codes, and nothing is
        learnt of them.
    """

    valid: Mapping[Strand, NDArray[np.bool_]]
    warm: Mapping[Strand, NDArray[np.bool_]]


class Shard(NamedTuple):
    """Rows `row0..row1` of the workspace (half-open), and the file they lie in."""

    row0: int
    row1: int
    file: TensorFile


def shard_path(folder: Path | str, shard: int) -> Path:
    """File of a shard."""
    return Path(folder) / f"{shard:05d}.safetensors"


def write_shard(
    path: Path | str,
    row0: int,
    values: Mapping[Strand, NDArray],
    origin: Origin,
    *,
    workspace: str,
    fingerprint: str,
    precision: Precision = "float16",
    masks: Masks | None = None,
) -> None:
    """Write one shard, atomically.

    Parameters
    ----------
    path
        From `shard_path`.
    row0
        First row of the workspace.
    values
        Strand → (rows, d_model); both strands; numbers, or what `pack_activations` made of them.
    origin
        What the activations are of.
    workspace
        Hash of the workspace the rows belong to.
    fingerprint
        Content hash of all that decides the numbers; a later run that has the same need not make the shard again.
    precision
        Type on disk.
    masks
        Which rows have codes, and which have their whole context; all if absent.

    Raises
    ------
    InputError
        For numbers that are not finite or overflow the type, naming strand and row; and for shapes that disagree.
    """
    shapes = {np.shape(values[s]) for s in STRANDS if s in values}
    if set(values) != set(STRANDS) or shapes != {(len(values["+"]), origin.d_model)}:
        raise InputError(
            f"{path}: need both strands as (rows, {origin.d_model}), got {sorted(map(str, shapes))} for"
            f" {sorted(values)}"
        )
    n = len(values["+"])
    arrays: dict[str, NDArray] = {
        s: pack_activations(values[s], precision, f"{path}: strand {s}", row0) for s in STRANDS
    }
    for name, mask in () if masks is None else masks._asdict().items():
        arrays.update({name + s: np.asarray(mask[s], dtype=bool) for s in STRANDS})
    header = {
        **origin.header(),
        "row0": str(row0),
        "row1": str(row0 + n),
        "precision": precision,
        "workspace": workspace,
        "made": fingerprint,
    }
    write_tensors(path, arrays, header, bfloat16=STRANDS if precision == "bfloat16" else ())


def pack_activations(x: NDArray, precision: Precision, label: str, row0: int = 0) -> NDArray:
    """Numbers as float16, or as the bits of bfloat16 (rounded to the nearest, ties to even); what is packed already
    stays.

    Raises
    ------
    InputError
        For numbers that are not finite, or that the type cannot hold, naming row and value.
    """
    if x.dtype == (np.float16 if precision == "float16" else np.uint16):
        return x
    x = np.ascontiguousarray(x, dtype=np.float32)
    _check(np.isfinite(x), x, f"{label}: need finite activations", row0)
    if precision == "float16":
        _check(
            np.abs(x) <= FLOAT16_MAX,
            x,
            f"{label}: need at most {FLOAT16_MAX:,.0f} for float16 (use precision bfloat16)",
            row0,
        )
        return x.astype(np.float16)
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def unpack(stored: NDArray) -> NDArray[np.float32]:
    """Stored rows as float32: float16 as it is, `uint16` as bits of bfloat16."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)


def _check(good: NDArray[np.bool_], x: NDArray[np.float32], need: str, row0: int) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise InputError(f"{need}, got {x[row, column]} at row {row0 + row}, dimension {column}")


class ActivationStore:
    """Activations of one site over a workspace.

    Parameters
    ----------
    folder
        Folder of shards.
    n_rows
        Rows of the workspace, if known: then an absent last shard is noticed too.
    verify
        Read every byte and compare checksums.

    Attributes
    ----------
    origin
        Model, site and preprocessing of all shards.
    workspace
        Hash of the workspace.
    n_rows
        Rows, on each strand.

    Raises
    ------
    InputError
        For absent, cut, damaged, overlapping or foreign shards, naming them.
    """

    def __init__(self, folder: Path | str, *, n_rows: int | None = None, verify: bool = False):
        self.folder = Path(folder)
        paths = sorted(self.folder.glob("[0-9]*.safetensors"))
        if not paths:
            raise InputError(f"{folder}: need activation shards, got none")
        self.shards = sorted((_shard(path) for path in paths), key=lambda s: (s.row0, s.row1))
        first = self.shards[0].file
        self.origin = Origin.read(first.header, str(first.path))
        self.workspace = first.header.get("workspace", "")
        self.precision = first.header.get("precision", "float16")
        for shard in self.shards:
            self._same(shard.file)
            if verify:
                shard.file.verify()
        self.n_rows = self._covered(n_rows)
        self._starts = np.array([s.row0 for s in self.shards])

    def _same(self, file: TensorFile) -> None:
        self.origin.require(
            Origin.read(file.header, str(file.path)), f"{file.path} next to {self.shards[0].file.path.name}"
        )
        for name, want in (("workspace", self.workspace), ("precision", self.precision)):
            if file.header.get(name, want) != want:
                raise InputError(
                    f"{file.path}: need {name} {want} as in {self.shards[0].file.path.name}, got {file.header[name]}"
                )

    def _covered(self, n_rows: int | None) -> int:
        reached = 0
        for shard in self.shards:
            if shard.row0 != reached:
                what = "missing" if shard.row0 > reached else "held twice"
                raise InputError(
                    f"{self.folder}: need every row once, got rows"
                    f" {min(reached, shard.row0)}..{max(reached, shard.row0)} {what} (before {shard.file.path.name})"
                )
            reached = shard.row1
        if n_rows is not None and reached != n_rows:
            raise InputError(
                f"{self.folder}: need {n_rows} rows, got shards of rows 0..{reached}; the last is"
                f" {self.shards[-1].file.path.name}"
            )
        return reached

    def read(self, strand: Strand, rows: slice) -> NDArray[np.float32]:
        """Rows of a strand as float32, (rows, d_model)."""
        start, stop, _ = rows.indices(self.n_rows)
        parts = [
            unpack(s.file[strand][max(start, s.row0) - s.row0 : min(stop, s.row1) - s.row0])
            for s in self.shards
            if s.row0 < stop and s.row1 > start
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.origin.d_model), np.float32)

    def valid(self, strand: Strand) -> NDArray[np.bool_]:
        """Rows that have codes, (n_rows,): neither on nor near an ambiguous base."""
        return self._mask("valid" + strand)

    def learnable(self, strand: Strand) -> NDArray[np.bool_]:
        """Rows that may be learnt from, (n_rows,): the valid ones with the whole warm-up before them."""
        return self._mask("valid" + strand) & self._mask("warm" + strand)

    def _mask(self, name: str) -> NDArray[np.bool_]:
        masks = [s.file[name][:] if name in s.file else np.ones(s.row1 - s.row0, bool) for s in self.shards]
        return np.concatenate(masks)

    def take(self, strand: Strand, rows: NDArray[np.integer], out: NDArray, places: NDArray) -> None:
        """Copy ascending `rows` of a strand, as stored, to `out[where]`."""
        edges = np.searchsorted(rows, [*self._starts, self.n_rows])
        for shard, a, b in zip(self.shards, edges[:-1], edges[1:], strict=True):
            if a < b:
                out[places[a:b]] = shard.file[strand][rows[a:b] - shard.row0]

    def rows(self, mask: NDArray[np.bool_] | None = None, *, seed: int = 0, buffer: int = 1 << 28) -> StoredRows:
        """Learnable rows of both strands, shuffled: what a dictionary learns from. See `StoredRows`."""
        return StoredRows(self, mask, seed=seed, buffer=buffer)


def _shard(path: Path) -> Shard:
    file = TensorFile(path)
    try:
        row0, row1 = int(file.header["row0"]), int(file.header["row1"])
    except (KeyError, ValueError) as e:
        raise InputError(f"{path}: need an activation shard, got a file without row0 and row1") from e
    for strand in STRANDS:
        if file.shapes.get(strand, (-1,))[0] != row1 - row0:
            raise InputError(f"{path}: need {row1 - row0} rows on strand {strand}, got {file.shapes.get(strand)}")
    return Shard(row0, row1, file)


class ShuffledRows:
    """Rows of activations in a uniformly random order that a seed decides.

    Every epoch is one permutation of all rows, drawn whole: no row comes twice before each came once, and every order
    is equally likely. Rows are fetched a buffer at a time, in the order in which they lie on disk, and put where the
    permutation wants them; memory is the buffer, four bytes a sample and eight a row, whatever d_model.

    Attributes
    ----------
    origin
        What the rows are activations of.
    seed
        Decides the order.
    n_rows
        Rows of an epoch.
    dtype
        As stored.
    buffered
        Rows fetched at a time.
    """

    origin: Origin
    seed: int
    n_rows: int
    dtype: np.dtype
    buffered: int

    def _order(self, epoch: int) -> NDArray:
        order: NDArray = np.arange(self.n_rows, dtype=np.uint32 if self.n_rows <= 0xFFFFFFFF else np.uint64)
        np.random.default_rng([self.seed, epoch]).shuffle(order)
        return order

    def fetch(self, samples: NDArray[np.integer]) -> NDArray:
        """Rows by their numbers, 0 to `n_rows`, in the order asked for and as stored, (rows, d_model)."""
        raise NotImplementedError

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless batches (size, d_model), epoch after epoch without a gap, from batch number `start` on."""
        epoch, position = divmod(start * size, self.n_rows)
        rest = np.empty((0, self.origin.d_model), self.dtype)
        while True:
            order = self._order(epoch)
            while position < self.n_rows:
                fetched = self.fetch(order[position : position + self.buffered])
                position += len(fetched)
                rest = np.concatenate([rest, fetched]) if len(rest) else fetched
                whole = len(rest) // size * size
                for a in range(0, whole, size):
                    yield unpack(rest[a : a + size])
                rest = rest[whole:]
            epoch, position = epoch + 1, 0

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """`n` distinct rows drawn at random (all of them if there are fewer), (rows, d_model)."""
        n = min(n, self.n_rows)
        rng = np.random.default_rng([self.seed, seed, 1 << 40])
        return unpack(self.fetch(rng.choice(self.n_rows, n, replace=False, shuffle=True)))

    def reordered(self, seed: int) -> Self:
        """The same rows in the order of another seed."""
        other = copy(self)
        other.seed = seed
        return other

    def shared_sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """As `sample`, but the same rows in every order: for what dictionaries of several seeds have in common."""
        n = min(n, self.n_rows)
        return unpack(self.fetch(np.random.default_rng([seed, 1 << 41]).choice(self.n_rows, n, replace=False)))


class StoredRows(ShuffledRows):
    """Rows of a store, both strands, shuffled. Any number of readers may share a store.

    Parameters
    ----------
    store
        What to read.
    mask
        (n_rows,) rows to use, for instance `workspace.split_mask("train")`; all if None. Rows that are
        not learnable are never used.
    seed
        Decides the order.
    buffer
        Size of the buffer (bytes).

    Raises
    ------
    InputError
        Where the mask does not fit the store, or leaves no row.
    """

    def __init__(
        self,
        store: ActivationStore,
        mask: NDArray[np.bool_] | None = None,
        *,
        seed: int = 0,
        buffer: int = 1 << 28,
    ):
        if mask is not None and np.shape(mask) != (store.n_rows,):
            raise InputError(f"{store.folder}: need a mask of {store.n_rows} rows, got shape {np.shape(mask)}")
        self.store, self.seed, self.origin = store, seed, store.origin
        self._chosen = {s: store.learnable(s) if mask is None else store.learnable(s) & mask for s in STRANDS}
        self._rows = {s: np.flatnonzero(keep) for s, keep in self._chosen.items()}
        self._n_plus = len(self._rows["+"])
        self.n_rows = self._n_plus + len(self._rows["-"])
        if not self.n_rows:
            raise InputError(f"{store.folder}: need rows to learn from, got none that are learnable and in the mask")
        self.buffered = max(1, buffer // (2 * store.origin.d_model))
        self.dtype = store.shards[0].file["+"].dtype

    def fetch(self, samples: NDArray[np.integer]) -> NDArray:
        """Rows by their numbers: those of the forward strand first, each strand's in the order of the axis."""
        out = np.empty((len(samples), self.origin.d_model), self.dtype)
        ranks = np.argsort(samples, kind="stable")
        n_plus = int(np.searchsorted(samples, self._n_plus, sorter=ranks))
        parts: dict[Strand, NDArray] = {"+": ranks[:n_plus], "-": ranks[n_plus:]}
        for strand, part in parts.items():
            rank = samples[part].astype(np.int64) - (self._n_plus if strand == "-" else 0)
            self.store.take(strand, self._rows[strand][rank], out, part)
        return out

    def chunks(self, size: int) -> Iterator[tuple[Strand, NDArray[np.int64], NDArray[np.float32]]]:
        """Every row once, in the order of the axis: strand, rows (n,), activations (n, d_model) with n ≤ size."""
        for strand in STRANDS:
            rows = self._rows[strand]
            for a in range(0, len(rows), size):
                part = rows[a : a + size]
                out = np.empty((len(part), self.origin.d_model), self.dtype)
                self.store.take(strand, part, out, np.arange(len(part)))
                yield strand, part, unpack(out)


class JoinedRows(ShuffledRows):
    """Rows of several stores, shuffled together: those of the first as often as it takes for the others not to
    outweigh them.

    An epoch has every row of the other stores once, and every row of the first `repeats` times, which is the number
    of the others' rows over the number of its own, rounded, and at least 1. Samples may therefore hold a row of the
    first twice.

    Parameters
    ----------
    own
        Rows of the store that matters most.
    others
        Rows of further stores, of the same origin and precision.

    Raises
    ------
    InputError
        For rows of another origin or precision, naming the store.
    """

    def __init__(self, own: StoredRows, others: Sequence[StoredRows]):
        for rows in others:
            own.origin.require(rows.origin, f"{rows.store.folder}")
            if rows.dtype != own.dtype:
                raise InputError(f"{rows.store.folder}: need rows stored as {own.dtype}, got {rows.dtype}")
        self.origin, self.seed, self.dtype, self.buffered = own.origin, own.seed, own.dtype, own.buffered
        self.repeats = max(1, round(sum(rows.n_rows for rows in others) / own.n_rows))
        self._sources = [own, *others]
        # numbers run through the first store `repeats` times, then through each of the others
        self._ends = np.cumsum([own.n_rows * self.repeats, *(rows.n_rows for rows in others)])
        self.n_rows = int(self._ends[-1])

    def fetch(self, samples: NDArray[np.integer]) -> NDArray:
        """Rows by their numbers: those of the first store, again and again, then those of the others."""
        out = np.empty((len(samples), self.origin.d_model), self.dtype)
        of = np.searchsorted(self._ends, samples, side="right")
        for i, rows in enumerate(self._sources):
            here = np.flatnonzero(of == i)
            first = int(self._ends[i - 1]) if i else 0
            out[here] = rows.fetch((samples[here].astype(np.int64) - first) % rows.n_rows)
        return out
