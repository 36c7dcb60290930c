"""What a model sees in records of a corpus: features, surprisal, and what it would have written itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.config.debug_data import DebugDataParams
from photo51.config.interventions import SamplingParams
from photo51.genome.alphabet import is_ambiguous, reverse_complement
from photo51.genome.formats.fasta import Record
from photo51.interventions.writing.generate import generate
from photo51.model.families.adapters import DnaModel
from photo51.model.sites import Sites
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

MOST_UNDRAWN = 2_000  # records of a reference that baselines are fitted to


class RecordSignals(NamedTuple):
    """What a model sees in records, means over bases of both strands.

    Attributes
    ----------
    z
        Mean code of each feature, (records, features).
    surprise
        Mean of code · (surprisal − entropy of the law), bits, (records, features).
    bits
        Surprisal, (records,).
    unexplained
        Squared residual of the dictionary over squared distance from its offset, (records,).
    """

    z: NDArray[np.float64]
    surprise: NDArray[np.float64]
    bits: NDArray[np.float64]
    unexplained: NDArray[np.float64]


def record_windows(records: Sequence[Record], params: DebugDataParams) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Windows of records, (windows, length), spread evenly over each, and the record each is of.

    Records that are shorter, or hold other letters than A, C, G, T in every window, have none.
    """
    rows, owner = [], []
    for i, r in enumerate(records):
        last = len(r.ids) - params.window
        if last < 0:
            continue
        # distinct starts: windows of a record that is hardly longer than one would otherwise repeat
        for start in sorted(
            {round(x) for x in np.linspace(0, last, params.windows)} if params.windows > 1 else {last // 2}
        ):
            ids = r.ids[start : start + params.window]
            if not is_ambiguous(ids).any():
                rows.append(ids)
                owner.append(i)
    return (
        np.stack(rows) if rows else np.zeros((0, params.window), np.uint8),
        np.array(owner, dtype=np.int64),
    )


def see(model: DnaModel, dictionary: Dictionary, windows: NDArray[np.uint8], batch: int) -> RecordSignals:
    """Read windows (windows, length) on both strands."""
    parts = [_see_strand(model, dictionary, rows, batch) for rows in (windows, reverse_complement(windows))]
    return RecordSignals(*(np.mean([p[i] for p in parts], axis=0) for i in range(4)))


@torch.no_grad()
def _see_strand(model: DnaModel, dictionary: Dictionary, windows: NDArray[np.uint8], batch: int) -> RecordSignals:
    site = dictionary.origin.site
    n, f = len(windows), dictionary.n_features
    z, surprise, bits, unexplained = np.zeros((n, f)), np.zeros((n, f)), np.zeros(n), np.zeros(n)
    bases = torch.from_numpy(BASE_IDS.astype(np.int64))
    for i in progress(range(0, n, batch), "debug-data", unit="batches"):
        ids = windows[i : i + batch]
        out = model.forward(ids, Sites([site]))
        assert out.logits is not None
        for w, row in enumerate(ids):
            x = out.sites[site][w].float().cpu().numpy()
            codes = dictionary.encode(x)
            # log2 of the law over the four letters: (length - 1, 4), the last base having none after it
            law = torch.log_softmax(out.logits[w][:-1].cpu()[:, bases].double(), -1).numpy() / np.log(2)
            # surprisal of the base that follows
            surprisal = -law[np.arange(len(law)), np.searchsorted(BASE_IDS, row[1:])]
            # surprisal less entropy, since -entropy is Σ p log2 p: what the base cost beyond what the law expected
            excess = surprisal + (np.exp2(law) * law).sum(axis=1)
            z[i + w] = np.asarray(codes.mean(axis=0)).ravel()
            # the law of base t + 1 is written at base t
            surprise[i + w] = codes[:-1].T @ excess / len(row)
            bits[i + w] = surprisal.mean()
            rest = ((x - dictionary.decode(codes)) ** 2).sum()
            unexplained[i + w] = rest / ((x - dictionary.offset) ** 2).sum()
    return RecordSignals(z, surprise, bits, unexplained)


def own_writing(network: StripedHyena, windows: NDArray[np.uint8], params: DebugDataParams) -> NDArray[np.uint8]:
    """Windows whose bases after the prompt the model has written itself, (windows, length)."""
    # sixteen bases at least are written, however short the window
    prompt = min(params.prompt, windows.shape[1] - 16)
    parts = []
    for i in progress(range(0, len(windows), 64), "own writing", unit="batches"):
        rows = windows[i : i + 64]
        numbers = np.arange(i, i + len(rows))
        # numbers of windows, not of rows in a batch, decide what is drawn
        sampling = SamplingParams(seed=params.seed)
        written = generate(network, rows[:, :prompt], windows.shape[1] - prompt, sampling=sampling, rows=numbers)
        parts.append(np.concatenate([rows[:, :prompt], written.ids], axis=1))
    return np.concatenate(parts)


def reference_records(
    reference: Sequence[Record], params: DebugDataParams
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Windows of records cut from a reference and drawn at random, and the record each is of, numbered from 0.

    Raises
    ------
    InputError
        For fewer than forty.
    """
    cut, drawn = _cut(reference, params)
    if len(cut) < 40:
        span = params.window * params.windows
        raise InputError(f"reference: need at least 40 records of {span:,} bases of A, C, G, T, got {len(cut)}")
    return record_windows([cut[i] for i in np.sort(drawn[: params.references])], params)


def undrawn_windows(reference: Sequence[Record], params: DebugDataParams) -> NDArray[np.uint8]:
    """Windows (windows, length) of what `reference_records` leaves, which no model reads."""
    cut, drawn = _cut(reference, params)
    left = np.sort(drawn[params.references :][:MOST_UNDRAWN])
    return record_windows([cut[i] for i in left], params)[0]


def _cut(reference: Sequence[Record], params: DebugDataParams) -> tuple[list[Record], NDArray[np.int64]]:
    """A reference cut into records as long as what is read of a record, and their numbers in random order."""
    span = params.window * params.windows
    cut = [
        r._replace(name=f"{r.name}:{a}", ids=r.ids[a : a + span])
        for r in reference
        for a in range(0, len(r.ids) - span + 1, span)
        if not is_ambiguous(r.ids[a : a + span]).any()
    ]
    return cut, np.random.default_rng([params.seed, 53]).permutation(len(cut))
