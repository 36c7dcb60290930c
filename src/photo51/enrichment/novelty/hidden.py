"""Does the queue find what nobody told it of? One annotation class at a time is hidden, and the queue is made anew.

With the class gone from the gate, from the explanation and, where it is a class of genes, from the distances to genes,
its features have no name. The class is recovered if one of the first features of the queue has it as a concept:
threshold chosen on one part of the blocks, domain F1 on the other above the limit and above the feature's own
rotations. Where the test split has too little of the class, every second block that has it is held out instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import ConceptParams, NoveltyParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.domains import domains_of
from photo51.enrichment.annotations.inputs import GENE_KINDS, Inputs
from photo51.enrichment.annotations.readout import codes_readout, read_in_chunks
from photo51.enrichment.annotations.scoring import NullF1, choose_thresholds, confusion, graded
from photo51.enrichment.novelty.explanation import Explanation
from photo51.enrichment.novelty.known_readings import ExplainingReading, by_feature
from photo51.enrichment.novelty.ranking import best_claims, novelty_score, queue
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.enrichment import HIDDEN
from photo51.stats.covariance import alternate, even_blocks
from photo51.stats.resampling import random_shifts

_LEAST = 2  # intervals on either side
_CHUNK = 256
_ROTATIONS = 200
_FOLD = 16_384  # bases that are learnt on, or judged on, together


class Halves:
    """Where thresholds for a class are chosen, and where they are judged.

    Parameters
    ----------
    workspace
        The axis.
    c
        The class.
    least
        Intervals wanted on either side.

    Attributes
    ----------
    select, test
        Rows of strand +, (n_rows,).
    held_out
        What `test` is, in words.
    reason
        Why the class cannot be judged; empty where it can.
    """

    def __init__(self, workspace: Workspace, c: AnnotationClass, min_instances: int):
        self.select = workspace.split_mask("train", "select")
        self.test = workspace.split_mask("test")
        self.held_out, self.reason = "test", ""
        if self._enough(c, min_instances):
            return
        bounds = workspace.block_bounds
        having = np.unique(np.searchsorted(bounds, c.intervals[:, 0], side="right") - 1)
        if len(having) < 2:
            n = len(c.intervals)
            self.reason = (
                f"{n} interval{'s' if n != 1 else ''} in {len(having)} block{'s' if len(having) != 1 else ''}, "
                "two blocks are needed: one to choose on, one to judge on"
            )
            return
        block = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        # blocks that have the class by turns, so that either side has some
        self.test = np.isin(block, having[1::2])
        # all other blocks, those without the class too
        self.select = ~self.test
        self.held_out = "every second block that has the class"
        if not self._enough(c, min_instances):
            chosen, judged = self._counts(c)
            self.reason = (
                f"{chosen} to choose on and {judged} to judge on where every second block that has the class is held"
                f" out, {min_instances} of each are needed"
            )

    def _enough(self, c: AnnotationClass, min_instances: int) -> bool:
        return min(self._counts(c)) >= min_instances

    def _counts(self, c: AnnotationClass) -> tuple[int, int]:
        """Intervals that begin on either side."""
        chosen, judged = (int(np.count_nonzero(m[c.intervals[:, 0]])) for m in (self.select, self.test))
        return chosen, judged


class Proof:
    """Hides classes from a queue.

    Parameters
    ----------
    store, inputs
        Codes of the dictionary, and the genomes.
    table
        Parts of every feature, as `novelty.queue` takes them.
    concepts, enrichment
        Tables of the run: which classes name a feature, and which features a class touches.
    readings
        Readings of known classes that explain features.
    params
        Parameters of the stage.
    """

    def __init__(  # noqa: PLR0917
        self,
        store: CodesStore,
        inputs: Inputs,
        table: pd.DataFrame,
        concepts: pd.DataFrame,
        enrichment: pd.DataFrame,
        readings: Sequence[ExplainingReading],
        params: NoveltyParams,
    ):
        self.store, self.inputs, self.table, self.params = store, inputs, table, params
        self.concepts, self.enrichment, self.readings = concepts, enrichment, readings

    def hide(self) -> pd.DataFrame:
        """Hide each class in turn (contract `HIDDEN`)."""
        classes = {c.name: c for c in self.inputs.classes()}
        rows = []
        for name in self.params.hidden:
            c = classes.get(name)
            if c is None or not len(c.intervals):
                if not name.endswith("_predicted") and f"{name}_predicted" not in classes:
                    rows.append(_blank(name, "not annotated in the workspace"))
                continue
            halves = Halves(self.inputs.workspace, c, _LEAST)
            rows.append(_blank(name, halves.reason) if halves.reason else self._recovered(c, halves))
        return HIDDEN.check(pd.DataFrame(rows)) if rows else HIDDEN.empty()

    def _touched(self, name: str) -> NDArray[np.int64]:
        """Features that are enriched in a class; all where the class was too small to be tested."""
        of_class = self.enrichment[self.enrichment["annotation"] == name]
        # a class too small for a q: any feature may have known it
        significant = of_class if of_class["q"].isna().all() else of_class[of_class["q"] < 0.05]
        return np.unique(significant["feature"].to_numpy(dtype=np.int64))

    def _without(self, hidden: AnnotationClass) -> pd.DataFrame:
        """Parts of every feature with a class forgotten; explained again are the features that are enriched in it."""
        params, table = self.params, self.table
        left = best_claims(self.concepts[self.concepts["annotation"] != hidden.name], len(table), "sae", params)
        out = table.assign(**{column: left[column].to_numpy() for column in left.columns})
        out["explained_by"] = by_feature(self.readings, len(table), [hidden.name]).to_numpy()
        touched = self._touched(hidden.name)
        explanation = explanation_of(self.inputs, params, hidden.name)
        explained = out["d2_explained"].to_numpy(copy=True)
        # the expensive explanation is made anew only where it could decide
        able = self._could_rise(out)
        able_again = np.intersect1d(touched, np.flatnonzero(able))
        for readout in read_in_chunks(self.store, _CHUNK, able_again):
            for feature, (a, b) in zip(readout.ids.tolist(), pairwise(readout.matrix.indptr), strict=True):
                rows = readout.matrix.indices[a:b].astype(np.int64)
                explained[feature] = explanation.explained(rows, np.random.default_rng([params.seed, feature]))
        return out.assign(d2_explained=explained)

    def _could_rise(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Features that would reach the first of the queue if nothing explained them: of the others no number is
        needed.
        """
        now = queue(table, self.params)
        rank = now["rank"].to_numpy()
        # what the last of the first features scores: no need to explain what cannot reach it
        lowest_ranked = now["novelty"].to_numpy()[(rank > 0) & (rank <= self.params.top)].min(initial=1.0)
        # nothing explained: the highest score a feature could get
        best = novelty_score(table.assign(d2_explained=0.0))
        return table["d2_explained"].notna().to_numpy() & (best >= lowest_ranked)

    def _recovered(self, c: AnnotationClass, halves: Halves) -> dict[str, object]:
        """Whether the first features of the queue know a class; and what its best feature of all is."""
        ranked = queue(self._without(c), self.params)
        judge = _Judge(self.inputs.workspace, c, halves, self.params)
        first = ranked[(ranked["rank"] > 0) & (ranked["rank"] <= self.params.top)]
        best_feature = judge.best(self.store, np.sort(first["feature"].to_numpy()))
        # the best feature of all, to see whether the gate or the ranking kept it away
        best = judge.best(self.store, self._touched(c.name))
        place = ranked.set_index("feature")
        return {
            "annotation": c.name,
            "status": "tested",
            "held_out": halves.held_out,
            "n_intervals": judge.n_intervals,
            "recovered": bool(best_feature.f1 >= self.params.recovered_f1 and best_feature.f1 > best_feature.null95),
            "feature": best_feature.feature,
            "rank": int(place["rank"].get(best_feature.feature, 0)),
            "f1_domain": best_feature.f1,
            "f1_null95": best_feature.null95,
            "best_f1": best.f1,
            "best_feature": best.feature,
            "best_rank": int(place["rank"].get(best.feature, 0)),
            "best_gate": str(place["gate"].get(best.feature, "")),
        }


