"""Questions that a biologist asks first, answered from the pages of the synthetic run; and of a demo run where one is there."""

import os
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import _claims as recomputed
from benchmarks import _questions as asked
from photo51.run.opened import Run

pytestmark = pytest.mark.browser


def ask(browser, run, question):
    reader = asked.Reader(browser, run)
    right, shown = question(reader)
    assert browser.errors == []
    return right, reader.steps, shown


@pytest.mark.parametrize(
    "question", [asked.annotation("tRNA"), asked.pasted, asked.unnamed, asked.turned_up, asked.cite],
    ids=["tRNA", "pasted", "unnamed", "turned up", "cite"],
)  # fmt: skip
def test_a_question_is_answered_in_three_steps(browser, made, question):
    right, steps, shown = ask(browser, made, question)
    assert right, shown
    assert steps <= asked.MOST_STEPS


def test_a_gene_is_found_and_an_unknown_one_is_not_right(browser, made):
    genes = made.genomes.annotations()
    name = str(genes.loc[genes["kind"] == "gene", "name"].iloc[3])
    assert ask(browser, made, asked.gene(name))[0]
    assert not ask(browser, made, asked.gene("wyvern"))[0]


def test_what_the_pages_print_is_what_the_tables_say(browser, made):
    browser.open(made.folder / "report.html")
    claims = recomputed.claims(made, browser.evaluate("document.body.textContent"))
    sides = [c for c in claims if " at " in c.what]
    counts = [c for c in claims if c.what.endswith(("features", "positions", "gate"))]
    assert len(sides) == 100
    assert [c for c in (*sides, *counts) if not c.holds] == []


def test_a_table_that_excel_cannot_hold_is_told(tmp_path):
    pd.DataFrame({"a": ["x" * 32_768]}).to_csv(tmp_path / "long.tsv", sep="\t", index=False)
    pd.DataFrame({"a": ["x" * 32_767]}).to_csv(tmp_path / "fits.tsv", sep="\t", index=False)
    assert not asked.fits_excel(tmp_path / "long.tsv")
    assert asked.fits_excel(tmp_path / "fits.tsv")


@pytest.mark.slow
def test_twelve_questions_of_the_demo(browser):
    folder = Path(os.environ.get("PHOTO51_RUN", "results/demo"))
    if not (folder / "report.html").is_file():
        pytest.skip("needs a finished demo run (make demo)")
    assert [a for a in asked.answers(browser, Run(folder)) if not a.answered] == []
