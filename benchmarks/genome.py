"""Cost of the genome layer: preparing, reading windows, masks, consequences; CPU seconds, on planted genomes.

Sizes double, so that cost a megabase and peak memory show how both grow with the genome.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.planted.genome import planted_genome, write_planted
from photo51.config.genome import GenomeParams
from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes, Window
from photo51.genome.axis.masks import annotation_masks
from photo51.genome.consequence import consequences
from photo51.genome.preparation.prepare import prepare


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Time the layer on 0.1, 0.2 and 0.4 Mb (a quarter of that when quick)."""
    sizes = (25_000, 50_000, 100_000) if quick else (100_000, 200_000, 400_000)
    figures: dict[str, float | int | None] = {}
    peaks: list[int] = []
    params = GenomeParams(block=8_192, gap=512)
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            sheet = write_planted([planted_genome(size)], Path(folder) / f"in{size}")
            out = Path(folder) / f"out{size}"
            seconds = _seconds(partial(prepare, sheet, out, params))
            figures[f"prepare_cpu_seconds_per_mb_at_{size // 1000}kb"] = seconds / size * 1e6
            tracemalloc.start()
            genomes = prepare(sheet, out, params)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        figures["prepare_peak_mib"] = peaks[-1] / 2**20
        figures["prepare_memory_ratio_4x"] = peaks[-1] / peaks[0]
        figures |= _reading(genomes)
    return figures


def _reading(genomes: Genomes) -> dict[str, float | int | None]:
    """What later stages do with a prepared genome."""
    workspace, annotations = genomes.workspace(), genomes.annotations()
    table: list[Window] = genomes.windows().to_dict("records")  # type: ignore[assignment]
    read = _seconds(lambda: [genomes.window_sequence(w) for w in table])
    n_classes = len(annotation_masks(workspace, annotations))
    masked = _seconds(lambda: annotation_masks(workspace, annotations))
    variants = _substitutions(genomes, 2_000)
    judged = _seconds(lambda: consequences(genomes, "planted", variants, annotations))
    return {
        "window_megabases_per_second": sum(w["end"] - w["start"] + w["warmup"] for w in table) / read / 1e6,
        "mask_milliseconds_per_mb_and_class": 1e3 * masked / n_classes / workspace.n_rows * 1e6,
        "consequences_per_second": len(variants) / judged,
    }


def _substitutions(genomes: Genomes, n: int) -> pd.DataFrame:
    length = genomes.length("planted", "chr")
    letters = decode(genomes.sequence("planted", "chr", 0, length))
    pos = np.random.default_rng(51).integers(0, length, n)
    ref = [letters[p] for p in pos]
    alt = ["ACGT"["ACGT".index(r) - 1] for r in ref]
    return pd.DataFrame({"chrom": "chr", "pos": pos, "ref": ref, "alt": alt, "id": "", "line": 0})


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started
