"""Words that a model can be asked for: exact, degenerate, gapped, and matrices above a threshold, as small automata.

A pattern is a set of words of one length. Its automaton has a start state, and for every state and base the state that
follows; a path that reaches the accepting state spells a word of the set. States of a matrix are pairs of place and
rounded score, so that a matrix never has to be written out as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from Bio.Data.IUPACData import ambiguous_dna_values
from numpy.typing import NDArray

from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.annotation.motifs import Motif, log_odds_matrix, read_meme, score_threshold
from photo51.genome.text import open_text
from photo51.types import InputError

IUPAC = {letter: bases for letter, bases in ambiguous_dna_values.items() if letter != "X"}
_GAP = re.compile(r"N\{(\d+)(?:,(\d+))?\}")
_STEPS = 200
_MOST_SPACINGS = 64
DEAD = -1


class Pattern(NamedTuple):
    """Words of one length, as an automaton.

    Attributes
    ----------
    name
        As the user has it.
    step
        State that follows each state for A, C, G, T, (states, 4); `DEAD` where no word of the set goes on so. State 0
        is the start; the state numbered `len(step)` accepts, and only paths of `width` bases reach it.
    width
        Bases of a word.
    """

    name: str
    step: NDArray[np.int32]
    width: int

    @property
    def n_words(self) -> float:
        """Words of the set, from the number of paths to the accepting state."""
        paths = np.zeros(len(self.step) + 1)
        paths[-1] = 1.0
        for _ in range(self.width):
            # DEAD is -1 and would read the accepting state: masked
            onward = np.where(self.step == DEAD, 0.0, paths[self.step])
            # the accepting state has no way on
            paths = np.append(onward.sum(axis=1), 0.0)
        return float(paths[0])

    def words(self) -> NDArray[np.int64]:
        """All words of the set as codes 0 to 3, (words, width), in alphabetical order."""
        rows: list[tuple[int, ...]] = []

        def walk(state: int, prefix: tuple[int, ...]) -> None:
            if len(prefix) == self.width:
                rows.append(prefix)
                return
            for base in range(4):
                if (after := int(self.step[state, base])) != DEAD:
                    walk(after, (*prefix, base))

        walk(0, ())
        return np.array(rows, dtype=np.int64).reshape(-1, self.width)

    def matches(self, codes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Where words of the set begin in a sequence of codes (length,), with 4 for other letters; (length,)."""
        n = len(codes) - self.width + 1
        out = np.zeros(len(codes), dtype=bool)
        if n <= 0:
            return out
        table = np.full((len(self.step) + 1, 5), DEAD, dtype=np.int64)
        # a fifth column for other letters, which no word has
        table[:-1, :4] = self.step
        state = np.zeros(n, dtype=np.int64)
        for i in range(self.width):
            state = table[state, codes[i : i + n]]  # DEAD is the last row, which leads nowhere; so does acceptance
        out[:n] = state == len(self.step)
        return out


class Event(NamedTuple):
    """What is counted under one name: patterns of one or more lengths, and their reverse complements.

    Attributes
    ----------
    name, text
        The user's name, and what was asked for.
    forward
        Patterns of the strand that is written, one for each spacing.
    reverse
        Their reverse complements; empty where the event is its own reverse complement, so that no occurrence counts
        twice.
    """

    name: str
    text: str
    forward: tuple[Pattern, ...]
    reverse: tuple[Pattern, ...]

    @property
    def width(self) -> int:
        """Bases of the longest word."""
        return max(p.width for p in self.forward)


def iupac_event(text: str, name: str = "") -> Event:
    """An event from IUPAC letters, with spacers such as `N{16,18}`.

    Raises
    ------
    InputError
        For letters outside the code, naming the first; for spacings that are not in order or too many.
    """
    bare = "".join(text.split()).upper().replace("U", "T")
    expanded = list(_spacings(bare, text))
    patterns = tuple(_chain(name or text, one) for one in expanded)
    reverse = tuple(_chain(name or text, _reversed(one)) for one in expanded)
    # its own reverse complement: the other strand would count every occurrence twice
    same = set(expanded) == {_reversed(one) for one in expanded}
    return Event(name or text, text, patterns, () if same else reverse)


def _spacings(bare: str, text: str) -> Iterator[str]:
    gap = _GAP.search(bare)
    if gap is None:
        if not bare or (bad := [c for c in bare if c not in IUPAC]):
            got = "none" if not bare else repr(bad[0])
            raise InputError(f"word {text!r}: need IUPAC nucleotides, with spacers such as N{{16,18}}, got {got}")
        if bare.strip("N") == "":
            raise InputError(f"word {text!r}: need at least one place that is not N, got none")
        yield bare
        return
    low, high = int(gap[1]), int(gap[2] or gap[1])
    if low > high or high - low >= _MOST_SPACINGS:
        raise InputError(
            f"word {text!r}: need a spacer N{{shortest,longest}} of at most {_MOST_SPACINGS} lengths, got {gap[0]}"
        )
    for n in range(low, high + 1):
        yield from _spacings(bare[: gap.start()] + "N" * n + bare[gap.end() :], text)


