"""Every score on every stratum, genes held out, beside what a leak alone achieves and what permuted labels do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.biomarkers.contrasts.comparison import Comparison, surprise, surprise_column
from photo51.biomarkers.contrasts.discrimination import discriminate, wins
from photo51.biomarkers.contrasts.frequency import refuse_frequency
from photo51.biomarkers.contrasts.probes import (
    StackedProbe,
    context_design,
    fit_sparse,
    fit_stacked,
    gene_share,
    grouped_folds,
    kmer_design,
    prior,
    ridge_scores,
)
from photo51.config.biomarkers import BiomarkersParams
from photo51.io.contracts.biomarkers import CLASSIFIERS, PROBES, SCORES
from photo51.types import InputError

log = logging.getLogger(__name__)
ALL = "all"
Score = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Scores of test rows, learnt on training rows."""
ROLES = {
    "llr": "score",
    "abs_llr": "score",
    "llr_fair": "score",
    "features": "score",
    "stacked": "score",
    "conservation": "baseline",
    "context": "baseline",
    "kmer": "baseline",
    "embedding": "baseline",
    "gene_prior": "leak",
    "consequence_prior": "leak",
    "gene_consequence_prior": "leak",
    "features_random_split": "leak",
    "features_permuted": "null",
}


class Classified(NamedTuple):
    """What the scores achieve, the scores themselves for all variants together, and the probes that gave them."""

    classifiers: pd.DataFrame
    scores: pd.DataFrame
    probes: pd.DataFrame


def classify(comparison: Comparison, params: BiomarkersParams) -> Classified:
    """Score all variants and each stratum alone.

    A stratum with too few of a class, or one gene, gets one row that says so.

    Raises
    ------
    InputError
        Where all variants together are too few, or the conservation column is an allele frequency in disguise.
    """
    if params.conservation is not None:
        refuse_frequency(comparison.variants, [params.conservation], comparison.labels, "conservation")
    values = comparison.variants[params.stratum].astype(str).to_numpy()
    parts, everything = [], None
    names = sorted(set(values))
    for stratum in [ALL, *(names if len(names) > 1 else [])]:
        rows = np.arange(len(values)) if stratum == ALL else np.flatnonzero(values == stratum)
        part = comparison.subset(rows)
        if reason := too_small(part, params):
            if stratum == ALL:
                raise InputError(f"cases and controls: {reason}")
            log.warning("stratum %s is not scored: %s", stratum, reason)
            parts.append(pd.DataFrame([_unscored(part, stratum, reason)]))
            continue
        scored = _score(part, params)
        parts.append(_judge(part, scored.scores, stratum, params))
        everything = scored if stratum == ALL else everything
    assert everything is not None
    table = pd.concat(parts, ignore_index=True).assign(claim=params.claim)
    return Classified(
        CLASSIFIERS.check(table),
        SCORES.check(_scores_table(comparison, everything, values)),
        PROBES.check(everything.probes),
    )


def too_small(comparison: Comparison, params: BiomarkersParams) -> str:
    """Why a stratum cannot be scored; empty where it can."""
    cases, controls = int(comparison.labels.sum()), int((1 - comparison.labels).sum())
    if min(cases, controls) < params.min_class:
        return f"need {params.min_class} cases and controls, got {cases} and {controls}"
    # with a class in one gene alone, nothing could be learnt of it once that gene is held out
    with_control, with_case = (len(np.unique(comparison.genes[comparison.labels == label])) for label in (0, 1))
    genes = len(np.unique(comparison.genes))
    if min(with_case, with_control) < 2 or genes < 3:
        return f"need cases in 2 genes, controls in 2 and 3 genes in all, got {with_case}, {with_control} and {genes}"
    fold = grouped_folds(comparison.labels, comparison.genes, params.folds, params.seed)
    for i in np.unique(fold):
        if len(np.unique(comparison.labels[fold != i])) < 2:
            lone = "cases" if comparison.labels[fold == i].any() else "controls"
            return f"need {lone} outside every fold of genes, got them in the genes of one alone"
    return ""


class _Scored(NamedTuple):
    """Scores of all variants, NaN where a method has none; their folds; the probes."""

    scores: dict[str, NDArray[np.float64]]
    fold: NDArray[np.int64]
    probes: pd.DataFrame


