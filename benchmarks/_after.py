"""What is lost where the model reads fewer bases after a variant: the measurement behind the default of `variants: after`.

A causal model reads what comes before alike, so that reading less only cuts the sum of a likelihood ratio short. One reading
of the whole window therefore gives the ratio for every `after`.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks._shipped import mitochondrion
from photo51.biomarkers.contrasts.discrimination import wins
from photo51.config.biomarkers import VariantsParams
from photo51.effects.score import SiteOnly
from photo51.effects.scoring import AlleleEffect, AlleleRead, AlleleScorer
from photo51.effects.windows import AlleleReading, batches, focus, places, readings
from photo51.genome.axis.genomes import Genomes
from photo51.genome.variants.files import read_variants
from photo51.model.families.adapters import DnaModel
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.types import STRANDS

log = logging.getLogger(__name__)
MITOCHONDRION = Path("resources/human_mt")
AFTER = (16, 32, 64, 128, 256, 512)


class _Cut(AlleleScorer):
    """Likelihood ratios of each variant and strand, cut short after so many bases and whole, (n_after + 1,)."""

    def __init__(self, model: StripedHyena, dictionary: SiteOnly):
        super().__init__(model, dictionary)
        self.found: dict[tuple[int, str], NDArray[np.float64]] = {}

    def total(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Features are not asked for."""
        del x
        return np.zeros(1)

    def compare(
        self, reading: AlleleReading, i: int, ref: AlleleRead, alt: AlleleRead, ref_total: NDArray[np.float64]
    ) -> AlleleEffect:
        """Ratios of substitutions, whose windows are of one length."""
        del ref_total
        pairs = reading.pairs[i]
        first = int(pairs.ref[focus(pairs, self.reach).first]) - ref.start
        change = np.cumsum(alt.log_p - ref.log_p)
        row = int(reading.rows[i])
        at = [min(first + n, len(change) - 1) for n in AFTER]
        self.found[row, reading.strand] = np.append(change[at], change[-1])
        nothing = np.zeros(1, dtype=np.float32)
        return AlleleEffect(row, float(change[-1]), 0.0, nothing, nothing, nothing, nothing)


def ratios(model: DnaModel, genomes: Genomes, variants: pd.DataFrame, window: int) -> NDArray[np.float64]:
    """Mean likelihood ratio of both strands with each of `AFTER`, and with the whole window, (n, n_after + 1)."""
    assert isinstance(model.model, StripedHyena)
    scorer = _Cut(model.model, SiteOnly(model.spec.origin(f"block.{model.spec.n_layers - 1}.out")))
    params = VariantsParams(window=window)
    read = [r for p in places(variants, genomes, params) for r in readings(p, variants, genomes)]
    for strand in STRANDS:
        for batch in batches([r for r in read if r.strand == strand], params.batch_tokens):
            for _ in scorer.score(batch):
                pass
    return np.array([sum(scorer.found[i, s] for s in STRANDS) / 2 for i in range(len(variants))])


def measure_after(model: DnaModel, each: int, window: int = 2048) -> dict[str, float | int | None]:
    """AUROC of disease over common variants of the mitochondrion, within genes, by the bases read after a variant.

    `each` variants of either class at most. Beside it the Spearman correlation with the ratio of the whole window.
    """
    names = [f"after_{n}_{what}" for n in (*AFTER, "all") for what in ("auroc_within", "spearman")]
    if not MITOCHONDRION.is_dir():
        log.warning("after: not measured, %s is absent", MITOCHONDRION)
        return dict.fromkeys(names)
    table = read_variants(MITOCHONDRION / "variants.tsv.gz", ["NC_012920.1"]).table
    table = table[(table["ref"].str.len() == 1) & (table["alt"].str.len() == 1)]
    rng = np.random.default_rng(51)
    parts = [table[table["label"] == kind] for kind in ("pathogenic_confirmed", "population_common")]
    drawn = [p.iloc[np.sort(rng.permutation(len(p))[:each])] for p in parts]
    variants = pd.concat(drawn, ignore_index=True).assign(genome="human_mt")
    labels = (variants["label"] == "pathogenic_confirmed").to_numpy().astype(np.int64)
    values = ratios(model, mitochondrion(), variants, window)
    figures: dict[str, float | int | None] = {}
    for name, column in zip((*AFTER, "all"), values.T, strict=True):
        count = wins(-column, labels, variants["gene"].to_numpy())
        figures[f"after_{name}_auroc_within"] = float(count.within(np.ones((1, len(count.cases))))[0])
        figures[f"after_{name}_spearman"] = float(stats.spearmanr(column, values[:, -1]).statistic)
    return figures
