"""Planted variants as a comparison, small enough for tests."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.planted.cohorts import plant_variants
from photo51.biomarkers.contrasts.comparison import compare_classes
from photo51.config.biomarkers import BiomarkersParams

PARAMS = BiomarkersParams(statistics=("near",), folds=4, bootstrap=100, max_features=12)


def effects_of(variants, plus, minus=None):
    """Δ as the variants stage writes them, the same for every statistic."""
    plus = sparse.csr_matrix(plus, dtype=np.float32)
    minus = sparse.csr_matrix(plus.shape, dtype=np.float32) if minus is None else sparse.csr_matrix(minus)
    layers = {f"{s}_{n}": t for s in ("focal", "near", "window") for n, t in (("plus", plus), ("minus", minus))}
    obs = pd.DataFrame({"variant": variants["variant"].to_numpy()}, index=variants.index.astype(str))
    return ad.AnnData(sparse.csr_matrix(plus.shape, dtype=np.float32), obs=obs, layers=layers)


def planted(seed=0, n=1500, n_genes=50, n_features=120, n_causal=6, **kwargs):
    rng = np.random.default_rng(seed)
    return plant_variants(rng, n=n, n_genes=n_genes, n_features=n_features, n_causal=n_causal, **kwargs)


def comparison_of(found, params=PARAMS):
    return compare_classes(found.variants, effects_of(found.variants, found.deltas), params)
