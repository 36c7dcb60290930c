"""Classes with few instances: choice of feature and threshold on some blocks, judgement on the others, in turn.

A class of six prophages or of sixty tRNA genes, most of whose copies are tied together, leaves too few instances on a
fixed test split. Here each fold of blocks is held out once: feature and threshold are chosen on all other folds and
applied to it, so that every instance is judged once, by a choice it had no part in. Blocks that one instance spans, or
that hold homologous instances of the class, are in one fold. Counts are pooled over folds.

The null shifts the instances circularly along each contig, as one pattern, and repeats everything, folds and choice of
feature included: its p-value is free of the selection among features (Phipson and Smyth 2010,
doi:10.2202/1544-6115.1585).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from photo51.enrichment.annotations.leaks import canonical_kmers
from photo51.enrichment.annotations.scoring import harmonic
from photo51.stats.quantiles import distinct_quantiles

_SHARED = 0.5  # share of an instance's k-mers that makes it a copy of another
_ENTRIES = 40_000_000  # active entries of a chunk of units


class Pieces(NamedTuple):
    """Where the instances of a reading lie: rows of strand + and the strands that are read, a piece an entry.

    Attributes
    ----------
    start, end
        Rows, half-open, (n_pieces,).
    strand
        0: codes of +, 1: of -, 2: both.
    instance
        Number of the instance, 0 … n_instances - 1, pieces in its order.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.int64]
    instance: NDArray[np.int64]

    @property
    def n_instances(self) -> int:
        """Number of instances."""
        return int(self.instance.max(initial=-1)) + 1


class Folds(NamedTuple):
    """Which fold each block, and each instance, is held out with.

    Attributes
    ----------
    block
        (n_blocks,).
    instance
        (n_instances,).
    n
        Number of folds.
    n_groups
        Groups of instances that are independent of each other: the most folds there could be.
    """

    block: NDArray[np.int64]
    instance: NDArray[np.int64]
    n: int
    n_groups: int


class Levels(NamedTuple):
    """Some units with their activations on a grid of thresholds.

    Attributes
    ----------
    first
        Number of the first unit.
    rows
        Doubled-axis rows × units: level + 1 of each active entry.
    active
        Active rows of each block at or above each level, (n_blocks, n_units, n_levels).
    grid
        Thresholds, (n_units, n_levels).
    """

    first: int
    rows: sp.csr_array
    active: NDArray[np.int32]
    grid: NDArray[np.float32]


class Judged(NamedTuple):
    """What the chosen units did on the folds they had no part in.

    Attributes
    ----------
    f1
        Harmonic mean of pooled precision (bases) and pooled recall (instances).
    unit, level
        Choice of each fold, (n_folds,); -1 where no unit hit anything on the others.
    f1_chosen
        F1 of the choice where it was made, (n_folds,): optimistic.
    active, inside, hit
        Active rows, those inside, and instances hit, on the held-out blocks, (n_folds,).
    """

    f1: float
    unit: NDArray[np.int64]
    level: NDArray[np.int64]
    f1_chosen: NDArray[np.float64]
    active: NDArray[np.int64]
    inside: NDArray[np.int64]
    hit: NDArray[np.int64]


