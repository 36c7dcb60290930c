"""What a reader takes away from the report: pictures as SVG that stand alone, tables as TSV with the numbers behind them."""

import io
import json
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

pytestmark = pytest.mark.browser
HREF = "{http://www.w3.org/1999/xlink}href"


@pytest.fixture(scope="module")
def page(browser, made):
    browser.open(made.folder / "report.html")
    browser.settle()
    return browser, made


def test_every_picture_and_table_has_its_button(page):
    browser, _ = page
    counts = json.loads(
        browser.evaluate(
            "JSON.stringify([...document.querySelectorAll('figure')].filter(f => f.querySelector('svg')).map(f => f.querySelectorAll('.tools button').length))"
        )
    )
    assert counts
    assert set(counts) == {1}
    assert browser.evaluate(
        "[...document.querySelectorAll('.table')].every(t => t.nextElementSibling.matches('.tools'))"
    )


def test_pictures_stand_alone_and_hold_what_they_refer_to(page):
    browser, _ = page
    texts = json.loads(browser.evaluate("JSON.stringify([...document.querySelectorAll('figure svg')].map(svg_text))"))
    assert any("base-A" in t for t in texts)  # a logo
    for text in texts:
        root = ET.fromstring(text)
        ids = {e.get("id") for e in root.iter() if e.get("id")}
        used = {(e.get("href") or e.get(HREF) or "#").lstrip("#") for e in root.iter() if e.tag.endswith("}use")}
        assert used - ids <= {""}
        assert root.find("{http://www.w3.org/2000/svg}title").text


def test_a_table_holds_every_row_and_the_numbers_behind_the_cells(page):
    browser, run = page
    text = browser.evaluate("tsv_text(document.getElementById('named-features'))")
    read = pd.read_csv(io.StringIO(text), sep="\t")
    names = run.need("names")
    named = names[(names["rank"] == 0) & names["named"]].set_index("feature")
    assert len(read) == len(named)
    q = dict(
        zip(
            read["Feature"].str.removeprefix("f").astype(int),
            read.filter(regex=r"^q-value").iloc[:, 0],
            strict=True,
        )
    )
    for feature, row in named.iterrows():
        assert float(q[feature]) == pytest.approx(row["q"], rel=1e-6)


def test_a_click_makes_a_file(page, tmp_path):
    browser, _ = page
    browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.evaluate("document.querySelector('#concepts .tools button').click()")
    for _ in range(100):
        if files := [p for p in tmp_path.iterdir() if p.suffix == ".svg"]:
            break
        browser.settle()
    assert ET.parse(files[0]).getroot().tag.endswith("svg")
