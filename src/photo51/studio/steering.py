"""Steering: arms written base by base, and the dose range within which a target may be steered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import SteerParams
from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.journal import NO_COMMAND, command
from photo51.studio.tabs import Tab
from photo51.studio.wire import digest, packed

DOSES = (0.5, 1.0, 2.0, 4.0)


def steer_live(desk: Desk, tab: Tab, request: asked.SteerAsked) -> Iterator[dict[str, Any]]:
    """Write the arms base by base; every few bases what they say; at the end a line of the journal."""
    from photo51.api.workbench import typed_sequence
    from photo51.interventions.steering.live import Base, arms_of
    from photo51.interventions.writing.scorers import sequence_scorers

    bench, target = desk.bench, request.expression()
    _, prompt = typed_sequence(request.prompt)
    motifs = [request.motif.strip().upper()] if request.motif.strip() else []
    watched = [s.target.strip() for s in request.sliders]
    arms = arms_of(bench.bundle(target) if target else None)
    judges = [{"name": o.name, "unit": o.unit, "meaning": o.meaning} for o in sequence_scorers(motifs=motifs)]
    yield {"arms": arms, "watched": watched, "judges": judges, "target": target, "prompt": prompt}
    texts = [""] * len(arms)
    means, weight = np.zeros((len(arms), bench.sae.n_features)), 0
    for event in bench.write(
        target,
        prompt,
        length=request.length,
        seed=request.seed,
        temperature=request.temperature,
        watched=watched,
        motifs=motifs,
    ):
        if isinstance(event, Base):
            texts = [text + letter for text, letter in zip(texts, event.letters, strict=True)]
            yield {"b": event.letters}
            continue
        n = event.end - event.start
        means, weight = (means * weight + event.codes * n) / (weight + n), weight + n
        yield {
            "start": event.start,
            "end": event.end,
            "bits": [packed(b) for b in event.bits],
            "levels": [[packed(level) for level in arm] for arm in event.levels],
            "scores": event.scores.tolist(),
            "moved": _moved(desk, means),
        }
    python = (
        f"$name = list(bench.write({target!r}, {prompt!r}, length={request.length}, seed={request.seed},"
        f" temperature={request.temperature!r}))\n"
        "$name_texts = [''.join(letters) for letters in"
        " zip(*(e.letters for e in $name if hasattr(e, 'letters')), strict=True)]"
    )
    line = tab.journal.add(
        "steer",
        f"Wrote {request.length:,} bases with {target or 'nothing'} turned up, seed {request.seed}",
        command=_steer_command(desk, request, target, prompt),
        python=python,
        check="digest(*$name_texts)",
        digest=digest(*texts),
        state={**request.model_dump(), "prompt": prompt},
        result=dict(zip(arms, texts, strict=True)),
    )
    yield {"done": True, "line": line.number, "digest": line.digest}


def _moved(desk: Desk, means: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Features whose mean activation moved most between control and steered, in units, next to the random direction."""
    if len(means) < 2:
        return []
    unit = desk.bench.instrument.units.unit
    per = np.where(unit > 0, 1.0 / np.maximum(unit, 1e-12), 0.0)
    change = (means[1:] - means[0]) * per
    strongest = np.argsort(-np.abs(change[0]), kind="stable")[:8]
    return [{"feature": int(f), "steered": float(change[0, f]), "random": float(change[1, f])} for f in strongest]


def _steer_command(desk: Desk, request: asked.SteerAsked, target: str, prompt: str) -> str:
    if not desk.run:
        return NO_COMMAND
    sampling = {"seed": request.seed, "temperature": request.temperature}
    params = {"doses": [1.0], "sequences": 2, "length": max(8, request.length), "sampling": sampling}
    return command(
        "photo51",
        "steer",
        desk.run,
        target or "f0",
        prompt,
        *desk.sae_option(),
        "--params",
        json.dumps(params),
        "--out",
        "steered",
    )


def dose(desk: Desk, _tab: Tab, request: asked.DoseAsked) -> Iterator[dict[str, Any]]:
    """The safe dose range of a target, dose by dose: it ends with the first dose past the budget."""
    from photo51.api.workbench import typed_sequence

    _, prompt = typed_sequence(request.prompt)
    budget = SteerParams().nll_budget
    for dose in DOSES:
        doses = desk.bench.dose_response(request.target, prompt, doses=(dose,), seed=request.seed).doses
        row = doses.iloc[0]
        safe = bool(row["safe"])
        yield {
            "dose": dose,
            "nll_rise": float(row["nll_rise"]),
            "nll_rise_real": float(row["nll_rise_real"]),
            "safe": safe,
            "budget": budget,
            "effects": {str(o): float(e) for o, e in zip(doses["scorer"], doses["effect"], strict=True)},
        }
        if not safe:
            return
