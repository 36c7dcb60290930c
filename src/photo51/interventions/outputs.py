"""What each command leaves behind: tables with their contracts, sequences, one summary, figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from photo51 import theme
from photo51.config.interventions import PaintParams
from photo51.interventions import plots
from photo51.interventions.attribution.explain import Explained
from photo51.interventions.steering.exchange import Exchange
from photo51.interventions.steering.steer import Steered
from photo51.interventions.writing.painting import Painting
from photo51.interventions.writing.rule_set import Rule
from photo51.interventions.writing.rules import RuleRun
from photo51.io import Provenance, atomic, write_json, write_table
from photo51.io.contracts import interventions as tables


def write_sequences(records: Sequence[tuple[str, str]], path: Path) -> None:
    """Write (name, letters) records, 80 letters a line."""
    with atomic(path) as partial:
        lines = []
        for name, letters in records:
            lines.append(f">{name}")
            lines += [letters[i : i + 80] for i in range(0, len(letters), 80)]
        partial.write_text("\n".join(lines) + "\n")


def draw_file(path: Path, size: tuple[float, float], make: Callable[[Figure], None]) -> None:
    """Draw a figure as SVG, the same bytes every time."""
    with theme.style():
        figure = plt.figure(figsize=size)
        make(figure)
        with atomic(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
        theme.close(figure)


def write_steered(steered: Steered, out: Path, lineage: Provenance) -> None:
    """`steered`, `doses`, `verdicts`, `off_target`, `trace` (.parquet), `sequences.fa`, `steer.json`,
    `four_arms.svg`.
    """
    for spec, table in (
        (tables.STEERED, steered.sequences),
        (tables.DOSES, steered.doses),
        (tables.VERDICTS, steered.verdicts),
        (tables.OFF_TARGET, steered.off_target),
        (tables.TRACE, steered.trace),
    ):
        write_table(table, out / f"{spec.name}.parquet", spec, lineage)
    shown = steered.sequences[steered.sequences["arm"].isin(["control", "feature"])]
    names = [f"{a}|dose={d:g}|{i}" for a, d, i in zip(shown["arm"], shown["dose"], shown["sequence"], strict=True)]
    write_sequences(list(zip(names, shown["bases"], strict=True)), out / "sequences.fa")
    write_json(steer_summary(steered), out / "steer.json")
    scorers = shown_scorers(steered.verdicts)

    def make(figure: Figure) -> None:
        axes = figure.subplots(1, len(scorers), squeeze=False)[0]
        for ax, scorer in zip(axes, scorers, strict=True):
            plots.dose_curves(ax, steered.doses[steered.doses["scorer"] == scorer])

    draw_file(out / "four_arms.svg", (theme.WIDTH_1 * len(scorers), 2.8), make)


def shown_scorers(verdicts: pd.DataFrame) -> list[str]:
    """Scorers worth a picture: those declared, else the two with the largest effect over their null."""
    declared = verdicts.loc[verdicts["declared"], "scorer"].tolist()
    if declared:
        return declared[:3]
    ratio = verdicts["effect"].abs() / verdicts["null_q99"].clip(lower=1e-9)
    return verdicts.loc[ratio.nlargest(2).index, "scorer"].tolist()


def steer_summary(steered: Steered) -> dict[str, object]:
    """The verdict in a few numbers."""
    v, moved = steered.verdicts, steered.off_target.iloc[0]
    return {
        "target": str(v["target"].iloc[0]),
        "safe_dose_units": float(v["safe_dose"].iloc[0]),
        "steers": v.loc[v["steers"], "scorer"].tolist(),
        "declared": v.loc[v["declared"], "scorer"].tolist(),
        "declared_and_steers": v.loc[v["steers"] & v["declared"], "scorer"].tolist(),
        "features_moved_beyond_null": int(moved["moved"]),
        "features_moved_by_chance": float(moved["moved_by_chance"]),
    }


def write_rules(run: RuleRun, rules: Sequence[Rule], out: Path, lineage: Provenance) -> None:
    """`rule_events.parquet`, `sequences.fa`, `rules.svg` (the sequence with most events)."""
    write_table(run.events, out / "rule_events.parquet", tables.RULE_EVENTS, lineage)
    write_sequences([(f"sequence|{i}", s) for i, s in enumerate(run.sequences) if s], out / "sequences.fa")
    count = run.events["sequence"].value_counts()
    busiest = int(count.index[0]) if len(count) else 0
    length = len(run.sequences[busiest])

    def make(figure: Figure) -> None:
        axes = figure.subplots(len(rules), 1, squeeze=False)[:, 0]
        for r, (ax, rule) in enumerate(zip(axes, rules, strict=True)):
            plots.rule_trace(
                ax,
                run.levels[busiest, :length, r],
                run.holds[busiest, :length, r],
                threshold=rule.threshold,
                release=rule.release,
                rule=f"{rule.settings.name}: {rule.words()} (sequence {busiest})",
                window=rule.settings.window,
            )

    draw_file(out / "rules.svg", (theme.WIDTH_2, 1.8 * len(rules)), make)


def write_painted(
    painting: Painting,
    track: pd.DataFrame,
    overlap: pd.DataFrame,
    params: PaintParams,
    out: Path,
    lineage: Provenance,
) -> None:
    """`painted`, `paint_overlap` (.parquet), `painted.fa`, `paint.json`, `painted.svg`."""
    write_table(track, out / "painted.parquet", tables.PAINTED, lineage)
    write_table(overlap, out / "paint_overlap.parquet", tables.PAINT_OVERLAP, lineage)
    name = painting.canvas.name
    write_sequences([(f"{name}|{i}", s) for i, s in enumerate(painting.sequences())], out / "painted.fa")
    write_json(
        {str(c): g[["mass_inside", "expected"]].mean().to_dict() for c, g in overlap.groupby("concept")},
        out / "paint.json",
    )
    height = 0.8 + 0.7 * track["concept"].nunique()
    draw_file(
        out / "painted.svg",
        (theme.WIDTH_2, height),
        lambda figure: void(plots.painted_levels(figure.subplots(), track, painting.canvas, params.margin)),
    )


def void(_: object) -> None:
    """Let a drawn axis go."""


def write_explained(explained: Explained, title: str, marked: tuple[int, int], out: Path, lineage: Provenance) -> None:
    """`attribution`, `agreement`, `mutagenesis`, `influence` (.parquet), `explain.json`, `explain.svg`.

    Parameters
    ----------
    title
        What the target is, in words.
    marked
        Bases [start, end) of the contig that are shaded.
    """
    write_table(explained.table, out / "attribution.parquet", tables.ATTRIBUTION, lineage)
    write_table(explained.agreement, out / "agreement.parquet", tables.AGREEMENT, lineage)
    write_table(explained.map, out / "mutagenesis.parquet", tables.MUTAGENESIS, lineage)
    write_table(explained.influence, out / "influence.parquet", tables.INFLUENCE, lineage)
    write_json({"title": title, **explained.summary()}, out / "explain.json")
    draw_file(
        out / "explain.svg", (theme.WIDTH_2, 6.6), lambda figure: explained_picture(figure, explained, title, marked)
    )


def explained_picture(figure: Figure, explained: Explained, title: str, marked: tuple[int, int]) -> None:
    """Letters by contribution, the features that matter most, and the saturation map below one another, base under
    base.
    """
    top, middle, bottom = figure.subplots(3, 1, height_ratios=(1.2, 2.2, 1.0))
    shown = explained.read[explained.read["position"].isin(explained.map["position"])].reset_index(drop=True)
    if shown.empty:  # the second base of a contig has one base before it, which is no context to change
        shown = explained.read
    summary = explained.summary()
    rank = float(str(summary["ablation_spearman"]))
    ranks = "" if math.isnan(rank) else f"; rank correlation with removing features one by one {rank:.2f}"
    figure.suptitle(
        f"{title}: {explained.value:+.3f} nats\ncontributions add up to"
        f" {float(str(summary['explained_nats'])):+.3f} of"
        f" {float(str(summary['target_nats'])) - float(str(summary['baseline_nats'])):+.3f} nats beyond the"
        f" baseline{ranks}"
    )
    plots.contribution_logo(top, shown, last=len(shown))
    plots.contributions_grid(middle, explained.table, shown, last=len(shown))
    plots.mutagenesis(bottom, explained.map)
    titles = ("what each base brings", "through which features", "what changing a single base would do")
    for ax, words in zip((top, middle, bottom), titles, strict=True):
        ax.set_title(words, loc="left")
    plots.mark(top, shown["position"].tolist(), marked)
    plots.mark(middle, shown["position"].tolist(), marked)
    plots.mark(bottom, list(dict.fromkeys(explained.map["position"])), marked)
    plots.share_width(top, like=middle)


def write_causality(table: pd.DataFrame, out: Path, lineage: Provenance) -> None:
    """One table."""
    write_table(table, out, tables.CAUSALITY, lineage)


def write_exchange(measured: Exchange, out: Path, lineage: Provenance) -> None:
    """`exchange.parquet`, `exchange.json`, `exchange.svg`."""
    write_table(measured.table, out / "exchange.parquet", tables.EXCHANGE, lineage)
    law = measured.law
    write_json(
        {
            **law._asdict(),
            "r_held_out": measured.r,
            "r2_held_out": measured.r2,
            "rmse_held_out_nats": measured.rmse,
            "strength_of_one_copy": law.strength_of(1.0),
            "copies_of_one_unit": law.copies_of(1.0),
        },
        out / "exchange.json",
    )
    draw_file(
        out / "exchange.svg",
        (theme.WIDTH_1, 2.8),
        lambda figure: void(plots.exchange_lines(figure.subplots(), measured.table)),
    )
