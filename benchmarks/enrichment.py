"""Speed of the rotation null beside shuffled intervals, the screen of a whole genome, and what a run found.

- `shift_vs_bedtools`: CPU time of 1,000 samples of `bedtools shuffle` and their overlap by `bedtools intersect` (measured on
  some samples, as each costs the same), over that of the exact null over all rotations, mask and track prepared anew (median of
  nine), for one feature of density 0.001 and promoters on a genome of E. coli's length. `shift_vs_plain_shuffle` is the same
  beside a shuffler in numpy, which reads and writes no files: the slower tool is not allowed to flatter. The figures that end in
  `_dense` are those of a feature of density 1/64 (16 of 1,024 features fire at a base) and CDS, where each costs more.
- `ecoli_4096x50_seconds`, `ecoli_peak_gib`: mean and variance of 4,096 features × 50 annotations on that genome, all at full
  resolution. Quick measures some features and multiplies: `ecoli_features_measured`.
- The others are read from a run (`results/demo`): nothing is made anew.
"""

from __future__ import annotations

import json
import logging
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.planted.features import PlantedGenome, null_feature, planted_genome
from photo51.io import read_table
from photo51.io.contracts.enrichment import HIDDEN
from photo51.stats.correlation import Mask
from photo51.stats.naive import shuffled_overlaps
from photo51.stats.rotation import ORIENTATIONS, Orientation, rotation_test, track
from photo51.stats.screen import screen_moments

log = logging.getLogger(__name__)
ECOLI = 4_641_652
RUN = Path("results/demo")
_BLOCK = 65_536
_SAMPLES = 1_000
Figures = dict[str, float | int | None]


def measure(*, quick: bool = False) -> Figures:
    """Figures of the issue, and those beside them."""
    rng = np.random.default_rng(51)
    genome = planted_genome(ECOLI, rng)
    bounds = np.append(np.arange(0, ECOLI - _BLOCK, _BLOCK), ECOLI).astype(np.int64)
    return {
        **speed(genome, bounds, rng, 3 if quick else 20),
        **whole_genome(genome, bounds, rng, 32 if quick else 4_096),
        **found(RUN),
    }


def speed(genome: PlantedGenome, bounds: NDArray[np.int64], rng: np.random.Generator, samples: int) -> Figures:
    """One feature against one annotation, twice: all rotations, 1,000 shuffles by bedtools, 1,000 by numpy."""
    sparse = _one_pair(null_feature(genome, "short", 1e-3, rng), genome.annotations["promoter"], bounds, samples)
    dense = _one_pair(null_feature(genome, "short", 1 / 64, rng), genome.annotations["CDS"], bounds, samples)
    return {
        **sparse,
        **{f"{name}_dense": value for name, value in dense.items()},
        "rotations_counted": int(np.diff(bounds).sum()),
    }


def _one_pair(
    feature: NDArray[np.float32], inside: NDArray[np.bool_], bounds: NDArray[np.int64], samples: int
) -> Figures:
    rows = np.flatnonzero(feature)
    rotation_test(track(rows[:100], feature[rows[:100]]), Mask(inside, bounds))  # compiles
    took = []
    for _ in range(9):
        started = time.process_time()
        rotation_test(track(rows, feature[rows]), Mask(inside, bounds))
        took.append(time.process_time() - started)
    exact = float(np.median(took))
    starts, lengths = _runs(feature > 0)
    started = time.process_time()
    shuffled_overlaps(starts, lengths, inside, np.random.default_rng(51), samples)
    plain = (time.process_time() - started) * _SAMPLES / samples
    bedtools = _bedtools(feature > 0, inside, samples)
    return {
        "exact_null_cpu_s": exact,
        "bedtools_1000_cpu_s": bedtools,
        "shift_vs_bedtools": None if bedtools is None else bedtools / exact,
        "plain_shuffle_1000_cpu_s": plain,
        "shift_vs_plain_shuffle": plain / exact,
    }


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2] - edges[::2]


def _bedtools(feature: NDArray[np.bool_], annotation: NDArray[np.bool_], samples: int) -> float | None:
    """CPU seconds of 1,000 samples; None without bedtools."""
    if shutil.which("bedtools") is None:
        log.warning("bench enrichment: bedtools is not installed, shift_vs_bedtools is not measured")
        return None
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, mask in (("feature", feature), ("annotation", annotation)):
            starts, lengths = _runs(mask)
            lines = (f"both\t{s}\t{s + n}\n" for s, n in zip(starts.tolist(), lengths.tolist(), strict=True))
            (here / f"{name}.bed").write_text("".join(lines))
        (here / "genome").write_text(f"both\t{len(feature)}\n")
        before = _children()
        for seed in range(samples):
            with (here / "shuffled.bed").open("w") as out:
                subprocess.run(
                    ["bedtools", "shuffle", "-i", "feature.bed", "-g", "genome", "-seed", str(seed)],
                    cwd=here, stdout=out, check=True,
                )  # fmt: skip
            subprocess.run(
                ["bedtools", "intersect", "-a", "shuffled.bed", "-b", "annotation.bed"],
                cwd=here, stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
        return (_children() - before) * _SAMPLES / samples


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def whole_genome(
    genome: PlantedGenome, bounds: NDArray[np.int64], rng: np.random.Generator, n_features: int
) -> Figures:
    """Screen 4,096 features, of which `n_features` are drawn, against 50 annotations."""
    masks = np.array(list(genome.annotations.values()))
    tests = _tests(len(masks), 50)
    shapes = ("short", "lognormal", "period3", "clustered")
    seconds, chunk = 0.0, min(256, n_features)
    features = sp.csc_array(
        np.stack([null_feature(genome, shapes[i % 4], 1e-3, rng) for i in range(min(chunk, 32))], axis=1)
    )
    features.data[:] = np.clip(np.ceil(features.data * 4), 1, 15)
    for first in range(0, n_features, chunk):
        some = sp.csc_array(features[:, (np.arange(chunk) + first) % features.shape[1]])
        started = time.process_time()
        screen_moments(some, masks, tests, bounds)
        seconds += time.process_time() - started
        log.info("bench enrichment: %d of %d features screened", first + chunk, n_features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "ecoli_4096x50_seconds": seconds * 4_096 / n_features,
        "ecoli_features_measured": n_features,
        "ecoli_peak_gib": peak,
    }


def _tests(n_masks: int, n: int) -> list[tuple[int, Orientation]]:
    """`n` readings of masks in all orientations, from the first again where there are not enough."""
    every = [(m, o) for o in ORIENTATIONS for m in range(n_masks)]
    return [every[i % len(every)] for i in range(n)]


def found(run: Path) -> Figures:
    """What a run's own tables say; None for what it has not made."""
    figures: Figures = dict.fromkeys(
        (
            "sae_beats_neurons_share", "sae_beats_pca_share", "concepts_sae_over_neurons", "concepts_scored",
            "run_real_discoveries", "run_rotated_discoveries", "hidden_class_recovered", "hidden_classes_tested",
        )
    )  # fmt: skip
    for name in ("concepts.json", "calibration.json"):
        path = run / name
        if path.is_file():
            figures |= {k: v for k, v in json.loads(path.read_text()).items() if k in figures}
        else:
            log.warning("bench enrichment: %s is not there; run the demo first", path)
    if (run / "hidden_classes.parquet").is_file():
        hidden = read_table(run / "hidden_classes.parquet", HIDDEN)
        figures["hidden_class_recovered"] = int(hidden["recovered"].sum())
        figures["hidden_classes_tested"] = int((hidden["status"] == "tested").sum())
    return figures
