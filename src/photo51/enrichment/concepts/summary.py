"""Concepts of all readouts side by side: which beats which, class by class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51.enrichment.concepts.evaluation import Evaluation, mark_best
from photo51.enrichment.concepts.few import FIXED
from photo51.io.contracts.enrichment import CONCEPTS, SUMMARY

BASELINES = {
    "kmer": "f1_kmer",
    "neurons": "f1_neuron",
    "pca": "f1_pca",
    "random_sae": "f1_random_sae",
    "linear_probe": "f1_linear_probe",
}
MIN_F1 = 0.5
"""Domain F1 at which a concept counts as found."""


def gather_concepts(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """One table of all parts, best units marked anew, by class, readout and falling F1 on select."""
    table = pd.concat(parts, ignore_index=True) if parts else CONCEPTS.empty()
    table = table.sort_values(
        ["annotation", "strand", "readout", "f1_select", "feature"],
        ascending=[True, True, True, False, True],
        kind="stable",
        ignore_index=True,
    )
    return CONCEPTS.check(mark_best(table))


def summarise_concepts(evaluation: Evaluation, concepts: pd.DataFrame) -> pd.DataFrame:
    """The best unit of each readout for each class (contract `SUMMARY`); classes that were not scored say why."""
    readouts = {r for r in BASELINES if (concepts["readout"] == r).any()}
    best = {(b.annotation, b.strand, b.readout): b for b in concepts[concepts["best"]].itertuples(index=False)}
    rows = []
    for r, reading in enumerate(evaluation.readings):
        name, strand = evaluation.class_of(r).name, reading.orientation
        sae = best.get((name, strand, "sae"))
        few = evaluation.plans.get(r)
        nothing = 0.0 if evaluation.status[r] == "scored" else np.nan  # a readout that hit nothing has an F1 of 0
        row = {
            "annotation": name,
            "strand": strand,
            "status": evaluation.status[r],
            "evaluation": few.evaluation if few else FIXED if evaluation.status[r] == "scored" else "",
            "n_instances": evaluation.class_of(r).n_instances,
            "n_test_domains": evaluation.class_of(r).n_instances if few else int(evaluation.on_test.counts[r]),
            "feature": int(getattr(sae, "feature", -1)),
            "f1_domain": float(getattr(sae, "f1_domain", nothing)),
            "f1_null95": float(getattr(sae, "f1_null95", np.nan)),
            "f1_always": _always(evaluation, r),
            **{name: getattr(sae, name, np.nan) for name in ("recall_domain", "recall_lo", "recall_hi", "p_instances")},
        }
        for readout in sorted(readouts):
            unit = best.get((name, strand, readout))
            absent = np.nan if few and readout == "linear_probe" else nothing
            row[BASELINES[readout]] = float(getattr(unit, "f1_domain", absent))
        rows.append(row)
    table = pd.DataFrame(rows)
    for readout, column in (("neurons", "beats_neuron"), ("pca", "beats_pca")):
        if readout in readouts:
            table[column] = table["f1_domain"] > table[BASELINES[readout]]
    return SUMMARY.check(table) if len(table) else SUMMARY.empty()


def _always(evaluation: Evaluation, reading: int) -> float:
    if reading in evaluation.plans:
        share = float(evaluation.mask(reading).mean())
        # F1 at precision = share and recall = 1
        return 2 * share / (1 + share)
    share = float(evaluation.on_test.bases[reading]) / max(2 * int(evaluation.test.sum()), 1)
    return 2 * share / (1 + share)


def headline(summary: pd.DataFrame) -> dict[str, float | int | None]:
    """How often the dictionary wins: share of scored concepts, and ratio of concepts found."""
    scored = summary[summary["status"] == "scored"]
    out: dict[str, float | int | None] = {
        "concepts_scored": len(scored),
        "concepts_sae": int((scored["f1_domain"] >= MIN_F1).sum()),
        "sae_beats_always_on_share": _share(scored["f1_domain"] > scored["f1_always"]),
    }
    for readout, column in BASELINES.items():
        if column in scored.columns:
            out[f"concepts_{readout}"] = int((scored[column] >= MIN_F1).sum())
            met = scored[scored[column].notna()]
            out[f"sae_beats_{readout}_share"] = _share(met["f1_domain"] > met[column])
    if "f1_neuron" in scored.columns and out["concepts_neurons"]:
        out["concepts_sae_over_neurons"] = float(out["concepts_sae"] or 0) / float(out["concepts_neurons"] or 1)
    return out


def _share(wins: pd.Series) -> float | None:
    return float(wins.mean()) if len(wins) else None
