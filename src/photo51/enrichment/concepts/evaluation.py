"""What a readout knows of each annotation class: chosen on select, frozen, reported on test, beside what it must
beat.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.composition import composition_terms
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.domains import domains_of
from photo51.enrichment.annotations.leaks import leaked_rows
from photo51.enrichment.annotations.profiles import boundary_rows, profile
from photo51.enrichment.annotations.readout import Readout
from photo51.enrichment.annotations.scoring import NullF1, choose_thresholds, confusion, graded
from photo51.enrichment.concepts.few import (
    CROSS,
    FIXED,
    Axis,
    FoldPlan,
    calls,
    chunks_of,
    concept_row,
    instance_rows,
    judged,
    limits,
    modal,
    near_of,
)
from photo51.enrichment.concepts.names import may_carry
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.enrichment import CONCEPTS
from photo51.stats.additive import Terms, logistic_scores
from photo51.stats.auc import Ranked, areas, rank, weighted_average_precision
from photo51.stats.covariance import even_blocks
from photo51.stats.resampling import bootstrap_weights, percentile_interval, random_shifts
from photo51.stats.rotation import orient

log = logging.getLogger(__name__)
SCORED = "scored"
_WIDE = 0.5  # share of (base, strand) pairs above which a class has no flanks to be told from
_OFFSETS = 100
_MIN_NEGATIVES = 100_000


class Baseline(NamedTuple):
    """The k-mer model of one reading on test: its average precision, and under each draw of blocks."""

    auprc: float
    draws: NDArray[np.float64]


class Evaluation:
    """The questions: classes on select and on test, with the k-mer model of each, whatever is evaluated.

    Parameters
    ----------
    workspace
        The axis.
    classes
        From `annotation_classes`.
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    params
        Parameters of the stage.

    Attributes
    ----------
    readings
        Classes in the ways they are read.
    status
        `scored`, or why a reading cannot be.
    plans
        How readings are judged that have too few instances for the test split, by number (`few.FoldPlan`).
    select, test
        Rows of strand + that count; leaked ones are not among the test rows.
    """

    def __init__(
        self,
        workspace: Workspace,
        classes: Sequence[AnnotationClass],
        bases: NDArray[np.uint8],
        params: ConceptParams,
    ):
        self.workspace, self.classes, self.bases, self.params = workspace, list(classes), bases, params
        self.readings = [Reading(i, o) for i, c in enumerate(classes) for o in c.orientations(params.orientations)]
        self.segments = np.append(workspace.table["offset"].to_numpy(), workspace.n_rows).astype(np.int64)
        # choosing and reporting on rows that share nothing: repeats are left out below
        self.select = workspace.split_mask(*params.select)
        tested = workspace.split_mask(*params.test)
        other_rows = workspace.split_mask(*({"train", "select", "test"} - set(params.test)))
        self.leaked = leaked_rows(bases, self.segments, other_rows, tested, params.leak_k)
        self.test = tested & ~self.leaked
        self.on_select = domains_of(self.classes, self.readings, self.select)
        self.on_test = domains_of(self.classes, self.readings, self.test)
        self.status = [self._status(r) for r in range(len(self.readings))]
        self.axis = Axis(workspace, bases, params)
        self.plans = self._plans()
        self.instances: list[dict[str, object]] = []
        self._rivals: dict[int, Baseline] = {}
        self._positives: dict[int, NDArray[np.float64]] = {}
        self._oriented: tuple[int, NDArray[np.bool_]] = (-1, np.zeros(0, dtype=bool))
        rng = np.random.default_rng([params.seed, 1])
        shifts = random_shifts(workspace.block_bounds, rng, params.null_rotations)
        self.null = NullF1(self.on_test, workspace.block_bounds, shifts)
        self._blocks = _test_blocks(workspace, self.test, params.bootstrap_block)
        self.weights = bootstrap_weights(int(self._blocks.max(initial=-1)) + 1, params.bootstraps, rng)

    def _status(self, reading: int) -> str:
        c = self.classes[self.readings[reading].annotation]
        if c.reason:
            return c.reason
        for split, domains in (("select", self.on_select), ("test", self.on_test)):
            n = int(domains.counts[reading])
            if n < self.params.min_domains:
                return f"{n} instance{'s' if n != 1 else ''} on {split}, at least {self.params.min_domains} are needed"
        return SCORED

    def _plans(self) -> dict[int, FoldPlan]:
        """Plans of readings with few instances; their status says what can be told of them."""
        plans = {}
        for r, status in enumerate(self.status):
            c = self.class_of(r)
            # of a codon position an instance is every third base of a CDS: whole intervals do not tell it from the CDS
            if status == SCORED or c.reason or not c.n_instances or c.coverage > _WIDE or c.frame > 0:
                continue
            plan = self.axis.plan(c, self.readings[r])
            if plan.evaluation == CROSS:
                self.status[r] = SCORED
            else:
                self.status[r] = f"{plan.evaluation}: {plan.reason}" if plan.evaluation else plan.reason
            if plan.evaluation:
                plans[r] = plan
        return plans

    def fixed(self) -> list[int]:
        """Readings that are scored on the test split."""
        return [r for r, status in enumerate(self.status) if status == SCORED and r not in self.plans]

    def class_of(self, reading: int) -> AnnotationClass:
        """The class of a reading."""
        return self.classes[self.readings[reading].annotation]

    def mask(self, reading: int) -> NDArray[np.bool_]:
        """The oriented mask of a reading, (2 * n_rows,); the last one is kept, as units come reading by reading."""
        if self._oriented[0] != reading:
            self._oriented = reading, orient(self.class_of(reading).mask, self.readings[reading].orientation)
        return self._oriented[1]

    @cached_property
    def terms(self) -> Terms:
        """What composition is at every row."""
        return composition_terms(self.bases, self.segments)

    @cached_property
    def test_both(self) -> NDArray[np.bool_]:
        """Which doubled-axis rows are of test, (2 * n_rows,)."""
        return np.tile(self.test, 2)

    @cached_property
    def _test_block(self) -> NDArray[np.int64]:
        """Bootstrap block of each of `test_rows`."""
        return self._blocks[self.test_rows % self.workspace.n_rows]

    @cached_property
    def _test_sizes(self) -> NDArray[np.float64]:
        """Rows of each bootstrap block."""
        return np.bincount(self._test_block, minlength=self.weights.shape[1]).astype(np.float64)

    @cached_property
    def test_rows(self) -> NDArray[np.int64]:
        """Doubled-axis rows of test."""
        return np.flatnonzero(self.test_both)

    def ranked(self, rows: NDArray[np.int64], values: NDArray, reading: int) -> Ranked:
        """Scored test rows in descending order, with labels and bootstrap blocks."""
        return rank(values, self.mask(reading)[rows], self._blocks[rows % self.workspace.n_rows])

    def draws(self, ranked: Ranked, reading: int) -> NDArray[np.float64]:
        """Average precision under each draw of blocks."""
        if reading not in self._positives:
            labels = self.mask(reading)[self.test_rows].astype(np.float64)
            counts = np.bincount(self._test_block, labels, minlength=self.weights.shape[1])
            self._positives[reading] = counts.astype(np.float64)
        return weighted_average_precision(ranked, self.weights, self._positives[reading], self._test_sizes)

    def baseline(self, reading: int) -> Baseline:
        """The k-mer model of a reading, learnt on select and scored on test; kept, as every unit meets it.

        It is an additive logistic model of GC, skews and the 6-mers of the 17 bases read last (`composition`), learnt
        on all positives and a sample of negatives, which moves its intercept but not its ranking.
        """
        if reading not in self._rivals:
            mask, rows = self.mask(reading), np.flatnonzero(np.tile(self.select, 2))
            positive = mask[rows]
            rng = np.random.default_rng([self.params.seed, 2, reading])
            # five negatives a positive: more would teach little
            n_negative = min(int((~positive).sum()), max(_MIN_NEGATIVES, 5 * int(positive.sum())))
            negative = np.sort(rng.choice(rows[~positive], n_negative, replace=False))
            learn = np.sort(np.concatenate([rows[positive], negative]))
            both = np.concatenate([learn, self.test_rows])
            # learnt on fold 1, scored on fold 2
            fold = np.repeat([1, 2], [len(learn), len(self.test_rows)])
            scores = logistic_scores(mask[both][:, None], self.terms.take(both), fold)[len(learn) :, 0]
            ranked = self.ranked(self.test_rows, scores, reading)
            value = areas(scores, mask[self.test_rows]).auprc
            self._rivals[reading] = Baseline(value, self.draws(ranked, reading))
        return self._rivals[reading]


def _test_blocks(workspace: Workspace, test: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Bootstrap block of each row of strand +, numbered over the blocks that hold test rows; -1 elsewhere."""
    bounds = even_blocks(workspace.block_bounds, size)
    block = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    out = np.full(workspace.n_rows, -1, dtype=np.int64)
    if test.any():
        # numbers without gaps, so that each draw is a vector of them
        out[test] = np.unique(block[test], return_inverse=True)[1]
    return out


