"""Clades of a cohort: whose descendants resemble each other, and whether a phenotype is spread over enough of them.

A phenotype that changed once on the tree is one observation, however many individuals carry it. No test can tell its
cause from all else that the clade inherited, so none is printed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from photo51.types import InputError

MIN_CLADES = 3


def clades(similarity: ArrayLike, n: int) -> NDArray[np.int64]:
    """Cut the average-linkage tree of a kinship matrix (n, n) into at most `n` clades; labels from 0, largest first."""
    k = np.asarray(similarity, dtype=float)
    diagonal = np.diag(k)
    distance = np.sqrt(np.clip(diagonal[:, None] + diagonal[None] - 2 * k, 0.0, None))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    found = fcluster(tree, n, criterion="maxclust") - 1
    order = np.argsort(-np.bincount(found), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[found].astype(np.int64)


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
    found = clades_with_both(phenotype, clade)
    if found < minimum:
        raise InputError(
            f"phenotype: need both classes in at least {minimum} clades, got {found}; its cause cannot be told from descent"
        )
    return found
