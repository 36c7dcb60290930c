"""A corpus of genomes to pretrain on: packing it, splitting it by species, drawing windows from it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.model.tokenizer import EOD, is_base, reverse_complement, token_ids
from photo51.types import InputError

log = logging.getLogger(__name__)
_KNOWN, _TRIES = 0.9, 100
RECORD_COLUMNS = ("record", "source", "group", "species", "split")


class Corpus(NamedTuple):
    """Packed genomes: `tokens` (bases,) upper-case bytes, `records` one row a sequence with its `offset` and
    `length`.
    """

    tokens: NDArray[np.uint8]
    records: pd.DataFrame


def pack(sequences: Mapping[str, str], records: pd.DataFrame, folder: Path) -> Corpus:
    """Write a corpus folder: `tokens.bin` and `records.parquet`.

    Parameters
    ----------
    sequences
        Record name → sequence; may be lazy.
    records
        One row a record with the columns `record, source, group, species, split` (`train` or `heldout`).
    folder
        Where to write; made if absent.

    Raises
    ------
    ValueError
        For a missing column, a record without a sequence, or a species on both sides of the split.
    """
    if missing := sorted(set(RECORD_COLUMNS) - set(records.columns)):
        raise ValueError(f"corpus records: need columns {RECORD_COLUMNS}, got none of {missing}")
    both = records.groupby("species")["split"].nunique()
    if (both > 1).any():
        raise ValueError(
            f"corpus records: a species must be in one split, got {sorted(both[both > 1].index)[:5]} in both"
        )
    folder.mkdir(parents=True, exist_ok=True)
    lengths = []
    partial = folder / "tokens.bin.tmp"
    with partial.open("wb") as out:
        for record in records["record"]:
            if record not in sequences:
                raise ValueError(f"corpus records: need a sequence for every record, got none for {record!r}")
            ids = token_ids(sequences[record])
            out.write(ids.tobytes())
            lengths.append(len(ids))
    table = records[list(RECORD_COLUMNS)].reset_index(drop=True)
    table["length"] = np.array(lengths, dtype=np.int64)
    table["offset"] = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    table.to_parquet(folder / "records.parquet", index=False)
    partial.rename(folder / "tokens.bin")
    (folder / "corpus.json").write_text(json.dumps({"bases": int(sum(lengths)), "records": len(table)}) + "\n")
    return load_corpus(folder)


def load_corpus(folder: Path) -> Corpus:
    """Open a packed corpus without reading it into memory."""
    records = pd.read_parquet(folder / "records.parquet")
    tokens = np.memmap(folder / "tokens.bin", dtype=np.uint8, mode="r")
    need = int(records["length"].sum())
    if len(tokens) != need:
        raise ValueError(f"{folder / 'tokens.bin'}: need {need} bases as in records.parquet, got {len(tokens)}")
    return Corpus(tokens, records)


def identity(corpus: Corpus) -> dict[str, str]:
    """What tells a corpus from others: hashes of its bases, and of its records with their splits."""
    table = corpus.records[[*RECORD_COLUMNS, "offset", "length"]]
    return {
        "tokens": hashlib.sha256(np.ascontiguousarray(corpus.tokens).data).hexdigest()[:16],
        "records": hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16],
    }


class Sampler:
    """Draws training windows; the draw of a step depends on the seed and the step alone, so training resumes exactly.

    A window comes from a source drawn by `mixture`, a species drawn by the square root of its bases (so that one
    species with many genomes does not drown the rest), a record drawn by length, a random place and strand. Records
    shorter than the window are joined by end-of-document tokens.

    Parameters
    ----------
    corpus
        Packed genomes.
    mixture
        Source → share of windows.
    length
        Tokens a window.
    seed
        Seed of every draw.
    """

    def __init__(self, corpus: Corpus, mixture: Mapping[str, float], length: int, seed: int, split: str = "train"):
        self.tokens, self.length, self.seed = corpus.tokens, length, seed
        records = corpus.records[corpus.records["split"] == split]
        if (missing := sorted(set(mixture) - set(records["source"]))) or not mixture:
            raise InputError(
                f"mixture: need shares of sources of the corpus ({', '.join(sorted(set(records['source'])))}), got"
                f" {', '.join(missing) or 'none'}"
            )
        self.sources = sorted(mixture)
        self.shares = np.array([mixture[s] for s in self.sources], dtype=float)
        self.shares /= self.shares.sum()
        self.species = {s: self._species(records[records["source"] == s]) for s in self.sources}
        self.bases = {s: records[records["source"] == s].groupby("species", sort=True)["length"].sum() for s in mixture}

    @staticmethod
    def _species(records: pd.DataFrame) -> tuple[NDArray[np.float64], list[tuple[NDArray, NDArray, NDArray]]]:
        tables = [t for _, t in records.groupby("species", sort=True)]
        weight = np.sqrt(np.array([t["length"].sum() for t in tables], dtype=float))
        rows = [
            (t["offset"].to_numpy(), t["length"].to_numpy(), np.cumsum(t["length"]) / t["length"].sum()) for t in tables
        ]
        return np.cumsum(weight / weight.sum()), [(o, n, np.asarray(c)) for o, n, c in rows]

    def times_read(self, tokens: float) -> pd.DataFrame:
        """How often a training reads each species: what is read dozens of times is learnt by heart.

        Parameters
        ----------
        tokens
            Tokens of the training.

        Returns
        -------
        One row a species of a source: `source`, `species`, `bases`, `times` (tokens drawn from it, on either strand,
        over its bases).
        """
        parts = []
        for source, share in zip(self.sources, self.shares, strict=True):
            names, bases = self.bases[source].index, self.bases[source].to_numpy(dtype=float)
            weight = np.sqrt(bases) / np.sqrt(bases).sum()
            times = tokens * share * weight / bases
            parts.append(pd.DataFrame({"source": source, "species": names, "bases": bases, "times": times}))
        return pd.concat(parts, ignore_index=True)

    def batch(self, step: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids and targets of a step, (size, length) each; a target of -100 does not count in the loss."""
        rng = np.random.default_rng([self.seed, step])
        ids = np.stack([self._window(rng) for _ in range(size)])
        target = np.where(is_base(ids), ids.astype(np.int64), -100)
        target[:, 1:][ids[:, :-1] == EOD] = -100  # the base after a boundary cannot be known
        return ids.astype(np.int64), target

    def _window(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        source = self.sources[rng.choice(len(self.sources), p=self.shares)]
        cumulative, species = self.species[source]
        offsets, lengths, shares = species[min(int(np.searchsorted(cumulative, rng.random())), len(species) - 1)]
        window = np.zeros(self.length, dtype=np.uint8)
        filled = 0
        while filled < self.length:
            i = min(int(np.searchsorted(shares, rng.random())), len(lengths) - 1)
            take = min(int(lengths[i]), self.length - filled)
            start = int(offsets[i]) + int(rng.integers(0, lengths[i] - take + 1))
            piece = np.asarray(self.tokens[start : start + take])
            window[filled : filled + take] = reverse_complement(piece) if rng.random() < 0.5 else piece
            filled += take + 1
        return window


def heldout_windows(
    corpus: Corpus,
    length: int,
    per_group: int,
    seed: int,
    *,
    groups: list[str] | None = None,
    split: str = "heldout",
    by: Literal["group", "source"] = "group",
) -> dict[str, NDArray[np.uint8]]:
    """Fixed windows of whole records from held-out species, group (or source) → (windows, length).

    Species come in turn, in an order drawn by the seed, and each on either strand in turn. Records shorter than
    `length` are left out, so that every window is one segment of one genome, and so are windows of which a tenth is not
    known: a group that has no others is left out with a warning.
    """
    records = corpus.records[(corpus.records["split"] == split) & (corpus.records["length"] >= length)]
    out = {}
    for group, table in records.groupby(by, sort=True):
        if groups is not None and group not in groups:
            continue
        # of its own, so that more windows of one group begin with the same, and change no other's
        rng = np.random.default_rng([seed, 51, *str(group).encode()])
        by_species = [t for _, t in table.groupby("species", sort=True)]
        order = rng.permutation(len(by_species))
        rows = []
        for i in range(per_group):
            piece = _known_window(corpus, by_species[order[i % len(order)]], length, rng)
            if piece is not None:
                # each time round, a species is read on its other strand
                rows.append(reverse_complement(piece) if sum(divmod(i, len(order))) % 2 else piece)
        if len(rows) < per_group:
            log.warning("%s: %d of %d held-out windows found whose bases are known", group, len(rows), per_group)
        if rows:
            out[str(group)] = np.stack(rows)
    return out


def _known_window(
    corpus: Corpus, records: pd.DataFrame, length: int, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """A random window of records, drawn by length, of which nine in ten bases are known; None after 100 tries."""
    for _ in range(_TRIES):
        row = records.iloc[rng.choice(len(records), p=(records["length"] / records["length"].sum()).to_numpy())]
        start = int(row["offset"]) + int(rng.integers(0, row["length"] - length + 1))
        piece = np.array(corpus.tokens[start : start + length])
        if is_base(piece).mean() >= _KNOWN:
            return piece
    return None
