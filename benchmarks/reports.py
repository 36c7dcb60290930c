"""What a reader's browser makes of the pages: size, time to open, network, errors, search, contrast, pictures without words.

The pages are those of the demo run (`results/demo`, or the folder named by `PHOTO51_RUN`): its report, its notebooks, its
genome pages and its atlas; the search is timed on a made-up atlas of 32,768 features. Times are of headless Chromium with
the network cut; overlaps are of cards of planted variants; without Chromium, or without the run, the figures that need it are None and the log says so.

A time is the shortest of its repeats, since whatever else the machine does can only add to it; of the searches the slowest
counts.

Quick: the made-up atlas has empty dossiers, which the search does not read, and three repeats instead of nine.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _atlas_world as world
from benchmarks._audit import audit
from benchmarks._browser import Browser, chromium
from benchmarks._claims import claims
from benchmarks._questions import answers
from benchmarks._variant_checks import card_overlaps
from benchmarks.biomarkers import PARAMS, as_effects
from benchmarks.planted.cohorts import plant_variants
from photo51.biomarkers.contrasts.comparison import compare_classes
from photo51.report.atlas.files import write_atlas
from photo51.run.opened import Run

log = logging.getLogger(__name__)
FEATURES = 32_768
SEARCHES = ("tRNA", "gen12", "chr1:12,000-14,000", "motif:TATAAT", "f17", "codon", "e", "no such thing")
SCREEN = 1000  # height of a screen (CSS pixels)
WIDE, NARROW = (1400, 900), (390, 844)
# from the keystroke to the next picture
_TYPED = """
(async text => {
  const box = document.getElementById("q"), painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  await painted();
  const started = performance.now();
  box.value = text; box.dispatchEvent(new Event("input"));
  await painted();
  return performance.now() - started;
})(%r)
"""
FIGURES = (
    "report_mb", "report_open_seconds", "network_requests", "console_errors", "contrast_failures", "figures_without_alt", "pages",
    "pages_too_wide", "report_screens", "questions_answered", "claims_recomputed_equal", "claims_recomputed", "cards_overlaps", "atlas_search_ms_32768", "atlas_open_seconds_32768",
)  # fmt: skip


def measure(*, quick: bool = False) -> dict[str, float | int | None]:
    """Figures of the issue, and those beside them."""
    found: dict[str, float | int | None] = dict.fromkeys(FIGURES)
    run = Path(os.environ.get("PHOTO51_RUN", "results/demo"))
    report = run / "report.html"
    if report.is_file():
        found["report_mb"] = round(report.stat().st_size / 1e6, 3)
    else:
        log.warning("reports: need a finished run, got no %s; its pages are not measured", report)
    planted = plant_variants(np.random.default_rng(51), n=2000, n_genes=60, n_features=200)
    found |= card_overlaps(planted, compare_classes(planted.variants, as_effects(planted), PARAMS), PARAMS)
    if chromium() is None:
        log.warning("reports: need Chromium, got none installed; nothing that a browser does is measured")
        return found
    with Browser(timeout_s=180) as browser:
        if report.is_file():
            browser.open(report)  # the browser's own cold start is not the page's
            times = [browser.open(report) for _ in range(_repeats(quick=quick))]
            found["report_open_seconds"] = round(min(times), 3)
            found |= _pages(browser, run)
            found |= _said(browser, run)
        with tempfile.TemporaryDirectory() as folder:
            found |= _search(browser, Path(folder) / "atlas", quick=quick)
    return found


def pages(run: Path) -> list[Path]:
    """Every page of a run that is there."""
    fixed = [run / "report.html", run / "atlas" / "index.html"]
    return [p for p in (*fixed, *sorted(run.glob("notebooks/*.html")), *sorted(run.glob("tracks/*/igv.html"))) if p.is_file()]  # fmt: skip


def _pages(browser: Browser, run: Path) -> dict[str, int]:
    """What is wrong with the pages, at desktop and at narrow width."""
    total = dict.fromkeys(("network_requests", "console_errors", "contrast_failures", "figures_without_alt", "pages_too_wide"), 0)  # fmt: skip
    every = pages(run)
    for page in every:
        for width, height in (WIDE, NARROW):
            browser.open(page, width, height)
            browser.settle()
            seen = audit(browser)
            wide = int(browser.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))
            counts = (
                len(browser.requests),
                len(browser.errors),
                len(seen.contrast),
                len(seen.without_alt),
                wide,
            )
            for key, n in zip(total, counts, strict=True):
                total[key] += n
            for said in (*browser.requests, *browser.errors, *seen.contrast, *seen.without_alt):
                log.warning("%s at %d: %s", page, width, said)
    return {**total, "pages": len(every)}


def _said(browser: Browser, run: Path) -> dict[str, float | int]:
    """How long the report is, and whether its pages answer what is asked and say what the tables say."""
    browser.open(run / "report.html", 1400, SCREEN)
    browser.settle()
    height = int(browser.evaluate("document.documentElement.scrollHeight"))
    text = str(browser.evaluate("document.body.textContent"))
    opened = Run(run)
    asked = answers(browser, opened)
    checked = claims(opened, text)
    for a in asked:
        log.info("question %r: %d steps, %s: %s", a.question, a.steps, "right" if a.right else "WRONG", a.shown)
    for c in checked:
        if not c.holds:
            log.warning("claim %s: expected %r, the page prints %r", c.what, c.expected, c.printed[:300])
    return {
        "report_screens": round(height / SCREEN, 2),
        "questions_answered": sum(a.answered for a in asked),
        "claims_recomputed_equal": round(sum(c.holds for c in checked) / max(len(checked), 1), 4),
        "claims_recomputed": len(checked),
    }


def _search(browser: Browser, folder: Path, *, quick: bool) -> dict[str, float]:
    """The slowest of several searches, and the time to open."""
    write_atlas(world.index(FEATURES), _empty() if quick else world.dossiers(FEATURES), folder, inline=False)
    opened = browser.open(folder / "index.html", fragment="#q=")
    browser.wait_for("document.documentElement.dataset.ready")
    slowest = 0.0
    for text in SEARCHES:
        times = [float(browser.evaluate(_TYPED % text)) for _ in range(_repeats(quick=quick))]
        log.info("search %r: %.0f ms", text, min(times))
        slowest = max(slowest, min(times))
    return {"atlas_search_ms_32768": round(slowest, 1), "atlas_open_seconds_32768": round(opened, 3)}


def _repeats(*, quick: bool) -> int:
    return 3 if quick else 9


def _empty() -> Iterator[dict[str, Any]]:
    return ({} for _ in range(FEATURES))
