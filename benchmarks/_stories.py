"""What somebody does with the studio, from typing to export, in a real browser: each story ends with what has to be seen."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks._browser import chromium
from photo51.studio.app import Studio
from photo51.studio.serve import listening

WAIT = 120_000.0
Story = Callable[[Any, "World"], None]


class World(NamedTuple):
    """What the stories need to know of a run.

    Attributes
    ----------
    folder
        The run.
    trna, trna_features
        Bases of a tRNA gene, and the features that are named after tRNA or are a discovery for it.
    start
        Place of a start codon on strand + that was read: genome, contig, position.
    variant
        A variant of the run's genomes.
    gc
        Features to turn up, in order, until one raises GC.
    stops
        Features to paint, in order, until one brings stop codons and stays where it was painted.
    """

    folder: Path
    trna: str
    trna_features: frozenset[int]
    start: tuple[str, str, int]
    variant: str
    gc: tuple[str, ...]
    stops: tuple[str, ...] = ()


def world(folder: Path, variant: str = "m.3243A>G") -> World:
    """Look a run's world up."""
    import photo51
    from photo51.run.known import closest

    run = photo51.open(folder)
    places, table = run._run.places, run.genomes.annotations()
    read = [not places.unread(str(g), str(c), int(a), int(b)) for g, c, a, b in zip(table["genome"], table["chrom"], table["start"], table["end"], strict=True)]  # fmt: skip
    table = table[read]
    length = table["end"] - table["start"]
    trna = table[(table["kind"] == "tRNA") & length.between(55, 120)].iloc[0]
    cds = table[
        (table["kind"] == "CDS") & (table["strand"] == "+") & (table["frame"] == 0) & (table["start"] > 600)
    ].iloc[0]
    strand = "-" if trna["strand"] == "-" else "+"
    bases = run.genomes.sequence(str(trna["genome"]), str(trna["chrom"]), int(trna["start"]), int(trna["end"]), strand)
    names = closest(run._run)
    alike = {*names.index[names["annotation"].str.contains("tRNA")], *_enriched(run, "tRNA")}
    causes = run.tables and "causality" in run.tables
    order = (
        run.table("causality").sort_values("steer_kl", ascending=False)["feature"].head(6)
        if causes
        else names.index[:6]
    )
    return World(
        folder, bases.tobytes().decode(), frozenset(int(f) for f in alike),
        (str(cds["genome"]), str(cds["chrom"]), int(cds["start"])), variant, tuple(f"f{f}" for f in order), _stops(run),
    )  # fmt: skip


def _enriched(run: Any, kind: str) -> list[int]:
    """Features at least twice as active in a class as its circularly shifted copies, on either strand, q up to 0.05."""
    table = run._run.table("enrichment")
    if table is None:
        return []
    hit = (table["annotation"] == kind) & (table["status"] == "tested") & (table["q"] <= 0.05)
    return [int(f) for f in table.loc[hit & (table["log2_fold"] >= 1), "feature"]]


def _stops(run: Any) -> tuple[str, ...]:
    """Features most enriched in stop codons; where none is, those with a name."""
    table = run._run.table("names")
    some = table[(table["annotation"] == "stop_codon") & (table["strand"] == "sense")]
    some = some.sort_values("log2_fold", ascending=False) if len(some) else table[table["rank"] == 0]
    return tuple(f"f{f}" for f in some["feature"].drop_duplicates().head(8))


# ---- the stories


def ready(page: Any, address: str) -> None:
    """Open the page and wait for it."""
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=WAIT)


def paste(page: Any, bases: str) -> None:
    """Paste bases and read them."""
    page.click("#tab-read")
    before = page.evaluate("document.documentElement.dataset.reading || ''")
    page.fill("#paste", bases)
    page.click("#read")
    page.wait_for_function("b => (document.documentElement.dataset.reading || b) !== b", arg=before, timeout=WAIT)


def find_a_trna(page: Any, w: World) -> None:
    """Paste a tRNA gene: its place is known, and a feature that has to do with tRNA is among the strongest."""
    paste(page, f">mine\n{w.trna}\n")
    shown = page.evaluate("photo51.panels.read.panel.reading.strongest.map(r => r.feature)")
    assert page.evaluate("photo51.panels.read.panel.reading.place !== null")
    hit = next(f for f in shown if f in w.trna_features)
    page.evaluate("f => photo51.inspector.feature(f)", hit)
    page.wait_for_selector(f"#inspector h2:has-text('f{hit}')", timeout=WAIT)