class _Best(NamedTuple):
    """A feature, its domain F1 on the held-out rows, and the 95th percentile of that over rotations."""

    feature: int
    f1: float
    null95: float


class _Judge:
    """Domain F1 of features for one class: threshold and feature chosen on one side, judged on the other."""

    def __init__(self, workspace: Workspace, c: AnnotationClass, halves: Halves, params: NoveltyParams):
        # a class without strands is read either way, as everywhere
        reading = Reading(0, "sense" if c.stranded else "either")
        self.on_select, self.on_test = (domains_of([c], [reading], r) for r in (halves.select, halves.test))
        self.halves, bounds = halves, workspace.block_bounds
        shifts = random_shifts(bounds, np.random.default_rng([params.seed, 4]), _ROTATIONS)
        self.null = NullF1(self.on_test, bounds, shifts)
        self.n_intervals = int(self.on_test.counts[0])

    def best(self, store: CodesStore, features: NDArray[np.int64]) -> _Best:
        """Of some features, the one with the highest domain F1 where thresholds are chosen."""
        top, column = (0.0, -1, np.nan), None
        for first in range(0, len(features), _CHUNK):
            readout = codes_readout(store, features[first : first + _CHUNK])
            units = graded(readout.matrix, self.halves.select, ConceptParams().thresholds)
            chosen = choose_thresholds(units, self.on_select)
            j = int(np.argmax(chosen.f1[:, 0]))
            if chosen.f1[j, 0] > top[0]:
                top = (float(chosen.f1[j, 0]), int(readout.ids[j]), float(chosen.threshold[j, 0]))
                column = readout.matrix[:, [j]]
        if column is None:
            return _Best(-1, 0.0, np.nan)
        rows = column.indices.astype(np.int64)
        active = rows[np.tile(self.halves.test, 2)[rows] & (column.data >= top[2])]
        f1 = confusion(active, 0, self.on_test, 2 * int(self.halves.test.sum())).f1_domain
        return _Best(top[1], f1, float(np.quantile(self.null.draws(active, 0), 0.95)))


