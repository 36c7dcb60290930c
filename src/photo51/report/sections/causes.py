"""What happens when a feature is removed or turned up, against random directions of the same size."""

from __future__ import annotations

import pandas as pd

from photo51 import theme
from photo51.report import figures, svg, words
from photo51.report.blocks import Block, Cell, Claim, Figure, Figures, Head, Prose, Table, q_cell, verdict
from photo51.report.run import Run
from photo51.report.sections.base import Failure, Section, absent
from photo51.stats.multiple import benjamini_hochberg

ANCHOR, TITLE = "causes", "Causes"
QUESTION = "Does the model use these features, or do they merely light up?"
LEVEL = 0.05


def section(run: Run, shown: int = 12) -> Section:
    """Removal and steering, from `causality`, `doses` and `verdicts`."""
    if not run.has("causality") and not run.has("verdicts"):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("causality"))
    blocks: list[Block] = []
    claims: list[Claim] = []
    failures: list[Failure] = []
    answers = []
    if run.has("causality"):
        answers.append(_removal(run.need("causality"), blocks, claims, failures, shown))
    else:
        failures.append(Failure(run.absent("causality"), "not run", ANCHOR))
    if run.has("verdicts"):
        answers.append(_steering(run, blocks, claims, failures))
    else:
        failures.append(Failure(run.absent("verdicts"), "not run", ANCHOR))
    return Section(ANCHOR, TITLE, QUESTION, " ".join(answers), blocks, claims, failures)


def _removal(
    table: pd.DataFrame, blocks: list[Block], claims: list[Claim], failures: list[Failure], shown: int
) -> str:
    tested = table[table["ablation_p"].notna()].assign(q=lambda t: benjamini_hochberg(t["ablation_p"]))
    used = tested[tested["q"] <= LEVEL]
    n, k = len(tested), len(used)
    claims.append(
        Claim(
            "The model predicts worse without some of its features, beyond what removing random features of like density does.",
            f"{k} of {n}",
            f"at [[q]] ≤ {LEVEL}, about one in twenty of these is chance",
            f"{words.count(n, 'feature')} tested",
            "yes" if k else "no",
            ANCHOR,
        )
    )
    if len(table) > n:
        failures.append(
            Failure(
                f"{words.count(len(table) - n, 'feature')} could not be ablated: too few places at which to measure.",
                "limit",
                ANCHOR,
            )
        )
    idle = tested[tested["q"] > LEVEL]
    if len(idle):
        named = [f"{{f{f}}} {c}".strip() for f, c in zip(idle["feature"], idle["concept"], strict=True)]
        failures.append(
            Failure(
                f"Removing {words.listing(named, 8)} hurts the model no more than removing random features.",
                "not found",
                ANCHOR,
            )
        )
    rows = [
        [
            f"{{f{r.feature}}} {words.kind(r.concept)}".strip(),
            Cell(words.number(r.ablation_dnll), r.ablation_dnll),
            Cell(words.number(r.ablation_null), r.ablation_null),
            Cell(words.number(r.ablation_null_q99), r.ablation_null_q99),
            q_cell(r.q),
            Cell(_most(r.steer_base, r.steer_change), r.steer_change),
            q_cell(r.steer_p),
            Cell(f"{r.firing_bases:,}", r.firing_bases),
            verdict("yes" if r.q <= LEVEL else "no"),
        ]
        for r in tested.sort_values("ablation_dnll", ascending=False).itertuples()
    ]
    blocks.append(
        Table(
            "What the model loses without a feature",
            [
                Head("Feature"), Head("Rise of [[nll]] (bits a base)", numeric=True), Head("random features, mean", numeric=True), Head("random, 99 %", numeric=True),
                Head("[[q]]", numeric=True), Head("base it speaks for", numeric=True), Head("p of that", numeric=True), Head("bases", numeric=True), Head("Verdict"),
            ],
            rows,
            note="[[ablation|Removing]] a feature at the bases where it is active, and reading how much worse the next base is predicted. Random features of like density are removed with the same size of change.",
            shown=shown,
        )
    )  # fmt: skip
    strongest = used.sort_values("ablation_dnll", ascending=False).head(3)
    if not k:
        return "Removing single features hurts the model no more than removing random ones."
    named = [
        f"{{f{f}}} ({words.kind(c)})" if c else f"{{f{f}}}"
        for f, c in zip(strongest["feature"], strongest["concept"], strict=True)
    ]
    return f"Removing {k} of {n} tested features hurts the model more than removing random features of the same size; most of all {words.listing(named)}."


