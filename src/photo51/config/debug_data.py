"""Parameters of what a corpus would teach, before training on it."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params


class DebugDataParams(Params):
    """Disparity of a corpus against a reference and against the model's own writing, and records to look at."""

    window: int = Field(default=512, ge=64, description="bases read of each record (bases)")
    windows: int = Field(default=4, ge=1, description="windows read of each record, spread evenly over it")
    prompt: int = Field(
        default=256,
        ge=16,
        description="bases of a window that the model continues by itself; 16 bases at least are left",
    )
    own: int = Field(default=200, ge=0, description="records that the model continues, drawn at random; 0: none")
    references: int = Field(
        default=200, ge=40, description="records of the reference, each as long as is read of a record"
    )
    clusters: int = Field(default=24, ge=2, description="clusters of features that fire together")
    word: int = Field(default=31, ge=12, le=63, description="length of words that records share (bases)")
    shared: int = Field(default=2, ge=2, description="records that must share a word for it to be traced")
    vector_share: float = Field(
        default=0.5, gt=0, le=1, description="largest share of records that a FASTA file of vectors may match"
    )
    outlying: float = Field(
        default=8.0,
        gt=0,
        description=(
            "distance from the reference, in robust standard deviations, at which a record is named; further than any"
            " record of the reference's half that nothing was fitted to"
        ),
    )
    clade: float = Field(
        default=6.0,
        gt=0,
        description=(
            "how much better the model may know a record than 6-mers of the reference do, in robust standard"
            " deviations, before it is named; further than any record of that half"
        ),
    )
    simple: float = Field(
        default=3.5, ge=0, le=6, description="entropy of 3-mers below which a record is of low complexity (bits)"
    )
    batch: int = Field(default=32, ge=1, description="windows read at once")
    seed: int = Field(default=51, ge=0, description="seed of every draw")
