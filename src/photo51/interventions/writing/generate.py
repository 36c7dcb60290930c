"""Writing sequence base by base: batched, seeded, with edits and with the activations kept.

Sequence i draws from its own stream of uniform numbers, whatever the batch and whatever the arm of an experiment. Two
arms with the same seed therefore differ by what was done to them and not by luck, which is what makes their
differences small enough to measure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SamplingParams
from photo51.model.sites import Edit, Sites
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.model.tokenizer import BASE_IDS, is_base, token_ids, tokens_text
from photo51.types import InputError

FEW_BASES = 32  # bases up to which one thread reads faster than many


class Generated(NamedTuple):
    """What was written.

    Attributes
    ----------
    ids
        (sequences, length) token ids of the bases written, the prompt left out.
    log_likelihood
        (sequences, length) natural log-probability of each base over A, C, G, T under the model as edited, at
        temperature 1.
    kept
        (sequences, prompt + length, d_model) tensor of the kept site before its edit, about the base at each place;
        None unless asked for.
    """

    ids: NDArray[np.uint8]
    log_likelihood: NDArray[np.float32]
    kept: Tensor | None

    def sequences(self) -> list[str]:
        """As text."""
        return [tokens_text(row) for row in self.ids]


def read_prompt(text: str, label: str = "prompt") -> NDArray[np.uint8]:
    """Token ids of a prompt.

    Raises
    ------
    InputError
        For an empty prompt, or one with letters other than A, C, G, T, N.
    """
    text = "".join(text.split())
    if not text:
        raise InputError(f"{label}: need at least one base to continue, got an empty sequence")
    ids = token_ids(text) if text.isascii() else np.zeros(0, np.uint8)
    # a text that is not ASCII is bad from its first letter on
    bad = np.flatnonzero(~(is_base(ids) | (ids == ord("N")))) if len(ids) else np.array([0])
    if len(bad):
        i = int(bad[0])
        raise InputError(f"{label}: need only A, C, G, T or N, got {text[i]!r} at base {i + 1}")
    return ids


def uniforms(seed: int, rows: NDArray[np.integer], length: int) -> Tensor:
    """(rows, length) uniform numbers; row i depends on `seed` and i alone."""
    return torch.stack([torch.rand(length, generator=_stream(seed, int(row))) for row in rows])


def _stream(seed: int, row: int) -> torch.Generator:
    # by hash: neighbouring numbers and seeds share nothing
    digest = hashlib.sha256(f"{seed}/{row}".encode()).digest()
    # 63 bits: `manual_seed` takes a signed number
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


@one_thread_each()
def pick(logits: Tensor, u: Tensor, sampling: SamplingParams, temperature: Tensor | None = None) -> Tensor:
    """Draw one of four bases a sequence.

    Parameters
    ----------
    logits
        (sequences, 4) scores of A, C, G, T.
    u
        (sequences,) uniform numbers in [0, 1).
    temperature
        (sequences,) to use in place of the one temperature of `sampling`.

    Returns
    -------
    (sequences,) index of the base among A, C, G, T: where the cumulative probability passes `u`.
    """
    cumulative = probabilities(logits, sampling, temperature).cumsum(-1)
    # times the row's sum, which is below 1 where bases are cut off; at u near 1 rounding could give 4
    return (u[:, None] * cumulative[:, -1:] >= cumulative).sum(-1).clamp(max=3)


def probabilities(logits: Tensor, sampling: SamplingParams, temperature: Tensor | None = None) -> Tensor:
    """Probability (sequences, 4) with which each base is drawn, up to the sum of each row where bases are cut off.

    Parameters
    ----------
    logits
        (sequences, 4) scores of A, C, G, T.
    temperature
        (sequences,) to use in place of the one temperature of `sampling`.
    """
    divisor = sampling.temperature if temperature is None else temperature[:, None]
    probability = torch.softmax(logits.float() / divisor, -1)
    return _likeliest(probability, sampling) if sampling.top_k < 4 or sampling.top_p < 1 else probability


def _likeliest(probability: Tensor, sampling: SamplingParams) -> Tensor:
    """Zero all but the `top_k` likeliest bases, and those outside the smallest set that holds `top_p`."""
    ordered, order = torch.sort(probability, dim=-1, descending=True, stable=True)
    # probability of all likelier bases: the first always stays, and the one that crosses `top_p` too
    before = ordered.cumsum(-1) - ordered
    # both limits count down the sorted bases
    keep = (before < sampling.top_p) & (torch.arange(4, device=probability.device) < sampling.top_k)
    # back in the order A, C, G, T
    return probability * torch.zeros_like(probability).scatter(-1, order, keep.to(probability.dtype))


class Stream:
    """A batch of sequences that share one cache: what has been read, and the scores of what comes next.

    Parameters
    ----------
    model
        Next-base model.
    rows
        Number of each sequence, which decides its random stream.
    edits
        Site → edit, as `photo51.model.sites` has it.
    keep
        Site whose tensor is kept, as it is before its edit.
    """

    def __init__(
        self,
        model: StripedHyena,
        rows: NDArray[np.integer],
        edits: Mapping[str, Edit] | None = None,
        keep: str | None = None,
    ):
        self.model, self.rows = model, np.asarray(rows)
        self.cache = HyenaCache(len(model.blocks))
        self.device = next(model.parameters()).device
        self.bases = torch.from_numpy(BASE_IDS.astype(np.int64)).to(self.device)
        self.edits = dict(edits or {})
        self.keep = keep
        self._kept: list[tuple[int, Tensor]] = []
        self.scores = torch.empty(0)

    def read(self, ids: NDArray[np.integer] | Tensor, *, edited: bool = True) -> None:
        """Read (sequences, length) tokens; afterwards `scores` (sequences, 4) are those of the next base."""
        # the last position's scores alone: the others predict bases that are known
        self.scores = self._logits(ids, last_only=True, edited=edited)[:, -1]

    def logits(self, ids: NDArray[np.integer]) -> Tensor:
        """Read (sequences, length) tokens; the scores (sequences, length, 4) of the base after each."""
        scores = self._logits(ids)
        self.scores = scores[:, -1]
        return scores

    def _logits(self, ids: NDArray[np.integer] | Tensor, *, last_only: bool = False, edited: bool = True) -> Tensor:
        ids = torch.as_tensor(np.asarray(ids), dtype=torch.int64) if not isinstance(ids, Tensor) else ids
        edits = dict(self.edits) if edited else {}
        # keeping comes first: what is kept is the tensor before its edit
        if self.keep is not None:
            edits[self.keep] = self._keeping(edits.get(self.keep))
        sites = Sites(edit=edits) if edits else None
        # a few bases are no work to share: waking and waiting for threads would take longer than the arithmetic
        with one_thread_each() if ids.shape[1] <= FEW_BASES else nullcontext():
            hidden = self.model.hidden(ids.to(self.device), cache=self.cache, sites=sites)
            assert hidden is not None
            # of the whole vocabulary the four bases are kept
            return self.model.logits(hidden[:, -1:] if last_only else hidden)[..., self.bases]

    def _keeping(self, edit: Edit | None) -> Edit:
        def keep(x: Tensor, start: int) -> Tensor:
            self._kept.append((start, x))
            return x if edit is None else edit(x, start)

        return keep

    @property
    def kept(self) -> Tensor:
        """(sequences, bases read, d_model): what was kept since the stream began or was last told to forget."""
        # in the order read: chunks are kept with their place
        return torch.cat([x for _, x in sorted(self._kept, key=lambda part: part[0])], dim=1)

    def forget(self) -> None:
        """Let go of what was kept."""
        self._kept.clear()

    def repeat(self, rows: NDArray[np.integer]) -> None:
        """Turn a stream of one sequence into one of `rows`, all with the same past."""
        self.cache = self.cache.repeat(len(rows))
        self.scores = self.scores.repeat_interleave(len(rows), 0)
        # a view: all rows share what one sequence has read
        self._kept = [(start, x.expand(len(rows), -1, -1)) for start, x in self._kept]
        self.rows = np.asarray(rows)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Stream:
        """A stream of some of the sequences, by mask or by index; an index may come more than once."""
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        part = Stream(self.model, self.rows[chosen], self.edits, self.keep)
        index = torch.from_numpy(chosen).to(self.device)
        part.cache = self.cache.map(lambda tensor: tensor.index_select(0, index))
        part.scores = self.scores[index]
        part._kept = [(start, x[index]) for start, x in self._kept]
        return part


@torch.inference_mode()
def generate(
    model: StripedHyena,
    prompts: NDArray[np.integer],
    length: int,
    *,
    sampling: SamplingParams,
    edits: Mapping[str, Edit] | None = None,
    keep: str | None = None,
    edit_prompt: bool = False,
    rows: NDArray[np.integer] | None = None,
) -> Generated:
    """Continue prompts.

    Parameters
    ----------
    prompts
        (sequences, prompt length) token ids.
    length
        Bases to write.
    sampling
        Temperature, cut-offs and seed.
    edits
        Site → edit. The last base of the prompt, which decides the first base written, is edited; the prompt before it
        only with `edit_prompt`.
    keep
        Site whose tensor is kept, before its edit; the last base written is then read too.
    rows
        Number of each sequence, which decides its random stream; 0, 1, 2, … if left out.

    Returns
    -------
    The bases written, their log-probabilities, and what was kept.
    """
    rows = np.arange(len(prompts)) if rows is None else np.asarray(rows)
    stream = open_stream(model, prompts, rows, edits=edits, keep=keep, edit_prompt=edit_prompt)
    steps = list(write(stream, length, sampling, read_last=keep is not None))
    ids, log_likelihood = [s.ids for s in steps], [s.log_likelihood for s in steps]
    return Generated(
        torch.stack(ids, 1).cpu().numpy().astype(np.uint8),
        torch.stack(log_likelihood, 1).cpu().numpy(),
        stream.kept if keep is not None else None,
    )


class Step(NamedTuple):
    """One base of every sequence: token ids (sequences,), and log-likelihoods at temperature 1 as `Generated` has
    them.
    """

    ids: Tensor
    log_likelihood: Tensor


@torch.inference_mode()
def write(stream: Stream, length: int, sampling: SamplingParams, *, read_last: bool = False) -> Iterator[Step]:
    """Write `length` bases with an open stream, base by base.

    Each base has been read by the stream when it is handed over, but for the last, which is read where `read_last`.
    """
    # all uniform numbers at once: base t uses column t whatever was drawn before
    u = uniforms(sampling.seed, stream.rows, length).to(stream.device)
    for t in range(length):
        with one_thread_each():
            base = pick(stream.scores, u[:, t], sampling)
            # at temperature 1 and without cut-offs: what the model says, not how it was sampled
            log_p = torch.log_softmax(stream.scores.float(), -1).gather(-1, base[:, None])[:, 0]
            ids = stream.bases[base]
            # the last base need not be read unless its state is wanted
            if t + 1 < length or read_last:
                stream.read(ids[:, None])
        yield Step(ids, log_p)


def open_stream(
    model: StripedHyena,
    prompts: NDArray[np.integer],
    rows: NDArray[np.integer],
    *,
    edits: Mapping[str, Edit] | None = None,
    keep: str | None = None,
    edit_prompt: bool = False,
) -> Stream:
    """A stream that has read its prompts and is ready to write.

    A prompt shared by all sequences is read once where it is not edited.
    """
    prompts = np.asarray(prompts)
    if prompts.ndim != 2 or not prompts.shape[1]:
        raise InputError("prompt: need at least one base to continue, got an empty sequence")
    # the last base is read apart: its state is edited even where the prompt is not
    body, last = prompts[:, :-1], prompts[:, -1:]
    shared = not edit_prompt and len(prompts) > 1 and bool((body == body[:1]).all())
    stream = Stream(model, rows[:1] if shared else rows, edits, keep)
    if body.shape[1]:
        stream.read(body[:1] if shared else body, edited=edit_prompt)
    if shared:
        stream.repeat(rows)
    stream.read(last)
    return stream


@torch.inference_mode()
def score(
    model: StripedHyena,
    sequences: NDArray[np.integer],
    prompt_length: int,
    *,
    edits: Mapping[str, Edit] | None = None,
    batch: int = 64,
) -> NDArray[np.float32]:
    """Natural log-probability over A, C, G, T of each base after the prompt, under the model as it is or as edited.

    Parameters
    ----------
    sequences
        (sequences, prompt + length) token ids.
    edits
        Site → edit, at every base.

    Returns
    -------
    (sequences, length); 0 where a base is none of the four.
    """
    device = next(model.parameters()).device
    bases = torch.from_numpy(BASE_IDS.astype(np.int64)).to(device)
    out = []
    for i in range(0, len(sequences), batch):
        ids = torch.from_numpy(sequences[i : i + batch].astype(np.int64)).to(device)
        hidden = model.hidden(ids, sites=Sites(edit=edits) if edits else None)
        assert hidden is not None
        # base t is predicted by the state at t − 1
        logits = model.logits(hidden[:, prompt_length - 1 : -1])[..., bases].float()
        is_it = (ids[:, prompt_length:, None] == bases).float()
        out.append((torch.log_softmax(logits, -1) * is_it).sum(-1).cpu().numpy())
    return np.concatenate(out)
