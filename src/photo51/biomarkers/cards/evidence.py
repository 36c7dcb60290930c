"""Evidence cards: one variant's score taken apart into the features that carry it, each number held against a control.

A card explains the score of the probe that never saw the variant's gene. Its figures come from tables written beside
it, and each names the table, row and column it was read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from photo51.biomarkers.cards.abstain import Conformal
from photo51.biomarkers.cards.known import FeatureCard
from photo51.biomarkers.contrasts.comparison import ORIENTATIONS, Comparison, surprise_column
from photo51.config.biomarkers import BiomarkersParams, CardsParams
from photo51.io.contracts.biomarkers import CALIBRATION, CARD_FEATURES, CARD_NEIGHBOURS, CARDS
from photo51.stats.resampling import wilson
from photo51.types import InputError

BANNER = "For research use only. Not a diagnosis, not validated for one."
UNSEEN = 0.5
SMALL = 1e-9
NEIGHBOURS_OF_DISTANCE = 5  # few, as variants of other genes are near by their kind alone
FAINT = 0.1  # log odds: less than a tenth more odds
CHANCE = 0.5


class Cards(NamedTuple):
    """Tables of a set's cards: one row a variant, a cited feature, a neighbour, a bin of the calibration."""

    cards: pd.DataFrame
    features: pd.DataFrame
    neighbours: pd.DataFrame
    calibration: pd.DataFrame


class CardSubject(NamedTuple):
    """Variants a card is made for, with their Δ (features along the gene, then against it).

    Attributes
    ----------
    variants
        Rows of the variants table, with `row`.
    genes
        Unit that is held out, (n,).
    deltas
        (n, 2 · n_features).
    """

    variants: pd.DataFrame
    genes: NDArray
    deltas: sparse.csr_matrix


class JudgedScores(NamedTuple):
    """The probe's row of the classifiers table (empty where it was not judged), and contract `REACH`."""

    probe: pd.DataFrame
    reach: pd.DataFrame


class CardWeights(NamedTuple):
    """A linear probe: intercept, weight of the log-likelihood ratio, weights of the Δ columns."""

    intercept: float
    llr: float
    columns: sparse.csr_matrix


def make_cards(
    subject: CardSubject,
    comparison: Comparison,
    scores: pd.DataFrame,
    probes: pd.DataFrame,
    params: CardsParams,
    *,
    facts: Mapping[int, FeatureCard],
    settings: BiomarkersParams,
    judged: JudgedScores | None = None,
) -> Cards:
    """Make cards.

    Parameters
    ----------
    subject
        Variants to explain; cases, controls, or neither.
    comparison, scores, probes
        The set the probes were trained on, its held-out scores and the probes of each fold.
    params
        What a card shows.
    facts
        Feature → its name and strongest locus, where it has any.
    settings
        Those of the comparison: which Δ the probes read, what cases have, what may be claimed, the seed of random
        deletions.
    judged
        What the probe achieves and what it reaches; None where nobody asked.
    """
    # a gene is of one fold, in which its variants were held out
    fold_of = dict(zip(comparison.genes.tolist(), scores["fold"].tolist(), strict=True))
    calibrated = Calibrator(scores, params.method, params.bins)
    near = Neighbourhood(comparison, settings.statistic, params)
    finite = scores[np.isfinite(scores[params.method].to_numpy(dtype=float))]
    conformal = Conformal(
        finite[params.method].to_numpy(dtype=float), finite["label"].to_numpy(), finite["fold"].to_numpy()
    )
    llr = subject.variants[surprise_column(comparison.variants)].to_numpy(dtype=float)
    if not np.isfinite(llr).all():
        name = str(subject.variants["variant"].iloc[int(np.flatnonzero(~np.isfinite(llr))[0])])
        raise InputError(
            f"cards: need the length-fair likelihood of every variant, got none for {name}: it is of a set whose"
            " alleles all keep their length"
        )
    rng = np.random.default_rng(settings.seed)
    cards, cited, neighbours = [], [], []
    for i, name in enumerate(subject.variants["variant"].astype(str)):
        fold = fold_of.get(str(subject.genes[i]), -1)
        weights = fold_weights(probes, params.method, fold, subject.deltas.shape[1])
        delta = subject.deltas[i]
        # (1, columns), entries only where the variant changes something
        contributions = delta.multiply(weights.columns).tocsr()
        attributed = float(contributions.sum())
        order = np.argsort(-np.abs(contributions.data), kind="stable")[: params.cited]
        # intercept + llr part + features: the three parts of a card add up to the score
        score = weights.intercept + weights.llr * llr[i] + attributed
        probability, scale = calibrated.probability(score, fold), calibrated.scale(fold)
        # at 0 the scale is left out: a card without calibration is judged in units of the score
        faint = abs(attributed * (scale or 1.0)) < FAINT
        kind = str(subject.variants["consequence"].iloc[i])
        withheld = withholding(settings, judged, params.method, kind, scale)
        cards.append(
            {
                "variant": name,
                "row": int(subject.variants["row"].iloc[i]),
                "method": params.method,
                "score": score,
                "baseline": weights.intercept,
                "probability": np.nan if withheld else probability,
                "prevalence": calibrated.prevalence,
                "scale": scale,
                "outcome": settings.outcome_in_words,
                "shows_probability": not withheld,
                "withheld": withheld,
                "conformal": conformal.of(score, fold).classes(params.conformal_alpha),
                # odds × this: what the score adds to the share of cases
                "likelihood_ratio": np.nan if withheld else _odds(probability) / _odds(calibrated.prevalence),
                "attributed": attributed,
                # what is left of the features' part when the cited ones are taken away
                "deleted": attributed - float(contributions.data[order].sum()),
                "faithfulness": np.nan if faint else _share(contributions.data[order].sum(), attributed),
                "random_faithfulness": np.nan if faint else _random(delta, contributions, len(order), params, rng),
                **near.domain(delta, str(subject.genes[i])),
            }
        )
        cited += _cited(name, delta, contributions, order, facts)
        neighbours += near.pathogenic(delta, subject.variants.iloc[i], params.neighbours)
    return Cards(
        CARDS.check(pd.DataFrame(cards)) if cards else CARDS.empty(),
        CARD_FEATURES.check(pd.DataFrame(cited)) if cited else CARD_FEATURES.empty(),
        CARD_NEIGHBOURS.check(pd.DataFrame(neighbours)) if neighbours else CARD_NEIGHBOURS.empty(),
        calibrated.table,
    )


