"""What enrichment costs against the code before it, on the same data, with the same numbers.

`enrich_vs_previous` is the CPU time of all pairs of a planted genome and dictionary by the code before (`_previous_enrich`: loops
over columns that compilers leave scalar, residuals of masks made by each of two shards, variances by a product of matrices,
transforms of features and masks made again for each pair) over that of today's.
The tests beyond composition, exact p-values and counts have to be equal to the bit, moments of the screen to the precision that
single precision has: otherwise it raises.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._adjusted import stranded_features
from benchmarks._null_worlds import annotation_table, codes, inputs_of
from benchmarks._previous_enrich import previous
from benchmarks.planted.features import planted_genome
from photo51.config.enrichment import EnrichParams
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.association.stage import Enrichment, enrich_shard

SHARDS = 2
_LOOSE = ("z_rot", "n_eff", "or_lo", "or_hi", "p_rot", "p_depleted")  # follow from variances of the screen


def enrich_cost(size: int, n_features: int) -> dict[str, float | int | None]:
    """Both codes on one planted genome of `size` bases."""
    rng = np.random.default_rng(16)
    genome = planted_genome(size, rng)
    # three in one: as often active as features of a dictionary are (one or two bases in a hundred)
    thin = stranded_features(genome, 3 * n_features, rng).toarray()
    columns = thin.reshape(len(thin), n_features, 3).sum(axis=2)
    params = EnrichParams(rotated_features=max(n_features // 4, 1))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = inputs_of(genome, annotation_table(genome), folder, block=16_384)
        main = codes(folder / "main", list(columns.T))
        warm = Enrichment(main, inputs, params)
        with previous():
            warm.pairs(np.arange(2), 1)
        Enrichment(main, inputs, params, folder / "warm").pairs(np.arange(2), 1)  # both are compiled
        with previous():
            before, seconds_before = _timed(main, inputs, params, None)
        now, seconds = _timed(main, inputs, params, folder / "shared")
    _same(before, now)
    return {
        "enrich_vs_previous": seconds_before / seconds,
        "enrich_previous_cpu_s": seconds_before,
        "enrich_cpu_s": seconds,
        "enrich_pairs_compared": len(now),
    }


def _timed(main: Path, inputs: Inputs, params: EnrichParams, shared: Path | None) -> tuple[pd.DataFrame, float]:
    """All shards, each in a stage of its own as in a process of its own."""
    started = time.process_time()
    parts = [enrich_shard(Enrichment(main, inputs, params, shared), i, SHARDS, 1) for i in range(SHARDS)]
    return pd.concat(parts, ignore_index=True), time.process_time() - started


def _same(before: pd.DataFrame, now: pd.DataFrame) -> None:
    for column in before.columns:
        if column in _LOOSE:
            pd.testing.assert_series_equal(before[column], now[column], rtol=1e-3, atol=1e-6)
        else:
            pd.testing.assert_series_equal(before[column], now[column], check_exact=True)
