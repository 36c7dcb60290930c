"""What the model knows of these genomes: every claim of the report beside its null."""

from __future__ import annotations

from collections.abc import Sequence

from photo51.report.blocks import Block, Claims, Prose
from photo51.report.sections.base import Section

ANCHOR, TITLE = "headline", "What the model knows"
QUESTION = "What was found, and what would have been found if there were nothing to find?"
ORDER = {"yes": 0, "no": 1, "untested": 2, "described": 3}


def section(sections: Sequence[Section]) -> Section:
    """Gather the claims of the other sections, in their order; those beyond their null come first."""
    claims = [c for s in sections for c in s.claims]
    beyond = sum(c.verdict == "yes" for c in claims)
    tested = sum(c.verdict in {"yes", "no"} for c in claims)
    ordered = sorted(claims, key=lambda c: ORDER[c.verdict])
    blocks: list[Block] = [
        Claims(ordered) if ordered else Prose("No stage that could make a claim was part of this run."),
        Prose(
            "Each row is one claim. The second number is the same measurement where nothing is to be found: read the first only against the second."
        ),
    ]
    answer = (
        f"{beyond} of {tested} claims are beyond their null."
        if tested
        else "This run made no claim that could be tested."
    )
    return Section(ANCHOR, TITLE, QUESTION, answer, blocks)
