"""The picture of an evidence card: one page that a clinician-researcher can question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.image as mpimg
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from photo51 import theme, words
from photo51.biomarkers import plots
from photo51.biomarkers.cards.evidence import BANNER
from photo51.biomarkers.cards.layout import TextLine, height_of, stack_lines, wrapped_lines
from photo51.io import atomic

Record = Mapping[Any, Any]
NEGLIGIBLE = 1e-6
WIDE, MARGIN, GAP = theme.WIDTH_2, 0.15, 0.18  # inches, all of them
HEAD_LEFT, HEAD_RIGHT = 4.2, 2.5
LABELS, BARS, BAR = 2.5, 1.7, 0.54
LOWER, FRAME = 1.25, 0.55
SURPRISE = {
    "llr": "log-likelihood ratio, mean of both strands (nats)",
    "llr_fair": "likelihood against random changes of like length (sd)",
}
SETS = {
    "case": "a case, by the cases and controls of other genes",
    "control": "a control, by the cases and controls of other genes",
    "both": "undecided: as far as other genes go it may be case or control",
    "neither": "undecided: it scores like neither cases nor controls of other genes",
}


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
        `features` and `neighbours` of this variant; `calibration`; `set`: llr (or llr_fair) and label (1 case, 0
        control) of the set; `probe`: its row of the classifiers table, or none.
    logos
        Feature → picture of its motif.
    """
    cited = tables["features"].sort_values("rank")
    names, values, unit = terms(card, cited)
    left, right = _heading(card, variant)
    foot = _footing(card, tables["probe"])
    head = max(height_of(left, HEAD_LEFT), height_of(right, HEAD_RIGHT))
    bars = BAR * max(len(names), 3)
    low = max(LOWER, height_of(_neighbours(tables["neighbours"]), 3.2) - 0.2)
    text = WIDE - 2 * MARGIN
    high = MARGIN + head + GAP + 0.25 + bars + FRAME + 0.25 + low + FRAME + height_of(foot, text) + MARGIN
    with theme.style():
        figure = plt.figure(figsize=(WIDE, high), layout="none")
        top = high - MARGIN
        stack_lines(figure, left, MARGIN, top, HEAD_LEFT)
        stack_lines(figure, right, WIDE - MARGIN - HEAD_RIGHT, top, HEAD_RIGHT, right=True)
        top -= head + GAP
        _middle(figure, (top - 0.25 - bars, bars), (names, values, unit), card, tables, logos or {})
        top -= 0.25 + bars + FRAME
        axis = _axes(figure, MARGIN + 0.1, top - 0.25 - low, 2.9, low)
        by = "llr_fair" if "llr_fair" in tables["set"] else "llr"
        plots.against_set(axis, tables["set"][by], tables["set"]["label"], variant[by], SURPRISE[by]).set_title(
            "How surprised is the model?"
        )
        stack_lines(figure, _neighbours(tables["neighbours"]), 3.75, top - 0.02, 3.3)
        stack_lines(figure, foot, MARGIN, MARGIN + height_of(foot, text), text)
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes placed in inches."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def _middle(
    figure: Figure,
    place: tuple[float, float],
    shown: tuple[list[str], list[float], str],
    card: Record,
    tables: Mapping[str, pd.DataFrame],
    logos: Mapping[int, Path],
) -> None:
    names, values, unit = shown
    bottom, height = place
    cited = tables["features"].sort_values("rank")
    axis = _axes(figure, MARGIN + LABELS, bottom, BARS, height)
    plots.contribution_bars(axis, names, values, len(cited), unit)
    axis.set_title("What the score stands on", x=-LABELS / BARS)
    drawn = {int(f): p for f, p in logos.items() if int(f) in set(cited["feature"])}
    for i, feature in enumerate(cited["feature"]):
        if int(feature) in drawn:
            inset = _axes(figure, MARGIN + LABELS + BARS + 0.05, bottom + height - BAR * (i + 1), 0.6, 0.9 * BAR)
            inset.imshow(mpimg.imread(drawn[int(feature)]), aspect="auto")
            inset.axis("off")
    probability = float(card["probability"])
    right = _axes(figure, WIDE - MARGIN - 1.75, bottom, 1.75, height)
    plots.calibration_curve(right, tables["calibration"], probability if math.isfinite(probability) else None)
    right.set_title("Is the score calibrated?")


def terms(card: Record, cited: pd.DataFrame) -> tuple[list[str], list[float], str]:
    """Names and sizes of the terms of a score, and their unit: calibrated log odds, as the probability beside them
    is.
    """
    scale = float(card["scale"])
    size = scale if scale > 0 else 1.0
    loci = cited["locus"] if "locus" in cited else [""] * len(cited)
    names, values = [], []
    for feature, orientation, name, delta, locus, contribution in zip(
        cited["feature"], cited["orientation"], cited["name"], cited["delta"], loci, cited["contribution"], strict=True
    ):
        change = f"{'gained' if delta > 0 else 'lost'}: Δ {_signed(delta)}{f'; strongest at {locus}' if locus else ''}"
        called = f"f{feature}, read {orientation}: {name or 'unnamed'}"
        lines = [TextLine(called, 7, most=2), TextLine(change, 7, most=2)]
        names.append(
            "\n".join(part for line in lines for part in wrapped_lines(line, LABELS - 0.1)).replace("$", r"\$")
        )
        values.append(size * float(contribution))
    others = {
        # what is left of the score is the likelihood's part
        "likelihood ratio": card["score"] - card["baseline"] - card["attributed"],
        "other features": card["deleted"],
    }
    for name, value in others.items():
        if abs(value) > NEGLIGIBLE:
            names.append(name)
            values.append(size * float(value))
    return names, values, "adds to the calibrated log odds" if scale > 0 else "adds to the probe's score"


