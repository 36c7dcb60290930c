"""Validation is asked what discovery was asked: columns by their names, shards of the variants that are described."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.cohorts import stage
from photo51.effects.variants import gather_effects
from photo51.io import provenance
from photo51.types import InputError


def test_rules_take_the_columns_of_another_panel_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []
    monkeypatch.setattr(stage, "try_rules", lambda _rules, quantities, *_: asked.extend(quantities))
    rule = SimpleNamespace(rule=SimpleNamespace(family="raw", columns=(1,)), probe=np.array([0.0, 1.0, 0.0]))
    first = SimpleNamespace(raw=pd.DataFrame({"n_alleles": [1.0], "age": [30.0], "gc": [0.5]}))
    second = SimpleNamespace(
        raw=pd.DataFrame({"n_alleles": [2.0, 3.0], "gc": [0.4, 0.6], "age": [40.0, 50.0]}),
        features=np.zeros((2, 1)),
        cohort=SimpleNamespace(phenotype=np.array([0, 1]), clade=np.array([0, 1])),
    )
    stage._tried([rule], first, second, None)  # type: ignore[arg-type,list-item]
    assert asked[0][:, 1].tolist() == [40.0, 50.0]
    second.raw = second.raw.drop(columns="gc")
    with pytest.raises(InputError, match=r"'gc'"):
        stage._tried([rule], first, second, None)  # type: ignore[arg-type,list-item]


def test_shards_of_other_variants_are_not_joined(tmp_path: Path) -> None:
    lineage = provenance("test")
    shards = []
    for i, names in enumerate((["c:1:A>C", "c:2:A>C"], ["c:3:A>C"])):
        obs = pd.DataFrame({"row": np.arange(len(names)) + 2 * i, "variant": names}, index=[f"{i}{j}" for j in names])
        shards.append(tmp_path / f"{i}.h5ad")
        ad.AnnData(np.zeros((len(names), 2), dtype=np.float32), obs=obs).write_h5ad(shards[-1])
    described = pd.DataFrame({"variant": ["c:1:A>C", "c:9:A>C", "c:3:A>C"]})
    with pytest.raises(InputError, match=r"got c:2:A>C in place of c:9:A>C \(1 differ\); score the shards again"):
        gather_effects(described, shards, tmp_path / "out.parquet", lineage)
    assert not (tmp_path / "out.parquet").exists()
