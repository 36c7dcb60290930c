"""Variants and cohorts: what features say about disease, beside every baseline and leak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from photo51 import theme, words
from photo51.biomarkers import plots
from photo51.findings.variants import METHODS, Contrast, Gain, contrast, gain, size, tests_made, than, whole_set
from photo51.report.elements import sentences, svg
from photo51.report.elements.blocks import Cell, Figure, Head, Heading, Note, Prose, Table, plain_text, q_cell, records
from photo51.report.sections import cards, cohort
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.known import names
from photo51.run.opened import Run

Record = Mapping[Any, Any]
ANCHOR, TITLE = "disease", "Variants and cohorts"
QUESTION = "Do the model's likelihood and its features separate cases from controls, after controlling for confounders?"
BY_STRATUM = ("llr", "features", "stacked", "conservation", "context", "kmer", "embedding", "gene_prior")
ROLES = {"score": "score", "baseline": "baseline", "leak": "confounder", "null": "null"}


def section(run: Run, n_cards: int = 4, alpha: float = 0.05) -> Section:
    """Variant sets and cohorts, from `variants`, `classifiers`, `feature_tests`, `cards` and `cohort_tests`."""
    if not run.has("variants") and not run.has("cohort_tests"):
        made = [name for name in ("variants", "cohort_tests") if run.table(name) is not None]
        return absent(ANCHOR, TITLE, QUESTION, run.absent((made or ["variants"])[0]), ran=bool(made))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    draft.show(Note("For research. No score here is a diagnosis, and none was tested for one.", kind="warn"))
    for name in run.sets("variants"):
        _variant_set(run, name, draft, alpha)
        judged = run.of_set("classifiers", name)
        if judged.empty or _separates(judged):
            draft.show(*cards.blocks(run, name, n_cards))
        elif len(run.of_set("cards", name)):
            draft.show(
                Note(
                    "Evidence cards are left out here, since neither the model's likelihood nor its features tell these"
                    f" variants apart within genes. They lie in `biomarkers/{name}/cards`."
                )
            )
    for name in run.sets("cohort_tests"):
        cohort.add_cohort(run, name, draft, alpha)
    for table in ("variants", "cohort_tests"):
        if not run.has(table):
            draft.lack(run, table)
    return draft.section(TITLE, QUESTION)


def _variant_set(run: Run, name: str, draft: Draft, alpha: float) -> None:
    variants, title = run.of_set("variants", name), name.replace("_", " ")
    counted = [f"{n:,} {words.kind(str(k))}" for k, n in variants["consequence"].value_counts().items()]
    genes = words.count(variants["gene"].nunique(), "gene or region", "genes and regions")
    draft.show(
        Heading(f"Variants: {title}", f"variants-{name}"),
        Prose(f"{words.count(len(variants), 'variant')} in {genes}: {words.listing(counted, len(counted))}."),
    )
    judged = run.of_set("classifiers", name)
    if judged.empty:
        draft.fail(
            f"Variants {title} were scored but not compared on their own: no cases and controls were named for them"
            " alone.",
            "not run",
        )
        draft.answers.append(f"**{title}**: {words.count(len(variants), 'variant')} scored, not compared on their own.")
        return
    whole = whole_set(judged)
    tests = run.of_set("feature_tests", name)
    c = contrast(name, run.labels(name), judged, tests)
    draft.show(Prose(f"Compared: {c.cases} (cases) with {c.controls} (controls)."))
    if c.described:
        draft.fail(f"{title}: not informative of what sets {c.cases} apart: {c.described}.", "limit")
        draft.answers.append(f"**{title}**: not informative: {c.described}.")
    if len(whole):
        _prediction(whole, c, draft)
    _strata(judged, c, draft)
    if len(tests):
        _tests(run, tests, c, draft, alpha)
        _audit(tests, run.of_set("permutation_audit", name), draft)


def _prediction(whole: pd.DataFrame, c: Contrast, draft: Draft) -> None:
    draft.show(_forest(whole, c))
    rows = [
        [
            METHODS.get(str(r.method), str(r.method)),
            interval_text(r.auroc_within, r.within_lo, r.within_hi),
            interval_text(r.auroc, r.auroc_lo, r.auroc_hi),
            interval_text(r.auprc, r.auprc_lo, r.auprc_hi),
            ROLES[str(r.role)],
        ]
        for r in records(whole)
    ]
    first = whole.iloc[0].to_dict()
    missing = int(first.get("n_missing") or 0)
    left = f" ({words.count(missing, 'more variant')} left out: a score has no value there)" if missing else ""
    note = (
        f"{size(first, c)}{left}; whole genes held out but where it says otherwise; chance gives 0.50, and an AUPRC of"
        f" {words.fixed(first['prevalence'])}. Confounders show how high a score gets from gene or consequence alone."
    )
    heads = [
        Head("Score"),
        Head("[[within_gene]] (95 %)", numeric=True),
        Head("[[auroc]] over all (95 %)", numeric=True),
        Head("[[auprc]] (95 %)", numeric=True),
        Head("Kind"),
    ]
    draft.show(Table(f"How well each score tells {c.cases} from {c.controls}", heads, rows, note=note))
    by_method = {str(r["method"]): r for r in whole.to_dict("records")}
    if "llr" in by_method:
        _likelihood(by_method["llr"], c, draft)
    if (g := gain(whole)) is not None:
        _gain(by_method["stacked"], g, c, draft)


def _likelihood(r: Record, c: Contrast, draft: Draft) -> None:
    finds = bool(r["within_lo"] > 0.5)
    range_ = words.limits_95(r["within_lo"], r["within_hi"])
    if c.described:  # said once, before any number
        return
    against = bool(r["within_hi"] < 0.5)
    does = "separates" if finds else "puts in the wrong order" if against else "does not separate"
    draft.answers.append(
        f"**{c.label}**: the model's likelihood alone {does} {c.cases} and {c.controls} of one gene (AUROC"
        f" {words.fixed(r['auroc_within'])}, {range_})."
    )
    if not finds:
        why = (
            f"{c.cases} are more likely to the model than {c.controls} of the same gene: its likelihood follows"
            " something else than harm."
            if against
            else f"the model's likelihood does not tell {c.cases} from {c.controls} of the same gene."
        )
        draft.fail(f"{c.label}: {why}", "not found")


def _gain(r: Record, g: Gain, c: Contrast, draft: Draft) -> None:
    """What features add to the likelihood counts where both together beat what needs no features."""
    range_ = words.limits_95(r["gain_lo"], r["gain_hi"], difference=True)
    if c.described:
        return
    if g.gains and g.beats:
        draft.answers.append("Features add to it, beyond every baseline.")
    elif g.gains:
        draft.answers.append("Features add to it, but a baseline without them does as well.")
    else:
        draft.answers.append("Features add nothing certain to it.")
    if not g.gains:
        draft.fail(
            f"{c.label}: features add nothing certain to the model's likelihood (gain {words.signed(r['gain'])},"
            f" {range_}).",
            "not found",
        )
    elif not g.beats:
        draft.fail(
            f"{c.label}: features and likelihood together (AUROC {words.fixed(r['auroc_within'])}) do not beat what"
            f" needs no features: {than(g)}.",
            "not found",
        )


def interval_text(value: float, low: float = math.nan, high: float = math.nan) -> Cell:
    """An estimate with its interval, sorted by the estimate."""
    if not math.isfinite(value):
        return Cell("–")
    spread = f" ({words.fixed(low)}–{words.fixed(high)})" if math.isfinite(low) else ""
    return Cell(words.fixed(value) + spread, value)


def _separates(judged: pd.DataFrame) -> bool:
    """Whether any score of the model tells the variants of a set apart within genes."""
    of_model = judged[(judged["stratum"] == "all") & judged["method"].isin(["llr", "features", "stacked"])]
    return bool((of_model["within_lo"] > 0.5).any())


def _stratum(name: str) -> str:
    """A stratum in words: a consequence, or a codon position."""
    if name.isdigit():
        return "variants outside codons" if name == "0" else f"variants at codon position {name}"
    return f"{words.kind(name)} variants"


def _strata(judged: pd.DataFrame, c: Contrast, draft: Draft) -> None:
    for r in records(judged[judged["role"] == "unscored"]):
        draft.fail(f"{c.label}: {_stratum(str(r.stratum))} could not be compared: {r.reason}.", "limit")
    scored = judged[(judged["stratum"] != "all") & (judged["role"] != "unscored")]
    methods = [m for m in BY_STRATUM if m in set(scored["method"])]
    rows = []
    for stratum, rows_of_stratum in scored.groupby("stratum", sort=True):
        auroc = rows_of_stratum.set_index("method")["auroc_within"]
        size = Cell(
            f"{int(rows_of_stratum['n_case'].max())} / {int(rows_of_stratum['n_control'].max())}",
            float(rows_of_stratum["n_case"].max()),
        )
        rows.append([_stratum(str(stratum)), size, *(interval_text(float(auroc.get(m, math.nan))) for m in methods)])
    if rows:
        heads = [
            Head("Stratum"),
            Head("cases / controls", numeric=True),
            *(Head(METHODS[m], numeric=True) for m in methods),
        ]
        note = (
            "[[within_gene]]; without this split, telling stop codons from silent changes would pass for knowledge of"
            " what cases are."
        )
        draft.show(Table("Within each stratum", heads, rows, note=note))


def _forest(whole: pd.DataFrame, c: Contrast) -> Figure:
    best = whole.iloc[int(whole["auroc_within"].argmax())].to_dict()
    method = plain_text(METHODS.get(str(best["method"]), str(best["method"])))
    alt = (
        f"AUROC of {len(whole)} scores on {c.label}, genes held out; the highest within genes is {method} with"
        f" {words.fixed(best['auroc_within'])}; chance is 0.50."
    )
    picture = svg.figure(lambda ax: plots.classifier_bars(ax, whole), (theme.WIDTH_2, 0.26 * len(whole) + 0.9), alt)
    caption = (
        "Every score, with its baselines, confounders and null. Filled: among variants of one gene, with 95 %"
        " intervals over genes; open: over all pairs. The dotted line is chance."
    )
    return Figure(picture, caption, wide=True)


def _tests(run: Run, tests: pd.DataFrame, c: Contrast, draft: Draft, alpha: float) -> None:
    replicated = tests[tests["replicated"].astype(bool)].sort_values("q")
    pooled = int((tests["q_pooled"] <= alpha).sum())
    if not tests_made(tests):
        draft.fail(f"{c.label}: no feature could be tested: too few variants change any.", "limit")
        return
    if replicated.empty:
        draft.fail(
            f"{c.label}: no feature separates {c.cases} from {c.controls} within genes and again in held-out genes; the"
            f" naive test would have called {pooled:,}.",
            "not found",
        )
        return
    rows = [
        [
            f"{{f{r.feature}}} {r.orientation}",
            str(r.statistic),
            Cell(words.fixed(r.auroc_within), r.auroc_within),
            q_cell(r.q),
            q_cell(r.rep_p),
            q_cell(r.q_pooled),
            Cell(f"{r.n_case} / {r.n_control}", r.n_case),
        ]
        for r in records(replicated)
    ]
    heads = [
        Head("Feature, read along or against the gene"),
        Head("change measured"),
        Head("AUROC within strata", numeric=True),
        Head("[[q]], [[stratified|stratified]]", numeric=True),
        Head("[[p]] in other genes", numeric=True),
        Head("q, naive", numeric=True),
        Head("cases / controls", numeric=True),
    ]
    draft.show(_effects(replicated, c, names(run)))
    within = str(tests["strata"].iloc[0]) if "strata" in tests else "gene, consequence, codon_position"
    strata = [words.kind(w) for w in within.split(", ") if w]
    note = (
        f"Compared within {words.listing(strata)}; cases and controls are those of discovery genes in strata that hold"
        " both. The naive column ignores strata and is printed for contrast only."
        if strata
        else "Compared over all variants of discovery genes, without strata."
    )
    draft.show(Table("Features that replicate in other genes", heads, rows, note=note, shown=8))


def _audit(tests: pd.DataFrame, audit: pd.DataFrame, draft: Draft) -> None:
    """How often permuted labels give a discovery, and what could not be tested at all."""
    lines = []
    if "testable" in tests and (idle := int((~tests["testable"].astype(bool)).sum())):
        lines.append(
            f"{idle:,} of {words.count(len(tests), 'test')} cannot be made: so few variants change the feature that no"
            " arrangement of labels would reach a discovery; they are not in the family."
        )
    if len(audit):
        hits = int((audit["discoveries"] > 0).sum())
        lines.append(f"With labels permuted within strata, {hits} of {len(audit)} runs have a discovery at all.")
    if lines:
        draft.show(Prose(" ".join(lines)))


def _effects(replicated: pd.DataFrame, c: Contrast, named: pd.DataFrame) -> Figure:
    labels = {
        int(f): sentences.label(str(a), str(s))
        for f, a, s in zip(named.index, named["annotation"], named["strand"], strict=True)
    }
    n = min(len(replicated), 15)
    strongest = replicated.sort_values("p").iloc[0]
    alt = (
        f"Effects of the {n} strongest replicated features on {c.label}, in discovery genes and in the others; feature"
        f" {int(strongest['feature'])} leads with {words.signed(float(strongest['effect']))}."
    )
    picture = svg.figure(lambda ax: plots.effect_forest(ax, replicated, labels), (theme.WIDTH_2, 0.28 * n + 0.9), alt)
    return Figure(
        picture,
        "Effect in discovery genes (filled) and in held-out genes (open), with 95 % intervals"
        f"{f'; the {n} of smallest p of {len(replicated):,}' if n < len(replicated) else ''}.",
        wide=True,
    )
