"""Why a base: what the model would have preferred, which bases and features made it so, and what every change would
do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import AttributionParams
from photo51.genome.alphabet import reverse_complement
from photo51.studio import asked
from photo51.studio.desk import Desk, strand_of
from photo51.studio.journal import NO_COMMAND, command, quoted_file
from photo51.studio.tabs import Tab
from photo51.studio.wire import digest, packed, rows
from photo51.types import InputError, Strand

if TYPE_CHECKING:
    from photo51.api.workbench import Place, Read
    from photo51.interventions.attribution.explain import BaseEffects, Explained

CONTEXT_OF_WHY = 2_048
NEAR = 96  # bases whose direct paths are drawn one by one
# few points on the path and no ablations, so that an answer comes at once; the error of completeness is shown with it
QUICK = {
    "context": CONTEXT_OF_WHY,
    "steps": 4,
    "max_steps": 16,
    "tolerance": 0.05,
    "ablated": 0,
    "window": 32,
    "batch": 64,
}


def why(desk: Desk, tab: Tab, request: asked.WhyAsked) -> Iterator[dict[str, Any]]:
    """Why a base: first what the model would have preferred there, then attribution, then saturation mutagenesis."""
    reading, bench = tab.reading(request.reading), desk.bench
    if request.at >= len(reading):
        raise InputError(f"base: need one within 1\u2013{len(reading):,}, got {request.at + 1:,}")
    strand = strand_of(request.strand)
    what, offset, source = _asked_about(desk, reading, request.at, strand)
    preferred = bench.prefers(what, offset, strand)
    letter = chr(int(what[offset] if strand == "+" else reverse_complement(what[offset : offset + 1])[0]))
    yield {"at": request.at, "strand": strand, "letter": letter, "preferred": preferred}
    params = AttributionParams(**QUICK)  # type: ignore[arg-type]
    spot = reading.place if reading.place is not None and source is None else None
    subject, index = (what, offset) if spot is None else (spot, request.at)
    explained = bench.why(subject, index, base=request.base, strand=strand, params=params, changes=False)
    yield {**_explained(desk, explained, reading, spot), "base": request.base}
    done = bench.base_effects(subject, index, base=request.base, strand=strand, params=params)
    number = f"{request.at + 1:,}"
    title = f"Why base {number} ({letter}), read {'forward' if strand == '+' else 'in reverse'}"
    base = f", base={request.base!r}" if request.base else ""
    inside = repr(spot) if spot is not None else repr(reading.text)
    setup = "" if spot is None else "from photo51.api.workbench import Place\n"
    python = (
        f"from photo51.config.interventions import AttributionParams\n{setup}$name = bench.why({inside}, {request.at},"
        f" strand={strand!r}{base}, params=AttributionParams(**{QUICK}))"
    )
    line = tab.journal.add(
        "why",
        title,
        command=_why_command(desk, request, spot, reading.text),
        python=python,
        check="digest($name.table['contribution'].to_numpy(), $name.map['effect'].to_numpy())",
        digest=digest(explained.table["contribution"].to_numpy(), done.map["effect"].to_numpy()),
        state={
            "source": (
                {"bases": reading.text}
                if spot is None
                else {"genome": spot.genome, "chrom": spot.chrom, "start": spot.start, "end": spot.end}
            ),
            "at": request.at,
            "strand": strand,
            "base": request.base,
        },
    )
    first = spot.start if spot is not None else 0
    effects = done.map.assign(position=done.map["position"] - first)
    # the last base read is the one that is explained
    before = explained.read["position"].to_numpy()[:-1]
    yield {
        "mutagenesis": rows(effects[["position", "ref", "alt", "effect"]]),
        "direct": _direct_paths(done, before, first),
        "line": line.number,
        "done": True,
    }


def _asked_about(desk: Desk, reading: Read, offset: int, strand: Strand) -> tuple[NDArray[np.uint8], int, str | None]:
    """Bases that a question is put to, where in them, and whether they are what was pasted.

    A region of the run is read with the genome before it, as `photo51 explain` reads it; pasted bases as they are.
    """
    place, run = reading.place, desk.bench.run
    if place is None or run is None or reading.pasted:
        return reading.bases, offset, "pasted"
    before, after = (CONTEXT_OF_WHY, 1) if strand == "+" else (1, CONTEXT_OF_WHY)
    start, end = place.start + offset - before, place.start + offset + after
    if not run.genomes.is_circular(place.genome, place.chrom):
        start, end = max(0, start), min(end, run.genomes.length(place.genome, place.chrom))
    return (
        run.genomes.sequence(place.genome, place.chrom, start, end),
        place.start + offset - start,
        None,
    )


def _why_command(desk: Desk, request: asked.WhyAsked, spot: Place | None, bases: str) -> str:
    place_text = f"{spot.chrom}:{spot.start + request.at + 1}" if spot is not None else f"sequence:{request.at + 1}"
    if not desk.run:
        return NO_COMMAND
    genomes = () if spot is not None else ("--genomes", "sequence.fa")
    parts = [
        "photo51",
        "explain",
        desk.run,
        place_text,
        *desk.sae_option(),
        *genomes,
        "--strand",
        request.strand,
        "--params",
        json.dumps(QUICK),
        "--out",
        "why",
    ]
    run = command(*parts, *(("--base", request.base) if request.base else ()))
    if spot is not None:
        return run
    return "\n".join((quoted_file(f">sequence\n{bases}\n", "sequence.fa"), run))


def _explained(desk: Desk, explained: Explained, reading: Read, spot: Place | None) -> dict[str, Any]:
    """An explanation in the coordinates of the reading."""
    offset = spot.start if spot is not None else 0
    length = desk.bench.run.genomes.length(spot.genome, spot.chrom) if spot is not None and desk.bench.run else 0
    values = np.zeros(len(reading), dtype=np.float32)
    before = 0.0
    for position, value in zip(explained.read["position"], explained.read["contribution"], strict=True):
        i = int(position) - offset
        if spot is not None and i < 0 and i + length < len(reading):
            i += length
        if 0 <= i < len(reading):
            values[i] += value
        else:
            before += float(value)
    table = explained.table[explained.table["feature"] >= 0]
    by_feature = table.groupby("feature").agg(
        contribution=("contribution", "sum"),
        at=("contribution", lambda c: int(table.loc[c.abs().idxmax(), "position"])),
    )
    by_feature = by_feature.reindex(by_feature["contribution"].abs().sort_values(ascending=False).index)
    features = [
        {"feature": int(str(f)), "contribution": float(r["contribution"]), "at": int(r["at"]) - offset}
        for f, r in by_feature.head(14).iterrows()
    ]
    return {
        "values": packed(values),
        "outside": before,
        "features": features,
        "summary": explained.summary(),
    }


def _direct_paths(effects: BaseEffects, read: NDArray[np.int64], offset: int) -> dict[str, Any]:
    """What each block carries straight from the nearest of the bases read, in reading order, and from all before them
    (nats).
    """
    near = read[-NEAR:]
    blocks = []
    for (block, mixing), part in effects.influence.groupby(["block", "mixing"], sort=True):
        by_position = part.groupby("position")["contribution"].sum()
        values = by_position.reindex(near).fillna(0.0).to_numpy()
        total = float(part["contribution"].sum())
        blocks.append(
            {
                "block": int(str(block)),
                "mixing": str(mixing),
                "values": packed(values),
                "total": total,
                "further": total - float(values.sum()),
            }
        )
    return {"at": [int(p) - offset for p in near], "blocks": blocks, **effects.direct}
