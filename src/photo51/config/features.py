"""Parameters of encoding and of the feature table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from photo51.config.base import Params


class FeaturesParams(Params):
    """What is kept of each feature."""

    top_windows: int = Field(default=24, ge=1, description="strongest runs kept of each feature")
    apart: int = Field(
        default=50,
        ge=0,
        description="two kept runs of a feature on one strand are at least this far apart (bases)",
    )
    chunk: int = Field(default=256, ge=1, description="features worked on at once; decides memory, not results")


class WindowOffsetParams(Params):
    """How much of the genome is read again by windows that begin elsewhere."""

    windows: int = Field(default=24, ge=2, description="windows whose later half is read again, both strands together")
    seed: int = Field(default=51, ge=0, description="seed of the choice of windows")


class FidelityParams(Params):
    """How the recovered cross-entropy is measured."""

    splits: tuple[Literal["train", "select", "test"], ...] = Field(
        default=("test",), min_length=1, description="splits whose windows are scored; `sweep` chooses on select"
    )
    bases: int = Field(default=60_000, ge=1, description="about so many bases are scored, both strands (bases)")
    sample: int = Field(default=32_768, ge=2, description="bases whose mean is the constant (bases)")
    seed: int = Field(default=51, ge=0, description="seed of the choice of windows")
