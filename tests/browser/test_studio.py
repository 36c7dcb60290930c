"""The studio in a real browser: the stories, narrow and wide, by keyboard alone, without a request elsewhere."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("starlette")
sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))

import made

from benchmarks import _stories as stories
from benchmarks._browser import chromium
from photo51.studio.app import Studio
from photo51.studio.serve import desk_opener

pytestmark = [pytest.mark.browser, pytest.mark.slow]
if chromium() is None:
    pytest.skip("needs Chromium (apt-get install chromium)", allow_module_level=True)

# in the order in which they run: contrast of every text against what lies behind it, WCAG 2.1
CONTRAST = """() => {
  const rgb = c => (/rgba?\\(([^)]+)\\)/.exec(c) || [0, "0,0,0,0"])[1].split(",").map(Number), lum = c => c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }).reduce((a, v, i) => a + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > .5) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || e.closest("svg") || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.matches(":disabled")) continue;
    const style = getComputedStyle(e), a = lum(rgb(style.color)), b = lum(behind(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && +style.fontWeight >= 700);
    if (ratio < (large || e.closest(".seq, .bA, .bC, .bG, .bT") ? 3 : 4.5)) bad.push(`${e.tagName}.${e.className} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made.build(tmp_path_factory.mktemp("studio") / "made")


@pytest.fixture(scope="module")
def about(folder):
    bases = made.synthetic_run.Genomes.open(folder / "genome").sequence("ring", "chromosome", 500, 501)
    ref = bases.tobytes().decode()
    found = stories.world(folder, f"chromosome:501:{ref}>{'A' if ref != 'A' else 'C'}")
    # the dictionary of this run is drawn at random: any of its features may stand for one of tRNA
    return found._replace(trna_features=frozenset(range(72)), gc=tuple(f"f{f}" for f in (0, 1, 3, 4, 6, 7)))


@pytest.fixture(scope="module")
def opened(folder):
    with stories.served(Studio(desk_opener(folder, "sh2:base", "cpu", 1))) as address, stories.browsing(address) as (page, seen):  # fmt: skip
        stories.ready(page, address)
        yield page, seen, address


@pytest.mark.parametrize("story", [s for s in stories.STORIES if "GC" not in s and "stop codons" not in s])
def test_story(opened, about, story):
    page, seen, _ = opened
    stories.STORIES[story](page, about)
    assert seen.errors == []
    assert seen.elsewhere == []


def test_paint_is_drawn_dragged_erased_and_blended_by_keyboard_alone(opened):
    page, seen, _ = opened
    page.click("#tab-paint")
    panel = "photo51.panels.paint.panel"
    while page.locator("#panel-paint .slider button:has-text('remove')").count():
        page.locator("#panel-paint .slider button:has-text('remove')").first.click()
    for name, value in (("length", "60"), ("candidates", "2")):
        page.fill(f"#paint-{name}", value)
    for target in ("f0", "f1"):
        page.locator("#paint-add").focus()
        page.keyboard.type(target)
        page.keyboard.press("Enter")
    page.locator("#paint-new").focus()
    page.keyboard.press("Enter")
    page.locator("[data-paint='0']").focus()
    start = page.evaluate(f"{panel}.view.paints[0].start")
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowUp", "Alt+ArrowRight"):
        page.keyboard.press(key)
    paint = page.evaluate(f"{panel}.view.paints[0]")
    assert paint["start"] == start + 11
    assert paint["strength"] == 2.25
    assert paint["end"] - paint["start"] == 16
    page.select_option(".paintform label:has-text('blend into') select", "0")
    page.wait_for_function(
        "() => (photo51.panels.paint.panel.result || {levels: []}).levels.length === 2", timeout=stories.WAIT
    )
    page.locator("[data-paint='0']").focus()
    page.keyboard.press("Delete")
    assert page.evaluate(f"{panel}.view.paints.length") == 0
    assert seen.errors == []


def test_a_rule_that_can_never_fire_is_said_so_before_it_runs(opened):
    page, _, _ = opened
    page.click("#tab-listen")
    page.click("#add-rule")
    page.fill(".rule:last-child [data-key='watch']", "f0")
    page.fill(".rule:last-child [data-key='first']", "4000")
    page.keyboard.press("Tab")
    page.wait_for_selector(".rule:last-child[data-verdict='never']", timeout=stories.WAIT)
    assert "can never fire: it needs base" in page.inner_text(".rule:last-child .verdictline")
    page.locator(".rule:last-child button:has-text('remove')").click()


def test_what_is_written_is_told_apart_and_comes_back_after_a_reload(opened):
    page, seen, _ = opened
    page.click("#tab-steer")
    page.fill("#length", "40")
    page.fill("#add", "f0")
    page.click("#add-slider")
    page.wait_for_selector("#panel-steer[data-done]", timeout=stories.WAIT)
    texts = page.evaluate("photo51.panels.steer.panel.texts")
    assert [len(t) for t in texts] == [40, 40, 40]
    page.reload()
    page.wait_for_selector("html[data-ready]", timeout=stories.WAIT)
    page.click("#tab-steer")
    page.wait_for_selector("#panel-steer[data-done]", timeout=stories.WAIT)
    assert page.evaluate("photo51.panels.steer.panel.texts") == texts
    assert seen.errors == []


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (820, 1100)])
def test_panels_fit_and_can_be_read(opened, width, height):
    page, _, _ = opened
    page.set_viewport_size({"width": width, "height": height})
    for panel in ("read", "steer", "paint", "listen", "variants", "journal"):
        page.click(f"#tab-{panel}")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(CONTRAST) == []


def test_the_keyboard_reaches_every_panel(opened):
    page, _, _ = opened
    page.locator("#tab-read").focus()
    for name in ("steer", "paint", "listen", "variants", "journal"):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert page.get_attribute(f"#tab-{name}", "aria-selected") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.id === 'q'")
