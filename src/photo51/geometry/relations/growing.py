"""From modules to candidate manifolds: which of the features that fire together stay dependent once their occasion is
given?

Inside each module the conditional dependence is measured, features that depend strongly are pooled, and what is pooled
is measured again: far tiles of a ring never fire together, but the arcs they belong to meet. Then weaker dependence is
let in, step by step, down to a floor. What comes out is a tree: pieces grow, and pieces of two things merge where a
weak dependence joins them at last, as everything does in a genome. A piece is a candidate manifold where it outlives,
over the strengths, the pieces it is made of and what it is lost in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from photo51.geometry.relations.clusters import NONE, by_size, leiden
from photo51.geometry.relations.dependence import conditional_dependence, on_levels, own_sums
from photo51.geometry.relations.tokens import Tokens, autocorrelation, firing

STRONGEST, STEP = 0.8, 2**-0.25  # |r| at which pooling begins, and by what it falls


class Grown(NamedTuple):
    """Candidate manifolds.

    Attributes
    ----------
    label
        (features,) candidate, numbered from the largest; −1 for features in none.
    strengths
        (levels,) |r| of each level of the tree, falling.
    levels
        (levels, features) pieces at each; each level's pieces are unions of those of the level before.
    """

    label: NDArray[np.int64]
    strengths: NDArray[np.float64]
    levels: NDArray[np.int64]


def grow(
    tokens: Tokens,
    module: NDArray[np.integer],
    *,
    floor: float = 0.01,
    n_lags: int = 1024,
    resolution: float = 0.5,
    seeds: Sequence[int] = (0,),
    smallest: int = 3,
) -> Grown:
    """Grow the tree of pieces and take those that last.

    Parameters
    ----------
    tokens
        Codes in sequence.
    module
        (features,) number of the module; −1 is in none.
    floor
        Conditional dependence (share of variance) below which pooled features are different things.
    n_lags
        Lags (tokens) over which runs are allowed for; 0 takes tokens as independent.
    resolution, seeds
        Of the Leiden that pools.
    """
    inside = np.flatnonzero(np.asarray(module) >= 0)
    strengths = _strengths(np.sqrt(floor))
    label = np.full(len(module), NONE, np.int64)
    if not len(inside):
        return Grown(label, strengths, np.zeros((len(strengths), len(module)), np.int64))
    own_tokens, module_of = tokens.take(inside), np.asarray(module, np.int64)[inside]
    piece = np.arange(len(inside), dtype=np.int64)
    pieces = _first(own_tokens, module_of, n_lags)
    levels = []
    for limit in strengths:
        while True:
            # links as strong as this level, or stronger
            linked = pieces.strength.multiply(pieces.strength >= limit).tocsr()
            merged = leiden(linked, resolution, seeds)
            # nothing merged: this level is done
            if merged.max() + 1 == len(merged):
                break
            piece = merged[piece]
            pieces = _pooled(own_tokens, pieces, merged, n_lags)
        levels.append(piece)
    label[inside] = lasting(np.stack(levels), strengths, smallest)
    # features of no module are pieces by themselves, with numbers of their own
    whole = np.arange(len(module)) + len(inside)
    return Grown(label, strengths, np.stack([_filled(whole, inside, level) for level in levels]))


def _strengths(floor: float) -> NDArray[np.float64]:
    # steps until the floor is reached, the last one being the floor itself
    n = max(1, int(np.ceil(np.log(STRONGEST / floor) / -np.log(STEP))))
    return np.append(STRONGEST * STEP ** np.arange(n), floor)


def _filled(whole: NDArray[np.int64], inside: NDArray[np.int64], piece: NDArray[np.int64]) -> NDArray[np.int64]:
    out = whole.copy()
    out[inside] = piece
    return np.unique(out, return_inverse=True)[1].astype(np.int64)


class _Pieces(NamedTuple):
    """Pooled features: codes, module, what counts as on and sums there, its autocorrelation time, and |r| between
    them.
    """

    codes: csr_matrix
    module: NDArray[np.int64]
    level: NDArray[np.float64]
    sums: NDArray[np.float64]
    spread: NDArray[np.float64]
    strength: csr_matrix


def _first(tokens: Tokens, module: NDArray[np.int64], n_lags: int) -> _Pieces:
    """Every feature a piece."""
    level, spread = on_levels(tokens.codes), autocorrelation_time(tokens.codes, tokens.run, n_lags)
    sums = own_sums(tokens.codes, level)
    r2 = conditional_dependence(tokens.codes, module, spread, levels_and_sums=(level, sums))
    return _Pieces(tokens.codes, module, level, sums, spread, r2.sqrt().tocsr())


def _pooled(tokens: Tokens, old: _Pieces, now: NDArray[np.int64], n_lags: int) -> _Pieces:
    """Pieces pooled once more, measured anew only where one has changed.

    Parameters
    ----------
    now
        (old pieces,) which new piece each is in.
    """
    n = int(now.max()) + 1
    # old pieces to new ones, as a matrix of ones: the product adds their codes
    into = csr_matrix((np.ones(len(now), np.float32), (np.arange(len(now)), now)), shape=(len(now), n))
    codes = (old.codes @ into).tocsr()
    codes.sort_indices()
    module, level, sums, spread = np.empty(n, np.int64), np.empty(n), np.empty((n, 3)), np.empty(n)
    # pieces that stay keep what was measured; merged ones are measured below
    module[now], level[now], sums[now], spread[now] = old.module, old.level, old.sums, old.spread
    changed = np.bincount(now, minlength=n) > 1
    new = codes[:, np.flatnonzero(changed)].tocsr()
    level[changed], spread[changed] = on_levels(new), autocorrelation_time(new, tokens.run, n_lags)
    sums[changed] = own_sums(new, level[changed])
    r2 = conditional_dependence(codes, module, spread, changed=changed, levels_and_sums=(level, sums))
    c = old.strength.tocoo()
    i, j = now[c.row], now[c.col]
    # strengths between two pieces that did not change are still right
    unchanged = ~changed[i] & ~changed[j]
    same = coo_matrix((c.data[unchanged], (i[unchanged], j[unchanged])), shape=(n, n))
    # the two have no pair in common
    return _Pieces(codes, module, level, sums, spread, (r2.sqrt() + same).tocsr())


def autocorrelation_time(codes: csr_matrix, run: NDArray[np.integer], n_lags: int) -> NDArray[np.float64]:
    """Tokens per independent token of each feature's firing, 1 + 2 Σ ρ(l)², (features,)."""
    if n_lags == 0:
        return np.ones(codes.shape[1])
    rho = autocorrelation(firing(codes.tocsr()), run, n_lags).astype(np.float64)
    return 1 + 2 * (rho**2).sum(1)


