"""The test beyond composition on planted worlds: strands, classes placed by composition, and what it costs.

- `adjusted_fpr_05_worst`, `adjusted_fpr_001_worst`: the largest share of circularly shifted features that the adjusted test
  calls, over all classes, readings (sense, antisense, either) and genomes with a half, 77 % and 95 % of genes on strand +;
  `adjusted_fpr_05_least` the smallest. Many of the features follow the coding strand, which circular shifts keep.
  `previous_fpr_001_worst` is that of the test before (`_previous_adjusted`).
- `adjusted_power`: share of planted pairs (features that fire in a class) kept at p ≤ 0.001 by the adjusted test, of those that
  the rotation null finds at p ≤ 0.001, for each share of strands the smallest.
- `gc_fake_names`: pairs past both tests at q ≤ 0.05 of features that read composition (GC of 60 to 4,000 bases, skews, words)
  and classes placed by it (cells of 100 to 5,000 bases by their GC), uniformly, or on one strand. `gc_fake_finds`: the same by
  the rotation null alone. No F1 is asked for: names are fewer.
- `adjusted_cpu_vs_previous`: CPU time of the adjusted test before (`_previous_adjusted`) over that of today's, composition and
  residuals of masks included; below 1 today's costs more.
"""

from __future__ import annotations

import logging
import time

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks._previous_adjusted import previous_test
from benchmarks.planted.features import SHAPES, PlantedGenome, null_feature, planted_feature, planted_genome
from photo51.enrichment.annotations.composition import Content, composition_terms, content, kmer_length
from photo51.enrichment.association.tracks import levelled, rotated
from photo51.stats.additive import projected
from photo51.stats.correlation import Mask
from photo51.stats.covariance import even_blocks
from photo51.stats.multiple import hierarchical
from photo51.stats.resampling import random_shifts
from photo51.stats.rotation import ORIENTATIONS, orient, rotation_test, track
from photo51.stats.shifted import Residuals, ShiftedTest, Shifts, fixed_point, shifted_test, shifts_needed

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
STRAND_SHARES = (0.5, 0.77, 0.95)
CELLS = (100, 500, 2_000, 5_000)
_UNIT, _BLOCK, _SEED = 16_384, 4_096, 16
_PLANTED = ("TFBS", "promoter", "codon_position_1", "start_codon")


def adjusted_figures(*, quick: bool) -> Figures:
    """All figures of this file."""
    size, n_features, times = (131_072, 100, 40) if quick else (262_144, 200, 40)
    rng = np.random.default_rng(_SEED)
    cells, kept = [], []
    for share in STRAND_SHARES:
        log.info("calibration: adjusted test with %.0f %% of genes on strand +", 100 * share)
        genome = planted_genome(size, rng, share)
        cells.append(shifted_rates(genome, n_features, times, rng))
        kept.append(planted_kept(genome, 2 if quick else 5, rng))
    table = pd.concat(cells)
    return {
        "adjusted_fpr_05_worst": float(table["rate_05"].max()),
        "adjusted_fpr_05_least": float(table["rate_05"].min()),
        "adjusted_fpr_001_worst": float(table["rate_001"].max()),
        "previous_fpr_05_worst": float(table["previous_05"].max()),
        "previous_fpr_001_worst": float(table["previous_001"].max()),
        "adjusted_cells": len(table),
        "adjusted_shifted_features": n_features * times,
        "adjusted_power": float(min(kept)),
        "adjusted_cpu_vs_previous": cost(genome, n_features, rng),
        **composition_fakes(2 * size, rng),
    }


