"""Codings of a phenotype: recognised and said, or refused; never a quantity by accident.

| values | read as |
|---|---|
| 0, 1 | control, case |
| 1, 2 | control, case (PLINK); 0 is then missing only where the coding is stated |
| -1, 1 | control, case |
| R, S, I (or words) | case, control; I as `intermediate` says |
| case/control, yes/no, true/false, positive/negative, affected/unaffected | case, control |
| more than five different numbers | a quantity |
| empty, NA, nan, ., -, ?, -9 | missing |

Anything else (0, 1 and 2; -1, 0 and 1; two other numbers; a few whole numbers; words beside numbers) may mean more
than one thing and is refused until `coding`, or `cases` and `controls`, say what it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.cohorts.panel import as_text, is_missing, parsed_number
from photo51.config.biomarkers import CohortParams
from photo51.types import InputError

Codes = dict[str, float]
PLINK_MISSING = "-9"
SENTINELS = frozenset(("-9", "-99", "-999", "-9999"))
QUANTITY = 6  # different values from which on numbers are a quantity
FAMILIES = (
    ({"case", "cases"}, {"control", "controls", "ctrl"}),
    ({"yes", "y"}, {"no", "n"}),
    ({"true", "t"}, {"false", "f"}),
    ({"positive", "pos"}, {"negative", "neg"}),
    ({"affected"}, {"unaffected"}),
    ({"r", "resistant", "ns", "nonsusceptible", "non-susceptible"}, {"s", "susceptible", "sensitive"}),
)
INTERMEDIATE = frozenset(("i", "intermediate", "sdd"))
_PAIRS = {("0", "1"): "0/1", ("1", "2"): "1/2", ("-1", "1"): "-1/1"}
_STATED: dict[str, Codes] = {
    "0/1": {"0": 0.0, "1": 1.0},
    "1/2": {"0": np.nan, "1": 0.0, "2": 1.0},
    "-1/1": {"-1": 0.0, "1": 1.0},
    "-1/0/1": {"-1": 0.0, "0": np.nan, "1": 1.0},
}
_MEANING = {
    "0/1": "0 control, 1 case",
    "1/2": "PLINK's 1 control, 2 case, 0 missing",
    "-1/1": "-1 control, 1 case",
    "-1/0/1": "-1 control, 0 missing, 1 case",
}


class PhenotypeCoding(NamedTuple):
    """A phenotype as numbers.

    Attributes
    ----------
    values
        (n,) 0 control, 1 case; or quantities; NaN where missing.
    said
        What was recognised, in words with counts.
    is_binary
        Whether it has cases and controls.
    """

    values: NDArray[np.float64]
    said: str
    is_binary: bool


def phenotype(column: pd.Series, names: list[str], params: CohortParams) -> PhenotypeCoding:
    """Recognise how a phenotype is coded.

    Parameters
    ----------
    column
        The phenotype, (n,), text or numbers.
    names
        Individuals, for messages, (n,).
    params
        `phenotype`, `coding`, `cases`, `controls`, `missing`, `intermediate`.

    Raises
    ------
    InputError
        Naming column, value and individual: for values that may mean more than one thing, and for words beside numbers.
    """
    written = as_text(column).tolist()
    words = [_plain(w) for w in written]
    extra = {_plain(w) for w in params.missing}
    gone = np.array([is_missing(w) or w in extra for w in words])
    # −9 is missing under every coding of cases and controls
    nine = gone | np.array([w == PLINK_MISSING for w in words])
    label = f"phenotype {params.phenotype!r}"
    if nine.all():
        raise InputError(f"{label}: need values, got none among {len(words)} individuals ({_some(set(words))})")
    codes, meaning = None, ""
    if params.coding != "quantitative":
        codes, meaning = _code(words, nine, names, params, label)
    if codes is None:
        return _quantity(words, gone | _sentinels(words, gone, params, label), names, label)
    values = np.array([np.nan if g else codes[w] for w, g in zip(words, nine, strict=True)])
    cases, controls = int((values == 1).sum()), int((values == 0).sum())
    reading = f"{label}: read as binary ({meaning}): {cases} cases, {controls} controls{_missing(written, values)}"
    return PhenotypeCoding(values, reading, is_binary=True)


def _plain(word: str) -> str:
    """Lower case; numbers without needless digits, so that 1, 1.0 and +1 are one value (a lone sign is a word)."""
    word = word.strip().lower()
    value = parsed_number(word)
    # 12 digits: 0.1 and 0.10 are one value, and so is what rounding left of it
    return f"{value:.12g}" if np.isfinite(value) else word


def _some(words: set[str]) -> str:
    listed = sorted(words, key=lambda w: (len(w), w))
    return ", ".join(repr(w) for w in listed[:6]) + (", …" if len(listed) > 6 else "")


def _missing(words: list[str], values: NDArray[np.float64]) -> str:
    gone = pd.Series(words)[np.isnan(values)].value_counts()
    if gone.empty:
        return ""
    listed = ", ".join(f"{n} × {w or 'empty'}" for w, n in gone.items())
    return f", {int(gone.sum())} missing or left out ({listed})"


def _sentinels(words: list[str], gone: NDArray[np.bool_], params: CohortParams, label: str) -> NDArray[np.bool_]:
    """Where -9 and its like stand for missing among quantities, (n,): where no other number is below zero."""
    marked = np.array([w in SENTINELS for w in words]) & ~gone
    rest = [parsed_number(w) for w, g, m in zip(words, gone, marked, strict=True) if not (g or m)]
    if marked.any() and any(v < 0 for v in rest):
        if params.coding == "quantitative":
            return np.zeros(len(words), dtype=bool)
        word = words[int(np.argmax(marked))]
        raise InputError(
            f"{label}: need to know whether {word} is missing or a value, got it among other numbers below zero; "
            f'set `missing: ["{word}"]`, or `coding: quantitative` where it is a value'
        )
    return marked


def _code(
    words: list[str], gone: NDArray[np.bool_], names: list[str], params: CohortParams, label: str
) -> tuple[Codes | None, str]:
    """What each word means, and that in words; None where it is a quantity."""
    stated = {w for w, g in zip(words, gone, strict=True) if not g}
    if params.cases or params.controls:
        codes = {_plain(w): 1.0 for w in params.cases} | {_plain(w): 0.0 for w in params.controls}
        _refuse(stated - set(codes), words, names, label, f"one of {_some(set(codes))}")
        return codes, "as cases and controls say"
    if params.coding in _STATED:
        codes = _STATED[params.coding]
        _refuse(stated - set(codes), words, names, label, f"{params.coding} as `coding` says")
        return codes, _MEANING[params.coding]
    family = _family(stated)
    if family is not None:
        return _of_words(stated, family, params)
    values = {parsed_number(w) for w in stated}
    if any(np.isnan(v) for v in values):
        numeric = {w for w in stated if np.isfinite(parsed_number(w))}
        want = "0 and 1, or numbers" if numeric else "cases and controls, or numbers"
        _refuse(
            stated - numeric,
            words,
            names,
            label,
            f"{want} (or `cases` and `controls` that say which words are which)",
        )
    pair = next((name for words_of, name in _PAIRS.items() if stated == set(words_of)), None)
    if pair is None and len(stated) == 1:
        alone = next(iter(stated))
        # one value alone: the coding that has it, though one class is missing
        pair = {"0": "0/1", "1": "0/1", "2": "1/2", "-1": "-1/1"}.get(alone)
        if alone == "1" and PLINK_MISSING in words:
            pair = "1/2"
    if pair is not None:
        return _STATED[pair], _MEANING[pair]
    # values that may stand for missing do not count
    if len(values - {float(s) for s in SENTINELS}) >= QUANTITY:
        return None, ""
    raise InputError(
        f"{label}: need a coding that can mean one thing, got the values {_some(stated)}{_hint(stated)}; set `coding`"
        " (0/1, 1/2, -1/1, -1/0/1 or quantitative), or `cases` and `controls`"
    )


def _family(stated: set[str]) -> tuple[set[str], set[str]] | None:
    """Words for case and for control among which all that are known are; I goes with R and S alone."""
    for cases, controls in FAMILIES:
        middle = INTERMEDIATE if "r" in cases else frozenset[str]()
        if stated <= cases | controls | middle:
            return cases, controls
    return None


def _of_words(stated: set[str], family: tuple[set[str], set[str]], params: CohortParams) -> tuple[Codes, str]:
    cases, controls = family
    middle = {"missing": np.nan, "case": 1.0, "control": 0.0}[params.intermediate]
    codes = dict.fromkeys(cases, 1.0) | dict.fromkeys(controls, 0.0) | dict.fromkeys(INTERMEDIATE, middle)
    meaning = ", ".join(
        f"{w.upper() if len(w) == 1 else w} {'case' if w in cases else 'control'}"
        for w in sorted(stated - INTERMEDIATE)
    )
    if stated & INTERMEDIATE:
        meaning += (
            f"; intermediate {'left out' if params.intermediate == 'missing' else f'a {params.intermediate}'}, as"
            " `intermediate` says"
        )
    return codes, meaning


def _hint(stated: set[str]) -> str:
    if stated == {"0", "1", "2"}:
        return " (PLINK's missing, control and case, or a grade)"
    if stated == {"-1", "0", "1"}:
        return " (control, missing and case, or missing, control and case)"
    return ""


def _refuse(odd: set[str], words: list[str], names: list[str], label: str, want: str) -> None:
    if odd:
        i = next(i for i, w in enumerate(words) if w in odd)
        raise InputError(f"{label}: need {want}, got {words[i]!r} for {names[i]!r}")


def _quantity(words: list[str], gone: NDArray[np.bool_], names: list[str], label: str) -> PhenotypeCoding:
    values = np.array([np.nan if g else parsed_number(w) for w, g in zip(words, gone, strict=True)])
    bad = np.isnan(values) & ~gone
    _refuse({w for w, b in zip(words, bad, strict=True) if b}, words, names, label, "numbers")
    stated = values[~np.isnan(values)]
    reading = (
        f"{label}: read as a quantity of {len(np.unique(stated))} different numbers from {stated.min():g} to"
        f" {stated.max():g}, {len(stated)} individuals{_missing(words, values)}"
    )
    return PhenotypeCoding(values, reading, is_binary=False)