def lasting(levels: NDArray[np.int64], strengths: NDArray[np.floating], smallest: int = 3) -> NDArray[np.int64]:
    """Pieces of a tree that last longest, none within another, (features,): members × halvings of strength lived
    through.

    A piece lives from the level at which it has `smallest` members until it merges with another one that has; taking
    in single features is growth. It is preferred to the pieces it was made of where its excess of mass is not less
    than theirs together.

    Parameters
    ----------
    levels
        (levels, features) nested labels, strongest first.
    strengths
        (levels,) falling.

    References
    ----------
    Campello, Moulavi, Zimek and Sander 2015, doi:10.1145/2733381 (excess of mass in a tree of clusters).
    """
    # halvings of strength from each level to the next; the last level lives no longer
    lived = -np.diff(np.log2(strengths), append=np.log2(strengths[-1]))
    mass: list[float] = []
    parts: list[list[int]] = []
    members: list[NDArray[np.int64]] = []
    alive: dict[int, int] = {}
    before = levels[0]
    for level, width in zip(levels, lived, strict=True):
        now: dict[int, int] = {}
        for piece in np.flatnonzero(np.bincount(level) >= smallest):
            members_of = np.flatnonzero(level == piece)
            # nodes that were alive at the level before, among the members
            made_of = sorted({alive[p] for p in np.unique(before[members_of]) if p in alive})
            # a new node: none was alive inside, or several merge
            if len(made_of) != 1:
                mass.append(0.0)
                parts.append(made_of)
                members.append(members_of)
                made_of = [len(mass) - 1]
            node = made_of[0]
            members[node] = members_of
            mass[node] += len(members_of) * width
            now[int(piece)] = node
        alive, before = now, level
    chosen: list[list[int]] = []
    for node in range(len(mass)):  # parts come before what is made of them
        below = [p for part in parts[node] for p in chosen[part]]
        worth = sum(mass[part] for part in parts[node])
        # an equal is preferred whole
        chosen.append([node] if mass[node] >= worth else below)
        mass[node] = max(mass[node], worth)
    out = np.full(levels.shape[1], NONE, np.int64)
    for number, node in enumerate(p for root in alive.values() for p in chosen[root]):
        out[members[node]] = number
    return by_size(out, smallest)
