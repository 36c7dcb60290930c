"""The tables of a run: which files of the layout they are, and their contracts."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from photo51.io import TableSpec
from photo51.io.contracts import (
    biomarkers,
    debug_data,
    enrichment,
    features,
    findings,
    genome,
    geometry,
    interventions,
    learnt,
    memory,
    report,
    sae,
)
from photo51.run.layout import LAYOUT, RunFile


class TableSource(NamedTuple):
    """A table of a run: where it lies, and its contract."""

    place: RunFile
    spec: TableSpec

    @property
    def of_sets(self) -> str:
        """Wildcard that makes it several files: a set of variants, a comparison, a cohort, an experiment; empty for
        one file.
        """
        return next((f for f in self.place.fields if f != "sae"), "")


SPECS: MappingProxyType[str, TableSpec] = MappingProxyType(
    {
        "contigs": genome.CONTIGS,
        "annotations": genome.ANNOTATIONS,
        "transcripts": genome.TRANSCRIPTS,
        "reading": genome.READING,
        "workspace": genome.WORKSPACE,
        "windows": genome.WINDOWS,
        "top_windows": features.TOP_WINDOWS,
        "window_offsets": features.WINDOW_OFFSETS,
        "quality": sae.QUALITY,
        "found_again": sae.FOUND_AGAIN,
        "enrichment": enrichment.ENRICHMENT,
        "qq": enrichment.QQ,
        "adjusted_rates": enrichment.RATES,
        "concepts": enrichment.CONCEPTS,
        "names": enrichment.NAMES,
        "concept_summary": enrichment.SUMMARY,
        "instances": enrichment.INSTANCES,
        "regions": enrichment.REGIONS,
        "shapes": enrichment.SHAPES,
        "logos": enrichment.LOGOS,
        "profiles": enrichment.PROFILES,
        "motif_matches": enrichment.MOTIF_MATCHES,
        "genesets": enrichment.GENESETS,
        "novelty": enrichment.NOVELTY,
        "hidden_classes": enrichment.HIDDEN,
        "replication": enrichment.REPLICATION,
        "manifolds": geometry.MANIFOLDS,
        "points": geometry.POINTS,
        "meaning": geometry.MEANING,
        "positive_controls": geometry.POSITIVE_CONTROLS,
        "variants": biomarkers.VARIANT_EFFECTS,
        "feature_tests": biomarkers.FEATURE_TESTS,
        "permutation_audit": biomarkers.PERMUTATION_AUDIT,
        "reach": biomarkers.REACH,
        "conformal": biomarkers.CONFORMAL,
        "classifiers": biomarkers.CLASSIFIERS,
        "cards": biomarkers.CARDS,
        "card_features": biomarkers.CARD_FEATURES,
        "card_neighbours": biomarkers.CARD_NEIGHBOURS,
        "card_calibration": biomarkers.CALIBRATION,
        "variant_rules": biomarkers.RULES,
        "cohort_rules": biomarkers.RULES,
        "lambdas": biomarkers.LAMBDAS,
        "cohort_tests": biomarkers.COHORT_TESTS,
        "feasibility": biomarkers.FEASIBILITY,
        "carriers": biomarkers.CARRIERS,
        "levels": biomarkers.LEVELS,
        "associations": biomarkers.ASSOCIATIONS,
        "causality": interventions.CAUSALITY,
        "doses": interventions.DOSES,
        "verdicts": interventions.VERDICTS,
        "learnt_words": learnt.WORDS,
        "learnt_survival": learnt.SURVIVAL,
        "learnt_windows": learnt.DIFF_WINDOWS,
        "learnt_positions": learnt.DIFF_POSITIONS,
        "learnt_gate": learnt.GATE,
        "learnt_memory": memory.MEMORY_CLASSES,
        "learnt_sequences": memory.MEMORY,
        "learnt_records": debug_data.RECORDS,
        "learnt_disparity": debug_data.DISPARITY,
        "findings": findings.FINDINGS,
        "tracks": report.TRACKS,
        "calls": report.CALLS,
    }
)
SOURCES: MappingProxyType[str, TableSource] = MappingProxyType(
    {name: TableSource(LAYOUT[name], spec) for name, spec in SPECS.items()}
)