def explanation_of(inputs: Inputs, params: NoveltyParams, hidden: str = "") -> Explanation:
    """What is known of every row, one class left out where it is named."""
    genes = inputs.genes
    if hidden in GENE_KINDS:
        genes = replace(inputs, annotations=inputs.annotations[inputs.annotations["kind"] != hidden]).genes
    # codon positions are those of coding sequences
    visible = [c for c in inputs.classes() if c.name != hidden and not (hidden == "CDS" and c.frame > 0)]
    workspace = inputs.workspace
    sequence = workspace.table.groupby(["genome", "chrom"], sort=False).ngroup().to_numpy()
    origin = np.repeat(sequence, np.diff(inputs.segments))
    fold = alternate(_halved(even_blocks(workspace.block_bounds, _FOLD), origin))
    return Explanation(inputs.bases, inputs.segments, visible, genes, origin, fold, params)


def _halved(bounds: NDArray[np.int64], origin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bounds with the only block of a sequence cut in two, so that even a mitochondrion has some in either fold."""
    sequence_of = origin[bounds[:-1]]
    # the only block of its sequence: cut in two
    alone = np.bincount(sequence_of)[sequence_of] == 1
    return np.sort(np.append(bounds, (bounds[:-1][alone] + bounds[1:][alone]) // 2))


def _blank(name: str, status: str) -> dict[str, object]:
    return {
        "annotation": name,
        "status": status,
        "held_out": "",
        "n_intervals": 0,
        "recovered": False,
        "feature": -1,
        "rank": 0,
        "f1_domain": np.nan,
        "f1_null95": np.nan,
        "best_f1": np.nan,
        "best_feature": -1,
        "best_rank": 0,
        "best_gate": "",
    }
