"""Steering as it is watched: control, steered and random-direction arms written side by side, base by base.

What is written is what `photo51 steer` writes as sequence 0 of its arms at dose 1: the same prompt, seed, target and
random direction. What is measured of it comes every few bases, since a chunk costs little more than a base.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.config.interventions import SteerParams
from photo51.interventions.edits.arms import ArmEdit, random_directions
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.writing.generate import Stream, open_stream, write
from photo51.interventions.writing.scorers import Scorer
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.model.tokenizer import BASE_IDS, tokens_text

LN2 = float(np.log(2.0))
REAL_WINDOWS = 16
ARMS = ("control", "feature", "random")


class Base(NamedTuple):
    """One base of every arm, as letters in the order of the arms."""

    position: int
    letters: str


class Look(NamedTuple):
    """What a chunk of bases [start, end) says, arm by arm.

    Attributes
    ----------
    start, end
        Bases of what is written, half-open.
    bits
        (arms, bases) surprise of the model as it is at each base (bits): what the edit costs.
    levels
        (arms, targets, bases) level of each target (units), read before the edit.
    scores
        (arms, scorers) scores of all that is written so far.
    codes
        (arms, features) mean activation of every feature over the chunk.
    """

    start: int
    end: int
    bits: NDArray[np.float32]
    levels: NDArray[np.float32]
    scores: NDArray[np.float64]
    codes: NDArray[np.float32]


def residual(instrument: Instrument, reference: NDArray[np.integer]) -> torch.Tensor:
    """Activations (bases, d_model) of real sequence, whose spread random directions have."""
    real = reference[:REAL_WINDOWS]
    return activations(instrument.model, instrument.site, instrument.ids(real)).flatten(0, 1)


def directions(instrument: Instrument, target: Bundle, spread: torch.Tensor, params: SteerParams) -> torch.Tensor:
    """Random directions of an experiment, (random directions, d_model), as `steer` draws them from the same
    parameters; `spread` is that of `residual`.
    """
    return random_directions(
        params.random_kind,
        params.random_directions,
        dictionary=instrument.dictionary,
        residual=spread,
        avoid=target.features,
        rng=np.random.default_rng([params.sampling.seed, 4]),
    )


def arms_of(target: Bundle | None) -> tuple[str, ...]:
    """Arms that are written: the control alone where nothing is steered."""
    return ARMS if target is not None else ARMS[:1]


@torch.inference_mode()
def write_arms(
    instrument: Instrument,
    target: Bundle | None,
    prompt: NDArray[np.integer],
    *,
    along: torch.Tensor | None,
    watched: Sequence[Bundle],
    judges: Sequence[Scorer],
    params: SteerParams,
    every: int = 12,
) -> Iterator[Base | Look]:
    """Write the arms of a steering experiment at dose 1, base by base.

    Parameters
    ----------
    target
        What is steered, its weights in units; None writes the control alone.
    prompt
        (length,) token ids.
    along
        Random directions of `directions`, of which the first is taken.
    watched
        Bundles whose level is read back.
    every
        Bases between two looks.

    Yields
    ------
    A `Base` for each base, and a `Look` after each chunk.

    Raises
    ------
    InputError
        For an empty prompt, or a feature that is unknown or never fires.
    """
    arms = arms_of(target)
    edits = {}
    if target is not None:
        assert along is not None
        # control, target and one random direction; only the latter two at dose 1
        rows = pd.DataFrame({"arm": ARMS, "direction": [-1, -1, 0], "dose": [0.0, 1.0, 1.0], "sequence": 0})
        edits[instrument.site] = ArmEdit(instrument, params.op, target, rows=rows, directions=along)
    numbers = np.zeros(len(arms), dtype=np.int64)
    prompts = np.tile(prompt, (len(arms), 1))
    # a shared prompt is read once and then repeated, but the edit is of as many rows as there are arms
    stream = open_stream(
        instrument.model,
        prompts,
        numbers,
        edits=edits,
        keep=instrument.site,
        edit_prompt=params.edit_prompt,
    )
    plain: Stream | None = None  # reads the prompt once the first base is on its way
    texts, first = [""] * len(arms), 0
    # what was kept of the prompt is no part of a chunk
    stream.forget()
    chunk: list[torch.Tensor] = []
    for t, step in enumerate(write(stream, params.length, params.sampling, read_last=True)):
        letters = tokens_text(step.ids.cpu().numpy().astype(np.uint8))
        texts = [text + letter for text, letter in zip(texts, letters, strict=True)]
        chunk.append(step.ids)
        yield Base(t, letters)
        if len(chunk) == every or t + 1 == params.length:
            ids = torch.stack(chunk, 1)
            plain = plain or open_stream(instrument.model, prompts, numbers)
            with one_thread_each():
                levels, codes = _levels(instrument, watched, stream.kept)
                bits = _bits(plain.scores, plain.logits(ids.cpu().numpy()), ids)
            scores = np.array([[o.score(text) for o in judges] for text in texts], dtype=np.float64)
            yield Look(first, t + 1, bits, levels, scores.reshape(len(arms), len(judges)), codes)
            stream.forget()
            chunk, first = [], t + 1


def _levels(
    instrument: Instrument, watched: Sequence[Bundle], states: torch.Tensor
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    codes = instrument.dictionary.encode(states).float().cpu().numpy()
    if not watched:
        return np.zeros((len(codes), 0, codes.shape[1]), np.float32), codes.mean(1)
    levels = [b.level(codes[..., list(b.features)], instrument.units) for b in watched]
    return np.stack(levels, 1).astype(np.float32), codes.mean(1)


def _bits(before: torch.Tensor, scores: torch.Tensor, ids: torch.Tensor) -> NDArray[np.float32]:
    """Surprise at each base (arms, bases) from the scores before the first and after each."""
    # the score before a base is that after the one before it
    every = torch.cat([before[:, None], scores[:, :-1]], 1).float()
    # other letters match no base and have no surprise
    written = (ids[..., None] == torch.from_numpy(BASE_IDS.astype(np.int64)).to(ids.device)).float()
    return (-(torch.log_softmax(every, -1) * written).sum(-1) / LN2).cpu().numpy()
