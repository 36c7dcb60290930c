"""Saturation mutagenesis in silico: every single-base change in a window, and what it does to a target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.interventions.writing.generate import Stream
from photo51.io.contracts.interventions import MUTAGENESIS
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS
from photo51.types import InputError

Readout = Callable[[NDArray[np.float64], NDArray[np.uint8]], NDArray[np.float64]]
"""From log-probabilities of A, C, G, T of bases [first, …) (sequences, bases, 4) and those bases' ids, a number
each."""


@torch.inference_mode()
def saturate(
    model: StripedHyena,
    ids: NDArray[np.uint8],
    window: tuple[int, int],
    readout: Readout,
    *,
    batch: int = 64,
) -> pd.DataFrame:
    """Effect of every change in a window; what comes before the window is read once.

    Parameters
    ----------
    ids
        (length,) token ids.
    window
        Half-open, from base 1 on: the first base has nothing before it.
    readout
        The target, from what follows the window's first base.

    Returns
    -------
    `position` (index in `ids`), `ref`, `alt`, `effect`; letters other than A, C, G, T are not changed.

    Raises
    ------
    InputError
        For a window outside the sequence.
    """
    start, end = window
    if not 1 <= start < end <= len(ids):
        raise InputError(f"window: need 1 <= start < end <= {len(ids)}, got {start}..{end}")
    # one sequence; its number would decide what is drawn, and nothing is
    stream = Stream(model, np.zeros(1, dtype=np.int64))
    # all changes share what lies before the window: it is read once and its state copied
    stream.read(ids[None, :start])
    changes = [(p, b) for p in range(start, end) if ids[p] in BASE_IDS for b in BASE_IDS if b != ids[p]]
    effects = []
    plain = _read(stream, ids[None, start:], readout)[0]
    for i in range(0, len(changes), batch):
        part = changes[i : i + batch]
        mutants = np.tile(ids[start:], (len(part), 1))
        for row, (p, b) in enumerate(part):
            mutants[row, p - start] = b
        # against the unchanged sequence, read on from the same state
        effects.append(_read(stream, mutants, readout) - plain)
    return pd.DataFrame(
        {
            "position": [p for p, _ in changes],
            "ref": [chr(ids[p]) for p, _ in changes],
            "alt": [chr(b) for _, b in changes],
            "effect": np.concatenate(effects) if effects else np.zeros(0),
        }
    )


def no_changes() -> pd.DataFrame:
    """A map without a row, as `saturate` gives one."""
    return pd.DataFrame(
        {
            "position": np.zeros(0, dtype=np.int64),
            "ref": np.zeros(0, dtype=object),
            "alt": np.zeros(0, dtype=object),
            "effect": np.zeros(0),
        }
    )


def _read(stream: Stream, suffixes: NDArray[np.uint8], readout: Readout) -> NDArray[np.float64]:
    """Read suffixes (sequences, bases) after the stream's prefix, leaving the stream as it is."""
    # a row for each mutant, all of the same prefix
    copies = stream.take(np.zeros(len(suffixes), dtype=np.int64))
    # the first base of the suffix is predicted by the state, the others as the suffix is read
    scores = copies.scores[:, None]
    if suffixes.shape[1] > 1:
        scores = torch.cat([scores, copies.logits(suffixes[:, :-1])], dim=1)
    log_p = torch.log_softmax(scores.double(), -1).cpu().numpy()
    return readout(log_p, suffixes)


def window_likelihood(first: int, start: int, end: int) -> Readout:
    """Log-likelihood of bases [start, end) for a window that begins at `first` (nats)."""

    def read(log_p: NDArray[np.float64], ids: NDArray[np.uint8]) -> NDArray[np.float64]:
        part = slice(start - first, end - first)
        # one-hot of the base that is there; all false, and so 0, for other letters
        is_it = ids[:, part, None] == BASE_IDS
        return (log_p[:, part] * is_it).sum((1, 2))

    return read


def next_base_readout(first: int, position: int, base: str) -> Readout:
    """Score of one base at one place against the mean of the others (nats), for a window that begins at `first`."""

    def read(log_p: NDArray[np.float64], _ids: NDArray[np.uint8]) -> NDArray[np.float64]:
        log_p_there = log_p[:, position - first]
        # s_b − mean of the other three = (4 s_b − Σ s) / 3: the same for scores and log-probabilities
        return (4 * log_p_there[:, "ACGT".index(base)] - log_p_there.sum(-1)) / 3

    return read


def placed(table: pd.DataFrame, chrom: str, position: NDArray[np.integer]) -> pd.DataFrame:
    """The map on the genome (contract `MUTAGENESIS`); `position` gives the genome's base for each index of the
    sequence.
    """
    return MUTAGENESIS.check(table.assign(chrom=chrom, position=np.asarray(position)[table["position"].to_numpy()]))
