"""Tables with a contract: which columns, of which type, meaning what."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from photo51.io.files import atomic
from photo51.io.provenance import Provenance
from photo51.types import InputError

if TYPE_CHECKING:
    import anndata as ad


_KINDS = {"int": "iu", "float": "f", "bool": "b", "str": "OSU"}
_META = b"photo51"


@dataclass(frozen=True)
class Column:
    """A column: its kind (`int`, `float`, `bool`, `str`), what it means with its unit, and whether it must be there."""

    kind: str
    meaning: str
    required: bool = True


@dataclass(frozen=True)
class TableSpec:
    """The contract of a table.

    Attributes
    ----------
    name
        What the table is called in file names and messages.
    meaning
        What one row is.
    columns
        Column name → `Column`, in the order they are written.
    """

    name: str
    meaning: str
    columns: dict[str, Column] = field(default_factory=dict)

    def check(self, table: pd.DataFrame, file: str = "") -> pd.DataFrame:
        """Return `table` with columns in order; extra columns stay, at the end.

        Raises
        ------
        InputError
            Naming the column, what was found and what was expected.
        """
        prefix = f"{file}: " if file else ""
        if missing := [n for n, c in self.columns.items() if c.required and n not in table.columns]:
            raise InputError(f"{prefix}table {self.name!r} needs columns {missing}, got {list(table.columns)}")
        for name, column in self.columns.items():
            if name in table.columns and not _fits(table[name], column.kind):
                raise InputError(
                    f"{prefix}table {self.name!r}, column {name!r}: need {column.kind}, got {table[name].dtype}"
                )
        declared = [n for n in self.columns if n in table.columns]
        return table[[*declared, *(c for c in table.columns if c not in self.columns)]].reset_index(drop=True)

    def empty(self) -> pd.DataFrame:
        """The table with no rows."""
        types = {"int": "int64", "float": "float64", "bool": "bool", "str": "object"}
        return pd.DataFrame({name: pd.Series(dtype=types[c.kind]) for name, c in self.columns.items()})

    def dictionary(self) -> pd.DataFrame:
        """The column dictionary: column, kind, meaning."""
        return pd.DataFrame(
            [(n, c.kind, c.meaning) for n, c in self.columns.items()], columns=["column", "kind", "meaning"]
        )


def _fits(series: pd.Series, kind: str) -> bool:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return kind == "str"
    if isinstance(series.dtype, pd.StringDtype):
        return kind == "str"
    code = np.dtype(series.dtype).kind
    return code in _KINDS[kind] or (kind == "float" and code in "iu") or (len(series) == 0 and code == "O")


def write_table(table: pd.DataFrame, path: Path | str, spec: TableSpec, lineage: Provenance) -> None:
    """Check a table and write it as parquet, atomically, provenance in its metadata."""
    checked = spec.check(table, file=str(path))
    arrow = pa.Table.from_pandas(checked, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _META: lineage.dumps().encode()})
    with atomic(path) as partial:
        pq.write_table(arrow, partial, compression="zstd")


def read_table(path: Path | str, spec: TableSpec | None = None) -> pd.DataFrame:
    """Read and check a table; its provenance, if any, is in `.attrs["provenance"]`.

    Raises
    ------
    InputError
        Where the file is absent, is no parquet file, or breaks its contract.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: need a table{f' {spec.name!r}' if spec else ''}, got no such file")
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as e:
        raise InputError(
            f"{path}: need a parquet table, got a file that cannot be read as one ({e}); delete it and run the stage"
            " again"
        ) from e
    table = arrow.to_pandas()
    if spec is not None:
        table = spec.check(table, file=str(path))
    meta = (arrow.schema.metadata or {}).get(_META)
    table.attrs["provenance"] = json.loads(meta) if meta else {}
    return table


def provenance_of(path: Path | str) -> dict[str, Any]:
    """What made a table, from its metadata alone; empty where it does not say.

    Raises
    ------
    InputError
        Where the file is absent or is no parquet file.
    """
    try:
        meta = (pq.read_metadata(path).metadata or {}).get(_META)
    except (pa.ArrowInvalid, OSError) as e:
        raise InputError(
            f"{path}: need a parquet table, got a file that cannot be read as one ({e}); delete it and run the stage"
            " again"
        ) from e
    return dict(json.loads(meta)) if meta else {}


def write_h5ad(adata: ad.AnnData, path: Path | str, lineage: Provenance) -> None:
    """Write an AnnData atomically, compressed by gzip, provenance in `uns["photo51"]`."""
    adata.uns["photo51"] = lineage.dumps()
    with atomic(path) as partial:
        adata.write_h5ad(partial, compression="gzip")


def read_h5ad(path: Path | str) -> ad.AnnData:
    """Read an AnnData.

    Raises
    ------
    InputError
        Where the file is absent or is no AnnData.
    """
    import anndata as ad

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: need an AnnData file, got no such file")
    try:
        return ad.read_h5ad(path)
    except OSError as e:
        raise InputError(
            f"{path}: need an AnnData file, got one that cannot be read ({e}); delete it and run the stage again"
        ) from e


def write_json(value: Any, path: Path | str) -> None:
    """Write JSON atomically, keys sorted; NaN is written as null."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(_plain(value), indent=1, sort_keys=True, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, (float, np.floating)):
        return None if not np.isfinite(value) else float(value)
    return value
