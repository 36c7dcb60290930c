"""What a page is made of: figures, tables, claims with their nulls, notes. The report and the notebooks share them.

Texts may hold `[[term]]` or `[[term|as written]]` (a word of the glossary, with its tooltip), `**bold**`, `` `code` ``
and `{f123}` (a feature, linked to its dossier in the atlas); everything else is escaped. Names that users gave (of
contigs, genes, sets) may hold any of these marks: `literal` makes them stand as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from photo51 import theme, words
from photo51.report.elements import svg
from photo51.report.elements.glossary import TERMS

TEMPLATES = Path(__file__).parent.parent / "templates"
Verdict = Literal["yes", "no", "untested", "described"]
_TERM = re.compile(r"\[\[([\w]+)(?:\|([^\]]+))?\]\]")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_FEATURE = re.compile(r"\{f(\d+)\}")
_MARKS = "[*`{"
_LITERAL = re.compile(r"\\([" + re.escape(_MARKS) + "])")
_SET_ASIDE = 0xE000  # private-use code points stand for literal marks while the others are set


def literal(name: object) -> str:
    """A name that somebody gave, as part of a rich text: shown letter by letter, whatever marks it holds."""
    return "".join(f"\\{letter}" if letter in _MARKS else letter for letter in str(name))


def rich(text: str) -> Markup:
    """Escape a text and set its terms, bold words, code and feature links.

    What looks like a term and is none of the glossary's, as in names that files have, stays as it is.
    """
    out = str(escape(_LITERAL.sub(lambda m: chr(_SET_ASIDE + _MARKS.index(m[1])), text)))
    out = _TERM.sub(lambda m: _term(m[1], m[2]) if m[1] in TERMS else m[0], out)
    out = _BOLD.sub(r"<b>\1</b>", out)
    out = _CODE.sub(r"<code>\1</code>", out)
    out = _FEATURE.sub(r'<a href="atlas/index.html#f\1">f\1</a>', out)
    return Markup(out.translate({_SET_ASIDE + i: mark for i, mark in enumerate(_MARKS)}))


def _term(key: str, written: str | None) -> str:
    term = TERMS[key]
    shown = written or (
        term.name if term.name[:2].isupper() or term.name[1:2] in {"-", "λ"} else term.name[0].lower() + term.name[1:]
    )
    return f'<a class="term" href="#term-{key}" aria-describedby="term-{key}">{shown}</a>'


def first_of(title: str, shown: int, total: int) -> str:
    """The title of a table that shows the first rows alone: it says of how many."""
    return f"{title} (the first {shown:,} of {total:,})" if shown < total else title


def plain_text(text: str) -> str:
    """A rich text without its markup, for axes and labels."""
    return str(rich(text).striptags())


class Block:
    """Something a page shows; Jupyter shows it as the report does."""

    def html(self) -> Markup:
        """As HTML."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Short: a picture's source is no reading matter."""
        return f"{type(self).__name__.lower()} of the report"

    def _repr_html_(self) -> str:
        return f'<div class="block">{self.html()}</div>'


@dataclass(frozen=True, repr=False)
class Prose(Block):
    """Paragraphs, separated by empty lines."""

    text: str

    def html(self) -> Markup:
        """As HTML."""
        return Markup("").join(Markup("<p>{}</p>").format(rich(p)) for p in self.text.strip().split("\n\n"))


@dataclass(frozen=True, repr=False)
class Heading(Block):
    """A heading within a section."""

    text: str
    anchor: str = ""

    def html(self) -> Markup:
        """As HTML."""
        return Markup('<h3 id="{}">{}</h3>').format(self.anchor or slug(self.text), rich(self.text))


@dataclass(frozen=True, repr=False)
class Note(Block):
    """A remark set apart: `plain`, `warn`, or `absent` for what was not run."""

    text: str
    title: str = ""
    kind: Literal["plain", "warn", "absent"] = "plain"

    def html(self) -> Markup:
        """As HTML."""
        title = Markup("<h4>{}</h4>").format(self.title) if self.title else ""
        return Markup('<div class="note {}">{}{}</div>').format(self.kind, title, Prose(self.text).html())


@dataclass(frozen=True, repr=False)
class Figure(Block):
    """A picture with its caption."""

    picture: Markup
    caption: str
    wide: bool = False

    def html(self) -> Markup:
        """As HTML."""
        return Markup('<figure{}><div class="plot">{}</div><figcaption>{}</figcaption></figure>').format(
            Markup(' class="wide"') if self.wide else "", self.picture, rich(self.caption)
        )


