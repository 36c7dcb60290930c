"""Figures of geometry: the map, manifolds coloured by what their coordinate means, couplings, barcodes, the reading
frame.
"""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from photo51.geometry.shapes.manifolds import Cluster, Geometry
from photo51.theme import (
    BLUE,
    COLOURS,
    CYCLIC,
    FAINT,
    FRAME_COLOURS,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SEQUENTIAL,
    SKY,
)

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5d3a9b", "#8c6d31")


def quantity_words(quantity: str) -> str:
    """A quantity's name as a biologist reads it."""
    if quantity.startswith("gc_skew_"):
        return f"GC skew in {quantity.removeprefix('gc_skew_')} bases"
    if quantity.startswith("gc_"):
        return f"GC content in {quantity.removeprefix('gc_')} bases"
    return {
        "gene_strand": "sense or antisense of the gene",
        "leading_strand": "leading or lagging strand",
        "blob": "cloud",
        "loop": "ring",
    }.get(quantity, quantity.replace("_", " "))


def feature_map_plot(ax: Axes, graph: ad.AnnData, manifolds: pd.DataFrame) -> Axes:
    """UMAP of decoder directions: manifolds in colour with their meaning, modules in grey, the rest faint."""
    xy = np.asarray(graph.obsm["X_umap"], np.float64)
    cluster = graph.obs["cluster"].astype(str).to_numpy()
    label = graph.obs["label"].astype(str).to_numpy()
    loose = label == "none"
    ax.scatter(xy[loose, 0], xy[loose, 1], s=3, color=FAINT, lw=0, label="in no group", rasterized=True)
    other = np.isin(label, ["module", "unresolved"])
    ax.scatter(xy[other, 0], xy[other, 1], s=4, color="#9aa0a6", lw=0, label="group without a shape", rasterized=True)
    shown = manifolds[manifolds["manifold"]]
    for i, row in enumerate(shown.itertuples()):
        points = xy[cluster == str(row.cluster)]
        tone = PALETTE[i % len(PALETTE)]
        text = f"group {row.cluster} ({quantity_words(str(row.shape))}): {row.n_features} features" + (
            f", {quantity_words(str(row.meaning))}" if row.meaning and row.meaning_effect > 0 else ""
        )
        name = text if i < len(PALETTE) else None
        ax.scatter(points[:, 0], points[:, 1], s=9, color=tone, lw=0, zorder=3, label=name)
    ax.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    clouds = int((shown["shape"] == "blob").sum())  # counted as the report counts them
    ax.set_title(
        f"{len(graph):,} features in {len(manifolds)} groups: {len(shown) - clouds} trace a shape, {clouds} are clouds"
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2, frameon=False)
    return ax


def embedded(ax: Axes, points: pd.DataFrame, values: NDArray[np.floating], kind: str, label: str) -> Axes:
    """Tokens of a manifold on its two main axes, coloured by a quantity; tokens where it is unknown are faint.

    Parameters
    ----------
    points
        Rows of the points table, one cluster.
    values
        (n,) the quantity, NaN where unknown.
    kind
        `linear`, `angle` or `class`.
    """
    x, y = points["axis_1"].to_numpy(), points["axis_2"].to_numpy()
    finite = np.isfinite(values)
    ax.scatter(x[~finite], y[~finite], s=2, color=FAINT, lw=0, rasterized=True)
    frame = kind == "angle" and len(np.unique(np.round(values[finite], 3))) <= 3
    if frame:
        state = np.round(values / (2 * np.pi / 3))
        for p in range(3):
            in_state = finite & (state == p)
            ax.scatter(
                x[in_state],
                y[in_state],
                s=4,
                color=FRAME_COLOURS[p],
                lw=0,
                label=f"codon base {p + 1}",
                rasterized=True,
            )
        ax.legend(loc="best", markerscale=2)
    elif kind == "class":
        states = np.unique(values[finite])
        tones = [COLOURS["-"], COLOURS["+"]] if len(states) <= 2 else [BLUE, ORANGE, GREEN, PURPLE, SKY]
        for i, p in enumerate(states):
            in_state = finite & (values == p)
            tone = tones[i % len(tones)]
            ax.scatter(x[in_state], y[in_state], s=4, color=tone, lw=0, label=f"{label}: {p:g}", rasterized=True)
        ax.legend(loc="best", markerscale=2)
    else:
        shown = ax.scatter(
            x[finite],
            y[finite],
            c=values[finite],
            s=4,
            lw=0,
            cmap=CYCLIC if kind == "angle" else SEQUENTIAL,
            rasterized=True,
        )
        ax.figure.colorbar(shown, ax=ax, label=label, shrink=0.8)
    ax.set(xlabel="first axis of the cluster", ylabel="second axis", xticks=[], yticks=[])
    ax.set_aspect("equal", "datalim")
    return ax


def place_fields(ax: Axes, cluster: Cluster, numbers: NDArray[np.int64], bins: int = 48) -> Axes:
    """Mean activation of each member along the coordinate, each on its own scale, members in order."""
    t = cluster.coordinate()
    ok = np.isfinite(t)
    rank = np.argsort(np.argsort(t[ok], kind="stable"), kind="stable")
    bin_of = rank * bins // max(1, len(rank))
    order = cluster.seriation()
    z = cluster.activity.codes[ok][:, order]
    mean = np.stack([z[bin_of == b].mean(0) for b in range(bins)], axis=1)
    mean /= np.maximum(mean.max(1, keepdims=True), 1e-12)
    ax.imshow(mean, aspect="auto", cmap=SEQUENTIAL, interpolation="nearest", extent=(0, 1, len(order), 0))
    ax.set_yticks(
        np.arange(len(order)) + 0.5,
        [str(n) for n in numbers[cluster.features[order]]],
        fontsize=5 if len(order) > 12 else 6,
    )
    ax.set(xlabel="along the coordinate (share of tokens)", ylabel="feature", xticks=[0, 0.5, 1])
    return ax


