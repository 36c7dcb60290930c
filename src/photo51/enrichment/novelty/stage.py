"""`photo51 novelty`: parts of every feature, the same of the random-weight model's, the ranking, and its validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import EnrichParams, NoveltyParams
from photo51.enrichment.annotations.design import Design
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import codes_readout
from photo51.enrichment.association.pairs import effective_sizes
from photo51.enrichment.novelty.explanation import Explanation
from photo51.enrichment.novelty.hidden import Proof, explanation_of
from photo51.enrichment.novelty.known_readings import ExplainingReading, by_feature, explaining_readings
from photo51.enrichment.novelty.ranking import (
    PASSED,
    best_claims,
    gates,
    look,
    queue,
    seed_match,
    strengths,
    window_artifact,
)


class NoveltyEvidence(NamedTuple):
    """What there is to judge features by, beside their codes.

    Attributes
    ----------
    enrichment, concepts
        Tables of the run.
    seeds
        Codes of dictionaries of other seeds.
    random
        Codes of a dictionary of the random-weight model; None where there is none.
    window_offsets
        Features read by windows that begin elsewhere (contract `WINDOW_OFFSETS`); None where that was not done.
    ablation
        What the model loses without each feature (contract `ABLATION`); None where it was not measured.
    """

    enrichment: pd.DataFrame
    concepts: pd.DataFrame
    seeds: Sequence[CodesStore] = ()
    random: CodesStore | None = None
    window_offsets: pd.DataFrame | None = None
    ablation: pd.DataFrame | None = None


class Novelty(NamedTuple):
    """Tables of the stage (contracts `NOVELTY`, `HIDDEN`)."""

    queue: pd.DataFrame
    hidden: pd.DataFrame


def novelty(store: CodesStore, inputs: Inputs, evidence: NoveltyEvidence, params: NoveltyParams) -> Novelty:
    """The queue of a run, judged against the random-weight model, and the proof with hidden classes."""
    explanation = explanation_of(inputs, params)
    n_eff_of = evidence.enrichment.groupby("feature")["n_eff"].max()
    n_eff = np.nan_to_num(n_eff_of.reindex(range(store.n_features)).to_numpy(dtype=np.float64), nan=0.0)
    table = _parts(store, inputs, explanation, n_eff, params)
    table["seed_match_r"] = seed_match(store, evidence.seeds)
    table["window_artifact"] = window_artifact(store.n_features, evidence.window_offsets)
    table = table.join(strengths(table["mass"].to_numpy(), n_eff, evidence.ablation))
    table = table.join(best_claims(evidence.concepts, store.n_features, "sae", params))
    table, readings = _with_readings(table, store, inputs, params)
    null = None if evidence.random is None else _null(evidence.random, inputs, explanation, evidence.concepts, params)
    hidden = Proof(store, inputs, table, evidence.concepts, evidence.enrichment, readings, params).hide()
    return Novelty(queue(table, params, null), hidden)


def _parts(
    store: CodesStore,
    inputs: Inputs,
    explanation: Explanation,
    n_eff: NDArray[np.float64],
    params: NoveltyParams,
) -> pd.DataFrame:
    looked = look(store, inputs, explanation, n_eff, params)
    return pd.DataFrame(
        {
            "feature": np.arange(store.n_features),
            "mass": looked.mass,
            "density": looked.density,
            "n_eff": n_eff,
            "n_contigs": looked.n_blocks,
            "repeat_frac": looked.repeat,
            "d2_explained": looked.explained,
            "top_loci": looked.loci,
        }
    )


def _null(
    store: CodesStore, inputs: Inputs, explanation: Explanation, concepts: pd.DataFrame, params: NoveltyParams
) -> pd.DataFrame:
    """Parts of a sample of the random-weight model's features; those not drawn have an n_eff of 0 and stay at the
    gate.
    """
    rng = np.random.default_rng([params.seed, 5])
    drawn = np.sort(rng.permutation(store.n_features)[: params.null_features])
    plain = Design(inputs.workspace, inputs.classes(), EnrichParams(adjust=False))
    n_eff = np.zeros(store.n_features)
    n_eff[drawn] = effective_sizes(plain, codes_readout(store, drawn).matrix)
    table = _parts(store, inputs, explanation, n_eff, params)
    table["seed_match_r"], table["window_artifact"] = np.nan, np.nan
    # percentiles among those drawn: the others have no n_eff, and would stand below them all
    mass = np.where(np.isin(np.arange(store.n_features), drawn), table["mass"].to_numpy(), 0.0)
    table = table.join(strengths(mass, n_eff, None))
    table = table.join(best_claims(concepts, store.n_features, "random_sae", params))
    return _with_readings(table, store, inputs, params)[0]


def _with_readings(
    table: pd.DataFrame, store: CodesStore, inputs: Inputs, params: NoveltyParams
) -> tuple[pd.DataFrame, list[ExplainingReading]]:
    """Parts with the readings of known classes that explain each feature; asked only of features no other gate stops.

    Features that a name stops are asked about too: with the class of that name hidden, another reading may still
    explain them.
    """
    rest = gates(table.assign(explained_by="", named=False), params)
    readings = explaining_readings(store, table["feature"].to_numpy()[(rest == PASSED).to_numpy()], inputs, params)
    return table.assign(explained_by=by_feature(readings, len(table)).to_numpy()), readings
