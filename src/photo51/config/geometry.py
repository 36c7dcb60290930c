"""Parameters of geometry and of its positive controls, manifolds that are known."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from photo51.config.base import Params


class FrameshiftParams(Params):
    """What an inserted base does to the reading frame."""

    seed: int = Field(default=51, ge=0, description="seed of genes and inserted bases")
    model: str = Field(default="sh2:base", description="model, as for `photo51 activations`")
    genes: int = Field(default=24, ge=1, description="genes that get bases inserted")
    context: int = Field(default=512, ge=30, description="bases read before the change")
    flank: int = Field(default=150, ge=30, description="bases compared on either side of the change")
    guard: int = Field(default=60, ge=0, description="bases after the change left out of the mean turn")

    @model_validator(mode="after")
    def _consistent(self) -> FrameshiftParams:
        if self.context < self.flank:
            raise ValueError(f"context: need as much as flank ({self.flank}) or more, got {self.context}")
        if self.guard >= self.flank:
            raise ValueError(f"guard: need fewer bases than flank ({self.flank}), got {self.guard}")
        return self


class PanelParams(Params):
    """One gene of many organisms, for the phylogeny control."""

    model: str = Field(default="sh2:base", description="model, as for `photo51 activations`")
    per_phylum: int = Field(default=8, ge=2, description="genes of a phylum at most, families in turn (genes)")
    warmup: int = Field(default=128, ge=0, description="first bases of a gene that are left out (bases)")


class PositiveControlParams(Params):
    """The positive controls: manifolds that must be there."""

    seed: int = Field(default=51, ge=0, description="seed of everything drawn")
    rotations: int = Field(default=999, ge=99, description="rotations that make the nulls")
    gc_window: int = Field(default=256, ge=3, description="window of the GC control (bases)")
    k: int = Field(default=6, ge=1, le=8, description="length of the k-mers of the baseline (bases)")
    alpha: float = Field(default=0.05, gt=0, lt=1, description="level at which a control is shown")


class GeometryParams(Params):
    """From codes to manifolds."""

    former_keys: ClassVar[Mapping[str, str]] = MappingProxyType({"battery": "positive_controls"})

    seed: int = Field(default=51, ge=0, description="seed of everything drawn")
    tokens: int = Field(
        default=600_000, ge=1000, description="bases × strands read, in whole blocks evenly taken (tokens)"
    )
    least_firings: int = Field(default=50, ge=2, description="features that fire in fewer tokens are left out (tokens)")
    least_rate: float = Field(default=1e-5, ge=0, le=1, description="… or in a smaller share of them")
    most_rate: float = Field(default=0.3, gt=0, le=1, description="features that fire in a larger share are left out")
    duplicate_cosine: float = Field(
        default=0.999,
        gt=0,
        le=1,
        description=(
            "of features with decoders closer than this cosine the busiest stays; fine tiles of a ring are not that"
            " near"
        ),
    )
    lags: int = Field(default=1024, ge=0, description="lags over which runs of firing are allowed for (bases); 0: none")
    offsets: int = Field(
        default=12, ge=0, description="offsets searched for features that follow each other (bases); 0: none"
    )
    z_keep: float = Field(default=4.0, ge=0, description="pairs with a smaller |z| are forgotten (standard deviations)")
    z_edge: float = Field(default=8.0, ge=0, description="standard errors a coupling must be from 0 to make an edge")
    coupling: float = Field(default=0.05, ge=0, lt=1, description="smallest |coupling| that makes an edge")
    shrinkage: float = Field(
        default=0.05, gt=0, lt=1, description="weight of the identity in the correlations that are inverted"
    )
    couplings: Literal["precision", "pseudolikelihood"] = Field(
        default="precision", description="estimator of the couplings"
    )
    neighbours: int = Field(default=10, ge=1, description="strongest edges kept of each feature")
    resolutions: tuple[float, ...] = Field(
        default=(0.02, 0.05, 0.1, 0.2, 0.5), description="Leiden resolutions of which the stable one is taken"
    )
    partitions: int = Field(default=5, ge=1, description="Leiden runs that make a consensus")
    dependence: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="variance share below which pooled features are different things",
    )
    adopt: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of a rare feature's decoder that a manifold's span must hold",
    )
    smallest: int = Field(default=3, ge=2, description="features that make a cluster")
    held_out: bool = Field(
        default=True, description="find clusters on every other block, measure their shape on the rest"
    )
    draws: int = Field(default=99, ge=19, description="circularly shifted copies that make the null of a shape")
    points: int = Field(default=1200, ge=100, description="points a shape is measured on (tokens)")
    landmarks: int = Field(default=120, ge=20, description="landmarks of persistent homology (points)")
    alpha: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate over clusters")
    sure: float = Field(default=0.5, ge=0, le=1, description="share of resamples that must agree on the holes")
    rotations: int = Field(default=999, ge=99, description="rotations that make the null of a coordinate's meaning")
    gc_windows: tuple[int, ...] = Field(default=(101, 501, 2001), description="windows of GC content and skew (bases)")
    annotations: tuple[str, ...] = Field(
        default=(),
        description="annotation classes that coordinates are tested against; empty: the built-in list",
    )
    meaning_tokens: int = Field(
        default=4000, ge=100, description="tokens of a cluster on which its coordinate is tested (tokens)"
    )
    missed_tokens: int = Field(
        default=120_000,
        ge=100,
        description="tokens whose activations are compared with their reconstruction, where given (tokens)",
    )
    shown: int = Field(default=3000, ge=10, description="tokens of each manifold that are kept as points (tokens)")
    positive_controls: PositiveControlParams = Field(
        default=PositiveControlParams(), description="the positive controls"
    )
