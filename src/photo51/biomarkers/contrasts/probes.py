"""Scores of variants learnt on some genes and given to others."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

from photo51.biomarkers.contrasts.comparison import Comparison, surprise
from photo51.biomarkers.contrasts.discrimination import wins
from photo51.stats.stratified import stratified_z

RIDGE = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
SPARSE_C = (0.01, 0.1, 1.0)
INNER_FOLDS = 3
SUBSTITUTIONS = tuple(f"{a}>{b}" for a in "ACGT" for b in "ACGT" if a != b)


class SparseProbe(NamedTuple):
    """Log odds as a weighted sum of a few feature changes; a variant that changes none has the intercept.

    Attributes
    ----------
    columns
        Columns of the Δ table (features along the gene, then against it).
    weights
        Log odds per unit of change, (n_columns,).
    intercept
        Log odds without any change.
    """

    columns: NDArray[np.int64]
    weights: NDArray[np.float64]
    intercept: float

    def feature_score(self, deltas: sparse.csr_matrix) -> NDArray[np.float64]:
        """Log odds due to features, (n,): the intercept is left out."""
        return np.asarray(deltas[:, self.columns] @ self.weights).ravel()


class StackedProbe(NamedTuple):
    """Log odds from the log-likelihood ratio and the score of a sparse probe."""

    sparse: SparseProbe
    llr_weight: float
    feature_weight: float
    intercept: float


def grouped_folds(labels: NDArray[np.int64], groups: NDArray, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each variant, (n,): whole groups, cases spread as evenly as groups allow."""
    n_groups = len(np.unique(groups))
    n_folds, places = min(n_folds, n_groups), np.zeros(len(labels))
    # a variant a group: plain stratified folds
    if n_groups == len(labels):
        splits = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(places, labels)
    else:
        splits = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(places, labels, groups)
    fold = np.zeros(len(labels), dtype=np.int64)
    for i, (_, test) in enumerate(splits):
        fold[test] = i
    return fold


def context_design(variants: pd.DataFrame) -> NDArray[np.float64]:
    """What a model without a genome knows: substitution, trinucleotide, GC; (n, 12 + 64 + 2)."""
    substitution = variants["substitution"].to_numpy()
    # the variant stands in the middle of its context
    middle = [text[len(text) // 2 - 1 : len(text) // 2 + 2] for text in variants["context_ref"]]
    trinucleotides = ["".join(t) for t in itertools.product("ACGT", repeat=3)]
    # of known bases: past the end of a linear contig the context is N
    local = [
        (text.count("G") + text.count("C")) / max(len(text) - text.count("N"), 1) for text in variants["context_ref"]
    ]
    return np.column_stack(
        [
            (substitution[:, None] == np.array(SUBSTITUTIONS)[None]).astype(float),
            (np.array(middle)[:, None] == np.array(trinucleotides)[None]).astype(float),
            variants["gc"].to_numpy(dtype=float),
            local,
        ]
    )


def kmer_design(variants: pd.DataFrame, k: int) -> NDArray[np.float64]:
    """k-mers the variant makes minus those it breaks, on the gene's strand, (n, 4^k)."""
    number = {"".join(word): i for i, word in enumerate(itertools.product("ACGT", repeat=k))}
    out = np.zeros((len(variants), len(number)))
    for sign, column in ((-1.0, "context_ref"), (1.0, "context_alt")):
        for row, text in enumerate(variants[column]):
            for i in range(len(text) - k + 1):
                if (word := number.get(text[i : i + k])) is not None:
                    out[row, word] += sign
    return out


def ridge_scores(
    x: NDArray, labels: NDArray[np.int64], groups: NDArray, train: NDArray[np.int64], test: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score `test` rows by ridge regression on balanced classes, the penalty chosen by held-out groups of `train`."""
    # never more folds than groups
    folds = GroupKFold(min(INNER_FOLDS, len(np.unique(groups[train]))))
    won = np.zeros(len(RIDGE))
    for inner, outer in folds.split(train, groups=groups[train]):
        for i, score in enumerate(_ridge_paths(x, labels, train[inner], train[outer])):
            area = wins(score, labels[train[outer]], groups[train[outer]]).pooled(
                np.ones((1, len(np.unique(groups[train[outer]]))))
            )[0]
            won[i] += 0.5 if np.isnan(area) else area
    # ties go to the smallest penalty
    best = int(np.argmax(won))
    return _ridge_paths(x, labels, train, test)[best]


def _ridge_paths(
    x: NDArray, labels: NDArray[np.int64], train: NDArray[np.int64], test: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Scores of `test` under every penalty, from one singular value decomposition."""
    y = labels[train].astype(float)
    share = y.mean()
    # square roots of weights that give both classes the same sum, since rows are multiplied by them
    weight = np.sqrt(np.where(y == 1, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9)))
    mean = np.average(x[train], axis=0, weights=weight**2)
    sd = x[train].std(0)
    # a column that does not vary is divided to 0
    sd = np.where(sd > 1e-9, sd, np.inf)
    a = (x[train] - mean) / sd * weight[:, None]
    target = (2 * y - 1) * weight
    # one decomposition serves every penalty: (A'A + λ)⁻¹ = V (Λ + λ)⁻¹ V'
    values, vectors = np.linalg.eigh(a.T @ a)
    projected, scored = vectors.T @ (a.T @ target), ((x[test] - mean) / sd) @ vectors
    return [scored @ (projected / (np.clip(values, 0, None) + penalty)) for penalty in RIDGE]


def fit_sparse(comparison: Comparison, statistic: str, train: NDArray[np.int64], max_features: int) -> SparseProbe:
    """Choose features by the stratified test on `train`, then weigh them by a logistic regression.

    Features are scaled, not centred: a variant that changes nothing adds nothing, so contributions have a meaning.
    """
    deltas, labels = comparison.deltas[statistic][train], comparison.labels[train]
    z = stratified_z(deltas, labels, comparison.strata[train])
    columns = np.argsort(-np.abs(z), kind="stable")[:max_features]
    # a column of z = 0 tells nothing apart
    columns = np.sort(columns[z[columns] != 0])
    if not len(columns):
        return SparseProbe(columns, np.zeros(0), 0.0)
    x = deltas[:, columns].toarray().astype(float)
    # root mean square about 0, not about the mean: a change of 0 stays 0
    scale = np.sqrt((x**2).mean(0))
    groups = comparison.genes[train]
    penalty = _best_penalty(x / scale, labels, groups)
    model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=500).fit(x / scale, labels)
    # weights of unscaled changes
    return SparseProbe(columns, model.coef_[0] / scale, float(model.intercept_[0]))


def _best_penalty(x: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray) -> float:
    folds = GroupKFold(min(INNER_FOLDS, len(np.unique(groups))))
    loss = np.zeros(len(SPARSE_C))
    for inner, outer in folds.split(x, groups=groups):
        if len(np.unique(labels[inner])) < 2:
            continue
        for i, c in enumerate(SPARSE_C):
            model = LogisticRegression(C=c, class_weight="balanced", max_iter=500).fit(x[inner], labels[inner])
            # log odds of the right class: the loss is log(1 + e^(−eta))
            eta = model.decision_function(x[outer]) * (2 * labels[outer] - 1)
            loss[i] += np.logaddexp(0, -eta).sum()
    return SPARSE_C[int(np.argmin(loss))]


def fit_stacked(comparison: Comparison, statistic: str, train: NDArray[np.int64], max_features: int) -> StackedProbe:
    """Weigh the log-likelihood ratio against the feature score; the latter is held out by gene while they are weighed.

    The weight of the ratio is never positive and that of the features never negative.
    """
    groups, labels = comparison.genes[train], comparison.labels[train]
    llr = surprise(comparison.variants)[train]
    held_out = np.zeros(len(train))
    folds = GroupKFold(min(INNER_FOLDS, len(np.unique(groups))))
    for inner, outer in folds.split(train, groups=groups):
        probe = fit_sparse(comparison, statistic, train[inner], max_features)
        held_out[outer] = probe.feature_score(comparison.deltas[statistic][train[outer]])
    # in units of their spread: one penalty then serves both
    scale = np.array([max(llr.std(), 1e-9), max(held_out.std(), 1e-9)])
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=500)
    model.fit(np.column_stack([llr, held_out]) / scale, labels)
    llr_weight, feature_weight = model.coef_[0] / scale
    intercept = float(model.intercept_[0])
    # a sign the other way round is a coincidence of this set
    if llr_weight > 0 or feature_weight < 0:
        llr_weight, feature_weight, intercept = _signed(llr / scale[0], held_out / scale[1], labels)
        llr_weight, feature_weight = llr_weight / scale[0], feature_weight / scale[1]
    return StackedProbe(
        fit_sparse(comparison, statistic, train, max_features),
        float(llr_weight),
        float(feature_weight),
        intercept,
    )


