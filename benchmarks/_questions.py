"""Twelve questions that a biologist asks first, answered in a browser in at most three steps, each checked against the tables.

A step is something a reader does: opens a page, types into a box, chooses, clicks. The answer is what the page then shows;
whether it is right is decided from the tables of the run alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks._browser import Browser
from photo51 import words
from photo51.genome.alphabet import decode
from photo51.run.opened import Run

MOST_STEPS = 3
EXCEL_ROWS, EXCEL_COLUMNS, EXCEL_CELL = 1_048_576, 16_384, 32_767
GENES = ("lacZ", "rpoB", "MT-TL1")
VARIANT = "m.3243A>G"


class Answer(NamedTuple):
    """How a question went.

    Attributes
    ----------
    question
        It, in a few words.
    steps
        Steps taken.
    right
        Whether what the page shows agrees with the tables.
    shown
        What the page shows, shortened.
    """

    question: str
    steps: int
    right: bool
    shown: str

    @property
    def answered(self) -> bool:
        """Right, and in few enough steps."""
        return self.right and self.steps <= MOST_STEPS


class Reader:
    """A reader at a browser, whose steps are counted."""

    def __init__(self, browser: Browser, run: Run):
        self.browser, self.run, self.steps = browser, run, 0

    def open(self, page: str) -> None:
        """Open a page of the run."""
        self.steps += 1
        self.browser.open(self.run.folder / page)
        if page.startswith("atlas"):
            self.browser.wait_for("document.documentElement.dataset.ready")

    def ask(self, text: str) -> str:
        """Put a text into the atlas's search box; what the page says of it."""
        self.steps += 1
        self.browser.evaluate("document.getElementById('q').focus(); document.getElementById('q').select()")
        self.browser.type(text)
        self.browser.settle()
        return str(self.browser.evaluate("document.getElementById('found').textContent"))

    def click(self, selector: str) -> None:
        """Click the first element that a selector finds."""
        self.steps += 1
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        self.browser.settle()

    def enter(self) -> str:
        """Press Enter in the search box: the first feature's page."""
        self.steps += 1
        self.browser.press("Enter")
        self.browser.wait_for(
            "document.getElementById('dossier-title') && !document.getElementById('dossier').hasAttribute('aria-busy')"
        )
        return str(self.browser.evaluate("document.getElementById('dossier').innerText"))

    def listed(self) -> list[int]:
        """Features in the atlas's list, in its order."""
        return [int(f) for f in json.loads(self.browser.evaluate("JSON.stringify([...SHOWN].map(r => COL.id[r]))"))]


Ask = Callable[[Reader], tuple[bool, str]]


def annotation(kind: str) -> Ask:
    """Features of an annotation class: all with evidence, the best grade first."""

    def ask(reader: Reader) -> tuple[bool, str]:
        reader.open("atlas/index.html")
        told = reader.ask(kind)
        names = reader.run.need("names")
        own = names[names["annotation"].str.lower().str.contains(kind.lower(), regex=False)]
        grades = own.assign(order=own["grade"].map({"weak": 1, "moderate": 2, "strong": 3}))
        best = grades.groupby("feature")["order"].max()
        if best.empty:  # then that is the answer
            pairs = reader.run.need("enrichment")
            pairs = pairs[(pairs["annotation"] == kind) & (pairs["q"] <= 0.05)].sort_values(["q", "feature"])
            linked = list(dict.fromkeys(pairs["feature"]))
            return ("associated with it" in told) == bool(linked) and set(reader.listed()[:5]) <= set(linked), told
        listed = [f for f in reader.listed() if f in best.index]
        order = [int(best[f]) for f in listed]
        right = set(listed) == set(best.index) and order == sorted(order, reverse=True)
        return right, told

    return ask


def gene(name: str) -> Ask:
    """Features of a gene, or that it was not read."""

    def ask(reader: Reader) -> tuple[bool, str]:
        reader.open("atlas/index.html")
        told = reader.ask(name)
        table = reader.run.genomes.annotations()
        own = table[(table["name"] == name) & table["kind"].isin(["gene", "CDS", "tRNA", "rRNA", "ncRNA"])]
        scored = reader.run.places.workspace.table
        read = any(
            (
                (scored["genome"] == g.genome)
                & (scored["chrom"] == g.chrom)
                & (scored["start"] < g.end)
                & (scored["end"] > g.start)
            ).any()
            for g in own.itertuples()
        )
        listed = reader.listed()
        right = bool(len(own)) and (
            bool(listed) and "not read" not in told if read else not listed and "not read" in told
        )
        return right, told

    return ask


