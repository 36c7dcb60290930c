"""Does a model tell genes of structured RNA from copies that keep only their dinucleotides?

Held-out genomes of a corpus have no annotation. Their genes are found as places that resemble annotated tRNA and rRNA
genes of another species over their whole length, without a gap: that takes no model, and by chance no place does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes, reverse_complement
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.formats.gff import read_lines

KINDS = ("tRNA", "rRNA")
WINDOW = 512
"""Bases of a gene's window: what stands before it, and the gene at its end."""
PIECE = 200
"""Longer genes are taken in pieces of so many bases: rRNA of two species differs by short insertions."""
_SEED = 11
_IDENTITY = 0.75


class Query(NamedTuple):
    """An annotated gene, or a piece of one: its kind, and its bases as its strand reads them."""

    kind: str
    ids: NDArray[np.uint8]


class RnaGene(NamedTuple):
    """A place that resembles a query.

    Attributes
    ----------
    kind
        `tRNA` or `rRNA`.
    window
        `WINDOW` bases as the gene's strand reads them; the gene is the last `length` of them.
    length
        Bases of the gene.
    identity
        Share of its bases that are the query's.
    """

    kind: str
    window: NDArray[np.uint8]
    length: int
    identity: float


def annotated_rna(fasta: Path, gff: Path) -> list[Query]:
    """Genes of tRNA and rRNA of an annotated genome, each sequence once, long ones in pieces of `PIECE` bases."""
    genome = {record.name: record.ids for record in read_fasta(fasta)}
    queries: dict[bytes, Query] = {}
    for feature, _ in read_lines(gff):
        if feature.type not in KINDS:
            continue
        (part,) = feature.parts
        ids = genome[feature.chrom][part.start : part.end]
        ids = reverse_complement(ids) if part.strand == "-" else ids
        # the last piece would be short of PIECE: it is left out, but for genes that are one piece
        pieces = [ids] if len(ids) < PIECE else [ids[i : i + PIECE] for i in range(0, len(ids) - PIECE + 1, PIECE)]
        for piece in pieces:
            queries.setdefault(piece.tobytes(), Query(feature.type, piece))
    return list(queries.values())


def find_homologues(ids: NDArray[np.uint8], queries: Sequence[Query]) -> list[RnaGene]:
    """Places on both strands of a contig that share `_SEED` bases in a row with a query and three quarters in all.

    Of places that overlap, the one most like its query; most alike first. Places without a whole window before their
    end are left out.
    """
    n = len(ids)
    found: list[tuple[float, int, int, RnaGene]] = []
    for strand, letters in (("+", ids), ("-", reverse_complement(ids))):
        words = _words(letters)
        order = np.argsort(words, kind="stable")
        ranked = words[order]
        for query in queries:
            length = len(query.ids)
            wanted = _words(query.ids)
            first, last = (np.searchsorted(ranked, wanted, side) for side in ("left", "right"))
            starts = {
                int(order[i]) - offset
                for offset, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True))
                if wanted[offset] >= 0
                for i in range(a, b)
            }
            for start in sorted(starts):
                end = start + length
                if start < 0 or end < WINDOW or end > n:
                    continue
                identity = float((letters[start:end] == query.ids).mean())
                if identity >= _IDENTITY:
                    # on the reverse strand [start, end) is [n - end, n - start) of the forward one
                    a, b = (start, end) if strand == "+" else (n - end, n - start)
                    found.append((identity, a, b, RnaGene(query.kind, letters[end - WINDOW : end], length, identity)))
    taken = np.zeros(n, dtype=bool)
    genes = []
    for _, a, b, gene in sorted(found, key=lambda f: (-f[0], f[1], f[2])):
        if not taken[a:b].any() and (codes(gene.window) < 4).all():
            taken[a:b] = True
            genes.append(gene)
    return genes


def _words(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Words of `_SEED` bases as numbers of base 4, (length - `_SEED` + 1,); -1 where a letter is none of A, C, G, T."""
    letters = codes(ids).astype(np.int64)
    if len(letters) < _SEED:
        return np.zeros(0, dtype=np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(letters, _SEED)
    return np.where((rows < 4).all(axis=1), rows @ 4 ** np.arange(_SEED, dtype=np.int64)[::-1], -1)


def dinucleotide_shuffled(ids: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Another order of the bases with the same number of each dinucleotide, each such order alike likely.

    The sequence is a walk over its letters: the last step out of each letter is drawn anew until these steps lead to
    the walk's end from everywhere, then the other steps are put in any order (Altschul and Erickson 1985,
    doi:10.1093/oxfordjournals.molbev.a040370).
    """
    letters, walk = np.unique(ids, return_inverse=True)
    end = int(walk[-1])
    steps = [walk[1:][walk[:-1] == letter] for letter in range(len(letters))]
    others = [letter for letter in range(len(letters)) if letter != end]
    while True:
        last = {letter: int(rng.integers(len(steps[letter]))) for letter in others}
        leads_to = {letter: int(steps[letter][i]) for letter, i in last.items()}
        if all(_arrives(letter, leads_to, end) for letter in others):
            break
    left = []
    for letter, out in enumerate(steps):
        rest = np.delete(out, last[letter]) if letter != end else out
        final = [out[last[letter]]] if letter != end else []
        left.append(iter([*rng.permutation(rest), *final]))
    at = int(walk[0])
    order = [at]
    for _ in range(len(walk) - 1):
        at = int(next(left[at]))
        order.append(at)
    return letters[order]


def _arrives(letter: int, leads_to: dict[int, int], end: int) -> bool:
    for _ in range(len(leads_to)):
        if letter == end:
            break
        letter = leads_to[letter]
    return letter == end


def in_turn(genes: Iterable[list[RnaGene]], n: int) -> list[RnaGene]:
    """At most `n` genes: the first of each genome, then the second of each, and so on."""
    each = list(genes)
    longest = max(map(len, each), default=0)
    return [g[i] for i in range(longest) for g in each if i < len(g)][:n]