def why_a_start_codon(page: Any, w: World) -> None:
    """Go to a gene, click the first base of its start codon: contributions that add up, and a mutagenesis map."""
    genome, chrom, at = w.start
    where = {"genome": genome, "chrom": chrom, "start": at - 60, "end": at + 60}
    page.click("#tab-read")
    page.evaluate("p => photo51.panels.read.panel.place(p)", where)
    page.locator(".stage canvas:not(.overview)").focus()
    for key in ["Home", *["ArrowRight"] * 60, "Enter"]:
        page.keyboard.press(key)
    page.wait_for_selector(".why[data-done]", timeout=WAIT)
    assert float(page.get_attribute(".why", "data-completeness")) < 0.05
    assert page.locator(".why .heat rect").count() > 90


def turn_gc_up(page: Any, w: World) -> None:
    """Sliders until one raises GC beyond the random direction; its safe range is shaded."""
    page.click("#tab-steer")
    page.fill("#length", "120")
    for target in w.gc:
        while page.locator(".slider button:has-text('remove')").count():
            page.locator(".slider button:has-text('remove')").first.click()
        page.fill("#add", target)
        page.click("#add-slider")
        page.wait_for_selector("#panel-steer[data-done]", timeout=WAIT)
        rise = page.evaluate(
            "(p => { const g = p.judges.findIndex(j => j.name === 'gc'); return p.last.scores[1][g] - p.last.scores[0][g] })(photo51.panels.steer.panel)"
        )
        if rise > 0.02:
            break
    else:
        raise AssertionError(f"none of {', '.join(w.gc)} raises GC")
    page.click("text=measure the safe range")
    page.wait_for_selector(".slider[data-safe]", timeout=WAIT)
    assert "safe range: up to" in page.get_attribute(".slider .safe", "aria-label")


def score_a_variant(page: Any, w: World) -> None:
    """A variant by its name: both alleles aligned, scores beside two baselines that need no model."""
    page.click("#tab-variants")
    page.fill("#variant", w.variant)
    page.click("#score")
    page.wait_for_selector("#panel-variants[data-done]", timeout=WAIT)
    text = page.inner_text("#panel-variants")
    assert "Markov chain" in text
    assert "log-likelihood ratio" in text
    assert page.locator(".alleles rect").count() > 100


def paint_stop_codons(page: Any, w: World) -> None:
    """Features that go with stop codons, painted by mouse until one has four fifths of its mass where it was painted."""
    page.click("#tab-paint")
    best = 0.0
    for target in w.stops:
        _paint_one(page, target)
        mass = page.evaluate("Object.values(JSON.parse(document.getElementById('panel-paint').dataset.mass))[0]")
        stops = page.evaluate("photo51.panels.paint.panel.result.scores.find(s => s.name === 'stop_codons')")
        best = max(best, mass or 0.0)
        if mass is not None and mass >= 0.8 and stops["inside"] > stops["outside"]:
            return
    raise AssertionError(
        f"of {', '.join(w.stops)} none kept 80 % of its mass inside with more stop codons; best {best:.0%}"
    )


def _paint_one(page: Any, target: str) -> None:
    """One lane, and paint drawn over its middle by mouse; waits until it is written."""
    while page.locator("#panel-paint .slider button:has-text('remove')").count():
        page.locator("#panel-paint .slider button:has-text('remove')").first.click()
    page.fill("#paint-add", target)
    page.click("#paint-lane")
    before = page.get_attribute("#panel-paint", "data-key") or ""
    _drag(page, page.locator(".lanes [data-lane='0']").bounding_box(), 0.35, 0.65)
    _written(page, before)