@dataclass(frozen=True, repr=False)
class Figures(Block):
    """Pictures side by side where there is room."""

    figures: Sequence[Figure]

    def html(self) -> Markup:
        """As HTML."""
        return Markup('<div class="figures">{}</div>').format(Markup("").join(f.html() for f in self.figures))


@dataclass(frozen=True, repr=False)
class Raw(Block):
    """HTML made by photo51 itself."""

    markup: Markup

    def html(self) -> Markup:
        """As HTML."""
        return self.markup


@dataclass(frozen=True, repr=False)
class Cell:
    """A table cell: what is shown, and what it is sorted by."""

    shown: str | Markup
    value: float | None = None


@dataclass(frozen=True, repr=False)
class Head:
    """A column's head: its title (rich text), whether it holds numbers, and a hint on its unit."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, repr=False)
class Table(Block):
    """A table; with more than `shown` rows the rest open on request, and always print."""

    caption: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    shown: int = 12
    sortable: bool = True
    anchor: str = ""
    find: str = ""
    row_heads: bool = True

    def html(self) -> Markup:
        """As HTML."""
        rows = [[_cell(value, head) for value, head in zip(row, self.heads, strict=True)] for row in self.rows]
        name = self.anchor or slug(self.caption)
        return Markup(_macros().table(self, name, rows, len(rows) - self.shown))


@dataclass(frozen=True, repr=False)
class Claim:
    """One thing the run found or did not find, with what it is held against.

    Attributes
    ----------
    claim
        A sentence.
    value, null
        The number and the same number where nothing is to be found, each with its unit.
    n
        What it was counted on.
    verdict
        `yes` where it beats its negative control, `no` where it is not, `untested` where it could not be told,
        `described` for a number that has no test of its own.
    where
        Anchor of the section that shows it.
    """

    claim: str
    value: str
    null: str
    n: str
    verdict: Verdict
    where: str = ""


@dataclass(frozen=True, repr=False)
class Claims(Block):
    """Claims, each beside its null."""

    claims: Sequence[Claim]

    def html(self) -> Markup:
        """As HTML."""
        return Markup(_macros().claims(self.claims))


VERDICTS = {
    "yes": "beats its control",
    "no": "does not beat its control",
    "untested": "not tested",
    "described": "no verdict",
}


def _cell(value: Any, head: Head) -> Cell:
    if isinstance(value, Cell):
        return value
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return Cell("–", None)
    if isinstance(value, Markup):
        return Cell(value)
    if head.numeric and isinstance(value, (int, float)):
        return Cell(words.number(value), float(value))
    return Cell(rich(str(value)))


def records(frame: pd.DataFrame) -> list[Any]:
    """Rows of a frame as named tuples, whose fields are of whatever type the columns are."""
    return list(frame.itertuples(index=False))


def q_cell(value: float | None) -> Cell:
    """A p- or q-value."""
    is_known = value is not None and np.isfinite(value)
    return Cell(words.probability(value) if is_known else "–", float(value) if is_known and value is not None else None)


def verdict_cell(kind: Verdict, text: str = "") -> Markup:
    """A verdict as a word with its mark."""
    return Markup('<span class="verdict {}">{}</span>').format(kind, text or VERDICTS[kind])


def slug(text: str) -> str:
    """A text as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\[\[(\w+)(?:\|[^\]]+)?\]\]", r"\1", text.lower())).strip("-")[:48]


@cache
def environment() -> jinja2.Environment:
    """The templates, with everything a page shares."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.filters["rich"] = rich
    env.globals.update(
        css=lambda *names: Markup(
            "\n".join([theme.css(), *((TEMPLATES / n).read_text(encoding="utf-8") for n in names)])
        ),
        js=lambda name: Markup(script_safe((TEMPLATES / name).read_text(encoding="utf-8"))),
        glyphs=svg.glyphs,
        verdict=verdict_cell,
        terms=TERMS,
    )
    return env


def script_safe(code: str) -> str:
    """A script that cannot end the tag it is put into."""
    return re.sub(r"</(?=script)", r"<\\/", code, flags=re.IGNORECASE).replace("<!--", "<\\!--")


@cache
def _macros() -> Any:
    return environment().get_template("blocks.html.j2").module


def used_terms(markup: str) -> list[str]:
    """Glossary keys a page refers to, in the glossary's order."""
    keys = set(re.findall(r'href="#term-(\w+)"', markup))
    return [key for key in TERMS if key in keys]