def variant(name: str) -> Ask:
    """A variant: its log-likelihood ratio."""

    def ask(reader: Reader) -> tuple[bool, str]:
        reader.open("atlas/index.html")
        told = reader.ask(name)
        table = reader.run.need("variants")
        change = name.removeprefix("m.").removeprefix("g.")
        said = [f"{p + 1}{r}>{a}" for p, r, a in zip(table["pos"], table["ref"], table["alt"], strict=True)]
        own = table[[s == change for s in said]]
        shown = [f"{v:.2f}".replace("-", words.MINUS) for v in own["llr"]]
        return bool(shown) and any(v in told for v in shown) and "nats" in told, told

    return ask


def pasted(reader: Reader) -> tuple[bool, str]:
    """Sixty bases of what was read, as the other strand spells them."""
    r = reader.run.places.workspace.table.sort_values("start", kind="stable").iloc[-1]
    middle = (int(r["start"]) + int(r["end"])) // 2
    bases = decode(reader.run.genomes.sequence(str(r["genome"]), str(r["chrom"]), middle, middle + 60))
    reader.open("atlas/index.html")
    told = reader.ask(bases.translate(str.maketrans("ACGT", "TGCA"))[::-1])
    return f"{middle + 1:,}-{middle + 60:,}" in told and bool(reader.listed()), told


def unnamed(reader: Reader) -> tuple[bool, str]:
    """The first features of the ranking that no annotation explains, with loci."""
    reader.open("report.html")
    reader.click("nav.toc a[href='#unnamed']")
    reader.click("#unnamed details.evidence summary")
    table = reader.run.need("novelty")
    first = table[table["rank"] > 0].sort_values("rank")["feature"].head(3).astype(int).tolist()
    loci = {f: reader.browser.evaluate(f"(() => {{ const c = document.querySelector('#unnamed #feature-{f}'); return c && c.checkVisibility() ? c.querySelectorAll('.windows tbody tr').length : 0 }})()") for f in first}  # fmt: skip
    return bool(first) and all(n > 0 for n in loci.values()), ", ".join(f"f{f}: {n} loci" for f, n in loci.items())


def turned_up(reader: Reader) -> tuple[bool, str]:
    """What a feature does when it is turned up."""
    table = reader.run.need("causality")
    row = table[np.isfinite(table["steer_p"])].sort_values("steer_p", kind="stable").iloc[0]
    reader.open("atlas/index.html")
    reader.ask(f"f{int(row['feature'])}")
    text = reader.enter()
    part = next((line for line in text.splitlines() if "Turning it up" in line), "")
    right = (f"makes {row['steer_base']} more likely" if row["steer_p"] <= 0.05 else "no more than random directions") in part  # fmt: skip
    return right, part


def cite(reader: Reader) -> tuple[bool, str]:
    """How to cite photo51."""
    reader.open("report.html")
    reader.click("nav.toc a[href='#methods']")
    text = str(reader.browser.evaluate("document.getElementById('methods').innerText"))
    return "The photo51 authors" in text and "https://" in text and "@software" in text, text.strip()[:200]


def excel(reader: Reader) -> tuple[bool, str]:
    """Tables that Excel opens."""
    reader.open("report.html")
    reader.click("nav.toc a[href='#reproduce']")
    links = json.loads(reader.browser.evaluate("JSON.stringify([...document.querySelectorAll('#reproduce a')].filter(a => a.closest('section').id === 'reproduce').map(a => a.getAttribute('href')))"))  # fmt: skip
    folder = next((reader.run.folder / link for link in links if link.rstrip("/").endswith("exports/tables")), None)
    if folder is None or not (folder / "names.tsv").is_file():
        return False, f"no link to exports/tables with names.tsv among {links}"
    return fits_excel(folder / "names.tsv"), str(folder.relative_to(reader.run.folder) / "names.tsv")


def fits_excel(path: Path) -> bool:
    """Whether a TSV has no more rows, columns and characters a cell than a sheet holds."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    longest = max((int(table[c].str.len().max() or 0) for c in table.columns), default=0) if len(table) else 0
    return len(table) < EXCEL_ROWS and len(table.columns) <= EXCEL_COLUMNS and longest <= EXCEL_CELL


QUESTIONS: dict[str, Ask] = {
    "tRNA features": annotation("tRNA"),
    "rRNA features": annotation("rRNA"),
    "prophage features": annotation("prophage"),
    **{f"features of {name}": gene(name) for name in GENES},
    VARIANT: variant(VARIANT),
    "a pasted 60-mer": pasted,
    "top unnamed features with loci": unnamed,
    "what a feature does when turned up": turned_up,
    "how to cite": cite,
    "a table for Excel": excel,
}


def answers(browser: Browser, run: Run, questions: dict[str, Ask] = QUESTIONS) -> list[Answer]:
    """Ask each question of a run whose pages are made."""
    out = []
    for question, ask in questions.items():
        reader = Reader(browser, run)
        right, shown = ask(reader)
        out.append(Answer(question, reader.steps, right, " ".join(shown.split())[:160]))
    return out
