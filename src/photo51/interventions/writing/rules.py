"""Rules that react while a sequence is written: when a feature fires at base t, what happens shows at base t + 1.

The level a rule watches is read before any edit at the site. A rule begins to hold when its level, averaged over its
window of written bases, reaches the threshold, and ceases to hold when it falls below the release. As long as no rule
holds, the model gets the very tensors it would get without rules, so what is written is the same to the bit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import SamplingParams
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.writing.generate import Stream, open_stream, pick, uniforms
from photo51.interventions.writing.rule_set import Rule
from photo51.io.contracts.interventions import RULE_EVENTS
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.model.tokenizer import tokens_text

log = logging.getLogger(__name__)


class RuleRun(NamedTuple):
    """What was written under rules.

    Attributes
    ----------
    sequences
        One text a sequence; shorter than asked for where a rule stopped it.
    events
        Contract `RULE_EVENTS`.
    levels
        (sequences, length, rules) level of each rule at each base, not averaged; NaN past the end.
    holds
        (sequences, length, rules) whether the rule held at that base.
    """

    sequences: list[str]
    events: pd.DataFrame
    levels: NDArray[np.float32]
    holds: NDArray[np.bool_]


class RuleStep(NamedTuple):
    """One base under rules.

    Attributes
    ----------
    position
        Base after the prompt.
    letters
        One letter a sequence, empty where a rule has stopped it.
    levels, holds, began
        (sequences, rules) level of each rule at the base, whether it holds, whether it began there.
    """

    position: int
    letters: list[str]
    levels: NDArray[np.float32]
    holds: NDArray[np.bool_]
    began: NDArray[np.bool_]


class _Watch:
    """The rules' state for every sequence, and their edit of the site."""

    def __init__(self, instrument: Instrument, rules: Sequence[Rule], prompts: list[str], length: int):
        n = len(prompts)
        self.instrument, self.rules, self.texts = instrument, rules, list(prompts)
        watched = [rule.watch.features for rule in rules if rule.watch is not None]
        self.features = list(dict.fromkeys(f for features in watched for f in features))
        column = {f: i for i, f in enumerate(self.features)}
        # (features, rules): one product gives all levels
        weights = np.zeros((len(self.features), len(rules)))
        for r, rule in enumerate(rules):
            if rule.watch is not None:
                weights[[column[f] for f in rule.watch.features], r] = rule.watch.level_weights(instrument.units)
        self.worded = [r for r, rule in enumerate(rules) if rule.settings.word]
        # rules of a word alone: their level is 1 where it ends, else 0
        self.alone = [r for r in self.worded if rules[r].watch is None]
        self.weights = torch.from_numpy(weights).to(instrument.dictionary.decoder)
        self.threshold = np.array([rule.threshold for rule in rules])
        self.release = np.array([rule.release for rule in rules])
        self.window = np.array([rule.settings.window for rule in rules])
        self.first = np.array([rule.settings.first for rule in rules])
        self.once = np.array([rule.settings.once for rule in rules])
        self.steer = {
            r: SiteEdit(
                instrument.dictionary,
                [Order("add", rule.steer, rule.settings.do.strength)],
                instrument.units,
            )
            for r, rule in enumerate(rules)
            if rule.steer is not None
        }
        # NaN: not written
        self.levels = np.full((n, length, len(rules)), np.nan, dtype=np.float32)
        self.holds = np.zeros((n, length, len(rules)), dtype=bool)
        self.holding = np.zeros((n, len(rules)), dtype=bool)
        self.begun = np.zeros((n, len(rules)), dtype=bool)
        self.begin(np.arange(n), None)

    def begin(self, rows: NDArray[np.integer], position: int | None) -> None:
        """Say which sequences are read next, and which written base that is; None where nothing is to be judged."""
        self.now, self.at = rows, position

    def __call__(self, x: Tensor, start: int) -> Tensor:
        """Judge the base just written, then steer the sequences whose rules hold."""
        if self.at is not None:
            self._judge(x)
        steered = x
        for r, edit in self.steer.items():
            # sequences read now whose rule holds
            hold = torch.from_numpy(self.holding[self.now, r]).to(x.device)
            if bool(hold.any()):
                delta = edit.delta(x, start)
                assert delta is not None
                steered = steered + torch.where(hold[:, None, None], delta, 0.0).to(x.dtype)
        return steered

    def _judge(self, x: Tensor) -> None:
        t = self.at
        assert t is not None
        # codes of the base just written, before the edit
        codes = self.instrument.dictionary.encode(x[:, -1], self.features)
        level = (codes @ self.weights).float().cpu().numpy()
        ends = np.ones((len(self.now), len(self.rules)), dtype=bool)
        for r in self.worded:
            ends[:, r] = [self.rules[r].ends_word(self.texts[row]) for row in self.now]
        level[:, self.alone] = ends[:, self.alone]
        self.levels[self.now, t] = level
        smooth = np.full((len(self.now), len(self.rules)), np.nan)
        for r, window in enumerate(self.window):
            # a full window of written bases, the prompt not among them
            if t + 1 >= window:
                smooth[:, r] = self.levels[self.now, t + 1 - window : t + 1, r].mean(axis=1)
        was = self.holding[self.now]
        # it may begin with the first full window from base `first` on; `once` rules never again
        may = (t + 1 >= self.first + self.window) & ~(self.once & self.begun[self.now])
        # a word must end here for a rule to begin, not for it to go on
        begins = ~was & may & ends & (smooth >= self.threshold)
        goes_on = was & (smooth >= self.release)
        self.holding[self.now] = self.holds[self.now, t] = begins | goes_on
        self.begun[self.now] |= begins

    def beginnings(self, rows: NDArray[np.integer], t: int) -> NDArray[np.bool_]:
        """(rows, rules): which rules began at base t."""
        # nothing held before the first base
        before = self.holds[rows, t - 1] if t else np.zeros((len(rows), len(self.rules)), dtype=bool)
        return self.holds[rows, t] & ~before


