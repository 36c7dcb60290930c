"""Geometry of the synthetic run: the three codon positions on a ring, a group that only fires together, one that is unresolved."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from synthetic_run import N_FEATURES, RING
from synthetic_tables import MADE, write

from photo51.genome.axis.genomes import Genomes
from photo51.io import write_h5ad
from photo51.io.contracts import geometry

MODULE, UNRESOLVED = (20, 21, 22, 23), (30, 31, 32)


def make_geometry(folder: Path, genomes: Genomes, codes: dict[str, sp.csr_matrix]) -> None:
    """Write every table of the stage, and `geometry.h5ad` without the last two features."""
    rng = np.random.default_rng(5)
    groups = [
        {"cluster": 0, "shape": "loop", "manifold": True, "why": "a ring beyond its turned features", "features": ",".join(map(str, RING)), "n_features": 3, "q_dependence": 0.001, "q_hole": 0.002,
         "dependence": 0.41, "dependence_null": 0.03, "dimension_two_nn": 1.1, "dimension_tle": 1.2, "dimension_null": 2.4, "pieces": 1, "loops": 1, "longest_loop": 1.3, "longest_loop_null": 0.4,
         "agreement": 1.0, "regime": "tiling", "coordinate": "angle", "coordinate_method": "principal plane", "coordinate_check": 0.99, "coordinate_stability": 0.98},
        {"cluster": 1, "shape": "module", "why": "members depend on one another no more than turned ones", "features": ",".join(map(str, MODULE)), "n_features": 4, "q_dependence": 0.6,
         "q_hole": 0.8, "dependence": 0.02, "dependence_null": 0.03, "coordinate": "none", "coordinate_method": "none", "regime": "dilution"},
        {"cluster": 2, "shape": "unresolved", "why": "resamples disagree on the holes", "features": ",".join(map(str, UNRESOLVED)), "n_features": 3, "q_dependence": 0.01,
         "q_hole": 0.3, "dependence": 0.2, "dependence_null": 0.03, "coordinate": "none", "coordinate_method": "none", "regime": "capture"},
    ]  # fmt: skip
    write(
        geometry.MANIFOLDS,
        [{"n_tokens": 900, "module": 0, **g} for g in groups],
        folder / "manifolds.parquet",
    )
    workspace, points = genomes.workspace(), []
    for strand in "+-":
        ring = codes[strand][:, RING].toarray()
        rows = np.flatnonzero(ring.max(axis=1) > 2)[::40]
        angle = 2 * np.pi / 3 * ring[rows].argmax(axis=1) + rng.normal(0, 0.2, len(rows))
        block = np.searchsorted(workspace.block_bounds, rows, side="right") - 1
        points += [
            {"cluster": 0, "row": int(r), "strand": strand, "genome": "ring", "chrom": "chromosome", "position": 0, "block": int(b), "coordinate": float(np.mod(a, 2 * np.pi)), "axis_1": float(np.cos(a)), "axis_2": float(np.sin(a))}
            for r, a, b in zip(rows, angle, block, strict=True)
        ]  # fmt: skip
    write(geometry.POINTS, points, folder / "manifold_points.parquet")
    write(
        geometry.MEANING,
        [
            {"cluster": 0, "shape": "loop", "quantity": "codon_phase", "kind": "angle", "n": 880, "effect": 0.83, "effect_kmer": 0.22, "choice": 0.8, "choice_kmer": 0.2, "followed": True, "effect_random_weights": 0.05, "z": 40.0, "p": 0.001, "q": 0.003},
            {"cluster": 0, "shape": "loop", "quantity": "gc_101", "kind": "linear", "n": 900, "effect": 0.01, "effect_kmer": 0.2, "choice": 0.0, "choice_kmer": 0.2, "followed": False, "effect_random_weights": 0.01, "z": 0.5, "p": 0.3, "q": 0.4},
            {"cluster": 0, "shape": "loop", "quantity": "hydropathy", "kind": "linear", "n": 300, "effect": 0.9, "effect_kmer": 0.95, "choice": 0.9, "choice_kmer": 0.96, "followed": False, "effect_random_weights": 0.3, "z": 9.0, "p": 0.001, "q": 0.003},
        ],
        folder / "coordinates.parquet",
    )  # fmt: skip
    write(
        geometry.POSITIVE_CONTROLS,
        [
            {"control": "codon_phase", "what": "three states in cyclic order", "score": 0.91, "unit": "accuracy", "baseline": 0.41, "random_weights": 0.35, "null": 0.34, "p": 0.001, "verdict": "shown", "note": "three states, no mixtures between them"},
            {"control": "gc_line", "what": "GC content is a line", "score": 0.3, "unit": "correlation", "baseline": 0.9, "random_weights": 0.2, "null": 0.02, "p": 0.2, "verdict": "not shown", "note": "no group follows it"},
            {"control": "replication_angle", "what": "the chromosome is a ring", "score": np.nan, "verdict": "not tested", "note": "no genome has a named origin"},
        ],
        folder / "positive_controls.parquet",
    )  # fmt: skip
    n = N_FEATURES - 2
    adata = ad.AnnData(
        rng.normal(size=(n, 4)).astype(np.float32), obs=pd.DataFrame({"feature": np.arange(n)}, index=[f"f{i}" for i in range(n)])
    )  # fmt: skip
    adata.obsm["X_umap"] = rng.normal(size=(n, 2))
    adata.obsp["cosine"] = sp.random(n, n, 0.1, format="csr", rng=np.random.default_rng(6))
    write_h5ad(adata, folder / "geometry.h5ad", MADE)
