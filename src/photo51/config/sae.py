"""Parameters of `photo51 train-sae` and of what follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from photo51.config.base import Params

Variant = Literal["topk", "batchtopk", "matryoshka", "jumprelu", "relu"]


class SaeParams(Params):
    """A sparse autoencoder and its training."""

    variant: Variant = Field(
        default="topk",
        description=(
            "sparsity rule: topk (k features per base), batchtopk (k per base on average), matryoshka (batchtopk whose "
            "first features must do alone), jumprelu (a learnt threshold per feature), relu (L1)"
        ),
    )
    n_features: int = Field(default=4_096, ge=2, description="width of the dictionary (features)")
    k: int = Field(
        default=32,
        ge=1,
        description=(
            "active features per base: exactly at most for topk, on average for the others, which are steered there"
        ),
    )
    tokens: int = Field(
        default=3_000_000, ge=1, description="bases to learn from, counting each time one is read (tokens)"
    )
    batch: int = Field(default=4_096, ge=1, description="bases per step (tokens)")
    learning_rate: float = Field(default=2e-3, gt=0, description="Adam's rate after warm-up")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam's decay of the mean gradient")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="Adam's decay of the squared gradient")
    warmup: float = Field(default=0.02, ge=0, le=1, description="share of steps in which the rate rises from nothing")
    decay: float = Field(default=0.3, ge=0, le=1, description="share of steps, the last, in which it falls to nothing")
    clip: float = Field(
        default=3.0,
        gt=0,
        description="a gradient longer than so many times its running mean length is shortened to that",
    )
    dead_after: int = Field(
        default=100_000,
        ge=1,
        description="a feature that was not active for so long counts as dead (tokens)",
    )
    aux: float = Field(
        default=1 / 32,
        ge=0,
        description="weight of the loss that lets dead features explain what is left over (AuxK); 0 leaves them dead",
    )
    aux_k: int = Field(default=64, ge=1, description="dead features that may do so per base")
    aux_features: int = Field(
        default=512, ge=1, description="dead features that may do so per step; where there are more, in turn"
    )
    prefixes: tuple[float, ...] = Field(
        default=(0.0625, 0.25, 1.0),
        description="matryoshka: shares of the features that must do alone, ascending to 1",
    )
    bandwidth: float = Field(
        default=0.2,
        gt=0,
        description="jumprelu: width in which a threshold feels codes, relative to the first thresholds",
    )
    decoder: Literal["free", "archetypal"] = Field(
        default="free",
        description=(
            "what decoder rows may be: free (any direction), archetypal (a convex combination of data centroids and a "
            "bounded change; seeds share the centroids)"
        ),
    )
    beginning: Literal["random", "centroids"] = Field(
        default="random",
        description=(
            "free: first decoder rows: random (directions of the seed's own), centroids (of a sample that all seeds "
            "share, by archetype_seed: they then find many more features in common)"
        ),
    )
    archetypes: int = Field(default=2_048, ge=2, description="archetypal: centroids of the sample (spherical k-means)")
    archetype_seed: int = Field(
        default=0,
        ge=0,
        description="decides sample and first points of all centroids, for every training seed alike",
    )
    relaxation: float = Field(
        default=0.5,
        ge=0,
        description="archetypal: length of the change at most, relative to the combination's",
    )
    consensus: int = Field(
        default=1,
        ge=1,
        description=(
            "seeds trained first; features that at least two have begin the dictionary, which then learns on for half "
            "as many tokens at a quarter of the rate, its directions free; 1: none"
        ),
    )
    pre_bias: Literal["geometric_median", "mean"] = Field(
        default="geometric_median",
        description="what is subtracted before encoding, to begin with; it is learnt further",
    )
    sample: int = Field(
        default=32_768,
        ge=2,
        description="bases from which pre-bias, scale and thresholds are set (tokens)",
    )
    checkpoint: int = Field(default=500, ge=1, description="a run that is killed loses at most so many steps")
    backend: Literal["auto", "compiled", "torch"] = Field(
        default="auto",
        description="what computes a step: compiled (CPU), torch (any device), auto (torch where there is a GPU)",
    )
    seed: int = Field(default=0, ge=0, description="decides initial weights and the order of the bases")

    @model_validator(mode="after")
    def _consistent(self) -> SaeParams:
        if self.k >= self.n_features:
            raise ValueError(f"k: need fewer than n_features ({self.n_features}), got {self.k}")
        shares = self.prefixes
        if not shares or shares[-1] != 1 or any(b <= a for a, b in zip((0.0, *shares), shares, strict=False)):
            raise ValueError(f"prefixes: need ascending shares above 0 and up to 1, got {shares}")
        if self.decoder == "archetypal" and self.archetypes > self.sample:
            raise ValueError(f"archetypes: need at most as many as sample ({self.sample:,}), got {self.archetypes:,}")
        return self

    @property
    def steps(self) -> int:
        """Training steps."""
        return max(1, self.tokens // self.batch)

    @property
    def tokens_read(self) -> int:
        """Tokens of all trainings: a consensus trains its members, then half as long what they have in common."""
        return self.tokens if self.consensus == 1 else self.consensus * self.tokens + self.after_consensus

    @property
    def after_consensus(self) -> int:
        """Tokens with which a consensus learns on."""
        return max(self.batch, round(self.tokens * 0.5))

    def rate(self, step: int) -> float:
        """Learning rate of a step, numbered from 0."""
        rise = self.warmup * self.steps
        fall = self.decay * self.steps
        up = min(1.0, (step + 1) / rise) if rise >= 1 else 1.0
        down = min(1.0, (self.steps - step) / (fall + 1)) if fall >= 1 else 1.0
        return self.learning_rate * up * down


class Gates(Params):
    """What a dictionary must reach on the `select` split; null leaves a gate open."""

    variance_explained: float | None = Field(default=0.9, description="at least this share of variance")
    dead: float | None = Field(default=0.05, description="at most this share of features never active")
    dense: float | None = Field(
        default=0.05, description="at most this share of features active on more than a tenth of bases"
    )
    stability: float | None = Field(
        default=None,
        description="at least this share of features with a mutual nearest one in another seed (cosine above 0.7)",
    )

    def failed(self, values: Mapping[str, float]) -> list[str]:
        """Names of the gates that `values` do not pass; one that was not measured fails."""
        at_least = {name: getattr(self, name) for name in ("variance_explained", "stability")}
        at_most = {name: getattr(self, name) for name in ("dead", "dense")}
        return [n for n, gate in at_least.items() if gate is not None and not values[n] >= gate] + [
            n for n, gate in at_most.items() if gate is not None and not values[n] <= gate
        ]


class SweepParams(Params):
    """Dictionaries to train and choose from."""

    widths: tuple[int, ...] = Field(default=(1_024, 4_096), description="widths (features)")
    ks: tuple[int, ...] = Field(default=(16, 32, 64), description="active features per base")
    learning_rates: tuple[float, ...] = Field(default=(2e-3,), description="Adam's rates")
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="seeds; the first one's is measured")
    gates: Gates = Field(default=Gates(), description="what must be reached")
    sae: SaeParams = Field(default=SaeParams(), description="all that the sweep does not vary")

    @model_validator(mode="after")
    def _consistent(self) -> SweepParams:
        if max(self.ks) >= min(self.widths):
            raise ValueError(f"ks: need fewer than the least of widths ({min(self.widths)}), got {max(self.ks)}")
        return self


class QualityParams(Params):
    """Quality report of a dictionary."""

    split: Literal["train", "select", "test", "all"] = Field(
        default="test", description="bases to measure on: a split, or all"
    )
    baselines: bool = Field(default=True, description="measure PCA, neurons and random directions for comparison")
    stability_rows: int = Field(
        default=20_000, ge=2, description="bases on which codes of other seeds are correlated (rows)"
    )