def evaluate(evaluation: Evaluation, readout: Readout, enrichment: pd.DataFrame | None = None) -> pd.DataFrame:
    """Metrics of a readout's best units for each class, and of units that the null already found.

    Parameters
    ----------
    evaluation
        The questions.
    readout
        What answers.
    enrichment
        Table with q-values of these units (contract `ENRICHMENT`); None for readouts that are not tested.

    Returns
    -------
    Contract `CONCEPTS`; `best` says best within the readout given.
    """
    p = evaluation.params
    chosen = choose_thresholds(graded(readout.matrix, evaluation.select, p.thresholds), evaluation.on_select)
    scored = np.isin(np.arange(len(evaluation.readings)), evaluation.fixed())
    f1 = np.where(scored[None], chosen.f1, 0.0)
    q = _lookup(evaluation, readout, enrichment)
    # the best units of each class, then of each feature the classes that the null found
    pairs = {(u, int(r)) for r in np.flatnonzero(scored) for u in _largest(f1[:, r], p.per_class)}
    significant = np.where((q[0] <= p.max_q) & (f1 >= p.min_f1), f1, 0.0)
    pairs |= {(int(u), r) for u in range(len(f1)) for r in _largest(significant[u], p.per_feature)}
    rows = [
        _row(evaluation, readout, u, r, float(chosen.threshold[u, r]))
        | {
            "f1_select": float(f1[u, r]),
            "q": float(q[0][u, r]),
            "q_adj_comp": float(q[1][u, r]),
        }
        for u, r in sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    ]
    rows += _few_rows(evaluation, readout, q)
    if not rows:
        return CONCEPTS.empty()
    return mark_best(CONCEPTS.check(_claims(pd.DataFrame(rows).assign(best=False), p)))


