"""What other programs read: AnnData for scanpy and cellxgene, tables as TSV with a column dictionary, an RO-Crate."""

from __future__ import annotations

import importlib
import logging
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from photo51 import __version__
from photo51.config.report import ExportParams
from photo51.io import Provenance, TableSpec, atomic, contracts, write_h5ad
from photo51.io.files import link_or_copy
from photo51.run.maps import principal
from photo51.run.opened import Run
from photo51.run.sources import SOURCES
from photo51.run.summary import feature_summary

log = logging.getLogger(__name__)
README = """# Exported by photo51 {version}

| file | what | opens in |
|---|---|---|
| `features.h5ad` | one observation a feature: statistics, names, shapes, causality; `X` is the \
direction each writes in the model; `obsm` the map | scanpy, cellxgene, AnnData |
| `tables/*.parquet`, `tables/*.tsv` | every table of the run; as TSV compressed (`.tsv.gz`) where it is longer \
than {rows:,} rows | pandas, R (arrow, readr), a spreadsheet |
| `columns.tsv` | every column of every table: kind, meaning, unit | |
| `ro-crate-metadata.json` | what was run, on what, with which result (if the `provenance` extra is \
installed) | RO-Crate tools |

Coordinates in tables are 0-based and half-open. In the TSV files a column `start_1based` (and `peak_1based`, …) stands
next to each: with `end` the first and last base as genome browsers and GFF3 count them. A feature is called `f<number>`
on pages and by its number in tables.
"""


def export(run: Run, folder: Path, params: ExportParams, lineage: Provenance) -> list[Path]:
    """Write the exports; the folder is replaced as a whole. Their paths come back."""
    with atomic(folder) as partial:
        partial.mkdir(parents=True)
        if params.h5ad:
            write_h5ad(features_anndata(run), partial / "features.h5ad", lineage)
        if params.tsv:
            _write_tables(run, partial / "tables")
        column_dictionary().to_csv(partial / "columns.tsv", sep="\t", index=False)
        (partial / "README.md").write_text(README.format(version=__version__, rows=PLAIN_ROWS), encoding="utf-8")
        if params.crate:
            if find_spec("rocrate"):
                from photo51.report.exports.crate import write_crate

                write_crate(run, partial)
            else:
                log.warning("no RO-Crate: the rocrate package is not installed (extra `provenance`)")
    return sorted(p for p in folder.rglob("*") if p.is_file())


def features_anndata(run: Run) -> ad.AnnData:
    """Features as observations, with everything known of each; opens in scanpy and in cellxgene.

    cellxgene needs an embedding and columns that are numbers, booleans or categories; where geometry has made no map,
    the first two principal components of the decoder stand in, as `X_pca`.
    """
    obs = feature_summary(run)
    obs.index = pd.Index([f"f{i}" for i in obs["feature"]])
    base = run.adata
    out = ad.AnnData(np.asarray(base.X, dtype=np.float32), obs=_categories(obs), var=base.var.copy())
    for key, value in run.maps.items():
        out.obsm[key] = value
    if not out.obsm:
        out.obsm["X_pca"] = principal(np.asarray(out.X, dtype=np.float64)).astype(np.float32)
    for key, value in run.graphs.items():
        out.obsp[key] = value.astype(np.float32)
    return out


def _categories(obs: pd.DataFrame) -> pd.DataFrame:
    """Texts as categories; a float column keeps its gaps, a whole-number column with gaps becomes float."""
    out = obs.copy()
    for name in out.columns:
        if out[name].dtype == object or isinstance(out[name].dtype, pd.StringDtype):
            out[name] = pd.Categorical(out[name].fillna("").astype(str))
    return out


PLAIN_ROWS = 20_000  # of a table that is written as plain text; longer ones are compressed


def one_based(table: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """A column `NAME_1based` behind each column that the contract calls 0-based; the end of a half-open interval is
    the last base.
    """
    out = table.copy()
    for name, column in spec.columns.items():
        if name in out and "0-based" in column.meaning and column.kind == "int":
            out.insert(out.columns.get_loc(name) + 1, f"{name}_1based", out[name] + 1)
    return out


def _write_tsv(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table, compressed where it is long; the same bytes for the same table."""
    long = len(table) > PLAIN_ROWS
    table.to_csv(
        folder / f"{name}.tsv{'.gz' if long else ''}",
        sep="\t",
        index=False,
        float_format="%.9g",
        compression={"method": "gzip", "compresslevel": 6, "mtime": 0} if long else None,
    )


def _write_tables(run: Run, folder: Path) -> None:
    """Write every table of the run, as TSV and as Parquet; a Parquet file of the run is linked where the disk can."""
    folder.mkdir()
    for name in SOURCES:
        table = run.table(name)
        if table is None:
            continue
        _write_tsv(one_based(table, SOURCES[name].spec), folder, name)
        if SOURCES[name].of_sets:
            table.to_parquet(folder / f"{name}.parquet", index=False)
        else:
            link_or_copy(run.paths(name)[0], folder / f"{name}.parquet")


def column_dictionary() -> pd.DataFrame:
    """Every column of every table any stage writes: stage, table, row, column, kind, required, meaning."""
    rows: list[dict[str, Any]] = []
    for module in sorted(m.name for m in iter_modules(contracts.__path__)):
        loaded = importlib.import_module(f"{contracts.__name__}.{module}")
        for spec in (v for k, v in vars(loaded).items() if isinstance(v, TableSpec) and k.isupper()):
            rows += [
                {
                    "stage": module,
                    "table": spec.name,
                    "row": spec.meaning,
                    "column": name,
                    "kind": c.kind,
                    "required": c.required,
                    "meaning": c.meaning,
                }
                for name, c in spec.columns.items()
            ]
    return pd.DataFrame(rows)
