"""Clades of a cohort: whose descendants resemble each other, and whether a phenotype is spread over enough of them.

A phenotype that changed once on the tree is one observation, however many individuals carry it. No test can tell its
cause from all else that the clade inherited, so none is printed.

Clades are cut so that they can be used: a clone of thousands beside a few rare lineages is divided further, along its
own tree, and what is too small to be judged by itself joins its nearest relatives. Parts of one clone are close
relatives, and whoever reads a result is told how large the largest clade is and how well the clades come back when
markers are drawn anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage, to_tree
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from photo51.stats.mixed import similarity
from photo51.types import InputError

MIN_CLADES = 3
SMALLEST = 20
SAMPLE = 500
_SAME = 1e-9


def clades(relatedness: ArrayLike, n: int) -> NDArray[np.int64]:
    """Cut a kinship matrix into about `n` clades that are neither most of the cohort nor single individuals.

    The Ward tree is cut into `n`; a clade of more than twice its share is divided along its tree, unless its members do
    not differ; a clade below 20 individuals (in small cohorts a quarter of a clade's share, 2 at least) joins the one
    nearest to it.

    Parameters
    ----------
    relatedness
        (n_individuals, n_individuals) similarity.
    n
        Clades wanted.

    Returns
    -------
    Labels from 0, largest first, (n_individuals,).

    References
    ----------
    Ward 1963, doi:10.1080/01621459.1963.10500845.
    """
    k = np.asarray(relatedness, dtype=float)
    size = len(k)
    if size <= 2:
        return np.zeros(size, dtype=np.int64)
    diagonal = np.diag(k)
    # |x − y|² = x·x + y·y − 2 x·y: Euclidean distance of the vectors whose products the similarity holds
    distance = np.sqrt(np.clip(diagonal[:, None] + diagonal[None] - 2 * k, 0.0, None))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="ward")
    labels = fcluster(tree, min(n, size), criterion="maxclust") - 1
    labels = _divided(labels, tree, max_size=max(2, -(-2 * size // n)))
    labels = _joined(labels, k, min_size=max(2, min(SMALLEST, size // (4 * n))))
    order = np.argsort(-np.bincount(labels), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels].astype(np.int64)


def _divided(labels: NDArray[np.int64], tree: NDArray[np.float64], max_size: int) -> NDArray[np.int64]:
    """Divide clades of more than `max_size` at the forks of the tree below them."""
    root, nodes = to_tree(tree, rd=True)
    del root
    labels = labels.copy()
    height = max(float(tree[-1, 2]), 1e-300)
    for label in np.flatnonzero(np.bincount(labels) > max_size):
        members = set(np.flatnonzero(labels == label).tolist())
        top = next(node for node in nodes if node.count == len(members) and set(node.pre_order()) == members)
        parts, done = [top], []
        while parts:
            node = parts.pop()
            if node.count <= max_size or node.is_leaf() or node.dist <= _SAME * height:
                done.append(node)
            else:
                parts += [node.left, node.right]
        for node in done[1:]:
            labels[node.pre_order()] = labels.max() + 1
    return labels


def _joined(labels: NDArray[np.int64], k: NDArray[np.float64], min_size: int) -> NDArray[np.int64]:
    """Join clades below `min_size`, smallest first, to the one whose centre is nearest."""
    _, labels = np.unique(labels, return_inverse=True)
    indicator = np.eye(labels.max() + 1)[labels]
    # sums of similarity between clades, from which distances of centres follow without the individuals
    sums, size = indicator.T @ k @ indicator, indicator.sum(0)
    target = np.arange(len(size))
    while (size > 0).sum() > 1 and size[size > 0].min() < min_size:
        alive = np.flatnonzero(size)
        small = alive[np.argmin(size[alive])]
        others = alive[alive != small]
        within = np.diag(sums)[others] / size[others] ** 2
        # squared distance of centres; the own part of the small clade is the same for all and left out
        distance = within - 2 * sums[small, others] / (size[small] * size[others])
        near = others[np.argmin(distance)]
        # rows, then columns: what lies between the two is in both, and ends inside the joined clade
        sums[near] += sums[small]
        sums[:, near] += sums[:, small]
        size[near] += size[small]
        size[small] = 0
        target[target == small] = near
    _, labels = np.unique(target[labels], return_inverse=True)
    return labels


class Stability(NamedTuple):
    """How well clades come back when markers are drawn anew.

    Attributes
    ----------
    rand
        Mean adjusted Rand index of the clades with those of each draw: 1 the same, 0 chance.
    jaccard
        Mean overlap of each clade with the clade of each draw that is most like it, (n_clades,).
    """

    rand: float
    jaccard: NDArray[np.float64]


def stability(markers: ArrayLike, labels: ArrayLike, n: int, *, rng: np.random.Generator, draws: int = 20) -> Stability:
    """Bootstrap the markers and cut again, on 500 individuals at most.

    Parameters
    ----------
    markers
        (n_individuals, n_markers); NaN where unknown.
    labels
        Clades of all, from 0, (n_individuals,).
    n
        Clades wanted, as for `clades`.
    rng, draws
        Source of randomness, and how many bootstraps.

    References
    ----------
    Hennig 2007, doi:10.1016/j.csda.2006.11.025; Hubert & Arabie 1985, doi:10.1007/BF01908075.
    """
    x, labels = np.asarray(markers, dtype=float), np.asarray(labels)
    if len(x) > SAMPLE:
        rows = np.sort(rng.choice(len(x), SAMPLE, replace=False))
        x, labels = x[rows], labels[rows]
    size = int(np.max(labels)) + 1
    rand, overlap = [], np.full((draws, size), np.nan)
    for draw in range(draws):
        # markers are drawn with replacement, individuals stay
        again = clades(similarity(x[:, rng.integers(0, x.shape[1], x.shape[1])]), n)
        rand.append(float(adjusted_rand_score(labels, again)))
        both = np.zeros((size, again.max() + 1))
        np.add.at(both, (labels, again), 1.0)
        # Jaccard of every clade with every clade of the draw
        union = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
        present = both.sum(1) > 0
        overlap[draw, present] = (both / np.maximum(union, 1)).max(1)[present]
    defined = ~np.isnan(overlap).all(0)
    jaccard = np.full(size, np.nan)
    jaccard[defined] = np.nanmean(overlap[:, defined], axis=0)
    return Stability(float(np.mean(rand)), jaccard)


def clades_with_both(phenotype: ArrayLike, clade: ArrayLike) -> int:
    """Number of clades within which the phenotype takes more than one value."""
    phenotype, (_, clade) = np.asarray(phenotype), np.unique(np.asarray(clade), return_inverse=True)
    return sum(len(np.unique(phenotype[clade == c])) > 1 for c in range(clade.max() + 1))


def require_spread(phenotype: ArrayLike, clade: ArrayLike, minimum: int = MIN_CLADES) -> int:
    """Number of clades with more than one value of the phenotype.

    Raises
    ------
    InputError
        Where there are fewer than `minimum`.
    """
    n_clades = clades_with_both(phenotype, clade)
    if n_clades < minimum:
        raise InputError(
            f"phenotype: need both classes in at least {minimum} clades, got {n_clades}; its cause cannot be told from"
            " descent"
        )
    return n_clades
