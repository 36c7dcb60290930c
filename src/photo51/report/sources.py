"""Where each table of a run lies, what it is about, and what would make it."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from photo51.io import TableSpec
from photo51.io.contracts import (
    biomarkers,
    enrichment,
    features,
    genome,
    geometry,
    interventions,
    report,
    sae,
)


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
_GEOMETRY = "`photo51 geometry` makes it."
_VARIANTS = "Name a VCF or a table of variants in the `variants` column of `genomes.tsv`, and run again."
_COHORT = "Give a cohort in the configuration, and run again."
_CAUSES = "`photo51 causality` makes it."
_STEER = "`photo51 steer` makes it."

SOURCES: MappingProxyType[str, Source] = MappingProxyType(
    {
        "contigs": Source("genome/contigs.parquet", genome.CONTIGS, "Contigs", _GENOME),
        "annotations": Source("genome/annotations.parquet", genome.ANNOTATIONS, "Annotations", _GENOME),
        "transcripts": Source("genome/transcripts.parquet", genome.TRANSCRIPTS, "Transcripts", _GENOME),
        "reading": Source("genome/reading.parquet", genome.READING, "What was read", _GENOME),
        "workspace": Source("genome/workspace.parquet", genome.WORKSPACE, "Scored bases", _GENOME),
        "windows": Source("genome/windows.parquet", genome.WINDOWS, "Windows", _GENOME),
        "top_windows": Source(
            "top_windows.parquet", features.TOP_WINDOWS, "Strongest places", "`photo51 features` makes it."
        ),
        "retiled": Source(
            "retiled.parquet",
            features.RETILED,
            "Features where windows begin elsewhere",
            "`photo51 retile` makes it.",
        ),
        "quality": Source(
            "sae/{sae}/quality.parquet",
            sae.QUALITY,
            "Quality of the dictionary",
            "`photo51 sae-quality` makes it.",
        ),
        "enrichment": Source(
            "enrichment.parquet",
            enrichment.ENRICHMENT,
            "Features against annotations",
            "`photo51 enrich` makes it.",
        ),
        "qq": Source(
            "calibration_qq.parquet",
            enrichment.QQ,
            "Calibration on rotated activations",
            "`photo51 enrich` makes it.",
        ),
        "adjusted_rates": Source(
            "adjusted_rates.parquet",
            enrichment.RATES,
            "The adjusted test on shifted features",
            "`photo51 enrich` makes it.",
        ),
        "concepts": Source(
            "concepts.parquet",
            enrichment.CONCEPTS,
            "Concepts on held-out blocks",
            "`photo51 concepts` makes it.",
        ),
        "names": Source("names.parquet", enrichment.NAMES, "Names of features", "`photo51 names` makes it."),
        "concept_summary": Source(
            "concept_summary.parquet",
            enrichment.SUMMARY,
            "Concepts beside their baselines",
            "`photo51 concepts` makes it.",
        ),
        "instances": Source(
            "instances.parquet",
            enrichment.INSTANCES,
            "Classes with few instances, each judged by a choice made on the others",
            "`photo51 concepts` makes it.",
        ),
        "regions": Source(
            "regions.parquet",
            enrichment.REGIONS,
            "Long, rare classes against their flanks",
            "`photo51 concepts` makes it.",
        ),
        "shapes": Source(
            "shapes.parquet", enrichment.SHAPES, "Shapes of activation", "`photo51 motifs` makes it."
        ),
        "logos": Source("logos.parquet", enrichment.LOGOS, "Logos", "`photo51 motifs` makes it."),
        "profiles": Source(
            "profiles.parquet",
            enrichment.PROFILES,
            "Profiles around boundaries",
            "`photo51 motifs` makes it.",
        ),
        "motif_matches": Source(
            "motif_matches.parquet",
            enrichment.MOTIF_MATCHES,
            "Matches to known motifs",
            "Give a MEME file in the configuration, and run again.",
        ),
        "genesets": Source(
            "genesets.parquet",
            enrichment.GENESETS,
            "Gene sets",
            "Give a GMT file in the configuration, and run again.",
        ),
        "novelty": Source(
            "novelty.parquet",
            enrichment.NOVELTY,
            "The ranking of unannotated features",
            "`photo51 novelty` makes it.",
        ),
        "hidden_classes": Source(
            "hidden_classes.parquet",
            enrichment.HIDDEN,
            "Leave-one-annotation-out validation of the ranking",
            "`photo51 novelty` makes it.",
        ),
        "ledger": Source(
            "ledger.parquet", enrichment.LEDGER, "Replication of annotations", "`photo51 ledger` makes it."
        ),
        "manifolds": Source(
            "manifolds.parquet", geometry.MANIFOLDS, "Groups of features and their shapes", _GEOMETRY
        ),
        "points": Source("manifold_points.parquet", geometry.POINTS, "Bases on their shapes", _GEOMETRY),
        "meaning": Source("coordinates.parquet", geometry.MEANING, "What the coordinates mean", _GEOMETRY),
        "battery": Source(
            "battery.parquet",
            geometry.BATTERY,
            "Shapes that are known to exist",
            _GEOMETRY,
        ),
        "variants": Source("variants/*.parquet", biomarkers.VARIANT_EFFECTS, "Variant effects", _VARIANTS),
        "feature_tests": Source(
            "biomarkers/*/feature_tests.parquet",
            biomarkers.FEATURE_TESTS,
            "Features of disease variants",
            _VARIANTS,
        ),
        "permutation_audit": Source(
            "biomarkers/*/permutation_audit.parquet",
            biomarkers.PERMUTATION_AUDIT,
            "Feature tests with permuted labels",
            _VARIANTS,
        ),
        "reach": Source(
            "biomarkers/*/reach.parquet", biomarkers.REACH, "What each score can rank", _VARIANTS
        ),
        "conformal": Source(
            "biomarkers/*/conformal.parquet", biomarkers.CONFORMAL, "Conformal sets", _VARIANTS
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
        "card_calibration": Source(
            "biomarkers/*/calibration.parquet", biomarkers.CALIBRATION, "Calibration of the cards", _VARIANTS
        ),
        "variant_rules": Source("biomarkers/*/rules.parquet", biomarkers.RULES, "Distilled rules", _VARIANTS),
        "cohort_rules": Source("cohort/*/rules.parquet", biomarkers.RULES, "Distilled rules", _COHORT),
        "lambdas": Source("cohort/*/lambdas.parquet", biomarkers.LAMBDAS, "Inflation of the tests", _COHORT),
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
