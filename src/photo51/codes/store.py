"""A folder of codes: shards of rows, checked and read as one sparse matrix a strand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from photo51.codes.shard import CodesMeta, CodesShard
from photo51.genome.axis.workspace import Workspace
from photo51.io import write_json
from photo51.io.files import content_hash
from photo51.types import STRANDS, InputError, Interval, Strand

if TYPE_CHECKING:
    import anndata as ad


_SUMMARY = "codes.json"


def gather(folder: Path | str, n_rows: int) -> CodesStore:
    """Check shards that were written one by one, and make them a store.

    Every byte is read once and compared with its checksum; every row must be held exactly once on each strand, by one
    dictionary. `codes.json` says that this was so.

    Raises
    ------
    InputError
        Naming every shard that is damaged, foreign or overlapping, and every segment of rows that is missing.
    """
    folder = Path(folder)
    shards, faults = [], []
    for path in sorted(folder.glob("[0-9]*.safetensors")):
        try:
            shard = CodesShard(path)
            shard.file.verify()
            shards.append(shard)
        except InputError as e:
            faults.append(str(e))
    faults += _foreign(shards)
    for strand in STRANDS:
        faults += _uncovered([s for s in shards if s.strand == strand], strand, n_rows)
    if faults or not shards:
        raise InputError(f"{folder}: need whole codes of {n_rows} rows, got " + "; ".join(faults or ["no shard"]))
    summary = {
        **shards[0].meta.dump(),
        "n_rows": n_rows,
        "active": sum(s.nnz for s in shards),
        "bytes": sum(s.path.stat().st_size for s in shards),
        "shards": {s.path.name: content_hash(s.file.header) for s in shards},
    }
    write_json(summary, folder / _SUMMARY)
    return CodesStore.open(folder)


def _foreign(shards: Sequence[CodesShard]) -> list[str]:
    return [
        f"{s.path.name}: codes of SAE {s.meta.sae} and workspace {s.meta.workspace or '(none)'}, not of "
        f"{shards[0].meta.sae} and {shards[0].meta.workspace or '(none)'} as in {shards[0].path.name}"
        for s in shards
        if s.meta.dump() != shards[0].meta.dump()
    ]


def _uncovered(shards: Sequence[CodesShard], strand: Strand, n_rows: int) -> list[str]:
    # rows up to here are held; shards are met in order of rows
    faults, reached, last = [], 0, ""
    for s in sorted(shards, key=lambda s: (s.row0, s.row1)):
        if s.row0 > reached:
            faults.append(f"rows {reached}..{s.row0} of strand {strand} missing (before {s.path.name})")
        elif s.row0 < reached:
            faults.append(f"rows {s.row0}..{min(reached, s.row1)} of strand {strand} twice ({last} and {s.path.name})")
        reached, last = max(reached, s.row1), s.path.name
    if reached < n_rows:
        faults.append(f"rows {reached}..{n_rows} of strand {strand} missing (at the end)")
    elif reached > n_rows:
        faults.append(f"rows past the end ({n_rows}) of strand {strand} ({last})")
    return faults


class CodesStore:
    """Codes of a dictionary over a workspace.

    Attributes
    ----------
    folder
        Where they lie.
    n_rows, n_features
        Rows of the workspace (each strand has them all), and width of the dictionary.
    meta
        Hash of the dictionary, and origin of the activations.
    """

    def __init__(self, folder: Path, n_rows: int, shards: dict[Strand, list[CodesShard]]):
        self.folder, self.n_rows, self._shards = folder, n_rows, shards
        self.meta: CodesMeta = shards["+"][0].meta
        self.n_features = self.meta.n_features

    @classmethod
    def open(cls, folder: Path | str) -> CodesStore:
        """Open what `gather` has checked.

        Raises
        ------
        InputError
            Where it has not, or where shards have changed since.
        """
        folder = Path(folder)
        if not (folder / _SUMMARY).is_file():
            raise InputError(f"{folder}: need codes that were gathered, got no {_SUMMARY}")
        summary = json.loads((folder / _SUMMARY).read_text())
        shards = [CodesShard(folder / name) for name in summary["shards"]]
        for s in shards:
            if content_hash(s.file.header) != summary["shards"][s.path.name]:
                raise InputError(f"{s.path}: need the shard that was gathered, got another; gather again")
        by_strand = {
            strand: sorted((s for s in shards if s.strand == strand), key=lambda s: s.row0) for strand in STRANDS
        }
        return cls(folder, int(summary["n_rows"]), by_strand)

    def matrix(self, strand: Strand, rows: slice | None = None) -> sp.csr_matrix:
        """Codes of consecutive rows of a strand, (rows, features), float32."""
        start, stop, step = (rows or slice(None)).indices(self.n_rows)
        if step != 1:
            raise ValueError(f"rows: need a slice of step 1, got {step}")
        parts = [
            s.matrix(max(start, s.row0), min(stop, s.row1))
            for s in self._shards[strand]
            if s.row0 < stop and s.row1 > start
        ]
        if not parts:
            return sp.csr_matrix((0, self.n_features), dtype=np.float32)
        return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")

    def features(self, ids: ArrayLike, strand: Strand) -> sp.csc_matrix:
        """Codes of some features over all rows of a strand, (n_rows, len(ids)), float32, columns as asked for."""
        numbers = np.atleast_1d(np.asarray(ids, dtype=np.int64))
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.n_features):
            raise IndexError(f"features: need 0 <= id < {self.n_features}, got {numbers.min()}..{numbers.max()}")
        shards = self._shards[strand]
        counts = np.sum([s.counts_of(numbers) for s in shards], axis=0, dtype=np.int64)
        # columns of the matrix: where each feature's entries begin
        bounds = np.concatenate([[0], np.cumsum(counts)])
        row = np.empty(bounds[-1], np.int32 if self.n_rows < 2**31 else np.int64)
        value, places = np.empty(bounds[-1], np.float32), bounds[:-1].copy()
        for s in shards:
            s.fill(numbers, places, row, value)
        return sp.csc_matrix((value, row, bounds), shape=(self.n_rows, len(numbers)))

    def counts(self, strand: Strand) -> NDArray[np.int64]:
        """Rows of a strand at which each feature is active, (features,)."""
        return np.sum([s.counts() for s in self._shards[strand]], axis=0)

    def anndata(
        self,
        region: slice | tuple[str, Interval],
        workspace: Workspace,
        strands: Sequence[Strand] = STRANDS,
    ) -> ad.AnnData:
        """Codes of a region as AnnData: observations are bases, variables are features.

        Parameters
        ----------
        region
            Rows, or a genome's name and an interval (whose strand, if it has one, is the only one taken).
        workspace
            The workspace the codes were made on.
        strands
            Reading directions, one after the other.

        Returns
        -------
        `obs` has genome, chrom, pos (0-based, forward), strand and row; `X` is CSR float32.
        """
        import anndata as ad

        if workspace.n_rows != self.n_rows:
            raise InputError(f"workspace: need the one of the codes ({self.n_rows} rows), got {workspace.n_rows} rows")
        if isinstance(region, slice):
            pieces = [slice(*region.indices(self.n_rows)[:2])]
        else:
            genome, interval = region
            pieces = workspace.rows_of(genome, interval.chrom, interval.start, interval.end)
            # an interval of strand "." is read on both
            strands = [s for s in strands if interval.strand in {s, "."}]
        blocks = [(strand, piece) for strand in strands for piece in pieces]
        var = pd.DataFrame(index=pd.Index([str(f) for f in range(self.n_features)], name="feature"))
        # a piece of no rows gives an empty table its columns
        parts = blocks or [("+", slice(0, 0))]
        obs = pd.concat([_positions(workspace, piece, strand) for strand, piece in parts])
        codes = sp.vstack([self.matrix(strand, piece) for strand, piece in parts], format="csr")
        return ad.AnnData(codes, obs=obs, var=var, uns={"codes": json.dumps(self.meta.dump(), sort_keys=True)})


def _positions(workspace: Workspace, rows: slice, strand: Strand) -> pd.DataFrame:
    number = np.arange(rows.start, rows.stop)
    places = workspace.locate(number)
    table = workspace.table.iloc[places.segment]
    names = [f"{c}:{p}:{strand}" for c, p in zip(table["chrom"], places.position, strict=True)]
    return pd.DataFrame(
        {
            "genome": table["genome"].to_numpy(),
            "chrom": table["chrom"].to_numpy(),
            "pos": places.position,
            "strand": strand,
            "row": number,
        },
        index=pd.Index(names),
    )
