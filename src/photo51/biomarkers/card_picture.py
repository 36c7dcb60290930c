"""The picture of an evidence card: one page that a clinician-researcher can question."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.image as mpimg
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from photo51 import theme
from photo51.biomarkers import plots
from photo51.biomarkers.cards import BANNER
from photo51.io import atomic

Record = Mapping[Any, Any]
NEGLIGIBLE = 1e-6


def card_picture(
    card: Record,
    variant: Record,
    tables: Mapping[str, pd.DataFrame],
    logos: Mapping[int, Path] | None = None,
) -> Figure:
    """Draw a card.

    Parameters
    ----------
    card
        Row of the cards table.
    variant
        Row of the variants table.
    tables
        `features` and `neighbours` of this variant; `calibration`; `set`: llr and label (1 case, 0 control) of the set;
        `probe`: its row of the classifiers table, or none.
    logos
        Feature → picture of its motif.
    """
    with theme.style():
        figure = plt.figure(figsize=(theme.WIDTH_2, 6.4))
        rows = figure.add_gridspec(4, 1, height_ratios=[0.75, 2.0, 1.5, 0.62])
        _heading(figure.add_subplot(rows[0]), card, variant)
        cited = tables["features"].sort_values("rank")
        shown = {int(f): p for f, p in (logos or {}).items() if int(f) in set(cited["feature"])}
        middle = rows[1].subgridspec(
            1, 2 if not shown else 3, width_ratios=[1.5, 1] if not shown else [1.5, 0.5, 1]
        )
        axis = figure.add_subplot(middle[0])
        plots.contributions(axis, cited, _others(card))
        axis.set_title("What the score stands on")
        if shown:
            _logos(figure.add_subplot(middle[1]), cited, shown)
        right = plots.calibration(figure.add_subplot(middle[-1]), tables["calibration"], card["probability"])
        right.set_title("Is the score calibrated?")
        low = rows[2].subgridspec(1, 2, width_ratios=[1, 1])
        llr = plots.against_set(
            figure.add_subplot(low[0]),
            tables["set"]["llr"],
            tables["set"]["label"],
            variant["llr"],
            "log-likelihood ratio, mean of both strands (nats)",
        )
        llr.set_title("How surprised is the model?")
        _neighbours(figure.add_subplot(low[1]), tables["neighbours"])
        _footing(figure.add_subplot(rows[3]), card, tables["probe"])
    return figure


def _others(card: Record) -> dict[str, float]:
    """Terms of the score beside the cited features."""
    parts = {
        "likelihood ratio": card["score"] - card["baseline"] - card["attributed"],
        "other features": card["deleted"],
    }
    return {name: value for name, value in parts.items() if abs(value) > NEGLIGIBLE}


def _heading(ax: Axes, card: Record, variant: Record) -> None:
    ax.axis("off")
    codon = f", codon position {variant['codon_position']}" if variant["codon_position"] else ""
    kind = str(variant["consequence"]).replace("_", " ")
    listed = str(variant.get("label", "") or "nothing").replace("_", " ")
    ax.text(0, 1.0, BANNER, color=theme.colour("pathogenic"), fontsize=8, weight="bold", va="top")
    ax.text(0, 0.66, f"{variant['gene']}  {variant['variant']}", fontsize=13, weight="bold", va="top")
    ax.text(0, 0.16, f"{kind}{codon}; listed as {listed}", fontsize=8, color=theme.MUTED, va="top")
    ratio = card["likelihood_ratio"]
    times = f"{ratio:.1f}" if ratio >= 1 else f"1/{1 / ratio:.1f}"
    ax.text(1, 1.0, f"{card['probability']:.2f}", fontsize=20, weight="bold", ha="right", va="top")
    said = f"probability of disease in a set like this one,\nwhere {card['prevalence']:.0%} are disease variants; odds × {times}"
    ax.text(1, 0.42, said, fontsize=7, color=theme.MUTED, ha="right", va="top")


def _logos(ax: Axes, cited: pd.DataFrame, logos: Mapping[int, Path]) -> None:
    ax.axis("off")
    n = len(cited)
    for i, feature in enumerate(cited["feature"]):
        if int(feature) in logos:
            inset = ax.inset_axes((0, (n - 1 - i) / n, 1, 0.9 / n))
            inset.imshow(mpimg.imread(logos[int(feature)]), aspect="auto")
            inset.axis("off")


def _neighbours(ax: Axes, table: pd.DataFrame) -> None:
    ax.axis("off")
    ax.set_title("Nearest known disease variants")
    if table.empty:
        ax.text(0, 0.8, "None changes a feature that this variant changes.", fontsize=8)
        return
    for i, row in enumerate(table.sort_values("rank").to_dict("records")):
        kind = str(row["consequence"]).replace("_", " ")
        y = 0.9 - 0.18 * i
        ax.text(0, y, f"{row['similarity']:.2f}", fontsize=8, weight="bold")
        ax.text(0.1, y, f"{row['gene']}  {row['neighbour']}  {kind}", fontsize=8)
    ax.text(0, -0.08, "cosine of the feature changes; 1 is the same change", fontsize=7, color=theme.MUTED)


def _footing(ax: Axes, card: Record, probe: pd.DataFrame) -> None:
    ax.axis("off")
    faithful = (
        f"Faithfulness: deleting the cited features takes away {card['faithfulness']:.0%} of the log odds due to features "
        f"({card['attributed']:+.2f}); as many random ones {card['random_faithfulness']:.0%}."
        if card["faithfulness"] == card["faithfulness"]
        else "Faithfulness: no part of this score is due to features."
    )
    inside = card["distance"] == card["distance"]
    distance = (
        f"distance to its neighbours {card['distance']:.2f}, limit {card['distance_limit']:.2f}; {card['unseen']:.0%} of the change on features the set never changes"
        if inside
        else "it changes no feature"
    )
    domain = "OUTSIDE what the set has shown" if card["out_of_domain"] else "Within what the set has shown"
    colour = theme.colour("failed") if card["out_of_domain"] else theme.INK
    ax.text(0, 0.95, textwrap.fill(faithful, 130), fontsize=7.5, va="top")
    ax.text(0, 0.6, textwrap.fill(f"{domain}: {distance}.", 130), fontsize=7.5, va="top", color=colour)
    for row in probe.to_dict("records"):
        chance = row["within_lo"] <= 0.5
        said = f"Over the whole set this score tells cases from controls of a gene with AUROC {row['auroc_within']:.2f} ({row['within_lo']:.2f} to {row['within_hi']:.2f})"
        said += (
            ": no better than chance, so the card explains the score and not the disease." if chance else "."
        )
        ax.text(0, 0.25, said, fontsize=7.5, va="top", color=theme.colour("failed") if chance else theme.INK)
    ax.text(
        0, -0.1, f"Probe: {card['method']}, genes held out. Every number is in the JSON beside this picture, with its file, row and SHA-256.",
        fontsize=6.5, color=theme.MUTED,
    )  # fmt: skip


def save(figure: Figure, path: Path) -> None:
    """Write a figure (the suffix says how), the same bytes for the same figure."""
    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None}
    with atomic(path) as partial:
        figure.savefig(partial, metadata=metadata)
    theme.close(figure)
