"""How much of where a feature fires does everything that is known explain together?

One additive logistic model of firing: every annotation class on either strand, codon position, distance to the nearest
gene starts and ends, which sequence it is (a mitochondrion, a plasmid, a species), GC, 6-mers and 3-mers of what was
read last. It learns on half of the blocks and is judged on the other half, and the reverse. A feature that no single
class names may still be explained by several together; such a feature is not new, nor is one that says
"mitochondrion".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photo51.config.enrichment import NoveltyParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.composition import GC_CLASSES, K, earlier, gc_classes, kmer_codes, local_gc
from photo51.enrichment.annotations.profiles import boundary_rows
from photo51.stats.additive import Terms, deviance, logistic_scores

_SIX = (0, 3, 6, 9)  # 6-mers that end so many bases back, every third
_THREE = tuple(range(0, 24, 3))  # 3-mers at every third of the last 24 bases
_RIDGE = 2.0


class Explanation:
    """All that is known of every row, looked up for the rows a model needs.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    segments
        Row bounds of the workspace's segments.
    classes
        What is annotated; a class left out here is one that the model does not know.
    genes
        row_start, row_end, strand (0, 1) of genes, (n, 3).
    origin
        Number of the sequence that each row is of, (n_rows,).
    fold
        Half (0 or 1) of each row of the doubled axis, (2 * n_rows,); blocks are not cut.
    params
        Parameters of the stage.
    """

    def __init__(  # noqa: PLR0917
        self,
        bases: NDArray[np.uint8],
        segments: NDArray[np.int64],
        classes: Sequence[AnnotationClass],
        genes: NDArray[np.int64],
        origin: NDArray[np.integer],
        fold: NDArray[np.uint8],
        params: NoveltyParams,
    ):
        self.n_rows, self.fold, self.params = len(bases), fold, params
        # a class that marks nothing or everything tells no row from another
        used = [c for c in classes if c.mask.any() and not c.mask.all()]
        fixed, self._sizes = _sequence_terms(bases, segments)
        fixed.append(np.tile(origin.astype(np.uint16), 2))
        self._sizes.append(int(origin.max(initial=0)) + 1)
        for levels, size in _distance_terms(genes, segments, params.distance_bins):
            fixed.append(levels)
            self._sizes.append(size)
        # what is known of a row lies together, since a few thousand of millions are looked up at a time
        self._fixed = np.stack(fixed, axis=1)
        self._marks = _packed([c.mask for c in used], 2 * self.n_rows)
        self._stranded = np.array([c.stranded for c in used], dtype=bool)

    def terms(self, rows: NDArray[np.int64]) -> Terms:
        """Terms of some rows of the doubled axis."""
        # the same base on the other strand: row + n_rows on the doubled axis, modulo its length
        other = (rows + self.n_rows) % (2 * self.n_rows)
        marks, of_other = (np.unpackbits(self._marks[r], axis=1, count=len(self._stranded)) for r in (rows, other))
        levels = np.concatenate([self._fixed[rows], marks, of_other[:, self._stranded]], axis=1, dtype=np.uint16)
        sizes = [*self._sizes, *[2] * (levels.shape[1] - len(self._sizes))]
        return Terms(np.ascontiguousarray(levels.T), np.array(sizes, dtype=np.int64))

    def explained(self, rows: NDArray[np.int64], rng: np.random.Generator) -> float:
        """Share of the held-out deviance of firing that the model explains, 0 to 1; NaN where a half has no firing
        base.

        Parameters
        ----------
        rows
            Active rows on the doubled axis, ascending.
        """
        p = self.params
        positive = rows if len(rows) <= p.max_positives else np.sort(rng.choice(rows, p.max_positives, replace=False))
        # with replacement, then `unique`: rows that fire are taken out, doubles go
        drawn = rng.integers(0, 2 * self.n_rows, p.negatives * len(positive))
        active = np.zeros(2 * self.n_rows, dtype=bool)
        active[rows] = True
        negative = np.unique(drawn[~active[drawn]])
        both = np.concatenate([positive, negative])
        y = np.repeat([True, False], [len(positive), len(negative)])
        fold = self.fold[both]
        # each half needs rows of both kinds, to learn and to be judged
        if min(np.bincount(fold[y], minlength=2).min(), np.bincount(fold[~y], minlength=2).min()) == 0:
            return np.nan
        model = logistic_scores(y[:, None], self.terms(both), fold, ridge=_RIDGE)[:, 0]
        share = np.array([y[fold == 1 - f].mean() for f in (0, 1)])  # what the other fold says, as the model's
        nothing = deviance(y, np.log(share / (1 - share))[fold])
        # deviance explained against an intercept alone; a model worse than that explains nothing
        return float(np.clip(1 - deviance(y, model) / nothing, 0.0, 1.0))


def _packed(masks: Sequence[NDArray[np.bool_]], n: int) -> NDArray[np.uint8]:
    """Bits of all masks at each row, (n, n_masks / 8), as `numpy.unpackbits` reads them."""
    out = np.zeros((n, -(-len(masks) // 8)), dtype=np.uint8)
    for i, mask in enumerate(masks):
        # the first mask is the highest bit of the first byte
        out[:, i // 8] |= mask.view(np.uint8) << np.uint8(7 - i % 8)
    return out


def _sequence_terms(
    bases: NDArray[np.uint8], segments: NDArray[np.int64]
) -> tuple[list[NDArray[np.uint16]], list[int]]:
    six, three = kmer_codes(bases, segments, K), kmer_codes(bases, segments, 3)
    terms = [np.tile(gc_classes(local_gc(bases, segments)), 2)]
    terms += [earlier(six, segments, by, 4**K) for by in _SIX]
    terms += [earlier(three, segments, by, 4**3) for by in _THREE]
    # one level more than there are k-mers: unknown
    return terms, [GC_CLASSES + 1, *[4**K + 1] * len(_SIX), *[4**3 + 1] * len(_THREE)]


def _distance_terms(
    genes: NDArray[np.int64], segments: NDArray[np.int64], edges: Sequence[int]
) -> list[tuple[NDArray[np.uint16], int]]:
    """Signed distance to the nearest start and end of a gene of the same strand and of the other one, in classes."""
    n_rows, out = int(segments[-1]), []
    for boundary in ("start", "end"):
        for orientation in ("sense", "antisense"):
            places = boundary_rows(genes, orientation, n_rows, boundary)
            out.append((distance_classes(places, segments, edges), 2 * len(edges) + 1))
    return out


def distance_classes(
    places: NDArray[np.int64], segments: NDArray[np.int64], edges: Sequence[int]
) -> NDArray[np.uint16]:
    """Class of each row's signed distance to the nearest place of its strand and segment, (2 * n_rows,).

    Parameters
    ----------
    places
        Rows of the doubled axis.
    edges
        Lower edges of the classes of distance, the first 0.

    Returns
    -------
    0 to len(edges) - 1 at or downstream of the place in reading direction, then as many upstream, then "none
    in the segment".
    """
    n_rows, k = int(segments[-1]), len(edges)
    # 2 k: no such place in the segment
    out = np.full(2 * n_rows, 2 * k, dtype=np.uint16)
    for strand in (0, 1):
        on_strand = np.sort(places[(places >= n_rows) == bool(strand)]) - strand * n_rows
        for a, b in pairwise(segments.tolist()):
            inside = on_strand[np.searchsorted(on_strand, a) : np.searchsorted(on_strand, b)]
            if not len(inside):
                continue
            rows = np.arange(a, b)
            # the place at or after each row, the one before it; at the ends one of them stands for both
            after = np.clip(np.searchsorted(inside, rows), 0, len(inside) - 1)
            before = np.maximum(after - 1, 0)
            # ties go to the place before
            nearer = np.where(np.abs(inside[before] - rows) <= np.abs(inside[after] - rows), before, after)
            # reading direction: on strand − higher rows come earlier
            signed = (rows - inside[nearer]) * (-1 if strand else 1)
            distance = np.searchsorted(edges, np.abs(signed), side="right") - 1
            # upstream classes follow those downstream
            out[strand * n_rows + rows] = distance + k * (signed < 0)
    return out
