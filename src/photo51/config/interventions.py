"""Parameters of interventions: steering, rules, painting, attribution, causality, exchange rates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from photo51.config.base import Params


class SamplingParams(Params):
    """How the next base is drawn."""

    temperature: float = Field(default=1.0, gt=0, description="softmax temperature; below 1 sharpens")
    top_k: int = Field(default=4, ge=1, le=4, description="draw among this many likeliest of A, C, G, T (bases)")
    top_p: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="draw among the likeliest bases that together hold this probability",
    )
    seed: int = Field(
        default=51, ge=0, description="seed; sequence i draws from the stream (seed, i) whatever the batch"
    )


class UnitParams(Params):
    """What one unit of strength is: a quantile of the feature's own activation where it fires."""

    quantile: float = Field(
        default=0.99, gt=0, le=1, description="quantile of the activations at firing bases that is one unit"
    )
    bases: int = Field(default=131_072, ge=1_024, description="reference bases read to measure units (bases)")
    window: int = Field(default=1_024, ge=64, description="length of a reference window (bases)")
    warmup: int = Field(default=128, ge=0, description="first bases of each window left out (bases)")

    @model_validator(mode="after")
    def _bases_are_left(self) -> UnitParams:
        if self.warmup >= self.window:
            raise ValueError(f"warmup: need fewer bases than window ({self.window:,}), got {self.warmup:,}")
        return self


class SteerParams(Params):
    """Four-arm steering experiment."""

    op: Literal["add", "clamp"] = Field(
        default="add", description="add strength to the code, or set the code to strength"
    )
    doses: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.25, 0.5, 1.0, 2.0, 4.0), min_length=1, description="strengths of the dose-response (units)"
    )
    sequences: int = Field(
        default=32, ge=2, description="sequences of the control, reconstruction and feature arms, per dose"
    )
    length: int = Field(default=300, ge=8, description="bases generated per sequence (bases)")
    random_directions: int = Field(default=20, ge=1, description="norm-matched random directions")
    random_sequences: int = Field(
        default=8,
        ge=2,
        description="sequences per random direction and dose; few make the null wider, never narrower",
    )
    random_kind: Literal["covariance", "isotropic", "decoder"] = Field(
        default="covariance",
        description="random directions: shaped like the residual stream, isotropic, or decoder rows of other features",
    )
    nll_budget: float = Field(
        default=0.10,
        gt=0,
        description="largest tolerated relative rise of the negative log-likelihood (share)",
    )
    bootstrap: int = Field(default=1_000, ge=100, description="bootstrap draws of the confidence intervals")
    confidence: float = Field(default=0.95, gt=0, lt=1, description="coverage of the confidence intervals")
    edit_prompt: bool = Field(default=False, description="edit the prompt's bases too, not only what is generated")
    batch: int = Field(default=256, ge=1, description="sequences generated at once")
    off_target: int = Field(default=50, ge=1, description="features listed in the off-target table")
    sampling: SamplingParams = Field(default=SamplingParams(), description="how bases are drawn")
    units: UnitParams = Field(default=UnitParams(), description="what one unit of strength is")


class ScreenParams(Params):
    """Which features are worth a steering experiment, from predictions along real sequence."""

    windows: int = Field(default=8, ge=1, description="segments of real sequence")
    context: int = Field(default=128, ge=2, description="bases of each segment that are read as they are (bases)")
    scored: int = Field(default=48, ge=3, description="bases after them at which features are added (bases)")
    push: float = Field(
        default=0.5,
        gt=0,
        description="length of the first push of every feature, as a share of the spread of the site's tensor",
    )
    budget: float = Field(
        default=0.07,
        gt=0,
        description="rise of the negative log-likelihood of real sequence that the proposed dose should cost (share)",
    )
    again: int = Field(
        default=60,
        ge=1,
        description="features a measure that are pushed again, each with the dose its budget allows",
    )
    random_directions: int = Field(default=60, ge=1, description="random directions of the same length to compare with")
    least_density: float = Field(
        default=1e-3,
        ge=0,
        description="features that fire more seldom than this are left out (share of bases)",
    )
    batch: int = Field(default=128, ge=1, description="sequences run at once")
    seed: int = Field(default=51, ge=0, description="seed of segments and random directions")