def _most(base: str, change: float) -> str:
    return (
        f"{base} {'+' if change >= 0 else words.MINUS}{100 * abs(change):.0f}{words.THIN}points"
        if base
        else "–"
    )


def _steering(run: Run, blocks: list[Block], claims: list[Claim], failures: list[Failure]) -> str:
    judged = run.need("verdicts")
    declared = judged[judged["declared"].astype(bool)] if judged["declared"].any() else judged
    steers = declared[declared["steers"].astype(bool)]
    targets = declared["target"].nunique()
    works = steers["target"].nunique()
    claims.append(
        Claim(
            "Turning a feature up changes the DNA the model writes, in the direction named before the experiment, as judged by a measure that is not the model.",
            f"{works} of {targets}",
            "the 99th percentile of random directions of equal size",
            f"{words.count(targets, 'feature')} tried",
            "yes" if works else "no",
            ANCHOR,
        )
    )
    blocks.append(
        Prose(
            "**Turning features up.** Each experiment has four arms: untouched, [[steering]] by the feature, the dictionary's reconstruction alone, and [[random_direction|random directions]] of the same size. The measure is computed from the written sequence and knows nothing of the model."
        )
    )
    doses = run.table("doses")
    if doses is not None and len(doses):
        wanted = declared.sort_values(["steers", "p"], ascending=[False, True]).head(6)
        blocks.append(
            Figures(
                [f for r in wanted.itertuples() if (f := _dose_figure(doses, r.target, r.oracle)) is not None]
            )
        )
    rows = [
        [
            words.kind(r.target), r.oracle, Cell(words.number(r.effect), r.effect), Cell(words.number(r.null_q99), r.null_q99), q_cell(r.p),
            Cell(words.number(r.best_dose), r.best_dose), Cell(words.percent(r.nll_rise), r.nll_rise), "yes" if r.monotone else "no", verdict("yes" if r.steers else "no", "steers" if r.steers else "does not"),
        ]
        for r in declared.itertuples()
    ]  # fmt: skip
    blocks.append(
        Table(
            "Which features steer",
            [Head("Feature"), Head("Measure"), Head("Effect", numeric=True), Head("random, 99 %", numeric=True), Head("[[p]]", numeric=True), Head("dose (units)", numeric=True), Head("rise of [[nll]]", numeric=True), Head("monotone"), Head("Verdict")],
            rows,
            note="At the safe dose with the largest effect. A feature steers if its effect grows with the dose, its interval leaves out 0, and it is beyond 99 % of random directions.",
        )
    )  # fmt: skip
    lame = declared[~declared["target"].isin(steers["target"])]["target"].unique()
    if len(lame):
        failures.append(
            Failure(
                f"Turning up {words.listing([words.kind(t) for t in lame], 8)} did not change what was expected, beyond random directions.",
                "not found",
                ANCHOR,
            )
        )
    if not works:
        return "No feature that was tried steers what the model writes."
    return f"Turning up {works} of {targets} features changes the written DNA as expected, beyond random directions."


def _dose_figure(doses: pd.DataFrame, target: str, oracle: str) -> Figure | None:
    rows = doses[(doses["target"] == target) & (doses["oracle"] == oracle)]
    if rows.empty:
        return None
    last = rows.sort_values("dose").iloc[-1]
    alt = f"Effect of turning up {target} on {oracle}: {words.number(last['effect'])} at dose {words.number(last['dose'])}; 99 % of random directions stay below {words.number(last['null_q99'])}."
    picture = svg.figure(lambda ax: figures.dose_response(ax, rows), (theme.WIDTH_1, 2.5), alt)
    return Figure(
        picture, f"**{words.kind(target)}** on {oracle}; grey band: 99 % of random directions of equal size."
    )