def write_with_rules(
    instrument: Instrument,
    prompts: NDArray[np.integer],
    rules: Sequence[Rule],
    *,
    length: int,
    sampling: SamplingParams,
) -> RuleRun:
    """Continue prompts (sequences, prompt length) under rules, as `rule_steps` does."""
    *_, last = rule_steps(instrument, prompts, rules, length=length, sampling=sampling)
    assert isinstance(last, RuleRun)
    return last


@torch.inference_mode()
def rule_steps(
    instrument: Instrument,
    prompts: NDArray[np.integer],
    rules: Sequence[Rule],
    *,
    length: int,
    sampling: SamplingParams,
) -> Iterator[RuleStep | RuleRun]:
    """Continue prompts (sequences, prompt length) under rules, base by base; the whole comes last.

    Raises
    ------
    InputError
        For an empty prompt.
    """
    n = len(prompts)
    watch = _Watch(instrument, rules, [tokens_text(row) for row in prompts], length)
    watch.begin(np.arange(n), None)
    edits = {instrument.site: watch}
    # rules with another prompt split off streams of their own
    streams = [open_stream(instrument.model, prompts, np.arange(n), edits=edits)]
    u = uniforms(sampling.seed, np.arange(n), length).to(streams[0].device)
    written = np.zeros((n, length), dtype=np.uint8)
    ends = np.full(n, length)
    forced: list[list[int]] = [[] for _ in range(n)]
    for t in range(length):
        nexts: list[Stream] = []
        with one_thread_each():
            for stream in streams:
                rows = stream.rows
                # numbers by sequence, not by row of the stream: arms and streams share luck
                base = pick(stream.scores, u[rows, t], sampling, _temperature(watch, rows, sampling, stream.device))
                written[rows, t] = stream.bases[base].cpu().numpy()
                for row in rows:
                    # bases that a rule inserts take the place of what was drawn
                    if forced[row]:
                        written[row, t] = forced[row].pop(0)
                for row in rows:
                    watch.texts[row] += chr(written[row, t])
                watch.begin(rows, t)
                # reading judges the base and steers the next in one pass
                stream.read(written[rows, t][:, None])
                began = watch.beginnings(rows, t)
                nexts += _act(instrument, stream, began, watch, forced=forced, ends=ends, written=written[:, : t + 1])
        # a sequence stopped at this base is still shown it
        going = ends > t
        letters = [chr(b) if g else "" for b, g in zip(written[:, t], going, strict=True)]
        yield RuleStep(t, letters, watch.levels[:, t], watch.holds[:, t], watch.beginnings(np.arange(n), t))
        streams = nexts
        if not streams:
            break
    texts = [tokens_text(written[i, : ends[i]]) for i in range(n)]
    for i, end in enumerate(ends):
        watch.levels[i, end:], watch.holds[i, end:] = np.nan, False
    _say_silent(rules, watch)
    yield RuleRun(texts, _events(rules, watch), watch.levels, watch.holds)


