"""The studio beside the functions its commands call: time to read, steer and explain, frames, stories played in a browser.

The run is `results/demo`, or the folder named by `PHOTO51_RUN`. Times are of requests over HTTP on this machine, the shortest of
their repeats, since whatever else the machine does can only add to them; `*_api_ms` is the same call without the server.
`why_ms` ends with the attribution on its way to the page, `why_with_changes_ms` with the last event, which brings the map of
saturation mutagenesis.
Without the run every figure is None; without Chromium those that need a browser.

Quick: three repeats instead of seven, and no stories.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._browser import chromium
from benchmarks._stories import STORIES, browsing, ready, served, world
from photo51.studio.app import Studio
from photo51.studio.serve import desk_opener
from photo51.types import STRANDS

log = logging.getLogger(__name__)
FIGURES = (
    "read_1kb_ms", "read_1kb_api_ms", "read_10kb_ms", "read_10kb_api_ms", "first_base_ms", "generation_vs_plain", "why_ms", "why_with_changes_ms", "search_ms", "frames_per_second",
    "start_seconds", "memory_gib", "stories_passed", "routes_fuzzed", "equals_command", "console_errors", "external_requests",
)  # fmt: skip
# frames while panning and zooming over the whole view for one second
_FRAMES = """async () => {
  const view = photo51.panels.read.panel.view; let frames = 0;
  const until = performance.now() + 1500;
  while (performance.now() < until) { view.zoom(frames % 40 < 20 ? 1.3 : .77, 300); view.pan(frames % 2 ? 60 : -50); await new Promise(requestAnimationFrame); frames++; }
  return frames / 1.5;
}"""


def measure(*, quick: bool = False) -> dict[str, float | int | None]:
    """Figures of the issue, and those beside them."""
    found: dict[str, float | int | None] = dict.fromkeys(FIGURES)
    run = Path(os.environ.get("PHOTO51_RUN", "results/demo"))
    if not (run / "features.h5ad").is_file():
        log.warning("studio: need a finished run, got no %s; nothing is measured", run)
        return found
    import torch
    from starlette.testclient import TestClient

    began = time.perf_counter()
    studio = Studio(desk_opener(run, "sh2:base", None, torch.get_num_threads()))
    address = "http://127.0.0.1:8000"
    repeats = 3 if quick else 7
    with TestClient(studio.guard, base_url=address) as client:
        headers = {"origin": address, "x-photo51-tab": "benchmark1"}
        client.get(f"/{studio.token}/", headers=headers)
        found["start_seconds"] = round(time.perf_counter() - began, 3)
        client.get(f"/{studio.token}/api/state", headers=headers)

        def post(path: str, body: dict[str, Any]) -> bytes:
            answer = client.post(f"/{studio.token}/api/{path}", json=body, headers=headers)
            answer.raise_for_status()
            return answer.content

        found |= _timed(studio, post, repeats)
        found["search_ms"] = _least(lambda: client.get(f"/{studio.token}/api/search", params={"q": "tRNA"}, headers=headers), repeats)  # fmt: skip
    found["memory_gib"] = round(_memory() / 2**30, 3)
    found["routes_fuzzed"] = _fuzzed(studio)
    if chromium() is None:
        log.warning("studio: need Chromium, got none installed; nothing that a browser does is measured")
        return found
    return found | _browsed(studio, run, quick=quick)


def _timed(studio: Studio, post: Callable[[str, dict[str, Any]], bytes], repeats: int) -> dict[str, float | int | None]:
    bench = studio.ready().bench
    rng = np.random.default_rng(51)
    texts = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in (("1kb", 1_000), ("10kb", 10_000))}
    out: dict[str, float | int | None] = {}
    for name, text in texts.items():
        out[f"read_{name}_ms"] = _least(lambda t=text: post("read", {"text": t}), repeats)
        out[f"read_{name}_api_ms"] = _least(lambda t=text: bench.read(t), repeats)
    told = json.loads(post("read", {"text": texts["1kb"]}))
    own = bench.read(texts["1kb"])
    same = all(base64.b64decode(told["bits"][s]["b64"]) == own.bits[s].tobytes() for s in STRANDS)
    out["equals_command"] = int(same)
    two = json.loads(post("read", {"text": texts["10kb"][:2_048]}))
    asked = {"reading": two["key"], "at": 2_040, "strand": "+"}
    out["why_with_changes_ms"] = _least(lambda: post("why", asked), repeats)
    unit = bench.instrument.units
    feature = int(np.argmax(np.where(unit.unit > 0, unit.density, -1)))
    steer = {"prompt": texts["1kb"][:200], "sliders": [{"target": f"f{feature}", "strength": 1.0}]}
    with served(studio) as own_address:
        out["why_ms"] = round(min(_until(own_address, "why", asked, b'"values"') for _ in range(repeats + 1)), 2)
        out["first_base_ms"] = round(
            min(_until(own_address, "steer", {**steer, "length": 24}, b'"b"') for _ in range(repeats + 1)), 2
        )
    length = 240
    live = min(_seconds(lambda: post("steer", {**steer, "length": length})) for _ in range(repeats))
    out["generation_vs_plain"] = round(min(_seconds(lambda: _plain(bench, steer["prompt"], length)) for _ in range(repeats)) / live, 3)  # fmt: skip
    return out


def _until(address: str, route: str, body: dict[str, Any], event: bytes) -> float:
    """Time from a request to the first event of its stream that holds `event`, over a socket (ms)."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {
        "origin": f"{parts.scheme}://{parts.netloc}",
        "x-photo51-tab": "benchmark1",
        "content-type": "application/json",
    }
    began = time.perf_counter()
    connection.request("POST", f"{parts.path}api/{route}", json.dumps(body), headers)
    answer = connection.getresponse()
    for line in answer:
        if event in line:
            took = 1e3 * (time.perf_counter() - began)
            break
    else:
        raise RuntimeError(f"{route}: need an event with {event!r} in the stream, got none (status {answer.status})")
    connection.close()
    return took


