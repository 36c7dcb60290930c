"""A sequence through model and dictionary, window by window, both strands; rows always in forward coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.genome.alphabet import is_ambiguous, reverse_complement
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.quicklook.source import Piece
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS, Strand

CORE, CONTEXT, COLD = 1_536, 512, 128  # bases a window emits, reads before them, and needs to be trusted
_BATCH = 8_192


class Strands(NamedTuple):
    """What the model says of a piece, read on one strand; every array in rising positions.

    Attributes
    ----------
    bits
        (length,) bits of each base given those read before it; NaN at ambiguous bases and where none was read before.
    codes
        (length, features) activations; no row of an ambiguous base has any.
    error, spread
        (length,) squared error of the reconstruction, and squared distance from the dictionary's offset.
    cold
        (length,) whether fewer than 128 bases were read before the base, since the start or the last ambiguous base.
    """

    bits: NDArray[np.float32]
    codes: sp.csr_matrix
    error: NDArray[np.float32]
    spread: NDArray[np.float32]
    cold: NDArray[np.bool_]


class _Window(NamedTuple):
    ids: NDArray[np.uint8]
    warmup: int


def read_piece(model: DnaModel, sae: Dictionary, piece: Piece) -> dict[Strand, Strands]:
    """Read a piece on both strands.

    Parameters
    ----------
    model, sae
        A model, and a dictionary of one of its sites.
    piece
        What is read, with context on either side.

    Raises
    ------
    InputError
        For a dictionary of another model.
    """
    sae.origin.require(model.spec.origin(sae.origin.site), f"{model.spec.name}: activations")
    out: dict[Strand, Strands] = {}
    for strand in STRANDS:
        if strand == "+":
            ids, before = piece.ids, piece.before
        else:
            ids, before = reverse_complement(piece.ids), reverse_complement(piece.after)
        strands = _read(model, sae, _known_end(before)[-CONTEXT:], ids)
        out[strand] = strands if strand == "+" else _flipped(strands)
    return out


def _flipped(s: Strands) -> Strands:
    return Strands(s.bits[::-1].copy(), s.codes[::-1], s.error[::-1].copy(), s.spread[::-1].copy(), s.cold[::-1].copy())


def _known_end(before: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part after the last ambiguous base: gaps are no context."""
    gaps = np.flatnonzero(is_ambiguous(before))
    return before[gaps[-1] + 1 :] if len(gaps) else before


def _windows(before: NDArray[np.uint8], ids: NDArray[np.uint8]) -> Iterator[_Window]:
    whole = np.concatenate([before, ids])
    for a in range(len(before), len(whole), CORE):
        first = max(0, a - CONTEXT)
        yield _Window(whole[first : a + CORE], a - first)


def _read(model: DnaModel, sae: Dictionary, before: NDArray[np.uint8], ids: NDArray[np.uint8]) -> Strands:
    site, windows = sae.origin.site, list(_windows(before, ids))
    bits, codes, error, spread = [], [], [], []
    per = max(1, _BATCH // (CORE + CONTEXT))
    starts = range(0, len(windows), per)
    for a in progress(starts, "read", len(starts), "batches") if len(starts) > 1 else starts:
        batch = windows[a : a + per]
        got = model.read([w.ids for w in batch], [site], likelihood=True)
        assert got.log_probs is not None
        for w, logs, whole in zip(batch, got.log_probs, got.activations[site], strict=True):
            bits.append(-logs[w.warmup :] / math.log(2))
            x = whole[w.warmup :].float().cpu().numpy()
            batch_codes = sae.encode(x)
            error.append(np.square(x - sae.decode(batch_codes)).sum(axis=1))
            spread.append(np.square(x - sae.offset).sum(axis=1))
            codes.append(batch_codes)
    unambiguous = ~is_ambiguous(ids)
    joined = sp.csr_matrix(
        sp.diags_array(unambiguous.astype(np.float32), format="csr") @ sp.vstack(codes, format="csr")
    )
    joined.eliminate_zeros()
    places = np.arange(len(ids))
    since = (
        places - np.maximum.accumulate(np.where(unambiguous, -len(before) - 1, places)) - 1
    )  # known bases read before this one
    cold = since < COLD
    return Strands(
        np.where(unambiguous, np.concatenate(bits), np.nan).astype(np.float32),
        joined,
        np.where(unambiguous, np.concatenate(error), np.nan).astype(np.float32),
        np.where(unambiguous, np.concatenate(spread), np.nan).astype(np.float32),
        cold,
    )
