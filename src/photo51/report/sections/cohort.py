"""Features of individuals against a phenotype, with relatedness accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from photo51 import theme, words
from photo51.biomarkers import plots
from photo51.findings.variants import VALIDATION
from photo51.report.elements import svg
from photo51.report.elements.blocks import Cell, Figure, Head, Heading, Prose, Table, first_of, literal, q_cell, records
from photo51.report.sections.base import Draft
from photo51.run.opened import Run

SCHEMES = MappingProxyType(
    {
        "split": "whole clades were put away for validation",
        "leave_one_clade_out": "too few clades hold both classes to put some away: each is left out in turn",
        "external": "validation is another cohort, and nobody of this one was put away",
    }
)
LEVELS = MappingProxyType({"feature": "features", "gene": "genes", "allele": "alleles"})
CLADE_HEADS = (
    Head("Clade"),
    Head("used for"),
    Head("individuals", numeric=True),
    Head("cases", numeric=True),
    Head("controls", numeric=True),
    Head("comes back in bootstraps", numeric=True),
)
LEVEL_HEADS = (
    Head("Level"),
    Head("tested", numeric=True),
    Head("q at most the level", numeric=True),
    Head("smallest [[p]]", numeric=True),
    Head("prediction of held-out clades", numeric=True),
    Head("within clades", numeric=True),
)
CARRIER_HEADS = (
    Head("Feature"),
    Head("[[q]]", numeric=True),
    Head("gene", numeric=False),
    Head("share", numeric=True),
    Head("alleles (share of the variance, carriers)"),
)
PLAIN_HEADS = (
    Head("Gene or allele"),
    Head("level"),
    Head("carriers", numeric=True),
    Head("slope per SD", numeric=True),
    Head("[[p]]", numeric=True),
    Head("[[q]]", numeric=True),
)
SHOWN_CARRIERS, ALLELES_OF_FEATURE, SHOWN_PLAIN = 20, 3, 10


def _heads(validation: str) -> tuple[Head, ...]:
    return (
        Head("Feature"),
        Head("slope per SD of [[burden]]", numeric=True),
        Head("[[q]]", numeric=True),
        Head(f"[[p]] in {validation}", numeric=True),
        Head("half-samples that select it", numeric=True),
        Head("p, naive", numeric=True),
    )


def add_cohort(run: Run, name: str, draft: Draft, alpha: float) -> None:
    """Add a cohort to the section."""
    tests, title = run.of_set("cohort_tests", name), name.replace("_", " ")
    discovered, opened = tests[tests["q"] <= alpha], bool(tests["val_p"].notna().any())
    replicated = tests[tests["validated"].astype(bool)] if opened else discovered
    summary = run.json("cohort_summary", name=name)
    validation = VALIDATION.get(str(summary.get("scheme")), VALIDATION["split"])
    draft.show(Heading(f"Cohort: {title}", f"cohort-{name}"))
    _design(run.of_set("feasibility", name), summary, draft)
    if replicated.empty:
        draft.fail(
            f"Cohort {title}: no feature goes with the phenotype beyond"
            f" relatedness{f' and again in {validation}' if opened else ''}.",
            "not found",
        )
    if not opened and summary.get("scheme") != "leave_one_clade_out" and not discovered.empty:
        draft.fail(
            f"Cohort {title}: the validation individuals are still locked; what is listed is from discovery alone.",
            "limit",
        )
    rows = [
        [
            f"{{f{r.feature}}}",
            Cell(f"{words.signed(r.beta)} ± {words.fixed(r.se)}", r.beta),
            q_cell(r.q),
            q_cell(r.val_p),
            Cell(words.percent(r.selected, 0), r.selected),
            q_cell(r.p_naive),
        ]
        for r in records((replicated if len(replicated) else discovered).sort_values("p").head(20))
    ]
    _inflation(run, name, title, draft)
    if rows:
        what = "Features that go with the phenotype" if len(replicated) else f"Discovered, but not in {validation}"
        caption = first_of(what, len(rows), len(replicated) or len(discovered))
        draft.show(Table(caption, _heads(validation), rows, shown=8))
    _carried(run.of_set("carriers", name), tests, alpha, draft)
    _levels(run.of_set("levels", name), str(summary.get("levels", "")), draft)
    associations = run.of_set("associations", name)
    _plain(associations, draft)
    draft.answers.append(
        f"In cohort {title}, {words.count(len(replicated), 'feature')} {'goes' if len(replicated) <= 1 else 'go'} with"
        f" the phenotype beyond relatedness.{themselves(associations, alpha)}"
    )


def _inflation(run: Run, name: str, title: str, draft: Draft) -> None:
    table = run.of_set("lambdas", name)
    if table.empty:
        return
    by_test = dict(zip(table["test"], table["lambda_gc"], strict=True))
    alt = (
        f"Inflation of each test of cohort {title}: "
        + ", ".join(f"{t.replace('_', ' ')} {words.fixed(float(v))}" for t, v in by_test.items())
        + "; 1 is calibrated."
    )
    picture = svg.figure(lambda ax: plots.inflation(ax, table), (theme.WIDTH_1 * 1.3, 0.3 * len(table) + 0.7), alt)
    draft.show(
        Figure(
            picture,
            "[[lambda|Inflation]] of each test: how much relatedness alone makes features look significant. 1 is"
            " right.",
        )
    )


def _design(table: pd.DataFrame, summary: Mapping[str, Any], draft: Draft) -> None:
    """Who was compared with whom: clades, their sides and sizes, and how discoveries were validated."""
    if table.empty:
        return
    individuals = summary.get("individuals", {})
    sentence = (
        f"{words.count(int(table['n'].sum()), 'individual')} in {words.count(len(table), 'clade')},"
        f" {int(table['both'].sum())} of them with more than one value of the phenotype"
    )
    scheme = SCHEMES.get(str(summary.get("scheme")), "")
    apart = int(individuals.get("validation", 0))
    validated = f" ({words.count(apart, 'individual')})" if apart else ""
    draft.show(Prose(f"{sentence}; {scheme}{validated}." if scheme else f"{sentence}."))
    rows = [
        [
            literal(r.clade),
            str(r.side),
            Cell(f"{r.n:,}", r.n),
            _counted(r.cases),
            _counted(r.controls),
            Cell(words.fixed(r.stability), r.stability if np.isfinite(r.stability) else None),
        ]
        for r in records(table.sort_values("n", ascending=False))
    ]
    draft.show(
        Table(
            "Clades, and where each is used",
            CLADE_HEADS,
            rows,
            note="Whole clades are on one side, so that nobody is validated on a close relative.",
            shown=6,
        )
    )


def _counted(n: int) -> Cell:
    return Cell(f"{n:,}", n) if n >= 0 else Cell("–")


def _carried(table: pd.DataFrame, tests: pd.DataFrame, alpha: float, draft: Draft) -> None:
    """Genes and alleles whose burden the leading features are."""
    if table.empty:
        return
    q = tests.set_index("feature")["q"]
    discovered = [int(f) for f in tests.sort_values("p")["feature"] if q[f] <= alpha]
    chosen = discovered[:SHOWN_CARRIERS] or [int(f) for f in dict.fromkeys(table["feature"])][:ALLELES_OF_FEATURE]
    rows = []
    for feature in chosen:
        of_feature = table[table["feature"] == feature]
        genes, alleles = (of_feature[of_feature["level"] == level] for level in ("gene", "allele"))
        if genes.empty:
            continue
        top = genes.iloc[0]
        listed = [
            f"{literal(r.name)} {literal(r.gene)} {words.kind(str(r.consequence))} ({words.percent(r.share, 0)},"
            f" {r.n_carriers:,})"
            for r in records(alleles.head(ALLELES_OF_FEATURE))
        ]
        rows.append(
            [
                f"{{f{feature}}}",
                q_cell(float(q[feature])),
                literal(top["name"]),
                Cell(words.percent(float(top["share"]), 0), float(top["share"])),
                "; ".join(listed),
            ]
        )
    title = (
        "Genes and alleles that carry each finding"
        if discovered
        else "What the strongest features are carried by (none is a discovery)"
    )
    note = "Share of the variance of a feature's burden; the shares of all alleles add up to 1."
    draft.show(Table(title, CARRIER_HEADS, rows, note=note, shown=8))


def _levels(table: pd.DataFrame, verdict: str, draft: Draft) -> None:
    """Features beside the genes and alleles themselves, by the same test and the same prediction."""
    if table.empty:
        return
    rows = [
        [
            LEVELS.get(str(r.level), str(r.level)),
            Cell(f"{r.n:,}", r.n),
            Cell(f"{r.discoveries:,}", r.discoveries),
            q_cell(r.min_p),
            _score(r.score),
            _score(r.score_within),
        ]
        for r in records(table)
    ]
    note = "Prediction: AUROC (for a quantity, correlation) of a ridge regression on the whole level, clades held out."
    draft.show(
        Table("Features next to genes and alleles", LEVEL_HEADS, rows, note=note, sortable=False),
    )
    if verdict:
        draft.show(Prose(f"{verdict[0].upper()}{verdict[1:]}."))
        draft.answers.append(f"Prediction of the phenotype, clades held out: {verdict}.")


def themselves(associations: pd.DataFrame, alpha: float) -> str:
    """A sentence on the genes and alleles that the same test discovers without any feature; empty where there is none.

    Parameters
    ----------
    associations
        Contract `ASSOCIATIONS`.
    alpha
        Largest q of a discovery, within its level.
    """
    if associations.empty:
        return ""
    hits = associations[(associations["level"] != "feature") & (associations["q"] <= alpha)].sort_values("p")
    if hits.empty:
        return ""
    listed = [f"{r.level} {literal(r.name)} (q {words.probability(r.q)})" for r in records(hits)]
    return f" The same test of genes and alleles themselves finds {words.listing(listed, 4)}."


def _score(value: float) -> Cell:
    return Cell(words.fixed(value, 3), float(value)) if np.isfinite(value) else Cell("–")


def _plain(table: pd.DataFrame, draft: Draft) -> None:
    """The genes and alleles of smallest p."""
    plain = table[table["level"] != "feature"] if len(table) else table
    if plain.empty:
        return
    rows = [
        [
            literal(r.name),
            str(r.level),
            Cell(f"{r.n_carriers:,}", r.n_carriers),
            Cell(f"{words.signed(r.beta)} ± {words.fixed(r.se)}", r.beta),
            q_cell(r.p),
            q_cell(r.q),
        ]
        for r in records(plain.sort_values("p", kind="stable").head(SHOWN_PLAIN))
    ]
    note = "The test is that of the features, on the same individuals; q within the level."
    draft.show(Table("Genes and alleles themselves", PLAIN_HEADS, rows, note=note, shown=6))
