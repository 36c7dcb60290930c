"""The genome page: features on demand, links that keep the feature, ways back."""

import json

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser, made):
    browser.open(made.folder / "tracks" / "ring" / "igv.html", fragment="#f6;chromosome:1-4,000")
    browser.wait_for("document.documentElement.dataset.ready")
    yield browser
    browser.settle()
    assert browser.requests == []
    assert browser.errors == []


def test_a_link_brings_its_feature_and_both_strands_share_one_scale(opened):
    shown = json.loads(
        opened.evaluate(
            "JSON.stringify([...SHOWN].map(([id, f]) => [id, Math.max(...f.map(v => v.value)), Math.min(...f.map(v => v.value))]))"
        )
    )
    assert [s[0] for s in shown] == [6]
    assert shown[0][1] > 0 > shown[0][2]
    assert "one scale" in opened.evaluate("document.getElementById('status').textContent")
    assert opened.evaluate("document.getElementById('to-atlas').getAttribute('href')").endswith("atlas/index.html#f6")


def test_any_feature_is_added_by_number_or_by_name_and_taken_away(opened):
    for text, expected in (("f12", 12), ("start codon", 0)):
        opened.evaluate(
            f"(() => {{ document.getElementById('any-feature').value = {text!r}; document.getElementById('any').requestSubmit() }})()"
        )
        opened.wait_for(f"SHOWN.has({expected})")
    opened.evaluate("document.querySelector('#shown button').click()")
    assert json.loads(opened.evaluate("JSON.stringify([...SHOWN.keys()])")) == [12, 0]


def test_a_name_nobody_has_is_said(opened):
    opened.evaluate(
        "(() => { document.getElementById('any-feature').value = 'wyvern'; document.getElementById('any').requestSubmit() })()"
    )
    opened.wait_for("document.getElementById('status').textContent.includes('No active feature is called wyvern')")
