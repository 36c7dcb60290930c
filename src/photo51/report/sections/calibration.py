"""Can the tests of this run be believed: its own activations, rotated, and everything redone."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd

from photo51 import theme, words
from photo51.findings.overall import honest
from photo51.report.elements import svg
from photo51.report.elements.blocks import Cell, Figure, Head, Table
from photo51.report.elements.sentences import label
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.opened import Run

ANCHOR, TITLE = "calibration", "Calibration of this run"
QUESTION = "Do the tests hold their level on circularly shifted activations, where no association is?"
LEVELS = (("05", 0.05), ("01", 0.01), ("001", 0.001))
_LINES = {
    ("real", "rotation"): ("feature", "-"),
    ("real", "adjusted"): ("feature", ":"),
    ("rotated", "rotation"): ("null", "-"),
    ("rotated", "adjusted"): ("null", ":"),
}
SAID = {"rotation": "rotation null", "adjusted": "composition-adjusted", "real": "real", "rotated": "shifted"}


def section(run: Run) -> Section:
    """Real against rotated discoveries, from `calibration.json` and `qq`."""
    figures: dict[str, Any] = run.json("calibration")
    if "run_real_discoveries" not in figures:
        return absent(ANCHOR, TITLE, QUESTION, run.absent("qq"))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    alpha = float(figures.get("alpha", 0.05))
    _counts(figures, draft, alpha)
    _rates(figures, draft)
    if run.has("adjusted_rates"):
        _adjusted(run.need("adjusted_rates"), figures, draft)
    if run.has("qq"):
        draft.show(_figure(run.need("qq")))
    return draft.section(TITLE, QUESTION)


def _counts(figures: dict[str, Any], draft: Draft, alpha: float) -> None:
    rows = [
        [label, *(_number_of(figures, f"run_{source}_{key}") for source in ("real", "rotated"))]
        for label, key in (
            ("[[rotation]]", "discoveries"),
            ("[[composition]]", "discoveries_adjusted"),
            ("both", "both"),
        )
    ]
    note = (
        f"Pairs of a feature and an annotation at q ≤ {alpha:g}; {figures['run_real_pairs']:,} pairs{_among(figures)}"
        " were tested. The shifted column should be (nearly) empty."
    )
    draft.show(
        Table(
            "Discoveries on the activations of this run and on the same activations, each feature circularly shifted"
            " once",
            [Head("Test"), Head("real", numeric=True), Head("circularly shifted", numeric=True)],
            rows,
            note=note,
            sortable=False,
        )
    )
    real, rotated = int(figures["run_real_both"]), figures.get("run_rotated_both")
    if rotated is None:
        draft.fail(
            "This run did not shift its own activations: whether its tests hold their level is known from the benchmark"
            " only.",
            "limit",
        )
        draft.answers.append("This run did not test itself.")
        return
    verb = "Yes: the" if honest(figures) else "Not quite: the"
    draft.answers.append(
        f"{verb} run found {words.count(real, 'pair')}{_among(figures) or ' of features'} and annotations; with the"
        f" activations circularly shifted along the genome it found {words.count(int(rotated), 'pair')}."
    )
    if not honest(figures):
        draft.fail(
            f"The run finds {words.count(int(rotated), 'pair')} in circularly shifted activations, more than"
            f" {words.percent(alpha, 0)} of the {words.count(real, 'pair')} of the real ones: read its single"
            " discoveries with care.",
            "not found",
        )


def _number_of(figures: dict[str, Any], key: str) -> Cell:
    """A count; a dash where it was not made."""
    n = figures.get(key)
    return Cell("–") if n is None else Cell(f"{int(n):,}", float(n))


def _among(figures: dict[str, Any]) -> str:
    """Which features were shifted too, as a sentence takes it; empty where that is not said."""
    compared = figures.get("features_compared")
    return f" of {words.count(int(compared), 'feature')}" if compared else ""


def _beyond(figures: dict[str, Any], key: str, level: float) -> bool:
    """Whether a test errs by more than a quarter too often, and by more than two standard errors."""
    rate, error = figures.get(f"fpr_{key}") or 0.0, figures.get(f"fpr_{key}_se") or 0.0
    return rate > 1.25 * level and rate - 2 * error > level


def _rates(figures: dict[str, Any], draft: Draft) -> None:
    rows = []
    for key, level in LEVELS:
        rate, adjusted = figures.get(f"fpr_{key}"), figures.get(f"fpr_adjusted_{key}")
        error = figures.get(f"fpr_{key}_se")
        if rate is not None:
            rows.append(
                [
                    f"p ≤ {level:g}",
                    words.percent(level),
                    words.percent(rate, 2) + (f" ± {words.percent(error, 2)}" if error else ""),
                    words.percent(adjusted, 2) if adjusted is not None else "–",
                ]
            )
    loose = [level for key, level in LEVELS if _beyond(figures, key, level)]
    if loose:
        draft.fail(
            "The rotation null calls too many circularly shifted pairs at p ≤"
            f" {words.listing([f'{v:g}' for v in loose])}: a single p-value near the level says less than it seems. The"
            " discoveries on shifted activations, not the level, say how many discoveries of the run are false.",
            "limit",
        )
    if rows:
        heads = [Head("Level"), Head("should be at most"), Head("[[rotation]]"), Head("[[composition]]")]
        draft.show(
            Table(
                "How often the tests call a circularly shifted pair",
                heads,
                rows,
                note=(
                    f"{words.count(int(figures.get('run_rotated_pairs', 0)), 'shifted pair')}{_among(figures)}; ± one"
                    " standard error, features counted as independent."
                ),
                sortable=False,
            )
        )


def _adjusted(rates: pd.DataFrame, figures: dict[str, Any], draft: Draft) -> None:
    """The adjusted test class by class, those out of band first; they have no verdict beyond composition."""
    loose = rates["verdict"] == "out of band"
    ordered = rates.assign(loose=loose).sort_values(["loose", "rate_05"], ascending=False, kind="stable")
    rows = [
        [
            label(str(r.annotation), str(r.strand)),
            Cell(f"{r.n:,}", r.n),
            Cell(words.percent(r.rate_05, 1), r.rate_05),
            Cell(words.percent(r.rate_001, 2), r.rate_001),
            "out of band: no verdict" if r.verdict == "out of band" else "not out of band",
        ]
        for r in ordered.itertuples()
    ]
    heads = [
        Head("Annotation"),
        Head("shifted features", numeric=True),
        Head("called at 0.05", numeric=True),
        Head("called at 0.001", numeric=True),
        Head("[[composition]] test"),
    ]
    share_kept = figures.get("adjusted_kept")
    share = (
        ""
        if share_kept is None
        else f" Of the real pairs at q ≤ {figures.get('alpha', 0.05):g} that it judges it keeps"
        f" {words.percent(share_kept)}."
    )
    draft.show(
        Table(
            "The test beyond composition on circularly shifted features, class by class",
            heads,
            rows,
            note=(
                "It should call 3 to 7 % at 0.05 and at most 0.3 % at 0.001. A class is out of band where the binomial"
                f" chance of its counts at the band's edge is below {rates['tolerance'].iloc[0]:.1g} (0.01 over all"
                f" classes and readings).{share}"
            ),
            shown=12,
        )
    )
    if loose.any():
        named = words.listing([label(str(r.annotation), str(r.strand)) for r in rates[loose].itertuples()])
        draft.fail(
            f"Beyond composition nothing is said of {named}: there the test calls circularly shifted features more or"
            " less often than it should.",
            "limit",
        )


def _figure(qq: pd.DataFrame) -> Figure:
    def draw(ax: mpl.axes.Axes) -> None:
        top = float(qq["expected"].max()) * 1.05
        ax.plot([0, top], [0, top], color=theme.MUTED, lw=0.8, ls=(0, (1, 2)))
        for (source, test), (meaning, style) in _LINES.items():
            line = qq[(qq["activations"] == source) & (qq["test"] == test)].sort_values("expected")
            if len(line):
                ax.plot(
                    line["expected"],
                    line["observed"].clip(upper=40),
                    color=theme.colour(meaning),
                    ls=style,
                    label=f"{SAID[source]}, {SAID[test]}",
                )
        ax.set(
            xlabel="expected −log₁₀ p (uniform)",
            ylabel="observed −log₁₀ p (cut at 40)",
            xlim=(0, top),
            ylim=(0, None),
        )
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, columnspacing=1.2)

    rotated = qq[(qq["activations"] == "rotated") & (qq["test"] == "rotation")]
    worst = (
        f"; the smallest p-value of shifted activations is 10 to the minus {rotated['observed'].max():.1f}, where"
        f" {rotated['expected'].max():.1f} is expected"
        if len(rotated)
        else ""
    )
    alt = (
        "Quantiles of observed against expected p-values: real activations rise above the diagonal, circularly shifted"
        f" ones follow it{worst}."
    )
    caption = (
        "Observed against expected p-values. A test that holds its level stays on the dotted line for shifted"
        " activations (grey); what rises above it in blue is association."
    )
    return Figure(svg.figure(draw, (4.2, 3.3), alt), caption)
