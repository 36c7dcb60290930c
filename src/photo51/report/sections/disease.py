"""Variants and cohorts: what features say about disease, beside every baseline and leak."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup

from photo51 import theme
from photo51.report import svg, words
from photo51.report.blocks import (
    Block,
    Cell,
    Claim,
    Figure,
    Heading,
    Head,
    Note,
    Prose,
    Raw,
    Table,
    q_cell,
    rich,
    verdict,
)
from photo51.report.run import Run
from photo51.report.sections.base import Failure, Section, absent

ANCHOR, TITLE = "disease", "Variants and cohorts"
QUESTION = "Does what the model computes tell disease from health, once the leaks are closed?"
METHODS = {
    "llr": "model's likelihood ([[llr]])",
    "abs_llr": "size of the likelihood change",
    "features": "few features",
    "stacked": "likelihood and features",
    "conservation": "conservation",
    "context": "substitution, neighbours, GC",
    "kmer": "[[kmer|k-mers]]",
    "embedding": "all internal numbers",
    "gene_prior": "[[gene_prior|gene's name alone]]",
    "features_random_split": "features, genes not held out",
    "features_permuted": "features, labels shuffled",
}
ROLES = {
    "score": "score",
    "baseline": "baseline",
    "leak": "what a leak gives",
    "null": "null",
    "unscored": "not scored",
}
ROLE_COLOURS = {"score": "feature", "baseline": "baseline", "leak": "failed", "null": "null"}
ROLE_MARKERS = {"score": "o", "baseline": "D", "leak": "^", "null": "s"}


def section(run: Run, cards: int = 4, alpha: float = 0.05) -> Section:
    """Variant sets and cohorts, from `variants`, `classifiers`, `feature_tests`, `cards` and `cohort_tests`."""
    if not run.has("variants") and not run.has("cohort_tests"):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("variants"))
    blocks: list[Block] = [
        Note("For research. No score here is a diagnosis, and none was tested for one.", kind="warn")
    ]
    claims: list[Claim] = []
    failures: list[Failure] = []
    answers: list[str] = []
    if run.has("variants"):
        for name in run.need("variants")["set"].unique():
            answers.append(_set(run, str(name), blocks, claims, failures, cards, alpha))
    else:
        failures.append(Failure(run.absent("variants"), "not run", ANCHOR))
    if run.has("cohort_tests"):
        for name in run.need("cohort_tests")["set"].unique():
            answers.append(_cohort(run, str(name), blocks, claims, failures, alpha))
    else:
        failures.append(Failure(run.absent("cohort_tests"), "not run", ANCHOR))
    return Section(ANCHOR, TITLE, QUESTION, " ".join(a for a in answers if a), blocks, claims, failures)


def _of_set(run: Run, table: str, name: str) -> pd.DataFrame:
    found = run.table(table)
    return pd.DataFrame() if found is None else found[found["set"] == name]


def _set(
    run: Run,
    name: str,
    blocks: list[Block],
    claims: list[Claim],
    failures: list[Failure],
    cards: int,
    alpha: float,
) -> str:
    variants = _of_set(run, "variants", name)
    kinds = variants["consequence"].value_counts()
    counted = [f"{n:,} {words.kind(k)}" for k, n in kinds.items()]
    blocks.append(Heading(f"Variants: {name.replace('_', ' ')}", f"variants-{name}"))
    blocks.append(
        Prose(
            f"{words.count(len(variants), 'variant')} in {words.count(variants['gene'].nunique(), 'gene or region', 'genes and regions')}: {words.listing(counted)}."
        )
    )
    judged = _of_set(run, "classifiers", name)
    if judged.empty:
        failures.append(
            Failure(
                f"Variants {name} were scored but not compared: no cases and controls were named for them.",
                "not run",
                ANCHOR,
            )
        )
        return f"{words.count(len(variants), 'variant')} of {name} were scored, without cases and controls to compare."
    answer = _prediction(name, judged, blocks, claims, failures)
    _tests(_of_set(run, "feature_tests", name), name, blocks, claims, failures, alpha)
    blocks.extend(_cards(run, name, cards))
    return answer


def _prediction(
    name: str, judged: pd.DataFrame, blocks: list[Block], claims: list[Claim], failures: list[Failure]
) -> str:
    whole = judged[judged["stratum"] == "all"].set_index("method", drop=False)
    blocks.append(_forest(whole, name))
    rows = [
        [
            METHODS.get(str(r.method), str(r.method)),
            _interval(r.auroc_within, r.within_lo, r.within_hi),
            _interval(r.auroc, r.auroc_lo, r.auroc_hi),
            _interval(r.auprc, r.auprc_lo, r.auprc_hi),
            ROLES[str(r.role)],
        ]
        for r in whole.itertuples()
        if r.role != "unscored"
    ]
    first = whole.iloc[0]
    size = f"{int(first['n_case'])} disease and {int(first['n_control'])} harmless variants in {int(first['n_genes'])} genes"
    blocks.append(
        Table(
            "How well each score tells disease variants from harmless ones",
            [Head("Score"), Head("[[within_gene]] (95 %)", numeric=True), Head("[[auroc]] over all (95 %)", numeric=True), Head("[[auprc]] (95 %)", numeric=True), Head("Kind")],
            rows,
            note=f"{size}; whole genes held out; guessing gives 0.50, and an AUPRC of {words.fixed(first['prevalence'])}. The leaks show how high a score gets by knowing the gene alone.",
        )
    )  # fmt: skip
    _strata(judged, blocks, failures)
    answer = ""
    if "llr" in whole.index:
        r = whole.loc["llr"]
        finds = bool(r["within_lo"] > 0.5)
        claims.append(
            Claim(
                f"Disease variants ({name.replace('_', ' ')}) surprise the model more than harmless variants of the same gene.",
                f"AUROC {words.fixed(r['auroc_within'])}", "0.50 by guessing", f"{size}; 95 %: {words.fixed(r['within_lo'])}–{words.fixed(r['within_hi'])}", "yes" if finds else "no", ANCHOR,
            )
        )  # fmt: skip
        answer = f"The model's likelihood alone {'separates' if finds else 'does not separate'} {name.replace('_', ' ')} variants within genes (AUROC {words.fixed(r['auroc_within'])}, 95 % {words.fixed(r['within_lo'])}–{words.fixed(r['within_hi'])})."
        if not finds:
            failures.append(
                Failure(
                    f"{name}: the model's likelihood does not tell disease from harmless variants of the same gene.",
                    "not found",
                    ANCHOR,
                )
            )
    if "stacked" in whole.index and np.isfinite(whole.loc["stacked", "gain"]):
        r = whole.loc["stacked"]
        adds = bool(r["gain_lo"] > 0)
        claims.append(
            Claim(
                f"Features add to the model's likelihood ({name.replace('_', ' ')}).", f"{r['gain']:+.2f} AUROC".replace("-", words.MINUS), "0.00: no gain",
                f"95 %: {r['gain_lo']:+.2f} to {r['gain_hi']:+.2f}".replace("-", words.MINUS), "yes" if adds else "no", ANCHOR,
            )
        )  # fmt: skip
        answer += f" Features {'add' if adds else 'add nothing certain'} to it."
        if not adds:
            failures.append(
                Failure(
                    f"{name}: features add nothing certain to the model's likelihood (gain {r['gain']:+.2f}, 95 % {r['gain_lo']:+.2f} to {r['gain_hi']:+.2f}).".replace(
                        "-", words.MINUS
                    ),
                    "not found",
                    ANCHOR,
                )
            )
    return answer


def _interval(value: float, low: float, high: float) -> Cell:
    if not math.isfinite(value):
        return Cell("–")
    spread = f" ({words.fixed(low)}–{words.fixed(high)})" if math.isfinite(low) else ""
    return Cell(words.fixed(value) + spread, value)


def _strata(judged: pd.DataFrame, blocks: list[Block], failures: list[Failure]) -> None:
    parts = judged[judged["stratum"] != "all"]
    scored = parts[parts["role"] != "unscored"]
    for r in parts[parts["role"] == "unscored"].itertuples():
        why = getattr(r, "reason", "") or "too few variants of one class"
        failures.append(
            Failure(
                f"{words.kind(str(r.stratum)).capitalize()} variants could not be compared: {why}.",
                "limit",
                ANCHOR,
            )
        )
    if scored.empty:
        return
    methods = [
        m
        for m in ("llr", "features", "stacked", "conservation", "context", "kmer", "embedding", "gene_prior")
        if m in set(scored["method"])
    ]
    rows = []
    for stratum, here in scored.groupby("stratum", sort=True):
        at = here.set_index("method")
        cells = [
            _interval(at.loc[m, "auroc_within"], math.nan, math.nan) if m in at.index else Cell("–")
            for m in methods
        ]
        rows.append(
            [
                words.kind(str(stratum)),
                Cell(
                    f"{int(here['n_case'].max())} / {int(here['n_control'].max())}",
                    float(here["n_case"].max()),
                ),
                *cells,
            ]
        )
    heads = [
        Head("Consequence"),
        Head("disease / harmless", numeric=True),
        *(Head(METHODS[m], numeric=True) for m in methods),
    ]
    blocks.append(
        Table(
            "Within each consequence",
            heads,
            rows,
            note="[[within_gene]]; without this split, telling stop codons from silent changes would pass for knowledge of disease.",
        )
    )


def _forest(whole: pd.DataFrame, name: str) -> Figure:
    rows = whole[(whole["role"] != "unscored") & whole["auroc_within"].notna()].iloc[::-1]

    def draw(ax: mpl.axes.Axes) -> None:
        for i, r in enumerate(rows.itertuples()):
            tone, marker = theme.colour(ROLE_COLOURS[str(r.role)]), ROLE_MARKERS[str(r.role)]
            ax.plot([r.within_lo, r.within_hi], [i, i], color=tone, lw=1.6)
            ax.plot([r.auroc_within], [i], marker=marker, color=tone, ms=5)
        ax.axvline(0.5, color=theme.MUTED, lw=0.8, ls=":")
        ax.set_yticks(range(len(rows)), [words_of(m) for m in rows["method"]])
        ax.tick_params(axis="y", length=0, labelcolor=theme.INK)
        ax.spines["left"].set_visible(False)
        first = rows.iloc[0]
        ax.set_xlabel(
            f"within-gene AUROC, genes held out (n = {int(first['n_case'])} disease, {int(first['n_control'])} harmless)"
        )
        handles = [
            mpl.lines.Line2D([], [], marker=ROLE_MARKERS[k], color=theme.colour(c), label=ROLES[k])
            for k, c in ROLE_COLOURS.items()
        ]
        ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=4, handlelength=1.2)

    best = rows.loc[rows["auroc_within"].idxmax()]
    alt = f"Within-gene AUROC of {len(rows)} scores on {name}; the highest is {words_of(best['method'])} with {words.fixed(best['auroc_within'])}, guessing is 0.50."
    picture = svg.figure(draw, (theme.WIDTH_2, 0.26 * len(rows) + 0.9), alt)
    return Figure(
        picture,
        "Every score and what it must beat; bars are 95 % intervals over genes, the dotted line is guessing.",
        wide=True,
    )


def words_of(method: str) -> str:
    """A method in plain words, without markup."""
    return Markup(rich(METHODS.get(method, method))).striptags()


def _tests(
    tests: pd.DataFrame,
    name: str,
    blocks: list[Block],
    claims: list[Claim],
    failures: list[Failure],
    alpha: float,
) -> None:
    if tests.empty:
        return
    found = tests[tests["q"] <= alpha]
    kept = tests[tests["replicated"].astype(bool)]
    pooled = int((tests["q_pooled"] <= alpha).sum())
    claims.append(
        Claim(
            f"Features change differently in disease variants ({name.replace('_', ' ')}) and do so again in other genes.", f"{len(kept)} of {len(found)} finds", f"at q ≤ {alpha}; the naive test without strata calls {pooled:,}",
            f"{len(tests):,} tests, {words.count(tests['feature'].nunique(), 'feature')}", "yes" if len(kept) else "no", ANCHOR,
        )
    )  # fmt: skip
    if not len(kept):
        failures.append(
            Failure(
                f"{name}: no feature separates disease from harmless variants within genes and again in held-out genes; the naive test would have called {pooled:,}.",
                "not found",
                ANCHOR,
            )
        )
        return
    rows = [
        [
            f"{{f{r.feature}}} {r.orientation}",
            r.statistic,
            Cell(words.fixed(r.auroc_within), r.auroc_within),
            q_cell(r.q),
            q_cell(r.rep_p),
            q_cell(r.q_pooled),
            Cell(f"{r.n_case} / {r.n_control}", r.n_case),
        ]
        for r in kept.sort_values("q").itertuples()
    ]
    blocks.append(
        Table(
            "Features that replicate in other genes",
            [Head("Feature, read along or against the gene"), Head("change measured"), Head("AUROC", numeric=True), Head("[[q]], [[stratified|stratified]]", numeric=True), Head("[[p]] in other genes", numeric=True), Head("q, naive", numeric=True), Head("disease / harmless", numeric=True)],
            rows,
            note="Compared within gene, consequence and codon position. The naive column ignores them and is printed for contrast only.",
            shown=8,
        )
    )  # fmt: skip


def _cards(run: Run, name: str, n: int) -> list[Block]:
    cards = _of_set(run, "cards", name)
    if cards.empty or not n:
        return []
    cited, near = _of_set(run, "card_features", name), _of_set(run, "card_neighbours", name)
    variants = _of_set(run, "variants", name).drop_duplicates("variant").set_index("variant")
    chosen = cards.sort_values("probability", ascending=False).head(n)
    out: list[Block] = [
        Prose(
            "**Evidence cards.** Why the model scores a variant as it does; deleting the features a card cites takes away the stated share of the score."
        )
    ]
    out.append(
        Raw(
            Markup('<div class="cards">{}</div>').format(
                Markup("").join(_card(r, variants, cited, near) for r in chosen.to_dict("records"))
            )
        )
    )
    return out


def _card(card: dict, variants: pd.DataFrame, cited: pd.DataFrame, near: pd.DataFrame) -> Markup:
    name = card["variant"]
    v = variants.loc[name] if name in variants.index else {}
    title = f"{v.get('gene', '')} {name}".strip()
    flag = verdict("untested", "unlike anything seen") if card["out_of_domain"] else Markup("")
    mine = cited[cited["variant"] == name].sort_values("rank").head(4) if len(cited) else cited
    features = Markup("").join(
        Markup("<li>{} {}<b>{}</b></li>").format(
            rich(f"{{f{r.feature}}}"),
            f"{r.name or 'unnamed'} ({r.orientation}) ",
            f"{r.contribution:+.2f}".replace("-", words.MINUS),
        )
        for r in mine.itertuples(index=False)
    )
    others = near[near["variant"] == name].sort_values("rank").head(2) if len(near) else near
    nearest = words.listing([f"{r.gene} {r.neighbour}" for r in others.itertuples()])
    return Markup(
        '<article class="card"><h4>{}</h4><p>{} {}</p><p class="big">{} <small>probability of disease at a prevalence of {}</small></p>'
        '<ul class="flat">{}</ul><p class="small">Deleting these features takes away {} of the attributed score (random features: {}).{}</p></article>'
    ).format(
        title, words.kind(str(v.get("consequence", ""))), flag, words.percent(card["probability"], 0), words.percent(card["prevalence"], 0), features,
        words.percent(card["faithfulness"], 0), words.percent(card["random_faithfulness"], 0), f" Nearest known: {nearest}." if nearest else "",
    )  # fmt: skip


def _cohort(
    run: Run, name: str, blocks: list[Block], claims: list[Claim], failures: list[Failure], alpha: float
) -> str:
    tests = _of_set(run, "cohort_tests", name)
    found, naive = tests[tests["q"] <= alpha], int((tests["p_naive"] <= alpha / max(len(tests), 1)).sum())
    validated = tests[tests["validated"].astype(bool)]
    opened = tests["val_p"].notna().any()
    blocks.append(Heading(f"Cohort: {name.replace('_', ' ')}", f"cohort-{name}"))
    n_kept = len(validated) if opened else len(found)
    claims.append(
        Claim(
            f"Features go with the phenotype of cohort {name.replace('_', ' ')} beyond relatedness{', and again in clades kept apart' if opened else ''}.",
            f"{n_kept} of {len(tests):,}", f"[[lmm]], q ≤ {alpha}; without relatedness {naive:,} pass Bonferroni", f"{len(tests):,} features tested", "yes" if n_kept else "no", ANCHOR,
        )
    )  # fmt: skip
    if not n_kept:
        failures.append(
            Failure(
                f"Cohort {name}: no feature goes with the phenotype beyond relatedness{' in both halves' if opened else ''}.",
                "not found",
                ANCHOR,
            )
        )
    shown = (validated if opened and len(validated) else found).sort_values("p").head(20)
    rows = [
        [
            f"{{f{r.feature}}}",
            Cell(f"{r.beta:+.2f} ± {r.se:.2f}".replace("-", words.MINUS), r.beta),
            q_cell(r.q),
            q_cell(r.val_p),
            Cell(words.percent(r.selected, 0), r.selected),
            q_cell(r.p_naive),
        ]
        for r in shown.itertuples()
    ]
    if rows:
        heads = [
            Head("Feature"),
            Head("slope per SD of [[burden]]", numeric=True),
            Head("[[q]]", numeric=True),
            Head("[[p]] in clades kept apart", numeric=True),
            Head("half-samples that select it", numeric=True),
            Head("p, naive", numeric=True),
        ]
        blocks.append(Table("Features that go with the phenotype", heads, rows, shown=8))
    return f"In cohort {name.replace('_', ' ')}, {words.count(n_kept, 'feature')} {'goes' if n_kept == 1 else 'go'} with the phenotype beyond relatedness."