def _temperature(
    watch: _Watch, rows: NDArray[np.integer], sampling: SamplingParams, device: torch.device
) -> Tensor | None:
    """Each sequence's temperature, None where no rule changes any; the last rule of the file wins."""
    values = np.full(len(rows), sampling.temperature, dtype=np.float32)
    for r, rule in enumerate(watch.rules):
        if rule.settings.do.temperature is not None:
            values[watch.holding[rows, r]] = rule.settings.do.temperature
    # compared in float32, in which the values are
    return torch.from_numpy(values).to(device) if (values != np.float32(sampling.temperature)).any() else None


def _act(
    instrument: Instrument,
    stream: Stream,
    began: NDArray[np.bool_],
    watch: _Watch,
    *,
    forced: list[list[int]],
    ends: NDArray[np.int64],
    written: NDArray[np.uint8],
) -> list[Stream]:
    """Do what rules that just began ask for; the streams that go on."""
    rows = stream.rows
    going = np.ones(len(rows), dtype=bool)
    others = []
    for r, rule in enumerate(watch.rules):
        # a sequence that a rule has stopped or moved is not acted on again
        hit = began[:, r] & going
        if not hit.any():
            continue
        for row in rows[hit]:
            if len(rule.insert):
                forced[row] = [int(b) for b in rule.insert]
        if rule.settings.do.stop:
            # written, t + 1 bases: this one is the last
            ends[rows[hit]] = written.shape[1]
            going &= ~hit
        elif len(rule.prompt):
            others.append(_reread(instrument, rule, rows[hit], watch, written))
            going &= ~hit
    if going.all():
        return [stream]
    return [*([stream.take(going)] if going.any() else []), *others]


def _reread(
    instrument: Instrument,
    rule: Rule,
    rows: NDArray[np.integer],
    watch: _Watch,
    written: NDArray[np.uint8],
) -> Stream:
    """The same sequences with another prompt before them; their last base is read under the rules that hold."""
    text = np.concatenate([np.tile(rule.prompt, (len(rows), 1)), written[rows]], axis=1)
    watch.begin(rows, None)
    return open_stream(instrument.model, text, rows, edits={instrument.site: watch})


def _events(rules: Sequence[Rule], watch: _Watch) -> pd.DataFrame:
    # a column of no rule before the first base, so that a rule that holds at once begins there
    holding = np.concatenate([np.zeros_like(watch.holds[:, :1]), watch.holds], axis=1)
    row, position, r = np.nonzero(holding[:, 1:] & ~holding[:, :-1])
    return RULE_EVENTS.check(
        pd.DataFrame(
            {
                "rule": np.array([rule.settings.name for rule in rules], dtype=object)[r],
                "sequence": row,
                "position": position,
                "level": watch.levels[row, position, r].astype(np.float64),
                "action": np.array([rule.words() for rule in rules], dtype=object)[r],
            }
        )
    )


def _say_silent(rules: Sequence[Rule], watch: _Watch) -> None:
    for r, rule in enumerate(rules):
        if watch.begun[:, r].any():
            continue
        levels = watch.levels[..., r]
        # all NaN where nothing was judged
        highest = float(np.nanmax(levels)) if not np.isnan(levels).all() else float("nan")
        log.warning(
            "rule %r never fired: its level reached %.3g units at one base, its threshold is %g over %d",
            rule.settings.name,
            highest,
            rule.threshold,
            rule.settings.window,
        )


def offline_holds(
    levels: NDArray[np.floating], *, threshold: float, release: float, window: int = 1, first: int = 0
) -> NDArray[np.bool_]:
    """Where a rule would hold on a finished track, (sequences, length): the yardstick of what happened while writing.

    Parameters
    ----------
    levels
        (sequences, length) level at each base.
    """
    n, length = levels.shape
    # running sums with a leading 0: the mean of a window is one difference
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(levels, axis=1, dtype=np.float64)], axis=1)
    holds = np.zeros((n, length), dtype=bool)
    for t in range(window - 1, length):
        mean = (total[:, t + 1] - total[:, t + 1 - window]) / window
        before = holds[:, t - 1] if t else np.zeros(n, dtype=bool)
        may_begin = t + 1 >= first + window
        holds[:, t] = np.where(before, mean >= release, may_begin & (mean >= threshold))
    return holds
