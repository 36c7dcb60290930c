"""Evidence cards: why the model scores a variant as it does."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from markupsafe import Markup

from photo51 import words
from photo51.biomarkers import plots
from photo51.biomarkers.cards.picture import change_text, drugs_of
from photo51.report.elements import svg
from photo51.report.elements.blocks import Block, Figure, Prose, Raw, records, rich, verdict_cell
from photo51.run.opened import Run

_CARD = Markup(
    '<article class="card"><h4>{title}</h4><p class="small">{kind} {flag}</p><p class="big">{probability}'
    ' <small>{meaning}</small></p><ul class="flat">{features}</ul><p class="small">Each number is {unit}.'
    " {faithful}{nearest}</p></article>"
)


def blocks(run: Run, name: str, n: int) -> list[Block]:
    """Cards of the variants of a set that score highest."""
    cards = run.of_set("cards", name)
    if cards.empty or not n:
        return []
    cited, near = run.of_set("card_features", name), run.of_set("card_neighbours", name)
    variants = run.of_set("variants", name).drop_duplicates("variant").set_index("variant")
    chosen = cards.sort_values(["score", "variant"], ascending=[False, True]).head(n).to_dict("records")
    shown = Markup("").join(evidence_card(c, variants, cited, near) for c in chosen)
    shows_any = any(math.isfinite(c["probability"]) for c in chosen)
    return [
        Prose(
            "**Evidence cards.** Why a variant scores as it does: the features that move its score most, read along the"
            " gene (sense) or against it (antisense), and how much of what features add goes when they are deleted."
        ),
        Raw(Markup('<div class="cards">{}</div>').format(shown)),
        *(_trust(run.of_set("card_calibration", name)) if shows_any else []),
    ]


def _trust(bins: pd.DataFrame) -> list[Block]:
    """How far the probabilities can be trusted."""
    if bins.empty:
        return []
    alt = (
        f"Observed share of cases against the calibrated probability, in {len(bins)} bins of held-out variants; the"
        " diagonal is perfect."
    )
    picture = svg.figure(lambda ax: plots.calibration_curve(ax, bins), (3.2, 2.6), alt)
    caption = (
        "How far the cards' probabilities can be trusted: held-out genes, 95 % intervals; the dotted diagonal is"
        " perfect."
    )
    return [Figure(picture, caption)]


def _faithful(record: dict[Any, Any]) -> str:
    """How much of the score the cited features carry."""
    if not math.isfinite(record["faithfulness"]):
        return "Features add next to nothing to this score."
    took, random = words.percent(record["faithfulness"], 0), words.percent(record["random_faithfulness"], 0)
    return f"Deleting these features takes away {took} of what features add (as many random ones: {random})."


def _probability(record: dict[Any, Any]) -> str:
    return words.chance(record["probability"]) if math.isfinite(record["probability"]) else ""


def _meaning(record: dict[Any, Any]) -> str:
    """What the number is a probability of, or why there is none."""
    if not math.isfinite(record["probability"]):
        return f"No probability is shown: {record.get('withheld') or 'none was made'}."
    return (
        f"probability of {record.get('outcome') or 'being a case'} ({words.percent(record['prevalence'], 0)} of this"
        " set are cases)"
    )


def evidence_card(record: dict[Any, Any], variants: pd.DataFrame, cited: pd.DataFrame, near: pd.DataFrame) -> Markup:
    """One card as HTML."""
    name = record["variant"]
    facts: dict[Any, Any] = variants.loc[name].to_dict() if name in variants.index else {}
    # all of them: what goes with the score when they are deleted is said of all
    mine = cited[cited["variant"] == name].sort_values("rank") if len(cited) else cited
    scale = float(record.get("scale", math.nan))
    calibrated = math.isfinite(scale) and scale > 0
    lines = [
        Markup("<li><span>{}</span> <b>{}</b></li>").format(
            rich(f"{{f{r.feature}}}, read {r.orientation}: {words.kind(str(r.name_)) or 'unnamed'}"),
            words.signed(r.contribution * (scale if calibrated else 1.0)),
        )
        for r in records(mine.rename(columns={"name": "name_"}))
    ]
    others = near[near["variant"] == name].sort_values("rank").head(2) if len(near) else near
    nearest = words.listing([f"{r.gene} {r.neighbour}" for r in records(others)])
    kind = [words.kind(str(facts.get("consequence", "")))]
    kind += [f"drug: {drug}"] if (drug := drugs_of(facts)) else []
    return _CARD.format(
        title=" ".join(w for w in (str(facts.get("gene", "")), change_text(facts), name) if w),
        kind="; ".join(kind),
        flag=verdict_cell("untested", "unlike anything in the set") if record["out_of_domain"] else "",
        probability=_probability(record),
        meaning=_meaning(record),
        features=Markup("").join(lines),
        unit=(
            "added to the calibrated log odds"
            if calibrated
            else "added to the score of the probe, which is not calibrated"
        ),
        faithful=_faithful(record),
        nearest=f" Nearest known cases, by the features they change: {nearest}." if nearest else "",
    )
