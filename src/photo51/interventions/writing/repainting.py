"""Painting from files: a new canvas, or a changed one over what was painted before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import PaintParams
from photo51.genome.formats.fasta import read_fasta
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.writing.canvas import Canvas, read_canvas
from photo51.interventions.writing.infill import infill_spans
from photo51.interventions.writing.painting import Painted, Painting, last_of, paint_blocks, repaint_blocks
from photo51.model.tokenizer import reverse_complement
from photo51.types import InputError


def read_painting(
    painted: Path | None,
    before: Path | None,
    prompt: NDArray[np.uint8],
    concepts: Mapping[str, Bundle],
    n_features: int,
) -> Painting | None:
    """What `photo51 paint` wrote before, with the canvas it was painted by; None where neither is given.

    Raises
    ------
    InputError
        Where only one of the two is given, or the sequences differ in length.
    """
    if painted is None and before is None:
        return None
    if painted is None or before is None:
        raise InputError("repainting: need both --painted (FASTA) and --before (BED), got one of them")
    ids = [record.ids for record in read_fasta(painted)]
    if len({len(row) for row in ids}) != 1:
        raise InputError(f"{painted}: need sequences of one length, got {sorted({len(row) for row in ids})}")
    canvas = read_canvas(before, len(ids[0]), concepts, n_features)
    rows = np.stack(ids)
    return Painting(canvas, prompt, reverse_complement(rows) if canvas.strand == "-" else rows)


def paint_or_repaint(
    instrument: Instrument,
    canvas: Canvas,
    prompt: NDArray[np.uint8],
    old: Painting | None,
    *,
    sequences: int,
    infill: bool,
    params: PaintParams,
) -> Painting:
    """Paint a canvas, as `painting_steps` does."""
    steps = painting_steps(instrument, canvas, prompt, old, sequences=sequences, infill=infill, params=params)
    return last_of(steps)


def painting_steps(
    instrument: Instrument,
    canvas: Canvas,
    prompt: NDArray[np.uint8],
    old: Painting | None,
    *,
    sequences: int,
    infill: bool,
    params: PaintParams,
) -> Iterator[Painted]:
    """Paint a canvas; where it was painted before, rewrite from the first change on, or only the changed spans."""
    if old is None:
        return paint_blocks(instrument, canvas, prompt, sequences=sequences, params=params)
    return (infill_spans if infill else repaint_blocks)(instrument, old, canvas, params)