def _few_rows(evaluation: Evaluation, readout: Readout, q: NDArray[np.float64]) -> list[dict[str, object]]:
    """Rows of classes with few instances; the dictionary's, and that of random weights, are compared with shifts."""
    if not evaluation.plans or readout.name == "linear_probe":  # a probe has learnt the labels of every fold
        return []
    n_shifts = evaluation.params.few_shifts if readout.name in {"sae", "random_sae"} else 0
    chunks, rows = chunks_of(evaluation.axis, readout), []
    for r, plan in evaluation.plans.items():
        c, reading = evaluation.class_of(r), evaluation.readings[r]
        result = judged(evaluation.axis, chunks, plan, n_shifts, r)
        evaluation.instances += instance_rows(evaluation.axis, c, reading, readout, chunks, result)
        unit, _ = modal(result.observed)
        if unit >= 0:
            row = concept_row(evaluation.axis, c, reading, readout, chunks, result)
            rows.append(row | {"q": float(q[0][unit, r]), "q_adj_comp": float(q[1][unit, r])})
    return rows


def _lookup(evaluation: Evaluation, readout: Readout, enrichment: pd.DataFrame | None) -> NDArray[np.float64]:
    """Find q and q_adj_comp of units × readings, (2, n_units, n_readings); NaN where not tested."""
    out = np.full((2, len(readout.units), len(evaluation.readings)), np.nan)
    if enrichment is None:
        return out
    unit = {int(i): u for u, i in enumerate(readout.ids)}
    reading = {
        (evaluation.class_of(r).name, evaluation.readings[r].orientation): r for r in range(len(evaluation.readings))
    }
    of_readout = enrichment[enrichment["feature"].isin(readout.ids)]
    for f, a, s, q, adjusted in zip(
        of_readout["feature"],
        of_readout["annotation"],
        of_readout["strand"],
        of_readout["q"],
        of_readout["q_adj_comp"],
        strict=True,
    ):
        if (a, s) in reading:
            out[:, unit[int(f)], reading[a, s]] = q, adjusted
    return out