def _score(comparison: Comparison, params: BiomarkersParams) -> _Scored:
    labels, genes = comparison.labels, comparison.genes
    llr, ranked = comparison.variants["llr"].to_numpy(dtype=float), surprise(comparison.variants)
    fold = grouped_folds(labels, genes, params.folds, params.seed)
    # higher means case: surprise is a low ratio
    scores = {"llr": -llr, "abs_llr": np.abs(llr)}
    if surprise_column(comparison.variants) == "llr_fair":
        scores["llr_fair"] = -ranked
    elif "llr_fair" in comparison.variants and (lacking := int(comparison.variants["llr_fair"].isna().sum())) < len(
        llr
    ):
        log.warning(
            "llr_fair is left out: %d of %d variants are of sets whose alleles all keep their length, which have none",
            lacking,
            len(llr),
        )
    if params.conservation:
        scores["conservation"] = _numbers(comparison.variants, params.conservation)
    designs = {
        "context": context_design(comparison.variants),
        "kmer": kmer_design(comparison.variants, params.kmer),
    }
    if comparison.embeddings is not None:
        designs["embedding"] = comparison.embeddings.astype(float)
    for name, x in designs.items():
        scores[name] = _held_out(fold, partial(ridge_scores, x, labels, genes))
    rows: list[dict[str, Any]] = []
    scores["features"], scores["stacked"] = np.zeros(len(labels)), np.zeros(len(labels))
    for i in np.unique(fold):
        train, test = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        stacked = fit_stacked(comparison, params.statistic, train, params.max_features)
        deltas = comparison.deltas[params.statistic][test]
        alone = stacked.sparse.feature_score(deltas)
        scores["features"][test] = stacked.sparse.intercept + alone
        scores["stacked"][test] = stacked.intercept + stacked.llr_weight * ranked[test] + stacked.feature_weight * alone
        rows += probe_rows(stacked, int(i), comparison.n_features)
    # consequence and codon position together
    place = (comparison.variants["consequence"] + comparison.variants["codon_position"].astype(str)).to_numpy()
    each = grouped_folds(labels, np.arange(len(labels)), params.folds, params.seed)  # a gene held out has no name
    scores["gene_prior"] = prior(labels, genes, each)
    scores["consequence_prior"] = prior(labels, place, fold)
    scores["gene_consequence_prior"] = prior(labels, np.char.add(genes.astype(str), place.astype(str)), each)
    return _Scored(scores, fold, pd.DataFrame(rows))