def drag_the_paint(page: Any, w: World) -> None:
    """The paint dragged to the right: bases before its old beginning stay, all others are said to be rewritten."""
    page.click("#tab-paint")
    if not page.locator("[data-paint='0']").count():
        _paint_one(page, w.gc[0])
    key = page.get_attribute("#panel-paint", "data-key")
    old = page.evaluate("photo51.panels.paint.panel.result.texts[0]")
    paint = page.evaluate("photo51.panels.paint.panel.view.paints[0]")
    box = page.locator("[data-paint='0'] rect").first.bounding_box()
    _drag(page, box, 0.5, 0.5 + 0.4)
    _written(page, key or "")
    moved = page.evaluate("photo51.panels.paint.panel.view.paints[0]")
    result = page.evaluate("photo51.panels.paint.panel.result")
    assert moved["start"] > paint["start"]
    assert moved["end"] - moved["start"] == paint["end"] - paint["start"]
    assert result["rewritten"] == [[paint["start"], len(old)]]
    assert result["texts"][0][: paint["start"]] == old[: paint["start"]]
    assert f"{paint['start'] + 1:,}" in page.inner_text("#rewritten")


def _drag(page: Any, box: dict[str, float], start: float, end: float) -> None:
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y, steps=4)
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    page.mouse.up()


def _written(page: Any, before: str) -> None:
    page.wait_for_function(
        "b => { const d = document.getElementById('panel-paint').dataset; return d.done && d.key !== b }",
        arg=before,
        timeout=WAIT,
    )


def stop_at_a_stop_codon(page: Any, _w: World) -> None:
    """One click makes the rule; what is written ends with the first stop codon in frame, by its letters."""
    page.click("#tab-listen")
    page.fill("#listen-length", "2000")
    page.click("#stop-rule")
    page.wait_for_selector(".rule[data-verdict='ready']", timeout=WAIT)
    page.click("#listen")
    page.wait_for_selector("#panel-listen[data-done]", timeout=WAIT)
    prompt = page.input_value("#listen-prompt")
    stops = {"TAA", "TAG", "TGA"}
    for text in page.evaluate("photo51.panels.listen.panel.texts"):
        codons = [(prompt + text)[i : i + 3] for i in range(0, len(prompt + text) - 2, 3)]
        first = next((i for i, c in enumerate(codons) if c in stops and 3 * i + 3 > len(prompt)), None)
        assert first == len(codons) - 1 or (first is None and len(text) == int(page.input_value("#listen-length")))
    assert page.locator("mark.fired").count() >= 1


def export_and_repeat(page: Any, w: World) -> None:
    """Save the journal as a notebook, run its code elsewhere: its checks of every result hold."""
    page.click("#tab-journal")
    with page.expect_download() as waiting:
        page.click("#notebook")
    book = json.loads(Path(waiting.value.path()).read_text())
    code = "\n".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    assert code.count("assert") >= 1
    done = subprocess.run([sys.executable, "-c", f"import torch\ntorch.set_num_threads(1)\n{code}"], check=False, capture_output=True, text=True, cwd=w.folder.parent)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]


STORIES: dict[str, Story] = {
    "paste a tRNA gene and find its feature": find_a_trna,
    "ask why a start codon": why_a_start_codon,
    "turn GC up and see the safe range": turn_gc_up,
    "paint stop codons into a span": paint_stop_codons,
    "drag the paint": drag_the_paint,
    "stop at the first stop codon in frame": stop_at_a_stop_codon,
    "score a variant": score_a_variant,
    "export the notebook, run it, get the same": export_and_repeat,
}


# ---- server and browser


@contextmanager
def served(studio: Studio) -> Iterator[str]:
    """The studio on a free port, on a thread of its own; its address."""
    import uvicorn

    sock = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(studio.guard, log_level="warning", ws="none"))
    thread = Thread(target=lambda: server.run(sockets=[sock]), daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/{studio.token}/"
    finally:
        server.should_exit = True
        thread.join(10)


class Seen(NamedTuple):
    """What a browser complained of, and what it asked for elsewhere."""

    errors: list[str]
    elsewhere: list[str]


@contextmanager
def browsing(address: str, width: int = 1400, height: int = 900) -> Iterator[tuple[Any, Seen]]:
    """A page of a headless Chromium, and what it complains of."""
    from playwright.sync_api import sync_playwright

    own, seen = urlsplit(address).netloc, Seen([], [])
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: seen.errors.append(str(e)))
        page.on(
            "request",
            lambda r: seen.elsewhere.append(r.url) if urlsplit(r.url).netloc not in {own, ""} else None,
        )
        try:
            yield page, seen
        finally:
            browser.close()
