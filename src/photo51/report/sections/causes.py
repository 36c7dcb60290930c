"""What happens when a feature is removed or turned up, against random directions of the same size."""

from __future__ import annotations

import pandas as pd

from photo51 import theme, words
from photo51.findings.causes import declared, few, removed, steering
from photo51.report.elements import figures, svg
from photo51.report.elements.blocks import Cell, Figure, Figures, Head, Prose, Table, q_cell, records, verdict_cell
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.known import names
from photo51.run.opened import Run

ANCHOR, TITLE = "causes", "Ablation and steering"
QUESTION = "Does the model use these features, or are they merely active?"
REMOVED = (
    Head("Feature"),
    Head("Rise of [[nll]] (bits a prediction)", numeric=True),
    Head("other directions, mean", numeric=True),
    Head("other directions, 99 %", numeric=True),
    Head("[[q]]", numeric=True),
    Head("base that rises most when it is turned up", numeric=True),
    Head("active bases", numeric=True),
    Head("Verdict"),
)
STEERED = (
    Head("Feature"),
    Head("Measure"),
    Head("Effect", numeric=True),
    Head("random, 99 %", numeric=True),
    Head("[[p]]", numeric=True),
    Head("dose (units)", numeric=True),
    Head("rise of [[nll]]", numeric=True),
    Head("grows with the dose"),
    Head("Verdict"),
)


def section(run: Run, alpha: float = 0.05) -> Section:
    """Removal and steering, from `causality`, `doses` and `verdicts`."""
    if not run.has("causality") and not run.has("verdicts"):
        made = [name for name in ("causality", "verdicts") if run.table(name) is not None]
        return absent(ANCHOR, TITLE, QUESTION, run.absent((made or ["causality"])[0]), ran=bool(made))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    if run.has("causality"):
        _removal(run, draft, alpha)
    if run.has("verdicts"):
        _steering(run, draft)
    for table in ("causality", "verdicts"):
        if not run.has(table):
            draft.lack(run, table)
    return draft.section(TITLE, QUESTION)


def _removal(run: Run, draft: Draft, alpha: float) -> None:
    names_of_run = names(run)
    table = run.need("causality")
    table = table.assign(
        concept=[
            str(names_of_run.loc[f, "annotation"]) if f in names_of_run.index else str(c)
            for f, c in zip(table["feature"], table["concept"], strict=True)
        ]
    )
    tested = removed(table)
    used = tested[tested["q"] <= alpha].sort_values("ablation_dnll", ascending=False)
    idle = tested[tested["q"] > alpha]
    n, k = len(tested), len(used)
    if len(table) > n:
        draft.fail(
            f"{words.count(len(table) - n, 'feature')} could not be removed: too few positions at which to measure.",
            "limit",
        )
    if len(idle):
        named = [_called(f, c) for f, c in zip(idle["feature"], idle["concept"], strict=True)]
        draft.fail(
            f"Removing {words.listing(named, 8)}{', one at a time,' if len(named) > 1 else ''} raises the negative"
            " log-likelihood no more than the same change along the directions of random features does, at the q-value"
            " of the run.",
            "not found",
        )
    rows = [
        [
            _called(r.feature, r.concept),
            Cell(words.number(r.ablation_dnll), r.ablation_dnll),
            Cell(words.number(r.ablation_null), r.ablation_null),
            Cell(words.number(r.ablation_null_q99), r.ablation_null_q99),
            q_cell(r.q),
            Cell(_speaks_for(r.steer_base, r.steer_change), r.steer_change),
            Cell(f"{r.firing_bases:,}", r.firing_bases),
            verdict_cell("no")
            if r.q > alpha
            else verdict_cell("described", "candidate")
            if few(k, n)
            else verdict_cell("yes"),
        ]
        for r in records(tested.sort_values("ablation_dnll", ascending=False))
    ]
    note = (
        "[[ablation|Removing]] a feature where it is active, and reading how much worse the bases that follow are"
        " predicted. Other directions: the same amount taken off, at the same bases, along the directions of random"
        " features of like density."
    )
    draft.show(
        Table(
            "Ablation: rise of the model's negative log-likelihood without a feature",
            REMOVED,
            rows,
            note=note,
        )
    )
    named = [_called(f, c) for f, c in zip(used["feature"].head(3), used["concept"].head(3), strict=True)]
    draft.answers.append(_removal_answer(used, n, named))


def _removal_answer(used: pd.DataFrame, n: int, named: list[str]) -> str:
    """What removing features did, in a sentence or two: discoveries, of `n` tested, the first of them by name."""
    if not n:
        return "No feature could be removed where enough bases are active to measure it."
    if not len(used):
        return (
            f"Removing single features ({n} were tested) raises the negative log-likelihood no more than the same"
            " change along the directions of random ones does."
        )
    most = ", most of all" if len(used) > len(named) else ":"
    return (
        f"Removing {len(used)} of {words.count(n, 'tested feature')}, one at a time, raises the model's negative"
        " log-likelihood more than the same change along the directions of random features"
        f"{most} {words.listing(named)}.{_few(used, n)}"
    )


