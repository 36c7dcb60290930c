"""Repeats of a corpus by copy number, counted on both strands by hashes of their words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.types import InputError

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd multiplier of the rolling hash, arithmetic modulo 2^64
MOST_WORDS = 20_000_000


class Words(NamedTuple):
    """Words of one length in a corpus, a row a place.

    Attributes
    ----------
    hashes
        The same for a word and its reverse complement, (places,).
    record, start
        Index of the record and 0-based place, (places,).
    every
        Words of one in so many hashes are listed (1: all); which ones depends on the hash alone, so all copies of a
        word are listed or none.
    """

    hashes: NDArray[np.uint64]
    record: NDArray[np.int64]
    start: NDArray[np.int64]
    every: int


@numba.njit(cache=True)
def _rolling(letters, k, base):
    """Hash of each word of k letters on both strands, joined so that strand does not matter; 0 for unknown letters."""
    n = len(letters) - k + 1
    out = np.zeros(n, np.uint64)
    top = np.uint64(1)
    for _ in range(k - 1):
        top *= base
    forward, reverse, since = np.uint64(0), np.uint64(0), 0
    power = np.uint64(1)  # of the letter that enters the reverse complement at its front
    # an odd number is its own inverse modulo 8: three bits are right, and each step below doubles them
    inverse = base
    for _ in range(6):  # Newton's inverse of an odd number modulo 2^64
        inverse *= np.uint64(2) - base * inverse
    for i in range(len(letters)):
        c = letters[i]
        if c > 3:
            forward, reverse, since, power = np.uint64(0), np.uint64(0), 0, np.uint64(1)
            continue
        if since == k:
            # the oldest letter leaves: in front of the word, and at the end of its reverse complement
            old = letters[i - k]
            # letters count from 1, so that words of A alone differ by their length
            forward -= np.uint64(old + 1) * top
            # complement 3 - c, plus 1; dividing by the base moves the others down by one place
            reverse = (reverse - np.uint64(4 - old)) * inverse
            since -= 1
        elif since:
            power *= base
        forward = forward * base + np.uint64(c + 1)
        reverse += np.uint64(4 - c) * (top if since == k - 1 else power)
        since += 1
        if since == k:
            a, b = forward, reverse
            # joined in order of size, so that a word and its reverse complement have one hash
            low, high = (a, b) if a < b else (b, a)
            # mixed as by splitmix64: the plain polynomial has patterns in its low bits, by which words are picked
            mixed = low * np.uint64(0xBF58476D1CE4E5B9) + high
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(32)
            # 0 stands for unknown letters
            out[i - k + 1] = mixed if mixed else np.uint64(1)
    return out


def word_hashes(ids: NDArray[np.uint8], k: int) -> NDArray[np.uint64]:
    """Strand-blind hash of every word of `k` bases, (places,); 0 where it holds another letter than A, C, G, T."""
    if len(ids) < k:
        return np.zeros(0, np.uint64)
    return _rolling(codes(ids), k, _BASE)


def corpus_words(records: Sequence[Record], k: int, max_words: int = MOST_WORDS) -> Words:
    """All words of `k` bases of a corpus, or those of one in so many hashes that about `most` are left."""
    # ceiling division: one in so many words, such that at most about `most` are left
    every = max(1, -(-sum(max(0, len(r.ids) - k + 1) for r in records) // max_words))
    hashes, record, start = [], [], []
    for i, r in enumerate(records):
        h = word_hashes(r.ids, k)
        places = np.flatnonzero((h != 0) & (h % np.uint64(every) == 0))
        hashes.append(h[places])
        record.append(np.full(len(places), i))
        start.append(places)
    return Words(np.concatenate(hashes), np.concatenate(record), np.concatenate(start), every)


def read_records(path: Path, shortest: int) -> list[Record]:
    """Records of a FASTA file with a word of `shortest` known bases.

    Raises
    ------
    InputError
        Where there is none.
    """
    records = list(read_fasta(path))
    if not any((word_hashes(r.ids, shortest) != 0).any() for r in records):
        raise InputError(f"{path}: need a record with {shortest:,} bases of A, C, G, T in a row, got none")
    return records


class Repeat(NamedTuple):
    """One word of a corpus with the number of its copies on both strands, by its first place."""

    record: int
    start: int
    copies: int


def copy_numbers(records: Sequence[Record], sequences: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Copies in a corpus of each of (n, k) sequences, both strands, (n,)."""
    k = sequences.shape[1]
    hashes = np.array([word_hashes(row, k)[0] for row in sequences])
    total = np.zeros(len(hashes), dtype=np.int64)
    order = np.argsort(hashes, kind="stable")
    for r in records:
        h = word_hashes(r.ids, k)
        # sorted, so that copies of a word lie together and are counted by two searches
        h = np.sort(h[np.isin(h, hashes)])
        total[order] += np.searchsorted(h, hashes[order], "right") - np.searchsorted(h, hashes[order], "left")
    return total


def repeats_by_class(
    words: Words, k: int, classes: Sequence[tuple[int, int]], per_class: int, seed: int
) -> dict[tuple[int, int], list[Repeat]]:
    """Some words of each range of copy number (first and last, inclusive), none overlapping another that was taken.

    Words are tried in a random order; ranges are filled from the most copies down, so that the ends of long repeats
    do not count as rare words twice.
    """
    _, first, copies = np.unique(words.hashes, return_index=True, return_counts=True)
    rng = np.random.default_rng([seed, 31])
    taken: dict[int, list[int]] = {}
    out: dict[tuple[int, int], list[Repeat]] = {}
    for low, high in sorted(classes, reverse=True):
        out[low, high] = []
        for i in rng.permutation(np.flatnonzero((copies >= low) & (copies <= high))):
            record, start = int(words.record[first[i]]), int(words.start[first[i]])
            if any(abs(start - other) < k for other in taken.get(record, ())):
                continue
            taken.setdefault(record, []).append(start)
            out[low, high].append(Repeat(record, start, int(copies[i])))
            if len(out[low, high]) == per_class:
                break
    return {c: sorted(out[c], key=lambda r: (r.record, r.start)) for c in classes}
