"""Features as observations: relations, clusters and maps in one AnnData that scanpy opens."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.relations.coactivity import Pairs
from photo51.geometry.relations.lagged import Lagged
from photo51.geometry.relations.usable import REASONS
from photo51.geometry.shapes.manifolds import Geometry, Relations

NEIGHBOURS, COMPONENTS = 15, 30


def feature_graph(features: ad.AnnData, g: Geometry, seed: int) -> ad.AnnData:
    """Everything that geometry knows of features, beside what was known of them before.

    Parameters
    ----------
    features
        `features.h5ad`: every feature of the dictionary, `X` its decoder.
    g
        Result of `find_manifolds` on the same dictionary.

    Returns
    -------
    `obs` gains `geometry` (used, or why not), `module`, `cluster`, `label` (manifold, module, unresolved,
    none), `shape` and `along` (place of the feature on its cluster's coordinate); `obsp` holds `coactivation` (joint
    firings), `phi`, `zscore`, `coupling`, `cosine`, `lagged` (z) and `lag` (bases); `obsm` holds `X_pca`, `X_umap`,
    `X_diffmap` (NaN for features that are never active); `uns["neighbors"]`, `connectivities` and `distances` are
    those of the decoder directions.
    """
    n = features.n_obs
    used = g.usable.features
    out = ad.AnnData(np.asarray(features.X, np.float32), obs=_columns(features.obs, g, n), var=features.var)
    if g.relations is not None:
        _relations(out, g.relations, used, n)
    _maps(out, features.obs["alive"].to_numpy(dtype=bool), seed)
    out.uns["geometry"] = {"result": g.result, "manifolds": g.n_manifolds, "clusters": len(g.clusters)}
    return out


def _columns(obs: pd.DataFrame, g: Geometry, n: int) -> pd.DataFrame:
    table = obs.copy()
    used = g.usable.features
    cluster, module = np.full(n, -1), np.full(n, -1)
    label, shape = np.full(n, "none", object), np.full(n, "none", object)
    along = np.full(n, np.nan)
    cluster[used] = g.label
    if g.modules is not None:
        module[used] = g.modules.label
    for c in g.clusters:
        features = used[c.features]
        label[features] = cluster_label(c.verdict.shape, manifold=c.verdict.manifold)
        shape[features] = c.verdict.shape
        # order of features on the coordinate, 0 to 1, at even steps
        along[features[c.seriation()]] = np.arange(len(features)) / max(1, len(features) - 1)
    table["geometry"] = pd.Categorical([REASONS[r] for r in g.usable.reason], categories=list(REASONS))
    table["module"], table["cluster"] = module, pd.Categorical(cluster.astype(str))
    table["label"], table["shape"] = pd.Categorical(label.astype(str)), pd.Categorical(shape.astype(str))
    table["along"] = along
    return table


def cluster_label(shape: str, *, manifold: bool) -> str:
    """`manifold`, `module` or `unresolved`."""
    return "manifold" if manifold else shape


def _relations(out: ad.AnnData, r: Relations, used: NDArray[np.int64], n: int) -> None:
    def wide(values: NDArray) -> csr_matrix:
        pairs = Pairs(used[r.pairs.i], used[r.pairs.j], *r.pairs[2:])
        return pairs.matrix(values.astype(np.float32), n)

    out.obsp["coactivation"] = wide(r.pairs.count)
    out.obsp["phi"], out.obsp["zscore"] = wide(r.pairs.phi), wide(r.pairs.z)
    out.obsp["coupling"], out.obsp["cosine"] = wide(r.couplings), wide(r.cosine)
    lagged = r.lagged or Lagged(*(csr_matrix((len(used), len(used))),) * 2)
    for name, m in (("lagged", lagged.z), ("lag", lagged.lag)):
        c = m.tocoo()
        out.obsp[name] = csr_matrix((c.data.astype(np.float32), (used[c.row], used[c.col])), shape=(n, n))


def _maps(out: ad.AnnData, alive: NDArray[np.bool_], seed: int) -> None:
    """Neighbours, UMAP, diffusion map and PAGA (scanpy) of the directions of features that are active anywhere."""
    live = np.flatnonzero(alive)
    if len(live) < 10:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scanpy as sc

        x = np.asarray(out.X, np.float32)[live]
        # directions alone: Euclidean neighbours of unit vectors are those of largest cosine
        unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        alive_only = ad.AnnData(
            unit, obs=pd.DataFrame({"cluster": out.obs["cluster"].to_numpy()[live]}, index=out.obs_names[live])
        )
        sc.pp.pca(alive_only, n_comps=min(COMPONENTS, *(s - 1 for s in unit.shape)), random_state=seed)
        sc.pp.neighbors(alive_only, n_neighbors=min(NEIGHBOURS, len(live) - 1), random_state=seed)
        sc.tl.umap(alive_only, random_state=seed, init_pos="spectral")
        n_diffusion = min(10, len(live) - 2)
        sc.tl.diffmap(alive_only, n_comps=n_diffusion, random_state=seed)
        _paga(out, alive_only, sc)
    for name in ("X_pca", "X_umap", "X_diffmap"):
        full = np.full((out.n_obs, alive_only.obsm[name].shape[1]), np.nan, np.float32)
        full[live] = alive_only.obsm[name]
        out.obsm[name] = full
    for name in ("connectivities", "distances"):
        c = alive_only.obsp[name].tocoo()
        out.obsp[name] = csr_matrix((c.data, (live[c.row], live[c.col])), shape=(out.n_obs, out.n_obs))
    out.uns["neighbors"] = alive_only.uns["neighbors"]


def _paga(out: ad.AnnData, alive_only: ad.AnnData, sc) -> None:
    """Links between clusters; none where no two clusters touch (PAGA has no answer then)."""
    alive_only.obs["cluster"] = pd.Categorical(alive_only.obs["cluster"])
    code = alive_only.obs["cluster"].cat.codes.to_numpy()
    c = alive_only.obsp["connectivities"].tocoo()
    if len(np.unique(code)) > 2 and (code[c.row] != code[c.col]).any():
        sc.tl.paga(alive_only, groups="cluster")
        out.uns["paga"] = {"connectivities": alive_only.uns["paga"]["connectivities"], "groups": "cluster"}
        out.uns["paga_clusters"] = [str(v) for v in alive_only.obs["cluster"].cat.categories]
