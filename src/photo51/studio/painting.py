"""Painting: a canvas written block by block, what was rewritten, and what was achieved next to what was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import PaintParams, SamplingParams
from photo51.genome.alphabet import runs
from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.journal import NO_COMMAND, command, quoted_file
from photo51.studio.tabs import Held, Tab
from photo51.studio.wire import digest, packed, rows
from photo51.types import Strand

if TYPE_CHECKING:
    from photo51.api.writing import Achieved
    from photo51.interventions.writing.canvas import Canvas
    from photo51.interventions.writing.painting import Painting

SHORTEST = 12  # bases of an interval that scorers are put to


def write_canvas(desk: Desk, tab: Tab, request: asked.PaintAsked) -> Iterator[dict[str, Any]]:
    """Write the canvas block by block; at the end tracks and numbers, and a line of the journal."""
    from photo51.api.workbench import typed_sequence

    bench = desk.bench
    _, prompt = typed_sequence(request.prompt)
    strand: Strand = "-" if request.strand == "-" else "+"
    paints = [(p.start, p.end, p.concept, p.strength) for p in request.paints]
    canvas = bench.canvas(paints, request.length, strand=strand)
    previous = tab.painting(request.before) if request.before else None
    before = previous.painting if previous is not None else None
    params = settings(request)
    steps = bench.painting(
        canvas, prompt, sequences=request.sequences, before=before, infill=request.infill, params=params
    )
    yield {"length": request.length, "sequences": request.sequences, "asked": _asked(canvas)}
    rewritten = np.zeros((request.sequences, request.length), dtype=bool)
    for step in steps:
        start, end = step.interval
        rewritten[step.rows, start:end] = True
        texts = step.painting.sequences()
        yield {
            "start": start,
            "end": end,
            "rows": step.rows.tolist(),
            "bases": [texts[i][start:end] for i in step.rows],
        }
    done = bench.achieved(step.painting, params)
    key = digest(json.dumps(request.model_dump(exclude={"view", "before"})), *done.texts)
    answer = answer_of(done, before, rewritten)
    line = tab.journal.add(
        "paint",
        _words(request, answer),
        command=_command(desk, request, canvas, prompt, previous),
        python=_python(request, paints, prompt, previous),
        check="digest(*$name.texts)",
        digest=digest(*done.texts),
        state={**request.model_dump(), "prompt": prompt, "key": key},
        result={f"painted_{i}": text for i, text in enumerate(done.texts)},
    )
    answer |= {"key": key, "line": line.number, "digest": line.digest}
    tab.hold(key, Held(done.painting, line.name, answer))
    yield answer


def settings(request: asked.PaintAsked) -> PaintParams:
    """Parameters of `photo51 paint`, from those of the page."""
    chosen = request.model_dump(include={"candidates", "block", "background", "paint_weight", "margin"})
    return PaintParams(**chosen, sampling=SamplingParams(seed=request.seed, temperature=request.temperature))


def _asked(canvas: Canvas) -> list[dict[str, Any]]:
    return [{"concept": name, "strength": packed(track)} for name, track in canvas.strengths(0.0).items()]


def answer_of(done: Achieved, before: Painting | None, rewritten: NDArray[np.bool_]) -> dict[str, Any]:
    """What a finished painting shows."""
    canvas, texts = done.painting.canvas, done.texts
    n = len(texts)
    levels = {
        str(name): table.sort_values(["sequence", "position"])["level"].to_numpy().reshape(n, canvas.length)
        for name, table in done.track.groupby("concept", sort=False)
    }
    old = before.sequences() if before is not None else None
    differs = _differs(old, texts) if old is not None else np.ones((n, canvas.length), dtype=bool)
    return {
        "done": True,
        "texts": texts,
        "asked": _asked(canvas),
        "levels": [{"concept": name, "level": [packed(row) for row in level]} for name, level in levels.items()],
        "overlap": rows(done.overlap),
        "rewritten": runs(np.any(rewritten, axis=0)).tolist(),
        "differs": runs(np.any(differs, axis=0)).tolist(),
        "kept": old is not None,
        "outside_changed": bool((differs & ~rewritten).any()),
        "scores": _scores(canvas, texts),
    }


def _differs(old: list[str], new: list[str]) -> NDArray[np.bool_]:
    """(sequences, length): bases that are others than before."""
    pairs = zip(old, new, strict=True)
    return np.array([[a != b for a, b in zip(one, two, strict=True)] for one, two in pairs], dtype=bool)


def _scores(canvas: Canvas, texts: list[str]) -> list[dict[str, Any]]:
    """What scorers that know nothing of the model say of the painted bases and of the others, mean over both."""
    from photo51.interventions.writing.scorers import sequence_scorers

    inside = np.zeros(canvas.length, dtype=bool)
    for p in canvas.paints:
        if p.strength > 0:
            inside[p.where.start : p.where.end] = True
    return [
        {
            "name": o.name,
            "unit": o.unit,
            "meaning": o.meaning,
            "inside": _mean_score(o.score, texts, inside),
            "outside": _mean_score(o.score, texts, ~inside),
        }
        for o in sequence_scorers()
    ]


def _mean_score(score: Any, texts: list[str], mask: NDArray[np.bool_]) -> float | None:
    """Mean of a scorer over the intervals of a mask, weighted by their length; None where all are too short."""
    spans = [(int(a), int(b)) for a, b in runs(mask) if b - a >= SHORTEST]
    weights = [b - a for _ in texts for a, b in spans]
    if not weights:
        return None
    values = [float(score(text[a:b])) for text in texts for a, b in spans]
    return float(np.average(values, weights=weights))


# ---- the journal


def _words(request: asked.PaintAsked, answer: dict[str, Any]) -> str:
    what = ", ".join(dict.fromkeys(p.concept for p in request.paints))
    if not request.before:
        return f"Painted {what[:80]} on {request.length:,} bases, seed {request.seed}"
    rewritten = ", ".join(f"{a + 1:,}–{b:,}" for a, b in answer["rewritten"])
    return f"Painted {what[:80]} again: bases {rewritten} were rewritten"


def _options(request: asked.PaintAsked) -> dict[str, Any]:
    """Parameters that differ from the defaults."""
    return settings(request).model_dump(mode="json", exclude_defaults=True)


def _python(request: asked.PaintAsked, paints: list[Any], prompt: str, previous: Held | None) -> str:
    again = f", before={previous.name}.painting, infill={request.infill}" if previous is not None else ""
    return (
        "from photo51.config.interventions import PaintParams\n"
        f"$name_canvas = bench.canvas({paints!r}, {request.length}, strand={request.strand!r})\n"
        f"$name = bench.paint($name_canvas, {prompt!r}, sequences={request.sequences}{again},"
        f" params=PaintParams.model_validate({_options(request)!r}))"
    )


def _command(desk: Desk, request: asked.PaintAsked, canvas: Canvas, prompt: str, previous: Held | None) -> str:
    if not desk.run:
        return NO_COMMAND
    again: tuple[str, ...] = ()
    if previous is not None:
        again = ("--painted", f"{previous.name}/painted.fa", "--before", f"{previous.name}.bed")
        again += ("--infill",) if request.infill else ()
    options = json.dumps(_options(request))
    run = command(
        "photo51",
        "paint",
        desk.run,
        "$name.bed",
        prompt,
        *desk.sae_option(),
        "--length",
        request.length,
        "--sequences",
        request.sequences,
        *again,
        "--params",
        options,
        "--out",
        "$name",
    )
    return f"{quoted_file(canvas.bed(), '$name.bed')}\n{run}"


# ---- what else the panel asks


def show_painting(_desk: Desk, tab: Tab, request: asked.PaintedAsked) -> Iterator[dict[str, Any]]:
    """A painting of this tab once more."""
    yield tab.painting(request.key).answer


def split_concept(desk: Desk, _tab: Tab, request: asked.PartsAsked) -> Iterator[dict[str, Any]]:
    """The parts of a concept, each with its features."""
    parts = desk.bench.parts(request.concept)
    yield {
        "concept": request.concept,
        "parts": [{"name": b.name, "features": list(b.features), "weights": list(b.weights)} for b in parts],
    }