def copy_groups(pieces: Pieces, bases: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Group of each instance: those that share half of the distinct k-mers of the one that has fewer, also through
    others.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    k
        At most 31; instances shorter than k are copies of none.
    """
    owned: list[list[NDArray[np.uint64]]] = [[] for _ in range(pieces.n_instances)]
    for start, end, instance in zip(*(x.tolist() for x in (pieces.start, pieces.end, pieces.instance)), strict=True):
        if end - start >= k:
            kmers, unambiguous = canonical_kmers(bases[start:end], k)
            owned[instance].append(kmers[unambiguous])
    distinct = [np.unique(np.concatenate([np.zeros(0, np.uint64), *parts])) for parts in owned]
    size = np.array([len(x) for x in distinct], dtype=float)
    numbers, column = np.unique(np.concatenate([np.zeros(0, np.uint64), *distinct]), return_inverse=True)
    row = np.repeat(np.arange(len(distinct)), size.astype(int))
    holds = sp.csr_array((np.ones(len(row), dtype=np.float32), (row, column)), shape=(len(distinct), len(numbers)))
    # (instances, instances): shared distinct k-mers
    shared = sp.coo_array(holds @ holds.T)
    # of the smaller one: a fragment is a copy of the whole
    linked = shared.data >= _SHARED * np.minimum(size[shared.row], size[shared.col])
    graph = sp.coo_array((np.ones(linked.sum()), (shared.row[linked], shared.col[linked])), shape=shared.shape)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def folds_of(
    pieces: Pieces,
    group: NDArray[np.int64],
    bounds: NDArray[np.int64],
    n_folds: int,
    rng: np.random.Generator,
) -> Folds:
    """Folds of blocks: the blocks of a group of instances together, instances spread evenly, empty blocks dealt by
    length.

    Parameters
    ----------
    group
        Instances of one group stay together, (n_instances,).
    bounds
        Row bounds of blocks, (n_blocks + 1,).
    n_folds
        Most folds.
    rng
        Order among groups of one size.
    """
    n_blocks, size = len(bounds) - 1, np.diff(bounds)
    first = np.searchsorted(bounds, pieces.start, side="right") - 1
    last = np.searchsorted(bounds, pieces.end - 1, side="right") - 1
    # every block that a piece reaches into
    left = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)] or [np.zeros(0, int)])
    # groups as nodes behind the blocks: what is connected must stay in one fold
    right = n_blocks + np.repeat(group[pieces.instance], last - first + 1)
    nodes = n_blocks + int(group.max(initial=-1)) + 1
    graph = sp.coo_array((np.ones(len(left)), (left, right)), shape=(nodes, nodes))
    label = connected_components(graph, directed=False)[1]
    component = label[n_blocks + group]
    components, count = np.unique(component, return_counts=True)
    n = min(n_folds, len(components))
    # largest groups first, into the fold that has fewest: a greedy balance
    order = np.lexsort([rng.permutation(len(components)), -count])
    load, fold_of = np.zeros(max(n, 1)), {}
    for g in order.tolist():
        fold_of[int(components[g])] = fold = int(np.argmin(load))
        load[fold] += count[g]
    # −1: a block without instance
    block = np.array([fold_of.get(int(x), -1) for x in label[:n_blocks]], dtype=np.int64)
    # rows of each fold so far
    filled = np.bincount(block[block >= 0], size[block >= 0], minlength=max(n, 1)).astype(float)
    for b in np.lexsort([rng.permutation(n_blocks), -size]).tolist():
        if block[b] < 0:
            block[b] = int(np.argmin(filled))
            filled[block[b]] += size[b]
    instance = np.array([fold_of[int(c)] for c in component], dtype=np.int64)
    return Folds(block, instance, n, len(components))


def shifted_pieces(pieces: Pieces, contigs: NDArray[np.int64], rng: np.random.Generator) -> Pieces:
    """Instances shifted circularly along each contig, all of a contig by one distance; a piece over its end becomes
    two.

    Parameters
    ----------
    contigs
        Row bounds of contigs, (n_contigs + 1,).
    """
    contig = np.searchsorted(contigs, pieces.start, side="right") - 1
    low, length = contigs[contig], np.diff(contigs)[contig]
    # one distance a contig
    by = rng.integers(0, np.diff(contigs))[contig]
    start = low + (pieces.start - low + by) % length
    end = start + pieces.end - pieces.start
    # beyond the contig's end: that part begins again at its start
    over = end - (low + length)
    cut = over > 0
    parts = [
        np.concatenate([start, low[cut]]),
        np.concatenate([np.where(cut, low + length, end), low[cut] + over[cut]]),
        np.concatenate([pieces.strand, pieces.strand[cut]]),
        np.concatenate([pieces.instance, pieces.instance[cut]]),
    ]
    order = np.argsort(parts[3], kind="stable")
    return Pieces(*(x[order] for x in parts))


def levels_of(matrix: sp.csc_array, bounds: NDArray[np.int64], n_levels: int) -> Iterator[Levels]:
    """Units in chunks, their activations on a grid of quantiles of their non-zero values: labels do not decide the
    grid.

    Parameters
    ----------
    matrix
        Units on the doubled axis, (2 * n_rows, n_units).
    bounds
        Row bounds of blocks, (n_blocks + 1,).
    """
    n_rows, n_blocks = int(bounds[-1]), len(bounds) - 1
    ends = matrix.indptr.astype(np.int64)
    first = 0
    while first < matrix.shape[1]:
        # units whose entries fit, one at least
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + _ENTRIES, side="right")) - 1)
        part = sp.csc_array(matrix[:, first:last])
        n = last - first
        grid = np.full((n, n_levels), np.inf, dtype=np.float32)
        level = np.zeros(part.nnz, dtype=np.uint8)
        active = np.zeros((n_blocks, n, n_levels), dtype=np.int32)
        for j in range(n):
            entries = slice(part.indptr[j], part.indptr[j + 1])
            values = part.data[entries]
            if not len(values):
                continue
            steps = distinct_quantiles(values, n_levels)
            grid[j, : len(steps)] = steps
            step = np.searchsorted(steps, values, side="right") - 1
            level[entries] = step + 1
            block = np.searchsorted(bounds, part.indices[entries] % n_rows, side="right") - 1
            # entries by block and step in one count
            active[:, j] = np.bincount(block * n_levels + step, minlength=n_blocks * n_levels).reshape(n_blocks, -1)
        # counts at a level become counts at or above it
        active = active[:, :, ::-1].cumsum(axis=2, dtype=np.int32)[:, :, ::-1]
        yield Levels(first, sp.csc_array((level, part.indices, part.indptr), shape=part.shape).tocsr(), active, grid)
        first = last


def judge_folds(chunks: Sequence[Levels], arrangements: Sequence[tuple[Pieces, Folds]], n_rows: int) -> list[Judged]:
    """Choose on the other folds and judge on each, for the instances as they are and for every shift of them.

    Parameters
    ----------
    chunks
        All units.
    arrangements
        Instances and their folds; at least two folds.
    n_rows
        Rows of strand +.
    """
    stamp = np.full(2 * n_rows, -1, dtype=np.int64)
    out = []
    for number, (pieces, folds) in enumerate(arrangements):
        best = _Best(folds)
        for c, chunk in enumerate(chunks):
            best.meet(chunk, pieces, stamp, number * len(chunks) + c)
        out.append(best.judged())
    return out


class _Best:
    """The best choice of each fold so far, over chunks of units."""

    def __init__(self, folds: Folds):
        self.folds = folds
        self.n = np.bincount(folds.instance, minlength=folds.n)
        self.f1 = np.zeros(folds.n)
        self.unit, self.level = np.full(folds.n, -1), np.full(folds.n, -1)
        self.active, self.inside, self.hit = (np.zeros(folds.n, dtype=np.int64) for _ in range(3))

    def meet(self, chunk: Levels, pieces: Pieces, stamp: NDArray[np.int64], draw: int) -> None:
        folds, shape = self.folds, chunk.grid.shape
        inside = np.zeros((folds.n, *shape), dtype=np.int64)
        hit = np.zeros((folds.n, *shape), dtype=np.int64)
        csr = chunk.rows.indptr, chunk.rows.indices, chunk.rows.data
        _count(*csr, pieces, folds.instance[pieces.instance], (stamp, draw), inside, hit)
        # as in `active`: at or above
        inside, hit = (x[:, :, ::-1].cumsum(axis=2)[:, :, ::-1] for x in (inside, hit))
        active = np.stack([chunk.active[folds.block == f].sum(axis=0, dtype=np.int64) for f in range(folds.n)])
        all_active, all_inside, all_hit = (x.sum(axis=0) for x in (active, inside, hit))
        used = np.flatnonzero(all_hit.any(axis=1))
        if not len(used):
            return
        for f in range(folds.n):
            # of the other folds: all less this one
            precision = (all_inside - inside[f])[used] / np.maximum((all_active - active[f])[used], 1)
            recall = (all_hit - hit[f])[used] / max(int(self.n.sum() - self.n[f]), 1)
            score = harmonic(precision, recall)
            u, level = np.unravel_index(int(np.argmax(score)), score.shape)
            # greater, not equal: of equal choices the first unit met is kept
            if score[u, level] > self.f1[f]:
                place = (f, used[u], level)
                self.f1[f], self.unit[f], self.level[f] = score[u, level], chunk.first + used[u], level
                self.active[f], self.inside[f], self.hit[f] = active[place], inside[place], hit[place]

    def judged(self) -> Judged:
        precision = self.inside.sum() / max(int(self.active.sum()), 1)
        recall = self.hit.sum() / max(int(self.n.sum()), 1)
        f1 = float(harmonic(np.array(precision), np.array(recall)))
        return Judged(f1, self.unit, self.level, self.f1, self.active, self.inside, self.hit)


@numba.njit(cache=True, nogil=True)
def _count(indptr, indices, levels, pieces, fold, stamped, inside, hit):  # noqa: PLR0917
    """Rows inside instances and instances hit, by fold, unit and level; a row in two instances counts once."""
    starts, ends, strands, instances = pieces
    stamp, draw = stamped
    n_rows = len(stamp) // 2
    highest = np.zeros(inside.shape[1], dtype=np.int64)
    touched = np.zeros(inside.shape[1], dtype=np.int64)
    n_touched = 0
    for p in range(len(starts)):
        f = fold[p]
        for s in range(2):
            if strands[p] != 2 and strands[p] != s:
                continue
            for row in range(s * n_rows + starts[p], s * n_rows + ends[p]):
                # a row counts once for an arrangement, however many instances it lies in
                new = stamp[row] != draw
                stamp[row] = draw
                for k in range(indptr[row], indptr[row + 1]):
                    unit, level = indices[k], np.int64(levels[k])
                    if new:
                        inside[f, unit, level - 1] += 1
                    if highest[unit] == 0:
                        touched[n_touched] = unit
                        n_touched += 1
                    highest[unit] = max(highest[unit], level)
        # the last piece of its instance: its highest level decides the hit
        if p + 1 == len(starts) or instances[p + 1] != instances[p]:
            for t in range(n_touched):
                hit[f, touched[t], highest[touched[t]] - 1] += 1
                highest[touched[t]] = 0
            n_touched = 0
