"""What failed, was null or could not be tested: never empty."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from photo51.report.elements.blocks import Block, Heading, Raw, rich
from photo51.report.sections.base import Failure, Section

ANCHOR, TITLE = "failures", "What was not found, and limits"
QUESTION = "What was looked for and not found, and what can this run not say?"
KINDS = (
    (
        "not found",
        "Tested, and no better than its negative control",
        "These are results: the effect is small, absent, or the run too short to see it.",
    ),
    (
        "limit",
        "Limits, and what could not be tested",
        "What this run cannot say, and why; where bases, sites or variants are too few, more data may change it.",
    ),
    ("not run", "Not part of this run", "Nothing can be concluded from what was not run."),
)
ALWAYS = (
    Failure(
        "A feature that agrees with an annotation need not be what the model uses it for; only removal and steering"
        " speak to causes.",
        "limit",
        "causes",
    ),
    Failure(
        "A q-value bounds the share of false discoveries in the list it belongs to, not the chance that one given"
        " discovery is wrong.",
        "limit",
        "calibration",
    ),
)


def section(sections: Sequence[Section]) -> Section:
    """Gather what the other sections could not show."""
    failures = list(dict.fromkeys([f for s in sections for f in s.failures])) + list(ALWAYS)
    titles = {s.anchor: s.title for s in sections}
    blocks: list[Block] = []
    for kind, heading, lead in KINDS:
        of_kind = [f for f in failures if f.kind == kind]
        if not of_kind:
            continue
        items = Markup("").join(Markup("<li>{}{}</li>").format(rich(f.what), _link(f, titles)) for f in of_kind)
        blocks += [
            Heading(f"{heading} ({len(of_kind)})", f"failures-{kind.replace(' ', '-')}"),
            Raw(Markup("<p>{}</p><ul>{}</ul>").format(lead, items)),
        ]
    nulls = sum(f.kind == "not found" for f in failures)
    answer = (
        f"{nulls} {'thing was' if nulls == 1 else 'things were'} looked for and not found."
        if nulls
        else "Nothing that was tested came out null; the limits are below."
    )
    return Section(ANCHOR, TITLE, QUESTION, answer, blocks)


def _link(failure: Failure, titles: dict[str, str]) -> Markup:
    if failure.where not in titles:
        return Markup("")
    return Markup(' <a class="why no-print" href="#{}">{}</a>').format(failure.where, titles[failure.where])