def _largest(values: NDArray[np.float64], n: int) -> list[int]:
    """Indices of the largest positive values, largest first; of equal ones the lower index."""
    order = np.argsort(-values, kind="stable")[:n]
    return [int(i) for i in order if values[i] > 0]


def _row(evaluation: Evaluation, readout: Readout, unit: int, reading: int, threshold: float) -> dict[str, object]:
    m = readout.matrix
    entries = slice(m.indptr[unit], m.indptr[unit + 1])
    rows, values = m.indices[entries].astype(np.int64), m.data[entries]
    tested = evaluation.test_both[rows]
    rows, values = rows[tested], values[tested]
    active = rows[values >= threshold]
    domains, c = evaluation.on_test, evaluation.class_of(reading)
    n = len(evaluation.test_rows)
    measures = confusion(active, reading, domains, n)
    null = evaluation.null.draws(active, reading)
    positives = int(domains.bases[reading])
    curve = areas(values, evaluation.mask(reading)[rows], n=n, n_positive=positives)
    baseline = evaluation.baseline(reading)
    draws = evaluation.draws(evaluation.ranked(rows, values, reading), reading) - baseline.draws
    low, high = percentile_interval(draws)
    share = positives / n
    return {
        "readout": readout.name,
        "feature": int(readout.ids[unit]),
        "unit": readout.units[unit],
        "annotation": c.name,
        "strand": evaluation.readings[reading].orientation,
        "frame": c.frame,
        "threshold": threshold,
        "threshold_split": "+".join(evaluation.params.select),
        **measures._asdict(),
        "f1_null95": float(np.quantile(null, 0.95)),
        # F1 of a feature that is on at every base: precision is the share, recall 1
        "f1_always": 2 * share / (1 + share),
        "auprc": curve.auprc,
        "auprc_baseline": curve.prevalence,
        "auroc": curve.auroc,
        "kmer_auprc": baseline.auprc,
        "d_auprc": curve.auprc - baseline.auprc,
        "d_auprc_lo": low,
        "d_auprc_hi": high,
        "boundary_offset": _offset(evaluation, rows, values, reading),
        "n_test_domains": int(domains.counts[reading]),
        "n_leaked": int(evaluation.leaked.sum()),
        "evaluation": FIXED,
        "n_instances": c.n_instances,
        "p_instances": np.nan,
        **limits(
            round(measures.recall_domain * int(domains.counts[reading])),
            int(domains.counts[reading]),
            calls(active, evaluation.mask(reading)[active], near_of(c), evaluation.workspace.block_bounds),
        ),
    }


def _offset(evaluation: Evaluation, rows: NDArray[np.int64], values: NDArray, reading: int) -> float:
    """Offset of the mean activation's peak from where test intervals begin; NaN where nothing is active near them."""
    domains = evaluation.on_test
    counted_intervals = domains.interval[(domains.reading == reading) & domains.counted]
    c = evaluation.class_of(reading)
    intervals = c.intervals[np.isin(c.instances, counted_intervals)]
    starts = boundary_rows(intervals, evaluation.readings[reading].orientation, evaluation.workspace.n_rows)
    mean = profile(rows, values, starts, evaluation.segments, _OFFSETS)
    return float(np.nanargmax(mean) - _OFFSETS) if np.nansum(mean) > 0 else np.nan


def _claims(table: pd.DataFrame, p: ConceptParams) -> pd.DataFrame:
    """Whether a unit beats the k-mer model, and whether a feature may carry the name."""
    adjusted = table["q"].isna() | (table["q_adj_comp"] < 0.05)
    table["beats_kmer"] = (table["d_auprc_lo"] > 0) & adjusted
    table["named"] = may_carry(table, p)
    return table


def mark_best(table: pd.DataFrame) -> pd.DataFrame:
    """Say of each class and readout which unit select chose: highest f1_select, of equal ones the lowest number."""
    order = table.sort_values(["f1_select", "feature"], ascending=[False, True], kind="stable")
    best = order.drop_duplicates(["readout", "annotation", "strand"]).index
    return table.assign(best=table.index.isin(best))
