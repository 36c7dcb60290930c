"""Parameters of what a model has learnt: exact words, differences between models."""

from __future__ import annotations

from pydantic import Field, model_validator

from photo51.config.base import Params
from photo51.config.interventions import SamplingParams


class WordsParams(Params):
    """Expected occurrences of words in what a model writes."""

    rollouts: int = Field(
        default=16,
        ge=3,
        description="sequences that the model writes, over all prompts (at least 3 for an interval)",
    )
    length: int = Field(default=600, ge=20, description="bases of each, after the prompt (bases)")
    every: int | None = Field(
        default=None,
        ge=1,
        description="distance between places asked at (bases); default: as many as asking costs, 4 to 20",
    )
    warmup: int = Field(
        default=256,
        ge=0,
        description=(
            "bases written before the first place where no prompts are given (bases); short contexts are not what the"
            " model reads"
        ),
    )
    enumerate: int = Field(
        default=64,
        ge=1,
        description="patterns of at most so many words are asked for word by word; larger ones by draws",
    )
    draws: int = Field(
        default=8, ge=1, description="constrained draws at each place for patterns too large to enumerate"
    )
    motif_p: float = Field(
        default=1e-4, gt=0, lt=1, description="chance of a match of a matrix at a place of even composition"
    )
    n_eff: float = Field(
        default=10,
        gt=1,
        description="fewest effective places (ΣP)²/ΣP² for an estimate to be called reliable",
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="coverage of the intervals")
    markov_order: int = Field(
        default=5,
        ge=0,
        le=8,
        description="order of the Markov chain, fitted to the same sequences, as a baseline",
    )
    batch: int = Field(default=128, ge=1, description="sequences read at once")
    open_frames: tuple[int, ...] = Field(
        default=(),
        description="open reading frames of so many codons whose probability is asked for (codons)",
    )
    absent: tuple[int, ...] = Field(default=(), description="spans in which each word's absence is asked for (bases)")
    code: int = Field(default=11, ge=1, description="NCBI translation table of the stop codons of open frames")
    particles: int = Field(
        default=64, ge=8, description="sequences of a population that estimates a survival probability"
    )
    runs: int = Field(default=8, ge=3, description="independent populations")
    sampling: SamplingParams = Field(default=SamplingParams(), description="how bases are drawn, and the seed")


class CrosscoderParams(Params):
    """One dictionary of two models."""

    features: int = Field(default=512, ge=2, description="features")
    k: int = Field(default=16, ge=1, description="features active at a base on average")
    tokens: int = Field(default=400_000, ge=1, description="bases to learn from, counting each time one is read")
    warmup: int = Field(default=64, ge=0, description="first bases of each window left out (bases)")
    seed: int = Field(default=51, ge=0, description="seed of the training")


class DiffParams(Params):
    """Difference of two models on sequence that neither was trained on."""

    windows: int = Field(default=64, ge=3, description="windows compared, each on both strands")
    window: int = Field(default=1_024, ge=128, description="length of a window (bases)")
    warmup: int = Field(default=64, ge=1, description="first bases of each window left out of every figure (bases)")
    batch: int = Field(default=8, ge=1, description="windows read at once")
    shifts: int = Field(
        default=199, ge=19, description="circular shifts of an annotation, as a control of differences by class"
    )
    positions: int = Field(default=200, ge=1, description="positions of largest divergence listed")
    context: int = Field(default=12, ge=0, description="bases shown on each side of a listed position (bases)")
    fvu_rise: float = Field(
        default=0.05,
        ge=0,
        description="largest rise of the unexplained variance from A to B at which A's dictionary speaks of B (share)",
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="coverage of the intervals")
    alphas: tuple[float, ...] = Field(
        default=(0.5, 1.0, 2.0, 4.0, 8.0),
        description="strengths α of the amplified scores ℓ_B + α(ℓ_B − ℓ_A)",
    )
    every: int = Field(default=16, ge=1, description="distance between places at which words are asked for (bases)")
    contexts: int = Field(default=16, ge=3, description="windows in which words are asked for")
    joint: CrosscoderParams = Field(
        default=CrosscoderParams(), description="the joint dictionary where A's does not speak of B"
    )
    tolerance: float = Field(
        default=0.01, ge=0, description="change of held-out bits that the gate accepts (bits a base)"
    )
    seed: int = Field(
        default=51, ge=0, description="seed of windows, of shifts, and of draws for words that are not spelled out"
    )

    @model_validator(mode="after")
    def _bases_are_left(self) -> DiffParams:
        for name, warmup in (("warmup", self.warmup), ("joint: warmup", self.joint.warmup)):
            if warmup >= self.window:
                raise ValueError(f"{name}: need fewer bases than window ({self.window:,}), got {warmup:,}")
        return self
