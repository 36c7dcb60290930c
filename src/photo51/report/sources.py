"""Where each table of a run lies, what it is about, and what would make it."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from photo51.io import TableSpec
from photo51.io.contracts import biomarkers, features, genome, interventions, report


class Source(NamedTuple):
    """A table of a run.

    Attributes
    ----------
    path
        Below the run's folder; `{sae}` is the dictionary, a `*` is a set of variants, a cohort or an experiment.
    spec
        Its contract.
    what
        What it says, as the subject of a sentence.
    how
        What makes it, in a sentence.
    """

    path: str
    spec: TableSpec
    what: str
    how: str


_GENOME = "`photo51 prepare` makes it."
_VARIANTS = "Name a VCF or a table of variants in the `variants` column of `genomes.tsv`, and run again."
_COHORT = "Give a cohort in the configuration, and run again."
_CAUSES = "`photo51 causality` makes it."
_STEER = "`photo51 steer` makes it."

SOURCES: MappingProxyType[str, Source] = MappingProxyType(
    {
        "contigs": Source("genome/contigs.parquet", genome.CONTIGS, "Contigs", _GENOME),
        "annotations": Source("genome/annotations.parquet", genome.ANNOTATIONS, "Annotations", _GENOME),
        "workspace": Source("genome/workspace.parquet", genome.WORKSPACE, "Scored bases", _GENOME),
        "windows": Source("genome/windows.parquet", genome.WINDOWS, "Windows", _GENOME),
        "top_windows": Source(
            "top_windows.parquet", features.TOP_WINDOWS, "Strongest places", "`photo51 features` makes it."
        ),
        "variants": Source("variants/*.parquet", biomarkers.VARIANT_EFFECTS, "Variant effects", _VARIANTS),
        "feature_tests": Source(
            "biomarkers/*/feature_tests.parquet",
            biomarkers.FEATURE_TESTS,
            "Features of disease variants",
            _VARIANTS,
        ),
        "classifiers": Source(
            "biomarkers/*/classifiers.parquet",
            biomarkers.CLASSIFIERS,
            "Prediction of disease variants",
            _VARIANTS,
        ),
        "cards": Source("biomarkers/*/cards.parquet", biomarkers.CARDS, "Evidence cards", _VARIANTS),
        "card_features": Source(
            "biomarkers/*/card_features.parquet",
            biomarkers.CARD_FEATURES,
            "Features on evidence cards",
            _VARIANTS,
        ),
        "card_neighbours": Source(
            "biomarkers/*/card_neighbours.parquet",
            biomarkers.CARD_NEIGHBOURS,
            "Neighbours on evidence cards",
            _VARIANTS,
        ),
        "cohort_tests": Source(
            "cohort/*/cohort_tests.parquet", biomarkers.COHORT_TESTS, "Cohort association", _COHORT
        ),
        "causality": Source(
            "interventions/causality.parquet", interventions.CAUSALITY, "Effect of removing features", _CAUSES
        ),
        "doses": Source("interventions/*/doses.parquet", interventions.DOSES, "Steering", _STEER),
        "verdicts": Source(
            "interventions/*/verdicts.parquet", interventions.VERDICTS, "Verdicts on steering", _STEER
        ),
        "tracks": Source(
            "tracks/tracks.parquet", report.TRACKS, "Genome tracks", "`photo51 tracks` makes them."
        ),
        "calls": Source("tracks/calls.parquet", report.CALLS, "Calls", "`photo51 tracks` makes them."),
    }
)
