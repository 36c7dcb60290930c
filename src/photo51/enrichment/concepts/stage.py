"""`photo51 concepts`: the dictionary and everything it must beat, evaluated by one code on one set of questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.enrichment.annotations.inputs import Inputs, open_codes
from photo51.enrichment.annotations.readout import (
    Readout,
    codes_readout,
    dense_readout,
    kmer_readout,
    linear_probes,
    principal_components,
    scatter,
)
from photo51.enrichment.concepts.evaluation import Evaluation, evaluate
from photo51.enrichment.concepts.few import chunks_of, instance_rows, judged
from photo51.enrichment.concepts.regions import long_classes, region_rows
from photo51.enrichment.concepts.summary import gather_concepts
from photo51.io.contracts.enrichment import INSTANCES, REGIONS
from photo51.types import Strand

log = logging.getLogger(__name__)


class Channels(Protocol):
    """Stored activations, as far as baselines need them (`photo51.activations.store.ActivationStore` is one)."""

    n_rows: int

    def read(self, strand: Strand, rows: slice) -> NDArray[np.float32]:
        """Rows of a strand, (rows, d_model)."""


def evaluated(
    evaluation: Evaluation,
    inputs: Inputs,
    codes: Path,
    *,
    random: Path | None = None,
    channels: Channels | None = None,
    enrichment: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Metrics of all readouts (contract `CONCEPTS`).

    Parameters
    ----------
    evaluation
        The questions.
    codes, random
        Codes of the dictionary, and of one of the random-weight model.
    channels
        Activations of the dictionary's site; without them neurons, components and probes are left out.
    enrichment
        The dictionary's enrichment table, for its q-values.
    """
    store = open_codes(codes, inputs)
    parts = []
    sae = codes_readout(store, np.arange(store.n_features))
    parts.append(_evaluate(evaluation, sae, enrichment))
    del sae
    if random is not None:
        other = open_codes(random, inputs)
        parts.append(_evaluate(evaluation, codes_readout(other, np.arange(other.n_features), "random_sae")))
    parts.append(_evaluate(evaluation, kmer_readout(inputs.bases, inputs.segments)))
    if channels is not None:
        parts += [_evaluate(evaluation, readout) for readout in dense_readouts(evaluation, channels)]
    return gather_concepts(parts)


def across_genomes(evaluation: Evaluation, readouts: Iterable[Readout]) -> pd.DataFrame:
    """Classes with few instances, each genome judged by a choice made on the others, added to those within
    (`INSTANCES`).
    """
    rows = list(evaluation.instances)
    plans = {r: evaluation.axis.across(evaluation.class_of(r), evaluation.readings[r]) for r in evaluation.plans}
    plans = {r: plan for r, plan in plans.items() if plan.evaluation}
    for readout in readouts if plans else ():
        chunks = chunks_of(evaluation.axis, readout)
        n_shifts = evaluation.params.few_shifts if readout.name == "sae" else 0
        for r, plan in plans.items():
            result = judged(evaluation.axis, chunks, plan, n_shifts, r)
            rows += instance_rows(
                evaluation.axis, evaluation.class_of(r), evaluation.readings[r], readout, chunks, result
            )
    return INSTANCES.check(pd.DataFrame(rows)) if rows else INSTANCES.empty()


def region_table(evaluation: Evaluation, sae: Readout) -> pd.DataFrame:
    """Long classes with few instances against their flanks (contract `REGIONS`)."""
    few = {
        evaluation.readings[r].annotation
        for r, status in enumerate(evaluation.status)
        if r not in evaluation.fixed() and not (c := evaluation.class_of(r)).reason and c.frame < 1 and status
    }
    classes = long_classes(evaluation.classes, few, evaluation.params.region_bases)
    if not classes:
        return REGIONS.empty()
    by_row = sae.matrix.tocsr()
    return REGIONS.check(
        pd.DataFrame([row for c in classes for row in region_rows(evaluation.axis, c, by_row, sae.ids)])
    )


def _evaluate(evaluation: Evaluation, readout: Readout, enrichment: pd.DataFrame | None = None) -> pd.DataFrame:
    log.info("concepts: %s, %d units against %d readings", readout.name, len(readout.units), len(evaluation.readings))
    return evaluate(evaluation, readout, enrichment)


def dense_readouts(evaluation: Evaluation, channels: Channels) -> Iterator[Readout]:
    """Neurons, principal components and linear probes; whatever they learn, they learn on the select rows."""
    p = evaluation.params
    plus, minus = (channels.read(s, slice(None)) for s in ("+", "-"))
    yield dense_readout(plus, minus, name="neurons", prefix="n", share=p.dense_share, fit=evaluation.select)
    learnt = scatter(plus, minus, evaluation.select)
    pca = principal_components(plus, minus, min(p.components, plus.shape[1]), learnt)
    yield dense_readout(*pca, name="pca", prefix="pc", share=p.dense_share, fit=evaluation.select)
    scored = evaluation.fixed()
    if scored:
        masks = np.array([evaluation.mask(r) for r in scored])
        probes = linear_probes(plus, minus, masks, learnt)
        yield dense_readout(*probes, name="linear_probe", prefix="p", share=p.dense_share, fit=evaluation.select)
