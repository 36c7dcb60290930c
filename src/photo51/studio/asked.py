"""What a page may ask, checked before anything is done: one model a route."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photo51.types import InputError

MOST_BASES = 200_000
Text = Annotated[str, Field(max_length=400)]
Sequence = Annotated[str, Field(max_length=3_000_000)]
Expression = Annotated[str, Field(max_length=6_000)]
StrandText = Literal["+", "-"]


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SequenceSource(Asked):
    """A sequence: bases that were pasted, or a region of a genome of the run, 0-based half-open."""

    bases: Sequence = ""
    genome: Text = ""
    chrom: Text = ""
    start: int = Field(default=0, ge=0, le=10**10)
    end: int = Field(default=0, ge=0, le=10**10)


class ReadAsked(Asked):
    """Read a sequence: text as pasted, or a region."""

    text: Sequence = ""
    source: SequenceSource | None = None


class BasesAsked(Asked):
    """Features at each of a few bases of a reading."""

    reading: Text
    start: int = Field(ge=0, le=10**9)
    end: int = Field(ge=0, le=10**9)


class TrackAsked(Asked):
    """One feature along a reading."""

    reading: Text
    feature: int = Field(ge=0, le=10**7)


class WhyAsked(Asked):
    """Why a base of a reading."""

    reading: Text
    at: int = Field(ge=0, le=10**9)
    strand: StrandText = "+"
    base: Literal["A", "C", "G", "T"] | None = None


class Slider(Asked):
    """What is steered up or down, and by how many units."""

    target: Text
    strength: float = Field(ge=-8, le=8)


class SteerAsked(Asked):
    """Continue a prompt."""

    prompt: Annotated[str, Field(max_length=20_000)]
    sliders: list[Slider] = Field(default_factory=list, max_length=8)
    length: int = Field(default=120, ge=8, le=4_000)
    seed: int = Field(default=51, ge=0, le=2**31)
    temperature: float = Field(default=1.0, gt=0.01, le=5)
    motif: Annotated[str, Field(max_length=40)] = ""

    def expression(self) -> str:
        """The sliders as `photo51 steer` takes them; empty where none is moved."""
        parts: list[str] = []
        for slider in self.sliders:
            for weight, name in _terms(slider.target):
                strength = weight * slider.strength
                if strength:
                    sign = "-" if strength < 0 else "+"
                    term = f"{abs(strength):g}*{name}"
                    parts.append(f" {sign} {term}" if parts else (f"-{term}" if sign == "-" else term))
        return "".join(parts)


def _terms(text: str) -> list[tuple[float, str]]:
    """A slider's target as weights and names: one feature or concept, or a bundle such as `f12 - 0.5*CDS`."""
    terms, sign = [], 1.0
    for token in re.split(r"\s+([+-])\s+", text.strip()):
        if token in {"+", "-"}:
            sign = 1.0 if token == "+" else -1.0
            continue
        factor, _, name = token.rpartition("*")
        try:
            weight = sign * (float(factor) if factor else 1.0)
        except ValueError as e:
            raise InputError(f"slider {text!r}: need a number before *, got {factor!r}") from e
        if not name.strip():
            raise InputError(f"slider: need a feature (f12), a concept or a sum of them, got {text!r}")
        terms.append((weight, name.strip()))
    return terms


class DoseAsked(Asked):
    """Measure the safe dose range of a target."""

    target: Text
    prompt: Annotated[str, Field(max_length=20_000)]
    seed: int = Field(default=51, ge=0, le=2**31)


class VariantAsked(Asked):
    """A variant as people write it."""

    text: Text


class CompareAsked(Asked):
    """Two sequences side by side."""

    first: Sequence
    second: Sequence


class PaintSpec(Asked):
    """One interval of a canvas: a feature, a concept, a sum or a blend `a -> b`, with its strength in units."""

    start: int = Field(ge=0, le=4_000)
    end: int = Field(ge=1, le=4_000)
    concept: Expression
    strength: float = Field(ge=-8, le=8)


class PaintAsked(Asked):
    """Write what a canvas asks for: all of it, or only where it differs from what was painted before."""

    prompt: Annotated[str, Field(max_length=20_000)]
    paints: list[PaintSpec] = Field(min_length=1, max_length=64)
    length: int = Field(default=240, ge=8, le=4_000)
    strand: StrandText = "+"
    sequences: int = Field(default=1, ge=1, le=4)
    seed: int = Field(default=51, ge=0, le=2**31)
    temperature: float = Field(default=1.0, gt=0.01, le=5)
    candidates: int = Field(default=8, ge=1, le=16)
    block: int = Field(default=24, ge=4, le=200)
    background: float = Field(default=0.0, ge=-8, le=0)
    paint_weight: float = Field(default=1.0, ge=0, le=32)
    margin: int = Field(default=50, ge=0, le=1_000)
    before: Text = ""
    infill: bool = False
    view: Annotated[str, Field(max_length=40_000)] = ""


class PaintedAsked(Asked):
    """A painting of this tab, to be shown again."""

    key: Text


class PartsAsked(Asked):
    """The parts of a concept."""

    concept: Expression


class ActionAsked(Asked):
    """What a rule does."""

    steer: Expression | None = None
    strength: float = Field(default=1.0, ge=-8, le=8)
    insert: Text | None = None
    prompt: Text | None = None
    temperature: float | None = Field(default=None, gt=0.01, le=5)
    stop: bool = False
    log: bool = False


class RuleAsked(Asked):
    """A rule as the page builds it."""

    name: Text
    watch: Expression | None = None
    threshold: float | None = Field(default=None, gt=0, le=1_000)
    release: float | None = Field(default=None, ge=0, le=1_000)
    window: int = Field(default=1, ge=1, le=1_000)
    first: int = Field(default=0, ge=0, le=4_000)
    once: bool = False
    word: Text | None = None
    frame: int | None = Field(default=None, ge=0, le=2)
    do: ActionAsked


class RulesAsked(Asked):
    """Rules that are checked before anything is written."""

    prompt: Annotated[str, Field(max_length=20_000)] = ""
    rules: list[RuleAsked] = Field(min_length=1, max_length=8)
    length: int = Field(default=240, ge=1, le=4_000)

    def settings(self) -> list[dict[str, Any]]:
        """The rules as a rule file has them, without what is left to its defaults."""
        return [rule.model_dump(exclude_none=True, exclude_defaults=True) for rule in self.rules]


class ListenAsked(RulesAsked):
    """Write under rules."""

    sequences: int = Field(default=1, ge=1, le=4)
    seed: int = Field(default=51, ge=0, le=2**31)
    temperature: float = Field(default=1.0, gt=0.01, le=5)


class PanelAsked(Asked):
    """A panel of the page."""

    panel: Literal["read", "why", "steer", "dose", "variants", "compare", "paint", "parts", "rules", "listen"]


class Nothing(Asked):
    """No body."""


M = TypeVar("M", bound=Asked)


def parsed(body: bytes, model: type[M]) -> M:
    """A body as its model.

    Raises
    ------
    InputError
        Saying which field, what was found and what is needed.
    """
    try:
        value: Any = json.loads(body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:
        raise InputError(f"body: need JSON, got none ({str(e)[:80]})") from e
    try:
        return model.model_validate_json(json.dumps(value))
    except (ValidationError, ValueError) as e:
        if not isinstance(e, ValidationError):
            raise InputError(f"body: need JSON of {model.__name__}, got {str(e)[:80]}") from e
        first = e.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise InputError(
            f"{field}: {first['msg'][:1].lower()}{first['msg'][1:]}, got {str(first['input'])[:60]!r}"
        ) from e


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