def _plain(bench: Any, prompt: str, length: int) -> None:
    """Plain cached generation of as many sequences as the studio writes side by side."""
    from photo51.config.interventions import SamplingParams
    from photo51.genome.alphabet import encode
    from photo51.interventions.writing.generate import generate

    generate(bench.instrument.model, np.tile(encode(prompt), (3, 1)), length, sampling=SamplingParams())


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _least(call: Callable[[], object], repeats: int) -> float:
    """Shortest time of a call after one that warms up (ms)."""
    call()
    return round(1e3 * min(_seconds(call) for _ in range(repeats)), 2)


def _memory() -> int:
    """Largest resident memory of this process so far (bytes)."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _fuzzed(studio: Studio) -> int:
    """Routes, all of which the property tests throw malformed requests at."""
    return len(studio.app.routes)


def _browsed(studio: Studio, run: Path, *, quick: bool) -> dict[str, float | int | None]:
    out: dict[str, float | int | None] = {}
    about, passed = world(run.resolve()), 0
    with served(studio) as address, browsing(address) as (page, seen):
        ready(page, address)
        rng = np.random.default_rng(7)
        page.evaluate("text => photo51.panels.read.panel.paste(text)", "".join(rng.choice(list("ACGT"), 100_000)))
        page.wait_for_selector("html[data-reading]", timeout=300_000)
        out["frames_per_second"] = round(page.evaluate(_FRAMES), 1)
        for name, story in {} if quick else STORIES.items():
            try:
                story(page, about)
                passed += 1
            except Exception as e:  # noqa: BLE001 - a story that fails is a figure, and the log has why
                log.warning("studio: %s: %s", name, str(e)[:400])
        out |= {"stories_passed": None if quick else passed, "console_errors": len(seen.errors), "external_requests": len(seen.elsewhere)}  # fmt: skip
    return out
