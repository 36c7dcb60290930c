"""What a section is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from photo51.findings.finding import finding_rows
from photo51.report.elements.blocks import Block, Claim, Note
from photo51.run.opened import Run


@dataclass(frozen=True)
class Failure:
    """Something that failed, was not run, or was looked for and not found.

    Attributes
    ----------
    what
        A sentence.
    kind
        `not run`, `not found` (tested, and does not beat its negative control) or `limit` (could not be tested, and
        why).
    where
        Anchor of the section; empty where there is none.
    """

    what: str
    kind: str
    where: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    anchor
        Its place in the page.
    title
        Its heading.
    question
        What a reader wants to know.
    answer
        The answer in a sentence or two, before any evidence.
    blocks
        The evidence.
    claims
        What it claims, each beside its null.
    failures
        What it could not show.
    absent
        Whether its stage was not run.
    """

    anchor: str
    title: str
    question: str
    answer: str
    blocks: Sequence[Block] = ()
    claims: Sequence[Claim] = ()
    failures: Sequence[Failure] = field(default_factory=tuple)
    absent: bool = False


def claims_of(run: Run, anchor: str) -> list[Claim]:
    """What `findings.parquet` claims of a section's part of the run."""
    return [
        Claim(f.claim, f.value_text, f.null_text, f.n_text, f.verdict, f.section)
        for f in finding_rows(run.table("findings"))
        if f.section == anchor
    ]


@dataclass
class Draft:
    """A section being written.

    Attributes
    ----------
    anchor
        Of the section.
    answers, blocks, claims, failures
        As in `Section`; the answers are joined.
    """

    anchor: str
    answers: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def show(self, *blocks: Block) -> None:
        """Add evidence."""
        self.blocks.extend(blocks)

    def fail(self, what: str, kind: str) -> None:
        """Add something that could not be shown."""
        self.failures.append(Failure(what, kind, self.anchor))

    def lack(self, run: Run, name: str) -> None:
        """Say of a table that it was not made, or that its stage ran and found nothing."""
        self.fail(run.absent(name), "not run" if run.table(name) is None else "not found")

    def section(self, title: str, question: str) -> Section:
        """The finished section."""
        return Section(
            self.anchor,
            title,
            question,
            " ".join(a for a in self.answers if a),
            self.blocks,
            self.claims,
            self.failures,
        )


def absent(anchor: str, title: str, question: str, why: str, *, ran: bool = False) -> Section:
    """The section of a stage that was not run: it says so, and how to have it; or that ran and found nothing."""
    return Section(
        anchor,
        title,
        question,
        "",
        blocks=[Note(why, "Nothing was found" if ran else "Not part of this run", "absent")],
        failures=[Failure(why, "not found" if ran else "not run", anchor)],
        absent=not ran,
    )
