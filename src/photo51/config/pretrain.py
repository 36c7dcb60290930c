"""Parameters of pretraining."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params


class PretrainParams(Params):
    """Everything that decides a pretraining run, its seed included."""

    architecture: dict = Field(
        default_factory=dict, description="fields of StripedHyenaConfig that differ from its defaults"
    )
    start: str | None = Field(
        default=None,
        description="model whose weights training begins with, as `sh2:base` or a folder; default: fresh weights",
    )
    start_digest: str | None = Field(
        default=None, description="digest of that model, which is checked where it is stated; a run writes it down"
    )
    mixture: dict[str, float] = Field(default_factory=dict, description="source → share of training windows")
    length: int = Field(default=2048, ge=16, description="tokens a window (bases)")
    short_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the steps, the first, that read windows a quarter as long",
    )
    batch: int = Field(default=8, ge=1, description="windows a step")
    steps: int = Field(default=4000, ge=1, description="optimiser steps, the decay included")
    warmup: int = Field(default=200, ge=0, description="steps of linear warm-up")
    schedule: str = Field(
        default="cosine",
        pattern="^(cosine|trapezoid)$",
        description="cosine, or constant and then linear decay to zero",
    )
    decay: float = Field(default=0.3, gt=0, le=1, description="share of the steps that a trapezoid decays over")
    average: float = Field(
        default=0.0, ge=0, lt=1, description="share of the steps, the last, whose weights are averaged"
    )
    optimizer: str = Field(
        default="adamw",
        pattern="^(adamw|muon)$",
        description="AdamW throughout, or Muon for the matrices inside blocks",
    )
    lr: float = Field(default=2e-3, gt=0, description="peak learning rate of AdamW")
    muon_lr: float = Field(default=1e-2, gt=0, description="peak learning rate of Muon")
    weight_decay: float = Field(default=0.1, ge=0, description="decoupled weight decay of matrices")
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    seed: int = Field(default=51, description="seed of weights and draws")
    eval_every: int = Field(default=250, ge=1, description="steps between evaluations on held-out species")
    save_every: int = Field(default=100, ge=1, description="steps between resumable checkpoints")
    compile: bool = Field(default=False, description="fuse with torch.compile (needs a C++ compiler on a CPU)")
    compiled: bool = Field(
        default=True, description="on a CPU: compiled loops and gradients; false: the layers in plain PyTorch"
    )
    bfloat16: bool = Field(default=True, description="matrix products in bfloat16")
