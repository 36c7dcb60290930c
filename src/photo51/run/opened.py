"""A finished run as the pages read it: what is there, and for what is not, which stage would have made it.

A run is a folder of tables; no stage but the first three is compulsory. `Run.table` gives None for what was not made,
and `Run.absent` says in a sentence what that was and how to get it, so that a page can say so and the rest of it
stands.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import yaml

from photo51.codes import CodesStore
from photo51.genome.axis.genomes import Genomes
from photo51.io import read_h5ad, read_table
from photo51.run.layout import LAYOUT, MAIN, dictionaries, path
from photo51.run.places import Places
from photo51.run.sources import SOURCES, TableSource
from photo51.run.version import outdated, require_readable
from photo51.types import InputError

if TYPE_CHECKING:
    import anndata as ad

log = logging.getLogger(__name__)

ALPHA = 0.05  # false-discovery rate of what sections of the report list


class NearestFeatures(NamedTuple):
    """Features whose numbers are nearest to one that is not there."""

    asked: int
    found: list[int]

    def __str__(self) -> str:
        """As a sentence."""
        return (
            f"feature {self.asked} is not in this dictionary; the nearest are {', '.join(f'f{i}' for i in self.found)}"
        )


class Run:
    """A folder `results/<run>`.

    Parameters
    ----------
    folder
        The folder.
    sae
        Dictionary whose codes are shown, a folder below `codes/`; empty where there is one, or one called `main`.

    Raises
    ------
    InputError
        Where there is no such folder, or a newer photo51 made it.
    """

    def __init__(self, folder: Path | str, sae: str = ""):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: need the folder of a run, got none")
        require_readable(self.folder)
        for outdated_file in filter(None, (f.under_old_name(self.folder) for f in LAYOUT.values())):
            log.warning(outdated_file)
        self.name = self.folder.resolve().name
        self._sae = sae
        self._tables: dict[str, pd.DataFrame | None] = {}
        self._by_feature: dict[str, tuple[pd.DataFrame, np.ndarray]] = {}

    # ---- what every run has

    @cached_property
    def genomes(self) -> Genomes:
        """Contigs, bases, annotations, workspace."""
        return Genomes.open(self.path("genome"))

    @cached_property
    def codes(self) -> CodesStore:
        """The codes of the dictionary that is shown."""
        return CodesStore.open(self.path("codes_folder"))

    @cached_property
    def sae(self) -> str:
        """Name of the dictionary that is shown.

        Raises
        ------
        InputError
            Where there are several and none was named.
        """
        trained = dictionaries(self.folder)
        if self._sae:
            if self._sae not in trained:
                raise InputError(
                    f"{self.folder / 'codes'}: need codes of {self._sae!r}, got {', '.join(trained) or 'none'}"
                )
            return self._sae
        if len(trained) == 1 or MAIN in trained:
            return trained[0] if len(trained) == 1 else MAIN
        raise InputError(
            f"{self.folder / 'codes'}: need codes of one dictionary, or a name with --sae, got"
            f" {', '.join(trained) or 'none'}"
        )

    @cached_property
    def places(self) -> Places:
        """Features at places of the genomes."""
        return Places(self.genomes, self.codes)

    @cached_property
    def adata(self) -> ad.AnnData:
        """`features.h5ad`: observations are features, `X` is the decoder."""
        return read_h5ad(self.path("features"))

    @cached_property
    def features(self) -> pd.DataFrame:
        """Statistics of each feature, indexed by its number."""
        return self.adata.obs.set_index("feature", drop=False).rename_axis(None)

    def places_of(self, ids: np.ndarray) -> np.ndarray:
        """Where features lie in `features` and in `adata`."""
        return self.features.index.get_indexer(pd.Index(ids))

    @cached_property
    def live(self) -> np.ndarray:
        """Numbers of the features that are active anywhere, rising."""
        return self.features.index[self.features["alive"]].to_numpy()

    # ---- what a run may have

    def has(self, name: str) -> bool:
        """Whether a table was made and has rows."""
        table = self.table(name)
        return table is not None and len(table) > 0

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of `SOURCES`, checked against its contract; None where it was not made."""
        if name not in self._tables:
            paths = self.paths(name)
            self._tables[name] = self._read(SOURCES[name], paths) if paths else None
        return self._tables[name]

    def replaced(self, tables: Mapping[str, pd.DataFrame | None]) -> Run:
        """The same run with some tables as they are given, None for one that was not made; what was read of it is
        shared.
        """
        other = Run(self.folder, self._sae)
        other._tables = {**self._tables, **tables}
        for shared in ("genomes", "codes", "places", "adata", "features"):
            if shared in self.__dict__:
                other.__dict__[shared] = self.__dict__[shared]
        return other

    def need(self, name: str) -> pd.DataFrame:
        """A table that is known to be there."""
        table = self.table(name)
        if table is None:
            raise InputError(f"{self.folder}: {self.absent(name)}")
        return table

    def paths(self, name: str) -> list[Path]:
        """Files of the layout that are there: one, or one a set."""
        return LAYOUT[name].paths(self.folder, sae=self.sae)

    def path(self, name: str, /, **values: str | int) -> Path:
        """Where a file of the layout lies in this run, whether it is there or not."""
        filled = {"sae": self.sae} if "sae" in LAYOUT[name].fields else {}
        return path(self.folder, name, **{**filled, **values})

    def absent(self, name: str) -> str:
        """Why a table is not there, and what makes it."""
        place = LAYOUT[name]
        if self.table(name) is not None:
            return f"{place.what}: the stage ran and found none."
        return f"{place.what}: not in this run. {place.under_old_name(self.folder) or place.how}"

    def of(self, name: str, feature: int) -> pd.DataFrame:
        """Rows of a table that are about one feature, in their order; no rows where the table was not made."""
        if name not in self._by_feature:
            table = self.table(name)
            if table is None:
                return pd.DataFrame()
            ordered = table.sort_values("feature", kind="stable", ignore_index=True)
            self._by_feature[name] = ordered, ordered["feature"].to_numpy()
        ordered, numbers = self._by_feature[name]
        low, high = np.searchsorted(numbers, [feature, feature + 1])
        return ordered.iloc[low:high]

    # ---- geometry

    @cached_property
    def maps(self) -> dict[str, np.ndarray]:
        """Embeddings of the features, (features, 2 or more), in their order, NaN for those left out; none without
        geometry.
        """
        if self._geometry is None:
            return {}
        geometry, rows = self._geometry
        out = {}
        for name, embedding in geometry.obsm.items():
            whole = np.full((len(self.features), embedding.shape[1]), np.nan)
            whole[rows] = np.asarray(embedding, dtype=np.float64)
            out[str(name)] = whole
        return out

    @cached_property
    def graphs(self) -> dict[str, sp.csr_matrix]:
        """Relations between features, (features, features), in their order; none without geometry."""
        if self._geometry is None:
            return {}
        geometry, rows = self._geometry
        n = len(self.features)
        spread = sp.csr_matrix((np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(n, len(rows)))
        return {str(name): (spread @ sp.csr_matrix(m) @ spread.T).tocsr() for name, m in geometry.obsp.items()}

    @cached_property
    def _geometry(self) -> tuple[ad.AnnData, np.ndarray] | None:
        """`geometry.h5ad`, and where its observations lie among the features."""
        file = self.path("geometry")
        if not file.is_file():
            return None
        adata = read_h5ad(file)
        rows = self.places_of(_numbers(adata))
        return adata[rows >= 0], rows[rows >= 0]

    @cached_property
    def meanings(self) -> pd.DataFrame:
        """What the coordinate of each group follows, indexed by group: rows of `meaning`.

        `beyond_kmer` says whether it also explains more than the last six bases do.
        """
        table = self.table("meaning")
        if table is None:
            return pd.DataFrame(columns=["quantity", "kind", "effect", "effect_kmer", "beyond_kmer"])
        best = table[table["followed"]].set_index("cluster")
        return best.assign(beyond_kmer=best["effect"] > best["effect_kmer"].fillna(0.0))

    @cached_property
    def membership(self) -> pd.DataFrame:
        """`manifold`, `manifold_shape`, `manifold_meaning` of each feature that belongs to a group, indexed by
        feature.
        """
        columns = ["manifold", "manifold_shape", "manifold_meaning"]
        table = self.table("manifolds")
        if table is None:
            return pd.DataFrame(columns=columns)
        quantity_of = self.meanings["quantity"].to_dict()
        rows = {
            int(f): (int(cluster), str(shape), str(quantity_of.get(cluster, "")))
            for cluster, shape, members in zip(table["cluster"], table["shape"], table["features"], strict=True)
            for f in str(members).split(",")
            if f
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def manifold_of(self, feature: int) -> dict[str, Any]:
        """What group a feature belongs to; empty where it belongs to none."""
        table = self.membership
        return {str(k): v for k, v in table.loc[feature].to_dict().items()} if feature in table.index else {}

    def sets(self, name: str) -> list[str]:
        """What the star of a table's pattern stands for: variant sets, cohorts, experiments; in order of name."""
        table = self.table(name)
        return [] if table is None else sorted(str(s) for s in table["set"].unique())

    def of_set(self, name: str, set_name: str) -> pd.DataFrame:
        """Rows of one set; no rows where the table was not made."""
        table = self.table(name)
        return pd.DataFrame() if table is None else table[table["set"] == set_name].reset_index(drop=True)

    def _read(self, source: TableSource, paths: list[Path]) -> pd.DataFrame:
        try:
            parts = [read_table(p, source.spec) for p in paths]
        except InputError as e:
            raise InputError(f"{e}; {outdated(self.folder)}") from e
        for part in parts:
            part.attrs = {}  # pandas copies them into every slice
        if not source.of_sets:
            return parts[0]
        sets = [source.place.values(p, self.folder)[source.of_sets] for p in paths]
        named = [part.assign(set=name) for part, name in zip(parts, sets, strict=True)]
        return pd.concat(named, ignore_index=True)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What made the run, as `manifest.json` has it; empty while the run is not finished and nothing else is
        said.
        """
        return self.json("manifest")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration the run was made with, as its folder keeps it; else as the manifest has it; empty where
        neither is there.

        Raises
        ------
        InputError
            For a `config.yaml` that is no YAML mapping.
        """
        file = self.path("config")
        if not file.is_file():
            return dict(self.manifest.get("config", {}).get("values", {}))
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as e:
            raise InputError(f"{file}: need YAML, got {e}") from e
        if not isinstance(values, dict):
            raise InputError(f"{file}: need a mapping of settings, got {type(values).__name__}")
        return values

    def labels(self, comparison: str) -> dict[str, Any]:
        """What a comparison's settings say of it, such as `cases_label`; empty for one that the configuration does not
        name.
        """
        return dict((self.settings.get("comparisons") or {}).get(comparison) or {})

    def pages(self, prefix: str = "") -> dict[str, str]:
        """Genome → its offline genome page, relative to the run's folder; only those that are there."""
        page = LAYOUT["genome_page"]
        return {
            page.values(p, self.folder)["genome"]: prefix + p.relative_to(self.folder).as_posix()
            for p in page.paths(self.folder)
        }

    def json(self, name: str, /, **values: str | int) -> dict[str, Any]:
        """A JSON file of the layout, its wildcards filled by `values`; empty where it is not there.

        Raises
        ------
        InputError
            For a file that is no JSON.
        """
        file = self.path(name, **values)
        if not file.is_file():
            return {}
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as e:
            raise InputError(f"{file}: need JSON, got {e}; delete it and run the stage again") from e

    def quality(self) -> dict[str, Any]:
        """Row of the quality table that is about the dictionary itself, on the last split measured; empty where there
        is none.
        """
        table = self.table("quality")
        if table is None or table.empty:
            return {}
        return {str(k): v for k, v in table.iloc[0].to_dict().items()}

    # ---- asking for a feature

    def check(self, feature: int) -> int:
        """A feature that is in the dictionary.

        Raises
        ------
        InputError
            Naming the nearest ones.
        """
        if feature not in self.features.index:
            raise InputError(str(self.nearest(feature)))
        return feature

    def nearest(self, feature: int, n: int = 5) -> NearestFeatures:
        """The live features with the nearest numbers."""
        distance = np.abs(self.live - feature)
        return NearestFeatures(feature, [int(i) for i in np.sort(self.live[np.argsort(distance, kind="stable")[:n]])])


def _numbers(adata: ad.AnnData) -> np.ndarray:
    """Numbers of the features that are the observations: column `feature`, or names such as f123."""
    if "feature" in adata.obs:
        return adata.obs["feature"].to_numpy()
    return np.array([int(str(name).removeprefix("f")) for name in adata.obs_names])
