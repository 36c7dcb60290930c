"""The audit itself, on pages whose faults are known."""

import pytest

from benchmarks._audit import audit

pytestmark = pytest.mark.browser


def show(browser, tmp_path, body):
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,"><body style="background:#fff">{body}'
    )
    browser.open(page)
    browser.settle()
    return browser


def test_grey_on_white_is_judged_by_the_published_ratio(browser, tmp_path):
    # WCAG's own worked borderline: #767676 on white is 4.54, #777777 is 4.48
    found = audit(
        show(browser, tmp_path, '<p style="color:#767676">fine</p><p style="color:#777777">faint</p>')
    ).contrast
    assert len(found) == 1
    assert "4.48" in found[0]
    assert "faint" in found[0]


def test_large_text_needs_three_to_one(browser, tmp_path):
    # #949494 on white is 3.03
    found = audit(
        show(
            browser,
            tmp_path,
            '<p style="color:#949494;font-size:24px">big</p><p style="color:#949494;font-size:23px">small</p>',
        )
    ).contrast
    assert ["small" in f for f in found] == [True]


def test_half_transparent_layers_are_mixed(browser, tmp_path):
    # black at half strength over white is rgb(128,128,128): white text on it 3.95, black text 5.32
    body = '<div style="background:rgba(0,0,0,.5)"><p style="color:#fff">white</p><p style="color:#000">black</p></div>'
    found = audit(show(browser, tmp_path, body)).contrast
    assert ["white" in f for f in found] == [True]


def test_text_of_pictures_counts_with_its_fill(browser, tmp_path):
    body = '<svg role="img" aria-label="a picture"><text y="20" fill="#ccc">pale</text><text y="50" fill="#333">dark</text></svg>'
    assert ["pale" in f for f in audit(show(browser, tmp_path, body)).contrast] == [True]


def test_pictures_need_words(browser, tmp_path):
    body = (
        '<img src="data:," ><img src="data:," alt="a logo"><svg></svg><svg aria-hidden="true"></svg><svg role="img" aria-label="a map"></svg>'
        '<canvas></canvas><div role="img" aria-label="outer"><svg></svg></div>'
    )
    found = audit(show(browser, tmp_path, body)).without_alt
    assert [f.split()[0].strip("<>").split(">")[0] for f in found] == ["img", "svg", "canvas"]


def test_requests_and_errors_are_noticed(browser, tmp_path):
    show(
        browser,
        tmp_path,
        '<img alt="x" src="http://example.org/x.png"><script>throw new Error("on purpose")</script>',
    )
    assert browser.requests == ["http://example.org/x.png"]
    assert any("on purpose" in e for e in browser.errors)
