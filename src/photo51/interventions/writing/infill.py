"""Writing a span between fixed flanks: what comes after the span judges it.

`rejection` draws spans from the edited model after the left flank and keeps one with probability proportional to the
likelihood of the right flank after it (sampling-importance-resampling: with many spans it draws from the span given
both flanks). `beam` keeps the best beginnings block by block and, at the end, the span after which the right flank is
likeliest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.config.interventions import PaintParams
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.writing.canvas import Canvas
from photo51.interventions.writing.generate import Stream, open_stream
from photo51.interventions.writing.painting import (
    Judge,
    Painted,
    Painting,
    changed,
    draw,
    edit_of,
    last_of,
    try_block,
)
from photo51.types import InputError


def infill(
    instrument: Instrument, painting: Painting, canvas: Canvas, params: PaintParams, *, pad: int = 0
) -> Painting:
    """Rewrite only what a changed canvas asks for, as `infill_spans` does."""
    return last_of(infill_spans(instrument, painting, canvas, params, pad=pad))


def infill_spans(
    instrument: Instrument, painting: Painting, canvas: Canvas, params: PaintParams, *, pad: int = 0
) -> Iterator[Painted]:
    """Rewrite only the bases at which a changed canvas asks for something else; all others stay.

    Parameters
    ----------
    pad
        Bases around each change that may be rewritten too.

    Raises
    ------
    InputError
        Where the canvas is of another sequence or direction, or nothing changed.
    """
    # padding may join neighbouring changes
    spans = _merged([(max(0, a - pad), min(canvas.length, b + pad)) for a, b in changed(painting, canvas)])
    if canvas.strand == "-":
        # mirrored and in reverse, so that spans go in the order of writing
        spans = [(canvas.length - b, canvas.length - a) for a, b in reversed(spans)]
    done = painting._replace(canvas=canvas)
    for a, b in spans:
        for step in _fill(instrument, done, a, b, params):
            yield step
            done = step.painting


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out


def infill_span(instrument: Instrument, painting: Painting, a: int, b: int, params: PaintParams) -> Painting:
    """Rewrite bases [a, b), in the direction of writing, of every sequence between its own flanks."""
    return last_of(_fill(instrument, painting, a, b, params))


@torch.inference_mode()
def _fill(instrument: Instrument, painting: Painting, a: int, b: int, params: PaintParams) -> Iterator[Painted]:
    """One sequence after the other."""
    if not 0 <= a < b <= painting.canvas.length:
        raise InputError(f"infill: need a span within the {painting.canvas.length} bases of the canvas, got {a}..{b}")
    canvas = painting.canvas if painting.canvas.strand == "+" else painting.canvas.mirrored()
    edits = {instrument.site: edit_of(instrument, canvas, len(painting.prompt), params)}
    judge = Judge(instrument, canvas, params)
    # of its own for each span: rewriting one leaves the luck of others alone
    rng = np.random.default_rng([params.sampling.seed, 6, a, b])
    ids = painting.ids.copy()
    for i in range(len(ids)):
        # everything before the span, this sequence's own
        left = np.concatenate([painting.prompt, ids[i, :a]])[None]
        stream = open_stream(instrument.model, left, np.array([i]), edits=edits, keep=instrument.site, edit_prompt=True)
        write = _sampled if params.infill == "rejection" else _beam
        spans, score, ends = write(stream, judge, a, b, params)
        # likelihood of the right flank; for spans drawn from the model this is Bayes' rule
        score = score + flank_likelihood(ends, ids[i, b : b + params.flank])
        # drawn for rejection, the best for beam
        chosen = int(draw(score[None], rng)[0]) if params.infill == "rejection" else int(score.argmax())
        ids[i, a:b] = spans[chosen]
        yield Painted(painting._replace(ids=ids.copy()), a, b, np.array([i]))


def _sampled(
    stream: Stream, judge: Judge, a: int, b: int, params: PaintParams
) -> tuple[NDArray[np.uint8], NDArray[np.float64], Stream]:
    """Whole spans, their reward, and the stream that has read them."""
    tries = try_block(stream, params, first=a, last=b)
    levels = judge.levels(tries.stream.kept)
    return tries.ids, params.paint_weight * judge.reward(levels, a), tries.stream


def _beam(
    stream: Stream, judge: Judge, a: int, b: int, params: PaintParams
) -> tuple[NDArray[np.uint8], NDArray[np.float64], Stream]:
    """The best `candidates` spans, grown block by block; score: log-likelihood plus reward."""
    spans = np.zeros((1, 0), dtype=np.uint8)
    score = np.zeros(1)
    for first in range(a, b, params.block):
        last = min(first + params.block, b)
        tries = try_block(stream, params, first=first, last=last)
        levels = judge.levels(tries.stream.kept)
        gained = tries.log_likelihood + params.paint_weight * judge.reward(levels, first)
        # each beginning grows into `candidates` tries, which lie together
        grown = np.repeat(score, params.candidates) + gained
        # stable: ties go to the earlier try
        best = np.argsort(-grown, kind="stable")[: params.candidates]
        spans = np.concatenate([np.repeat(spans, params.candidates, axis=0), tries.ids], axis=1)[best]
        score = grown[best]
        stream = tries.stream.take(best)
        # numbers decide the random streams: those of equal beginnings would else be equal
        stream.rows = best
    return spans, score, stream


def flank_likelihood(stream: Stream, flank: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(tries,): natural log-probability of the right flank after each try, under the edited model."""
    if not len(flank):
        return np.zeros(len(stream.rows))
    target = torch.from_numpy(flank.astype(np.int64)).to(stream.device)
    # the first base of the flank is predicted by the state, the rest as it is read
    scores = stream.scores[:, None]
    if len(flank) > 1:
        scores = torch.cat([scores, stream.logits(np.tile(flank[:-1], (len(stream.rows), 1)))], dim=1)
    is_it = (target[:, None] == stream.bases).float()
    return (torch.log_softmax(scores.float(), -1) * is_it).sum((1, 2)).double().cpu().numpy()
