"""What the model knows of these genomes: every claim of the report beside its null."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from photo51 import words
from photo51.report.blocks import Block, Claims, Prose, Raw, rich
from photo51.report.sections.base import Section

ANCHOR, TITLE = "headline", "What the model knows"
QUESTION = "What was found, and what would have been found if there were nothing to find?"
FIRST = 5  # findings, and failures, on the first screen
ORDER = {"yes": 0, "no": 1, "untested": 2, "described": 3}


def section(sections: Sequence[Section]) -> Section:
    """Gather the claims of the other sections, in their order; those that beat their control come first."""
    claims = [c for s in sections for c in s.claims]
    beyond = sum(c.verdict == "yes" for c in claims)
    tested = sum(c.verdict in {"yes", "no"} for c in claims)
    ordered = sorted(claims, key=lambda c: ORDER[c.verdict])
    first = [c for c in ordered if c.verdict == "yes"][:FIRST]
    rest = [c for c in ordered if c not in first]
    missed = list(dict.fromkeys(f.what for s in sections for f in s.failures if f.kind == "not found"))
    blocks: list[Block] = []
    if first:
        blocks.append(Claims(first))
    elif not claims:
        blocks.append(Prose("No stage that could make a claim was part of this run."))
    else:
        blocks.append(Prose("Nothing that was tested beats its negative control."))
    if missed:
        items = Markup("").join(Markup("<li>{}</li>").format(rich(m)) for m in missed[:FIRST])
        more = f" {len(missed) - FIRST} more are below." if len(missed) > FIRST else ""
        blocks.append(
            Raw(
                Markup('<h3>Looked for and not found</h3><ul>{}</ul><p class="small">{}</p>').format(
                    items, more.strip()
                )
            )
        )
    if rest:
        title = f"{words.count(len(rest), 'further claim')}: of less interest, no better than the control, or without a test"
        blocks.append(
            Raw(Markup("<details><summary>{}</summary>{}</details>").format(title, Claims(rest).html()))
        )
    if claims:
        blocks.append(
            Prose(
                "Each row is one claim beside its negative control: the same measurement where nothing is to be found."
            )
        )
    answer = (
        f"{beyond} of {tested} claims beat their negative control."
        if tested
        else "This run made no claim that could be tested."
    )
    return Section(ANCHOR, TITLE, QUESTION, answer, blocks)
