"""Parameters of extraction: which model, which sites, how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from photo51.config.base import Params

SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$")]  # names a folder, too


class ActivationParams(Params):
    """What `photo51 activations` reads and writes."""

    former_keys: ClassVar[Mapping[str, str]] = MappingProxyType({"likelihood": ""})

    model: str = Field(
        default="sh2:base",
        description=(
            "model: sh2:base, sh2:nano, evo2:7b_262k …, hf:ID or a folder; @random:SEED after it for fresh weights"
        ),
    )
    sites: tuple[SiteName, ...] = Field(
        default=("block.2.out",),
        min_length=1,
        description="where activations are read: embed, block.{i}.pre_mixer|mixer_out|mid|mlp_out|out, final_norm",
    )
    precision: Literal["float16", "bfloat16"] = Field(
        default="float16", description="type of stored activations; bfloat16 where numbers exceed 65,504"
    )
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(
        default=None, description="type the model computes in; null: float32 on a CPU, bfloat16 on a GPU"
    )
    device: Literal["cpu", "cuda"] | None = Field(
        default=None, description="where the model runs; null: a GPU where there is one"
    )
    tokens: int = Field(default=16_384, ge=1, description="bases read at once; windows are batched up to it (bases)")
    ambiguous_reach: int = Field(
        default=128,
        ge=0,
        description=(
            "bases this close after an ambiguous one, in reading direction, have no code, and nothing is learnt of"
            " them (bases)"
        ),
    )


class BurnInParams(Params):
    """How the warm-up is measured."""

    probes: int = Field(default=24, ge=2, description="places at which a cold and a warm reading are compared")
    context: int = Field(default=4_096, ge=16, description="context of the warm reading before a probe (bases)")
    longest: int = Field(default=2_048, ge=16, description="longest warm-up looked at (bases)")
    tolerance: float = Field(
        default=0.05,
        gt=0,
        description="error that the recommended warm-up leaves at 19 of 20 bases (share of the activations' spread)",
    )
    seed: int = Field(default=51, ge=0, description="seed of the places")


class SelftestParams(Params):
    """How a released model is compared with what its authors published; a run reads no model that fails."""

    published: str | None = Field(
        default=None, description="folder with prompts.csv and figures.tsv of released models; null: as shipped"
    )
    tolerance: float | None = Field(
        default=None, ge=0, description="largest miss of a published loss (nats); null: that of the figures"
    )
    accept_miss: bool = Field(
        default=False, description="let a model pass that misses the published figures, or is worse than chance"
    )


class ModelCardParams(Params):
    """What a model card compares."""

    order: int = Field(default=12, ge=1, le=13, description="longest context of the Markov chains (bases)")
    windows: int = Field(default=24, ge=2, description="held-out windows of each group, and of each source")
    tuning_windows: int = Field(
        default=24, ge=2, description="windows of each group on which strengths of the chains are fitted"
    )
    genes: int = Field(default=96, ge=4, description="held-out open reading frames compared with their copies")
    codons: int = Field(default=320, ge=120, description="fewest codons of an open reading frame")
    gene_bases: int = Field(default=768, ge=240, description="bases read of each open reading frame (bases)")
    seed: int = Field(default=51, ge=0, description="seed of copies and of the species kept for tuning")
