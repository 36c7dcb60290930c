"""`photo51 concepts`: the dictionary and everything it must beat, examined by one code on one set of questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.enrichment.concepts import Exam, examine
from photo51.enrichment.few import chunks_of, instance_rows, judged
from photo51.enrichment.inputs import Inputs, open_codes
from photo51.enrichment.readout import (
    Readout,
    codes_readout,
    dense_readout,
    kmer_readout,
    linear_probes,
    principal_components,
)
from photo51.enrichment.regions import long_classes, region_rows
from photo51.enrichment.summary import gather_concepts
from photo51.io.contracts.enrichment import INSTANCES, REGIONS
from photo51.types import Strand

log = logging.getLogger(__name__)


class Channels(Protocol):
    """Stored activations, as far as baselines need them (`photo51.activations.store.ActivationStore` is one)."""

    n_rows: int

    def read(self, strand: Strand, rows: slice) -> NDArray[np.float32]:
        """Rows of a strand, (rows, d_model)."""


def examined(
    exam: Exam,
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
    exam
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
    parts.append(_examine(exam, sae, enrichment))
    del sae
    if random is not None:
        other = open_codes(random, inputs)
        parts.append(_examine(exam, codes_readout(other, np.arange(other.n_features), "random_sae")))
    parts.append(_examine(exam, kmer_readout(inputs.bases, inputs.stretches)))
    if channels is not None:
        parts += [_examine(exam, readout) for readout in dense_readouts(exam, channels)]
    return gather_concepts(parts)


def across_genomes(exam: Exam, readouts: Iterable[Readout]) -> pd.DataFrame:
    """Classes with few instances, each genome judged by a choice made on the others, added to those within
    (`INSTANCES`).
    """
    rows = list(exam.instances)
    plans = {r: exam.axis.across(exam.class_of(r), exam.readings[r]) for r in exam.plans}
    plans = {r: plan for r, plan in plans.items() if plan.evaluation}
    for readout in readouts if plans else ():
        chunks = chunks_of(exam.axis, readout)
        n_shifts = exam.params.few_shifts if readout.name == "sae" else 0
        for r, plan in plans.items():
            result = judged(exam.axis, chunks, plan, n_shifts, r)
            rows += instance_rows(exam.axis, exam.class_of(r), exam.readings[r], readout, chunks, result)
    return INSTANCES.check(pd.DataFrame(rows)) if rows else INSTANCES.empty()


def region_table(exam: Exam, sae: Readout) -> pd.DataFrame:
    """Long classes with few instances against their flanks (contract `REGIONS`)."""
    few = {
        exam.readings[r].annotation
        for r, status in enumerate(exam.status)
        if r not in exam.fixed() and not exam.class_of(r).reason and status
    }
    classes = long_classes(exam.classes, few, exam.params.region_bases)
    if not classes:
        return REGIONS.empty()
    by_row = sae.matrix.tocsr()
    return REGIONS.check(pd.DataFrame([row for c in classes for row in region_rows(exam.axis, c, by_row, sae.ids)]))


def _examine(exam: Exam, readout: Readout, enrichment: pd.DataFrame | None = None) -> pd.DataFrame:
    log.info("concepts: %s, %d units against %d readings", readout.name, len(readout.units), len(exam.readings))
    return examine(exam, readout, enrichment)


def dense_readouts(exam: Exam, channels: Channels) -> Iterator[Readout]:
    """Neurons, principal components and linear probes; whatever they learn, they learn on the select rows."""
    p = exam.params
    plus, minus = (channels.read(s, slice(None)) for s in ("+", "-"))
    yield dense_readout(plus, minus, name="neurons", prefix="n", share=p.dense_share, fit=exam.select)
    pca = principal_components(plus, minus, min(p.components, plus.shape[1]), exam.select)
    yield dense_readout(*pca, name="pca", prefix="pc", share=p.dense_share, fit=exam.select)
    scored = exam.fixed()
    if scored:
        masks = np.array([exam.mask(r) for r in scored])
        probes = linear_probes(plus, minus, masks, exam.select)
        yield dense_readout(*probes, name="linear_probe", prefix="p", share=p.dense_share, fit=exam.select)