def withholding(
    settings: BiomarkersParams, judged: JudgedScores | None, method: str, consequence: str, scale: float
) -> str:
    """Why a card shows no probability; empty where it shows one."""
    if settings.claim == "description":
        return "the comparison is a description: its cases and controls differ by more than the outcome"
    if judged is not None and len(judged.probe) and not judged.probe["within_lo"].iloc[0] > CHANCE:
        return "within a gene, the score tells cases from controls no better than chance"
    if scale <= 0:
        return "in the other genes, variants of higher score are not more often cases"
    if judged is not None and len(judged.reach):
        of_method = judged.reach[judged.reach["method"] == method]
        of_consequence = of_method[of_method["consequence"] == consequence]
        if of_consequence.empty or not bool(of_consequence["reaches"].iloc[0]):
            return f"the score cannot rank {consequence.replace('_', ' ')} variants of this set"
    return ""


def fold_weights(probes: pd.DataFrame, method: str, fold: int, n_columns: int) -> CardWeights:
    """The probe of a fold; of a gene that no fold held out (fold -1), the mean of all folds, which all did without it.

    Raises
    ------
    InputError
        Where the table holds no such probe.
    """
    rows = probes[(probes["method"] == method) & ((probes["fold"] == fold) | (fold < 0))]
    if rows.empty:
        raise InputError(f"probes: need rows of method {method!r} and fold {fold}, got none")
    n = rows["fold"].nunique()
    terms = rows[rows["column"] >= 0]
    columns = sparse.csr_matrix(
        # the mean over folds, as each fold's rows are divided by their number
        (terms["weight"].to_numpy() / n, (np.zeros(len(terms), dtype=int), terms["column"].to_numpy())),
        shape=(1, n_columns),
    )
    # intercept and llr have no column
    plain = rows[rows["column"] < 0].groupby("term")["weight"].sum() / n
    return CardWeights(float(plain.get("intercept", 0.0)), float(plain.get("llr", 0.0)), columns)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if abs(whole) > SMALL else float("nan")


def _odds(p: float) -> float:
    return p / (1 - p)