def _few(used: pd.DataFrame, n: int) -> str:
    """That few discoveries at the limit are candidates; empty where there are more than one in twenty."""
    if not few(len(used), n):
        return ""
    bases_measured = words.listing(
        [
            f"{words.count(int(b), 'base')}, q {words.probability(q)}"
            for b, q in zip(used["firing_bases"], used["q"], strict=True)
        ]
    )
    which = "One alone" if len(used) == 1 else "So few"
    verb = "is a candidate" if len(used) == 1 else "are candidates"
    return f" {which} (measured on {bases_measured}) {verb}, not a finding."


def _called(feature: int, concept: str) -> str:
    return f"{{f{feature}}} {words.kind(concept)}" if concept else f"{{f{feature}}}"


def _speaks_for(base: str, change: float) -> str:
    if not base:
        return "–"
    points = words.signed(100 * change, 0)
    return f"{base} {points}{words.THIN}point{'' if points in {'+1', f'{words.MINUS}1'} else 's'}"


def _steering(run: Run, draft: Draft) -> None:
    judged = run.need("verdicts")
    tried_for = declared(judged)
    steers = tried_for[tried_for["steers"].astype(bool)]
    tried, works = tried_for["target"].nunique(), steers["target"].nunique()
    chance = steering(judged, alpha=0.05).p
    measure = "the measure named before the experiment"
    if not judged["declared"].astype(bool).any():
        measure = f"one of {words.count(judged['scorer'].nunique(), 'measure')} looked at, none of them named before"
    draft.show(
        Prose(
            "**Turning features up.** Each experiment has four arms: untouched, [[steering]] by the feature, the"
            " dictionary's reconstruction alone, and [[random_direction|random directions]] of the same size. The"
            " measure is computed from the written sequence and knows nothing of the model."
        )
    )
    doses = run.table("doses")
    if doses is not None and len(doses):
        shown = tried_for.sort_values(["steers", "p"], ascending=[False, True]).head(6)
        figures = [_dose_figure(doses, str(r.target), str(r.scorer)) for r in records(shown)]
        draft.show(Figures([f for f in figures if f is not None]))
    rows = [
        [
            words.kind(str(r.target)),
            words.measure(str(r.scorer)),
            Cell(words.number(r.effect), r.effect),
            Cell(words.number(r.null_q99), r.null_q99),
            q_cell(r.p),
            Cell(words.number(r.best_dose), r.best_dose),
            Cell(words.percent(r.nll_rise), r.nll_rise),
            "yes" if r.monotone else "no",
            verdict_cell("yes" if r.steers else "no", "steers" if r.steers else "does not"),
        ]
        for r in records(tried_for)
    ]
    n_null = 0 if doses is None or doses.empty else int(doses["n_null"].min())
    floor = (
        f" With {n_null} random directions no p-value can be below 1/{n_null + 1} = {1 / (n_null + 1):.2g}."
        if n_null
        else ""
    )
    note = (
        "At the safe dose with the largest effect. A feature steers if its effect grows with the dose, its interval"
        f" leaves out 0, and it is beyond 99 % of random directions.{floor}"
    )
    draft.show(Table("Steering: effect of turning a feature up", STEERED, rows, note=note))
    others = judged[judged["steers"].astype(bool) & ~judged["declared"].astype(bool)]
    if len(others) and len(tried_for) < len(judged):
        moved = [
            f"{words.kind(str(r.target))} on {words.measure(str(r.scorer))} ({words.number(r.effect)})"
            for r in records(others)
        ]
        draft.show(
            Prose(
                f"Not named before the experiment, and changed as well: {words.listing(moved, 12)}. These are"
                " observations, not tests."
            )
        )
    lame = [words.kind(str(t)) for t in tried_for.loc[~tried_for["target"].isin(steers["target"]), "target"].unique()]
    if lame:
        draft.fail(
            f"Turning up {words.listing(lame, 8)} did not change {measure} beyond random directions.",
            "not found",
        )
    draft.answers.append(
        f"Steering by {works} of {words.count(tried, 'feature')} {'changes' if works == 1 else 'change'} the written"
        f" sequence in {measure}, beyond random directions (as many by chance with probability"
        f" {words.probability(chance)})."
        if works
        else f"No feature that was tried changes the written sequence in {measure} beyond random directions."
    )


def _dose_figure(doses: pd.DataFrame, target: str, scorer: str) -> Figure | None:
    rows = doses[(doses["target"] == target) & (doses["scorer"] == scorer)]
    if rows.empty:
        return None
    last = rows.sort_values("dose").iloc[-1]
    alt = (
        f"Effect of turning up {target} on {words.measure(scorer)}: {words.number(last['effect'])} at dose"
        f" {words.number(last['dose'])}; 99 % of random directions stay below {words.number(last['null_q99'])}."
    )
    picture = svg.figure(lambda ax: figures.dose_response_plot(ax, rows), (theme.WIDTH_1, 2.5), alt)
    return Figure(
        picture,
        f"**{words.kind(target)}** on {words.measure(scorer)}; grey band: 99 % of random directions of equal size.",
    )