def _reversed(text: str) -> str:
    return reverse_complement(encode(text)).tobytes().decode()


def _chain(name: str, text: str) -> Pattern:
    step = np.full((len(text), 4), DEAD, dtype=np.int32)
    for i, letter in enumerate(text):
        for base in IUPAC[letter]:
            step[i, "ACGT".index(base)] = i + 1
    return Pattern(name, step, len(text))


def motif_event(motif: Motif, p: float) -> Event:
    """All words whose score by a position frequency matrix reaches the threshold of `p` on even composition.

    Scores are rounded to a two-hundredth of their range, on the side of leaving a word in.

    Raises
    ------
    InputError
        For a matrix so short that not even its best word is as rare as `p`.
    """
    even = np.full(4, 0.25)
    weights = log_odds_matrix(motif, even)
    threshold = score_threshold(weights, even, p)
    if np.isinf(threshold):
        raise InputError(
            f"motif {motif.name}: need a matrix whose best word is as rare as {p:g}, got {len(weights)} places; "
            "raise motif_p to let it match"
        )
    text = f"matrix {motif.name}, p <= {p:g}"
    forward = _matrix(motif.name, weights, threshold)
    # reversed places and reversed letters: A, C, G, T reversed are T, G, C, A, the complements
    reverse = _matrix(motif.name, weights[::-1, ::-1], threshold)
    same = bool(np.allclose(weights, weights[::-1, ::-1]))
    return Event(motif.name, text, (forward,), () if same else (reverse,))


def _matrix(name: str, weights: NDArray[np.float64], threshold: float) -> Pattern:
    low = weights.min(axis=1)
    unit = float((weights.max(axis=1) - low).sum()) / _STEPS
    # gains are rounded up; so is what is needed, since a sum of integers that reaches a number reaches its ceiling
    gains = np.ceil((weights - low[:, None]) / unit - 1e-9).astype(int)
    needed = int(np.ceil((threshold - low.sum()) / unit - 1e-9))
    # most that can still be gained from each place on
    best_after = np.append(np.cumsum(gains.max(axis=1)[::-1])[::-1], 0)
    states = {(0, 0): 0}
    order, rows = [(0, 0)], []
    for place, score in order:  # grows while it is walked: states in order of place
        row = []
        for gain in gains[place]:
            after = min(score + int(gain), needed)  # past the threshold, more makes no difference
            if after + best_after[place + 1] < needed:
                row.append(DEAD)
            elif place + 1 == len(weights):
                # marks acceptance; its number is known once all states are
                row.append(-2)
            else:
                key = (place + 1, after)
                if key not in states:
                    states[key] = len(order)
                    order.append(key)
                row.append(states[key])
        rows.append(row)
    step = np.array(rows, dtype=np.int32)
    step[step == -2] = len(rows)
    return Pattern(name, step, len(weights))


def read_events(sources: Sequence[str], *, motif_p: float) -> list[Event]:
    """Events of `--words`: files, or IUPAC words separated by commas.

    A file holds motifs in MEME's format, FASTA records, or one word a line, where a name and a tab may stand before it.

    Raises
    ------
    InputError
        Naming the file and line: a format that is none of these, nothing inside, two events of one name.
    """
    events: list[Event] = []
    for source in sources:
        if Path(source).is_file():
            events += _of_file(Path(source), motif_p)
        else:
            if Path(source).suffix or "/" in source:
                raise InputError(f"--words: need IUPAC words or a file, got {source!r}, and there is no such file")
            # commas inside of braces belong to a spacer
            events += [iupac_event(text) for text in re.split(r",(?![^{]*\})", source) if text.strip()]
    names = [e.name for e in events]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise InputError(f"words: need names that differ, got {twice[0]!r} twice")
    if not events:
        raise InputError("words: need at least one word, got none")
    return events


def _of_file(path: Path, motif_p: float) -> list[Event]:
    with open_text(path) as text:
        lines = [line.rstrip("\r\n") for line in text]
    first = next((line for line in lines if line.strip()), "")
    if first.startswith(("MEME version", "*")):
        return [motif_event(m, motif_p) for m in read_meme(path)]
    if first.startswith(">"):
        return _of_fasta(lines, path)
    events = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [f.strip() for f in line.split("\t")]
        name, word = (fields[0], fields[1]) if len(fields) > 1 else ("", fields[0])
        try:
            events.append(iupac_event(word, name))
        except InputError as e:
            raise InputError(f"{path}, line {number}: {e}") from e
    if not events:
        raise InputError(f"{path}: need a word a line, FASTA or MEME, got nothing")
    return events


def _of_fasta(lines: Sequence[str], path: Path) -> list[Event]:
    records: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(lines, 1):
        if line.startswith(">"):
            records.append((number, (line[1:].split() or [""])[0], []))
        elif line.strip():
            records[-1][2].append(line)
    events = []
    for number, name, parts in records:
        try:
            events.append(iupac_event("".join(parts), name))
        except InputError as e:
            raise InputError(f"{path}, record of line {number}: {e}") from e
    return events
