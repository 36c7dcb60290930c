"""Concepts the model computes: single features that agree with annotations on held-out segments, beside everything
they must beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd
from markupsafe import Markup

from photo51 import theme, words
from photo51.enrichment.concepts.names import fallen
from photo51.findings.concepts import CHECKS, best_of_classes
from photo51.report.elements import figures, svg
from photo51.report.elements.blocks import (
    Cell,
    Figure,
    Head,
    Prose,
    Raw,
    Table,
    first_of,
    literal,
    q_cell,
    records,
    verdict_cell,
)
from photo51.report.elements.feature_cards import feature_card
from photo51.report.elements.feature_text import features_called
from photo51.report.elements.few_tables import few_tables
from photo51.report.elements.sentences import HELD_OUT, beats, label
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.feature import FeatureFacts
from photo51.run.known import checks_of_names, closest, names
from photo51.run.opened import Run

ANCHOR, TITLE = "concepts", "Annotations that features mark"
QUESTION = "Which annotated elements does the model tell apart, without having seen an annotation?"
NO_REASON: Mapping[tuple[int, str, str], str] = MappingProxyType({})
SHOWN = 30  # motifs and sets of genes listed
BASELINES = (
    ("f1_null95", "[[null_f1]]"),
    ("f1_always", "[[always_on]]"),
    ("f1_kmer", "[[kmer|best 6-mer]]"),
    ("f1_neuron", "[[neuron|best neuron]]"),
    ("f1_pca", "best principal component"),
    ("f1_random_sae", "[[random_weights|random weights]]"),
    ("f1_linear_probe", "all channels together"),
)


def section(run: Run, dossiers: Callable[[list[int]], list[FeatureFacts]], shown: int = 12) -> Section:
    """Concepts and their baselines: `concept_summary`, `concepts`, `replication`, `motif_matches`, `genesets`."""
    if not run.has("concept_summary") or not run.has("concepts"):
        ran = run.table("concepts") is not None and run.table("concept_summary") is not None
        return absent(ANCHOR, TITLE, QUESTION, run.absent("concepts"), ran=ran)
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    summary, named = run.need("concept_summary"), names(run)
    best = best_of_classes(summary, run.need("concepts"))
    best = best.assign(label=[label(a, s) for a, s in zip(best["annotation"], best["strand"], strict=True)])
    carries = best["carries"]
    _answer(best, carries, draft, why_weak(run.table("names")))
    if len(best):
        draft.show(_figure(best.head(SHOWN)), _classes(best, carries))
    chosen = [int(f) for f in best.loc[carries, "feature"].drop_duplicates().head(shown)]
    if chosen:
        draft.show(
            Prose(
                "**The best feature of each class.** Darker bases: the activation is higher there. Feature and"
                " threshold were chosen on other blocks than those on which they are measured."
            )
        )
        cards = Markup("").join(feature_card(run, d) for d in dossiers(chosen))
        draft.show(Raw(Markup('<div class="concepts">{}</div>').format(cards)))
    _replication(run, draft)
    _counts(run, named, draft)
    if len(named):
        draft.show(_named(run, named))
    for table in few_tables(run):
        draft.show(table)
    _motifs(run, draft)
    _genesets(run, draft)
    left = summary[summary["status"] != "scored"]
    if len(left):
        listed = [f"{label(str(r.annotation), str(r.strand))} ({r.status})" for r in records(left)]
        draft.fail(
            f"{words.count(len(left), 'annotation class', 'annotation classes')} could not be scored:"
            f" {'; '.join(listed)}.",
            "limit",
        )
    return draft.section(TITLE, QUESTION)


Pair = tuple[int, str, str]  # feature, annotation, reading


def why_weak(names_table: pd.DataFrame | None) -> Mapping[Pair, str]:
    """Why pairs that agree beyond their nulls may not carry the name (contract `NAMES`)."""
    if names_table is None:
        return {}
    weak = names_table[(names_table["evidence"] == HELD_OUT) & (names_table["reason"] != "")]
    keys = zip(weak["feature"].astype(int), weak["annotation"], weak["strand"], strict=True)
    return dict(zip(keys, weak["reason"].astype(str), strict=True))


def _answer(best: pd.DataFrame, carries: pd.Series, draft: Draft, reasons: Mapping[Pair, str] = NO_REASON) -> None:
    n, k = len(best), int(carries.sum())
    if not n:
        draft.answers.append("No annotation class could be scored.")
        return
    missing = best[~carries]
    if len(missing):
        listed = []
        for r in missing.to_dict("records"):
            why = reasons.get((int(r["feature"]), str(r.get("annotation")), str(r.get("strand"))), "")
            numbers = f"F1 {words.fixed(r['f1_domain'])}, null {words.fixed(r['f1_null95'])}"
            listed.append(f"{r['label']} ({numbers}{f'; {why}' if why else ''})")
        draft.fail(f"No single feature meets the criteria of a name for {words.listing(listed, 12)}.", "not found")
    top = [f"{r.label} ({{f{r.feature}}}, F1 {words.fixed(r.f1_domain)})" for r in records(best[carries])]
    draft.answers.append(
        f"For {k} of {words.count(n, 'annotation class', 'annotation classes')} that could be scored, a single feature"
        " meets the criteria of a name:"
        f" {words.listing(top)}."
        if k
        else (
            f"No single feature meets the criteria of a name for any of the"
            f" {words.count(n, 'annotation class', 'annotation classes')} that could be scored."
        )
    )


def _counts(run: Run, named: pd.DataFrame, draft: Draft) -> None:
    """How many features are named, by grade, and how many agree by intervals but not by bases."""
    best = closest(run)
    grades = named["grade"].value_counts()
    counted = [f"{grades[g]:,} {g}" for g in ("strong", "moderate") if g in grades]
    more = len(best) - len(named)
    weak = f"; of {more:,} more, weak evidence says what {'it is' if more == 1 else 'they are'} near" if more else ""
    draft.answers.append(
        f"{words.count(len(named), 'feature')} {'carries' if len(named) <= 1 else 'carry'} a"
        f" name{f' ({words.listing(counted)})' if counted else ''}{weak}."
    )
    if n := fallen(best.reset_index()):
        draft.fail(
            f"{words.count(n, 'feature')} {'agrees' if n == 1 else 'agree'} with a class by F1, but by bases too little"
            " ([[mcc]] below the limit) to be named after it.",
            "not found",
        )
    asked = named[named["kmer_auprc"].notna()] if "kmer_auprc" in named else named
    if len(asked) and (alike := int((~asked["beats_kmer"].astype(bool)).sum())):
        draft.fail(
            f"{alike:,} of {words.count(len(asked), 'named feature')} {'does' if alike == 1 else 'do'} not rank the"
            " bases of a class certainly better than a model of 6-mers and GC does.",
            "not found",
        )


def _figure(best: pd.DataFrame) -> Figure:
    first = best.iloc[0]
    alt = (
        f"Held-out F1 of the best feature of {len(best)} annotation classes, with rotated features, always-on, k-mers"
        f" and neurons; the highest is {first['label']} with {words.fixed(first['f1_domain'])}, null"
        f" {words.fixed(first['f1_null95'])}."
    )
    picture = svg.figure(lambda ax: figures.claims_plot(ax, best), (theme.WIDTH_2, 0.2 * len(best) + 0.9), alt)
    return Figure(
        picture,
        "Each line is one annotation class: the blue dot is its best feature, the other marks are its null and"
        " baselines. n of each class is in the table below.",
        wide=True,
    )


def _classes(best: pd.DataFrame, carries: pd.Series) -> Table:
    columns = [(c, t) for c, t in BASELINES if c in best.columns and best[c].notna().any()]
    rows = [
        [
            str(row["label"]),
            f"{{f{row['feature']}}}" if row["feature"] >= 0 else "none",
            Cell(words.fixed(row["f1_domain"]), row["f1_domain"]),
            *(Cell(words.fixed(row[c]) if pd.notna(row[c]) else "–", row[c]) for c, _ in columns),
            Cell(f"{row['n_test_domains']:,}", row["n_test_domains"]),
            verdict_cell("yes" if named else "no", "named" if named else "not named"),
        ]
        for row, named in zip(best.to_dict("records"), carries, strict=True)
    ]
    heads = [
        Head("Annotation class"),
        Head("best feature"),
        Head("[[f1]]", numeric=True),
        *(Head(t, numeric=True) for _, t in columns),
        Head("sites, held out", numeric=True),
        Head("Verdict"),
    ]
    return Table(
        "Every annotation class, its best feature, null and baselines",
        heads,
        rows,
        note=(
            "All numbers are domain F1 on blocks of the genome that played no part in choosing feature or threshold. A"
            " name needs an F1 and an MCC by bases at the limits of the run or more, an F1 above 95 of 100 circularly"
            " shifted copies and above the always-on feature, and q-values of both tests below the level of the run;"
            " other baselines are no condition of a name. Classes with few instances are cross-validated; their null F1"
            " is of shifted instances, which a name has to beat."
        ),
        shown=12,
    )


def _named(run: Run, named: pd.DataFrame) -> Table:
    top = dict(zip(run.features.index, run.features["maximum"].astype(float), strict=True))
    rows = [
        [
            f"{{f{r['feature']}}}",
            label(str(r["annotation"]), str(r["strand"])),
            Cell(words.fixed(r["f1_domain"]), r["f1_domain"]),
            Cell(words.fixed(r["f1_null95"]), r["f1_null95"]),
            Cell(words.fixed(r["precision_bp"]), r["precision_bp"]),
            Cell(words.fixed(r["recall_bp"], 3), r["recall_bp"]),
            Cell(words.fixed(r["recall_domain"]), r["recall_domain"]),
            Cell(words.fixed(r["mcc"]), r["mcc"]),
            Cell(f"{r['n_test_domains']:,}", r["n_test_domains"]),
            str(r["grade"]),
            q_cell(r["q"]),
            q_cell(r["q_adj_comp"]),
            beats(r),
            Cell(words.number(top[r["feature"]]), top[r["feature"]]),
        ]
        for r in named.sort_values("f1_domain", ascending=False).rename_axis("feature").reset_index().to_dict("records")
    ]
    heads = [
        Head("Feature"),
        Head("Name"),
        Head("[[f1]]", numeric=True),
        Head("[[null_f1]]", numeric=True),
        Head("[[precision]]", numeric=True),
        Head("[[recall|recall by bases]]", numeric=True),
        Head("[[recall|by intervals]]", numeric=True),
        Head("[[mcc]]", numeric=True),
        Head("intervals", numeric=True),
        Head("Grade"),
        Head("[[q]]", numeric=True),
        Head("q, [[composition|adjusted]]", numeric=True),
        Head("beats [[kmer|k-mers]]"),
        Head("strongest", numeric=True),
    ]
    return Table(
        f"Every named feature ({len(named):,})",
        heads,
        rows,
        anchor="named-features",
        find="Find a feature or a name",
        shown=10,
    )


def _replication(run: Run, draft: Draft) -> None:
    table = checks_of_names(run)
    if table is None or table.empty:
        if table is None:
            draft.fail(run.absent("replication"), "not run")
        else:
            draft.fail("No feature has a name whose replication could be checked.", "limit")
        return
    rows = []
    for check, rows_of_check in table.groupby("check", sort=False):
        checked = rows_of_check[rows_of_check["reason"] == "checked"]
        n_survived = int(checked["survives"].astype(bool).sum())
        rows.append(
            [
                f"The name holds {CHECKS.get(str(check), str(check))}",
                Cell(f"{n_survived:,} of {len(checked):,}", n_survived / len(checked)) if len(checked) else Cell("–"),
                Cell(f"{len(rows_of_check) - len(checked):,}", len(rows_of_check) - len(checked)),
            ]
        )
        if text := lost_names(checked, str(check), names(run)):
            draft.fail(text, "not found")
    heads = [Head("Check"), Head("checks that hold", numeric=True), Head("could not be checked", numeric=True)]
    note = (
        "Every part of the sequence is tested by itself, that on which the name was chosen among them: each strand,"
        " each genome, each split. One check a feature and part."
    )
    title = "[[replication|Replication]] of annotations"
    draft.show(Table(title, heads, rows, note=note, sortable=False, anchor="replication"))


_EVERY = {
    "strand": "on both strands",
    "seed": "in every dictionary of another seed",
    "genome": "in every genome",
    "split": "in every split",
}


def lost_names(checked: pd.DataFrame, check: str, named: pd.DataFrame) -> str:
    """A sentence on named features whose name does not hold in some part; empty where all hold in all.

    Parameters
    ----------
    checked
        Rows of contract `REPLICATION` of one check, all of which could be made.
    check
        Which one: a key of `CHECKS`.
    named
        Names, indexed by feature.
    """
    lost = checked[~checked["survives"].astype(bool)]
    if lost.empty:
        return ""
    where = [f"{part}: {n}" for part, n in lost["against"].value_counts(sort=False).items() if part]
    first = features_called([int(f) for f in lost["feature"].drop_duplicates()], named)
    n = len(first)
    return (
        f"The name does not hold {_EVERY.get(check, check)} for {n:,} of"
        f" {words.count(checked['feature'].nunique(), 'named feature')}"
        f"{f' (it fails in {words.listing(where, 8)})' if where else ''}: {words.listing(first, 8)}."
    )


def _motifs(run: Run, draft: Draft) -> None:
    table = run.table("motif_matches")
    if table is None or table.empty:
        return
    every = table.sort_values("q").drop_duplicates("feature")
    best = every.head(SHOWN)
    rows = [
        [
            f"{{f{r.feature}}}",
            literal(r.motif),
            str(r.strand).replace("-", words.MINUS),
            Cell(str(r.overlap), r.overlap),
            q_cell(r.p),
            q_cell(r.q),
        ]
        for r in records(best)
    ]
    heads = [
        Head("Feature"),
        Head("known motif"),
        Head("strand"),
        Head("columns compared", numeric=True),
        Head("[[p]]", numeric=True),
        Head("[[q]]", numeric=True),
    ]
    title = first_of("Logos that match a known motif", len(best), len(every))
    draft.show(Table(title, heads, rows, shown=8))


def _genesets(run: Run, draft: Draft) -> None:
    table = run.table("genesets")
    if table is None or table.empty:
        return
    significant, naive = table[table["q"] <= 0.05].sort_values("q"), int((table["q_ora"] <= 0.05).sum())
    if significant.empty:
        draft.fail(
            f"No feature prefers a set of genes beyond rotation (the naive hypergeometric test calls {naive:,} pairs).",
            "not found",
        )
        return
    rows = [
        [
            f"{{f{r.feature}}}",
            literal(r.set),
            Cell(f"{r.hits} of {r.n_genes}", r.hits),
            Cell(words.number(r.expected), r.expected),
            q_cell(r.q),
            q_cell(r.q_ora),
        ]
        for r in records(significant.head(SHOWN))
    ]
    heads = [
        Head("Feature"),
        Head("set of genes"),
        Head("genes hit", numeric=True),
        Head("expected", numeric=True),
        Head("[[q]]", numeric=True),
        Head("q, naive", numeric=True),
    ]
    title = first_of("Sets of genes a feature prefers", len(rows), len(significant))
    draft.show(Table(title, heads, rows, shown=8))