class TrialParams(Params):
    """A short trial of many features in written sequence."""

    sequences: int = Field(default=8, ge=2, description="sequences written under each feature and direction")
    length: int = Field(default=100, ge=8, description="bases written per sequence (bases)")
    random_directions: int = Field(default=20, ge=1, description="random directions to compare with, at each length")
    rungs: int = Field(default=3, ge=2, description="lengths at which random directions are tried")
    batch: int = Field(default=128, ge=1, description="sequences written at once")
    sampling: SamplingParams = Field(default=SamplingParams(), description="how bases are drawn")


class PaintParams(Params):
    """Painting concepts on a sequence."""

    op: Literal["add", "clamp"] = Field(
        default="add", description="add strength to the code, or set the code to strength"
    )
    background: float = Field(
        default=0.0,
        le=0,
        description="strength of every painted concept outside its intervals (units, not above 0)",
    )
    candidates: int = Field(
        default=8, ge=1, description="continuations tried per block; 1 samples without looking back"
    )
    block: int = Field(default=24, ge=1, description="bases written between two choices among candidates (bases)")
    paint_weight: float = Field(
        default=1.0,
        ge=0,
        description="weight of the painted features against the log-likelihood when choosing (nats per unit and base)",
    )
    margin: int = Field(
        default=50, ge=0, description="bases around an interval that count as inside for the overlap (bases)"
    )
    infill: Literal["rejection", "beam"] = Field(
        default="rejection", description="how a span between fixed flanks is chosen"
    )
    flank: int = Field(default=64, ge=1, description="bases of the right flank that judge an infilled span (bases)")
    sampling: SamplingParams = Field(default=SamplingParams(), description="how bases are drawn")
    units: UnitParams = Field(default=UnitParams(), description="what one unit of strength is")


class AttributionParams(Params):
    """Attribution of a target to features and bases."""

    method: Literal["integrated", "gradient"] = Field(
        default="integrated", description="integrated gradients, or gradient times activation"
    )
    steps: int = Field(default=16, ge=1, description="first number of points on the path; doubled until complete")
    max_steps: int = Field(default=256, ge=1, description="largest number of points on the path")
    tolerance: float = Field(
        default=0.01, gt=0, description="completeness error at which doubling ends (share of the target)"
    )
    context: int = Field(default=512, ge=8, description="bases read before the target (bases)")
    downstream: int = Field(
        default=128, ge=1, description="bases after a variant that its likelihood ratio counts (bases)"
    )
    ablated: int = Field(
        default=50, ge=0, description="top features ablated exactly, for the agreement; below 3 there is none"
    )
    window: int = Field(default=48, ge=1, description="bases of the saturation mutagenesis map (bases)")
    batch: int = Field(default=16, ge=1, description="sequences run at once")


class AblationParams(Params):
    """What the model loses without a feature, where it fires."""

    windows: int = Field(default=2, ge=1, description="strongest firing places per feature")
    context: int = Field(default=128, ge=0, description="bases read before the scored part (bases)")
    scored: int = Field(default=48, ge=2, description="bases of the scored part around a firing place (bases)")
    horizon: int = Field(
        default=8, ge=1, description="predictions after a firing base that count as its effect (bases)"
    )


class CausalityParams(AblationParams):
    """Causal report of features."""

    windows: int = Field(default=8, ge=1, description="strongest firing places per feature")
    features: int = Field(default=64, ge=1, description="named features reported on, at most: those of the best names")
    random_features: int = Field(
        default=20, ge=3, description="features of like density whose directions serve as null"
    )
    dose: float = Field(default=1.0, gt=0, description="strength of the steering effect (units)")
    seed: int = Field(default=51, ge=0, description="seed of random features and places")
    units: UnitParams = Field(default=UnitParams(), description="what one unit of strength is")


