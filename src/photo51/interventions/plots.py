"""Figures of interventions: each takes axes and a table and returns the axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from numpy.typing import ArrayLike

from photo51.interventions.writing.canvas import Canvas
from photo51.theme import COLOURS, DIVERGING, FAINT, INK, MUTED, SEQUENTIAL, colour


def dose_curves(ax: Axes, doses: pd.DataFrame) -> Axes:
    """Effect against dose in four arms.

    Parameters
    ----------
    doses
        Contract `DOSES`, one target and one scorer.
    """
    table = doses.sort_values("dose")
    row = table.iloc[0]
    x = np.concatenate([[0.0], table["dose"]])
    null = np.concatenate([[0.0], table["null_q99"]])
    ax.fill_between(
        x,
        -null,
        null,
        color=colour("null"),
        alpha=0.35,
        lw=0,
        label=f"random directions, 99 % (n = {row['n_null']})",
    )
    ax.axhline(0.0, color=MUTED, lw=0.7, label="control")
    ax.plot(
        [0.0],
        [row["reconstruction"]],
        "D",
        ms=4,
        color=colour("baseline"),
        label="SAE reconstruction",
        zorder=3,
    )
    low = table["effect"] - table["ci_low"]
    high = table["ci_high"] - table["effect"]
    ax.errorbar(
        table["dose"],
        table["effect"],
        yerr=[low, high],
        fmt="o-",
        ms=4,
        capsize=2,
        color=colour("feature"),
        label=f"feature, with its interval (n = {row['n']})",
        zorder=4,
    )
    unsafe = table.loc[~table["safe"], "dose"]
    if len(unsafe):
        ax.axvspan(float(unsafe.min()), float(x.max()) * 1.03, color=colour("failed"), alpha=0.08, lw=0)
        ax.text(
            float(unsafe.min()),
            0.99,
            " past the NLL budget",
            transform=ax.get_xaxis_transform(),
            va="top",
            fontsize=6,
            color=colour("failed"),
        )
    ax.set(
        xlabel="dose (units: 99th percentile of the feature's activation)",
        ylabel=f"Δ {row['scorer']} ({row['unit']})",
        title=f"{row['target']} → {row['scorer']}",
    )
    ax.set_xlim(left=-0.02 * float(x.max()))
    ax.legend(loc="best")
    return ax


def painted_levels(ax: Axes, track: pd.DataFrame, canvas: Canvas, margin: int = 0) -> Axes:
    """Achieved activation along the canvas, and where it was painted.

    Parameters
    ----------
    track
        Contract `PAINTED`; sequences are averaged, and shown one by one where there are few.
    margin
        Bases around an interval that count as inside.
    """
    concepts = list(dict.fromkeys(track["concept"]))
    n = track["sequence"].nunique()
    for i, concept in enumerate(concepts):
        levels = track[track["concept"] == concept].pivot(index="sequence", columns="position", values="level")
        top = float(np.nanquantile(levels.to_numpy(), 0.999)) or 1.0
        # first concept on top
        base = float(len(concepts) - 1 - i)
        shade = _hue(i)
        # levels above the 99.9th percentile are cut off, so that one peak does not flatten the rest
        ax.fill_between(
            levels.columns, base, base + 0.8 * np.minimum(levels.mean() / top, 1.0), color=shade, lw=0, alpha=0.85
        )
        for paint in canvas.paints:
            if concept in {paint.bundle.name, paint.towards.name if paint.towards else ""}:
                interval = paint.where
                ax.plot([interval.start, interval.end], [base - 0.08] * 2, color=shade, lw=4, solid_capstyle="butt")
                ax.axvspan(max(0, interval.start - margin), interval.end + margin, color=shade, alpha=0.08, lw=0)
                ax.text(
                    (interval.start + interval.end) / 2,
                    base - 0.13,
                    f"{paint.strength:g} units",
                    ha="center",
                    va="top",
                    fontsize=6,
                    color=MUTED,
                )
    ax.set(
        xlim=(0, canvas.length),
        ylim=(-0.3, len(concepts)),
        yticks=np.arange(len(concepts))[::-1] + 0.4,
        xlabel=f"base of {canvas.name}",
        title=f"painted (bars) and achieved (filled), mean of {n} sequences",
    )
    ax.set_yticklabels(concepts)
    ax.tick_params(axis="y", length=0)
    return ax


def _hue(i: int) -> str:
    cycle = ("feature", "baseline", "A", "failed", "pca", "neuron")
    return COLOURS[cycle[i % len(cycle)]]


def contribution_logo(ax: Axes, read: pd.DataFrame, *, last: int = 60) -> Axes:
    """Letters as tall as their bases' contributions, below the line where those lower the target.

    Parameters
    ----------
    read
        `position`, `base`, `contribution` (nats), in reading order.
    last
        Bases shown, those read last.
    """
    shown = read.tail(last).reset_index(drop=True)
    for i, base, height in zip(shown.index, shown["base"], shown["contribution"], strict=True):
        _letter(ax, str(base), float(i), float(height))
    limit = max(float(shown["contribution"].abs().max()), 1e-9)
    ax.axhline(0.0, color=MUTED, lw=0.6)
    ax.set(xlim=(-0.6, len(shown) - 0.4), ylim=(-1.1 * limit, 1.1 * limit), ylabel="contribution (nats)")
    _places(ax, shown)
    return ax


def _letter(ax: Axes, letter: str, x: float, height: float) -> None:
    if height == 0.0:
        return
    path = TextPath((0, 0), letter, size=1)
    box = path.get_extents()
    # the letter's outline, moved to the origin, is stretched to its height
    turn = Affine2D().translate(-box.x0, -box.y0).scale(0.86 / box.width, abs(height) / box.height)
    if height < 0:
        # upside down where it lowers the target
        turn = turn.scale(1, -1)
    patch = PathPatch(turn.translate(x - 0.43, 0).transform_path(path), lw=0, fc=COLOURS.get(letter, MUTED))
    ax.add_patch(patch)


def _places(ax: Axes, shown: pd.DataFrame) -> None:
    """Tick labels: 1-based places on the contig."""
    ticks = np.arange(0, len(shown), max(1, len(shown) // 6))
    ax.set_xticks(ticks)
    ax.set_xticklabels([f"{int(shown['position'][i]) + 1:,}" for i in ticks])
    ax.set_xlabel("base (1-based, in reading order)")


def contributions_grid(ax: Axes, table: pd.DataFrame, read: pd.DataFrame, *, last: int = 60, top: int = 8) -> Axes:
    """Contributions of the features that matter most, base by base, with the SAE's error as the last row.

    Parameters
    ----------
    table
        Contract `ATTRIBUTION`.
    read
        As for `contribution_logo`; gives the bases and their order.
    """
    shown = read.tail(last).reset_index(drop=True)
    in_view = table[table["position"].isin(shown["position"])]
    size = in_view.groupby("feature")["contribution"].agg(lambda v: float(v.abs().sum()))
    # −1 is the dictionary's error, always the last row
    rows = [*size[size.index >= 0].nlargest(top).index, -1]
    grid = in_view.pivot_table(index="feature", columns="position", values="contribution", aggfunc="sum")
    grid = grid.reindex(index=rows, columns=shown["position"]).fillna(0.0)
    # some rare large values are allowed to saturate
    limit = max(float(np.nanquantile(np.abs(grid.to_numpy()), 0.995)), 1e-9)
    image = ax.imshow(
        grid, aspect="auto", cmap=DIVERGING, norm=TwoSlopeNorm(0.0, -limit, limit), interpolation="nearest"
    )
    names = in_view.drop_duplicates("feature").set_index("feature")["concept"]
    ax.set_yticks(range(len(rows)))
    ax.set_yticklabels(["SAE error" if f < 0 else f"f{f} {names.get(f, '')}".strip() for f in rows])
    _places(ax, shown)
    ax.figure.colorbar(image, ax=ax, label="nats", fraction=0.03, pad=0.01)
    return ax


def mark(ax: Axes, positions: Sequence[int], marked: tuple[int, int]) -> Axes:
    """Frame the columns whose positions lie in [start, end)."""
    inside = [i for i, p in enumerate(positions) if marked[0] <= p < marked[1]]
    if inside:
        ax.axvspan(min(inside) - 0.5, max(inside) + 0.5, fc="none", ec=INK, lw=0.8, clip_on=False)
    return ax


def share_width(ax: Axes, *, like: Axes) -> Axes:
    """Leave as much room for a colour bar beside axes that have none, so that bases stand under bases."""
    blank = ax.figure.colorbar(ScalarMappable(cmap=DIVERGING), ax=ax, fraction=0.03, pad=0.01)
    blank.ax.set_visible(False)
    ax.set_xlim(like.get_xlim())
    return ax


def mutagenesis(ax: Axes, table: pd.DataFrame) -> Axes:
    """Every single-base change of a window: position across, new base down; a dot marks the base that is there.

    Parameters
    ----------
    table
        Contract `MUTAGENESIS`.
    """
    if table.empty:
        ax.text(0.5, 0.5, "no base before it that could be changed", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return ax
    order = list(dict.fromkeys(table["position"]))
    grid = table.pivot(index="alt", columns="position", values="effect").reindex(index=list("ACGT"), columns=order)
    limit = max(float(np.nanmax(np.abs(grid.to_numpy()))), 1e-9)
    image = ax.imshow(
        grid, aspect="auto", cmap=DIVERGING, norm=TwoSlopeNorm(0.0, -limit, limit), interpolation="nearest"
    )
    ref = table.drop_duplicates("position").set_index("position")["ref"].reindex(order)
    ax.plot(range(len(order)), ["ACGT".index(b) for b in ref], ".", ms=3, color=INK)
    ax.set_yticks(range(4))
    ax.set_yticklabels(list("ACGT"))
    ax.set_ylabel("changed to")
    _places(ax, pd.DataFrame({"position": order}))
    ax.figure.colorbar(image, ax=ax, label="Δ target (nats)", fraction=0.03, pad=0.01)
    return ax


def rule_trace(
    ax: Axes,
    levels: ArrayLike,
    holds: ArrayLike,
    *,
    threshold: float,
    release: float,
    rule: str,
    window: int = 1,
) -> Axes:
    """What a rule watched in one sequence, and where it held.

    Parameters
    ----------
    levels
        (length,) level at each base (units).
    holds
        (length,) whether the rule held there.
    window
        Bases that the rule averages over: with more than one, the mean is the line and the single bases stand behind
        it.
    """
    level, holding = np.asarray(levels, dtype=np.float64), np.asarray(holds, dtype=bool)
    places = np.arange(len(level))
    if window > 1:
        ax.step(places, level, where="mid", color=FAINT, lw=0.8, label="single bases")
        # mean of the last `window` bases; cut to the length, the first entries lack some of them
        level = np.convolve(level, np.full(window, 1.0 / window))[: len(level)]
        level[: window - 1] = np.nan
    ax.step(
        places,
        level,
        where="mid",
        color=colour("feature"),
        lw=1.0,
        label=f"mean of {window} bases" if window > 1 else "level",
    )
    ax.axhline(threshold, color=colour("failed"), lw=0.8, label=f"threshold {threshold:g}")
    if release < threshold:
        ax.axhline(release, color=colour("failed"), lw=0.8, ls=":", label=f"release {release:g}")
    # rising and falling edges come in pairs as the track is closed with 0 on both sides
    edges = np.flatnonzero(np.diff(holding.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for i, (a, b) in enumerate(edges):
        ax.axvspan(a - 0.5, b - 0.5, color=colour("baseline"), alpha=0.25, lw=0, label="holds" if i == 0 else None)
    ax.set(
        xlabel="base after the prompt",
        ylabel="level (units)",
        title=rule,
        xlim=(-0.5, max(1, len(level)) - 0.5),
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def exchange_lines(ax: Axes, table: pd.DataFrame) -> Axes:
    """Log-odds against copies, one line a strength: points measured, lines fitted, rings held out.

    Parameters
    ----------
    table
        Contract `EXCHANGE`.
    """
    strengths = sorted(table["strength"].unique())
    norm = Normalize(-0.25 * max(strengths), max(strengths))
    for s in strengths:
        of_strength = table[table["strength"] == s].sort_values("copies")
        tint = SEQUENTIAL(norm(s))
        ax.plot(of_strength["copies"], of_strength["fitted"], "-", color=tint, lw=1.0)
        fitted_points = of_strength[~of_strength["held_out"]]
        rings = of_strength[of_strength["held_out"]]
        ax.plot(fitted_points["copies"], fitted_points["log_odds"], "o", ms=3.5, color=tint, label=f"{s:g} units")
        ax.plot(rings["copies"], rings["log_odds"], "o", ms=4.5, mfc="none", mec=tint)
    ax.set(
        xlabel="copies in the prompt",
        ylabel="log-odds of the motif (nats)",
        title=f"{table['target'].iloc[0]} and {table['motif'].iloc[0]}",
    )
    ax.legend(title="strength; rings held out", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
