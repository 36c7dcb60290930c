"""Writing a painted sequence: steering where the canvas asks for it, and choosing among continuations by what was
achieved.

The sequence is written in blocks. Each block is tried several times under the canvas' edits, every try is read back,
and one is drawn with weight `exp(paint_weight · reward)`; the reward is the painted concepts' activation inside their
intervals minus that outside. The tries come from the edited model, so what is drawn follows that model tilted by the
reward, and with one try it is the edited model itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import PaintParams
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.writing.canvas import Canvas
from photo51.interventions.writing.generate import Stream, open_stream, pick, uniforms
from photo51.io.contracts.interventions import PAINT_OVERLAP, PAINTED
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.model.tokenizer import reverse_complement, tokens_text
from photo51.types import InputError

_TRY = 1 << 20  # try k of sequence i draws from stream i + k · _TRY, so that try 0 is plain sampling


class Painting(NamedTuple):
    """A painted sequence, several times.

    Attributes
    ----------
    canvas
        What was asked for.
    prompt
        (prompt length,) token ids before the canvas, in the direction of writing.
    ids
        (sequences, length) token ids in the direction of writing.
    """

    canvas: Canvas
    prompt: NDArray[np.uint8]
    ids: NDArray[np.uint8]

    def sequences(self) -> list[str]:
        """As text, forward strand of the canvas."""
        # written in reading direction: on '-' it is turned to be shown
        ids = reverse_complement(self.ids) if self.canvas.strand == "-" else self.ids
        return [tokens_text(row) for row in ids]


class Painted(NamedTuple):
    """A painting under way.

    Attributes
    ----------
    painting
        What there is so far; bases that are still to be written are 0.
    start, end
        Bases that were written last, half-open, in the direction of writing.
    rows
        Sequences in which they were, (rows,).
    """

    painting: Painting
    start: int
    end: int
    rows: NDArray[np.int64]

    @property
    def interval(self) -> tuple[int, int]:
        """The bases in forward coordinates of the canvas, half-open."""
        canvas = self.painting.canvas
        if canvas.strand == "-":
            return canvas.length - self.end, canvas.length - self.start
        return self.start, self.end


def paint(
    instrument: Instrument,
    canvas: Canvas,
    prompt: NDArray[np.integer],
    *,
    sequences: int,
    params: PaintParams,
) -> Painting:
    """Write a canvas after a prompt, as `paint_blocks` does."""
    return last_of(paint_blocks(instrument, canvas, prompt, sequences=sequences, params=params))


def last_of(steps: Iterator[Painted]) -> Painting:
    """The painting when everything is written."""
    *_, last = steps
    return last.painting


def paint_blocks(
    instrument: Instrument,
    canvas: Canvas,
    prompt: NDArray[np.integer],
    *,
    sequences: int,
    params: PaintParams,
) -> Iterator[Painted]:
    """Write a canvas after a prompt, block by block.

    Parameters
    ----------
    prompt
        (length,) token ids that come before the canvas; for paint on the reverse strand, those that come after it,
        reverse complement.
    sequences
        How many to write.

    Raises
    ------
    InputError
        For an empty prompt or a painted feature that never fires.
    """
    blank = Painting(canvas, np.asarray(prompt, np.uint8), np.zeros((sequences, canvas.length), np.uint8))
    yield from _write(instrument, blank, first=0, params=params)


def repaint(instrument: Instrument, painting: Painting, canvas: Canvas, params: PaintParams) -> Painting:
    """Write what a changed canvas asks for, as `repaint_blocks` does."""
    return last_of(repaint_blocks(instrument, painting, canvas, params))


def repaint_blocks(
    instrument: Instrument, painting: Painting, canvas: Canvas, params: PaintParams
) -> Iterator[Painted]:
    """Write what a changed canvas asks for: bases before the first change stay, the others are rewritten.

    Raises
    ------
    InputError
        Where the canvas is of another sequence or direction, or nothing changed.
    """
    changes = changed(painting, canvas)
    # the first change in the direction of writing: on '-' the last on the canvas
    first = changes[0][0] if canvas.strand == "+" else canvas.length - changes[-1][1]
    yield from _write(instrument, painting._replace(canvas=canvas), first=first, params=params)


def changed(painting: Painting, canvas: Canvas) -> list[tuple[int, int]]:
    """Half-open intervals at which a canvas asks for something other than what was painted.

    Raises
    ------
    InputError
        Where the canvas is of another sequence or direction, or nothing changed.
    """
    if canvas.strand != painting.canvas.strand:
        raise InputError(
            f"canvas {canvas.name!r}: need paint on the strand it was written on, {painting.canvas.strand}, got"
            f" {canvas.strand}"
        )
    changes = painting.canvas.changes(canvas)
    if not changes:
        raise InputError(f"canvas {canvas.name!r}: need a change to paint again, got the canvas that was painted")
    return changes


def edit_of(instrument: Instrument, canvas: Canvas, prompt_length: int, params: PaintParams) -> SiteEdit:
    """The canvas as an edit. Base p is written by the state at the base before it, so strengths stand one base
    earlier.
    """
    # 0 means no background, not a strength of 0
    background = params.background if params.background else np.nan
    concepts = canvas.concepts()
    orders = []
    for name, track in canvas.strengths(background).items():
        # prompt_length − 1 entries: the prompt's last base writes the canvas' first
        strength = np.concatenate([np.full(prompt_length - 1, np.nan), track])
        orders.append(Order(params.op, concepts[name], torch.from_numpy(strength[None]).float()))
    return SiteEdit(instrument.dictionary, orders, instrument.units)


class Judge:
    """Reads painted concepts back and rewards them where they were asked for.

    Parameters
    ----------
    canvas
        In the direction of writing.
    """

    def __init__(self, instrument: Instrument, canvas: Canvas, params: PaintParams):
        self.instrument = instrument
        self.concepts = canvas.concepts()
        self.features = list(dict.fromkeys(f for b in self.concepts.values() for f in b.features))
        # feature → column of the codes that are read
        column = {f: i for i, f in enumerate(self.features)}
        self.weights = np.zeros((len(self.features), len(self.concepts)), dtype=np.float32)
        for c, bundle in enumerate(self.concepts.values()):
            self.weights[[column[f] for f in bundle.features], c] = bundle.level_weights(instrument.units)
        inside = [canvas.painted(name) for name in self.concepts]
        near = [canvas.painted(name, params.margin) for name in self.concepts]
        # +1 inside, −1 outside the margin, 0 between
        self.asked = np.stack(inside, 1).astype(np.float32) - ~np.stack(near, 1)

    def levels(self, x: Tensor) -> NDArray[np.float32]:
        """(…, concepts) level of each painted concept (units) from activations (…, d_model)."""
        return self.instrument.dictionary.encode(x, self.features).float().cpu().numpy() @ self.weights

    def reward(self, levels: NDArray[np.float32], first: int) -> NDArray[np.float64]:
        """(tries,): level inside minus level outside margins, summed over bases [first, …) and concepts.

        A level counts up to 1 unit, so that one loud base does not stand for an interval.
        """
        # positions by index of the canvas in writing direction
        painted = self.asked[first : first + levels.shape[1]]
        return (np.minimum(levels, 1.0) * painted).sum((1, 2), dtype=np.float64)


@torch.inference_mode()
def _write(instrument: Instrument, painting: Painting, *, first: int, params: PaintParams) -> Iterator[Painted]:
    """Write bases [first, …) of every sequence, block by block."""
    canvas = painting.canvas if painting.canvas.strand == "+" else painting.canvas.mirrored()
    edits = {instrument.site: edit_of(instrument, canvas, len(painting.prompt), params)}
    judge = Judge(instrument, canvas, params)
    ids = painting.ids.copy()
    n = len(ids)
    # what is kept of an earlier painting is read as if just written
    before = np.concatenate([np.tile(painting.prompt, (n, 1)), ids[:, :first]], axis=1)
    stream = open_stream(instrument.model, before, np.arange(n), edits=edits, keep=instrument.site, edit_prompt=True)
    rng = np.random.default_rng([params.sampling.seed, 5])
    for a in range(first, canvas.length, params.block):
        b = min(a + params.block, canvas.length)
        tries = try_block(stream, params, first=a, last=b)
        levels = judge.levels(tries.stream.kept)
        reward = params.paint_weight * judge.reward(levels, a)
        # tries of a sequence lie side by side: (sequences, tries)
        chosen = draw(reward.reshape(n, -1), rng)
        ids[:, a:b] = tries.ids[chosen]
        stream = tries.stream.take(chosen)
        # numbers back to those of the sequences, not of the tries
        stream.rows = np.arange(n)
        yield Painted(painting._replace(ids=ids.copy()), a, b, np.arange(n))


class Tries(NamedTuple):
    """A block written several times: (sequences × tries, block) token ids, and the stream that has read them."""

    ids: NDArray[np.uint8]
    stream: Stream
    log_likelihood: NDArray[np.float32]


@one_thread_each()
def try_block(stream: Stream, params: PaintParams, *, first: int, last: int) -> Tries:
    """Write bases [first, last) of each sequence `params.candidates` times; tries of one sequence lie together."""
    k = params.candidates
    tries = stream.take(np.repeat(np.arange(len(stream.rows)), k))
    tries.forget()
    # try k of sequence i has its own stream of numbers
    rows = tries.rows + _TRY * np.tile(np.arange(k), len(stream.rows))
    # numbers up to `last`, of which those before `first` are used already
    u = uniforms(params.sampling.seed, rows, last)[:, first:].to(stream.device)
    ids, total = [], torch.zeros(len(rows), device=stream.device)
    for t in range(last - first):
        base = pick(tries.scores, u[:, t], params.sampling)
        total += torch.log_softmax(tries.scores.float(), -1).gather(-1, base[:, None])[:, 0]
        ids.append(tries.bases[base])
        tries.read(ids[-1][:, None])
    return Tries(torch.stack(ids, 1).cpu().numpy().astype(np.uint8), tries, total.cpu().numpy())


def draw(score: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One try of each sequence (sequences, tries), drawn with weight `exp(score)`; its row among all tries."""
    n, k = score.shape
    if k == 1:
        return np.arange(n)
    # argmax of score + Gumbel noise is a draw with weight exp(score)
    noise = rng.gumbel(size=score.shape)
    return np.arange(n) * k + (score + noise).argmax(axis=1)


