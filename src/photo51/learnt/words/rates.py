"""How often a model writes a word, without waiting for it to do so.

The model writes some sequences of its own; every few bases the writing is held, the words are asked for, and the
writing goes on as if nothing had been asked. Sequences are the blocks of every interval, since places of one sequence
are not independent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.config.learnt import WordsParams
from photo51.interventions.writing.generate import pick, uniforms
from photo51.io.contracts.learnt import SURVIVAL, WORDS
from photo51.learnt.words.chains import markov_rate
from photo51.learnt.words.forced import NextBase, set_probability, word_probability
from photo51.learnt.words.limits import effective_places, interval
from photo51.learnt.words.patterns import Event, Pattern
from photo51.learnt.words.survival import Automaton, absence, open_frame, survival
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.stats.binomial import poisson_limits

Opener = Callable[[NDArray[np.integer]], NextBase]
"""From numbers of sequences (n,) to a stream of them that has read its prompts; number i decides prompt
and random numbers."""


class PatternProbabilities(NamedTuple):
    """Probabilities of one pattern.

    Attributes
    ----------
    p
        Probability that it begins at each place, (rollouts, places).
    forward_bases
        Bases read for it.
    """

    p: NDArray[np.float64]
    forward_bases: int


class Rollouts(NamedTuple):
    """Sequences written, and what was asked on the way.

    Attributes
    ----------
    codes
        (rollouts, length) bases as codes 0 to 3, the warm-up left out.
    asked
        Pattern of each event and strand, in the order of events, forward before reverse.
    """

    codes: NDArray[np.int64]
    asked: list[PatternProbabilities]


def words(
    opened: Opener,
    events: Sequence[Event],
    params: WordsParams,
    *,
    warmup: int = 0,
    fresh: Opener | None = None,
    model: str = "",
    digest: str = "",
) -> pd.DataFrame:
    """Expected occurrences of each event in 1,000 bases that the model writes (contract `WORDS`).

    Parameters
    ----------
    opened
        The model, at its prompts.
    events
        What is asked for.
    warmup
        Bases written and thrown away before the first place.
    fresh
        The same architecture with fresh weights, as a control.
    model, digest
        What is written into the table.

    Returns
    -------
    Three rows an event (`+`, `-`, `both`), one for events that are their own reverse complement.
    """
    written = rollouts(opened, events, params, warmup=warmup)
    other = rollouts(fresh, events, params, warmup=warmup) if fresh else None
    return words_table(written, other, events, params, model=model, digest=digest)


def words_table(
    written: Rollouts,
    other: Rollouts | None,
    events: Sequence[Event],
    params: WordsParams,
    *,
    model: str = "",
    digest: str = "",
) -> pd.DataFrame:
    """Rows of `words` from what was asked of a model, and of its fresh weights, on the way (contract `WORDS`)."""
    rows = []
    place = itertools.count()
    for event in events:
        taken = [next(place) for _ in event.forward + event.reverse]
        # numbers of the event's patterns in the order in which they were asked
        forward, reverse = taken[: len(event.forward)], taken[len(event.forward) :]
        groups = {"+": forward, "-": reverse, "both": taken} if reverse else {"both": forward}
        for strand, numbers in groups.items():
            patterns = [(event.forward + event.reverse)[i - taken[0]] for i in numbers]
            row = _row(patterns, [written.asked[i] for i in numbers], written.codes, params)
            row["fresh_per_kb"] = 1_000 * float(sum(other.asked[i].p.mean() for i in numbers)) if other else np.nan
            rows.append({"word": event.name, "text": event.text, "strand": strand} | row)
    table = pd.DataFrame(rows).assign(model=model, model_digest=digest)
    return WORDS.check(table[list(WORDS.columns)])


@torch.inference_mode()
def rollouts(
    opened: Opener,
    events: Sequence[Event],
    params: WordsParams,
    *,
    warmup: int,
) -> Rollouts:
    """Let the model write, and ask for the patterns every `params.every` bases, or every `spacing` bases."""
    numbers = np.arange(params.rollouts)
    stream = opened(numbers)
    rng = np.random.default_rng([params.sampling.seed, 21])
    u = uniforms(params.sampling.seed, numbers, warmup + params.length)
    # answers come in this order, event by event, forward before reverse
    patterns = [p for e in events for p in e.forward + e.reverse]
    every = params.every or spacing(patterns, params)
    probabilities: list[list[NDArray[np.float64]]] = [[] for _ in patterns]
    spent = [0] * len(patterns)
    written = []
    for t in progress(range(warmup + params.length), "words", unit="bases"):
        if t >= warmup and (t - warmup) % every == 0:
            for i, (p, cost) in enumerate(_ask(stream, patterns, params, rng)):
                probabilities[i].append(p)
                # bases read on top of the writing, for the comparison with counting
                spent[i] += cost
        # number and step decide what is drawn, so that asking changes no base
        base = pick(stream.scores, u[:, t].to(stream.scores.device), params.sampling).cpu().numpy()
        written.append(base)
        if t + 1 < warmup + params.length:
            stream.read(BASE_IDS[base][:, None])
    answers = [PatternProbabilities(np.stack(p, axis=1), n) for p, n in zip(probabilities, spent, strict=True)]
    return Rollouts(np.stack(written[warmup:], axis=1).astype(np.int64), answers)


def spacing(patterns: Sequence[Pattern], params: WordsParams) -> int:
    """Bases to write between places: as many as are read to ask at one place, within 4 to 20.

    Closer places would spend all reading on the words, wider ones all on the writing; neighbouring places are hardly
    correlated.
    """
    # letters of each word but the last are read
    spent = sum((p.n_words if p.n_words <= params.enumerate else params.draws) * (p.width - 1) for p in patterns)
    return int(np.clip(spent, 4, 20))


def _ask(
    stream: NextBase, patterns: Sequence[Pattern], params: WordsParams, rng: np.random.Generator
) -> list[tuple[NDArray[np.float64], int]]:
    """Probability (sequences,) of each pattern, and the bases read for it."""
    n = len(stream.scores)
    out: dict[int, tuple[NDArray[np.float64], int]] = {}
    for spelled, bounds in spelled_together(patterns, params.enumerate):
        p = word_probability(stream, spelled, params.sampling, batch=params.batch)
        for i, a, b in bounds:
            out[i] = p[:, a:b].sum(axis=1), n * (b - a) * (spelled.shape[1] - 1)
    for i, pattern in enumerate(patterns):
        if i not in out:
            weights = set_probability(stream, pattern, params.draws, params.sampling, rng, batch=params.batch)
            out[i] = weights.mean(axis=1), n * params.draws * (pattern.width - 1)
    return [out[i] for i in range(len(patterns))]


def spelled_together(
    patterns: Sequence[Pattern], max_words: int
) -> list[tuple[NDArray[np.integer], list[tuple[int, int, int]]]]:
    """Words of patterns of one width, for those of at most so many words: they are forced in common batches.

    Returns
    -------
    For each width, words (words, width) and for each pattern its number and its first and one past its last word.
    """
    out = []
    for width in sorted({p.width for p in patterns}):
        small = [(i, p.words()) for i, p in enumerate(patterns) if p.width == width and p.n_words <= max_words]
        if small:
            ends = np.cumsum([len(w) for _, w in small])
            bounds = [(i, int(end) - len(w), int(end)) for (i, w), end in zip(small, ends, strict=True)]
            out.append((np.concatenate([w for _, w in small]), bounds))
    return out


def _row(
    patterns: Sequence[Pattern],
    answers: Sequence[PatternProbabilities],
    written: NDArray[np.int64],
    params: WordsParams,
) -> dict[str, object]:
    p = np.sum([a.p for a in answers], axis=0)
    n_words = sum(q.n_words for q in patterns)
    counted, length = occurrences(patterns, written)
    kb = length / 1_000
    rate, se, low, high = interval(p.mean(axis=1), params.confidence)
    n_eff = effective_places(p)
    reliable = n_eff >= params.n_eff
    limits = poisson_limits(counted, params.confidence)
    return {
        "width": max(q.width for q in patterns),
        "n_words": n_words,
        "method": "exact" if all(q.n_words <= params.enumerate for q in patterns) else "draws",
        "per_kb": 1_000 * rate,
        "low": 1_000 * low if reliable else np.nan,
        "high": 1_000 * high if reliable else np.nan,
        "n_eff": n_eff,
        "sites": p.size,
        "reliable": reliable,
        "counted": counted,
        "counted_per_kb": counted / kb,
        "counted_low": limits[0] / kb,
        "counted_high": limits[1] / kb,
        "markov_per_kb": 1_000 * markov_rate(patterns, written, params.markov_order),
        "forward_bases": sum(a.forward_bases for a in answers),
        # counting n bases has variance rate / n: as sure as the standard error at n = rate / se²
        "counting_bases": rate / se / se if se > 0 else np.inf,
    }


def occurrences(patterns: Sequence[Pattern], written: NDArray[np.integer]) -> tuple[int, int]:
    """Occurrences, overlapping ones too, in (sequences, length) codes, and the places at which the longest could begin.

    Where several patterns (spacings, strands) begin at one place each counts: that is what the expectation adds up.
    """
    width = max(p.width for p in patterns)
    # places at which the longest pattern could begin, so that all are counted over the same bases
    starts = max(written.shape[1] - width + 1, 0)
    hits = sum(int(p.matches(row)[:starts].sum()) for p in patterns for row in written)
    return hits, max(starts * len(written), 1)


def survivals(
    opened: Opener,
    events: Sequence[Event],
    params: WordsParams,
    written: NDArray[np.integer],
    *,
    model: str = "",
    digest: str = "",
) -> pd.DataFrame:
    """Probabilities of open frames and of words that stay away (contract `SURVIVAL`).

    Parameters
    ----------
    opened
        The model, at its prompts; run r of an event goes on from prompt r.
    written
        (sequences, length) codes that the model wrote, for the baselines.
    """
    tasks: list[tuple[str, int, Automaton, Sequence[Pattern]]] = [
        ("open frame", 3 * codons, open_frame(params.code), ()) for codons in params.open_frames
    ]
    for event in events:
        both = event.forward + event.reverse
        tasks += [(event.name, n, absence(both), both) for n in params.absent]
    rng = np.random.default_rng([params.sampling.seed, 22])
    rows = []
    for name, length, automaton, patterns in tasks:
        rows.append(
            {"event": name, "length": length}
            | _survival_row(opened, automaton, length, params, rng)
            | _survival_baseline(automaton, patterns, length, written, params)
        )
    table = pd.DataFrame(rows, columns=[c for c in SURVIVAL.columns if not c.startswith("model")])
    table = table.assign(model=model, model_digest=digest)
    return SURVIVAL.check(table[list(SURVIVAL.columns)]) if rows else SURVIVAL.empty()


def _survival_row(
    opened: Opener, automaton: Automaton, length: int, params: WordsParams, rng: np.random.Generator
) -> dict[str, object]:
    number = itertools.count()

    def population(n: int) -> NextBase:
        return opened(np.array([next(number)])).take(np.zeros(n, dtype=np.int64))

    with torch.inference_mode():
        outcome = survival(
            population,
            automaton,
            length,
            particles=params.particles,
            runs=params.runs,
            sampling=params.sampling,
            rng=rng,
        )
    dead = int(np.isneginf(outcome.log_p).sum())
    # in units of the largest, so that what floating point cannot hold is not taken for 0 with an interval of no width
    top = float(outcome.log_p.max()) if dead < params.runs else 0.0
    mean, _, low, high = (x * np.exp(top) for x in interval(np.exp(outcome.log_p - top), params.confidence))
    return {
        "probability": mean,
        "low": low,
        # no population lived: nothing was measured of how small the probability is
        "high": np.nan if dead == params.runs else min(max(high, float(np.finfo(float).tiny)), 1.0),
        "runs": params.runs,
        "dead": dead,
        "forward_bases": outcome.forward_bases,
    }


def _survival_baseline(
    automaton: Automaton,
    patterns: Sequence[Pattern],
    length: int,
    written: NDArray[np.integer],
    params: WordsParams,
) -> dict[str, object]:
    # sequences cut into pieces of that length, whole ones alone
    spans = written[:, : written.shape[1] // length * length].reshape(-1, length)
    alive = np.array([_survives(automaton, row) for row in spans], dtype=bool)
    if patterns:
        # Poisson: no occurrence at any place where the word still fits; none is left for a word longer than the span
        expected = [max(0, length - p.width + 1) * markov_rate([p], written, params.markov_order) for p in patterns]
        poisson = float(np.exp(-sum(expected)))
    else:
        triplets = written[:, : written.shape[1] // 3 * 3].reshape(-1, 3)
        still_open = np.mean([_survives(automaton, row) for row in triplets])
        # codons as independent draws
        poisson = float(still_open ** (length // 3))
    return {"poisson": poisson, "counted": int(alive.sum()), "spans": len(spans)}


def _survives(automaton: Automaton, row: NDArray[np.integer]) -> bool:
    state = 0
    for base in row:
        if automaton.completes[state, base]:
            return False
        state = int(automaton.step[state, base])
    return True
