"""Does a model tell coding sequence from copies of it that code for nothing?

Genes are found without annotation, as open reading frames so long that chance makes next to none in genomes of
middling composition. A copy keeps nearly all of the gene's composition: one has its frame broken and mended again
every so many codons, the other has its codons in another order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes, reverse_complement
from photo51.stats.auc import areas

_STOPS = (0b110000, 0b110010, 0b111000)  # TAA, TAG, TGA with A, C, G, T as 0, 1, 2, 3
_STARTS = (0b001110, 0b101110, 0b111110)  # ATG, GTG, TTG
SKIP = 96
COPIES = ("frame_shifted", "codon_shuffled")


class Separation(NamedTuple):
    """How a predictor ranks genes and copies.

    Attributes
    ----------
    auroc
        Probability that a gene is likelier a base than a copy of any gene, ties halved.
    paired
        Share of genes that are likelier than their own copy.
    bits_real, bits_copy
        Mean bits per base of genes, and of copies.
    """

    auroc: float
    paired: float
    bits_real: float
    bits_copy: float


def long_open_frames(ids: NDArray[np.uint8], min_codons: int) -> list[NDArray[np.uint8]]:
    """Open reading frames of a sequence, start codon to before the stop, read on their strand; longest first, none
    overlapping.

    Parameters
    ----------
    ids
        Bytes of a contig.
    min_codons
        Fewest codons.
    """
    spans = [(a, b, ids[a:b]) for a, b in _forward_frames(ids, min_codons)]
    opposite, n = reverse_complement(ids), len(ids)
    # position a from the 5' end of the other strand is n − a from that of this one
    spans += [(n - b, n - a, opposite[a:b]) for a, b in _forward_frames(opposite, min_codons)]
    taken = np.zeros(n, dtype=bool)
    genes = []
    for a, b, gene in sorted(spans, key=lambda s: (s[0] - s[1], s[0])):
        if not taken[a:b].any() and (codes(gene) < 4).all():
            taken[a:b] = True
            genes.append(gene)
    return genes


def _forward_frames(ids: NDArray[np.uint8], min_codons: int) -> list[tuple[int, int]]:
    letters = codes(ids).astype(np.int64)
    spans = []
    for frame in range(3):
        n = (len(letters) - frame) // 3
        codon = letters[frame : frame + 3 * n].reshape(n, 3)
        # codon as a base-4 number
        word = codon[:, 0] * 16 + codon[:, 1] * 4 + codon[:, 2]
        # a codon with an unknown base ends a frame, as a stop does
        bad = np.isin(word, _STOPS) | (codon == 4).any(axis=1)
        starts = np.flatnonzero(np.isin(word, _STARTS) & ~bad)
        stops = np.flatnonzero(bad)
        for before, stop in zip(np.append(-1, stops[:-1]).tolist(), stops.tolist(), strict=True):
            if stop - before <= min_codons:
                continue
            # the first start after the stop before: the longest frame between two stops
            later = starts[np.searchsorted(starts, before + 1) :]
            if len(later) and stop - later[0] >= min_codons:
                spans.append((frame + 3 * int(later[0]), frame + 3 * stop))
    return spans


def frame_shifted(gene: NDArray[np.uint8], rng: np.random.Generator, every: int = 20) -> NDArray[np.uint8]:
    """The gene with a base taken out and, `every` codons later, one put in, again and again: every other segment is
    out of frame.
    """
    parts = []
    for i, start in enumerate(range(0, len(gene), 3 * every)):
        piece = gene[start : start + 3 * every]
        i_base = int(rng.integers(0, 3))
        base = np.frombuffer(b"ACGT", np.uint8)[rng.integers(4)]
        # out in odd pieces, in again in even ones: the frame is lost and found by turns
        parts.append(np.delete(piece, i_base) if i % 2 == 1 else np.insert(piece, i_base, base) if i else piece)
    return np.concatenate(parts)[: len(gene)]


def codon_shuffled(gene: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The gene's codons in another order, the first kept."""
    codons = gene.reshape(-1, 3).copy()
    rng.shuffle(codons[1:])
    return codons.ravel()


def with_copies(genes: list[NDArray[np.uint8]], length: int, seed: int) -> dict[str, NDArray[np.uint8]]:
    """`real` and both copies, (genes, length) each: the first `length` bases of each."""
    rng = np.random.default_rng([seed, 3])
    out: dict[str, list[NDArray[np.uint8]]] = {"real": [], **{name: [] for name in COPIES}}
    for gene in genes:
        # longer, since a copy may be short of a base
        cut = gene[: length + 60]
        out["real"].append(gene[:length])
        out["frame_shifted"].append(frame_shifted(cut, rng)[:length])
        out["codon_shuffled"].append(codon_shuffled(gene[:length], rng))
    return {name: np.stack(rows) for name, rows in out.items()}


def separation(real: NDArray[np.floating], copy: NDArray[np.floating]) -> Separation:
    """Compare natural log-probabilities of genes and copies, (genes, length) each; the first `SKIP` bases are not
    scored.
    """
    # nats to bits, per base; the first bases are hard whatever the frame
    bits = [-np.nanmean(p[:, SKIP:], axis=1) / np.log(2) for p in (real, copy)]
    labels = np.repeat([True, False], [len(bits[0]), len(bits[1])])
    # fewer bits are a higher score: the chance that a gene has fewer than a copy
    auroc = areas(-np.concatenate(bits), labels).auroc
    return Separation(auroc, float(np.mean(bits[0] < bits[1])), float(bits[0].mean()), float(bits[1].mean()))
