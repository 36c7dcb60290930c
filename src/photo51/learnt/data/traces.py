"""Spans of a corpus that records share, or that stand in a file of vectors: exact words, both strands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from photo51.genome.alphabet import decode, runs
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.io.contracts.debug_data import SPANS
from photo51.learnt.data.repeats import word_hashes
from photo51.types import InputError

FEWEST = 12


class Vectors:
    """Words of a FASTA file of vectors and adapters; of a record shorter than `word`, words of its own length.

    Raises
    ------
    InputError
        For a record shorter than twelve bases, which would match by chance.
    """

    def __init__(self, path: Path, word: int):
        self.path = path
        self.names: list[str] = []
        self.words: dict[int, dict[int, int]] = {}  # length → hash → vector
        for i, r in enumerate(read_fasta(path)):
            k = min(word, len(r.ids))
            if k < FEWEST:
                raise InputError(f"{path}, {r.name}: need at least {FEWEST} bases, got {len(r.ids)}")
            self.names.append(r.name)
            table = self.words.setdefault(k, {})
            for h in word_hashes(r.ids, k):
                if h:
                    table.setdefault(int(h), i)

    def spans(self, ids: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
        """Maximal spans of a sequence that are covered by words of vectors: start, end, number of the vector."""
        out = []
        for k, table in self.words.items():
            hashes = word_hashes(ids, k)
            hit = np.isin(hashes, np.fromiter(table, np.uint64, len(table)))
            # the word at place p covers bases p … p + k - 1, so that words a … b - 1 end before b - 1 + k
            out += [(int(a), int(b) - 1 + k, table[int(hashes[a])]) for a, b in runs(hit)]
        return sorted(out)


def shared_spans(
    records: Sequence[Record],
    word: int,
    fewest: int,
    vectors: Vectors | None = None,
    ordinary: NDArray[np.uint64] | None = None,
) -> pd.DataFrame:
    """Spans whose words stand in so many records, and spans of vectors (contract `SPANS`), clustered by words.

    Copies within one record do not count: a record's own repeats are its own affair. Nor do `ordinary` words, which a
    reference repeats itself.
    """
    hashes = [word_hashes(r.ids, word) for r in records]
    # each record's words once: copies within one record do not count
    every_word = np.concatenate([np.unique(h[h != 0]) for h in hashes]) if records else np.zeros(0, np.uint64)
    values, copies = np.unique(every_word, return_counts=True)
    common = values[copies >= fewest]
    if ordinary is not None:
        common = np.setdiff1d(common, ordinary)
    rows: list[tuple[int, int, int, str]] = []
    marks: list[NDArray[np.uint64]] = []
    for i, (r, h) in enumerate(zip(records, hashes, strict=True)):
        for a, b in runs(np.isin(h, common)):
            rows.append((i, int(a), int(b) - 1 + word, ""))
            marks.append(h[a:b])
        for start, end, vector in vectors.spans(r.ids) if vectors else ():
            rows.append((i, start, end, vectors.names[vector] if vectors else ""))
            # words inside the span, and the one at its start where the vector is shorter than a word
            inside = h[start : max(start, end - word) + 1]
            # 0 is no word, but whatever holds other letters: it would join spans that share nothing
            marks.append(inside[inside != 0])
    if not rows:
        return SPANS.empty()
    return _clustered(records, rows, marks)


def _clustered(
    records: Sequence[Record], rows: list[tuple[int, int, int, str]], marks: list[NDArray[np.uint64]]
) -> pd.DataFrame:
    """Spans with a word in common, or of one vector, as one cluster."""
    span = np.concatenate([np.full(len(m), i) for i, m in enumerate(marks)])
    word = np.unique(np.concatenate(marks), return_inverse=True)[1]
    n, names = len(rows), sorted({r[3] for r in rows if r[3]})
    by_name = [(i, names.index(r[3])) for i, r in enumerate(rows) if r[3]]
    n_words = int(word.max()) + 1 if len(word) else 0
    # a graph of spans, words and vectors: spans are joined through what they hold
    left = np.concatenate([span, np.array([i for i, _ in by_name], dtype=np.int64)])
    right = np.concatenate([n + word, n + n_words + np.array([j for _, j in by_name], dtype=np.int64)])
    size = n + n_words + len(names)
    label = connected_components(coo_array((np.ones(len(left)), (left, right)), shape=(size, size)), directed=False)[1]
    table = pd.DataFrame(rows, columns=["index", "start", "end", "vector"])
    table["cluster"] = pd.factorize(label[:n])[0]
    table["records"] = table.groupby("cluster")["index"].transform("nunique")
    table["vector"] = table.groupby("cluster")["vector"].transform("max")
    table["record"] = [records[i].name for i in table["index"]]
    table["sequence"] = [
        decode(records[i].ids[a : min(b, a + 80)]) for i, a, b in table[["index", "start", "end"]].values
    ]
    table = table.drop_duplicates(["index", "start", "end"]).sort_values(["cluster", "index", "start"], kind="stable")
    return SPANS.check(table[list(SPANS.columns)])


def repeated_words(records: Sequence[Record], word: int) -> NDArray[np.uint64]:
    """Hashes of words that stand in sequences more than once, either strand."""
    hashes = np.concatenate([word_hashes(r.ids, word) for r in records])
    values, copies = np.unique(hashes[hashes != 0], return_counts=True)
    return values[copies > 1]


def covered_share(table: pd.DataFrame, record: Record) -> float:
    """Share of a record's bases inside its spans."""
    mask = np.zeros(len(record.ids), dtype=bool)
    for row in table[table["record"] == record.name].itertuples():
        mask[row.start : row.end] = True
    return float(mask.mean())
