"""Features that nobody has named: reproducible, strong, and explained by nothing that was tested."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
from markupsafe import Markup

from photo51 import words
from photo51.findings.unannotated import without_control
from photo51.report.elements.blocks import Cell, Head, Raw, Table, first_of, records, verdict_cell
from photo51.report.elements.feature_cards import feature_card
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.feature import FeatureFacts
from photo51.run.opened import Run

ANCHOR, TITLE = "unnamed", "Unannotated features"
QUESTION = "What does the model compute that no annotation explains?"
SHOWN = 40  # features of the ranking listed
QUEUE = (
    Head("Rank", numeric=True),
    Head("Feature"),
    Head("[[novelty]]", numeric=True),
    Head("other seeds, r", numeric=True),
    Head("strength", numeric=True),
    Head("explained", numeric=True),
    Head("copies", numeric=True),
    Head("[[n_eff]]", numeric=True),
    Head("consensus"),
    Head("closest annotation"),
    Head("Verdict"),
)


def section(run: Run, dossiers: Callable[[list[int]], list[FeatureFacts]], shown: int = 8) -> Section:
    """The queue, its control and its proof, from `novelty`, `shapes` and `hidden_classes`."""
    if not run.has("novelty"):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("novelty"), ran=run.table("novelty") is not None)
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    table = run.need("novelty")
    queue = table[table["rank"] > 0].sort_values("rank")
    novel = queue[queue["novel"].astype(bool)]
    _claim(table, queue, novel, draft)
    _proof(run, draft)
    if len(queue):
        draft.show(_table(run, queue.head(SHOWN), len(queue)))
        cards = Markup("").join(feature_card(run, d) for d in dossiers([int(f) for f in queue["feature"].head(shown)]))
        draft.show(Raw(Markup('<div class="concepts">{}</div>').format(cards)))
    gated = table.loc[table["rank"] == 0, "gate"].value_counts()
    if len(gated):
        counted = [f"{n:,} ({gate})" for gate, n in gated.items()]
        draft.fail(
            f"{words.count(int(gated.sum()), 'feature')} did not pass a gate of the ranking:"
            f" {words.listing(counted, 5)}.",
            "limit",
        )
    return draft.section(TITLE, QUESTION)


def _claim(table: pd.DataFrame, queue: pd.DataFrame, novel: pd.DataFrame, draft: Draft) -> None:
    if why := without_control(table):
        draft.fail(f"The ranking could not be tested: {why}; none of its features is called novel.", "limit")
        draft.answers.append(
            f"{words.count(len(queue), 'feature')} passed the gates of the ranking; whether any is novel could not be"
            f" tested: {why}."
        )
        return
    if novel.empty:
        draft.fail("No unannotated feature stands out from those of the random-weight model.", "not found")
        draft.answers.append("No unannotated feature stands out from those of the random-weight model.")
        return
    r = float(novel["seed_match_r"].min())
    draft.answers.append(
        f"{words.count(len(novel), 'feature')} {'is' if len(novel) <= 1 else 'are'} found again by dictionaries of"
        f" other seeds (r {words.fixed(r)} or more), explained by no known class read in sense, antisense or both, and"
        " ranked above the random-weight model's features at a false discovery rate of 5 %."
    )


def _proof(run: Run, draft: Draft) -> None:
    if not run.has("hidden_classes"):
        return
    table = run.need("hidden_classes")
    tested = table[table["status"] == "tested"]
    n_recovered = int(tested["recovered"].astype(bool).sum())
    if len(tested) and not n_recovered and draft.answers:
        draft.answers.append(
            "Read them as candidates: with a known class of annotation hidden, the first features of the ranking"
            f" brought back none of {len(tested)}."
        )
    rows = [
        [
            words.kind(str(r.annotation)),
            f"{{f{r.feature}}}" if r.feature >= 0 else "–",
            Cell(str(r.rank) if r.rank else "–", float(r.rank)),
            Cell(words.fixed(r.f1_domain), r.f1_domain),
            Cell(words.fixed(r.f1_null95), r.f1_null95),
            f"{{f{r.best_feature}}}" if r.best_feature >= 0 else "–",
            Cell(words.fixed(r.best_f1), r.best_f1),
            str(r.best_rank) if r.best_rank else f"not in it: {r.best_gate}",
            verdict_cell("yes" if r.recovered else "no", "recovered" if r.recovered else "missed"),
        ]
        for r in records(tested)
    ]
    if rows:
        heads = [
            Head("Hidden class"),
            Head("Feature that came up"),
            Head("rank", numeric=True),
            Head("[[f1]]", numeric=True),
            Head("[[null_f1]]", numeric=True),
            Head("best of those enriched in it"),
            Head("its [[f1]]", numeric=True),
            Head("its place in the ranking"),
            Head("Verdict"),
        ]
        note = (
            "A class is recovered where the one of the first features of the ranking that marks it best, on blocks to"
            " choose on, exceeds its null F1 and the limit of the run on others. The best of all features that are"
            " enriched in the class, chosen likewise, says whether the dictionary holds the class at all."
        )
        draft.show(Table("Leave-one-annotation-out validation", heads, rows, note=note))
    missed = [words.kind(str(r.annotation)) for r in records(tested) if not r.recovered]
    if missed:
        each, them = (", each by itself", "any of them") if len(missed) > 1 else ("", "it")
        draft.fail(
            f"With {words.listing(missed)} hidden{each}, the first features of the ranking did not bring {them} back.",
            "not found",
        )
    for r in records(table[table["status"] != "tested"]):
        draft.fail(
            f"{words.kind(str(r.annotation)).capitalize()} could not be hidden as a test: {r.status}.",
            "limit",
        )


def _table(run: Run, queue: pd.DataFrame, total: int) -> Table:
    shapes = run.table("shapes")
    consensus: dict[Any, Any] = {} if shapes is None else dict(zip(shapes["feature"], shapes["consensus"], strict=True))
    rows = []
    for r in records(queue):
        closest = f"{words.kind(str(r.best_annotation))} ({words.fixed(r.best_f1)})" if r.best_annotation else "none"
        parts = [
            Cell(words.fixed(v), v) if math.isfinite(v) else Cell("not measured")
            for v in (r.seed_match_r, r.strength, r.d2_explained, r.repeat_frac)
        ]
        shared = str(consensus.get(r.feature, ""))
        rows.append(
            [
                int(r.rank),
                f"{{f{r.feature}}}",
                Cell(words.fixed(r.novelty), r.novelty),
                *parts,
                Cell(words.number(r.n_eff, 2), r.n_eff),
                f"`{shared}`" if shared else "–",
                closest,
                verdict_cell("yes" if r.novel else "untested", "novel" if r.novel else "ranked"),
            ]
        )
    note = (
        "Strength: percentile of what the model loses without it at its strongest loci (where that was not measured, of"
        " its activation). Explained: held-out deviance that all annotations, six-letter words and GC together account"
        " for. Copies: share of its strongest loci that are copies of another."
    )
    return Table(first_of("The ranking", len(queue), total), QUEUE, rows, note=note, shown=12, row_heads=False)
