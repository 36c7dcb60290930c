"""Parameters of what people see: tracks, atlas, report, exports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from photo51.config.base import Params


class TracksParams(Params):
    """Which features become genome tracks, and what the offline genome page holds."""

    features: tuple[int, ...] | None = Field(
        default=None,
        description="features to write; null: the best of each concept, of each shape, and the novel ones",
    )
    most: int = Field(default=48, ge=1, description="most features chosen where `features` is null (features)")
    by: Literal["feature", "concept"] = Field(
        default="feature",
        description="one track a feature, or one a concept: the largest activation of its features",
    )
    call_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description=(
            "a call needs this share of the feature's own largest activation where no threshold was chosen (share)"
        ),
    )
    call_gap: int = Field(default=3, ge=0, description="active segments at most this far apart are one call (bases)")
    page_features: int = Field(default=12, ge=0, description="features with a signal track on the genome page")
    page_loci: int = Field(default=40, ge=1, description="places listed on the genome page")
    page_mib: float = Field(
        default=24.0, gt=0, description="the genome page takes in signal tracks up to this size (MiB)"
    )
    on_demand: bool = Field(
        default=True, description="write every active feature next to the genome page, to be shown on demand"
    )
    chunk: int = Field(default=16, ge=1, description="features of a chunk of these (features)")


class AtlasParams(Params):
    """How much of each feature the atlas holds."""

    windows: int = Field(default=10, ge=1, description="strongest windows shown of a feature")
    flank: int = Field(default=30, ge=5, description="bases shown to either side of a window's strongest base (bases)")
    tracks: int = Field(default=2, ge=0, description="segments drawn with both strands and genes")
    track_bases: int = Field(default=2_000, ge=100, description="length of such a segment (bases)")
    profiles: int = Field(
        default=2, ge=0, description="annotation boundaries around which the mean activation is drawn"
    )
    reach: int = Field(default=60, ge=5, description="bases to either side of a boundary (bases)")
    bin: int = Field(
        default=500,
        ge=10,
        description="bin of the search by locus and gene (bases); wider where the genome is long",
    )
    per_bin: int = Field(default=16, ge=1, description="features kept for each bin")
    chunk: int = Field(default=256, ge=1, description="feature pages read together when one is opened")
    one_file: int = Field(
        default=4_096, ge=0, description="up to so many features the data lie inside the page (features)"
    )
    neighbours: int = Field(default=8, ge=0, description="most similar features listed")


class ReportParams(Params):
    """How long the report is."""

    title: str = Field(default="", description="title; empty: made from the genomes' names")
    concepts: int = Field(default=12, ge=1, description="concepts shown with logo and windows")
    windows: int = Field(default=4, ge=1, description="windows shown of each of them")
    manifolds: int = Field(default=6, ge=1, description="shapes shown with a picture")
    unnamed: int = Field(default=8, ge=1, description="unnamed features shown with logo and loci")
    cards: int = Field(default=4, ge=0, description="evidence cards of variants shown of each set")
    alpha: float = Field(default=0.05, gt=0, lt=1, description="a find needs a q-value of at most this")


class FindingsParams(Params):
    """When a claim holds."""

    alpha: float = Field(default=0.05, gt=0, lt=1, description="a find needs a q-value of at most this")


class ExportParams(Params):
    """What is exported."""

    h5ad: bool = Field(default=True, description="write features as AnnData for scanpy and cellxgene")
    tsv: bool = Field(default=True, description="write every table as TSV next to its parquet")
    crate: bool = Field(default=True, description="write an RO-Crate where the rocrate package is installed")
