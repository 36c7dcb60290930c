"""Pictures of shapes: bases on the shape coloured by what varies along it, who is active where, and the known
shapes.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import theme

Axes = mpl.axes.Axes


def embedding(
    ax: Axes,
    table: pd.DataFrame,
    label: str,
    *,
    cyclic: bool = False,
    ticks: tuple[Sequence[float], Sequence[str]] | None = None,
) -> Axes:
    """Bases on the first two axes of a group.

    Parameters
    ----------
    ax
        Where to draw.
    table
        `axis_1`, `axis_2`, `value` (what colours a base; NaN is drawn faint).
    label
        What the colour is, with its unit; empty for one colour.
    cyclic
        Whether the value is an angle (radians).
    ticks
        Values marked on the colour bar and what they are called; where there are at most four and the value is no angle
        it is a legend.
    """
    value = np.mod(table["value"], 2 * np.pi) if cyclic else table["value"]
    finite = np.isfinite(value.to_numpy())
    ax.scatter(table["axis_1"][~finite], table["axis_2"][~finite], s=3, color=theme.FAINT, lw=0, zorder=1)
    valued, v = table[finite], value[finite]
    if not label:
        ax.scatter(valued["axis_1"], valued["axis_2"], s=4, color=theme.colour("feature"), lw=0, alpha=0.7)
    elif ticks is not None:
        _classes(ax, valued, v.to_numpy(dtype=float), label, ticks)
    else:
        scale = {"cmap": theme.CYCLIC, "vmin": 0, "vmax": 2 * np.pi} if cyclic else {"cmap": _ALONG}
        drawn = ax.scatter(valued["axis_1"], valued["axis_2"], c=v, s=4, lw=0, alpha=0.8, rasterized=False, **scale)
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, aspect=24, pad=0.02)
        bar.set_label(label)
        bar.outline.set_visible(False)
        if cyclic:
            bar.set_ticks([0, np.pi, 2 * np.pi], labels=["0", "π", "2π"])
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel=f"first axis (n = {len(table):,} bases)", ylabel="second axis", xticks=[], yticks=[])
    return ax


_ALONG = mpl.colors.LinearSegmentedColormap.from_list("photo51_along", list(theme.ALONG))


def _classes(
    ax: Axes,
    table: pd.DataFrame,
    value: NDArray[np.float64],
    label: str,
    ticks: tuple[Sequence[float], Sequence[str]],
) -> None:
    levels = np.asarray(ticks[0])
    nearest = np.abs(value[:, None] - levels[None]).argmin(axis=1)
    tones = theme.FRAME_COLOURS if len(levels) <= len(theme.FRAME_COLOURS) else theme.ALONG
    for i, level_name in enumerate(ticks[1]):
        of_level = table[nearest == i]
        ax.scatter(
            of_level["axis_1"],
            of_level["axis_2"],
            s=5,
            color=tones[i % len(tones)],
            marker="os^D"[i % 4],
            lw=0,
            alpha=0.75,
            label=f"{level_name} (n = {len(of_level):,})",
        )
    ax.legend(
        title=label,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
        markerscale=2,
        ncols=3,
        title_fontsize=7,
        columnspacing=1.0,
        handletextpad=0.1,
    )


def tuning_plot(ax: Axes, table: pd.DataFrame, xlabel: str) -> Axes:
    """Who is active where along a coordinate.

    Parameters
    ----------
    ax
        Where to draw.
    table
        One row a feature (its index is what it is called), one column a part of the coordinate: mean activation over
        the feature's largest.
    xlabel
        What the coordinate is.
    """
    drawn = ax.imshow(
        table.to_numpy(dtype=float),
        aspect="auto",
        cmap=theme.SEQUENTIAL,
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=(0, 1, len(table), 0),
    )
    ax.set_yticks(np.arange(len(table)) + 0.5, [str(n) for n in table.index])
    ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
    ax.set(xlabel=xlabel, xticks=[])
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, aspect=24, pad=0.02)
    bar.set_label("mean activation, share of own largest")
    bar.outline.set_visible(False)
    return ax


_CONTROL_MARKS = (
    ("null", "null", "null"),
    ("baseline", "kmer", "k-mers or composition"),
    ("random_weights", "random_weights", "random weights"),
)


def positive_controls(ax: Axes, table: pd.DataFrame) -> Axes:
    """The known shapes: score of the model's features and of its baselines (contract `POSITIVE_CONTROLS`, with
    `label`).
    """
    rows = table.iloc[::-1].reset_index(drop=True)
    y = np.arange(len(rows))
    for column, meaning, label in _CONTROL_MARKS:
        measured = rows[column].notna()
        if measured.any():
            marker = theme.MARKERS[meaning]
            size = 70 if marker == "|" else 18
            ax.scatter(
                rows[column][measured],
                y[measured],
                marker=marker,
                s=size,
                color=theme.colour(meaning),
                label=label,
                linewidths=1.6,
                zorder=2,
            )
    shown = (rows["verdict"] == "shown").to_numpy()
    for of_verdict, face, label in (
        (shown, theme.colour("feature"), "features, shown"),
        (~shown, theme.PAPER, "features, not shown"),
    ):
        if of_verdict.any():
            ax.scatter(
                rows["score"][of_verdict],
                y[of_verdict],
                s=36,
                color=face,
                edgecolor=theme.colour("feature"),
                label=label,
                zorder=3,
            )
    ax.set_yticks(y, rows["label"])
    ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
    ax.axvline(0, color=theme.FAINT, lw=0.8, zorder=0)
    ax.set(ylim=(-0.7, len(rows) - 0.3), xlabel="score (its unit is in the table; 0 is no agreement)")
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=theme.FAINT, lw=0.5)
    ax.set_axisbelow(True)
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=5, handletextpad=0.1, columnspacing=1.0)
    return ax