def _signed(
    llr: NDArray[np.float64], held_out: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Weights and intercept where a weight has the wrong sign: that term is left out and the other fitted alone.

    A variant that surprises the model more is never made less likely a case for it, nor one whose features speak for a
    case.
    """
    fits = []
    for column, sign in ((llr, -1.0), (held_out, 1.0)):
        model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=500).fit(column[:, None], labels)
        right = sign * model.coef_[0, 0] > 0
        loss = np.logaddexp(0, -model.decision_function(column[:, None]) * (2 * labels - 1)).mean()
        fits.append((loss if right else np.inf, model.coef_[0, 0] if right else 0.0, float(model.intercept_[0])))
    if np.isinf(fits[0][0]) and np.isinf(fits[1][0]):
        return 0.0, 0.0, 0.0
    if fits[0][0] <= fits[1][0]:
        return float(fits[0][1]), 0.0, fits[0][2]
    return 0.0, float(fits[1][1]), fits[1][2]


def prior(labels: NDArray[np.int64], groups: NDArray, fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of cases in a group (gene, or consequence) among the variants of the other folds, (n,).

    It knows the group and nothing else: what it achieves, a leak achieves. Shrunk by one average variant; a group that
    no other fold holds has their average. Nothing of a variant's own fold enters, so its own label cannot; the average
    of the other folds, which is low where a fold has many cases, is taken off and that of all variants put in its
    place.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    out = np.zeros(len(labels))
    for f in np.unique(fold):
        train, test = fold != f, fold == f
        if not train.any():
            continue
        average = labels[train].mean()
        cases = np.bincount(group[train], weights=labels[train], minlength=n_groups)
        size = np.bincount(group[train], minlength=n_groups)
        out[test] = ((cases - average * size) / (size + 1.0))[group[test]]
    return np.round(out + labels.mean(), 12)  # rounding of sums must not tell folds apart


def gene_share(labels: NDArray[np.int64], genes: NDArray) -> NDArray[np.float64]:
    """Share of cases in each variant's gene, (n,): constant within a gene, so blind there by definition."""
    _, gene = np.unique(genes, return_inverse=True)
    return (np.bincount(gene, weights=labels) / np.bincount(gene))[gene]
