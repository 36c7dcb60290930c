"""Distil: the smallest rule that keeps the signal, of a few features or of a few plain quantities, tried on untouched
data.

A probe of thousands of features may stand on one plain fact, such as fragment length. If a rule of five quantities or
fewer keeps nine tenths of what the whole probe achieves, the rule is the finding; and a rule of plain quantities that
does so says that the features were not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from photo51.biomarkers.cohorts.cohort import Cohort
from photo51.biomarkers.contrasts.comparison import Comparison
from photo51.biomarkers.contrasts.discrimination import Discrimination, discriminate, wins
from photo51.biomarkers.contrasts.probes import grouped_folds
from photo51.config.biomarkers import DistilParams
from photo51.stats.mixed import fit_null, kinship
from photo51.types import InputError

Adjusted = tuple[NDArray[np.float64], NDArray[np.float64]]
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
WORTH = 0.5  # hundredths of AUROC
NOTHING_LEFT = 1e-12
FEWEST_DIGITS, EXACT_DIGITS = 3, 17  # significant digits; 17 spell every float64


class Problem(NamedTuple):
    """What a rule is distilled from.

    Attributes
    ----------
    quantities
        (n, n_quantities) of one family.
    names
        Their names.
    labels
        (n,) 0 and 1.
    blocks
        (n,) genes or clades: held out whole, resampled whole.
    adjust
        Rows → quantities and labels of these rows with strata or descent taken out; what a rule learns from.
    """

    quantities: NDArray[np.float64]
    names: list[str]
    labels: NDArray[np.int64]
    blocks: NDArray
    adjust: Callable[[NDArray[np.int64]], Adjusted]


class DistilledRule(NamedTuple):
    """A weighted sum of a few quantities, and the cut above which it calls a case.

    Attributes
    ----------
    family
        `features` or `raw`.
    names
        Quantities, strongest first.
    columns
        Their columns.
    weights
        Score per unit of each.
    cut
        Score above which the rule calls a case, half way between two scores, by Youden's index on the discovery data.
    digits
        Significant digits of the rule in words: as many as the words need to call the discovery data alike.
    """

    family: str
    names: tuple[str, ...]
    columns: tuple[int, ...]
    weights: tuple[float, ...]
    cut: float
    digits: int = FEWEST_DIGITS

    def score(self, quantities: ArrayLike) -> NDArray[np.float64]:
        """Score of each row of all quantities (n, n_quantities)."""
        return np.asarray(quantities, dtype=float)[:, list(self.columns)] @ np.array(self.weights)

    def dump(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**self._asdict(), "sentence": self.sentence()}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> DistilledRule:
        """From what `dump` gave."""
        return cls(
            values["family"],
            tuple(values["names"]),
            tuple(values["columns"]),
            tuple(values["weights"]),
            values["cut"],
            values.get("digits", FEWEST_DIGITS),
        )

    def sentence(self) -> str:
        """The rule in words."""
        d = self.digits
        terms = " ".join(f"{w:+.{d}g} × {n}" for w, n in zip(self.weights, self.names, strict=True))
        return f"case if {terms} > {self.cut:.{d}g}"

    def printed_for(self, quantities: NDArray[np.float64]) -> DistilledRule:
        """The rule with as many digits in words as it takes to call each row of quantities as the rule itself does."""
        calls = self.score(quantities) > self.cut
        for digits in range(FEWEST_DIGITS, EXACT_DIGITS):
            rounded = self._replace(
                weights=tuple(float(f"{w:.{digits}g}") for w in self.weights), cut=float(f"{self.cut:.{digits}g}")
            )
            if ((rounded.score(quantities) > rounded.cut) == calls).all():
                return self._replace(digits=digits)
        return self._replace(digits=EXACT_DIGITS)


class Distilled(NamedTuple):
    """A rule with what it and the full probe achieve in cross-validation on the discovery data.

    Attributes
    ----------
    rule
        The rule.
    probe
        Weights of the full probe, (n_quantities,): a ridge regression on all quantities, or the pursuit of up to
        `probe_terms` quantities, whichever does best in cross-validation.
    path
        size, auroc_within (rule of that size), full (full probe), kept: one row a size.
    """

    rule: DistilledRule
    probe: NDArray[np.float64]
    path: pd.DataFrame


def distil(problem: Problem, family: str, params: DistilParams) -> Distilled:
    """Find the smallest rule that keeps the stated share of (AUROC - 0.5) in cross-validation over whole blocks.

    Quantities enter one by one, each the one that best explains what is left (orthogonal matching pursuit) of the
    labels once strata or descent are taken out. Only discovery data may come in.

    Raises
    ------
    InputError
        Where there are fewer than two blocks, one class, or nothing left of the quantities once strata or covariates
        are taken out (a covariate is no quantity of a rule).

    References
    ----------
    Pati et al. 1993, doi:10.1109/ACSSC.1993.342465.
    """
    if len(np.unique(problem.blocks)) < 2 or len(np.unique(problem.labels)) < 2:
        raise InputError("distil: need two blocks (genes or clades) and both classes, got fewer")
    fold = grouped_folds(problem.labels, problem.blocks, params.folds, params.seed)
    sizes = min(params.probe_terms, problem.quantities.shape[1])
    held_out = np.zeros((sizes + 1, len(problem.labels)))
    # row 0 is the full ridge probe, row s the rule of s quantities
    for i in np.unique(fold):
        train, test = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        x, y = problem.adjust(train)
        held_out[0, test] = problem.quantities[test] @ _ridge(x, y)
        rules = _pursuit(x, y, params)
        # a fold may offer fewer quantities: sizes that all folds have can be judged
        sizes = min(sizes, len(rules))
        for size, (columns, weights) in enumerate(rules, 1):
            held_out[size, test] = problem.quantities[test][:, columns] @ weights
    if not sizes:
        varying = [n for n, column in zip(problem.names, problem.quantities.T, strict=True) if column.any()]
        raise InputError(
            f"distil: need a quantity among {', '.join(varying[:5])} that says something beyond strata, descent and"
            " covariates, got none"
        )
    areas = _areas(held_out[: sizes + 1], fold, problem)
    path = _path(areas, params.max_terms)
    size = _smallest(path, params.keep)
    x, y = problem.adjust(np.arange(len(problem.labels)))
    rules = _pursuit(x, y, params)
    columns, weights = rules[size - 1]
    score = problem.quantities[:, columns] @ weights
    rule = DistilledRule(
        family,
        tuple(problem.names[c] for c in columns),
        tuple(int(c) for c in columns),
        tuple(float(w) for w in weights),
        _youden(score, problem.labels),
    )
    return Distilled(rule.printed_for(problem.quantities), _full_probe(x, y, rules, int(np.argmax(areas))), path)


def _pursuit(
    x: NDArray[np.float64], y: NDArray[np.float64], params: DistilParams
) -> list[tuple[list[int], NDArray[np.float64]]]:
    """Columns and weights of the rules of one, two, …, `probe_terms` quantities."""
    norm = np.sqrt(np.einsum("ij,ij->j", x, x))
    # inf: a column of nothing is divided to 0
    unit = x / np.where(norm > 1e-9, norm, np.inf)
    # those that go best with the labels by themselves; the pursuit looks at no others
    allowed = np.argsort(-np.abs(unit.T @ y), kind="stable")[: params.candidates]
    chosen: list[int] = []
    rules, rest = [], y
    for _ in range(min(params.probe_terms, x.shape[1])):
        gain = np.abs(unit[:, allowed].T @ rest)
        # what is chosen has nothing left to explain, but for rounding
        gain[np.isin(allowed, chosen)] = -1
        if gain.max() <= NOTHING_LEFT:
            break
        chosen.append(int(allowed[int(np.argmax(gain))]))
        # all weights anew at each step: that makes the pursuit orthogonal
        weights = np.linalg.lstsq(x[:, chosen], y, rcond=None)[0].astype(np.float64)
        rest = y - x[:, chosen] @ weights
        rules.append((list(chosen), weights))
    return rules


def _full_probe(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    rules: list[tuple[list[int], NDArray[np.float64]]],
    size: int,
) -> NDArray[np.float64]:
    """Weights of the pursuit of `size` quantities; 0 stands for the ridge regression on all."""
    if size == 0:
        return _ridge(x, y)
    weights = np.zeros(x.shape[1])
    columns, values = rules[size - 1]
    weights[columns] = values
    return weights


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a ridge regression, its penalty by generalised cross-validation.

    References
    ----------
    Golub, Heath & Wahba 1979, doi:10.1080/00401706.1979.10489751.
    """
    scale = x.std(0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    u, s, vt = np.linalg.svd(x / scale, full_matrices=False)
    projected = u.T @ y
    # the part of y that no column reaches: the same under every penalty
    outside = y @ y - projected @ projected
    best, weights = np.inf, np.zeros(x.shape[1])
    for penalty in PENALTIES:
        # singular values shrink by s² / (s² + λ); their sum is the effective number of parameters
        shrink = s**2 / (s**2 + penalty)
        error = outside + (((1 - shrink) * projected) ** 2).sum()
        # generalised cross-validation: error over the square of the share of degrees of freedom left
        criterion = error / (1 - shrink.sum() / len(y)) ** 2
        if criterion < best:
            # back to unscaled columns
            best, weights = criterion, vt.T @ (s / (s**2 + penalty) * projected) / scale
    return weights


def _areas(held_out: NDArray[np.float64], fold: NDArray[np.int64], problem: Problem) -> list[float]:
    """AUROC within blocks of held-out scores; scores of different folds are never compared."""
    blocks = np.array([f"{f}\x1f{b}" for f, b in zip(fold, problem.blocks, strict=True)])
    one = np.ones((1, len(np.unique(blocks))))
    return [float(wins(score, problem.labels, blocks).within(one)[0]) for score in held_out]


def _path(areas: list[float], max_terms: int) -> pd.DataFrame:
    """What rules of each size achieve beside the full probe, which is the best of all."""
    full = max(areas)
    rows = [
        {
            "size": size,
            "auroc_within": area,
            "full": full,
            # share of what the full probe has above chance
            "kept": (area - 0.5) / (full - 0.5) if full > 0.5 else np.nan,
        }
        for size, area in enumerate(areas[1 : max_terms + 1], 1)
    ]
    return pd.DataFrame(rows)


def _smallest(path: pd.DataFrame, keep: float) -> int:
    """The smallest size that keeps enough; where none does, the smallest that is within half a hundredth of the
    best.
    """
    enough = path[path["kept"] >= keep]
    if len(enough):
        return int(enough["size"].iloc[0])
    best = path["auroc_within"].max()
    # WORTH is in hundredths
    return int(path["size"][path["auroc_within"] >= best - WORTH / 100].iloc[0])


def _youden(score: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    order = np.argsort(-score, kind="stable")
    descending = score[order]
    # sensitivity and 1 − specificity as the cut comes down through the scores
    hit = np.cumsum(labels[order]) / max(labels.sum(), 1)
    false = np.cumsum(1 - labels[order]) / max((1 - labels).sum(), 1)
    # a cut lies behind the last of equal scores; Youden's J is the difference, and of equal ones the highest cut counts
    ends = np.append(np.diff(descending) != 0, True)
    best = int(np.argmax(np.where(ends, hit - false, -np.inf)))
    if best + 1 == len(descending):
        return float(np.nextafter(descending[best], -np.inf))
    # half way to the next score, so that `>` calls those down to here and no others
    return float((descending[best] + descending[best + 1]) / 2)


def _judge(score: NDArray, labels: NDArray[np.int64], blocks: NDArray, params: DistilParams) -> Discrimination:
    return discriminate(score, labels, blocks, blocks, rng=np.random.default_rng(params.seed), draws=params.bootstrap)


def try_rules(
    distilled_rules: Sequence[Distilled],
    quantities: Sequence[NDArray],
    labels: NDArray[np.int64],
    blocks: NDArray,
    params: DistilParams,
) -> pd.DataFrame:
    """Every rule and every full probe on untouched data: one row each, with intervals over whole blocks.

    `quantities` are those of the untouched rows, one table a family, in the order of `distilled_rules`.
    """
    rows = []
    for distilled, table in zip(distilled_rules, quantities, strict=True):
        whole = _judge(table @ distilled.probe, labels, blocks, params)
        small = _judge(distilled.rule.score(table), labels, blocks, params)
        rows.append(_row(distilled.rule.family, "full probe", table.shape[1], whole, whole))
        rows.append(_row(distilled.rule.family, distilled.rule.sentence(), len(distilled.rule.names), small, whole))
    return pd.DataFrame(rows)


def _row(family: str, rule: str, terms: int, discrimination: Discrimination, whole: Discrimination) -> dict[str, Any]:
    excess = whole.within.value - 0.5
    return {
        "family": family,
        "rule": rule,
        "terms": terms,
        "auroc": discrimination.auroc.value,
        "auroc_lo": discrimination.auroc.low,
        "auroc_hi": discrimination.auroc.high,
        "auroc_within": discrimination.within.value,
        "within_lo": discrimination.within.low,
        "within_hi": discrimination.within.high,
        "kept": (discrimination.within.value - 0.5) / excess if excess > 0 else np.nan,
    }


def cohort_problem(cohort: Cohort, quantities: NDArray[np.float64], names: list[str]) -> Problem:
    """Rules for a cohort: descent and covariates are taken out by the mixed model of the rows that are learnt from."""

    def adjust(rows: NDArray[np.int64]) -> Adjusted:
        part = cohort.subset(rows)
        null = fit_null(part.phenotype, kinship(part.relatedness), part.covariates if part.covariates.size else None)
        # whitened: individuals are exchangeable once descent is taken out
        return null.whiten(quantities[rows]), null.residual

    if not cohort.is_binary:
        raise InputError("distil: need a phenotype of 0 and 1, got a quantitative one")
    return Problem(quantities, names, cohort.phenotype.astype(np.int64), cohort.clade, adjust)


def variant_problem(comparison: Comparison, quantities: NDArray[np.float64], names: list[str]) -> Problem:
    """Rules for variants: means of the strata (gene, consequence, codon position) are taken out."""

    def adjust(rows: NDArray[np.int64]) -> Adjusted:
        _, stratum = np.unique(comparison.strata[rows], return_inverse=True)
        size = np.bincount(stratum)

        def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
            sums = np.zeros((len(size), values.shape[1]))
            np.add.at(sums, stratum, values)
            # each value less the mean of its stratum
            return values - (sums / size[:, None])[stratum]

        return centred(quantities[rows]), centred(comparison.labels[rows].astype(float)[:, None])[:, 0]

    return Problem(quantities, names, comparison.labels, comparison.genes, adjust)
