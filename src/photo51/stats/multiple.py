"""Many tests at once: which p-values are discoveries.

A family is complete: every pair that could have been tested is in it, whatever its outcome. Pairs are left out only by
rules that do not look at the outcome (too few runs, an attainable p that is too large).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Smallest false discovery rate at which each test is a discovery.

    Parameters
    ----------
    p
        p-values, any shape; NaN is a test that was not done: it gets NaN and does not count.

    Returns
    -------
    q-values in the shape of `p`.

    Raises
    ------
    ValueError
        Where a p-value lies outside [0, 1].

    References
    ----------
    Benjamini and Hochberg 1995, J R Stat Soc B 57:289, doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    p = np.asarray(p, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    done = ~np.isnan(p)
    tested = p[done]
    if not len(tested):
        return q
    if tested.min() < 0 or tested.max() > 1:
        raise ValueError(f"p: need values in [0, 1], got {tested.min()}..{tested.max()}")
    order = np.argsort(tested, kind="stable")
    ranks = np.arange(1, len(tested) + 1)
    # p₍ᵢ₎ m / i
    steps = tested[order] * (len(tested) / ranks)
    adjusted = np.empty(len(tested))
    # step-up: the least of all at this rank and beyond
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    q[done] = adjusted
    return q


def bh_within(p: ArrayLike, groups: ArrayLike) -> NDArray[np.float64]:
    """`benjamini_hochberg` in each group apart, (n,)."""
    p = np.asarray(p, dtype=np.float64)
    labels, inverse = np.unique(np.asarray(groups), return_inverse=True)
    q = np.full(p.shape, np.nan)
    for g in range(len(labels)):
        in_group = inverse == g
        q[in_group] = benjamini_hochberg(p[in_group])
    return q


def hierarchical(p: ArrayLike, families: ArrayLike) -> NDArray[np.float64]:
    """False discovery rates of tests in families, of which only those that hold something are looked into.

    Level 1 asks of each family whether it holds anything (Simes' p: its smallest Benjamini-Hochberg q), and selects R
    of m families by Benjamini and Hochberg at α. Level 2 is Benjamini and Hochberg within each selected family at α R
    / m. That bounds at α the share of false families among the selected, and the average over selected families of the
    share of false tests within each: false hits cannot gather in families that hold nothing, which one family over all
    tests allows.

    Parameters
    ----------
    p
        p-values, (n,); NaN is a test that was not done: it gets NaN and does not count.
    families
        Family of each test, (n,).

    Returns
    -------
    Smallest α at which each test is a discovery (its family selected, and it within the family), (n,).

    References
    ----------
    Benjamini and Bogomolov 2014, J R Stat Soc B 76:297, doi:10.1111/rssb.12028; Peterson et al. 2016, Genet
    Epidemiol 40:45, doi:10.1002/gepi.21942
    """
    p = np.asarray(p, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    done = np.flatnonzero(~np.isnan(p))
    if not len(done):
        return q
    labels, family = np.unique(np.asarray(families)[done], return_inverse=True)
    within = bh_within(p[done], family)
    simes = np.ones(len(labels))
    # Simes' p of a family, min p₍ᵢ₎ m / i, is the smallest of its q
    np.minimum.at(simes, family, within)
    first = benjamini_hochberg(simes)
    # α R(α) ≥ m within holds from the smallest of max(k-th family's q, m within / k) on: R(α) ≥ k from the k-th
    # family's q on
    selected, k = np.sort(first), np.arange(1, len(labels) + 1)
    second = np.full(len(done), np.inf)
    for threshold, n in zip(selected.tolist(), k.tolist(), strict=True):
        second = np.minimum(second, np.maximum(threshold, len(labels) * within / n))
    q[done] = np.minimum(np.maximum(first[family], second), 1.0)
    return q


def attainable(p_floor: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Tests whose smallest attainable p could ever matter in their family.

    Tarone's rule: the smallest k such that at most k tests have an attainable p ≤ alpha/k; the others cannot be
    rejected whatever they show, so that leaving them out costs nothing and shrinks the family. The attainable p must
    depend on the margins alone (densities, coverages), never on the outcome.

    Parameters
    ----------
    p_floor
        Smallest attainable p of each test; NaN is a test that was not done.
    alpha
        Level of the family.

    Returns
    -------
    Which tests stay, (n,).

    References
    ----------
    Tarone 1990, Biometrics 46:515, doi:10.2307/2531456; for the false discovery rate Gilbert 2005,
    J R Stat Soc C 54:143, doi:10.1111/j.1467-9876.2005.00475.x
    """
    floor = np.asarray(p_floor, dtype=np.float64)
    floors = np.sort(floor[~np.isnan(floor)])
    if not len(floors):
        return np.zeros(floor.shape, dtype=bool)
    k = np.arange(1, len(floors) + 1)
    # number of tests with an attainable p of at most α / k, for every k at once; the first that is not above k
    k_star = int(k[np.searchsorted(floors, alpha / k, side="right") <= k][0])
    with np.errstate(invalid="ignore"):
        return floor <= alpha / k_star
