"""Parameters of `photo51 layers`: how much is read of each block, and how large its small dictionary is."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params


class LayersParams(Params):
    """How blocks of a model are compared."""

    bases: int = Field(default=30_000, ge=100, description="bases learned from, both strands counted (bases)")
    test_bases: int = Field(default=15_000, ge=100, description="held-out bases probed (bases)")
    score_windows: int = Field(default=2, ge=1, description="held-out windows scored with the dictionary patched in")
    n_features: int = Field(default=512, ge=2, description="width of the small dictionary (features)")
    k: int = Field(default=16, ge=1, description="its active features a base")
    tokens: int = Field(default=200_000, ge=1, description="bases its training reads (tokens)")
    batch: int = Field(default=2_048, ge=1, description="bases a step of it (tokens)")
    kmer: int = Field(default=6, ge=1, le=8, description="length of the k-mer baseline (bases)")
    min_positives: int = Field(
        default=50,
        ge=2,
        description="fewest bases of a class among those learned from and among those probed",
    )
    ridge: float = Field(default=0.01, gt=0, description="penalty of linear probes, per row and unit variance")
    probes: int = Field(default=8, ge=2, description="places at which burn-in is measured")
    context: int = Field(
        default=4_096, ge=16, description="context of the warm reading that burn-in compares with (bases)"
    )
    longest: int = Field(default=2_048, ge=16, description="longest burn-in looked at (bases)")
    tolerance: float = Field(
        default=0.05, gt=0, description="error that burn-in leaves (share of the activations' spread)"
    )
    near: float = Field(default=0.005, ge=0, description="probes this close to the best block's are as good (AUROC)")
    recovered: float = Field(
        default=0.9, ge=0, le=1, description="share of the best block's bits recovered that a block needs"
    )
    seed: int = Field(default=51, ge=0, description="seed of windows, dictionaries and places")