def adjusted_test(genome: PlantedGenome, features: sp.csc_array, masks: NDArray[np.bool_]) -> ShiftedTest:
    """The adjusted test as a run makes it, in units of 16,384 bases; masks are (2 * n, k), oriented."""
    bounds = even_blocks(np.array([0, genome.n]), _UNIT)
    terms = composition_terms(genome.bases, np.array([0, genome.n]), k=kmer_length(genome.n))
    unit = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    right = projected(masks, terms, within=np.concatenate([unit, unit + len(bounds)]))
    groups = [right[:, first : first + 16] for first in range(0, right.shape[1], 16)]
    padded = [fixed_point(np.pad(g, ((0, 0), (0, 16 - g.shape[1])))) for g in groups]
    shifts = Shifts.of(bounds, even_blocks(bounds, _BLOCK), shifts_needed(len(bounds) - 1), _SEED)
    return shifted_test(levelled(features, 15), Residuals(padded, right.shape[1]), shifts, _SEED)


def readings(genome: PlantedGenome) -> tuple[list[tuple[str, str]], NDArray[np.bool_]]:
    """Classes in all their readings, and their masks, (2 * n, k)."""
    keys, masks = [], []
    for name, mask in genome.annotations.items():
        plus, minus = np.split(mask, 2)
        for orientation in ORIENTATIONS if not np.array_equal(plus, minus) else ("either",):
            keys.append((name, orientation))
            masks.append(orient(mask, orientation))
    return keys, np.stack(masks, axis=1)


def stranded_features(genome: PlantedGenome, n: int, rng: np.random.Generator) -> sp.csc_array:
    """Null shapes, features that follow the coding strand, that know a class, and that fire on one strand."""
    columns = []
    for i in range(n):
        kind, turn = i % 4, i // 4
        if kind == 0:
            column = null_feature(genome, SHAPES[turn % len(SHAPES)], 3e-3, rng)
        elif kind == 1:
            column = null_feature(genome, "short", 6e-3, rng) * genome.annotations["CDS"]
        elif kind == 2:
            column = planted_feature(genome, _PLANTED[turn % len(_PLANTED)], 0.4, rng, noise=1e-3)
        else:
            column = null_feature(genome, "lognormal", 4e-3, rng)
            column[(turn % 2) * genome.n : (1 + turn % 2) * genome.n] = 0
        columns.append(column.astype(np.float32))
    return sp.csc_array(np.stack(columns, axis=1))


def shifted_rates(genome: PlantedGenome, n: int, times: int, rng: np.random.Generator) -> pd.DataFrame:
    """How often the adjusted test, and the one before, call features that were shifted `times` times, by class and reading."""
    keys, masks = readings(genome)
    bounds = even_blocks(np.array([0, genome.n]), _UNIT)
    features = stranded_features(genome, n, rng)
    shifted = sp.hstack([rotated(features, bounds, random_shifts(bounds, rng, n)) for _ in range(times)], format="csc")
    p = adjusted_test(genome, shifted, masks).p_upper
    before = previous_test(genome.bases, shifted[:, : 2 * n], masks, _BLOCK)
    return pd.DataFrame(
        {
            "class": [name for name, _ in keys],
            "reading": [reading for _, reading in keys],
            "rate_05": (p <= 0.05).mean(axis=0),
            "rate_001": (p <= 0.001).mean(axis=0),
            "previous_05": (before <= 0.05).mean(axis=0),
            "previous_001": (before <= 0.001).mean(axis=0),
        }
    )


def planted_kept(genome: PlantedGenome, per_class: int, rng: np.random.Generator) -> float:
    """Share of planted pairs kept by the adjusted test at 0.001, of those that the rotation null finds at 0.001."""
    bounds = even_blocks(np.array([0, genome.n]), _UNIT)
    names = [name for name in _PLANTED for _ in range(per_class)]
    columns = np.stack([planted_feature(genome, name, 0.4, rng) for name in names], axis=1)
    masks = np.stack([genome.annotations[name] for name in _PLANTED], axis=1)
    p = adjusted_test(genome, sp.csc_array(columns), masks).p_upper
    kept = []
    for j, name in enumerate(names):
        rows = np.flatnonzero(columns[:, j])
        raw = rotation_test(track(rows, columns[rows, j]), Mask(genome.annotations[name], bounds))
        if raw.p_upper <= 1e-3:
            kept.append(p[j, _PLANTED.index(name)] <= 1e-3)
    return float(np.mean(kept))


