"""Listening: sequence written under rules, base by base, and verdicts on rules before they run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from photo51 import words
from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.journal import NO_COMMAND, command, quoted_file
from photo51.studio.tabs import Tab
from photo51.studio.wire import digest, packed, rows
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.interventions.writing.rules import RuleRun, RuleStep

EVERY = 6  # bases of levels sent at once


def judge_rules(desk: Desk, _tab: Tab, request: asked.RulesAsked) -> Iterator[dict[str, Any]]:
    """Say of every rule whether it can fire; a rule that is none has its sentence too."""
    verdicts = []
    for rule in request.settings():
        try:
            (verdict,) = desk.bench.check_rules([rule], length=request.length, prompt=request.prompt)
            verdicts.append(verdict._asdict())
        except InputError as e:
            verdicts.append({"rule": rule["name"], "verdict": "wrong", "reason": str(e), "reach": None})
    yield {"verdicts": verdicts}


def write_under_rules(desk: Desk, tab: Tab, request: asked.ListenAsked) -> Iterator[dict[str, Any]]:
    """Write under rules: bases as they come, levels every few, the events at the end."""
    from photo51.api.workbench import typed_sequence
    from photo51.interventions.writing.rules import RuleStep

    _, prompt = typed_sequence(request.prompt)
    rules = request.settings()
    options = {k: getattr(request, k) for k in ("length", "sequences", "seed", "temperature")}
    steps = desk.bench.listening(rules, prompt, **options)
    yield {"rules": rules, "prompt": prompt, "sequences": request.sequences}
    chunk: list[RuleStep] = []
    for step in steps:
        if not isinstance(step, RuleStep):
            break
        row, rule = np.nonzero(step.began)
        yield {"b": step.letters, "t": step.position, "began": list(zip(row.tolist(), rule.tolist(), strict=True))}
        chunk.append(step)
        if len(chunk) == EVERY:
            yield _levels(chunk)
            chunk = []
    if chunk:
        yield _levels(chunk)
    assert not isinstance(step, RuleStep)
    yield _done(desk, tab, request, prompt, step)


def _levels(chunk: list[RuleStep]) -> dict[str, Any]:
    """(sequences, rules) packed tracks of a few bases."""
    levels = np.stack([s.levels for s in chunk], -1)
    holds = np.stack([s.holds for s in chunk], -1)
    return {
        "start": chunk[0].position,
        "levels": [[packed(track) for track in one] for one in levels],
        "holds": [[packed(track, "u1") for track in one] for one in holds],
    }


def _done(desk: Desk, tab: Tab, request: asked.ListenAsked, prompt: str, run: RuleRun) -> dict[str, Any]:
    rules = request.settings()
    options = f"length={request.length}, sequences={request.sequences}, seed={request.seed}"
    options += f", temperature={request.temperature!r}"
    texts = run.sequences
    line = tab.journal.add(
        "listen",
        f"Wrote {sum(map(len, texts)):,} bases under {words.count(len(rules), 'rule')}; fired: {len(run.events)}",
        command=_command(desk, request, prompt),
        python=f"$name = bench.listen({rules!r}, {prompt!r}, {options})",
        check="digest(*$name.sequences, $name.events[['rule', 'sequence', 'position']].to_csv())",
        digest=digest(*texts, run.events[["rule", "sequence", "position"]].to_csv()),
        state={**request.model_dump(), "prompt": prompt},
        result={f"written_{i}": text for i, text in enumerate(texts) if text},
    )
    return {"done": True, "texts": texts, "events": rows(run.events), "line": line.number, "digest": line.digest}


def _command(desk: Desk, request: asked.ListenAsked, prompt: str) -> str:
    if not desk.run:
        return NO_COMMAND
    rules = json.dumps({"rules": request.settings()})
    sampling = json.dumps({"seed": request.seed, "temperature": request.temperature})
    run = command(
        "photo51",
        "react",
        desk.run,
        "$name.yaml",
        prompt,
        *desk.sae_option(),
        "--sequences",
        request.sequences,
        "--length",
        request.length,
        "--params",
        sampling,
        "--out",
        "$name",
    )
    return f"{quoted_file(rules, '$name.yaml')}\n{run}"
