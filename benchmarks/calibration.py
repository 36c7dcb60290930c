"""Planted truth: how often each test calls nothing something, and how much of what is there it finds.

On a synthetic genome (`benchmarks.planted.features`) features of six null shapes at three densities are tested against eleven
annotations by the exact rotation null, by the per-base hypergeometric test, by run midpoints and by shuffled runs; then null
and planted pairs are mixed and put through Benjamini–Hochberg at 5 %. GC-driven pairs and a motif detector show what
rotation does not remove and composition adjustment does; how it does where genes lie on one strand, and on classes placed by
composition, is measured by `adjusted`. `fft_equals_roll` compares both routes of the null with `numpy.roll`.
Classes of six instances are judged by cross-validation with and without a planted feature (`_few`), and the jobs that one more
annotation plans anew are counted (`_replan`). How often the claims of a report pass where nothing is to be found, and whether known
classes read backwards come up as unannotated, is measured by `_null_claims`.

Quick: one genome of 0.5 Mb, under a minute; else four of 1 Mb.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats

from benchmarks._adjusted import adjusted_figures, adjusted_test
from benchmarks._enrich_cost import enrich_cost
from benchmarks._few import few_instances
from benchmarks._null_claims import antisense_queue, null_claims
from benchmarks._replan import new_annotation_jobs
from benchmarks.planted.features import (
    SHAPES,
    PlantedGenome,
    motif_rows,
    null_feature,
    planted_feature,
    planted_genome,
    runs_to_track,
)
from photo51.stats.correlation import Mask, Track, block_overlaps_fft, overlaps
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.naive import fisher, midpoint_binomial, shuffle_p
from photo51.stats.rotation import rotation_test, track

log = logging.getLogger(__name__)
NULL_CLAIMS = Path(__file__).with_name("null_claims.tsv")
"""How often each claim passed where nothing is to be found; a whole run of this benchmark writes it again."""
DENSITIES = (1e-4, 1e-3, 1e-2)
RECALLS = (0.05, 0.1, 0.3, 0.6)
PLANTED = ("TFBS", "promoter", "tRNA", "codon_position_1", "IS", "rRNA", "start_codon")
TESTS = ("rotation", "fisher", "midpoint", "shuffle")
_BLOCK = 65_536


def measure(*, quick: bool = False) -> dict[str, float | int | None]:
    """Figures of the issue, and those beside them."""
    started = time.monotonic()
    rng = np.random.default_rng(51)
    size, per_cell, n_genomes = (524_288, 6, 1) if quick else (1_048_576, 10, 4)
    draws = 99 if quick else 199
    null, planted, gc, kmer = [], [], [], []
    for i in range(n_genomes):
        genome = planted_genome(size, rng)
        log.info("calibration: genome %d of %d", i + 1, n_genomes)
        null.append(null_pairs(genome, per_cell, rng, draws))
        planted.append(planted_pairs(genome, 1 if quick else 2, rng, draws))
        gc.append(gc_pairs(genome, 40 if quick else 30, rng))
        kmer.append(motif_detectors(genome, rng))
    table = pd.concat(null, ignore_index=True)
    independent = table[(table["shape"] != "gc") | (table["annotation"] != "gc_domain")]
    return {
        **_false_positives(independent),
        **_discoveries(independent, pd.concat(planted, ignore_index=True)),
        **_composition(pd.concat(gc), pd.concat(kmer)),
        **few_instances(40 if quick else 200, 39),
        **new_annotation_jobs(),
        **null_claims(6 if quick else 60, None if quick else NULL_CLAIMS),
        **antisense_queue(),
        **enrich_cost(131_072, 24 if quick else 192),
        **adjusted_figures(quick=quick),
        "fft_equals_roll": int(fft_equals_roll(rng)),
        "pairs_null": len(independent),
        "seconds": round(time.monotonic() - started, 1),
    }


def null_pairs(genome: PlantedGenome, per_cell: int, rng: np.random.Generator, draws: int) -> pd.DataFrame:
    """p-values of features of every shape and density against every annotation: all null but GC with gc_domain."""
    masks = _masks(genome)
    rows = []
    for shape in SHAPES:
        for density in DENSITIES:
            for _ in range(per_cell):
                feature = null_feature(genome, shape, density, rng)
                rows += [{"shape": shape, "density": density, **r} for r in _tests(feature, masks, rng, draws)]
    return pd.DataFrame(rows)


def planted_pairs(genome: PlantedGenome, per_cell: int, rng: np.random.Generator, draws: int) -> pd.DataFrame:
    """p-values of features planted in one annotation each, against that one (`planted` true) alone."""
    masks = _masks(genome)
    rows = []
    for annotation in PLANTED:
        for recall in RECALLS:
            for _ in range(per_cell):
                feature = planted_feature(genome, annotation, recall, rng)
                own = {annotation: masks[annotation]}
                rows += [{"recall": recall, **r} for r in _tests(feature, own, rng, draws)]
    return pd.DataFrame(rows)


def _masks(genome: PlantedGenome) -> dict[str, Mask]:
    bounds = np.append(np.arange(0, genome.n, _BLOCK), genome.n)
    return {name: Mask(mask, bounds) for name, mask in genome.annotations.items()}


def _tests(
    feature: NDArray[np.float32], masks: dict[str, Mask], rng: np.random.Generator, draws: int
) -> list[dict[str, object]]:
    rows = np.flatnonzero(feature)
    levelled = track(rows, feature[rows])
    edges = np.flatnonzero(np.diff((feature > 0).astype(np.int8), prepend=0, append=0))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    out: list[dict[str, object]] = []
    for name, mask in masks.items():
        inside = mask.values.astype(bool)
        middle = inside[starts + lengths // 2]
        result = rotation_test(levelled, mask)
        out.append(
            {
                "annotation": name,
                "rotation": result.p_upper,
                "rotation_lower": result.p_lower,
                "fisher": float(fisher(inside[rows].sum(), len(rows), inside.sum(), len(inside))),
                "midpoint": float(midpoint_binomial(middle.sum(), len(starts), inside.mean())),
                "shuffle": shuffle_p(starts, lengths, inside, rng, draws),
            }
        )
    return out


def gc_pairs(genome: PlantedGenome, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """GC-driven features against the GC domain: raw rotation p and composition-adjusted p."""
    features = np.stack([null_feature(genome, "gc", 1e-3, rng) for _ in range(n)], axis=1)
    mask = genome.annotations["gc_domain"]
    adjusted = adjusted_test(genome, sp.csc_array(features), mask[:, None]).p_upper[:, 0]
    prepared = _masks(genome)["gc_domain"]
    raw = [rotation_test(_track(f), prepared).p_upper for f in features.T]
    return pd.DataFrame({"raw": raw, "adjusted": adjusted})


def motif_detectors(genome: PlantedGenome, rng: np.random.Generator) -> pd.DataFrame:
    """Three features against promoters: one that fires on every TATAAT, one on those in promoters alone, one at random."""
    promoter = genome.annotations["promoter"]
    every = np.zeros(2 * genome.n, dtype=np.float32)
    every[motif_rows(genome)] = 1
    random = runs_to_track(
        2 * genome.n, rng.integers(0, 2 * genome.n, int(every.sum())), np.ones(int(every.sum()), int), rng
    )
    features = np.stack([every, every * promoter, random], axis=1)
    adjusted = adjusted_test(genome, sp.csc_array(features), promoter[:, None])
    prepared = _masks(genome)["promoter"]
    return pd.DataFrame(
        {
            "feature": ["every_motif", "motif_in_promoter", "random"],
            "z_raw": [rotation_test(_track(f), prepared).z for f in features.T],
            "z_adjusted": stats.norm.isf(adjusted.p_upper[:, 0]),
        }
    )


def _track(feature: NDArray[np.float32]) -> Track:
    rows = np.flatnonzero(feature)
    return track(rows, feature[rows])


def _false_positives(table: pd.DataFrame) -> dict[str, float | int | None]:
    figures: dict[str, float | int | None] = {
        "fpr_05": float((table["rotation"] <= 0.05).mean()),
        "fpr_01": float((table["rotation"] <= 0.01).mean()),
        "fpr_001": float((table["rotation"] <= 0.001).mean()),
        "fpr_05_lower": float((table["rotation_lower"] <= 0.05).mean()),
        "fisher_fpr_05": float((table["fisher"] <= 0.05).mean()),
        "fisher_fpr_001": float((table["fisher"] <= 0.001).mean()),
        "midpoint_fpr_05": float((table["midpoint"] <= 0.05).mean()),
        "shuffle_fpr_05": float((table["shuffle"] <= 0.05).mean()),
        "false_discoveries_rotation": int((benjamini_hochberg(table["rotation"]) <= 0.05).sum()),
        "false_discoveries_fisher": int((benjamini_hochberg(table["fisher"]) <= 0.05).sum()),
    }
    for shape in SHAPES:
        own = table[table["shape"] == shape]
        figures[f"fpr_05_{shape}"] = float((own["rotation"] <= 0.05).mean())
        figures[f"fisher_fpr_05_{shape}"] = float((own["fisher"] <= 0.05).mean())
    return figures


def _discoveries(null: pd.DataFrame, planted: pd.DataFrame) -> dict[str, float | int | None]:
    both = pd.concat([null.assign(planted=False), planted.assign(planted=True)], ignore_index=True)
    figures: dict[str, float | int | None] = {}
    for test in TESTS:
        found = benjamini_hochberg(both[test]) <= 0.05
        true = found & both["planted"].to_numpy()
        prefix = "" if test == "rotation" else f"{test}_"
        figures[f"{prefix}fdp"] = float((found & ~both["planted"]).sum() / max(found.sum(), 1))
        strong = (both["planted"] & (both["recall"] == 0.3)).to_numpy()
        figures[f"{prefix}power"] = float(true[strong].mean())
        if test == "rotation":
            figures |= {f"power_recall_{r:g}": float(true[(both["recall"] == r).to_numpy()].mean()) for r in RECALLS}
    return figures


def _composition(gc: pd.DataFrame, kmer: pd.DataFrame) -> dict[str, float | int | None]:
    z = kmer.groupby("feature")[["z_raw", "z_adjusted"]].mean()
    figures: dict[str, float | int | None] = {
        "gc_fpr_05_raw": float((gc["raw"] <= 0.05).mean()),
        "gc_fpr_05_adjusted": float((gc["adjusted"] <= 0.05).mean()),
    }
    for feature in z.index:
        figures[f"z_raw_{feature}"] = float(z.loc[feature, "z_raw"])
        figures[f"z_adjusted_{feature}"] = float(z.loc[feature, "z_adjusted"])
    return figures


def fft_equals_roll(rng: np.random.Generator, n_shifts: int = 100) -> bool:
    """Whether both routes give exactly what `numpy.roll` gives, at random shifts of a block of 65,537 rows (a prime)."""
    length = 65_537
    dense = rng.integers(1, 16, 2 * length) * (rng.random(2 * length) < 0.01)
    values = np.repeat(rng.random(2 * length // 41 + 1) < 0.3, 41)[: 2 * length]
    mask = Mask(values, np.array([0, length]))
    rows = np.flatnonzero(dense)
    feature = Track(rows, dense[rows].astype(np.int64))
    by_fft = block_overlaps_fft(feature, mask, 0)
    f, a = dense.reshape(2, -1), values.reshape(2, -1)
    shifts = rng.integers(0, length, n_shifts)
    same = all(by_fft[s] == np.sum(np.roll(f, s, axis=1) * a) for s in shifts)
    events, transform = (overlaps(feature, mask, route=r).histograms for r in ("events", "fft"))
    return same and all(np.array_equal(x, y) for x, y in zip(events, transform, strict=True))
