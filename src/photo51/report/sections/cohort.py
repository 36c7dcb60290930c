"""Features of individuals against a phenotype, with relatedness accounted for."""

from __future__ import annotations

import pandas as pd

from photo51 import theme, words
from photo51.biomarkers import plots
from photo51.report import svg
from photo51.report.blocks import Cell, Figure, Head, Heading, Table, q_cell, records
from photo51.report.sections.base import Draft
from photo51.run.opened import Run

HEADS = (
    Head("Feature"), Head("slope per SD of [[burden]]", numeric=True), Head("[[q]]", numeric=True), Head("[[p]] in clades kept apart", numeric=True),
    Head("half-samples that select it", numeric=True), Head("p, naive", numeric=True),
)  # fmt: skip


def write(run: Run, name: str, draft: Draft, alpha: float) -> None:
    """Add a cohort to the section."""
    tests, said = run.of_set("cohort_tests", name), name.replace("_", " ")
    found, opened = tests[tests["q"] <= alpha], bool(tests["val_p"].notna().any())
    kept = tests[tests["validated"].astype(bool)] if opened else found
    naive = int((tests["p_naive"] <= alpha / max(len(tests), 1)).sum())
    draft.show(Heading(f"Cohort: {said}", f"cohort-{name}"))
    draft.claim(
        f"Features go with the phenotype of cohort {said} beyond relatedness{', and again in clades kept apart' if opened else ''}.",
        f"{len(kept)} of {len(tests):,}", f"[[lmm]], q ≤ {alpha}; without relatedness {naive:,} pass Bonferroni", f"{words.count(len(tests), 'feature')} tested", holds=len(kept) > 0,
    )  # fmt: skip
    if kept.empty:
        draft.fail(
            f"Cohort {said}: no feature goes with the phenotype beyond relatedness{' in both halves' if opened else ''}.",
            "not found",
        )
    if not opened:
        draft.fail(
            f"Cohort {said}: the validation clades are still locked; what is listed is from the discovery clades alone.",
            "limit",
        )
    rows = [
        [f"{{f{r.feature}}}", Cell(f"{words.signed(r.beta)} ± {words.fixed(r.se)}", r.beta), q_cell(r.q), q_cell(r.val_p), Cell(words.percent(r.selected, 0), r.selected), q_cell(r.p_naive)]
        for r in records((kept if len(kept) else found).sort_values("p").head(20))
    ]  # fmt: skip
    _inflation(run, name, said, draft)
    if rows:
        draft.show(Table("Features that go with the phenotype", HEADS, rows, shown=8))
    draft.answers.append(
        f"In cohort {said}, {words.count(len(kept), 'feature')} {'goes' if len(kept) == 1 else 'go'} with the phenotype beyond relatedness."
    )


def _inflation(run: Run, name: str, said: str, draft: Draft) -> None:
    table = run.of_set("lambdas", name)
    if table.empty:
        return
    by_test = dict(zip(table["test"], table["lambda_gc"], strict=True))
    own, worst = by_test.get("mixed_model"), table.loc[table["naive"].astype(bool), "lambda_gc"].max()
    if own is not None and pd.notna(worst):
        draft.describe(
            f"Inflation of the test of cohort {said}, relatedness taken into account.", f"[[lambda]] {words.fixed(own)}", f"1 is calibrated; tests that ignore relatedness reach {words.fixed(float(worst))}",
            f"{words.count(int(run.of_set('cohort_tests', name).shape[0]), 'feature')}",
        )  # fmt: skip
    alt = (
        f"Inflation of each test of cohort {said}: "
        + ", ".join(f"{t.replace('_', ' ')} {words.fixed(float(v))}" for t, v in by_test.items())
        + "; 1 is calibrated."
    )
    picture = svg.figure(
        lambda ax: plots.inflation(ax, table), (theme.WIDTH_1 * 1.3, 0.3 * len(table) + 0.7), alt
    )
    draft.show(
        Figure(
            picture,
            "[[lambda|Inflation]] of each test: how much relatedness alone makes features look significant. 1 is right.",
        )
    )