def _numbers(variants: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of numbers, NaN where a value is missing."""
    if name not in variants.columns:
        raise InputError(f"conservation: need a column of the variants table, got {name!r}")
    numbers = pd.to_numeric(variants[name], errors="coerce")
    words = numbers.isna() & variants[name].notna() & ~variants[name].astype(str).isin(["", "NA", "nan", "."])
    if words.any():
        raise InputError(f"conservation: need numbers in column {name!r}, got {str(variants[name][words].iloc[0])!r}")
    return numbers.to_numpy(dtype=float)


def _held_out(fold: NDArray[np.int64], score: Score) -> NDArray[np.float64]:
    out = np.zeros(len(fold))
    for i in np.unique(fold):
        out[fold == i] = score(np.flatnonzero(fold != i), np.flatnonzero(fold == i))
    return out


def probe_rows(stacked: StackedProbe, fold: int, n_features: int) -> list[dict[str, Any]]:
    """A fold's probes as rows of the probes table, so that any score can be worked out again by hand."""
    probe = stacked.sparse
    rows = [
        {"method": "features", "term": "intercept", "weight": probe.intercept},
        {"method": "stacked", "term": "intercept", "weight": stacked.intercept},
        {"method": "stacked", "term": "llr", "weight": stacked.llr_weight},
    ]
    for column, weight in zip(probe.columns.tolist(), probe.weights.tolist(), strict=True):
        orientation, feature = divmod(column, n_features)
        place = {"term": ("sense", "antisense")[orientation], "feature": feature, "column": column}
        rows += [
            {"method": "features", **place, "weight": weight},
            {"method": "stacked", **place, "weight": weight * stacked.feature_weight},
        ]
    return [{"feature": -1, "column": -1, **row, "fold": fold} for row in rows]


def _judge(
    comparison: Comparison, scores: dict[str, NDArray[np.float64]], stratum: str, params: BiomarkersParams
) -> pd.DataFrame:
    """Every method on the same variants: those that all of them score."""
    # finite in every method: an AUROC on fewer variants is another question
    complete = np.all([np.isfinite(score) for score in scores.values()], axis=0)
    if not complete.all():
        log.info(
            "%s: methods are compared on the %d of %d variants that all of them score",
            stratum,
            complete.sum(),
            len(complete),
        )
    rows = np.flatnonzero(complete)
    part = comparison.subset(rows)
    if reason := too_small(part, params):
        missing = ", ".join(m for m, score in scores.items() if not np.isfinite(score).all())
        reason = f"{reason}, once the {len(complete) - len(rows)} variants without {missing} are left out"
        if stratum == ALL:
            raise InputError(f"cases and controls: {reason}")
        return pd.DataFrame([_unscored(part, stratum, reason)])
    bench = _Bench(comparison, rows, stratum, params)
    table = [bench.row(method, score, comparison.labels) for method, score in scores.items()]
    # held-out folds shift a gene's prior, which within a gene would look like knowledge
    blind = bench.row("gene_prior", gene_share(comparison.labels, comparison.genes), comparison.labels)
    within = ("auroc_within", "within", "auroc_strata", "strata", "gain")
    for row in table:
        if row["method"] == "gene_prior":
            row.update({k: v for k, v in blind.items() if k.startswith(within)})
    return pd.DataFrame([*table, *_controls(bench)])


class _Bench(NamedTuple):
    """Where scores of one stratum are judged: on the rows that every method scores."""

    comparison: Comparison
    rows: NDArray[np.int64]
    stratum: str
    params: BiomarkersParams

    def row(self, method: str, score: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
        """Row of the classifiers table."""
        score, labels, genes = score[self.rows], labels[self.rows], self.comparison.genes[self.rows]
        llr = surprise(self.comparison.variants)[self.rows]
        measures = discriminate(
            score,
            labels,
            genes,
            self.comparison.strata[self.rows],
            rng=np.random.default_rng(self.params.seed),
            draws=self.params.bootstrap,
            reference=wins(-llr, labels, genes),
        )
        row: dict[str, Any] = {
            "stratum": self.stratum,
            "method": method,
            "n_case": int(labels.sum()),
            "n_control": int((1 - labels).sum()),
            "n_genes": len(np.unique(genes)),
            "n_missing": len(self.comparison.labels) - len(self.rows),
            "prevalence": measures.prevalence,
            "role": ROLES[method],
            "reason": "",
        }
        for name, short, estimate in (
            ("auroc", "auroc", measures.auroc),
            ("auroc_within", "within", measures.within),
            ("auroc_strata", "strata", measures.strata),
            ("auprc", "auprc", measures.auprc),
            ("gain", "gain", measures.gain),
        ):
            row |= {name: estimate.value, f"{short}_lo": estimate.low, f"{short}_hi": estimate.high}
        return row


def _controls(bench: _Bench) -> list[dict[str, Any]]:
    """The sparse probe with variants, not genes, held out; and with labels permuted within strata."""
    comparison, params = bench.comparison, bench.params
    rng = np.random.default_rng(params.seed)
    permuted = comparison.labels.copy()
    # within strata, so that genes and consequences keep their share of cases
    for s in np.unique(comparison.strata):
        in_stratum = comparison.strata == s
        permuted[in_stratum] = rng.permutation(permuted[in_stratum])
    each = np.arange(len(permuted))
    rows = []
    for method, labels, groups in (
        ("features_random_split", comparison.labels, each),
        ("features_permuted", permuted, comparison.genes),
    ):
        changed = comparison._replace(labels=labels)  # the labels are replaced, the strata stay

        def score(train: NDArray, test: NDArray, changed: Comparison = changed) -> NDArray:
            probe = fit_sparse(changed, params.statistic, train, params.max_features)
            return probe.feature_score(changed.deltas[params.statistic][test])

        fold = grouped_folds(labels, groups, params.folds, params.seed)
        rows.append(bench.row(method, _held_out(fold, score), labels))
    return rows


def _unscored(comparison: Comparison, stratum: str, reason: str) -> dict[str, Any]:
    numbers = [n for n, c in CLASSIFIERS.columns.items() if c.kind == "float"]
    return {
        **dict.fromkeys(numbers, float("nan")),
        "stratum": stratum,
        "method": "none",
        "n_case": int(comparison.labels.sum()),
        "n_control": int((1 - comparison.labels).sum()),
        "n_genes": len(np.unique(comparison.genes)),
        "n_missing": 0,
        "role": "unscored",
        "reason": reason,
    }


def _scores_table(comparison: Comparison, scored: _Scored, stratum: NDArray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "variant": comparison.variants["variant"].astype(str),
            "row": comparison.variants["row"].to_numpy(),
            "label": comparison.labels,
            "gene": comparison.genes,
            "stratum": stratum,
            "fold": scored.fold,
            **scored.scores,
        }
    )
