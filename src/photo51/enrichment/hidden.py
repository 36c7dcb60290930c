"""Does the queue find what nobody told it of? One annotation class at a time is hidden, and the queue is made anew.

With the class gone from the gate, from the explanation and, where it is a class of genes, from the distances to genes, its
features have no name. The class is recovered if one of the first features of the queue has it as a concept: threshold chosen
on one part of the blocks, domain F1 on the other above the limit and above the feature's own rotations. Where the test split
has too little of the class, every second block that has it is held out instead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import ConceptParams, NoveltyParams
from photo51.enrichment.annotations import AnnotationClass
from photo51.enrichment.design import Reading
from photo51.enrichment.domains import Domains, domains_of
from photo51.enrichment.explanation import Explanation
from photo51.enrichment.inputs import GENE_KINDS, Inputs
from photo51.enrichment.novelty import claims, queue
from photo51.enrichment.readout import Readout, codes_readout
from photo51.enrichment.scoring import choose_thresholds, confusion, null_f1
from photo51.genome.workspace import Workspace
from photo51.io.contracts.enrichment import HIDDEN
from photo51.stats.resampling import random_shifts

_LEAST = 2
_CHUNK = 256


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

    def __init__(self, workspace: Workspace, c: AnnotationClass, least: int):
        self.select = workspace.split_mask("train", "select")
        self.test = workspace.split_mask("test")
        self.held_out, self.reason = "test", ""
        if self._enough(c, least):
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
        self.test = np.isin(block, having[1::2])
        self.select = ~self.test
        self.held_out = "every second block that has the class"

    def _enough(self, c: AnnotationClass, least: int) -> bool:
        counts = [np.count_nonzero(m[c.intervals[:, 0]]) for m in (self.select, self.test)]
        return bool(min(counts) >= least)


def hide(
    store: CodesStore,
    inputs: Inputs,
    table: pd.DataFrame,
    concepts: pd.DataFrame,
    enrichment: pd.DataFrame,
    params: NoveltyParams,
) -> pd.DataFrame:
    """Hide each class in turn (contract `HIDDEN`).

    Parameters
    ----------
    table
        Parts of every feature, as `novelty.queue` takes them.
    concepts, enrichment
        Tables of the run: which classes name a feature, and which features a class touches.
    """
    classes = {c.name: c for c in inputs.classes()}
    rows = []
    for name in params.hidden:
        c = classes.get(name)
        if c is None or not len(c.intervals):
            if not name.endswith("_predicted") and f"{name}_predicted" not in classes:
                rows.append(_blank(name, "not annotated in the workspace"))
            continue
        halves = Halves(inputs.workspace, c, _LEAST)
        if halves.reason:
            rows.append(_blank(name, halves.reason))
            continue
        without = _without(store, inputs, table, concepts, enrichment, c, params)
        rows.append(_recovered(store, inputs, queue(without, params), c, halves, params))
    return HIDDEN.check(pd.DataFrame(rows)) if rows else HIDDEN.empty()


def _without(  # noqa: PLR0917
    store: CodesStore,
    inputs: Inputs,
    table: pd.DataFrame,
    concepts: pd.DataFrame,
    enrichment: pd.DataFrame,
    hidden: AnnotationClass,
    params: NoveltyParams,
) -> pd.DataFrame:
    """The parts of every feature with a class forgotten; explained anew are the features that are enriched in it."""
    left = claims(concepts[concepts["annotation"] != hidden.name], len(table), "sae", params)
    out = table.assign(**{column: left[column].to_numpy() for column in left.columns})
    touched = enrichment[(enrichment["annotation"] == hidden.name) & (enrichment["q"] < 0.05)][
        "feature"
    ].unique()
    measured = np.intersect1d(touched, out.index[out["d2_explained"].notna()])
    explanation = explanation_of(inputs, params, hidden.name)
    column = out["d2_explained"].to_numpy(copy=True)
    for feature in measured.tolist():
        rows = codes_readout(store, [feature]).matrix.indices.astype(np.int64)
        column[feature] = explanation.explained(rows, np.random.default_rng([params.seed, feature]))
    return out.assign(d2_explained=column)


def explanation_of(inputs: Inputs, params: NoveltyParams, hidden: str = "") -> Explanation:
    """What is known of every row, one class left out where it is named."""
    from photo51.stats.covariance import alternate, even_blocks

    kinds = inputs.annotations["kind"] != hidden
    known = replace(inputs, annotations=inputs.annotations[kinds].reset_index(drop=True))
    genes = known.genes if hidden in {"", *GENE_KINDS} else inputs.genes
    fold = alternate(even_blocks(inputs.workspace.block_bounds, 16_384))
    return Explanation(inputs.bases, inputs.stretches, known.classes(), genes, fold, params)


def _recovered(
    store: CodesStore,
    inputs: Inputs,
    made: pd.DataFrame,
    c: AnnotationClass,
    halves: Halves,
    params: NoveltyParams,
) -> dict[str, object]:
    """Whether the first features of a queue know a class; and what its best feature of all is."""
    reading = Reading(0, "sense" if c.stranded else "either")
    on_select, on_test = (domains_of([c], [reading], rows) for rows in (halves.select, halves.test))
    first = made[(made["rank"] > 0) & (made["rank"] <= params.top)].sort_values("rank")
    best_first = _best(store, inputs, first["feature"].to_numpy(), on_select, on_test, halves, params)
    best = _best(store, inputs, np.arange(store.n_features), on_select, on_test, halves, params)
    place = made.set_index("feature")
    feature, f1, null = best_first
    return {
        "annotation": c.name,
        "status": "tested",
        "held_out": halves.held_out,
        "n_intervals": int(on_test.counts[0]),
        "recovered": bool(f1 >= params.recovered_f1 and f1 > null),
        "feature": feature,
        "rank": int(place["rank"].get(feature, 0)),
        "f1_domain": f1,
        "f1_null95": null,
        "best_f1": best[1],
        "best_feature": best[0],
        "best_rank": int(place["rank"].get(best[0], 0)),
        "best_gate": str(place["gate"].get(best[0], "")),
    }


def _best(  # noqa: PLR0917
    store: CodesStore,
    inputs: Inputs,
    features: NDArray[np.int64],
    on_select: Domains,
    on_test: Domains,
    halves: Halves,
    params: NoveltyParams,
) -> tuple[int, float, float]:
    """Of some features the one that select chooses for the class: number, domain F1 on test, and 95th percentile turned."""
    chosen: tuple[float, int, float, Readout] | None = None
    for first in range(0, len(features), _CHUNK):
        readout = codes_readout(store, features[first : first + _CHUNK])
        found = choose_thresholds(readout.matrix, on_select, halves.select, ConceptParams().thresholds)
        j = int(np.argmax(found.f1[:, 0]))
        if found.f1[j, 0] > (chosen[0] if chosen else 0.0):
            one = Readout("sae", readout.units[j : j + 1], readout.matrix[:, [j]], readout.ids[j : j + 1])
            chosen = (float(found.f1[j, 0]), int(readout.ids[j]), float(found.threshold[j, 0]), one)
    if chosen is None:
        return -1, 0.0, np.nan
    _, feature, threshold, one = chosen
    rows, values = one.matrix.indices.astype(np.int64), one.matrix.data
    active = rows[np.tile(halves.test, 2)[rows] & (values >= threshold)]
    f1 = confusion(active, 0, on_test, 2 * int(halves.test.sum())).f1_domain
    bounds = inputs.workspace.block_bounds
    shifts = random_shifts(bounds, np.random.default_rng([params.seed, 4]), 200)
    return feature, f1, float(np.quantile(null_f1(active, 0, on_test, bounds, shifts), 0.95))


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