def couplings(ax: Axes, graph: ad.AnnData, g: Geometry, max_features: int = 160) -> Any:
    """Direct couplings (above the diagonal) and decoder cosines (below) of the members of clusters, in order."""
    used, bounds = g.usable.features, [0]
    order: list[int] = []
    ranked = sorted(range(len(g.clusters)), key=lambda c: (not g.clusters[c].verdict.manifold, c))
    for c in ranked:
        members = g.clusters[c].features[g.clusters[c].seriation()]
        if order and len(order) + len(members) > max_features:
            continue
        order += used[members[:max_features]].tolist()
        bounds.append(len(order))
    coupling = np.asarray(graph.obsp["coupling"][order][:, order].todense(), np.float64)
    x = np.asarray(graph.X, np.float64)[order]
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    shown = np.triu(np.clip(coupling / 0.3, -1, 1), 1) + np.tril(unit @ unit.T, -1)
    image = ax.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    for b in bounds[1:-1]:
        ax.axhline(b - 0.5, color=MUTED, lw=0.4)
        ax.axvline(b - 0.5, color=MUTED, lw=0.4)
    ax.set(xticks=[], yticks=[], xlabel="features, cluster by cluster, manifolds first")
    ax.set_title(f"Couplings ÷ 0.3 (above) and decoder cosines (below), {len(bounds) - 1} clusters")
    return image


def barcode(ax: Axes, cluster: Cluster, bars: tuple[NDArray[np.float64], ...], max_bars: int = 12) -> Axes:
    """Bars of dimension 0, 1 (and 2), longest first, with the 95 % quantile of the null of the longest loop."""
    y = 0
    for dimension, tone in zip(range(len(bars)), (MUTED, BLUE, COLOURS["pathogenic"]), strict=False):
        for birth, death in bars[dimension][:max_bars]:
            ax.plot([birth, death], [y, y], color=tone, lw=1.6, solid_capstyle="butt")
            y += 1
        ax.plot([], [], color=tone, label=("pieces", "loops", "cavities")[dimension])
    drawn = cluster.measured.null.loop[np.isfinite(cluster.measured.null.loop)]
    if len(drawn):
        limit = float(np.quantile(drawn, 0.95))
        ax.plot(
            [0, limit],
            [-2, -2],
            color=COLOURS["null"],
            lw=3,
            solid_capstyle="butt",
            label="longest loop of circularly shifted features (95 %)",
        )
    ax.set(xlabel="scale (radii of the cloud)", yticks=[], ylim=(max(y, 4) + 0.5, -3.5))
    ax.legend(loc="lower right")
    return ax


def frame_plane(ax: Axes, place: NDArray[np.complex128], phase: NDArray[np.floating]) -> Axes:
    """Held-out coding bases in the plane of the rhythm, coloured by codon position."""
    reach = float(np.quantile(np.abs(place), 0.99))
    for p in range(3):
        z = place[phase == p]
        ax.scatter(z.real / reach, z.imag / reach, s=2, color=FRAME_COLOURS[p], alpha=0.5, lw=0, rasterized=True)
        middle = z.mean() / reach
        ax.plot([0, middle.real], [0, middle.imag], color=INK, lw=1)
        ax.annotate(
            f"base {p + 1}",
            (1.06 * np.cos(2 * np.pi * p / 3), 1.06 * np.sin(2 * np.pi * p / 3)),
            ha="center",
            va="center",
            color=FRAME_COLOURS[p],
            fontsize=8,
            weight="bold",
        )
    ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), xticks=[], yticks=[], aspect="equal")
    ax.set_xlabel("plane of the period-3 rhythm, found without labels")
    return ax


def positive_control_bars(ax: Axes, positive_controls: pd.DataFrame) -> Axes:
    """Every control: score, k-mers, random weights and null."""
    table = positive_controls[positive_controls["verdict"] != "not tested"].reset_index(drop=True)
    marks = (
        ("score", "o", COLOURS["feature"], "model"),
        ("baseline", "D", COLOURS["kmer"], "k-mers"),
        ("random_weights", "v", COLOURS["random_weights"], "random weights"),
        ("null", "|", COLOURS["null"], "null"),
    )
    for column, marker, tone, label in marks:
        ax.plot(
            table[column],
            np.arange(len(table)),
            marker,
            color=tone,
            label=label,
            ms=6 if marker != "|" else 11,
            ls="none",
        )
    ax.set_yticks(
        np.arange(len(table)),
        [
            f"{c.replace('_', ' ')}\n({v}; {u.split(' (')[0]})"
            for c, v, u in zip(table["control"], table["verdict"], table["unit"], strict=True)
        ],
    )
    ax.set(ylim=(len(table) - 0.5, -0.5), xlabel="score on held-out blocks")
    ax.axvline(0, color=FAINT, lw=0.7, zorder=0)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4)
    return ax
