"""Annotations as masks over the workspace: for each class, which rows it marks on either strand's codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.axis.workspace import Workspace
from photo51.types import InputError

StrandMode = Literal["sense", "antisense", "both"]
CODON_POSITIONS = ("codon_position_1", "codon_position_2", "codon_position_3")


class StrandMasks(NamedTuple):
    """Rows that a class marks.

    Attributes
    ----------
    plus
        For the codes of strand `+`, (n_rows,).
    minus
        For the codes of strand `-`, (n_rows,), on the same forward axis.
    """

    plus: NDArray[np.bool_]
    minus: NDArray[np.bool_]


def annotation_masks(
    workspace: Workspace, annotations: pd.DataFrame, strand_mode: StrandMode = "sense"
) -> dict[str, StrandMasks]:
    """Masks of every class at once; `iter_annotation_masks` holds one at a time.

    Parameters
    ----------
    workspace
        The axis.
    annotations
        Contract `ANNOTATIONS`.
    strand_mode
        `sense`: an annotation on `+` marks the codes of strand `+`, one on `-` those of `-`. `antisense`: the other way
        round. `both`: either marks both. An annotation without strand marks both in every mode.

    Returns
    -------
    Class → masks, classes in alphabetical order, and after them the three codon positions where there is a
    CDS. A class with no base in the workspace is there, with empty masks: it is for the caller to say that it cannot
    be tested.
    """
    return dict(iter_annotation_masks(workspace, annotations, strand_mode))


def iter_annotation_masks(
    workspace: Workspace, annotations: pd.DataFrame, strand_mode: StrandMode = "sense"
) -> Iterator[tuple[str, StrandMasks]]:
    """As `annotation_masks`, one class at a time."""
    if strand_mode not in {"sense", "antisense", "both"}:
        raise InputError(f"strand_mode: need sense, antisense or both, got {strand_mode!r}")
    for kind, rows in annotations.groupby("kind", sort=True, observed=True):
        strand = rows["strand"].to_numpy()
        # without strand: on both
        forward = workspace.mask(rows[strand != "-"])
        backward = workspace.mask(rows[strand != "+"])
        yield str(kind), _oriented(forward, backward, strand_mode)
    if (annotations["kind"] == "CDS").any():
        for position, pair in enumerate(codon_position_masks(workspace, annotations)):
            yield CODON_POSITIONS[position], _oriented(pair.plus, pair.minus, strand_mode)


def _oriented(plus: NDArray[np.bool_], minus: NDArray[np.bool_], strand_mode: StrandMode) -> StrandMasks:
    match strand_mode:
        case "sense":
            return StrandMasks(plus, minus)
        case "antisense":
            return StrandMasks(minus, plus)
        case _:
            either = plus | minus
            return StrandMasks(either, either)


def codon_position_masks(workspace: Workspace, annotations: pd.DataFrame) -> list[StrandMasks]:
    """Codon positions 1, 2 and 3 of the genes on each strand, in that order.

    A base of two overlapping genes in different frames is marked in two masks. Position is counted in reading
    direction: the last forward base of a gene on `-` is position 1 of its first codon.
    """
    masks = np.zeros((2, 3, workspace.n_rows), dtype=bool)
    cds = annotations[annotations["kind"] == "CDS"].reset_index(drop=True)
    start, end = cds["start"].to_numpy(), cds["end"].to_numpy()
    frame, minus = cds["frame"].to_numpy(), cds["strand"].to_numpy() == "-"
    clipped = workspace.clip(cds)
    places = workspace.locate(clipped["row_start"].to_numpy()).position
    for i, first, last, position in zip(
        clipped["interval"], clipped["row_start"], clipped["row_end"], places, strict=True
    ):
        if frame[i] < 0:
            continue
        bases = position + np.arange(last - first)
        # index in reading direction: the last forward base of a gene on '-' is read first
        read = end[i] - 1 - bases if minus[i] else bases - start[i]
        # `frame` bases come before the first whole codon; % of a negative number is not negative
        masks[int(minus[i]), (read - frame[i]) % 3, np.arange(first, last)] = True
    return [StrandMasks(masks[0, p], masks[1, p]) for p in range(3)]