def _random(
    delta: sparse.csr_matrix,
    contributions: sparse.csr_matrix,
    n: int,
    params: CardsParams,
    rng: np.random.Generator,
) -> float:
    """Mean share of the attributed score that goes with `n` random features among those the variant changes."""
    whole = float(contributions.sum())
    if abs(whole) <= SMALL or not delta.nnz:
        return float("nan")
    # features that the variant changes, those of weight 0 among them: a random feature may carry nothing
    values = np.asarray(contributions[0, delta.indices].todense()).ravel()
    n = min(n, len(values))
    drawn = [rng.choice(len(values), n, replace=False) for _ in range(params.random_deletions)]
    return float(np.mean([values[d].sum() for d in drawn]) / whole)


def _cited(
    name: str,
    delta: sparse.csr_matrix,
    contributions: sparse.csr_matrix,
    order: NDArray[np.int64],
    facts: Mapping[int, FeatureCard],
) -> list[dict[str, object]]:
    n_features = delta.shape[1] // 2
    rows = []
    for rank, entry in enumerate(order, 1):
        column, contribution = int(contributions.indices[entry]), float(contributions.data[entry])
        # the first half is read along the gene, the second against it
        orientation, feature = divmod(column, n_features)
        change = float(delta[0, column])
        rows.append(
            {
                "variant": name,
                "rank": rank,
                "feature": feature,
                "orientation": ORIENTATIONS[orientation],
                "delta": change,
                # contribution = delta · weight, taken back
                "weight": contribution / change,
                "contribution": contribution,
                "name": facts.get(feature, FeatureCard()).name,
                "locus": facts.get(feature, FeatureCard()).locus,
            }
        )
    return rows


class Calibrator:
    """Held-out scores made probabilities, at the share of cases of the set; a fold is calibrated by the others.

    No probability is more extreme than the intervals of the outermost bins support: a straight line through few
    variants would otherwise promise odds that no data have shown.

    References
    ----------
    Platt 1999 (logistic calibration).
    """

    def __init__(self, scores: pd.DataFrame, method: str, bins: int):
        self.method = method
        self.prevalence = float(scores["label"].mean())
        self._score, self._label = scores[method].to_numpy(dtype=float), scores["label"].to_numpy()
        self._fold = scores["fold"].to_numpy()
        # calibrated by the other folds: no variant is calibrated by itself
        self._fits = {fold: self._fit(self._fold != fold) for fold in np.unique(self._fold).tolist()}
        self._fits[-1] = self._fit(np.ones(len(scores), dtype=bool))
        # no limits yet: the table below is made of unlimited probabilities and then sets them
        self._limits = (0.0, 1.0)
        self.table = self._table(bins)
        # upper bound of the lowest bin, lower bound of the highest
        outer = self.table["observed_hi"].iloc[0], self.table["observed_lo"].iloc[-1]
        self._limits = float(min(outer)), float(max(outer))

    def _fit(self, rows: NDArray[np.bool_]) -> tuple[float, float]:
        # C = 10⁶: no penalty to speak of
        model = LogisticRegression(C=1e6, max_iter=1000).fit(self._score[rows, None], self._label[rows])
        slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        if slope > 0:
            return slope, intercept
        # a slope that is not positive is no calibration: all get the share of cases
        share = float(np.clip(self._label[rows].mean(), SMALL, 1 - SMALL))
        return 0.0, float(np.log(share / (1 - share)))

    def scale(self, fold: int) -> float:
        """Calibrated log odds per unit of score in a fold; 0 where the other folds' higher scores are no likelier
        cases.
        """
        return self._fits[fold][0]

    def probability(self, score: float, fold: int) -> float:
        """Probability of a score of a fold; -1 is a variant outside the set."""
        slope, intercept = self._fits[fold]
        # beyond ±30 the logistic function is 0 or 1 to 13 digits, and exp would overflow further out
        p = 1 / (1 + np.exp(-np.clip(slope * score + intercept, -30, 30)))
        return float(np.clip(p, *self._limits))

    def _table(self, bins: int) -> pd.DataFrame:
        """Predicted against observed (contract `CALIBRATION`), bins of about equal numbers."""
        p = np.array([self.probability(s, f) for s, f in zip(self._score, self._fold.tolist(), strict=True)])
        # equal quantiles fall together, so there may be fewer bins than asked
        edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)))
        # the largest value belongs to the last bin
        bin_of = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
        rows = []
        for b in np.unique(bin_of):
            in_bin = bin_of == b
            cases, n = int(self._label[in_bin].sum()), int(in_bin.sum())
            low, high = wilson(cases, n)
            rows.append(
                {
                    "method": self.method,
                    "lo": float(p[in_bin].min()),
                    "hi": float(p[in_bin].max()),
                    "n": n,
                    "predicted": float(p[in_bin].mean()),
                    "observed": cases / n,
                    "observed_lo": float(low),
                    "observed_hi": float(high),
                }
            )
        return CALIBRATION.check(pd.DataFrame(rows))


