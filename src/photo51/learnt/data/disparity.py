"""How a corpus and its records differ from a reference in what a model sees, and how much of that is composition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.cluster import hierarchy
from sklearn.covariance import LedoitWolf

from photo51.genome.alphabet import codes, reverse_complement
from photo51.io.contracts.debug_data import DISPARITY
from photo51.learnt.words.chains import chain_bits, chain_law
from photo51.stats.multiple import benjamini_hochberg

ORDER = 5  # contexts of 6-mers
SMALL = 0.2
"""Largest effect, in standard deviations, that counts as none (Cohen 1988)."""


def feature_clusters(z: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Cluster (features,) of features by correlation over (records, features), average linkage; -1 where silent."""
    live = np.flatnonzero(z.std(axis=0) > 0)
    out = np.full(z.shape[1], -1)
    if len(live) < 2:
        out[live] = 0
        return out
    tree = hierarchy.linkage(z[:, live].T, method="average", metric="correlation")
    labels = hierarchy.fcluster(tree, min(n, len(live)), criterion="maxclust")
    out[live] = np.unique(labels, return_inverse=True)[1]
    return out


def cluster_values(
    z: NDArray[np.float64], clusters: NDArray[np.int64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of the scaled features of each cluster, (records, clusters)."""
    return np.stack(
        [(z[:, clusters == c] / scale[clusters == c]).mean(axis=1) for c in range(clusters.max() + 1)], axis=1
    )


def base_composition(windows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """GC content and strand-symmetric dinucleotide shares of windows, (windows, 11)."""
    letters = codes(windows).astype(np.int64)
    # (windows, length): A, C, G, T are 0 to 3, so that C and G are 1 and 2
    gc = np.isin(letters, (1, 2)).mean(axis=1)
    # dinucleotide at i as a number of two digits of base 4
    words = 4 * letters[:, :-1] + letters[:, 1:]
    share = np.stack([(words == w).mean(axis=1) for w in range(16)], axis=1)
    # the complement of letter c is 3 - c, and the order of both turns round
    complement = np.array([4 * (3 - w % 4) + 3 - w // 4 for w in range(16)])
    # of the 16, four are their own reverse complement and twelve are six pairs: ten
    first = [w for w in range(16) if w <= complement[w]]
    return np.column_stack([gc, ((share + share[:, complement]) / 2)[:, first]])


def without(
    values: NDArray[np.float64], covariates: NDArray[np.float64], reference: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Values (records, k) less their linear prediction from covariates, fitted on the reference with a small ridge."""
    # columns that do not vary in the reference are divided by almost nothing, but their centred values are 0 there
    centre, scale = covariates[reference].mean(axis=0), covariates[reference].std(axis=0) + 1e-9
    x = np.column_stack([np.ones(len(values)), (covariates - centre) / scale])
    inside = x[reference]
    # no ridge on the intercept
    ridge = np.diag([0.0, *[1.0] * (x.shape[1] - 1)])
    weight = np.linalg.solve(inside.T @ inside + ridge, inside.T @ values[reference])
    return values - x @ weight


def reference_sd(values: NDArray[np.float64], reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Standard deviation on the reference of each column of (records, k), at least half of that on all records, (k,).

    What a reference never shows has no spread there: measured by that alone, any record that shows it would lie
    infinitely far away. A column that is the same in every record has spread 1, as its differences are 0.
    """
    floor = values.std(axis=0, ddof=1) / 2
    out = np.maximum(values[reference].std(axis=0, ddof=1), floor)
    return np.where(out > 0, out, 1.0)


def disparity(
    values: NDArray[np.float64],
    partial: NDArray[np.float64],
    surprise: NDArray[np.float64],
    reference: NDArray[np.bool_],
    own: NDArray[np.float64] | None = None,
    weight: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Columns of the contract `DISPARITY` from `d_reference` on, a row a cluster.

    Parameters
    ----------
    values, partial, surprise
        (records, clusters): of features, the same without composition, weighted by surprise; corpus and reference
        together.
    reference
        Which records are of the reference.
    own
        (records, clusters) of the corpus: what a record writes after its prompt less what the model writes.
    weight
        Of each record of the corpus in training; 1 if left out.
    """
    r, c = values[reference], values[~reference]
    w = np.ones(len(c)) if weight is None else weight
    # weights of mean one: a manifest that halves every record changes no mean
    w = w / w.mean()
    sd = reference_sd(values, reference)
    weighted = c * w[:, None]
    # both samples are of blocks, one a record
    test = stats.ttest_ind(weighted, r, equal_var=False)
    limits = test.confidence_interval(0.95)
    d = (weighted.mean(axis=0) - r.mean(axis=0)) / sd
    # every second record: a difference that two halves do not share is of few records
    halves = [np.sign(weighted[i::2].mean(axis=0) - r.mean(axis=0)) for i in (0, 1)]
    part = _effect(partial, reference, w)
    q = benjamini_hochberg(np.nan_to_num(test.pvalue, nan=1.0))
    table = pd.DataFrame(
        {
            "d_reference": d,
            "low": limits.low / sd,
            "high": limits.high / sd,
            "p": np.nan_to_num(test.pvalue, nan=1.0),
            "q": q,
            "halves_agree": halves[0] == halves[1],
            "d_partial": part,
            "d_own": np.nan if own is None else own.mean(axis=0) / sd,
            "d_surprise": _effect(surprise, reference, w),
        }
    )
    table["reading"] = np.select(
        [(q > 0.05) | (np.abs(d) < SMALL), np.abs(part) < SMALL], ["none", "composition"], "content"
    )
    return table


def _effect(
    values: NDArray[np.float64], reference: NDArray[np.bool_], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    r, c = values[reference], values[~reference]
    return ((c * weight[:, None]).mean(axis=0) - r.mean(axis=0)) / reference_sd(values, reference)


def named_disparity(table: pd.DataFrame, clusters: NDArray[np.int64], z: NDArray[np.float64]) -> pd.DataFrame:
    """With the features of each cluster (contract `DISPARITY`)."""
    strength = z.mean(axis=0)
    names, sizes = [], []
    for c in range(len(table)):
        members = np.flatnonzero(clusters == c)
        names.append(" ".join(f"f{i}" for i in members[np.argsort(-strength[members], kind="stable")][:10]))
        sizes.append(len(members))
    out = table.assign(cluster=np.arange(len(table)), features=names, n_features=sizes)
    return DISPARITY.check(out[list(DISPARITY.columns)])


def distances(values: NDArray[np.float64], reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of each record from the reference in all clusters at once, in robust deviations of the reference,
    (records,).

    Mahalanobis distance with a shrunk covariance (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4) of one
    half of the reference, judged against the other half. In units of `reference_sd`, every cluster has variance 1 at
    least.
    """
    rows = np.flatnonzero(reference)
    fitted, judged = rows[::2], rows[1::2]
    scaled = values / reference_sd(values, np.isin(np.arange(len(values)), fitted))
    # the covariance of half of the reference; its own records lie too near to it by construction
    model = LedoitWolf().fit(scaled[fitted])
    # where the spread is that of all records, the fitted half varies by less than 1: what lacks is put on the diagonal
    lacking = np.maximum(0.0, 1.0 - np.diag(model.covariance_))
    rest = scaled - model.location_
    square = np.einsum("ij,ij->i", rest @ np.linalg.inv(model.covariance_ + np.diag(lacking)), rest)
    distance = np.sqrt(square)
    return robust(distance, distance[judged])


def robust(values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the reference's median in median absolute deviations, scaled to standard ones of a normal law.

    Where more than half of the reference is the same, in standard deviations: of the reference, at least half of
    those of the values; 0 where all are the same.
    """
    centre = np.median(reference)
    # 1.4826 = 1 / Φ⁻¹(3/4): median absolute deviation of a normal law to its standard deviation
    deviation = 1.4826 * np.median(np.abs(reference - centre))
    deviation = deviation if deviation > 0 else max(reference.std(), values.std() / 2)
    return (values - centre) / (deviation if deviation > 0 else 1.0)


def word_likelihood(windows: NDArray[np.uint8], fitted: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Bits a base of windows under a chain of 6-mers fitted to others, mean over both strands, (windows,)."""
    # both strands: which one a record is written on says nothing
    law = chain_law(codes(np.concatenate([fitted, reverse_complement(fitted)])).astype(np.int64), ORDER)
    return np.mean([chain_bits(law, codes(x).astype(np.int64)) for x in (windows, reverse_complement(windows))], axis=0)


def clade_distance(
    words: NDArray[np.float64], bits: NDArray[np.float64], composition: NDArray[np.float64], judged: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much better the model knows a record than the reference's 6-mers do, in robust deviations, (records,).

    A logarithm of a likelihood ratio: surprisal under the reference's chain, above what the model's own surprisal lets
    expect. A record of another clade that the model knows is high; what is odd within the reference's own genomes
    (acquired islands, repeats) surprises both. Mean of the distance as it is and with composition taken out: either
    alone misses clades, of the same composition or of another.

    Parameters
    ----------
    words, bits
        Surprisal under the chain and under the model, bits a base, (records,).
    composition
        (records, shares).
    judged
        Rows of the reference that the chain was not fitted to; the expectation is fitted to them.
    """
    unfitted = np.zeros(len(words), dtype=bool)
    unfitted[judged] = True
    distances_of = [
        robust(rest := without(words[:, None], np.column_stack([bits, *shares]), unfitted)[:, 0], rest[judged])
        for shares in ((), (composition,))
    ]
    return np.mean(distances_of, axis=0)


def word_entropy(windows: Sequence[NDArray[np.uint8]], k: int = 3) -> NDArray[np.float64]:
    """Entropy of the k-mers of sequences, those with other letters than A, C, G, T left out, bits, (sequences,).

    NaN where no k-mer is left: a gap in a scaffold is no simple sequence.
    """
    out = []
    for ids in windows:
        letters = codes(ids).astype(np.int64)
        n = max(len(letters) - k + 1, 0)
        word, known = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        for i in range(k):
            word = word * 4 + letters[i : n + i]
            # other letters are 4
            known &= letters[i : n + i] < 4
        share = np.unique(word[known], return_counts=True)[1] / max(known.sum(), 1)
        out.append(-(share * np.log2(share)).sum() if known.any() else np.nan)
    return np.array(out)