class ExchangeParams(Params):
    """Exchange rate between copies of a motif in the prompt and steering."""

    copies: tuple[int, ...] = Field(
        default=(0, 1, 2, 4, 8, 16), min_length=3, description="copies of the motif in the prompt"
    )
    strengths: tuple[float, ...] = Field(
        default=(0.0, 0.25, 0.5, 1.0, 2.0), min_length=3, description="steering strengths (units)"
    )
    contexts: int = Field(default=16, ge=1, description="random surroundings averaged over")
    spacer: int = Field(default=12, ge=0, description="bases between two copies (bases)")
    held_out: float = Field(
        default=0.3, gt=0, lt=1, description="share of (copies, strength) settings the fit never sees"
    )
    seed: int = Field(default=51, ge=0, description="seed of surroundings and of the held-out settings")

    @model_validator(mode="after")
    def _has_zero(self) -> ExchangeParams:
        if 0 not in self.copies or 0.0 not in self.strengths:
            raise ValueError(
                "need 0 among copies and among strengths: they are the point both effects are counted from"
            )
        return self


class ActionParams(Params):
    """What a rule does; several may go together. Steering and temperature last while the rule holds."""

    steer: str | None = Field(default=None, description="feature, concept or sum to add while the rule holds")
    strength: float = Field(default=1.0, description="strength of the steering (units)")
    insert: str | None = Field(default=None, description="bases written next, in place of what the model would write")
    prompt: str | None = Field(
        default=None, description="prompt that takes the place of the present one; what was written stays"
    )
    temperature: float | None = Field(default=None, gt=0, description="softmax temperature while the rule holds")
    stop: bool = Field(default=False, description="end the sequence")
    log: bool = Field(default=False, description="only note it; every beginning is noted anyway")

    @model_validator(mode="after")
    def _does_something(self) -> ActionParams:
        if not (self.steer or self.insert or self.prompt or self.temperature or self.stop or self.log):
            raise ValueError("need at least one of steer, insert, prompt, temperature, stop, log")
        return self


class RuleParams(Params):
    """When a feature fires, or a word is written, do something about it, one base later.

    With both, the word must end at a base at which the level is reached.
    """

    name: str = Field(description="name of the rule")
    watch: str | None = Field(
        default=None, description="feature, concept or sum whose level is watched; needed without a word"
    )
    threshold: float | None = Field(
        default=None, gt=0, description="level at which the rule begins to hold (units); needed to watch"
    )
    word: str | None = Field(
        default=None,
        description="IUPAC words, joined by |, one of which must end at the base, as TAA|TAG|TGA",
    )
    frame: int | None = Field(
        default=None,
        ge=0,
        le=2,
        description="the word begins at a codon of this frame, counted from the first base of the prompt",
    )
    release: float | None = Field(
        default=None, description="level below which it ceases to hold (units); the threshold if left out"
    )
    window: int = Field(default=1, ge=1, description="bases over which the level is averaged (bases)")
    first: int = Field(default=0, ge=0, description="first base after the prompt at which the rule may begin (bases)")
    once: bool = Field(default=False, description="begin at most once a sequence")
    do: ActionParams = Field(description="what to do")

    @model_validator(mode="after")
    def _can_release(self) -> RuleParams:
        if self.watch is None and self.word is None:
            raise ValueError("need a feature to watch, or a word, got neither")
        if (self.watch is None) != (self.threshold is None):
            raise ValueError("need watch and threshold together, got one of them")
        if self.watch is None and (self.window > 1 or self.release is not None):
            raise ValueError("need a feature to watch for a window or a release, got a word alone")
        if self.frame is not None and self.word is None:
            raise ValueError(f"need a word that begins in frame {self.frame}, got none")
        if self.release is not None and self.threshold is not None and self.release > self.threshold:
            raise ValueError(f"need a release not above the threshold {self.threshold}, got {self.release}")
        return self

    def word_list(self) -> tuple[str, ...]:
        """The words, in capitals, T for U."""
        return tuple(w.strip().upper().replace("U", "T") for w in self.word.split("|")) if self.word else ()


class RuleFile(Params):
    """A rule file."""

    rules: tuple[RuleParams, ...] = Field(min_length=1, description="rules, all watched at once")

    @model_validator(mode="after")
    def _names_differ(self) -> RuleFile:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError(f"need a name of its own for each rule, got {names}")
        return self
