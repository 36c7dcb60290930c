"""Parameters of enrichment: nulls, concepts, motifs, gene sets, the ranking of unannotated features, replication."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from photo51.config.base import Params

Orientation = Literal["sense", "antisense", "either"]
Split = Literal["train", "select", "test"]


class EnrichParams(Params):
    """`photo51 enrich`: features against annotation classes."""

    classes: tuple[str, ...] = Field(
        default=(), description="annotation classes to test; empty: all that the genomes have"
    )
    leave_out: tuple[str, ...] = Field(default=("exon",), description="annotation classes left out")
    orientations: tuple[Orientation, ...] = Field(
        default=("sense", "antisense"),
        min_length=1,
        description="how stranded classes are read; classes on both strands alike are read as either",
    )
    splits: tuple[Split, ...] = Field(
        default=("train", "select", "test"),
        min_length=1,
        description="splits whose blocks are tested; the statistic has no threshold, so nothing leaks",
    )
    levels: int = Field(
        default=15,
        ge=1,
        le=255,
        description="integer levels activations are put on; 1 counts active bases only",
    )
    min_runs: int = Field(default=5, ge=1, description="least runs of a feature")
    min_n_eff: float = Field(default=5.0, ge=0, description="least effective sample size of a pair (draws)")
    min_intervals: int = Field(default=5, ge=2, description="least intervals of a class in the workspace")
    max_coverage: float = Field(
        default=0.95, gt=0, le=1, description="largest share of (base, strand) pairs a class may mark"
    )
    interval_blocks: float = Field(
        default=4.0,
        ge=1,
        description="neighbouring blocks of a contig turn as one until they hold this many times the longest interval",
    )
    screen_z: float = Field(
        default=1.5,
        ge=0,
        description=(
            "pairs with z at least this, and with -z at least this where the class covers much, get the exact p; "
            "the others keep the normal tail of z"
        ),
    )
    wide: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description=(
            "coverage from which depletion gets the exact p too; below, overlaps are skewed upwards and the normal "
            "lower tail is too large"
        ),
    )
    screen_bin: int = Field(
        default=16,
        ge=1,
        description="bin of the screen in workspaces above screen_bin_rows, where class and feature allow (bases)",
    )
    screen_bin_rows: int = Field(
        default=20_000_000, ge=0, description="workspace size above which the screen may use bins (bases)"
    )
    mid_p: bool = Field(default=False, description="count the observed value half")
    adjust: bool = Field(default=True, description="compute p beyond composition, strand and unit too")
    adjust_block: int = Field(
        default=16_384,
        ge=1_024,
        description="blocks over which the adjusted test is studentised; shorter in small genomes (bases)",
    )
    alpha: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate of a discovery")
    rotated: bool = Field(
        default=True,
        description="also do everything on activations of which each feature's are rotated once (calibration)",
    )
    rotated_features: int = Field(
        default=512,
        ge=1,
        description="features of the calibration, drawn at random; all where there are fewer",
    )
    seed: int = Field(default=51, ge=0, description="seed of the calibration's rotation, and of its features")
    chunk: int = Field(default=256, ge=1, description="features held at a time")


class ConceptParams(Params):
    """`photo51 concepts`: metrics with the threshold frozen on select and everything reported on test."""

    classes: tuple[str, ...] = Field(default=(), description="annotation classes; empty: all")
    leave_out: tuple[str, ...] = Field(default=("exon",), description="annotation classes left out")
    orientations: tuple[Orientation, ...] = Field(
        default=("sense",), min_length=1, description="how stranded classes are read"
    )
    select: tuple[Split, ...] = Field(
        default=("train", "select"),
        min_length=1,
        description="splits on which thresholds and units are chosen",
    )
    test: tuple[Split, ...] = Field(default=("test",), min_length=1, description="splits that are reported")
    thresholds: int = Field(
        default=20,
        ge=2,
        description="thresholds tried: quantiles of the unit's non-zero activations on select",
    )
    min_domains: int = Field(
        default=5,
        ge=1,
        description=(
            "least instances of a class on select, and on test; a class with fewer is cross-validated over blocks"
        ),
    )
    folds: int = Field(
        default=10,
        ge=2,
        description="most folds of blocks for classes with few instances, each held out once",
    )
    few_levels: int = Field(
        default=8,
        ge=1,
        le=200,
        description="thresholds tried for classes with few instances, quantiles as above",
    )
    few_shifts: int = Field(default=199, ge=19, description="circular shifts of a class's instances for p_instances")
    region_bases: int = Field(
        default=2_000,
        ge=100,
        description="classes with few instances and at least this median length are told from their flanks too (bases)",
    )
    region_windows: int = Field(
        default=20, ge=4, description="windows an instance of median length is cut into for that"
    )
    region_shifts: int = Field(default=99, ge=19, description="circular shifts of instances for that")
    per_class: int = Field(default=5, ge=1, description="units reported for each class and readout, best first")
    max_q: float = Field(
        default=0.05, gt=0, description="features below this q in the enrichment table are reported too"
    )
    per_feature: int = Field(
        default=2, ge=1, description="classes reported for a feature by its q, largest f1_select first"
    )
    min_f1: float = Field(
        default=0.1, ge=0, le=1, description="least f1_select of a feature that is reported for its q alone"
    )
    null_rotations: int = Field(default=200, ge=20, description="rotations of a unit for f1_null95")
    bootstraps: int = Field(default=400, ge=50, description="draws of blocks for limits of d_auprc")
    bootstrap_block: int = Field(default=16_384, ge=1_024, description="block of the bootstrap (bases)")
    leak_k: int = Field(
        default=21, ge=11, le=31, description="test bases in a k-mer that train or select holds are left out"
    )
    dense_share: float = Field(
        default=0.02,
        gt=0,
        le=0.5,
        description="share of bases at which each sign of a neuron, component or probe counts as active",
    )
    components: int = Field(default=64, ge=1, description="principal components of the pca readout")
    named_f1: float = Field(default=0.3, ge=0, le=1, description="least domain F1 of a name")
    named_mcc: float = Field(
        default=0.1,
        ge=-1,
        le=1,
        description="least Matthews correlation of active and inside, base by base, of a name",
    )
    name_alpha: float = Field(
        default=0.05, gt=0, lt=1, description="q, q_adj_comp and p_instances below which evidence names"
    )
    name_fold: float = Field(
        default=2.0, ge=1, description="least enrichment at which the exact null alone gives a weak name"
    )
    name_top_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="least share of the strongest places within a class that gives a weak name",
    )
    name_top_fold: float = Field(
        default=5.0, ge=1, description="and at least so many times the share of positions the class covers"
    )
    seed: int = Field(default=51, ge=0, description="seed of rotations and bootstrap")


class MotifParams(Params):
    """`photo51 motifs`: shapes, logos, boundary profiles, matches to known motifs."""

    windows: int = Field(default=200, ge=10, description="strongest windows of a feature's logo")
    upstream: int = Field(default=24, ge=1, description="bases of a window before the peak (bases)")
    downstream: int = Field(
        default=6, ge=0, description="bases of a window after the peak; the model has not read them (bases)"
    )
    apart: int = Field(default=32, ge=1, description="least distance of two peaks of one strand (bases)")
    same: float = Field(default=0.8, gt=0, le=1, description="windows that agree at this share of columns count once")
    shift: int = Field(default=3, ge=0, description="windows may move this far to line up (bases)")
    null_logos: int = Field(default=50, ge=20, description="logos of random windows for information_null")
    profile_reach: int = Field(default=100, ge=10, description="offsets around boundaries (bases)")
    profile_classes: int = Field(
        default=3, ge=0, description="classes whose boundaries a feature is profiled around, best first"
    )
    min_overlap: int = Field(default=5, ge=2, description="least columns two motifs share (bases)")
    max_match_q: float = Field(default=0.1, gt=0, le=1, description="matches kept up to this q")
    seed: int = Field(default=51, ge=0, description="seed of random windows")


class GeneSetParams(Params):
    """`photo51 genesets`: which sets of genes a feature hits."""

    kind: str = Field(default="CDS", description="annotation class whose intervals are the genes")
    min_genes: int = Field(default=5, ge=2, description="least genes of a set in the workspace")
    max_genes: int = Field(default=500, ge=2, description="most genes of a set in the workspace")
    draws: int = Field(default=1_023, ge=99, description="random rotations of the first look")
    exact_p: float = Field(
        default=0.01, ge=0, le=1, description="pairs at most this far out get the exact p over all rotations"
    )
    min_runs: int = Field(default=5, ge=1, description="least runs of a feature")
    seed: int = Field(default=51, ge=0, description="seed of rotations")


class NoveltyParams(Params):
    """`photo51 novelty`: features that nobody has named."""

    min_n_eff: float = Field(default=30.0, ge=0, description="gate: least n_eff (draws)")
    min_contigs: int = Field(default=3, ge=1, description="gate: least blocks of the axis it fires in")
    max_density: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="gate: largest share of bases at which it is active: what is on so widely marks no place",
    )
    named_f1: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description=(
            "gate: no class with this held-out domain F1, in sense with q_adj_comp < 0.05 or in any reading beyond its"
            " shifts"
        ),
    )
    explained_gain: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description=(
            "gate: no class of single positions that holds this share of the active bases beyond chance, in any reading"
        ),
    )
    min_seed_match: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="gate: least r of the mutual best match in dictionaries of other seeds",
    )
    alpha: float = Field(
        default=0.05, gt=0, lt=1, description="false discovery rate at which features are called novel"
    )
    null_quantile: float = Field(
        default=0.95, gt=0, lt=1, description="quantile of the random-weight model's scores that is printed"
    )
    repeat_windows: int = Field(default=200, ge=10, description="strongest windows looked at for copies")
    repeat_width: int = Field(default=101, ge=31, description="width of those windows (bases)")
    repeat_k: int = Field(default=21, ge=11, le=31, description="k-mers that tell copies (bases)")
    repeat_share: float = Field(default=0.8, gt=0, le=1, description="share of k-mers that makes two windows copies")
    null_features: int = Field(
        default=256, ge=20, description="features of the random-weight model that are scored, drawn at random"
    )
    negatives: int = Field(
        default=4, ge=1, description="silent bases drawn for each active one in the explanation model"
    )
    max_positives: int = Field(default=2_000, ge=100, description="active bases used in the explanation model")
    distance_bins: tuple[int, ...] = Field(
        default=(0, 3, 10, 30, 100, 300, 1_000),
        description="edges of the distance to the nearest gene start and end (bases)",
    )
    top: int = Field(default=20, ge=1, description="length of the queue in which a hidden class must come up")
    hidden: tuple[str, ...] = Field(
        default=("tRNA", "rRNA", "mobile_element", "prophage", "operon_start", "operon_start_predicted"),
        description="classes hidden one at a time as a proof",
    )
    recovered_f1: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="least domain F1 on test at which a feature recovers a hidden class",
    )
    seed: int = Field(default=51, ge=0, description="seed of the draws")


class ReplicationParams(Params):
    """`photo51 replication`: does a name survive?"""

    alpha: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate of survival")
    min_match: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="least correlation at which a feature of another dictionary is its match",
    )
    min_intervals: int = Field(default=5, ge=2, description="least intervals of the class where it is checked")
    per_feature: int = Field(
        default=1, ge=1, description="names of a feature that are checked, farthest above their nulls first"
    )
    levels: int = Field(default=15, ge=1, le=255, description="integer levels activations are put on")
