"""Rules with their names looked up, and what is said of them before anything is written: ready, hardly, never."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import RuleFile, RuleParams
from photo51.interventions.edits.bundles import Bundle, parse_bundle
from photo51.interventions.edits.dictionary import Units
from photo51.interventions.writing.generate import read_prompt
from photo51.interventions.writing.scorers import motif_pattern
from photo51.types import InputError

log = logging.getLogger(__name__)
NEVER = "can never fire"


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule with its names looked up.

    Attributes
    ----------
    settings
        As the rule file has it.
    watch
        Features whose level it watches; None where a word alone decides.
    steer
        What it adds while it holds.
    insert, prompt
        Token ids; empty where it does neither.
    """

    settings: RuleParams
    watch: Bundle | None
    steer: Bundle | None
    insert: NDArray[np.uint8]
    prompt: NDArray[np.uint8]

    @property
    def release(self) -> float:
        """Level below which it ceases to hold."""
        s = self.settings
        return self.threshold if s.release is None else s.release

    @property
    def threshold(self) -> float:
        """Level at which it begins to hold (units); 1 for a word alone, whose level is 1 where it ends, else 0."""
        return 1.0 if self.settings.threshold is None else self.settings.threshold

    def words(self) -> str:
        """What it does, for the table of events."""
        do = self.settings.do
        parts = [
            f"steer {do.steer} by {do.strength:g}" if do.steer else "",
            f"insert {do.insert}" if do.insert else "",
            "switch prompt" if do.prompt else "",
            f"temperature {do.temperature:g}" if do.temperature else "",
            "stop" if do.stop else "",
            "log" if do.log else "",
        ]
        return ", ".join(s for s in parts if s)

    def ends_word(self, text: str) -> bool:
        """Whether one of its words ends with the last base of what was read, prompt included, in its frame."""
        s = self.settings
        for word in s.word_list():
            start = len(text) - len(word)
            # frame of the first base of the word, counted from the beginning of the prompt
            in_frame = s.frame is None or (start - s.frame) % 3 == 0
            if start >= 0 and in_frame and motif_pattern(word).match(text, start):
                return True
        return False


class FiringVerdict(NamedTuple):
    """What is known of a rule before it runs.

    Attributes
    ----------
    rule
        Its name.
    verdict
        `never`: it cannot fire, whatever is written; `hardly`: its threshold is above anything seen on the reference,
        which written sequence may still pass; `ready` otherwise.
    reason
        Why; empty where it is ready.
    reach
        Highest level that its features together could have had on the reference (units); NaN for words.
    """

    rule: str
    verdict: Literal["ready", "hardly", "never"]
    reason: str
    reach: float


def check_rule(
    settings: RuleParams, concepts: Mapping[str, Bundle], units: Units, *, length: int, prompt: int = 0
) -> FiringVerdict:
    """Say whether a rule can fire within `length` bases after a prompt of `prompt` bases.

    Raises
    ------
    InputError
        For names that are unknown and bases that cannot be read.
    """
    name, n_features = settings.name, len(units.unit)
    watch = parse_bundle(settings.watch, concepts, n_features) if settings.watch else None
    steer = parse_bundle(settings.do.steer, concepts, n_features) if settings.do.steer else None
    for word in settings.word_list():
        motif_pattern(word)
    for text in (settings.do.insert, settings.do.prompt):
        _bases(text, f"rule {name!r}")
    for bundle in (watch, steer):
        if bundle is not None and (reason := _silent(bundle, units)):
            return FiringVerdict(name, "never", reason, float("nan"))
    if reason := _too_late(settings, length, prompt):
        return FiringVerdict(name, "never", reason, float("nan"))
    # all features at their highest at once, which may never have happened: an upper bound
    reach = float(watch.level(units.peak[list(watch.features)], units)) if watch else float("nan")
    if settings.threshold is not None and settings.threshold > reach:
        reason = (
            f"its threshold is {settings.threshold:g} units, and its level cannot have passed {reach:.3g} on"
            f" {units.bases:,} reference bases"
        )
        return FiringVerdict(name, "hardly", reason, reach)
    return FiringVerdict(name, "ready", "", reach)


def _silent(bundle: Bundle, units: Units) -> str:
    """Why a bundle never has a level; empty where it may have one."""
    try:
        units.of(bundle.features)
    except InputError as e:
        return str(e)
    if max(bundle.weights) <= 0:
        return f"{bundle.name!r} has no feature with a weight above 0"
    return ""


def _too_late(s: RuleParams, length: int, prompt: int) -> str:
    """Why a rule comes after the last base that is written; empty where it does not."""
    if s.first + s.window > length:
        return f"it needs base {s.first + s.window} after the prompt, and {length} are written"
    if not s.word_list():
        return ""
    for word in s.word_list():
        # ends of the word at written bases from `first` on, counted from the first base of the prompt
        ends = range(prompt + s.first, prompt + length)
        if any((start := end + 1 - len(word)) >= 0 and (s.frame is None or (start - s.frame) % 3 == 0) for end in ends):
            return ""
    return f"none of the words {s.word} fits into the {length} bases that are written, in frame {s.frame}"


def compile_rules(
    file: RuleFile,
    concepts: Mapping[str, Bundle],
    units: Units,
    *,
    length: int,
    prompt: int = 0,
    file_name: str = "rules",
) -> list[Rule]:
    """Look names up and refuse what can never happen.

    A threshold above anything seen on the reference is no contradiction, since written sequence may go further; it is
    said in the log.

    Parameters
    ----------
    length
        Bases to write.
    prompt
        Bases before them, which words may begin in.

    Raises
    ------
    InputError
        For unknown or silent features, bases that cannot be read, and rules that can never fire.
    """
    compiled = []
    for s in file.rules:
        label = f"{file_name}: rule {s.name!r}"
        verdict = check_rule(s, concepts, units, length=length, prompt=prompt)
        if verdict.verdict == "never":
            raise InputError(f"{label} {NEVER}: {verdict.reason}")
        if verdict.verdict == "hardly":
            log.warning("%s can hardly fire: %s", label, verdict.reason)
        n_features = len(units.unit)
        watch = parse_bundle(s.watch, concepts, n_features) if s.watch else None
        steer = parse_bundle(s.do.steer, concepts, n_features) if s.do.steer else None
        compiled.append(Rule(s, watch, steer, _bases(s.do.insert, label), _bases(s.do.prompt, label)))
    return compiled


def _bases(text: str | None, label: str) -> NDArray[np.uint8]:
    return np.zeros(0, np.uint8) if text is None else read_prompt(text, label)
