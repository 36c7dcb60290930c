import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from photo51.config.report import ExportParams
from photo51.io import Provenance, TableSpec
from photo51.io.contracts import biomarkers, enrichment, features, genome, interventions
from photo51.io.contracts.features import TOP_WINDOWS
from photo51.report.exports import write as exports
from photo51.report.exports.write import column_dictionary, export, features_anndata, one_based
from photo51.run.opened import Run

MADE = Provenance(stage="export")


@pytest.fixture(scope="module")
def exported(whole, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "export"
    export(Run(whole), folder, ExportParams(), MADE)
    return folder


def test_features_open_as_anndata_with_numbers_and_categories_only(exported, run):
    adata = ad.read_h5ad(exported / "features.h5ad")
    assert adata.n_obs == len(run.features)
    assert adata.obs_names[6] == "f6"
    assert adata.obs.loc["f6", "annotation"] == "tRNA"
    for name in adata.obs.columns:
        kind = adata.obs[name].dtype
        assert isinstance(kind, pd.CategoricalDtype) or kind.kind in "fibu", name
    assert any(k.startswith("X_") for k in adata.obsm)
    for embedding in adata.obsm.values():  # cellxgene refuses infinite ones and those that are missing throughout
        assert not np.isinf(embedding).any()
        assert np.isfinite(embedding).all(axis=1).sum() >= 70


def test_scanpy_takes_it(run):
    import scanpy as sc

    adata = features_anndata(run)
    sc.pp.pca(adata, n_comps=5)
    sc.pp.neighbors(adata, n_neighbors=5, use_rep="X_pca")
    assert adata.obsp["connectivities"].shape == (72, 72)


def test_tsv_holds_the_numbers_of_the_parquet(exported):
    for name in ("concepts", "enrichment", "novelty", "classifiers"):
        parquet = pd.read_parquet(exported / "tables" / f"{name}.parquet")
        tsv = pd.read_csv(exported / "tables" / f"{name}.tsv", sep="\t", keep_default_na=True)
        assert list(parquet.columns) == list(tsv.columns)
        for column in parquet.columns:
            if parquet[column].dtype.kind == "f":
                np.testing.assert_allclose(tsv[column].astype(float), parquet[column], rtol=1e-8)


def test_every_column_of_every_written_table_is_in_the_dictionary(exported):
    known = pd.read_csv(exported / "columns.tsv", sep="\t", keep_default_na=False)
    assert known["meaning"].str.len().min() > 3
    names = set(known["column"])
    for path in (exported / "tables").glob("*.parquet"):
        extra = set(pd.read_parquet(path).columns) - names - {"set"}
        assert not extra, f"{path.name}: {extra}"


def test_dictionary_covers_every_contract():
    listed = column_dictionary()
    for module in (biomarkers, enrichment, features, genome, interventions):
        for spec in (v for v in vars(module).values() if isinstance(v, TableSpec)):
            rows = listed[(listed["table"] == spec.name) & (listed["stage"] == module.__name__.rsplit(".", 1)[1])]
            assert rows["column"].tolist() == list(spec.columns)


def test_crate_names_files_that_are_there(exported):
    crate = json.loads((exported / "ro-crate-metadata.json").read_text())
    graph = {e["@id"]: e for e in crate["@graph"]}
    root = graph["./"]
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    files = [e for e in graph.values() if e["@type"] == "File"]
    assert files
    for entry in files:
        assert (exported / entry["@id"]).stat().st_size == entry["contentSize"]
    action = graph[root["mentions"]["@id"] if isinstance(root["mentions"], dict) else root["mentions"][0]["@id"]]
    assert action["@type"] == "CreateAction"


def test_same_run_twice_gives_the_same_bytes(exported, whole, tmp_path):
    export(Run(whole), tmp_path / "again", ExportParams(), MADE)
    names = sorted(p.relative_to(exported) for p in exported.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    changed = [str(n) for n in names if (exported / n).read_bytes() != (tmp_path / "again" / n).read_bytes()]
    assert changed == []


def test_a_run_of_features_alone_exports_too(poor, tmp_path):
    written = export(Run(poor), tmp_path / "out", ExportParams(crate=False), MADE)
    assert {p.name for p in written} >= {"features.h5ad", "columns.tsv", "README.md", "contigs.tsv"}
    assert "ro-crate-metadata.json" not in {p.name for p in written}


def test_columns_counted_from_one_stand_beside_those_from_zero():
    table = pd.DataFrame({"feature": [3], "start": [10], "end": [25], "peak": [12]})
    out = one_based(table, TOP_WINDOWS)
    assert list(out.columns) == ["feature", "start", "start_1based", "end", "peak", "peak_1based"]
    assert out.iloc[0].tolist() == [3, 10, 11, 25, 12, 13]


def test_a_long_table_is_written_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "PLAIN_ROWS", 4)
    exports._write_tsv(pd.DataFrame({"a": range(7)}), tmp_path, "long")
    exports._write_tsv(pd.DataFrame({"a": range(4)}), tmp_path, "short")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["long.tsv.gz", "short.tsv"]
    assert pd.read_csv(tmp_path / "long.tsv.gz", sep="\t")["a"].tolist() == list(range(7))
    first = (tmp_path / "long.tsv.gz").read_bytes()
    exports._write_tsv(pd.DataFrame({"a": range(7)}), tmp_path, "long")
    assert (tmp_path / "long.tsv.gz").read_bytes() == first


def test_parquet_of_the_run_takes_no_space_twice(exported, whole):
    assert (exported / "tables" / "enrichment.parquet").samefile(Path(whole) / "enrichment.parquet")
