"""Figures of biomarkers: each takes an axis and a table, and returns the axis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from photo51 import theme

LABELS = {
    "llr": "likelihood ratio",
    "abs_llr": "|likelihood ratio|",
    "llr_fair": "likelihood, length-fair",
    "features": "≤ 20 features",
    "stacked": "likelihood + features",
    "conservation": "conservation",
    "context": "substitution, neighbours, GC",
    "kmer": "k-mers",
    "embedding": "all activations",
    "gene_prior": "the gene's name alone",
    "consequence_prior": "the consequence alone",
    "gene_consequence_prior": "gene and consequence alone",
    "features_random_split": "features, genes not held out",
    "features_permuted": "features, labels permuted",
}
MEANING = {"score": "feature", "baseline": "baseline", "leak": "failed", "null": "null"}
ROLES = {"leak": "confounder"}
MARKERS = {"score": "o", "baseline": "D", "leak": "^", "null": "s"}
Z = 1.96  # of a 95 % interval


def classifier_bars(ax: Axes, classifiers: pd.DataFrame, stratum: str = "all") -> Axes:
    """Within-gene AUROC of every score (filled) beside the one over all pairs (open), with 95 % intervals over genes.

    The open marker of the gene's name alone is the meter of confounding: what a score reaches by knowing the gene.
    """
    table = classifiers[(classifiers["stratum"] == stratum) & (classifiers["role"] != "unscored")].iloc[::-1]
    for i, row in enumerate(table.to_dict("records")):
        colour, marker = theme.colour(MEANING[row["role"]]), MARKERS[row["role"]]
        ax.plot([row["within_lo"], row["within_hi"]], [i, i], color=colour, lw=1.6)
        ax.plot(row["auroc_within"], i, marker=marker, color=colour, ms=5)
        ax.plot(row["auroc"], i, marker=marker, mec=colour, mfc="none", ms=5, ls="")
    ax.axvline(0.5, color=theme.MUTED, lw=0.8, ls=":")
    ax.set_yticks(range(len(table)), [LABELS.get(m, m) for m in table["method"]])
    ax.set_ylim(-0.6, len(table) - 0.4)
    if len(table):
        first = table.iloc[0]
        ax.set_xlabel(
            f"AUROC, genes held out; {stratum}: {first['n_case']:,} cases, {first['n_control']:,} controls,"
            f" {first['n_genes']} genes"
        )
    shapes = [
        Line2D([], [], ls="", marker=m, color=theme.colour(MEANING[r]), label=ROLES.get(r, r))
        for r, m in MARKERS.items()
    ]
    shapes += [
        Line2D([], [], ls="", marker="o", color=theme.MUTED, label="pairs of one gene"),
        Line2D([], [], ls="", marker="o", mec=theme.MUTED, mfc="none", label="all pairs"),
    ]
    ax.legend(
        handles=shapes,
        ncols=6,
        loc="lower center",
        bbox_to_anchor=(0.4, 1.0),
        columnspacing=1.0,
        handletextpad=0.2,
    )
    return ax


def inflation(ax: Axes, lambdas: pd.DataFrame) -> Axes:
    """Genomic inflation of each test on a logarithmic axis; 1 is calibrated."""
    names = {
        "mixed_model": "mixed model",
        "regression": "regression",
        "rank": "rank test",
        "components": "principal components",
    }
    for i, row in enumerate(lambdas.to_dict("records")):
        colour = theme.colour("baseline" if row["naive"] else "feature")
        ax.plot([1, row["lambda_gc"]], [i, i], color=colour, lw=4, solid_capstyle="butt")
        ax.annotate(
            f"{row['lambda_gc']:.2f}, {row['discoveries']:,} discoveries",
            (max(row["lambda_gc"], 1), i),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    ax.axvline(1, color=theme.MUTED, lw=0.8, ls=":")
    ax.set_xscale("log")
    ax.set_xlim(0.7, max(2.0, 3.5 * float(lambdas["lambda_gc"].max())))
    ax.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    ax.minorticks_off()
    ax.set_yticks(range(len(lambdas)), [names.get(t, t) for t in lambdas["test"]])
    ax.set_ylim(-0.6, len(lambdas) - 0.4)
    ax.invert_yaxis()
    ax.set_xlabel("genomic inflation λ (1 is calibrated)")
    return ax


def _named(feature: int, names: dict[int, str]) -> str:
    """A feature with its name, as the begin of a label."""
    return f"f{feature} {names[feature]}," if feature in names else f"f{feature},"


def effect_forest(ax: Axes, tests: pd.DataFrame, names: dict[int, str] | None = None, max_rows: int = 15) -> Axes:
    """Effects of the strongest features in discovery genes (filled) and in the others (open)."""
    table = tests.sort_values(["p", "feature"]).head(max_rows).iloc[::-1]
    for i, row in enumerate(table.to_dict("records")):
        for effect, se, fill, height in (
            (row["effect"], row["se"], True, i + 0.13),
            (row["rep_effect"], row["rep_se"], False, i - 0.13),
        ):
            colour = theme.colour("feature" if row["replicated"] else "null")
            ax.plot([effect - Z * se, effect + Z * se], [height, height], color=colour, lw=1.2)
            ax.plot(effect, height, "o", mec=colour, mfc=colour if fill else theme.PAPER, ms=4)
    ax.axvline(0, color=theme.MUTED, lw=0.8, ls=":")
    name_of, several = names or {}, tests["statistic"].nunique() > 1
    ax.set_yticks(
        range(len(table)),
        [
            " ".join(filter(None, [_named(int(f), name_of), "read", o, f"({s})" if several else ""]))
            for f, o, s in zip(table["feature"], table["orientation"], table["statistic"], strict=True)
        ],
    )
    ax.set_xlabel("effect within strata (2 · AUROC − 1); filled discovery genes, open the others; 95 %")
    return ax


def calibration_curve(ax: Axes, bins: pd.DataFrame, probability: float | None = None) -> Axes:
    """Observed share of cases against the calibrated score, held-out genes, with Wilson intervals; a variant's own
    score.
    """
    ax.plot([0, 1], [0, 1], color=theme.MUTED, lw=0.8, ls=":")
    low, high = bins["observed"] - bins["observed_lo"], bins["observed_hi"] - bins["observed"]
    ax.errorbar(
        bins["predicted"],
        bins["observed"],
        yerr=np.clip([low, high], 0, None),
        fmt="o-",
        ms=3.5,
        lw=1,
        elinewidth=1,
        color=theme.colour("feature"),
    )
    extremes = [bins["predicted"].max(), bins["observed_hi"].max(), probability or 0.0]
    top = min(1.0, 1.08 * max(0.1, *(float(v) for v in extremes if np.isfinite(v))))  # cases may be rare
    if probability is not None:
        ax.axvline(probability, color=theme.colour("pathogenic"), lw=1.4)
        right = probability < 0.5 * top
        ax.annotate(
            f"this variant\n{probability:.2f}",
            (probability, 0.06 if right else 0.7),
            xycoords=("data", "axes fraction"),
            xytext=(4 if right else -4, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            color=theme.colour("pathogenic"),
            fontsize=7,
        )
    ax.set_xlim(-0.03 * top, 1.03 * top)
    ax.set_ylim(-0.03 * top, 1.03 * top)
    ax.set_xlabel("calibrated probability")
    ax.set_ylabel(f"observed share (n = {int(bins['n'].sum()):,})")
    return ax


def contribution_bars(ax: Axes, names: list[str], values: list[float], n_cited: int, label: str) -> Axes:
    """What each term adds to a score, cited features on top and in full colour, then other terms."""
    colours = [theme.colour("pathogenic" if v > 0 else "benign") for v in values]
    bars = ax.barh(range(len(values)), values, color=colours, height=0.6)
    for bar in bars[n_cited:]:
        bar.set_alpha(0.45)
    ax.axvline(0, color=theme.MUTED, lw=0.8)
    ax.set_yticks(range(len(values)), names)
    ax.set_ylim(max(len(values), 3) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel(label)
    return ax


HEADROOM = 1.4  # height of the axes, in heights of the tallest bar


def against_set(ax: Axes, values: pd.Series, labels: pd.Series, value: float, label: str) -> Axes:
    """Where a variant stands among the cases and the controls of its set."""
    edges = np.histogram_bin_edges(np.append(values.to_numpy(), value), bins=30).tolist()
    for meaning, label_value, name in (("benign", 0, "controls"), ("pathogenic", 1, "cases")):
        chosen = values[labels == label_value]
        ax.hist(
            chosen,
            edges,
            density=True,
            histtype="stepfilled" if label_value == 0 else "step",
            color=theme.colour(meaning),
            alpha=0.35 if label_value == 0 else 1.0,
            lw=1.3,
            label=f"{name} (n = {len(chosen):,})",
        )
    # room above the bars for the legend, which no line crosses
    ax.set_ylim(0, HEADROOM * ax.get_ylim()[1])
    ax.axvline(value, ymax=1 / HEADROOM, color=theme.INK, lw=1.4)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(label)
    ax.legend(loc="upper center", ncols=2, handlelength=1.0, columnspacing=1.2)
    return ax