@torch.inference_mode()
def read_track(instrument: Instrument, painting: Painting, params: PaintParams) -> pd.DataFrame:
    """What the model as it is reads in the painted sequences (contract `PAINTED`), in forward coordinates."""
    canvas = painting.canvas
    written = canvas if canvas.strand == "+" else canvas.mirrored()
    judge = Judge(instrument, written, params)
    n, length = painting.ids.shape
    full = np.concatenate([np.tile(painting.prompt, (n, 1)), painting.ids], axis=1)
    x = activations(instrument.model, instrument.site, instrument.ids(full))[:, len(painting.prompt) :]
    levels = judge.levels(x)
    if canvas.strand == "-":
        # read in the direction of writing, shown forward
        levels = levels[:, ::-1]
    strengths = canvas.strengths(0.0)
    tables = [
        pd.DataFrame(
            {
                "sequence": np.repeat(np.arange(n), length),
                "concept": name,
                "position": np.tile(np.arange(length), n),
                "asked": np.tile(strengths[name], n),
                "level": levels[..., c].ravel().astype(np.float64),
            }
        )
        for c, name in enumerate(judge.concepts)
    ]
    return PAINTED.check(pd.concat(tables, ignore_index=True))


def overlap(track: pd.DataFrame, canvas: Canvas, margin: int) -> pd.DataFrame:
    """How well the achieved activation lies where it was painted (contract `PAINT_OVERLAP`)."""
    rows = []
    for (sequence, concept), group in track.groupby(["sequence", "concept"], sort=True):
        level = group.sort_values("position")["level"].to_numpy()
        inside, near = canvas.painted(str(concept)), canvas.painted(str(concept), margin)
        total = level.sum()
        rows.append(
            {
                "sequence": sequence,
                "concept": concept,
                # activation in the margin counts as inside
                "mass_inside": float(level[near].sum() / total) if total > 0 else np.nan,
                "expected": float(near.mean()),
                "mean_inside": float(level[inside].mean()) if inside.any() else np.nan,
                "mean_outside": float(level[~near].mean()) if (~near).any() else np.nan,
            }
        )
    return PAINT_OVERLAP.check(pd.DataFrame(rows))
