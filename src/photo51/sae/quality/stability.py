"""Do other seeds find the same features?

Two dictionaries agree on a feature if each one's direction is the other's nearest, and close. Directions alone can
agree while codes do not, so that codes on held-out bases are correlated too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

CLOSE = 0.7
SAME = 0.8  # cosine of directions, and correlation of codes, from which two features are the same
_BLOCK = 2_048


class Nearest(NamedTuple):
    """For each row: index of the most similar row of the other matrix, and the cosine."""

    index: NDArray[np.int64]  # type: ignore[assignment]
    cosine: NDArray[np.float32]


def nearest(one: NDArray[np.float32], two: NDArray[np.float32]) -> Nearest:
    """Nearest row of `two` (m, d_model) by cosine, for each row of `one` (n, d_model); of equal ones the first."""
    one, two = _unit(one), _unit(two)
    index, cosine = np.empty(len(one), np.int64), np.empty(len(one), np.float32)
    for a in range(0, len(one), _BLOCK):
        # in parts of rows: all cosines at once would be features² numbers
        near = one[a : a + _BLOCK] @ two.T
        index[a : a + _BLOCK] = near.argmax(axis=1)
        cosine[a : a + _BLOCK] = near.max(axis=1)
    return Nearest(index, cosine)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def compare_dictionaries(one: Dictionary, two: Dictionary, x: NDArray[np.float32] | None = None) -> pd.DataFrame:
    """Each feature of `one` with its nearest in `two`.

    Parameters
    ----------
    one, two
        Dictionaries of the same activations.
    x
        (rows, d_model) held-out activations, to correlate codes on.

    Returns
    -------
    One row per feature of `one`: `feature`, `partner`, `cosine`, `mutual` (whether the partner's nearest is
    this feature) and `correlation` (Pearson's, of the codes on `x`; NaN without `x`, or where one of the two is never
    active).
    """
    if one.origin.key() != two.origin.key():
        raise InputError(f"stability: need dictionaries of the same activations, got {one.origin} and {two.origin}")
    there, back = nearest(one.decoder, two.decoder), nearest(two.decoder, one.decoder)
    table = pd.DataFrame(
        {
            "feature": np.arange(one.n_features),
            "partner": there.index,
            "cosine": there.cosine,
            # mutual: the nearest of the nearest is the feature itself
            "mutual": back.index[there.index] == np.arange(one.n_features),
            "correlation": np.nan,
        }
    )
    if x is not None:
        # columns of the partner in the order of the features
        table["correlation"] = code_correlations(one.encode(x), two.encode(x)[:, there.index])
    return table


def code_correlations(a: sp.csr_matrix, b: sp.csr_matrix) -> NDArray[np.float64]:
    """Pearson's correlation of each column of `a` with the same column of `b`; NaN where one does not vary."""
    n = a.shape[0]
    a, b = a.astype(np.float64), b.astype(np.float64)
    # means of a, b, a², b² and ab from the non-zero entries alone; the zeros are in n
    sums = [np.asarray(m.sum(axis=0)).ravel() / n for m in (a, b, a.multiply(a), b.multiply(b), a.multiply(b))]
    mean_a, mean_b, square_a, square_b, product = sums
    # √(Var a · Var b), each E[a²] - E[a]²; rounding may leave it below 0
    spread = np.sqrt(np.maximum(square_a - mean_a**2, 0) * np.maximum(square_b - mean_b**2, 0))
    # what is left of a constant column by rounding is no variance
    varies = spread > 1e-12 * np.maximum(square_a, square_b)
    return np.where(varies, (product - mean_a * mean_b) / np.where(varies, spread, 1), np.nan)


def stability_score(table: pd.DataFrame) -> float:
    """Share of features with a mutual nearest direction closer than `CLOSE`; of those whose activations vary with those
    of their partner, where that was measured: what is never active keeps the direction that it began with.
    """
    measured = table
    if "correlation" in table and table["correlation"].notna().any():
        measured = table[table["correlation"].notna()]
    return float((measured["mutual"] & (measured["cosine"] > CLOSE)).mean())


def found_again(
    dictionary: Dictionary, others: Mapping[str, Dictionary], x: NDArray[np.float32], same: float = SAME
) -> pd.DataFrame:
    """For each feature: in which other dictionaries it is found again, by direction and by activation.

    The partner in another dictionary is the feature with the nearest direction; of equal directions one that is active
    on `x`. It is the same feature where cosine and correlation of activations both reach `same`.

    Parameters
    ----------
    dictionary
        Dictionary whose features are looked for.
    others
        Name → dictionary of the same activations, trained with another seed.
    x
        (rows, d_model) activations that no dictionary learned from.
    same
        Smallest cosine and correlation of one feature found twice.

    Returns
    -------
    One row a feature: `feature`, `live` (active on `x`), `match` (share of `others` in which it is found),
    `match_cosine` and `match_correlation` (means over `others`; NaN where it is never active), `partners`
    (`name:feature` of each match).

    Raises
    ------
    InputError
        For dictionaries of other activations, the same dictionary once more, or none to look in.
    """
    if not others:
        raise InputError("seed match: need at least one dictionary of another seed, got none")
    codes = dictionary.encode(x)
    live = np.asarray(codes.astype(bool).sum(axis=0)).ravel() > 0
    cosine, r, partner = [], [], []
    for name, other in others.items():
        dictionary.origin.require(other.origin, f"dictionary of seed {name}: activations")
        if other.hash == dictionary.hash:
            raise InputError(f"dictionary of seed {name}: need one of another seed, got the same once more")
        theirs = other.encode(x)
        near = nearest(dictionary.decoder, other.decoder)
        index = near.index.copy()
        active = np.flatnonzero(np.asarray(theirs.astype(bool).sum(axis=0)).ravel())
        if len(active):
            # of a direction that two features have, the dead one is nobody's partner
            among = nearest(dictionary.decoder, other.decoder[active])
            equal = among.cosine >= near.cosine - np.float32(1e-6)
            index[equal] = active[among.index[equal]]
        cosine.append(near.cosine)
        r.append(code_correlations(codes, theirs[:, index]))
        partner.append(index)
    cosines, rs = np.stack(cosine).astype(np.float64), np.stack(r)
    # a correlation that does not exist is no match
    hit = (cosines >= same) & (np.nan_to_num(rs, nan=-1.0) >= same)
    names = list(others)
    measurable = np.isfinite(rs).any(axis=0)
    mean_r = np.full(dictionary.n_features, np.nan)
    mean_r[measurable] = np.nanmean(rs[:, measurable], axis=0)
    return pd.DataFrame(
        {
            "feature": np.arange(dictionary.n_features),
            "live": live,
            "match": hit.mean(axis=0),
            "match_cosine": cosines.mean(axis=0),
            "match_correlation": mean_r,
            "partners": [
                ",".join(f"{names[i]}:{partner[i][f]}" for i in np.flatnonzero(hit[:, f]))
                for f in range(dictionary.n_features)
            ],
        }
    )


def seed_match_shares(table: pd.DataFrame, named: Collection[int]) -> dict[str, float | None]:
    """Mean share of other seeds that find a live feature, and a named one; None where there are none.

    Parameters
    ----------
    table
        What `found_again` gives.
    named
        Numbers of the named features.
    """
    groups = {"seed_match_live": table["live"], "seed_match_named": table["feature"].isin(named)}
    return {name: float(table.loc[rows, "match"].mean()) if rows.any() else None for name, rows in groups.items()}
