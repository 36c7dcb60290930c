"""What was read of the files of a genome, what was left out and why, and how its coding sequences translate."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

import pandas as pd

from photo51.genome.annotation.coding import JudgedCoding
from photo51.io.contracts.genome import READING
from photo51.types import InputError

log = logging.getLogger(__name__)
FEWEST = 3
CHANCE = 0.01
GAP = "reach into bases that are not known (N), their start or stop codon with them"


@dataclass
class Entry:
    """How often something came about, and where it did first."""

    count: int = 0
    first: str = ""


@dataclass
class ReadingAccount:
    """The account of one genome's files.

    Attributes
    ----------
    genome
        Name in this run.
    entries
        (file, outcome, reason) → how often, and where first.
    by_chance
        Of contigs most of whose coding sequences are misread: how many open reading frames as long as the longest
        chance would leave.
    """

    genome: str
    entries: dict[tuple[str, str, str], Entry] = field(default_factory=dict)
    by_chance: list[float] = field(default_factory=list)

    def add(self, file: str, outcome: str, reason: str = "", *, first: str = "", count: int = 1) -> None:
        """Count something."""
        entry = self.entries.setdefault((file, outcome, reason), Entry(0, first))
        entry.count += count

    def left_out(self, file: str, items: list[tuple[str, str]]) -> None:
        """Records that are not used: (reason, where)."""
        for reason, location in items:
            self.add(file, "left out", reason, first=location)

    def noted(self, file: str, items: list[tuple[str, str]]) -> None:
        """What is unusual, and used all the same: (sentence, where)."""
        for reason, location in items:
            self.add(file, "noted", reason, first=location)

    def judge(self, judged: JudgedCoding, code: int) -> bool:
        """Count how a coding sequence translates; whether it is misread."""
        t = judged.transcript
        if not t.cds or t.biotype == "pseudogene":
            return False
        self.add("", "CDS", "coding sequences", first=t.where)
        if judged.clean and judged.reframed != "frame":
            self.add("", "CDS", "translate cleanly", first=t.where)
        name = f"{t.where} ({t.gene_name or t.id})"
        if judged.inner_stop:
            self.add("", "CDS", "have an inner stop", first=f"{name}, codon {judged.inner_stop}")
        gap_5, gap_3 = judged.gap_5 and not judged.begins, judged.gap_3 and not judged.ends
        if gap_5 or gap_3:
            self.add("", "CDS", GAP, first=name)
        if not judged.begins and not gap_5:
            self.add("", "CDS", f"begin with no start codon of code {t.genetic_code or code}", first=name)
        if not judged.ends and not gap_3:
            self.add("", "CDS", "end with no stop codon", first=name)
        if judged.reframed:
            self.add("", "CDS", _REFRAMED[judged.reframed], first=name)
        # a wrong phase column alone, as RAST writes it, leaves a CDS from start to stop codon
        moved = judged.reframed == "frame" and not (judged.begins and judged.ends)
        misread = bool(judged.inner_stop) or moved or not (judged.begins or judged.ends or gap_5 or gap_3)
        if misread:
            self.add("", "CDS", "are misread", first=name)
        return misread

    def count(self, reason: str) -> int:
        """Coding sequences of which something holds."""
        return sum(e.count for (_, outcome, r), e in self.entries.items() if outcome == "CDS" and r == reason)

    def table(self) -> pd.DataFrame:
        """The account (contract `READING`)."""
        rows = [
            (self.genome, file, outcome, reason, entry.count, entry.first)
            for (file, outcome, reason), entry in self.entries.items()
        ]
        return READING.check(pd.DataFrame(rows, columns=list(READING.columns))) if rows else READING.empty()

    def doubts(self) -> list[str]:
        """What was left out, is unusual, or was read otherwise than stated; a line each, with where it was first."""
        lines = []
        for (_, outcome, reason), entry in self.entries.items():
            if outcome in {"left out", "noted"} or (outcome == "CDS" and reason in _REFRAMED.values()):
                unit = "CDS" if outcome == "CDS" else "times" if outcome == "noted" else "record"
                unit += "s" if unit == "record" and entry.count != 1 else ""
                often = "" if outcome == "noted" and entry.count == 1 else f"{entry.count:,} {unit}: "
                left = "left out, " if outcome == "left out" else ""
                lines.append(f"{left}{often}{reason} (first: {entry.first})")
        return lines

    def close(self, path: str = "") -> None:
        """Say in a line what the genome came to, warn of what is unusual, and refuse annotation that does not fit.

        Parameters
        ----------
        path
            File in which the whole account stands, if there is one.

        Raises
        ------
        InputError
            Where most coding sequences do not translate though the sequence codes; one that codes nowhere, as a
            shuffled or simulated one, is warned of.
        """
        for doubt in self.doubts():
            log.warning("%s: %s", self.genome, doubt)
        n = self.count("coding sequences")
        log.info("%s: %s", self.genome, self.summary(path))
        misread = self.count("are misread")
        if n >= FEWEST and 2 * misread > n:
            first = next(e.first for (_, o, r), e in self.entries.items() if (o, r) == ("CDS", "are misread"))
            text = (
                f"{misread:,} of {n:,} coding sequences have an inner stop codon in their stated frame, or neither"
                f" start nor stop codon (first: {first})"
            )
            if not self._codes():
                log.warning(
                    "%s: annotation and sequence do not belong together, or the sequence is shuffled or simulated: %s,"
                    " and no open reading frame of the sequence is longer than chance leaves it",
                    self.genome,
                    text,
                )
                return
            raise InputError(
                f"{self.genome}: annotation and sequence do not belong together: {text}; need the assembly that was"
                " annotated, its genetic code, and coordinates that count from 1 (BED: from 0)"
            )
        for doubt in self.few_misread():
            log.warning("%s: %s", self.genome, doubt)

    def few_misread(self) -> list[str]:
        """Coding sequences that do not translate, where they are too few to say that the files do not belong together;
        a sentence, or none.
        """
        n, misread = self.count("coding sequences"), self.count("are misread")
        if not misread or n >= FEWEST:
            return []
        return [
            f"{misread} of {n} coding sequences do not translate as the annotation says; do annotation and sequence"
            " belong together?"
        ]

    def _codes(self) -> bool:
        """Whether a contig has an open reading frame longer than chance leaves it, so that it has genes of its own."""
        return min(self.by_chance, default=0.0) * len(self.by_chance) < CHANCE

    def summary(self, path: str = "") -> str:
        """One line: coding sequences that translate, what is wrong with others, records left out."""
        n = self.count("coding sequences")
        parts = [f"{self.count('translate cleanly'):,} of {n:,} CDS translate cleanly" if n else "no CDS"]
        reasons = Counter[str]()
        for (_, outcome, reason), entry in self.entries.items():
            if outcome == "CDS" and reason not in {"coding sequences", "translate cleanly", "are misread"}:
                reasons[reason] += entry.count
        parts += [f"{count:,} {reason}" for reason, count in reasons.items()]
        left = sum(e.count for (_, outcome, _), e in self.entries.items() if outcome == "left out")
        if left:
            parts.append(f"{left:,} records left out")
        return "; ".join(parts) + (f" (see {path})" if path else "")


_REFRAMED = {
    "phases": "have a phase column that disagrees with the lengths of their parts, which were followed",
    "frame": "do not translate in their stated frame and were read in the one that does",
    "recoded": "have an inner stop codon that their note says is read through",
    "order": "were put in the only order of their parts in which they translate",
}
