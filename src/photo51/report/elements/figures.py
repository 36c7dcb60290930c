"""Figures of the report and the notebooks that belong to no single stage: each function fills an `ax` from a table.

Axes carry units and n. Colours and sizes come from `photo51.theme`; a second cue (marker, line style, position) always
goes with a colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Polygon
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from photo51 import theme, words
from photo51.run.places import GeneSpan

Axes = mpl.axes.Axes
SPELLED = 100  # windows up to this length are spelled out below their letters (bases)
BASELINES = (
    ("f1_null95", "null", "null (95 % of rotations)"),
    ("f1_always", "always_on", "always on"),
    ("f1_kmer", "kmer", "k-mers"),
    ("f1_neuron", "neuron", "best neuron"),
)


def letters(ax: Axes, sequence: str, heights: NDArray[np.floating], first: float = 0.0) -> Axes:
    """Bases as letters as tall as `heights`, side by side from `first`; N and missing heights are left out.

    Parameters
    ----------
    ax
        Where to draw.
    sequence
        Bases.
    heights
        One height a base, (len(sequence),); negative ones hang below the axis.
    first
        x of the left edge of the first base.
    """
    for i, (base, height) in enumerate(zip(sequence, heights, strict=True)):
        if base not in theme.BASES or not np.isfinite(height) or height == 0:
            continue
        path = TextPath((0, 0), base, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
        box = path.get_extents()
        move = Affine2D().translate(-box.x0, -box.y0).scale(0.92 / box.width, height / box.height)
        ax.add_patch(PathPatch(move.translate(first + i + 0.04, 0).transform_path(path), color=theme.BASES[base], lw=0))
    ax.set_xlim(first, first + len(sequence))
    finite = heights[np.isfinite(heights)]
    ax.set_ylim(min(0.0, float(finite.min(initial=0))), max(float(finite.max(initial=0)) * 1.08, 1e-6))
    return ax


def gene_arrows(ax: Axes, genes: Sequence[GeneSpan], start: int, end: int) -> Axes:
    """Genes of `[start, end)` as arrows in reading direction, names where there is room; forward coordinates,
    1-based.
    """
    span = end - start
    ax.axhline(0, color=theme.FAINT, lw=0.8, zorder=0)
    for g in genes:
        a, b = max(g.start, start), min(g.end, end)
        tip = min(span * 0.015, (b - a) / 2)
        half = 0.32
        if g.strand == "+":
            shape = [(a, -half), (b - tip, -half), (b, 0), (b - tip, half), (a, half)]
        elif g.strand == "-":
            shape = [(b, -half), (a + tip, -half), (a, 0), (a + tip, half), (b, half)]
        else:
            shape = [(a, -half), (b, -half), (b, half), (a, half)]
        ax.add_patch(Polygon(shape, closed=True, color=theme.colour(g.kind), lw=0))
        if g.name and (b - a) > span * 0.012 * len(g.name):
            ax.text((a + b) / 2, -0.5, g.name, ha="center", va="top", fontsize=7, style="italic")
    ax.set(xlim=(start, end), ylim=(-1.15, 0.6), yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    _bases_axis(ax)
    return ax


def window(
    axes: Sequence[Axes], sequence: str, levels: pd.DataFrame, genes: Sequence[GeneSpan], start: int
) -> Sequence[Axes]:
    """A window read closely: letters as tall as one feature's activation, other features below, genes at the foot.

    Parameters
    ----------
    axes
        Three, above each other: letters, heat rows, genes.
    sequence
        Bases of the window on the forward strand.
    levels
        Activation, one column a feature (named as it is to be called) and one row a base; the first is shown as
        letters.
    genes
        Genes of the window.
    start
        First base, 0-based.
    """
    head, others = levels.columns[0], list(levels.columns[1:])
    letters(axes[0], sequence, levels[head].to_numpy(dtype=float), start)
    axes[0].set_ylabel(f"{head}\nactivation")
    if len(sequence) <= SPELLED:
        low = -0.09 * axes[0].get_ylim()[1]
        for i, base in enumerate(sequence):
            axes[0].text(
                start + i + 0.5,
                low,
                base,
                ha="center",
                va="center",
                fontsize=5.5,
                color=theme.INK,
            )
        axes[0].set_ylim(bottom=1.7 * low)
        axes[0].spines["bottom"].set_visible(False)
    axes[0].set_xticks([])
    heat = levels[others].to_numpy(dtype=float).T
    scale = np.nanmax(heat, axis=1, keepdims=True, initial=0) if heat.size else np.zeros((0, 1))
    shares = np.divide(heat, scale, out=np.zeros_like(heat), where=scale > 0)
    axes[1].imshow(
        shares,
        aspect="auto",
        cmap=theme.SEQUENTIAL,
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=(start, start + len(sequence), len(others), 0),
    )
    axes[1].set_yticks(np.arange(len(others)) + 0.5, others)
    axes[1].tick_params(length=0)
    axes[1].set_xticks([])
    gene_arrows(axes[2], genes, start, start + len(sequence))
    return axes


def density(ax: Axes, table: pd.DataFrame, marked: float | None = None, name: str = "") -> Axes:
    """How dense features are: counts over the decades of `density`; one feature may be marked."""
    live = table["density"].to_numpy(dtype=float)
    live = live[live > 0]
    edges = np.logspace(np.floor(np.log10(live.min())), 0, 49) if len(live) else np.logspace(-6, 0, 49)
    ax.hist(live, bins=edges.tolist(), color=theme.colour("feature"), lw=0)
    ax.set_xscale("log")
    ax.set(
        xlabel="density (share of scored bases at which a feature is active)",
        ylabel=f"features (n = {len(live):,} live)",
    )
    if marked:
        ax.axvline(marked, color=theme.colour("failed"), lw=1.2, ls="--")
        ax.annotate(
            name,
            (marked, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            fontsize=7,
        )
    return ax


def claims_plot(ax: Axes, table: pd.DataFrame) -> Axes:
    """Held-out F1 of the best feature of each concept, beside everything it must beat.

    Parameters
    ----------
    ax
        Where to draw.
    table
        `label`, `f1_domain`, and any of the columns of `BASELINES`; one row a concept.
    """
    rows = table.sort_values("f1_domain").reset_index(drop=True)
    y = np.arange(len(rows))
    for column, meaning, label in BASELINES:
        if column in rows.columns and rows[column].notna().any():
            marker = theme.MARKERS[meaning]
            size = {"|": 70, "x": 18}.get(marker, 15)
            ax.scatter(
                rows[column],
                y,
                marker=marker,
                s=size,
                color=theme.colour(meaning),
                label=label,
                zorder=2,
                linewidths=1.6,
            )
    ax.hlines(
        y,
        rows["f1_null95"] if "f1_null95" in rows.columns else 0,
        rows["f1_domain"],
        color=theme.FAINT,
        lw=1.6,
        zorder=1,
    )
    ax.scatter(rows["f1_domain"], y, s=34, color=theme.colour("feature"), label="best feature", zorder=3)
    ax.set_yticks(y, rows["label"])
    ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
    ax.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.7, len(rows) - 0.3),
        xlabel="domain F1 on held-out blocks (0: no agreement, 1: perfect)",
    )
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=theme.FAINT, lw=0.5)
    ax.set_axisbelow(True)
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=5, handletextpad=0.1, columnspacing=1.0)
    return ax


def metagene(ax: Axes, profile: pd.DataFrame, site: str, n: int) -> Axes:
    """Mean activation around sites of one kind.

    Parameters
    ----------
    ax
        Where to draw.
    profile
        `offset` (bases from the site, in reading direction), `mean`, `null` (mean over all scored bases).
    site, n
        Kind of the sites and how many there are.
    """
    ax.axvline(0, color=theme.MUTED, lw=0.7, ls=":")
    ax.plot(
        profile["offset"],
        profile["null"],
        color=theme.colour("null"),
        ls="--",
        lw=1.2,
        label="mean over all scored bases",
    )
    ax.plot(profile["offset"], profile["mean"], color=theme.colour("feature"), label="at the sites")
    ax.set(
        xlabel=f"offset from {words.kind(site)} (bases, reading direction)",
        ylabel=f"mean activation (n = {n:,} sites)",
    )
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, columnspacing=1.2)
    return ax


def activations_plot(ax: Axes, values: NDArray[np.floating], n_scored: int) -> Axes:
    """How strongly a feature is active, where it is."""
    ax.hist(values, bins=40, color=theme.colour("feature"), lw=0, log=True)
    share = len(values) / max(n_scored, 1)
    ax.set(
        xlabel="activation (the feature's own unit)",
        ylabel=f"bases (n = {len(values):,}, {words.percent(share, 3)} of scored)",
    )
    return ax


def dose_response_plot(ax: Axes, doses: pd.DataFrame) -> Axes:
    """Effect of steering one target on one scorer, against random directions and the reconstruction (contract
    `DOSES`).
    """
    d = doses.sort_values("dose")
    ax.fill_between(
        d["dose"],
        -d["null_q99"],
        d["null_q99"],
        color=theme.colour("random_direction"),
        alpha=0.22,
        lw=0,
        label="99 % of random directions",
    )
    ax.plot(
        d["dose"],
        d["reconstruction"],
        color=theme.colour("reconstruction"),
        ls="--",
        marker="s",
        ms=3,
        label="reconstruction only",
    )
    lower, upper = d["effect"] - d["ci_low"], d["ci_high"] - d["effect"]
    ax.errorbar(
        d["dose"],
        d["effect"],
        yerr=[lower.clip(lower=0), upper.clip(lower=0)],
        color=theme.colour("feature"),
        marker="o",
        ms=4,
        capsize=2,
        label="feature, with its interval",
    )
    unsafe = d[~d["safe"].astype(bool)]
    ax.scatter(
        unsafe["dose"],
        unsafe["effect"],
        marker="o",
        s=26,
        facecolor=theme.PAPER,
        edgecolor=theme.colour("feature"),
        zorder=4,
        label="beyond the safe range" if len(unsafe) else None,
    )
    ax.axhline(0, color=theme.MUTED, lw=0.6)
    first = d.iloc[0]
    ax.set(
        xlabel=(
            "dose (units of the feature's own activation)\n"
            f"n = {int(first['n'])} sequences, {int(first['n_null'])} random directions"
        ),
        ylabel=f"change of {words.measure(str(first['scorer']))} ({first['unit']})",
    )
    ax.legend(loc="lower left", bbox_to_anchor=(-0.15, 1.0), ncols=2, columnspacing=1.2)
    return ax


def stage_times(ax: Axes, stages: pd.DataFrame) -> Axes:
    """Wall time of each stage (contract `STAGES`)."""
    rows = stages.iloc[::-1]
    ax.barh(rows["stage"].str.replace("_", " "), rows["seconds"], color=theme.colour("feature"), height=0.62)
    for i, (seconds, peak) in enumerate(zip(rows["seconds"], rows["peak_mib"], strict=True)):
        ax.annotate(
            f"{words.duration(seconds)}, {peak:,.0f} MiB",
            (seconds, i),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
    ax.set(xlabel="wall time, summed over jobs (s)", xlim=(0, rows["seconds"].max() * 1.35 + 0.1))
    ax.spines["left"].set_visible(False)
    return ax


def _bases_axis(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{int(v) + 1:,}"))
    ax.set_xlabel("position (1-based)")


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
