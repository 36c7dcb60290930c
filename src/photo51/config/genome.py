"""Parameters of `photo51 prepare`: what is annotated, which bases are scored, in which windows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from photo51.config.base import Params


class AnnotationParams(Params):
    """Rules that need a number. The rules themselves are listed in `photo51.genome.annotation.rules`."""

    boundary: int = Field(
        default=15,
        ge=1,
        description="gene_start and gene_end reach this far to either side of the end (bases)",
    )
    operon_gap: int = Field(
        default=50,
        description="neighbouring genes of one strand at most this far apart share a predicted operon (bases)",
    )
    promoter_search: int = Field(
        default=70,
        ge=15,
        description="the -10 box of a predicted promoter ends at least 15 and at most this far before its gene (bases)",
    )
    promoter_score: float = Field(
        default=8.0, description="least score of a predicted promoter (bits over the contig's composition)"
    )
    rbs_bases: int = Field(
        default=4,
        ge=3,
        description="least contiguous bases of a predicted ribosome-binding site that pair with 16S rRNA",
    )
    terminator_search: int = Field(
        default=150,
        ge=30,
        description="predicted terminators are sought this far downstream of a stop codon (bases)",
    )
    terminator_score: float = Field(
        default=18.0,
        description="least score of a predicted terminator (3 a GC pair, 2 an AU pair, 1 a T of its tract)",
    )
    homopolymer: int = Field(default=6, ge=2, description="shortest homopolymer run annotated (bases)")
    gc_window: int = Field(default=1_000, ge=10, description="tile in which GC content is classed (bases)")
    gc_quantile: float = Field(
        default=0.1, gt=0, lt=0.5, description="share of tiles called gc_low, and share called gc_high"
    )
    motif_p: float = Field(
        default=1e-5,
        gt=0,
        lt=1,
        description="chance of a motif hit at a position of random sequence, for scanned motifs",
    )
    predict: tuple[Literal["operon", "promoter", "rbs", "terminator"], ...] = Field(
        default=("operon", "promoter", "rbs", "terminator"),
        description="classes to predict by rule where a genome of genetic code 4, 11 or 25 has no file for them",
    )


class GenomeParams(Params):
    """What the model reads and which of it is scored."""

    core: int = Field(default=3_584, ge=1, description="bases a window emits")
    warmup: int = Field(
        default=512,
        ge=0,
        description="bases a window reads before its core, in reading direction, and does not emit",
    )
    min_context: int | None = Field(
        default=None,
        ge=0,
        description=(
            "bases of context a base needs on either strand to be scored; null: the whole warm-up; "
            "0 scores the cold starts at the ends of linear contigs too. No dictionary learns of bases with less "
            "than the longest warm-up among the windows of a run; their codes are those of a model that has not settled"
        ),
    )
    n_run: int = Field(
        default=50,
        ge=1,
        description="a run of this many ambiguous bases ends reading as the end of a contig does (bases)",
    )
    block: int = Field(
        default=65_536,
        ge=64,
        description=(
            "aimed length of a block: the unit the rotation null turns, longer than the longest annotation; shorter "
            "where the scored bases do not fill ten (bases)"
        ),
    )
    gap: int = Field(
        default=4_096,
        ge=0,
        description="unscored bases between neighbouring blocks of different splits (bases)",
    )
    split_by: Literal["block", "contig", "genome"] = Field(
        default="block", description="what goes to a split as a whole"
    )
    train: float = Field(default=0.6, ge=0, le=1, description="share of bases for training dictionaries")
    select: float = Field(default=0.2, ge=0, le=1, description="share of bases for choosing thresholds")
    test: float = Field(default=0.2, ge=0, le=1, description="share of bases for reporting")
    homology_k: int = Field(
        default=31,
        ge=11,
        le=31,
        description="length of the exact repeats that tell homologous copies (bases)",
    )
    homology_bases: int | None = Field(
        default=500,
        ge=1,
        description="blocks that share this many distinct k-mers are kept in one split; null: never",
    )
    shard: int = Field(default=262_144, ge=1, description="bases of the workspace a shard holds, both strands each")
    seed: int = Field(default=51, ge=0, description="seed of the split assignment")
    annotation: AnnotationParams = Field(default=AnnotationParams(), description="annotation rules")

    @model_validator(mode="after")
    def _consistent(self) -> GenomeParams:
        if abs(self.train + self.select + self.test - 1) > 1e-9:
            raise ValueError("train + select + test: need a sum of 1")
        if self.min_context is not None and self.min_context > self.warmup:
            raise ValueError("min_context: need at most warmup")
        return self

    @property
    def context(self) -> int:
        """Bases of context a scored base has on either strand."""
        return self.warmup if self.min_context is None else self.min_context
