"""Manifolds as tables: one row a cluster, one row a token on a manifold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.geometry.shapes.manifolds import Cluster, Geometry
from photo51.io.contracts.geometry import MANIFOLDS, POINTS


def manifold_table(g: Geometry) -> pd.DataFrame:
    """`MANIFOLDS` table."""
    rows = [_row(g, number, c) for number, c in enumerate(g.clusters)]
    return MANIFOLDS.check(pd.DataFrame(rows)) if rows else MANIFOLDS.empty()


def _row(g: Geometry, number: int, c: Cluster) -> dict[str, object]:
    m, n, p = c.measured, c.measured.null, c.placed
    members = c.features[c.seriation()]
    return {
        "cluster": number,
        "shape": c.verdict.shape,
        "manifold": c.verdict.manifold,
        "why": c.verdict.why,
        "n_features": m.n_features,
        "features": ",".join(str(g.usable.features[f]) for f in members),
        "n_tokens": m.n_tokens,
        "module": c.module,
        "q_dependence": c.verdict.q_dependence,
        "q_hole": c.verdict.q_hole,
        "dependence": m.dependence,
        "dependence_null": _quantile(n.dependence),
        "dimension_two_nn": m.dimension.two_nn,
        "dimension_tle": m.dimension.tle,
        "dimension_null": _mean(n.dimension),
        "span": m.span,
        "span_null": _mean(n.span),
        "pieces": m.betti.pieces,
        "loops": m.betti.loops,
        "cavities": m.betti.cavities,
        "longest_loop": m.loop[0],
        "longest_loop_null": _quantile(n.loop),
        "longest_cavity": m.cavity,
        "longest_cavity_null": _quantile(n.cavity),
        "agreement": m.agreement,
        "tips": m.tips,
        "restricted_r2": m.r2,
        "restricted_r2_null": _mean(n.r2),
        "regime": m.regime.label,
        "share_on": m.regime.share_on,
        "flatness": m.flatness,
        "turns": p.turns if p else np.nan,
        "coordinate": p.coordinate.kind if p else "none",
        "coordinate_method": p.coordinate.method if p else "none",
        "coordinate_check": p.coordinate.check if p else np.nan,
        "coordinate_stability": p.stability if p else np.nan,
    }


def _quantile(draws: NDArray[np.float64]) -> float:
    drawn = draws[~np.isnan(draws)]
    return float(np.quantile(drawn, 0.95)) if len(drawn) else float("nan")


def _mean(draws: NDArray[np.float64]) -> float:
    drawn = draws[~np.isnan(draws)]
    return float(drawn.mean()) if len(drawn) else float("nan")


def points_table(g: Geometry, max_points: int = 5000) -> pd.DataFrame:
    """`POINTS` table: at most `max_points` tokens a manifold, evenly taken in sequence."""
    parts = []
    for number, c in enumerate(g.clusters):
        if not c.verdict.manifold:
            continue
        sample = np.unique(
            np.linspace(0, len(c.activity.token) - 1, min(max_points, len(c.activity.token))).round().astype(np.int64)
        )
        axes = np.zeros((len(sample), 3))
        x = c.projected()[sample]
        axes[:, : min(3, x.shape[1])] = x[:, :3]
        token = c.activity.token[sample]
        parts.append(
            pd.DataFrame(
                {
                    "cluster": number,
                    "row": g.tokens.row[token],
                    "strand": np.array(["+", "-"])[g.tokens.strand[token]],
                    "block": g.tokens.block[token],
                    "coordinate": c.coordinate()[sample],
                    "axis_1": axes[:, 0],
                    "axis_2": axes[:, 1],
                    "axis_3": axes[:, 2],
                }
            )
        )
    return POINTS.check(pd.concat(parts, ignore_index=True)) if parts else POINTS.empty()
