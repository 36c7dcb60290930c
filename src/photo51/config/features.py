"""Parameters of encoding and of the feature table."""

from __future__ import annotations

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
    chunk: int = Field(
        default=256, ge=1, description="features worked on at once; decides memory, not results"
    )
