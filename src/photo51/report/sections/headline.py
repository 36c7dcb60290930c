"""What the model knows of these genomes: every claim of the report beside its null."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup

from photo51 import words
from photo51.report.elements.blocks import Block, Claim, Claims, Prose, Raw, rich
from photo51.report.sections.base import Section, absent
from photo51.run.opened import Run

ANCHOR, TITLE = "headline", "What the model knows"
QUESTION = "What was found, and what would have been found if there were nothing to find?"
FIRST = 5  # findings on the first screen
MISSED = 4  # what was not found, on the first screen
FIRST_ABOUT = ("concepts", "calibration", "shapes", "disease", "unnamed")  # sections, by interest
ORDER = {"yes": 0, "no": 1, "untested": 2, "described": 3}


def leading(claims: Sequence[Claim]) -> list[Claim]:
    """Claims that beat their control and come first: the first of each section, then others whose numbers are not
    those again.
    """
    beyond = [c for c in claims if c.verdict == "yes"]
    of_each = {c.where: c for c in reversed(beyond)}
    first = [of_each[section] for section in FIRST_ABOUT if section in of_each]
    shown = {c.value for c in first}
    rest = [c for c in beyond if c not in first]
    return [*first, *sorted(rest, key=lambda c: c.value in shown)][:FIRST]


def short(text: str, max_letters: int = 170) -> str:
    """A sentence for the first screen: a list ends after a whole item, other text between words.

    The section on what was not found has it whole.
    """
    if len(text) <= max_letters:
        return text
    cut = text[:max_letters].rpartition(" ")[0]
    if cut.count("[[") > cut.count("]]"):  # not within a term of the glossary
        cut = cut[: cut.rindex("[[")]
    commas = [
        m.start() for m in re.finditer(",(?= |$)", cut) if cut.count("(", 0, m.start()) == cut.count(")", 0, m.start())
    ]
    # two commas make a list, and so does one behind an item that ends with a parenthesis
    if len(commas) > 1 or (commas and cut[commas[0] - 1] == ")"):
        return f"{cut[: commas[-1]]} and others."
    return f"{cut.rstrip(' ,;(')} …"


def without_findings(run: Run) -> Section:
    """What cannot be said of a run whose claims were not gathered."""
    return absent(ANCHOR, TITLE, QUESTION, run.absent("findings"))


def section(sections: Sequence[Section]) -> Section:
    """Gather the claims of the other sections, in their order; those that beat their control come first."""
    claims = [c for s in sections for c in s.claims]
    beyond = sum(c.verdict == "yes" for c in claims)
    tested = sum(c.verdict in {"yes", "no"} for c in claims)
    ordered = sorted(claims, key=lambda c: ORDER[c.verdict])
    first = leading(claims)
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
        items = Markup("").join(Markup("<li>{}</li>").format(rich(short(m))) for m in missed[:MISSED])
        more = f"{len(missed) - MISSED:,} more under “What was not found, and limits”." if len(missed) > MISSED else ""
        blocks.append(
            Raw(Markup('<h3>Looked for and not found</h3><ul>{}</ul><p class="small">{}</p>').format(items, more))
        )
    if rest:
        title = (
            f"{words.count(len(rest), 'further claim')}: of less interest, no better than the control, or without a"
            " test"
        )
        blocks.append(Raw(Markup("<details><summary>{}</summary>{}</details>").format(title, Claims(rest).html())))
    if claims:
        blocks.append(
            Prose(
                "Each row is one finding with its negative control: the same measurement where there is nothing to"
                " find."
            )
        )
    which = "claim beats its" if tested == 1 else "claims beat their"
    answer = (
        f"{beyond} of {tested} {which} negative control." if tested else "This run made no claim that could be tested."
    )
    about = next((s.answer for s in sections if s.anchor == "concepts" and not s.absent), "")
    return Section(ANCHOR, TITLE, QUESTION, f"{answer} {about}".strip(), blocks)