def cost(genome: PlantedGenome, n: int, rng: np.random.Generator) -> float:
    """CPU time of the previous adjusted test over today's, same features and classes; both compiled before."""
    _, masks = readings(genome)
    features = stranded_features(genome, n, rng)
    seconds = []
    for test in (
        lambda: previous_test(genome.bases, features, masks, _BLOCK),
        lambda: adjusted_test(genome, features, masks),
    ):
        started = time.process_time()
        test()
        seconds.append(time.process_time() - started)
    return seconds[0] / seconds[1]


def composition_fakes(size: int, rng: np.random.Generator) -> Figures:
    """Features that read composition against classes that are placed by it."""
    genome = planted_genome(size, rng)
    features, masks = composition_readers(genome.bases, rng), fake_classes(genome.bases, rng)
    bounds = even_blocks(np.array([0, size]), _UNIT)
    adjusted = adjusted_test(genome, features, np.stack(list(masks.values()), axis=1)).p_upper
    prepared = [Mask(mask, bounds) for mask in masks.values()]
    levels = levelled(features, 15)
    raw = np.ones_like(adjusted)
    for j in range(features.shape[1]):
        some = slice(levels.indptr[j], levels.indptr[j + 1])
        one = track(levels.indices[some], levels.data[some])
        raw[j] = [rotation_test(one, mask).p_upper for mask in prepared]
    family = np.tile(np.arange(len(masks)), len(raw))
    q, q_adjusted = (hierarchical(p.ravel(), family) for p in (raw, adjusted))
    return {
        "gc_fake_pairs": raw.size,
        "gc_fake_finds": int((q <= 0.05).sum()),
        "gc_fake_names": int(((q <= 0.05) & (q_adjusted <= 0.05)).sum()),
        "gc_fake_fpr_05": float((adjusted <= 0.05).mean()),
    }


def composition_readers(bases: NDArray[np.uint8], rng: np.random.Generator) -> sp.csc_array:
    """Features that fire where the bases read last are rich in G and C, poor, skewed, or hold some words."""
    n, columns = len(bases), []
    whole = np.array([0, n])
    for window in (60, 150, 400, 1_000, 4_000):
        near: Content = content(bases, whole, window - 1, 0)
        for values in (near.gc, -near.gc, near.gc_skew, near.at_skew):
            for share in (0.01, 0.04):
                level = np.quantile(values, 1 - share)
                columns.append((values >= level) * (rng.random(2 * n) < 0.3))
    codes = composition_terms(bases, whole, offsets=1, k=4).levels[0]
    columns += [np.isin(codes, rng.choice(256, 3, replace=False)) * (rng.random(2 * n) < 0.5) for _ in range(20)]
    return sp.csc_array(np.stack(columns, axis=1).astype(np.float32))


def fake_classes(bases: NDArray[np.uint8], rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Cells of a grid that are rich in G and C, or poor, at every scale; cells at random; cells on one strand."""
    n, out = len(bases), {}
    strong = np.concatenate([[0], np.cumsum((bases == 1) | (bases == 2))])
    for cell in CELLS:
        edges = np.arange(0, n + 1, cell)
        gc = np.diff(strong[edges]) / cell
        for name, chosen in (("rich", gc > np.quantile(gc, 0.85)), ("poor", gc < np.quantile(gc, 0.15))):
            mask = np.zeros(n, dtype=bool)
            mask[: edges[-1]] = np.repeat(chosen, cell)
            out[f"{name}_{cell}"] = np.tile(mask, 2)
    for name, strand in (("uniform", 2), ("stranded", 0)):
        mask = np.zeros((2, n), dtype=bool)
        for start in rng.integers(0, n - 500, n // 5_000).tolist():
            mask[:, start : start + 500] = True
        mask[1 - strand :] &= strand == 2
        out[name] = mask.ravel()
    return out