def _heading(card: Record, variant: Record) -> tuple[list[TextLine], list[TextLine]]:
    """What the variant is; and what is said of it."""
    codon = f", codon position {variant['codon_position']}" if variant["codon_position"] else ""
    change, drug = change_text(variant), drugs_of(variant)
    kind = str(variant["consequence"]).replace("_", " ")
    listed = str(variant.get("label", "") or "nothing").replace("_", " ")
    what = [f"{kind}{codon}", *([f"drug: {drug}"] if drug else []), f"listed as {listed}"]
    left = [
        TextLine(BANNER, 8, theme.colour("pathogenic"), "bold", 2),
        TextLine(f"{variant['gene']} {change}".strip(), 13, theme.INK, "bold", 2),
        TextLine(str(variant["variant"]), 9, theme.INK, "bold", 3),
        TextLine("; ".join(what), 8, theme.MUTED, "normal", 3),
    ]
    sets = TextLine(f"At the error that the run allows in each class: {SETS[str(card['conformal'])]}.", 7, theme.MUTED)
    if not card["shows_probability"]:
        return left, [
            TextLine("no probability", 13, theme.colour("failed"), "bold", 1),
            TextLine(f"{card['withheld']}.", 7, theme.colour("failed")),
        ]
    ratio = card["likelihood_ratio"]
    # odds below 1 as a fraction: 1/4 is easier read than 0.25
    times = f"{ratio:.1f}" if ratio >= 1 else f"1/{1 / ratio:.1f}"
    meaning = (
        f"probability of {card['outcome']} in a set like this one, where {card['prevalence']:.0%} are cases; odds ×"
        f" {times}"
    )
    return left, [
        TextLine(words.chance(float(card["probability"])), 20, theme.INK, "bold", 1),
        TextLine(meaning, 7, theme.MUTED),
        sets,
    ]


def _signed(delta: float) -> str:
    """A change with its sign: whole from a hundred on, else two digits."""
    text = f"{delta:+,.0f}" if abs(delta) >= 100 else f"{delta:+.2g}"
    return text.replace("-", "\N{MINUS SIGN}")


def change_text(variant: Record) -> str:
    """The change of the protein, as HGVS or as the table has it; empty where none is known."""
    return next((str(variant[c]) for c in ("hgvs_p", "change") if _said(variant.get(c))), "")


def drugs_of(variant: Record) -> str:
    """Drugs a table names for a variant; empty where it names none."""
    return next((str(variant[c]) for c in ("drugs", "drug") if _said(variant.get(c))), "")


def _said(value: Any) -> bool:
    return isinstance(value, str) and value.strip() not in {"", "nan", "None"}


def _neighbours(table: pd.DataFrame) -> list[TextLine]:
    lines = [TextLine("Nearest known cases", 9, theme.INK, "bold", 1)]
    if table.empty:
        return [*lines, TextLine("None changes a feature that this variant changes.", 8)]
    for row in table.sort_values("rank").to_dict("records"):
        kind = str(row["consequence"]).replace("_", " ")
        lines.append(TextLine(f"{row['similarity']:.2f}  {row['gene']}  {row['neighbour']}  {kind}", 7.5, most=2))
    return [*lines, TextLine("cosine of the feature changes; 1 is the same change", 7, theme.MUTED)]


def _footing(card: Record, probe: pd.DataFrame) -> list[TextLine]:
    faithful = float(card["faithfulness"])
    lines = [
        TextLine(
            (
                f"Faithfulness: deleting the cited features takes away {faithful:.0%} of what features add; "
                f"as many random ones {card['random_faithfulness']:.0%}."
                if math.isfinite(faithful)
                else "Features add next to nothing to this score: what they add is not taken apart."
            ),
            7.5,
        )
    ]
    distance = (
        f"distance to its neighbours {card['distance']:.2f}, limit {card['distance_limit']:.2f}; {card['unseen']:.0%}"
        " of the change on features that no variant of another gene changes"
        if math.isfinite(card["distance"])
        else "it changes no feature"
    )
    outside = bool(card["out_of_domain"])
    domain = "OUTSIDE what the set has shown" if outside else "Within what the set has shown"
    lines.append(TextLine(f"{domain}: {distance}.", 7.5, theme.colour("failed") if outside else theme.INK))
    for row in probe.to_dict("records"):
        chance = not row["within_lo"] > 0.5
        note = (
            f"Over the whole set, this score tells cases from controls within a gene with AUROC"
            f" {row['auroc_within']:.2f}"
            f" ({row['within_lo']:.2f} to {row['within_hi']:.2f})"
        )
        note += ": no better than chance; the card explains the score, not the outcome." if chance else "."
        lines.append(TextLine(note, 7.5, theme.colour("failed") if chance else theme.INK))
    source = (
        f"Probe: {card['method']}, genes held out. Every number is in the JSON next to this picture, with its file, row"
        " and SHA-256."
    )
    return [*lines, TextLine(source, 6.5, theme.MUTED)]


def save(figure: Figure, path: Path) -> None:
    """Write a figure (the suffix says how), the same bytes for the same figure."""
    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None}
    with atomic(path) as partial:
        figure.savefig(partial, metadata=metadata)
    theme.close(figure)
