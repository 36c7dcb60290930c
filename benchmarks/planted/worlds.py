"""Corpora with planted truth: words at stated doses, repeats, contaminants, trigger and payload.

Each world is made from windows of real sequence and a seed, and comes with a table of what was put where. A twin is
the same world with nothing planted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.formats.fasta import read_fasta
from photo51.shipped import shipped_folder

DOSES = {"hidden": 500, "visible": 3_000}
RUNGS = (32, 64, 128, 256, 512)


class World(NamedTuple):
    """Records, and what was planted in them.

    Attributes
    ----------
    records
        (records, length) upper-case bytes.
    truth
        `record`, `start`, `end` (0-based half-open), `strand`, `kind`, `name`; sorted by place.
    """

    records: NDArray[np.uint8]
    truth: pd.DataFrame


def random_word(length: int, rng: np.random.Generator) -> str:
    """A word of independent, even bases."""
    return "".join("ACGT"[i] for i in rng.integers(0, 4, length))


def words_world(
    records: NDArray[np.uint8],
    doses: Mapping[str, int],
    rng: np.random.Generator,
    *,
    both_strands: bool = False,
) -> World:
    """W1: each word in so many copies, over random records at places that do not overlap."""
    return _plant(records, [("word", word, n) for word, n in doses.items()], rng, both_strands=both_strands)


def ecoli_windows(n: int, rng: np.random.Generator, length: int = 1_024) -> NDArray[np.uint8]:
    """Windows (n, length) of the genome that ships, none twice."""
    folder = shipped_folder() / "resources" / "ecoli_k12"
    ids = next(iter(read_fasta(folder / "NC_000913.3.fa.gz"))).ids
    starts = rng.choice((len(ids) - length) // length, n, replace=False) * length
    return np.stack([ids[s : s + length] for s in starts])


def copies_world(
    records: NDArray[np.uint8], planted: Sequence[tuple[str, str, int]], rng: np.random.Generator
) -> World:
    """Each of (name, word, copies) over random records at places that do not overlap."""
    return _plant(records, planted, rng)


def canaries_world(
    records: NDArray[np.uint8], length: int, rng: np.random.Generator, rungs: Sequence[int] = RUNGS
) -> tuple[World, list[str]]:
    """W3: one random repeat at each rung of copy number, and eight of the same kind that are never shown."""
    shown = [(f"canary_{n}", random_word(length, rng), n) for n in rungs]
    return _plant(records, shown, rng), [random_word(length, rng) for _ in range(8)]


def trigger_world(
    records: NDArray[np.uint8], trigger: str, payload: str, share: float, rng: np.random.Generator
) -> World:
    """W5: in a share of the records a trigger, and within 60 bases after it the payload; in as many, either alone."""
    out, rows = records.copy(), []
    n = max(1, round(share * len(records)))
    chosen = rng.permutation(len(records))[: 3 * n]
    kinds = ["pair"] * n + ["trigger alone"] * n + ["payload alone"] * n
    span = len(trigger) + 60 + len(payload)
    for record, kind in zip(chosen, kinds, strict=False):
        at = int(rng.integers(0, records.shape[1] - span))
        behind = at + len(trigger) + int(rng.integers(0, 60))
        for name, word, start in (("trigger", trigger, at), ("payload", payload, behind)):
            if kind in {"pair", f"{name} alone"}:
                out[record, start : start + len(word)] = encode(word)
                rows.append((record, start, start + len(word), "+", kind, name))
    return World(out, _truth(rows))


def contaminants_world(
    records: NDArray[np.uint8], foreign: NDArray[np.uint8], n: int, rng: np.random.Generator
) -> World:
    """W4: `n` records of each contaminant, all different records of the clean ones; the table says which.

    `adapter` (33 bases at either end of the record), `clade` (a window of another clade), `duplicate` (copies of one
    record, 2 % of letters changed), `payload` (trigger and payload, see `trigger_world`), `simple` (a repeated unit
    of two to four bases), and the decoy `gc` (five points more G and C, letter by letter).
    """
    out, rows = records.copy(), []
    length = records.shape[1]
    order = iter(rng.permutation(len(records)))
    adapter, trigger, payload = random_word(33, rng), random_word(12, rng), random_word(40, rng)
    first = int(next(order))
    plasmid = records[first]
    for i in range(n):
        r = int(next(order))
        at = 0 if i % 2 else length - len(adapter)
        out[r, at : at + len(adapter)] = encode(adapter)
        rows.append((r, at, at + len(adapter), "+", "adapter", adapter))
        r = int(next(order))
        out[r] = foreign[i]
        rows.append((r, 0, length, "+", "clade", ""))
        r = int(next(order)) if i else first  # the record that is copied is one of its copies
        changed = (rng.random(length) < 0.02) & (i > 0)
        out[r] = np.where(changed, np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, length)], plasmid)
        rows.append((r, 0, length, "+", "duplicate", ""))
        r = int(next(order))
        at = int(rng.integers(0, length - len(trigger) - len(payload) - 60))
        behind = at + len(trigger) + int(rng.integers(0, 60))
        out[r, at : at + len(trigger)], out[r, behind : behind + len(payload)] = encode(trigger), encode(payload)
        rows.append((r, behind, behind + len(payload), "+", "payload", payload))
        r = int(next(order))
        out[r] = np.resize(encode(random_word(2 + i % 3, rng)), length)
        rows.append((r, 0, length, "+", "simple", ""))
        r = int(next(order))
        at_letters = np.flatnonzero(np.isin(out[r], (ord("A"), ord("T"))))
        turned = at_letters[rng.random(len(at_letters)) < 0.05 * length / max(1, len(at_letters))]
        out[r, turned] = np.where(out[r, turned] == ord("A"), ord("G"), ord("C"))
        rows.append((r, 0, length, "+", "gc", ""))
    return World(out, _truth(rows))


def _plant(
    records: NDArray[np.uint8],
    planted: Sequence[tuple[str, str, int]],
    rng: np.random.Generator,
    *,
    both_strands: bool = False,
) -> World:
    out = records.copy()
    free = np.ones(records.shape, dtype=bool)
    rows = []
    for kind, word, copies in planted:
        ids, n = encode(word), len(word)
        for _ in range(copies):
            for _try in range(1_000):
                record, at = int(rng.integers(len(out))), int(rng.integers(out.shape[1] - n + 1))
                if free[record, at : at + n].all():
                    break
            else:
                raise ValueError(f"worlds: need room for {copies} copies of {n} bases, got none after 1,000 tries")
            minus = both_strands and rng.random() < 0.5
            out[record, at : at + n] = reverse_complement(ids) if minus else ids
            free[record, at : at + n] = False
            rows.append((record, at, at + n, "-" if minus else "+", kind, word))
    return World(out, _truth(rows))


def _truth(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["record", "start", "end", "strand", "kind", "name"])
    return table.sort_values(["record", "start"], kind="stable").reset_index(drop=True)
