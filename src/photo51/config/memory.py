"""Parameters of memorisation: the audit, and the edit against it."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params


class MemoryParams(Params):
    """What a model recites of its corpus."""

    prefix: int = Field(default=64, ge=8, description="bases given before the suffix (bases)")
    suffix: int = Field(default=48, ge=8, description="bases that may be recited (bases)")
    context: int = Field(
        default=64, ge=1, description="neutral random bases before each sequence, the same for all (bases)"
    )
    references: int = Field(default=256, ge=20, description="unseen sequences that each kind is compared with")
    per_class: int = Field(default=48, ge=1, description="repeats of each range of copy number")
    copies: tuple[tuple[int, int], ...] = Field(
        default=(
            (1, 1),
            (2, 2),
            (3, 4),
            (5, 8),
            (9, 16),
            (17, 32),
            (33, 64),
            (65, 128),
            (129, 256),
            (257, 512),
            (513, 1_000_000),
        ),
        description="ranges of copy number, first and last",
    )
    markov_order: int = Field(
        default=3,
        ge=0,
        le=6,
        description="order of the Markov chain, fitted to the references, as a baseline",
    )
    batch: int = Field(default=32, ge=1, description="sequences read at once")
    seed: int = Field(default=51, ge=0, description="seed of every draw")


class PruneParams(Params):
    """Curvature edit of dense matrices."""

    windows: int = Field(default=96, ge=8, description="windows whose curvature is measured")
    window: int = Field(default=1_024, ge=128, description="length of a window (bases)")
    validation: int = Field(
        default=16,
        ge=3,
        description="further windows on which thresholds are chosen; as many again are held out",
    )
    masses: tuple[float, ...] = Field(
        default=(0.995, 0.99, 0.98, 0.97, 0.95, 0.92, 0.9, 0.85, 0.8, 0.7),
        description="shares of curvature to keep that are tried, for all matrices first and then for each",
    )
    rise: float = Field(default=0.005, ge=0, description="largest relative rise of held-out surprisal that is accepted")
    gap: float = Field(
        default=0.6, gt=0, le=1, description="share of the memorised gap that an edit has to remove to work"
    )
    dropped: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="share of entries that an edit has to drop to work, where nothing is to be forgotten",
    )
    rounds: int = Field(default=1, ge=0, description="rounds over all matrices, each with its own threshold")
    batch: int = Field(default=8, ge=1, description="windows read at once")
    seed: int = Field(default=51, ge=0, description="seed of every draw")
