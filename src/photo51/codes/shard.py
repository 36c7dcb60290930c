"""One file of codes: a segment of rows of one strand, by row and by feature.

By row (CSR): `counts` active features of each row, then their `features`, ascending, and `values` in float16, in
multiples of the store's unit. By feature: rows are numbered within blocks of 65,536, so that two bytes name a row;
`block_rows` lists, block by block and in it feature by feature, the rows where the feature is active, and
`block_starts` (blocks, features + 1) says where in the block's list each feature begins. A value is not stored twice:
the row's features are ascending, and a few bisections find it. With at most 65,536 features that is six bytes per
active value and one or two per row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.types import STRANDS, InputError, Strand

# largest, and smallest positive (subnormal), number of float16
FLOAT16_MAX, FLOAT16_MIN = 65_504.0, 2.0**-24
BLOCK = 1 << 16
_WORDS: Mapping[Strand, str] = {"+": "plus", "-": "minus"}


@dataclass(frozen=True)
class CodesMeta:
    """What codes are codes of.

    Attributes
    ----------
    sae
        Hash of the dictionary (`Dictionary.hash`).
    origin
        Model, site and preprocessing of the activations that were encoded.
    n_features
        Width of the dictionary.
    workspace
        Hash of the workspace whose rows these are.
    made
        Content hash of all that decides the numbers of a shard; a later run that has the same need not make it again.
    unit
        Codes are stored in multiples of it, so that those of large activations fit float16; a power of two, which
        makes the division exact. Who reads codes sees them as they were.
    extra
        Anything else worth keeping, as JSON can hold it.
    """

    sae: str
    origin: Origin
    n_features: int
    workspace: str = ""
    made: str = ""
    unit: float = 1.0
    extra: Mapping[str, object] = field(default_factory=dict)

    def dump(self) -> dict[str, object]:
        """As JSON can hold it, without `made`, which differs between shards."""
        return {
            "sae": self.sae,
            "origin": self.origin.dump(),
            "n_features": self.n_features,
            "workspace": self.workspace,
            "unit": self.unit,
            "extra": dict(self.extra),
        }

    @classmethod
    def read(cls, text: str, label: str, made: str = "") -> CodesMeta:
        """Take the meta data from JSON."""
        try:
            values = json.loads(text)
            return cls(
                sae=values["sae"],
                origin=Origin.read(values["origin"], label),
                n_features=int(values["n_features"]),
                workspace=values["workspace"],
                made=made,
                unit=float(values.get("unit", 1.0)),
                extra=values["extra"],
            )
        except (ValueError, KeyError, TypeError) as e:
            raise InputError(f"{label}: need a file of codes, got one without their meta data") from e


def codes_path(folder: Path | str, shard: int, strand: Strand) -> Path:
    """File of a shard."""
    return Path(folder) / f"{shard:05d}.{_WORDS[strand]}.safetensors"


def write_codes(
    folder: Path | str,
    shard: int,
    strand: Strand,
    row0: int,
    codes: sp.csr_matrix,
    meta: CodesMeta,
) -> Path:
    """Write the codes of rows `row0, row0 + 1, …` of a strand, atomically; the file's path comes back.

    Values are rounded to float16; one that is positive but too small for it becomes the smallest float16, so that an
    active feature stays active.

    Raises
    ------
    InputError
        For codes that are negative, not finite or too large for float16, naming row and feature; and for another width.
    """
    path = codes_path(folder, shard, strand)
    codes = sp.csr_matrix(codes)
    if codes.shape[1] != meta.n_features:
        raise InputError(f"{path}: need codes of {meta.n_features} features, got {codes.shape[1]}")
    codes.sum_duplicates()
    # a stored zero would be an active feature
    codes.eliminate_zeros()
    _check_values(codes, path, row0, meta.unit)
    features = codes.indices.astype(np.uint16 if meta.n_features <= BLOCK else np.uint32)
    counts = np.diff(codes.indptr)
    block_rows, block_starts = _by_feature(codes)
    arrays = {
        # a byte a row where no row has more than 255 active features
        "counts": counts.astype(np.uint8 if counts.max(initial=0) < 256 else np.uint32),
        "features": features,
        # a code that would round to 0 becomes the smallest number: activity is not lost by storage
        "values": np.maximum(codes.data / np.float32(meta.unit), FLOAT16_MIN).astype(np.float16),
        "block_rows": block_rows,
        "block_starts": block_starts,
    }
    header = {
        "row0": str(row0),
        "row1": str(row0 + codes.shape[0]),
        "strand": strand,
        "made": meta.made,
        "codes": json.dumps(meta.dump(), sort_keys=True),
    }
    write_tensors(path, arrays, header)
    return path


def _check_values(codes: sp.csr_matrix, path: Path, row0: int, unit: float) -> None:
    # written so that NaN, which compares with nothing, is bad as well
    bad = ~((codes.data > 0) & (codes.data <= FLOAT16_MAX * unit))
    if bad.any():
        entry = int(np.argmax(bad))
        # the row whose entries begin last at or before this one
        row = int(np.searchsorted(codes.indptr, entry, side="right")) - 1
        raise InputError(
            f"{path}: need codes above 0 and at most {FLOAT16_MAX * unit:,.0f}, got {codes.data[entry]} "
            f"at row {row0 + row}, feature {codes.indices[entry]}"
        )


def _by_feature(codes: sp.csr_matrix) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    n_blocks = -(-codes.shape[0] // BLOCK)
    starts = np.zeros((n_blocks, codes.shape[1] + 1), np.uint32)
    rows = np.empty(codes.nnz, np.uint16)
    for block in range(n_blocks):
        # by column: rows within the block, feature after feature
        part = codes[block * BLOCK : (block + 1) * BLOCK].tocsc()
        starts[block] = part.indptr
        # a block's list lies where its rows' values lie, as both have one entry a value
        a = int(codes.indptr[block * BLOCK])
        rows[a : a + part.nnz] = part.indices
    return rows, starts


class CodesShard:
    """A file of codes, opened without reading it.

    Attributes
    ----------
    row0, row1, strand
        Rows of the workspace (half-open) and their strand.
    meta
        What the codes are of.

    Raises
    ------
    InputError
        Where the file is absent, cut, or holds something else.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.file = TensorFile(path)
        header = self.file.header
        self.meta = CodesMeta.read(header.get("codes", ""), str(path), header.get("made", ""))
        try:
            self.row0, self.row1 = int(header["row0"]), int(header["row1"])
            self.strand: Strand = next(s for s in STRANDS if s == header["strand"])
        except (KeyError, ValueError, StopIteration) as e:
            raise InputError(f"{path}: need row0, row1 and strand in the header, got {sorted(header)}") from e
        if self.file.shapes["counts"] != (self.row1 - self.row0,):
            raise InputError(f"{path}: need counts of {self.row1 - self.row0} rows, got {self.file.shapes['counts']}")

    @property
    def nnz(self) -> int:
        """Active values."""
        return self.file.shapes["values"][0]

    @cached_property
    def _starts(self) -> NDArray[np.uint32]:
        return self.file["block_starts"]

    def _values(self, entries: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return self.file["values"][entries].astype(np.float32) * np.float32(self.meta.unit)

    def bounds(self) -> NDArray[np.int64]:
        """Where each row begins among the values, (rows + 1,)."""
        return np.concatenate([[0], np.cumsum(self.file["counts"], dtype=np.int64)])

    def matrix(self, start: int, stop: int) -> sp.csr_matrix:
        """Rows `start..stop` of the workspace that lie here, float32."""
        a, b = start - self.row0, stop - self.row0
        counts = self.file["counts"]
        # in 64 bits: bytes would overflow
        first = int(counts[:a].sum(dtype=np.int64))
        bounds = np.concatenate([[0], np.cumsum(counts[a:b], dtype=np.int64)])
        span = slice(first, first + int(bounds[-1]))
        codes = sp.csr_matrix(
            (
                self._values(span),
                self.file["features"][span].astype(np.int32),
                bounds,
            ),
            shape=(b - a, self.meta.n_features),
        )
        codes.has_canonical_format = True
        return codes

    def counts(self) -> NDArray[np.int64]:
        """Rows at which each feature is active, (features,)."""
        return np.diff(self._starts.astype(np.int64), axis=1).sum(axis=0)

    def counts_of(self, features: NDArray[np.integer]) -> NDArray[np.int64]:
        """Rows at which each of `features` is active, (len(features),)."""
        # later starts are never below earlier ones: no unsigned number goes below 0
        return (self._starts[:, features + 1] - self._starts[:, features]).sum(axis=0, dtype=np.int64)

    def fill(
        self,
        features: NDArray[np.int64],
        places: NDArray[np.int64],
        rows: NDArray[np.integer],
        values: NDArray[np.float32],
    ) -> None:
        """Put the active values of `features` where they belong, those of one feature by ascending row.

        Parameters
        ----------
        features
            Numbers of features, (n,).
        places
            Where in `rows` and `values` those of each feature begin, (n,); moved on to where they end.
        rows, values
            Rows of the workspace and activations, filled in place.
        """
        first, entry = places.copy(), np.empty(int(self.counts_of(features).sum()), dtype=np.int64)
        arrays = (self.file["block_rows"], self._starts, self.file["features"], self.bounds())
        _fill(features, arrays, self.row0, places, rows, entry)
        activations = self._values(entry)
        done = 0
        for a, b in zip(first.tolist(), places.tolist(), strict=True):
            values[a:b] = activations[done : done + b - a]
            done += b - a


@numba.njit(cache=True, nogil=True)
def _fill(features, arrays, row0, places, rows, entry):
    """Rows of each feature from its place on, and, feature after feature, which value of the shard each is."""
    block_rows, starts, ascending, bounds = arrays
    n = 0
    for i in range(len(features)):
        feature = features[i]
        for block in range(len(starts)):
            base = bounds[block * BLOCK]
            # signed, as an unsigned number and a signed one make a float
            for k in range(np.int64(starts[block, feature]), np.int64(starts[block, feature + 1])):
                row = block * BLOCK + block_rows[base + k]
                # features of a row ascend, and this one is among them
                a, b = bounds[row], bounds[row + 1] - 1
                while a < b:
                    middle = (a + b) >> 1
                    if ascending[middle] < feature:
                        a = middle + 1
                    else:
                        b = middle
                rows[places[i]] = row0 + row
                entry[n] = a
                places[i] += 1
                n += 1