class Neighbourhood:
    """Variants of the set as points in the space of feature changes."""

    def __init__(self, comparison: Comparison, statistic: str, params: CardsParams):
        self._deltas = comparison.deltas[statistic]
        self._unit = _unit(self._deltas)
        self._variants, self._genes, self._labels = comparison.variants, comparison.genes, comparison.labels
        # variants that change each feature
        self._carriers = np.diff(self._deltas.tocsc().indptr)
        distances = [self._distance(self._unit[i], str(g)) for i, g in enumerate(self._genes)]
        finite = np.array([d for d in distances if np.isfinite(d)])
        self._limit = float(np.quantile(finite, params.ood_quantile)) if len(finite) else float("nan")

    def _distance(self, unit: sparse.csr_matrix, gene: str) -> float:
        """Mean distance (1 - cosine) to the nearest few variants of other genes."""
        if not unit.nnz:
            return float("nan")
        # of other genes: neighbours of one gene are near because of the gene
        cosine = (self._unit @ unit.toarray().ravel())[self._genes != gene]
        nearest = np.sort(cosine)[::-1][:NEIGHBOURS_OF_DISTANCE]
        return float(1 - nearest.mean()) if len(nearest) else float("nan")

    def domain(self, delta: sparse.csr_matrix, gene: str) -> dict[str, float | bool]:
        """How far a variant is from the set, and whether that is too far to trust its score."""
        distance = self._distance(_unit(delta), gene)
        mine = np.zeros(len(self._carriers), dtype=int)
        same_gene = self._deltas[np.flatnonzero(self._genes == gene)]
        mine[:] = np.diff(same_gene.tocsc().indptr)
        # carriers less those of the gene itself: features that some other gene has shown
        elsewhere = (self._carriers - mine) > 0
        size = np.abs(delta.data)
        # share of the change, by size, on features that no other gene has changed
        unseen = float(size[~elsewhere[delta.indices]].sum() / size.sum()) if size.sum() > 0 else float("nan")
        outside = not np.isfinite(distance) or distance > self._limit or unseen > UNSEEN
        return {
            "distance": distance,
            "distance_limit": self._limit,
            "unseen": unseen,
            "out_of_domain": bool(outside),
        }

    def pathogenic(self, delta: sparse.csr_matrix, variant: pd.Series, n: int) -> list[dict[str, object]]:
        """Nearest cases at other positions."""
        cosine = np.asarray((self._unit @ _unit(delta).T).todense()).ravel()
        # another change of the same base is no independent neighbour
        same = (self._variants["chrom"] == variant["chrom"]) & (self._variants["pos"] == variant["pos"])
        allowed = np.flatnonzero((self._labels == 1) & ~same.to_numpy() & (cosine > 0))
        order = allowed[np.argsort(-cosine[allowed], kind="stable")[:n]]
        return [
            {
                "variant": str(variant["variant"]),
                "rank": rank,
                "neighbour": str(self._variants["variant"].iloc[j]),
                "gene": str(self._genes[j]),
                "consequence": str(self._variants["consequence"].iloc[j]),
                "similarity": float(cosine[j]),
            }
            for rank, j in enumerate(order, 1)
        ]


def _unit(table: sparse.csr_matrix) -> sparse.csr_matrix:
    norm = np.sqrt(np.asarray(table.multiply(table).sum(1), dtype=float)).ravel()
    # a row without change stays 0
    return sparse.csr_matrix(sparse.diags(1 / np.where(norm > 0, norm, 1.0)) @ table)


def most_likely(scores: pd.DataFrame, method: str, n: int) -> list[str]:
    """The `n` cases of highest held-out score: what a reader looks at first."""
    cases = scores[scores["label"] == 1].sort_values([method, "variant"], ascending=[False, True])
    return cases["variant"].head(n).astype(str).tolist()
